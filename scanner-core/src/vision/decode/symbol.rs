//! What a linear symbol looks like in print: the widths of its bars and spaces.

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
/// Which of digits 2 to 7 are in set B, by the first digit; the highest of six bits is digit 2.
const EAN_PARITY: [u8; 10] = [0b000000, 0b001011, 0b001101, 0b001110, 0b010011, 0b011001, 0b011100, 0b010101, 0b010110, 0b011010];

/// A linear symbol as printed: alternating bars and spaces in modules, from first to last bar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinearSymbol {
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
        Some(Self { runs, values: values.to_vec() })
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
            let mut widths = EAN_A[d[i]];
            if EAN_PARITY[d[0]] >> (6 - i) & 1 == 1 {
                widths.reverse();
            }
            runs.extend_from_slice(&widths);
        }
        runs.extend_from_slice(&[1, 1, 1, 1, 1]);
        for &digit in &d[7..] {
            runs.extend_from_slice(&EAN_A[digit]);
        }
        runs.extend_from_slice(&[1, 1, 1]);
        Some(Self { runs, values: Vec::new() })
    }

    /// Total width in modules, without quiet zones.
    pub fn modules(&self) -> usize {
        self.runs.iter().map(|&r| usize::from(r)).sum()
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
}
