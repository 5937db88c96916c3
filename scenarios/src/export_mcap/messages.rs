//! A recording's content as Foxglove's messages.

use hardware_hal::glam::{DQuat, DVec3};
use hardware_hal::{Calibration, FrameMeta, Intrinsics, PixelFormat, PixelLayout, Pose, Samples, Timestamp};

use super::PlacedPackage;
use super::proto::Message;
use super::truth::View;

/// Frame of the rig, of what turns with the plate, and of a camera, as transforms name them.
pub const RIG: &str = "rig";
pub const PLATE: &str = "plate";

/// Name of a camera's frame.
pub fn camera_frame(camera: &str) -> String {
    format!("camera-{camera}")
}

/// How grave an event is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// As it should be.
    Info = 2,
    /// Something is missing.
    Warning = 3,
}

fn time(at: Timestamp) -> Message {
    Message::new().int(1, at.0 / 1_000_000_000).int(2, at.0 % 1_000_000_000)
}

fn vector(v: DVec3) -> Message {
    Message::new().double(1, v.x).double(2, v.y).double(3, v.z)
}

fn quaternion(q: DQuat) -> Message {
    Message::new().double(1, q.x).double(2, q.y).double(3, q.z).double(4, q.w)
}

fn colour([r, g, b, a]: [f64; 4]) -> Message {
    Message::new().double(1, r).double(2, g).double(3, b).double(4, a)
}

/// A place in a picture. Foxglove counts from the top-left pixel's corner.
fn place([x, y]: [f64; 2]) -> Message {
    Message::new().double(1, x + 0.5).double(2, y + 0.5)
}

/// A picture: name of its schema, and the message.
pub enum Image<'a> {
    /// A PNG file.
    Png(&'a [u8]),
    /// Samples.
    Raw(&'a Samples),
}

/// Whether a picture of a format goes out as the PNG file that it is recorded in. Viewers show 16 bit PNG and colour mosaics as they would any picture: black, or
/// grey; so those go out raw, with their encoding.
pub fn as_png(format: PixelFormat) -> bool {
    format.layout == PixelLayout::Rgb || (format.layout == PixelLayout::Mono && format.bits == 8)
}

/// Schema and message of a picture.
pub fn image(meta: &FrameMeta, picture: &Image<'_>) -> (&'static str, Message) {
    let (stamp, frame) = (time(meta.timestamp), camera_frame(&meta.camera));
    match picture {
        Image::Png(bytes) => ("foxglove.CompressedImage", Message::new().message(1, &stamp).text(4, &frame).blob(2, bytes).text(3, "png")),
        Image::Raw(samples) => {
            let encoding = match (meta.format.layout, meta.format.bits) {
                (PixelLayout::BayerRggb, 8) => "bayer_rggb8",
                (PixelLayout::BayerGrbg, 8) => "bayer_grbg8",
                (PixelLayout::BayerGbrg, 8) => "bayer_gbrg8",
                (PixelLayout::BayerBggr, 8) => "bayer_bggr8",
                (_, 8) => "mono8",
                _ => "mono16",
            };
            let (bytes, wide) = match samples {
                Samples::U8(samples) => (samples.clone(), 1),
                Samples::U16(samples) => (samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(), 2),
            };
            let message = Message::new()
                .message(1, &stamp)
                .text(7, &frame)
                .fixed32(2, meta.width)
                .fixed32(3, meta.height)
                .text(4, encoding)
                .fixed32(5, meta.width * wide)
                .blob(6, &bytes);
            ("foxglove.RawImage", message)
        }
    }
}

/// A camera's calibration.
pub fn calibration(at: Timestamp, camera: &str, intrinsics: &Intrinsics) -> Message {
    let ([fx, fy], [cx, cy]) = (intrinsics.focal_px, intrinsics.principal_px);
    Message::new()
        .message(1, &time(at))
        .text(9, &camera_frame(camera))
        .fixed32(2, intrinsics.size_px[0])
        .fixed32(3, intrinsics.size_px[1])
        .text(4, "plumb_bob")
        .doubles(5, &intrinsics.distortion)
        .doubles(6, &[fx, 0.0, cx, 0.0, fy, cy, 0.0, 0.0, 1.0])
        .doubles(7, &[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0])
        .doubles(8, &[fx, 0.0, cx, 0.0, 0.0, fy, cy, 0.0, 0.0, 0.0, 1.0, 0.0])
}

/// Where the plate and a camera stand in the rig.
pub fn transforms(at: Timestamp, camera: &str, calibration: Option<&Calibration>, angle_rad: Option<f64>) -> Option<Message> {
    let one = |child: &str, pose: Pose| {
        Message::new()
            .message(1, &time(at))
            .text(2, RIG)
            .text(3, child)
            .message(4, &vector(pose.translation))
            .message(5, &quaternion(pose.rotation))
    };
    let plate = angle_rad.map(|angle| one(PLATE, hardware_hal::rig_from_plate(angle)));
    let camera = calibration.map(|calibration| one(&camera_frame(camera), calibration.camera_from_rig.inverse()));
    let all: Vec<Message> = plate.into_iter().chain(camera).collect();
    (!all.is_empty()).then(|| Message::new().messages(1, all))
}

/// What is true of the codes in a picture: read, seen and not read, out of sight.
pub fn annotations(at: Timestamp, views: &[View]) -> Message {
    let of = |view: &View| match (view.read, view.visible) {
        (true, _) => [0.1, 0.8, 0.2, 1.0],
        (false, true) => [0.95, 0.2, 0.1, 1.0],
        (false, false) => [0.6, 0.6, 0.6, 0.7],
    };
    let outline = |view: &View| {
        Message::new().message(1, &time(at)).int(2, 2).messages(3, view.corners.map(place)).message(4, &colour(of(view))).double(7, 3.0)
    };
    let label = |view: &View| {
        let why = view.reason.as_deref().filter(|_| view.visible).map_or(String::new(), |reason| format!(" ({reason})"));
        Message::new()
            .message(1, &time(at))
            .message(2, &place(view.corners[0]))
            .text(3, &format!("{} {:.2} px/module{why}", crate::output::printable(&view.text), view.px_per_module))
            .double(4, 24.0)
            .message(5, &colour(of(view)))
            .message(6, &colour([0.0, 0.0, 0.0, 0.5]))
    };
    Message::new().message(5, &time(at)).messages(2, views.iter().map(outline)).messages(3, views.iter().map(label))
}

/// The load, as boxes and cylinders that ride on the plate.
pub fn load(at: Timestamp, packages: &[PlacedPackage]) -> Message {
    let entity = |(index, package): (usize, &PlacedPackage)| {
        let (rotation, size) = (DQuat::from_array(package.rotation), DVec3::from_array(package.size_m));
        let pose =
            |rotation| Message::new().message(1, &vector(DVec3::from_array(package.translation_m))).message(2, &quaternion(rotation));
        let tint = colour([0.85, 0.8, 0.7, 0.8]);
        let entity =
            Message::new().message(1, &time(at)).text(2, PLATE).text(3, &format!("package-{index}")).int(5, 1).messages(
                6,
                [("name", &package.name), ("text", &package.text)].map(|(key, value)| Message::new().text(1, key).text(2, value)),
            );
        if package.round {
            // A bottle stands along its own y, a cylinder along z.
            let upright = rotation * DQuat::from_rotation_x(-std::f64::consts::FRAC_PI_2);
            let size = DVec3::new(size.x, size.z, size.y);
            let cylinder =
                Message::new().message(1, &pose(upright)).message(2, &vector(size)).double(3, 1.0).double(4, 1.0).message(5, &tint);
            return entity.message(10, &cylinder);
        }
        entity.message(8, &Message::new().message(1, &pose(rotation)).message(2, &vector(size)).message(3, &tint))
    };
    Message::new().messages(2, packages.iter().enumerate().map(entity))
}

/// An event.
pub fn event(at: Timestamp, level: Level, text: &str) -> Message {
    Message::new().message(1, &time(at)).int(2, level as u64).text(3, text).text(4, "station")
}
