//! Where what is in the window: rectangles [x, y, width, height] in its pixels.

/// Width of the column with state and keys, px.
const COLUMN: usize = 316;

/// Height of the timeline, px.
const TIMELINE: usize = 22;

/// Share of the height that the cameras' pictures get at most.
const INSETS: f64 = 0.3;

/// A window's parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// The window.
    pub size: [usize; 2],
    /// The large picture.
    pub main: [usize; 4],
    /// The timeline.
    pub timeline: [usize; 4],
    /// State and keys.
    pub column: [usize; 4],
    /// What each camera sees.
    pub insets: Vec<[usize; 4]>,
}

impl Layout {
    /// For a window's size and the cameras' width ÷ height.
    pub fn new(size: [usize; 2], aspects: &[f64]) -> Self {
        // A window can be dragged to nothing; what is painted then is cut off.
        let size = [size[0].max(640), size[1].max(480)];
        let count = aspects.len().max(1);
        let across = size[0] / count;
        let highest = aspects.iter().map(|aspect| across as f64 / aspect).fold(0.0, f64::max);
        let strip = (highest.min(INSETS * size[1] as f64)) as usize;
        let main = [size[0] - COLUMN, size[1] - strip - TIMELINE];
        let insets = aspects.iter().enumerate().map(|(i, aspect)| {
            let (width, height) = if across as f64 / aspect > strip as f64 {
                ((strip as f64 * aspect) as usize, strip)
            } else {
                (across, (across as f64 / aspect) as usize)
            };
            [i * across + (across - width) / 2, size[1] - strip, width, height.max(1)]
        });
        Self {
            size,
            main: [0, 0, main[0], main[1]],
            timeline: [0, main[1], main[0], TIMELINE],
            column: [main[0], 0, COLUMN, main[1] + TIMELINE],
            insets: insets.collect(),
        }
    }

    /// Which camera's picture is at a place.
    pub fn inset_at(&self, at: [f64; 2]) -> Option<usize> {
        self.insets.iter().position(|inset| inside(*inset, at))
    }

    /// Where along the timeline a place is, 0 to 1.
    pub fn timeline_share(&self, at: [f64; 2]) -> Option<f64> {
        inside(self.timeline, at).then(|| ((at[0] - self.timeline[0] as f64) / self.timeline[2] as f64).clamp(0.0, 1.0))
    }
}

fn inside([x, y, width, height]: [usize; 4], at: [f64; 2]) -> bool {
    (x as f64..(x + width) as f64).contains(&at[0]) && (y as f64..(y + height) as f64).contains(&at[1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fill_the_window_and_keep_the_cameras_shape() {
        let layout = Layout::new([1440, 900], &[4.0 / 3.0, 1.0]);
        assert_eq!(layout.main, [0, 0, 1124, 608]);
        assert_eq!(layout.timeline, [0, 608, 1124, 22]);
        assert_eq!(layout.column, [1124, 0, 316, 630]);
        assert_eq!(layout.insets, [[180, 630, 360, 270], [945, 630, 270, 270]]);
        assert_eq!(layout.inset_at([1000.0, 700.0]), Some(1));
        assert_eq!(layout.inset_at([1000.0, 100.0]), None);
        assert_eq!(layout.timeline_share([562.0, 620.0]), Some(0.5));
        assert_eq!(layout.timeline_share([562.0, 600.0]), None);
    }
}
