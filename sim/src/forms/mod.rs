//! Forms of packages that are neither box nor cylinder: tubes, blisters in a sleeve, ampoule trays and flat pouches.
//!
//! Each form is a few convex parts ([`Convex`]) and the flat facets that can be seen of them ([`Facet`]). Renderer, shadows, rays of ground truth and
//! physics all use these same parts, so picture and truth cannot disagree by more than a facet's distance from the smooth form (tubes: a hundredth
//! of a millimetre; all others: nothing). What a face's print is mapped to stands in [`Shape::point`](crate::spec::Shape::point).

pub mod convex;
pub mod pouch;
pub mod sleeve;
pub mod tray;
pub mod tube;

use std::sync::Arc;

use hardware_hal::glam::DVec3;

pub use convex::Convex;
pub use pouch::Pouch;
pub use sleeve::Sleeve;
pub use tray::Tray;
pub use tube::Tube;

use crate::spec::{Face, Shape};

/// What a facet is made of.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Look {
    /// The print of a face, with its board and varnish.
    Print(Face),
    /// The package's own board, unprinted.
    Board,
    /// Something else: diffuse reflectance and share of light mirrored at normal incidence.
    Other {
        /// Diffuse reflectance.
        albedo: f64,
        /// Share of the light that is mirrored at normal incidence.
        gloss: f64,
    },
}

/// A flat piece of a form's surface.
#[derive(Debug, Clone, PartialEq)]
pub struct Facet {
    /// Index of the part that it belongs to, which never shades it.
    pub part: usize,
    /// What it is made of.
    pub look: Look,
    /// Its corners in order, in the package's frame, m.
    pub corners: Vec<DVec3>,
    /// Where its corners are on the face's print, m right and down from the face's top-left corner; empty where nothing is printed.
    pub uv: Vec<[f64; 2]>,
    /// Normals of the smooth form at the first three corners, linear in between; none where the form is flat itself.
    pub normals: Option<[DVec3; 3]>,
}

/// A form, built.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The solid parts. They may stand inside each other.
    pub parts: Arc<[Convex]>,
    /// What can be seen.
    pub facets: Vec<Facet>,
    /// Corners of the convex solids that physics drops, which are apart from each other.
    pub colliders: Vec<Convex>,
}

impl Model {
    /// Volume of what physics drops, m³.
    pub fn volume(&self) -> f64 {
        self.colliders.iter().map(|part| part.volume).sum()
    }
}

/// Builds up a model.
#[derive(Default)]
pub(crate) struct Builder {
    parts: Vec<Convex>,
    facets: Vec<Facet>,
    colliders: Vec<Convex>,
}

impl Builder {
    fn part(&mut self, part: Convex) -> usize {
        self.parts.push(part);
        self.parts.len() - 1
    }

    fn facet(&mut self, part: usize, look: Look, corners: &[DVec3], uv: &[[f64; 2]]) {
        self.facets.push(Facet { part, look, corners: corners.to_vec(), uv: uv.to_vec(), normals: None });
    }

    /// A facet of something smooth.
    fn smooth(&mut self, part: usize, look: Look, corners: &[DVec3], uv: &[[f64; 2]], normals: [DVec3; 3]) {
        self.facets.push(Facet { part, look, corners: corners.to_vec(), uv: uv.to_vec(), normals: Some(normals) });
    }

    /// A box with these looks of its faces (+x, −x, +y, −y, +z, −z), none where it cannot be seen.
    fn cuboid(&mut self, low: DVec3, high: DVec3, looks: [Option<Look>; 6]) -> usize {
        let part = self.part(Convex::cuboid(low, high));
        for (face, look) in convex::box_faces(low, high).iter().zip(looks) {
            if let Some(look) = look {
                self.facet(part, look, face, &[]);
            }
        }
        part
    }

    fn finish(self) -> Model {
        let colliders = if self.colliders.is_empty() { self.parts.clone() } else { self.colliders };
        Model { parts: self.parts.into(), facets: self.facets, colliders }
    }
}

impl Shape {
    /// Parts and facets of a form that has them; none for cartons and bottles, which are box and cylinder.
    pub fn model(&self) -> Option<Model> {
        match *self {
            Self::Carton { .. } | Self::Bottle { .. } => None,
            Self::Tube { radius, length } => Some(Tube::new(radius, length).model()),
            Self::Sleeve { size, out } => Some(Sleeve::new(size, out).model()),
            Self::Tray { size, ampoules } => Some(Tray::new(size, ampoules).model()),
            Self::Pouch { size } => Some(Pouch::new(size).model()),
        }
    }

    /// The convex parts of [`Shape::model`], all of a form's or none.
    pub fn parts(&self) -> Arc<[Convex]> {
        self.model().map_or_else(|| Arc::from([]), |model| model.parts)
    }

    /// Index of the part that carries a face's print.
    pub fn part_of(&self, face: Face) -> usize {
        match (self, face) {
            (Self::Tube { .. }, Face::Crimp) => tube::SEAL,
            (Self::Tube { .. }, _) => tube::BODY,
            (Self::Sleeve { .. }, Face::Back) => sleeve::BACK,
            (Self::Sleeve { .. }, Face::Top) => sleeve::TOP,
            (Self::Sleeve { .. }, Face::Bottom) => sleeve::BOTTOM,
            _ => 0,
        }
    }

    /// Volume, m³: of what is inside the outer skin.
    pub fn volume(&self) -> f64 {
        match *self {
            Self::Carton { size } => size.iter().product::<f64>(),
            Self::Bottle { radius, height } => std::f64::consts::PI * radius * radius * height,
            _ => self.model().map_or(0.0, |model| model.volume()),
        }
    }
}
