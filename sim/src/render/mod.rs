//! The renderer: scene and camera in, linear radiance out, on a thread of its own.
//!
//! [`Renderer`] runs a headless Bevy app (see [`app`]) behind a channel, so that virtual cameras can live on any thread. Each request carries the whole
//! state of the scene (camera, turntable angle, lamp shares), and the frame that comes back is proven to show that state: see [`token`].
//!
//! - [`scene`]: the station as flat surfaces
//! - [`light`]: soft shadows by ray casting, once per turntable angle
//! - [`indirect`]: the room's light between packages, and what surfaces scatter at each other
//! - [`mirror`]: what varnish mirrors besides the lamps' own images
//! - [`shadow`]: bodies as rays meet them
//! - [`shot`]: exact geometry of one exposure
//! - [`bend`]: lens distortion
//! - [`glass`]: what a glass plate takes and mirrors
//! - [`bars`], [`print`](mod@print): symbols and prints, area-sampled
//! - [`edges`]: pixels that packages' edges cross
//! - [`mask`]: which package every pixel shows
//! - [`pass`]: the pass itself, with `capture.wgsl` and `edges.wgsl`

mod app;
mod bars;
mod bend;
mod edges;
mod glass;
mod indirect;
mod light;
pub mod mask;
mod mirror;
mod pass;
mod print;
pub mod scene;
mod shadow;
mod shot;
mod token;

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::Instant;

pub(crate) use app::probe_adapter;
pub use shot::{MAX_LAMPS, Shot};

use crate::error::SimError;
use scene::Scene;

/// What the frames are rendered on. Pixels are the same on the same adapter and driver; elsewhere they may differ in the last bits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterInfo {
    /// The adapter's name.
    pub name: String,
    /// The graphics interface, such as `vulkan`.
    pub backend: String,
    /// The driver's name.
    pub driver: String,
    /// The driver's version, in its own words.
    pub driver_info: String,
    /// Whether it runs on the CPU.
    pub software: bool,
}

/// A picture as it falls onto a sensor: linear radiance, 1.0 is a white surface in full light. Not blurred, without noise.
#[derive(Debug, Clone, PartialEq)]
pub struct Radiance {
    /// Width, px.
    pub width: u32,
    /// Height, px.
    pub height: u32,
    /// Row by row from the top.
    pub pixels: Vec<f32>,
    /// 1 ÷ distance along the optical axis of what each pixel's centre shows, 1/m, 0 where it shows nothing; where [`Shot::depth`] asked for it.
    pub nearness: Option<Vec<f32>>,
    /// Frames that were drawn until this one was right.
    pub attempts: u32,
}

/// What rendering has cost so far. Measured, so it differs from run to run; no result may depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct RenderStats {
    /// Frames delivered.
    pub frames: u64,
    /// Their pixels.
    pub pixels: u64,
    /// Frames that were drawn but not delivered because a token was wrong.
    pub rejected: u64,
    /// Wall time from request to picture, s, summed.
    pub seconds: f64,
}

impl RenderStats {
    /// Megapixels a second, 0 before the first frame.
    pub fn mpix_per_s(&self) -> f64 {
        if self.seconds > 0.0 { self.pixels as f64 / self.seconds / 1e6 } else { 0.0 }
    }
}

enum Job {
    Shot { shot: Shot, spoil: bool, answer: Sender<Result<Radiance, SimError>> },
    Scene { scene: Box<Scene>, answer: Sender<Result<(), SimError>> },
}

/// A running renderer. Dropping it ends its thread.
pub struct Renderer {
    jobs: Option<Sender<Job>>,
    adapter: AdapterInfo,
    stats: Arc<Mutex<RenderStats>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// A frame that is being rendered.
pub struct Pending(Receiver<Result<Radiance, SimError>>);

impl Pending {
    /// Of nothing: waiting for it fails.
    pub(crate) fn none() -> Self {
        Self(channel().1)
    }

    /// Waits for it.
    ///
    /// # Errors
    /// What went wrong in the renderer.
    pub fn wait(self) -> Result<Radiance, SimError> {
        self.0.recv().unwrap_or_else(|_| Err(ended()))
    }
}

impl Pending {
    /// Waits for it, `patience` at most; gives itself back where it is not there yet.
    ///
    /// # Errors
    /// Itself.
    pub fn wait_for(self, patience: std::time::Duration) -> Result<Result<Radiance, SimError>, Self> {
        match self.0.recv_timeout(patience) {
            Ok(result) => Ok(result),
            Err(RecvTimeoutError::Timeout) => Err(self),
            Err(RecvTimeoutError::Disconnected) => Ok(Err(ended())),
        }
    }
}

fn ended() -> SimError {
    SimError::Environment("the renderer has ended: its thread panicked or its device was lost".into())
}

impl Renderer {
    /// Starts a renderer for a scene; `px_per_m` is the resolution at which prints are kept (symbols are exact at any).
    ///
    /// # Errors
    /// [`SimError::Environment`] where there is no graphics adapter, saying what to install; [`SimError::Spec`] for a scene that doesn't fit.
    pub fn start(scene: Scene, px_per_m: f64) -> Result<Self, SimError> {
        let (jobs, inbox) = channel::<Job>();
        let (ready, started) = channel();
        let stats = Arc::new(Mutex::new(RenderStats::default()));
        let shared = Arc::clone(&stats);
        let run = move || match app::CaptureApp::new(scene, px_per_m) {
            Err(e) => drop(ready.send(Err(e))),
            Ok((mut app, adapter)) => {
                if ready.send(Ok(adapter)).is_err() {
                    return;
                }
                for job in inbox {
                    let (shot, spoil, answer) = match job {
                        Job::Shot { shot, spoil, answer } => (shot, spoil, answer),
                        Job::Scene { scene, answer } => {
                            drop(answer.send(app.restage(*scene)));
                            continue;
                        }
                    };
                    let begun = Instant::now();
                    let result = app.capture(&shot, spoil);
                    let mut stats = shared.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
                    if let Ok(radiance) = &result {
                        stats.frames += 1;
                        stats.pixels += radiance.pixels.len() as u64;
                        stats.rejected += u64::from(radiance.attempts - 1);
                        stats.seconds += begun.elapsed().as_secs_f64();
                    }
                    drop(stats);
                    // Nobody waiting is no failure: a camera may give up on a frame.
                    drop(answer.send(result));
                }
            }
        };
        let thread = std::thread::Builder::new()
            .name("renderer".into())
            .spawn(run)
            .map_err(|e| SimError::Environment(format!("starting the renderer's thread: {e}")))?;
        let adapter = started.recv().unwrap_or_else(|_| Err(ended()))?;
        Ok(Self { jobs: Some(jobs), adapter, stats, thread: Some(thread) })
    }

    /// What it renders on.
    pub fn adapter(&self) -> &AdapterInfo {
        &self.adapter
    }

    /// What it has cost so far.
    pub fn stats(&self) -> RenderStats {
        *self.stats.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// Asks for a frame and returns at once. Requests are worked on in their order.
    pub fn request(&self, shot: Shot) -> Pending {
        self.submit(shot, false)
    }

    /// Renders a frame.
    ///
    /// # Errors
    /// [`SimError::Spec`] for a shot that cannot be rendered, [`SimError::Environment`] if the device fails, [`SimError::Capture`] if no frame of the
    /// asked state came out.
    pub fn render(&self, shot: Shot) -> Result<Radiance, SimError> {
        self.request(shot).wait()
    }

    /// Asks for a frame while expecting another request's token: always [`SimError::Capture`]. A probe for the check itself.
    ///
    /// # Errors
    /// Always.
    pub fn render_spoilt(&self, shot: Shot) -> Result<Radiance, SimError> {
        self.submit(shot, true).wait()
    }

    /// Moves what is there: packages, lamps. Frames that were asked for before still show the old places.
    ///
    /// # Errors
    /// [`SimError::Spec`] for a scene of other surfaces, prints, or numbers of lamps than the one that it was started with.
    pub fn restage(&self, scene: Scene) -> Result<(), SimError> {
        let (answer, done) = channel();
        if let Some(jobs) = &self.jobs {
            drop(jobs.send(Job::Scene { scene: Box::new(scene), answer }));
        }
        done.recv().unwrap_or_else(|_| Err(ended()))
    }

    fn submit(&self, shot: Shot, spoil: bool) -> Pending {
        let (answer, pending) = channel();
        if let Some(jobs) = &self.jobs {
            // A send that fails drops `answer`, which `wait` reports.
            drop(jobs.send(Job::Shot { shot, spoil, answer }));
        }
        Pending(pending)
    }
}

impl Drop for Renderer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            drop(thread.join());
        }
    }
}
