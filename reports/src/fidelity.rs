//! Two renderers side by side: the twin's and an independent path tracer's.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use crate::escape::xml;
use crate::html::{both, section, shell};
use crate::stats;

/// Px per module from which modulation is held against [`MODULATION_MARGIN`].
const MODULATION_FROM: f64 = 1.0;

/// Wanted: modulation within so much, share of the paper.
const MODULATION_MARGIN: f64 = 0.05;

/// Wanted: the interval of the difference in recall within so much.
const RECALL_MARGIN: f64 = 0.05;

/// Everything that was compared. Pairs are (twin, other).
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FidelityRecord {
    /// Version of `tracetwin`.
    pub version: String,
    /// The scenes.
    pub scenes: Vec<Scene>,
    /// The codes of all of them.
    pub codes: Vec<Code>,
}

/// A scene.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// Scenario, seed, camera and stop.
    pub name: String,
    /// PNG files.
    pub pictures: [Vec<u8>; 2],
    /// Twin ÷ other where neither is dark nor glares: 5 %, 50 % and 95 % quantile.
    pub ratio: Option<[f64; 3]>,
    /// Distance between the centres of what glares, px of the camera.
    pub glare: Option<f64>,
}

/// A code in a scene.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Code {
    /// [`Scene::name`].
    pub scene: String,
    /// What it says.
    pub text: String,
    /// Its symbology.
    pub symbology: String,
    /// Px per module.
    pub px_per_module: f64,
    /// Angle between line of sight and the face's normal, degrees.
    pub incidence_deg: f64,
    /// Angle against the pixel grid, degrees.
    pub grid_angle_deg: f64,
    /// (narrow spaces − narrow bars) ÷ paper; linear codes only.
    pub modulation: Option<[f64; 2]>,
    /// Radiance of the quiet zones; linear codes only.
    pub paper: Option<[f64; 2]>,
    /// Frames with noise of their own, in the scenario's light.
    pub frames: u64,
    /// Frames in which it was read.
    pub read: [u64; 2],
    /// Wrong traceability codes.
    pub wrong: [u64; 2],
    /// The same in a light in which noise decides; none where the scenario's light is too little already.
    pub threshold: Option<Threshold>,
}

/// What is read of a code where the light is so low that noise decides.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Threshold {
    /// By what the scenario's light was divided; the gain was multiplied by as much.
    pub darkness: f64,
    /// Frames with noise of their own, the same noise for both renderers.
    pub frames: u64,
    /// Frames in which it was read.
    pub read: [u64; 2],
    /// Wrong traceability codes.
    pub wrong: [u64; 2],
}

/// The figures.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct FidelitySummary {
    /// Scenes compared.
    pub scenes: usize,
    /// Codes compared.
    pub codes: usize,
    /// Linear codes from 1 px per module on.
    pub modulation_codes: usize,
    /// Largest difference of modulation among them, share of the paper.
    pub modulation_worst: Option<f64>,
    /// Mean difference, twin − other.
    pub modulation_mean: Option<f64>,
    /// Those within 5 percentage points.
    pub modulation_within: usize,
    /// Twin ÷ other of the quiet zones: mean, smallest, largest.
    pub paper_ratio: Option<[f64; 3]>,
    /// Codes of which the two together read 10 to 90 % of the frames in the light in which noise decides.
    pub hard_codes: usize,
    /// Share of their frames that is read.
    pub hard_recall: Option<[f64; 2]>,
    /// Difference of the codes' recalls, twin − other, with its 95 % interval (Student's t over codes).
    pub recall_difference: Option<[f64; 3]>,
    /// Frames read of all codes in the scenario's light.
    pub read: [u64; 2],
    /// Frames of all codes in the scenario's light, of each renderer.
    pub frames: u64,
    /// Wrong traceability codes.
    pub wrong: [u64; 2],
    /// Largest distance between the centres of what glares, px.
    pub glare_worst_px: Option<f64>,
}

/// The figures of a comparison.
pub fn summary(record: &FidelityRecord) -> FidelitySummary {
    let of_bars: Vec<f64> =
        record.codes.iter().filter(|c| c.px_per_module >= MODULATION_FROM).filter_map(|c| c.modulation).map(|[a, b]| a - b).collect();
    let ratios: Vec<f64> = record.codes.iter().filter_map(|c| c.paper).map(|[a, b]| a / b).collect();
    let hard: Vec<&Threshold> = record
        .codes
        .iter()
        .filter_map(|code| code.threshold.as_ref())
        .filter(|t| (0.1..=0.9).contains(&((t.read[0] + t.read[1]) as f64 / (2 * t.frames.max(1)) as f64)))
        .collect();
    let differences: Vec<f64> = hard.iter().map(|t| (t.read[0] as f64 - t.read[1] as f64) / t.frames.max(1) as f64).collect();
    let interval = || {
        let (mean, spread) = (stats::mean(&differences)?, stats::standard_deviation(&differences)?);
        let n = differences.len() as f64;
        let half = stats::student_t_quantile(0.975, n - 1.0) * spread / n.sqrt();
        Some([mean, mean - half, mean + half])
    };
    let extreme = |values: &[f64], of: fn(f64, f64) -> f64| values.iter().copied().reduce(of);
    let hard_frames: u64 = hard.iter().map(|t| t.frames).sum();
    let hard_recall = [0, 1].map(|i| hard.iter().map(|t| t.read[i]).sum::<u64>() as f64 / hard_frames.max(1) as f64);
    let wrong = |code: &Code, i: usize| code.wrong[i] + code.threshold.as_ref().map_or(0, |t| t.wrong[i]);
    let glare: Vec<f64> = record.scenes.iter().filter_map(|scene| scene.glare).collect();
    FidelitySummary {
        scenes: record.scenes.len(),
        codes: record.codes.len(),
        modulation_codes: of_bars.len(),
        modulation_worst: of_bars.iter().map(|d| d.abs()).reduce(f64::max),
        modulation_mean: stats::mean(&of_bars),
        modulation_within: of_bars.iter().filter(|d| d.abs() <= MODULATION_MARGIN).count(),
        paper_ratio: stats::mean(&ratios).zip(extreme(&ratios, f64::min)).zip(extreme(&ratios, f64::max)).map(|((a, b), c)| [a, b, c]),
        hard_codes: hard.len(),
        hard_recall: (!hard.is_empty()).then_some(hard_recall),
        recall_difference: interval(),
        read: [0, 1].map(|i| record.codes.iter().map(|c| c.read[i]).sum()),
        frames: record.codes.iter().map(|c| c.frames).sum(),
        wrong: [0, 1].map(|i| record.codes.iter().map(|c| wrong(c, i)).sum()),
        glare_worst_px: glare.into_iter().reduce(f64::max),
    }
}

impl fmt::Display for FidelitySummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let points = |share: Option<f64>| share.map_or_else(|| "–".to_owned(), |share| format!("{:.1}", 100.0 * share));
        writeln!(f, "{} scenes, {} codes", self.scenes, self.codes)?;
        writeln!(
            f,
            "bar modulation from {MODULATION_FROM} px per module: {} of {} codes within {} points; mean difference {}, worst {} points",
            self.modulation_within,
            self.modulation_codes,
            100.0 * MODULATION_MARGIN,
            points(self.modulation_mean),
            points(self.modulation_worst)
        )?;
        if let Some([mean, low, high]) = self.paper_ratio {
            writeln!(f, "paper, twin ÷ other: mean {mean:.3}, {low:.3} to {high:.3}")?;
        }
        writeln!(
            f,
            "frames read in the scenario's light: {} and {} of {} each; wrong codes in any light: {} and {}",
            self.read[0], self.read[1], self.frames, self.wrong[0], self.wrong[1]
        )?;
        match (self.hard_recall, self.recall_difference) {
            (Some([a, b]), Some([mean, low, high])) => writeln!(
                f,
                "codes in light so low that 10–90 % of frames are read: {}; recall {:.1} % and {:.1} %; difference {:.1} points ({:.1} to {:.1}; wanted inside ±{:.0})",
                self.hard_codes,
                100.0 * a,
                100.0 * b,
                100.0 * mean,
                100.0 * low,
                100.0 * high,
                100.0 * RECALL_MARGIN
            )?,
            _ => writeln!(f, "codes in light so low that 10–90 % of frames are read: {}, too few for an interval", self.hard_codes)?,
        }
        write!(f, "glare: centres at most {} px apart", self.glare_worst_px.map_or_else(|| "–".to_owned(), |d| format!("{d:.0}")))
    }
}

/// The report.
pub fn page(record: &FidelityRecord) -> String {
    let figures = summary(record);
    let lines: String = figures.to_string().lines().map(|line| format!("<p>{}</p>\n", xml(line))).collect();
    let mut body =
        section(("Figures", "结果"), ("Pairs are the twin's and the path tracer's.", "成对数值依次为孪生与路径追踪器。"), &lines);
    let scenes: String = record.scenes.iter().map(scene).collect();
    body += &section(
        ("Scenes", "场景"),
        (
            "Left the twin, right Mitsuba 3: the same light before lens and sensor, eight times smaller, gamma 2.2.",
            "左为孪生，右为 Mitsuba 3：进入镜头与传感器之前的同一光照，缩小八倍，伽马 2.2。",
        ),
        &scenes,
    );
    body += &section(("Codes", "码"), ("", ""), &table(&record.codes));
    let heading = both("Two renderers side by side", "两种渲染器对照");
    shell("fidelity", &heading, "", &record.version, &body)
}

fn scene(scene: &Scene) -> String {
    let image = |i: usize| {
        let data = STANDARD.encode(&scene.pictures[i]);
        format!("<img style=\"width:49%\" alt=\"\" src=\"data:image/png;base64,{data}\"/>")
    };
    let ratio = scene.ratio.map_or_else(String::new, |[low, middle, high]| format!("twin ÷ other {middle:.3} ({low:.3}–{high:.3})"));
    let glare = scene.glare.map_or_else(String::new, |d| format!(" · Δ glare {d:.0} px"));
    format!("<h3>{}</h3>\n<p class=\"soft\">{}{}</p>\n<div>{} {}</div>\n", xml(&scene.name), xml(&ratio), xml(&glare), image(0), image(1))
}

fn table(codes: &[Code]) -> String {
    let mut rows = String::new();
    for code in codes {
        let pair = |pair: Option<[f64; 2]>| pair.map_or_else(|| "–".to_owned(), |[a, b]| format!("{a:.3} / {b:.3}"));
        rows += &format!(
            "<tr><td>{}</td><td>{}</td><td class=\"n\">{:.2}</td><td class=\"n\">{:.0}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{} / {} / {}</td><td class=\"n\">{}</td></tr>\n",
            xml(&code.scene),
            xml(&code.text.replace('\u{1d}', "<GS>")),
            code.px_per_module,
            code.incidence_deg,
            pair(code.modulation),
            pair(code.paper),
            code.read[0],
            code.read[1],
            code.frames,
            code.threshold
                .as_ref()
                .map_or_else(|| "–".to_owned(), |t| format!("1/{:.0}: {} / {} / {}", t.darkness, t.read[0], t.read[1], t.frames)),
        );
    }
    let head = [
        ("scene", "场景"),
        ("code", "码"),
        ("px per module", "像素/模块"),
        ("incidence °", "入射角 °"),
        ("modulation", "调制度"),
        ("paper", "纸面"),
        ("read / read / frames", "读出 / 读出 / 帧"),
        ("in less light", "减光后"),
    ]
    .map(|(en, zh)| format!("<th>{}</th>", both(en, zh)))
    .concat();
    format!("<div class=\"wide\"><table><thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table></div>\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(px_per_module: f64, modulation: [f64; 2], read: [u64; 2]) -> Code {
        Code {
            scene: "demo 1".into(),
            text: "8".into(),
            symbology: "code128".into(),
            px_per_module,
            incidence_deg: 10.0,
            grid_angle_deg: 20.0,
            modulation: Some(modulation),
            paper: Some([0.9, 1.0]),
            frames: 4,
            read: [4, 3],
            wrong: [0, 0],
            threshold: Some(Threshold { darkness: 8.0, frames: 20, read, wrong: [0, 0] }),
        }
    }

    #[test]
    fn only_what_is_hard_but_possible_counts_for_recall() {
        let codes = vec![
            code(2.0, [0.5, 0.48], [20, 20]),
            code(1.0, [0.3, 0.36], [10, 12]),
            code(0.9, [0.1, 0.9], [12, 10]),
            code(0.7, [0.1, 0.1], [9, 5]),
            code(0.5, [0.1, 0.1], [0, 0]),
        ];
        let figures = summary(&FidelityRecord { codes, ..FidelityRecord::default() });
        assert_eq!((figures.hard_codes, figures.modulation_codes, figures.modulation_within), (3, 2, 1));
        assert!((figures.modulation_worst.unwrap() - 0.06).abs() < 1e-12 && (figures.modulation_mean.unwrap() + 0.02).abs() < 1e-12);
        // Differences −0.1, 0.1, 0.2: mean 0.0667, deviation 0.1528, t(2) = 4.3027.
        let [mean, low, high] = figures.recall_difference.unwrap();
        assert!(
            (mean - 0.066_667).abs() < 1e-6 && (high - low - 2.0 * 4.302_653 * 0.152_753 / 3f64.sqrt()).abs() < 1e-5,
            "{mean} {low} {high}"
        );
        assert_eq!((figures.read, figures.frames), ([20, 15], 20));
    }
}
