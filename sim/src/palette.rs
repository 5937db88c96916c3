//! In which lights a rig's cameras see a load, and what its prints reflect in each.
//!
//! A *tint* is one set of effective reflectances, of a colour of light on a sensor (see [`crate::spectrum`]). Where nothing printed is coloured there is
//! one tint, whatever the lamps; else light of several colours is drawn tint by tint and added up.

use std::sync::Arc;

use crate::artwork::{ArtworkError, FacePrint, print_faces};
use crate::spec::{PackageSpec, SymbolSpec, TwinSpec};
use crate::spectrum::{LightColour, Pigment, Response, field, ink_on};

/// What each pigment is seen to pass, in the order of [`Pigment::ALL`].
type Tint = [f64; Pigment::ALL.len()];

/// The tints of a rig with its load.
#[derive(Debug, Clone, PartialEq)]
pub struct Palette {
    /// One at least; the first is white light on the first camera's sensor.
    tints: Vec<Tint>,
    /// Which tint a light has on a sensor.
    sights: Vec<(LightColour, Response, usize)>,
    /// Colour of each lamp.
    lamps: Vec<LightColour>,
    /// Whether the room is lit.
    ambient: bool,
}

/// A part of a picture: the light that shares a tint.
#[derive(Debug, Clone, PartialEq)]
pub struct Lighting {
    /// Which tint.
    pub tint: usize,
    /// Share of each lamp's intensity that the sensor counts, 0 for lamps of other tints.
    pub lamp_shares: Vec<f64>,
    /// Share of the ambient light.
    pub ambient_share: f64,
}

impl Palette {
    /// The tints that the cameras of `spec` can see its packages in.
    pub fn of(spec: &TwinSpec) -> Self {
        let lamps: Vec<LightColour> = spec.lamps.iter().map(|lamp| lamp.colour).collect();
        let mut palette = Self { tints: Vec::new(), sights: Vec::new(), lamps, ambient: spec.ambient > 0.0 };
        let printed = |package: &PackageSpec| {
            let symbols = package.symbols.iter().flat_map(|s| [s.ink_pigment, s.paper_pigment]);
            symbols.chain([package.artwork.band_pigment]).any(|pigment| pigment != Pigment::Grey)
        };
        if !spec.packages.iter().any(printed) {
            palette.tints.push([0.0; Pigment::ALL.len()]);
            return palette;
        }
        for camera in &spec.cameras {
            let response = camera.sensor.detail.response;
            for light in [LightColour::REFERENCE].into_iter().chain(palette.lamps.clone()) {
                if palette.sights.iter().any(|(l, r, _)| (*l, *r) == (light, response)) {
                    continue;
                }
                let tint = Pigment::ALL.map(|pigment| response.seen(pigment, light));
                let known = palette.tints.iter().position(|known| *known == tint);
                let index = known.unwrap_or(palette.tints.len());
                if known.is_none() {
                    palette.tints.push(tint);
                }
                palette.sights.push((light, response, index));
            }
        }
        palette
    }

    /// How many tints there are.
    pub fn tints(&self) -> usize {
        self.tints.len()
    }

    fn tint(&self, light: LightColour, response: Response) -> usize {
        self.sights.iter().find(|(l, r, _)| (*l, *r) == (light, response)).map_or(0, |(.., tint)| *tint)
    }

    /// What a sensor sees of the lamps in these shares and of the room, by tint; one part at least, the room's first.
    pub fn lightings(&self, response: Response, lamp_shares: &[f64], ambient_share: f64) -> Vec<Lighting> {
        let dark = |tint| Lighting { tint, lamp_shares: vec![0.0; lamp_shares.len()], ambient_share: 0.0 };
        let room = self.tint(LightColour::REFERENCE, response);
        let mut parts = Vec::new();
        if self.ambient || lamp_shares.iter().all(|share| *share <= 0.0) {
            parts.push(Lighting { ambient_share, ..dark(room) });
        }
        for (lamp, share) in lamp_shares.iter().enumerate().filter(|(_, share)| **share > 0.0) {
            let colour = self.lamps.get(lamp).copied().unwrap_or_default();
            let tint = self.tint(colour, response);
            let at = parts.iter().position(|part| part.tint == tint).unwrap_or_else(|| {
                parts.push(dark(tint));
                parts.len() - 1
            });
            parts[at].lamp_shares[lamp] = share * response.strength(colour);
        }
        // The renderer multiplies by a room that is dark.
        if !self.ambient {
            parts.iter_mut().for_each(|part| part.ambient_share = ambient_share);
        }
        parts
    }

    /// A symbol as it is seen in a tint.
    pub fn symbol(&self, tint: usize, symbol: &SymbolSpec) -> SymbolSpec {
        let paper = field(symbol.paper, symbol.paper_pigment, self.seen(tint, symbol.paper_pigment));
        let ink = ink_on(paper, symbol.ink, symbol.ink_pigment, self.seen(tint, symbol.ink_pigment));
        SymbolSpec { ink, paper, ..symbol.clone() }
    }

    /// A package as it is seen in a tint.
    pub fn package(&self, tint: usize, package: &PackageSpec) -> PackageSpec {
        let mut seen = package.clone();
        seen.symbols.iter_mut().for_each(|symbol| *symbol = self.symbol(tint, symbol));
        let pigment = package.artwork.band_pigment;
        seen.artwork.band = ink_on(package.artwork.board, package.artwork.band, pigment, self.seen(tint, pigment));
        seen
    }

    fn seen(&self, tint: usize, pigment: Pigment) -> f64 {
        let index = Pigment::ALL.iter().position(|p| *p == pigment);
        index.and_then(|index| Some(self.tints.get(tint)?[index])).unwrap_or(0.0)
    }
}

/// The prints of a load in every tint. They don't depend on where the packages lie.
#[derive(Debug, Clone, PartialEq)]
pub struct Prints {
    /// By tint: the faces of all packages, one after the other.
    pub faces: Vec<Arc<[FacePrint]>>,
    /// Where each package's faces begin, and where the last one's end.
    starts: Vec<usize>,
}

impl Prints {
    /// Prints every package of `spec`.
    ///
    /// # Errors
    /// [`ArtworkError`] of a print that cannot be made.
    pub fn new(spec: &TwinSpec, palette: &Palette) -> Result<Self, ArtworkError> {
        let mut prints = Self { faces: Vec::new(), starts: vec![0] };
        for tint in 0..palette.tints() {
            let mut faces = Vec::new();
            for package in &spec.packages {
                faces.extend(print_faces(&palette.package(tint, package))?);
                if tint == 0 {
                    prints.starts.push(faces.len());
                }
            }
            prints.faces.push(faces.into());
        }
        Ok(prints)
    }

    /// Places of a package's faces in each list.
    pub fn of_package(&self, package: usize) -> std::ops::Range<usize> {
        self.starts[package]..self.starts[package + 1]
    }
}
