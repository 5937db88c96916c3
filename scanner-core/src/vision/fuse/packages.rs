//! Which packages have no code: those on which, by geometry, none of the codes lies that any view read.

use hardware_hal::glam::DVec3;
use hardware_hal::{FrameMeta, rig_from_plate};
use serde::Serialize;

use super::FusedCode;
use crate::vision::locate::BESIDE_PACKAGE;
use crate::vision::{FrameReading, SeenPackage};

/// The packages of the frame that shows most of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PackageCount {
    /// The frame, by its index.
    pub frame: usize,
    /// Packages in it.
    pub seen: usize,
    /// Those without a code of any view on them: middles, px.
    pub without_code: Vec<[f64; 2]>,
}

/// Counts packages in the frame that shows most of them; of frames that show as many, in that with the fewest packages without a code. `None` where
/// nobody told packages apart. In frames without calibration only their own readings count.
///
/// A code lies where lines of sight from all its views meet, which may be a side that the frame itself does not show: seen from above, that is below the
/// package's upper face all the same.
pub fn count_packages(frames: &[(FrameMeta, FrameReading)], codes: &[FusedCode]) -> Option<PackageCount> {
    let of_frame = |(index, (meta, reading)): (usize, &(FrameMeta, FrameReading))| {
        let packages = reading.packages.as_ref()?;
        let rig = rig_from_plate(meta.turntable_angle_rad.unwrap_or(0.0));
        // What was read in this very frame needs no geometry.
        let mut bare: Vec<bool> = packages.seen.iter().map(|seen| seen.codes.is_empty()).collect();
        let project = |place| meta.calibration.as_ref()?.project(rig.transform_point(DVec3::from_array(place)));
        for pixel in codes.iter().filter_map(|code| code.position_on_plate).map(project) {
            if let Some(which) = pixel.and_then(|pixel| packages.nearest(pixel.to_array(), BESIDE_PACKAGE)) {
                bare[which] = false;
            }
        }
        let middle = |(seen, _): (&SeenPackage, &bool)| seen.middle;
        let without_code = packages.seen.iter().zip(&bare).filter(|(_, bare)| **bare).map(middle).collect();
        Some(PackageCount { frame: index, seen: packages.seen.len(), without_code })
    };
    let counts = frames.iter().enumerate().filter_map(of_frame);
    counts.reduce(|a, b| {
        let more = (b.seen, a.without_code.len()) > (a.seen, b.without_code.len());
        if more { b } else { a }
    })
}

#[cfg(test)]
mod tests {
    use hardware_hal::{Calibration, Intrinsics, Pose};

    use super::*;
    use crate::codes::{Role, Symbology};
    use crate::vision::Evidence;
    use crate::vision::segment::{Answers, InstanceRule, Packages, instances};
    use crate::vision::testing::frame_meta;

    /// Two packages of 4×4 cells (64 px) with middles at cells (2, 2) and (8, 2), of 12×8.
    fn packages() -> Packages {
        let (rows, columns) = (8, 12);
        let mut data = vec![0.0; 4 * rows * columns];
        for (left, middle) in [(0, 2usize), (6, 8)] {
            for row in 0..4 {
                for column in left..left + 4 {
                    let i = row * columns + column;
                    data[i] = 1.0;
                    data[2 * rows * columns + i] = (middle as f32 - column as f32) / 8.0;
                    data[3 * rows * columns + i] = (2.0 - row as f32) / 8.0;
                }
            }
            data[rows * columns + 2 * columns + middle] = 1.0;
        }
        instances(&Answers { rows, columns, data: &data }, &InstanceRule::default())
    }

    /// 1 m above the plate, 1000 px to the metre: the plate's middle at pixel (95.5, 47.5).
    fn frame(angle_rad: f64, packages: Option<Packages>) -> (FrameMeta, FrameReading) {
        let calibration = Calibration {
            intrinsics: Intrinsics { principal_px: [95.5, 47.5], ..Intrinsics::pinhole(192, 128, 1000.0) },
            camera_from_rig: Pose::look_at(DVec3::new(0.0, 0.0, 1.0), DVec3::ZERO, DVec3::Y),
        };
        (frame_meta("top", calibration, angle_rad), FrameReading { packages, ..FrameReading::default() })
    }

    fn code(position: [f64; 3]) -> FusedCode {
        FusedCode {
            text: "81234567890123456789".into(),
            symbology: Symbology::Code128,
            role: Role::Trace,
            views: Vec::new(),
            best: Evidence { agreeing: 1, decoded: 1, tried: 1, margin: 1.0 },
            position_on_plate: Some(position),
            conflicts: Vec::new(),
            joint: None,
        }
    }

    /// Where on the plate a pixel of the frame lies, at rest.
    fn on_plate(frame: &(FrameMeta, FrameReading), [x, y]: [f64; 2]) -> [f64; 3] {
        let sight = super::super::sight::Sight::through(&frame.0, [x, y]).unwrap();
        (sight.eye - sight.direction * (sight.eye.z / sight.direction.z)).to_array()
    }

    #[test]
    fn a_package_on_which_no_code_lies_is_named() {
        let frames = [frame(0.0, Some(packages()))];
        let count = count_packages(&frames, &[]).unwrap();
        assert_eq!((count.frame, count.seen, count.without_code.len()), (0, 2, 2));
        let there = on_plate(&frames[0], [30.0, 30.0]);
        let count = count_packages(&frames, &[code(there)]).unwrap();
        assert_eq!((count.seen, count.without_code.as_slice()), (2, [[127.5, 31.5]].as_slice()));
        // A code beside both belongs to neither.
        let between = on_plate(&frames[0], [80.0, 120.0]);
        assert_eq!(count_packages(&frames, &[code(between)]).unwrap().without_code.len(), 2);
    }

    #[test]
    fn a_code_that_was_read_in_the_frame_needs_no_place() {
        let mut seen = packages();
        seen.seen[1].codes.push("81234567890123456789".into());
        let count = count_packages(&[frame(0.0, Some(seen))], &[]).unwrap();
        assert_eq!(count.without_code, [[31.5, 31.5]]);
    }

    #[test]
    fn the_frame_that_shows_most_packages_counts() {
        let mut one = packages();
        one.seen.truncate(1);
        let mut known = packages();
        known.seen[0].codes.push("81234567890123456789".into());
        let frames = [frame(0.0, Some(one)), frame(0.3, Some(packages())), frame(0.6, Some(known)), frame(0.9, None)];
        let count = count_packages(&frames, &[]).unwrap();
        assert_eq!((count.frame, count.seen, count.without_code.len()), (2, 2, 1));
        assert_eq!(count_packages(&frames[3..], &[]), None);
    }
}
