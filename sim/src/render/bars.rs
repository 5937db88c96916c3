//! Symbols as tables from which the shader integrates a pixel's footprint.
//!
//! A pixel is a parallelogram on the face; along a bar code's reading direction it weighs the pattern with a trapezoid, the convolution of two boxes. The
//! integral of a function under a trapezoid is four values of its second antiderivative, so bars come out exact at any size and angle. A matrix
//! symbol has a summed-area table instead.

use crate::artwork::{PlacedSymbol, SymbolPattern, quality};

/// One symbol as the shader reads it; field by field the WGSL struct `Symbol`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SymbolRecord {
    /// Origin u, v (m); unit vector along.
    pub frame: [f32; 4],
    /// Unit vector down; 1 / x-dimension; height in modules.
    pub scale: [f32; 4],
    /// Modules along, ink, mean darkness, 0.
    pub look: [f32; 4],
    /// Start in its table; 0 linear, 1 matrix; 0; 0.
    pub table: [u32; 4],
}

impl SymbolRecord {
    /// The same symbol with an ink of another reflectance.
    pub fn inked(&self, ink: f64) -> Self {
        let [modules, _, mean, rest] = self.look;
        Self { look: [modules, ink as f32, mean, rest], ..*self }
    }

    /// Little-endian bytes in the order of the fields.
    pub fn bytes(&self) -> Vec<u8> {
        let floats = self.frame.iter().chain(&self.scale).chain(&self.look).flat_map(|x| x.to_le_bytes());
        floats.chain(self.table.iter().flat_map(|x| x.to_le_bytes())).collect()
    }
}

/// The tables of all symbols of a scene.
#[derive(Debug, Clone, PartialEq)]
pub struct SymbolTables {
    /// Linear symbols: (anchor, second antiderivative, first antiderivative, value) of darkness − mean. The first entry is the scene's stamp.
    pub bars: Vec<[f32; 4]>,
    /// Matrix symbols: dark area left of and above each grid point.
    pub dark_area: Vec<f32>,
}

impl SymbolTables {
    /// No symbols yet.
    pub fn new() -> Self {
        Self { bars: vec![[0.0; 4]], dark_area: vec![0.0] }
    }

    /// Adds a symbol.
    pub fn add(&mut self, symbol: &PlacedSymbol) -> SymbolRecord {
        if symbol.quality.moves_edges() {
            return self.add_cells(symbol);
        }
        let (start, kind, mean) = match &symbol.pattern {
            SymbolPattern::Linear { modules } => {
                let start = self.bars.len();
                let mean = modules.iter().filter(|dark| **dark).count() as f64 / modules.len().max(1) as f64;
                let values: Vec<f64> = modules.iter().map(|dark| f64::from(u8::from(*dark))).collect();
                self.bars.extend(antiderivatives(&values, mean));
                (start, 0, mean)
            }
            SymbolPattern::Matrix { size, dark } => {
                let start = self.dark_area.len();
                let values: Vec<f32> = dark.iter().map(|dark| f32::from(u8::from(*dark))).collect();
                self.dark_area.extend(summed_areas(*size, &values));
                (start, 1, 0.0)
            }
        };
        let [origin, along, down] = [symbol.origin, symbol.along, symbol.down].map(|p| p.map(|x| x as f32));
        SymbolRecord {
            frame: [origin[0], origin[1], along[0], along[1]],
            scale: [down[0], down[1], (1.0 / symbol.x_dimension) as f32, (symbol.height / symbol.x_dimension) as f32],
            look: [symbol.pattern.modules_across() as f32, symbol.ink as f32, mean as f32, 0.0],
            table: [start as u32, kind, 0, 0],
        }
    }

    /// Adds a symbol whose edges have moved: cells, finer than modules and partly dark, in the place of modules.
    fn add_cells(&mut self, symbol: &PlacedSymbol) -> SymbolRecord {
        let cells = quality::cells(symbol);
        let cell = symbol.x_dimension / quality::CELLS as f64;
        let beyond = quality::BEYOND as f64 * symbol.x_dimension;
        let (across, start, kind, mean, top) = match &symbol.pattern {
            SymbolPattern::Linear { .. } => {
                let values: Vec<f64> = cells.iter().map(|dark| f64::from(*dark)).collect();
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                let start = self.bars.len();
                self.bars.extend(antiderivatives(&values, mean));
                (values.len(), start, 0, mean, 0.0)
            }
            SymbolPattern::Matrix { .. } => {
                let side = quality::across(symbol);
                let start = self.dark_area.len();
                self.dark_area.extend(summed_areas(side, &cells));
                (side, start, 1, 0.0, beyond)
            }
        };
        let [origin, along, down] = [symbol.point(-beyond, -top), symbol.along, symbol.down].map(|p| p.map(|x| x as f32));
        SymbolRecord {
            frame: [origin[0], origin[1], along[0], along[1]],
            scale: [down[0], down[1], (1.0 / cell) as f32, (symbol.height / cell) as f32],
            look: [across as f32, symbol.ink as f32, mean as f32, 0.0],
            table: [start as u32, kind, 0, 0],
        }
    }
}

impl Default for SymbolTables {
    fn default() -> Self {
        Self::new()
    }
}

/// Per module, and one entry before and after: (anchor, second antiderivative there, first antiderivative there, value). Outside the value is −mean.
/// Without the mean both antiderivatives stay small, which is what keeps 32-bit floats exact enough.
fn antiderivatives(modules: &[f64], mean: f64) -> Vec<[f32; 4]> {
    let (mut second, mut first) = (0.0, 0.0);
    let mut entries = vec![[0.0, 0.0, 0.0, -mean as f32]];
    for (i, dark) in modules.iter().enumerate() {
        let value = dark - mean;
        entries.push([i as f32, second as f32, first as f32, value as f32]);
        second += first + value / 2.0;
        first += value;
    }
    entries.push([modules.len() as f32, second as f32, first as f32, -mean as f32]);
    entries
}

fn summed_areas(size: usize, dark: &[f32]) -> Vec<f32> {
    let stride = size + 1;
    let mut sums = vec![0.0; stride * stride];
    for y in 0..size {
        let mut row = 0.0;
        for x in 0..size {
            row += dark[y * size + x];
            sums[(y + 1) * stride + x + 1] = sums[y * stride + x + 1] + row;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn second_antiderivative_gives_the_integral_under_a_box() {
        let modules = [1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0];
        let mean = 4.0 / 7.0;
        let table = antiderivatives(&modules, mean);
        let first = |x: f64| {
            let e = table[(x.floor().clamp(-1.0, 7.0) + 1.0) as usize].map(f64::from);
            e[2] + (x - e[0]) * e[3]
        };
        let dark = |a: f64, b: f64| first(b) - first(a) + mean * (b - a);
        assert!((dark(0.0, 7.0) - 4.0).abs() < 1e-5);
        assert!((dark(0.25, 1.5) - 0.75).abs() < 1e-5);
        assert!((dark(2.5, 4.25) - 1.25).abs() < 1e-5);
        assert!(dark(-3.0, 0.0).abs() < 1e-5 && dark(7.0, 9.0).abs() < 1e-5);
    }

    #[test]
    fn summed_areas_count_dark_modules() {
        let sums = summed_areas(2, &[1.0, 0.0, 1.0, 1.0]);
        assert_eq!(sums, [0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 2.0, 3.0]);
    }
}
