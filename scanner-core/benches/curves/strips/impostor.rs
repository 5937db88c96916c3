//! Prints that are no code of twenty digits, or not all of one.

use super::label::Label;
use super::{Conditions, MODULES};
use crate::support::{Dice, code128, code128_of, dark, ean13};

/// What is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Impostor {
    /// Lines of digits.
    Text,
    /// Bars and spaces of one to four modules, at random.
    Stripes,
    /// Bars and spaces of one width.
    Grating,
    /// A code two of whose characters are another code's, under the old check character.
    WrongCheck,
    /// Right start and stop, and random modules in between.
    RandomMiddle,
    /// Code 128 in code set C of 16, 18, 22 or 24 digits.
    OtherLength,
    /// Code 128 of letters, as many characters as a traceability code has.
    Letters,
    /// EAN-13.
    Ean13,
    /// Interleaved 2 of 5.
    Itf,
    /// Code 39.
    Code39,
    /// Paper, dirt and noise.
    Nothing,
    /// A code whose third is covered or cut off.
    Cut,
}

impl Impostor {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::Text,
        Self::Stripes,
        Self::Grating,
        Self::WrongCheck,
        Self::RandomMiddle,
        Self::OtherLength,
        Self::Letters,
        Self::Ean13,
        Self::Itf,
        Self::Code39,
        Self::Nothing,
        Self::Cut,
    ];

    /// One of them.
    pub fn draw(dice: &mut Dice) -> Self {
        Self::ALL[dice.int(Self::ALL.len() as u32) as usize]
    }

    /// What reports call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "lines of text",
            Self::Stripes => "random stripes",
            Self::Grating => "even stripes",
            Self::WrongCheck => "wrong check character",
            Self::RandomMiddle => "start, stop, random between",
            Self::OtherLength => "Code 128 of other lengths",
            Self::Letters => "Code 128 of letters",
            Self::Ean13 => "EAN-13",
            Self::Itf => "Interleaved 2 of 5",
            Self::Code39 => "Code 39",
            Self::Nothing => "paper and dirt",
            Self::Cut => "a third covered or cut off",
        }
    }

    /// The label, and the text of the code that it still shows a part of.
    pub fn print(self, conditions: &Conditions, dice: &mut Dice) -> (Label, Option<String>) {
        let (height, faults) = (conditions.height, conditions.faults);
        let symbol = |modules: &[bool], dice: &mut Dice| {
            let mut label = Label::new(modules.len(), height, conditions.board);
            label.bars(modules, &faults, dice);
            let text = dice.trace();
            label.neighbours(&text, dice);
            label
        };
        let label = match self {
            Self::Text => {
                let mut label = Label::new(MODULES, height, conditions.board);
                let (size, mut v) = (dice.real(3.0, 14.0), -height / 2.0);
                while v + size < height / 2.0 + 6.0 {
                    let line = dice.digits(60);
                    label.digits(&line, dice.real(-30.0, 0.0), v, size, size * 0.75);
                    v += size * dice.real(1.2, 1.6);
                }
                label
            }
            Self::Stripes => symbol(&widths(MODULES, dice, |dice| 1 + dice.int(4) as usize), dice),
            Self::Grating => {
                let width = 1 + dice.int(4) as usize;
                symbol(&widths(MODULES, dice, |_| width), dice)
            }
            Self::WrongCheck => {
                let (text, other) = (dice.trace(), dice.trace());
                let pair = dice.int(9) as usize;
                let mixed = format!("{}{}{}", &text[..2 * pair], &other[2 * pair..2 * pair + 4], &text[2 * pair + 4..]);
                let (mut modules, mixed_modules) = (code128(&text), code128(&mixed));
                let characters = 11 * (1 + pair)..11 * (3 + pair);
                modules[characters.clone()].copy_from_slice(&mixed_modules[characters]);
                // Once in a hundred the check character is right after all.
                let shown = (modules == mixed_modules).then_some(mixed);
                return (symbol(&modules, dice), shown);
            }
            Self::RandomMiddle => {
                let text = dice.trace();
                let mut modules = code128(&text);
                modules[11..132].iter_mut().for_each(|module| *module = dice.int(2) == 0);
                symbol(&modules, dice)
            }
            Self::OtherLength => {
                let digits = [16, 18, 22, 24][dice.int(4) as usize];
                let text = dice.digits(digits);
                symbol(&code128(&text), dice)
            }
            Self::Letters => {
                let values: Vec<usize> = [104].into_iter().chain((0..10).map(|_| 16 + dice.int(43) as usize)).collect();
                // Code set B: the value is the letter's place after the space. This reader says so, too.
                let text: String = values[1..].iter().map(|v| char::from(b' ' + *v as u8)).collect();
                return (symbol(&code128_of(&values), dice), Some(text));
            }
            Self::Ean13 => {
                let text = dice.retail();
                symbol(&ean13(&text), dice)
            }
            Self::Itf => {
                let text = dice.digits(14);
                symbol(&itf(&text), dice)
            }
            Self::Code39 => symbol(&code39(dice), dice),
            Self::Nothing => {
                let mut label = Label::new(MODULES, height, conditions.board);
                for _ in 0..dice.int(200) {
                    let (u, v, size) = (dice.real(-30.0, 170.0), dice.real(-height, height), dice.real(0.3, 3.0));
                    label.fill([u, u + size], [v, v + dice.real(0.3, 3.0)], dice.real(0.2, 1.0));
                }
                label
            }
            Self::Cut => {
                let text = dice.trace();
                let mut label = symbol(&code128(&text), dice);
                let share = dice.real(0.15, 0.4) * MODULES as f64;
                let from = match dice.int(3) {
                    0 => -40.0,
                    1 => MODULES as f64 - share,
                    _ => dice.real(11.0, 0.8 * MODULES as f64),
                };
                let to = if from < 0.0 { share } else { from + share.max(if from + share > 134.0 { 80.0 } else { 0.0 }) };
                label.fill([from, to], [-height, height], [0.0, 1.0, 0.4][dice.int(3) as usize]);
                return (label, Some(text));
            }
        };
        (label, None)
    }
}

/// Bars and spaces of so many modules in all, beginning and ending with a bar.
fn widths(total: usize, dice: &mut Dice, mut width: impl FnMut(&mut Dice) -> usize) -> Vec<bool> {
    let (mut modules, mut bar) = (Vec::new(), true);
    while modules.len() < total {
        let n = width(dice);
        modules.extend(std::iter::repeat_n(bar, n));
        bar = !bar;
    }
    modules.truncate(total);
    modules
}

/// Modules of an Interleaved 2 of 5 (ISO/IEC 16390), wide elements of three modules.
fn itf(digits: &str) -> Vec<bool> {
    // Wide elements of each digit.
    const WIDE: [&str; 10] = ["11331", "31113", "13113", "33111", "11313", "31311", "13311", "11133", "31131", "13131"];
    let mut modules = Vec::new();
    dark("1111", true, &mut modules);
    let d: Vec<usize> = digits.bytes().map(|b| usize::from(b - b'0')).collect();
    for pair in d.chunks_exact(2) {
        let woven: String = WIDE[pair[0]].chars().zip(WIDE[pair[1]].chars()).flat_map(|(bar, space)| [bar, space]).collect();
        dark(&woven, true, &mut modules);
    }
    dark("311", true, &mut modules);
    modules
}

/// Modules of a Code 39 (ISO/IEC 16388) of eight digits between two asterisks, wide elements of two modules.
fn code39(dice: &mut Dice) -> Vec<bool> {
    const DIGITS: [&str; 10] =
        ["111221211", "211211112", "112211112", "212211111", "111221112", "211221111", "112221111", "111211212", "211211211", "112211211"];
    const ASTERISK: &str = "121121211";
    let mut modules = Vec::new();
    let body: Vec<&str> = (0..8).map(|_| DIGITS[dice.int(10) as usize]).collect();
    for character in [ASTERISK].into_iter().chain(body).chain([ASTERISK]) {
        dark(character, true, &mut modules);
        modules.push(false);
    }
    modules.pop();
    modules
}
