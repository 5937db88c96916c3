//! The records of one run, as the composition root fills them.

use serde::{Deserialize, Serialize};

/// Version of these records' form; it stands in every file made of them.
pub const SCHEMA_VERSION: u32 = 1;

/// What a printed symbol is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrintRole {
    /// The package's traceability code.
    Trace,
    /// Anything else that looks like a code, such as the retail EAN-13.
    Decoy,
}

impl PrintRole {
    /// As tables and files say it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Decoy => "decoy",
        }
    }
}

/// One printed symbol in one frame: what is true of it there, and whether it was read. Symbols that are not visible are listed too, as long as
/// they are partly inside the frame.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CodeView {
    /// Index into [`RunRecord::frames`].
    pub frame: usize,
    /// The camera's id.
    pub camera: String,
    /// Index of the turntable stop.
    pub stop: usize,
    /// Angle of the turntable in this frame, degrees.
    pub turntable_deg: f64,
    /// Name of the light pattern.
    pub pattern: String,
    /// Index into [`RunRecord::packages`].
    pub package: usize,
    /// The package's name.
    pub package_name: String,
    /// How it is printed: `code128`, `ean13`, `data_matrix`, `qr_code`.
    pub symbology: String,
    /// The text it was printed with.
    pub text: String,
    /// What the print is for.
    pub role: PrintRole,
    /// Corners in pixels of the full frame, (0, 0) at the centre of the top-left pixel, without quiet zones. Linear: start-top, stop-top,
    /// stop-bottom, start-bottom; matrix: from the finder's corner, clockwise.
    pub corners: [[f64; 2]; 4],
    /// Share of the symbol's area, quiet zones included, that the camera sees inside the frame, 0 to 1.
    pub visible_fraction: f64,
    /// Linear: full width with quiet zones unobstructed over at least half of the bar height; matrix: all of it; inside the frame.
    pub visible: bool,
    /// Smallest projected length along the code ÷ modules; matrix: √(projected area) ÷ modules per side.
    pub px_per_module: f64,
    /// Angle between line of sight and the face's normal, degrees.
    pub incidence_deg: f64,
    /// Share of the area whose mirrored light exceeds its diffuse light, 0 to 1.
    pub glare_share: f64,
    /// Standard deviation of the blur ÷ px per module.
    pub blur_modules: f64,
    /// Length of motion blur, px.
    pub motion_blur_px: f64,
    /// Angle of the reading direction against the nearest pixel axis, degrees, 0 to 45.
    pub grid_angle_deg: f64,
    /// (paper − ink) ÷ paper reflectance.
    pub contrast: f64,
    /// Print grade in the manner of ISO/IEC 15416 and 15415, 0 (F) to 4 (A).
    pub print_grade: f64,
    /// Whether the conditions are those for which recognition targets hold.
    pub nominal: bool,
    /// Whether this symbol's own text was read at this place in this frame.
    pub read: bool,
    /// Why it was not read, in snake case (`nothing_decoded`, `not_located`, …); `None` when read.
    pub reason: Option<String>,
}

/// How a trace-role text is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MisreadKind {
    /// The text is on no package of the load.
    UnknownText,
    /// The text is a package's, but was given to another one.
    WrongPackage,
    /// The text is that of a decoy: a retail code reported as a traceability code.
    Decoy,
}

impl MisreadKind {
    /// As tables and files say it.
    pub fn key(self) -> &'static str {
        match self {
            Self::UnknownText => "unknown_text",
            Self::WrongPackage => "wrong_package",
            Self::Decoy => "decoy",
        }
    }
}

/// A trace-role text in one frame that is on no package of the load, or was given to another package.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Misread {
    /// The text that was reported.
    pub text: String,
    /// How it is wrong.
    pub kind: MisreadKind,
    /// Index of the package it was given to (on whose print it lay), where known.
    pub given_to: Option<usize>,
    /// Where in the frame, as in [`CodeView::corners`].
    pub corners: [[f64; 2]; 4],
}

/// File form of a [`Picture`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PictureFormat {
    /// JPEG.
    Jpeg,
    /// PNG.
    Png,
}

impl PictureFormat {
    /// MIME type.
    pub fn mime(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
        }
    }
}

/// A reduced picture of a whole frame, for the report.
#[derive(Clone, PartialEq)]
pub struct Picture {
    /// Form of `bytes`.
    pub format: PictureFormat,
    /// The file, encoded.
    pub bytes: Vec<u8>,
    /// Pixels of this picture ÷ pixels of the frame, for the report's caption. The picture shows the whole frame whatever stands here.
    pub scale: f64,
}

impl std::fmt::Debug for Picture {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Picture({:?}, {} bytes, scale {})", self.format, self.bytes.len(), self.scale)
    }
}

/// One frame of the cycle.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FrameRecord {
    /// Its place in [`RunRecord::frames`].
    pub index: usize,
    /// The camera's id.
    pub camera: String,
    /// Index of the turntable stop.
    pub stop: usize,
    /// Angle of the turntable, degrees.
    pub turntable_deg: f64,
    /// Name of the light pattern.
    pub pattern: String,
    /// Width, px.
    pub width: u32,
    /// Height, px.
    pub height: u32,
    /// Whether every pixel arrived.
    pub complete: bool,
    /// Trace-role texts in it that are wrong.
    pub misreads: Vec<Misread>,
    /// A picture for the report, where wanted.
    #[serde(skip)]
    pub picture: Option<Picture>,
}

/// What became of a package.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PackageState {
    /// Its code filled a line of the order.
    Fulfilled,
    /// Its code was read and the order has no line left for it.
    Surplus,
    /// Its code was read and a rule refused it.
    Refused,
    /// Its code was not read in the cycle.
    Unread,
    /// It bears no traceability code.
    NoCode,
    /// The run had no order to hold it against.
    Unreconciled,
}

impl PackageState {
    /// As tables and files say it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Fulfilled => "fulfilled",
            Self::Surplus => "surplus",
            Self::Refused => "refused",
            Self::Unread => "unread",
            Self::NoCode => "no_code",
            Self::Unreconciled => "unreconciled",
        }
    }
}

/// One package of the load.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PackageRecord {
    /// Its place in [`RunRecord::packages`].
    pub index: usize,
    /// What reports call it.
    pub name: String,
    /// Text of its traceability code; empty when it bears none.
    pub text: String,
    /// How that is printed: `code128`, `data_matrix`, …
    pub symbology: String,
    /// Module width of the print, mm.
    pub x_dimension_mm: f64,
    /// Whether its code is visible in any frame of the cycle: the ceiling of what could be read.
    pub visible_in_any_frame: bool,
    /// Largest px per module among the frames in which it is visible.
    pub best_px_per_module: Option<f64>,
    /// Whether the cycle read its code.
    pub read: bool,
    /// Number of frames in which its code is visible.
    pub views_visible: u32,
    /// Number of frames in which its code was read.
    pub views_read: u32,
    /// What became of it.
    pub state: PackageState,
    /// Which rule refused it, when one did.
    pub refused_rule: Option<String>,
}

/// What became of a line of the order.
#[non_exhaustive]
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineState {
    /// All that was asked for is there.
    Fulfilled,
    /// Some of it is there.
    Partial,
    /// None of it is there.
    Missing,
    /// A rule refused what was there.
    Refused,
}

impl LineState {
    /// As tables and files say it.
    pub fn key(self) -> &'static str {
        match self {
            Self::Fulfilled => "fulfilled",
            Self::Partial => "partial",
            Self::Missing => "missing",
            Self::Refused => "refused",
        }
    }
}

/// One line of the order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OrderLine {
    /// Number of the line, from 1.
    pub line: u32,
    /// Product asked for.
    pub product: String,
    /// How many packages it asks for.
    pub requested: u32,
    /// How many were supplied.
    pub supplied: u32,
    /// What became of it.
    pub state: LineState,
    /// Texts of the codes that filled it.
    pub codes: Vec<String>,
    /// Which rule refused it, when one did.
    pub refused_rule: Option<String>,
}

/// Number of units of the code pool in one state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolCount {
    /// The state's name: `registered`, `available`, `reserved`, `dispensed`, …
    pub status: String,
    /// Units in it before the cycle.
    pub before: u64,
    /// Units in it after the cycle.
    pub after: u64,
}

/// A version of something that had a hand in the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ToolVersion {
    /// Name, such as `rustc` or `bevy`.
    pub name: String,
    /// Version.
    pub version: String,
}

/// What is needed to do the run again. It says nothing that comes out of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// [`SCHEMA_VERSION`] of these records.
    pub schema_version: u32,
    /// The one seed.
    pub seed: u64,
    /// Version of `tracetwin`.
    pub version: String,
    /// Versions of what else had a hand in it.
    pub tools: Vec<ToolVersion>,
    /// Graphics adapter that rendered the frames, and its driver; `None` when nothing was rendered.
    pub adapter: Option<String>,
    /// Operating system.
    pub os: String,
    /// Processor architecture.
    pub arch: String,
    /// Version of the ONNX Runtime library, where one was used.
    pub onnx_runtime: Option<String>,
    /// SHA-256 of the scenario as it was understood, lower-case hexadecimal.
    pub config_sha256: String,
    /// When the run began, RFC 3339, as the caller says.
    pub started_at: String,
    /// The command's arguments.
    pub arguments: Vec<String>,
}

/// Hashes of a run's results, lower-case hexadecimal. The same seed must give the same ones (frames: per adapter).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hashes {
    /// Of the packages' resting places.
    pub physics: String,
    /// Of all frames' pixels.
    pub frames: String,
    /// Of the codes that were read.
    pub codes: String,
    /// Of the pool's ledger.
    pub ledger: String,
}

/// How long the cycle took on the injected clock. This is simulated time: the same seed gives the same figures on any machine.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct CycleTimes {
    /// Turning, settling and exposing, s.
    pub mechanical_seconds: f64,
    /// Computing by the cost profile, s; `None` when no profile was used, then what was measured stands in its place and is marked so.
    pub compute_seconds: Option<f64>,
}

/// Wall time of one stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageTime {
    /// The stage's name.
    pub stage: String,
    /// Seconds.
    pub seconds: f64,
}

/// Measured wall times of one frame.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct FrameTimes {
    /// Index into [`RunRecord::frames`].
    pub frame: usize,
    /// Seconds that rendering and the sensor model took (for a real camera: exposing and transfer).
    pub render_seconds: f64,
    /// Seconds of decoding by stage, in the order of the stages.
    pub decode: Vec<StageTime>,
}

impl FrameTimes {
    /// Seconds of all decoding stages of this frame.
    pub fn decode_seconds(&self) -> f64 {
        self.decode.iter().map(|stage| stage.seconds).sum()
    }
}

/// The side table of measured wall times. No hash covers it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct WallTimes {
    /// Per frame.
    pub frames: Vec<FrameTimes>,
    /// Of the whole run, beside the frames: start-up, physics, artwork, pool, …
    pub stages: Vec<StageTime>,
    /// From the command's start to the records being complete, s.
    pub total_seconds: f64,
}

/// A figure held against what was asked of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Threshold {
    /// Which figure, such as `recall_nominal.2_3`.
    pub name: String,
    /// What was asked, in words: `lower 95 % bound ≥ 0.95`.
    pub required: String,
    /// What came out, in words and with its samples: `0.9713 (lower bound 0.9580, 812 views)`.
    pub observed: String,
    /// Whether it held.
    pub held: bool,
}

/// Everything of one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Name of the scenario.
    pub scenario: String,
    /// What to know before doing the run again.
    pub manifest: Manifest,
    /// The load.
    pub packages: Vec<PackageRecord>,
    /// The cycle's frames, in the order they were taken.
    pub frames: Vec<FrameRecord>,
    /// Every (symbol, frame) pair with the symbol at least partly inside the frame.
    pub views: Vec<CodeView>,
    /// The order's lines; empty without an order.
    pub order: Vec<OrderLine>,
    /// The pool's units by state; empty without a pool.
    pub pool: Vec<PoolCount>,
    /// Hashes of the results.
    pub hashes: Hashes,
    /// The cycle on the injected clock.
    pub cycle: CycleTimes,
    /// Figures that were held against something.
    pub thresholds: Vec<Threshold>,
    /// What a reader must know: fall-backs, limits, things that went wrong without ending the run.
    pub notes: Vec<String>,
    /// Measured wall times.
    pub times: WallTimes,
}

impl RunRecord {
    /// The results as canonical JSON, without manifest, wall times, notes and pictures: the same seed, scenario and adapter must give these same
    /// bytes. Hash them, or compare them.
    ///
    /// # Errors
    /// None of the records can fail to serialise unless a future field does; the error is passed on then.
    pub fn result_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        #[derive(Serialize)]
        struct Result<'a> {
            schema_version: u32,
            scenario: &'a str,
            seed: u64,
            packages: &'a [PackageRecord],
            frames: &'a [FrameRecord],
            views: &'a [CodeView],
            order: &'a [OrderLine],
            pool: &'a [PoolCount],
            hashes: &'a Hashes,
            cycle: &'a CycleTimes,
        }
        serde_json::to_vec(&Result {
            schema_version: SCHEMA_VERSION,
            scenario: &self.scenario,
            seed: self.manifest.seed,
            packages: &self.packages,
            frames: &self.frames,
            views: &self.views,
            order: &self.order,
            pool: &self.pool,
            hashes: &self.hashes,
            cycle: &self.cycle,
        })
    }
}
