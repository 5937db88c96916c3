//! "Did you mean": what an unknown key was probably meant to be.

/// Suffixes that name a unit, and what they say.
const UNITS: [(&str, &str); 16] = [
    ("_mm", "millimetres"),
    ("_cm", "centimetres"),
    ("_m", "metres"),
    ("_um", "micrometres"),
    ("_in", "inches"),
    ("_px", "pixels"),
    ("_deg_s2", "degrees per second squared"),
    ("_deg_s", "degrees per second"),
    ("_deg", "degrees"),
    ("_rad", "radians"),
    ("_ms", "milliseconds"),
    ("_us", "microseconds"),
    ("_s", "seconds"),
    ("_kg", "kilograms"),
    ("_g", "grams"),
    ("_lux", "lux"),
];

/// Takes serde's message on an unknown key apart: the key and those that exist.
pub(super) fn unknown_key(message: &str) -> Option<(String, Vec<String>)> {
    let rest = message.strip_prefix("unknown field `")?;
    let (key, rest) = rest.split_once('`')?;
    let known = rest.split('`').skip(1).step_by(2).map(str::to_owned).collect();
    Some((key.to_owned(), known))
}

/// Takes serde's message on a missing key apart.
pub(super) fn missing_key(message: &str) -> Option<&str> {
    message.strip_prefix("missing field `")?.strip_suffix('`')
}

/// Advice on `key` where `known` exist.
pub(super) fn advice(key: &str, known: &[&str]) -> String {
    let all = || known.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let (stem, unit) = split_unit(key);
    if let Some(name) = known.iter().find(|name| split_unit(name).0 == stem) {
        return match split_unit(name).1 {
            Some(wanted) if unit != Some(wanted) => format!("did you mean `{name}`? It is given in {wanted}"),
            _ => format!("did you mean `{name}`?"),
        };
    }
    let nearest = known.iter().map(|name| (strsim::normalized_damerau_levenshtein(key, name), *name)).max_by(|a, b| a.0.total_cmp(&b.0));
    match nearest {
        Some((similarity, name)) if similarity >= 0.6 => format!("did you mean `{name}`?"),
        Some(_) => format!("these exist here: {}", all()),
        None => "no key is known here".to_owned(),
    }
}

/// The name without its unit, and the unit in words.
fn split_unit(key: &str) -> (&str, Option<&'static str>) {
    let longest = UNITS.iter().filter_map(|(suffix, words)| key.strip_suffix(suffix).map(|stem| (stem, *words)));
    longest.min_by_key(|(stem, _)| stem.len()).map_or((key, None), |(stem, words)| (stem, Some(words)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_unit_is_told_from_a_slip() {
        assert_eq!(advice("radius_cm", &["friction", "radius_mm"]), "did you mean `radius_mm`? It is given in millimetres");
        assert_eq!(advice("radius", &["radius_mm"]), "did you mean `radius_mm`? It is given in millimetres");
        assert_eq!(advice("fricton", &["friction", "radius_mm"]), "did you mean `friction`?");
        assert_eq!(advice("xyz", &["friction", "radius_mm"]), "these exist here: `friction`, `radius_mm`");
    }

    #[test]
    fn serde_still_words_its_messages_as_expected() {
        let (key, known) = unknown_key("unknown field `a`, expected one of `b`, `c`").expect("an unknown key");
        assert_eq!((key.as_str(), known), ("a", vec!["b".to_owned(), "c".to_owned()]));
        assert_eq!(unknown_key("unknown field `a`, expected `b`").map(|(_, known)| known), Some(vec!["b".to_owned()]));
        assert_eq!(unknown_key("unknown field `a`, there are no fields").map(|(_, known)| known), Some(vec![]));
        assert_eq!(missing_key("missing field `a`"), Some("a"));
    }
}
