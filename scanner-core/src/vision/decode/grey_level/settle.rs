//! One starting point of a strip, fitted until its characters stay.

use std::cell::OnceCell;

use super::fit::{Light, Residual, Template, by_character, refine, residual};
use super::lattice::Search;
use super::model::{BINS, BlurredEdge, ByStep, CHARACTER, Lens, Optics, QUIET, Steps};
use super::pixels::{Pixels, Profile, Warp};
use super::rule::GreyLevelText;
use super::templates::Templates;
use super::{FIRST, Strip, place, variance};
use crate::vision::decode::symbol::LinearSymbol;

/// Lenses and their blurs, px, that are tried; what lies between is fitted.
const LENSES: [Lens; 2] = [Lens::Gaussian, Lens::Disc];
const SIGMAS: [f32; 6] = [0.4, 0.6, 0.8, 1.0, 1.3, 1.7];
/// Rounds of reading and fitting, and steps of fitting in each of them.
const ROUNDS: usize = 5;
pub(super) const STEPS: usize = 2;

/// Edges under the lenses and blurs that are tried, each made when it is needed first.
pub(super) struct Lenses {
    pub(super) steps: Steps,
    edges: [[OnceCell<ByStep<BlurredEdge>>; SIGMAS.len()]; LENSES.len()],
}

impl Lenses {
    pub(super) fn new(steps: Steps) -> Self {
        Self { steps, edges: Default::default() }
    }

    /// Edges under one of them.
    fn edge(&self, lens: Lens, sigma_px: f32) -> ByStep<BlurredEdge> {
        ByStep::blurred(&self.steps, lens, sigma_px)
    }

    /// All that are tried.
    fn tried(&self) -> impl Iterator<Item = (Lens, f32, &ByStep<BlurredEdge>)> {
        let of_lens = LENSES.into_iter().zip(&self.edges);
        of_lens.flat_map(move |(lens, edges)| {
            let of_sigma = SIGMAS.into_iter().zip(edges);
            of_sigma.map(move |(sigma, edge)| (lens, sigma, edge.get_or_init(|| self.edge(lens, sigma))))
        })
    }
}

/// A text with what it was found by.
pub(super) struct Refined {
    pub(super) text: GreyLevelText,
    pub(super) warp: Warp,
    pub(super) light: Light,
    pub(super) optics: Optics,
    pub(super) left: Residual,
    pub(super) template: Vec<f32>,
}

impl Strip {
    /// Characters, blur, light and geometry in turns until the characters stay.
    pub(super) fn refined(&self, pixels: &Pixels, mut start: usize, mut warp: Warp) -> Option<Refined> {
        let length = pixels.length;
        let steps = pixels.steps();
        let mut optics = FIRST;
        let mut profile = pixels.profile(&warp);
        let mut light = self.light_of_ends(&profile, &self.edge, start)?;
        let mut last = Vec::new();
        for _ in 0..ROUNDS {
            let own = (optics != FIRST).then(|| Templates::new(&steps, optics));
            let costs = own.as_ref().unwrap_or_else(|| self.templates()).costs(&profile, &light, length, self.characters);
            let found = Search::new(&costs, start, &self.classes).free().values;
            (optics, light) = sharpest(&profile, length, &self.lenses, optics, start, &found).unwrap_or((optics, light));
            start = likeliest_start(&profile, &steps, length, optics, &light, &found);
            for _ in 0..STEPS {
                let template = Template::new(&steps, optics, start, &found);
                refine(pixels, &mut warp, &mut light, &mut optics, &template);
            }
            profile = pixels.profile(&warp);
            if found == last {
                break;
            }
            last = found;
        }
        if light.contrast() <= 0.0 {
            return None;
        }
        let costs = Templates::new(&steps, optics).costs(&profile, &light, length, self.characters);
        let search = Search::new(&costs, start, &self.classes);
        let (free, valid) = (search.free(), search.valid());
        let template = ByStep::new(&steps, optics).whole_code(start, Some(&valid.values), self.characters);
        let left = residual(pixels, &warp, &light, &profile, &template);
        let characters = by_character(pixels, &warp, &light, &template);
        let worst = characters.iter().copied().fold(0.0, f32::max);
        let beyond = |squared: f32| (squared - left.pure).max(0.0);
        let per_module = (profile.count.iter().sum::<f32>() / (length + 2.0 * QUIET as f32)).max(1.0);
        // Pixels of a module of one of its characters: around something round they are fewer where it turns away.
        let own = |character: usize| -> f32 {
            if pixels.roll.is_none() {
                return per_module;
            }
            let bins = (QUIET + CHARACTER * character) * BINS..(QUIET + CHARACTER * (character + 1)) * BINS;
            (profile.count[bins].iter().sum::<f32>() / CHARACTER as f32).max(1.0)
        };
        let weighed = |leads: &[f32]| {
            let each = leads.iter().zip(&characters[1..]).enumerate();
            let nats = |(k, (lead, squared)): (usize, (&f32, &f32))| 0.5 * lead / (left.pure + own(k + 1) * beyond(*squared)).max(1e-12);
            each.map(nats).fold(f32::INFINITY, f32::min)
        };
        let mut symbol = vec![start as u8];
        symbol.extend(valid.values.iter().map(|v| *v as u8));
        // Gaussian noise: a squared residual of 2σ² is one nat.
        let nats = |cost: f32| cost / (2.0 * left.variance);
        let text = GreyLevelText {
            symbol: LinearSymbol::code128(&symbol)?,
            corners: pixels.corners(&warp),
            margin: nats(valid.margin),
            // No character is surer than the whole text.
            sure: weighed(&valid.leads).min(nats(valid.margin)),
            alone: if free.values == valid.values { weighed(&free.leads) } else { 0.0 },
            check_cost: nats(valid.cost - free.cost),
            misfit: beyond(left.variance).sqrt() / light.contrast(),
            worst_misfit: beyond(worst).sqrt() / light.contrast(),
            explained: 1.0 - left.variance / variance(&pixels.v),
            sigma_px: optics.sigma_px,
            sigma_modules: optics.sigma_px * pixels.step[0].hypot(pixels.step[1]),
        };
        Some(Refined { text, warp, light, optics, left, template })
    }
}

/// Lens and blur, of those that are tried and of `optics` itself, that explain `values` best, with the light that goes with them.
pub(super) fn sharpest(
    profile: &Profile,
    length: f32,
    lenses: &Lenses,
    optics: Optics,
    start: usize,
    values: &[usize],
) -> Option<(Optics, Light)> {
    let inside = |i: usize| place(i) > -6.0 && place(i) < length + 6.0;
    let fit = |edge: &ByStep<BlurredEdge>, optics: Optics| {
        let template = edge.responses(optics.growth).whole_code(start, Some(values), values.len());
        let light = Light::fit(profile, &template, length, inside)?;
        Some((light.residual(profile, &template, length), optics, light))
    };
    let own = fit(&lenses.edge(optics.lens, optics.sigma_px), optics);
    let tried = lenses.tried().filter_map(|(lens, sigma_px, edge)| fit(edge, Optics { lens, sigma_px, ..optics }));
    own.into_iter().chain(tried).min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, optics, light)| (optics, light))
}

/// The start character that explains its place best in front of `values`: where it was found, with little known of light and blur, another may have looked
/// as well.
fn likeliest_start(profile: &Profile, steps: &Steps, length: f32, optics: Optics, light: &Light, values: &[usize]) -> usize {
    let edge = ByStep::new(steps, optics);
    let bins = 0..(QUIET + CHARACTER + 1) * BINS;
    let left = |start: &usize| {
        let template = edge.whole_code(*start, Some(values), values.len());
        light.residual(profile, &template[bins.clone()], length)
    };
    (103..106).min_by(|a, b| left(a).total_cmp(&left(b))).unwrap_or(105)
}
