//! Devices that fail on purpose.

mod plan;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::Rng;

pub use plan::{Fault, FaultPlan, ScriptedFault};

use crate::{
    Calibration, Camera, CameraCapabilities, CameraSettings, Clock, Error, ErrorKind, Frame, LightBank, LightCapabilities, LightSetting,
    Result, Rig, Samples, Turntable, TurntableCapabilities,
};

/// How long a device takes not to answer a call that has no timeout of its own.
const NO_ANSWER: Duration = Duration::from_secs(1);
/// How many steps a plate can miss its angle by.
const MISSED_STEPS: u32 = 20;

/// A device with faults: wraps any [`Camera`], [`LightBank`] or [`Turntable`] and lets calls fail as its [`FaultPlan`] says, always within the
/// device's contract. Without faults it is the device itself.
///
/// The same seed, device name and calls give the same faults.
pub struct Faulty<D> {
    inner: D,
    device: String,
    dice: plan::Dice,
    clock: Arc<dyn Clock>,
    gone: bool,
    /// A turntable that does not know where it stands.
    lost: bool,
}

impl<C: Camera> Faulty<C> {
    /// A camera with faults; `clock` is the rig's.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`] if a rate of the plan is not a probability.
    pub fn camera(inner: C, plan: FaultPlan, seed: u64, clock: Arc<dyn Clock>) -> Result<Self> {
        let device = inner.capabilities().id.clone();
        Self::new(inner, device, plan, seed, clock)
    }
}

impl<L: LightBank> Faulty<L> {
    /// Lights with faults; `clock` is the rig's.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`] if a rate of the plan is not a probability.
    pub fn lights(inner: L, plan: FaultPlan, seed: u64, clock: Arc<dyn Clock>) -> Result<Self> {
        let device = inner.capabilities().id.clone();
        Self::new(inner, device, plan, seed, clock)
    }
}

impl<T: Turntable> Faulty<T> {
    /// A turntable with faults; `clock` is the rig's.
    ///
    /// # Errors
    /// [`ErrorKind::OutOfRange`] if a rate of the plan is not a probability.
    pub fn turntable(inner: T, plan: FaultPlan, seed: u64, clock: Arc<dyn Clock>) -> Result<Self> {
        let device = inner.capabilities().id.clone();
        Self::new(inner, device, plan, seed, clock)
    }
}

/// The rig with faults in the devices that `plans` names.
///
/// # Errors
/// [`ErrorKind::UnsupportedSetting`] for a plan whose device the rig does not have; [`ErrorKind::OutOfRange`] if a rate is not a probability.
pub fn faulty_rig(rig: Rig, mut plans: BTreeMap<String, FaultPlan>, seed: u64) -> Result<Rig> {
    let Rig { cameras, lights, turntable, clock } = rig;
    let mut ids: Vec<String> = cameras.iter().map(|c| c.capabilities().id.clone()).collect();
    ids.push(lights.capabilities().id.clone());
    ids.extend(turntable.as_ref().map(|t| t.capabilities().id.clone()));
    if let Some(unknown) = plans.keys().find(|name| !ids.contains(name)) {
        let what = format!("the rig has no device of this name to give faults to; it has {}", ids.join(", "));
        return Err(Error::new(unknown.clone(), ErrorKind::UnsupportedSetting, what));
    }
    let mut with_faults = Vec::with_capacity(cameras.len());
    for camera in cameras {
        with_faults.push(match plans.remove(&camera.capabilities().id) {
            Some(plan) => Box::new(Faulty::camera(camera, plan, seed, clock.clone())?) as Box<dyn Camera>,
            None => camera,
        });
    }
    let lights = match plans.remove(&lights.capabilities().id) {
        Some(plan) => Box::new(Faulty::lights(lights, plan, seed, clock.clone())?),
        None => lights,
    };
    let turntable = match turntable {
        Some(turntable) => Some(match plans.remove(&turntable.capabilities().id) {
            Some(plan) => Box::new(Faulty::turntable(turntable, plan, seed, clock.clone())?) as Box<dyn Turntable>,
            None => turntable,
        }),
        None => None,
    };
    Ok(Rig { cameras: with_faults, lights, turntable, clock })
}

impl<D> Faulty<D> {
    fn new(inner: D, device: String, plan: FaultPlan, seed: u64, clock: Arc<dyn Clock>) -> Result<Self> {
        let dice = plan::Dice::new(&device, plan, seed)?;
        Ok(Self { inner, device, dice, clock, gone: false, lost: false })
    }

    /// The device behind the faults.
    pub fn inner(&self) -> &D {
        &self.inner
    }

    fn error(&self, kind: ErrorKind, message: impl Into<String>) -> Error {
        Error::new(self.device.clone(), kind, message)
    }

    /// What happens at a call, which is not made any more when the device is gone.
    fn roll(&mut self, possible: &[Fault]) -> Result<Option<(Fault, ChaCha8Rng)>> {
        if !self.gone {
            match self.dice.roll(possible) {
                Some((Fault::Disconnect, _)) => self.gone = true,
                other => return Ok(other),
            }
        }
        Err(self.error(ErrorKind::Disconnected, "the connection is lost (injected fault)"))
    }

    /// A call that has not been made when it fails: refused, or not answered.
    fn roll_setting(&mut self, possible: &[Fault]) -> Result<()> {
        match self.roll(possible)? {
            None => Ok(()),
            Some((Fault::SettingRefused, _)) => Err(self.error(ErrorKind::UnsupportedSetting, "refused the setting (injected fault)")),
            Some(_) => {
                self.clock.sleep(NO_ANSWER);
                Err(self.error(ErrorKind::Timeout, format!("no answer within {NO_ANSWER:?} (injected fault)")))
            }
        }
    }
}

impl<C: Camera> Camera for Faulty<C> {
    fn capabilities(&self) -> &CameraCapabilities {
        self.inner.capabilities()
    }

    fn calibration(&self) -> Option<&Calibration> {
        self.inner.calibration()
    }

    fn settings(&self) -> CameraSettings {
        self.inner.settings()
    }

    fn configure(&mut self, settings: &CameraSettings) -> Result<CameraSettings> {
        self.roll_setting(&[Fault::Disconnect, Fault::Timeout, Fault::SettingRefused])?;
        self.inner.configure(settings)
    }

    fn trigger(&mut self) -> Result<()> {
        self.roll(&[Fault::Disconnect])?;
        self.inner.trigger()
    }

    fn fetch(&mut self, timeout: Duration) -> Result<Frame> {
        let fault = self.roll(&[Fault::Disconnect, Fault::Timeout, Fault::LostFrame, Fault::IncompleteFrame])?;
        let called = self.clock.now();
        // The frame is fetched in any case, so that the trigger is spent and the sequence goes on.
        let frame = self.inner.fetch(timeout)?;
        let sequence = frame.meta().sequence;
        match fault {
            None => Ok(frame),
            Some((Fault::LostFrame, _)) => Err(self.error(ErrorKind::LostData, format!("frame {sequence} was lost (injected fault)"))),
            Some((Fault::IncompleteFrame, random)) => without_lines(frame, random),
            Some(_) => {
                self.clock.sleep(timeout.saturating_sub(self.clock.now().since(called)));
                Err(self.error(ErrorKind::Timeout, format!("no frame within {timeout:?} (injected fault)")))
            }
        }
    }
}

/// The frame as it is when packets in a row went missing: at least one line is zero.
fn without_lines(frame: Frame, mut random: ChaCha8Rng) -> Result<Frame> {
    let (mut meta, mut samples) = frame.into_parts();
    let mut below = |n: u32| random.next_u32() % n;
    let first = below(meta.height);
    let count = 1 + below(meta.height - first);
    let line = meta.width as usize * meta.format.layout.samples();
    let missing = first as usize * line..(first + count) as usize * line;
    match &mut samples {
        Samples::U8(samples) => samples[missing].fill(0),
        Samples::U16(samples) => samples[missing].fill(0),
    }
    meta.complete = false;
    Frame::new(meta, samples)
}

impl<L: LightBank> LightBank for Faulty<L> {
    fn capabilities(&self) -> &LightCapabilities {
        self.inner.capabilities()
    }

    fn current(&self) -> Option<&LightSetting> {
        self.inner.current()
    }

    fn apply(&mut self, setting: &LightSetting) -> Result<LightSetting> {
        self.roll_setting(&[Fault::Disconnect, Fault::Timeout, Fault::SettingRefused])?;
        self.inner.apply(setting)
    }

    fn off(&mut self) -> Result<()> {
        self.roll_setting(&[Fault::Disconnect, Fault::Timeout])?;
        self.inner.off()
    }
}

impl<T: Turntable> Faulty<T> {
    fn lose(&mut self, kind: ErrorKind, message: String) -> Error {
        self.lost = true;
        self.error(kind, message)
    }

    fn no_answer(&mut self) -> Error {
        self.clock.sleep(NO_ANSWER);
        self.lose(ErrorKind::Timeout, format!("no answer within {NO_ANSWER:?} (injected fault)"))
    }
}

impl<T: Turntable> Turntable for Faulty<T> {
    fn capabilities(&self) -> &TurntableCapabilities {
        self.inner.capabilities()
    }

    fn home(&mut self) -> Result<()> {
        let fault = self.roll(&[Fault::Disconnect, Fault::Timeout, Fault::FailedMove])?;
        if let Some((Fault::FailedMove, _)) = fault {
            return Err(self.lose(ErrorKind::Motion, "the drive stalled while homing (injected fault)".to_owned()));
        }
        self.inner.home()?;
        if fault.is_some() {
            return Err(self.no_answer());
        }
        self.lost = false;
        Ok(())
    }

    fn angle_rad(&self) -> Option<f64> {
        if self.gone || self.lost { None } else { self.inner.angle_rad() }
    }

    fn move_to(&mut self, angle_rad: f64) -> Result<f64> {
        let fault = self.roll(&[Fault::Disconnect, Fault::Timeout, Fault::MissedAngle, Fault::FailedMove])?;
        if self.lost {
            return Err(self.error(ErrorKind::WrongState, "the last move failed; home first"));
        }
        let Some((fault, mut random)) = fault.filter(|_| angle_rad.is_finite() && self.inner.angle_rad().is_some()) else {
            return self.inner.move_to(angle_rad);
        };
        match fault {
            Fault::MissedAngle => {
                let steps = f64::from(1 + random.next_u32() % MISSED_STEPS) * if random.next_u32() % 2 == 0 { 1.0 } else { -1.0 };
                let missed = angle_rad + steps * self.inner.capabilities().resolution_rad;
                // Where the plate really ends is the device's affair (a recording may have nothing there); nobody will be told.
                let _ = self.inner.move_to(missed);
                Err(self.lose(ErrorKind::Motion, format!("stopped at {missed} rad instead of {angle_rad} rad (injected fault)")))
            }
            Fault::FailedMove => {
                Err(self.lose(ErrorKind::Motion, format!("the drive stalled on the way to {angle_rad} rad (injected fault)")))
            }
            _ => {
                self.inner.move_to(angle_rad)?;
                Err(self.no_answer())
            }
        }
    }
}
