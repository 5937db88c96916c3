//! A scenario as a file says it: everything that a run depends on.

use std::collections::{BTreeMap, BTreeSet};

use scanner_core::pool::OrderLine;
use scanner_core::station::{CostProfile, EarlyStop, NextStop};
use scanner_core::vision::Locator;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::catalogue::Catalogue;
use super::document::{Checked, Place};
use super::rig::Rig;

/// The version of the format that is read here.
pub const VERSION: u32 = 1;

/// Packages that a plate can be asked to hold.
const MOST_PACKAGES: f64 = 200.0;

/// A scenario without its rig and catalogue, which are read apart: they stand inline or in a file of their own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Body {
    /// Version of this format: 1.
    pub schema_version: u32,
    /// What reports call it.
    pub name: String,
    /// What it is for.
    #[serde(default)]
    pub description: String,
    /// The one seed from which everything random flows; `--seed` overrides it.
    pub seed: u64,
    /// When the simulated clock starts, a day; the cycle begins at midnight UTC.
    pub starts_on: String,
    /// What is dropped on the plate.
    pub load: Load,
    /// What the station does.
    pub cycle: Cycle,
    /// What the station is asked for.
    #[serde(default)]
    pub order: Order,
    /// What the code pool holds before.
    #[serde(default)]
    pub pool: Pool,
    /// What the run is held to.
    #[serde(default)]
    pub thresholds: Thresholds,
}

/// What is dropped on the plate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Load {
    /// How many packages.
    pub packages: u32,
    /// Ids of the catalogue's products to draw from; all of them if left out.
    #[serde(default)]
    pub kinds: Vec<String>,
}

/// What the station does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Cycle {
    /// Angles at which the plate stops for pictures.
    pub stops_deg: Vec<f64>,
    /// Light patterns, by name, shown at each stop.
    pub patterns: Vec<String>,
    /// Intensity of the light, share of the nominal one.
    #[serde(default = "one")]
    pub intensity: f64,
    /// How long the station waits for a frame.
    #[serde(default = "two")]
    pub frame_timeout_s: f64,
    /// What reading costs on the simulated clock, as recorded on some machine: so that a slow machine changes no result.
    pub cost: CostProfile,
    /// What looks for codes; the trained detector if nothing is said.
    #[serde(default = "ssd", skip_serializing_if = "is_ssd")]
    pub locator: Locator,
    /// Whether views that decide no text by themselves decide together; else only texts that single frames gave are united.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fuse_views: bool,
    /// When the cycle may end before all stops were taken.
    #[serde(default, skip_serializing_if = "is_default")]
    pub early_stop: EarlyStop,
    /// Which stop follows.
    #[serde(default, skip_serializing_if = "is_default")]
    pub next_stop: NextStop,
}

/// What the station is asked for.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// Number of lines drawn from the load, one package each; lines beyond the load ask for packages that are not on the plate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lines_from_load: Option<u32>,
    /// Lines as given.
    #[serde(default)]
    pub lines: Vec<OrderLine>,
}

/// What the code pool holds before: the manufacturer's file that is generated and read into it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Pool {
    /// Smallest packs in the manufacturer's file; those on the plate are among them.
    pub units: u32,
    /// Smallest packs to a middle pack.
    pub units_per_middle_pack: u32,
    /// Middle packs to an outer carton.
    pub middle_packs_per_carton: u32,
}

impl Default for Pool {
    fn default() -> Self {
        Self { units: 1000, units_per_middle_pack: 10, middle_packs_per_carton: 10 }
    }
}

/// What the run is held to; a figure that is not named is not held to anything.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Recall over visible code views under nominal conditions, by band of px per module (`lt0_5`, `0_5_0_7`, `0_7_1`, `1_1_5`, `1_5_2`, `2_3`,
    /// `ge3`); held by the lower 95 % bound.
    #[serde(default)]
    pub recall_nominal: BTreeMap<String, f64>,
    /// Most misreads.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub misreads: Option<u64>,
    /// Least share of the packages below the ceiling that are read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub packages_read_share: Option<f64>,
}

/// Left out of files, so that scenarios of before the key are written as they were.
fn ssd() -> Locator {
    Locator::Ssd
}

fn is_ssd(locator: &Locator) -> bool {
    *locator == Locator::Ssd
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

fn one() -> f64 {
    1.0
}

fn two() -> f64 {
    2.0
}

impl Body {
    /// Checks what types cannot, against the rig and the catalogue.
    ///
    /// # Errors
    /// The first fault, at its key below `place`.
    pub fn check(&self, place: &Place, rig: &Rig, catalogue: &Catalogue) -> Checked<()> {
        place.version(self.schema_version, VERSION)?;
        place.name("name", &self.name, &mut BTreeSet::new())?;
        self.starts_on.parse::<scanner_core::date::Date>().map_err(|error| place.fault("starts_on", error.to_string()))?;
        self.check_load(&place.under("load"), rig, catalogue)?;
        self.check_cycle(&place.under("cycle"), rig)?;
        let order = place.under("order");
        if self.order.lines_from_load.is_some() && !self.order.lines.is_empty() {
            return Err(order.fault("lines_from_load", "the order's lines are either drawn from the load or given, not both"));
        }
        for (index, line) in self.order.lines.iter().enumerate() {
            product(&order, &format!("lines.{index}.product"), &line.product, catalogue)?;
            order.within(&format!("lines.{index}.quantity"), f64::from(line.quantity), 1.0, 100_000.0)?;
        }
        let pool = place.under("pool");
        pool.within("units", f64::from(self.pool.units), f64::from(self.load.packages), 1e7)?;
        pool.within("units_per_middle_pack", f64::from(self.pool.units_per_middle_pack), 1.0, 1000.0)?;
        pool.within("middle_packs_per_carton", f64::from(self.pool.middle_packs_per_carton), 1.0, 1000.0)?;
        let thresholds = place.under("thresholds");
        for (band, least) in &self.thresholds.recall_nominal {
            let key = format!("recall_nominal.{band}");
            if !reports::Band::ALL.iter().any(|known| known.key() == band) {
                let known: Vec<&str> = reports::Band::ALL.iter().map(|band| band.key()).collect();
                return Err(thresholds.fault(&key, format!("`{band}` is not a band")).with_help_boxed(super::hints::advice(band, &known)));
            }
            thresholds.within(&key, *least, 0.0, 1.0)?;
        }
        if let Some(share) = self.thresholds.packages_read_share {
            thresholds.within("packages_read_share", share, 0.0, 1.0)?;
        }
        Ok(())
    }

    fn check_load(&self, place: &Place, rig: &Rig, catalogue: &Catalogue) -> Checked<()> {
        place.within("packages", f64::from(self.load.packages), 1.0, MOST_PACKAGES)?;
        for (index, id) in self.load.kinds.iter().enumerate() {
            product(place, &format!("kinds.{index}"), id, catalogue)?;
        }
        if self.kinds(catalogue).all(|kind| kind.weight <= 0.0) {
            return Err(place.fault("kinds", "the weights of all these kinds are zero, so none can be drawn"));
        }
        // A carton comes to lie on its largest face sooner or later, so that face has to lie within the rim.
        for kind in self.kinds(catalogue) {
            let mut edges = kind.largest_mm();
            edges.sort_by(f64::total_cmp);
            let diagonal = edges[1].hypot(edges[2]);
            if diagonal > 2.0 * rig.plate.radius_mm {
                let key = if self.load.kinds.is_empty() { "packages" } else { "kinds" };
                let [a, b, c] = kind.largest_mm();
                let fault = place.fault(
                    key,
                    format!(
                        "a package of `{}` can be {a} × {b} × {c} mm, larger than the plate of radius {} mm (catalogue `{}`, rig `{}`)",
                        kind.product.id, rig.plate.radius_mm, catalogue.name, rig.name
                    ),
                );
                return Err(fault.with_help_boxed("leave the kind out of `load.kinds`, correct its `size_mm`, or use a larger plate"));
            }
        }
        Ok(())
    }

    fn check_cycle(&self, place: &Place, rig: &Rig) -> Checked<()> {
        if self.cycle.stops_deg.is_empty() {
            return Err(place.fault("stops_deg", "a cycle needs one stop at least; a plate that does not turn has the stop 0"));
        }
        for (index, stop) in self.cycle.stops_deg.iter().enumerate() {
            place.within(&format!("stops_deg.{index}"), *stop, -3600.0, 3600.0)?;
        }
        if self.cycle.patterns.is_empty() {
            return Err(place.fault("patterns", "a cycle needs one light pattern at least"));
        }
        let known: Vec<&str> = rig.patterns.iter().map(|pattern| pattern.name.as_str()).collect();
        for (index, pattern) in self.cycle.patterns.iter().enumerate() {
            if !known.contains(&pattern.as_str()) {
                let fault = place.fault(&format!("patterns.{index}"), format!("the rig `{}` has no light pattern `{pattern}`", rig.name));
                return Err(fault.with_help_boxed(super::hints::advice(pattern, &known)));
            }
        }
        place.within("intensity", self.cycle.intensity, 0.0, 10.0)?;
        place.within("frame_timeout_s", self.cycle.frame_timeout_s, 1e-3, 600.0)?;
        let cost = place.under("cost");
        cost.within("seconds_per_megapixel", self.cycle.cost.seconds_per_megapixel, 0.0, 3600.0)?;
        cost.within("seconds_per_code", self.cycle.cost.seconds_per_code, 0.0, 3600.0)?;
        cost.within("cores", f64::from(self.cycle.cost.cores), 1.0, 1024.0)?;
        Ok(())
    }

    /// The kinds that the load is drawn from, in the catalogue's order.
    pub fn kinds<'a>(&'a self, catalogue: &'a Catalogue) -> impl Iterator<Item = &'a super::catalogue::Kind> {
        let wanted = &self.load.kinds;
        catalogue.kinds.iter().filter(move |kind| wanted.is_empty() || wanted.contains(&kind.product.id))
    }
}

fn product(place: &Place, key: &str, id: &str, catalogue: &Catalogue) -> Checked<()> {
    if catalogue.kinds.iter().any(|kind| kind.product.id == id) {
        return Ok(());
    }
    let known: Vec<&str> = catalogue.kinds.iter().map(|kind| kind.product.id.as_str()).collect();
    let fault = place.fault(key, format!("the catalogue `{}` has no product `{id}`", catalogue.name));
    Err(fault.with_help_boxed(super::hints::advice(id, &known)))
}
