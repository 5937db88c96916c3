//! The Bevy app behind the renderer, driven frame by frame from outside: one request, one update.

use std::sync::Arc;

use bevy::app::{App, PluginsState, SubApps, TaskPoolPlugin, Update};
use bevy::asset::{AssetPlugin, Assets, Handle};
use bevy::camera::CameraPlugin;
use bevy::diagnostic::FrameCountPlugin;
use bevy::image::ImagePlugin;
use bevy::mesh::MeshPlugin;
use bevy::prelude::{Component, Entity, IntoScheduleConfigs, Or, Query, Res, ResMut, Resource, With, World};
use bevy::render::error_handler::{RenderErrorHandler, RenderErrorPolicy};
use bevy::render::render_resource::{Buffer, MapMode, PipelineCache, PollType};
use bevy::render::renderer::{RenderAdapterInfo, RenderDevice, RenderGraph, RenderGraphSystems, RenderQueue};
use bevy::render::settings::{Backends, WgpuSettings};
use bevy::render::{ExtractSchedule, MainWorld, RenderApp, RenderPlugin, RenderStartup};
use bevy::shader::Shader;
use bevy::time::TimePlugin;
use bevy::transform::TransformPlugin;
use bevy::window::{ExitCondition, WindowPlugin};
use hardware_hal::Intrinsics;
use rayon::prelude::*;

use super::bars::SymbolTables;
use super::bend::Bend;
use super::glass::{Drawn, finish};
use super::light::{Atlas, Irradiance, Visibility};
use super::mirror::Reflections;
use super::pass::{CapturePass, Delivery, LightData, NextShot, SceneData, ShotData, TintData, take_shot};
use super::print::PrintImage;
use super::scene::{Occluder, Scene, Surface};
use super::shot::{self, Kind, PrintLayout, Shot};
use super::token::Stamps;
use super::{AdapterInfo, Radiance};
use crate::artwork::{FacePrint, SymbolPattern};
use crate::error::SimError;
use crate::glass::Glass;
use crate::shading::mirrored_share;
use crate::spec::LampSpec;

/// Updates that a request may take until its frame shows the right tokens.
const MAX_ATTEMPTS: u32 = 60;

/// States of light that are kept: every pattern of one stop and of the one before.
const KEPT_LIGHTS: usize = 8;

/// A lamp of the scene.
#[derive(Component, Debug, Clone)]
struct Lamp(usize, LampSpec);

/// What is asked for, until a frame of it is out.
#[derive(Resource, Default)]
struct Request(Option<(Shot, u32)>);

/// What the render world shall draw next.
#[derive(Resource, Default)]
struct Exposed(Option<ShotData>);

/// Why the render world stopped, if it did.
#[derive(Resource, Default)]
struct Failure(Option<String>);

/// The parts of the scene that never change.
#[derive(Resource)]
struct Stage {
    atlas: Atlas,
    ambient: f64,
    plate_radius: f64,
    glass: Option<Glass>,
    prints: Vec<PrintLayout>,
}

/// Light of the states asked for lately.
#[derive(Resource, Default)]
struct Lights {
    cast: Option<Arc<Visibility>>,
    casts: u64,
    shares: Option<Arc<[Vec<[u8; 4]>]>>,
    stamp: u16,
    /// By cast and shares.
    lit: Vec<(u64, Vec<u64>, Arc<Irradiance>)>,
    /// By cast and eye.
    mirrored: Vec<(u64, [u64; 3], Arc<Reflections>)>,
    recent: Vec<(Key, LightData)>,
}

/// What decides on the light of a shot: the plate's angle, lamps' and room's shares, and, for what is mirrored, the eye.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    angle: u64,
    shares: Vec<u64>,
    eye: [u64; 3],
    analyser: bool,
}

/// Tables of the distorting lenses of a rig.
#[derive(Resource, Default)]
struct Bends(Vec<(Intrinsics, Arc<[[f32; 2]]>)>);

impl Bends {
    fn of(&mut self, intrinsics: &Intrinsics) -> Option<Arc<[[f32; 2]]>> {
        if let Some((_, table)) = self.0.iter().find(|(known, _)| known == intrinsics) {
            return Some(Arc::clone(table));
        }
        let table: Arc<[[f32; 2]]> = Bend::of(intrinsics).ok()?.table().into();
        if self.0.len() == KEPT_LIGHTS {
            self.0.remove(0);
        }
        self.0.push((*intrinsics, Arc::clone(&table)));
        Some(table)
    }
}

#[derive(Resource)]
struct Upload(SceneData);

#[derive(Resource)]
struct CaptureShader([Handle<Shader>; 2]);

/// The app and what is needed to check its frames.
pub struct CaptureApp {
    sub_apps: SubApps,
    delivery: Delivery,
    /// By tint and surface: first texel of its print.
    print_samples: Vec<Vec<u8>>,
    scene_stamp: u32,
    requests: u32,
    surfaces: usize,
    lamps: Vec<LampSpec>,
    ambient: f64,
    glass: Option<Glass>,
}

impl CaptureApp {
    /// Starts Bevy without a window and puts the scene into it. `px_per_m` is the resolution of prints.
    ///
    /// # Errors
    /// [`SimError::Environment`] where no adapter is found; [`SimError::Spec`] for a scene that doesn't fit.
    pub fn new(scene: Scene, px_per_m: f64) -> Result<(Self, AdapterInfo), SimError> {
        if scene.lamps.len() > shot::MAX_LAMPS {
            return Err(SimError::Spec(format!("{} lamps; {} can be rendered", scene.lamps.len(), shot::MAX_LAMPS)));
        }
        probe_adapter()?;
        let atlas = Atlas::new(&scene)?;
        let (stage, data, scene_stamp) = upload_of(&scene, atlas, px_per_m);
        let samples = |tint: &TintData| data.surface_prints.iter().map(|p| p.map_or(255, |p| tint.prints[p].texels[0])).collect();
        let print_samples = data.tints.iter().map(samples).collect();
        let (surfaces, lamps) = (scene.surfaces.len(), scene.lamps.clone());
        let (ambient, glass) = (scene.ambient, scene.glass.clone());

        let settings = WgpuSettings { backends: Some(backends()), ..Default::default() };
        let mut app = App::new();
        app.add_plugins((
            TaskPoolPlugin::default(),
            FrameCountPlugin,
            TimePlugin,
            TransformPlugin,
            WindowPlugin { primary_window: None, exit_condition: ExitCondition::DontExit, ..Default::default() },
            AssetPlugin::default(),
            RenderPlugin { synchronous_pipeline_compilation: true, render_creation: settings.into(), ..Default::default() },
            ImagePlugin::default(),
            MeshPlugin,
            CameraPlugin,
        ));
        while app.plugins_state() == PluginsState::Adding {
            bevy::tasks::tick_global_task_pools_on_main_thread();
        }
        let shaders = [
            Shader::from_wgsl(include_str!("capture.wgsl"), "sim/src/render/capture.wgsl"),
            Shader::from_wgsl(include_str!("edges.wgsl"), "sim/src/render/edges.wgsl"),
        ];
        let shaders = shaders.map(|shader| app.world_mut().resource_mut::<Assets<Shader>>().add(shader));
        let delivery = Delivery::default();
        app.insert_resource(stage)
            .init_resource::<Request>()
            .init_resource::<Exposed>()
            .init_resource::<Failure>()
            .init_resource::<Lights>()
            .init_resource::<Bends>()
            .insert_resource(RenderErrorHandler(|error, main, _| {
                main.resource_mut::<Failure>().0 = Some(format!("{:?}: {}", error.ty, error.description));
                RenderErrorPolicy::StopRendering
            }))
            .add_systems(Update, expose);
        let world = app.world_mut();
        world.spawn_batch(scene.surfaces);
        world.spawn_batch(scene.occluders);
        world.spawn_batch(scene.lamps.into_iter().enumerate().map(|(i, lamp)| Lamp(i, lamp)));
        app.finish();
        app.cleanup();
        let Some(render) = app.get_sub_app_mut(RenderApp) else {
            return Err(SimError::Environment("Bevy started without its renderer".into()));
        };
        render
            .insert_resource(Upload(data))
            .insert_resource(CaptureShader(shaders))
            .insert_resource(delivery.clone())
            .init_resource::<NextShot>()
            .add_systems(RenderStartup, start_pass)
            .add_systems(ExtractSchedule, extract_shot)
            .add_systems(RenderGraph, take_shot.in_set(RenderGraphSystems::Render));
        let adapter = adapter_info(app.world().resource::<RenderAdapterInfo>());
        let sub_apps = std::mem::take(app.sub_apps_mut());
        Ok((Self { sub_apps, delivery, print_samples, scene_stamp, requests: 0, surfaces, lamps, ambient, glass }, adapter))
    }

    /// The frame of a shot; every token in it is right.
    ///
    /// # Errors
    /// [`SimError::Spec`] for a shot that cannot be rendered, [`SimError::Environment`] if the device fails, [`SimError::Capture`] if no right frame
    /// came out within [`MAX_ATTEMPTS`] updates.
    pub fn capture(&mut self, shot: &Shot, spoil: bool) -> Result<Radiance, SimError> {
        shot.check(self.lamps.len())?;
        if shot.tint >= self.print_samples.len() {
            return Err(SimError::Spec(format!("tint {}; the scene has {}", shot.tint, self.print_samples.len())));
        }
        let mut wrong = None;
        for attempt in 1..=MAX_ATTEMPTS {
            self.requests = self.requests.wrapping_add(1);
            self.world().resource_mut::<Request>().0 = Some((shot.clone(), self.requests));
            self.sub_apps.update();
            if let Some(failure) = self.world().resource_mut::<Failure>().0.take() {
                return Err(SimError::Environment(format!("the graphics device failed: {failure}")));
            }
            let glass = self.glass.clone();
            let light = self.world().resource::<Lights>().stamp_of(shot, glass.as_ref());
            // A spoilt request expects another number than the one it sent.
            let request = self.requests.wrapping_add(u32::from(spoil));
            let stamps = Stamps { request, light, scene: self.scene_stamp };
            match self.collect(shot, stamps)? {
                Ok((mut pixels, mut nearness)) => {
                    if let (Some(glass), Some(nearness)) = (self.glass.clone(), &nearness) {
                        let bend = self.world().resource_mut::<Bends>().of(&shot.calibration.intrinsics).unwrap_or_default();
                        let drawn = Drawn { pixels: &mut pixels, nearness, bend: &bend };
                        finish(&glass, &self.lamps, self.ambient, shot, drawn);
                    }
                    nearness = nearness.filter(|_| shot.depth);
                    let [width, height] = shot.calibration.intrinsics.size_px;
                    return Ok(Radiance { width, height, pixels, nearness, attempts: attempt });
                }
                Err(found) => wrong = found,
            }
        }
        let which = wrong.map_or("nothing was drawn".into(), |i| format!("the token of surface {i} is wrong"));
        Err(SimError::Capture(format!("no frame of the asked state after {MAX_ATTEMPTS} attempts: {which}")))
    }

    /// Puts surfaces, bodies and lamps where `scene` has them. Prints, tables and places in the light's atlas stay as they are.
    ///
    /// # Errors
    /// [`SimError::Spec`] for a scene that is not the same one with things elsewhere.
    pub fn restage(&mut self, scene: Scene) -> Result<(), SimError> {
        let layout =
            |s: &Surface| (s.index, s.print, s.owner, s.rides, s.start.map(f64::to_bits), s.extent.map(f64::to_bits), s.cell.to_bits());
        let world = self.world();
        let mut known: Vec<_> = world.query::<&Surface>().iter(world).map(layout).collect();
        known.sort_by_key(|k| k.0);
        let plate = world.resource::<Stage>();
        let same = known == scene.surfaces.iter().map(layout).collect::<Vec<_>>()
            && (plate.ambient, plate.plate_radius, &plate.glass) == (scene.ambient, scene.plate_radius, &scene.glass);
        if !same || scene.lamps.len() != self.lamps.len() {
            return Err(SimError::Spec("the scene has other surfaces, lamps or another plate than the one that is being rendered".into()));
        }
        self.lamps = scene.lamps.clone();
        let world = self.world();
        let gone: Vec<_> = world.query_filtered::<Entity, Or<(With<Surface>, With<Occluder>, With<Lamp>)>>().iter(world).collect();
        for entity in gone {
            world.despawn(entity);
        }
        world.spawn_batch(scene.surfaces);
        world.spawn_batch(scene.occluders);
        world.spawn_batch(scene.lamps.into_iter().enumerate().map(|(i, lamp)| Lamp(i, lamp)));
        let mut lights = world.resource_mut::<Lights>();
        (lights.cast, lights.lit, lights.mirrored, lights.recent) = Default::default();
        Ok(())
    }

    fn world(&mut self) -> &mut World {
        self.sub_apps.main.world_mut()
    }

    /// Maps what the last update copied: the picture with its depths, or which token is wrong.
    fn collect(&mut self, shot: &Shot, stamps: Stamps) -> Result<Result<Picture, Option<usize>>, SimError> {
        let Some(delivered) = self.delivery.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner()).take() else {
            return Ok(Err(None));
        };
        let [width, height] = shot.calibration.intrinsics.size_px.map(|n| n as usize);
        let (stride, rows, surfaces) = (delivered.stride, delivered.rows as usize, self.surfaces);
        let (stamps, samples) = (stamps, self.print_samples[shot.tint].clone());
        let picture = self.mapped(&delivered.buffer, |bytes| {
            let row = |y: usize| floats(&bytes[y * stride..][..width * 4]);
            let tokens: Vec<f32> = (height..rows).flat_map(row).take(surfaces).collect();
            match super::token::first_wrong(stamps, &samples, &tokens) {
                Some(index) => Err(Some(index)),
                None => Ok(copied(width, height, row)),
            }
        })?;
        let (pixels, depth) = match (picture, &delivered.depth) {
            (Err(wrong), _) => return Ok(Err(wrong)),
            (Ok(pixels), depth) => (pixels, depth),
        };
        // Depth is NEAR ÷ distance, 0 where nothing was drawn.
        let scale = (1.0 / shot::NEAR) as f32;
        let nearness =
            match depth {
                None => None,
                Some(buffer) => Some(self.mapped(buffer, |bytes| {
                    copied(width, height, |y: usize| floats(&bytes[y * stride..][..width * 4]).map(|d| d * scale))
                })?),
            };
        Ok(Ok((pixels, nearness)))
    }

    /// What `read` makes of a buffer that the GPU has filled.
    fn mapped<T>(&mut self, buffer: &Buffer, read: impl FnOnce(&[u8]) -> T) -> Result<T, SimError> {
        let device = self.world().resource::<RenderDevice>().clone();
        let mapped = Arc::new(std::sync::Mutex::new(None));
        let slice = buffer.slice(..);
        let result = Arc::clone(&mapped);
        device.map_buffer(&slice, MapMode::Read, move |r| *result.lock().unwrap_or_else(|p| p.into_inner()) = Some(r));
        device.poll(PollType::wait_indefinitely()).map_err(|e| SimError::Environment(format!("waiting for the graphics device: {e}")))?;
        match mapped.lock().unwrap_or_else(|p| p.into_inner()).take() {
            Some(Ok(())) => {}
            Some(Err(e)) => return Err(SimError::Environment(format!("reading a frame back: {e}"))),
            None => return Err(SimError::Environment("reading a frame back: the device never answered".into())),
        }
        let bytes = slice.get_mapped_range();
        let result = read(&bytes);
        drop(bytes);
        buffer.unmap();
        Ok(result)
    }
}

/// Radiance, and nearness where it was asked for.
type Picture = (Vec<f32>, Option<Vec<f32>>);

/// Rows put together, on all cores.
fn copied<I: Iterator<Item = f32>>(width: usize, height: usize, row: impl Fn(usize) -> I + Sync) -> Vec<f32> {
    let mut pixels = vec![0.0f32; width * height];
    pixels.par_chunks_mut(width).enumerate().for_each(|(y, to)| {
        for (pixel, value) in to.iter_mut().zip(row(y)) {
            *pixel = value;
        }
    });
    pixels
}

fn floats(bytes: &[u8]) -> impl Iterator<Item = f32> + '_ {
    bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b))
}

/// First-class interfaces only: probing OpenGL prints complaints where there is no display. `WGPU_BACKEND` overrides.
fn backends() -> Backends {
    Backends::from_env().unwrap_or(Backends::PRIMARY)
}

/// Asks for an adapter before Bevy does, which would panic without one.
pub(crate) fn probe_adapter() -> Result<AdapterInfo, SimError> {
    let instance = wgpu::Instance::new(wgpu::InstanceDescriptor {
        backends: backends(),
        ..wgpu::InstanceDescriptor::new_without_display_handle_from_env()
    });
    let options = wgpu::RequestAdapterOptions { power_preference: wgpu::PowerPreference::HighPerformance, ..Default::default() };
    let found = bevy::tasks::block_on(instance.request_adapter(&options));
    found.map(|adapter| adapter_info(&adapter.get_info())).map_err(|e| {
        SimError::Environment(format!(
            "no graphics adapter to render on ({e}): install a Vulkan driver; on Debian, `apt install mesa-vulkan-drivers` brings one that needs no GPU"
        ))
    })
}

fn adapter_info(info: &wgpu::AdapterInfo) -> AdapterInfo {
    AdapterInfo {
        name: info.name.clone(),
        backend: info.backend.to_string(),
        driver: info.driver.clone(),
        driver_info: info.driver_info.clone(),
        software: format!("{:?}", info.device_type) == "Cpu",
    }
}

fn upload_of(scene: &Scene, atlas: Atlas, px_per_m: f64) -> (Stage, SceneData, u32) {
    let mut tables = SymbolTables::new();
    let mut symbols = Vec::new();
    let mut layouts = Vec::new();
    for print in scene.prints.iter() {
        let mut layout = PrintLayout::default();
        for symbol in &print.symbols {
            let kind = match symbol.pattern {
                SymbolPattern::Linear { .. } => Kind::Linear,
                SymbolPattern::Matrix { .. } => Kind::Matrix,
            };
            layout.symbols.push((symbols.len() as u32, kind, symbol.inked()));
            symbols.push(tables.add(symbol));
        }
        layouts.push(layout);
    }
    let scene_stamp = 1 + (symbols.len() as u32 * 7919 + scene.surfaces.len() as u32) % 0x00FF_FFFE;
    tables.bars[0][0] = scene_stamp as f32;
    let images = |prints: &[FacePrint]| -> Vec<PrintImage> { prints.par_iter().map(|p| PrintImage::of_face(p, px_per_m)).collect() };
    let prints = images(&scene.prints);
    for ((layout, image), print) in layouts.iter_mut().zip(&prints).zip(scene.prints.iter()) {
        layout.texels = [0, 1].map(|axis| f64::from(image.printed[axis]) / print.extent[axis]);
        layout.size = image.size.map(f64::from);
    }
    let tinted = scene.tinted.iter().map(|prints| {
        let inks = prints.iter().flat_map(|print| &print.symbols).map(|symbol| symbol.ink);
        TintData { prints: images(prints), symbols: symbols.iter().zip(inks).map(|(record, ink)| record.inked(ink)).collect() }
    });
    let tinted: Vec<TintData> = tinted.collect();
    let data = SceneData {
        tints: [TintData { prints, symbols }].into_iter().chain(tinted).collect(),
        tables,
        surface_prints: scene.surfaces.iter().map(|s| s.print).collect(),
        light_rows: atlas.height,
        light_layers: scene.lamps.len().div_ceil(4) as u32,
    };
    let stage = Stage { atlas, ambient: scene.ambient, plate_radius: scene.plate_radius, glass: scene.glass.clone(), prints: layouts };
    (stage, data, scene_stamp)
}

/// Lights the scene and lays it out for the camera of the pending request.
#[expect(clippy::too_many_arguments)] // A Bevy system: each argument is something that it asks the world for.
fn expose(
    mut request: ResMut<Request>,
    mut exposed: ResMut<Exposed>,
    mut lights: ResMut<Lights>,
    mut bends: ResMut<Bends>,
    stage: Res<Stage>,
    surfaces: Query<&Surface>,
    occluders: Query<&Occluder>,
    lamps: Query<&Lamp>,
) {
    let Some((shot, number)) = request.0.take() else { return };
    let mut surfaces: Vec<Surface> = surfaces.iter().cloned().collect();
    surfaces.sort_by_key(|s| s.index);
    let mut occluders: Vec<Occluder> = occluders.iter().cloned().collect();
    occluders.sort_by_key(|o| (o.package, o.part));
    let mut lamps: Vec<&Lamp> = lamps.iter().collect();
    lamps.sort_by_key(|l| l.0);
    let scene = Scene {
        surfaces,
        occluders,
        prints: [].into(),
        tinted: Vec::new(),
        lamps: lamps.into_iter().map(|l| l.1.clone()).collect(),
        ambient: stage.ambient,
        plate_radius: stage.plate_radius,
        glass: stage.glass.clone(),
    };
    let light = lights.of(&scene, &stage, &shot);
    let prepared = shot::prepare(&scene, &stage.atlas, &shot, &stage.prints);
    let bend = if prepared.bent { bends.of(&shot.calibration.intrinsics) } else { None };
    exposed.0 = Some(ShotData {
        request: number,
        size_px: shot.calibration.intrinsics.size_px,
        prepared,
        light,
        bend,
        depth: shot.depth || scene.glass.is_some(),
        tint: shot.tint,
        backdrop: shot.backdrop,
    });
}

/// A value that `known` has for two keys, or that is made and kept with the latest.
fn kept<A: PartialEq, B: PartialEq, T>(known: &mut Vec<(A, B, Arc<T>)>, keys: (A, B), make: impl FnOnce() -> T) -> Arc<T> {
    if let Some((.., value)) = known.iter().find(|(a, b, _)| (a, b) == (&keys.0, &keys.1)) {
        return Arc::clone(value);
    }
    let value = Arc::new(make());
    if known.len() == KEPT_LIGHTS {
        known.remove(0);
    }
    known.push((keys.0, keys.1, Arc::clone(&value)));
    value
}

impl Lights {
    fn key(shot: &Shot, glass: Option<&Glass>) -> Key {
        let shares = shot.lamp_shares.iter().chain([&shot.ambient_share]);
        Key {
            angle: shot.light_angle_rad.to_bits(),
            shares: shares.map(|s| s.to_bits()).collect(),
            eye: shot::apparent_eye(shot, glass).to_array().map(f64::to_bits),
            analyser: shot.analyser,
        }
    }

    fn of(&mut self, scene: &Scene, stage: &Stage, shot: &Shot) -> LightData {
        let key = Self::key(shot, scene.glass.as_ref());
        if let Some((_, data)) = self.recent.iter().find(|(known, _)| *known == key) {
            return data.clone();
        }
        let cast = match &self.cast {
            Some(cast) if cast.angle_rad.to_bits() == key.angle => Arc::clone(cast),
            _ => {
                let cast = Arc::new(Visibility::cast(scene, &stage.atlas, shot.light_angle_rad));
                self.casts += 1;
                self.shares = Some(cast.shares.clone().into());
                self.cast = Some(Arc::clone(&cast));
                cast
            }
        };
        self.stamp = self.stamp % 2047 + 1;
        let ambient = scene.ambient * shot.ambient_share;
        let light = kept(&mut self.lit, (self.casts, key.shares.clone()), || cast.irradiance(&stage.atlas, ambient, &shot.lamp_shares));
        // The parts of one exposure share what is mirrored, as they share shadows.
        let eye = shot::apparent_eye(shot, scene.glass.as_ref());
        let reflect = || Reflections::cast(scene, &stage.atlas.cells, shot.light_angle_rad, eye);
        let strengths: Vec<f32> =
            scene.lamps.iter().zip(&shot.lamp_shares).map(|(lamp, share)| (share * mirrored_share(lamp, shot.analyser)) as f32).collect();
        let lit = |lamp: u32, texel: u32| {
            let lamp = lamp as usize;
            strengths[lamp] * f32::from(cast.shares[lamp / 4][texel as usize][lamp % 4]) / 255.0
        };
        let mirrored = kept(&mut self.mirrored, (self.casts, key.eye), reflect).texels(&light.leaving, ambient as f32, lit);
        let data = LightData {
            stamp: self.stamp,
            cast: self.casts,
            texels: light.bytes(&stage.atlas, &mirrored, self.stamp).into(),
            shares: self.shares.clone().unwrap_or_default(),
        };
        if self.recent.len() == KEPT_LIGHTS {
            self.recent.remove(0);
        }
        self.recent.push((key, data.clone()));
        data
    }

    fn stamp_of(&self, shot: &Shot, glass: Option<&Glass>) -> u16 {
        let key = Self::key(shot, glass);
        self.recent.iter().find(|(known, _)| *known == key).map_or(0, |(_, data)| data.stamp)
    }
}

fn extract_shot(mut main: ResMut<MainWorld>, mut next: ResMut<NextShot>) {
    next.0 = main.resource_mut::<Exposed>().0.take();
}

fn start_pass(
    mut commands: bevy::prelude::Commands,
    device: Res<RenderDevice>,
    queue: Res<RenderQueue>,
    cache: Res<PipelineCache>,
    shader: Res<CaptureShader>,
    upload: Res<Upload>,
) {
    commands.insert_resource(CapturePass::new(&device, &queue, &cache, shader.0.each_ref(), &upload.0));
}
