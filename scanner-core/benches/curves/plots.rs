//! Tables and curves, on stdout and as one page.

use reports::TextTable;
use reports::html::{ChartAxis, Curve, PageSection, Point, curve_chart, curve_page, html_table};
use scanner_core::vision::decode::grey_level::GreyLevelRule;

use crate::compare::Comparison;
use crate::peers::Method;
use crate::reader::Record;
use crate::strips::Population;
use crate::table::{self, Factor, Share};

/// Edges of the points of a curve, px per module.
const EDGES: [f64; 13] = [0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.2, 1.5, 1.9, 2.4, 3.0];
/// Fewer strips make no point.
const LEAST: u64 = 10;

/// The page in the making.
#[derive(Default)]
pub struct Page(Vec<PageSection<'static>>);

fn px_axis() -> ChartAxis {
    ChartAxis {
        label: ("px per module".into(), "每模块像素数".into()),
        ticks: vec![0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0, 2.5, 3.0],
        logarithmic: true,
        percent: false,
    }
}

fn recall_axis() -> ChartAxis {
    ChartAxis { label: ("recall".into(), "识别率".into()), ticks: vec![0.0, 0.2, 0.4, 0.6, 0.8, 1.0], logarithmic: false, percent: true }
}

/// A curve over px per module: of each stretch the share of hits, at the stretch's middle.
fn curve(name: (&str, &str), edges: &[f64], of: impl Fn([f64; 2]) -> Share) -> Curve {
    let point = |w: &[f64]| {
        let share = of([w[0], w[1]]);
        let y = share.value().filter(|_| share.of >= LEAST)?;
        Some(Point { x: (w[0] * w[1]).sqrt(), y, bounds: share.bounds() })
    };
    Curve { name: (name.0.into(), name.1.into()), points: edges.windows(2).filter_map(point).collect() }
}

fn codes<'a>(records: &'a [Record], [lo, hi]: [f64; 2], is: impl Fn(&Record) -> bool + 'a) -> Share {
    let inside = move |r: &&Record| r.population == Population::Codes && r.px_per_module >= lo && r.px_per_module < hi && is(r);
    Share::read(records.iter().filter(inside))
}

impl Page {
    fn add(&mut self, title: (&'static str, &'static str), lead: (&'static str, &'static str), table: &TextTable, charts: String) {
        println!("{}\n\n{}", title.0, table.to_text(false));
        self.0.push(PageSection { title, lead, content: charts + &html_table(table) });
    }

    /// Recall over px per module.
    pub fn recall(&mut self, records: &[Record]) {
        let curves = [
            curve(("nominal, at least 1° off the grid", "标称，偏离网格 ≥ 1°"), &EDGES, |w| {
                codes(records, w, |r| r.nominal && !r.aligned)
            }),
            curve(("nominal, within 1° of the grid", "标称，网格 1° 以内"), &EDGES, |w| {
                codes(records, w, |r| r.nominal && r.aligned)
            }),
            curve(("beyond nominal", "超出标称条件"), &EDGES, |w| codes(records, w, |r| !r.nominal)),
        ];
        self.add(
            ("Recall, with its lower 95 % bound", "识别率及 95 % 置信下限"),
            (
                "Simulated strips, place given to about 1.5 px, read by grey values alone. Bands: one-sided 95 % bounds (Clopper–Pearson). Nominal: incidence ≤ 60°, \
                 veiling light ≤ 5 %, blur σ ≤ 1 module, contrast ≥ 0.55, decodability of grade C.",
                "模拟条码，位置误差约 1.5 px，仅用灰度似然识读。色带为单侧 95 % 置信界（Clopper–Pearson）。标称：入射角 ≤ 60°，杂散光 ≤ 5 %，模糊 σ ≤ 1 模块，对比度 ≥ 0.55，可译码度 C 级。",
            ),
            &table::recall(records),
            curve_chart(&px_axis(), &recall_axis(), &curves),
        );
    }

    /// Recall by one condition.
    pub fn factor(&mut self, records: &[Record], factor: &'static Factor) {
        let curves: Vec<Curve> = factor
            .levels()
            .into_iter()
            .map(|(level, name)| curve((&name, &name), &EDGES, |w| codes(records, w, |r| factor.holds(level, r))))
            .filter(|curve| curve.points.len() > 1)
            .collect();
        self.add(
            factor.name,
            ("Recall by this condition; all others are nominal.", "按此条件分层的识别率，其余条件为标称。"),
            &table::by_factor(records, factor),
            curve_chart(&px_axis(), &recall_axis(), &curves),
        );
    }

    /// Misreads, their bounds and the tail of wrong texts' leads.
    pub fn misreads(&mut self, records: &[Record]) {
        let mut leads: Vec<f64> =
            records.iter().filter_map(|r| r.candidate).filter(|c| c.wrong && c.all_but_lead).map(|c| c.sure).collect();
        leads.sort_by(|a, b| b.total_cmp(a));
        let limit = f64::from(GreyLevelRule::default().sure);
        let chart = if leads.len() < 2 {
            String::new()
        } else {
            let total = leads.len() as f64;
            let points = |(i, lead): (usize, &f64)| {
                let share = Share { hits: i as u64 + 1, of: leads.len() as u64 };
                Point { x: *lead, y: (i as f64 + 1.0) / total, bounds: share.bounds() }
            };
            let mut survival: Vec<Point> = leads.iter().enumerate().map(points).collect();
            survival.reverse();
            // A few hundred points draw the same line.
            let every = survival.len().div_ceil(200);
            let kept: Vec<Point> =
                survival.iter().enumerate().filter(|(i, _)| i % every == 0 || i + 20 > survival.len()).map(|(_, p)| *p).collect();
            let highest = leads[0].max(limit);
            let x = ChartAxis {
                label: ("lead over the next best text, nats".into(), "领先次优文本的对数似然（奈特）".into()),
                ticks: (0..=((highest / 5.0).ceil() as u32)).map(|i| f64::from(i) * 5.0).collect(),
                logarithmic: false,
                percent: false,
            };
            let decades = total.log10().ceil() as i32;
            let y = ChartAxis {
                label: ("share of wrong texts with a longer lead".into(), "领先更多的错误文本占比".into()),
                ticks: (0..=decades).rev().map(|d| 10f64.powi(-d)).collect(),
                logarithmic: true,
                percent: false,
            };
            let at = |y: f64| Point { x: limit, y, bounds: [y, y] };
            let line = Curve { name: ("acceptance".into(), "接受门限".into()), points: vec![at(10f64.powi(-decades)), at(1.0)] };
            curve_chart(&x, &y, &[Curve { name: ("wrong texts".into(), "错误文本".into()), points: kept }, line])
        };
        self.add(
            ("Misreads", "误读"),
            (
                "Counted are all accepted texts that are not printed there, of whatever role. Wrong texts but for their lead: likeliest texts that are wrong and meet all conditions of \
                 acceptance but the lead; beyond their 90 % quantile the leads are fitted by an exponential (decay in nats), which says what to expect at the limit, as a share of the strips.",
                "统计所有被接受但并未印刷的文本（不论用途）。“仅缺领先量”指除领先量外满足所有接受条件的错误文本；其 90 % 分位以上的领先量按指数分布拟合，据此外推门限处的误读占比。",
            ),
            &table::misreads(records),
            chart,
        );
        for line in table::misread_list(records) {
            println!("{line}");
        }
    }

    /// This reader and others on the same strips.
    pub fn compared(&mut self, methods: &[Method], comparisons: &[Comparison]) {
        const COARSE: [f64; 10] = [0.4, 0.5, 0.6, 0.7, 0.85, 1.0, 1.25, 1.5, 2.1, 3.0];
        let curves: Vec<Curve> = methods
            .iter()
            .enumerate()
            .map(|(i, method)| {
                curve(method.name, &COARSE, |[lo, hi]| {
                    let of = comparisons.iter().filter(|c| c.nominal && c.px_per_module >= lo && c.px_per_module < hi);
                    of.filter_map(|c| c.said[i]).fold(Share::default(), |share, (read, _)| share.and(read))
                })
            })
            .collect();
        self.add(
            ("The same strips by other readers", "其他识读器读取相同图像"),
            (
                "Nominal strips at all angles. Crops are turned upright from the same rough corners that this reader is given, and enlarged four times. Misreads: texts that are not printed, \
                 in all strips, of any symbology.",
                "标称条件、任意角度。裁剪图按与本识读器相同的粗略角点摆正并放大四倍。误读：所有条码图中未印刷的文本（任意码制）。",
            ),
            &crate::compare::table(methods, comparisons),
            curve_chart(&px_axis(), &recall_axis(), &curves),
        );
    }

    /// Photographs as they are.
    pub fn photos(&mut self, table: &TextTable) {
        self.add(
            ("Photographs", "实拍照片"),
            ("Pictures whose text was read; pictures without a code count wrong texts.", "读出正确文本的照片数；无码照片统计错误文本。"),
            table,
            String::new(),
        );
    }

    /// Photographs turned and reduced.
    pub fn reduced(&mut self, table: &TextTable, photos: usize, angles: u32) {
        println!("{photos} photographs of Code 128, each turned to {angles} angles");
        self.add(
            ("Photographs, turned and reduced", "旋转并缩小的照片"),
            (
                "By px per module after reduction, 1 % noise added. In brackets: how many times as many this reader reads.",
                "按缩小后的每模块像素数，加 1 % 噪声。括号内为本识读器读出数的倍数。",
            ),
            table,
            String::new(),
        );
    }

    /// Seconds for a frame.
    pub fn speed(&mut self, table: &TextTable) {
        self.add(
            ("Speed", "速度"),
            ("Frames of 12 MP: twenty cartons, and textures that hold no code.", "1200 万像素的帧：二十个药盒，以及不含码的纹理。"),
            table,
            String::new(),
        );
    }

    /// The page.
    pub fn html(&self) -> String {
        curve_page(
            ("Recall and misreads of the reader", "识读器的识别率与误读"),
            (
                "Simulated strips and photographs; every strip is drawn again by its seed and index",
                "模拟条码与照片；任一条码均可由种子与序号重现",
            ),
            env!("CARGO_PKG_VERSION"),
            &self.0,
        )
    }
}
