//! How long capturing the codes of a prescription takes, by method.
//!
//! - *none*: nothing is captured.
//! - *handheld*: a fixed part (taking the scanner, the screen, submitting), and for each package: find the face with the code, aim, read or try again,
//!   put down.
//! - *MV*: place the packages, trigger, wait for a cycle that the twin really ran, look at the screen, confirm; what the cycle did not read is
//!   scanned by hand; lift the packages.
//! - *pool*: nothing at dispensing; codes were captured at intake, which costs time elsewhere.

use super::assumptions::Values;
use super::cycles::{Compute, CycleTable};
use crate::workflow::{Stream, lognormal};

/// Assumptions that both scanning arms need.
pub const HANDHELD: [&str; 6] = ["find_turn_s", "aim_s", "first_read_share", "put_down_s", "code_faces", "human_cv"];
/// Assumptions of the MV arm.
pub const MV: [&str; 8] = ["place_s", "lift_s", "trigger_s", "look_s", "confirm_s", "submit_s", "handling_overlap", "waiting_overlap"];

/// A method of capturing codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// No codes are captured.
    None,
    /// Package by package with a handheld scanner.
    Handheld,
    /// All packages at once on the machine-vision station.
    Mv,
    /// Codes come from the pool that pre-scanning filled.
    Pool,
}

impl Method {
    /// All methods.
    pub const ALL: [Self; 4] = [Self::None, Self::Handheld, Self::Mv, Self::Pool];

    /// As files say it.
    pub fn key(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Handheld => "handheld",
            Self::Mv => "mv",
            Self::Pool => "pool",
        }
    }

    /// What a file means.
    pub fn from_key(key: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|method| method.key() == key)
    }

    /// As reports say it.
    pub fn text(self) -> reports::study::Text {
        let (en, zh) = match self {
            Self::None => ("no scan", "不扫码"),
            Self::Handheld => ("handheld", "手持扫码"),
            Self::Mv => ("MV station", "机器视觉工作站"),
            Self::Pool => ("code pool", "码池（预扫码）"),
        };
        reports::study::Text::new(en, zh)
    }
}

/// What was captured, and how long it took.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Captured {
    /// The pharmacist's time, s.
    pub seconds: f64,
    /// Packages that the station left for the hand.
    pub by_hand: u32,
}

/// The scan models with one set of assumptions.
#[derive(Debug, Clone)]
pub struct ScanModel<'a> {
    /// The assumptions' values.
    pub values: Values,
    /// The handheld arm's fixed part, s: what calibration on the handheld column leaves.
    pub handheld_fixed_s: f64,
    /// The station's cycles.
    pub cycles: &'a CycleTable,
    /// Whose decode time counts.
    pub compute: Compute,
    /// Whether the station stops when all is read.
    pub stop_early: bool,
}

impl ScanModel<'_> {
    /// Mean time by hand for one package without the fixed part. With the code on one of n sides around the package, turning it a side at a time in
    /// the better direction takes n ÷ 4 turns on average (n even), (n² − 1) ÷ 4n (n odd).
    pub fn handheld_package_s(&self) -> f64 {
        let v = &self.values;
        let faces = v.get("code_faces").round().max(1.0);
        let turns = (faces * faces - faces % 2.0) / (4.0 * faces);
        v.get("find_turn_s") * turns + v.get("aim_s") / v.get("first_read_share").max(0.01) + v.get("put_down_s")
    }

    /// Sets the fixed part so that one package takes `seconds` by hand on average.
    pub fn calibrate(&mut self, seconds: f64) {
        self.handheld_fixed_s = (seconds - self.handheld_package_s()).max(0.0);
    }

    /// Mean time of a prescription of `packages` (of `product`, where it is known), s.
    pub fn expected_s(&self, method: Method, product: Option<&str>, packages: u32) -> f64 {
        match method {
            Method::None | Method::Pool => 0.0,
            Method::Handheld => self.handheld_fixed_s + f64::from(packages) * self.handheld_package_s(),
            Method::Mv => {
                let load = |packages| {
                    let (cycle, unread) = self.cycles.expected(product, packages, self.compute, self.stop_early);
                    self.station_s(packages, cycle) + unread * self.handheld_package_s()
                };
                self.loads(packages).map(load).sum()
            }
        }
    }

    /// A prescription: durations of people vary with `human_cv` as a lognormal around their mean, cycles are drawn from the table, and every package
    /// that has to be scanned by hand is read at the first try or a later one.
    pub fn capture(&self, method: Method, product: Option<&str>, packages: u32, stream: &mut Stream) -> Captured {
        match method {
            Method::None | Method::Pool => Captured::default(),
            Method::Handheld => {
                let seconds = self.varied(self.handheld_fixed_s, stream) + self.by_hand(packages, stream);
                Captured { seconds, by_hand: packages }
            }
            Method::Mv => {
                let mut captured = Captured::default();
                for load in self.loads(packages) {
                    let cycle = self.cycles.draw(product, load, self.compute, self.stop_early, stream);
                    let human = self.station_s(load, 0.0);
                    let waiting = self.station_s(load, cycle.seconds) - human;
                    captured.seconds += self.varied(human, stream) + waiting + self.by_hand(cycle.unread, stream);
                    captured.by_hand += cycle.unread;
                }
                captured
            }
        }
    }

    /// What the plate takes at once: no more than the largest load that there are cycles of; further packages need a further cycle.
    fn loads(&self, packages: u32) -> impl Iterator<Item = u32> + use<> {
        let most = self.cycles.loads().last().copied().unwrap_or(packages).max(1);
        let full = std::iter::repeat_n(most, (packages / most) as usize);
        full.chain((!packages.is_multiple_of(most)).then_some(packages % most))
    }

    /// The pharmacist's time at the station around a cycle of `cycle_s`. Of placing and lifting, `handling_overlap` replaces what is done without a
    /// scan too (putting the packages on the counter); of waiting, `waiting_overlap` is used for what is done without a scan too (checking).
    fn station_s(&self, packages: u32, cycle_s: f64) -> f64 {
        let v = &self.values;
        let handling = f64::from(packages) * (v.get("place_s") + v.get("lift_s")) * (1.0 - v.get("handling_overlap"));
        let screen = v.get("trigger_s") + v.get("look_s") + v.get("confirm_s") + v.get("submit_s");
        handling + screen + cycle_s * (1.0 - v.get("waiting_overlap"))
    }

    fn by_hand(&self, packages: u32, stream: &mut Stream) -> f64 {
        let v = &self.values;
        let faces = v.get("code_faces").round().max(1.0);
        let mut seconds = 0.0;
        for _ in 0..packages {
            // On a ring of sides the nearer way round is taken.
            let away = (stream.unit() * faces).floor();
            let turns = away.min(faces - away);
            let mut tries = 1.0;
            while tries < 20.0 && !stream.chance(v.get("first_read_share")) {
                tries += 1.0;
            }
            seconds += self.varied(v.get("find_turn_s") * turns + v.get("aim_s") * tries + v.get("put_down_s"), stream);
        }
        seconds
    }

    fn varied(&self, mean: f64, stream: &mut Stream) -> f64 {
        lognormal(mean, self.values.get("human_cv"), stream.open_unit())
    }
}
