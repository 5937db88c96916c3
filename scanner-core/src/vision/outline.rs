//! Where a code that was read ends above and below.

use super::Plane;
use super::locate::LinearBox;
use super::rectify::{BINS_PER_PX, Profile};

/// Windows along the code in which the edges are looked for, each on its own.
const WINDOWS: usize = 4;

/// The upper and lower edge of a code between `ends` whose profile is known, as lines of [`LinearBox`].
///
/// Across the code, each row is regressed on the profile of its window: the gain is 1 on the bars, 0 beyond them, and ½ exactly where the bars end,
/// however blurred. Returns the box's own edges where that leads nowhere.
pub fn refine_edges(plane: &Plane, place: &LinearBox, profile: &Profile, ends: [f64; 2]) -> ([f64; 2], [f64; 2]) {
    let (lo, hi) = (ends[0].min(ends[1]), ends[0].max(ends[1]));
    let width = (hi - lo) / WINDOWS as f64;
    let height = place.height().max(4.0);
    let (mut upper, mut lower) = (Vec::new(), Vec::new());
    for w in 0..WINDOWS {
        let from = lo + w as f64 * width;
        let count = (width.floor() as usize).clamp(4, 400);
        let step = width / count as f64;
        let us: Vec<f64> = (0..count).map(|i| from + (i as f64 + 0.5) * step).collect();
        let template: Vec<f64> = us.iter().map(|&u| value_at(profile, u)).collect();
        let mean = template.iter().sum::<f64>() / count as f64;
        let power: f64 = template.iter().map(|t| (t - mean).powi(2)).sum();
        if power < 1e-9 {
            continue;
        }
        let middle = from + width / 2.0;
        let b_of = |edge: [f64; 2]| edge[0] + edge[1] * middle;
        let (top, bottom) = (b_of(place.top), b_of(place.bottom));
        // Rows run parallel to the edges, halfway between their slopes.
        let slope = (place.top[1] + place.bottom[1]) / 2.0;
        let raw = |b: f64| -> f64 {
            us.iter()
                .zip(&template)
                .map(|(&u, t)| {
                    let [x, y] = place.on_edge(u, [b - slope * middle, slope]);
                    f64::from(plane.sample(x, y)) * (t - mean)
                })
                .sum::<f64>()
                / power
        };
        let centre = (top + bottom) / 2.0;
        // Sampling between pixels weakens the bars a little, on all rows alike.
        let full = (-2..=2).map(|i| raw(centre + f64::from(i) * height / 10.0)).sum::<f64>() / 5.0;
        if full < 0.3 {
            continue;
        }
        let gain = |b: f64| raw(b) / full;
        let reach = height * 0.75 + 12.0;
        upper.extend(crossing(&gain, centre, -1.0, reach).map(|b| (middle, b)));
        lower.extend(crossing(&gain, centre, 1.0, reach).map(|b| (middle, b)));
    }
    (line(&upper).unwrap_or(place.top), line(&lower).unwrap_or(place.bottom))
}

fn value_at(profile: &Profile, u: f64) -> f64 {
    let at = ((u - profile.start) * BINS_PER_PX as f64).clamp(0.0, (profile.mean.len() - 1) as f64);
    // The nearest bin that any pixel fell into.
    let i = at.round() as usize;
    (0..2 * BINS_PER_PX)
        .flat_map(|d| [i.saturating_sub(d), i + d])
        .find(|&j| profile.weight.get(j).is_some_and(|w| *w > 0.3))
        .map_or(0.0, |j| f64::from(profile.mean[j]))
}

/// Where the gain falls below ½ on the way outwards from the middle.
fn crossing(gain: &impl Fn(f64) -> f64, centre: f64, direction: f64, reach: f64) -> Option<f64> {
    const STEP: f64 = 0.5;
    let mut before = gain(centre);
    let mut at = 0.0;
    while at < reach {
        at += STEP;
        let now = gain(centre + direction * at);
        // A scratch is thin; an edge stays crossed.
        if now < 0.5 && before >= 0.5 && gain(centre + direction * (at + 1.0)) < 0.5 && gain(centre + direction * (at + 2.0)) < 0.5 {
            let share = (before - 0.5) / (before - now).max(1e-6);
            return Some(centre + direction * (at - STEP + STEP * share));
        }
        before = now;
    }
    None
}

/// The line through points (u, b): median slope and median offset, so that one bad window does no harm.
fn line(points: &[(f64, f64)]) -> Option<[f64; 2]> {
    if points.len() < 3 {
        return None;
    }
    let median = |v: &mut Vec<f64>| {
        v.sort_by(f64::total_cmp);
        let n = v.len();
        if n % 2 == 1 { v[n / 2] } else { (v[n / 2 - 1] + v[n / 2]) / 2.0 }
    };
    let mut slopes = Vec::new();
    for (i, p) in points.iter().enumerate() {
        for q in &points[..i] {
            slopes.push((p.1 - q.1) / (p.0 - q.0));
        }
    }
    let slope = median(&mut slopes);
    let offset = median(&mut points.iter().map(|(u, b)| b - slope * u).collect());
    Some([offset, slope])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_are_found_where_the_bars_end() {
        // Bars of 3 px from y = 20.3 to y = 61.8 (partly covered rows in proportion), found too low and too short.
        let (w, h) = (160usize, 100usize);
        let cover = |y: f64| ((y + 0.5).min(61.8) - (y - 0.5).max(20.3)).clamp(0.0, 1.0);
        let dark = |x: usize| if (20..140).contains(&x) && (x * 7 / 20).is_multiple_of(2) { 1.0 } else { 0.0 };
        let data = (0..w * h).map(|i| (0.9 - 0.7 * dark(i % w) * cover((i / w) as f64)) as f32).collect();
        let plane = Plane::new(w, h, data);
        let place = LinearBox {
            centre: [80.0, 45.0],
            along: [1.0, 0.0],
            lean: 0.0,
            spread: 0.0,
            ends: [-60.0, 60.0],
            top: [-15.0, 0.0],
            bottom: [22.0, 0.0],
            arch: 0.0,
        };
        let strip = crate::vision::rectify::Strip::gather(&plane, &place, 5.0);
        let profile = strip.profile();
        let (top, bottom) = refine_edges(&plane, &place, &profile, [-60.0, 60.0]);
        assert!((top[0] + 45.0 - 20.3).abs() < 0.25 && top[1].abs() < 0.01, "{top:?}");
        assert!((bottom[0] + 45.0 - 61.8).abs() < 0.25 && bottom[1].abs() < 0.01, "{bottom:?}");
    }
}
