//! Lens, shutter and sensor on rendered frames, against closed forms.

use std::f64::consts::PI;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hardware_hal::glam::{DQuat, DVec3};
use hardware_hal::{Camera, Clock, Frame, Intrinsics, LightSetting, PixelFormat, Pose, Samples, SimulatedClock, Timestamp};
use sim::exposure::{Exposing, Travel};
use sim::optics::{LensImage, diffraction_mtf, disc_mtf, gaussian_mtf};
use sim::palette::Lighting;
use sim::presets::SensorPreset;
use sim::render::scene::Scene;
use sim::render::{Renderer, Shot};
use sim::spec::{CameraSpec, LensSpec, Optics, Placement, Shape, Shutter, SymbolKind};
use sim::twin::Twin;

use crate::bars::{self, difference};
use crate::station;

#[test]
fn bars_are_area_sampled_through_a_lens_that_distorts() {
    let (spec, placements, symbol) = bars::scene(SymbolKind::Code128, "81234560123456789012");
    let renderer = Renderer::start(Scene::new(&spec, &placements).unwrap(), 4000.0).unwrap();
    for distortion in [[-0.2, 0.05, 1e-3, -5e-4, 0.0], [0.15, 0.0, -1e-3, 1e-3, 0.02]] {
        // A wide view with the code towards a corner, where distortion moves it by tens of pixels.
        let mut calibration = bars::overhead(1.5);
        let i = &mut calibration.intrinsics;
        *i = Intrinsics { distortion, ..Intrinsics::pinhole(600, 460, 730.0) };
        let camera_from_rig = Pose::look_at(DVec3::new(0.04, -0.03, 0.17), DVec3::new(0.04, -0.03, 0.0), DVec3::Y);
        calibration.camera_from_rig = camera_from_rig;
        for angle in [0.0, 0.4] {
            let d = difference(&renderer, calibration, angle, &symbol);
            // A shift of 0.05 px at these 1.2 px per module would show as 0.04.
            assert!(d.along < 0.02 && d.ends < 0.1 && d.rms < 0.008, "{distortion:?}, angle {angle}: {d:?}");
        }
    }
}

/// A bar code with modules of 2 mm, whose first bar begins with an edge, and a camera that sees it at 10 px/mm, 5° off the pixel grid.
fn edge() -> (Renderer, Shot) {
    let mut spec = station::station(0);
    spec.ambient = 1.0;
    let mut package = station::carton(0, 0.00025);
    package.shape = Shape::Carton { size: [0.2, 0.2, 0.02] };
    package.artwork.gloss = 0.0;
    package.symbols.truncate(1);
    let symbol = &mut package.symbols[0];
    (symbol.x_dimension, symbol.height, symbol.centre, symbol.ink, symbol.paper) = (0.002, 0.1, [0.1, 0.1], 0.0, 1.0);
    symbol.text = "12".into();
    spec.packages = vec![package];
    let placements = [Placement { rotation: DQuat::IDENTITY, translation: DVec3::new(0.0, 0.0, 0.01) }];
    let renderer = Renderer::start(Scene::new(&spec, &placements).unwrap(), 3000.0).unwrap();
    // 46 modules: the first bar begins at x = −46 mm and is two modules wide.
    let (eye, target) = (DVec3::new(-0.046, 0.0, 0.52), DVec3::new(-0.046, 0.0, 0.02));
    let up = DQuat::from_rotation_z(5f64.to_radians()) * DVec3::Y;
    let mut shot = Shot::at_rest(station::overhead(121, 201, 5000.0, 1.0), 0.0, vec![0.0; 4]);
    shot.calibration.camera_from_rig = Pose::look_at(eye, target, up);
    shot.depth = true;
    (renderer, shot)
}

/// Transfer function of a picture of the edge at a frequency (cycles per px), by ISO 12233's slanted edge: all pixels by their distance from it.
fn edge_mtf(picture: &[f32], width: usize, frequencies: &[f64]) -> Vec<f64> {
    const BINS: usize = 8;
    const REACH: f64 = 32.0;
    let height = picture.len() / width;
    let (sin, cos) = 5f64.to_radians().sin_cos();
    let count = (2.0 * REACH) as usize * BINS;
    let (mut sums, mut counts) = (vec![0.0; count], vec![0.0; count]);
    for (i, value) in picture.iter().enumerate() {
        let (x, y) = ((i % width) as f64 - (width as f64 - 1.0) / 2.0, (i / width) as f64 - (height as f64 - 1.0) / 2.0);
        let bin = ((x * cos + y * sin + REACH) * BINS as f64).floor();
        if (0.0..count as f64).contains(&bin) {
            sums[bin as usize] += f64::from(*value);
            counts[bin as usize] += 1.0;
        }
    }
    let edge: Vec<f64> = sums.iter().zip(&counts).map(|(s, n): (&f64, &f64)| s / n.max(1.0)).collect();
    let slope: Vec<f64> = edge.windows(2).map(|w| w[0] - w[1]).collect();
    let at = |f: f64| {
        let (mut re, mut im) = (0.0, 0.0);
        for (i, s) in slope.iter().enumerate() {
            let phase = 2.0 * PI * f * i as f64 / BINS as f64;
            re += s * phase.cos();
            im += s * phase.sin();
        }
        re.hypot(im)
    };
    let none = at(0.0);
    // What the bins and the difference between neighbouring ones take away is known.
    let sinc = |x: f64| if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) };
    frequencies.iter().map(|f| at(*f) / none / sinc(f / BINS as f64).powi(2)).collect()
}

#[test]
fn the_mtf_of_a_knife_edge_is_that_of_optics_and_pixel() {
    let (renderer, shot) = edge();
    let radiance = renderer.render(shot.clone()).unwrap();
    let width = radiance.width as usize;
    let nearness = radiance.nearness.as_deref().expect("depths were asked for");
    let middle = f64::from(nearness[100 * width + 60]);
    assert!((1.0 / middle - 0.5).abs() < 1e-4, "the edge is {} m away", 1.0 / middle);
    let frequencies: Vec<f64> = (0..=20).map(|i| f64::from(i) / 40.0).collect();
    let (cos, sin) = (5f64.to_radians().cos(), 5f64.to_radians().sin());
    let pixel = |f: f64| {
        let sinc = |x: f64| if x.abs() < 1e-9 { 1.0 } else { (PI * x).sin() / (PI * x) };
        sinc(f * cos) * sinc(f * sin)
    };
    let optics = Optics { focal_length: 25e-3, f_number: 5.6, focus_distance: 0.5, pixel_pitch: 3.45e-6, wavelength: 525e-9 };
    for (sigma, focus) in [(0.0, 0.5), (0.5, 0.5), (0.3, 0.505), (0.3, 0.49)] {
        let optics = Optics { focus_distance: focus, ..optics };
        let lens = LensSpec { optics: Some(optics), ..LensSpec::default() };
        let image = LensImage::new(&lens, sigma, &shot.calibration.intrinsics, [0.4, 0.7]);
        let found = edge_mtf(&image.image(&radiance.pixels, Some(nearness), width), width, &frequencies);
        let disc = optics.blur_disc_px(0.5);
        let mut worst = 0.0f64;
        for (f, found) in frequencies.iter().zip(found) {
            let wanted = (pixel(*f) * diffraction_mtf(*f, optics.cut_off()) * disc_mtf(*f, disc) * gaussian_mtf(*f, sigma)).abs();
            assert!((found - wanted).abs() < 0.03, "σ {sigma}, disc {disc:.2} px, {f} cycles/px: {found:.3}, wanted {wanted:.3}");
            worst = worst.max((found - wanted).abs());
        }
        println!("σ {sigma} px, blur disc {disc:.2} px: modulation off by {worst:.4} at most, 0 to 0.5 cycles/px");
    }
}

#[test]
fn motion_blur_of_bars_is_the_mean_over_their_way() {
    let (spec, placements, symbol) = bars::scene(SymbolKind::Code128, "81234560123456789012");
    let renderer = Renderer::start(Scene::new(&spec, &placements).unwrap(), 4000.0).unwrap();
    let mut calibration = bars::overhead(2.0);
    // The code 30 mm from the axis' foot, so that it moves along its reading direction.
    calibration.camera_from_rig = Pose::look_at(DVec3::new(0.0, 0.0, 0.52), DVec3::ZERO, DVec3::Y);
    let travel = Travel { from: 0.3, to: 1.3, speed: 1.0, acceleration: 1e4 };
    for (shutter, line) in [(Shutter::Global, 0.0), (Shutter::Rolling { line_time_s: 2e-5 }, 2e-5)] {
        let exposure = 0.02;
        let exposing = Exposing::new(&calibration, 0.05, &travel, None, [0.1, 0.1], exposure, shutter);
        assert!(exposing.parts.len() > 4, "{} parts", exposing.parts.len());
        let [width, height] = calibration.intrinsics.size_px.map(|n| n as usize);
        let mut sum = vec![0.0f32; width * height];
        let room = Lighting { tint: 0, lamp_shares: vec![0.0; 4], ambient_share: 1.0 };
        for part in 0..exposing.parts.len() {
            let shot = exposing.shot(part, calibration, &room, false);
            exposing.add(part, &renderer.render(shot).unwrap().pixels, width, &mut sum);
        }
        let (mut worst, mut count) = (0.0f64, 0);
        for index in (0..width * height).step_by(211) {
            let (x, y) = ((index % width) as f64, (index / width) as f64);
            let start = 0.1 + line * y;
            let angles: Vec<f64> = (0..64).map(|i| travel.angle(start + exposure * (f64::from(i) + 0.5) / 64.0)).collect();
            let on = |angle: f64| bars::on_symbol(&calibration, angle, &symbol, x, y);
            let within = |[s, t]: [f64; 2]| s > 0.0 && s < symbol.width && t > 0.0005 && t < symbol.height - 0.001;
            if !angles.iter().all(|a| within(on(*a))) {
                continue;
            }
            let wanted = angles.iter().map(|a| bars::darkness(&calibration, *a, &symbol, x, y)).sum::<f64>() / 64.0;
            let found = (symbol.paper - f64::from(sum[index])) / (symbol.paper - symbol.ink);
            worst = worst.max((found - wanted).abs());
            count += 1;
        }
        println!("{shutter:?}: {} parts, off by {worst:.4} of the contrast at worst, {count} pixels", exposing.parts.len());
        assert!(count > 40 && worst < 0.03, "{shutter:?}: {worst} in {count} pixels");
    }
}

/// A clock on which, once, something happens in the middle of a sleep.
struct Interrupted {
    clock: SimulatedClock,
    at: Mutex<Option<Box<dyn FnOnce() + Send>>>,
}

impl Clock for Interrupted {
    fn now(&self) -> Timestamp {
        self.clock.now()
    }

    fn sleep(&self, duration: Duration) {
        let event = if duration > Duration::from_millis(100) { self.at.lock().unwrap().take() } else { None };
        match event {
            None => self.clock.sleep(duration),
            Some(event) => {
                let end = self.clock.now().plus(duration);
                self.clock.sleep(duration / 4);
                event();
                self.clock.sleep(end.since(self.clock.now()));
            }
        }
    }
}

#[test]
fn a_camera_triggered_while_the_plate_turns_sees_it_turning() {
    let mut spec = station::station(6);
    spec.cameras.truncate(1);
    spec.cameras[0].nominal_exposure_s = 0.04;
    // Without noise worth speaking of.
    (spec.cameras[0].sensor.full_well, spec.cameras[0].sensor.electrons_at_white) = (1e9, 8e8);
    let settled = station::settled(&spec);
    let twin = Twin::with_load(spec.clone(), settled).unwrap();
    let clock = Arc::new(Interrupted { clock: SimulatedClock::new(Timestamp(0)), at: Mutex::new(None) });
    let mut rig = twin.rig(clock.clone());
    rig.lights.apply(&LightSetting { pattern: "all".into(), intensity: 0.8 }).unwrap();
    let turntable = rig.turntable.as_mut().unwrap();
    turntable.home().unwrap();
    let camera = Arc::new(Mutex::new(rig.cameras.remove(0)));
    let eye = camera.clone();
    *clock.at.lock().unwrap() = Some(Box::new(move || eye.lock().unwrap().trigger().unwrap()));
    let table = &spec.turntable;
    let travel = Travel { from: 0.0, to: 1.0, speed: table.speed_rad_s, acceleration: table.acceleration_rad_s2 };
    turntable.move_to(1.0).unwrap();
    let fetch = |camera: &Mutex<Box<dyn Camera>>| camera.lock().unwrap().fetch(Duration::from_secs(1)).unwrap();
    let turning = fetch(&camera);
    let middle = turning.meta().turntable_angle_rad.unwrap();
    let wanted = travel.angle(travel.seconds() / 4.0 + 0.02);
    assert!((middle - wanted).abs() < 1e-6, "{middle}, wanted {wanted}");
    // It is the mean of pictures of a plate at rest along its way, and none of them.
    let mut still = |angle: f64| {
        turntable.move_to(angle).unwrap();
        camera.lock().unwrap().trigger().unwrap();
        grey(&fetch(&camera))
    };
    const STEPS: usize = 10;
    let mut mean = vec![0.0; 512 * 384];
    for step in 0..STEPS {
        let angle = travel.angle(travel.seconds() / 4.0 + 0.04 * (step as f64 + 0.5) / STEPS as f64);
        mean.iter_mut().zip(still(angle)).for_each(|(sum, v)| *sum += v / STEPS as f64);
    }
    let middle = still(middle);
    let turning = grey(&turning);
    let apart = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() / a.len() as f64;
    let (from_mean, from_still) = (apart(&turning, &mean), apart(&turning, &middle));
    assert!(from_mean < 0.1, "{from_mean} grey values from the mean of its way");
    assert!(from_still > 3.0 * from_mean, "{from_still} from a still picture, {from_mean} from the mean");
}

fn grey(frame: &Frame) -> Vec<f64> {
    match frame.samples() {
        Samples::U8(v) => v.iter().map(|v| f64::from(*v)).collect(),
        Samples::U16(v) => v.iter().map(|v| f64::from(*v)).collect(),
    }
}

/// A twin whose only camera looks at the bare plate under the room's light alone.
fn bench(camera: CameraSpec, ambient: f64) -> Twin {
    let mut spec = station::station(0);
    (spec.ambient, spec.plate.albedo, spec.cameras) = (ambient, 1.0, vec![camera]);
    let settled = station::settled(&spec);
    Twin::with_load(spec, settled).unwrap()
}

#[test]
fn photon_transfer_on_the_twins_frames_recovers_the_datasheet() {
    for preset in [SensorPreset::named("imx250").unwrap(), SensorPreset::named("mt9f002").unwrap()] {
        let mut camera = station::camera("overhead", station::overhead(320, 240, 1500.0, 1.0));
        camera.sensor = preset.sensor(0.5, 0.8 * preset.full_well());
        camera.sensor.detail.hot_pixels = 0.0;
        camera.format = PixelFormat::MONO12;
        camera.shutter = preset.shutter;
        let pairs = |ambient: f64, exposures: &[f64]| -> Vec<(f64, f64)> {
            let twin = bench(camera.clone(), ambient);
            let mut rig = twin.rig(Arc::new(SimulatedClock::new(Timestamp(0))));
            let eye = &mut rig.cameras[0];
            let mut take = |share: f64| {
                let mut settings = eye.settings();
                settings.exposure = Duration::from_secs_f64(0.01 * share);
                eye.configure(&settings).unwrap();
                eye.trigger().unwrap();
                match eye.fetch(Duration::from_secs(1)).unwrap().into_parts().1 {
                    Samples::U16(values) => values,
                    Samples::U8(_) => unreachable!(),
                }
            };
            // Three pairs of each: the error of a variance falls with the number of pixels.
            let mut pair = |share: f64| {
                let (mut mean, mut variance) = (0.0, 0.0);
                for _ in 0..3 {
                    let (a, b) = (take(share), take(share));
                    let n = a.len() as f64;
                    mean += a.iter().zip(&b).map(|(a, b)| f64::from(*a) + f64::from(*b)).sum::<f64>() / (2.0 * n) / 3.0;
                    let shift = a.iter().zip(&b).map(|(a, b)| f64::from(*a) - f64::from(*b)).sum::<f64>() / n;
                    let squares = a.iter().zip(&b).map(|(a, b)| (f64::from(*a) - f64::from(*b) - shift).powi(2)).sum::<f64>();
                    variance += (squares / (2.0 * n) - 1.0 / 12.0) / 3.0;
                }
                (mean, variance)
            };
            exposures.iter().map(|share| pair(*share)).collect()
        };
        let dark = pairs(0.0, &[1.0])[0];
        let (mut xy, mut xx) = (0.0, 0.0);
        for (mean, variance) in pairs(1.0, &[0.15, 0.3, 0.45, 0.6, 0.75, 0.85]) {
            xy += (mean - dark.0) * (variance - dark.1);
            xx += (mean - dark.0).powi(2);
        }
        let k = xy / xx;
        let noise = (dark.1 / (k * k) - 0.01 * preset.dark_current).sqrt();
        let errors = [k / preset.system_gain() - 1.0, noise / preset.dark_noise() - 1.0];
        println!("{}: K off by {:.2} %, dark noise by {:.2} %", preset.name, 100.0 * errors[0], 100.0 * errors[1]);
        assert!(errors[0].abs() < 0.02 && errors[1].abs() < 0.05, "{}: {errors:?}", preset.name);
    }
}
