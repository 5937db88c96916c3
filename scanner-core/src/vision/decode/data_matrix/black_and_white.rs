//! From grey values of modules to modules that are black or white.
//!
//! Where every pixel sees several modules, the grey values that explain a picture best share among neighbours what one of them shows. Black and white
//! modules can't: starting from the rounded values, single ones and pairs of neighbours change as long as the picture is explained better (coordinate
//! descent on the squares that are left).

use super::modules::Seen;

/// How often all modules are asked, under levels that are estimated anew, and how often under the same.
const ROUNDS: usize = 3;
const SWEEPS: usize = 12;
/// By how much the sum of squares must fall for modules to change, contrasts squared.
const LEAST: f32 = 1e-4;
/// Nearest to ½ that a module is said to be.
const UNSURE: f32 = 0.001;

/// Modules of the ringed grid from their grey values (1 where light): each the further from ½ the worse any picture with it changed, up to 0 and 1.
pub fn black_and_white(seen: &Seen, modules: &[f32]) -> Option<Vec<f32>> {
    let (known, fixed) = seen.known();
    let free: Vec<bool> = fixed.iter().enumerate().map(|(m, fixed)| !fixed && !seen.column(m).is_empty()).collect();
    let start = |m: usize| if free[m] { modules[m].round() } else { known[m] };
    let mut symbol = Symbol { norms: seen.norms(), modules: (0..modules.len()).map(start).collect(), residual: Vec::new(), seen };
    let pairs = pairs(seen, &free);
    for _ in 0..ROUNDS {
        symbol.residual = seen.residual(&symbol.modules, true)?;
        for _ in 0..SWEEPS {
            let mut changed = false;
            for m in (0..modules.len()).filter(|m| free[*m]) {
                if symbol.growth(m) < -LEAST {
                    symbol.change(m);
                    changed = true;
                }
            }
            for pair in &pairs {
                if symbol.growth_of_both(pair) < -LEAST {
                    symbol.change(pair.0);
                    symbol.change(pair.1);
                    changed = true;
                }
            }
            if !changed {
                break;
            }
        }
    }
    let mut leads: Vec<f32> = (0..modules.len()).map(|m| symbol.growth(m)).collect();
    for pair in &pairs {
        let lead = symbol.growth_of_both(pair);
        leads[pair.0] = leads[pair.0].min(lead);
        leads[pair.1] = leads[pair.1].min(lead);
    }
    let value = |m: usize| if free[m] { 0.5 + symbol.away(m) * leads[m].clamp(UNSURE, 0.5) } else { known[m] };
    Some((0..modules.len()).map(value).collect())
}

/// Two neighbours, and what pixels see of one times what they see of the other.
type Pair = (usize, usize, f32);

/// Neighbours side by side and corner to corner, as far as they are free.
fn pairs(seen: &Seen, free: &[bool]) -> Vec<Pair> {
    let [cols, rows] = seen.ringed();
    let mut pairs = Vec::new();
    for m in (0..free.len()).filter(|m| free[*m]) {
        for (dc, dr) in [(1, 0), (-1, 1), (0, 1), (1, 1)] {
            let (Some(c), r) = ((m % cols).checked_add_signed(dc), m / cols + dr) else { continue };
            let n = r * cols + c;
            if c < cols && r < rows && free[n] {
                pairs.push((m, n, shared(seen.column(m), seen.column(n))));
            }
        }
    }
    pairs
}

/// The sum of products of what pixels see of two modules, from lists in the pixels' order.
fn shared(one: &[(u32, f32)], other: &[(u32, f32)]) -> f32 {
    let mut others = other.iter().peekable();
    let mut sum = 0.0;
    for (i, w) in one {
        while others.next_if(|(j, _)| j < i).is_some() {}
        if let Some((_, v)) = others.next_if(|(j, _)| j == i) {
            sum += w * v;
        }
    }
    sum
}

/// Modules, and what the picture shows beyond them.
struct Symbol<'s> {
    /// 0 where dark, 1 where light.
    modules: Vec<f32>,
    /// By pixel, contrasts.
    residual: Vec<f32>,
    seen: &'s Seen,
    norms: Vec<f32>,
}

impl Symbol<'_> {
    /// 1 where a module is light, −1 where it is dark.
    fn away(&self, m: usize) -> f32 {
        2.0 * self.modules[m] - 1.0
    }

    /// By how much the squares that are left grow when a module changes.
    fn growth(&self, m: usize) -> f32 {
        self.norms[m] + 2.0 * self.away(m) * self.seen.column(m).iter().map(|(i, w)| w * self.residual[*i as usize]).sum::<f32>()
    }

    fn growth_of_both(&self, (m, n, shared): &Pair) -> f32 {
        self.growth(*m) + self.growth(*n) + 2.0 * self.away(*m) * self.away(*n) * shared
    }

    fn change(&mut self, m: usize) {
        let by = -self.away(m);
        self.modules[m] += by;
        for (i, w) in self.seen.column(m) {
            self.residual[*i as usize] -= w * by;
        }
    }
}
