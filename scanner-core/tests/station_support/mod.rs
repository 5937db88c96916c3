//! A rig that follows a script. A frame is one row of bytes: the texts that the camera shows at the plate's angle, separated by line feeds; a text
//! that begins with '=' lies in the place of the one before it, and one that begins with '?' looks like a code and is not read.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hardware_hal::{
    Calibration, Camera, CameraCapabilities, CameraSettings, Clock, Error, ErrorKind, Exposure, Frame, FrameMeta, LightBank,
    LightCapabilities, LightSetting, PixelFormat, Result, Rig, Samples, SimulatedClock, Timestamp, Turntable, TurntableCapabilities,
};
use scanner_core::codes::{Symbology, role};
use scanner_core::station::Recogniser;
use scanner_core::vision::segment::{Answers, InstanceRule, instances};
use scanner_core::vision::{Evidence, FrameReading, Packages, Reading, Unread, UnreadReason};

/// What goes wrong.
#[derive(Debug, Clone, Copy)]
pub enum Fault {
    /// Fetching fails this many times.
    Fetch(ErrorKind, u32),
    /// The frame is incomplete this many times.
    Incomplete(u32),
    /// Move number n fails this many times.
    Move(u32, ErrorKind, u32),
    /// Switching number n fails this many times.
    Light(u32, ErrorKind, u32),
}

/// What the cameras show, and what goes wrong.
#[derive(Debug, Default)]
pub struct Script {
    cameras: Vec<String>,
    shown: Vec<(String, f64, String)>,
    camera_faults: BTreeMap<(String, u64), Fault>,
    device_fault: Option<Fault>,
}

impl Script {
    pub fn new(cameras: &[&str]) -> Self {
        Self { cameras: cameras.iter().map(|c| (*c).to_owned()).collect(), ..Self::default() }
    }

    /// The camera shows a text while the plate stands at this angle.
    pub fn shows(mut self, camera: &str, angle: f64, text: &str) -> Self {
        self.shown.push((camera.into(), angle, text.into()));
        self
    }

    /// Something goes wrong with the camera's picture number `picture`, retries not counted.
    pub fn fault(mut self, camera: &str, picture: u64, fault: Fault) -> Self {
        self.camera_faults.insert((camera.into(), picture), fault);
        self
    }

    pub fn device_fault(mut self, fault: Fault) -> Self {
        self.device_fault = Some(fault);
        self
    }
}

#[derive(Debug)]
struct World {
    script: Script,
    angle: f64,
    pattern: Option<String>,
    /// How often the light was switched; each picture has its own light.
    switched: u64,
}

type Shared = Arc<Mutex<World>>;

struct FakeCamera {
    capabilities: CameraCapabilities,
    world: Shared,
    clock: Arc<SimulatedClock>,
    triggered: bool,
    sequence: u64,
    picture: u64,
    failed: u32,
    gone: bool,
}

fn failure(device: &str, kind: ErrorKind) -> Error {
    Error::new(device, kind, format!("scripted {kind:?}"))
}

impl Camera for FakeCamera {
    fn capabilities(&self) -> &CameraCapabilities {
        &self.capabilities
    }

    fn calibration(&self) -> Option<&Calibration> {
        None
    }

    fn settings(&self) -> CameraSettings {
        CameraSettings { format: PixelFormat::MONO8, exposure: Duration::from_secs(1), gain_db: 0.0 }
    }

    fn configure(&mut self, _settings: &CameraSettings) -> Result<CameraSettings> {
        Ok(self.settings())
    }

    fn trigger(&mut self) -> Result<()> {
        let id = &self.capabilities.id;
        if self.gone {
            return Err(failure(id, ErrorKind::Disconnected));
        }
        if self.triggered {
            return Err(failure(id, ErrorKind::WrongState));
        }
        self.clock.sleep(Duration::from_secs(1));
        self.triggered = true;
        self.sequence += 1;
        Ok(())
    }

    fn fetch(&mut self, _timeout: Duration) -> Result<Frame> {
        let id = self.capabilities.id.clone();
        if !self.triggered {
            return Err(failure(&id, ErrorKind::WrongState));
        }
        self.triggered = false;
        let world = self.world.lock().unwrap();
        let mut complete = true;
        if self.picture != world.switched.saturating_sub(1) {
            self.picture = world.switched.saturating_sub(1);
            self.failed = 0;
        }
        match world.script.camera_faults.get(&(id.clone(), self.picture)) {
            Some(Fault::Fetch(kind, times)) if self.failed < *times => {
                self.failed += 1;
                self.gone = *kind == ErrorKind::Disconnected;
                return Err(failure(&id, *kind));
            }
            Some(Fault::Incomplete(times)) if self.failed < *times => {
                self.failed += 1;
                complete = false;
            }
            _ => {}
        }
        let texts = world.script.shown.iter().filter(|(camera, angle, _)| *camera == id && *angle == world.angle);
        let mut bytes = texts.map(|(_, _, text)| text.as_str()).collect::<Vec<_>>().join("\n").into_bytes();
        bytes.resize(bytes.len().max(64), 0);
        let now = self.clock.now();
        let meta = FrameMeta {
            camera: id,
            sequence: self.sequence - 1,
            width: bytes.len() as u32,
            height: 1,
            format: PixelFormat::MONO8,
            timestamp: now,
            exposure: Exposure { start: now, duration: Duration::ZERO },
            calibration: None,
            turntable_angle_rad: Some(world.angle),
            light_pattern: world.pattern.clone(),
            complete,
        };
        Frame::new(meta, Samples::U8(bytes))
    }
}

struct FakeLights {
    capabilities: LightCapabilities,
    world: Shared,
    current: Option<LightSetting>,
    failed: u32,
}

impl LightBank for FakeLights {
    fn capabilities(&self) -> &LightCapabilities {
        &self.capabilities
    }

    fn current(&self) -> Option<&LightSetting> {
        self.current.as_ref()
    }

    fn apply(&mut self, setting: &LightSetting) -> Result<LightSetting> {
        let mut world = self.world.lock().unwrap();
        if let Some(Fault::Light(number, kind, times)) = world.script.device_fault
            && u64::from(number) == world.switched
            && self.failed < times
        {
            self.failed += 1;
            return Err(failure("lights", kind));
        }
        world.switched += 1;
        world.pattern = Some(setting.pattern.clone());
        self.current = Some(setting.clone());
        Ok(setting.clone())
    }

    fn off(&mut self) -> Result<()> {
        self.world.lock().unwrap().pattern = None;
        self.current = None;
        Ok(())
    }
}

struct FakeTurntable {
    capabilities: TurntableCapabilities,
    world: Shared,
    clock: Arc<SimulatedClock>,
    homed: bool,
    moves: u32,
    failed: u32,
}

impl Turntable for FakeTurntable {
    fn capabilities(&self) -> &TurntableCapabilities {
        &self.capabilities
    }

    fn home(&mut self) -> Result<()> {
        self.homed = true;
        self.world.lock().unwrap().angle = 0.0;
        Ok(())
    }

    fn angle_rad(&self) -> Option<f64> {
        self.homed.then(|| self.world.lock().unwrap().angle)
    }

    fn move_to(&mut self, angle_rad: f64) -> Result<f64> {
        let mut world = self.world.lock().unwrap();
        if !self.homed {
            return Err(failure("plate", ErrorKind::WrongState));
        }
        if let Some(Fault::Move(number, kind, times)) = world.script.device_fault
            && number == self.moves
            && self.failed < times
        {
            self.failed += 1;
            self.homed = false;
            return Err(failure("plate", kind));
        }
        self.moves += 1;
        self.clock.sleep(Duration::from_secs(1));
        world.angle = angle_rad;
        Ok(angle_rad)
    }
}

/// Patterns as light settings at nominal intensity.
pub fn lights(patterns: &[&str]) -> Vec<LightSetting> {
    patterns.iter().map(|p| LightSetting { pattern: (*p).to_owned(), intensity: 1.0 }).collect()
}

/// A rig that follows the script; its clock starts at the fixtures' time.
pub fn rig(script: Script) -> Rig {
    let clock = Arc::new(SimulatedClock::new(Timestamp(1_790_820_100_000_000_000)));
    let ids = script.cameras.clone();
    let world = Arc::new(Mutex::new(World { script, angle: 0.0, pattern: None, switched: 0 }));
    let camera = |id: String| -> Box<dyn Camera> {
        let capabilities = CameraCapabilities {
            id,
            size_px: [64, 1],
            formats: vec![PixelFormat::MONO8],
            exposure: (Duration::from_secs(1), Duration::from_secs(1)),
            gain_db: (0.0, 0.0),
        };
        let (world, clock) = (Arc::clone(&world), Arc::clone(&clock));
        Box::new(FakeCamera { capabilities, world, clock, triggered: false, sequence: 0, picture: 0, failed: 0, gone: false })
    };
    let patterns = vec!["dome".to_owned(), "ring".to_owned()];
    let light_capabilities = LightCapabilities { id: "lights".into(), patterns, intensity: (0.0, 1.0) };
    let turn_capabilities =
        TurntableCapabilities { id: "plate".into(), resolution_rad: 1e-6, max_speed_rad_s: 1.0, max_acceleration_rad_s2: 1.0 };
    Rig {
        cameras: ids.into_iter().map(camera).collect(),
        lights: Box::new(FakeLights { capabilities: light_capabilities, world: Arc::clone(&world), current: None, failed: 0 }),
        turntable: Some(Box::new(FakeTurntable {
            capabilities: turn_capabilities,
            world,
            clock: Arc::clone(&clock),
            homed: false,
            moves: 0,
            failed: 0,
        })),
        clock,
    }
}

/// Reads the bytes as texts.
#[derive(Debug)]
pub struct TextReader;

impl Recogniser for TextReader {
    fn scan(&self, frame: &Frame) -> FrameReading {
        let Samples::U8(bytes) = frame.samples() else { panic!("8 bit frames only") };
        let text = String::from_utf8_lossy(bytes);
        let (mut readings, mut unread) = (Vec::new(), Vec::new());
        let mut place = 0.0;
        let mut seen = None;
        for t in text.trim_end_matches('\0').split('\n').filter(|t| !t.is_empty()) {
            if let Some(packages) = t.strip_prefix('#') {
                seen = Some(side_by_side(packages));
                continue;
            }
            let (t, same_place) = t.strip_prefix('=').map_or((t, false), |t| (t, true));
            place += if same_place { 0.0 } else { 100.0 };
            let corners = [[place, 0.0], [place + 90.0, 0.0], [place + 90.0, 20.0], [place, 20.0]];
            if t.starts_with('?') {
                unread.push(Unread { corners, reason: UnreadReason::NothingDecoded });
                continue;
            }
            let symbology = if t.len() == 13 { Symbology::Ean13 } else { Symbology::Code128 };
            readings.push(Reading {
                text: t.to_owned(),
                symbology,
                role: role(t, symbology),
                corners,
                px_per_module: 2.0,
                evidence: Evidence { agreeing: 5, decoded: 5, tried: 5, margin: 5.0 },
            });
        }
        readings.sort_by(|a: &Reading, b| a.text.cmp(&b.text));
        FrameReading { readings, unread, packages: seen, ..FrameReading::default() }
    }
}

/// Packages, one for each letter: `c` with a code on it, `b` without.
fn side_by_side(letters: &str) -> Packages {
    let (rows, columns) = (3, 4 * letters.len());
    let mut data = vec![0.0; 4 * rows * columns];
    for package in 0..letters.len() {
        for row in 0..3 {
            for column in 0..3 {
                let i = row * columns + 4 * package + column;
                data[i] = 1.0;
                data[2 * rows * columns + i] = (1.0 - column as f32) / 8.0;
                data[3 * rows * columns + i] = (1.0 - row as f32) / 8.0;
            }
        }
        data[rows * columns + columns + 4 * package + 1] = 1.0;
    }
    let mut packages = instances(&Answers { rows, columns, data: &data }, &InstanceRule::default());
    assert_eq!(packages.seen.len(), letters.len());
    for (seen, letter) in packages.seen.iter_mut().zip(letters.chars()) {
        seen.codes.extend((letter == 'c').then(|| "a code".to_owned()));
    }
    packages
}
