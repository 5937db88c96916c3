//! Codes that no single view decides, read from several: strips around half a pixel per module, and groups that are wrong about their members.

// What a helper of a test unwraps fails that test.
#![allow(clippy::unwrap_used)]

mod fusion_support;
mod support;

use std::sync::Arc;

use fusion_support::{Lens, Printed, centred, eyes, photograph, roughly};
use hardware_hal::FrameMeta;
use rayon::prelude::*;
use scanner_core::vision::decode::grey_level::{FittedStrip, GreyLevelRule, JointRule, decide_together, look_at_code128};
use scanner_core::vision::{FrameReading, FusionRule, Plane, UndecidedStrip, fuse_views};
use support::{Dice, code128};

/// Characters between start and stop of 20 digits, the check character counted.
const CHARACTERS: usize = 11;

/// One code in several views.
struct Seen {
    text: String,
    frames: Vec<(FrameMeta, FrameReading)>,
    /// What each view reads by itself.
    single: Vec<Option<String>>,
}

/// What a strip gives by itself, or leaves for later.
fn look(plane: &Plane, corners: &[[f64; 2]; 4]) -> (Option<String>, FrameReading) {
    let found = look_at_code128(plane, corners, CHARACTERS);
    let single = found.first().filter(|s| s.text.accepted(&GreyLevelRule::default())).and_then(|s| s.text.text()).map(|t| t.text);
    let undecided =
        |strip: FittedStrip| UndecidedStrip { corners: strip.text.corners, px_per_module: 1.0, level: 0, strip: Arc::new(strip) };
    // What was accepted is left undecided here, too, so that fusion is seen by itself.
    (single, FrameReading { undecided: found.into_iter().map(undecided).collect(), ..FrameReading::default() })
}

fn seen(seed: u64, text: &str, modules: Vec<bool>, px_per_module: f64, views: usize) -> Seen {
    let mut dice = Dice::new(seed, "fusion");
    loop {
        let code = Printed::at_random(modules.clone(), &mut dice, 0.22, 1.2);
        let mut sights: Vec<(f64, FrameMeta)> = Vec::new();
        for (camera, eye) in eyes() {
            for stop in 0..6 {
                let meta = centred(camera, eye, f64::from(stop) * 20f64.to_radians(), &code, px_per_module * dice.real(0.95, 1.05));
                if code.facing(&meta) > 0.5 {
                    sights.push((dice.real(0.0, 1.0), meta));
                }
            }
        }
        if sights.len() < views {
            continue;
        }
        sights.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut frames, mut single) = (Vec::new(), Vec::new());
        for (_, meta) in sights.into_iter().take(views) {
            let lens = Lens::at_random(&mut dice);
            let frame = photograph(&meta, &[&code], &lens, &mut dice);
            let corners = roughly(code.corners(&meta).unwrap(), 1.0, &mut dice);
            let (text, reading) = look(&Plane::from_frame(&frame), &corners);
            single.push(text);
            frames.push((meta, reading));
        }
        return Seen { text: text.to_owned(), frames, single };
    }
}

fn codes(count: u64, px_per_module: f64, views: usize) -> Vec<Seen> {
    let one = |seed: u64| {
        let text = Dice::new(seed, "text").trace();
        seen(seed, &text, code128(&text), px_per_module, views)
    };
    (0..count).into_par_iter().map(one).collect()
}

/// Codes that no printer printed: two characters of another code under the old check character, or random bars, the same in all views.
fn impostors(count: u64, px_per_module: f64, views: usize) -> Vec<Seen> {
    let one = |seed: u64| {
        let mut dice = Dice::new(seed, "impostor");
        let (text, other) = (dice.trace(), dice.trace());
        let mut modules = code128(&text);
        if seed.is_multiple_of(2) {
            let from = 11 * (1 + dice.int(9) as usize);
            modules[from..from + 22].copy_from_slice(&code128(&other)[from..from + 22]);
        } else {
            modules[22..121].iter_mut().for_each(|m| *m = dice.int(2) == 0);
        }
        seen(1_000_000 + seed, "", modules, px_per_module, views)
    };
    (0..count).into_par_iter().map(one).collect()
}

/// Texts that the first `n` views give together.
fn fused(seen: &Seen, n: usize) -> Vec<String> {
    fuse_views(&seen.frames[..n], &FusionRule::default()).codes.into_iter().map(|c| c.text).collect()
}

fn best(frame: &(FrameMeta, FrameReading)) -> Option<&FittedStrip> {
    frame.1.undecided.first().map(|u| &*u.strip)
}

/// Groups of two to four strips of which one at least is of another code: how many there were, and the texts that were accepted.
fn wrong_groups(codes: &[Seen], count: usize, seed: u64) -> (usize, Vec<(Vec<String>, String)>) {
    let groups: Vec<Vec<(usize, usize)>> = {
        let mut dice = Dice::new(seed, "wrong groups");
        let n = codes.len() as u32;
        (0..count)
            .map(|k| {
                let (a, b) = (dice.int(n) as usize, dice.int(n - 1) as usize);
                let b = if b >= a { b + 1 } else { b };
                // One stranger among one to three views of a code, or two and two.
                let of_b = if k % 4 == 3 { 2 } else { 1 };
                let of_a = if of_b == 2 { 2 } else { 1 + k % 3 };
                let views = |c: usize, m: usize, dice: &mut Dice| {
                    let first = dice.int(codes[c].frames.len() as u32) as usize;
                    (0..m).map(|i| (c, (first + i) % codes[c].frames.len())).collect::<Vec<_>>()
                };
                let mut group = views(a, of_a, &mut dice);
                group.extend(views(b, of_b, &mut dice));
                group
            })
            .collect()
    };
    let accepted: Vec<Option<(Vec<String>, String)>> = groups
        .par_iter()
        .map(|group| {
            let strips: Option<Vec<&FittedStrip>> = group.iter().map(|(c, v)| best(&codes[*c].frames[*v])).collect();
            let text = decide_together(&strips?).ok()?;
            let passes = text.refusal(&JointRule::default()).is_none();
            passes.then(|| (group.iter().map(|(c, _)| codes[*c].text.clone()).collect(), text.text().map_or(String::new(), |t| t.text)))
        })
        .collect();
    (groups.len(), accepted.into_iter().flatten().collect())
}

#[test]
fn what_views_read_together_is_what_was_printed() {
    let codes = codes(4, 0.42, 3);
    let texts: Vec<Vec<String>> = codes.iter().map(|c| fused(c, 3)).collect();
    for (texts, code) in texts.iter().zip(&codes) {
        assert!(texts.iter().all(|t| *t == code.text), "{texts:?} for {}", code.text);
    }
    assert!(texts.iter().filter(|t| !t.is_empty()).count() >= 2, "{texts:?}");
}

#[test]
fn a_wrong_group_reads_nothing() {
    let codes = codes(4, 0.42, 3);
    let (groups, accepted) = wrong_groups(&codes, 12, 1);
    assert_eq!((groups, accepted), (12, vec![]));
}

#[test]
fn what_no_printer_printed_is_not_fused() {
    for impostor in impostors(2, 0.5, 2) {
        assert_eq!(fused(&impostor, 2), Vec::<String>::new());
    }
}

/// Recall with and without fusion, and misreads: minutes to an hour. `FUSION_COUNT` codes per point, `FUSION_PX` px per module.
#[test]
#[ignore = "minutes of both cores"]
fn the_table_of_fusion() {
    let of = |name: &str, otherwise: &str| std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    let count: u64 = of("FUSION_COUNT", "200").parse().unwrap();
    let mut misreads = 0;
    println!(
        "| px per module | any of 1 | any of 2 | or together | any of 4 | or together | any of 8 | or together | wrong alone | wrong together |"
    );
    for px in of("FUSION_PX", "0.45 0.5 0.6 0.7").split_whitespace().map(|p| p.parse::<f64>().unwrap()) {
        let codes = codes(count, px, 8);
        let alone = |n: usize| codes.iter().filter(|c| c.single[..n].iter().flatten().any(|t| *t == c.text)).count();
        let mut line = format!("| {px} | {} |", alone(1));
        let alone_wrong = codes.iter().flat_map(|c| c.single.iter().flatten().filter(|t| **t != c.text)).count();
        let mut wrong = 0;
        for n in [2, 4, 8] {
            let texts: Vec<Vec<String>> = codes.par_iter().map(|c| fused(c, n)).collect();
            let read = |(t, c): &(&Vec<String>, &Seen)| t.contains(&c.text) || c.single[..n].iter().flatten().any(|t| *t == c.text);
            let right = texts.iter().zip(&codes).filter(read).count();
            wrong += texts.iter().zip(&codes).map(|(t, c)| t.iter().filter(|t| **t != c.text).count()).sum::<usize>();
            line += &format!(" {} | {right} |", alone(n));
        }
        println!("{line} {alone_wrong} | {wrong} |");
        let (groups, accepted) = wrong_groups(&codes, of("FUSION_WRONG", "1000").parse().unwrap(), 7);
        let strange = accepted.iter().filter(|(of, t)| !of.contains(t)).count();
        println!("  wrong groups: {groups}, accepted {}, with a text of no member {strange}", accepted.len());
        let impostors = impostors(count / 2, px, 4);
        let read: usize = impostors.par_iter().map(|i| fused(i, 2).len() + fused(i, 4).len()).sum();
        println!("  impostors: {}, accepted {read}", impostors.len());
        misreads += wrong + strange + read;
    }
    assert_eq!(misreads, 0);
}

/// What true groups and wrong ones hold against their common text: to choose the rule by.
#[test]
#[ignore = "prints figures to choose thresholds by"]
fn figures_of_groups() {
    let of = |name: &str, otherwise: &str| std::env::var(name).unwrap_or_else(|_| otherwise.to_owned());
    let count: u64 = of("FUSION_COUNT", "24").parse().unwrap();
    for px in of("FUSION_PX", "0.5").split_whitespace().map(|p| p.parse::<f64>().unwrap()) {
        let (codes, fakes) = (codes(count, px, 4), impostors(count, px, 4));
        for (i, code) in codes.iter().enumerate() {
            let impostor = &fakes[i % fakes.len()];
            if let Ok(text) = decide_together(&(0..3).filter_map(|v| best(&impostor.frames[v])).collect::<Vec<_>>()) {
                let views: Vec<String> =
                    text.views.iter().map(|v| format!("{:.1}/{:.3}/{:.2}", v.against, v.misfit, v.explained)).collect();
                println!(
                    "{px} fake margin {:.1} check {:.1} {views:?} {:?}",
                    text.margin,
                    text.check_cost,
                    text.refusal(&JointRule::default())
                );
            }
            let strips = |of: [(usize, usize); 3]| of.iter().filter_map(|(c, v)| best(&codes[*c].frames[*v])).collect::<Vec<_>>();
            let next = (i + 1) % codes.len();
            for (kind, group) in [("true", strips([(i, 0), (i, 1), (i, 2)])), ("wrong", strips([(i, 0), (i, 1), (next, 2)]))] {
                let Ok(text) = decide_together(&group) else {
                    println!("{px} {kind} no bars");
                    continue;
                };
                let right = text.text().is_some_and(|t| t.text == code.text);
                let views: Vec<String> =
                    text.views.iter().map(|v| format!("{:.1}/{:.3}/{:.2}", v.against, v.misfit, v.explained)).collect();
                let own: Vec<String> = group
                    .iter()
                    .map(|s| format!("{:.1}/{:.2}/{}", s.text.margin, s.text.explained, s.text.text().is_some_and(|t| t.text == code.text)))
                    .collect();
                println!(
                    "{px} {kind} right {right} margin {:.1} check {:.1} {views:?} own {own:?} {:?}",
                    text.margin,
                    text.check_cost,
                    text.refusal(&JointRule::default())
                );
            }
        }
    }
}
