//! What the user sees and has changed: time, orbit, what is selected, the rig as edited. Knows no window and no renderer.

use hardware_hal::glam::DVec3;
use hardware_hal::{Calibration, Intrinsics, Pose};
use sim::window::{Button, Input, Key};

use super::layout::Layout;
use super::timeline::Timeline;
use crate::scenario::{Document, Rig};

/// Steps of a move, mm, without and with Shift.
const STEP_MM: [f64; 2] = [10.0, 50.0];

/// Steps through time, s, without and with Shift.
const STEP_S: [f64; 2] = [0.1, 1.0];

/// What a lamp's intensity changes by.
const BRIGHTER: f64 = 1.1;

/// Keys and what they do, as shown on the screen.
pub const KEYS: [(&str, &str); 15] = [
    ("space", "play, pause"),
    ("left right", "time; Shift: faster"),
    (", .", "stop before, after"),
    ("Home End", "start, end"),
    ("drag", "orbit; right: shift"),
    ("wheel", "nearer, farther"),
    ("Tab", "next lamp or camera"),
    ("j l i k u o", "move it x y z"),
    ("t", "move place or aim"),
    ("+ -", "lamp's intensity"),
    ("x", "lamp on, off"),
    ("p", "next light pattern"),
    ("c", "through a camera"),
    ("z", "undo"),
    ("s Esc", "save rig, leave"),
];

/// A lamp or camera of the rig.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selected {
    /// Index into the rig's lamps.
    Lamp(usize),
    /// Index into its cameras.
    Camera(usize),
}

/// The viewer's own eye.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Orbit {
    /// About the rig's z, rad.
    pub azimuth: f64,
    /// Above the plate, rad.
    pub elevation: f64,
    /// From what it looks at, m.
    pub distance: f64,
    /// What it looks at, m.
    pub target: DVec3,
}

impl Orbit {
    /// A pinhole camera there, for a picture of a size.
    pub fn calibration(&self, [width, height]: [u32; 2]) -> Calibration {
        let (sin, cos) = self.elevation.sin_cos();
        let eye = self.target + self.distance * DVec3::new(cos * self.azimuth.cos(), cos * self.azimuth.sin(), sin);
        // A field of 40° across the height.
        let focal = f64::from(height) / 2.0 / 20f64.to_radians().tan();
        Calibration { intrinsics: Intrinsics::pinhole(width, height, focal), camera_from_rig: Pose::look_at(eye, self.target, DVec3::Z) }
    }
}

/// What has to be done after an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Changed {
    /// The viewer's eye, or what is drawn over the picture.
    pub view: bool,
    /// Time, light, or the rig.
    pub scene: bool,
    /// The rig shall be saved.
    pub save: bool,
    /// The window shall close.
    pub close: bool,
}

/// All of it.
#[derive(Debug, Clone)]
pub struct Desk {
    /// The cycle.
    pub timeline: Timeline,
    /// The time that is shown, s.
    pub time: f64,
    /// Whether time goes on by itself.
    pub playing: bool,
    /// The viewer's eye.
    pub orbit: Orbit,
    /// The camera that the large picture looks through; none for the viewer's own eye.
    pub through: Option<usize>,
    /// The rig as edited.
    pub rig: Rig,
    /// What the file says.
    pub saved: Rig,
    /// Index of the light pattern.
    pub pattern: usize,
    /// What is being moved.
    pub selected: Selected,
    /// Whether its aim is moved, not its place.
    pub aiming: bool,
    /// What there is to say.
    pub message: String,
    undo: Vec<Rig>,
    leaving: bool,
    scrubbing: bool,
}

impl Desk {
    /// A rig at the moment when its load lies still.
    pub fn new(rig: Rig, timeline: Timeline) -> Self {
        let reach = rig.plate.radius_mm * 1e-3;
        Self {
            time: timeline.stop_s(0).unwrap_or(timeline.fallen_s()),
            timeline,
            playing: false,
            orbit: Orbit { azimuth: -1.1, elevation: 0.75, distance: 5.0 * reach, target: DVec3::new(0.0, 0.0, 0.35 * reach) },
            through: None,
            saved: rig.clone(),
            pattern: 0,
            selected: if rig.lamps.is_empty() { Selected::Camera(0) } else { Selected::Lamp(0) },
            rig,
            aiming: false,
            message: String::new(),
            undo: Vec::new(),
            leaving: false,
            scrubbing: false,
        }
    }

    /// Whether the rig differs from its file.
    pub fn unsaved(&self) -> bool {
        self.rig != self.saved
    }

    /// The name of the light pattern.
    pub fn pattern_name(&self) -> &str {
        self.rig.patterns.get(self.pattern).map_or("", |pattern| &pattern.name)
    }

    /// Name of what is selected.
    pub fn selected_name(&self) -> String {
        match self.selected {
            Selected::Lamp(i) => format!("lamp {}", self.rig.lamps[i].name),
            Selected::Camera(i) => format!("camera {}", self.rig.cameras[i].id),
        }
    }

    /// Place and aim of what is selected, mm.
    pub fn selected_mm(&self) -> [[f64; 3]; 2] {
        match self.selected {
            Selected::Lamp(i) => [self.rig.lamps[i].position_mm, self.rig.lamps[i].target_mm],
            Selected::Camera(i) => [self.rig.cameras[i].eye_mm, self.rig.cameras[i].target_mm],
        }
    }

    /// Lets time go on by so many seconds; whether anything moved.
    pub fn advance(&mut self, seconds: f64) -> bool {
        if !self.playing {
            return false;
        }
        self.time = (self.time + seconds).min(self.timeline.seconds());
        self.playing = self.time < self.timeline.seconds();
        true
    }

    /// Takes back the last change of the rig, because it cannot be.
    pub fn refuse(&mut self, why: String) {
        if let Some(before) = self.undo.pop() {
            self.rig = before;
        }
        self.message = why;
    }

    /// Does what an input says.
    pub fn input(&mut self, input: &Input, layout: &Layout) -> Changed {
        let view = Changed { view: true, ..Changed::default() };
        match *input {
            Input::Key { key, shift } => self.key(key, shift),
            Input::Press { button: Button::Left, at } => {
                self.scrubbing = layout.timeline_share(at).is_some();
                if let Some(camera) = layout.inset_at(at) {
                    self.through = if self.through == Some(camera) { None } else { Some(camera) };
                    return view;
                }
                self.scrub(at, layout)
            }
            Input::Drag { button: Button::Left, at, .. } if self.scrubbing => self.scrub(at, layout),
            Input::Drag { button, by, .. } if self.through.is_none() => {
                let orbit = &mut self.orbit;
                if button == Button::Left {
                    orbit.azimuth -= 0.006 * by[0];
                    orbit.elevation = (orbit.elevation + 0.006 * by[1]).clamp(-1.5, 1.5);
                } else {
                    let (sin, cos) = orbit.azimuth.sin_cos();
                    let scale = 0.0012 * orbit.distance;
                    orbit.target += scale * (by[0] * DVec3::new(sin, -cos, 0.0) + by[1] * DVec3::Z);
                }
                view
            }
            Input::Wheel { notches, .. } if self.through.is_none() => {
                self.orbit.distance = (self.orbit.distance * 0.9f64.powf(notches)).clamp(0.1, 20.0);
                view
            }
            Input::Size(_) => view,
            Input::Press { .. } | Input::Drag { .. } | Input::Wheel { .. } => Changed::default(),
        }
    }

    fn scrub(&mut self, at: [f64; 2], layout: &Layout) -> Changed {
        let Some(share) = layout.timeline_share(at) else { return Changed::default() };
        self.go(share * self.timeline.seconds())
    }

    fn go(&mut self, time: f64) -> Changed {
        self.playing = false;
        self.time = time.clamp(0.0, self.timeline.seconds());
        Changed { scene: true, ..Changed::default() }
    }

    fn key(&mut self, key: Key, shift: bool) -> Changed {
        let leaving = std::mem::take(&mut self.leaving);
        self.message.clear();
        let view = Changed { view: true, ..Changed::default() };
        let fast = usize::from(shift);
        match key {
            Key::Char(' ') => {
                if !self.playing && self.time >= self.timeline.seconds() {
                    self.time = 0.0;
                }
                self.playing = !self.playing;
                Changed { scene: true, ..view }
            }
            Key::Left => self.go(self.time - STEP_S[fast]),
            Key::Right => self.go(self.time + STEP_S[fast]),
            Key::Home => self.go(0.0),
            Key::End => self.go(self.timeline.seconds()),
            Key::Char(',' | '<') => self.go(self.timeline.next_stop_s(self.time, false)),
            Key::Char('.' | '>') => self.go(self.timeline.next_stop_s(self.time, true)),
            Key::Tab => {
                self.select_next(shift);
                view
            }
            Key::Char('t') => {
                self.aiming = !self.aiming;
                view
            }
            Key::Char('c') => {
                let next = match (self.through, self.selected) {
                    (None, Selected::Camera(i)) => Some(i),
                    (None, Selected::Lamp(_)) => Some(0),
                    (Some(i), _) => Some(i + 1).filter(|i| *i < self.rig.cameras.len()),
                };
                self.through = next;
                view
            }
            Key::Char('p') => {
                self.pattern = (self.pattern + 1) % self.rig.patterns.len();
                Changed { scene: true, ..view }
            }
            Key::Char(letter @ ('j' | 'l' | 'i' | 'k' | 'u' | 'o')) => {
                let step = STEP_MM[fast];
                let by = match letter {
                    'j' => [-step, 0.0, 0.0],
                    'l' => [step, 0.0, 0.0],
                    'k' => [0.0, -step, 0.0],
                    'i' => [0.0, step, 0.0],
                    'o' => [0.0, 0.0, -step],
                    _ => [0.0, 0.0, step],
                };
                self.edit(|desk| {
                    let aiming = desk.aiming;
                    let place = match desk.selected {
                        Selected::Lamp(i) if aiming => &mut desk.rig.lamps[i].target_mm,
                        Selected::Lamp(i) => &mut desk.rig.lamps[i].position_mm,
                        Selected::Camera(i) if aiming => &mut desk.rig.cameras[i].target_mm,
                        Selected::Camera(i) => &mut desk.rig.cameras[i].eye_mm,
                    };
                    for (value, by) in place.iter_mut().zip(by) {
                        *value += by;
                    }
                })
            }
            Key::Char(sign @ ('+' | '=' | '-' | '_')) => {
                let Selected::Lamp(lamp) = self.selected else { return self.say("select a lamp with Tab: cameras have no intensity") };
                let factor = if matches!(sign, '+' | '=') { BRIGHTER } else { 1.0 / BRIGHTER };
                self.edit(|desk| {
                    let value = &mut desk.rig.lamps[lamp].intensity;
                    *value = ((*value * factor).clamp(0.001, 100.0) * 1e4).round() / 1e4;
                })
            }
            Key::Char('x') => {
                let Selected::Lamp(lamp) = self.selected else { return self.say("select a lamp with Tab: cameras are always on") };
                self.edit(|desk| {
                    let name = desk.rig.lamps[lamp].name.clone();
                    let lamps = &mut desk.rig.patterns[desk.pattern].lamps;
                    if lamps.remove(&name).is_none() {
                        lamps.insert(name, 1.0);
                    }
                })
            }
            Key::Char('z') => match self.undo.pop() {
                Some(before) => {
                    self.rig = before;
                    Changed { scene: true, view: true, ..Changed::default() }
                }
                None => self.say("nothing to undo"),
            },
            Key::Char('s') if self.unsaved() => Changed { save: true, ..view },
            Key::Char('s') => self.say("nothing has changed since it was saved"),
            Key::Escape if self.through.is_some() => {
                self.through = None;
                view
            }
            Key::Escape if self.unsaved() && !leaving => {
                self.leaving = true;
                self.say("the rig has changed: s saves it, Esc again leaves without")
            }
            Key::Escape => Changed { close: true, ..Changed::default() },
            Key::Char(_) | Key::Up | Key::Down | Key::PageUp | Key::PageDown => Changed::default(),
        }
    }

    fn say(&mut self, what: &str) -> Changed {
        self.message = what.into();
        Changed { view: true, ..Changed::default() }
    }

    fn select_next(&mut self, back: bool) {
        let (lamps, cameras) = (self.rig.lamps.len(), self.rig.cameras.len());
        let at = match self.selected {
            Selected::Lamp(i) => i,
            Selected::Camera(i) => lamps + i,
        };
        let next = (at + if back { lamps + cameras - 1 } else { 1 }) % (lamps + cameras);
        self.selected = if next < lamps { Selected::Lamp(next) } else { Selected::Camera(next - lamps) };
    }

    /// Changes the rig, unless that makes one that a file could not say.
    fn edit(&mut self, change: impl FnOnce(&mut Self)) -> Changed {
        self.undo.push(self.rig.clone());
        change(self);
        if let Err(why) = check(&self.rig) {
            self.refuse(why);
            return Changed { view: true, ..Changed::default() };
        }
        Changed { scene: true, view: true, ..Changed::default() }
    }
}

/// Holds a rig against what holds for rig files.
fn check(rig: &Rig) -> Result<(), String> {
    let text = toml::to_string(rig).map_err(|error| error.to_string())?;
    let document = Document::parse(std::path::Path::new("the rig"), text).map_err(|fault| fault.message().to_owned())?;
    rig.check(&document.top()).map_err(|fault| fault.message().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Scenario;
    use sim::physics::FallMoment;
    use sim::spec::TurntableSpec;

    fn desk() -> (Desk, Layout) {
        let rig = Scenario::load_rig(std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/rigs/four-cameras.toml"))).unwrap();
        let film = vec![FallMoment { time_s: 2.0, placements: Vec::new() }];
        let turntable = TurntableSpec { resolution_rad: 0.001, speed_rad_s: 1.0, acceleration_rad_s2: 1.0 };
        (Desk::new(rig, Timeline::new(film, 0, &turntable, &[0.0, 1.0])), Layout::new([1440, 900], &[4.0 / 3.0; 4]))
    }

    fn press(desk: &mut Desk, layout: &Layout, keys: &str) -> Changed {
        let press = |desk: &mut Desk, c| desk.input(&Input::Key { key: Key::Char(c), shift: false }, layout);
        keys.chars().map(|c| press(desk, c)).last().unwrap_or_default()
    }

    #[test]
    fn keys_move_lamps_and_cameras_and_undo_takes_it_back() {
        let (mut desk, layout) = desk();
        let start = desk.rig.clone();
        assert!(press(&mut desk, &layout, "lliu").scene);
        assert_eq!(desk.rig.lamps[0].position_mm, [692.8 + 20.0, 410.0, 710.0]);
        press(&mut desk, &layout, "t");
        desk.input(&Input::Key { key: Key::Char('k'), shift: true }, &layout);
        assert_eq!(desk.rig.lamps[0].target_mm, [0.0, -50.0, 0.0]);
        for _ in 0..3 {
            desk.input(&Input::Key { key: Key::Tab, shift: false }, &layout);
        }
        assert_eq!(desk.selected_name(), "camera overhead");
        press(&mut desk, &layout, "to");
        assert_eq!(desk.rig.cameras[0].eye_mm, [0.0, 0.0, 1230.0]);
        assert!(desk.unsaved());
        press(&mut desk, &layout, "zzzzzz");
        assert_eq!(desk.rig, start);
        press(&mut desk, &layout, "z");
        assert_eq!(desk.message, "nothing to undo");
    }

    #[test]
    fn lamps_go_off_in_the_pattern_that_is_shown() {
        let (mut desk, layout) = desk();
        press(&mut desk, &layout, "x");
        assert_eq!(desk.rig.patterns[0].lamps.keys().collect::<Vec<_>>(), ["north-west", "south"]);
        press(&mut desk, &layout, "px+");
        assert_eq!(desk.rig.patterns[1].lamps.len(), 2);
        assert_eq!(desk.rig.lamps[0].intensity, 0.495);
    }

    #[test]
    fn what_a_file_could_not_say_is_refused() {
        let (mut desk, layout) = desk();
        desk.rig.cameras[0].eye_mm[2] = 5.0;
        (desk.selected, desk.saved) = (Selected::Camera(0), desk.rig.clone());
        press(&mut desk, &layout, "o");
        assert!(!desk.unsaved(), "{:?}", desk.rig.cameras[0].eye_mm);
        assert!(desk.message.contains("is not above the plate, which is opaque"), "{}", desk.message);
    }

    #[test]
    fn time_is_scrubbed_and_played() {
        let (mut desk, layout) = desk();
        assert_eq!(desk.time, 2.0);
        press(&mut desk, &layout, ".");
        assert_eq!(desk.time, 4.6);
        press(&mut desk, &layout, ",,");
        assert_eq!(desk.time, 0.0);
        let [x, y, width, height] = layout.timeline.map(|x| x as f64);
        let at = [x + width / 2.0, y + height / 2.0];
        assert!(desk.input(&Input::Press { button: Button::Left, at }, &layout).scene);
        assert!((desk.time - desk.timeline.seconds() / 2.0).abs() < 0.01, "{}", desk.time);
        press(&mut desk, &layout, " ");
        assert!(desk.advance(1.0) && desk.playing);
        assert!(desk.advance(100.0) && !desk.playing);
        assert_eq!(desk.time, desk.timeline.seconds());
        assert!(!desk.advance(1.0));
    }

    #[test]
    fn leaving_with_changes_asks_once() {
        let (mut desk, layout) = desk();
        press(&mut desk, &layout, "l");
        let escape = Input::Key { key: Key::Escape, shift: false };
        assert!(!desk.input(&escape, &layout).close);
        assert!(desk.message.contains("s saves it"));
        assert!(desk.input(&escape, &layout).close);
    }

    #[test]
    fn a_click_on_an_inset_looks_through_its_camera() {
        let (mut desk, layout) = desk();
        let [x, y, ..] = layout.insets[2].map(|x| x as f64 + 5.0);
        desk.input(&Input::Press { button: Button::Left, at: [x, y] }, &layout);
        assert_eq!(desk.through, Some(2));
        desk.input(&Input::Key { key: Key::Escape, shift: false }, &layout);
        assert_eq!(desk.through, None);
    }
}
