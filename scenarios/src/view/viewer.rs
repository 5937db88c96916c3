//! The painter behind the window: takes what the user does, has it rendered, and puts the picture together.

use std::time::Duration;

use hardware_hal::{Calibration, Clock, SystemClock, Timestamp};
use image::GrayImage;
use sim::error::SimError;
use sim::physics::Settled;
use sim::spec::{PackageSpec, TwinSpec};
use sim::twin::Twin;
use sim::window::{Input, Painted, Painter};

use super::desk::{Changed, Desk};
use super::eyes::{Eyes, Sight};
use super::layout::Layout;
use super::picture::{Inset, encoded, paint, scaled, sensed};
use super::save::RigPlace;
use crate::output;
use crate::run::twin_spec;

/// How long nothing may have happened before the cameras take their full frames.
const QUIET: Duration = Duration::from_millis(400);

/// What has yet to be rendered.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Wanted {
    /// The large picture, at half its size.
    coarse: bool,
    /// The large picture.
    fine: bool,
    /// Cameras whose preview is out of date.
    previews: Vec<usize>,
    /// The cameras' full frames.
    frames: bool,
}

impl Wanted {
    fn everything(cameras: usize) -> Self {
        Self { coarse: true, fine: true, previews: (0..cameras).collect(), frames: true }
    }
}

/// All that the window shows, and what makes it.
pub struct Viewer {
    desk: Desk,
    layout: Layout,
    packages: Vec<PackageSpec>,
    seed: u64,
    place: RigPlace,
    /// Renders the large picture and the previews.
    twin: Twin,
    eyes: Eyes,
    main: Option<(GrayImage, Calibration)>,
    insets: Vec<Inset>,
    wanted: Wanted,
    generation: u64,
    clock: SystemClock,
    last: Timestamp,
    touched: Timestamp,
}

impl Viewer {
    /// Starts the renderers.
    ///
    /// # Errors
    /// Whatever keeps them from it.
    pub fn new(
        desk: Desk,
        packages: Vec<PackageSpec>,
        settled: Settled,
        seed: u64,
        place: RigPlace,
        size: [usize; 2],
        eyes: Eyes,
    ) -> Result<Self, SimError> {
        let twin = Twin::with_load(twin_spec(&desk.rig, packages.clone(), seed), settled)?;
        let clock = SystemClock::new();
        let now = clock.now();
        let cameras = desk.rig.cameras.len();
        Ok(Self {
            layout: layout(&desk, size),
            desk,
            packages,
            seed,
            place,
            twin,
            eyes,
            main: None,
            insets: vec![Inset::default(); cameras],
            wanted: Wanted::everything(cameras),
            generation: 1,
            clock,
            last: now,
            touched: now,
        })
    }

    fn spec(&self) -> TwinSpec {
        twin_spec(&self.desk.rig, self.packages.clone(), self.seed)
    }

    /// Puts everything where the desk has it; a rig that cannot be is taken back.
    fn arrange(&mut self) {
        let moment = self.desk.timeline.at(self.desk.time);
        if let Err(error) = self.twin.rearrange(self.spec(), moment.placements.clone()) {
            self.desk.refuse(error.to_string());
            if let Err(error) = self.twin.rearrange(self.spec(), moment.placements) {
                self.desk.message = error.to_string();
            }
        }
        self.generation += 1;
        for inset in &mut self.insets {
            inset.seen = None;
        }
        self.wanted = Wanted::everything(self.insets.len());
    }

    /// Renders the large picture at a share of its size.
    fn render_main(&mut self, share: f64) {
        let [_, _, width, height] = self.layout.main;
        let size = [width, height].map(|n| ((n as f64 * share) as u32).max(1));
        let calibration = self.desk.orbit.calibration(size);
        let moment = self.desk.timeline.at(self.desk.time);
        match self.twin.look(calibration, false, moment.angle_rad, self.desk.pattern_name()) {
            Ok(radiance) => self.main = Some((encoded(&radiance), calibration)),
            Err(error) => self.desk.message = error.to_string(),
        }
    }

    fn render_preview(&mut self, camera: usize) {
        let place = self.layout.insets[camera];
        let spec = &self.twin.spec().cameras[camera];
        let calibration = scaled(&spec.calibration, [place[2] as u32, place[3] as u32]);
        let analyser = spec.lens.analyser;
        let moment = self.desk.timeline.at(self.desk.time);
        match self.twin.look(calibration, analyser, moment.angle_rad, self.desk.pattern_name()) {
            Ok(radiance) => self.insets[camera].preview = Some(sensed(&radiance, &self.twin.spec().cameras[camera].sensor)),
            Err(error) => self.desk.message = error.to_string(),
        }
    }

    fn take_frames(&mut self) {
        let moment = self.desk.timeline.at(self.desk.time);
        output::note(&format!(
            "view: {:.2} s, plate at {:.1} degrees, pattern {}, {} at {:?} mm",
            self.desk.time,
            moment.angle_rad.to_degrees(),
            self.desk.pattern_name(),
            self.desk.selected_name(),
            self.desk.selected_mm()[0]
        ));
        self.eyes.look(Sight {
            generation: self.generation,
            spec: self.spec(),
            placements: moment.placements,
            angle_rad: moment.angle_rad,
            pattern: self.desk.pattern_name().to_owned(),
            first: self.desk.through.unwrap_or(0),
        });
    }

    /// The next thing that is wanted; whether there was one.
    fn render_next(&mut self, now: Timestamp) -> bool {
        if self.wanted.coarse && self.desk.through.is_none() {
            self.wanted.coarse = false;
            self.render_main(0.5);
        } else if self.wanted.fine && !self.desk.playing && self.desk.through.is_none() {
            self.wanted.fine = false;
            self.render_main(1.0);
        } else if !self.wanted.previews.is_empty() {
            let camera = self.wanted.previews.remove(0);
            self.render_preview(camera);
        } else if self.wanted.frames && !self.desk.playing && now.since(self.touched) >= QUIET {
            self.wanted.frames = false;
            self.take_frames();
        } else {
            return false;
        }
        true
    }

    fn save(&mut self) {
        match self.place.save(&self.desk.saved, &self.desk.rig) {
            Ok(changes) => {
                self.desk.saved = self.desk.rig.clone();
                self.desk.message = format!("saved {changes} values in {}", self.place.file.display());
                output::note(&format!("view: {}", self.desk.message));
            }
            Err(failure) => self.desk.message = failure.to_string(),
        }
    }

    fn take_seen(&mut self) -> bool {
        let mut any = false;
        while let Some(seen) = self.eyes.seen() {
            any = true;
            match seen {
                Ok(seen) if seen.generation == self.generation => {
                    let camera = &self.desk.rig.cameras[seen.camera].id;
                    output::note(&format!("view: {camera}: {} read, {} not", seen.read.len(), seen.unread.len()));
                    let at = seen.camera;
                    self.insets[at].seen = Some(seen);
                    if self.insets.iter().all(|inset| inset.seen.is_some()) {
                        output::note("view: all cameras read");
                    }
                }
                Ok(_) => {}
                Err(what) => self.desk.message = what,
            }
        }
        any
    }
}

fn layout(desk: &Desk, size: [usize; 2]) -> Layout {
    let aspects: Vec<f64> = desk.rig.cameras.iter().map(|camera| f64::from(camera.size_px[0]) / f64::from(camera.size_px[1])).collect();
    Layout::new(size, &aspects)
}

impl Painter for Viewer {
    fn paint(&mut self, inputs: &[Input]) -> Painted {
        let now = self.clock.now();
        let elapsed = now.since(std::mem::replace(&mut self.last, now)).as_secs_f64();
        let mut changed = Changed::default();
        for input in inputs {
            if let Input::Size([width, height]) = *input {
                self.layout = layout(&self.desk, [width as usize, height as usize]);
                self.wanted.previews = (0..self.insets.len()).collect();
            }
            let of_it = self.desk.input(input, &self.layout);
            changed.view |= of_it.view;
            changed.scene |= of_it.scene;
            changed.save |= of_it.save;
            changed.close |= of_it.close;
        }
        if changed.close {
            return Painted::Close;
        }
        if changed.save {
            self.save();
        }
        changed.scene |= self.desk.advance(elapsed);
        if changed.scene {
            self.arrange();
        }
        if changed.view {
            (self.wanted.coarse, self.wanted.fine) = (true, true);
        }
        if changed.view || changed.scene {
            self.touched = now;
        }
        let rendered = self.render_next(now);
        let seen = self.take_seen();
        if !(rendered || seen || changed.view || changed.scene || changed.save) {
            return Painted::Same;
        }
        Painted::Picture(paint(&self.desk, &self.layout, self.main.as_ref(), &self.insets, self.busy()))
    }

    fn busy(&self) -> bool {
        let main = (self.wanted.coarse || self.wanted.fine) && self.desk.through.is_none();
        self.desk.playing || main || !self.wanted.previews.is_empty()
    }
}
