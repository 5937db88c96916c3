//! Frames and calibrations: exact refusals, exact numbers, exact files.

use std::f64::consts::{FRAC_PI_2, TAU};
use std::time::Duration;

use hardware_hal::glam::{DQuat, DVec2, DVec3};
use hardware_hal::{
    Calibration, ErrorKind, Exposure, Frame, FrameMeta, Intrinsics, PixelFormat, PixelLayout, Pose, Samples, Timestamp, rig_from_plate,
};
use proptest::prelude::*;

fn meta(width: u32, height: u32, layout: PixelLayout, bits: u8) -> FrameMeta {
    FrameMeta {
        camera: "top".into(),
        sequence: 3,
        width,
        height,
        format: PixelFormat { layout, bits },
        timestamp: Timestamp(20),
        exposure: Exposure { start: Timestamp(10), duration: Duration::from_nanos(5) },
        calibration: None,
        turntable_angle_rad: None,
        light_pattern: None,
        complete: true,
    }
}

#[test]
fn a_frame_that_does_not_fit_itself_is_refused() {
    use PixelLayout::{BayerRggb, Mono, Rgb};
    let (bytes, words) = (|n| Samples::U8(vec![0; n]), |n| Samples::U16(vec![0; n]));
    let cases = [
        (meta(0, 2, Mono, 8), bytes(0), "top: a frame of 0×2 px has no pixels"),
        (meta(2, 0, Mono, 8), bytes(0), "top: a frame of 2×0 px has no pixels"),
        (meta(2, 2, Mono, 7), bytes(4), "top: 7 bits per sample; 8 to 16 are known"),
        (meta(2, 2, Mono, 17), words(4), "top: 17 bits per sample; 8 to 16 are known"),
        (meta(2, 2, Mono, 8), words(4), "top: 8 bit samples in the wrong storage width"),
        (meta(2, 2, Mono, 9), bytes(4), "top: 9 bit samples in the wrong storage width"),
        (meta(2, 3, BayerRggb, 8), bytes(5), "top: 5 samples where 2×3 px need 6"),
        (meta(2, 3, Rgb, 12), words(6), "top: 6 samples where 2×3 px need 18"),
        (meta(2, 3, Mono, 16), words(18), "top: 18 samples where 2×3 px need 6"),
    ];
    for (meta, samples, expected) in cases {
        let error = Frame::new(meta, samples).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (ErrorKind::Malformed, expected));
        assert_eq!(error.device(), "top");
    }
    let frame = Frame::new(meta(2, 3, Rgb, 8), Samples::U8((0..18).collect())).unwrap();
    assert_eq!(frame.into_parts(), (meta(2, 3, Rgb, 8), Samples::U8((0..18).collect())));
}

#[test]
fn full_scale_is_all_ones() {
    let full = |bits| PixelFormat { layout: PixelLayout::Mono, bits }.full_scale();
    assert_eq!([8, 10, 12, 16].map(full), [255, 1023, 4095, 65535]);
}

fn camera(distortion: [f64; 5]) -> Calibration {
    let intrinsics = Intrinsics { size_px: [1000, 800], focal_px: [1000.0, 1100.0], principal_px: [499.5, 399.5], distortion };
    Calibration { intrinsics, camera_from_rig: Pose::IDENTITY }
}

fn assert_near(found: DVec2, expected: [f64; 2]) {
    let expected = DVec2::from(expected);
    assert!((found - expected).length() < 1e-9, "{found} is not {expected}");
}

#[test]
fn projection_without_distortion() {
    // x = 0.1, y = −0.2: u = 1000 · 0.1 + 499.5, v = 1100 · −0.2 + 399.5.
    assert_near(camera([0.0; 5]).project(DVec3::new(0.2, -0.4, 2.0)).unwrap(), [599.5, 179.5]);
}

/// OpenCV's formula by hand at x = 0.1, y = −0.2, so r² = 0.05, r⁴ = 0.0025, r⁶ = 0.000125, xy = −0.02.
#[test]
fn projection_with_each_term_of_distortion() {
    let project = |d| camera(d).project(DVec3::new(0.1, -0.2, 1.0)).unwrap();
    // k1: radial 1 + 0.2 · 0.05 = 1.01.
    assert_near(project([0.2, 0.0, 0.0, 0.0, 0.0]), [499.5 + 1000.0 * 0.101, 399.5 - 1100.0 * 0.202]);
    // k2: radial 1 + 4 · 0.0025 = 1.01.
    assert_near(project([0.0, 4.0, 0.0, 0.0, 0.0]), [499.5 + 1000.0 * 0.101, 399.5 - 1100.0 * 0.202]);
    // p1: x + 2 p1 xy = 0.1 − 0.0004, y + p1 (r² + 2y²) = −0.2 + 0.01 · 0.13.
    assert_near(project([0.0, 0.0, 0.01, 0.0, 0.0]), [499.5 + 1000.0 * 0.0996, 399.5 - 1100.0 * 0.1987]);
    // p2: x + p2 (r² + 2x²) = 0.1 + 0.01 · 0.07, y + 2 p2 xy = −0.2 − 0.0004.
    assert_near(project([0.0, 0.0, 0.0, 0.01, 0.0]), [499.5 + 1000.0 * 0.1007, 399.5 - 1100.0 * 0.2004]);
    // k3: radial 1 + 80 · 0.000125 = 1.01.
    assert_near(project([0.0, 0.0, 0.0, 0.0, 80.0]), [499.5 + 1000.0 * 0.101, 399.5 - 1100.0 * 0.202]);
    // All: radial 1.03; x = 0.103 − 0.0004 + 0.0007, y = −0.206 + 0.0013 − 0.0004.
    assert_near(project([0.2, 4.0, 0.01, 0.01, 80.0]), [499.5 + 1000.0 * 0.1033, 399.5 - 1100.0 * 0.2051]);
}

#[test]
fn what_lies_in_or_behind_the_camera_plane_has_no_pixel() {
    assert_eq!(camera([0.0; 5]).project(DVec3::new(0.1, 0.1, 0.0)), None);
    assert_eq!(camera([0.0; 5]).project(DVec3::new(0.1, 0.1, -1.0)), None);
}

#[test]
fn the_principal_point_of_a_pinhole_is_the_middle_of_the_picture() {
    // Pixel centres are whole numbers: four columns reach from −0.5 to 3.5.
    assert_eq!(Intrinsics::pinhole(4, 3, 10.0).principal_px, [1.5, 1.0]);
}

#[test]
fn a_camera_overhead_sees_rig_y_up_and_rig_x_right() {
    let camera_from_rig = Pose::look_at(DVec3::new(0.0, 0.0, 1.0), DVec3::ZERO, DVec3::Y);
    let calibration = Calibration { intrinsics: Intrinsics::pinhole(101, 101, 100.0), camera_from_rig };
    assert_near(calibration.project(DVec3::ZERO).unwrap(), [50.0, 50.0]);
    assert_near(calibration.project(DVec3::new(0.1, 0.0, 0.0)).unwrap(), [60.0, 50.0]);
    assert_near(calibration.project(DVec3::new(0.0, 0.1, 0.0)).unwrap(), [50.0, 40.0]);
    assert_near(calibration.project(DVec3::new(0.1, 0.0, 0.5)).unwrap(), [70.0, 50.0]);
    assert!((calibration.eye() - DVec3::Z).length() < 1e-12);
}

#[test]
fn the_plate_turns_counter_clockwise_from_above() {
    let p = rig_from_plate(FRAC_PI_2).transform_point(DVec3::new(1.0, 0.0, 0.3));
    assert!((p - DVec3::new(0.0, 1.0, 0.3)).length() < 1e-15, "{p}");
}

fn vector() -> impl Strategy<Value = DVec3> {
    [-2.0f64..2.0, -2.0f64..2.0, -2.0f64..2.0].prop_map(DVec3::from)
}

fn pose() -> impl Strategy<Value = Pose> {
    (vector(), 0.0..TAU, vector()).prop_filter_map("an axis has a length", |(axis, angle, translation)| {
        let axis = axis.try_normalize()?;
        Some(Pose { rotation: DQuat::from_axis_angle(axis, angle), translation })
    })
}

fn frame_meta() -> impl Strategy<Value = FrameMeta> {
    let layouts = [
        PixelLayout::Mono,
        PixelLayout::BayerRggb,
        PixelLayout::BayerGrbg,
        PixelLayout::BayerGbrg,
        PixelLayout::BayerBggr,
        PixelLayout::Rgb,
    ];
    let format = (proptest::sample::select(layouts.to_vec()), 8u8..=16).prop_map(|(layout, bits)| PixelFormat { layout, bits });
    let number = proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO;
    let intrinsics = ([any::<u32>(), any::<u32>()], proptest::collection::vec(number, 9)).prop_map(|(size_px, n)| Intrinsics {
        size_px,
        focal_px: [n[0], n[1]],
        principal_px: [n[2], n[3]],
        distortion: [n[4], n[5], n[6], n[7], n[8]],
    });
    let calibration = (intrinsics, pose()).prop_map(|(intrinsics, camera_from_rig)| Calibration { intrinsics, camera_from_rig });
    let times = (any::<u64>(), any::<u64>(), any::<u64>());
    let optional = (proptest::option::of(calibration), proptest::option::of(number), proptest::option::of(".*"));
    (".*", any::<u64>(), any::<[u32; 2]>(), format, times, optional, any::<bool>()).prop_map(
        |(
            camera,
            sequence,
            [width, height],
            format,
            (timestamp, start, duration),
            (calibration, turntable_angle_rad, light_pattern),
            complete,
        )| {
            let exposure = Exposure { start: Timestamp(start), duration: Duration::from_nanos(duration) };
            let timestamp = Timestamp(timestamp);
            FrameMeta {
                camera,
                sequence,
                width,
                height,
                format,
                timestamp,
                exposure,
                calibration,
                turntable_angle_rad,
                light_pattern,
                complete,
            }
        },
    )
}

proptest! {
    #[test]
    fn a_pose_and_its_inverse_cancel(pose in pose(), point in vector()) {
        let back = pose.inverse().transform_point(pose.transform_point(point));
        prop_assert!((back - point).length() < 1e-12, "{back} is not {point}");
        let cancelled = pose.then_from(&pose.inverse());
        prop_assert!(cancelled.translation.length() < 1e-12);
        prop_assert!(cancelled.rotation.angle_between(DQuat::IDENTITY) < 1e-6);
    }

    #[test]
    fn composed_poses_map_as_one_after_the_other(a_from_b in pose(), b_from_c in pose(), c_from_d in pose(), point in vector()) {
        let a_from_c = a_from_b.then_from(&b_from_c);
        let expected = a_from_b.transform_point(b_from_c.transform_point(point));
        prop_assert!((a_from_c.transform_point(point) - expected).length() < 1e-12);
        let (left, right) = (a_from_c.then_from(&c_from_d), a_from_b.then_from(&b_from_c.then_from(&c_from_d)));
        prop_assert!((left.transform_point(point) - right.transform_point(point)).length() < 1e-12);
    }

    #[test]
    fn a_pose_is_its_matrix(pose in pose(), point in vector()) {
        prop_assert!((pose.to_affine().transform_point3(point) - pose.transform_point(point)).length() < 1e-12);
    }

    #[test]
    fn a_camera_looks_at_its_target(eye in vector(), target in vector()) {
        prop_assume!((target - eye).length() > 0.1 && (target - eye).normalize().z.abs() < 0.99);
        let camera_from_rig = Pose::look_at(eye, target, DVec3::Z);
        let calibration = Calibration { intrinsics: Intrinsics::pinhole(640, 480, 500.0), camera_from_rig };
        prop_assert!((calibration.eye() - eye).length() < 1e-9);
        let pixel = calibration.project(target).unwrap();
        prop_assert!((pixel - DVec2::new(319.5, 239.5)).length() < 1e-6, "{pixel}");
        // Above the target is up in the picture.
        let above = calibration.project(target + DVec3::Z * 0.01).unwrap();
        prop_assert!(above.y < pixel.y && (above.x - pixel.x).abs() < 1e-6, "{above} is not above {pixel}");
    }

    #[test]
    fn a_frames_record_comes_back_exactly(meta in frame_meta()) {
        let json = serde_json::to_string(&meta).unwrap();
        prop_assert_eq!(serde_json::from_str::<FrameMeta>(&json).unwrap(), meta);
    }
}

#[test]
fn a_frames_record_has_a_known_form() {
    let meta = FrameMeta { turntable_angle_rad: Some(0.5), light_pattern: Some("ring".into()), ..meta(4, 3, PixelLayout::BayerRggb, 12) };
    let expected = r#"{"camera":"top","sequence":3,"width":4,"height":3,"format":{"layout":"bayer_rggb","bits":12},"timestamp":20,"exposure":{"start":10,"duration":5},"calibration":null,"turntable_angle_rad":0.5,"light_pattern":"ring","complete":true}"#;
    assert_eq!(serde_json::to_string(&meta).unwrap(), expected);
}
