//! What a linear symbol looks like in print: the widths of its bars and spaces.

use crate::codes::Symbology;

/// Bar and space widths of Code 128's symbols 0 to 105 (103 to 105 are the start symbols), starting with a bar (ISO/IEC 15417, table 1).
pub const SYMBOL_WIDTHS: [[u8; 6]; 106] = parse(
    b"212222222122222221121223121322131222122213122312132212221213221312231212112232122132122231113222123122123221223211221132221231\
213212223112312131311222321122321221312212322112322211212123212321232121111323131123131321112313132113132311211313231113231311112133112331132131113123113321133121313121211331231131213113213311213131311123311321331121312113312311332111\
314111221411431111111224111422121124121421141122141221112214112412122114122411142112142211241211221114413111241112134111111242121142121241114212124112124211411212421112421211212141214121412121111143111341131141114113114311411113411311\
113141114131311141411131211412211214211232",
);
/// Code 128's stop, with its final bar.
pub(super) const STOP: [u8; 7] = [2, 3, 3, 1, 1, 1, 2];
/// Raw value of Code 128's stop symbol in readers' output.
const STOP_VALUE: u8 = 106;

const fn parse(digits: &[u8]) -> [[u8; 6]; 106] {
    let mut out = [[0; 6]; 106];
    let mut i = 0;
    while i < 106 * 6 {
        out[i / 6][i % 6] = digits[i] - b'0';
        i += 1;
    }
    out
}

/// Left-hand digits of EAN with odd parity (set A), space first.
const EAN_A: [[u8; 4]; 10] = [
    [3, 2, 1, 1],
    [2, 2, 2, 1],
    [2, 1, 2, 2],
    [1, 4, 1, 1],
    [1, 1, 3, 2],
    [1, 2, 3, 1],
    [1, 1, 1, 4],
    [1, 3, 1, 2],
    [1, 2, 1, 3],
    [3, 1, 1, 2],
];
/// In set B, which only left-hand digits use: the same from the other end. Right-hand digits (set C) have the widths of set A, bar first.
const EAN_B: [[u8; 4]; 10] = mirrored(EAN_A);

const fn mirrored(widths: [[u8; 4]; 10]) -> [[u8; 4]; 10] {
    let mut mirrored = widths;
    let mut i = 0;
    while i < 10 {
        let [a, b, c, d] = widths[i];
        mirrored[i] = [d, c, b, a];
        i += 1;
    }
    mirrored
}

/// Which of digits 2 to 7 are in set B, by the first digit; the highest of six bits is digit 2.
const EAN_PARITY: [u8; 10] = [0b000000, 0b001011, 0b001101, 0b001110, 0b010011, 0b011001, 0b011100, 0b010101, 0b010110, 0b011010];

/// Runs before an EAN-13's left-hand digits and before its right-hand ones: a guard, and the one in the middle.
const EAN_LEFT: usize = 3;
const EAN_RIGHT: usize = EAN_LEFT + 6 * 4 + 5;

/// A character of a symbol, with what else could stand in its place.
#[derive(Debug, Clone)]
pub struct Character<'s> {
    /// Modules before it.
    pub at: usize,
    /// Runs before it.
    pub first: usize,
    /// Its runs.
    pub own: &'s [u8],
    /// Whether they begin with a bar.
    pub bar_first: bool,
    /// The runs of all characters that may stand there, its own among them.
    pub rivals: Vec<&'static [u8]>,
}

impl Character<'_> {
    /// Its width in modules.
    pub fn modules(&self) -> usize {
        self.own.iter().map(|&run| usize::from(run)).sum()
    }

    /// The character that differs in nothing but bars that are all wider, or all narrower, by a module.
    fn regrown(&self, wider: bool) -> Option<&'static [u8]> {
        let regrown = |other: &&[u8]| {
            let pairs = self.own.iter().zip(other.iter()).enumerate();
            pairs
                .map(|(i, (own, other))| ((i % 2 == 0) == self.bar_first, *own, *other))
                .all(|(bar, own, other)| if bar == wider { other == own + 1 } else { other + 1 == own })
        };
        self.rivals.iter().copied().find(regrown)
    }
}

/// A linear symbol as printed: alternating bars and spaces in modules, from first to last bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinearSymbol {
    /// Code 128 or EAN-13.
    pub symbology: Symbology,
    /// Widths in modules, bars at even indices.
    pub runs: Vec<u8>,
    /// Symbol values of a Code 128, start and check included, stop not; empty for EAN-13.
    pub values: Vec<u8>,
}

impl LinearSymbol {
    /// Code 128 from its symbol values: start, data, check, optionally the stop (106). `None` if a value is out of range, or fewer than three.
    pub fn code128(values: &[u8]) -> Option<Self> {
        let values = values.strip_suffix(&[STOP_VALUE]).unwrap_or(values);
        if values.len() < 3 {
            return None;
        }
        let mut runs = Vec::with_capacity(values.len() * 6 + 7);
        for &v in values {
            runs.extend_from_slice(SYMBOL_WIDTHS.get(usize::from(v))?);
        }
        runs.extend_from_slice(&STOP);
        Some(Self { symbology: Symbology::Code128, runs, values: values.to_vec() })
    }

    /// Code 128 of an even number of digits in code set C. `None` for any other text.
    pub fn code128_digits(digits: &str) -> Option<Self> {
        if digits.is_empty() || !digits.len().is_multiple_of(2) || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let mut values = vec![105u8];
        values.extend(digits.as_bytes().chunks_exact(2).map(|p| (p[0] - b'0') * 10 + p[1] - b'0'));
        let sum: usize = 105 + values.iter().enumerate().map(|(i, &v)| i * usize::from(v)).sum::<usize>();
        values.push((sum % 103) as u8);
        Self::code128(&values)
    }

    /// EAN-13 of thirteen digits; the check digit is taken as it stands.
    pub fn ean13(digits: &str) -> Option<Self> {
        if digits.len() != 13 || !digits.bytes().all(|b| b.is_ascii_digit()) {
            return None;
        }
        let d: Vec<usize> = digits.bytes().map(|b| usize::from(b - b'0')).collect();
        let mut runs = vec![1, 1, 1];
        for i in 1..7 {
            let set = if EAN_PARITY[d[0]] >> (6 - i) & 1 == 1 { &EAN_B } else { &EAN_A };
            runs.extend_from_slice(&set[d[i]]);
        }
        runs.extend_from_slice(&[1, 1, 1, 1, 1]);
        for &digit in &d[7..] {
            runs.extend_from_slice(&EAN_A[digit]);
        }
        runs.extend_from_slice(&[1, 1, 1]);
        Some(Self { symbology: Symbology::Ean13, runs, values: Vec::new() })
    }

    /// The characters: of a Code 128 start, data and check, of an EAN-13 the twelve digits that are printed.
    pub fn characters(&self) -> Vec<Character<'_>> {
        let slices = |widths: &'static [[u8; 6]]| widths.iter().map(|widths| &widths[..]).collect::<Vec<_>>();
        let runs: Vec<(usize, usize, bool, Vec<&[u8]>)> = if self.symbology == Symbology::Ean13 {
            let left = || EAN_A.iter().chain(&EAN_B).map(|widths| &widths[..]).collect();
            let right = || EAN_A.iter().map(|widths| &widths[..]).collect();
            let lefts = (0..6).map(|i| (EAN_LEFT + 4 * i, 4, false, left()));
            lefts.chain((0..6).map(|i| (EAN_RIGHT + 4 * i, 4, true, right()))).collect()
        } else {
            let (data, starts) = SYMBOL_WIDTHS.split_at(103);
            (0..self.values.len()).map(|i| (6 * i, 6, true, slices(if i == 0 { starts } else { data }))).collect()
        };
        let character = |(first, count, bar_first, rivals)| Character {
            first,
            at: self.runs[..first].iter().map(|&run| usize::from(run)).sum(),
            own: &self.runs[first..first + count],
            bar_first,
            rivals,
        };
        runs.into_iter().map(character).collect()
    }

    /// Symbols that this one may be taken for where its bars are grown or thinned, or darker than others beside them: one or several neighbours among the
    /// characters that allow it are others whose bars are all wider, or all narrower, by one module. No Code 128 has any.
    pub fn regrown(&self) -> Vec<Self> {
        let characters = self.characters();
        let mut symbols = Vec::new();
        for wider in [true, false] {
            let others: Vec<(usize, &[u8])> =
                characters.iter().filter_map(|character| Some((character.first, character.regrown(wider)?))).collect();
            for from in 0..others.len() {
                let mut symbol = self.clone();
                for (first, runs) in &others[from..] {
                    symbol.runs[*first..first + runs.len()].copy_from_slice(runs);
                    symbols.push(symbol.clone());
                }
            }
        }
        symbols
    }

    /// Total width in modules, without quiet zones.
    pub fn modules(&self) -> usize {
        self.runs.iter().map(|&r| usize::from(r)).sum()
    }

    /// Positions of all edges as shares of the symbol, from the first bar's left edge.
    pub fn shares(&self) -> Vec<f64> {
        let modules = self.modules() as f64;
        self.edges().iter().map(|edge| edge / modules).collect()
    }

    /// Positions of all edges in modules from the first bar's left edge; even indices go from light to dark.
    pub fn edges(&self) -> Vec<f64> {
        let mut at = 0.0;
        let mut edges = vec![0.0];
        for &r in &self.runs {
            at += f64::from(r);
            edges.push(at);
        }
        edges
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_symbol_is_eleven_modules_wide_and_unique() {
        let mut seen = SYMBOL_WIDTHS.to_vec();
        assert!(seen.iter().all(|w| w.iter().sum::<u8>() == 11 && (w[0] + w[2] + w[4]) % 2 == 0));
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 106);
        // From the standard's table: value 0, 99, start C.
        assert_eq!((SYMBOL_WIDTHS[0], SYMBOL_WIDTHS[99], SYMBOL_WIDTHS[105]), ([2, 1, 2, 2, 2, 2], [1, 1, 3, 1, 4, 1], [2, 1, 1, 2, 3, 2]));
    }

    #[test]
    fn twenty_digits_are_145_modules_and_a_retail_code_95() {
        assert_eq!(LinearSymbol::code128_digits("81054321120021123456").unwrap().modules(), 145);
        let ean = LinearSymbol::ean13("6901234567892").unwrap();
        assert_eq!((ean.modules(), ean.runs.len()), (95, 59));
    }

    #[test]
    fn nothing_else_is_encoded() {
        assert!(LinearSymbol::code128_digits("123").is_none() && LinearSymbol::code128_digits("12a4").is_none());
        assert!(LinearSymbol::code128(&[105, 200, 3, 106]).is_none() && LinearSymbol::ean13("690123456789").is_none());
    }

    #[test]
    fn only_retail_codes_have_characters_that_differ_in_the_widths_of_their_bars_alone() {
        // 1 and 7, 2 and 8, in all sets.
        let regrown = |digits: &str| LinearSymbol::ean13(digits).unwrap().regrown();
        let [symbols, text] = [regrown("6925733935877"), vec![LinearSymbol::ean13("6925733935211").unwrap()]];
        assert!(symbols.contains(&text[0]) && symbols.iter().all(|symbol| symbol.modules() == 95));
        assert_eq!(regrown("6934563456900").len(), 0);
        for value in 0..103 {
            assert!(LinearSymbol::code128(&[105, value, value]).unwrap().regrown().is_empty(), "{value}");
        }
    }
}
