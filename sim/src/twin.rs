//! The twin as a whole: a load dropped on the plate, a renderer, and rigs of virtual devices that look at it.

use std::sync::{Arc, OnceLock};

use hardware_hal::{Calibration, Camera, Clock, Rig};

use crate::devices::{SharedStage, Surroundings, VirtualCamera, VirtualLightBank, VirtualTurntable, check_camera};
use crate::error::SimError;
use crate::palette::{Palette, Prints};
use crate::physics::{Settled, drop_load};
use crate::random::Streams;
use crate::render::mask::PackageMap;
use crate::render::scene::Scene;
use crate::render::{AdapterInfo, MAX_LAMPS, Radiance, RenderStats, Renderer, Shot};
use crate::spec::{CameraSpec, PatternSpec, Placement, TwinSpec};
use crate::spectrum::Response;
use crate::truth::{CodeTruth, TruthScene, View};

/// Lowest and highest resolution of prints, texels a metre. Symbols are exact at any; text is not meant to be read by machines.
const PRINT_RESOLUTION: (f64, f64) = (3000.0, 10_000.0);

/// Least distance of lamps and cameras below a glass plate from it, m.
pub const LEAST_BELOW: f64 = 0.01;

/// A simulated station with its load.
///
/// The same spec gives the same load on every machine, and the same frames on every machine with the same graphics adapter and driver.
pub struct Twin {
    spec: Arc<TwinSpec>,
    settled: Settled,
    /// In which lights its cameras see it.
    palette: Arc<Palette>,
    /// Of its packages, wherever they lie.
    prints: Arc<Prints>,
    renderer: Arc<Renderer>,
    /// Made when it is first asked for, for print grades take their time.
    truth: OnceLock<TruthScene>,
}

impl Twin {
    /// Drops the load and starts the renderer.
    ///
    /// # Errors
    /// [`SimError::Spec`], [`SimError::Artwork`] and [`SimError::Physics`] for a spec that cannot be built, naming what is wrong;
    /// [`SimError::Environment`] where there is nothing to render on.
    pub fn new(spec: TwinSpec) -> Result<Self, SimError> {
        check(&spec)?;
        let settled = drop_load(&spec)?;
        Self::with_load(spec, settled)
    }

    /// A twin whose load already lies where `settled` says.
    ///
    /// # Errors
    /// As [`Twin::new`], but for the physics.
    pub fn with_load(spec: TwinSpec, settled: Settled) -> Result<Self, SimError> {
        check(&spec)?;
        check_places(&spec, &settled.placements)?;
        let palette = Arc::new(Palette::of(&spec));
        let prints = Arc::new(Prints::new(&spec, &palette)?);
        let scene = Scene::with_prints(&spec, &settled.placements, &prints)?;
        let renderer = Arc::new(Renderer::start(scene, print_resolution(&spec))?);
        Ok(Self { spec: Arc::new(spec), settled, palette, prints, renderer, truth: OnceLock::new() })
    }

    /// Puts packages, lamps and cameras elsewhere, without building the renderer anew: what a spec may differ in is where lamps stand and how bright they
    /// are, the patterns, and the cameras. Rigs that were taken before keep their cameras and see the packages in their new places.
    ///
    /// # Errors
    /// As [`Twin::with_load`], and [`SimError::Spec`] for a spec that differs in more.
    pub fn rearrange(&mut self, spec: TwinSpec, placements: Vec<Placement>) -> Result<(), SimError> {
        check(&spec)?;
        check_places(&spec, &placements)?;
        if spec.packages != self.spec.packages || spec.plate != self.spec.plate {
            return Err(SimError::Spec("a twin can be rearranged with the packages and the plate that it was built with".into()));
        }
        if Palette::of(&spec) != *self.palette {
            return Err(SimError::Spec("a twin can be rearranged with the colours of light that it was built with".into()));
        }
        self.renderer.restage(Scene::with_prints(&spec, &placements, &self.prints)?)?;
        self.spec = Arc::new(spec);
        self.settled.placements = placements;
        // Graded prints stay what they are.
        let moved = self.truth.take().map(|truth| truth.moved(&self.spec, &self.settled.placements));
        self.truth = moved.map_or_else(OnceLock::new, OnceLock::from);
        Ok(())
    }

    /// What it was built from.
    pub fn spec(&self) -> &TwinSpec {
        &self.spec
    }

    /// How the load came to rest.
    pub fn settled(&self) -> &Settled {
        &self.settled
    }

    /// Where the packages lie: `plate_from_package`, in the order of the spec.
    pub fn placements(&self) -> &[Placement] {
        &self.settled.placements
    }

    /// Hash of the exact poses of the load, in hex.
    pub fn physics_hash(&self) -> &str {
        &self.settled.physics_hash
    }

    /// What frames are rendered on.
    pub fn adapter(&self) -> &AdapterInfo {
        self.renderer.adapter()
    }

    /// What rendering has cost so far.
    pub fn render_stats(&self) -> RenderStats {
        self.renderer.stats()
    }

    /// Devices that look at the load, as after power-on: lights dark, turntable not homed. They share the renderer with the devices of other rigs of
    /// this twin, but nothing else; the first frame of a camera in a state has the same noise in each.
    pub fn rig(&self, clock: Arc<dyn Clock>) -> Rig {
        let stage = SharedStage::new(self.spec.lamps.len());
        let streams = Streams::new(self.spec.seed);
        let surroundings = Surroundings { plate_radius: self.spec.plate.radius, flicker: self.spec.flicker };
        let camera = |(index, spec)| {
            let drawing = (Arc::clone(&self.renderer), Arc::clone(&self.palette));
            let camera = VirtualCamera::new(spec, index, streams, surroundings, stage.clone(), drawing, Arc::clone(&clock));
            Box::new(camera) as Box<dyn Camera>
        };
        Rig {
            cameras: self.spec.cameras.iter().enumerate().map(camera).collect(),
            lights: Box::new(VirtualLightBank::new(&self.spec.patterns, stage.clone(), Arc::clone(&clock))),
            turntable: Some(Box::new(VirtualTurntable::new(&self.spec.turntable, stage.clone(), Arc::clone(&clock)))),
            clock,
        }
    }

    /// What is true of every symbol in a frame of a camera, with the plate at rest at `angle_rad` under a pattern (none where it is not known): for
    /// scoring only.
    ///
    /// # Errors
    /// [`SimError::Spec`] for a camera or pattern that the twin does not have.
    pub fn truth(&self, camera: &str, angle_rad: f64, pattern: &str) -> Result<Vec<CodeTruth>, SimError> {
        let (camera, pattern) = (self.camera(camera)?, self.pattern(pattern)?);
        let truth = match self.truth.get() {
            Some(truth) => truth,
            None => {
                let made = TruthScene::with_prints(&self.spec, &self.settled.placements, &self.palette, &self.prints)?;
                self.truth.get_or_init(|| made)
            }
        };
        Ok(truth.frame(&View::at_rest(camera, angle_rad, pattern)))
    }

    /// The light that falls on a camera's sensor with the plate at rest at `angle_rad`, before lens and sensor make a frame of it: for comparing the
    /// renderer with others.
    ///
    /// # Errors
    /// [`SimError::Spec`] for a camera or pattern that the twin does not have; whatever keeps it from rendering.
    pub fn radiance(&self, camera: &str, angle_rad: f64, pattern: &str) -> Result<Radiance, SimError> {
        let camera = self.camera(camera)?;
        self.lit(camera.sensor.detail.response, camera.calibration, camera.lens.analyser, angle_rad, self.pattern(pattern)?)
    }

    /// The light that an ideal camera anywhere would see, without lens and sensor: for people who look at the station. `analyser` is a crossed polariser
    /// before it. It counts colours of light as the first camera does.
    ///
    /// # Errors
    /// [`SimError::Spec`] for a pattern that the twin does not have; whatever keeps it from rendering.
    pub fn look(&self, calibration: Calibration, analyser: bool, angle_rad: f64, pattern: &str) -> Result<Radiance, SimError> {
        let response = self.spec.cameras.first().map(|camera| camera.sensor.detail.response).unwrap_or_default();
        self.lit(response, calibration, analyser, angle_rad, self.pattern(pattern)?)
    }

    /// Light on a sensor: the sum of what its colours show.
    fn lit(
        &self,
        response: Response,
        calibration: Calibration,
        analyser: bool,
        angle_rad: f64,
        pattern: &PatternSpec,
    ) -> Result<Radiance, SimError> {
        let mut sum: Option<Radiance> = None;
        for lighting in self.palette.lightings(response, &pattern.shares(self.spec.lamps.len()), 1.0) {
            let shot = Shot::at_rest(calibration, angle_rad, lighting.lamp_shares);
            let backdrop = sum.is_none();
            let part =
                self.renderer.render(Shot { analyser, ambient_share: lighting.ambient_share, tint: lighting.tint, backdrop, ..shot })?;
            match &mut sum {
                None => sum = Some(part),
                Some(sum) => sum.pixels.iter_mut().zip(&part.pixels).for_each(|(sum, part)| *sum += part),
            }
        }
        sum.ok_or_else(|| SimError::Spec("there is no light".into()))
    }

    /// In which lights its cameras see it.
    pub fn palette(&self) -> &Palette {
        &self.palette
    }

    /// The station with its load at rest, as surfaces.
    ///
    /// # Errors
    /// [`SimError::Artwork`] for a print that cannot be made.
    pub fn scene(&self) -> Result<Scene, SimError> {
        Scene::with_prints(&self.spec, &self.settled.placements, &self.prints)
    }

    fn pattern(&self, name: &str) -> Result<&PatternSpec, SimError> {
        self.spec.patterns.iter().find(|p| p.name == name).ok_or_else(|| SimError::Spec(format!("the twin has no pattern `{name}`")))
    }

    fn camera(&self, id: &str) -> Result<&CameraSpec, SimError> {
        self.spec.cameras.iter().find(|c| c.id == id).ok_or_else(|| SimError::Spec(format!("the twin has no camera `{id}`")))
    }

    /// Which package every pixel of a camera shows with the plate at rest at `angle_rad`: for scoring and data sets only.
    ///
    /// # Errors
    /// [`SimError::Spec`] for a camera that the twin does not have.
    pub fn package_map(&self, camera: &str, angle_rad: f64) -> Result<PackageMap, SimError> {
        let camera = self.camera(camera)?;
        PackageMap::draw(&self.scene()?, &camera.calibration, angle_rad)
    }
}

/// The adapter that a twin would render on.
///
/// # Errors
/// [`SimError::Environment`] where there is none, saying what to install.
pub fn adapter() -> Result<AdapterInfo, SimError> {
    crate::render::probe_adapter()
}

/// Texels a metre that the camera with the closest view can tell apart.
fn print_resolution(spec: &TwinSpec) -> f64 {
    let finest = spec.cameras.iter().map(|c| {
        let distance = (c.calibration.eye().length() - spec.plate.radius / 2.0).max(0.05);
        c.calibration.intrinsics.focal_px[0].max(c.calibration.intrinsics.focal_px[1]) / distance
    });
    (1.25 * finest.fold(0.0, f64::max)).clamp(PRINT_RESOLUTION.0, PRINT_RESOLUTION.1)
}

/// Refuses lamps and cameras that the settled load has around them.
fn check_places(spec: &TwinSpec, placements: &[Placement]) -> Result<(), SimError> {
    let lamps = spec.lamps.iter().map(|lamp| ("lamp", &lamp.name, lamp.position));
    let cameras = spec.cameras.iter().map(|camera| ("camera", &camera.id, camera.calibration.eye()));
    for (what, name, place) in lamps.chain(cameras) {
        let around = spec.packages.iter().zip(placements).position(|(package, placement)| {
            let inside = placement.plate_from_package().inverse().transform_point(place).abs();
            inside.cmplt(package.shape.half_extents()).all()
        });
        if let Some(package) = around {
            let package_name = spec.packages[package].name.clone();
            return Err(SimError::Inside { what, name: name.clone(), package, package_name });
        }
    }
    Ok(())
}

/// Refuses glass that is none, and what an opaque plate or the glass itself has around it or hides.
fn check_plate(spec: &TwinSpec) -> Result<(), SimError> {
    let refuse = |what: String| Err(SimError::Spec(what));
    if let Some(glass) = &spec.plate.glass {
        if !(glass.thickness > 0.0 && glass.thickness.is_finite() && (1.0..=4.0).contains(&glass.index)) {
            return refuse(format!("a glass plate {} m thick with the refractive index {}", glass.thickness, glass.index));
        }
        if !(glass.transmission > 0.0 && glass.transmission <= 1.0 && (0.0..=0.9).contains(&glass.dirt)) {
            return refuse(format!("a glass plate with a transmission of {} and {} of it dirty", glass.transmission, glass.dirt));
        }
    }
    let lamps = spec.lamps.iter().map(|lamp| (format!("lamp `{}`", lamp.name), lamp.position.z));
    let cameras = spec.cameras.iter().map(|camera| (format!("camera `{}`", camera.id), camera.calibration.eye().z));
    for (what, height) in lamps.chain(cameras) {
        match &spec.plate.glass {
            None if height <= 0.0 => return refuse(format!("{what} is below the plate, which is opaque")),
            Some(glass) if height <= 0.0 && height > -glass.thickness - LEAST_BELOW => {
                return refuse(format!("{what} is in the glass plate, or less than {} mm below it", LEAST_BELOW * 1e3));
            }
            _ => {}
        }
    }
    Ok(())
}

fn check(spec: &TwinSpec) -> Result<(), SimError> {
    let refuse = |what: String| Err(SimError::Spec(what));
    if spec.cameras.is_empty() {
        return refuse("there are no cameras".into());
    }
    if spec.patterns.is_empty() {
        return refuse("there are no light patterns".into());
    }
    if spec.lamps.len() > MAX_LAMPS {
        return refuse(format!("{} lamps; {MAX_LAMPS} can be rendered", spec.lamps.len()));
    }
    for (what, value) in [
        ("the turntable's resolution", spec.turntable.resolution_rad),
        ("the turntable's speed", spec.turntable.speed_rad_s),
        ("the turntable's acceleration", spec.turntable.acceleration_rad_s2),
        ("the plate's radius", spec.plate.radius),
        ("the rim's height", spec.plate.rim_height),
    ] {
        if !value.is_finite() || value <= 0.0 {
            return refuse(format!("{what} is {value}; a positive number is needed"));
        }
    }
    check_plate(spec)?;
    for camera in &spec.cameras {
        check_camera(camera)?;
        let shot = Shot::at_rest(camera.calibration, 0.0, vec![0.0; spec.lamps.len()]);
        shot.check(spec.lamps.len()).map_err(|e| SimError::Spec(format!("camera `{}`: {e}", camera.id)))?;
    }
    for lamp in &spec.lamps {
        let aim = (lamp.target - lamp.position).length();
        if !(aim.is_finite() && aim > 0.0 && lamp.intensity >= 0.0 && lamp.beam_half_angle > 0.0) {
            return refuse(format!(
                "lamp `{}`: position, target, intensity and beam must be proper numbers, apart from each other",
                lamp.name
            ));
        }
    }
    for PatternSpec { name, lamps } in &spec.patterns {
        for (lamp, share) in lamps {
            if *lamp >= spec.lamps.len() || !share.is_finite() || *share < 0.0 {
                return refuse(format!("pattern `{name}`: lamp {lamp} in share {share}; there are {} lamps", spec.lamps.len()));
            }
        }
    }
    Ok(())
}
