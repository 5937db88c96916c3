//! A recording as a rig: the same frames at the same places, without the hardware.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::recording::{CameraDescription, Recording};
use crate::{
    Calibration, Camera, CameraCapabilities, CameraSettings, Clock, Error, ErrorKind, Frame, FrameMeta, LightBank, LightCapabilities,
    LightSetting, PixelFormat, Result, Rig, SimulatedClock, Turntable, TurntableCapabilities,
};

/// How many of the things that there are an error message lists.
const LISTED: usize = 24;

/// Replays a recording as a [`Rig`].
///
/// A camera delivers the n-th recorded frame of the place it is triggered at the n-th time: this camera, turntable angle, light pattern, pixel
/// format and exposure. Pixels, completeness and calibration are the recorded ones. What was not recorded is refused with a list of what was.
///
/// **Capabilities** are what the recording holds: the formats and exposures that its frames have, the one gain it was set to, the patterns and
/// angles that occur. The intensity of the light is not recorded with each frame: any within the recorded bank's range is accepted.
///
/// **Time** is simulated. It starts with the first recorded exposure and jumps forward to the recorded start of exposure at every trigger, so that
/// a replay in the recorded order shows the recorded times; a frame asked for later than it was recorded is taken then. Sequence numbers count the
/// replay's own triggers, from 0. The record as it was stands in [`Recording::frames`].
#[derive(Debug, Clone)]
pub struct ReplayRig {
    recording: Arc<Recording>,
}

impl ReplayRig {
    /// Opens the recording in `dir` for replay.
    ///
    /// # Errors
    /// As [`Recording::open`].
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self> {
        Recording::open(dir).map(Self::new)
    }

    /// Replays an open recording.
    pub fn new(recording: impl Into<Arc<Recording>>) -> Self {
        Self { recording: recording.into() }
    }

    /// The recording behind it.
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// The turntable angles that were recorded, rising; radians.
    pub fn angles_rad(&self) -> Vec<f64> {
        recorded_angles(&self.recording)
    }

    /// Fresh devices, as after power-on: dark, not homed, no frame delivered yet.
    pub fn rig(&self) -> Rig {
        let recording = &self.recording;
        let start = recording.frames().iter().map(|f| f.meta.exposure.start).min().unwrap_or_default();
        let clock = Arc::new(SimulatedClock::new(start));
        let scene = SharedScene::default();
        let camera =
            |c: &CameraDescription| Box::new(ReplayCamera::new(recording.clone(), c, clock.clone(), scene.clone())) as Box<dyn Camera>;
        let turntable = recording.rig().turntable.clone().map(|capabilities| {
            let angles = recorded_angles(recording);
            Box::new(ReplayTurntable { capabilities, angles, scene: scene.clone() }) as Box<dyn Turntable>
        });
        Rig {
            cameras: recording.rig().cameras.iter().map(camera).collect(),
            lights: Box::new(ReplayLights { capabilities: recorded_lights(recording), current: None, scene: scene.clone() }),
            turntable,
            clock,
        }
    }
}

fn recorded_angles(recording: &Recording) -> Vec<f64> {
    let mut angles: Vec<f64> = recording.frames().iter().filter_map(|f| f.meta.turntable_angle_rad).map(positive_zero).collect();
    angles.sort_by(f64::total_cmp);
    angles.dedup();
    angles
}

/// The bank as described, with the patterns that occur. A recording in the dark keeps them all: a bank without patterns is none.
fn recorded_lights(recording: &Recording) -> LightCapabilities {
    let mut lights = recording.rig().lights.clone();
    let occurs = |pattern: &String| recording.frames().iter().any(|f| f.meta.light_pattern.as_ref() == Some(pattern));
    if lights.patterns.iter().any(occurs) {
        lights.patterns.retain(occurs);
    }
    lights
}

/// −0 and 0 are one angle.
fn positive_zero(angle: f64) -> f64 {
    angle + 0.0
}

fn list(things: impl IntoIterator<Item = String>) -> String {
    let things: Vec<_> = things.into_iter().collect();
    match things.len() {
        0 => "nothing".to_owned(),
        n if n > LISTED => format!("{} and {} more", things[..LISTED].join(", "), n - LISTED),
        _ => things.join(", "),
    }
}

/// Where the plate stands and what is lit, as the cameras see it.
#[derive(Debug, Default)]
struct Scene {
    angle_rad: Option<f64>,
    pattern: Option<String>,
}

type SharedScene = Arc<Mutex<Scene>>;

fn lock(scene: &SharedScene) -> MutexGuard<'_, Scene> {
    scene.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Everything that decides which frames a trigger can give.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Place {
    angle_bits: Option<u64>,
    pattern: Option<String>,
    format: PixelFormat,
    exposure: Duration,
}

impl Place {
    fn new(angle_rad: Option<f64>, pattern: Option<String>, format: PixelFormat, exposure: Duration) -> Self {
        Self { angle_bits: angle_rad.map(|a| positive_zero(a).to_bits()), pattern, format, exposure }
    }

    fn of(meta: &FrameMeta) -> Self {
        Self::new(meta.turntable_angle_rad, meta.light_pattern.clone(), meta.format, meta.exposure.duration)
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.angle_bits {
            Some(bits) => write!(f, "{} rad ", f64::from_bits(bits))?,
            None => f.write_str("no angle ")?,
        }
        match &self.pattern {
            Some(pattern) => write!(f, "under `{pattern}`")?,
            None => f.write_str("in the dark")?,
        }
        write!(f, " ({:?} {} bit, {:?})", self.format.layout, self.format.bits, self.exposure)
    }
}

struct ReplayCamera {
    recording: Arc<Recording>,
    capabilities: CameraCapabilities,
    calibration: Option<Calibration>,
    settings: CameraSettings,
    exposures: Vec<Duration>,
    /// Indices of the frames still to be delivered, in recorded order.
    waiting: HashMap<Place, VecDeque<usize>>,
    /// The places in the order of recording.
    places: Vec<Place>,
    triggered: Option<(usize, FrameMeta)>,
    sequence: u64,
    clock: Arc<SimulatedClock>,
    scene: SharedScene,
}

impl ReplayCamera {
    fn new(recording: Arc<Recording>, description: &CameraDescription, clock: Arc<SimulatedClock>, scene: SharedScene) -> Self {
        let CameraDescription { capabilities, settings, calibration } = description.clone();
        let mut waiting: HashMap<Place, VecDeque<usize>> = HashMap::new();
        let mut places = Vec::new();
        for (index, frame) in recording.frames().iter().enumerate().filter(|(_, f)| f.meta.camera == capabilities.id) {
            let place = Place::of(&frame.meta);
            let queue = waiting.entry(place.clone()).or_default();
            if queue.is_empty() {
                places.push(place);
            }
            queue.push_back(index);
        }
        let mut exposures: Vec<_> = places.iter().map(|p| p.exposure).collect();
        exposures.sort();
        exposures.dedup();
        let mut camera =
            Self { capabilities, calibration, settings, exposures, waiting, places, triggered: None, sequence: 0, clock, scene, recording };
        camera.offer_what_was_recorded();
        camera
    }

    fn offer_what_was_recorded(&mut self) {
        let Some(first) = self.places.first() else {
            // Nothing recorded: it can only be what it was, and every trigger will say so.
            self.exposures = vec![self.settings.exposure];
            self.capabilities.formats = vec![self.settings.format];
            self.capabilities.exposure = (self.settings.exposure, self.settings.exposure);
            self.capabilities.gain_db = (self.settings.gain_db, self.settings.gain_db);
            return;
        };
        let as_set = self.places.iter().any(|p| p.format == self.settings.format && p.exposure == self.settings.exposure);
        if !as_set {
            self.settings = CameraSettings { format: first.format, exposure: first.exposure, ..self.settings };
        }
        let (places, c) = (&self.places, &mut self.capabilities);
        c.formats.retain(|format| places.iter().any(|p| p.format == *format));
        c.exposure = (self.exposures[0], self.exposures[self.exposures.len() - 1]);
        c.gain_db = (self.settings.gain_db, self.settings.gain_db);
    }

    fn error(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        Error::new(self.capabilities.id.clone(), kind, message)
    }
}

impl Camera for ReplayCamera {
    fn capabilities(&self) -> &CameraCapabilities {
        &self.capabilities
    }

    fn calibration(&self) -> Option<&Calibration> {
        self.calibration.as_ref()
    }

    fn settings(&self) -> CameraSettings {
        self.settings
    }

    fn configure(&mut self, wanted: &CameraSettings) -> Result<CameraSettings> {
        let c = &self.capabilities;
        if !c.formats.contains(&wanted.format) {
            let there = list(c.formats.iter().map(|f| format!("{:?} {} bit", f.layout, f.bits)));
            let what = format!("{:?} {} bit was not recorded; there is {there}", wanted.format.layout, wanted.format.bits);
            return Err(self.error(ErrorKind::UnsupportedSetting, what));
        }
        if !(c.exposure.0..=c.exposure.1).contains(&wanted.exposure) {
            let there = list(self.exposures.iter().map(|e| format!("{e:?}")));
            return Err(self.error(ErrorKind::OutOfRange, format!("exposure {:?} was not recorded; there is {there}", wanted.exposure)));
        }
        if wanted.gain_db.is_nan() || (wanted.gain_db - self.settings.gain_db).abs() > 1e-9 {
            let what = format!("gain {} dB was not recorded; there is {} dB", wanted.gain_db, self.settings.gain_db);
            return Err(self.error(ErrorKind::OutOfRange, what));
        }
        let nearest = self.exposures.iter().min_by_key(|e| e.abs_diff(wanted.exposure)).copied();
        self.settings.format = wanted.format;
        self.settings.exposure = nearest.unwrap_or(self.settings.exposure);
        Ok(self.settings)
    }

    fn trigger(&mut self) -> Result<()> {
        if self.triggered.is_some() {
            return Err(self.error(ErrorKind::WrongState, "triggered again before its frame was fetched"));
        }
        let place = {
            let scene = lock(&self.scene);
            Place::new(scene.angle_rad, scene.pattern.clone(), self.settings.format, self.settings.exposure)
        };
        let Some(index) = self.waiting.get_mut(&place).and_then(VecDeque::pop_front) else {
            let what = match self.places.contains(&place) {
                true => format!("all frames recorded at {place} have been delivered"),
                false => format!("nothing was recorded at {place}; there is {}", list(self.places.iter().map(Place::to_string))),
            };
            return Err(self.error(ErrorKind::OutOfRange, what));
        };
        let mut meta = self.recording.frames()[index].meta.clone();
        let readout = meta.timestamp.since(meta.exposure.start.plus(meta.exposure.duration));
        let start = self.clock.now().max(meta.exposure.start);
        let exposed = start.plus(meta.exposure.duration);
        self.clock.sleep(exposed.since(self.clock.now()));
        meta.sequence = self.sequence;
        meta.exposure.start = start;
        meta.timestamp = exposed.plus(readout);
        self.sequence += 1;
        self.triggered = Some((index, meta));
        Ok(())
    }

    fn fetch(&mut self, timeout: Duration) -> Result<Frame> {
        let Some((index, meta)) = self.triggered.take() else {
            return Err(self.error(ErrorKind::WrongState, "fetched without a trigger"));
        };
        let wait = meta.timestamp.since(self.clock.now());
        self.clock.sleep(wait.min(timeout));
        if wait > timeout {
            return Err(self.error(ErrorKind::Timeout, format!("frame {} took {wait:?} more, given were {timeout:?}", meta.sequence)));
        }
        let (_, samples) = self.recording.load(&self.recording.frames()[index])?.into_parts();
        Frame::new(meta, samples)
    }
}

struct ReplayLights {
    capabilities: LightCapabilities,
    current: Option<LightSetting>,
    scene: SharedScene,
}

impl LightBank for ReplayLights {
    fn capabilities(&self) -> &LightCapabilities {
        &self.capabilities
    }

    fn current(&self) -> Option<&LightSetting> {
        self.current.as_ref()
    }

    fn apply(&mut self, setting: &LightSetting) -> Result<LightSetting> {
        let c = &self.capabilities;
        if !c.patterns.contains(&setting.pattern) {
            let there = list(c.patterns.iter().map(|p| format!("`{p}`")));
            let what = format!("the pattern `{}` was not recorded; there is {there}", setting.pattern);
            return Err(Error::new(c.id.clone(), ErrorKind::UnsupportedSetting, what));
        }
        if !(c.intensity.0..=c.intensity.1).contains(&setting.intensity) {
            let what = format!("intensity {} lies outside {} to {}", setting.intensity, c.intensity.0, c.intensity.1);
            return Err(Error::new(c.id.clone(), ErrorKind::OutOfRange, what));
        }
        lock(&self.scene).pattern = Some(setting.pattern.clone());
        Ok(self.current.insert(setting.clone()).clone())
    }

    fn off(&mut self) -> Result<()> {
        lock(&self.scene).pattern = None;
        self.current = None;
        Ok(())
    }
}

struct ReplayTurntable {
    capabilities: TurntableCapabilities,
    angles: Vec<f64>,
    scene: SharedScene,
}

impl ReplayTurntable {
    /// The recorded angle that a plate sent to `wanted` can have reached.
    fn recorded(&self, wanted: f64) -> Option<f64> {
        let reach = self.capabilities.resolution_rad * (0.5 + 1e-9);
        let nearest = self.angles.iter().copied().min_by(|a, b| (a - wanted).abs().total_cmp(&(b - wanted).abs()));
        nearest.filter(|a| (a - wanted).abs() <= reach)
    }

    fn error(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        Error::new(self.capabilities.id.clone(), kind, message)
    }
}

impl Turntable for ReplayTurntable {
    fn capabilities(&self) -> &TurntableCapabilities {
        &self.capabilities
    }

    fn home(&mut self) -> Result<()> {
        lock(&self.scene).angle_rad = Some(self.recorded(0.0).unwrap_or(0.0));
        Ok(())
    }

    fn angle_rad(&self) -> Option<f64> {
        lock(&self.scene).angle_rad
    }

    fn move_to(&mut self, angle_rad: f64) -> Result<f64> {
        if self.angle_rad().is_none() {
            return Err(self.error(ErrorKind::WrongState, "not homed"));
        }
        let Some(reached) = self.recorded(angle_rad) else {
            let there = list(self.angles.iter().map(|a| format!("{a} rad")));
            return Err(self.error(ErrorKind::OutOfRange, format!("the angle {angle_rad} rad was not recorded; there is {there}")));
        };
        lock(&self.scene).angle_rad = Some(reached);
        Ok(reached)
    }
}
