//! Devices for tests that keep the contracts, each with a switch that breaks one clause.
#![allow(dead_code)] // every test binary uses its own part

use std::sync::{Arc, Mutex};
use std::time::Duration;

use hardware_hal::conformance::Clause;
use hardware_hal::{
    Calibration, Camera, CameraCapabilities, CameraSettings, Clock, Error, ErrorKind, Exposure, Frame, FrameMeta, Intrinsics, LightBank,
    LightCapabilities, LightSetting, PixelFormat, PixelLayout, Pose, Result, Rig, Samples, SimulatedClock, Timestamp, Turntable,
    TurntableCapabilities,
};

pub const TIMEOUT: Duration = Duration::from_secs(1);
/// From the end of exposure to the frame in memory.
pub const READOUT: Duration = Duration::from_millis(20);

/// What all devices of a rig can see of each other.
#[derive(Debug, Default, Clone)]
pub struct Scene {
    pub angle_rad: Option<f64>,
    pub pattern: Option<String>,
}

pub type SharedScene = Arc<Mutex<Scene>>;

pub fn clock() -> Arc<SimulatedClock> {
    Arc::new(SimulatedClock::new(Timestamp(1_700_000_000_000_000_000)))
}

fn error<T>(device: &str, kind: ErrorKind, message: &str) -> Result<T> {
    Err(Error::new(device, kind, message))
}

/// A camera of 6×4 px whose grey values count up, different in every frame.
pub struct FakeCamera {
    pub flaw: Option<Clause>,
    pub capabilities: CameraCapabilities,
    pub calibration: Option<Calibration>,
    pub settings: CameraSettings,
    pub clock: Arc<dyn Clock>,
    pub scene: SharedScene,
    pub triggered: Option<FrameMeta>,
    pub last: Option<FrameMeta>,
    pub sequence: u64,
    pub gone: bool,
}

impl FakeCamera {
    pub fn new(id: &str, clock: Arc<dyn Clock>, scene: SharedScene) -> Self {
        let formats = vec![
            PixelFormat::MONO8,
            PixelFormat::MONO12,
            PixelFormat { layout: PixelLayout::Rgb, bits: 8 },
            PixelFormat { layout: PixelLayout::BayerRggb, bits: 10 },
        ];
        Self {
            flaw: None,
            capabilities: CameraCapabilities {
                id: id.to_owned(),
                size_px: [6, 4],
                formats,
                exposure: (Duration::from_micros(20), Duration::from_secs(1)),
                gain_db: (0.0, 24.0),
            },
            calibration: Some(Calibration { intrinsics: Intrinsics::pinhole(6, 4, 10.0), camera_from_rig: Pose::IDENTITY }),
            settings: CameraSettings { format: PixelFormat::MONO8, exposure: Duration::from_millis(5), gain_db: 3.0 },
            clock,
            scene,
            triggered: None,
            last: None,
            sequence: 0,
            gone: false,
        }
    }

    pub fn broken(flaw: Clause, clock: Arc<dyn Clock>) -> Self {
        let mut camera = Self::new("fake", clock, SharedScene::default());
        camera.flaw = Some(flaw);
        match flaw {
            Clause::CameraCapabilities => camera.capabilities.formats.clear(),
            Clause::CameraSettingsInRange => camera.settings.gain_db = 30.0,
            _ => {}
        }
        camera
    }

    fn has(&self, flaw: Clause) -> bool {
        self.flaw == Some(flaw)
    }

    fn fail<T>(&self, kind: ErrorKind, message: &str) -> Result<T> {
        error(&self.capabilities.id, kind, message)
    }

    fn samples(&self, meta: &FrameMeta) -> Samples {
        let count = meta.width as usize * meta.height as usize * meta.format.layout.samples();
        let step = u64::from(meta.format.full_scale()) / 7;
        let values = (0..count as u64).map(|i| (i * step + 13 * meta.sequence + 1) % (u64::from(meta.format.full_scale()) + 1));
        match meta.format.bits {
            8 => Samples::U8(values.map(|v| v as u8).collect()),
            _ => Samples::U16(values.map(|v| v as u16).collect()),
        }
    }
}

impl Camera for FakeCamera {
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
        if self.gone {
            return self.fail(ErrorKind::Disconnected, "gone");
        }
        if !self.capabilities.formats.contains(&wanted.format) && !self.has(Clause::CameraRefusesFormat) {
            if self.has(Clause::CameraRefusalKeepsSettings) {
                self.settings.exposure = wanted.exposure;
            }
            return self.fail(ErrorKind::UnsupportedSetting, "no such format");
        }
        let (exposure, gain) = (self.capabilities.exposure, self.capabilities.gain_db);
        let outside = !(exposure.0..=exposure.1).contains(&wanted.exposure) || !(gain.0..=gain.1).contains(&wanted.gain_db);
        if outside {
            let kind = if self.has(Clause::CameraRefusesOutOfRange) { ErrorKind::UnsupportedSetting } else { ErrorKind::OutOfRange };
            return self.fail(kind, "out of range");
        }
        // The gain has steps of 0.1 dB.
        let mut applied = CameraSettings { gain_db: (wanted.gain_db * 10.0).round() / 10.0, ..*wanted };
        if self.has(Clause::CameraConfigureNearest) {
            applied.exposure = exposure.0;
        }
        if !self.has(Clause::CameraConfigureApplies) {
            self.settings = applied;
        }
        Ok(applied)
    }

    fn trigger(&mut self) -> Result<()> {
        if self.gone {
            return self.fail(ErrorKind::Disconnected, "gone");
        }
        let counts_refused = self.has(Clause::CameraRefusedTriggerChangesNothing);
        if !self.has(Clause::CameraDoubleTrigger)
            && let Some(triggered) = &mut self.triggered
        {
            if counts_refused {
                self.sequence += 1;
                triggered.sequence += 1;
            }
            return self.fail(ErrorKind::WrongState, "triggered already");
        }
        let scene = self.scene.lock().unwrap().clone();
        let start = self.clock.now();
        self.clock.sleep(self.settings.exposure);
        let meta = FrameMeta {
            camera: if self.has(Clause::CameraFrameFits) { "another".to_owned() } else { self.capabilities.id.clone() },
            sequence: self.sequence,
            width: self.capabilities.size_px[0],
            height: self.capabilities.size_px[1],
            format: self.settings.format,
            timestamp: start.plus(self.settings.exposure).plus(READOUT),
            exposure: Exposure { start, duration: self.settings.exposure },
            calibration: self.calibration,
            turntable_angle_rad: scene.angle_rad,
            light_pattern: scene.pattern,
            complete: !self.has(Clause::CameraDelivers),
        };
        self.sequence += if self.has(Clause::CameraSequence) { 2 } else { 1 };
        self.triggered = Some(meta);
        Ok(())
    }

    fn fetch(&mut self, timeout: Duration) -> Result<Frame> {
        if self.gone {
            if self.has(Clause::CameraStaysDisconnected) {
                self.gone = false;
                return self.fail(ErrorKind::Timeout, "back soon");
            }
            return self.fail(ErrorKind::Disconnected, "gone");
        }
        let Some(mut meta) = self.triggered.take() else {
            let fetched_before = self.last.is_some();
            if fetched_before && self.has(Clause::CameraFetchSpendsTrigger) || !fetched_before && self.has(Clause::CameraFetchNeedsTrigger)
            {
                return self.fail(ErrorKind::Timeout, "nothing came");
            }
            return self.fail(ErrorKind::WrongState, "nothing triggered");
        };
        let wait = meta.timestamp.since(self.clock.now());
        if wait > timeout {
            self.clock.sleep(timeout);
            if self.has(Clause::CameraTimeoutSpendsTrigger) {
                self.triggered = Some(meta);
            } else if self.has(Clause::CameraTimeoutHolds) {
                self.clock.sleep(Duration::from_secs(5));
            }
            return self.fail(ErrorKind::Timeout, "not there in time");
        }
        self.clock.sleep(wait);
        if self.has(Clause::CameraTimestamps) {
            meta.timestamp = meta.exposure.start;
        }
        if self.has(Clause::CameraTriggerCoversExposure) {
            meta.exposure.start = meta.exposure.start.plus(Duration::from_millis(1));
        }
        if self.has(Clause::CameraFreshFrame)
            && let Some(last) = self.last.replace(meta.clone())
        {
            // The buffer was never swapped: the picture of the last trigger under a new number.
            meta = FrameMeta { sequence: meta.sequence, ..last };
        }
        self.last = Some(meta.clone());
        let samples = self.samples(&meta);
        Frame::new(meta, samples)
    }
}

/// Two patterns, intensity in steps of 1 %.
pub struct FakeLights {
    pub flaw: Option<Clause>,
    pub capabilities: LightCapabilities,
    pub current: Option<LightSetting>,
    pub scene: SharedScene,
    pub gone: bool,
}

impl FakeLights {
    pub fn new(scene: SharedScene) -> Self {
        let capabilities =
            LightCapabilities { id: "lights".into(), patterns: vec!["ring".into(), "bar-left".into()], intensity: (0.1, 1.0) };
        Self { flaw: None, capabilities, current: None, scene, gone: false }
    }

    pub fn broken(flaw: Clause) -> Self {
        let mut lights = Self { flaw: Some(flaw), ..Self::new(SharedScene::default()) };
        if flaw == Clause::LightCapabilities {
            lights.capabilities.patterns.push("ring".into());
        }
        lights
    }

    fn has(&self, flaw: Clause) -> bool {
        self.flaw == Some(flaw)
    }

    fn show(&mut self, setting: Option<LightSetting>) {
        self.scene.lock().unwrap().pattern = setting.as_ref().map(|s| s.pattern.clone());
        self.current = setting;
    }
}

impl LightBank for FakeLights {
    fn capabilities(&self) -> &LightCapabilities {
        &self.capabilities
    }

    fn current(&self) -> Option<&LightSetting> {
        self.current.as_ref()
    }

    fn apply(&mut self, setting: &LightSetting) -> Result<LightSetting> {
        if self.gone && !self.has(Clause::LightStaysDisconnected) {
            return error("lights", ErrorKind::Disconnected, "gone");
        }
        if !self.capabilities.patterns.contains(&setting.pattern) {
            if self.has(Clause::LightRefusesPattern) {
                return Ok(setting.clone());
            }
            if self.has(Clause::LightRefusalKeepsLight) {
                self.show(None);
            }
            return error("lights", ErrorKind::UnsupportedSetting, "no such pattern");
        }
        let (low, high) = self.capabilities.intensity;
        if !(low..=high).contains(&setting.intensity) && !self.has(Clause::LightRefusesIntensity) {
            return error("lights", ErrorKind::OutOfRange, "intensity out of range");
        }
        let step = if self.has(Clause::LightNearest) { 0.4 } else { 0.01 };
        let applied = LightSetting { intensity: (setting.intensity / step).round() * step, ..setting.clone() };
        self.show(Some(applied.clone()));
        // The last pattern of the list only: all patterns have to be tried.
        if self.has(Clause::LightApplies) && setting.pattern == "bar-left" {
            self.show(Some(LightSetting { pattern: "ring".into(), ..applied.clone() }));
        }
        Ok(applied)
    }

    fn off(&mut self) -> Result<()> {
        if self.gone {
            return error("lights", ErrorKind::Disconnected, "gone");
        }
        if !self.has(Clause::LightOff) {
            self.show(None);
        }
        Ok(())
    }
}

/// A plate with steps of 0.1 mrad.
pub struct FakeTurntable {
    pub flaw: Option<Clause>,
    pub capabilities: TurntableCapabilities,
    pub angle: Option<f64>,
    pub scene: SharedScene,
    pub gone: bool,
}

impl FakeTurntable {
    pub fn new(scene: SharedScene) -> Self {
        let capabilities =
            TurntableCapabilities { id: "plate".into(), resolution_rad: 1e-4, max_speed_rad_s: 2.0, max_acceleration_rad_s2: 5.0 };
        Self { flaw: None, capabilities, angle: None, scene, gone: false }
    }

    pub fn broken(flaw: Clause) -> Self {
        let mut turntable = Self { flaw: Some(flaw), ..Self::new(SharedScene::default()) };
        match flaw {
            Clause::TurntableCapabilities => turntable.capabilities.resolution_rad = 0.0,
            Clause::TurntableUnknownBeforeHome => turntable.angle = Some(0.0),
            _ => {}
        }
        turntable
    }

    fn has(&self, flaw: Clause) -> bool {
        self.flaw == Some(flaw)
    }

    fn stand(&mut self, angle: Option<f64>) {
        self.angle = angle;
        self.scene.lock().unwrap().angle_rad = angle;
    }

    /// As a driver does whose drive has stalled.
    pub fn fail_a_move(&mut self) {
        if !self.has(Clause::TurntableFailedMove) {
            self.stand(None);
        }
    }
}

impl Turntable for FakeTurntable {
    fn capabilities(&self) -> &TurntableCapabilities {
        &self.capabilities
    }

    fn home(&mut self) -> Result<()> {
        if self.gone {
            return error("plate", ErrorKind::Disconnected, "gone");
        }
        self.stand(Some(if self.has(Clause::TurntableHomes) { 0.3 } else { 0.0 }));
        Ok(())
    }

    fn angle_rad(&self) -> Option<f64> {
        if self.gone && !self.has(Clause::TurntableStaysDisconnected) { None } else { self.angle }
    }

    fn move_to(&mut self, angle_rad: f64) -> Result<f64> {
        if self.gone {
            return error("plate", ErrorKind::Disconnected, "gone");
        }
        if self.angle.is_none() && !self.has(Clause::TurntableMoveNeedsHome) {
            return error("plate", ErrorKind::WrongState, "not homed");
        }
        if !angle_rad.is_finite() {
            if self.has(Clause::TurntableRefusalKeepsAngle) {
                self.stand(Some(0.5));
            }
            let kind = if self.has(Clause::TurntableRefusesNonFinite) { ErrorKind::Malformed } else { ErrorKind::OutOfRange };
            return error("plate", kind, "not an angle");
        }
        let step = self.capabilities.resolution_rad;
        let mut reached = (angle_rad / step).round() * step;
        if self.has(Clause::TurntableReaches) {
            reached = reached.rem_euclid(std::f64::consts::TAU);
        }
        let told = if self.has(Clause::TurntableTellsAngle) { angle_rad + 0.5 * step } else { reached };
        self.stand(Some(told));
        Ok(reached)
    }
}

/// A clock that breaks what it is told to.
pub struct BrokenClock {
    pub flaw: Clause,
    pub inner: SimulatedClock,
    pub calls: Mutex<u64>,
}

impl Clock for BrokenClock {
    fn now(&self) -> Timestamp {
        let mut calls = self.calls.lock().unwrap();
        *calls += 1;
        let now = self.inner.now();
        if self.flaw == Clause::ClockNeverGoesBack && *calls == 500 { Timestamp(now.0 - 1) } else { now }
    }

    fn sleep(&self, duration: Duration) {
        let short = if self.flaw == Clause::ClockSleepPasses { Duration::from_nanos(1) } else { Duration::ZERO };
        self.inner.sleep(duration.saturating_sub(short));
    }
}

/// A rig of two cameras, lights and a turntable that see the same scene, on simulated time.
pub fn rig() -> Rig {
    let (clock, scene) = (clock(), SharedScene::default());
    let camera = |id: &str| Box::new(FakeCamera::new(id, clock.clone(), scene.clone())) as Box<dyn Camera>;
    Rig {
        cameras: vec![camera("top"), camera("side")],
        lights: Box::new(FakeLights::new(scene.clone())),
        turntable: Some(Box::new(FakeTurntable::new(scene.clone()))),
        clock: clock.clone(),
    }
}
