//! A package catalogue as a file says it: kinds of packages, each a product with the range of its cartons' sizes and print.

use std::collections::{BTreeMap, BTreeSet};

use scanner_core::codes::PackLevel;
use scanner_core::product::{Product, ProductError, Products};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::document::{Checked, Place};

/// The version of the format that is read here.
pub const VERSION: u32 = 1;

/// Modules of a Code 128 with 20 digits in code set C, without quiet zones: start, ten symbols and check of 11 each, stop of 13.
const CODE128_MODULES: f64 = 145.0;

/// Modules of quiet zone at each end of a Code 128.
const QUIET_MODULES: f64 = 10.0;

/// Clear space above and below a Code 128 that the print rules ask for, mm.
const CLEAR_MM: f64 = 1.0;

/// Room kept between a symbol's clear space and the face's edges, mm.
const MARGIN_MM: f64 = 0.5;

/// Share of a tube's length that is printed: what cap, shoulder and seal leave, as in the twin's `forms::tube`.
const TUBE_PRINTED: f64 = 0.745;

/// Least length of a tube as a multiple of its diameter: else no body is left between cap and seal that is pressed flat.
const TUBE_SLIMNESS: f64 = 3.0;

/// Largest thickness of a pouch as a share of its shorter edge.
const POUCH_BULGE: f64 = 0.25;

/// How far around a bottle a code may go, rad: as in the twin's `load`.
const WIDEST_ARC: f64 = 1.8;

/// Modules per side, quiet zones included, of the largest Data Matrix that a GS1 string with trade item, expiry, batch and serial number needs.
const MATRIX_MODULES: f64 = 34.0;

/// Kinds of packages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// What reports call it.
    pub name: String,
    /// What it stands for, and where its figures come from.
    #[serde(default)]
    pub description: String,
    /// How codes are printed on kinds that say nothing else.
    pub print: Print,
    /// The kinds; one at least.
    pub kinds: Vec<Kind>,
}

/// A kind of package: a product in its carton.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    /// Where the figures come from; "assumption" where they are one.
    #[serde(default)]
    pub source: String,
    /// How often it is drawn beside the other kinds.
    #[serde(default = "one")]
    pub weight: f64,
    /// What is in it; the pool and studies use the same record.
    pub product: Product,
    /// Its form.
    #[serde(default, skip_serializing_if = "FormName::is_carton")]
    pub form: FormName,
    /// Which of the five size classes a carton belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_class: Option<SizeClass>,
    /// Edge lengths of the carton, the sleeve, the tray or the pouch (depth: its thickness in the middle); of a bottle the diameter as width and as
    /// depth, and the height; of a tube the diameter of its round end as width and as depth, and its length as height.
    pub size_mm: Size,
    /// Mass per volume, kilograms per cubic metre, from and to; filled cartons: 200 to 500.
    pub density_kg_m3: [f64; 2],
    /// Share of the light that varnish mirrors at normal incidence, from and to; 0 for matt board.
    pub gloss: [f64; 2],
    /// Diffuse reflectance of the board, from and to.
    pub board: [f64; 2],
    /// Clear films over its print.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub film: Option<Film>,
    /// How codes are printed on it, where the catalogue's `print` does not hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub print: Option<Print>,
}

fn one() -> f64 {
    1.0
}

/// Clear films over packages.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Film {
    /// Share of packages in shrink-wrap.
    #[serde(default)]
    pub wrap_share: f64,
    /// Share of the others with a strip of clear tape, 12 to 24 mm wide, over all or part of the code.
    #[serde(default)]
    pub tape_share: f64,
    /// Share of the light that the film mirrors at normal incidence, from and to; 0.04 by Fresnel's formula for a refractive index of 1.5.
    #[serde(default = "film_gloss")]
    pub gloss: [f64; 2],
    /// Greatest slope of the shrink-wrap's wrinkles in degrees, from and to: glare then stands in streaks. It lies flat if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub wrinkle_deg: Option<[f64; 2]>,
}

fn film_gloss() -> [f64; 2] {
    [0.04, 0.08]
}

/// The form of a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FormName {
    /// A folding carton.
    #[default]
    Carton,
    /// A round bottle without a carton, its label all around; `faces` say nothing about it.
    Bottle,
    /// An ointment tube: round, flat at its crimped end, with a cap; printed all around, `faces` say nothing about it.
    Tube,
    /// A blister in a flat carton sleeve that is open at left and right: `front`, `back`, `top` and `bottom` carry codes.
    Sleeve,
    /// Ampoules in film under a flat lid: the lid, `front`, carries the code.
    AmpouleTray,
    /// A flat pouch, sealed all around: `front` and `back` carry codes.
    Pouch,
}

/// Size classes of cartons, by their longest edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SizeClass {
    /// Up to 70 mm: eye drops.
    Mini,
    /// Up to 90 mm.
    Small,
    /// Up to 110 mm: two blisters.
    Medium,
    /// Up to 130 mm.
    Large,
    /// Longer than that: infusions, packs of sachets.
    Bulky,
}

impl SizeClass {
    /// Its longest edges, mm: more than the first and up to the second.
    pub fn longest_mm(self) -> [f64; 2] {
        match self {
            Self::Mini => [0.0, 70.0],
            Self::Small => [70.0, 90.0],
            Self::Medium => [90.0, 110.0],
            Self::Large => [110.0, 130.0],
            Self::Bulky => [130.0, 1000.0],
        }
    }
}

impl FormName {
    /// The faces that may carry codes; none where that is what goes all around.
    fn faces(self) -> &'static [FaceName] {
        use FaceName::{Back, Bottom, Front, Left, OverTopEdge, Right, Top};
        match self {
            Self::Carton => &[Front, Back, Left, Right, Top, Bottom, OverTopEdge],
            Self::Sleeve => &[Front, Back, Top, Bottom],
            Self::AmpouleTray => &[Front],
            Self::Pouch => &[Front, Back],
            Self::Bottle | Self::Tube => &[],
        }
    }

    /// As files write it.
    fn key(self) -> &'static str {
        match self {
            Self::Carton => "carton",
            Self::Bottle => "bottle",
            Self::Tube => "tube",
            Self::Sleeve => "sleeve",
            Self::AmpouleTray => "ampoule_tray",
            Self::Pouch => "pouch",
        }
    }

    /// Whether it is a carton, which files need not say.
    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
    fn is_carton(&self) -> bool {
        *self == Self::Carton
    }
}

/// Edge lengths of a carton whose print stands upright: each from and to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Size {
    /// Along the front panel's reading direction.
    pub width: [f64; 2],
    /// Of the front panel.
    pub height: [f64; 2],
    /// From front to back.
    pub depth: [f64; 2],
}

/// How codes are printed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Print {
    /// Face by name (`front`, `back`, `left`, `right`, `top`, `bottom`; top and bottom are the end flaps; `over_top_edge` for codes that bend over the
    /// edge between a panel and the upper flap) and how often the traceability code is on it.
    pub faces: BTreeMap<FaceName, f64>,
    /// X-dimension of Code 128, from and to. The national rule asks for 0.17 at least.
    pub x_dimension_mm: [f64; 2],
    /// Bar height of Code 128, from and to. The national rule asks for 8 at least.
    pub bar_height_mm: [f64; 2],
    /// Share of packages that carry a GS1 Data Matrix instead of a Code 128.
    pub data_matrix_share: f64,
    /// Module size of Data Matrix, from and to.
    pub data_matrix_module_mm: [f64; 2],
    /// Probability that an EAN-13 retail code is on the package too.
    pub decoy_probability: f64,
    /// X-dimension of the EAN-13, from and to.
    #[serde(default = "decoy_x_dimension")]
    pub decoy_x_dimension_mm: [f64; 2],
    /// Bar height of the EAN-13, from and to.
    #[serde(default = "decoy_height")]
    pub decoy_height_mm: [f64; 2],
    /// Reflectance of the bars, from and to; of a coloured ink where it absorbs.
    pub ink: [f64; 2],
    /// What the bars are printed with; black if left out, as the print rules ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ink_colour: Option<InkColour>,
    /// Reflectance of the field behind them, from and to; of a coloured field where it does not absorb.
    pub paper: [f64; 2],
    /// Colour of that field; white if left out. The print rules allow all four.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub paper_colour: Option<PaperColour>,
    /// Reflectance of bands and fills in the artwork, from and to.
    #[serde(default = "band")]
    pub band: [f64; 2],
    /// What those are printed with; grey at all wavelengths if left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub band_colour: Option<InkColour>,
    /// Reflectance of text in the artwork, from and to.
    #[serde(default = "text")]
    pub text: [f64; 2],
    /// What goes wrong with traceability codes in print and after; left out, all of them are perfect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub defects: Option<Defects>,
}

/// An ink.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum InkColour {
    /// Of soot: black at all wavelengths.
    #[default]
    Black,
    /// Of dyes, as many ink-jet inks: gone in infrared light.
    BlackDye,
    /// Red.
    Red,
    /// Orange.
    Orange,
    /// Yellow.
    Yellow,
    /// Green.
    Green,
    /// Blue.
    Blue,
}

/// A field behind bars.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PaperColour {
    /// White.
    #[default]
    White,
    /// Yellow.
    Yellow,
    /// Orange.
    Orange,
    /// Red.
    Red,
}

/// What goes wrong with codes in print and after; each from and to. How bad that is shows in the print grade of every code.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Defects {
    /// Share of packages whose code has any of this.
    pub share: f64,
    /// Bar growth in modules: by how much dark elements are wider than they should be (negative: narrower).
    #[serde(default)]
    pub growth_modules: [f64; 2],
    /// Standard deviation of each edge's place, modules.
    #[serde(default)]
    pub edge_sigma_modules: [f64; 2],
    /// Share of the symbol whose ink is missing in round voids.
    #[serde(default)]
    pub voids: [f64; 2],
    /// Share of the symbol, quiet zones included, that is soiled by round spots of ink.
    #[serde(default)]
    pub spots: [f64; 2],
    /// Mean diameter of voids and spots.
    #[serde(default = "mark_diameter")]
    pub mark_diameter_mm: [f64; 2],
    /// Scratches on a code.
    #[serde(default)]
    pub scratches: [f64; 2],
    /// Share of the ink that is gone where it has faded most.
    #[serde(default)]
    pub fading: [f64; 2],
}

fn mark_diameter() -> [f64; 2] {
    [0.1, 0.4]
}

fn decoy_x_dimension() -> [f64; 2] {
    [0.264, 0.33]
}

fn decoy_height() -> [f64; 2] {
    [8.0, 16.0]
}

fn band() -> [f64; 2] {
    [0.15, 0.6]
}

fn text() -> [f64; 2] {
    [0.05, 0.2]
}

/// A face of a carton.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FaceName {
    /// The front panel.
    Front,
    /// The back panel.
    Back,
    /// The left side.
    Left,
    /// The right side.
    Right,
    /// The upper end flap.
    Top,
    /// The lower end flap.
    Bottom,
    /// Over the edge between a panel and the upper end flap: the upper part of the bars on the flap, the rest on the panel, whichever of the four.
    /// Cartons and linear codes only.
    OverTopEdge,
}

impl FaceName {
    /// As files write it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Front => "front",
            Self::Back => "back",
            Self::Left => "left",
            Self::Right => "right",
            Self::Top => "top",
            Self::Bottom => "bottom",
            Self::OverTopEdge => "over_top_edge",
        }
    }

    /// Width and height of the face on a carton of `width`, `height`, `depth`; over an edge, what a code may take of the larger panels.
    fn extent(self, [width, height, depth]: [f64; 3]) -> [f64; 2] {
        match self {
            Self::OverTopEdge if width >= depth => [width, depth.min(height)],
            Self::OverTopEdge => [depth, width.min(height)],
            Self::Front | Self::Back => [width, height],
            Self::Left | Self::Right => [depth, height],
            Self::Top | Self::Bottom => [width, depth],
        }
    }
}

impl Kind {
    /// The print that holds for this kind.
    pub fn print<'a>(&'a self, catalogue: &'a Catalogue) -> &'a Print {
        self.print.as_ref().unwrap_or(&catalogue.print)
    }

    /// The largest edge lengths it can have, mm.
    pub fn largest_mm(&self) -> [f64; 3] {
        [self.size_mm.width[1], self.size_mm.height[1], self.size_mm.depth[1]]
    }
}

impl Catalogue {
    /// Checks what types cannot.
    ///
    /// # Errors
    /// The first fault, at its key below `place`.
    pub fn check(&self, place: &Place) -> Checked<()> {
        place.version(self.schema_version, VERSION)?;
        place.name("name", &self.name, &mut BTreeSet::new())?;
        check_print(&self.print, &place.under("print"))?;
        if self.kinds.is_empty() {
            return Err(place.fault("kinds", "a catalogue without kinds is empty").with_help_boxed("add a table `[[kinds]]`"));
        }
        let mut ids = BTreeSet::new();
        for (index, kind) in self.kinds.iter().enumerate() {
            let place = place.under(&format!("kinds.{index}"));
            place.name("product.id", &kind.product.id, &mut ids)?;
            self.check_kind(kind, &place)?;
            // One after the other, so that a clash is laid to the later of the two.
            let so_far = self.kinds[..=index].iter().map(|kind| kind.product.clone());
            Products::new(so_far).map_err(|error| place.fault(product_key(&error), error.to_string()))?;
        }
        if self.kinds.iter().all(|kind| kind.weight <= 0.0) {
            return Err(place.fault("kinds", "all weights are zero, so no kind can be drawn"));
        }
        Ok(())
    }

    fn check_kind(&self, kind: &Kind, place: &Place) -> Checked<()> {
        place.within("weight", kind.weight, 0.0, 1e6)?;
        if kind.product.prefixes(PackLevel::SmallestPack).next().is_none() {
            return Err(place.fault("product.code_prefixes", "no prefix for the smallest pack, which is what lies on the plate"));
        }
        let size = place.under("size_mm");
        for (key, range) in [("width", kind.size_mm.width), ("height", kind.size_mm.height), ("depth", kind.size_mm.depth)] {
            size.range(key, range, 5.0, 1000.0)?;
        }
        check_form(kind, place)?;
        let ranges = [kind.size_mm.width, kind.size_mm.height, kind.size_mm.depth];
        if let Some(nominal) = kind.product.size_mm
            && let Some(edge) = (0..3).find(|i| !(ranges[*i][0]..=ranges[*i][1]).contains(&nominal[*i]))
        {
            let [from, to] = ranges[edge];
            return Err(place.fault(
                "product.size_mm",
                format!("the nominal edge of {} mm is not in the kind's range, {from} to {to} mm", nominal[edge]),
            ));
        }
        place.range("density_kg_m3", kind.density_kg_m3, 1.0, 25_000.0)?;
        place.range("gloss", kind.gloss, 0.0, 1.0)?;
        place.range("board", kind.board, 0.0, 1.0)?;
        if let Some(film) = &kind.film {
            let place = place.under("film");
            place.within("wrap_share", film.wrap_share, 0.0, 1.0)?;
            place.within("tape_share", film.tape_share, 0.0, 1.0)?;
            place.range("gloss", film.gloss, 0.0, 1.0)?;
            if let Some(wrinkle) = film.wrinkle_deg {
                place.range("wrinkle_deg", wrinkle, 0.0, 30.0)?;
            }
        }
        if let Some(print) = &kind.print {
            check_print(print, &place.under("print"))?;
        }
        let print = kind.print(self);
        let smallest = [kind.size_mm.width[0], kind.size_mm.height[0], kind.size_mm.depth[0]];
        let linear = [
            (CODE128_MODULES + 2.0 * QUIET_MODULES) * print.x_dimension_mm[0] + 2.0 * MARGIN_MM,
            print.bar_height_mm[0] + 2.0 * (CLEAR_MM + MARGIN_MM),
        ];
        let matrix = [MATRIX_MODULES * print.data_matrix_module_mm[0] + 2.0 * MARGIN_MM; 2];
        for (what, [length, across], used) in
            [("Code 128", linear, print.data_matrix_share < 1.0), ("Data Matrix", matrix, print.data_matrix_share > 0.0)]
        {
            let fits_on = |[w, h]: [f64; 2]| (length <= w && across <= h) || (length <= h && across <= w);
            let fits = |face: FaceName| match face {
                // Over an edge bars go across it; a matrix is never bent.
                FaceName::OverTopEdge => what != "Data Matrix" && length <= face.extent(smallest)[0] && across <= face.extent(smallest)[1],
                _ => fits_on(kind.form.usable(face, smallest)),
            };
            // Around something round a camera sees no more than an arc at once.
            let arc = (WIDEST_ARC * smallest[0] / 2.0).min(std::f64::consts::PI * smallest[0]) - 1e-3;
            let somewhere = match kind.form {
                FormName::Bottle => fits_on([arc, smallest[1]]),
                FormName::Tube => fits_on([arc, TUBE_PRINTED * smallest[1]]),
                FormName::AmpouleTray => fits(FaceName::Front),
                form => print.faces.iter().any(|(face, weight)| *weight > 0.0 && form.faces().contains(face) && fits(*face)),
            };
            if used && !somewhere {
                let message = format!("a {what} of {length:.1} × {across:.1} mm, quiet zones included, fits on no face that may carry it");
                let advice = "make the package larger, the X-dimension smaller, or give a larger face a weight in `faces`";
                return Err(place.fault("size_mm", message).with_help_boxed(advice));
            }
        }
        Ok(())
    }
}

impl FormName {
    /// Width and height that codes may take of a face of the smallest package, mm.
    fn usable(self, face: FaceName, size: [f64; 3]) -> [f64; 2] {
        let extent = face.extent(size);
        match self {
            // The seals stay free, as in the twin's `forms::pouch`.
            Self::Pouch => extent.map(|e| e - 2.0 * (0.1 * size[0].min(size[1])).min(8.0)),
            _ => extent,
        }
    }
}

/// Checks what each form asks of its measures and faces.
fn check_form(kind: &Kind, place: &Place) -> Checked<()> {
    let size = &kind.size_mm;
    let fault = |key: &str, message: String| Err(place.fault(key, message));
    let form = kind.form.key().replace('_', " ");
    if matches!(kind.form, FormName::Bottle | FormName::Tube) && size.width != size.depth {
        return fault("size_mm.depth", format!("a {form} is round: its depth is its width, the diameter"));
    }
    let flat = |least: f64, most: f64| {
        if size.depth[0] < least || size.depth[1] > most {
            return fault("size_mm.depth", format!("a package of form {form} is flat: its depth is between {least} and {most} mm"));
        }
        Ok(())
    };
    match kind.form {
        FormName::Tube if size.height[0] < TUBE_SLIMNESS * size.width[1] => {
            fault("size_mm.height", format!("a tube is at least {TUBE_SLIMNESS} times as long as its round end is wide"))?;
        }
        FormName::Sleeve => flat(5.0, 25.0)?,
        FormName::AmpouleTray => flat(8.0, 35.0)?,
        FormName::Pouch => {
            let most = POUCH_BULGE * size.width[0].min(size.height[0]);
            if size.depth[1] > most {
                fault("size_mm.depth", format!("a pouch of this width and height is at most {most:.1} mm thick in the middle"))?;
            }
        }
        _ => {}
    }
    // What the whole catalogue says of faces is for cartons; what a kind says of itself must be true of it.
    if let (Some(print), false) = (&kind.print, kind.form.faces().is_empty())
        && let Some((face, _)) = print.faces.iter().find(|(face, weight)| **weight > 0.0 && !kind.form.faces().contains(face))
    {
        let known: Vec<&str> = kind.form.faces().iter().map(|face| face.key()).collect();
        return fault(&format!("print.faces.{}", face.key()), format!("no code can stand there on a {form}, but on {}", known.join(", ")));
    }
    if let Some(class) = kind.size_class {
        if kind.form != FormName::Carton {
            return fault("size_class", format!("size classes are of cartons, and this is a {form}"));
        }
        let longest = [size.width, size.height, size.depth].map(|range| (range[0] + range[1]) / 2.0).into_iter().fold(0.0, f64::max);
        let [above, to] = class.longest_mm();
        if longest <= above || longest > to {
            return fault("size_class", format!("the longest edge is {longest:.0} mm in the mean; this class has {above} to {to} mm"));
        }
    }
    Ok(())
}

/// The key that a product's fault is about.
fn product_key(error: &ProductError) -> &'static str {
    match error {
        ProductError::Empty { field: "names.generic", .. } => "product.names.generic",
        ProductError::Empty { field: "unit", .. } => "product.unit",
        ProductError::Empty { .. } | ProductError::DuplicateId { .. } => "product.id",
        ProductError::PackQuantity { .. } => "product.pack_quantity",
        ProductError::Size { .. } => "product.size_mm",
        ProductError::MedListCode { .. } => "product.med_list_codg",
        ProductError::DuplicatePrefix { .. } => "product.code_prefixes",
        ProductError::DuplicateGtin { .. } => "product.gtin",
    }
}

fn check_print(print: &Print, place: &Place) -> Checked<()> {
    for (face, weight) in &print.faces {
        place.within(&format!("faces.{}", face.key()), *weight, 0.0, 1e6)?;
    }
    if !print.faces.values().any(|weight| *weight > 0.0) {
        return Err(place.fault("faces", "no face can carry the code"));
    }
    // The lower ends are the national print rules'.
    place.range("x_dimension_mm", print.x_dimension_mm, 0.17, 2.0)?;
    place.range("bar_height_mm", print.bar_height_mm, 8.0, 200.0)?;
    place.range("decoy_x_dimension_mm", print.decoy_x_dimension_mm, 0.05, 5.0)?;
    place.range("decoy_height_mm", print.decoy_height_mm, 1.0, 200.0)?;
    place.range("band", print.band, 0.0, 1.0)?;
    place.range("text", print.text, 0.0, 1.0)?;
    place.range("data_matrix_module_mm", print.data_matrix_module_mm, 0.05, 5.0)?;
    place.within("data_matrix_share", print.data_matrix_share, 0.0, 1.0)?;
    place.within("decoy_probability", print.decoy_probability, 0.0, 1.0)?;
    if let Some(defects) = &print.defects {
        let place = place.under("defects");
        place.within("share", defects.share, 0.0, 1.0)?;
        place.range("growth_modules", defects.growth_modules, -0.8, 0.8)?;
        place.range("edge_sigma_modules", defects.edge_sigma_modules, 0.0, 0.4)?;
        place.range("voids", defects.voids, 0.0, 1.0)?;
        place.range("spots", defects.spots, 0.0, 1.0)?;
        place.range("mark_diameter_mm", defects.mark_diameter_mm, 0.01, 5.0)?;
        place.range("scratches", defects.scratches, 0.0, 100.0)?;
        place.range("fading", defects.fading, 0.0, 1.0)?;
    }
    place.range("ink", print.ink, 0.0, 1.0)?;
    place.range("paper", print.paper, 0.0, 1.0)?;
    if print.ink[1] >= print.paper[0] {
        return Err(
            place.fault("ink", format!("bars of reflectance {} on a field of {} cannot be told apart", print.ink[1], print.paper[0]))
        );
    }
    Ok(())
}
