//! The scanner on what nobody should hand it, on random prints, and on one frame whose result is known to the last code.

#![allow(clippy::unwrap_used)] // A test that cannot make its picture has failed.

mod support;

use std::f64::consts::FRAC_PI_2;
use std::time::Duration;

use hardware_hal::{Exposure, Frame, FrameMeta, PixelFormat, PixelLayout, Samples, Timestamp};
use image::{DynamicImage, GrayImage, Luma, Rgb, RgbImage, RgbaImage};
use proptest::prelude::*;
use scanner_core::codes::{Role, Symbology};
use scanner_core::vision::{Scanner, UnreadReason};
use support::{Dice, Pose, Print, Scene, code128, ean13, station};

fn gray(w: u32, h: u32, f: impl Fn(u32, u32) -> u8) -> DynamicImage {
    DynamicImage::ImageLuma8(GrayImage::from_fn(w, h, |x, y| Luma([f(x, y)])))
}

#[test]
fn broken_pictures_give_no_codes_and_no_panic() {
    let mut dice = Dice::new(7, "noise");
    let noise: Vec<u8> = (0..300 * 200).map(|_| dice.int(256) as u8).collect();
    let pictures = [
        ("0×0", gray(0, 0, |_, _| 0)),
        ("1×1", gray(1, 1, |_, _| 128)),
        ("1×N", gray(1, 500, |_, y| (y % 7) as u8 * 30)),
        ("N×1", gray(500, 1, |x, _| (x % 7) as u8 * 30)),
        ("2×2", gray(2, 2, |x, y| (x * 255) as u8 ^ (y * 255) as u8)),
        ("9×9", gray(9, 9, |x, _| (x % 2) as u8 * 255)),
        ("black", gray(300, 200, |_, _| 0)),
        ("saturated", gray(300, 200, |_, _| 255)),
        ("noise", gray(300, 200, |x, y| noise[(y * 300 + x) as usize])),
        ("stripes of one pixel", gray(300, 200, |x, _| (x % 2) as u8 * 255)),
        ("stripes of four pixels", gray(300, 200, |x, _| (x / 4 % 2) as u8 * 255)),
        ("chessboard", gray(300, 200, |x, y| ((x / 3 + y / 3) % 2) as u8 * 255)),
        ("empty colour", DynamicImage::ImageRgb8(RgbImage::new(0, 5))),
        ("not a number", DynamicImage::ImageRgb32F(image::Rgb32FImage::from_pixel(64, 64, Rgb([f32::NAN, f32::INFINITY, -1.0])))),
        ("transparent", DynamicImage::ImageRgba8(RgbaImage::new(64, 64))),
    ];
    for (name, picture) in pictures {
        let result = Scanner::default().scan_image(&picture);
        assert!(result.readings.is_empty(), "{name}: {:?}", result.readings);
    }
}

/// A label with one code in the middle of a picture of its own.
fn label(modules: &[bool], text: &str, height: f64, pose: Pose, size: (usize, usize)) -> Scene {
    let mut print = Print::new(modules.len() + 40, height as usize + 24, 82);
    print.linear(20.0, 12.0, height, modules, text, true, 10, 80);
    let mut scene = Scene::new(size.0, size.1, 0.3);
    scene.lay(&print, &pose);
    scene
}

fn flat(centre: [f64; 2], px_per_module: f64, yaw: f64) -> Pose {
    Pose { centre, px_per_module, yaw, tilt: 0.0, tilt_axis: 0.0, distance: f64::INFINITY }
}

/// Whether a code of 3 px per module is read exactly, and where it is.
fn check_exactly(digits: &str, yaw: f64, [dx, dy]: [f64; 2], seed: u64) -> Result<(), TestCaseError> {
    let scene = label(&code128(digits), digits, 36.0, flat([320.0 + dx, 320.0 + dy], 3.0, yaw), (640, 640));
    let picture = DynamicImage::ImageLuma8(scene.photograph(&mut Dice::new(seed, "noise"), 0.6, 0.015));
    let result = Scanner::default().scan_image(&picture);
    prop_assert_eq!(result.readings.len(), 1, "{:?}", result);
    let (r, truth) = (&result.readings[0], &scene.truths[0]);
    prop_assert_eq!((r.text.as_str(), r.symbology, r.role), (digits, Symbology::Code128, Role::Trace));
    // Near the pixel grid, pixels of neighbouring rows hardly ever fall together, and the bars' lean is uncertain by a pixel or two.
    let from_grid = (yaw / FRAC_PI_2 - (yaw / FRAC_PI_2).round()).abs() * FRAC_PI_2;
    let uncertain = if from_grid < 0.06 { 2.0 } else { 1.0 };
    for (found, real) in r.corners.iter().zip(&truth.corners) {
        prop_assert!((found[0] - real[0]).hypot(found[1] - real[1]) < 1.5 * uncertain, "corner {:?} for {:?}", found, real);
    }
    prop_assert!((r.px_per_module / 3.0 - 1.0).abs() < 0.005 * uncertain, "{}", r.px_per_module);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_digits_at_any_angle_are_read_exactly(digits in "8[0-9]{19}", yaw in 0.0..std::f64::consts::TAU, dx in -0.5..0.5f64, dy in -0.5..0.5f64, seed in 0u64..1000) {
        check_exactly(&digits, yaw, [dx, dy], seed)?;
    }
}

/// The net's short side of this place is 22° off the bars; its long one and the gradients are right.
#[test]
fn a_code_is_read_exactly_where_the_detector_draws_its_short_side_aslant() -> Result<(), TestCaseError> {
    check_exactly("83334542122713045025", 5.646763394727133, [-0.38465942003774434, 0.2727857004003734], 457)
}

#[test]
fn a_retail_code_is_retail_in_either_direction() {
    for yaw in [0.4f64, 0.4 + std::f64::consts::PI] {
        let text = "6901234567892";
        let scene = label(&ean13(text), text, 50.0, flat([200.0, 200.0], 2.2, yaw), (400, 400));
        let picture = DynamicImage::ImageLuma8(scene.photograph(&mut Dice::new(3, "noise"), 0.6, 0.015));
        let result = Scanner::default().scan_image(&picture);
        let found: Vec<_> = result.readings.iter().map(|r| (r.text.as_str(), r.symbology, r.role)).collect();
        assert_eq!(found, [(text, Symbology::Ean13, Role::Retail)]);
        assert!((result.readings[0].px_per_module / 2.2 - 1.0).abs() < 0.005);
        // Start-top first, as the human-readable text reads.
        let c = result.readings[0].corners;
        assert!(((c[1][1] - c[0][1]).atan2(c[1][0] - c[0][0]) - yaw).rem_euclid(std::f64::consts::TAU).min(0.02) <= 0.02);
        assert!((c[0][0] - scene.truths[0].corners[0][0]).hypot(c[0][1] - scene.truths[0].corners[0][1]) < 1.0);
    }
}

/// A check character of value 102 looks like an FNC1 to a reader; it is none.
#[test]
fn a_check_character_that_looks_like_fnc1_leaves_no_trace() {
    let text = (0..).map(|i| format!("8{i:019}")).find(|t| check(t) == 102).unwrap();
    let scene = label(&code128(&text), &text, 36.0, flat([260.0, 260.0], 2.5, 0.3), (520, 520));
    let picture = DynamicImage::ImageLuma8(scene.photograph(&mut Dice::new(3, "noise"), 0.5, 0.01));
    let result = Scanner::default().scan_image(&picture);
    assert_eq!(result.readings.iter().map(|r| r.text.as_str()).collect::<Vec<_>>(), [text]);
}

fn check(digits: &str) -> usize {
    let pairs = (0..digits.len() / 2).map(|i| digits[2 * i..2 * i + 2].parse::<usize>().unwrap());
    (105 + pairs.enumerate().map(|(i, v)| (i + 1) * v).sum::<usize>()) % 103
}

/// Modules of what is no Code 128 but has bars in a row: interleaved 2 of 5, Code 39, EAN-13, and a Code 128 with a wrong check character.
fn no_code128(dice: &mut Dice) -> Vec<bool> {
    let widths = |pattern: &str, wide: char| -> String { pattern.chars().map(|c| if c == 'W' { wide } else { '1' }).collect() };
    let mut out = Vec::new();
    let count = 2 * dice.int(5) as usize + 6;
    let digits = dice.digits(count);
    let wide = if dice.int(2) == 0 { '2' } else { '3' };
    match dice.int(4) {
        0 => {
            const DIGITS: [&str; 10] = ["NNWWN", "WNNNW", "NWNNW", "WWNNN", "NNWNW", "WNWNN", "NWWNN", "NNNWW", "WNNWN", "NWNWN"];
            let digit = |i: usize| DIGITS[usize::from(digits.as_bytes()[i] - b'0')];
            support::dark("1111", true, &mut out);
            for i in (0..digits.len()).step_by(2) {
                let pair: String = digit(i).chars().zip(digit(i + 1).chars()).flat_map(|(bar, space)| [bar, space]).collect();
                support::dark(&widths(&pair, wide), true, &mut out);
            }
            support::dark(&widths("WNN", wide), true, &mut out);
        }
        1 => {
            const DIGITS: [&str; 10] = [
                "NNNWWNWNN",
                "WNNWNNNNW",
                "NNWWNNNNW",
                "WNWWNNNNN",
                "NNNWWNNNW",
                "WNNWWNNNN",
                "NNWWWNNNN",
                "NNNWNNWNW",
                "WNNWNNWNN",
                "NNWWNNWNN",
            ];
            let characters = std::iter::once("NWNNWNWNN").chain(digits.bytes().map(|d| DIGITS[usize::from(d - b'0')]));
            for character in characters.chain(["NWNNWNWNN"]) {
                support::dark(&widths(character, wide), true, &mut out);
                support::dark("1", false, &mut out);
            }
        }
        2 => out = ean13(&dice.retail()),
        _ => {
            // One pair of digits in the place of another: the check character is of other digits.
            out = code128(&digits);
            let other: String = digits
                .bytes()
                .enumerate()
                .map(|(i, d)| if i == 1 { char::from(b'0' + (d - b'0' + 3) % 10) } else { char::from(d) })
                .collect();
            let wrong = code128(&other);
            out[11..22].copy_from_slice(&wrong[11..22]);
        }
    }
    out
}

#[test]
fn bars_of_other_symbologies_are_no_code_128() {
    for seed in 100..148 {
        let mut dice = Dice::new(seed, "bars");
        let modules = no_code128(&mut dice);
        let pose = flat([300.0, 300.0], dice.real(0.9, 2.2), dice.real(0.0, std::f64::consts::TAU));
        let scene = label(&modules, "", dice.real(24.0, 50.0), pose, (600, 600));
        let blur = dice.real(0.3, 0.8);
        let picture = DynamicImage::ImageLuma8(scene.photograph(&mut dice, blur, 0.01));
        let found = Scanner::default().scan_image(&picture).readings;
        assert!(found.iter().all(|r| r.symbology == Symbology::Ean13), "seed {seed}: {found:?}");
    }
}

#[test]
fn a_code_cut_by_the_frame_is_reported_as_such() {
    let text = "81234567890123456789";
    let scene = label(&code128(text), text, 40.0, flat([420.0, 200.0], 2.5, 0.05), (500, 400));
    let picture = DynamicImage::ImageLuma8(scene.photograph(&mut Dice::new(5, "noise"), 0.5, 0.01));
    let result = Scanner::default().scan_image(&picture);
    assert!(result.readings.is_empty(), "{:?}", result.readings);
    assert_eq!(result.unread.iter().map(|u| u.reason).collect::<Vec<_>>(), [UnreadReason::CutByFrame]);
}

#[test]
fn every_sample_format_gives_the_same_texts() {
    let text = "81234567890123456789";
    let scene = label(&code128(text), text, 40.0, flat([260.0, 260.0], 2.6, 0.7), (520, 520));
    let picture = scene.photograph(&mut Dice::new(5, "noise"), 0.5, 0.01);
    let (w, h) = picture.dimensions();
    for (layout, bits) in [
        (PixelLayout::Mono, 8u8),
        (PixelLayout::Mono, 12),
        (PixelLayout::Mono, 16),
        (PixelLayout::BayerGrbg, 8),
        (PixelLayout::Rgb, 8),
        (PixelLayout::Rgb, 10),
    ] {
        let repeat = layout.samples();
        let full = f64::from((1u32 << bits) - 1) / 255.0;
        let values = picture.as_raw().iter().flat_map(|&v| std::iter::repeat_n(v, repeat));
        let samples =
            if bits == 8 { Samples::U8(values.collect()) } else { Samples::U16(values.map(|v| (f64::from(v) * full) as u16).collect()) };
        let meta = FrameMeta {
            camera: "test".into(),
            sequence: 0,
            width: w,
            height: h,
            format: PixelFormat { layout, bits },
            timestamp: Timestamp::default(),
            exposure: Exposure { start: Timestamp::default(), duration: Duration::ZERO },
            calibration: None,
            turntable_angle_rad: None,
            light_pattern: None,
            complete: true,
        };
        let result = Scanner::default().scan(&Frame::new(meta, samples).unwrap());
        assert_eq!(result.readings.iter().map(|r| r.text.as_str()).collect::<Vec<_>>(), [text], "{layout:?} {bits} bit");
    }
}

/// A frame of six cartons at 1.6 to 2.6 px per module: every code is read, nothing else is, twice the same.
#[test]
fn six_cartons_are_read_exactly() {
    let scene = station(11, 1800, 1200, (3, 2), (1.6, 2.6), 0.5);
    let picture = DynamicImage::ImageLuma8(scene.photograph(&mut Dice::new(11, "noise"), 0.6, 0.015));
    let result = Scanner::default().scan_image(&picture);
    let mut wanted: Vec<(&str, Role)> =
        scene.truths.iter().map(|t| (t.text.as_str(), if t.trace { Role::Trace } else { Role::Retail })).collect();
    wanted.sort_by_key(|(t, _)| *t);
    let found: Vec<(&str, Role)> = result.readings.iter().map(|r| (r.text.as_str(), r.role)).collect();
    assert_eq!(found, wanted);
    let again = Scanner::default().scan_image(&picture);
    assert_eq!((again.readings, again.unread), (result.readings, result.unread));
}

/// Texture may not make the work explode: the number of candidates is bounded whatever the picture.
#[test]
fn candidates_are_bounded_on_texture() {
    let mut dice = Dice::new(2, "texture");
    let phase: Vec<f64> = (0..400).map(|_| dice.real(0.0, 6.0)).collect();
    let picture = gray(1600, 1200, |x, y| {
        // Patches of bars of all directions and widths.
        let i = (x / 80 + y / 60 * 20) as usize % 400;
        let (s, c) = phase[i].sin_cos();
        let u = f64::from(x) * c + f64::from(y) * s;
        if (u / (1.5 + phase[i] / 2.0)).sin() > phase[(i * 7) % 400].sin() * 0.5 { 220 } else { 30 }
    });
    let plane = scanner_core::vision::Plane::from_image(&picture);
    let light = scanner_core::vision::Illumination::estimate(&plane);
    let options = scanner_core::vision::LocateOptions { max_linear: 50, max_matrix: 10, ..Default::default() };
    let candidates = scanner_core::vision::locate::locate(&plane.pyramid(4, 32), &light, &options);
    assert!(candidates.linear.len() <= 200 && candidates.matrix.len() <= 10, "{} {}", candidates.linear.len(), candidates.matrix.len());
    assert!(Scanner::default().scan_image(&picture).readings.is_empty());
}
