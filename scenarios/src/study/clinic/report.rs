//! Tables and charts of the clinic.

use reports::study::{Chart, Plot, Series, Span, StudyTable, Text};

use super::{Inputs, Period, Uploads, Way};
use crate::study::assumptions::Values;
use crate::study::{Findings, words};
use crate::workflow::statistics::{Estimate, in_parallel};

/// Mean minutes of an outage in the chart.
const OUTAGES_MIN: [f64; 7] = [0.0, 15.0, 30.0, 60.0, 120.0, 240.0, 480.0];

/// Adds them to the findings.
pub(super) fn fill(findings: &mut Findings, inputs: &Inputs<'_>, results: &[(Way, Vec<Period>)], uploads: &[Uploads], quick: bool) {
    findings.tables.push(measures(inputs, results));
    findings.tables.push(saved(inputs, results));
    findings.tables.push(uploaded(uploads));
    findings.charts.push(by_outage(inputs, if quick { 8 } else { 60 }));
    findings.charts.push(timeline(inputs));
}

type Measure<'a> = (Text, usize, Box<dyn Fn(&Period) -> f64 + 'a>);

fn rows<'a>(inputs: &'a Inputs<'_>) -> Vec<Measure<'a>> {
    let days = f64::from(inputs.clinic.days);
    let price = Values::likely(&inputs.body.assumptions).get("package_rmb");
    vec![
        (Text::new("mean wait, min", "平均等候（分）"), 1, Box::new(Period::wait_min)),
        (Text::new("waiting for the line, min a day", "等待网络（分/天）"), 1, Box::new(move |p| p.blocked_s / 60.0 / days)),
        (
            Text::new("patients not served, %", "未取药离开（%）"),
            2,
            Box::new(|p| 100.0 * (p.came - p.served) as f64 / p.came.max(1) as f64),
        ),
        (
            Text::new("prescriptions not reimbursed, %", "无法报销处方（%）"),
            2,
            Box::new(|p| 100.0 * p.unreimbursed as f64 / p.served.max(1) as f64),
        ),
        (Text::new("not reimbursed, RMB a day", "无法报销金额（元/天）"), 0, Box::new(move |p| price * p.uncoded as f64 / days)),
    ]
}

fn cell(values: &[f64], decimals: usize) -> Text {
    words(Estimate::of(values).map(|of| format!("{:.*} ± {:.*}", decimals, of.mean, decimals, of.half_width)).unwrap_or_default())
}

fn measures(inputs: &Inputs<'_>, results: &[(Way, Vec<Period>)]) -> StudyTable {
    let mut header = vec![Text::new("measure, mean of periods ± 95 %", "指标，周期均值 ± 95 %")];
    header.extend(results.iter().map(|(way, _)| way.text()));
    let table = rows(inputs).into_iter().map(|(name, decimals, measure)| {
        let cells = results.iter().map(|(_, periods)| cell(&periods.iter().map(&measure).collect::<Vec<_>>(), decimals));
        std::iter::once(name).chain(cells).collect()
    });
    StudyTable {
        title: Text::new("Three ways to meet an outage", "应对断网的三种方式"),
        lead: Text::new(
            "The same patients and the same outages in every column; means over independent periods with their 95 % confidence intervals.",
            "各列的患者与断网时段相同；独立周期的均值及 95 % 置信区间。",
        ),
        header,
        rows: table.collect(),
    }
}

/// Differences period by period, which common random numbers make narrow.
fn saved(inputs: &Inputs<'_>, results: &[(Way, Vec<Period>)]) -> StudyTable {
    let of = |way: Way| results.iter().find(|(other, _)| *other == way).map_or(&[][..], |(_, periods)| periods);
    let offline = of(Way::Offline);
    let table = rows(inputs).into_iter().map(|(name, decimals, measure)| {
        let against = |way: Way| {
            let differences: Vec<f64> = of(way).iter().zip(offline).map(|(other, offline)| measure(other) - measure(offline)).collect();
            cell(&differences, decimals)
        };
        vec![name, against(Way::Wait), against(Way::Skip)]
    });
    StudyTable {
        title: Text::new("What working offline saves", "离线工作的收益"),
        lead: Text::new(
            "Paired differences of periods with 95 % confidence intervals: the other way less working offline.",
            "逐周期配对差值及 95 % 置信区间：其他方式减去离线方式。",
        ),
        header: vec![
            Text::new("saved", "节省"),
            Text::new("against waiting", "与等待相比"),
            Text::new("against dispensing without a code", "与不采集相比"),
        ],
        rows: table.collect(),
    }
}

fn uploaded(uploads: &[Uploads]) -> StudyTable {
    let mut rows = Vec::new();
    for (number, of) in uploads.iter().enumerate() {
        let latest = of.delays_s.last().copied().unwrap_or(0.0) / 3600.0;
        rows.push(vec![
            words((number + 1).to_string()),
            words(of.codes.to_string()),
            words(of.messages.to_string()),
            words(of.later_than(60.0).to_string()),
            words(format!("{latest:.1}")),
            words(of.lost().to_string()),
            words(of.surplus.to_string()),
        ]);
    }
    StudyTable {
        title: Text::new("Codes on their way to the platform", "追溯码上传过程"),
        lead: Text::new(
            "Each period's sales through the real pool, outbox and uploader to the platform's simulator, on a simulated clock, with the period's outages and further faults of the line.",
            "各周期的销售经真实码池、发件箱与上传程序，在仿真时钟下上传至平台模拟器，含该周期的断网及其他线路故障。",
        ),
        header: vec![
            Text::new("period", "周期"),
            Text::new("codes", "追溯码"),
            Text::new("messages", "报文"),
            Text::new("later than a minute", "迟于一分钟"),
            Text::new("latest, h", "最迟（小时）"),
            Text::new("lost", "丢失"),
            Text::new("booked twice", "重复入账"),
        ],
        rows,
    }
}

fn by_outage(inputs: &Inputs<'_>, periods: usize) -> Chart {
    let likely = Values::likely(&inputs.body.assumptions);
    let series = Way::ALL.into_iter().map(|way| {
        let points = OUTAGES_MIN.into_iter().map(|minutes| {
            let v = if minutes > 0.0 { likely.with("outage_min", minutes) } else { likely.with("outages_per_day", 0.0) };
            let waits = in_parallel(0..periods, &|number| inputs.period(way, &v, number, false).wait_min());
            (minutes, reports::stats::mean(&waits).unwrap_or(f64::NAN))
        });
        Series { name: way.text(), points: points.collect(), band: Vec::new() }
    });
    Chart {
        title: Text::new("Waiting by the length of outages", "断网时长与等候"),
        lead: Text::new(
            "Mean minutes from arrival to being served, everything else at its likely value. Long outages drive patients away, which shortens the queue of those who stay.",
            "自到达至开始服务的平均分钟数，其余取可能值。长时间断网使患者离开，留下者的队列反而变短。",
        ),
        plot: Plot::Lines {
            x: Text::new("mean length of an outage, min", "平均断网时长（分）"),
            y: Text::new("mean wait, min", "平均等候（分）"),
            series: series.collect(),
        },
    }
}

/// Two hours around the beginning of the longest outage of the first period, the same patients in every lane.
fn timeline(inputs: &Inputs<'_>) -> Chart {
    let v = Values::likely(&inputs.body.assumptions);
    let outages = inputs.outages(&v, 0);
    let longest = outages.iter().filter(|(from, _)| inputs.clinic.open(*from)).max_by(|a, b| (a.1 - a.0).total_cmp(&(b.1 - b.0)));
    let begin = longest.map_or(0.0, |(from, _)| from % 86_400.0);
    let (from, to) = (begin - 1800.0, begin + 5400.0);
    let lanes = Way::ALL.into_iter().map(|way| {
        let spans = inputs.period(way, &v, 0, true).spans.into_iter().filter(|span| span.to > from && span.from < to);
        let spans = spans.map(|span| Span { from: span.from.max(from), to: span.to.min(to), ..span });
        (way.text(), spans.collect())
    });
    Chart {
        title: Text::new("The person's two hours around an outage", "断网前后两小时"),
        lead: Text::new(
            "The longest outage of the first period begins half an hour after the left edge. All assumptions at their likely values.",
            "首个周期最长的断网始于左侧边缘后半小时。全部假设取可能值。",
        ),
        plot: Plot::Timeline {
            kinds: vec![
                Text::new("checking and handing over", "核对与发药"),
                Text::new("scanning", "扫码"),
                Text::new("waiting for the line", "等待网络"),
                Text::new("other work", "其他工作"),
            ],
            lanes: lanes.collect(),
        },
    }
}
