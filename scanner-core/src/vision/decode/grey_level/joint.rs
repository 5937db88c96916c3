//! One text for several strips that are views of the same code, where none of them says enough by itself.
//!
//! The views' log-likelihoods are added up before anything is decided: cost tables in nats, position by position with what neighbours do to each other,
//! and the same exact search under the check character ([`lattice`](super::lattice)). Geometry, light and blur of every view are fitted again
//! to what all of them say together, in turns, until the text stays: a view that was fitted to a wrong text would else speak for that text.
//!
//! **Errors that do not average out.** Noise differs from pixel to pixel; what the model gets wrong (bars printed too wide, uneven light) is the same in all
//! pixels at one place of the code, and largely in all views. So a pixel's variance is p + N·m²: p the noise, m² what the model leaves over beyond it, and
//! N the pixels of all views per module. Many pixels can outvote noise, but not a fault of the model.
//!
//! The text is compared with what each view would say alone: a view that holds much against it says that the strips are not of one code, or that one
//! was misunderstood, and then nothing is read.

use super::fit::{Light, Residual, Template, refine, residual};
use super::lattice::{Classes, PositionCost, Search};
use super::model::{ByStep, Optics, VALUES, code_modules};
use super::pixels::{Profile, Warp};
use super::settle::{Lenses, STEPS, sharpest};
use super::templates::Templates;
use super::{FittedStrip, variance};
use crate::vision::Corners;
use crate::vision::decode::linear::LinearText;
use crate::vision::decode::symbol::LinearSymbol;

/// Start character of code set C: twenty digits in ten characters have no other.
const START_C: usize = 105;
/// Values of code set C that are two digits.
const DIGITS: usize = 100;
/// Rounds of deciding and fitting.
const ROUNDS: usize = 6;

/// When a text of several views is accepted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JointRule {
    /// Least lead over the next best valid text, nats.
    pub margin: f32,
    /// Most that the check character may cost, nats.
    pub check_cost: f32,
    /// Most that any view may hold against the text: log-likelihood of the view's own best text less that of the common one, nats.
    pub against: f32,
    /// Largest misfit in any view, share of the contrast. Wider than in [`GreyLevelRule`](super::GreyLevelRule): here misfit lowers the margin itself.
    pub misfit: f32,
    /// Least share of the grey values' variance beyond noise that the text explains in any view.
    pub explained: f32,
}

impl Default for JointRule {
    fn default() -> Self {
        Self { margin: 16.0, check_cost: 4.0, against: 8.0, misfit: 0.08, explained: 0.88 }
    }
}

/// What one view has to do with the common text.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Contribution {
    /// What it holds against it, nats; negative where the common text fits better than the view's own.
    pub against: f32,
    /// What the common text leaves over beyond the pixels' noise, share of the contrast.
    pub misfit: f32,
    /// Share of the variance beyond noise that the common text explains.
    pub explained: f32,
    /// Corners in the plane that the strip came from, under the common text.
    pub corners: Corners,
}

/// The likeliest common text of some strips, accepted or not.
#[derive(Debug, Clone, PartialEq)]
pub struct JointText {
    /// The symbol.
    pub symbol: LinearSymbol,
    /// Lead over the next best valid text, nats.
    pub margin: f32,
    /// What the check character costs, nats.
    pub check_cost: f32,
    /// One for each strip, in their order.
    pub views: Vec<Contribution>,
}

/// Why a common text is not accepted.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JointRefusal {
    /// A view speaks for another text, or the model does not explain it.
    Contradicted,
    /// Another text is nearly as likely.
    NoMargin,
    /// The check character fits only against the pixels.
    CheckCharacter,
    /// The text is not twenty digits.
    NotDigits,
    /// Nothing that looks like dark bars on light paper is left in some view.
    NoBars,
}

impl JointText {
    /// Why `rule` does not let it pass; `None` where it does.
    pub fn refusal(&self, rule: &JointRule) -> Option<JointRefusal> {
        // A figure that is no number passes nothing.
        let fits = |v: &Contribution| v.against <= rule.against && v.misfit <= rule.misfit && v.explained >= rule.explained;
        let [start, data @ ..] = self.symbol.values.as_slice() else { return Some(JointRefusal::NotDigits) };
        let characters = data.len().saturating_sub(1); // Less the check character.
        if usize::from(*start) != START_C || data[..characters].iter().any(|v| usize::from(*v) >= DIGITS) {
            Some(JointRefusal::NotDigits)
        } else if !self.views.iter().all(fits) {
            Some(JointRefusal::Contradicted)
        } else if self.check_cost.is_nan() || self.check_cost > rule.check_cost {
            Some(JointRefusal::CheckCharacter)
        } else if self.margin.is_nan() || self.margin < rule.margin {
            Some(JointRefusal::NoMargin)
        } else {
            None
        }
    }

    /// What the symbol says.
    pub fn text(&self) -> Option<LinearText> {
        LinearText::ideal(&self.symbol)
    }
}

/// The likeliest common text of strips that are taken for views of one code. The order of the strips does not matter but for rounding.
///
/// # Errors
/// [`JointRefusal::NoBars`] for no strips, strips of different lengths, or light that fits no bars.
pub fn decide_together(strips: &[&FittedStrip]) -> Result<JointText, JointRefusal> {
    let characters = strips.first().ok_or(JointRefusal::NoBars)?.characters;
    if strips.iter().any(|s| s.characters != characters) {
        return Err(JointRefusal::NoBars);
    }
    let classes = Classes::new();
    let mut views: Vec<View> = strips.iter().map(|s| View::new(s)).collect();
    let mut last = Vec::new();
    for _ in 0..ROUNDS {
        let found = Search::new(&added(&mut views, characters), START_C, &classes).free().values;
        for view in &mut views {
            view.fit(&found)?;
        }
        if found == last {
            break;
        }
        last = found;
    }
    let costs = added(&mut views, characters);
    let search = Search::new(&costs, START_C, &classes);
    let (free, valid) = (search.free(), search.valid());
    let contributions = views.iter_mut().map(|v| v.contribution(&valid.values)).collect::<Result<_, _>>()?;
    let mut symbol = vec![START_C as u8];
    symbol.extend(valid.values.iter().map(|v| *v as u8));
    let symbol = LinearSymbol::code128(&symbol).ok_or(JointRefusal::NotDigits)?;
    Ok(JointText { symbol, margin: valid.margin, check_cost: valid.cost - free.cost, views: contributions })
}

/// The views' costs in nats, added up.
fn added(views: &mut [View], characters: usize) -> Vec<PositionCost> {
    let total = views.iter().map(View::per_module).sum();
    let mut sum: Vec<PositionCost> = (0..characters).map(|_| PositionCost::zero()).collect();
    for view in views {
        let weight = nats(&view.left, total);
        for (sum, cost) in sum.iter_mut().zip(&view.costs(characters)) {
            sum.add(cost, weight);
        }
    }
    sum
}

/// What one strip has to do with a text that comes from elsewhere, as [`decide_together`] judges its views.
///
/// # Errors
/// [`JointRefusal::NoBars`]; [`JointRefusal::NotDigits`] for a symbol of another length or code set.
pub fn contribution(strip: &FittedStrip, symbol: &LinearSymbol) -> Result<Contribution, JointRefusal> {
    let Some((&start, values)) = symbol.values.split_first() else { return Err(JointRefusal::NotDigits) };
    if usize::from(start) != START_C || values.len() != strip.characters || values.iter().any(|v| usize::from(*v) >= VALUES) {
        return Err(JointRefusal::NotDigits);
    }
    let values: Vec<usize> = values.iter().map(|v| usize::from(*v)).collect();
    let mut view = View::new(strip);
    // The first fit has to come from what the strip took for its own text.
    view.fit(&values)?;
    view.contribution(&values)
}

/// A strip on its way to the common text.
struct View<'s> {
    strip: &'s FittedStrip,
    warp: Warp,
    light: Light,
    optics: Optics,
    left: Residual,
    profile: Profile,
}

impl<'s> View<'s> {
    fn new(strip: &'s FittedStrip) -> Self {
        Self {
            warp: strip.warp,
            light: strip.light,
            optics: strip.optics,
            left: strip.left,
            profile: strip.pixels.profile(&strip.warp),
            strip,
        }
    }

    /// Pixels per module of the code's length.
    fn per_module(&self) -> f32 {
        self.profile.count.iter().sum::<f32>() / code_modules(self.strip.characters) as f32
    }

    fn costs(&self, characters: usize) -> Vec<PositionCost> {
        Templates::new(&self.strip.pixels.steps(), self.optics).costs(&self.profile, &self.light, self.strip.pixels.length, characters)
    }

    /// Blur, light and geometry under a text.
    fn fit(&mut self, values: &[usize]) -> Result<(), JointRefusal> {
        let pixels = &self.strip.pixels;
        let lenses = Lenses::new(pixels.steps());
        let sharpest = sharpest(&self.profile, pixels.length, &lenses, self.optics, START_C, values);
        (self.optics, self.light) = sharpest.unwrap_or((self.optics, self.light));
        for _ in 0..STEPS {
            let template = Template::new(&lenses.steps, self.optics, START_C, values);
            refine(pixels, &mut self.warp, &mut self.light, &mut self.optics, &template);
        }
        let template = ByStep::new(&lenses.steps, self.optics).whole_code(START_C, Some(values), self.strip.characters);
        self.profile = pixels.profile(&self.warp);
        self.left = residual(pixels, &self.warp, &self.light, &self.profile, &template);
        if self.light.contrast() > 0.0 { Ok(()) } else { Err(JointRefusal::NoBars) }
    }

    fn contribution(&mut self, values: &[usize]) -> Result<Contribution, JointRefusal> {
        self.fit(values)?;
        let (strip, own) = (self.strip, &self.strip.left);
        let noise = self.left.pure.min(own.pure);
        let own = Residual { pure: noise, ..*own };
        let count = strip.pixels.v.len() as f32;
        Ok(Contribution {
            against: count * (self.left.variance - own.variance) * nats(&own, self.per_module()),
            misfit: beyond(&self.left).sqrt() / self.light.contrast(),
            explained: 1.0 - beyond(&self.left) / (variance(&strip.pixels.v) - noise).max(1e-12),
            corners: strip.pixels.corners(&self.warp),
        })
    }
}

/// Squared residual beyond noise.
fn beyond(left: &Residual) -> f32 {
    (left.variance - left.pure).max(0.0)
}

/// Nats per squared residual: 1 ÷ 2(p + N·m²).
fn nats(left: &Residual, per_module: f32) -> f32 {
    let noise = left.pure.min(left.variance);
    0.5 / (noise + per_module.max(1.0) * beyond(left)).max(1e-12)
}
