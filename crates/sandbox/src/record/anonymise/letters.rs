//! Letters that stand in for others, and shapes that stand in for words.

/// Stand-ins have no vowels, so that one sees what they are and none is a word.
const CONSONANTS: &[u8] = b"bcdfghjklmnpqrstvwxz";
/// How many neighbours of a letter stand in for it.
const BLOCK: u32 = 64;

/// Another letter of the same script, case and size.
pub(super) fn stand_in(letter: char, chance: usize) -> char {
    if letter.is_ascii() {
        let chosen = char::from(CONSONANTS[chance % CONSONANTS.len()]);
        return if letter.is_ascii_uppercase() { chosen.to_ascii_uppercase() } else { chosen };
    }
    let is_like = |other: &char| {
        other.is_alphabetic()
            && *other != letter
            && other.is_uppercase() == letter.is_uppercase()
            && other.is_lowercase() == letter.is_lowercase()
            && other.len_utf8() == letter.len_utf8()
    };
    let first = u32::from(letter) / BLOCK * BLOCK;
    let block: Vec<char> = (first..first + BLOCK).filter_map(char::from_u32).filter(is_like).collect();
    block.get(chance % block.len().max(1)).copied().unwrap_or('x')
}

/// Another digit of the same script and size.
pub(super) fn stand_in_digit(digit: char, chance: usize) -> char {
    if digit.is_ascii() {
        return char::from(b"123456789"[chance % 9]);
    }
    let is_like = |other: &char| other.is_numeric() && !other.is_alphabetic() && other.len_utf8() == digit.len_utf8();
    let first = u32::from(digit) / BLOCK * BLOCK;
    let block: Vec<char> = (first..first + BLOCK).filter_map(char::from_u32).filter(is_like).collect();
    if block.len() > 1 { block[chance % block.len()] } else { '0' }
}

/// A text with one letter for all of a kind: what two texts have in common that differ in their words alone.
pub(in crate::record) fn shape(text: &str) -> String {
    let mut shape = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if first == '⟦'
            && let Some(end) = rest.find('⟧')
        {
            let end = end + '⟧'.len_utf8();
            shape.push_str(&rest[..end]);
            rest = &rest[end..];
            continue;
        }
        shape.push(match first {
            c if c.is_uppercase() => 'X',
            c if c.is_alphabetic() => 'x',
            c if c.is_numeric() => '0',
            c => c,
        });
        rest = &rest[first.len_utf8()..];
    }
    shape
}
