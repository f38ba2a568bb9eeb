//! `multipart/form-data`: a form with files, as browsers and clients send it.

use bytes::Bytes;

/// One part of a form.
pub(super) struct Part {
    /// The field's name; empty, if it has none.
    pub(super) name: String,
    /// The file's name, if it is one; empty, if none was chosen.
    pub(super) file: Option<String>,
    /// What it says of its content.
    pub(super) content_type: Option<String>,
    pub(super) bytes: Bytes,
}

/// What stands between the parts, if this is the type of such a form.
pub(super) fn boundary(content_type: &str) -> Option<String> {
    let (kind, rest) = content_type.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("multipart/form-data") {
        return None;
    }
    let boundary = parameter(rest, "boundary")?;
    Some(boundary).filter(|boundary| !boundary.is_empty())
}

/// The parts of a form; nothing, if it is damaged or cut off.
pub(super) fn parts(body: &Bytes, boundary: &str) -> Option<Vec<Part>> {
    const BREAK: &[u8] = b"\r\n\r\n";
    let ends = format!("\r\n--{boundary}");
    // What stands before the first one is for readers that know no parts.
    let first = &ends.as_bytes()[2..];
    let mut at = if body.starts_with(first) { first.len() } else { find(body, ends.as_bytes(), 0)? + ends.len() };
    let mut parts = Vec::new();
    while body.get(at..at + 2) == Some(b"\r\n") {
        // A part without a head begins with the empty line.
        let head_ends = find(body, BREAK, at)?;
        let head = String::from_utf8_lossy(&body[at..head_ends]).into_owned();
        let begin = head_ends + BREAK.len();
        // An empty part ends with the line break that ends its head.
        let end = find(body, ends.as_bytes(), begin - 2)?;
        let disposition = header(&head, "content-disposition").unwrap_or_default();
        parts.push(Part {
            name: parameter(disposition, "name").unwrap_or_default(),
            file: parameter(disposition, "filename"),
            content_type: header(&head, "content-type").map(str::to_owned),
            bytes: body.slice(begin.min(end)..end),
        });
        at = end + ends.len();
    }
    body.get(at..at + 2).is_some_and(|closes| closes == b"--").then_some(parts)
}

/// A name as it stands between quotes: browsers escape three characters.
pub(super) fn escaped(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

fn header<'a>(head: &'a str, wanted: &str) -> Option<&'a str> {
    head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim())
    })
}

/// A parameter of a header, between quotes or not.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    let mut rest = header;
    loop {
        rest = rest.trim_start_matches(|c: char| c == ';' || c.is_whitespace());
        let end = rest.find([';', '='])?;
        let (name, after) = (rest[..end].trim_end(), &rest[end..]);
        let Some(after) = after.strip_prefix('=') else {
            rest = after;
            continue;
        };
        let after = after.trim_start();
        let (value, next) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_at(after.find(';').unwrap_or(after.len())),
        };
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value.trim_end().replace("%22", "\"").replace("%0D", "\r").replace("%0A", "\n"));
        }
        rest = next;
    }
}

fn find(body: &[u8], wanted: &[u8], from: usize) -> Option<usize> {
    let first = *wanted.first()?;
    let mut at = from;
    loop {
        at += body.get(at..)?.iter().position(|byte| *byte == first)?;
        if body[at..].starts_with(wanted) {
            return Some(at);
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Seen = (String, Option<String>, Option<String>, Vec<u8>);

    fn read(body: &str) -> Option<Vec<Seen>> {
        let seen = |part: Part| (part.name, part.file, part.content_type, part.bytes.to_vec());
        Some(parts(&Bytes::from(body.to_owned()), "x")?.into_iter().map(seen).collect())
    }

    #[test]
    fn parts_are_read_as_browsers_and_clients_send_them() {
        let body = "--x\r\nContent-Disposition: form-data; name=\"subject\"\r\n\r\nZoll & Fracht\r\n--x\r\n\
                    content-disposition:form-data; filename=\"a; name=%22b%22.pdf\"; name=file\r\n\
                    CONTENT-TYPE: application/pdf\r\n\r\n%PDF\r\n--y\r\n\r\n--x\r\n\
                    Content-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\r\n\r\n--x\r\n\r\nbare\r\n--x--\r\n";
        let text = |text: &str| text.to_owned();
        let expected = vec![
            (text("subject"), None, None, b"Zoll & Fracht".to_vec()),
            (text("file"), Some(text("a; name=\"b\".pdf")), Some(text("application/pdf")), b"%PDF\r\n--y\r\n".to_vec()),
            (text("file"), Some(String::new()), None, Vec::new()),
        ];
        let seen = read(body).expect("it is read");
        assert_eq!(seen[..3], expected);
        assert_eq!(read(&format!("before\r\n{body}")).expect("it is read").len(), seen.len());
        assert_eq!(escaped("a; name=\"b\".pdf"), "a; name=%22b%22.pdf");
    }

    #[test]
    fn what_is_cut_off_or_nothing_is_no_form() {
        let whole = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nabc\r\n--x--";
        assert!(read(whole).is_some());
        for end in 0..whole.len() {
            assert!(read(&whole[..end]).is_none(), "{}", &whole[..end]);
        }
    }

    #[test]
    fn the_boundary_stands_in_the_type() {
        for (kind, expected) in [
            ("multipart/form-data; boundary=\"a b\"", Some("a b")),
            ("Multipart/Form-Data;charset=utf-8; Boundary=ab ;c=d", Some("ab")),
            ("multipart/form-data; boundary=", None),
            ("multipart/form-data", None),
            ("application/x-www-form-urlencoded; boundary=a", None),
        ] {
            assert_eq!(boundary(kind).as_deref(), expected, "{kind}");
        }
    }
}
