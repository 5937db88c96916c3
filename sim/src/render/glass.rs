//! What a glass plate adds to a picture after it was drawn: loss of light on the way through, the veil of its dirt, mirror images of lamps, and lamps seen
//! through it. By pixel, from the distances of what was drawn.

use hardware_hal::Calibration;
use hardware_hal::glam::{DVec2, DVec3};
use rayon::prelude::*;

use super::bend::shift_at;
use super::scene::TABLE_ALBEDO;
use super::shot::Shot;
use crate::glass::{DIRT_ALBEDO, DIRT_KEEPS, Glass, Pane, Shares, crossing, image_places, lamp_in_pane};
use crate::shading::{LAMP_RADIUS, diffuse_white, mirrored_share};
use crate::spec::LampSpec;

/// Entries of the table of what the pane lets through, by cosine.
const COSINES: usize = 512;

/// Steps across the plate at which the light on its dirt is worked out.
const VEIL: usize = 32;

/// Lines of sight by pixel.
struct Rays<'a> {
    eye: DVec3,
    right: DVec3,
    down: DVec3,
    forward: DVec3,
    /// The lens's table, where it distorts.
    bend: &'a [[f32; 2]],
}

impl<'a> Rays<'a> {
    fn new(calibration: &Calibration, bend: &'a [[f32; 2]]) -> Self {
        let i = &calibration.intrinsics;
        let rig_from_camera = calibration.camera_from_rig.inverse();
        let [right, down, axis] = [DVec3::X, DVec3::Y, DVec3::Z].map(|axis| rig_from_camera.rotation * axis);
        let (right, down) = (right / i.focal_px[0], down / i.focal_px[1]);
        let forward = axis - right * i.principal_px[0] - down * i.principal_px[1];
        Self { eye: rig_from_camera.translation, right, down, forward, bend }
    }

    /// Direction of sight, 1 long along the optical axis.
    fn at(&self, x: f64, y: f64) -> DVec3 {
        let shift = if self.bend.is_empty() { DVec2::ZERO } else { shift_at(self.bend, x, y) };
        self.right * (x + shift.x) + self.down * (y + shift.y) + self.forward
    }
}

/// What the pane does, by cosine of incidence.
struct Table(Vec<Shares>);

impl Table {
    fn new(pane: &Pane) -> Self {
        Self((0..=COSINES).map(|i| pane.shares(i as f64 / COSINES as f64)).collect())
    }

    /// (what gets through, what is mirrored).
    fn at(&self, cosine: f64) -> [f64; 2] {
        let x = cosine.clamp(0.0, 1.0) * COSINES as f64;
        let i = (x as usize).min(COSINES - 1);
        let (a, b, t) = (&self.0[i], &self.0[i + 1], x - i as f64);
        [a.through + t * (b.through - a.through), (a.front + a.back) + t * (b.front + b.back - a.front - a.back)]
    }
}

/// Light on the dirt from the eye's side, as radiance of white dirt, over the plate.
struct Veil {
    radius: f64,
    light: Vec<f64>,
}

impl Veil {
    fn new(pane: &Pane, eye: DVec3, lamps: &[LampSpec], shot: &Shot, ambient: f64) -> Self {
        let below = pane.is_below(eye);
        let normal = if below { DVec3::NEG_Z } else { DVec3::Z };
        let light = |i: usize| {
            let [x, y] = [i % (VEIL + 1), i / (VEIL + 1)].map(|k| (2.0 * k as f64 / VEIL as f64 - 1.0) * pane.radius);
            let lit = lamps.iter().zip(&shot.lamp_shares).filter(|(lamp, share)| **share > 0.0 && pane.is_below(lamp.position) == below);
            ambient + lit.map(|(lamp, share)| share * diffuse_white(lamp, DVec3::new(x, y, 0.0), normal)).sum::<f64>()
        };
        Self { radius: pane.radius, light: (0..(VEIL + 1) * (VEIL + 1)).map(light).collect() }
    }

    fn at(&self, place: DVec3) -> f64 {
        let [x, y] = [place.x, place.y].map(|p| ((p / self.radius + 1.0) / 2.0 * VEIL as f64).clamp(0.0, VEIL as f64 - 1e-9));
        let (i, s, t) = (y as usize * (VEIL + 1) + x as usize, x.fract(), y.fract());
        let [top, bottom] = [i, i + VEIL + 1].map(|i| self.light[i] * (1.0 - s) + self.light[i + 1] * s);
        top * (1.0 - t) + bottom * t
    }
}

/// A picture as it was drawn.
pub struct Drawn<'a> {
    /// Radiance.
    pub pixels: &'a mut [f32],
    /// 1 ÷ distance along the axis by pixel, 0 where nothing was drawn.
    pub nearness: &'a [f32],
    /// The table of a lens that distorts, empty for others.
    pub bend: &'a [[f32; 2]],
}

/// Finishes a picture.
pub fn finish(glass: &Glass, lamps: &[LampSpec], ambient: f64, shot: &Shot, drawn: Drawn<'_>) {
    let Drawn { pixels, nearness, bend } = drawn;
    let rays = Rays::new(&shot.calibration, bend);
    let pane = &glass.pane;
    let ambient = ambient * shot.ambient_share;
    let below = pane.is_below(rays.eye);
    let table = Table::new(pane);
    let veil = glass.dirt.is_some().then(|| Veil::new(pane, rays.eye, lamps, shot, ambient));
    // What the pane mirrors beside lamps: the room above, the dark of the housing below.
    let around = if below { TABLE_ALBEDO * ambient } else { ambient };
    let width = shot.calibration.intrinsics.size_px[0] as usize;
    pixels.par_chunks_mut(width).zip(nearness.par_chunks(width)).enumerate().for_each(|(y, (row, near))| {
        for (x, (pixel, near)) in row.iter_mut().zip(near).enumerate() {
            // From above only what was drawn below the plate is seen through it.
            if !below && *near <= 0.0 {
                continue;
            }
            let sight = rays.at(x as f64, y as f64);
            if !below && rays.eye.z + sight.z / f64::from(*near) > -pane.glass.thickness / 2.0 {
                continue;
            }
            let ray = sight.normalize();
            let Some((at, _)) = crossing(pane, rays.eye, ray) else {
                if below {
                    *pixel = around as f32;
                }
                continue;
            };
            let drawn = if *near > 0.0 { f64::from(*pixel) } else { ambient };
            let [through, mirrored] = table.at(ray.z.abs());
            let mut light = through * drawn + mirrored * around;
            if let Some(veil) = &veil {
                let cover = glass.cover(at.truncate(), shot.angle_rad);
                light = light * (1.0 - DIRT_KEEPS * cover) + cover * DIRT_ALBEDO * veil.at(at);
            }
            *pixel = light as f32;
        }
    });
    for (lamp, share) in lamps.iter().zip(&shot.lamp_shares).filter(|(_, share)| **share > 0.0) {
        add_lamp(pane, &rays, lamp, *share, shot, pixels, nearness);
    }
}

/// Adds a lamp where the pane shows it.
fn add_lamp(pane: &Pane, rays: &Rays<'_>, lamp: &LampSpec, share: f64, shot: &Shot, pixels: &mut [f32], nearness: &[f32]) {
    let calibration = &shot.calibration;
    let [width, height] = calibration.intrinsics.size_px.map(|n| n as usize);
    let below = pane.is_below(rays.eye);
    let same_side = pane.is_below(lamp.position) == below;
    let share = if same_side { share * mirrored_share(lamp, shot.analyser) } else { share };
    let angle = 1.0 / calibration.intrinsics.focal_px[0].min(calibration.intrinsics.focal_px[1]);
    let Some([left, top, right, bottom]) = bounds(pane, calibration, rays.eye, lamp, [width, height]) else { return };
    pixels[top * width..bottom * width].par_chunks_mut(width).zip(top..bottom).for_each(|(row, y)| {
        for x in left..right {
            let sight = rays.at(x as f64, y as f64);
            let near = f64::from(nearness[y * width + x]);
            let hidden = if below {
                // Mirror images lie over everything; what is behind the pane only shows where nothing stands before it.
                near > 0.0
            } else {
                if near > 0.0 && rays.eye.z + sight.z / near > -pane.glass.thickness / 2.0 {
                    continue;
                }
                false
            };
            let light = share * lamp_in_pane(pane, rays.eye, sight.normalize(), lamp, angle, hidden);
            row[x] += light as f32;
        }
    });
}

/// Columns and rows that may show a lamp in the pane: the box around its images.
fn bounds(pane: &Pane, calibration: &Calibration, eye: DVec3, lamp: &LampSpec, size: [usize; 2]) -> Option<[usize; 4]> {
    let around = [DVec3::X, DVec3::NEG_X, DVec3::Y, DVec3::NEG_Y, DVec3::Z, DVec3::NEG_Z, DVec3::ZERO];
    let (mut low, mut high, mut behind, mut before) = (DVec2::INFINITY, DVec2::NEG_INFINITY, false, false);
    for place in image_places(pane, eye, lamp) {
        for side in around {
            // Wide enough for the images' shift with the angle.
            let point = place + side * (1.5 * LAMP_RADIUS + 2.0 * pane.glass.thickness);
            match calibration.project(point) {
                Some(pixel) => (low, high, before) = (low.min(pixel), high.max(pixel), true),
                None => behind = true,
            }
        }
    }
    if behind {
        // Something beside the camera's plane may be anywhere.
        return before.then_some([0, 0, size[0], size[1]]);
    }
    let clip = |value: f64, end: usize| value.clamp(0.0, end as f64) as usize;
    let found = [clip(low.x - 8.0, size[0]), clip(low.y - 8.0, size[1]), clip(high.x + 8.0, size[0]), clip(high.y + 8.0, size[1])];
    (found[0] < found[2] && found[1] < found[3]).then_some(found)
}
