//! Halves of characters that a vendor cut in two.

use std::borrow::Cow;

/// Replaces the escaped lone surrogates of a JSON body by U+FFFD: vendors send them, and serde_json refuses the whole body.
pub fn mend_surrogates(body: &[u8]) -> Cow<'_, [u8]> {
    let unit = |at: usize| -> Option<u16> {
        let digits = body.get(at..at + 6)?;
        let hex = std::str::from_utf8(digits.strip_prefix(b"\\u")?).ok()?;
        u16::from_str_radix(hex, 16).ok()
    };
    if !body.windows(4).any(|w| w[0] == b'\\' && w[1] == b'u' && matches!(w[2], b'd' | b'D') && w[3] >= b'8') {
        return Cow::Borrowed(body);
    }
    let mut mended = Vec::with_capacity(body.len());
    let mut at = 0;
    while at < body.len() {
        if body[at] != b'\\' {
            mended.push(body[at]);
            at += 1;
            continue;
        }
        match unit(at) {
            Some(0xD800..=0xDBFF) if matches!(unit(at + 6), Some(0xDC00..=0xDFFF)) => {
                mended.extend_from_slice(&body[at..at + 12]);
                at += 12;
            }
            Some(0xD800..=0xDFFF) => {
                mended.extend_from_slice(b"\\ufffd");
                at += 6;
            }
            _ => {
                let end = (at + 2).min(body.len());
                mended.extend_from_slice(&body[at..end]);
                at = end;
            }
        }
    }
    Cow::Owned(mended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lone_surrogate_costs_one_character_and_nothing_else() {
        let rows = [
            (r#"a \ud83d b \ud83d\ude00 \\ud83d \u00e9"#, r#"a \ufffd b \ud83d\ude00 \\ud83d \u00e9"#),
            (r#"\udc00\uD83D"#, r#"\ufffd\ufffd"#),
            (r#"\ud83d\u0041"#, r#"\ufffd\u0041"#),
            (r#"\ud8"#, r#"\ud8"#),
            (r#"\"#, r#"\"#),
            (r#"\é\ud83d"#, r#"\é\ufffd"#),
        ];
        for (body, expected) in rows {
            assert_eq!(mend_surrogates(body.as_bytes()), expected.as_bytes(), "{body}");
        }
    }
}
