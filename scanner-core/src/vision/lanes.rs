//! Sums in lanes that the compiler can keep in vector registers: the same bits on every machine.

/// Sum of products of as many numbers, `LANES` of them at a time; what is left over comes last.
#[inline]
pub(super) fn dot<const LANES: usize>(x: &[f32], y: &[f32]) -> f32 {
    let ((x, more_x), (y, more_y)) = (x.as_chunks::<LANES>(), y.as_chunks::<LANES>());
    let mut lanes = [0f32; LANES];
    for (x, y) in x.iter().zip(y) {
        for i in 0..LANES {
            lanes[i] += x[i] * y[i];
        }
    }
    lanes.iter().sum::<f32>() + more_x.iter().zip(more_y).map(|(x, y)| x * y).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fill_the_lanes_counts_too() {
        let x: Vec<f32> = (1..=11).map(|i| i as f32).collect();
        assert_eq!((dot::<8>(&x, &x), dot::<16>(&x, &x), dot::<8>(&x[..8], &x), dot::<8>(&[], &[])), (506.0, 506.0, 204.0, 0.0));
    }
}
