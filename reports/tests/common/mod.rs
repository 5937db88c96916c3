//! An invented run, for tests and for the sample report. Nothing in it was measured.
#![allow(dead_code, clippy::unwrap_used, reason = "every test takes what it needs, and may panic")]

use image::{ImageFormat, Rgb, RgbImage};
use reports::*;

/// A small multiplicative generator: the sample needs variety, not quality.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    /// In [0, 1).
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }

    pub fn between(&mut self, lo: f64, hi: f64) -> f64 {
        lo + (hi - lo) * self.next()
    }
}

type Quad = [[f64; 2]; 4];

const NAMES: [&str; 8] = [
    "阿莫西林胶囊 0.25 g×24",
    "Amoxicillin capsules",
    "甲硝唑片",
    "Tinidazole tablets 0.5 g",
    "盐酸米诺环素软膏",
    "<script>alert('x')</script>",
    "rb-bFGF gel & more",
    "布洛芬缓释胶囊",
];

/// A view of package 0 in frame 0 with everything as it should be.
pub fn view() -> CodeView {
    CodeView {
        frame: 0,
        camera: "top".to_owned(),
        stop: 0,
        turntable_deg: 0.0,
        pattern: "all".to_owned(),
        package: 0,
        package_name: "P0".to_owned(),
        symbology: "code128".to_owned(),
        text: "81234560000000010000".to_owned(),
        role: PrintRole::Trace,
        corners: [[10.0, 10.0], [300.0, 12.0], [299.5, 42.0], [9.5, 40.0]],
        visible_fraction: 1.0,
        visible: true,
        px_per_module: 2.0,
        incidence_deg: 10.0,
        glare_share: 0.0,
        blur_modules: 0.4,
        motion_blur_px: 0.0,
        grid_angle_deg: 12.0,
        contrast: 0.8,
        print_grade: 4.0,
        nominal: true,
        read: true,
        reason: None,
    }
}

/// A run without packages, frames and views.
pub fn empty_run() -> RunRecord {
    RunRecord {
        scenario: "demo".to_owned(),
        manifest: Manifest {
            schema_version: SCHEMA_VERSION,
            seed: 7,
            version: "0.1.0".to_owned(),
            tools: vec![
                ToolVersion { name: "bevy".to_owned(), version: "0.19.1".to_owned() },
                ToolVersion { name: "rapier3d".to_owned(), version: "0.36.1".to_owned() },
            ],
            adapter: Some("llvmpipe (LLVM 15.0.6, 256 bits), Mesa 22.3.6".to_owned()),
            os: "linux".to_owned(),
            arch: "x86_64".to_owned(),
            onnx_runtime: None,
            config_sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08".to_owned(),
            started_at: "2026-01-05T08:30:00Z".to_owned(),
            arguments: vec!["run".to_owned(), "scenarios/demo.toml".to_owned(), "--seed".to_owned(), "7".to_owned()],
        },
        packages: vec![],
        frames: vec![],
        views: vec![],
        order: vec![],
        pool: vec![],
        hashes: Hashes { physics: "1a".repeat(32), frames: "2b".repeat(32), codes: "3c".repeat(32), ledger: "4d".repeat(32) },
        cycle: CycleTimes { mechanical_seconds: 21.4, compute_seconds: None },
        thresholds: vec![],
        notes: vec![],
        times: WallTimes::default(),
    }
}

/// A frame of the size of the sample's cameras.
pub fn frame(index: usize) -> FrameRecord {
    let top = index.is_multiple_of(4);
    FrameRecord {
        index,
        camera: ["top", "north", "east", "south"][index % 4].to_owned(),
        stop: index / 4,
        turntable_deg: (index / 4) as f64 * 60.0,
        pattern: "all".to_owned(),
        width: if top { 4096 } else { 2448 },
        height: if top { 3000 } else { 2048 },
        complete: true,
        misreads: vec![],
        picture: None,
    }
}

fn fill(picture: &mut RgbImage, quad: Quad, grey: impl Fn(f64, f64) -> u8) {
    let [a, b, _, d] = quad;
    let (u, v) = ([b[0] - a[0], b[1] - a[1]], [d[0] - a[0], d[1] - a[1]]);
    let area = u[0] * v[1] - u[1] * v[0];
    let span = |axis: usize, size: u32| {
        let (lo, hi) = quad.iter().fold((f64::INFINITY, 0.0_f64), |(lo, hi), c| (lo.min(c[axis]), hi.max(c[axis])));
        (lo.max(0.0) as u32).min(size)..(hi as u32 + 1).min(size)
    };
    let (columns, rows) = (span(0, picture.width()), span(1, picture.height()));
    for (x, y) in rows.flat_map(|y| columns.clone().map(move |x| (x, y))) {
        let p = [f64::from(x) - a[0], f64::from(y) - a[1]];
        let (s, t) = ((p[0] * v[1] - p[1] * v[0]) / area, (u[0] * p[1] - u[1] * p[0]) / area);
        if (0.0..1.0).contains(&s) && (0.0..1.0).contains(&t) {
            picture.put_pixel(x, y, Rgb([grey(s, t); 3]));
        }
    }
}

fn quad(centre: [f64; 2], half: [f64; 2], angle: f64) -> Quad {
    let (sin, cos) = angle.sin_cos();
    [[-1.0, -1.0], [1.0, -1.0], [1.0, 1.0], [-1.0, 1.0]].map(|[x, y]: [f64; 2]| {
        let (x, y) = (x * half[0], y * half[1]);
        [centre[0] + x * cos - y * sin, centre[1] + x * sin + y * cos]
    })
}

fn pixels(frame: &FrameRecord, boxes: &[(Quad, Quad, Quad)]) -> Picture {
    let scale = 1024.0 / f64::from(frame.width);
    let to_picture = |quad: Quad| quad.map(|[x, y]| [(x + 0.5) * scale - 0.5, (y + 0.5) * scale - 0.5]);
    let mut picture = RgbImage::from_pixel(1024, (f64::from(frame.height) * scale) as u32, Rgb([62, 64, 66]));
    for (carton, trace, decoy) in boxes {
        fill(&mut picture, to_picture(*carton), |_, t| if t < 0.25 { 120 } else { 214 });
        fill(&mut picture, to_picture(*trace), |s, _| if (s * 72.0).sin() > 0.0 { 40 } else { 240 });
        fill(&mut picture, to_picture(*decoy), |s, _| if (s * 40.0).sin() > 0.0 { 50 } else { 235 });
    }
    let mut bytes = std::io::Cursor::new(Vec::new());
    picture.write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
    Picture { format: PictureFormat::Jpeg, bytes: bytes.into_inner(), scale }
}

/// A cycle of 20 packages, four cameras and six stops, with a misread and a few misses.
pub fn sample_run() -> RunRecord {
    let mut dice = Dice::new(7);
    let mut run = empty_run();
    let text = |i: usize| format!("8{:06}{:09}{:04}", 123_400 + i % 8, 40_117 * (i + 1), (7919 * (i + 3)) % 10_000);
    for index in 0..20 {
        run.packages.push(PackageRecord {
            index,
            name: NAMES[index % 8].to_owned(),
            text: if index == 5 { format!("\u{1d}010690000{index:05}21{}", "A7K".repeat(3)) } else { text(index) },
            symbology: if index == 5 { "data_matrix" } else { "code128" }.to_owned(),
            x_dimension_mm: 0.17 + 0.01 * (index % 9) as f64,
            visible_in_any_frame: false,
            best_px_per_module: None,
            read: false,
            views_visible: 0,
            views_read: 0,
            state: PackageState::Unread,
            refused_rule: None,
        });
    }
    for index in 0..24 {
        let mut frame = frame(index);
        let (width, height) = (f64::from(frame.width), f64::from(frame.height));
        let mut boxes = Vec::new();
        for package in 0..20 {
            let angle = 0.7 * package as f64 + frame.turntable_deg.to_radians();
            let cell = [(package % 5) as f64 + 0.5, (package / 5) as f64 + 0.5];
            let spot = [width * (cell[0] / 5.0 * 0.92 + 0.04), height * (cell[1] / 4.0 * 0.9 + 0.05)];
            let unit = width / 4096.0;
            let carton = quad(spot, [300.0 * unit, 150.0 * unit], angle);
            let off = |along: f64, down: f64| {
                [spot[0] + (along * angle.cos() - down * angle.sin()) * unit, spot[1] + (along * angle.sin() + down * angle.cos()) * unit]
            };
            let scale = 0.7 + 0.06 * (package % 9) as f64;
            let trace = quad(off(40.0, 40.0), [200.0 * unit * scale, 45.0 * unit], angle);
            let decoy = quad(off(-190.0, -70.0), [80.0 * unit, 40.0 * unit], angle);
            boxes.push((carton, trace, decoy));
            let px_per_module = 400.0 * unit * scale / 145.0 * if index % 4 == 0 { 1.0 } else { dice.between(0.6, 2.2) };
            let face_down = package == 13;
            let visible_fraction = if face_down { 0.0 } else { (dice.between(0.3, 1.9)).min(1.0) };
            let visible = visible_fraction > 0.8;
            let incidence_deg = if index % 4 == 0 { dice.between(2.0, 20.0) } else { dice.between(30.0, 70.0) };
            let nominal = incidence_deg <= 60.0;
            let read = visible && dice.next() < (px_per_module - 0.5) * if nominal { 0.9 } else { 0.4 } && package != 9;
            let base = CodeView {
                frame: index,
                camera: frame.camera.clone(),
                stop: frame.stop,
                turntable_deg: frame.turntable_deg,
                package,
                package_name: run.packages[package].name.clone(),
                symbology: run.packages[package].symbology.clone(),
                text: run.packages[package].text.clone(),
                corners: trace,
                visible_fraction,
                visible,
                px_per_module,
                incidence_deg,
                nominal,
                read,
                reason: (!read).then(|| if visible { "nothing_decoded" } else { "not_located" }.to_owned()),
                ..view()
            };
            if !face_down {
                run.views.push(base.clone());
                run.views.push(CodeView {
                    symbology: "ean13".to_owned(),
                    text: format!("69{:011}", 1_234_567 * (package + 1)),
                    role: PrintRole::Decoy,
                    corners: decoy,
                    read: false,
                    reason: None,
                    ..base
                });
            }
            let record = &mut run.packages[package];
            if visible {
                record.visible_in_any_frame = true;
                record.views_visible += 1;
                record.best_px_per_module = Some(record.best_px_per_module.unwrap_or(0.0).max(px_per_module));
            }
            record.views_read += u32::from(read);
            record.read |= read;
        }
        if index == 4 || index == 8 {
            let corners = boxes[7].1;
            frame.misreads.push(Misread {
                text: "81234070003209364242".to_owned(),
                kind: MisreadKind::UnknownText,
                given_to: Some(7),
                corners,
            });
        }
        frame.complete = index != 22;
        if index < 8 {
            frame.picture = Some(pixels(&frame, &boxes));
        }
        let mpix = width * height / 1e6;
        let times = [("segment", 0.012), ("locate", 0.041), ("rectify", 0.009), ("decode", 0.055), ("matrix", 0.018)];
        run.times.frames.push(FrameTimes {
            frame: index,
            render_seconds: mpix * dice.between(0.027, 0.033),
            decode: times
                .map(|(stage, seconds)| StageTime { stage: stage.to_owned(), seconds: seconds * mpix * dice.between(0.8, 1.3) })
                .to_vec(),
        });
        run.frames.push(frame);
    }
    for package in &mut run.packages {
        if package.read {
            package.state = PackageState::Fulfilled;
        }
    }
    run.packages[2].state = PackageState::Surplus;
    run.packages[4].state = PackageState::Refused;
    run.packages[4].refused_rule = Some("sold_once: this unit was dispensed before".to_owned());
    for package in &run.packages {
        let state = match package.state {
            PackageState::Fulfilled => LineState::Fulfilled,
            PackageState::Refused => LineState::Refused,
            _ => LineState::Missing,
        };
        run.order.push(OrderLine {
            line: package.index as u32 + 1,
            product: package.name.clone(),
            requested: 1,
            supplied: u32::from(state == LineState::Fulfilled),
            state,
            codes: if state == LineState::Fulfilled { vec![package.text.clone()] } else { vec![] },
            refused_rule: package.refused_rule.clone(),
        });
    }
    let fulfilled = run.order.iter().filter(|line| line.state == LineState::Fulfilled).count() as u64;
    for (status, before, after) in [("available", 9_999, 9_999 - fulfilled), ("reserved", 0, 0), ("dispensed", 1, 1 + fulfilled)] {
        run.pool.push(PoolCount { status: status.to_owned(), before, after });
    }
    for (stage, seconds) in [("start-up", 2.9), ("physics", 1.4), ("artwork", 0.8), ("pool", 0.12)] {
        run.times.stages.push(StageTime { stage: stage.to_owned(), seconds });
    }
    run.times.total_seconds = 64.2;
    run.thresholds = vec![
        Threshold { name: "packages_read".to_owned(), required: "≥ 16".to_owned(), observed: "18".to_owned(), held: true },
        Threshold { name: "misreads".to_owned(), required: "0".to_owned(), observed: "1".to_owned(), held: false },
    ];
    run.notes = vec!["The ONNX Runtime library was not found: the gradient-based locator was used.".to_owned()];
    run
}
