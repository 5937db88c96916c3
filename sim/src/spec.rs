//! What the twin is built from: plain values in SI units. Files and their checking are the composition root's business.

use hardware_hal::glam::{DQuat, DVec3};
use hardware_hal::{Calibration, PixelFormat};

pub use crate::exposure::Flicker;
use crate::forms::{Pouch, Sleeve, Tube};
use crate::spectrum::{LightColour, Pigment, Response};

/// Everything the twin needs to know. The same spec gives the same frames.
#[derive(Debug, Clone, PartialEq)]
pub struct TwinSpec {
    /// The one seed from which all random streams flow.
    pub seed: u64,
    /// The plate.
    pub plate: PlateSpec,
    /// The plate's drive.
    pub turntable: TurntableSpec,
    /// The lamps.
    pub lamps: Vec<LampSpec>,
    /// Which lamps a pattern lights, in what share.
    pub patterns: Vec<PatternSpec>,
    /// Light that is always there: radiance scale of a white diffuse surface lit by it alone.
    pub ambient: f64,
    /// How the room's lamps flicker, on whose light `ambient` is the mean.
    pub flicker: Option<Flicker>,
    /// The cameras.
    pub cameras: Vec<CameraSpec>,
    /// What is dropped on the plate, in this order.
    pub packages: Vec<PackageSpec>,
}

/// A round plate with a rim, centred on the rig's origin, upper surface at z = 0.
#[derive(Debug, Clone, PartialEq)]
pub struct PlateSpec {
    /// Radius of the usable surface, m.
    pub radius: f64,
    /// Height of the rim above the surface, m.
    pub rim_height: f64,
    /// Coefficient of friction between plate and packages.
    pub friction: f64,
    /// Diffuse reflectance, 0 to 1; of a glass plate that of its rim.
    pub albedo: f64,
    /// What it is of, if it is of glass; else it is opaque.
    pub glass: Option<GlassSpec>,
}

/// A plane-parallel pane of glass.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GlassSpec {
    /// Thickness, m.
    pub thickness: f64,
    /// Refractive index.
    pub index: f64,
    /// Share of the light that the glass itself lets through at normal incidence, without what its surfaces mirror.
    pub transmission: f64,
    /// Share of the plate that specks and smears cover.
    pub dirt: f64,
}

/// The plate's drive.
#[derive(Debug, Clone, PartialEq)]
pub struct TurntableSpec {
    /// Smallest step, rad.
    pub resolution_rad: f64,
    /// Speed, rad/s.
    pub speed_rad_s: f64,
    /// Acceleration, rad/s² (trapezoidal profile).
    pub acceleration_rad_s2: f64,
}

/// A lamp: a small area light with a soft-edged beam.
#[derive(Debug, Clone, PartialEq)]
pub struct LampSpec {
    /// Name.
    pub name: String,
    /// Position in the rig frame, m.
    pub position: DVec3,
    /// What it points at, m.
    pub target: DVec3,
    /// Half angle of the beam, rad.
    pub beam_half_angle: f64,
    /// Radiance that a white diffuse surface facing the lamp would show if it lay at the lamp's target (so that exposure is easy to choose).
    pub intensity: f64,
    /// Of how many lamps the light consists that this is a part of: the more, the fewer rays its own penumbra needs. 1 for a lamp that stands alone.
    pub parts: usize,
    /// Whether a polariser stands before it.
    pub polarised: bool,
    /// Its colour. A lamp of another colour than white sends as many photons as a white one of its intensity.
    pub colour: LightColour,
}

/// A pattern: shares of lamps by index into `TwinSpec::lamps`.
#[derive(Debug, Clone, PartialEq)]
pub struct PatternSpec {
    /// Name.
    pub name: String,
    /// (lamp index, share of its intensity).
    pub lamps: Vec<(usize, f64)>,
}

impl PatternSpec {
    /// Share of each of `count` lamps.
    pub fn shares(&self, count: usize) -> Vec<f64> {
        let mut shares = vec![0.0; count];
        for (lamp, share) in &self.lamps {
            if let Some(of_it) = shares.get_mut(*lamp) {
                *of_it = *share;
            }
        }
        shares
    }
}

/// A camera and its sensor.
#[derive(Debug, Clone, PartialEq)]
pub struct CameraSpec {
    /// Id.
    pub id: String,
    /// Where it is and how it maps, distortion included.
    pub calibration: Calibration,
    /// The format it starts with.
    pub format: PixelFormat,
    /// Exposure that `sensor.electrons_at_white` refers to, s.
    pub nominal_exposure_s: f64,
    /// The sensor.
    pub sensor: SensorSpec,
    /// What the lens does to the light beside projecting it.
    pub lens: LensSpec,
    /// When which row is exposed.
    pub shutter: Shutter,
}

/// What a lens does beside projecting: the default is an ideal pinhole, sharp at any distance and evenly bright.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct LensSpec {
    /// Aperture and focus. Without them nothing is out of focus and nothing is diffracted; `SensorSpec::blur_sigma_px` holds either way.
    pub optics: Option<Optics>,
    /// Loss of light towards the corners.
    pub vignetting: Vignetting,
    /// Whether a polariser stands before the lens, crossed with those of polarised lamps.
    pub analyser: bool,
}

/// A thin lens of finite aperture.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Optics {
    /// Focal length, m.
    pub focal_length: f64,
    /// Focal length ÷ diameter of the entrance pupil.
    pub f_number: f64,
    /// Distance along the optical axis from the centre of projection to the plane that is in focus, m.
    pub focus_distance: f64,
    /// Distance between the centres of neighbouring pixels, m.
    pub pixel_pitch: f64,
    /// Wavelength that diffraction is reckoned with, m.
    pub wavelength: f64,
}

/// Relative illumination over the field: cosⁿ of the angle to the axis, times 1 + a·r² + b·r⁴ + c·r⁶ with r = 1 at the picture's farthest corner.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Vignetting {
    /// n: 4 for the natural fall-off of a simple lens, 0 for a telecentric image side.
    pub cosine_power: f64,
    /// a, b, c.
    pub radial: [f64; 3],
}

/// When the rows of a sensor are exposed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Shutter {
    /// All at once.
    #[default]
    Global,
    /// One after the other, from the top.
    Rolling {
        /// From the start of one row's exposure to the start of the next one's, s.
        line_time_s: f64,
    },
}

/// A linear sensor; the names are EMVA 1288's.
#[derive(Debug, Clone, PartialEq)]
pub struct SensorSpec {
    /// Standard deviation of the optics' Gaussian point spread, px.
    pub blur_sigma_px: f64,
    /// Electrons that radiance 1.0 collects in the nominal exposure.
    pub electrons_at_white: f64,
    /// Electrons at full scale (saturation capacity).
    pub full_well: f64,
    /// Dark noise (read noise included), electrons.
    pub dark_noise: f64,
    /// Black level as a share of full scale.
    pub black_level: f64,
    /// What real sensors have beside that.
    pub detail: SensorDetail,
}

/// What a real sensor has beside noise and saturation. The default is none of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SensorDetail {
    /// K: grey values of 12 bits per electron at 0 dB. Where it is not given, the full well is the full scale.
    pub system_gain: Option<f64>,
    /// Dark current, electrons per second and pixel.
    pub dark_current: f64,
    /// Photo response non-uniformity: standard deviation of the pixels' sensitivity, as a share.
    pub prnu: f64,
    /// Dark signal non-uniformity: standard deviation of the pixels' offset, electrons.
    pub dsnu: f64,
    /// Share of pixels that are hot.
    pub hot_pixels: f64,
    /// Mean dark current of a hot pixel, electrons per second; exponentially distributed.
    pub hot_pixel_current: f64,
    /// Response of pixels behind red, green and blue filters to white light, relative to `SensorSpec::electrons_at_white`.
    pub channel_response: [f64; 3],
    /// Quantum efficiency by wavelength; of a monochrome sensor.
    pub response: Response,
}

impl Default for SensorDetail {
    fn default() -> Self {
        Self {
            system_gain: None,
            dark_current: 0.0,
            prnu: 0.0,
            dsnu: 0.0,
            hot_pixels: 0.0,
            hot_pixel_current: 0.0,
            channel_response: [1.0; 3],
            response: Response::Flat,
        }
    }
}

/// A package as it is dropped.
#[derive(Debug, Clone, PartialEq)]
pub struct PackageSpec {
    /// What stands on it in print, and what reports call it.
    pub name: String,
    /// Its shape.
    pub shape: Shape,
    /// Mass, kg.
    pub mass: f64,
    /// Symbols printed on it.
    pub symbols: Vec<SymbolSpec>,
    /// Look of the print around the symbols.
    pub artwork: ArtworkSpec,
    /// Clear films over its print: tape, shrink-wrap. They lie side by side, not on each other.
    pub films: Vec<FilmSpec>,
}

/// A clear film over a rectangle of a face.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FilmSpec {
    /// The face.
    pub face: Face,
    /// From (u, v) to (u, v), m; what goes beyond the face is cut off.
    pub rect: [[f64; 2]; 2],
    /// Share of the light that it mirrors at normal incidence, in the place of the varnish below it.
    pub gloss: f64,
    /// Share of the scattered light that is left after two passes through it.
    pub transmission: f64,
    /// How it is wrinkled; none where it lies flat.
    pub wrinkles: Option<Wrinkles>,
}

/// Wrinkles of a film: by how much its normal leans, as two families of creases that bend each other. Only mirror images show them: a film is parallel, and
/// so thin that leaning moves what is seen through it by a few thousandths of a millimetre.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wrinkles {
    /// The families.
    pub families: [Creases; 2],
}

/// Creases side by side.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Creases {
    /// Wave number along u and v, rad/m.
    pub wave: [f64; 2],
    /// Phase, rad.
    pub phase: f64,
    /// Greatest slope.
    pub slope: f64,
}

impl Wrinkles {
    /// Lean of the normal along u and v at a point of the face, m.
    pub fn lean(&self, [u, v]: [f64; 2]) -> [f64; 2] {
        let [a, b] = self.families.map(|family| family.wave[0] * u + family.wave[1] * v);
        let bent = |own: f64, other: f64, creases: &Creases, others: &Creases| {
            let ridge = libm::sin(own + creases.phase + Self::BENDING * libm::sin(Self::BENDS * other + others.phase));
            // The cube leaves most of the film nearly flat.
            creases.slope * ridge * ridge * ridge
        };
        let [first, second] = &self.families;
        let slopes = [bent(a, b, first, second), bent(b, a, second, first)];
        let along = |axis: usize| {
            (0..2)
                .map(|i| slopes[i] * self.families[i].wave[axis] / self.families[i].wave[0].hypot(self.families[i].wave[1]).max(1e-9))
                .sum()
        };
        [along(0), along(1)]
    }

    /// The steepest lean that they can have, rad.
    pub fn steepest(&self) -> f64 {
        self.families.iter().map(|family| family.slope).sum()
    }

    /// How far and how slowly families bend each other; `capture.wgsl` has the same.
    const BENDING: f64 = 1.7;
    const BENDS: f64 = 0.4;
}

impl FilmSpec {
    /// Whether it covers a point of its face.
    pub fn covers(&self, [u, v]: [f64; 2]) -> bool {
        let [low, high] = self.rect;
        (low[0]..=high[0]).contains(&u) && (low[1]..=high[1]).contains(&v)
    }
}

/// Shapes, in the package's own frame: origin in its centre.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Shape {
    /// A box with edge lengths along x, y, z, m.
    Carton {
        /// Edge lengths, m.
        size: [f64; 3],
    },
    /// A round bottle: a cylinder whose axis is y, with its label all around.
    Bottle {
        /// Radius, m.
        radius: f64,
        /// Height, m.
        height: f64,
    },
    /// An ointment tube: round at the shoulder, flat at the crimped seal, with a cap. It stands on the cap: y up, the seal parallel to x.
    Tube {
        /// Radius of the round end, m. The seal is π/2 times as wide as the round end.
        radius: f64,
        /// From the cap's end to the seal's, m.
        length: f64,
    },
    /// A blister in a flat carton sleeve that is open at left and right (±x).
    Sleeve {
        /// Edge lengths of the sleeve, m.
        size: [f64; 3],
        /// How far the blister shows at each end, m.
        out: f64,
    },
    /// A row of ampoules in film under a flat lid, which is the front.
    Tray {
        /// Edge lengths, m.
        size: [f64; 3],
        /// How many ampoules lie side by side, across the width.
        ampoules: u32,
    },
    /// A flat pouch, sealed all around.
    Pouch {
        /// Width, height, and thickness in the middle, m.
        size: [f64; 3],
    },
}

impl Shape {
    /// Edge lengths of the box around it, m.
    pub fn size(&self) -> [f64; 3] {
        match *self {
            Self::Carton { size } | Self::Tray { size, .. } | Self::Pouch { size } => size,
            Self::Bottle { radius, height } => [2.0 * radius, height, 2.0 * radius],
            Self::Tube { radius, length } => Tube::new(radius, length).size(),
            Self::Sleeve { size, out } => Sleeve::new(size, out).around(),
        }
    }

    /// Edge lengths of what the faces belong to, m: of a sleeve without its blister.
    fn faces_size(&self) -> [f64; 3] {
        match *self {
            Self::Sleeve { size, .. } => size,
            _ => self.size(),
        }
    }

    /// The faces that carry print.
    pub fn printed(&self) -> &'static [Face] {
        match self {
            Self::Carton { .. } => &Face::ALL,
            Self::Bottle { .. } => &[Face::Around],
            Self::Tube { .. } => &[Face::Around, Face::Crimp],
            Self::Sleeve { .. } => &[Face::Front, Face::Back, Face::Top, Face::Bottom],
            Self::Tray { .. } => &[Face::Front],
            Self::Pouch { .. } => &[Face::Front, Face::Back],
        }
    }

    /// The faces that symbols may stand on, folds over an edge left out.
    pub fn code_faces(&self) -> &'static [Face] {
        match self {
            Self::Tube { .. } => &[Face::Around],
            _ => self.printed(),
        }
    }

    /// Width (along right) and height (along down) of a face, m; around a bottle the width is its circumference. A fold over an edge has the panel's
    /// width, and the end flap's depth before the panel's height.
    pub fn extent(&self, face: Face) -> [f64; 2] {
        match (*self, face) {
            (Self::Bottle { radius, height }, Face::Around) => [std::f64::consts::TAU * radius, height],
            (Self::Tube { radius, length }, Face::Around) => Tube::new(radius, length).around(),
            (Self::Tube { radius, length }, Face::Crimp) => Tube::new(radius, length).seal(),
            _ => match face.folded_panel() {
                Some(panel) => {
                    let [width, height] = panel.extent(self.faces_size());
                    [width, self.flap_depth(panel) + height]
                }
                None => face.extent(self.faces_size()),
            },
        }
    }

    /// What is left free of symbols along the edges of a face, m: the seals of a pouch.
    pub fn seam(&self, face: Face) -> f64 {
        match *self {
            Self::Pouch { size } if matches!(face, Face::Front | Face::Back) => Pouch::new(size).seal,
            _ => 0.0,
        }
    }

    /// How far the upper end flap reaches from the edge of a panel to the opposite one, m.
    pub fn flap_depth(&self, panel: Face) -> f64 {
        panel.axes().2.abs().dot(DVec3::from_array(self.faces_size()))
    }

    /// Directions at a point of a face, u metres right of its left edge: (right, down, outward normal), in the package's frame.
    pub fn axes(&self, face: Face, u: f64) -> (DVec3, DVec3, DVec3) {
        match (*self, face) {
            (Self::Bottle { radius, .. }, Face::Around) => {
                // The middle of the label faces +z; its ends meet at −z.
                let angle = u / radius - std::f64::consts::PI;
                let (sin, cos) = (libm::sin(angle), libm::cos(angle));
                (DVec3::new(cos, 0.0, -sin), DVec3::NEG_Y, DVec3::new(sin, 0.0, cos))
            }
            _ => face.axes(),
        }
    }

    /// Outward normal at a point of a face, (u, v) metres right and down from its top-left corner, in the package's frame.
    pub fn normal(&self, face: Face, u: f64, v: f64) -> DVec3 {
        match (*self, face) {
            (Self::Tube { radius, length }, Face::Around) => Tube::new(radius, length).on_body(u, v).1,
            (Self::Pouch { size }, Face::Front) => Pouch::new(size).normal(u - size[0] / 2.0, size[1] / 2.0 - v),
            (Self::Pouch { size }, Face::Back) => {
                let front = Pouch::new(size).normal(u - size[0] / 2.0, size[1] / 2.0 - v);
                DVec3::new(-front.x, front.y, -front.z)
            }
            _ => match face.folded_panel() {
                Some(panel) if v < self.flap_depth(panel) => DVec3::Y,
                _ => self.axes(face, u).2,
            },
        }
    }

    /// Point in the package's frame of (u, v) metres right and down from a face's top-left corner. Of a fold over an edge, what lies above the edge is
    /// on the end flap.
    pub fn point(&self, face: Face, u: f64, v: f64) -> DVec3 {
        match (*self, face) {
            (Self::Bottle { radius, height }, Face::Around) => self.axes(face, u).2 * radius + DVec3::Y * (height / 2.0 - v),
            (Self::Tube { radius, length }, Face::Around) => Tube::new(radius, length).on_body(u, v).0,
            (Self::Tube { radius, length }, Face::Crimp) => Tube::new(radius, length).on_seal(u, v),
            (Self::Pouch { size }, Face::Front | Face::Back) => {
                let (x, y) = (u - size[0] / 2.0, size[1] / 2.0 - v);
                let z = Pouch::new(size).height(x, y);
                if face == Face::Front { DVec3::new(x, y, z) } else { DVec3::new(-x, y, -z) }
            }
            _ => match face.folded_panel() {
                Some(panel) => {
                    let (size, below) = (self.faces_size(), v - self.flap_depth(panel));
                    if below >= 0.0 { panel.point(size, u, below) } else { panel.point(size, u, 0.0) + panel.axes().2 * below }
                }
                None => face.point(self.faces_size(), u, v),
            },
        }
    }
}

/// Faces of a package, those of a carton by their outward normal in the package's frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Face {
    /// +z, the front panel (width x, height y).
    Front,
    /// −z.
    Back,
    /// +x.
    Right,
    /// −x.
    Left,
    /// +y, an end flap.
    Top,
    /// −y.
    Bottom,
    /// All around a bottle or a tube; cartons don't have it.
    Around,
    /// The seal of a tube, which carries no symbols.
    Crimp,
    /// A carton's front panel and, above it, the upper end flap, as one sheet that bends over the edge between them.
    FrontOverTop,
    /// Back panel and upper end flap as one sheet.
    BackOverTop,
    /// Right side and upper end flap as one sheet.
    RightOverTop,
    /// Left side and upper end flap as one sheet.
    LeftOverTop,
}

impl Face {
    /// The six of a carton, in a fixed order.
    pub const ALL: [Self; 6] = [Self::Front, Self::Back, Self::Right, Self::Left, Self::Top, Self::Bottom];

    /// The sheets that bend over an edge of a carton.
    pub const FOLDS: [Self; 4] = [Self::FrontOverTop, Self::BackOverTop, Self::RightOverTop, Self::LeftOverTop];

    /// The panel of a sheet that bends over the upper edge.
    pub fn folded_panel(self) -> Option<Self> {
        match self {
            Self::FrontOverTop => Some(Self::Front),
            Self::BackOverTop => Some(Self::Back),
            Self::RightOverTop => Some(Self::Right),
            Self::LeftOverTop => Some(Self::Left),
            _ => None,
        }
    }

    /// Directions in the package's frame, as seen from outside with the print upright: (right, down, outward normal). Of a sheet that bends over an
    /// edge, those of its panel.
    pub fn axes(self) -> (DVec3, DVec3, DVec3) {
        let (right, down, normal) = match self {
            Self::Front | Self::Around | Self::Crimp | Self::FrontOverTop => (DVec3::X, DVec3::NEG_Y, DVec3::Z),
            Self::Back | Self::BackOverTop => (DVec3::NEG_X, DVec3::NEG_Y, DVec3::NEG_Z),
            Self::Right | Self::RightOverTop => (DVec3::NEG_Z, DVec3::NEG_Y, DVec3::X),
            Self::Left | Self::LeftOverTop => (DVec3::Z, DVec3::NEG_Y, DVec3::NEG_X),
            Self::Top => (DVec3::X, DVec3::Z, DVec3::Y),
            Self::Bottom => (DVec3::X, DVec3::NEG_Z, DVec3::NEG_Y),
        };
        (right, down, normal)
    }

    /// Width (along right) and height (along down) of this face on a carton of edge lengths `size`, m; of a sheet that bends over an edge, its panel's.
    pub fn extent(self, size: [f64; 3]) -> [f64; 2] {
        match self {
            Self::Front | Self::Back | Self::Around | Self::Crimp | Self::FrontOverTop | Self::BackOverTop => [size[0], size[1]],
            Self::Right | Self::Left | Self::RightOverTop | Self::LeftOverTop => [size[2], size[1]],
            Self::Top | Self::Bottom => [size[0], size[2]],
        }
    }

    /// Point in the package's frame of (u, v) metres right and down from the face's top-left corner, on a carton of edge lengths `size`.
    pub fn point(self, size: [f64; 3], u: f64, v: f64) -> DVec3 {
        let (right, down, normal) = self.axes();
        let [width, height] = self.extent(size);
        let half = DVec3::from_array(size) / 2.0;
        normal * (normal.abs().dot(half)) + right * (u - width / 2.0) + down * (v - height / 2.0)
    }
}

/// Which symbol a print carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SymbolKind {
    /// Code 128; all-digit texts of even length in code set C.
    Code128,
    /// EAN-13.
    Ean13,
    /// Data Matrix ECC 200, square; GS1 when the text starts with GS (0x1D standing for FNC1).
    DataMatrix,
}

/// One printed symbol.
#[derive(Debug, Clone, PartialEq)]
pub struct SymbolSpec {
    /// Which symbology.
    pub kind: SymbolKind,
    /// The text; for GS1 the element string with GS (0x1D) for FNC1, the leading one included.
    pub text: String,
    /// Whether this is the package's traceability code (a decoy is not).
    pub trace: bool,
    /// The face that carries it.
    pub face: Face,
    /// X-dimension, m.
    pub x_dimension: f64,
    /// Bar height, m (ignored for matrix symbols).
    pub height: f64,
    /// Centre of the symbol (without text line) on its face: metres right and down from the face's top-left corner.
    pub centre: [f64; 2],
    /// Quarter turns clockwise, as seen from outside.
    pub quarter_turns: u8,
    /// Reflectance of the bars, 0 to 1; of a pigment where it absorbs.
    pub ink: f64,
    /// What the bars are printed with.
    pub ink_pigment: Pigment,
    /// Reflectance of the field it is printed on (quiet zones included), 0 to 1; of a pigment where it does not absorb.
    pub paper: f64,
    /// What the field is printed with.
    pub paper_pigment: Pigment,
    /// How well it was printed, and what became of it since.
    pub quality: PrintQuality,
}

/// How well a symbol was printed, and what handling did to it. The default is a perfect print.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PrintQuality {
    /// Bar growth: by how much every dark element is wider than it should be (narrower where negative), modules.
    pub growth: f64,
    /// Standard deviation of each edge's place, modules.
    pub edge_sigma: f64,
    /// Share of the symbol's area whose ink is missing in round voids.
    pub voids: f64,
    /// Share of the area, quiet zones included, that is soiled by round spots of ink.
    pub spots: f64,
    /// Mean diameter of voids and spots, m.
    pub mark_diameter: f64,
    /// Scratches that took the ink away, on average.
    pub scratches: f64,
    /// Share of the ink that is gone where it has faded most.
    pub fading: f64,
    /// Seed of where all that stands.
    pub seed: u64,
}

/// Look of the rest of the print.
#[derive(Debug, Clone, PartialEq)]
pub struct ArtworkSpec {
    /// Reflectance of the board.
    pub board: f64,
    /// Reflectance of bands and fills; of a pigment where it absorbs.
    pub band: f64,
    /// What bands and fills are printed with.
    pub band_pigment: Pigment,
    /// Reflectance of the text.
    pub text: f64,
    /// Share of the light that varnish mirrors at normal incidence (0 for matt board).
    pub gloss: f64,
    /// Seed of the arrangement of bands and text.
    pub seed: u64,
}

/// Where a package lies: `plate_from_package`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Placement {
    /// Orientation.
    pub rotation: DQuat,
    /// Position of its centre, m.
    pub translation: DVec3,
}
