//! What a position says, in characters: powers, indices, fractions, the numbers of items.

use super::css::Count;

/// Where a text stands to its line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Raised {
    /// `sup`.
    Up,
    /// `sub`.
    Down,
}

const UP: &str = "0⁰1¹2²3³4⁴5⁵6⁶7⁷8⁸9⁹+⁺-⁻−⁻=⁼(⁽)⁾aᵃbᵇcᶜdᵈeᵉfᶠgᵍhʰiⁱjʲkᵏlˡmᵐnⁿoᵒpᵖrʳsˢtᵗuᵘvᵛwʷxˣyʸzᶻ";
const DOWN: &str = "0₀1₁2₂3₃4₄5₅6₆7₇8₈9₉+₊-₋−₋=₌(₍)₎aₐeₑhₕiᵢjⱼkₖlₗmₘnₙoₒpₚrᵣsₛtₜuᵤvᵥxₓ";

/// A text as it reads above or below its line, after `before`: in characters made for it, or behind a sign.
///
/// The letters of an ordinal (`1st`) and of a mark (`TM`) stay: nobody reads them as a power.
pub(super) fn moved(text: &str, raised: Raised, before: Option<char>) -> String {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return text.to_owned();
    }
    let table = if raised == Raised::Up { UP } else { DOWN };
    let is_word = trimmed.chars().count() > 1 && trimmed.chars().all(char::is_alphabetic);
    if raised == Raised::Up && is_word && stays(trimmed, before) {
        return text.to_owned();
    }
    let other = |c: char| {
        let mut pairs = table.chars();
        while let (Some(plain), Some(moved)) = (pairs.next(), pairs.next()) {
            if plain == c {
                return Some(moved);
            }
        }
        None
    };
    if let (false, Some(moved)) = (is_word, trimmed.chars().map(other).collect::<Option<String>>()) {
        return moved;
    }
    let sign = if raised == Raised::Up { '^' } else { '_' };
    match before {
        Some(c) if c.is_alphanumeric() || matches!(c, ')' | ']') => match trimmed.chars().all(char::is_alphanumeric) {
            true => format!("{sign}{trimmed}"),
            false if trimmed.starts_with(['[', '(', '*', '†']) => text.to_owned(),
            false => format!("{sign}({trimmed})"),
        },
        // Above nothing: a footnote's mark.
        _ => text.to_owned(),
    }
}

/// Whether a raised word is the end of an ordinal, or a mark.
fn stays(word: &str, before: Option<char>) -> bool {
    const ORDINAL: [&str; 14] =
        ["st", "nd", "rd", "th", "er", "re", "nde", "ème", "eme", "te", "ter", "os", "as", "do"];
    let word = word.to_lowercase();
    let after_digit = before.is_some_and(|c| c.is_ascii_digit());
    (after_digit && ORDINAL.contains(&word.as_str())) || matches!(word.as_str(), "tm" | "sm" | "mc")
}

/// Writes fractions of raised and lowered digits as fractions: `1¹/₂` is `1 1/2`.
pub(super) fn with_fractions(text: &str) -> String {
    let digit = |table: &str, c: char| {
        let mut pairs = table.chars();
        while let (Some(plain), Some(moved)) = (pairs.next(), pairs.next()) {
            if moved == c && plain.is_ascii_digit() {
                return Some(plain);
            }
        }
        None
    };
    let run = |table: &str, chars: &[char]| -> String { chars.iter().map_while(|c| digit(table, *c)).collect() };
    let chars: Vec<char> = text.chars().collect();
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let over = run(UP, &chars[at..]);
        let slash = at + over.len();
        let is_slash = !over.is_empty() && matches!(chars.get(slash), Some('/' | '⁄'));
        let under = if is_slash { run(DOWN, &chars[slash + 1..]) } else { String::new() };
        if under.is_empty() {
            let end = if over.is_empty() { at + 1 } else { slash };
            out.extend(&chars[at..end]);
            at = end;
            continue;
        }
        if out.ends_with(|c: char| c.is_ascii_digit()) {
            out.push(' ');
        }
        out.push_str(&format!("{over}/{under}"));
        at = slash + 1 + under.len();
    }
    out
}

/// An item's number as it is counted; what letters and Roman numerals cannot say is decimal.
pub(super) fn numbered(number: i64, count: Count) -> String {
    let letters = |first: u8| {
        let (mut left, mut out) = (number, Vec::new());
        while left > 0 {
            left -= 1;
            out.push((first + (left % 26) as u8) as char);
            left /= 26;
        }
        out.iter().rev().collect::<String>()
    };
    match count {
        Count::LowerLetters if number > 0 => letters(b'a'),
        Count::UpperLetters if number > 0 => letters(b'A'),
        Count::LowerRoman if (1..4000).contains(&number) => roman(number),
        Count::UpperRoman if (1..4000).contains(&number) => roman(number).to_uppercase(),
        _ => number.to_string(),
    }
}

fn roman(mut number: i64) -> String {
    const PARTS: [(i64, &str); 13] = [
        (1000, "m"),
        (900, "cm"),
        (500, "d"),
        (400, "cd"),
        (100, "c"),
        (90, "xc"),
        (50, "l"),
        (40, "xl"),
        (10, "x"),
        (9, "ix"),
        (5, "v"),
        (4, "iv"),
        (1, "i"),
    ];
    let mut out = String::new();
    for (value, letters) in PARTS {
        while number >= value {
            out.push_str(letters);
            number -= value;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_are_counted_as_their_list_says() {
        let rows = [
            (3, Count::Decimal, "3"),
            (1, Count::LowerLetters, "a"),
            (26, Count::LowerLetters, "z"),
            (27, Count::UpperLetters, "AA"),
            (703, Count::LowerLetters, "aaa"),
            (4, Count::LowerRoman, "iv"),
            (1994, Count::UpperRoman, "MCMXCIV"),
            (0, Count::LowerLetters, "0"),
            (-2, Count::UpperRoman, "-2"),
        ];
        for (number, count, expected) in rows {
            assert_eq!(numbered(number, count), expected);
        }
    }
}
