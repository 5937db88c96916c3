//! Code 128 from grey values alone: strips whose geometry is roughly known, from half a pixel per module upwards, in shadow, and strips that are no
//! code.

mod support;

use scanner_core::vision::decode::grey_level::{GreyLevelRule, read_code128};
use scanner_core::vision::{Corners, Plane};
use support::{Dice, code128};

/// Characters between start and stop of 20 digits, the check character counted.
const CHARACTERS: usize = 11;

/// How a strip is seen.
#[derive(Debug, Clone, Copy)]
struct View {
    px_per_module: f64,
    angle: f64,
    /// Standard deviation of the noise, full scale 1.
    noise: f64,
    /// What is left of the light beyond a line across the code.
    shadow: f64,
}

/// A picture of bars (dark true), and where they are: start-top, stop-top, stop-bottom, start-bottom.
fn picture(modules: &[bool], view: View, dice: &mut Dice) -> (Plane, Corners) {
    let (length, height) = (modules.len() as f64 * view.px_per_module, (30.0 * view.px_per_module).max(16.0));
    let side = (length + 40.0).ceil() as usize;
    let middle = side as f64 / 2.0;
    let (sin, cos) = view.angle.sin_cos();
    let local = |x: f64, y: f64| {
        let (dx, dy) = (x - middle, y - middle);
        (dx * cos + dy * sin, dy * cos - dx * sin)
    };
    let print = |x: f64, y: f64| {
        let (a, b) = local(x, y);
        let module = ((a + length / 2.0) / view.px_per_module).floor();
        let dark = b.abs() < height / 2.0 && module >= 0.0 && modules.get(module as usize) == Some(&true);
        if dark { 0.12 } else { 0.8 }
    };
    const FINE: usize = 6;
    let sharp: Vec<f64> = (0..side * side)
        .map(|i| {
            let (x, y) = ((i % side) as f64, (i / side) as f64);
            let at = |k: usize| (k as f64 + 0.5) / FINE as f64 - 0.5;
            (0..FINE * FINE).map(|k| print(x + at(k % FINE), y + at(k / FINE))).sum::<f64>() / (FINE * FINE) as f64
        })
        .collect();
    let kernel = [0.17, 0.66, 0.17];
    let data = (0..side * side)
        .map(|i| {
            let (x, y) = (i % side, i / side);
            let near = |c: usize, k: usize| (c + k).saturating_sub(1).min(side - 1);
            let blurred: f64 = (0..9).map(|k| kernel[k % 3] * kernel[k / 3] * sharp[near(y, k / 3) * side + near(x, k % 3)]).sum();
            // The shadow's edge runs aslant over the code and is 16 px wide: a penumbra.
            let (a, b) = local(x as f64, y as f64);
            let share = ((a + 0.8 * b - 0.1 * length) / 16.0 + 0.5).clamp(0.0, 1.0);
            let light = 1.0 - (1.0 - view.shadow) * share;
            // Near enough to a normal distribution.
            let noise: f64 = (0..12).map(|_| dice.real(-0.5, 0.5)).sum();
            (blurred * light + noise * view.noise) as f32
        })
        .collect();
    let at = |a: f64, b: f64| [middle + a * cos - b * sin, middle + a * sin + b * cos];
    let (l, h) = (length / 2.0, height / 2.0);
    (Plane::new(side, side, data), [at(-l, -h), at(l, -h), at(l, h), at(-l, h)])
}

/// Corners as a locator gives them: each off by up to `off` px.
fn roughly(corners: Corners, off: f64, dice: &mut Dice) -> Corners {
    corners.map(|c| c.map(|v| v + dice.real(-off, off)))
}

#[test]
fn texts_come_back_down_to_seven_tenths_of_a_pixel() {
    for (round, px_per_module) in [2.0, 1.5, 1.2, 1.0, 0.85, 0.7].into_iter().enumerate() {
        for k in 0..8u64 {
            let mut dice = Dice::new(1000 * round as u64 + k, "grey level");
            let text = dice.trace();
            let view = View { px_per_module, angle: dice.real(0.05, 1.5), noise: 0.008, shadow: 1.0 };
            let (plane, corners) = picture(&code128(&text), view, &mut dice);
            let found = read_code128(&plane, &roughly(corners, 1.5, &mut dice), CHARACTERS);
            let found = found.unwrap_or_else(|| panic!("nothing found: {view:?}"));
            assert!(found.accepted(&GreyLevelRule::default()), "{view:?}: {found:?}");
            assert_eq!(found.text().map(|t| t.text), Some(text), "{view:?}");
        }
    }
}

#[test]
fn most_codes_are_read_across_the_edge_of_a_shadow() {
    let mut read = 0;
    for k in 0..12u64 {
        let mut dice = Dice::new(k, "shadow");
        let text = dice.trace();
        let view = View { px_per_module: dice.real(1.2, 2.2), angle: dice.real(0.05, 1.5), noise: 0.006, shadow: 0.3 };
        let (plane, corners) = picture(&code128(&text), view, &mut dice);
        let found = read_code128(&plane, &roughly(corners, 1.5, &mut dice), CHARACTERS);
        if let Some(found) = found.filter(|f| f.accepted(&GreyLevelRule::default())) {
            assert_eq!(found.text().map(|t| t.text), Some(text), "{view:?}");
            read += 1;
        }
    }
    assert!(read >= 9, "{read} of 12");
}

/// Bars that look like a code and are none: right start and stop, and a text whose check character is that of another one; random bars in between.
#[test]
fn what_no_printer_printed_is_not_accepted() {
    for k in 0..60u64 {
        let mut dice = Dice::new(k, "impostor");
        let (text, other) = (dice.trace(), dice.trace());
        let mut modules = code128(&text);
        if k % 2 == 0 {
            // Two characters (four digits) of another code, under the old check character.
            let from = 11 * (1 + dice.int(9) as usize);
            modules[from..from + 22].copy_from_slice(&code128(&other)[from..from + 22]);
        } else {
            for module in &mut modules[22..121] {
                *module = dice.int(2) == 0;
            }
        }
        let px_per_module = if k % 3 == 0 { 0.7 } else { 1.3 };
        let shadow = if k % 5 == 0 { 0.4 } else { 1.0 };
        let view = View { px_per_module, angle: dice.real(0.05, 1.5), noise: 0.008, shadow };
        let (plane, corners) = picture(&modules, view, &mut dice);
        if modules == code128(&text) {
            continue;
        }
        if let Some(found) = read_code128(&plane, &roughly(corners, 1.5, &mut dice), CHARACTERS) {
            assert!(!found.accepted(&GreyLevelRule::default()), "seed {k}, {view:?}: accepted {:?}", found.text());
        }
    }
}
