//! A symbol on something that the light falls on unevenly, as if it fell evenly: round packages turn away from it, and their light modules on one side are as
//! dark as dark ones on the other.

use crate::vision::geometry::distance;
use crate::vision::{Corners, Plane};

/// Modules along a side of a usual symbol.
const MODULES: f64 = 22.0;
/// How far around a place its light modules are looked for, modules, and which of its grey values is theirs: about half of the modules are light.
const AROUND: f64 = 3.0;
const LIGHT: f64 = 0.75;
/// How light light modules are taken for at least, as a share of where they are lightest.
const LEAST: f32 = 0.1;
/// By which factor light modules must differ, inside the outline, for it to be worth while.
const UNEVEN: f32 = 1.5;
/// Room around the outline, px.
const MARGIN: f64 = 16.0;

/// The outline and what is around it, light modules 1 everywhere; and where that begins. `None` where they are about as light everywhere already.
pub fn levelled(plane: &Plane, outline: &Corners) -> Option<(Plane, [f64; 2])> {
    let module = (0..4).map(|i| distance(outline[i], outline[(i + 1) % 4])).sum::<f64>() / 4.0 / MODULES;
    let bound = |k: usize, most: usize| {
        let (lo, hi) = outline.iter().fold((f64::MAX, f64::MIN), |(lo, hi), c| (lo.min(c[k]), hi.max(c[k])));
        ((lo - MARGIN).max(0.0) as usize, ((hi + MARGIN).max(0.0) as usize + 1).min(most))
    };
    let ((x0, x1), (y0, y1)) = (bound(0, plane.width()), bound(1, plane.height()));
    let reach = (AROUND * module).round().max(2.0) as usize;
    if x1 < x0 + 2 * reach || y1 < y0 + 2 * reach {
        return None;
    }
    // Nodes half a window apart.
    let step = reach.div_ceil(2);
    let (columns, rows) = ((x1 - x0).div_ceil(step) + 1, (y1 - y0).div_ceil(step) + 1);
    let mut values = Vec::new();
    let nodes: Vec<f32> = (0..columns * rows)
        .map(|i| {
            let (x, y) = (x0 + i % columns * step, y0 + i / columns * step);
            values.clear();
            for y in y.saturating_sub(reach).max(y0)..(y + reach + 1).min(y1) {
                values.extend_from_slice(&plane.row(y)[x.saturating_sub(reach).max(x0)..(x + reach + 1).min(x1)]);
            }
            let index = (values.len() as f64 * LIGHT) as usize;
            *values.select_nth_unstable_by(index, f32::total_cmp).1
        })
        .collect();
    let at = |x: usize, y: usize| {
        let (x, y) = (x as f32 / step as f32, y as f32 / step as f32);
        let (i, j) = (x as usize, y as usize);
        let (s, t) = (x - i as f32, y - j as f32);
        let node = |i: usize, j: usize| nodes[j.min(rows - 1) * columns + i.min(columns - 1)];
        (1.0 - t) * ((1.0 - s) * node(i, j) + s * node(i + 1, j)) + t * ((1.0 - s) * node(i, j + 1) + s * node(i + 1, j + 1))
    };
    // Halfway between the middle and each corner, and between two corners.
    let middle = [0, 1].map(|k| outline.iter().map(|c| c[k]).sum::<f64>() / 4.0);
    let inside = (0..4).flat_map(|i| {
        let (p, q) = (outline[i], outline[(i + 1) % 4]);
        let towards = |c: [f64; 2]| [0, 1].map(|k| middle[k] + 0.7 * (c[k] - middle[k]));
        [towards(p), towards([0, 1].map(|k| (p[k] + q[k]) / 2.0))]
    });
    let light =
        inside.map(|[x, y]| at((x.max(x0 as f64) as usize - x0).min(x1 - x0 - 1), (y.max(y0 as f64) as usize - y0).min(y1 - y0 - 1)));
    let (least, most) = light.fold((f32::MAX, f32::MIN), |(lo, hi), v| (lo.min(v), hi.max(v)));
    if most < UNEVEN * least {
        return None;
    }
    let mut data = Vec::with_capacity((x1 - x0) * (y1 - y0));
    for y in y0..y1 {
        for x in x0..x1 {
            data.push((plane.row(y)[x] / at(x - x0, y - y0).max(LEAST * most)).min(1.5));
        }
    }
    Some((Plane::new(x1 - x0, y1 - y0, data), [x0 as f64, y0 as f64]))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIDE: usize = 120;
    /// px per module.
    const MODULE: usize = 3;

    /// Modules, every other one light, under light that falls off by so much from left to right.
    fn modules(falls: f32) -> Plane {
        let value = |x: usize, y: usize| if (x / MODULE + y / MODULE).is_multiple_of(2) { 0.8 } else { 0.1 };
        let light = |x: usize| 1.0 - falls * x as f32 / SIDE as f32;
        Plane::new(SIDE, SIDE, (0..SIDE * SIDE).map(|i| value(i % SIDE, i / SIDE) * light(i % SIDE)).collect())
    }

    #[test]
    fn light_modules_are_as_light_everywhere() {
        let outline = [[27.0, 93.0], [27.0, 27.0], [93.0, 27.0], [93.0, 93.0]];
        let (plane, from) = levelled(&modules(0.8), &outline).unwrap();
        assert_eq!((from, plane.width(), plane.height()), ([11.0, 11.0], 99, 99));
        // Away from the rim of the cut, where windows are cut off.
        for y in 12..87 {
            for x in 12..87 {
                let light = ((x + 11) / MODULE + (y + 11) / MODULE).is_multiple_of(2);
                let value = plane.row(y)[x];
                assert!(if light { (0.75..1.25).contains(&value) } else { value < 0.17 }, "{x}, {y}: {value}");
            }
        }
        assert_eq!(levelled(&modules(0.2), &outline), None);
    }
}
