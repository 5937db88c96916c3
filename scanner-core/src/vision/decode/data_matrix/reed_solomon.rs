//! Errors and erasures in a Reed–Solomon block over GF(256), as Data Matrix uses it: x⁸ + x⁵ + x³ + x² + 1, roots α¹ to αⁿ (ISO/IEC 16022, annex E).

/// Powers of α, twice over, and logarithms.
const TABLES: ([u8; 510], [u8; 256]) = tables();

const fn tables() -> ([u8; 510], [u8; 256]) {
    let (mut exp, mut log) = ([0u8; 510], [0u8; 256]);
    let (mut i, mut x) = (0usize, 1u16);
    while i < 255 {
        exp[i] = x as u8;
        exp[i + 255] = x as u8;
        log[x as usize] = i as u8;
        x <<= 1;
        if x & 0x100 != 0 {
            x ^= 0x12d;
        }
        i += 1;
    }
    (exp, log)
}

fn times(a: u8, b: u8) -> u8 {
    if a == 0 || b == 0 { 0 } else { TABLES.0[usize::from(TABLES.1[usize::from(a)]) + usize::from(TABLES.1[usize::from(b)])] }
}

fn inverse(a: u8) -> u8 {
    TABLES.0[255 - usize::from(TABLES.1[usize::from(a)])]
}

fn power(exponent: usize) -> u8 {
    TABLES.0[exponent % 255]
}

/// Value of a polynomial, lowest coefficient first.
fn value(polynomial: &[u8], x: u8) -> u8 {
    polynomial.iter().rev().fold(0, |sum, &c| times(sum, x) ^ c)
}

fn product(a: &[u8], b: &[u8], terms: usize) -> Vec<u8> {
    let mut out = vec![0; terms];
    for (i, &x) in a.iter().enumerate() {
        for (j, &y) in b.iter().enumerate() {
            if i + j < terms {
                out[i + j] ^= times(x, y);
            }
        }
    }
    out
}

/// Corrects `word` (data first, then `ecc` check symbols) in place; `erased` are indices that are not to be trusted. Returns how many symbols outside
/// `erased` were wrong; `None` where no codeword lies within reach, that is 2·errors + erasures ≤ ecc. `word` is then left as it was.
pub fn correct(word: &mut [u8], ecc: usize, erased: &[usize]) -> Option<usize> {
    let n = word.len();
    if erased.len() > ecc {
        return None;
    }
    let low_first: Vec<u8> = word.iter().rev().copied().collect();
    let syndromes: Vec<u8> = (1..=ecc).map(|i| value(&low_first, power(i))).collect();
    if syndromes.iter().all(|s| *s == 0) {
        return Some(0);
    }
    // Locators are α^(n−1−index).
    let mut gamma = vec![1u8];
    for &index in erased {
        gamma = product(&gamma, &[1, power(n - 1 - index)], gamma.len() + 1);
    }
    // Berlekamp–Massey, started from the erasures (Blahut, "Algebraic Codes for Data Transmission", 7.4).
    let (mut lambda, mut before) = (gamma.clone(), gamma);
    let mut length = erased.len();
    for r in erased.len() + 1..=ecc {
        let delta = (0..lambda.len().min(r)).fold(0, |sum, j| sum ^ times(lambda[j], syndromes[r - 1 - j]));
        before.insert(0, 0);
        if delta == 0 {
            continue;
        }
        let mut next = lambda.clone();
        next.resize(next.len().max(before.len()), 0);
        for (t, &b) in next.iter_mut().zip(&before) {
            *t ^= times(delta, b);
        }
        if 2 * length < r + erased.len() {
            length = r + erased.len() - length;
            let scale = inverse(delta);
            before = lambda.iter().map(|&c| times(c, scale)).collect();
        }
        lambda = next;
    }
    while lambda.last() == Some(&0) {
        lambda.pop();
    }
    if lambda.len() != length + 1 || 2 * length > ecc + erased.len() {
        return None;
    }
    let omega = product(&syndromes, &lambda, ecc);
    // Forney. The derivative keeps the odd coefficients.
    let derivative: Vec<u8> = lambda.iter().skip(1).enumerate().map(|(i, &c)| if i % 2 == 0 { c } else { 0 }).collect();
    let mut fixes = Vec::new();
    for index in 0..n {
        let at = power(255 - (n - 1 - index) % 255);
        if value(&lambda, at) == 0 {
            let slope = value(&derivative, at);
            if slope == 0 {
                return None;
            }
            fixes.push((index, times(value(&omega, at), inverse(slope))));
        }
    }
    if fixes.len() != length {
        return None;
    }
    let mut fixed = word.to_vec();
    for &(index, error) in &fixes {
        fixed[index] ^= error;
    }
    let low_first: Vec<u8> = fixed.iter().rev().copied().collect();
    if (1..=ecc).any(|i| value(&low_first, power(i)) != 0) {
        return None;
    }
    word.copy_from_slice(&fixed);
    Some(fixes.iter().filter(|(index, error)| *error != 0 && !erased.contains(index)).count())
}

/// The check symbols of `data`.
#[cfg(test)]
pub fn check_symbols(data: &[u8], ecc: usize) -> Vec<u8> {
    let mut generator = vec![1u8];
    for i in 1..=ecc {
        generator = product(&generator, &[power(i), 1], generator.len() + 1);
    }
    let mut remainder = vec![0u8; ecc];
    for &d in data {
        let factor = d ^ remainder[0];
        remainder.rotate_left(1);
        remainder[ecc - 1] = 0;
        for (k, r) in remainder.iter_mut().enumerate() {
            *r ^= times(factor, generator[ecc - 1 - k]);
        }
    }
    remainder
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_standards_example() {
        // ISO/IEC 16022, annex O: "123456" in 10×10.
        assert_eq!(check_symbols(&[142, 164, 186], 5), [114, 25, 5, 88, 102]);
    }

    proptest! {
        #[test]
        fn whatever_is_within_reach_is_corrected(
            data in proptest::collection::vec(any::<u8>(), 3..60), ecc in 5usize..30,
            damage in proptest::collection::vec((any::<prop::sample::Index>(), 1u8..), 0..15), erased in 0usize..15,
        ) {
            let mut word = data.clone();
            word.extend(check_symbols(&data, ecc));
            let good = word.clone();
            let mut places: Vec<usize> = Vec::new();
            for (index, error) in damage {
                let i = index.index(word.len());
                if !places.contains(&i) {
                    word[i] ^= error;
                    places.push(i);
                }
            }
            let known = erased.min(places.len());
            let bad = word.clone();
            let result = correct(&mut word, ecc, &places[..known]);
            if 2 * (places.len() - known) + known <= ecc {
                prop_assert_eq!(result, Some(places.len() - known));
                prop_assert_eq!(word, good);
            } else if result.is_none() {
                prop_assert_eq!(word, bad);
            }
        }
    }
}
