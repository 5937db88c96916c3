//! A blister in a sleeve: a flat carton sleeve, open at left and right, with the edges of the blister showing.

use hardware_hal::glam::DVec3;

use super::convex::Convex;
use super::{Builder, Look, Model};
use crate::spec::Face;

/// Indices of the parts that carry print; 0 is the front.
pub const BACK: usize = 1;
/// The upper narrow side.
pub const TOP: usize = 2;
/// The lower narrow side.
pub const BOTTOM: usize = 3;

/// Thickness of the board, m.
const BOARD: f64 = 0.5e-3;
/// Thickness of the blister's rim, m: film and foil.
const RIM: f64 = 0.5e-3;
/// Room between blister and sleeve, m.
const PLAY: f64 = 0.8e-3;

/// Cut edges of the board, and its inner side, where little light comes.
const EDGE: Look = Look::Other { albedo: 0.6, gloss: 0.0 };
const INSIDE: Look = Look::Other { albedo: 0.25, gloss: 0.0 };
/// Aluminium foil: it mirrors much of the light.
const FOIL: Look = Look::Other { albedo: 0.4, gloss: 0.3 };
/// Clear film over white tablets.
const FILM: Look = Look::Other { albedo: 0.5, gloss: 0.08 };

/// A sleeve's measures, m.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Sleeve {
    /// Edge lengths of the sleeve.
    pub size: [f64; 3],
    /// How far the blister shows at each end.
    pub out: f64,
}

impl Sleeve {
    /// A sleeve of these edges, whose blister shows this far at each end.
    pub fn new(size: [f64; 3], out: f64) -> Self {
        Self { size, out }
    }

    /// Edges of the box around it, m.
    pub fn around(&self) -> [f64; 3] {
        [self.size[0] + 2.0 * self.out, self.size[1], self.size[2]]
    }

    /// Parts and facets.
    pub fn model(&self) -> Model {
        let mut builder = Builder::default();
        let half = DVec3::from_array(self.size) / 2.0;
        let board = BOARD.min(half.z / 4.0);
        // Front and back, top and bottom between them. Their faces: print outside, cut edges at the open ends, the inner side.
        let (print, edge, inside) = (Look::Print, Some(EDGE), Some(INSIDE));
        let plates = [
            (Face::Front, DVec3::new(-half.x, -half.y, half.z - board), half, [edge, edge, None, None, None, inside]),
            (Face::Back, -half, DVec3::new(half.x, half.y, board - half.z), [edge, edge, None, None, inside, None]),
            (
                Face::Top,
                DVec3::new(-half.x, half.y - board, board - half.z),
                DVec3::new(half.x, half.y, half.z - board),
                [edge, edge, None, inside, None, None],
            ),
            (
                Face::Bottom,
                DVec3::new(-half.x, -half.y, board - half.z),
                DVec3::new(half.x, board - half.y, half.z - board),
                [edge, edge, inside, None, None, None],
            ),
        ];
        for (face, low, high, looks) in plates {
            let part = builder.cuboid(low, high, looks);
            // The print of the narrow sides goes over the thickness of front and back.
            let [w, h] = face.extent(self.size);
            let uv = [[0.0, 0.0], [w, 0.0], [w, h], [0.0, h]];
            builder.facet(part, print(face), &uv.map(|[u, v]| face.point(self.size, u, v)), &uv);
        }
        // The blister lies on its foil, near the back; its pockets end inside the sleeve.
        let foil = board - half.z + PLAY.min(half.z / 4.0);
        let rim = DVec3::new(half.x + self.out, half.y - board - PLAY, 0.0);
        let (film, foil_look) = (Some(FILM), Some(FOIL));
        builder.cuboid(DVec3::new(-rim.x, -rim.y, foil), DVec3::new(rim.x, rim.y, foil + RIM), [film, film, film, film, film, foil_look]);
        let pockets = DVec3::new(half.x - 3e-3, half.y - board - 4e-3, half.z - board - PLAY);
        if pockets.min_element() > 0.0 && pockets.z > foil + 2.0 * RIM {
            let low = DVec3::new(-pockets.x, -pockets.y, foil + RIM);
            builder.cuboid(low, pockets, [film, film, film, film, film, None]);
        }
        // Nothing gets into the sleeve: physics drops it filled, with the blister's edges.
        builder.colliders.push(Convex::cuboid(-half, half));
        for side in [-1.0, 1.0] {
            let (a, b) = (DVec3::new(side * half.x, -rim.y, foil), DVec3::new(side * rim.x, rim.y, foil + RIM));
            builder.colliders.push(Convex::cuboid(a.min(b), a.max(b)));
        }
        builder.finish()
    }
}
