//! This reader on one strip: what it says where a locator has put it.

use scanner_core::codes::{Role, Symbology, role};
use scanner_core::vision::Plane;
use scanner_core::vision::decode::grey_level::{GreyLevelRule, read_code128};

use crate::strips::{Impostor, NominalBut, Population, Strip};

/// Characters between start and stop of 20 digits, the check character counted.
pub const CHARACTERS: usize = 11;

/// What became of a strip.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// The printed text.
    Read,
    /// Another text was accepted.
    Misread,
    /// No text was accepted.
    Nothing,
}

impl Outcome {
    /// What it is called in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Misread => "misread",
            Self::Nothing => "nothing",
        }
    }
}

/// The likeliest text's figures, accepted or not.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Whether it is another text than the printed one.
    pub wrong: bool,
    /// Whether it could name a package.
    pub trace: bool,
    /// Lead over the next best text, nats.
    pub margin: f64,
    /// What the text is accepted for: the least lead of any character against what the model leaves over there, nats.
    pub sure: f64,
    /// The same without its check character, nats.
    pub alone: f64,
    /// What its check character costs, nats.
    pub check_cost: f64,
    /// Unexplained beyond noise, share of the contrast.
    pub misfit: f64,
    /// The same for the character that is explained worst.
    pub worst_misfit: f64,
    /// Explained share of the variance.
    pub explained: f64,
    /// Blur that was fitted, modules.
    pub sigma_modules: f64,
    /// Whether it would be accepted if it were sure enough and had a right check character.
    pub all_but_lead: bool,
}

/// A strip with what was read in it.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// Codes or impostors, range of px per module, and index: what draws the strip again.
    pub population: Population,
    /// See `population`.
    pub range: [f64; 2],
    /// See `population`.
    pub index: u64,
    /// What is printed instead of a code.
    pub impostor: Option<Impostor>,
    /// Smallest px per module along the code.
    pub px_per_module: f64,
    /// Angle to the pixel grid, degrees.
    pub slant_deg: f64,
    /// Within a degree of it.
    pub aligned: bool,
    /// Standard deviation of the blur, modules.
    pub blur_modules: f64,
    /// Print contrast.
    pub contrast: f64,
    /// Standard deviation of the noise on paper ÷ grey values between paper and ink.
    pub noise: f64,
    /// Largest angle of incidence, degrees.
    pub incidence_deg: f64,
    /// Nominal conditions.
    pub nominal: bool,
    /// Nominal but for one of them.
    pub nominal_but: NominalBut,
    /// What became of it.
    pub outcome: Outcome,
    /// The likeliest text.
    pub candidate: Option<Candidate>,
}

/// Reads a strip.
pub fn read(strip: &Strip, population: Population, range: [f64; 2], index: u64) -> Record {
    let rule = GreyLevelRule::default();
    let plane = Plane::from_image(&strip.picture.clone().into());
    let found = read_code128(&plane, &strip.rough, CHARACTERS);
    let text = found.as_ref().and_then(|found| found.text()).map(|text| text.text);
    let accepted = found.as_ref().is_some_and(|found| found.accepted(&rule));
    let outcome = match (&text, accepted) {
        (Some(text), true) if Some(text) == strip.text.as_ref() => Outcome::Read,
        (Some(_), true) => Outcome::Misread,
        _ => Outcome::Nothing,
    };
    let candidate = found.zip(text).map(|(found, text)| {
        let endless = GreyLevelRule { sure: 0.0, alone: 0.0, blurred_sure: f32::INFINITY, check_cost: f32::INFINITY, ..rule };
        Candidate {
            wrong: Some(&text) != strip.text.as_ref(),
            trace: role(&text, Symbology::Code128) == Role::Trace,
            margin: f64::from(found.margin),
            sure: f64::from(found.sure),
            alone: f64::from(found.alone),
            check_cost: f64::from(found.check_cost),
            misfit: f64::from(found.misfit),
            worst_misfit: f64::from(found.worst_misfit),
            explained: f64::from(found.explained),
            sigma_modules: f64::from(found.sigma_modules),
            all_but_lead: found.accepted(&endless),
        }
    });
    let (c, camera) = (&strip.conditions, &strip.conditions.camera);
    let paper = camera.paper * camera.exposure + camera.veil;
    Record {
        population,
        range,
        index,
        impostor: strip.impostor,
        px_per_module: c.pose.px_per_module,
        slant_deg: c.slant_deg(),
        aligned: strip.aligned(),
        blur_modules: c.blur_modules(),
        contrast: c.contrast(),
        noise: (camera.shot * camera.shot * paper + camera.read * camera.read).sqrt() / (c.contrast() * camera.exposure),
        incidence_deg: strip.incidence_deg,
        nominal: strip.nominal(),
        nominal_but: strip.nominal_but(),
        outcome,
        candidate,
    }
}
