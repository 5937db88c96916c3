//! How many codes are read at how many pixels per module, on frames of this crate's own test renderer.

#![allow(clippy::unwrap_used)] // A test that cannot make its picture has failed.

mod support;

use scanner_core::codes::{Role, Symbology};
use scanner_core::vision::Scanner;
use support::{Dice, Scene, Truth, station};

const BANDS: [(&str, f64, f64); 7] = [
    ("<0.7", 0.0, 0.7),
    ("0.7-1", 0.7, 1.0),
    ("1-1.3", 1.0, 1.3),
    ("1.3-1.6", 1.3, 1.6),
    ("1.6-2", 1.6, 2.0),
    ("2-3", 2.0, 3.0),
    (">=3", 3.0, 1e9),
];

#[derive(Default, Debug)]
struct Tally {
    trace: [(usize, usize); 7],
    retail: [(usize, usize); 7],
    misreads: Vec<String>,
    worst_corner_px: f64,
    corner_errors: Vec<f64>,
    ppm_errors: Vec<f64>,
    seconds: Vec<f64>,
    stages: Vec<(String, f64)>,
}

impl Tally {
    fn scan(&mut self, scene: &Scene, seed: u64, blur: f64, noise: f64) {
        let picture = image::DynamicImage::ImageLuma8(scene.photograph(&mut Dice::new(seed, "noise"), blur, noise));
        if let Some(dir) = std::env::var_os("VISION_DUMP") {
            picture.save(std::path::Path::new(&dir).join(format!("frame-{seed}.png"))).unwrap();
        }
        let result = Scanner::default().scan_image(&picture);
        self.seconds.push(result.timings.iter().map(|t| t.seconds).sum());
        for t in &result.timings {
            match self.stages.iter_mut().find(|(s, _)| s == t.stage) {
                Some((_, total)) => *total += t.seconds,
                None => self.stages.push((t.stage.into(), t.seconds)),
            }
        }
        for truth in &scene.truths {
            let inside = truth
                .corners
                .iter()
                .all(|c| c[0] > 3.0 && c[1] > 3.0 && c[0] < scene.width as f64 - 4.0 && c[1] < scene.height as f64 - 4.0);
            if !inside {
                continue;
            }
            let band = BANDS.iter().position(|(_, lo, hi)| (*lo..*hi).contains(&truth.px_per_module)).unwrap();
            let cell = if truth.trace { &mut self.trace[band] } else { &mut self.retail[band] };
            cell.1 += 1;
            let found = result.readings.iter().find(|r| r.text == truth.text && close(truth, &r.corners));
            if std::env::var_os("VISION_VERBOSE").is_some() && truth.trace && found.is_none() {
                println!("missed {seed} {truth:?}");
            }
            if let Some(r) = found {
                cell.0 += 1;
                let miss = (0..4)
                    .map(|i| (r.corners[i][0] - truth.corners[i][0]).hypot(r.corners[i][1] - truth.corners[i][1]))
                    .fold(0.0, f64::max);
                self.worst_corner_px = self.worst_corner_px.max(miss);
                self.corner_errors.push(miss);
                self.ppm_errors.push(r.px_per_module / truth.px_per_module - 1.0);
                if !truth.trace {
                    assert_eq!((r.role, r.symbology), (Role::Retail, Symbology::Ean13));
                }
            }
        }
        for r in &result.readings {
            if !scene.truths.iter().any(|t| t.text == r.text && close(t, &r.corners)) {
                self.misreads.push(format!("{} {:?} at {:?}: {:?}", r.text, r.symbology, r.corners[0], r.evidence));
            }
        }
    }

    fn print(&self, title: &str) {
        println!("{title}");
        println!("| px per module | {} |", BANDS.map(|b| b.0).join(" | "));
        for (name, row) in [("trace", &self.trace), ("retail", &self.retail)] {
            println!("| {name} | {} |", row.map(|(r, n)| format!("{r}/{n}")).join(" | "));
        }
        let mut c = self.corner_errors.clone();
        c.sort_by(f64::total_cmp);
        let mut p = self.ppm_errors.clone();
        p.sort_by(f64::total_cmp);
        let at = |v: &[f64], q: f64| v.get(((v.len() as f64 * q) as usize).min(v.len().saturating_sub(1))).copied().unwrap_or(f64::NAN);
        println!(
            "corners: median {:.2} px, 95 % {:.2} px, worst {:.2}; px per module error {:+.4} / {:+.4} / {:+.4} (5, 50, 95 %)",
            at(&c, 0.5),
            at(&c, 0.95),
            self.worst_corner_px,
            at(&p, 0.05),
            at(&p, 0.5),
            at(&p, 0.95)
        );
        println!("misreads: {:?}; seconds per frame {:.2?}", self.misreads, self.seconds);
        println!(
            "stages: {}",
            self.stages.iter().map(|(s, t)| format!("{s} {:.3}", t / self.seconds.len() as f64)).collect::<Vec<_>>().join(", ")
        );
    }
}

fn close(truth: &Truth, corners: &[[f64; 2]; 4]) -> bool {
    let middle = |c: &[[f64; 2]; 4]| [c.iter().map(|p| p[0]).sum::<f64>() / 4.0, c.iter().map(|p| p[1]).sum::<f64>() / 4.0];
    let (a, b) = (middle(&truth.corners), middle(corners));
    (a[0] - b[0]).hypot(a[1] - b[1]) < 30.0
}

/// The table of the pull: run with `--ignored --nocapture`. Environment: VISION_FRAMES (default 2) per row.
#[test]
#[ignore = "minutes; prints the recall table"]
fn recall_table() {
    let frames: u64 = std::env::var("VISION_FRAMES").ok().and_then(|v| v.parse().ok()).unwrap_or(2);
    for (title, size, grid, ppm, tilt) in [
        ("overhead, 12 MP", (4096, 3000), (5, 4), (0.75, 1.35), 0.0),
        ("overhead, 12 MP, closer", (4096, 3000), (5, 4), (1.2, 2.1), 0.0),
        ("oblique, 5 MP", (2448, 2048), (4, 3), (1.0, 2.2), 1.0),
        ("close, 12 MP", (4096, 3000), (3, 2), (2.0, 4.2), 0.8),
    ] {
        if std::env::var("VISION_ROW").is_ok_and(|row| !title.contains(&row)) {
            continue;
        }
        let mut tally = Tally::default();
        for seed in 0..frames {
            let scene = station(seed, size.0, size.1, grid, ppm, tilt);
            let (blur, noise) = if seed % 2 == 0 { (0.5, 0.01) } else { (0.8, 0.02) };
            tally.scan(&scene, seed, blur, noise);
        }
        tally.print(title);
    }
}
