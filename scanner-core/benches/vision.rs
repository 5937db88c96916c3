//! One 12 MP frame with twenty cartons through the scanner: seconds in all, and by stage.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use scanner_core::vision::{Illumination, LocateOptions, Locator, Plane, Scanner, detect, locate};

#[path = "../tests/support/mod.rs"]
mod support;

fn vision(c: &mut Criterion) {
    let scene = support::station(1, 4096, 3000, (5, 4), (1.0, 1.8), 0.0);
    let picture = image::DynamicImage::ImageLuma8(scene.photograph(&mut support::Dice::new(1, "noise"), 0.6, 0.015));
    let plane = Plane::from_image(&picture);
    let mut group = c.benchmark_group("vision_12mp");
    group.sample_size(10);
    group.bench_function("luminance", |b| b.iter(|| Plane::from_image(black_box(&picture))));
    group.bench_function("enhance", |b| b.iter(|| Illumination::estimate(black_box(&plane))));
    let light = Illumination::estimate(&plane);
    let pyramid = plane.clone().pyramid(4, 32);
    group.bench_function("locate", |b| b.iter(|| locate::locate(black_box(&pyramid), &light, &LocateOptions::default())));
    group.bench_function("detector_features", |b| b.iter(|| detect::features(black_box(&plane), detect::MULTIPLE)));
    match detect::shared() {
        Ok(detector) => {
            let options = detect::DetectOptions::default();
            group.bench_function("detector", |b| b.iter(|| detector.detect(black_box(&plane), &options)));
            let options = LocateOptions { detector: Locator::Ssd, ..LocateOptions::default() };
            group.bench_function("locate_by_detector", |b| b.iter(|| locate::locate(black_box(&pyramid), &light, &options)));
        }
        Err(error) => println!("the detector is not measured: {error}"),
    }
    let scanner = Scanner::default();
    group.bench_function("scan", |b| b.iter(|| scanner.scan_image(black_box(&picture))));
    group.finish();
    // The rest of the scan by stage, from the scanner's own watch.
    let reading = scanner.scan_image(&picture);
    for stage in &reading.timings {
        println!("{:<12} {:.3} s", stage.stage, stage.seconds);
    }
    println!("{} codes read, {} not", reading.readings.len(), reading.unread.len());
}

criterion_group!(benches, vision);
criterion_main!(benches);
