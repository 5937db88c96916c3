//! Tables and charts of the bench.

use reports::stats::{paired_t, quantile};
use reports::study::{Bar, Chart, Plot, Series, StudyTable, Swing, Text};

use super::{Bench, Replication};
use crate::study::assumptions::Values;
use crate::study::cycles::{Compute, CycleTable};
use crate::study::file::Body;
use crate::study::scan::{Method, ScanModel};
use crate::study::{Findings, words};
use crate::workflow::Streams;

/// Most packages of a prescription in the charts.
const MOST_PACKAGES: u32 = 20;

/// The share of simulated studies whose own paired t test has P < 0.05.
pub(super) fn significance(runs: &[Replication], base: &[f64]) -> StudyTable {
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
pub(super) fn width(runs: &[Replication], ratios: &[f64]) -> StudyTable {
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

pub(super) fn bars(findings: &Findings, body: &Body) -> Chart {
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

pub(super) fn tornado(bench: &Bench<'_>, centre: f64, reference: Option<f64>) -> Chart {
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
pub(super) fn needed(bench: &Bench<'_>, centre: f64, reported: f64) -> StudyTable {
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
pub(super) fn packages(bench: &Bench<'_>, likely: &ScanModel<'_>) -> (Chart, StudyTable) {
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
    let ahead: Vec<bool> =
        (1..=MOST_PACKAGES).map(|k| likely.expected_s(Method::Mv, None, k) < likely.expected_s(Method::Handheld, None, k)).collect();
    let (en, zh) = crossings(&ahead);
    let table = StudyTable {
        title: Text::new("Where MV overtakes handheld", "机器视觉何时快于手持"),
        lead: Text::new(format!("{en}Seconds added, at likely values."), format!("{zh}单位：增加的秒数（可能值）。")),
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

/// In words, where the MV station is ahead; `ahead` says so for 1, 2, … packages.
fn crossings(ahead: &[bool]) -> (String, String) {
    let mut runs: Vec<(usize, usize)> = Vec::new();
    for (index, _) in ahead.iter().enumerate().filter(|(_, ahead)| **ahead) {
        match runs.last_mut() {
            Some((_, to)) if *to == index => *to = index + 1,
            _ => runs.push((index + 1, index + 1)),
        }
    }
    if runs.is_empty() {
        return ("The MV station never overtakes. ".to_owned(), "机器视觉始终不占优。".to_owned());
    }
    let range = |(from, to): &(usize, usize)| if from == to { from.to_string() } else { format!("{from}–{to}") };
    let list: Vec<String> = runs.iter().map(range).collect();
    (format!("The MV station is ahead at {} packages. ", list.join(", ")), format!("{} 盒时机器视觉占优。", list.join("、")))
}

pub(super) fn cycles_table(cycles: &CycleTable, body: &Body, stop_early: bool) -> StudyTable {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crossing_is_named() {
        let said = |ahead: &[bool]| crossings(ahead).0;
        assert_eq!(said(&[true, true, false, false, true]), "The MV station is ahead at 1–2, 5 packages. ");
        assert_eq!(said(&[false, true, true]), "The MV station is ahead at 2–3 packages. ");
        assert_eq!(said(&[false]), "The MV station never overtakes. ");
    }
}
