//! Pictures to look at.

use std::time::Duration;

use crate::station::{self, oblique, overhead, placements};
use hardware_hal::{PixelFormat, Samples};
use sim::render::scene::Scene;
use sim::render::{Renderer, Shot};
use sim::sensor::Readout;

/// Writes two pictures for a human to look at; only on request, because it renders twelve megapixels.
#[test]
#[ignore = "for a human: TRACETWIN_PICTURES=folder cargo test -p sim --test twin pictures -- --ignored"]
fn pictures_to_look_at() {
    let Some(folder) = std::env::var_os("TRACETWIN_PICTURES") else {
        println!("skipped: TRACETWIN_PICTURES names no folder");
        return;
    };
    let spec = station::station(20);
    let renderer = Renderer::start(Scene::new(&spec, &placements(&spec.packages)).unwrap(), 8000.0).unwrap();
    println!("{:?}", renderer.adapter());
    let views = [("overhead", overhead(4096, 3000, 5600.0, 0.95)), ("side", oblique(2448, 2048, 3200.0, [0.7, -0.3, 0.5]))];
    for (name, calibration) in views {
        let shot = Shot::at_rest(calibration, 0.3, vec![0.7, 0.7, 0.7, 0.6]);
        for _ in 0..3 {
            let cpu = cpu_seconds();
            let begun = std::time::Instant::now();
            let radiance = renderer.render(shot.clone()).unwrap();
            let rendered = begun.elapsed();
            let sensor = &spec.cameras[0].sensor;
            let readout =
                Readout { sensor, nominal_exposure_s: 0.01, exposure: Duration::from_millis(10), gain_db: 0.0, format: PixelFormat::MONO8 };
            let begun = std::time::Instant::now();
            let Samples::U8(pixels) = readout.expose(&radiance.pixels, radiance.width as usize, &[0; 32]) else { unreachable!() };
            let sensed = begun.elapsed();
            println!(
                "{name}: {rendered:?} rendering, {sensed:?} sensor, attempt {}, {:.2} s of CPU",
                radiance.attempts,
                cpu_seconds() - cpu
            );
            let path = std::path::Path::new(&folder).join(format!("{name}.png"));
            image::save_buffer(path, &pixels, radiance.width, radiance.height, image::ColorType::L8).unwrap();
        }
    }
}

/// CPU time of this process so far, s; 0 where the system doesn't tell.
fn cpu_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<f64> = stat.split_whitespace().filter_map(|f| f.parse().ok()).collect();
    if fields.len() < 14 { 0.0 } else { (fields[11] + fields[12]) / 100.0 }
}
