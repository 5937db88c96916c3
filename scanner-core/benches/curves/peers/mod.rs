//! Other readers, and this one, on one picture. All give every text that they find, of any symbology.
//!
//! rxing is always there, zxing-cpp and zbar with the feature `peers`: the former is built from its crate, the latter found as Debian's `libzbar.so.0`
//! at run time.

#[cfg_attr(not(feature = "peers"), allow(dead_code))] // Crops are for other readers.
mod crops;
#[cfg(feature = "peers")]
mod zbar;

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use image::GrayImage;
use scanner_core::vision::decode::grey_level::{GreyLevelRule, read_code128};
use scanner_core::vision::locate::{LinearBox, LinearCandidate};
use scanner_core::vision::{Corners, LinearRule, Outcome, Plane, Scanner, read_linear};

#[cfg(feature = "peers")]
use crops::{enlarged_crop, rotated};
pub use crops::{on_reduced, reduced};

/// A picture, and where a locator puts the code in it.
pub struct Scene<'a> {
    /// The picture.
    pub picture: &'a GrayImage,
    /// Rough corners, where they are known.
    pub rough: Option<Corners>,
}

/// A reader, and what it is given.
pub struct Method {
    /// What tables call it, in English and in Chinese.
    pub name: (&'static str, &'static str),
    /// Its texts; `None` where it cannot be asked.
    pub read: fn(&Scene) -> Option<Vec<String>>,
}

/// Turns of a picture over which readers that look along rows only are united.
#[cfg(feature = "peers")]
const TURNS: u32 = 12;
/// Enlargement of a crop.
#[cfg(feature = "peers")]
const ENLARGED: f64 = 4.0;

/// This reader where the code's place is given: what the station does with a located strip.
const LOCATED: Method = Method { name: ("this reader, place given", "本识读器（给定位置）"), read: located };
/// This reader on the whole picture.
const WHOLE: Method = Method { name: ("this reader", "本识读器（整幅）"), read: whole };
const RXING: Method = Method { name: ("rxing", "rxing"), read: rxing };

/// All that can be asked in this build, this reader first.
pub fn methods() -> Vec<Method> {
    #[allow(unused_mut)] // Without the feature there is nothing to add.
    let mut methods = vec![LOCATED, WHOLE];
    #[cfg(feature = "peers")]
    {
        methods.push(Method { name: ("zxing-cpp", "zxing-cpp"), read: |s| Some(zxing(s.picture)) });
        methods.push(Method { name: ("zxing-cpp, 12 turns", "zxing-cpp（12 个角度）"), read: |s| Some(over_turns(s.picture, zxing)) });
        methods.push(Method {
            name: ("zxing-cpp, derotated 4× crop", "zxing-cpp（摆正放大 4 倍）"),
            read: |s| s.rough.map(|rough| zxing(&enlarged_crop(s.picture, &rough, ENLARGED))),
        });
        match zbar::available() {
            Ok(()) => {
                methods.push(Method { name: ("zbar", "zbar"), read: |s| Some(zbar::read(s.picture)) });
                methods.push(Method {
                    name: ("zbar, derotated 4× crop", "zbar（摆正放大 4 倍）"),
                    read: |s| s.rough.map(|rough| zbar::read(&enlarged_crop(s.picture, &rough, ENLARGED))),
                });
            }
            Err(reason) => eprintln!("zbar is left out: {reason} (Debian: apt-get install libzbar0, or its path in TRACETWIN_ZBAR)"),
        }
    }
    methods.push(RXING);
    methods
}

/// The grey-level reader, then the located strip by rows and thresholds, too.
fn located(scene: &Scene) -> Option<Vec<String>> {
    let rough = scene.rough?;
    let plane = Plane::from_image(&scene.picture.clone().into());
    let grey = read_code128(&plane, &rough, 11).filter(|found| found.accepted(&GreyLevelRule::default()));
    if let Some(text) = grey.and_then(|found| found.text()) {
        return Some(vec![text.text]);
    }
    let Some(place) = LinearBox::of_corners(&rough) else { return Some(Vec::new()) };
    let pyramid = plane.pyramid(2, 32);
    let candidate = LinearCandidate { level: 0, place, by_net: false };
    // A guard, not a budget.
    let deadline = Instant::now() + Duration::from_secs(60);
    Some(match read_linear(&pyramid, &candidate, &LinearRule::default(), deadline, None) {
        Outcome::Read(reading) => vec![reading.text],
        _ => Vec::new(),
    })
}

fn whole(scene: &Scene) -> Option<Vec<String>> {
    let readings = Scanner::default().scan_image(&scene.picture.clone().into()).readings;
    Some(readings.into_iter().map(|reading| reading.text).collect())
}

/// Longest time for rxing on one picture, which has looped without end; after two such pictures it is not asked again.
const RXING_LIMIT: Duration = Duration::from_secs(20);
static RXING_LOST: AtomicU32 = AtomicU32::new(0);

fn rxing(scene: &Scene) -> Option<Vec<String>> {
    if RXING_LOST.load(Ordering::Relaxed) > 1 {
        return None;
    }
    let (width, height, pixels) = (scene.picture.width(), scene.picture.height(), scene.picture.as_raw().clone());
    let (sender, receiver) = mpsc::sync_channel(1);
    std::thread::spawn(move || {
        let mut hints = rxing::DecodeHints::default();
        let read = || rxing::helpers::detect_in_luma_with_hints(pixels, width, height, None, &mut hints);
        // It panics on some pictures.
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(read));
        let texts = found.ok().and_then(Result::ok).map_or(Vec::new(), |found| vec![found.getText().to_owned()]);
        // Nobody may be waiting any more.
        let _ = sender.send(texts);
    });
    let found = receiver.recv_timeout(RXING_LIMIT);
    if found.is_err() {
        RXING_LOST.fetch_add(1, Ordering::Relaxed);
    }
    Some(found.unwrap_or_default())
}

/// zxing-cpp with its defaults: all formats, try-harder, rotated, inverted, downscaled.
#[cfg(feature = "peers")]
pub fn zxing(picture: &GrayImage) -> Vec<String> {
    let view = zxingcpp::ImageView::from_slice(picture.as_raw(), picture.width(), picture.height(), zxingcpp::ImageFormat::Lum);
    let found = view.and_then(|view| zxingcpp::read().from(view)).unwrap_or_default();
    found.iter().filter(|code| code.is_valid()).map(|code| code.text()).collect()
}

/// The texts of a picture and of its turns by multiples of 15°: with the quarter turns that readers try by themselves, all directions.
#[cfg(feature = "peers")]
fn over_turns(picture: &GrayImage, read: fn(&GrayImage) -> Vec<String>) -> Vec<String> {
    let turned = |k: u32| (f64::from(k) * 180.0 / f64::from(TURNS)).to_radians();
    let mut texts: Vec<String> = (0..TURNS).flat_map(|k| if k == 0 { read(picture) } else { read(&rotated(picture, turned(k))) }).collect();
    texts.sort();
    texts.dedup();
    texts
}
