//! Devices that fail: which failures are worth another try, and which end the capture.

use std::time::Duration;

use hardware_hal::{Camera, Error, ErrorKind, Frame, LightBank, LightSetting, Turntable};

/// Whether asking again is sensible.
fn worth_a_retry(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::Timeout | ErrorKind::LostData | ErrorKind::Malformed)
}

/// Asks up to `retries` times more.
fn insist<T>(retries: u32, mut ask: impl FnMut() -> Result<T, Error>) -> Result<T, Error> {
    let mut left = retries;
    loop {
        match ask() {
            Err(error) if left > 0 && worth_a_retry(error.kind()) => left -= 1,
            result => return result,
        }
    }
}

pub(super) fn light(lights: &mut dyn LightBank, setting: &LightSetting, retries: u32) -> Result<(), Error> {
    insist(retries, || lights.apply(setting)).map(|_| ())
}

/// Finds the zero mark where the drive does not know where it stands.
pub(super) fn home(turntable: &mut dyn Turntable, retries: u32) -> Result<(), Error> {
    if turntable.angle_rad().is_some() { Ok(()) } else { insist(retries, || turntable.home()) }
}

/// Turns the plate. After a failed move the drive does not know where it stands, so it is homed before the next try.
pub(super) fn turn(turntable: &mut dyn Turntable, angle_rad: f64, retries: u32) -> Result<(), Error> {
    insist(retries, || {
        if turntable.angle_rad().is_none() {
            turntable.home()?;
        }
        turntable.move_to(angle_rad)
    })
    .map(|_| ())
}

/// What became of one exposure.
pub(super) enum Shot {
    /// A frame, perhaps incomplete where no complete one could be had.
    Frame(Box<Frame>),
    /// None, after all attempts.
    Lost(Error),
    /// The camera is of no use any more.
    Gone(Error),
}

/// Starts an exposure.
pub(super) fn trigger(camera: &mut dyn Camera, timeout: Duration, retries: u32) -> Result<(), Error> {
    insist(retries, || match camera.trigger() {
        // A frame of a cycle that broke off is still waiting; it is of no use to this one.
        Err(error) if error.kind() == ErrorKind::WrongState => {
            let _ = camera.fetch(timeout);
            camera.trigger()
        }
        result => result,
    })
}

/// Fetches the frame of an exposure that was started, exposing anew where data were lost. Returns the number of exposures, too.
pub(super) fn fetch(camera: &mut dyn Camera, started: Result<(), Error>, timeout: Duration, retries: u32) -> (Shot, u32) {
    let mut attempts = 1;
    let mut incomplete = None;
    let mut started = started;
    loop {
        let error = match started.and_then(|()| camera.fetch(timeout)) {
            Ok(frame) if frame.meta().complete => return (Shot::Frame(Box::new(frame)), attempts),
            Ok(frame) => {
                incomplete = Some(frame);
                Error::new(camera.capabilities().id.clone(), ErrorKind::LostData, "the frame is incomplete")
            }
            Err(error) if worth_a_retry(error.kind()) => error,
            Err(error) => return (Shot::Gone(error), attempts),
        };
        if attempts > retries {
            // Part of a picture may still hold codes.
            return (incomplete.map_or(Shot::Lost(error), |frame| Shot::Frame(Box::new(frame))), attempts);
        }
        attempts += 1;
        started = trigger(camera, timeout, 0);
    }
}
