//! Code 128 (ISO/IEC 15417), GS1-128 included.

use super::ArtworkError;
use super::matrix::GS;
use crate::spec::SymbolKind;

/// Widths in modules of bars and spaces, bar first, of the symbol characters 0 to 105 (103, 104, 105 are start A, B, C).
#[rustfmt::skip]
pub const CODE128_WIDTHS: [&str; 106] = [
    "212222", "222122", "222221", "121223", "121322", "131222", "122213", "122312", "132212", "221213",
    "221312", "231212", "112232", "122132", "122231", "113222", "123122", "123221", "223211", "221132",
    "221231", "213212", "223112", "312131", "311222", "321122", "321221", "312212", "322112", "322211",
    "212123", "212321", "232121", "111323", "131123", "131321", "112313", "132113", "132311", "211313",
    "231113", "231311", "112133", "112331", "132131", "113123", "113321", "133121", "313121", "211331",
    "231131", "213113", "213311", "213131", "311123", "311321", "331121", "312113", "312311", "332111",
    "314111", "221411", "431111", "111224", "111422", "121124", "121421", "141122", "141221", "112214",
    "112412", "122114", "122411", "142112", "142211", "241211", "221114", "413111", "241112", "134111",
    "111242", "121142", "121241", "114212", "124112", "124211", "411212", "421112", "421211", "212141",
    "214121", "412121", "111143", "111341", "131141", "114113", "114311", "411113", "411311", "113141",
    "114131", "311141", "411131", "211412", "211214", "211232",
];

/// Widths of the stop character with its termination bar.
const STOP: &str = "2331112";

const FNC1: u8 = 102;
const SHIFT: u8 = 98;

/// The code sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    A,
    B,
    C,
}

impl Set {
    const ALL: [Self; 3] = [Self::A, Self::B, Self::C];

    fn start(self) -> u8 {
        103 + self as u8
    }

    /// The symbol character that switches to this set from any other.
    fn switch_to(self) -> u8 {
        [101, 100, 99][self as usize]
    }

    /// The value of a character in this set, if it has it.
    fn value(self, byte: u8) -> Option<u8> {
        match (self, byte) {
            (Self::A, 0..0x20) => Some(byte + 64),
            (Self::A, 0x20..0x60) | (Self::B, 0x20..0x80) => Some(byte - 32),
            _ => None,
        }
    }
}

/// What is to be said, one unit per item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Item {
    Character(u8),
    Fnc1,
}

/// Symbol characters from start to stop's predecessor: start, data, check character; the stop is left out.
///
/// The code sets are chosen by dynamic programming for the fewest symbol characters, so all-digit texts of even length stay in set C. A text that
/// starts with GS is GS1-128: every GS in it is an FNC1.
fn symbol_characters(text: &str) -> Result<Vec<u8>, ArtworkError> {
    let wrong = |reason: String| ArtworkError::Text { kind: SymbolKind::Code128, text: text.to_owned(), reason };
    if let Some(character) = text.chars().find(|c| !c.is_ascii()) {
        return Err(wrong(format!("{character:?} is not ASCII")));
    }
    let gs1 = text.as_bytes().first() == Some(&GS);
    let items: Vec<Item> = text.bytes().map(|b| if gs1 && b == GS { Item::Fnc1 } else { Item::Character(b) }).collect();
    if items.iter().all(|item| *item == Item::Fnc1) {
        return Err(wrong("there is nothing to say".into()));
    }
    let sets = best_sets(&items);
    let mut values = vec![sets[0].0.start()];
    let mut current = sets[0].0;
    let mut at = 0;
    for (set, step) in sets {
        if set != current {
            values.push(set.switch_to());
            current = set;
        }
        match (step, items[at]) {
            (Step::Shifted, Item::Character(byte)) => {
                let other = if current == Set::A { Set::B } else { Set::A };
                values.push(SHIFT);
                values.extend(other.value(byte));
            }
            (Step::Pair, Item::Character(tens)) => {
                if let Some(Item::Character(ones)) = items.get(at + 1) {
                    values.push((tens - b'0') * 10 + (ones - b'0'));
                }
            }
            (_, Item::Character(byte)) => values.extend(current.value(byte)),
            (_, Item::Fnc1) => values.push(FNC1),
        }
        at += step.length();
    }
    let check = values.iter().enumerate().map(|(i, v)| u32::from(*v) * (i.max(1) as u32)).sum::<u32>() % 103;
    values.push(check as u8);
    Ok(values)
}

/// One step of the encoder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// One item in the set.
    One,
    /// Two digits in set C.
    Pair,
    /// One character of set A in set B, or the other way round.
    Shifted,
}

impl Step {
    fn length(self) -> usize {
        if self == Self::Pair { 2 } else { 1 }
    }

    /// Symbol characters it takes.
    fn cost(self) -> usize {
        if self == Self::Shifted { 2 } else { 1 }
    }
}

/// The sets and steps of a shortest encoding, in the items' order; non-empty items.
fn best_sets(items: &[Item]) -> Vec<(Set, Step)> {
    let step_in = |set: Set, at: usize| -> Option<Step> {
        match (set, items[at]) {
            (_, Item::Fnc1) => Some(Step::One),
            (Set::C, Item::Character(byte)) => match items.get(at + 1) {
                Some(Item::Character(next)) if byte.is_ascii_digit() && next.is_ascii_digit() => Some(Step::Pair),
                _ => None,
            },
            (_, Item::Character(byte)) => Some(if set.value(byte).is_some() { Step::One } else { Step::Shifted }),
        }
    };
    // cost[i][s]: fewest symbol characters for items i.. when the set in force is s; next[i][s]: the set of the next step on that way.
    let end = items.len();
    let mut cost = vec![[usize::MAX / 2; 3]; end + 1];
    let mut next = vec![[Set::B; 3]; end];
    cost[end] = [0; 3];
    for i in (0..end).rev() {
        for from in Set::ALL {
            // Staying comes first, so that ties do not switch.
            for to in [from, Set::C, Set::B, Set::A] {
                let Some(step) = step_in(to, i) else { continue };
                let total = usize::from(to != from) + step.cost() + cost[(i + step.length()).min(end)][to as usize];
                if total < cost[i][from as usize] {
                    cost[i][from as usize] = total;
                    next[i][from as usize] = to;
                }
            }
        }
    }
    let mut set = [Set::C, Set::B, Set::A].into_iter().min_by_key(|s| cost[0][*s as usize]).unwrap_or(Set::B);
    let mut steps = Vec::new();
    let mut at = 0;
    while at < end {
        set = next[at][set as usize];
        let step = step_in(set, at).unwrap_or(Step::One);
        steps.push((set, step));
        at += step.length();
    }
    steps
}

/// The modules of a text from start to stop, without quiet zones; true is dark. 20 digits take 145.
///
/// # Errors
/// [`ArtworkError::Text`] for an empty text or one that is not ASCII.
pub fn encode_code128(text: &str) -> Result<Vec<bool>, ArtworkError> {
    let mut modules = Vec::new();
    let values = symbol_characters(text)?;
    for widths in values.iter().map(|v| CODE128_WIDTHS[usize::from(*v)]).chain([STOP]) {
        for (i, width) in widths.bytes().enumerate() {
            modules.extend(std::iter::repeat_n(i % 2 == 0, usize::from(width - b'0')));
        }
    }
    Ok(modules)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Reads symbol characters back, by the standard's rules and apart from the encoder.
    fn read_back(values: &[u8]) -> String {
        let mut set = values[0] - 103;
        let mut text = String::new();
        let mut shifted = false;
        for &value in &values[1..values.len() - 1] {
            let in_set = if shifted { 1 - set } else { set };
            shifted = false;
            match (in_set, value) {
                (_, 102) => text.push('\u{1d}'),
                (2, 0..100) => text.push_str(&format!("{value:02}")),
                (2, 100) => set = 1,
                (2, 101) => set = 0,
                (_, 99) => set = 2,
                (0, 100) => set = 1,
                (1, 101) => set = 0,
                (_, 98) => shifted = true,
                (0, 64..96) => text.push(char::from(value - 64)),
                (0 | 1, 0..96) => text.push(char::from(value + 32)),
                other => panic!("unexpected {other:?}"),
            }
        }
        text
    }

    #[test]
    fn twenty_digits_are_145_modules_in_set_c() {
        let values = symbol_characters("81234567890123456789").unwrap();
        assert_eq!(values[..11], [105, 81, 23, 45, 67, 89, 1, 23, 45, 67, 89]);
        // 105 + 81·1 + 23·2 + 45·3 + 67·4 + 89·5 + 1·6 + 23·7 + 45·8 + 67·9 + 89·10 = 3100 = 30·103 + 10
        assert_eq!(values[11], 10);
        let modules = encode_code128("81234567890123456789").unwrap();
        assert_eq!(modules.len(), 145);
        let text: String = modules.iter().map(|m| if *m { '1' } else { '0' }).collect();
        assert!(text.starts_with("11010011100"), "start C");
        assert!(text.ends_with("1100011101011"), "stop");
    }

    #[test]
    fn sets_are_switched_where_it_is_shorter() {
        // The standard's own example of a check character: start B, "PJJ123C", check 55.
        assert_eq!(symbol_characters("PJJ123C").unwrap(), [104, 48, 42, 42, 17, 18, 19, 35, 55]);
        assert_eq!(symbol_characters("1234ab").unwrap()[..6], [105, 12, 34, 100, 65, 66]);
        assert_eq!(symbol_characters("A\n").unwrap()[..3], [103, 33, 74]);
        // Odd digits: one of them outside set C, which costs one switch.
        assert_eq!(symbol_characters("12345").unwrap().len(), 1 + 2 + 2 + 1);
        // A lone control character among small letters is shifted.
        assert_eq!(symbol_characters("ab\ncd").unwrap()[..7], [104, 65, 66, 98, 74, 67, 68]);
    }

    #[test]
    fn gs1_has_fnc1_after_the_start() {
        let values = symbol_characters("\u{1d}0106901234567892").unwrap();
        assert_eq!(values[..10], [105, 102, 1, 6, 90, 12, 34, 56, 78, 92]);
        assert_eq!(read_back(&symbol_characters("\u{1d}10AB\u{1d}2112345678").unwrap()), "\u{1d}10AB\u{1d}2112345678");
    }

    #[test]
    fn what_cannot_be_said_is_refused() {
        assert!(encode_code128("").unwrap_err().to_string().contains("nothing to say"));
        assert!(encode_code128("\u{1d}").unwrap_err().to_string().contains("nothing to say"));
        assert!(encode_code128("8药").unwrap_err().to_string().contains("not ASCII"));
    }

    proptest! {
        #[test]
        fn every_ascii_text_reads_back_with_the_right_check(text in "[\\x00-\\x1c\\x1e-\\x7f]{1,40}") {
            let values = symbol_characters(&text).unwrap();
            prop_assert_eq!(read_back(&values), text.clone());
            let sum: u32 = values[..values.len() - 1].iter().enumerate().map(|(i, v)| u32::from(*v) * i.max(1) as u32).sum();
            prop_assert_eq!(sum % 103, u32::from(values[values.len() - 1]));
            prop_assert_eq!(encode_code128(&text).unwrap().len(), values.len() * 11 + 13);
        }

        #[test]
        fn even_digits_take_half_as_many_characters(text in "([0-9]{2}){1,20}") {
            prop_assert_eq!(symbol_characters(&text).unwrap().len(), text.len() / 2 + 2);
        }
    }
}
