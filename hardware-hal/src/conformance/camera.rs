//! The camera's contract.

use std::time::Duration;

use super::{Clause, Judge, Outcome, close, ordered};
use crate::{Camera, CameraSettings, Clock, ErrorKind, Frame, PixelFormat, PixelLayout, Samples, Timestamp};

/// Rounding that an exposure may suffer on the way to the device and back.
const EXPOSURE_ROUNDING: Duration = Duration::from_micros(1);
/// What a scheduler may add to a timeout; far above what it does, far below what an ignored timeout costs.
const TIMEOUT_GRACE: Duration = Duration::from_secs(1);
const PLAIN_FRAMES: usize = 3;

/// How many frames [`check_camera`] takes at most, all of one scene, of a camera with `formats` pixel formats: what a camera with a limited supply
/// (a recording) has to hold.
pub fn frames_needed(formats: usize) -> usize {
    PLAIN_FRAMES + 3 + formats
}

/// Checks a camera that is connected and idle, in a scene that gives it what it needs to take pictures. `clock` is the rig's clock; `timeout` is
/// enough for any frame at the present exposure. Takes [`frames_needed`] frames.
///
/// # Errors
/// The first clause that does not hold.
pub fn check_camera(camera: &mut dyn Camera, clock: &dyn Clock, timeout: Duration) -> Outcome {
    let mut check = Check { judge: Judge::new(camera.capabilities().id.clone()), camera, clock, timeout, last: None };
    check.capabilities()?;
    let initial = check.camera.settings();
    check.fetch_needs_trigger(Clause::CameraFetchNeedsTrigger)?;
    for _ in 0..PLAIN_FRAMES {
        check.frame()?;
        check.fetch_needs_trigger(Clause::CameraFetchSpendsTrigger)?;
    }
    check.double_trigger()?;
    check.zero_timeout()?;
    check.configure_accepts(&initial)?;
    check.configure_refuses()?;
    for format in check.camera.capabilities().formats.clone() {
        check.configure(&CameraSettings { format, ..initial })?;
        check.frame()?;
    }
    check.configure(&initial)?;
    Ok(())
}

/// Checks a camera that has just reported [`ErrorKind::Disconnected`].
///
/// # Errors
/// The first clause that does not hold.
pub fn check_disconnected_camera(camera: &mut dyn Camera) -> Outcome {
    let judge = Judge::new(camera.capabilities().id.clone());
    let gone = ErrorKind::Disconnected;
    let settings = camera.settings();
    for _ in 0..2 {
        judge.refused(Clause::CameraStaysDisconnected, "trigger", gone, camera.trigger())?;
        judge.refused(Clause::CameraStaysDisconnected, "fetch", gone, camera.fetch(Duration::ZERO))?;
        judge.refused(Clause::CameraStaysDisconnected, "configure", gone, camera.configure(&settings))?;
    }
    Ok(())
}

/// What the last frame leaves for the next one to fit.
#[derive(Clone, Copy)]
struct Last {
    sequence: u64,
    timestamp: Timestamp,
}

/// A trigger that has been accepted: the clock just before and just after the call.
#[derive(Clone, Copy)]
struct Triggered {
    called: Timestamp,
    returned: Timestamp,
}

struct Check<'a> {
    judge: Judge,
    camera: &'a mut dyn Camera,
    clock: &'a dyn Clock,
    timeout: Duration,
    last: Option<Last>,
}

impl Check<'_> {
    fn capabilities(&self) -> Outcome {
        let c = self.camera.capabilities();
        let mut distinct = Vec::new();
        for format in &c.formats {
            if !distinct.contains(format) {
                distinct.push(*format);
            }
        }
        let sane = !c.id.is_empty()
            && c.size_px.iter().all(|&s| s > 0)
            && !c.formats.is_empty()
            && distinct.len() == c.formats.len()
            && c.formats.iter().all(|f| (8..=16).contains(&f.bits))
            && c.exposure.0 <= c.exposure.1
            && c.exposure.1 > Duration::ZERO
            && ordered(c.gain_db);
        self.judge.hold(Clause::CameraCapabilities, sane, || format!("{c:?}"))?;
        let settings = self.camera.settings();
        self.judge.hold(Clause::CameraSettingsInRange, self.in_range(&settings), || format!("{settings:?} with {c:?}"))
    }

    fn in_range(&self, s: &CameraSettings) -> bool {
        let c = self.camera.capabilities();
        c.formats.contains(&s.format)
            && c.exposure.0 <= s.exposure + EXPOSURE_ROUNDING
            && s.exposure <= c.exposure.1.saturating_add(EXPOSURE_ROUNDING)
            && (close(s.gain_db, s.gain_db.clamp(c.gain_db.0, c.gain_db.1)))
    }

    fn fetch_needs_trigger(&mut self, clause: Clause) -> Outcome {
        let result = self.camera.fetch(self.timeout);
        self.judge.refused(clause, "fetch", ErrorKind::WrongState, result)
    }

    fn trigger(&mut self, clause: Clause) -> Outcome<Triggered> {
        let called = self.clock.now();
        let result = self.camera.trigger();
        self.judge.ok(clause, "trigger", result)?;
        Ok(Triggered { called, returned: self.clock.now() })
    }

    /// Triggers, fetches and checks a frame.
    fn frame(&mut self) -> Outcome {
        let triggered = self.trigger(Clause::CameraDelivers)?;
        self.fetch(triggered, Clause::CameraDelivers, Clause::CameraSequence, 1)
    }

    /// Fetches and checks the frame of a trigger, which is the `step`-th since the last frame seen.
    fn fetch(&mut self, triggered: Triggered, delivers: Clause, counts: Clause, step: u64) -> Outcome {
        let result = self.camera.fetch(self.timeout);
        let frame = self.judge.ok(delivers, "fetch", result)?;
        self.frame_fits(&frame, triggered, counts, step)
    }

    fn frame_fits(&mut self, frame: &Frame, triggered: Triggered, counts: Clause, step: u64) -> Outcome {
        let fetched = self.clock.now();
        let (meta, judge) = (frame.meta(), &self.judge);
        judge.hold(Clause::CameraDelivers, meta.complete, || format!("frame {} is not complete", meta.sequence))?;
        if let Some(last) = self.last {
            judge.hold(counts, meta.sequence == last.sequence + step, || {
                format!("frame {} came {step} trigger(s) after frame {}", meta.sequence, last.sequence)
            })?;
        }

        let (c, settings) = (self.camera.capabilities(), self.camera.settings());
        let misfit = |what: String| judge.broken(Clause::CameraFrameFits, format!("frame {}: {what}", meta.sequence));
        if meta.camera != c.id {
            return misfit(format!("is of camera `{}`", meta.camera));
        }
        if [meta.width, meta.height] != c.size_px {
            return misfit(format!("has {}×{} px, the camera {:?}", meta.width, meta.height, c.size_px));
        }
        if meta.format != settings.format {
            return misfit(format!("has format {:?}, set is {:?}", meta.format, settings.format));
        }
        if let Samples::U16(samples) = frame.samples()
            && let Some(sample) = samples.iter().find(|&&s| s > meta.format.full_scale())
        {
            return misfit(format!("has the grey value {sample} above full scale {}", meta.format.full_scale()));
        }
        if meta.exposure.duration.abs_diff(settings.exposure) > EXPOSURE_ROUNDING {
            return misfit(format!("was exposed for {:?}, set are {:?}", meta.exposure.duration, settings.exposure));
        }
        if meta.calibration.as_ref() != self.camera.calibration() {
            return misfit("carries another calibration than the camera".to_owned());
        }

        let exposed = meta.exposure.start.plus(meta.exposure.duration);
        judge.hold(Clause::CameraFreshFrame, meta.exposure.start >= triggered.called, || {
            format!("frame {} was exposed from {:?}, triggered at {:?}", meta.sequence, meta.exposure.start, triggered.called)
        })?;
        judge.hold(Clause::CameraTriggerCoversExposure, exposed <= triggered.returned, || {
            format!("frame {} was exposed until {exposed:?}, `trigger` returned at {:?}", meta.sequence, triggered.returned)
        })?;
        judge.hold(Clause::CameraTimestamps, exposed <= meta.timestamp && meta.timestamp <= fetched, || {
            format!("frame {}: exposed until {exposed:?}, complete at {:?}, fetched at {fetched:?}", meta.sequence, meta.timestamp)
        })?;
        if let Some(last) = self.last {
            judge.hold(Clause::CameraTimestamps, meta.timestamp >= last.timestamp, || {
                format!("frame {} is of {:?}, the one before of {:?}", meta.sequence, meta.timestamp, last.timestamp)
            })?;
        }
        self.last = Some(Last { sequence: meta.sequence, timestamp: meta.timestamp });
        Ok(())
    }

    fn double_trigger(&mut self) -> Outcome {
        let triggered = self.trigger(Clause::CameraDelivers)?;
        for _ in 0..2 {
            let again = self.camera.trigger();
            self.judge.refused(Clause::CameraDoubleTrigger, "a second trigger", ErrorKind::WrongState, again)?;
        }
        let kept = Clause::CameraRefusedTriggerChangesNothing;
        self.fetch(triggered, kept, kept, 1)
    }

    /// A fetch that has no time: whether it delivers or not, the trigger is spent, and the next frame is the next trigger's.
    fn zero_timeout(&mut self) -> Outcome {
        let spent = Clause::CameraTimeoutSpendsTrigger;
        let triggered = self.trigger(Clause::CameraDelivers)?;
        let before = self.clock.now();
        let result = self.camera.fetch(Duration::ZERO);
        let took = self.clock.now().since(before);
        self.judge.hold(Clause::CameraTimeoutHolds, took <= TIMEOUT_GRACE, || format!("fetch(0 s) took {took:?}"))?;
        let step = match result {
            Ok(frame) => {
                self.frame_fits(&frame, triggered, Clause::CameraSequence, 1)?;
                1
            }
            Err(e) if e.kind() == ErrorKind::Timeout => {
                self.fetch_needs_trigger(spent)?;
                2
            }
            Err(e) => return self.judge.broken(Clause::CameraTimeoutHolds, format!("fetch(0 s) failed with {:?} ({e})", e.kind())),
        };
        let triggered = self.trigger(spent)?;
        self.fetch(triggered, spent, Clause::CameraSequence, step)
    }

    fn configure(&mut self, wanted: &CameraSettings) -> Outcome<CameraSettings> {
        let applies = Clause::CameraConfigureApplies;
        let result = self.camera.configure(wanted);
        let applied = self.judge.ok(applies, &format!("configure({wanted:?})"), result)?;
        let now = self.camera.settings();
        self.judge.hold(applies, applied == now, || format!("configure({wanted:?}) returned {applied:?}, in force are {now:?}"))?;
        let fits = applied.format == wanted.format && self.in_range(&applied);
        self.judge.hold(applies, fits, || format!("configure({wanted:?}) applied {applied:?}"))?;
        Ok(applied)
    }

    fn configure_accepts(&mut self, initial: &CameraSettings) -> Outcome {
        let c = self.camera.capabilities().clone();
        let middle = CameraSettings {
            format: initial.format,
            exposure: c.exposure.0 + (c.exposure.1 - c.exposure.0) / 2,
            gain_db: c.gain_db.0 + (c.gain_db.1 - c.gain_db.0) / 3.0,
        };
        let applied = self.configure(&middle)?;
        self.nearest(&applied)?;
        for &format in &c.formats {
            self.nearest(&CameraSettings { format, exposure: c.exposure.0, gain_db: c.gain_db.0 })?;
            self.nearest(&CameraSettings { format, exposure: c.exposure.1, gain_db: c.gain_db.1 })?;
        }
        self.nearest(initial)
    }

    /// Sets what the device certainly has.
    fn nearest(&mut self, wanted: &CameraSettings) -> Outcome {
        let applied = self.configure(wanted)?;
        let same = applied.exposure.abs_diff(wanted.exposure) <= EXPOSURE_ROUNDING && close(applied.gain_db, wanted.gain_db);
        self.judge.hold(Clause::CameraConfigureNearest, same, || format!("configure({wanted:?}) applied {applied:?}"))
    }

    fn configure_refuses(&mut self) -> Outcome {
        let c = self.camera.capabilities().clone();
        let before = self.camera.settings();
        let mut outside = vec![
            CameraSettings { exposure: c.exposure.1.saturating_mul(2).saturating_add(Duration::from_secs(1)), ..before },
            CameraSettings { gain_db: c.gain_db.0 - 1.0, ..before },
            CameraSettings { gain_db: c.gain_db.1 + 1.0, ..before },
            CameraSettings { gain_db: f64::NAN, ..before },
            CameraSettings { gain_db: f64::INFINITY, ..before },
        ];
        if c.exposure.0 > EXPOSURE_ROUNDING {
            outside.push(CameraSettings { exposure: c.exposure.0 / 2, ..before });
        }
        for settings in outside {
            self.refuse(Clause::CameraRefusesOutOfRange, ErrorKind::OutOfRange, &settings, &before)?;
        }
        let layouts = [PixelLayout::Mono, PixelLayout::BayerRggb, PixelLayout::BayerBggr, PixelLayout::Rgb];
        let formats = layouts.into_iter().flat_map(|layout| [7, 8, 12, 16, 17].map(|bits| PixelFormat { layout, bits }));
        for format in formats.filter(|f| !c.formats.contains(f)) {
            // Another exposure beside it: a device that applies what it can before it refuses is caught.
            let settings = CameraSettings { format, exposure: c.exposure.0, ..before };
            self.refuse(Clause::CameraRefusesFormat, ErrorKind::UnsupportedSetting, &settings, &before)?;
        }
        Ok(())
    }

    fn refuse(&mut self, clause: Clause, kind: ErrorKind, wanted: &CameraSettings, before: &CameraSettings) -> Outcome {
        let result = self.camera.configure(wanted);
        self.judge.refused(clause, &format!("configure({wanted:?})"), kind, result)?;
        let now = self.camera.settings();
        self.judge.hold(Clause::CameraRefusalKeepsSettings, now == *before, || {
            format!("configure({wanted:?}) was refused and changed {before:?} to {now:?}")
        })
    }
}
