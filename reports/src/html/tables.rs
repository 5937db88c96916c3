//! Tables in HTML, in both languages.

use std::fmt::Write;

use super::{both, section};
use crate::bands::Recall;
use crate::escape::xml;
use crate::format::{dash, lower, recall, seconds};
use crate::records::{Hashes, LineState, Manifest, MisreadKind, PackageState, PrintRole, RunRecord};
use crate::summary::Summary;

/// A column: English, Chinese, whether it holds figures.
type Head<'a> = (&'a str, &'a str, bool);

/// A table of cells that are HTML already.
fn table(head: &[Head], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let class = |figures: bool| if figures { " class=\"n\"" } else { "" };
    let mut out = String::from("<div class=\"wide\"><table><thead><tr>");
    for (en, zh, figures) in head {
        // Writing into a string cannot fail, here and below.
        let _ = write!(out, "<th{}>{}</th>", class(*figures), both(en, zh));
    }
    out += "</tr></thead><tbody>\n";
    for row in rows {
        out += "<tr>";
        for (cell, (_, _, figures)) in row.iter().zip(head) {
            let _ = write!(out, "<td{}>{cell}</td>", class(*figures));
        }
        out += "</tr>\n";
    }
    out + "</tbody></table></div>\n"
}

fn tag(tone: &str, en: &str, zh: &str) -> String {
    format!("<span class=\"tag {tone}\">{}</span>", both(en, zh))
}

fn code(text: &str) -> String {
    if text.is_empty() { dash() } else { format!("<span class=\"code\">{}</span>", xml(text)) }
}

fn yes(is: bool) -> String {
    if is { both("yes", "是") } else { both("no", "否") }
}

pub(super) fn thresholds(run: &RunRecord) -> String {
    if run.thresholds.is_empty() {
        return String::new();
    }
    let rows = run.thresholds.iter().map(|threshold| {
        let held = if threshold.held { tag("good", "held", "达标") } else { tag("bad", "fell short", "未达标") };
        vec![xml(&threshold.name), xml(&threshold.required), xml(&threshold.observed), held]
    });
    let head = [("figure", "指标", false), ("asked for", "要求", false), ("found", "实际", false), ("verdict", "判定", false)];
    section(("Thresholds", "阈值判定"), ("", ""), &table(&head, rows))
}

pub(super) fn bands(summary: &Summary) -> String {
    let mut out = String::from("<div class=\"wide\"><table><thead><tr><th></th>");
    for (en, zh) in [("all visible", "全部可见"), ("nominal", "标称条件"), ("other conditions", "非标称条件")] {
        let _ = write!(out, "<th class=\"group\" colspan=\"4\">{}</th>", both(en, zh));
    }
    let _ = write!(out, "</tr><tr><th>{}</th>", both("px per module", "每模块像素数"));
    for _ in 0..3 {
        let _ = write!(
            out,
            "<th class=\"n first\">{}</th><th class=\"n\">{}</th><th class=\"n\">{}</th><th class=\"n\">{}</th>",
            both("visible", "可见"),
            both("read", "识读"),
            both("recall", "识别率"),
            both("95 % bound", "95 % 下限")
        );
    }
    out += "</tr></thead><tbody>\n";
    let cells = |of: &Recall| {
        format!(
            "<td class=\"n first\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>",
            of.visible,
            of.read,
            recall(of),
            xml(&lower(of))
        )
    };
    for (band, all) in summary.recall_visible.iter() {
        let (nominal, other) = (summary.recall_nominal.get(band), summary.recall_off_nominal.get(band));
        let _ = writeln!(out, "<tr><td>{}</td>{}{}{}</tr>", xml(band.label()), cells(all), cells(nominal), cells(other));
    }
    out += "</tbody></table></div>\n";
    if summary.read_not_visible > 0 {
        let n = summary.read_not_visible;
        let more = both(
            &format!("{n} more views were read although they do not count as visible; they are in no figure above."),
            &format!("另有 {n} 码次虽不计为可见但已识读，未计入上表。"),
        );
        let _ = writeln!(out, "<p class=\"soft\">{more}</p>");
    }
    out
}

fn package_state(state: PackageState) -> String {
    match state {
        PackageState::Fulfilled => tag("good", "fulfilled", "已配齐"),
        PackageState::Surplus => tag("bad", "surplus", "多余"),
        PackageState::Refused => tag("bad", "refused", "被拒绝"),
        PackageState::Unread => tag("", "unread", "未识读"),
        PackageState::NoCode => tag("", "no code", "无码"),
        PackageState::Unreconciled => tag("", "no order", "无处方"),
    }
}

pub(super) fn packages(run: &RunRecord) -> String {
    if run.packages.is_empty() {
        return String::new();
    }
    let head = [
        ("#", "#", true),
        ("package", "药品", false),
        ("traceability code", "药品追溯码", false),
        ("symbology", "码制", false),
        ("X, mm", "X，毫米", true),
        ("best px per module", "最佳像素/模块", true),
        ("read / visible in frames", "识读/可见帧数", true),
        ("read", "识读", false),
        ("state", "状态", false),
    ];
    let rows = run.packages.iter().map(|package| {
        let read = match (package.read, package.visible_in_any_frame) {
            (true, _) => tag("good", "read", "已识读"),
            (false, true) => tag("bad", "missed", "漏读"),
            (false, false) => tag("", "never visible", "始终不可见"),
        };
        let rule = package.refused_rule.as_ref().map_or_else(String::new, |rule| format!("<br/><span class=\"soft\">{}</span>", xml(rule)));
        vec![
            package.index.to_string(),
            xml(&package.name),
            code(&package.text),
            xml(&package.symbology.replace('_', " ")),
            format!("{:.3}", package.x_dimension_mm),
            package.best_px_per_module.map_or_else(dash, |px| format!("{px:.2}")),
            format!("{} / {}", package.views_read, package.views_visible),
            read,
            package_state(package.state) + &rule,
        ]
    });
    section(("Packages", "药盒"), ("", ""), &table(&head, rows))
}

pub(super) fn misreads(run: &RunRecord, summary: &Summary) -> String {
    if summary.misread_texts.is_empty() {
        return String::new();
    }
    let head = [("text", "内容", false), ("what is wrong", "错误类型", false), ("given to", "归于", false), ("frames", "帧数", true)];
    let rows = summary.misread_texts.iter().map(|note| {
        let kind = match note.kind {
            MisreadKind::UnknownText => tag("misread", "on no package of the load", "不属于任何药盒"),
            MisreadKind::WrongPackage => tag("misread", "given to another package", "归到其他药盒"),
            MisreadKind::Decoy => tag("misread", "retail code taken for a traceability code", "商品条码误作追溯码"),
        };
        let given_to = note.given_to.and_then(|index| run.packages.get(index)).map_or_else(dash, |package| xml(&package.name));
        vec![code(&note.text), kind, given_to, note.frames.to_string()]
    });
    section(
        ("Misreads", "误读"),
        (
            "Trace-role texts that are on no package of the load, or were given to another package; duplicates count once.",
            "识读为追溯码、但不属于本次任何药盒或归到其他药盒的内容；重复只计一次。",
        ),
        &table(&head, rows),
    )
}

pub(super) fn order_and_pool(run: &RunRecord, summary: &Summary) -> String {
    let mut content = String::new();
    if !run.order.is_empty() {
        let head = [
            ("line", "行", true),
            ("product", "药品", false),
            ("asked for", "需求", true),
            ("supplied", "已配", true),
            ("state", "状态", false),
            ("codes", "追溯码", false),
        ];
        let rows = run.order.iter().map(|line| {
            let state = match line.state {
                LineState::Fulfilled => tag("good", "fulfilled", "已配齐"),
                LineState::Partial => tag("bad", "partial", "部分"),
                LineState::Missing => tag("bad", "missing", "缺少"),
                LineState::Refused => tag("bad", "refused", "被拒绝"),
            };
            let rule =
                line.refused_rule.as_ref().map_or_else(String::new, |rule| format!("<br/><span class=\"soft\">{}</span>", xml(rule)));
            let codes: Vec<_> = line.codes.iter().map(|text| code(text)).collect();
            let codes = if codes.is_empty() { dash() } else { codes.join("<br/>") };
            vec![line.line.to_string(), xml(&line.product), line.requested.to_string(), line.supplied.to_string(), state + &rule, codes]
        });
        content += &table(&head, rows);
    }
    if !run.pool.is_empty() {
        let head =
            [("units in the code pool", "码池单元", false), ("before", "之前", true), ("after", "之后", true), ("change", "变化", true)];
        let rows = run.pool.iter().map(|count| {
            let change = i128::from(count.after) - i128::from(count.before);
            vec![
                xml(&count.status),
                count.before.to_string(),
                count.after.to_string(),
                if change == 0 { dash() } else { format!("{change:+}") },
            ]
        });
        content += &format!("<h3>{}</h3>\n{}", both("Code pool", "码池"), table(&head, rows));
    }
    if content.is_empty() {
        return String::new();
    }
    let lead = summary.order.map_or((String::new(), String::new()), |order| {
        (
            format!("{} of {} lines fulfilled; {} surplus packages on the plate.", order.fulfilled, order.lines, order.surplus_packages),
            format!("{} 行中 {} 行已配齐；转盘上多出 {} 盒。", order.lines, order.fulfilled, order.surplus_packages),
        )
    });
    section(("Order and code pool", "处方与码池"), (&lead.0, &lead.1), &content)
}

pub(super) fn frames(run: &RunRecord) -> String {
    if run.frames.is_empty() {
        return String::new();
    }
    let head = [
        ("frame", "帧", true),
        ("camera", "相机", false),
        ("stop", "停位", true),
        ("light", "光源", false),
        ("size, px", "尺寸，像素", true),
        ("visible", "可见", true),
        ("read", "识读", true),
        ("misread", "误读", true),
        ("render", "渲染", true),
        ("decode", "解码", true),
        ("complete", "完整", false),
    ];
    let mut visible = vec![0_u32; run.frames.len()];
    let mut read = vec![0_u32; run.frames.len()];
    for view in run.views.iter().filter(|view| view.role == PrintRole::Trace) {
        if let (Some(visible), Some(read)) = (visible.get_mut(view.frame), read.get_mut(view.frame)) {
            *visible += u32::from(view.visible);
            *read += u32::from(view.visible && view.read);
        }
    }
    let rows = run.frames.iter().enumerate().map(|(i, frame)| {
        let times = run.times.frames.iter().find(|times| times.frame == i);
        vec![
            i.to_string(),
            xml(&frame.camera),
            format!("{} ({:.0}°)", frame.stop, frame.turntable_deg),
            xml(&frame.pattern),
            format!("{} × {}", frame.width, frame.height),
            visible[i].to_string(),
            read[i].to_string(),
            frame.misreads.len().to_string(),
            times.map_or_else(dash, |times| seconds(times.render_seconds)),
            times.map_or_else(dash, |times| seconds(times.decode_seconds())),
            yes(frame.complete),
        ]
    });
    section(("All frames", "全部图像帧"), ("", ""), &table(&head, rows))
}

pub(super) fn manifest(run: &RunRecord) -> String {
    manifest_of(&run.manifest, Some(&run.hashes))
}

/// A manifest, with the hashes of the results where there are any.
pub(super) fn manifest_of(manifest: &Manifest, hashes: Option<&Hashes>) -> String {
    let none = || both("none", "无");
    let mut rows = vec![
        (both("arguments", "命令参数"), code(&manifest.arguments.join(" "))),
        (both("seed", "随机种子"), manifest.seed.to_string()),
        (both("started", "开始时间"), xml(&manifest.started_at)),
        ("TraceTwin".to_owned(), xml(&manifest.version)),
    ];
    rows.extend(manifest.tools.iter().map(|tool| (xml(&tool.name), xml(&tool.version))));
    rows.extend([
        (both("adapter", "图形适配器"), manifest.adapter.as_deref().map_or_else(none, xml)),
        ("ONNX Runtime".to_owned(), manifest.onnx_runtime.as_deref().map_or_else(none, xml)),
        (both("system", "系统"), xml(&format!("{} {}", manifest.os, manifest.arch))),
        (both("schema version", "记录格式版本"), manifest.schema_version.to_string()),
        (both("configuration, SHA-256", "配置 SHA-256"), code(&manifest.config_sha256)),
    ]);
    if let Some(hashes) = hashes {
        rows.extend([
            (both("physics hash", "物理哈希"), code(&hashes.physics)),
            (both("frames hash", "图像帧哈希"), code(&hashes.frames)),
            (both("codes hash", "识读结果哈希"), code(&hashes.codes)),
            (both("ledger hash", "台账哈希"), code(&hashes.ledger)),
        ]);
    }
    let list: String = rows.iter().map(|(name, value)| format!("<dt>{name}</dt><dd>{value}</dd>\n")).collect();
    section(("Manifest", "运行清单"), ("What is needed to do this run again.", "重现本次运行所需的信息。"), &format!("<dl>\n{list}</dl>\n"))
}
