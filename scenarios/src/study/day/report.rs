//! Tables and charts of the day.

use reports::study::{Chart, Plot, Series, Span, StudyTable, Text};

use super::simulation::Simulation;
use super::{Arm, Day, Inputs, Outcome, SAMPLE_S};
use crate::study::assumptions::Values;
use crate::study::scan::Method;
use crate::study::slips::{Fate, Slip, Slips};
use crate::study::{Findings, words};
use crate::workflow::statistics::{Estimate, in_parallel};

/// Adds them to the findings.
pub(super) fn fill(findings: &mut Findings, inputs: &Inputs<'_>, results: &[(Method, Vec<Outcome>)], quick: bool) {
    findings.tables.push(measures(results, inputs.day, inputs));
    findings.tables.push(slips(results));
    findings.tables.push(windows_needed(inputs, quick));
    findings.charts.push(over_the_day(
        results,
        inputs.day,
        |of| &of.queue,
        1.0,
        Text::new("Queue over the day", "全天排队人数"),
        Text::new("Patients waiting at all windows, mean over days.", "各窗口等候总人数，多日均值。"),
        Text::new("patients waiting", "等候人数"),
    ));
    findings.charts.push(over_the_day(
        results,
        inputs.day,
        |of| &of.busy,
        100.0,
        Text::new("Windows busy over the day", "全天窗口利用率"),
        Text::new("Share of the staffed windows that are busy, mean over days.", "在岗窗口中忙碌的比例，多日均值。"),
        Text::new("busy windows, %", "忙碌窗口（%）"),
    ));
    findings.charts.push(timeline(inputs));
}

fn measures(results: &[(Method, Vec<Outcome>)], day: &Day, inputs: &Inputs<'_>) -> StudyTable {
    type Measure<'a> = (Text, usize, Box<dyn Fn(Method, &Outcome) -> f64 + 'a>);
    let p = day.prices;
    // Without parent and child files every package is scanned by hand when it arrives.
    let package_s = inputs.model(Values::likely(&inputs.body.assumptions)).handheld_package_s();
    let intake_h = move |method: Method, of: &Outcome| if method == Method::Pool { of.codes as f64 * package_s / 3600.0 } else { 0.0 };
    let cost = move |method: Method, of: &Outcome| {
        let device = match method {
            Method::Mv => f64::from(inputs.arm(method, day.windows).stations) * p.station_rmb,
            Method::Handheld => f64::from(day.windows) * p.scanner_rmb,
            Method::None | Method::Pool => 0.0,
        };
        let hours = f64::from(day.windows) * (day.open_s() + of.overtime_s) / 3600.0 + intake_h(method, of);
        (device / (p.years * p.days_per_year) + hours * p.pharmacist_rmb_per_h) / of.served.max(1) as f64
    };
    let per = |part: u64, whole: u64, unit: f64| unit * part as f64 / whole.max(1) as f64;
    let rows: Vec<Measure<'_>> = vec![
        (Text::new("mean wait, min", "平均等候（分）"), 1, Box::new(|_, d| d.wait_s / 60.0)),
        (Text::new("95 % wait no longer than, min", "95 % 等候不超过（分）"), 1, Box::new(|_, d| d.wait_95_s / 60.0)),
        (Text::new("most waiting at once", "最长队列（人）"), 0, Box::new(|_, d| d.longest_queue as f64)),
        (Text::new("windows busy until closing, %", "窗口利用率（%）"), 1, Box::new(|_, d| 100.0 * d.utilisation)),
        (Text::new("overtime, min", "延时（分）"), 0, Box::new(|_, d| d.overtime_s / 60.0)),
        (Text::new("prescriptions served", "已发处方"), 0, Box::new(|_, d| d.served as f64)),
        (Text::new("patients not served, %", "未取药离开（%）"), 2, Box::new(move |_, d| per(d.left, d.left + d.served, 100.0))),
        (Text::new("prescriptions not reimbursed, %", "无法报销处方（%）"), 2, Box::new(move |_, d| per(d.unreimbursed, d.served, 100.0))),
        (
            Text::new("wrong package handed over, per 10,000", "发错（每万张）"),
            2,
            Box::new(move |_, d| per(d.slips.reached(), d.served, 1e4)),
        ),
        (Text::new("codes uploaded late, %", "延迟上传（%）"), 2, Box::new(move |_, d| per(d.late_codes, d.codes, 100.0))),
        (Text::new("latest upload, min after capture", "最迟上传（采集后，分）"), 1, Box::new(|_, d| d.latest_upload_s / 60.0)),
        (Text::new("most prescriptions in the outbox", "发件箱最多积压（张）"), 0, Box::new(|_, d| d.longest_outbox as f64)),
        (Text::new("packages left for the hand", "需手工处理盒数"), 0, Box::new(|_, d| d.by_hand as f64)),
        (Text::new("pre-scan at intake, hours of work", "入库预扫码工时"), 1, Box::new(intake_h)),
        (Text::new("cost per prescription, RMB", "每张处方成本（元）"), 3, Box::new(cost)),
    ];
    let mut header = vec![Text::new("measure, mean of days ± 95 %", "指标，日均值 ± 95 %")];
    header.extend(results.iter().map(|(method, _)| method.text()));
    StudyTable {
        title: Text::new("The day by method", "各方式的一天"),
        lead: Text::new(
            "Means over independent days with their 95 % confidence intervals; the same patients come in every arm. Cost counts devices, window hours and the pre-scan, package by package.",
            "独立各日的均值与 95 % 置信区间；各方式面对同一批患者。成本含设备、窗口工时与逐盒预扫码。",
        ),
        header,
        rows: rows
            .iter()
            .map(|(name, decimals, measure)| {
                let cells = results.iter().map(|(method, days)| {
                    let values: Vec<f64> = days.iter().map(|of| measure(*method, of)).collect();
                    let cell = Estimate::of(&values).map(|of| format!("{:.*} ± {:.*}", decimals, of.mean, decimals, of.half_width));
                    words(cell.unwrap_or_default())
                });
                std::iter::once(name.clone()).chain(cells).collect()
            })
            .collect(),
    }
}

/// Fewest windows for the target, by doubling and halving: more windows never make the wait longer.
fn windows_needed(inputs: &Inputs<'_>, quick: bool) -> StudyTable {
    let day = inputs.day;
    let days = if quick { 2 } else { 8 };
    let wait_min = |arm: Arm| {
        let waits: Vec<f64> = in_parallel(0..days, &|number| inputs.simulate(arm, number).wait_s / 60.0);
        reports::stats::mean(&waits).unwrap_or(f64::INFINITY)
    };
    let needed = |wait: &dyn Fn(u32) -> f64| {
        let most = day.windows * 4;
        let (mut low, mut high) = (0, most);
        if wait(most) > day.target_wait_min {
            return None;
        }
        while high - low > 1 {
            let mid = (low + high) / 2;
            if wait(mid) > day.target_wait_min { low = mid } else { high = mid }
        }
        Some(high)
    };
    let shown = |found: Option<u32>| found.map_or_else(|| Text::new("beyond four times as many", "四倍以内无解"), |n| words(n.to_string()));
    let mut rows: Vec<Vec<Text>> = Method::ALL
        .into_iter()
        .map(|method| {
            let found = needed(&|windows| wait_min(inputs.arm(method, windows)));
            let load = inputs.load(method, day.windows);
            vec![method.text(), words(format!("{:.0} %", 100.0 * load)), shown(found), words("–")]
        })
        .collect();
    // How few stations the windows can share without missing the target with the windows that MV needs.
    if let Some(windows) = needed(&|windows| wait_min(inputs.arm(Method::Mv, windows))) {
        let found = needed(&|stations| wait_min(Arm { method: Method::Mv, windows, stations: stations.min(windows) }));
        rows.push(vec![
            Text::new("MV, stations shared", "机器视觉，共用工作站"),
            words("–"),
            words(windows.to_string()),
            shown(found.map(|stations| stations.min(windows))),
        ]);
    }
    StudyTable {
        title: Text::new("Windows for the waiting target", "满足等候目标所需窗口"),
        lead: Text::new(
            format!(
                "Fewest windows with which the mean wait is at most {} min, for the same demand. Load: work ÷ window time with {} windows on a mean day.",
                day.target_wait_min, day.windows
            ),
            format!(
                "在相同需求下，使平均等候不超过 {} 分钟的最少窗口数。负荷：{} 个窗口时平均日的工作量 ÷ 窗口工时。",
                day.target_wait_min, day.windows
            ),
        ),
        header: vec![
            Text::new("method", "方式"),
            Text::new("load", "负荷"),
            Text::new("windows", "窗口数"),
            Text::new("stations", "工作站数"),
        ],
        rows,
    }
}

fn over_the_day(
    results: &[(Method, Vec<Outcome>)],
    day: &Day,
    samples: impl Fn(&Outcome) -> &Vec<f64>,
    unit: f64,
    title: Text,
    lead: Text,
    y: Text,
) -> Chart {
    let series = results.iter().map(|(method, days)| {
        let count = days.iter().map(|of| samples(of).len()).min().unwrap_or(0);
        let mean = |i: usize| unit * days.iter().map(|of| samples(of)[i]).sum::<f64>() / days.len().max(1) as f64;
        let points = (0..count).map(|i| (day.opens_h + i as f64 * SAMPLE_S / 3600.0, mean(i))).collect();
        Series { name: method.text(), points, band: Vec::new() }
    });
    let plot = Plot::Lines { x: Text::new("hour of the day", "时刻（时）"), y, series: series.collect() };
    Chart { title, lead, plot }
}

/// Human errors by kind and method, and where each ended.
fn slips(results: &[(Method, Vec<Outcome>)]) -> StudyTable {
    let mut rows = Vec::new();
    for (method, days) in results {
        let all = days.iter().fold(Slips::default(), |all, day| all.and(&day.slips));
        let served: u64 = days.iter().map(|day| day.served).sum();
        let per = |count: u64| words(format!("{:.2}", 1e4 * count as f64 / served.max(1) as f64));
        for slip in Slip::ALL {
            let (name, arm) = (slip.text(), method.text());
            rows.push(vec![
                Text::new(format!("{}: {}", arm.en, name.en), format!("{}：{}", arm.zh, name.zh)),
                per(all.made(slip)),
                per(all.of(slip, Fate::Eye)),
                per(all.of(slip, Fate::Code)),
                per(all.of(slip, Fate::Reached)),
            ]);
        }
        let missed: u64 = days.iter().map(|day| day.missed_scans).sum();
        if *method != Method::None {
            let arm = method.text();
            rows.push(vec![
                Text::new(format!("{}: scan forgotten or code unknown", arm.en), format!("{}：漏扫或码池无码", arm.zh)),
                per(missed),
                words("–"),
                words("–"),
                Text::new("not reimbursed", "无法报销"),
            ]);
        }
    }
    StudyTable {
        title: Text::new("Human errors, and where each is caught", "人为差错及其拦截环节"),
        lead: Text::new(
            "Per 10,000 prescriptions that were handed over. Rates and catches are assumptions; the same slips happen under every method.",
            "每万张已发处方。差错率与拦截率均为假设；各方式面对相同的差错。",
        ),
        header: vec![
            Text::new("method and slip", "方式与差错"),
            Text::new("made", "发生"),
            Text::new("caught by eye", "目视拦截"),
            Text::new("caught by code or pool", "扫码或码池拦截"),
            Text::new("reached the patient", "到达患者"),
        ],
        rows,
    }
}

/// Twenty minutes of the first window, the same patients in every arm.
fn timeline(inputs: &Inputs<'_>) -> Chart {
    let from = (inputs.day.opens_h + 0.5) * 3600.0;
    let to = from + 1200.0;
    let lanes = Method::ALL.into_iter().map(|method| {
        let mut simulation = Simulation::new(inputs, inputs.arm(method, inputs.day.windows), 0);
        simulation.watch = true;
        let spans = simulation.run().spans.into_iter().filter(|span| span.to > from && span.from < to);
        let spans = spans.map(|span| Span { from: span.from.max(from), to: span.to.min(to), ..span });
        (method.text(), spans.collect())
    });
    Chart {
        title: Text::new("One window for twenty minutes", "一个窗口的二十分钟"),
        lead: Text::new(
            "The first window on the first simulated day; gaps are waiting for patients.",
            "首个仿真日的第一窗口；空白为等候患者。",
        ),
        plot: Plot::Timeline {
            kinds: vec![
                Text::new("checking, counselling, handing over", "核对、交代、发药"),
                Text::new("capturing codes", "采集追溯码"),
                Text::new("keying in codes, the device is broken", "设备故障，手工录入"),
            ],
            lanes: lanes.collect(),
        },
    }
}
