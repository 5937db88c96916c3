//! Real photographs, as they are, and turned and reduced to few pixels per module. Nothing was ever tuned on them.

use std::path::{Path, PathBuf};

use image::GrayImage;
use rayon::prelude::*;
use reports::{Align, TextTable};
use scanner_core::codes::Symbology;
use scanner_core::vision::{Corners, Scanner};

use crate::compare::judge;
use crate::peers::{Method, Scene, on_reduced, reduced};
use crate::strips::Camera;
use crate::support::Dice;
use crate::table::Share;

/// The sets, and whether there is anything to read in them.
const SETS: [(&str, bool); 6] = [
    ("code128-1", true),
    ("code128-2", true),
    ("code128-3", true),
    ("datamatrix-2", true),
    ("datamatrix-3", true),
    ("falsepositives-2", false),
];
/// What else can be read beside the code that a photograph is meant for: set, file, text.
const ALSO_PRINTED: [(&str, &str, &str); 1] = [("code128-2", "16.png", "EF224-60001")];
/// px per module to which codes are reduced.
pub const REDUCED: [f64; 5] = [3.0, 2.0, 1.5, 1.2, 1.0];
/// Angles by which they are turned before.
pub const ANGLES: u32 = 24;

/// A photograph and what is written on its code.
pub struct Photo {
    set: &'static str,
    /// File name.
    name: String,
    picture: GrayImage,
    text: Option<String>,
}

/// The folder of the sets, or why there is none.
fn folder() -> Result<PathBuf, String> {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared");
    let photos = std::env::var_os("TRACETWIN_SHARED").map_or(here, PathBuf::from).join("photos");
    if photos.is_dir() { Ok(photos) } else { Err(format!("no photographs in {} (set TRACETWIN_SHARED)", photos.display())) }
}

/// All photographs.
pub fn load() -> Result<Vec<Photo>, String> {
    let folder = folder()?;
    let mut photos = Vec::new();
    for (set, coded) in SETS {
        let entries = std::fs::read_dir(folder.join(set)).map_err(|error| format!("{set}: {error}"))?;
        let mut paths: Vec<PathBuf> =
            entries.filter_map(|e| Some(e.ok()?.path())).filter(|p| p.extension().is_some_and(|e| e == "png")).collect();
        paths.sort();
        for path in paths {
            let picture = image::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let text = std::fs::read_to_string(path.with_extension("txt")).ok().filter(|_| coded);
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            photos.push(Photo { set, name, picture: picture.to_luma8(), text: text.map(|t| t.trim_end().to_owned()) });
        }
    }
    Ok(photos)
}

/// Pictures read by every method, set by set, and wrong texts over all sets.
pub fn as_they_are(methods: &[Method], photos: &[Photo]) -> TextTable {
    let judged: Vec<Vec<Option<(bool, usize)>>> =
        photos.par_iter().map(|photo| ask(methods, photo, &photo.picture, None, "as it is")).collect();
    let header: Vec<(&str, Align)> = [("reader", Align::Left)]
        .into_iter()
        .chain(SETS.iter().map(|(name, _)| (*name, Align::Right)))
        .chain([("wrong texts", Align::Right)])
        .collect();
    let mut table = TextTable::new(&header);
    for (i, method) in methods.iter().enumerate() {
        if judged.iter().all(|said| said[i].is_none()) {
            continue;
        }
        let of =
            |set: &'static str| photos.iter().zip(&judged).filter(move |(photo, _)| photo.set == set).filter_map(move |(_, said)| said[i]);
        let cells = SETS.iter().map(|(set, coded)| {
            let share = of(set).fold(Share::default(), |share, (read, _)| share.and(read));
            let wrong: usize = of(set).map(|(_, wrong)| wrong).sum();
            if *coded { format!("{} of {}", share.hits, share.of) } else { format!("{wrong} wrong in {}", share.of) }
        });
        let wrong: usize = judged.iter().filter_map(|said| said[i]).map(|(_, wrong)| wrong).sum();
        table.row([method.name.0.to_owned()].into_iter().chain(cells.collect::<Vec<_>>()).chain([wrong.to_string()]));
    }
    table
}

/// What the methods said about a picture of a photograph. Wrong texts are named with the picture, to be looked at: beside the code that a photograph is
/// meant for, another one may be printed that [`ALSO_PRINTED`] does not know.
fn ask(methods: &[Method], photo: &Photo, picture: &GrayImage, rough: Option<Corners>, how: &str) -> Vec<Option<(bool, usize)>> {
    let scene = Scene { picture, rough };
    let said = |method: &Method| {
        let mut texts = (method.read)(&scene)?;
        texts.retain(|text| !ALSO_PRINTED.contains(&(photo.set, photo.name.as_str(), text.as_str())));
        let judged = judge(&texts, photo.text.as_deref());
        if judged.1 > 0 {
            eprintln!("{}/{} {how}: {} reads {texts:?}", photo.set, photo.name, method.name.0);
        }
        Some(judged)
    };
    methods.iter().map(said).collect()
}

/// What the methods said about photographs turned and reduced to each of [`REDUCED`].
pub struct Reduced {
    /// By resolution and method: read of how many, and wrong texts.
    counts: Vec<Vec<(Share, usize)>>,
    /// Photographs whose module is known and large enough.
    pub photos: usize,
}

/// Turns and reduces photographs of Code 128 whose modules this reader measures in the picture as it is; noise of 1 % is added afterwards, as a
/// sensor of that resolution would. Where a method wants the code's place, it is what was read in the picture as it is: better than any locator's.
pub fn turned_and_reduced(methods: &[Method], photos: &[Photo], angles: u32) -> Reduced {
    let measured: Vec<(&Photo, Corners, f64)> = photos
        .par_iter()
        .filter(|photo| photo.set.starts_with("code128"))
        .filter_map(|photo| {
            let readings = Scanner::default().scan_image(&photo.picture.clone().into()).readings;
            let right = readings.iter().find(|r| r.symbology == Symbology::Code128 && Some(&r.text) == photo.text.as_ref())?;
            Some((photo, right.corners, module(&right.corners, &right.text)?))
        })
        .collect();
    let mut counts = vec![vec![(Share::default(), 0); methods.len()]; REDUCED.len()];
    for (level, px) in REDUCED.iter().enumerate() {
        let cases: Vec<(usize, u32)> = (0..measured.len()).flat_map(|p| (0..angles).map(move |k| (p, k))).collect();
        let said: Vec<Vec<Option<(bool, usize)>>> = cases
            .into_par_iter()
            .filter_map(|(p, k)| {
                let (photo, corners, module) = measured[p];
                let factor = module / px;
                let angle = (f64::from(k) * 360.0 / f64::from(angles)).to_radians();
                let border = photo.picture.as_raw().iter().map(|v| u64::from(*v)).sum::<u64>() / photo.picture.as_raw().len() as u64;
                let small = (factor >= 1.0).then(|| reduced(&photo.picture, angle, factor, border as u8))?;
                let noisy = with_noise(&small, &mut Dice::new(p as u64 * 1000 + u64::from(k), &format!("photograph {px}")));
                let place = corners.map(|corner| on_reduced(&photo.picture, angle, factor, corner));
                Some(ask(methods, photo, &noisy, Some(place), &format!("turned by {:.0}°, {px} px per module", angle.to_degrees())))
            })
            .collect();
        for (count, i) in counts[level].iter_mut().zip(0..) {
            for (read, wrong) in said.iter().filter_map(|said: &Vec<_>| said[i]) {
                *count = (count.0.and(read), count.1 + wrong);
            }
        }
        eprintln!("photographs at {px} px per module: {}", said.len());
    }
    Reduced { counts, photos: measured.len() }
}

/// px per module from a reading's corners: characters of eleven modules in the code sets that give the shortest symbol, one change of set at most.
fn module(corners: &[[f64; 2]; 4], text: &str) -> Option<f64> {
    let side = |i: usize, j: usize| (corners[i][0] - corners[j][0]).hypot(corners[i][1] - corners[j][1]);
    let length = side(0, 1).min(side(3, 2));
    let digits = text.bytes().all(|b| b.is_ascii_digit());
    let characters = match (digits, text.len()) {
        (true, n) if n % 2 == 0 => n / 2,
        (true, n) => n / 2 + 2,
        (false, n) => n,
    };
    // Start, check character and stop.
    Some(length / (11 * (characters + 2) + 13) as f64).filter(|px| px.is_finite() && *px > 0.0)
}

/// Noise of one percent of full scale.
fn with_noise(picture: &GrayImage, dice: &mut Dice) -> GrayImage {
    let ink: Vec<f32> = picture.as_raw().iter().map(|v| 1.0 - f32::from(*v) / 255.0).collect();
    let camera = Camera { paper: 1.0, ink: 0.0, exposure: 1.0, read: 0.01, gamma: 1.0, ..Camera::default() };
    camera.expose(&ink, [picture.width() as usize, picture.height() as usize], dice)
}

impl Reduced {
    /// One column per resolution: what each method read, and how many times as much this reader reads.
    pub fn table(&self, methods: &[Method]) -> TextTable {
        let names = REDUCED.map(|px| format!("{px} px"));
        let header: Vec<(&str, Align)> = [("reader", Align::Left)]
            .into_iter()
            .chain(names.iter().map(|name| (name.as_str(), Align::Right)))
            .chain([("wrong texts", Align::Right)])
            .collect();
        let mut table = TextTable::new(&header);
        let own = methods.iter().position(|m| m.name.0 == "this reader");
        for (i, method) in methods.iter().enumerate() {
            if self.counts.iter().all(|level| level[i].0.of == 0) {
                continue;
            }
            let cells = self.counts.iter().map(|level| {
                let share = level[i].0;
                let ours = own.map_or(Share::default(), |own| level[own].0);
                let times = match (Some(i) == own, share.hits) {
                    (true, _) => String::new(),
                    (false, 0) => " (∞)".to_owned(),
                    (false, hits) => format!(" ({:.2}×)", ours.hits as f64 / hits as f64),
                };
                share.short() + &times
            });
            let wrong: usize = self.counts.iter().map(|level| level[i].1).sum();
            table.row([method.name.0.to_owned()].into_iter().chain(cells.collect::<Vec<_>>()).chain([wrong.to_string()]));
        }
        table
    }
}
