//! Least squares over many pixels.

use crate::vision::lanes::dot;

/// Equations that are summed up at a time, as single precision numbers: few enough for their rounding not to matter.
const BLOCK: usize = 64;
/// Numbers that are added up side by side; a divisor of [`BLOCK`].
const LANES: usize = 8;

/// The normal equations of Σ (r − Σⱼ fⱼxⱼ)², from features f and residuals r that come one after the other.
pub(super) struct NormalEquations<const N: usize> {
    /// Σ f fᵀ, lower triangle until [`Self::finish`].
    pub(super) a: [[f64; N]; N],
    /// Σ f r.
    pub(super) b: [f64; N],
    /// Σ r².
    pub(super) squares: f64,
    /// Equations.
    pub(super) count: f64,
    features: [[f32; BLOCK]; N],
    residuals: [f32; BLOCK],
    filled: usize,
}

impl<const N: usize> NormalEquations<N> {
    pub(super) fn new() -> Self {
        let (features, residuals) = ([[0.0; BLOCK]; N], [0.0; BLOCK]);
        Self { a: [[0.0; N]; N], b: [0.0; N], squares: 0.0, count: 0.0, features, residuals, filled: 0 }
    }

    /// One more equation.
    #[inline]
    pub(super) fn add(&mut self, feature: [f32; N], residual: f32) {
        for (column, f) in self.features.iter_mut().zip(feature) {
            column[self.filled] = f;
        }
        self.residuals[self.filled] = residual;
        self.filled += 1;
        if self.filled == BLOCK {
            self.flush();
        }
    }

    fn flush(&mut self) {
        for column in self.features.iter_mut().chain(std::iter::once(&mut self.residuals)) {
            column[self.filled..].fill(0.0);
        }
        for j in 0..N {
            for k in 0..=j {
                self.a[j][k] += f64::from(dot::<LANES>(&self.features[j], &self.features[k]));
            }
            self.b[j] += f64::from(dot::<LANES>(&self.features[j], &self.residuals));
        }
        self.squares += f64::from(dot::<LANES>(&self.residuals, &self.residuals));
        self.count += self.filled as f64;
        self.filled = 0;
    }

    /// No more equations.
    pub(super) fn finish(mut self) -> Self {
        self.flush();
        for j in 0..N {
            for k in j + 1..N {
                self.a[j][k] = self.a[k][j];
            }
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vision::geometry::solve;

    #[test]
    fn a_line_through_more_points_than_a_block_holds() {
        let mut equations = NormalEquations::<2>::new();
        for i in 0..150 {
            let x = i as f32 / 100.0;
            equations.add([1.0, x], 0.25 - 0.5 * x + if i % 2 == 0 { 0.125 } else { -0.125 });
        }
        let found = equations.finish();
        assert_eq!(found.count, 150.0);
        let [offset, slope] = solve(found.a, found.b).unwrap();
        assert!((offset - 0.25).abs() < 0.01 && (slope + 0.5).abs() < 0.01, "{offset} {slope}");
    }
}
