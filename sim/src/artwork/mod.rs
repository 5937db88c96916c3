//! What is printed on a package: for each face of a carton its symbols with their exact geometry, and everything else as paint.
//!
//! [`print_faces`] turns a [`PackageSpec`] into [`FacePrint`]s, six of a carton. A symbol that bends over an edge is on two of them, each time as a whole. A renderer may rasterise a face with its symbols ([`Printed::All`]), or
//! without them and draw the symbols from [`PlacedSymbol`] itself, which keeps bars exact at any magnification.
//!
//! All face coordinates are metres (u right, v down) from the face's top-left corner as seen from outside with the print upright.

mod code128;
mod ean13;
mod grade;
mod layout;
mod matrix;
pub(crate) mod quality;
mod raster;
mod symbol;
#[cfg(test)]
pub(crate) mod testing;
mod text;

pub use code128::{CODE128_WIDTHS, encode_code128};
pub use ean13::{ean13_check_digit, encode_ean13};
pub use grade::{PrintGrade, print_grade};
pub use matrix::encode_data_matrix;
pub use raster::{GreyImage, Printed};
pub(crate) use symbol::pieces;
pub use symbol::{PlacedSymbol, Rect, SymbolPattern, encode, place, quiet_modules};

use crate::spec::{Face, PackageSpec, SymbolKind};

/// What can be wrong with a print.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ArtworkError {
    /// The symbology has no way to say the text.
    #[error("{kind:?} cannot say {text:?}: {reason}")]
    Text {
        /// The symbology.
        kind: SymbolKind,
        /// The text.
        text: String,
        /// What is wrong with it.
        reason: String,
    },
    /// A size that is not a positive number.
    #[error("package {package:?}: {what} of symbol {symbol} is {value} m; a positive length is needed")]
    Size {
        /// The package's name.
        package: String,
        /// Index of the symbol on the package.
        symbol: usize,
        /// Which size.
        what: &'static str,
        /// What was given.
        value: f64,
    },
    /// The symbol with its quiet zones is larger than what its face leaves.
    #[error(
        "package {package:?}: symbol {symbol} ({kind:?} {text:?}) with its quiet zones covers u {:.2}…{:.2} mm, v {:.2}…{:.2} mm of the {face:?} face, which is {:.2} × {:.2} mm",
        covers.min[0] * 1e3, covers.max[0] * 1e3, covers.min[1] * 1e3, covers.max[1] * 1e3, extent[0] * 1e3, extent[1] * 1e3
    )]
    DoesNotFit {
        /// The package's name.
        package: String,
        /// Index of the symbol on the package.
        symbol: usize,
        /// Its symbology.
        kind: SymbolKind,
        /// Its text.
        text: String,
        /// The face.
        face: Face,
        /// What it needs of the face, m.
        covers: Rect,
        /// The face's width and height, m.
        extent: [f64; 2],
    },
    /// Two symbols of a face stand on each other's field.
    #[error("package {package:?}: symbols {first} and {second} overlap on the {face:?} face")]
    Overlap {
        /// The package's name.
        package: String,
        /// Index of the one.
        first: usize,
        /// Index of the other.
        second: usize,
        /// The face.
        face: Face,
    },
    /// A package whose edges are not positive numbers.
    #[error("package {package:?}: edge lengths {size:?} m; positive lengths are needed")]
    Edges {
        /// The package's name.
        package: String,
        /// Edge lengths, m.
        size: [f64; 3],
    },
}

/// The print of one face.
#[derive(Debug, Clone, PartialEq)]
pub struct FacePrint {
    /// Which face.
    pub face: Face,
    /// Width (u) and height (v), m.
    pub extent: [f64; 2],
    /// Reflectance of the unprinted board.
    pub board: f64,
    /// Share of light that the varnish mirrors at normal incidence.
    pub gloss: f64,
    /// The symbols on this face.
    pub symbols: Vec<PlacedSymbol>,
    /// Bands, blocks and text below the symbols' fields, in painting order.
    pub(crate) paints: Vec<layout::Paint>,
    /// Fields and human-readable lines, painted after `paints`.
    pub(crate) fields: Vec<layout::Paint>,
}

/// The prints of all faces that carry print: a carton's in the order of [`Face::ALL`], a bottle's label.
///
/// # Errors
/// [`ArtworkError`], naming package, face and sizes: a text its symbology cannot say, a symbol that does not fit its face with its quiet zones
/// (linear symbols also need 1 mm above and below), or two symbols whose fields overlap.
pub fn print_faces(package: &PackageSpec) -> Result<Vec<FacePrint>, ArtworkError> {
    let size = package.shape.size();
    if !size.iter().all(|edge| edge.is_finite() && *edge > 0.0) {
        return Err(ArtworkError::Edges { package: package.name.clone(), size });
    }
    package
        .shape
        .printed()
        .iter()
        .map(|&face| {
            let extent = package.shape.extent(face);
            let mut symbols = Vec::new();
            for (index, spec) in package.symbols.iter().enumerate() {
                if spec.face == face {
                    symbols.push(symbol::place_checked(package, index, spec, extent)?);
                } else if spec.face.folded_panel().is_some() {
                    // The sheet has room for it; of its pieces each face shows what lies on it.
                    symbol::place_checked(package, index, spec, package.shape.extent(spec.face))?;
                    for piece in pieces(&package.shape, spec).iter().filter(|piece| piece.face == face) {
                        symbols.push(place(index, piece, extent)?);
                    }
                }
            }
            for (i, a) in symbols.iter().enumerate() {
                if let Some(b) = symbols[i + 1..].iter().find(|b| a.clear_rect().intersects(&b.clear_rect())) {
                    return Err(ArtworkError::Overlap { package: package.name.clone(), first: a.index, second: b.index, face });
                }
            }
            let (paints, fields) = layout::compose(package, face, extent, &symbols);
            Ok(FacePrint { face, extent, board: package.artwork.board, gloss: package.artwork.gloss, symbols, paints, fields })
        })
        .collect()
}
