//! What several views say together: each code once. [`fuse`] unites texts that were read; [`fuse_views`] first reads from several views what none of
//! them decided.

mod group;
mod likelihood;
mod outlook;
mod packages;
mod sight;

use hardware_hal::FrameMeta;
use serde::Serialize;

pub use likelihood::{Fusion, FusionRule, OpenStrip, RefusedGroup, fuse_views, open_strips};
pub use outlook::outlook;
pub use packages::{PackageCount, count_packages};
pub use sight::SamePlaceRule;

use self::sight::{Sight, meet};
use super::decode::grey_level::JointText;
use super::geometry::middle;
use super::{Corners, Evidence, FrameReading, Reading};
use crate::codes::{Role, Symbology};

/// A code in one view.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CodeView {
    /// Index of the frame in the input.
    pub frame: usize,
    /// The camera that took it.
    pub camera: String,
    /// Where it was.
    pub corners: Corners,
    /// How large.
    pub px_per_module: f64,
    /// What spoke for it.
    pub evidence: Evidence,
}

/// Why a fused code is doubtful.
#[non_exhaustive]
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Conflict {
    /// Views of this text do not meet in one point of the plate: the text is there twice, or a view is wrong.
    Apart {
        /// Largest distance of a line of sight from the point that fits all best, m.
        miss_m: f64,
    },
    /// Another text claims the same place in the same frame.
    SamePlace {
        /// The other text.
        other: String,
    },
}

/// A code, fused over all views that read it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FusedCode {
    /// The text.
    pub text: String,
    /// How it is printed.
    pub symbology: Symbology,
    /// What it is good for.
    pub role: Role,
    /// Every view that read it, in the order of the frames.
    pub views: Vec<CodeView>,
    /// The best view's evidence.
    pub best: Evidence,
    /// Where it lies, in the plate's frame (m): triangulated from two views or more that differ in direction, else where the line of sight meets the
    /// plate's surface. `None` without calibration.
    pub position_on_plate: Option<[f64; 3]>,
    /// What speaks against it.
    pub conflicts: Vec<Conflict>,
    /// What several views said together, where none of them decided the text alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub joint: Option<JointEvidence>,
}

/// What speaks for a text that several views decided together.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct JointEvidence {
    /// Views that decided.
    pub views: u32,
    /// Lead over the next best valid text, nats.
    pub margin: f32,
    /// What the check character costs, nats.
    pub check_cost: f32,
    /// Most that any view holds against it, nats.
    pub against: f32,
}

impl JointEvidence {
    fn new(text: &JointText) -> Self {
        let against = text.views.iter().map(|v| v.against).fold(f32::NEG_INFINITY, f32::max);
        Self { views: text.views.len() as u32, margin: text.margin, check_cost: text.check_cost, against }
    }
}

/// Lines of sight of one text that pass each other by more than this are not one code: codes are some centimetres long, and calibration and
/// turntable are good to a millimetre or two.
const APART_M: f64 = 0.03;

/// Joins the readings of frames taken of one load. Codes come out sorted by text; a text is one code, however often it was read.
pub fn fuse(frames: &[(FrameMeta, FrameReading)]) -> Vec<FusedCode> {
    unite(frames, &[])
}

/// The same, with readings (by frame) that several frames gave together.
fn unite(frames: &[(FrameMeta, FrameReading)], joint: &[(usize, Reading)]) -> Vec<FusedCode> {
    let mut codes: Vec<FusedCode> = Vec::new();
    let mut sights: Vec<Vec<Sight>> = Vec::new();
    for (index, (meta, result)) in frames.iter().enumerate() {
        let readings: Vec<&Reading> = result.readings.iter().chain(joint.iter().filter(|(f, _)| *f == index).map(|(_, r)| r)).collect();
        for reading in &readings {
            let at = codes.iter().position(|c| c.text == reading.text && c.symbology == reading.symbology).unwrap_or_else(|| {
                codes.push(FusedCode {
                    text: reading.text.clone(),
                    symbology: reading.symbology,
                    role: reading.role,
                    views: Vec::new(),
                    best: reading.evidence,
                    position_on_plate: None,
                    conflicts: Vec::new(),
                    joint: None,
                });
                sights.push(Vec::new());
                codes.len() - 1
            });
            let code = &mut codes[at];
            code.views.push(CodeView {
                frame: index,
                camera: meta.camera.clone(),
                corners: reading.corners,
                px_per_module: reading.px_per_module,
                evidence: reading.evidence,
            });
            if reading.evidence.margin > code.best.margin {
                code.best = reading.evidence;
            }
            sights[at].extend(Sight::through(meta, middle(&reading.corners)));
            for other in &readings {
                if other.text != reading.text && overlap(&other.corners, &reading.corners) {
                    let conflict = Conflict::SamePlace { other: other.text.clone() };
                    if !code.conflicts.contains(&conflict) {
                        code.conflicts.push(conflict);
                    }
                }
            }
        }
    }
    for (code, sights) in codes.iter_mut().zip(&sights) {
        if let Some((point, miss)) = meet(sights) {
            code.position_on_plate = Some(point.to_array());
            if miss > APART_M {
                code.conflicts.push(Conflict::Apart { miss_m: miss });
            }
        }
    }
    codes.sort_by(|a, b| a.text.cmp(&b.text).then(a.symbology.cmp(&b.symbology)));
    codes
}

/// Whether the middle of either outline lies in the other.
fn overlap(a: &Corners, b: &Corners) -> bool {
    let inside = |outer: &Corners, p: [f64; 2]| {
        let side = |i: usize| {
            let (a, b) = (outer[i], outer[(i + 1) % 4]);
            (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])
        };
        let signs = [side(0), side(1), side(2), side(3)];
        signs.iter().all(|s| *s > 0.0) || signs.iter().all(|s| *s < 0.0)
    };
    inside(a, middle(b)) || inside(b, middle(a))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::testing::frame_meta;
    use hardware_hal::glam::DVec3;
    use hardware_hal::{Calibration, Intrinsics, Pose, rig_from_plate};

    fn meta(camera: &str, eye: DVec3, angle: f64) -> FrameMeta {
        let calibration = Calibration {
            intrinsics: Intrinsics { distortion: [-0.1, 0.02, 1e-3, -5e-4, 0.0], ..Intrinsics::pinhole(2448, 2048, 3000.0) },
            camera_from_rig: Pose::look_at(eye, DVec3::ZERO, DVec3::Y),
        };
        frame_meta(camera, calibration, angle)
    }

    fn reading_at(text: &str, x: f64, y: f64, margin: f64) -> Reading {
        Reading {
            text: text.into(),
            symbology: Symbology::Code128,
            role: Role::Trace,
            corners: [[x - 50.0, y - 10.0], [x + 50.0, y - 10.0], [x + 50.0, y + 10.0], [x - 50.0, y + 10.0]],
            px_per_module: 1.5,
            evidence: Evidence { agreeing: 3, decoded: 3, tried: 5, margin },
        }
    }

    fn frame(meta: FrameMeta, readings: Vec<Reading>) -> (FrameMeta, FrameReading) {
        (meta, FrameReading { readings, ..FrameReading::default() })
    }

    /// A reading of a point on the plate as the camera sees it.
    fn seen(meta: &FrameMeta, text: &str, on_plate: DVec3, margin: f64) -> Reading {
        let in_rig = rig_from_plate(meta.turntable_angle_rad.unwrap()).transform_point(on_plate);
        let p = meta.calibration.as_ref().unwrap().project(in_rig).unwrap();
        reading_at(text, p.x, p.y, margin)
    }

    #[test]
    fn one_code_in_three_views_is_one_code_where_it_lies() {
        let at = DVec3::new(0.11, -0.04, 0.03);
        let metas = [
            meta("top", DVec3::new(0.0, 0.01, 1.0), 0.0),
            meta("side", DVec3::new(0.7, 0.0, 0.6), 0.0),
            meta("top", DVec3::new(0.0, 0.01, 1.0), 1.0),
        ];
        let frames: Vec<_> = metas.iter().enumerate().map(|(i, m)| frame(m.clone(), vec![seen(m, "81", at, 2.0 + i as f64)])).collect();
        let codes = fuse(&frames);
        assert_eq!(codes.len(), 1);
        let code = &codes[0];
        assert_eq!(code.views.iter().map(|v| (v.frame, v.camera.as_str())).collect::<Vec<_>>(), [(0, "top"), (1, "side"), (2, "top")]);
        assert_eq!(code.best.margin, 4.0);
        assert!(code.conflicts.is_empty(), "{:?}", code.conflicts);
        let p = DVec3::from_array(code.position_on_plate.unwrap());
        assert!(p.distance(at) < 1e-4, "{p}");
    }

    #[test]
    fn a_text_in_two_places_is_reported() {
        let (a, b) = (meta("top", DVec3::new(0.0, 0.01, 1.0), 0.0), meta("side", DVec3::new(0.7, 0.0, 0.6), 0.0));
        let frames = [
            frame(a.clone(), vec![seen(&a, "81", DVec3::new(0.1, 0.0, 0.0), 2.0)]),
            frame(b.clone(), vec![seen(&b, "81", DVec3::new(-0.05, 0.15, 0.0), 2.0)]),
        ];
        let codes = fuse(&frames);
        assert_eq!((codes.len(), codes[0].conflicts.len()), (1, 1));
        assert!(matches!(codes[0].conflicts[0], Conflict::Apart { miss_m } if miss_m > 0.03));
    }

    #[test]
    fn two_texts_in_one_place_accuse_each_other() {
        let m = FrameMeta { calibration: None, ..meta("top", DVec3::Z, 0.0) };
        let codes = fuse(&[frame(
            m,
            vec![reading_at("81", 500.0, 500.0, 2.0), reading_at("82", 505.0, 498.0, 2.0), reading_at("83", 900.0, 500.0, 2.0)],
        )]);
        let texts: Vec<(&str, usize, bool)> =
            codes.iter().map(|c| (c.text.as_str(), c.conflicts.len(), c.position_on_plate.is_none())).collect();
        assert_eq!(texts, [("81", 1, true), ("82", 1, true), ("83", 0, true)]);
        assert_eq!(codes[0].conflicts, [Conflict::SamePlace { other: "82".into() }]);
    }

    #[test]
    fn one_view_puts_the_code_on_the_plate() {
        let m = meta("side", DVec3::new(0.7, 0.0, 0.6), 0.4);
        let at = DVec3::new(0.1, 0.05, 0.0);
        let codes = fuse(&[frame(m.clone(), vec![seen(&m, "81", at, 2.0)])]);
        assert!(DVec3::from_array(codes[0].position_on_plate.unwrap()).distance(at) < 1e-4);
    }
}
