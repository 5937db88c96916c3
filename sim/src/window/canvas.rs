//! A picture to draw on: grey pictures, lines, rectangles, text.

use hardware_hal::glam::DVec2;
use noto_sans_mono_bitmap::{FontWeight, RasterHeight, get_raster, get_raster_width};

/// Red, green, blue.
pub type Colour = [u8; 3];

/// Height of a line of text, px.
pub const TEXT_HEIGHT: usize = 16;

/// Width of a character, px.
pub const TEXT_WIDTH: usize = get_raster_width(FontWeight::Regular, RasterHeight::Size16);

/// A picture, 8 bits of red, green, blue and opacity a pixel, row by row from the top.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canvas {
    /// Width, px.
    pub width: usize,
    /// Height, px.
    pub height: usize,
    /// 4 bytes a pixel.
    pub rgba: Vec<u8>,
}

impl Canvas {
    /// All of one colour.
    pub fn new(width: usize, height: usize, colour: Colour) -> Self {
        let [r, g, b] = colour;
        Self { width, height, rgba: [r, g, b, 255].repeat(width * height) }
    }

    /// The colour of a pixel; none outside.
    pub fn get(&self, x: usize, y: usize) -> Option<Colour> {
        let at = (x < self.width && y < self.height).then(|| 4 * (y * self.width + x))?;
        Some([self.rgba[at], self.rgba[at + 1], self.rgba[at + 2]])
    }

    /// Mixes a colour into a pixel; nothing outside.
    fn mix(&mut self, x: i64, y: i64, colour: Colour, share: f64) {
        if x < 0 || y < 0 || x >= self.width as i64 || y >= self.height as i64 {
            return;
        }
        let at = 4 * (y as usize * self.width + x as usize);
        for (to, of) in self.rgba[at..at + 3].iter_mut().zip(colour) {
            *to = (f64::from(*to) + share * (f64::from(of) - f64::from(*to))).round() as u8;
        }
    }

    /// A filled rectangle from (x, y), mixed in by `share`.
    pub fn fill(&mut self, [x, y]: [usize; 2], [width, height]: [usize; 2], colour: Colour, share: f64) {
        for row in y..(y + height).min(self.height) {
            for column in x..(x + width).min(self.width) {
                self.mix(column as i64, row as i64, colour, share);
            }
        }
    }

    /// A grey picture with its top left corner at (x, y); what goes beyond is cut off.
    pub fn grey(&mut self, [x, y]: [usize; 2], width: usize, grey: &[u8]) {
        for (row, line) in grey.chunks_exact(width.max(1)).enumerate().take(self.height.saturating_sub(y)) {
            for (column, value) in line.iter().enumerate().take(self.width.saturating_sub(x)) {
                let at = 4 * ((y + row) * self.width + x + column);
                self.rgba[at..at + 3].fill(*value);
            }
        }
    }

    /// A straight line `width` px wide with soft edges; ends that are no numbers draw nothing.
    pub fn line(&mut self, from: DVec2, to: DVec2, width: f64, colour: Colour) {
        let frame = [DVec2::splat(-width - 2.0), DVec2::new(self.width as f64, self.height as f64) + width + 2.0];
        let Some([from, to]) = clipped(from, to, frame) else { return };
        let (way, reach) = (to - from, width / 2.0 + 0.5);
        let (low, high) = (from.min(to) - reach, from.max(to) + reach);
        let steep = way.y.abs() > way.x.abs();
        let (along, across) = if steep { (1, 0) } else { (0, 1) };
        for a in low[along].floor() as i64..=high[along].ceil() as i64 {
            // Only what lies near the line is looked at.
            let t = if way[along].abs() > 1e-9 { ((a as f64 - from[along]) / way[along]).clamp(0.0, 1.0) } else { 0.5 };
            let middle = from[across] + t * way[across];
            let span = 1.5 * reach + 1.0;
            for b in (middle - span).floor() as i64..=(middle + span).ceil() as i64 {
                let (x, y) = if steep { (b, a) } else { (a, b) };
                let p = DVec2::new(x as f64, y as f64);
                let nearest = from + way * ((p - from).dot(way) / way.length_squared().max(1e-9)).clamp(0.0, 1.0);
                self.mix(x, y, colour, (reach - p.distance(nearest)).clamp(0.0, 1.0));
            }
        }
    }

    /// A closed outline.
    pub fn outline(&mut self, corners: &[DVec2], width: f64, colour: Colour) {
        for (from, to) in corners.iter().zip(corners.iter().cycle().skip(1)) {
            self.line(*from, *to, width, colour);
        }
    }

    /// A line of text with its top left corner at (x, y), which may lie outside; characters that the font lacks are question marks.
    pub fn text(&mut self, [x, y]: [i64; 2], text: &str, colour: Colour, bold: bool) {
        let weight = if bold { FontWeight::Bold } else { FontWeight::Regular };
        for (index, character) in text.chars().enumerate() {
            let left = x + (index * TEXT_WIDTH) as i64;
            let Some(glyph) = get_raster(character, weight, RasterHeight::Size16).or_else(|| get_raster('?', weight, RasterHeight::Size16))
            else {
                continue;
            };
            for (row, line) in glyph.rows().enumerate() {
                for (column, value) in line.iter().enumerate().filter(|(_, value)| **value > 0) {
                    self.mix(left + column as i64, y + row as i64, colour, f64::from(*value) / 255.0);
                }
            }
        }
    }
}

/// The part of a line that lies in a frame (Liang and Barsky 1984).
fn clipped(from: DVec2, to: DVec2, [low, high]: [DVec2; 2]) -> Option<[DVec2; 2]> {
    if !(from.is_finite() && to.is_finite()) {
        return None;
    }
    let way = to - from;
    let (mut enter, mut leave) = (0.0f64, 1.0f64);
    for axis in 0..2 {
        for (speed, room) in [(-way[axis], from[axis] - low[axis]), (way[axis], high[axis] - from[axis])] {
            if speed == 0.0 && room < 0.0 {
                return None;
            }
            if speed < 0.0 {
                enter = enter.max(room / speed);
            } else if speed > 0.0 {
                leave = leave.min(room / speed);
            }
        }
    }
    (enter <= leave).then(|| [from + way * enter, from + way * leave])
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLACK: Colour = [0; 3];
    const RED: Colour = [200, 0, 0];

    #[test]
    fn a_level_line_has_its_width_and_its_place() {
        let mut canvas = Canvas::new(9, 7, BLACK);
        canvas.line(DVec2::new(2.0, 3.0), DVec2::new(6.0, 3.0), 1.0, RED);
        let row = |y| (0..9).map(|x| canvas.get(x, y).unwrap_or_default()[0]).collect::<Vec<_>>();
        assert_eq!(row(3), [0, 0, 200, 200, 200, 200, 200, 0, 0]);
        assert_eq!((row(2), row(4)), (vec![0; 9], vec![0; 9]));
    }

    #[test]
    fn lines_are_cut_at_the_edges() {
        let mut canvas = Canvas::new(5, 5, BLACK);
        canvas.line(DVec2::new(-1e7, 2.0), DVec2::new(1e7, 2.0), 1.0, RED);
        assert!((0..5).all(|x| canvas.get(x, 2) == Some(RED) && canvas.get(x, 1) == Some(BLACK)));
        let before = canvas.clone();
        canvas.line(DVec2::new(f64::NAN, 0.0), DVec2::new(4.0, 4.0), 1.0, RED);
        canvas.line(DVec2::new(-9.0, -9.0), DVec2::new(-5.0, 40.0), 1.0, RED);
        assert_eq!(canvas, before);
    }

    #[test]
    fn pictures_and_text_stay_inside() {
        let mut canvas = Canvas::new(4, 3, BLACK);
        canvas.grey([2, 1], 3, &[1, 2, 3, 4, 5, 6, 7, 8, 9]);
        let reds: Vec<u8> = canvas.rgba.chunks(4).map(|p| p[0]).collect();
        assert_eq!(reds, [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 4, 5]);
        canvas.text([-3, -5], "Aé", [255; 3], true);
        assert_eq!(canvas.rgba.len(), 48);
    }
}
