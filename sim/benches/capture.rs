//! The capture path against Bevy's own material, in one run: the demo's overhead camera, 4096 × 3000 px, over twenty cartons.
//!
//! Beside it: what a frame of a still scene takes, whose light is known, in megapixels a second, and what its ground truth takes more.
//!
//! Ours: light cast anew for every frame (each at another turntable angle), area-sampled print, proof of the frame, readback, sensor.
//! Theirs: the same surfaces, textures and lamps as StandardMaterial with Bevy's shadow maps, and readback; neither sensor nor area sampling.
//!
//! `cargo bench --profile dev -p sim --bench capture`

#[path = "../tests/twin/station.rs"]
#[allow(dead_code)]
mod station;

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bevy::app::{PluginsState, SubApps};
use bevy::asset::RenderAssetUsages;
use bevy::camera::{Exposure, RenderTarget};
use bevy::core_pipeline::tonemapping::Tonemapping;
use bevy::light::ShadowFilteringMethod;
use bevy::light::cluster::GlobalClusterSettings;
use bevy::mesh::{Indices, PrimitiveTopology};
use bevy::prelude::*;
use bevy::render::RenderPlugin;
use bevy::render::gpu_readback::{Readback, ReadbackComplete};
use bevy::render::pipelined_rendering::PipelinedRenderingPlugin;
use bevy::render::render_resource::{Extent3d, PollType, TextureDimension, TextureFormat, TextureUsages};
use bevy::render::renderer::RenderDevice;
use bevy::render::settings::{Backends, WgpuSettings};
use bevy::window::ExitCondition;
use criterion::Criterion;
use hardware_hal::{Calibration, PixelFormat};
use sim::artwork::Printed;
use sim::render::scene::Scene;
use sim::render::{Renderer, Shot};
use sim::sensor::Readout;
use sim::spec::TwinSpec;
use sim::truth::{TruthScene, View};

const PX_PER_M: f64 = 8000.0;
const SHARES: [f64; 4] = [0.7, 0.7, 0.7, 0.6];
const WANTED_RATIO: f64 = 8.0;
const WANTED_MPIX_PER_S: f64 = 20.0;

fn main() {
    let spec = station::station(20);
    let calibration = station::overhead(4096, 3000, 5600.0, 0.95);
    let placements = station::placements(&spec.packages);
    let scene = Scene::new(&spec, &placements).expect("the station's scene");

    let renderer = Renderer::start(scene.clone(), PX_PER_M).expect("a renderer");
    println!("adapter: {:?}", renderer.adapter());
    let mut angle = 0.0;
    let mut frame = |step: f64| {
        angle += step;
        let shot = Shot::at_rest(calibration, angle, SHARES.to_vec());
        let begun = Instant::now();
        let radiance = renderer.render(shot).expect("a frame");
        let readout = Readout {
            sensor: &spec.cameras[0].sensor,
            nominal_exposure_s: 0.01,
            exposure: Duration::from_millis(10),
            gain_db: 0.0,
            format: PixelFormat::MONO8,
        };
        std::hint::black_box(readout.expose(&radiance.pixels, radiance.width as usize, &[7; 32]));
        begun.elapsed()
    };
    let mut still: Vec<Duration> = (0..6).map(|_| frame(0.0)).skip(1).collect();
    let scene_truth = TruthScene::new(&Arc::new(spec.clone()), &placements).expect("the station's truth");
    let mut truth: Vec<Duration> = (0..5)
        .map(|_| {
            let begun = Instant::now();
            std::hint::black_box(scene_truth.frame(&View::at_rest(&spec.cameras[0], 0.0, &spec.patterns[0])));
            begun.elapsed()
        })
        .collect();
    let mut ours = || frame(0.01);
    let mut theirs_app = Standard::new(&spec, &scene, &calibration);
    let mut theirs = || theirs_app.frame();
    // The first frames compile shaders.
    for _ in 0..2 {
        println!("warming up: own pass {:.3?}, StandardMaterial {:.3?}", ours(), theirs());
    }
    // Taken in turns, so that both see the same machine.
    let (mut a, mut b) = (Vec::new(), Vec::new());
    for _ in 0..3 {
        a.push(ours());
        b.push(theirs());
        println!("own pass {:.3?}, StandardMaterial {:.3?}", a[a.len() - 1], b[b.len() - 1]);
    }
    let median = |times: &mut Vec<Duration>| {
        times.sort();
        times[times.len() / 2]
    };
    let (our_time, their_time) = (median(&mut a), median(&mut b));

    let mut criterion =
        Criterion::default().sample_size(10).measurement_time(Duration::from_secs(4)).warm_up_time(Duration::from_millis(1));
    criterion.bench_function("capture 4096x3000, own pass with sensor", |bencher| {
        bencher.iter_custom(|n| (0..n).map(|_| ours()).sum());
    });
    criterion.bench_function("capture 4096x3000, StandardMaterial", |bencher| {
        bencher.iter_custom(|n| (0..n).map(|_| theirs()).sum());
    });
    criterion.final_summary();
    let ratio = their_time.as_secs_f64() / our_time.as_secs_f64();
    println!("median of 3 in turns: own pass {our_time:.3?}, StandardMaterial {their_time:.3?}");
    println!("ratio: {ratio:.1} (wanted: at least {WANTED_RATIO})");
    let (still, truth) = (median(&mut still).as_secs_f64(), median(&mut truth).as_secs_f64());
    let mpix = 4096.0 * 3000.0 / 1e6;
    let theirs = mpix / their_time.as_secs_f64();
    println!("a still scene, sensor included: {:.1} MP/s (wanted: {WANTED_MPIX_PER_S}); StandardMaterial {theirs:.1} MP/s", mpix / still);
    println!("ground truth: {:.1} % more (wanted: less than 10)", 100.0 * truth / still);
}

/// The same scene in Bevy's own renderer.
struct Standard {
    apps: SubApps,
    received: Arc<Mutex<usize>>,
}

impl Standard {
    fn new(spec: &TwinSpec, scene: &Scene, calibration: &Calibration) -> Self {
        let settings = WgpuSettings { backends: Some(Backends::PRIMARY), ..Default::default() };
        let mut app = App::new();
        app.add_plugins(
            DefaultPlugins
                .set(WindowPlugin { primary_window: None, exit_condition: ExitCondition::DontExit, ..Default::default() })
                .set(RenderPlugin { synchronous_pipeline_compilation: true, render_creation: settings.into(), ..Default::default() })
                .disable::<PipelinedRenderingPlugin>()
                .disable::<bevy::log::LogPlugin>(),
        );
        while app.plugins_state() == PluginsState::Adding {
            bevy::tasks::tick_global_task_pools_on_main_thread();
        }
        app.finish();
        app.cleanup();
        // GPU clustering can give wrong frames on software Vulkan.
        if let Some(mut clusters) = app.world_mut().get_resource_mut::<GlobalClusterSettings>() {
            clusters.gpu_clustering = None;
        }
        let received = Arc::new(Mutex::new(0));
        let mut standard = Self { apps: std::mem::take(app.sub_apps_mut()), received };
        standard.spawn(spec, scene, calibration);
        standard
    }

    fn spawn(&mut self, spec: &TwinSpec, scene: &Scene, calibration: &Calibration) {
        let world = self.apps.main.world_mut();
        for flat in &scene.surfaces {
            let surface = flat.in_rig(0.3);
            let corners: Vec<[f32; 3]> = surface.outline.iter().map(|uv| surface.point(*uv).as_vec3().to_array()).collect();
            let uvs: Vec<[f32; 2]> = surface.outline.iter().map(|uv| [0, 1].map(|i| (uv[i] / surface.extent[i]) as f32)).collect();
            let count = corners.len() as u32;
            let normals = vec![surface.normal().as_vec3().to_array(); corners.len()];
            // Clockwise as seen from outside; Bevy's front faces are counter-clockwise.
            let indices = (1..count - 1).flat_map(|i| [0, i + 1, i]).collect();
            let mesh = Mesh::new(PrimitiveTopology::TriangleList, RenderAssetUsages::default())
                .with_inserted_attribute(Mesh::ATTRIBUTE_POSITION, corners)
                .with_inserted_attribute(Mesh::ATTRIBUTE_NORMAL, normals)
                .with_inserted_attribute(Mesh::ATTRIBUTE_UV_0, uvs)
                .with_inserted_indices(Indices::U32(indices));
            let texture = surface.print.map(|print| {
                let image = scene.prints[print].rasterise(PX_PER_M, Printed::All);
                let rgba = image.pixels.iter().flat_map(|p| [*p, *p, *p, 255]).collect();
                let size = Extent3d { width: image.width as u32, height: image.height as u32, depth_or_array_layers: 1 };
                let image = Image::new(size, TextureDimension::D2, rgba, TextureFormat::Rgba8Unorm, RenderAssetUsages::RENDER_WORLD);
                world.resource_mut::<Assets<Image>>().add(image)
            });
            let grey = if surface.print.is_some() { 1.0 } else { surface.albedo as f32 };
            let material = world.resource_mut::<Assets<StandardMaterial>>().add(StandardMaterial {
                base_color: Color::linear_rgb(grey, grey, grey),
                base_color_texture: texture,
                perceptual_roughness: 0.5,
                ..Default::default()
            });
            let mesh = world.resource_mut::<Assets<Mesh>>().add(mesh);
            world.spawn((Mesh3d(mesh), MeshMaterial3d(material)));
        }
        for (lamp, share) in spec.lamps.iter().zip(SHARES) {
            let way = lamp.target - lamp.position;
            // Lumens for which a white surface at the target has the lamp's radiance in Bevy's default exposure.
            let white = f64::from(1.0 / Exposure::default().exposure()) * std::f64::consts::PI * 4.0 * std::f64::consts::PI;
            world.spawn((
                SpotLight {
                    intensity: (share * lamp.intensity * way.length_squared() * white) as f32,
                    range: 5.0,
                    outer_angle: lamp.beam_half_angle as f32,
                    inner_angle: 0.7 * lamp.beam_half_angle as f32,
                    shadow_maps_enabled: true,
                    ..Default::default()
                },
                Transform::from_translation(lamp.position.as_vec3()).looking_at(lamp.target.as_vec3(), Vec3::X),
            ));
        }
        let [width, height] = calibration.intrinsics.size_px;
        let size = Extent3d { width, height, depth_or_array_layers: 1 };
        let mut target = Image::new_uninit(size, TextureDimension::D2, TextureFormat::Rgba8UnormSrgb, RenderAssetUsages::RENDER_WORLD);
        target.texture_descriptor.usage |= TextureUsages::RENDER_ATTACHMENT | TextureUsages::COPY_SRC;
        let target = world.resource_mut::<Assets<Image>>().add(target);
        let eye = calibration.eye().as_vec3();
        world.spawn((
            Camera3d::default(),
            RenderTarget::from(target.clone()),
            Msaa::Off,
            Tonemapping::None,
            // The cheapest shadows that Bevy has.
            ShadowFilteringMethod::Hardware2x2,
            Projection::Perspective(PerspectiveProjection {
                fov: (2.0 * (f64::from(height) / 2.0 / calibration.intrinsics.focal_px[1]).atan()) as f32,
                aspect_ratio: width as f32 / height as f32,
                near: 0.05,
                far: 10.0,
                ..Default::default()
            }),
            Transform::from_translation(eye).looking_at(Vec3::ZERO, Vec3::Y),
        ));
        let received = Arc::clone(&self.received);
        world.spawn(Readback::texture(target)).observe(move |picture: On<ReadbackComplete>| {
            if let Ok(mut bytes) = received.lock() {
                *bytes += picture.data.len();
            }
            if let Some(path) = std::env::var_os("TRACETWIN_BENCH_PICTURE") {
                let pixels: Vec<u8> = picture.data.as_chunks::<4>().0.iter().map(|p| p[0]).collect();
                drop(image::save_buffer(path, &pixels, width, height, image::ColorType::L8));
            }
        });
    }

    /// One update until the picture is back.
    fn frame(&mut self) -> Duration {
        let begun = Instant::now();
        self.apps.update();
        let device = self.apps.main.world().resource::<RenderDevice>().clone();
        device.poll(PollType::wait_indefinitely()).expect("the device answers");
        begun.elapsed()
    }
}
