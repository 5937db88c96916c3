//! Simulated strips: Code 128 of twenty digits, and prints that are none, as a camera sees them.
//!
//! The simulator shares no code with the reader. The reader fits a Gaussian or a disc, light that changes slowly, even growth of all bars and a smooth
//! bend; here the disc and the pixel's square are integrated in the picture, light has spots and shadows, edges are misplaced and ragged, paper is seen bent and
//! in perspective, grey values go through a gamma curve and JPEG. Strip `index` of a population depends on nothing but its seed and its index.

mod camera;
mod impostor;
mod label;
mod view;

pub use camera::{Camera, Shadow, Spot};
pub use impostor::Impostor;
pub use label::{Label, PrintFaults};
pub use view::{Axis, Pose, View};

use image::GrayImage;

use crate::support::{Dice, code128};

/// Modules of a Code 128 of twenty digits.
pub const MODULES: usize = 145;
/// Least decodability of a print of grade C (ISO/IEC 15416, table 4).
const DECODABLE: f64 = 0.37;
/// Least print contrast that the rules for traceability codes allow.
const CONTRAST: f64 = 0.55;
/// Angle to the pixel grid below which a strip counts as aligned with it, degrees.
pub const ALIGNED_DEG: f64 = 1.0;

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Population {
    /// Codes.
    Codes,
    /// No code of twenty digits, or half of one.
    Impostors,
}

/// All that decides how a strip looks, but for its text.
#[derive(Debug, Clone, PartialEq)]
pub struct Conditions {
    /// Label in the picture; `pose.px_per_module` is the smallest along the code.
    pub pose: Pose,
    /// Height of the bars, modules.
    pub height: f64,
    /// Radius of the disc of a point out of focus, px.
    pub blur_px: f64,
    /// Print.
    pub faults: PrintFaults,
    /// Light and camera.
    pub camera: Camera,
    /// Ink of what lies around the label.
    pub board: f64,
}

impl Conditions {
    /// Draws conditions; a third of them beyond what a station should meet.
    pub fn draw(px_per_module: [f64; 2], dice: &mut Dice) -> Self {
        let hard = dice.int(3) == 0;
        let or = |normal: f64, beyond: f64| if hard { beyond } else { normal };
        // Fine modules are as likely as coarse ones: uniform in the logarithm.
        let log = |[lo, hi]: [f64; 2], dice: &mut Dice| (dice.real(lo.ln(), hi.ln())).exp();
        let px_per_module = log(px_per_module, dice);
        // One strip in five nearly along the pixel grid; of angles drawn evenly it would be one in 45.
        let off = if dice.int(5) == 0 { dice.real(-ALIGNED_DEG, ALIGNED_DEG) } else { dice.real(-45.0, 45.0) };
        let yaw = (off + 90.0 * f64::from(dice.int(4))).to_radians();
        let height = dice.real(24.0, 46.0);
        let bend = if dice.int(10) < 3 { dice.real(0.05, or(0.6, 1.4)) } else { 0.0 };
        let axis = if dice.int(2) == 0 { Axis::AlongBars } else { Axis::AcrossBars };
        let pose = Pose {
            px_per_module,
            yaw,
            tilt: dice.real(0.0, or(50.0, 68.0)).to_radians(),
            tilt_axis: dice.real(0.0, std::f64::consts::PI),
            // Radians over the code's length, or over half of it where bars run around.
            curvature: bend / if axis == Axis::AlongBars { MODULES as f64 } else { MODULES as f64 / 2.0 },
            axis,
            distance: dice.real(800.0, 4000.0),
            phase: [dice.real(0.0, 1.0), dice.real(0.0, 1.0)],
        };
        let faults = PrintFaults {
            growth: dice.real(-1.0, 1.0) * or(0.2, 0.45),
            edges: dice.real(0.0, or(0.05, 0.12)),
            ragged: dice.real(0.0, or(0.08, 0.2)),
        };
        let paper = dice.real(or(0.7, 0.55), 0.9);
        let contrast = dice.real(or(0.55, 0.2), 0.8f64.min(paper - 0.03));
        // Full wells of some 5,000 to 30,000 electrons, or a fraction of that in dim light.
        let shot = log(or_range(hard, [0.005, 0.016], [0.005, 0.05]), dice);
        let spots = (0..dice.int(3)).map(|_| Spot {
            at: [dice.real(-0.5, 0.5), dice.real(-0.5, 0.5)],
            radius: dice.real(0.1, 0.5),
            gain: dice.real(-1.0, 1.0) * or(0.2, 0.6),
        });
        let spots = spots.collect();
        let shadow = (dice.int(10) < if hard { 5 } else { 2 }).then(|| Shadow {
            direction: dice.real(0.0, std::f64::consts::TAU),
            offset: dice.real(-0.4, 0.4),
            penumbra_px: log([2.0, 40.0], dice),
            left: dice.real(or(0.5, 0.15), 0.95),
        });
        let camera = Camera {
            paper,
            ink: paper - contrast,
            exposure: dice.real(or(0.6, 0.25), 1.05),
            ramp: [0, 1].map(|_| dice.real(-1.0, 1.0) * or(0.3, 0.7)),
            spots,
            shadow,
            veil: dice.real(0.0, or(0.03, 0.12)),
            shot,
            read: log([0.0008, 0.004], dice),
            gamma: if hard && dice.int(2) == 0 { dice.real(0.45, 1.6) } else { 1.0 },
            jpeg: (hard && dice.int(2) == 0).then(|| 40 + dice.int(56) as u8),
        };
        let blur_px = 2.0 * dice.real(0.1, or(0.8, 1.4));
        Self { pose, height, blur_px, faults, camera, board: dice.real(-0.5, 1.0).max(0.0) }
    }

    /// Standard deviation of the blur, modules: a disc's is half of its radius.
    pub fn blur_modules(&self) -> f64 {
        self.blur_px / 2.0 / self.pose.px_per_module
    }

    /// Print contrast: reflectance of paper less that of ink.
    pub fn contrast(&self) -> f64 {
        self.camera.paper - self.camera.ink
    }

    /// Angle to the next axis of the pixel grid, degrees, 0 to 45.
    pub fn slant_deg(&self) -> f64 {
        let turn = self.pose.yaw.to_degrees().rem_euclid(90.0);
        turn.min(90.0 - turn)
    }
}

fn or_range(hard: bool, normal: [f64; 2], beyond: [f64; 2]) -> [f64; 2] {
    if hard { beyond } else { normal }
}

/// Whether a strip is nominal whatever its blur, its contrast, its incidence is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NominalBut {
    /// Its blur does not count.
    pub blur: bool,
    /// Its contrast does not count.
    pub contrast: bool,
    /// Its incidence does not count.
    pub incidence: bool,
}

/// Pixels of the largest picture; usual ones have some hundred thousand.
const MOST_PIXELS: usize = 16 << 20;

/// A picture of a strip, and what is true of it.
#[derive(Debug, Clone)]
pub struct Strip {
    /// The picture.
    pub picture: GrayImage,
    /// Text of the printed symbol; `None` where there is none that this reader is for.
    pub text: Option<String>,
    /// What is printed instead of a code.
    pub impostor: Option<Impostor>,
    /// How it looks.
    pub conditions: Conditions,
    /// The symbol's corners, px: start-top, stop-top, stop-bottom, start-bottom.
    pub corners: [[f64; 2]; 4],
    /// The same as a locator gives them: off by up to 1.5 px, and for either way of reading.
    pub rough: [[f64; 2]; 4],
    /// Largest angle between line of sight and normal over the code, degrees.
    pub incidence_deg: f64,
    /// Decodability of the print (ISO/IEC 15417, annex A).
    pub decodability: f64,
}

impl Strip {
    /// Strip `index` of a population; the range of px per module is part of what it depends on.
    pub fn draw(population: Population, px_per_module: [f64; 2], seed: u64, index: u64) -> Self {
        // Texts of one index are the same in every range; everything else has streams of its own.
        let purpose = format!("{population:?} {px_per_module:?} {seed}");
        let mut dice = Dice::new(index, &purpose);
        let conditions = Conditions::draw(px_per_module, &mut dice);
        let mut print = Dice::new(index, &format!("{purpose} print"));
        match population {
            Population::Codes => {
                let text = print.trace();
                let mut label = Label::new(MODULES, conditions.height, conditions.board);
                label.bars(&code128(&text), &conditions.faults, &mut print);
                label.neighbours(&text, &mut print);
                Self::of(label, Some(text), None, conditions, &mut dice)
            }
            Population::Impostors => {
                let impostor = Impostor::draw(&mut print);
                let (label, text) = impostor.print(&conditions, &mut print);
                Self::of(label, text, Some(impostor), conditions, &mut dice)
            }
        }
    }

    /// The picture of a label.
    pub fn of(mut label: Label, text: Option<String>, impostor: Option<Impostor>, mut conditions: Conditions, dice: &mut Dice) -> Self {
        label.finish();
        let mut view = View::new(&label, conditions.pose);
        // A module at the very contour of a cylinder is next to nothing wide, and would have to be enlarged without end.
        while view.size[0].saturating_mul(view.size[1]) > MOST_PIXELS {
            conditions.pose.tilt /= 2.0;
            view = View::new(&label, conditions.pose);
        }
        let ink = view.draw(&label, conditions.blur_px);
        let picture = conditions.camera.expose(&ink, view.size, dice);
        let [modules, height] = label.size;
        let edge = height / 2.0;
        let corners = [[0.0, -edge], [modules, -edge], [modules, edge], [0.0, edge]].map(|[u, v]| view.project(u, v));
        // A locator that takes bars for a code's may begin anywhere in them.
        let first = if impostor.is_some() && dice.int(2) == 0 { dice.real(0.0, 1.0) * (modules - MODULES as f64) } else { 0.0 };
        let last = if first == 0.0 { modules } else { first + MODULES as f64 };
        let place = [[first, -edge], [last, -edge], [last, edge], [first, edge]].map(|[u, v]| view.project(u, v));
        let [a, b, c, d] = place.map(|p| p.map(|v| v + dice.real(-1.5, 1.5)));
        let rough = if dice.int(2) == 0 { [a, b, c, d] } else { [c, d, a, b] };
        let incidence_deg = view.incidence(height).to_degrees();
        Self { picture, text, impostor, incidence_deg, decodability: label.decodability, conditions, corners, rough }
    }

    /// Nominal conditions, for which recognition targets hold: incidence ≤ 60°, veiling light ≤ 5 %, blur σ ≤ 1 module, print contrast ≥ 0.55, decodability
    /// of grade C or better; grey values as the sensor gives them.
    pub fn nominal(&self) -> bool {
        let but = self.nominal_but();
        but.blur && but.contrast && but.incidence
    }

    /// Whether conditions are nominal whatever one of them is.
    pub fn nominal_but(&self) -> NominalBut {
        let c = &self.conditions;
        let rest = c.camera.veil <= 0.05 && self.decodability >= DECODABLE && c.camera.gamma == 1.0 && c.camera.jpeg.is_none();
        let (blur, contrast, incidence) = (c.blur_modules() <= 1.0, c.contrast() >= CONTRAST, self.incidence_deg <= 60.0);
        NominalBut { blur: rest && contrast && incidence, contrast: rest && blur && incidence, incidence: rest && blur && contrast }
    }

    /// Whether the code runs within a degree along the pixel grid.
    pub fn aligned(&self) -> bool {
        self.conditions.slant_deg() < ALIGNED_DEG
    }
}
