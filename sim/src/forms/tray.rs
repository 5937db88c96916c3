//! A tray of ampoules: a flat lid, printed, over a row of ampoules that stand out behind it in their film.

use std::f64::consts::PI;

use hardware_hal::glam::DVec3;

use super::convex::Convex;
use super::{Builder, Look, Model};
use crate::spec::Face;

/// Thickness of lid and flange, m.
const FLANGE: f64 = 1e-3;
/// Film left free around the row of ampoules, m.
const MARGIN: f64 = 4e-3;
/// Distance of ampoules' axes that [`Tray::count`] aims at, m: ampoules of 1 to 2 ml are 10 to 11 mm thick.
const PITCH: f64 = 12e-3;
/// Share of the pitch that an ampoule takes, of its length up to the neck, and of its thickness at the neck.
const WIDTH: f64 = 0.9;
const SHOULDER: f64 = 0.66;
const NECK: f64 = 0.5;
/// Strips around half an ampoule.
const STRIPS: usize = 14;

/// Film over glass, and the film itself.
const GLASS: Look = Look::Other { albedo: 0.42, gloss: 0.07 };
const FILM: Look = Look::Other { albedo: 0.6, gloss: 0.06 };

/// A tray's measures, m.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tray {
    /// Edge lengths: lid's width and height, depth with the ampoules.
    pub size: [f64; 3],
    /// How many lie side by side, across the width.
    pub ampoules: u32,
}

impl Tray {
    /// A tray.
    pub fn new(size: [f64; 3], ampoules: u32) -> Self {
        Self { size, ampoules: ampoules.max(1) }
    }

    /// How many ampoules of common size lie in a tray of this width, m.
    pub fn count(width: f64) -> u32 {
        ((width - 2.0 * MARGIN) / PITCH).round().clamp(1.0, 12.0) as u32
    }

    /// Parts and facets.
    pub fn model(&self) -> Model {
        let mut builder = Builder::default();
        let half = DVec3::from_array(self.size) / 2.0;
        let flange = FLANGE.min(half.z / 2.0);
        let film = Some(FILM);
        let low = DVec3::new(-half.x, -half.y, half.z - flange);
        let lid = builder.cuboid(low, half, [film, film, film, film, None, film]);
        let [w, h] = Face::Front.extent(self.size);
        let uv = [[0.0, 0.0], [w, 0.0], [w, h], [0.0, h]];
        builder.facet(lid, Look::Print(Face::Front), &uv.map(|[u, v]| Face::Front.point(self.size, u, v)), &uv);
        let pitch = (w - 2.0 * MARGIN).max(w / 2.0) / f64::from(self.ampoules);
        let depth = self.size[2] - flange;
        let radius = (WIDTH * pitch / 2.0).min(depth);
        let (bottom, top) = (-half.y + MARGIN.min(half.y / 4.0), half.y - MARGIN.min(half.y / 4.0));
        let shoulder = bottom + SHOULDER * (top - bottom);
        let axis = half.z - flange - (depth - radius);
        for i in 0..self.ampoules {
            let x = (f64::from(i) + 0.5 - f64::from(self.ampoules) / 2.0) * pitch;
            let rib = |radius: f64, from: f64, to: f64| Rib { x, axis, radius, back: half.z - flange, from, to };
            rib(radius, bottom, shoulder).add(&mut builder);
            rib(NECK * radius, shoulder, top).add(&mut builder);
        }
        builder.finish()
    }
}

/// What stands out behind the lid for a piece of an ampoule: half a cylinder on straight walls.
struct Rib {
    x: f64,
    /// z of the ampoule's axis.
    axis: f64,
    radius: f64,
    /// z of the lid's back.
    back: f64,
    from: f64,
    to: f64,
}

impl Rib {
    fn add(&self, builder: &mut Builder) {
        let normal = |i: usize| {
            let angle = PI * i as f64 / STRIPS as f64;
            DVec3::new(libm::cos(angle), 0.0, -libm::sin(angle))
        };
        // Cross-section: from the lid down one wall, around, and up the other.
        let mut section: Vec<DVec3> = vec![DVec3::new(self.radius, 0.0, self.back - self.axis)];
        section.extend((0..=STRIPS).map(|i| normal(i) * self.radius));
        section.push(DVec3::new(-self.radius, 0.0, self.back - self.axis));
        let at = |p: DVec3, y: f64| DVec3::new(self.x + p.x, y, self.axis + p.z);
        let ends = [self.from, self.to].map(|y| section.iter().map(|p| at(*p, y)).collect::<Vec<DVec3>>());
        let mut faces: Vec<Vec<DVec3>> = ends.to_vec();
        let sides: Vec<[DVec3; 4]> = section
            .windows(2)
            .map(|pair| [at(pair[0], self.from), at(pair[1], self.from), at(pair[1], self.to), at(pair[0], self.to)])
            .collect();
        faces.extend(sides.iter().map(|side| side.to_vec()));
        faces.push([section[0], section[section.len() - 1]].iter().flat_map(|p| [at(*p, self.from), at(*p, self.to)]).collect());
        if let Some([.., c, d]) = faces.last_mut().map(Vec::as_mut_slice) {
            std::mem::swap(c, d);
        }
        let part = builder.part(Convex::of_faces(&faces));
        for end in &ends {
            builder.facet(part, FILM, end, &[]);
        }
        for (i, side) in sides.iter().enumerate() {
            // The first and the last are the straight walls.
            let (from, to) = (i.saturating_sub(1), i.min(STRIPS));
            builder.smooth(part, GLASS, side, &[], [normal(from), normal(to), normal(to)]);
        }
    }
}
