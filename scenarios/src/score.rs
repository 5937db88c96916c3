//! Holding what was read against what is true.
//!
//! A symbol counts as read in a frame if a reading says its text **and** lies on it. A trace-role reading whose text is on no package of the load, or
//! that lies on another package than the one it belongs to, is a misread, and so is a reading of any role whose text no package bears. Ground truth
//! comes in here and nowhere else.

use std::collections::BTreeMap;

use reports::{CodeView, Misread, MisreadKind, PrintRole};
use scanner_core::codes::{GS, Role};
use scanner_core::vision::{Corners, FrameReading, Reading};
use sim::spec::{PackageSpec, SymbolKind};
use sim::truth::CodeTruth;

/// How far a symbol's outline is widened before asking whether a reading lies on it: readers see bars, not corners.
const WIDENED: f64 = 1.3;

/// A frame, as views name it.
#[derive(Debug, Clone, PartialEq)]
pub struct FrameName {
    /// Index among the run's frames.
    pub index: usize,
    /// The camera.
    pub camera: String,
    /// Index of the stop.
    pub stop: usize,
    /// Angle of the turntable, degrees.
    pub turntable_deg: f64,
    /// The light pattern.
    pub pattern: String,
}

/// What scoring says about a frame.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FrameScore {
    /// Every symbol that is at least partly inside the frame.
    pub views: Vec<CodeView>,
    /// Readings that are wrong: traceability codes that are none or another package's, and texts of any role that no package bears.
    pub misreads: Vec<Misread>,
}

/// The texts of a load, for telling a misread from a reading.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadTexts {
    names: Vec<String>,
    /// Normalised text → package, of traceability codes.
    trace: BTreeMap<String, usize>,
    /// Normalised text → package, of all others.
    decoys: BTreeMap<String, usize>,
}

impl LoadTexts {
    /// Of the packages of a load, with their products' ids.
    pub fn new(packages: &[PackageSpec], names: Vec<String>) -> Self {
        let texts = |trace: bool| {
            let symbols = packages.iter().enumerate().flat_map(|(i, package)| package.symbols.iter().map(move |symbol| (i, symbol)));
            symbols.filter(|(_, symbol)| symbol.trace == trace).map(|(i, symbol)| (normalised(&symbol.text).to_owned(), i)).collect()
        };
        Self { names, trace: texts(true), decoys: texts(false) }
    }

    /// The package whose traceability code says `text`.
    pub fn package(&self, text: &str) -> Option<usize> {
        self.trace.get(normalised(text)).copied()
    }

    /// Whether any code of the load says `text`.
    fn bears(&self, text: &str) -> bool {
        self.trace.contains_key(normalised(text)) || self.decoys.contains_key(normalised(text))
    }
}

/// FNC1 in front only says that a text is GS1's; readers hand it over or not.
pub fn normalised(text: &str) -> &str {
    text.trim_start_matches(GS).trim_start_matches("]d2").trim_start_matches("]C1")
}

/// How a symbology is named in records.
pub fn symbology(kind: SymbolKind) -> &'static str {
    match kind {
        SymbolKind::Code128 => "code128",
        SymbolKind::Ean13 => "ean13",
        SymbolKind::DataMatrix => "data_matrix",
    }
}

/// Scores one frame.
pub fn score(frame: &FrameName, truths: &[CodeTruth], reading: &FrameReading, load: &LoadTexts) -> FrameScore {
    let seen: Vec<&CodeTruth> = truths.iter().filter(|truth| truth.visible_fraction > 0.0).collect();
    let views = seen.iter().map(|truth| view(frame, truth, reading, load)).collect();
    let misreads = reading.readings.iter().filter_map(|r| misread(r, &seen, load)).collect();
    FrameScore { views, misreads }
}

fn view(frame: &FrameName, truth: &CodeTruth, reading: &FrameReading, load: &LoadTexts) -> CodeView {
    let here: Vec<&Reading> = reading.readings.iter().filter(|r| lies_on(&r.corners, &truth.corners)).collect();
    let read = here.iter().any(|r| normalised(&r.text) == normalised(&truth.text));
    let reason = if read {
        None
    } else if !here.is_empty() {
        Some("other_text".to_owned())
    } else {
        let unread = reading.unread.iter().find(|unread| lies_on(&unread.corners, &truth.corners));
        Some(unread.map_or_else(|| "not_located".to_owned(), |unread| crate::output::word(&unread.reason)))
    };
    CodeView {
        frame: frame.index,
        camera: frame.camera.clone(),
        stop: frame.stop,
        turntable_deg: frame.turntable_deg,
        pattern: frame.pattern.clone(),
        package: truth.package,
        package_name: load.names.get(truth.package).cloned().unwrap_or_default(),
        symbology: symbology(truth.kind).to_owned(),
        text: truth.text.clone(),
        role: if truth.trace { PrintRole::Trace } else { PrintRole::Decoy },
        corners: truth.corners,
        visible_fraction: truth.visible_fraction,
        visible: truth.visible,
        px_per_module: truth.px_per_module,
        incidence_deg: truth.incidence_deg,
        glare_share: truth.glare_share,
        blur_modules: truth.blur_modules,
        motion_blur_px: truth.motion_blur_px,
        grid_angle_deg: truth.grid_angle_deg,
        contrast: truth.contrast,
        print_grade: truth.print_grade,
        nominal: truth.nominal(),
        read,
        reason,
    }
}

fn misread(reading: &Reading, seen: &[&CodeTruth], load: &LoadTexts) -> Option<Misread> {
    let under: Vec<&&CodeTruth> = seen.iter().filter(|truth| lies_on(&reading.corners, &truth.corners)).collect();
    let wrong = |kind, given_to| Some(Misread { text: reading.text.clone(), kind, given_to, corners: reading.corners });
    if reading.role != Role::Trace && load.bears(&reading.text) {
        return None;
    }
    match load.package(&reading.text) {
        Some(owner) if under.is_empty() || under.iter().any(|truth| truth.package == owner) => None,
        Some(_) => wrong(MisreadKind::WrongPackage, under.first().map(|truth| truth.package)),
        None if load.decoys.contains_key(normalised(&reading.text)) => {
            wrong(MisreadKind::Decoy, load.decoys.get(normalised(&reading.text)).copied())
        }
        None => wrong(MisreadKind::UnknownText, under.first().map(|truth| truth.package)),
    }
}

/// Whether two outlines are of the same thing: the middle of one lies in the other, widened.
pub fn lies_on(a: &Corners, b: &Corners) -> bool {
    holds(b, middle(a)) || holds(a, middle(b))
}

fn middle(quad: &Corners) -> [f64; 2] {
    [0, 1].map(|axis| quad.iter().map(|corner| corner[axis]).sum::<f64>() / 4.0)
}

/// Whether a point lies in a convex quadrilateral that is widened about its middle.
fn holds(quad: &Corners, point: [f64; 2]) -> bool {
    let centre = middle(quad);
    let wide = quad.map(|corner| [0, 1].map(|axis| centre[axis] + WIDENED * (corner[axis] - centre[axis])));
    let turn = |i: usize| {
        let (p, q) = (wide[i], wide[(i + 1) % 4]);
        (q[0] - p[0]) * (point[1] - p[1]) - (q[1] - p[1]) * (point[0] - p[0])
    };
    let turns = [0, 1, 2, 3].map(turn);
    turns.iter().all(|turn| *turn >= 0.0) || turns.iter().all(|turn| *turn <= 0.0)
}

#[cfg(test)]
mod tests {
    use scanner_core::codes::Symbology;
    use scanner_core::vision::{Evidence, Unread, UnreadReason};
    use sim::spec::Face;

    use super::*;

    const A: &str = "81234560000000010001";
    const B: &str = "81234560000000020002";
    const RETAIL: &str = "6901234567892";

    fn square(x: f64, y: f64) -> Corners {
        [[x, y], [x + 100.0, y], [x + 100.0, y + 20.0], [x, y + 20.0]]
    }

    fn truth(package: usize, text: &str, at: Corners) -> CodeTruth {
        CodeTruth {
            package,
            symbol: 0,
            text: text.to_owned(),
            kind: SymbolKind::Code128,
            trace: text.len() == 20,
            face: Face::Front,
            corners: at,
            visible_fraction: 1.0,
            visible: true,
            px_per_module: 2.0,
            incidence_deg: 10.0,
            glare_share: 0.0,
            motion_blur_px: 0.0,
            blur_modules: 0.3,
            grid_angle_deg: 5.0,
            contrast: 0.8,
            print_grade: 4.0,
            fold: Default::default(),
        }
    }

    fn reading(text: &str, at: Corners) -> Reading {
        let symbology = if text.len() == 13 { Symbology::Ean13 } else { Symbology::Code128 };
        Reading {
            text: text.to_owned(),
            symbology,
            role: if text.len() == 20 { Role::Trace } else { Role::Retail },
            corners: at,
            px_per_module: 2.0,
            evidence: Evidence { agreeing: 5, decoded: 5, tried: 5, margin: 5.0 },
        }
    }

    fn load() -> LoadTexts {
        LoadTexts {
            names: vec!["a".into(), "b".into()],
            trace: [(A.to_owned(), 0), (B.to_owned(), 1)].into(),
            decoys: [(RETAIL.to_owned(), 0)].into(),
        }
    }

    fn frame() -> FrameName {
        FrameName { index: 0, camera: "top".into(), stop: 0, turntable_deg: 0.0, pattern: "all".into() }
    }

    fn scored(readings: Vec<Reading>, unread: Vec<Unread>) -> FrameScore {
        let truths = [truth(0, A, square(0.0, 0.0)), truth(1, B, square(0.0, 200.0))];
        score(&frame(), &truths, &FrameReading { readings, unread, ..FrameReading::default() }, &load())
    }

    #[test]
    fn a_text_in_its_place_is_read_and_no_misread() {
        let result = scored(vec![reading(A, square(3.0, -2.0))], vec![]);
        assert_eq!((result.views[0].read, result.views[0].reason.as_deref()), (true, None));
        assert_eq!((result.views[1].read, result.views[1].reason.as_deref()), (false, Some("not_located")));
        assert_eq!(result.misreads, []);
    }

    #[test]
    fn a_text_on_another_package_is_a_misread_and_not_read() {
        let result = scored(vec![reading(A, square(0.0, 200.0))], vec![]);
        assert!(!result.views[0].read && !result.views[1].read);
        assert_eq!(result.views[1].reason.as_deref(), Some("other_text"));
        assert_eq!(result.misreads.len(), 1);
        assert_eq!((result.misreads[0].kind, result.misreads[0].given_to), (MisreadKind::WrongPackage, Some(1)));
    }

    #[test]
    fn a_text_that_nobody_printed_is_a_misread() {
        let result = scored(vec![reading("81234560000000030003", square(0.0, 0.0))], vec![]);
        assert_eq!((result.misreads[0].kind, result.misreads[0].given_to), (MisreadKind::UnknownText, Some(0)));
    }

    #[test]
    fn a_retail_code_that_nobody_printed_is_a_misread() {
        let other = reading("6901234567885", square(0.0, 0.0));
        assert_eq!(scored(vec![other], vec![]).misreads[0].kind, MisreadKind::UnknownText);
    }

    #[test]
    fn a_retail_code_is_a_misread_only_in_the_role_of_a_traceability_code() {
        assert_eq!(scored(vec![reading(RETAIL, square(0.0, 0.0))], vec![]).misreads, []);
        let lying = Reading { role: Role::Trace, ..reading(RETAIL, square(0.0, 0.0)) };
        assert_eq!(scored(vec![lying], vec![]).misreads[0].kind, MisreadKind::Decoy);
    }

    #[test]
    fn the_reason_of_the_reader_is_passed_on() {
        let unread = Unread { corners: square(1.0, 1.0), reason: UnreadReason::NoAgreement };
        assert_eq!(scored(vec![], vec![unread]).views[0].reason.as_deref(), Some("no_agreement"));
    }

    #[test]
    fn outlines_match_in_either_sense_of_rotation_and_not_beside_each_other() {
        let mut mirrored = square(0.0, 0.0);
        mirrored.reverse();
        assert!(lies_on(&mirrored, &square(10.0, 5.0)));
        assert!(lies_on(&square(0.0, 0.0), &[[40.0, 8.0], [60.0, 8.0], [60.0, 12.0], [40.0, 12.0]]));
        assert!(!lies_on(&square(0.0, 0.0), &square(0.0, 40.0)));
    }

    #[test]
    fn fnc1_in_front_says_nothing() {
        assert_eq!(normalised("\u{1d}0106901234567892"), "0106901234567892");
        assert_eq!(normalised("]d20106901234567892"), "0106901234567892");
    }
}
