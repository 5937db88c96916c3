//! What the cameras really see, and what the reader reads in it: full frames, on a thread of their own, while the window goes on.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use hardware_hal::{Clock, Frame, LightSetting, SimulatedClock, Timestamp};
use image::GrayImage;
use image::imageops::FilterType;
use scanner_core::vision::{Corners, Locator, Plane, Scanner};
use sim::error::SimError;
use sim::physics::Settled;
use sim::spec::{Placement, TwinSpec};
use sim::twin::Twin;

/// Widest picture that is kept of a frame, px.
const KEPT_WIDTH: u32 = 1280;

/// How long a virtual camera may take for a frame; the clock is simulated.
const TIMEOUT: Duration = Duration::from_secs(10);

/// What the cameras shall look at.
#[derive(Debug, Clone)]
pub struct Sight {
    /// Which one this is: a later one makes it worthless.
    pub generation: u64,
    /// The station.
    pub spec: TwinSpec,
    /// Its load.
    pub placements: Vec<Placement>,
    /// The plate's angle, rad.
    pub angle_rad: f64,
    /// Name of the light pattern.
    pub pattern: String,
    /// Index of the camera whose frame comes first.
    pub first: usize,
}

/// A frame, read.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Of which sight.
    pub generation: u64,
    /// Index of the camera.
    pub camera: usize,
    /// The frame, made smaller.
    pub picture: GrayImage,
    /// Pixels of `picture` per pixel of the frame.
    pub scale: f64,
    /// Codes that were read: where in the frame, and what.
    pub read: Vec<(Corners, String)>,
    /// Places that looked like codes and were not read.
    pub unread: Vec<Corners>,
}

/// The thread. Dropping it ends it after the frame that it is at.
pub struct Eyes {
    sights: Option<Sender<Sight>>,
    seen: Receiver<Result<Seen, String>>,
    newest: Arc<AtomicU64>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Eyes {
    /// Starts it, with a reader that finds codes as `locator` says.
    ///
    /// # Errors
    /// The system's, where it has no thread to give.
    pub fn start(settled: Settled, locator: Locator) -> std::io::Result<Self> {
        let (sights, inbox) = channel::<Sight>();
        let (out, seen) = channel();
        let newest = Arc::new(AtomicU64::new(0));
        let shared = Arc::clone(&newest);
        let thread = std::thread::Builder::new().name("eyes".into()).spawn(move || watch(&inbox, &out, &shared, &settled, locator))?;
        Ok(Self { sights: Some(sights), seen, newest, thread: Some(thread) })
    }

    /// Looks at something; what was being looked at is dropped after the frame that it is at.
    pub fn look(&self, sight: Sight) {
        self.newest.store(sight.generation, Ordering::Relaxed);
        if let Some(sights) = &self.sights {
            drop(sights.send(sight));
        }
    }

    /// What has been seen since the last call, or why nothing can be.
    pub fn seen(&self) -> Option<Result<Seen, String>> {
        self.seen.try_recv().ok()
    }
}

impl Drop for Eyes {
    fn drop(&mut self) {
        self.newest.store(u64::MAX, Ordering::Relaxed);
        self.sights = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}

fn watch(inbox: &Receiver<Sight>, out: &mpsc::Sender<Result<Seen, String>>, newest: &AtomicU64, settled: &Settled, locator: Locator) {
    let mut twin: Option<Twin> = None;
    let scanner = crate::scan::scanner(locator);
    // Threads of its own, and not all cores: on the shared ones the window's picture would wait for whole frames to be read.
    let half = std::thread::available_parallelism().map_or(1, |cores| cores.get().div_ceil(2));
    let readers = match rayon::ThreadPoolBuilder::new().num_threads(half).build() {
        Ok(readers) => readers,
        Err(error) => return drop(out.send(Err(format!("starting the reader's threads: {error}")))),
    };
    while let Ok(sight) = inbox.recv() {
        let stale = || newest.load(Ordering::Relaxed) != sight.generation;
        if stale() {
            continue;
        }
        let load = Settled { placements: sight.placements.clone(), ..settled.clone() };
        let ready = match &mut twin {
            Some(twin) => twin.rearrange(sight.spec.clone(), load.placements),
            none => Twin::with_load(sight.spec.clone(), load).map(|built| *none = Some(built)),
        };
        let Some(twin) = twin.as_ref().filter(|_| ready.is_ok()) else {
            drop(out.send(Err(ready.err().map_or_else(String::new, |error| error.to_string()))));
            continue;
        };
        let count = sight.spec.cameras.len();
        for camera in (0..count).map(|i| (sight.first + i) % count) {
            if stale() {
                break;
            }
            let seen = frame(twin, &sight, camera)
                .map(|frame| readers.install(|| read(&scanner, &frame, sight.generation, camera)))
                .map_err(|e| e.to_string());
            if out.send(seen).is_err() {
                return;
            }
        }
    }
}

/// A frame as the virtual camera delivers it.
fn frame(twin: &Twin, sight: &Sight, camera: usize) -> Result<Frame, hardware_hal::Error> {
    let clock: Arc<dyn Clock> = Arc::new(SimulatedClock::new(Timestamp::default()));
    let mut rig = twin.rig(clock);
    if let Some(turntable) = &mut rig.turntable {
        turntable.home()?;
        turntable.move_to(sight.angle_rad)?;
    }
    rig.lights.apply(&LightSetting { pattern: sight.pattern.clone(), intensity: 1.0 })?;
    let Some(camera) = rig.cameras.get_mut(camera) else {
        return Err(SimError::Spec(format!("there is no camera {camera}")).on_device("rig"));
    };
    camera.trigger()?;
    camera.fetch(TIMEOUT)
}

fn read(scanner: &Scanner, frame: &Frame, generation: u64, camera: usize) -> Seen {
    let reading = scanner.scan(frame);
    let full = Plane::from_frame(frame).to_gray(1.0);
    let scale = (f64::from(KEPT_WIDTH) / f64::from(full.width())).min(1.0);
    let [width, height] = [full.width(), full.height()].map(|n| ((f64::from(n) * scale).round() as u32).max(1));
    Seen {
        generation,
        camera,
        picture: image::imageops::resize(&full, width, height, FilterType::Triangle),
        scale,
        read: reading.readings.into_iter().map(|r| (r.corners, r.text)).collect(),
        unread: reading.unread.into_iter().map(|u| u.corners).collect(),
    }
}
