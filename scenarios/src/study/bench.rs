//! The bench: one prescription at a time, nobody waiting; how long dispensing takes with each method.

use reports::stats::{mean, paired_t, quantile, standard_deviation};
use reports::study::{Bar, Chart, Plot, Series, StudyTable, Swing, Text};

use super::assumptions::Values;
use super::cycles::{Compute, CycleTable};
use super::file::{Body, Study};
use super::scan::{Method, ScanModel};
use super::{Findings, Found, words};
use crate::workflow::Streams;
use crate::workflow::statistics::in_parallel;

/// Most packages of a prescription in the charts.
const MOST_PACKAGES: u32 = 20;

/// What calibration on the no-scan and handheld columns gives.
struct Calibration {
    /// No-scan time of each row, s.
    base: Vec<f64>,
    /// Mean of what the handheld scanner adds, s.
    added: f64,
    /// Standard deviation between rows of what it adds, s.
    spread: f64,
}

impl Calibration {
    /// Reads nothing but figures that are marked as used to calibrate.
    fn of(body: &Body) -> Self {
        let column =
            |arm: &str| -> Vec<f64> { body.rows.iter().filter_map(|row| body.calibrating(&format!("{arm}.{}", row.key))).collect() };
        let (base, handheld) = (column("none"), column("handheld"));
        let added: Vec<f64> = handheld.iter().zip(&base).map(|(with, without)| with - without).collect();
        Self { added: mean(&added).unwrap_or(0.0), spread: standard_deviation(&added).unwrap_or(0.0), base }
    }
}

/// One simulated study of all rows.
struct Replication {
    /// Times by arm (handheld, MV) and row, s.
    times: [Vec<f64>; 2],
    /// The MV ratio without row noise and without chance in cycles and people: what the assumptions alone make it.
    expected_ratio: f64,
}

/// Everything that a bench needs beside its file.
struct Bench<'a> {
    body: &'a Body,
    cycles: &'a CycleTable,
    compute: Compute,
    stop_early: bool,
    calibration: Calibration,
}

impl Bench<'_> {
    fn model(&self, values: Values) -> ScanModel<'_> {
        let mut model =
            ScanModel { values, handheld_fixed_s: 0.0, cycles: self.cycles, compute: self.compute, stop_early: self.stop_early };
        model.calibrate(self.calibration.added);
        model
    }

    /// Ratio of sums in per cent, from the means of the scan model.
    fn expected_ratio(&self, model: &ScanModel<'_>, method: Method) -> f64 {
        let base: f64 = self.calibration.base.iter().sum();
        let added: f64 = self.body.rows.iter().map(|row| model.expected_s(method, Some(&row.product), row.packages)).sum();
        100.0 * (base + added) / base
    }

    /// [`expected_ratio`](Self::expected_ratio) of the MV arm with a share of the cycle's time, and with every package read where `read` says so.
    fn ideal_ratio(&self, model: &ScanModel<'_>, time: f64, read: bool) -> f64 {
        let mut cycles = self.cycles.clone();
        for cycle in &mut cycles.cycles {
            cycle.mechanical_s *= time;
            for work in [&mut cycle.recorded_s, &mut cycle.measured_s] {
                work.iter_mut().for_each(|seconds| *seconds *= time);
            }
            if read {
                // What is read nowhere is taken to be read at the last stop.
                cycle.read.last_mut().into_iter().for_each(|last| *last = cycle.packages);
            }
        }
        self.expected_ratio(&ScanModel { cycles: &cycles, values: model.values.clone(), ..*model }, Method::Mv)
    }

    fn replicate(&self, number: u64) -> Replication {
        let streams = Streams::new(self.body.seed);
        let values = Values::draw(&self.body.assumptions, &mut streams.stream("assumptions", &[number]));
        let model = self.model(values);
        // The spread between the paper's rows that the scan model's own chance does not explain lies in the two timings of the rest of the work, which
        // every arm has.
        let chance = Streams::new(self.body.seed);
        let own: Vec<f64> = (0..8)
            .flat_map(|again| self.body.rows.iter().enumerate().map(move |(row, of)| (again, row, of)))
            .map(|(again, row, of)| {
                let mut stream = chance.stream("calibrate", &[number, again, row as u64]);
                model.capture(Method::Handheld, Some(&of.product), of.packages, &mut stream).seconds
            })
            .collect();
        let explained = standard_deviation(&own).unwrap_or(0.0);
        let noise = (self.calibration.spread.powi(2) - explained.powi(2)).max(0.0).sqrt();
        let arm = |method: Method, index: u64| -> Vec<f64> {
            let rows = self.body.rows.iter().zip(&self.calibration.base).enumerate();
            rows.map(|(row, (of, base))| {
                let mut stream = streams.stream("capture", &[number, index, row as u64]);
                let noise = noise * streams.stream("row", &[number, index, row as u64]).standard_normal();
                (base + noise + model.capture(method, Some(&of.product), of.packages, &mut stream).seconds).max(0.0)
            })
            .collect()
        };
        Replication { times: [arm(Method::Handheld, 0), arm(Method::Mv, 1)], expected_ratio: self.expected_ratio(&model, Method::Mv) }
    }
}

impl Body {
    /// The value of a figure that is used to calibrate, and of no other: what is to be predicted stays out of reach of the models.
    pub(super) fn calibrating(&self, name: &str) -> Option<f64> {
        let of = self.reported.iter().find(|of| of.name == name)?;
        (of.purpose == super::file::Use::Calibrate).then_some(of.value)
    }
}

/// Runs the study.
pub fn run(study: &Study, compute: Compute, quick: bool) -> Findings {
    let body = &study.body;
    let Some(cycles) = &study.cycles else { return Findings::default() };
    let stop_early = body.station.as_ref().is_some_and(|station| station.stop_early);
    let bench = Bench { body, cycles, compute, stop_early, calibration: Calibration::of(body) };
    let studies = if quick { body.effort.quick } else { body.effort.most };
    let runs = in_parallel(0..studies, &|number| bench.replicate(number));

    let base: f64 = bench.calibration.base.iter().sum();
    let ratio = |arm: usize| -> Vec<f64> { runs.iter().map(|run| 100.0 * run.times[arm].iter().sum::<f64>() / base).collect() };
    let mut findings = Findings { closed: true, ..Findings::default() };
    for (arm, key) in [(0, "handheld"), (1, "mv")] {
        for (row, of) in body.rows.iter().enumerate() {
            let times: Vec<f64> = runs.iter().map(|run| run.times[arm][row]).collect();
            findings.found.insert(format!("{key}.{}", of.key), Found::of(&times));
        }
        findings.found.insert(format!("{key}_ratio"), Found::of(&ratio(arm)));
    }
    for (of, base) in body.rows.iter().zip(&bench.calibration.base) {
        findings.found.insert(format!("none.{}", of.key), Found { value: *base, interval: None });
    }
    findings.replications = Text::new(
        format!("{studies} simulated studies of {} rows", body.rows.len()),
        format!("{studies} 次仿真研究，每次 {} 行", body.rows.len()),
    );
    findings.tables.push(significance(&runs, &bench.calibration.base));
    findings.tables.push(width(&runs, &ratio(1)));
    let likely = bench.model(Values::likely(&body.assumptions));
    let centre = bench.expected_ratio(&likely, Method::Mv);
    let reported = body.value("mv_ratio");
    findings.charts.push(bars(&findings, body));
    findings.charts.push(tornado(&bench, centre, reported));
    if let Some(reported) = reported {
        findings.tables.push(needed(&bench, centre, reported));
    }
    let (chart, table) = packages(&bench, &likely);
    findings.charts.push(chart);
    findings.tables.push(table);
    findings.tables.push(cycles_table(cycles, body, stop_early));
    findings
}

/// The share of simulated studies whose own paired t test has P < 0.05.
fn significance(runs: &[Replication], base: &[f64]) -> StudyTable {
    let row = |arm: usize, name: Text, reported: &str| {
        let p: Vec<f64> = runs.iter().filter_map(|run| paired_t(&run.times[arm], base)).map(|test| test.p).collect();
        let share = p.iter().filter(|p| **p < 0.05).count() as f64 / runs.len().max(1) as f64;
        let middle = quantile(&p, 0.5).unwrap_or(f64::NAN);
        vec![name, words(format!("{:.1} %", 100.0 * share)), words(format!("{middle:.4}")), words(reported)]
    };
    StudyTable {
        title: Text::new("Significance", "显著性"),
        lead: Text::new(
            "Share of the simulated four-row studies whose paired t test against no scan has P < 0.05. The paper reports P < 0.05 for both; the same test on its \
             four rows gives the values in the last column.",
            "仿真的四行研究中，与不扫码配对 t 检验 P < 0.05 的比例。论文对两者均报告 P < 0.05；末列为对论文四行数据作同一检验的结果。",
        ),
        header: vec![
            Text::new("arm", "方式"),
            Text::new("P < 0.05", "P < 0.05"),
            Text::new("median P", "P 中位数"),
            Text::new("P of the paper's rows", "论文数据的 P"),
        ],
        rows: vec![row(0, Method::Handheld.text(), "0.0008"), row(1, Method::Mv.text(), "0.0141")],
    }
}

/// What the width of the prediction is made of.
fn width(runs: &[Replication], ratios: &[f64]) -> StudyTable {
    let half = |values: &[f64]| 0.5 * (quantile(values, 0.975).unwrap_or(f64::NAN) - quantile(values, 0.025).unwrap_or(f64::NAN));
    let expected: Vec<f64> = runs.iter().map(|run| run.expected_ratio).collect();
    let chance: Vec<f64> = ratios.iter().zip(&expected).map(|(ratio, expected)| ratio - expected).collect();
    let row = |en: &str, zh: &str, half: f64| vec![Text::new(en, zh), words(format!("± {half:.2}"))];
    StudyTable {
        title: Text::new("What makes the prediction wide", "预测区间宽度的来源"),
        lead: Text::new(
            "Half-width of the 95 % interval of the MV ratio, in points. The assumptions' part would shrink if someone measured them; the chance of a study \
             of four single timings would not.",
            "机器视觉比值 95 % 区间的半宽（百分点）。假设部分可通过实测缩小；四次单独计时的偶然性则不能。",
        ),
        header: vec![Text::new("part", "组成"), Text::new("half-width", "半宽")],
        rows: vec![
            row("whole prediction", "总体", half(ratios)),
            row("assumptions alone", "仅假设", half(&expected)),
            row("chance of four rows: timings, people, cycles", "四行的偶然性：计时、人员、采集周期", half(&chance)),
        ],
    }
}

fn bars(findings: &Findings, body: &Body) -> Chart {
    let mut bars = Vec::new();
    for row in &body.rows {
        for method in [Method::None, Method::Handheld, Method::Mv] {
            let name = format!("{}.{}", method.key(), row.key);
            let Some(found) = findings.found.get(&name) else { continue };
            let text = method.text();
            bars.push(Bar {
                name: Text::new(format!("{}, {}", row.key, text.en), format!("{}，{}", row.key, text.zh)),
                value: found.value,
                interval: found.interval,
                reported: body.value(&name),
            });
        }
    }
    Chart {
        title: Text::new("Dispensing time by row and method", "各行各方式的发药时间"),
        lead: Text::new(
            "Seconds, with 95 % prediction intervals of a single row. No-scan and handheld columns set the model; MV is predicted.",
            "单位：秒；误差线为单行的 95 % 预测区间。不扫码与手持列用于校准，机器视觉列为预测。",
        ),
        plot: Plot::Bars { unit: "s".to_owned(), bars },
    }
}

fn swings(bench: &Bench<'_>) -> Vec<Swing> {
    let body = bench.body;
    let likely = Values::likely(&body.assumptions);
    let of = |values: Values| bench.expected_ratio(&bench.model(values), Method::Mv);
    body.assumptions
        .iter()
        .map(|(name, a)| Swing {
            name: Text::same(name.as_str()),
            at_low: of(likely.with(name, a.low)),
            at_high: of(likely.with(name, a.high)),
            range: format!("{} to {} {}", a.low, a.high, a.unit),
        })
        .filter(|swing| (swing.at_high - swing.at_low).abs() > 1e-9)
        .collect()
}

fn tornado(bench: &Bench<'_>, centre: f64, reference: Option<f64>) -> Chart {
    Chart {
        title: Text::new("Sensitivity of the MV ratio", "机器视觉比值的敏感性"),
        lead: Text::new(
            "The expected ratio of sums in per cent when one assumption goes to an end of its range and the others stay at their likely values.",
            "某一假设取区间端点、其余取可能值时，总和之比的期望（%）。",
        ),
        plot: Plot::Tornado { unit: "%".to_owned(), centre, reference, swings: swings(bench) },
    }
}

/// For each assumption the value at which the expected ratio is the reported one.
fn needed(bench: &Bench<'_>, centre: f64, reported: f64) -> StudyTable {
    let likely = Values::likely(&bench.body.assumptions);
    let at = |name: &str, value: f64| bench.expected_ratio(&bench.model(likely.with(name, value)), Method::Mv) - reported;
    let mut rows = Vec::new();
    for swing in swings(bench) {
        let name = swing.name.en;
        let Some(a) = bench.body.assumptions.get(&name) else { continue };
        // The ratio is monotonic in each assumption; half the range beyond each end is looked at too.
        let span = a.high - a.low;
        let (mut low, mut high) = ((a.low - 0.5 * span).max(0.0), a.high + 0.5 * span);
        let rising = at(&name, high) > at(&name, low);
        let found = (at(&name, low) > 0.0) != (at(&name, high) > 0.0);
        for _ in 0..60 {
            let mid = 0.5 * (low + high);
            if (at(&name, mid) > 0.0) == rising { high = mid } else { low = mid }
        }
        let value = 0.5 * (low + high);
        let cell = if !found {
            Text::new("none in reach", "区间附近无解")
        } else if (a.low..=a.high).contains(&value) {
            words(format!("{value:.2} {}", a.unit))
        } else {
            Text::new(format!("{value:.2} {} (outside its range)", a.unit), format!("{value:.2} {}（超出区间）", a.unit))
        };
        rows.push(vec![words(name), words(format!("{} ({}–{}) {}", a.likely, a.low, a.high, a.unit)), cell]);
    }
    rows.push(vec![
        Text::new("all of them together", "全部假设同时变化"),
        Text::new("from likely (0 %) to the ends that suit MV (100 %)", "由可能值（0 %）至对机器视觉有利的端点（100 %）"),
        together(bench, reported),
    ]);
    for (name, seconds, read) in [
        (Text::new("every package read by the station", "工作站读出每一盒"), 1.0, true),
        (Text::new("a cycle that takes no time", "采集周期不耗时"), 0.0, false),
        (Text::new("both", "两者同时"), 0.0, true),
    ] {
        let ratio = bench.ideal_ratio(&bench.model(likely.clone()), seconds, read);
        rows.push(vec![name, words("–"), Text::new(format!("makes it {ratio:.1} %"), format!("则为 {ratio:.1} %"))]);
    }
    StudyTable {
        title: Text::new("What would have to be true", "需要何种假设成立"),
        lead: Text::new(
            format!(
                "With all assumptions at their likely values the expected ratio is {centre:.1} %. The last column says which value of one of them alone would make it the reported {reported} %."
            ),
            format!("全部假设取可能值时，期望比值为 {centre:.1} %。末列为仅改变该项即得到论文 {reported} % 所需的值。"),
        ),
        header: vec![Text::new("assumption", "假设"), Text::new("likely (range)", "可能值（区间）"), Text::new("needed", "所需值")],
        rows,
    }
}

/// How far all assumptions together have to go towards the ends that suit the MV arm for the expected ratio to be the reported one.
fn together(bench: &Bench<'_>, reported: f64) -> Text {
    let swings = swings(bench);
    let at = |share: f64| {
        let values = swings.iter().fold(Values::likely(&bench.body.assumptions), |values, swing| {
            let name = swing.name.en.as_str();
            let Some(a) = bench.body.assumptions.get(name) else { return values };
            let end = if swing.at_low < swing.at_high { a.low } else { a.high };
            values.with(name, a.likely + share * (end - a.likely))
        });
        bench.expected_ratio(&bench.model(values), Method::Mv)
    };
    if at(0.0) <= reported {
        return Text::new("already below it", "已低于该值");
    }
    if at(1.0) > reported {
        return Text::new(format!("not enough: {:.1} % at the ends", at(1.0)), format!("仍不足：端点处为 {:.1} %", at(1.0)));
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..50 {
        let mid = 0.5 * (low + high);
        if at(mid) > reported { low = mid } else { high = mid }
    }
    words(format!("{:.0} %", 100.0 * high))
}

/// What scanning adds by the number of packages.
fn packages(bench: &Bench<'_>, likely: &ScanModel<'_>) -> (Chart, StudyTable) {
    let body = bench.body;
    let streams = Streams::new(body.seed);
    let models: Vec<ScanModel<'_>> =
        (0..400_u64).map(|draw| bench.model(Values::draw(&body.assumptions, &mut streams.stream("assumptions", &[draw])))).collect();
    let loads = 1..=MOST_PACKAGES;
    let series = |method: Method| {
        let band = loads.clone().map(|k| {
            let times: Vec<f64> = models.iter().map(|model| model.expected_s(method, None, k)).collect();
            (quantile(&times, 0.025).unwrap_or(f64::NAN), quantile(&times, 0.975).unwrap_or(f64::NAN))
        });
        Series {
            name: method.text(),
            points: loads.clone().map(|k| (f64::from(k), likely.expected_s(method, None, k))).collect(),
            band: band.collect(),
        }
    };
    let chart = Chart {
        title: Text::new("Beyond the paper: more packages", "论文之外：更多药盒"),
        lead: Text::new(
            "What capturing the codes adds to a prescription, with 95 % bands over the assumptions. Loads between those of the table of cycles stand on the \
             nearest one, which shows as steps.",
            "采集追溯码所增加的时间，阴影为假设的 95 % 范围。采集周期表中没有的盒数取最接近者，因而呈台阶状。",
        ),
        plot: Plot::Lines {
            x: Text::new("packages of the prescription", "每张处方的药盒数"),
            y: Text::new("added seconds", "增加的秒数"),
            series: vec![series(Method::Handheld), series(Method::Mv)],
        },
    };
    let rows = [1, 2, 3, 5, 10, 15, 20].map(|k| {
        let (hand, mv) = (likely.expected_s(Method::Handheld, None, k), likely.expected_s(Method::Mv, None, k));
        let faster = models.iter().filter(|m| m.expected_s(Method::Mv, None, k) < m.expected_s(Method::Handheld, None, k)).count();
        let (_, unread) = bench.cycles.expected(None, k, bench.compute, bench.stop_early);
        vec![
            words(k.to_string()),
            words(format!("{hand:.1}")),
            words(format!("{mv:.1}")),
            words(format!("{:.1}", hand - mv)),
            words(format!("{:.0} %", 100.0 * faster as f64 / models.len() as f64)),
            words(format!("{unread:.1}")),
        ]
    });
    let first = (1..=MOST_PACKAGES).find(|k| likely.expected_s(Method::Mv, None, *k) < likely.expected_s(Method::Handheld, None, *k));
    let (en, zh) = match first {
        Some(1) => ("The MV station is ahead from the first package on.".to_owned(), "自第一盒起机器视觉即占优。".to_owned()),
        Some(k) => (format!("The MV station overtakes at {k} packages."), format!("自 {k} 盒起机器视觉占优。")),
        None => ("The MV station never overtakes.".to_owned(), "机器视觉始终不占优。".to_owned()),
    };
    let table = StudyTable {
        title: Text::new("Where MV overtakes handheld", "机器视觉何时快于手持"),
        lead: Text::new(format!("{en} Seconds added, at likely values."), format!("{zh}单位：增加的秒数（可能值）。")),
        header: vec![
            Text::new("packages", "盒数"),
            Text::new("handheld", "手持"),
            Text::new("MV", "机器视觉"),
            Text::new("saved", "节省"),
            Text::new("MV faster in", "机器视觉更快的比例"),
            Text::new("left for the hand", "需手工处理"),
        ],
        rows: rows.to_vec(),
    };
    (chart, table)
}

fn cycles_table(cycles: &CycleTable, body: &Body, stop_early: bool) -> StudyTable {
    let mut rows = Vec::new();
    let mut line = |name: String, product: Option<&str>, packages: u32| {
        let n = cycles.of(product, packages).len();
        let (recorded, unread) = cycles.expected(product, packages, Compute::Recorded, stop_early);
        let (measured, _) = cycles.expected(product, packages, Compute::Measured, stop_early);
        rows.push(vec![
            words(name),
            words(n.to_string()),
            words(format!("{recorded:.2}")),
            words(format!("{measured:.2}")),
            words(format!("{:.0} %", 100.0 * unread / f64::from(packages))),
        ]);
    };
    for row in &body.rows {
        line(row.product.clone(), Some(&row.product), row.packages);
    }
    for load in cycles.loads() {
        line(format!("any, {load}"), None, load);
    }
    StudyTable {
        title: Text::new("The cycles behind the MV arm", "机器视觉组所依据的采集周期"),
        lead: Text::new(
            "Mean seconds from trigger to result, with the recorded cost profile and as decoding was measured on the machine that made the table; share of \
             packages left unread.",
            "自触发至出结果的平均秒数：按记录的耗时模型，及制表机器上的实测解码耗时；未识读药盒的比例。",
        ),
        header: vec![
            Text::new("load", "装载"),
            Text::new("cycles", "周期数"),
            Text::new("recorded", "记录"),
            Text::new("measured", "实测"),
            Text::new("unread", "未识读"),
        ],
        rows,
    }
}
