//! A symbol on something that the light falls on unevenly, as if it fell evenly: round packages turn away from it, and their light modules on one side are as
//! dark as dark ones on the other.

use std::ops::Range;

use super::grid::around;
use super::outline::MODULES;
use crate::vision::geometry::{distance, middle};
use crate::vision::{Corners, Plane};

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
    let [columns, rows] = around(plane, outline, MARGIN);
    let reach = (AROUND * module).round().max(2.0) as usize;
    if columns.len() < 2 * reach || rows.len() < 2 * reach {
        return None;
    }
    // Nodes half a window apart.
    let step = reach.div_ceil(2);
    let near = |at: usize, within: &Range<usize>| at.saturating_sub(reach).max(within.start)..(at + reach + 1).min(within.end);
    let [across, down] = [&columns, &rows].map(|range| range.len().div_ceil(step) + 1);
    let mut values = Vec::new();
    let nodes = (0..across * down).map(|i| {
        let (x, y) = (columns.start + i % across * step, rows.start + i / across * step);
        values.clear();
        near(y, &rows).for_each(|y| values.extend_from_slice(&plane.row(y)[near(x, &columns)]));
        let index = (values.len() as f64 * LIGHT) as usize;
        *values.select_nth_unstable_by(index, f32::total_cmp).1
    });
    let nodes = Plane::new(across, down, nodes.collect());
    let light = |x: usize, y: usize| {
        let [x, y] = [x - columns.start, y - rows.start].map(|at| at as f64 / step as f64);
        nodes.sample(x, y)
    };
    // Most of the way from the middle to each corner, and to halfway between two corners.
    let middle = middle(outline);
    let inside = (0..4).flat_map(|i| {
        let (p, q) = (outline[i], outline[(i + 1) % 4]);
        [p, [0, 1].map(|k| (p[k] + q[k]) / 2.0)].map(|c| [0, 1].map(|k| middle[k] + 0.7 * (c[k] - middle[k])))
    });
    let pixel = |at: f64, within: &Range<usize>| (at as usize).clamp(within.start, within.end - 1);
    let inside = inside.map(|[x, y]| light(pixel(x, &columns), pixel(y, &rows)));
    let (least, most) = inside.fold((f32::MAX, f32::MIN), |(lo, hi), v| (lo.min(v), hi.max(v)));
    if most < UNEVEN * least {
        return None;
    }
    let places = rows.clone().flat_map(|y| columns.clone().map(move |x| (x, y)));
    let data = places.map(|(x, y)| (plane.row(y)[x] / light(x, y).max(LEAST * most)).min(1.5)).collect();
    Some((Plane::new(columns.len(), rows.len(), data), [columns.start, rows.start].map(|at| at as f64)))
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
