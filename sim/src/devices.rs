//! Virtual devices: what a station drives when it runs on the twin. They keep the contracts of `hardware-hal` and take their time on the rig's clock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use hardware_hal::{
    Calibration, Camera, CameraCapabilities, CameraSettings, Clock, Error, ErrorKind, Exposure, Frame, FrameMeta, LightBank,
    LightCapabilities, LightSetting, PixelFormat, PixelLayout, Result, Timestamp, Turntable, TurntableCapabilities,
};

use crate::error::SimError;
use crate::exposure::{Exposing, Flicker, Travel};
use crate::optics::LensImage;
use crate::palette::{Lighting, Palette};
use crate::random::Streams;
use crate::render::{Pending, Radiance, Renderer, Shot};
use crate::sensor::Readout;
use crate::spec::{CameraSpec, LensSpec, PatternSpec, SensorDetail, Shutter, TurntableSpec};

/// Samples a second that a camera sends, as over a 5 Gbit/s link.
const TRANSFER_BYTES_PER_S: f64 = 400e6;

/// Time until a light is stable.
const LIGHT_SETTLES: Duration = Duration::from_millis(2);

/// Time of the search for the zero mark, beyond the way there.
const HOMING_SEARCH: Duration = Duration::from_millis(500);

/// Bit depths that every virtual camera offers.
const BITS: [u8; 3] = [8, 10, 12];

/// How long to wait for the renderer before looking at the clock again.
const PATIENCE: Duration = Duration::from_millis(5);

/// What the devices of a rig share: where the plate stands and what is lit.
#[derive(Debug)]
pub(crate) struct Stage {
    /// The plate's way, and when it began.
    travel: Travel,
    began: Timestamp,
    /// Whether the drive knows it.
    homed: bool,
    /// Index of the pattern that is on.
    pattern: Option<usize>,
    lit: Option<LightSetting>,
    /// Share of each lamp.
    lamp_shares: Vec<f64>,
}

/// [`Stage`] between devices.
#[derive(Debug, Clone)]
pub(crate) struct SharedStage(Arc<Mutex<Stage>>);

impl SharedStage {
    /// A dark stage whose plate stands at zero, unknown to its drive.
    pub(crate) fn new(lamps: usize) -> Self {
        let stage = Stage {
            travel: Travel::rest(0.0),
            began: Timestamp::default(),
            homed: false,
            pattern: None,
            lit: None,
            lamp_shares: vec![0.0; lamps],
        };
        Self(Arc::new(Mutex::new(stage)))
    }

    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Stage {
    /// The plate's true angle, rad.
    fn angle_rad(&self, now: Timestamp) -> f64 {
        self.travel.angle(now.since(self.began).as_secs_f64())
    }
}

/// What of the twin a camera has to know beside itself.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Surroundings {
    /// Radius of the plate, m.
    pub plate_radius: f64,
    /// Flicker of the room's lamps.
    pub flicker: Option<Flicker>,
}

/// A camera of the twin.
pub struct VirtualCamera {
    spec: CameraSpec,
    /// Position in `TwinSpec::cameras`, which keys its noise.
    index: u64,
    capabilities: CameraCapabilities,
    settings: CameraSettings,
    streams: Streams,
    /// The lens with its kernels; none where there is nothing to it but a Gaussian, and the sensor is a plain one.
    lens: Option<LensImage>,
    surroundings: Surroundings,
    stage: SharedStage,
    renderer: Arc<Renderer>,
    palette: Arc<Palette>,
    clock: Arc<dyn Clock>,
    sequence: u64,
    pending: Option<Triggered>,
    /// Frames taken so far of each (angle, pattern, intensity), which keys the noise of the next.
    repeats: BTreeMap<[u64; 3], u64>,
}

/// An exposure whose frame was not fetched yet.
struct Triggered {
    /// What is being rendered.
    frame: Pending,
    exposing: Exposing,
    /// Each part of the exposure is the sum of pictures in these lights.
    lightings: Vec<Lighting>,
    /// What was rendered already, and how many pictures that is.
    sum: Option<Radiance>,
    pictures: usize,
    meta: FrameMeta,
    settings: CameraSettings,
    noise_key: [u8; 32],
}

impl VirtualCamera {
    pub(crate) fn new(
        spec: &CameraSpec,
        index: usize,
        streams: Streams,
        surroundings: Surroundings,
        stage: SharedStage,
        (renderer, palette): (Arc<Renderer>, Arc<Palette>),
        clock: Arc<dyn Clock>,
    ) -> Self {
        let nominal = Duration::from_secs_f64(spec.nominal_exposure_s);
        let mut formats: Vec<PixelFormat> = BITS.iter().map(|bits| PixelFormat { layout: spec.format.layout, bits: *bits }).collect();
        if !formats.contains(&spec.format) {
            formats.push(spec.format);
        }
        let capabilities = CameraCapabilities {
            id: spec.id.clone(),
            size_px: spec.calibration.intrinsics.size_px,
            formats,
            exposure: (Duration::from_micros(10).min(nominal), Duration::from_secs(1).max(nominal)),
            gain_db: (0.0, 24.0),
        };
        let settings = CameraSettings { format: spec.format, exposure: nominal, gain_db: 0.0 };
        let plain =
            spec.lens == LensSpec::default() && spec.sensor.detail == SensorDetail::default() && spec.format.layout == PixelLayout::Mono;
        let lens = (!plain).then(|| {
            let eye = spec.calibration.eye().length();
            let distances = [(eye - surroundings.plate_radius).max(0.25 * eye), eye + 4.0 * surroundings.plate_radius];
            LensImage::new(&spec.lens, spec.sensor.blur_sigma_px, &spec.calibration.intrinsics, distances)
        });
        Self {
            spec: spec.clone(),
            index: index as u64,
            capabilities,
            settings,
            streams,
            lens,
            surroundings,
            stage,
            renderer,
            palette,
            clock,
            sequence: 0,
            pending: None,
            repeats: BTreeMap::new(),
        }
    }

    fn error(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        Error::new(self.spec.id.clone(), kind, message)
    }

    fn needs_depth(&self) -> bool {
        self.lens.as_ref().is_some_and(LensImage::needs_depth)
    }

    /// Asks for a picture of an exposure; all lights of a part come after one another. Distances are those of the middle of the exposure.
    fn request(&self, exposing: &Exposing, lightings: &[Lighting], picture: usize) -> Pending {
        let (part, light) = (picture / lightings.len(), picture % lightings.len());
        let depth = self.needs_depth() && light == 0 && part == exposing.parts.len() / 2;
        let shot = exposing.shot(part, self.spec.calibration, &lightings[light], depth);
        self.renderer.request(Shot { analyser: self.spec.lens.analyser, backdrop: light == 0, ..shot })
    }

    /// Waits for all parts of an exposure and adds them up; `None` when `late` says so. Only one part at a time is asked for, since each is large.
    fn rendered(&self, triggered: &mut Triggered, late: impl Fn() -> bool) -> Result<Option<Radiance>> {
        let exposing = &triggered.exposing;
        loop {
            let (gone, spare) = (&mut triggered.frame, Pending::none());
            let frame = std::mem::replace(gone, spare);
            match frame.wait_for(PATIENCE) {
                Err(pending) => {
                    triggered.frame = pending;
                    if late() {
                        return Ok(None);
                    }
                    continue;
                }
                Ok(done) => {
                    let done = done.map_err(|e| e.on_device(&self.spec.id))?;
                    let (lights, count) = (triggered.lightings.len(), exposing.parts.len() * triggered.lightings.len());
                    if count == 1 {
                        return Ok(Some(done));
                    }
                    let part = triggered.pictures / lights;
                    triggered.pictures += 1;
                    if triggered.pictures < count {
                        triggered.frame = self.request(exposing, &triggered.lightings, triggered.pictures);
                    }
                    let width = done.width as usize;
                    let sum = triggered.sum.get_or_insert_with(|| Radiance { pixels: vec![0.0; done.pixels.len()], ..done.clone() });
                    exposing.add(part, &done.pixels, width, &mut sum.pixels);
                    sum.nearness = done.nearness.or(sum.nearness.take());
                    if triggered.pictures == count {
                        return Ok(triggered.sum.take());
                    }
                }
            }
        }
    }

    /// Time from the end of the exposure until the frame is complete in memory.
    fn transfer(&self) -> Duration {
        let [w, h] = self.capabilities.size_px;
        let bytes = f64::from(w) * f64::from(h) * if self.settings.format.bits == 8 { 1.0 } else { 2.0 };
        Duration::from_secs_f64(bytes / TRANSFER_BYTES_PER_S)
    }
}

impl Camera for VirtualCamera {
    fn capabilities(&self) -> &CameraCapabilities {
        &self.capabilities
    }

    fn calibration(&self) -> Option<&Calibration> {
        Some(&self.spec.calibration)
    }

    fn settings(&self) -> CameraSettings {
        self.settings
    }

    fn configure(&mut self, settings: &CameraSettings) -> Result<CameraSettings> {
        let c = &self.capabilities;
        if !c.formats.contains(&settings.format) {
            return Err(self.error(ErrorKind::UnsupportedSetting, format!("the pixel format {:?} is not in its list", settings.format)));
        }
        if settings.exposure < c.exposure.0 || settings.exposure > c.exposure.1 {
            let what = format!("an exposure of {:?}; {:?} to {:?} can be set", settings.exposure, c.exposure.0, c.exposure.1);
            return Err(self.error(ErrorKind::OutOfRange, what));
        }
        if !(c.gain_db.0..=c.gain_db.1).contains(&settings.gain_db) {
            let what = format!("a gain of {} dB; {} to {} dB can be set", settings.gain_db, c.gain_db.0, c.gain_db.1);
            return Err(self.error(ErrorKind::OutOfRange, what));
        }
        self.settings = *settings;
        Ok(self.settings)
    }

    fn trigger(&mut self) -> Result<()> {
        if self.pending.is_some() {
            return Err(self.error(ErrorKind::WrongState, "triggered again before the frame of the last trigger was fetched"));
        }
        let start = self.clock.now();
        let (exposing, lamp_shares, place, angle, pattern) = {
            let stage = self.stage.lock();
            let intensity = stage.lit.as_ref().map_or(0.0, |l| l.intensity);
            let since = [start.since(stage.began), start.since(Timestamp::default())].map(|t| t.as_secs_f64());
            let exposing = Exposing::new(
                &self.spec.calibration,
                self.surroundings.plate_radius,
                &stage.travel,
                self.surroundings.flicker,
                since,
                self.settings.exposure.as_secs_f64(),
                self.spec.shutter,
            );
            let middle = exposing.middle_rad;
            let place = [middle.to_bits(), stage.pattern.map_or(0, |p| p as u64 + 1), intensity.to_bits()];
            let pattern = stage.lit.as_ref().map(|l| l.pattern.clone());
            (exposing, stage.lamp_shares.clone(), place, stage.homed.then_some(middle), pattern)
        };
        let repeat = self.repeats.entry(place).or_default();
        let noise_key = self.streams.key("sensor noise", &[self.index, place[0], place[1], place[2], *repeat]);
        *repeat += 1;
        let [width, height] = self.capabilities.size_px;
        let exposure = Exposure { start, duration: self.settings.exposure };
        let meta = FrameMeta {
            camera: self.spec.id.clone(),
            sequence: self.sequence,
            width,
            height,
            format: self.settings.format,
            timestamp: start.plus(exposure.duration).plus(self.transfer()),
            exposure,
            calibration: Some(self.spec.calibration),
            turntable_angle_rad: angle,
            light_pattern: pattern,
            complete: true,
        };
        self.sequence += 1;
        let lightings = self.palette.lightings(self.spec.sensor.detail.response, &lamp_shares, 1.0);
        let frame = self.request(&exposing, &lightings, 0);
        let settings = self.settings;
        self.pending = Some(Triggered { frame, exposing, lightings, sum: None, pictures: 0, meta, settings, noise_key });
        self.clock.sleep(self.settings.exposure);
        Ok(())
    }

    fn fetch(&mut self, timeout: Duration) -> Result<Frame> {
        let Some(mut triggered) = self.pending.take() else {
            return Err(self.error(ErrorKind::WrongState, "there is no trigger whose frame could be fetched"));
        };
        let begun = self.clock.now();
        let timed_out = || self.error(ErrorKind::Timeout, format!("no frame within {timeout:?}"));
        let left = triggered.meta.timestamp.since(begun);
        if left > timeout {
            self.clock.sleep(timeout);
            return Err(timed_out());
        }
        self.clock.sleep(left);
        // On a simulated clock rendering takes no time. On a real one it does, and the frame is complete when it is done.
        let deadline: Timestamp = begun.plus(timeout);
        let radiance = self.rendered(&mut triggered, || self.clock.now() > deadline)?.ok_or_else(timed_out)?;
        let readout = Readout {
            sensor: &self.spec.sensor,
            nominal_exposure_s: self.spec.nominal_exposure_s,
            exposure: triggered.settings.exposure,
            gain_db: triggered.settings.gain_db,
            format: triggered.settings.format,
        };
        let width = radiance.width as usize;
        let samples = match &self.lens {
            None => readout.expose(&radiance.pixels, width, &triggered.noise_key),
            Some(lens) => {
                let image = lens.image(&radiance.pixels, radiance.nearness.as_deref(), width);
                readout.develop(&image, width, &triggered.noise_key, &self.streams.key("sensor pixels", &[self.index]))
            }
        };
        Frame::new(triggered.meta, samples)
    }
}

/// The lamps of the twin.
pub struct VirtualLightBank {
    capabilities: LightCapabilities,
    patterns: Vec<PatternSpec>,
    lit: Option<LightSetting>,
    stage: SharedStage,
    clock: Arc<dyn Clock>,
}

impl VirtualLightBank {
    pub(crate) fn new(patterns: &[PatternSpec], stage: SharedStage, clock: Arc<dyn Clock>) -> Self {
        let names = patterns.iter().map(|p| p.name.clone()).collect();
        let capabilities = LightCapabilities { id: "lights".into(), patterns: names, intensity: (0.0, 1.0) };
        Self { capabilities, patterns: patterns.to_vec(), lit: None, stage, clock }
    }
}

impl LightBank for VirtualLightBank {
    fn capabilities(&self) -> &LightCapabilities {
        &self.capabilities
    }

    fn current(&self) -> Option<&LightSetting> {
        self.lit.as_ref()
    }

    fn apply(&mut self, setting: &LightSetting) -> Result<LightSetting> {
        let refuse = |kind, what: String| Err(Error::new(self.capabilities.id.clone(), kind, what));
        let Some(index) = self.patterns.iter().position(|p| p.name == setting.pattern) else {
            return refuse(ErrorKind::UnsupportedSetting, format!("there is no pattern `{}`", setting.pattern));
        };
        let (low, high) = self.capabilities.intensity;
        if !(low..=high).contains(&setting.intensity) {
            return refuse(ErrorKind::OutOfRange, format!("an intensity of {}; {low} to {high} can be set", setting.intensity));
        }
        {
            let mut stage = self.stage.lock();
            stage.lamp_shares.fill(0.0);
            for (lamp, share) in &self.patterns[index].lamps {
                stage.lamp_shares[*lamp] += share * setting.intensity;
            }
            stage.pattern = Some(index);
            stage.lit = Some(setting.clone());
        }
        self.lit = Some(setting.clone());
        self.clock.sleep(LIGHT_SETTLES);
        Ok(setting.clone())
    }

    fn off(&mut self) -> Result<()> {
        let mut stage = self.stage.lock();
        stage.lamp_shares.fill(0.0);
        (stage.pattern, stage.lit, self.lit) = (None, None, None);
        Ok(())
    }
}

/// The plate's drive in the twin.
pub struct VirtualTurntable {
    capabilities: TurntableCapabilities,
    stage: SharedStage,
    clock: Arc<dyn Clock>,
}

impl VirtualTurntable {
    pub(crate) fn new(spec: &TurntableSpec, stage: SharedStage, clock: Arc<dyn Clock>) -> Self {
        let capabilities = TurntableCapabilities {
            id: "turntable".into(),
            resolution_rad: spec.resolution_rad,
            max_speed_rad_s: spec.speed_rad_s,
            max_acceleration_rad_s2: spec.acceleration_rad_s2,
        };
        Self { capabilities, stage, clock }
    }

    /// Turns the plate to `angle_rad`, taking the drive's time; who looks meanwhile sees it turning.
    fn travel(&self, angle_rad: f64) {
        let c = &self.capabilities;
        let travel = {
            let mut stage = self.stage.lock();
            let now = self.clock.now();
            let from = stage.angle_rad(now);
            stage.travel = Travel { from, to: angle_rad, speed: c.max_speed_rad_s, acceleration: c.max_acceleration_rad_s2 };
            stage.began = now;
            stage.travel
        };
        self.clock.sleep(Duration::try_from_secs_f64(travel.seconds()).unwrap_or(Duration::MAX));
        // To the bit where it was sent, whatever rounding the way there had.
        let mut stage = self.stage.lock();
        stage.travel = Travel::rest(angle_rad);
        stage.began = self.clock.now();
    }
}

impl Turntable for VirtualTurntable {
    fn capabilities(&self) -> &TurntableCapabilities {
        &self.capabilities
    }

    fn home(&mut self) -> Result<()> {
        self.clock.sleep(HOMING_SEARCH);
        self.travel(0.0);
        self.stage.lock().homed = true;
        Ok(())
    }

    fn angle_rad(&self) -> Option<f64> {
        let stage = self.stage.lock();
        stage.homed.then(|| stage.angle_rad(self.clock.now()))
    }

    fn move_to(&mut self, angle_rad: f64) -> Result<f64> {
        let refuse = |kind, what: String| Err(Error::new(self.capabilities.id.clone(), kind, what));
        if !self.stage.lock().homed {
            return refuse(ErrorKind::WrongState, "asked to move before it was homed".into());
        }
        if !angle_rad.is_finite() {
            return refuse(ErrorKind::OutOfRange, format!("asked to move to {angle_rad} rad"));
        }
        let step = self.capabilities.resolution_rad;
        let reached = (angle_rad / step).round() * step;
        self.travel(reached);
        Ok(reached)
    }
}

/// Refuses what the devices could not keep to.
pub(crate) fn check_camera(spec: &CameraSpec) -> std::result::Result<(), SimError> {
    let refuse = |what: String| Err(SimError::Spec(format!("camera `{}`: {what}", spec.id)));
    if spec.format.layout == PixelLayout::Rgb || !(8..=16).contains(&spec.format.bits) {
        return refuse(format!("the pixel format {:?}; monochrome and Bayer of 8 to 16 bits can be simulated", spec.format));
    }
    let s = &spec.sensor;
    let positive =
        [("nominal exposure", spec.nominal_exposure_s), ("electrons at white", s.electrons_at_white), ("full well", s.full_well)];
    for (what, value) in positive {
        if !value.is_finite() || value <= 0.0 {
            return refuse(format!("{what} is {value}; a positive number is needed"));
        }
    }
    for (what, value, most) in
        [("blur", s.blur_sigma_px, 50.0), ("dark noise", s.dark_noise, s.full_well), ("black level", s.black_level, 0.99)]
    {
        if !(0.0..=most).contains(&value) {
            return refuse(format!("{what} is {value}; 0 to {most} is possible"));
        }
    }
    let d = &s.detail;
    let shares = [("PRNU", d.prnu, 0.5), ("DSNU", d.dsnu, s.full_well), ("share of hot pixels", d.hot_pixels, 1.0)];
    let rates = [("dark current", d.dark_current, 1e12), ("current of hot pixels", d.hot_pixel_current, 1e12)];
    let colours = d.channel_response.map(|share| ("response of a colour channel", share, 10.0));
    for (what, value, most) in shares.into_iter().chain(rates).chain(colours) {
        if !(0.0..=most).contains(&value) {
            return refuse(format!("{what} is {value}; 0 to {most} is possible"));
        }
    }
    if d.system_gain.is_some_and(|k| !k.is_finite() || k <= 0.0) {
        return refuse(format!("the system gain is {:?}; a positive number is needed", d.system_gain));
    }
    if let Shutter::Rolling { line_time_s } = spec.shutter
        && !(line_time_s > 0.0 && line_time_s < 1.0)
    {
        return refuse(format!("a line time of {line_time_s} s"));
    }
    if let Some(o) = &spec.lens.optics {
        for (what, value) in
            [("focal length", o.focal_length), ("f-number", o.f_number), ("pixel pitch", o.pixel_pitch), ("wavelength", o.wavelength)]
        {
            if !value.is_finite() || value <= 0.0 {
                return refuse(format!("the lens's {what} is {value}; a positive number is needed"));
            }
        }
        if !o.focus_distance.is_finite() || o.focus_distance <= 1.5 * o.focal_length {
            return refuse(format!("a lens of {} m cannot be focused at {} m", o.focal_length, o.focus_distance));
        }
    }
    let v = &spec.lens.vignetting;
    if !(0.0..=16.0).contains(&v.cosine_power) || v.radial.iter().any(|x| !x.is_finite()) {
        return refuse(format!("the vignetting {v:?}"));
    }
    Ok(())
}
