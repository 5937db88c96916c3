//! The window's picture: what the renderer gave, and what is drawn over it.

use hardware_hal::Calibration;
use hardware_hal::glam::{DVec2, DVec3};
use image::imageops::FilterType;
use image::{GrayImage, imageops};
use sim::render::Radiance;
use sim::spec::SensorSpec;
use sim::window::{Canvas, Colour, TEXT_HEIGHT, TEXT_WIDTH};

use super::desk::{Desk, KEYS, Selected};
use super::eyes::Seen;
use super::layout::Layout;
use super::timeline::Phase;
use crate::scenario::metres;

const GROUND: Colour = [24, 26, 30];
const PANEL: Colour = [34, 37, 43];
const INK: Colour = [226, 228, 232];
const FAINT: Colour = [146, 152, 162];
const ACCENT: Colour = [255, 176, 46];
const LAMP: Colour = [255, 226, 120];
const CAMERA: Colour = [98, 178, 255];
const READ: Colour = [70, 220, 110];
const UNREAD: Colour = [255, 92, 80];

/// How far a camera's pyramid reaches on the screen, m.
const PYRAMID: f64 = 0.13;

/// What is known of a camera's view.
#[derive(Debug, Clone, Default)]
pub struct Inset {
    /// Rendered small, at once.
    pub preview: Option<GrayImage>,
    /// The full frame, read.
    pub seen: Option<Seen>,
}

/// Linear radiance as a screen shows it: the encoding of sRGB (IEC 61966-2-1), white a little below full.
pub fn encoded(radiance: &Radiance) -> GrayImage {
    const STEPS: usize = 4096;
    let curve: Vec<u8> = (0..=STEPS)
        .map(|i| {
            let linear = 0.92 * i as f64 / STEPS as f64;
            let value = if linear <= 0.003_130_8 { 12.92 * linear } else { 1.055 * linear.powf(1.0 / 2.4) - 0.055 };
            (255.0 * value).round() as u8
        })
        .collect();
    let grey = radiance.pixels.iter().map(|v| curve[(v.clamp(0.0, 1.0) * STEPS as f32) as usize]).collect();
    // The renderer gives as many pixels as it says.
    GrayImage::from_raw(radiance.width, radiance.height, grey).unwrap_or_default()
}

/// Linear radiance as a sensor's grey values show it, without blur and noise.
pub fn sensed(radiance: &Radiance, sensor: &SensorSpec) -> GrayImage {
    let full_scale = sensor.detail.system_gain.map_or(sensor.full_well, |gain| 4095.0 / gain);
    let (gain, black) = ((sensor.electrons_at_white / full_scale) as f32, sensor.black_level as f32);
    let grey = radiance.pixels.iter().map(|v| (255.0 * (v * gain + black)).round().clamp(0.0, 255.0) as u8).collect();
    GrayImage::from_raw(radiance.width, radiance.height, grey).unwrap_or_default()
}

/// Paints it all. `main` is the large picture, of whatever size, with the camera that it was taken with.
pub fn paint(desk: &Desk, layout: &Layout, main: Option<&(GrayImage, Calibration)>, insets: &[Inset], busy: bool) -> Canvas {
    let mut canvas = Canvas::new(layout.size[0], layout.size[1], GROUND);
    let [x, y, width, height] = layout.main;
    if let Some(camera) = desk.through {
        let inset = &insets[camera];
        picture_of(&mut canvas, layout.main, inset);
        canvas.text([x as i64 + 10, y as i64 + 8], &format!("through {}", desk.rig.cameras[camera].id), CAMERA, true);
    } else if let Some((picture, calibration)) = main {
        canvas.grey([x, y], width, &fitted(picture, [width, height]));
        over(&mut canvas, desk, &scaled(calibration, [width as u32, height as u32]));
    }
    for (index, (place, inset)) in layout.insets.iter().zip(insets).enumerate() {
        picture_of(&mut canvas, *place, inset);
        let name = &desk.rig.cameras[index].id;
        let state = match &inset.seen {
            Some(seen) => format!("{} read, {} not", seen.read.len(), seen.unread.len()),
            None if desk.playing => String::new(),
            None => "being read ...".into(),
        };
        let at = [place[0] as i64 + 6, place[1] as i64 + 3];
        canvas.fill([place[0], place[1]], [place[2], TEXT_HEIGHT + 6], GROUND, 0.6);
        canvas.text(at, name, if desk.through == Some(index) { ACCENT } else { CAMERA }, true);
        canvas.text([at[0] + ((name.chars().count() + 2) * TEXT_WIDTH) as i64, at[1]], &state, INK, false);
    }
    timeline(&mut canvas, desk, layout);
    column(&mut canvas, desk, layout, insets, busy);
    canvas
}

/// A camera's calibration for a picture of another size; as much of its field as fits.
pub fn scaled(calibration: &Calibration, [width, height]: [u32; 2]) -> Calibration {
    let mut scaled = *calibration;
    let i = &mut scaled.intrinsics;
    let factor = [f64::from(width) / f64::from(i.size_px[0]), f64::from(height) / f64::from(i.size_px[1])];
    for ((focal, principal), factor) in i.focal_px.iter_mut().zip(&mut i.principal_px).zip(factor) {
        *focal *= factor;
        // Pixel (0, 0) has its centre, not its corner, at zero.
        *principal = (*principal + 0.5) * factor - 0.5;
    }
    i.size_px = [width, height];
    scaled
}

fn fitted(picture: &GrayImage, [width, height]: [usize; 2]) -> Vec<u8> {
    if picture.dimensions() == (width as u32, height as u32) {
        return picture.as_raw().clone();
    }
    imageops::resize(picture, width as u32, height as u32, FilterType::Triangle).into_raw()
}

/// A camera's view with what was read in it, as large as fits.
fn picture_of(canvas: &mut Canvas, [x, y, width, height]: [usize; 4], inset: &Inset) {
    let Some(picture) = inset.seen.as_ref().map(|seen| &seen.picture).or(inset.preview.as_ref()) else { return };
    let [w, h] = [picture.width(), picture.height()].map(f64::from);
    let fit = (width as f64 / w).min(height as f64 / h);
    let size = [((w * fit) as usize).max(1), ((h * fit) as usize).max(1)];
    let corner = [x + (width - size[0].min(width)) / 2, y + (height - size[1].min(height)) / 2];
    canvas.grey(corner, size[0], &fitted(picture, size));
    let Some(seen) = &inset.seen else { return };
    let scale = seen.scale * fit;
    let place = |c: &[f64; 2]| DVec2::new(corner[0] as f64, corner[1] as f64) + (DVec2::from_array(*c) + 0.5) * scale - 0.5;
    for corners in &seen.unread {
        canvas.outline(&corners.map(|c| place(&c)), 1.0, UNREAD);
    }
    let large = size[0] > 700;
    for (corners, text) in &seen.read {
        let corners = corners.map(|c| place(&c));
        canvas.outline(&corners, if large { 2.0 } else { 1.2 }, READ);
        if large {
            let last: String =
                text.chars().skip(text.chars().count().saturating_sub(6)).map(|c| if c.is_ascii_graphic() { c } else { '|' }).collect();
            canvas.text([corners[0].x as i64, corners[0].y as i64 - TEXT_HEIGHT as i64 - 2], &format!("..{last}"), READ, true);
        }
    }
}

/// Lamps and cameras over the viewer's own picture.
fn over(canvas: &mut Canvas, desk: &Desk, calibration: &Calibration) {
    let at = |p: DVec3| calibration.project(p);
    let mut line = |from: DVec3, to: DVec3, width: f64, colour: Colour| {
        if let (Some(from), Some(to)) = (at(from), at(to)) {
            canvas.line(from, to, width, colour);
        }
    };
    let axes = [("x", DVec3::X, UNREAD), ("y", DVec3::Y, READ), ("z", DVec3::Z, CAMERA)];
    for (_, axis, colour) in axes {
        line(DVec3::ZERO, axis * 0.06, 1.5, colour);
    }
    let lit = desk.rig.patterns.get(desk.pattern).map(|pattern| &pattern.lamps);
    let mut labels: Vec<(DVec3, String, Colour)> = axes.map(|(name, axis, colour)| (axis * 0.07, name.to_owned(), colour)).to_vec();
    for (index, lamp) in desk.rig.lamps.iter().enumerate() {
        let selected = desk.selected == Selected::Lamp(index);
        let on = lit.is_some_and(|lamps| lamps.contains_key(&lamp.name));
        let colour = if selected {
            ACCENT
        } else if on {
            LAMP
        } else {
            FAINT
        };
        let (position, target) = (metres(lamp.position_mm), metres(lamp.target_mm));
        let reach = 0.02;
        for axis in [DVec3::X, DVec3::Y, DVec3::Z, (DVec3::X + DVec3::Y).normalize(), (DVec3::X - DVec3::Y).normalize()] {
            line(position - axis * reach, position + axis * reach, if on { 2.5 } else { 1.0 }, colour);
        }
        if selected {
            line(position, target, 1.0, colour);
        }
        labels.push((position, lamp.name.clone(), colour));
    }
    for (index, camera) in desk.rig.cameras.iter().enumerate() {
        let selected = desk.selected == Selected::Camera(index);
        let colour = if selected { ACCENT } else { CAMERA };
        let own = camera.calibration();
        let [width, height] = own.intrinsics.size_px.map(f64::from);
        let rig_from_camera = own.camera_from_rig.inverse();
        let corner = |x: f64, y: f64| {
            let i = &own.intrinsics;
            rig_from_camera.transform_point(
                PYRAMID * DVec3::new((x - i.principal_px[0]) / i.focal_px[0], (y - i.principal_px[1]) / i.focal_px[1], 1.0),
            )
        };
        let corners = [corner(0.0, 0.0), corner(width, 0.0), corner(width, height), corner(0.0, height)];
        let (eye, thick) = (metres(camera.eye_mm), if selected { 2.0 } else { 1.2 });
        for (i, c) in corners.iter().enumerate() {
            line(eye, *c, thick, colour);
            line(*c, corners[(i + 1) % 4], thick, colour);
        }
        if selected {
            line(eye, metres(camera.target_mm), 1.0, colour);
        }
        labels.push((eye, camera.id.clone(), colour));
    }
    for (place, text, colour) in labels {
        if let Some(p) = at(place).filter(|p| p.is_finite() && p.abs().max_element() < 1e5) {
            // The column is painted later, over what reaches into it.
            canvas.text([p.x as i64 + 8, p.y as i64 - 8], &text, colour, false);
        }
    }
}

fn timeline(canvas: &mut Canvas, desk: &Desk, layout: &Layout) {
    let [x, y, width, height] = layout.timeline;
    canvas.fill([x, y], [width, height], PANEL, 1.0);
    let total = desk.timeline.seconds().max(1e-9);
    let at = |time: f64| x + (time / total * (width - 1) as f64) as usize;
    canvas.fill([x, y + 4], [at(desk.timeline.fallen_s()) - x, height - 8], [70, 62, 48], 1.0);
    for stop in (0..).map_while(|stop| desk.timeline.stop_s(stop)) {
        canvas.fill([at(stop).saturating_sub(1), y + 4], [3, height - 8], CAMERA, 1.0);
    }
    canvas.fill([at(desk.time).saturating_sub(2), y], [5, height], ACCENT, 1.0);
}

fn column(canvas: &mut Canvas, desk: &Desk, layout: &Layout, insets: &[Inset], busy: bool) {
    let [x, y, width, height] = layout.column;
    canvas.fill([x, y], [width, height], PANEL, 1.0);
    let left = x as i64 + 12;
    let room = (width - 24) / TEXT_WIDTH;
    let mut line = y as i64 + 10;
    let mut write = |text: &str, colour: Colour, bold: bool| {
        canvas.text([left, line], &text.chars().take(room).collect::<String>(), colour, bold);
        line += TEXT_HEIGHT as i64 + 3;
    };
    let moment = desk.timeline.at(desk.time);
    write(&desk.rig.name, INK, true);
    let state = if desk.playing {
        "playing"
    } else if busy {
        "rendering"
    } else {
        "at rest"
    };
    write(&format!("{:.2} of {:.2} s, {state}", desk.time, desk.timeline.seconds()), INK, false);
    write(
        &match moment.phase {
            Phase::Falling(count) => format!("{count} packages dropped"),
            Phase::Stop(stop) => format!("stop {}, plate at {:.1}°", stop + 1, moment.angle_rad.to_degrees()),
            Phase::Turning(stop) => format!("to stop {}, plate at {:.1}°", stop + 1, moment.angle_rad.to_degrees()),
        },
        INK,
        false,
    );
    let lit = desk.rig.patterns.get(desk.pattern).map_or(0, |pattern| pattern.lamps.len());
    write(&format!("pattern {} ({lit} of {} lamps)", desk.pattern_name(), desk.rig.lamps.len()), LAMP, false);
    write("", INK, false);
    write(&desk.selected_name(), ACCENT, true);
    let [place, aim] = desk.selected_mm();
    let shown = |what: &str, mm: [f64; 3]| format!("{what} {:.0} {:.0} {:.0} mm", mm[0], mm[1], mm[2]);
    write(&shown("at", place), if desk.aiming { FAINT } else { INK }, false);
    write(&shown("aims at", aim), if desk.aiming { INK } else { FAINT }, false);
    if let Selected::Lamp(i) = desk.selected {
        write(&format!("intensity {}", desk.rig.lamps[i].intensity), INK, false);
    }
    write("", INK, false);
    let texts: std::collections::BTreeSet<&str> =
        insets.iter().filter_map(|inset| inset.seen.as_ref()).flat_map(|seen| seen.read.iter().map(|(_, text)| text.as_str())).collect();
    if insets.iter().any(|inset| inset.seen.is_some()) {
        write(&format!("{} different codes read", texts.len()), READ, true);
    }
    write(if desk.unsaved() { "rig changed, not saved" } else { "" }, ACCENT, false);
    // What there is to say may take several lines.
    let mut words = desk.message.split_whitespace().peekable();
    while words.peek().is_some() {
        let mut text = String::new();
        while let Some(word) = words.next_if(|word| text.is_empty() || text.chars().count() + 1 + word.chars().count() <= room) {
            text = if text.is_empty() { word.to_owned() } else { format!("{text} {word}") };
        }
        write(&text, UNREAD, false);
    }
    // Keys at the foot of the column.
    let mut at = (y + height) as i64 - ((KEYS.len() * (TEXT_HEIGHT + 1)) as i64) - 8;
    for (keys, what) in KEYS {
        canvas.text([left, at], keys, ACCENT, false);
        canvas.text([left + 13 * TEXT_WIDTH as i64, at], &what.chars().take(room - 13).collect::<String>(), FAINT, false);
        at += TEXT_HEIGHT as i64 + 1;
    }
}
