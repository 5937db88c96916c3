//! What was read before against what is read now.

use std::collections::BTreeSet;

use super::baseline::{Picture, Scene};

/// How one item of the corpus came out.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Comparison {
    /// The item.
    pub name: String,
    /// What must not be: losses, wrong texts, a corpus that is not the frozen one. One line each.
    pub losses: Vec<String>,
    /// What got better, or changed without harm: worth a bless.
    pub gains: Vec<String>,
    /// Why it was not tried.
    pub skipped: Option<String>,
    /// Seconds it took.
    pub seconds: f64,
}

impl Comparison {
    /// An item that was not tried.
    pub fn skipped(name: impl Into<String>, why: impl Into<String>) -> Self {
        Self { name: name.into(), skipped: Some(why.into()), ..Self::default() }
    }

    fn sets(&mut self, place: &str, before: &BTreeSet<String>, now: &BTreeSet<String>) {
        self.losses.extend(before.difference(now).map(|text| format!("{place}no longer read: {text}")));
        self.gains.extend(now.difference(before).map(|text| format!("{place}newly read: {text}")));
    }
}

/// Compares a picture. `expected` is the text that is printed there, where it is known: reading any other is a loss, however new.
pub fn picture(name: &str, before: &Picture, now: &Picture, expected: Option<&str>) -> Comparison {
    let mut comparison = Comparison { name: name.to_owned(), ..Comparison::default() };
    if before.sha256 != now.sha256 {
        comparison.losses.push("the picture is not the frozen one".to_owned());
        return comparison;
    }
    comparison.losses.extend(before.codes.difference(&now.codes).map(|text| format!("no longer read: {text}")));
    for text in now.codes.difference(&before.codes) {
        let wrong = expected.is_some_and(|expected| !text.ends_with(expected));
        let list = if wrong { &mut comparison.losses } else { &mut comparison.gains };
        list.push(if wrong { format!("read, though it is not there: {text}") } else { format!("newly read: {text}") });
    }
    comparison
}

/// What a golden scene gave now.
#[derive(Debug, Clone, PartialEq)]
pub struct SceneNow {
    /// As the baseline has it; `frames` holds this adapter's entry only.
    pub scene: Scene,
    /// The adapter.
    pub adapter: String,
    /// Misreads, in words.
    pub misreads: Vec<String>,
}

/// Compares a golden scene. Frame by frame only where the pixels are the frozen ones: on another adapter they may differ in the last bits, and what
/// stands at the edge of being read may fall to either side. The cycle's codes must be the same everywhere.
pub fn scene(name: &str, before: &Scene, now: &SceneNow) -> Comparison {
    let mut comparison = Comparison { name: name.to_owned(), ..Comparison::default() };
    comparison.losses.extend(now.misreads.iter().map(|misread| format!("misread: {misread}")));
    if before.physics.is_empty() {
        comparison.losses.push("the scene was never blessed".to_owned());
        return comparison;
    }
    if before.physics != now.scene.physics {
        comparison.losses.push(format!("the packages lie elsewhere: physics hash {}, was {}", now.scene.physics, before.physics));
        return comparison;
    }
    comparison.sets("", &before.codes, &now.scene.codes);
    let frozen = before.frames.get(&now.adapter);
    let same = frozen.is_some() && frozen == now.scene.frames.get(&now.adapter);
    if same {
        let none = BTreeSet::new();
        for place in before.views.keys().chain(now.scene.views.keys()).collect::<BTreeSet<_>>() {
            let (before, now) = (before.views.get(place).unwrap_or(&none), now.scene.views.get(place).unwrap_or(&none));
            comparison.sets(&format!("{place}: "), before, now);
        }
    } else if frozen.is_some() {
        comparison.gains.push(format!("the frames changed on {}; single frames were not compared", now.adapter));
    } else {
        comparison.gains.push(format!("no frames of {} are frozen; single frames were not compared", now.adapter));
    }
    comparison
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(texts: &[&str]) -> BTreeSet<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    fn frozen() -> Scene {
        Scene {
            scenario: "a.toml".into(),
            seed: 1,
            physics: "p".into(),
            frames: [("gpu".to_owned(), "f".to_owned())].into(),
            codes: set(&["a", "b"]),
            views: [("stop 0 top all".to_owned(), set(&["a", "b"])), ("stop 1 top all".to_owned(), set(&["a"]))].into(),
        }
    }

    fn now(change: impl FnOnce(&mut SceneNow)) -> Comparison {
        let mut now = SceneNow { scene: frozen(), adapter: "gpu".to_owned(), misreads: vec![] };
        change(&mut now);
        scene("a", &frozen(), &now)
    }

    #[test]
    fn the_same_again_is_neither_loss_nor_gain() {
        let result = now(|_| {});
        assert_eq!((result.losses.len(), result.gains.len()), (0, 0));
    }

    #[test]
    fn a_code_lost_in_one_frame_is_a_loss_though_the_cycle_has_it() {
        let result = now(|now| now.scene.views.get_mut("stop 1 top all").unwrap().clear());
        assert_eq!(result.losses, ["stop 1 top all: no longer read: a"]);
    }

    #[test]
    fn a_code_lost_by_the_cycle_is_a_loss_on_any_adapter() {
        let result = now(|now| {
            now.adapter = "other".to_owned();
            now.scene.codes.remove("b");
            now.scene.views.clear();
        });
        assert_eq!(result.losses, ["no longer read: b"]);
        assert_eq!(result.gains, ["no frames of other are frozen; single frames were not compared"]);
    }

    #[test]
    fn a_gain_is_told_and_a_misread_is_a_loss() {
        let result = now(|now| {
            now.scene.codes.insert("c".to_owned());
            now.misreads.push("x".to_owned());
        });
        assert_eq!((result.losses, result.gains), (vec!["misread: x".to_owned()], vec!["newly read: c".to_owned()]));
    }

    #[test]
    fn other_physics_is_another_scene() {
        let result = now(|now| now.scene.physics = "q".to_owned());
        assert_eq!(result.losses, ["the packages lie elsewhere: physics hash q, was p"]);
    }

    #[test]
    fn pictures_compare_by_set_and_a_wrong_text_is_no_gain() {
        let picture_of = |codes: &[&str]| Picture { sha256: "s".to_owned(), codes: set(codes) };
        let before = picture_of(&["code128 trace 1"]);
        let compare = |codes: &[&str], expected| picture("p", &before, &picture_of(codes), expected);
        assert_eq!(compare(&[], None).losses, ["no longer read: code128 trace 1"]);
        assert_eq!(compare(&["code128 trace 1", "code128 trace 2"], None).gains, ["newly read: code128 trace 2"]);
        let wrong = compare(&["code128 trace 1", "code128 trace 2"], Some("1"));
        assert_eq!(wrong.losses, ["read, though it is not there: code128 trace 2"]);
        let other = Picture { sha256: "t".to_owned(), ..before.clone() };
        assert_eq!(picture("p", &before, &other, None).losses, ["the picture is not the frozen one"]);
    }
}
