//! Loads: packages drawn from a catalogue of kinds, with their codes where they fit.

use crate::artwork::{ArtworkError, PlacedSymbol, pieces, place};
use crate::forms::Tray;
use crate::random::{Stream, Streams};
use crate::spec::{ArtworkSpec, Creases, Face, FilmSpec, PackageSpec, PrintQuality, Shape, SymbolKind, SymbolSpec, Wrinkles};
use crate::spectrum::Pigment;

/// The print rules' smallest X-dimension of a linear traceability code, m.
pub const SMALLEST_X: f64 = 0.17e-3;

/// The print rules' smallest bar height of a linear traceability code, m.
pub const SMALLEST_BAR_HEIGHT: f64 = 8e-3;

/// Room kept below a linear code for its human-readable line, where the face has it, m.
const HUMAN_LINE_ROOM: f64 = 3e-3;

/// Room kept between a symbol's clear space and the face's edges or another symbol's, m.
const MARGIN: f64 = 0.5e-3;

/// The form of a kind's packages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Form {
    /// A folding carton.
    #[default]
    Carton,
    /// A round bottle: as wide as deep, its label all around.
    Bottle,
    /// An ointment tube: width and depth are the diameter of its round end, height the length from cap to seal.
    Tube,
    /// A blister in an open carton sleeve: the sleeve's edges.
    Sleeve,
    /// Ampoules in film under a flat lid: the lid's width and height, depth with the ampoules.
    AmpouleTray,
    /// A flat pouch: width, height, thickness in the middle.
    Pouch,
}

impl Form {
    /// The shape of a package of this form with these edges along x, y, z, m.
    pub fn shape(self, size: [f64; 3]) -> Shape {
        match self {
            Self::Carton => Shape::Carton { size },
            Self::Bottle => Shape::Bottle { radius: size[0] / 2.0, height: size[1] },
            Self::Tube => Shape::Tube { radius: size[0] / 2.0, length: size[1] },
            Self::Sleeve => Shape::Sleeve { size, out: (BLISTER_SHOWS * size[0]).clamp(3e-3, 8e-3) },
            Self::AmpouleTray => Shape::Tray { size, ampoules: Tray::count(size[0]) },
            Self::Pouch => Shape::Pouch { size },
        }
    }
}

/// How far a blister shows at each end of its sleeve, as a share of the sleeve's width (assumption).
const BLISTER_SHOWS: f64 = 0.05;

/// How far around a bottle a code may go with its quiet zones, rad: a camera sees half of the bottle, its last quarter at a slant.
const WIDEST_ARC: f64 = 1.8;

/// Share of the bar height of a code over an edge that is on the end flap: less than half, so that the panel keeps what the reader needs.
const FOLDED: [f64; 2] = [0.15, 0.45];

/// A catalogue entry: what packages of a product look like. Ranges are `[low, high]`, drawn uniformly; equal bounds fix a value.
#[derive(Debug, Clone, PartialEq)]
pub struct PackageKind {
    /// The product's name; printed on the package.
    pub name: String,
    /// Its form.
    pub form: Form,
    /// Edge lengths along x (width of the front), y (height of the front), z (depth), m.
    pub edges: [[f64; 2]; 3],
    /// Mass per volume, kg/m³ (filled cartons: 200 to 500).
    pub density: [f64; 2],
    /// How likely the traceability code is on each face, in the order of [`Face::ALL`]; faces on which it does not fit are left out.
    pub face_weights: [f64; 6],
    /// How likely the traceability code bends over the upper edge of a panel, of all four panels together; cartons and linear codes only.
    pub fold_weight: f64,
    /// Share of packages whose traceability code is a Data Matrix instead of a Code 128.
    pub data_matrix_share: f64,
    /// X-dimension of Code 128, m; cut down to what fits the face, never below the low end.
    pub x_dimension: [f64; 2],
    /// Module size of Data Matrix, m; cut down likewise.
    pub module: [f64; 2],
    /// Bar height of Code 128, m; cut down likewise.
    pub bar_height: [f64; 2],
    /// Probability of a retail EAN-13 on the same or another face; left out where no face has room.
    pub decoy_probability: f64,
    /// X-dimension of the EAN-13, m.
    pub decoy_x_dimension: [f64; 2],
    /// Bar height of the EAN-13, m.
    pub decoy_height: [f64; 2],
    /// Reflectance of bars; of a pigment where it absorbs.
    pub ink: [f64; 2],
    /// What bars are printed with.
    pub ink_pigment: Pigment,
    /// Reflectance of the fields that symbols are printed on; of a pigment where it does not absorb.
    pub paper: [f64; 2],
    /// What those fields are printed with.
    pub paper_pigment: Pigment,
    /// Reflectance of the board.
    pub board: [f64; 2],
    /// Reflectance of bands and fills; of a pigment where it absorbs.
    pub band: [f64; 2],
    /// What they are printed with.
    pub band_pigment: Pigment,
    /// Reflectance of text.
    pub text: [f64; 2],
    /// Share of light that the varnish mirrors at normal incidence.
    pub gloss: [f64; 2],
    /// What goes wrong with the traceability codes in print and after.
    pub defects: PrintDefects,
    /// Clear films over the print.
    pub film: Films,
}

/// Clear films over a kind's packages. The default is none.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Films {
    /// Share of packages in shrink-wrap.
    pub wrap_share: f64,
    /// Share of the others with a strip of tape that runs over the code's face, over all or part of the code.
    pub tape_share: f64,
    /// Share of the light that a film mirrors at normal incidence.
    pub gloss: [f64; 2],
    /// Greatest slope of shrink-wrap's wrinkles; 0 where it lies flat.
    pub wrinkle_slope: [f64; 2],
}

/// Distances from crease to crease, m (assumption).
const CREASES: [f64; 2] = [8e-3, 30e-3];

/// Widths of tape, m: what pharmacies close cartons with.
const TAPE_WIDTH: [f64; 2] = [12e-3, 24e-3];

/// How a kind's traceability codes come out; ranges are drawn uniformly. The default is a perfect print. See [`PrintQuality`] for the meaning.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct PrintDefects {
    /// Share of packages that have any of this.
    pub share: f64,
    /// Bar growth, modules.
    pub growth: [f64; 2],
    /// Standard deviation of edges, modules.
    pub edge_sigma: [f64; 2],
    /// Share of the symbol's area.
    pub voids: [f64; 2],
    /// Share of the area with quiet zones.
    pub spots: [f64; 2],
    /// Mean diameter of voids and spots, m.
    pub mark_diameter: [f64; 2],
    /// Scratches on a code.
    pub scratches: [f64; 2],
    /// Share of the ink that is gone where it has faded most.
    pub fading: [f64; 2],
}

impl PackageKind {
    /// A carton of fixed size (m) with everything else as on common drug cartons: code mostly on the sides and flaps, X 0.17 to 0.33 mm.
    pub fn carton(name: impl Into<String>, size: [f64; 3]) -> Self {
        Self {
            name: name.into(),
            form: Form::Carton,
            edges: size.map(|edge| [edge, edge]),
            density: [250.0, 450.0],
            face_weights: [1.0, 2.0, 2.0, 2.0, 1.5, 1.5],
            fold_weight: 0.0,
            data_matrix_share: 0.0,
            x_dimension: [SMALLEST_X, 0.33e-3],
            module: [0.25e-3, 0.5e-3],
            bar_height: [SMALLEST_BAR_HEIGHT, 12e-3],
            decoy_probability: 0.5,
            decoy_x_dimension: [0.264e-3, 0.33e-3],
            decoy_height: [8e-3, 16e-3],
            ink: [0.03, 0.08],
            ink_pigment: Pigment::Grey,
            paper: [0.75, 0.88],
            paper_pigment: Pigment::Grey,
            board: [0.7, 0.85],
            band: [0.15, 0.6],
            band_pigment: Pigment::Grey,
            text: [0.05, 0.2],
            gloss: [0.0, 0.04],
            defects: PrintDefects::default(),
            film: Films::default(),
        }
    }
}

/// A text that [`draw_load`] asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TextRequest<'a> {
    /// Index of the package in the load.
    pub package: usize,
    /// Index of its kind in the catalogue.
    pub kind: usize,
    /// The kind's name.
    pub name: &'a str,
    /// The symbology that will say it: [`SymbolKind::Ean13`] for the retail code, one of the others for the traceability code.
    pub symbol: SymbolKind,
    /// Whether it is the traceability code.
    pub trace: bool,
}

/// What can be wrong with a load.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum LoadError {
    /// A package of a kind that the catalogue does not have.
    #[error("package {package} is of kind {kind}, the catalogue has {count}")]
    NoSuchKind {
        /// Index of the package in the load.
        package: usize,
        /// The kind asked for.
        kind: usize,
        /// Kinds in the catalogue.
        count: usize,
    },
    /// A range that is empty, or out of what is possible.
    #[error("kind {kind:?}: {what} is {low} to {high}; {needed}")]
    Range {
        /// The kind's name.
        kind: String,
        /// Which range.
        what: &'static str,
        /// Its low end.
        low: f64,
        /// Its high end.
        high: f64,
        /// What is possible.
        needed: &'static str,
    },
    /// A code for which no face of the package is large enough.
    #[error(
        "package {package} ({name:?}, {:.0} × {:.0} × {:.0} mm): no face that may carry its {symbol:?} has the {:.1} × {:.1} mm that it needs at its smallest, quiet zones included",
        size[0] * 1e3, size[1] * 1e3, size[2] * 1e3, needed[0] * 1e3, needed[1] * 1e3
    )]
    NoFace {
        /// Index of the package in the load.
        package: usize,
        /// Its name.
        name: String,
        /// Its edge lengths, m.
        size: [f64; 3],
        /// The symbology.
        symbol: SymbolKind,
        /// What the symbol needs, m.
        needed: [f64; 2],
    },
    /// A text that cannot be encoded.
    #[error("package {package}: {source}")]
    Text {
        /// Index of the package in the load.
        package: usize,
        /// What is wrong with it.
        source: ArtworkError,
    },
}

/// Draws the packages of a load: `order[i]` is the kind (index into `kinds`) of package i; `texts` is asked for what their symbols say.
///
/// Each package has streams of its own, so a longer load begins with the same packages. Packages of one kind share their artwork.
///
/// # Errors
/// [`LoadError`]: a kind that is not there or makes no sense, a text that cannot be encoded, a code that fits no face.
pub fn draw_load(
    kinds: &[PackageKind],
    order: &[usize],
    mut texts: impl FnMut(TextRequest<'_>) -> String,
    seed: u64,
) -> Result<Vec<PackageSpec>, LoadError> {
    for kind in kinds {
        check(kind)?;
    }
    let streams = Streams::new(seed);
    order
        .iter()
        .enumerate()
        .map(|(package, &index)| {
            let kind = kinds.get(index).ok_or(LoadError::NoSuchKind { package, kind: index, count: kinds.len() })?;
            let draft = Draft { package, index, kind };
            draft.draw(&streams, &mut texts)
        })
        .collect()
}

/// Checks what drawing relies on: ranges with their low end first, sizes above nothing. How much of what is sensible is said where catalogues are read.
fn check(kind: &PackageKind) -> Result<(), LoadError> {
    let ordered = |what, [low, high]: [f64; 2], least: f64, needed| {
        if low.is_finite() && high.is_finite() && low <= high && low >= least {
            Ok(())
        } else {
            Err(LoadError::Range { kind: kind.name.clone(), what, low, high, needed })
        }
    };
    for (what, size) in [
        ("the width in m", kind.edges[0]),
        ("the height in m", kind.edges[1]),
        ("the depth in m", kind.edges[2]),
        ("the density in kg/m³", kind.density),
        ("the X-dimension in m", kind.x_dimension),
        ("the bar height in m", kind.bar_height),
        ("the Data Matrix module in m", kind.module),
        ("the EAN-13's X-dimension in m", kind.decoy_x_dimension),
        ("the EAN-13's height in m", kind.decoy_height),
    ] {
        ordered(what, size, f64::MIN_POSITIVE, "more than 0, low end first, is possible")?;
    }
    for (what, share) in [
        ("the Data Matrix share", [kind.data_matrix_share; 2]),
        ("the EAN-13's probability", [kind.decoy_probability; 2]),
        ("the ink's reflectance", kind.ink),
        ("the paper's reflectance", kind.paper),
        ("the board's reflectance", kind.board),
        ("the bands' reflectance", kind.band),
        ("the text's reflectance", kind.text),
        ("the gloss", kind.gloss),
        ("the share of damaged codes", [kind.defects.share; 2]),
        ("the voids' share", kind.defects.voids),
        ("the spots' share", kind.defects.spots),
        ("the fading", kind.defects.fading),
        ("the marks' diameter in m", kind.defects.mark_diameter),
        ("the scratches", kind.defects.scratches),
        ("the edges' standard deviation in modules", kind.defects.edge_sigma),
        ("the share in shrink-wrap", [kind.film.wrap_share; 2]),
        ("the share with tape", [kind.film.tape_share; 2]),
        ("the films' gloss", kind.film.gloss),
        ("the wrinkles' slope", kind.film.wrinkle_slope),
    ] {
        ordered(what, share, 0.0, "0 or more, low end first, is possible")?;
    }
    ordered("the bar growth in modules", kind.defects.growth, f64::MIN, "low end first is possible")?;
    let weights: Vec<f64> = kind.face_weights.iter().copied().chain([kind.fold_weight]).collect();
    let low = weights.iter().copied().fold(f64::INFINITY, f64::min);
    let high = weights.iter().copied().fold(0.0, f64::max);
    // NaN slips through min and max, so every weight is looked at.
    if weights.iter().any(|w| !w.is_finite() || *w < 0.0) || high <= 0.0 {
        let needed = "finite weights from 0 up, at least one above 0, are needed";
        return Err(LoadError::Range { kind: kind.name.clone(), what: "the face weights", low, high, needed });
    }
    Ok(())
}

struct Draft<'a> {
    package: usize,
    index: usize,
    kind: &'a PackageKind,
}

impl Draft<'_> {
    fn draw(&self, streams: &Streams, texts: &mut impl FnMut(TextRequest<'_>) -> String) -> Result<PackageSpec, LoadError> {
        let kind = self.kind;
        let mut body = streams.stream("package body", &[self.package as u64]);
        let size = kind.edges.map(|edge| body.within(edge));
        let shape = kind.form.shape(size);
        let mass = shape.volume() * body.within(kind.density);
        let gloss = body.within(kind.gloss);
        // One product, one artwork.
        let mut look = streams.stream("kind artwork", &[self.index as u64]);
        let artwork = ArtworkSpec {
            board: look.within(kind.board),
            band: look.within(kind.band),
            band_pigment: kind.band_pigment,
            text: look.within(kind.text),
            gloss,
            seed: look.bits(),
        };

        let mut random = streams.stream("package code", &[self.package as u64]);
        let symbol = if random.chance(kind.data_matrix_share) { SymbolKind::DataMatrix } else { SymbolKind::Code128 };
        let mut ask = |symbol, trace| texts(TextRequest { package: self.package, kind: self.index, name: &kind.name, symbol, trace });
        let trace = SymbolSpec {
            kind: symbol,
            text: ask(symbol, true),
            trace: true,
            face: Face::Front,
            x_dimension: 0.0,
            height: 0.0,
            centre: [0.0; 2],
            quarter_turns: 0,
            ink: random.within(kind.ink),
            ink_pigment: kind.ink_pigment,
            paper: random.within(kind.paper),
            paper_pigment: kind.paper_pigment,
            quality: self.quality(streams),
        };
        let sizes = match symbol {
            SymbolKind::DataMatrix => [kind.module, kind.module],
            _ => [kind.x_dimension, kind.bar_height],
        };
        let placed = self.stand(shape, trace, sizes, self.weights(&shape, symbol), &[], &mut random)?;
        let mut symbols = match placed {
            Ok(placed) => vec![placed],
            Err(needed) => {
                return Err(LoadError::NoFace { package: self.package, name: kind.name.clone(), size, symbol, needed });
            }
        };

        let mut random = streams.stream("package decoy", &[self.package as u64]);
        if random.chance(kind.decoy_probability) {
            let decoy = SymbolSpec {
                kind: SymbolKind::Ean13,
                text: ask(SymbolKind::Ean13, false),
                trace: false,
                quality: PrintQuality::default(),
                ..symbols[0].clone()
            };
            let sizes = [kind.decoy_x_dimension, kind.decoy_height];
            // The retail code likes the larger faces, whatever the traceability code does.
            let weights = shape.code_faces().iter().map(|face| (*face, shape.extent(*face).iter().product::<f64>())).collect();
            if let Ok(decoy) = self.stand(shape, decoy, sizes, weights, &symbols, &mut random)? {
                symbols.push(decoy);
            }
        }
        let films = self.films(&shape, &symbols[0], streams);
        Ok(PackageSpec { name: kind.name.clone(), shape, mass, symbols, artwork, films })
    }

    /// Shrink-wrap all around, or a strip of tape somewhere over the code.
    fn films(&self, shape: &Shape, code: &SymbolSpec, streams: &Streams) -> Vec<FilmSpec> {
        let film = &self.kind.film;
        let mut random = streams.stream("package film", &[self.package as u64]);
        let (wrapped, taped) = (random.chance(film.wrap_share), random.chance(film.tape_share));
        let gloss = random.within(film.gloss);
        // What the film mirrors on the way in is lost; what it mirrors on the way out meets the paper again.
        let over = |face: Face, rect| FilmSpec { face, rect, gloss, transmission: 1.0 - gloss, wrinkles: None };
        if wrapped {
            let mut random = streams.stream("package wrinkles", &[self.package as u64]);
            let film = |face: &Face| FilmSpec { wrinkles: self.wrinkles(&mut random), ..over(*face, [[0.0; 2], shape.extent(*face)]) };
            return shape.printed().iter().map(film).collect();
        }
        // Nobody tapes over the edge that opens the carton.
        if !taped || code.face.folded_panel().is_some() {
            return Vec::new();
        }
        // Tape runs from edge to edge; its middle is no farther from the code's than half its own width.
        let (axis, width) = (random.below(2) as usize, random.within(TAPE_WIDTH));
        let middle = code.centre[axis] + random.uniform(-0.5, 0.5) * width;
        let extent = shape.extent(code.face);
        let (mut low, mut high) = ([0.0; 2], extent);
        low[axis] = (middle - width / 2.0).max(0.0);
        high[axis] = (middle + width / 2.0).min(extent[axis]);
        vec![over(code.face, [low, high])]
    }

    /// Of one face's film.
    fn wrinkles(&self, random: &mut Stream) -> Option<Wrinkles> {
        let slope = random.within(self.kind.film.wrinkle_slope);
        if slope <= 0.0 {
            return None;
        }
        let across = random.uniform(0.0, std::f64::consts::PI);
        let mut creases = |angle: f64, share: f64| {
            let number = std::f64::consts::TAU / random.within(CREASES);
            let phase = random.uniform(0.0, std::f64::consts::TAU);
            Creases { wave: [number * libm::cos(angle), number * libm::sin(angle)], phase, slope: share * slope }
        };
        // The lesser family runs across the greater one, more or less.
        Some(Wrinkles { families: [creases(across, 0.65), creases(across + 1.2, 0.35)] })
    }

    /// How the traceability code comes out.
    fn quality(&self, streams: &Streams) -> PrintQuality {
        let defects = &self.kind.defects;
        let mut random = streams.stream("package print", &[self.package as u64]);
        if !random.chance(defects.share) {
            return PrintQuality::default();
        }
        PrintQuality {
            growth: random.within(defects.growth),
            edge_sigma: random.within(defects.edge_sigma),
            voids: random.within(defects.voids),
            spots: random.within(defects.spots),
            mark_diameter: random.within(defects.mark_diameter),
            scratches: random.within(defects.scratches),
            fading: random.within(defects.fading),
            seed: random.bits(),
        }
    }

    /// How likely the traceability code is on each face.
    fn weights(&self, shape: &Shape, symbol: SymbolKind) -> Vec<(Face, f64)> {
        let said = |face: &Face| Face::ALL.iter().position(|f| f == face).map(|i| (*face, self.kind.face_weights[i]));
        let mut weights: Vec<(Face, f64)> = match shape.code_faces() {
            [only] => return vec![(*only, 1.0)],
            faces => faces.iter().filter_map(said).collect(),
        };
        if self.kind.form == Form::Carton && symbol != SymbolKind::DataMatrix {
            weights.extend(Face::FOLDS.map(|face| (face, self.kind.fold_weight / Face::FOLDS.len() as f64)));
        }
        weights
    }

    /// Finds a face, a size, a turn and a place for a symbol beside `others`. The outer error is a text that cannot be encoded; the inner one says
    /// what the symbol needs at its smallest where no face has it.
    fn stand(
        &self,
        shape: Shape,
        mut spec: SymbolSpec,
        [x_range, height_range]: [[f64; 2]; 2],
        mut weights: Vec<(Face, f64)>,
        others: &[SymbolSpec],
        random: &mut Stream,
    ) -> Result<Result<SymbolSpec, [f64; 2]>, LoadError> {
        let wanted = [random.within(x_range), random.within(height_range)];
        // Most print stands upright; a quarter is turned.
        let turns = if random.chance(0.75) { [0, 1] } else { [1 + 2 * random.below(2) as u8, 0] };
        (spec.x_dimension, spec.height) = (x_range[0], height_range[0]);
        let at_least = self.needs(&spec)?;
        while let Some(index) = random.weighted(&weights.iter().map(|(_, weight)| *weight).collect::<Vec<f64>>()) {
            let (face, _) = weights[index];
            weights[index].1 = 0.0;
            let extent = self.usable(&shape, face);
            // Over an edge the bars go across it.
            let folded = face.folded_panel().is_some();
            for quarter_turns in turns.into_iter().filter(|turns| !folded || turns % 2 == 0) {
                let room = if quarter_turns % 2 == 0 { extent } else { [extent[1], extent[0]] };
                if at_least[0] > room[0] || at_least[1] > room[1] {
                    continue;
                }
                // As wide as wanted, or as wide as the face has room for: widths grow in proportion to the X-dimension.
                let x = wanted[0].min(x_range[0] * room[0] / at_least[0]);
                let grown = at_least[1] - height_range[0];
                let is_matrix = spec.kind == SymbolKind::DataMatrix;
                let x = if is_matrix { x.min(x_range[0] * room[1] / at_least[1]) } else { x };
                let height = if is_matrix { x } else { wanted[1].min(room[1] - grown) };
                (spec.face, spec.quarter_turns, spec.x_dimension, spec.height) = (face, quarter_turns, x, height);
                if self.find_place(&shape, &mut spec, others, random)? {
                    return Ok(Ok(spec));
                }
            }
        }
        Ok(Err(at_least))
    }

    /// Width and height that a symbol may take up on a face, m.
    fn usable(&self, shape: &Shape, face: Face) -> [f64; 2] {
        let extent = shape.extent(face).map(|e| e - 2.0 * (MARGIN + shape.seam(face)));
        match *shape {
            Shape::Bottle { radius, .. } | Shape::Tube { radius, .. } if face == Face::Around => {
                [extent[0].min(WIDEST_ARC * radius), extent[1]]
            }
            // What is left of the flap and of the panel has to hold the larger piece of the bars.
            _ => match face.folded_panel() {
                Some(panel) => [extent[0], shape.flap_depth(panel).min(extent[1] - shape.flap_depth(panel)) - MARGIN],
                None => extent,
            },
        }
    }

    /// Width and height of a symbol's clear space as it reads, m.
    fn needs(&self, spec: &SymbolSpec) -> Result<[f64; 2], LoadError> {
        let placed = self.place(&SymbolSpec { quarter_turns: 0, ..spec.clone() }, [f64::MAX; 2])?;
        let rect = placed.clear_rect();
        Ok([rect.max[0] - rect.min[0], rect.max[1] - rect.min[1]])
    }

    fn place(&self, spec: &SymbolSpec, extent: [f64; 2]) -> Result<PlacedSymbol, LoadError> {
        place(0, spec, extent).map_err(|source| LoadError::Text { package: self.package, source })
    }

    /// Draws a centre at which the symbol stands clear of the edges and of other symbols; leaves room for its text line where there is some.
    fn find_place(&self, shape: &Shape, spec: &mut SymbolSpec, others: &[SymbolSpec], random: &mut Stream) -> Result<bool, LoadError> {
        let extent = shape.extent(spec.face);
        let mut taken = Vec::new();
        for other in others.iter().flat_map(|other| pieces(shape, other)) {
            taken.push((other.face, self.place(&other, shape.extent(other.face))?.field));
        }
        spec.centre = [0.0; 2];
        let placed = self.place(spec, extent)?;
        let rect = placed.clear_rect();
        // Offsets of the clear space from the symbol's centre; then what the centre may be.
        let margin = MARGIN + shape.seam(spec.face);
        let mut low = [0, 1].map(|i| margin - rect.min[i]);
        let mut high = [0, 1].map(|i| extent[i] - margin - rect.max[i]);
        if let Some(panel) = spec.face.folded_panel() {
            // Half the height above the edge would have the centre on it.
            let centre = |share: f64| shape.flap_depth(panel) + placed.height * (0.5 - share);
            (low[1], high[1]) = (centre(FOLDED[1]).max(low[1]), centre(FOLDED[0]).min(high[1]));
        } else if spec.kind != SymbolKind::DataMatrix {
            for axis in 0..2 {
                let room = HUMAN_LINE_ROOM.min((high[axis] - low[axis]).max(0.0));
                if placed.down[axis] > 0.5 {
                    high[axis] -= room;
                } else if placed.down[axis] < -0.5 {
                    low[axis] += room;
                }
            }
        }
        // Rounding may leave less than nothing where the symbol has just been cut to fit.
        let high = [0, 1].map(|i| high[i].max(low[i]));
        for _ in 0..if others.is_empty() { 1 } else { 24 } {
            spec.centre = [0, 1].map(|i| random.uniform(low[i], high[i]));
            let placed = self.place(spec, extent)?;
            let mut free = placed.clear_rect().fits(extent);
            for piece in pieces(shape, spec) {
                let field = self.place(&piece, shape.extent(piece.face))?.field.grown(MARGIN);
                free &= !taken.iter().any(|(face, t)| *face == piece.face && t.intersects(&field));
            }
            if free {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    #[test]
    fn bottles_carry_their_code_around_where_a_camera_can_see_all_of_it() {
        for diameter in [0.036, 0.05, 0.07] {
            let mut kind = PackageKind::carton("bottle", [diameter, 0.09, diameter]);
            kind.form = Form::Bottle;
            let text = |r: TextRequest<'_>| {
                if r.symbol == SymbolKind::Ean13 { "6901234567892".into() } else { format!("8123456{:013}", r.package) }
            };
            for package in draw_load(&[kind], &[0; 30], text, 5).unwrap() {
                let Shape::Bottle { radius, height } = package.shape else { panic!("{:?}", package.shape) };
                assert_eq!((radius, height), (diameter / 2.0, 0.09));
                let prints = print_faces(&package).unwrap();
                assert_eq!((prints.len(), prints[0].face), (1, Face::Around));
                let rect = prints[0].symbols[0].clear_rect();
                assert!(rect.max[0] - rect.min[0] <= WIDEST_ARC * radius + 1e-9, "{rect:?} around {radius}");
            }
        }
    }

    use super::*;
    use crate::artwork::print_faces;

    fn text(request: TextRequest<'_>) -> String {
        match request.symbol {
            SymbolKind::Ean13 => "6901234567892".into(),
            SymbolKind::DataMatrix => format!("\u{1d}01069012345678921727013110AB\u{1d}21{:05}", request.package),
            SymbolKind::Code128 => format!("8123456{:013}", request.package),
        }
    }

    #[test]
    fn a_longer_load_begins_with_the_same_packages() {
        let kinds = [PackageKind::carton("A", [0.1, 0.06, 0.02]), PackageKind::carton("B", [0.08, 0.05, 0.03])];
        let short = draw_load(&kinds, &[0, 1], text, 9).unwrap();
        let long = draw_load(&kinds, &[0, 1, 1, 0], text, 9).unwrap();
        assert_eq!(short, long[..2]);
        assert_eq!(long[0].artwork.seed, long[3].artwork.seed, "one product, one artwork");
        assert_ne!(draw_load(&kinds, &[0, 1], text, 10).unwrap(), short);
    }

    #[test]
    fn x_is_cut_down_to_what_fits() {
        // 145 + 20 modules of 0.17 mm are 28.05 mm; with 0.5 mm at each side 29.05 mm: a cube of 32 mm has room for 0.1879 mm at most.
        let kind = PackageKind { x_dimension: [0.17e-3, 0.33e-3], decoy_probability: 0.0, ..PackageKind::carton("cube", [0.032; 3]) };
        for seed in 0..20 {
            let load = draw_load(std::slice::from_ref(&kind), &[0], text, seed).unwrap();
            let x = load[0].symbols[0].x_dimension;
            assert!((0.17e-3..=0.1879e-3).contains(&x), "{x} of seed {seed}");
            print_faces(&load[0]).unwrap();
        }
    }

    #[test]
    fn a_code_that_fits_nowhere_names_package_and_sizes() {
        let kind = PackageKind::carton("tiny", [0.02, 0.028, 0.01]);
        let error = draw_load(&[kind], &[0], text, 1).unwrap_err().to_string();
        assert!(error.contains("package 0 (\"tiny\", 20 × 28 × 10 mm)"), "{error}");
        assert!(error.contains("28.1 × 10.0 mm"), "{error}");
    }

    #[test]
    fn senseless_kinds_are_refused() {
        let good = PackageKind::carton("good", [0.1, 0.06, 0.02]);
        let bad = [
            (PackageKind { edges: [[0.1, 0.05], [0.1; 2], [0.1; 2]], ..good.clone() }, "the width"),
            (PackageKind { edges: [[-0.1, 0.05], [0.1; 2], [0.1; 2]], ..good.clone() }, "the width"),
            (PackageKind { x_dimension: [0.0, 0.2e-3], ..good.clone() }, "X-dimension"),
            (PackageKind { bar_height: [0.01, 0.004], ..good.clone() }, "bar height"),
            (PackageKind { data_matrix_share: -0.5, ..good.clone() }, "Data Matrix share"),
            (PackageKind { face_weights: [0.0; 6], ..good.clone() }, "face weights"),
            (PackageKind { face_weights: [f64::NAN, 1.0, 1.0, 1.0, 1.0, 1.0], ..good.clone() }, "face weights"),
            (PackageKind { density: [f64::NAN, 1.0], ..good.clone() }, "density"),
        ];
        for (kind, what) in bad {
            let error = draw_load(&[kind], &[0], text, 1).unwrap_err().to_string();
            assert!(error.contains("kind \"good\"") && error.contains(what), "{error}");
        }
        let error = draw_load(&[good], &[0, 1], text, 1).unwrap_err();
        assert_eq!(error, LoadError::NoSuchKind { package: 1, kind: 1, count: 1 });
    }

    #[test]
    fn a_text_that_cannot_be_said_is_an_error() {
        let kind = PackageKind::carton("A", [0.1, 0.06, 0.02]);
        let error = draw_load(&[kind], &[0], |_| "药".into(), 1).unwrap_err().to_string();
        assert!(error.starts_with("package 0: Code128 cannot say"), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn whatever_is_drawn_can_be_printed_by_the_rules(seed: u64, width in 0.05..0.13, height in 0.035..0.09, depth in 0.015..0.05) {
            let kind = PackageKind { data_matrix_share: 0.3, decoy_probability: 1.0, ..PackageKind::carton("P", [width, height, depth]) };
            let load = draw_load(&[kind], &[0; 6], text, seed).unwrap();
            for package in &load {
                let prints = print_faces(package).unwrap();
                let trace: Vec<_> = package.symbols.iter().filter(|s| s.trace).collect();
                prop_assert_eq!(trace.len(), 1);
                prop_assert!(trace[0].x_dimension >= SMALLEST_X);
                if trace[0].kind == SymbolKind::Code128 {
                    prop_assert!(trace[0].height >= SMALLEST_BAR_HEIGHT - 1e-12 && trace[0].x_dimension <= 0.33e-3);
                }
                prop_assert_eq!(prints.iter().map(|p| p.symbols.len()).sum::<usize>(), package.symbols.len());
            }
        }
    }
}
