//! Forms of packages that are neither box nor cylinder: tubes, blisters in a sleeve, ampoule trays and flat pouches.
//!
//! Each form is a few convex parts ([`Convex`]) and the flat facets that can be seen of them ([`Facet`]). Renderer, shadows, rays of ground truth and
//! physics all use these same parts, so picture and truth cannot disagree by more than a facet's distance from the smooth form (tubes: a fiftieth
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

#[cfg(test)]
mod tests {
    use hardware_hal::Pose;
    use proptest::prelude::*;

    use super::*;
    use crate::geometry::PlacedBody;
    use crate::load::Form;

    fn any_form() -> impl Strategy<Value = Shape> {
        let tube = (0.006..0.02f64, 3.0..6.0f64).prop_map(|(r, slim)| Form::Tube.shape([2.0 * r, 2.0 * r * slim, 2.0 * r]));
        let sleeve = (0.05..0.13, 0.03..0.07, 0.006..0.02).prop_map(|(w, h, d)| Form::Sleeve.shape([w, h, d]));
        let tray = (0.04..0.14, 0.04..0.1, 0.009..0.03).prop_map(|(w, h, d)| Form::AmpouleTray.shape([w, h, d]));
        let pouch = (0.05..0.1, 0.06..0.13, 0.004..0.012).prop_map(|(w, h, d)| Form::Pouch.shape([w, h, d]));
        prop_oneof![tube, sleeve, tray, pouch]
    }

    /// How far a facet may lie inside the smooth form, m.
    const CHORD: f64 = 3e-5;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        #[test]
        fn print_lies_on_the_surface_and_is_continuous(shape in any_form(), a in 0.0..1.0f64, b in 0.0..1.0f64) {
            let model = shape.model().unwrap();
            for face in shape.printed() {
                let extent = shape.extent(*face);
                let (u, v) = (a * extent[0], b * extent[1]);
                let point = shape.point(*face, u, v);
                let outside = model.parts[shape.part_of(*face)].outside(point);
                // On the skin of the part that carries it, or of a bulge above that or an edge beside it.
                let on_any = model.parts.iter().map(|part| part.outside(point).abs()).fold(f64::INFINITY, f64::min);
                prop_assert!(on_any < CHORD, "{shape:?} {face:?} {u} {v}: {on_any} m off, {outside} m off its part");
                prop_assert!(model.parts.iter().all(|part| part.outside(point) > -CHORD), "{shape:?} {face:?} {u} {v}: inside");
                let normal = shape.normal(*face, u, v);
                prop_assert!((normal.length() - 1.0).abs() < 1e-9);
                // A tenth of a millimetre on the print is about that on the skin, and the normal looks away from it.
                for (du, dv) in [(1e-4, 0.0), (0.0, 1e-4)] {
                    if u + du > extent[0] || v + dv > extent[1] {
                        continue;
                    }
                    let step = shape.point(*face, u + du, v + dv) - point;
                    prop_assert!((0.7e-4..1.6e-4).contains(&step.length()), "{shape:?} {face:?} {u} {v}: {} m", step.length());
                    prop_assert!(step.normalize().dot(normal).abs() < 0.45, "{shape:?} {face:?} {u} {v}: {}", step.normalize().dot(normal));
                }
                let (right, down) = (shape.point(*face, (u + 1e-6).min(extent[0]), v) - point, shape.point(*face, u, (v + 1e-6).min(extent[1])) - point);
                if right.length() > 1e-7 && down.length() > 1e-7 {
                    prop_assert!(down.cross(right).dot(normal) > 0.0, "{shape:?} {face:?}: print is mirrored");
                }
            }
        }

        #[test]
        fn facets_are_the_skin_of_their_parts(shape in any_form()) {
            let model = shape.model().unwrap();
            let half = shape.half_extents();
            for facet in &model.facets {
                let area = convex::area_vector(&facet.corners[..3]).length();
                prop_assert!(area > 1e-9, "{shape:?}: the first three corners lie in line: {:?}", facet.corners);
                for corner in &facet.corners {
                    // The print of a sleeve's narrow sides goes over the edges of its front and back.
                    let off = model.parts.iter().map(|part| part.outside(*corner).abs()).fold(f64::INFINITY, f64::min);
                    prop_assert!(off < 1e-9, "{shape:?}: {off} m");
                    prop_assert!((corner.abs() - half).max_element() < 1e-9, "{shape:?}: {corner} is outside its box");
                }
                if let Look::Print(face) = facet.look {
                    for (corner, uv) in facet.corners.iter().zip(&facet.uv) {
                        // The seal of a tube has its print on both sides.
                        let said = shape.point(face, uv[0], uv[1]);
                        prop_assert!(said.distance(*corner) < 1e-9 || face == Face::Crimp, "{shape:?} {face:?}: {said} {corner}");
                    }
                }
            }
            let reached = model.facets.iter().flat_map(|f| &f.corners).fold(DVec3::ZERO, |m, c| m.max(c.abs()));
            prop_assert!((reached - half).abs().max_element() < 1e-4, "{shape:?} fills its box: {reached} of {half}");
        }

        #[test]
        fn rays_are_blocked_just_where_they_pass_a_part(shape in any_form(), seed: u64) {
            let mut random = crate::random::Streams::new(seed).stream("rays", &[]);
            let pose = Pose { rotation: random.orientation(), translation: DVec3::new(0.1, -0.2, 0.3) };
            let body = PlacedBody::new(&shape, pose);
            let half = shape.half_extents();
            for _ in 0..40 {
                let mut place = || half * DVec3::new(random.uniform(-2.0, 2.0), random.uniform(-2.0, 2.0), random.uniform(-2.0, 2.0));
                let (a, b) = (place(), place());
                const STEPS: i32 = 400;
                let inside = (0..=STEPS).any(|i| body.parts.iter().any(|p| p.outside(a.lerp(b, f64::from(i) / f64::from(STEPS))) < 0.0));
                let blocked = body.blocks(pose.transform_point(a), pose.transform_point(b));
                prop_assert!(blocked || !inside, "{shape:?}: passes through unseen from {a} to {b}");
                let near = (0..=STEPS).any(|i| body.parts.iter().any(|p| p.outside(a.lerp(b, f64::from(i) / f64::from(STEPS))) < 1e-3));
                prop_assert!(near || !blocked, "{shape:?}: blocked by nothing from {a} to {b}");
            }
        }
    }

    #[test]
    fn a_tubes_cross_sections_keep_its_circumference() {
        let tube = Tube::new(0.015, 0.12);
        let [width, height] = tube.around();
        for v in [0.05, 0.3, 0.6, 0.95] {
            let points: Vec<DVec3> = (0..=4000).map(|i| tube.on_body(width * f64::from(i) / 4000.0, v * height).0).collect();
            let length: f64 = points.windows(2).map(|pair| pair[0].distance(pair[1])).sum();
            assert!((length / width - 1.0).abs() < 1e-4, "{length} of {width} at {v}");
        }
    }
}
