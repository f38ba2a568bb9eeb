//! What a request carried, taken apart so that its texts can be told from its bones.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Asked, names};
use crate::multipart;

/// Where Slack's methods have a form.
const SLACK: &str = "/slack/api/";
/// The arguments of them that are JSON in a form's field.
const STRUCTURES: &str = "attachments blocks dialog files metadata profile prompts unfurls user_auth_blocks view";
/// Fields in which a program keeps what it likes, under names that it likes.
const OWN: [&str; 3] = ["event_payload", "external_ids", "custom"];

/// Where a text stands.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place<'a> {
    /// The field's name.
    pub(super) field: &'a str,
    /// Whether the text is that name itself.
    pub(super) is_name: bool,
    /// Whether somebody else than the vendor called the field so.
    pub(super) is_own: bool,
}

impl Place<'_> {
    fn of(field: &str) -> Place<'_> {
        Place { field, is_name: false, is_own: false }
    }

    fn name(self) -> Self {
        Place { is_name: true, ..self }
    }
}

/// The body of a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// Nothing.
    #[default]
    Empty,
    /// A form's fields.
    Form(Vec<(String, String)>),
    /// JSON.
    Json(Value),
    /// A form with files.
    Parts {
        /// What stands between its parts.
        boundary: String,
        /// They.
        parts: Vec<Part>,
    },
    /// Any other text.
    Text(String),
    /// Bytes, in Base64.
    Bytes(String),
}

/// A field of a form with files, or one of its files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// The field's name.
    pub name: String,
    /// The file's name and type, if it is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<(String, String)>,
    /// The value; of a file its bytes, in Base64.
    pub value: String,
}

impl Body {
    /// Takes apart what came with this content type.
    pub fn of(content_type: &str, bytes: &[u8]) -> Body {
        if bytes.is_empty() {
            return Body::Empty;
        }
        // Whatever the type says: curl calls everything a form, and the sandbox's own addresses do not mind.
        if let Ok(value @ (Value::Object(_) | Value::Array(_))) = serde_json::from_slice(bytes) {
            return Body::Json(value);
        }
        if content_type.starts_with("application/x-www-form-urlencoded") && std::str::from_utf8(bytes).is_ok() {
            let fields: Vec<(String, String)> = url::form_urlencoded::parse(bytes).into_owned().collect();
            // Curl also calls a form what is none.
            if bytes.contains(&b'=') && fields.iter().all(|(name, _)| is_field(name)) {
                return Body::Form(fields);
            }
        }
        if let Some(body) = parts(content_type, bytes) {
            return body;
        }
        match std::str::from_utf8(bytes) {
            Ok(text) => Body::Text(text.to_owned()),
            Err(_) => Body::Bytes(STANDARD.encode(bytes)),
        }
    }

    /// The same for what goes to an address that takes a file, whatever the type says.
    pub fn of_file(content_type: &str, bytes: &[u8]) -> Body {
        match bytes.is_empty() {
            true => Body::Empty,
            false => parts(content_type, bytes).unwrap_or_else(|| Body::Bytes(STANDARD.encode(bytes))),
        }
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        *self == Body::Empty
    }

    /// The bytes to send.
    pub fn bytes(&self) -> Bytes {
        match self {
            Body::Empty => Bytes::new(),
            Body::Form(fields) => {
                let mut form = url::form_urlencoded::Serializer::new(String::new());
                form.extend_pairs(fields);
                form.finish().into()
            }
            Body::Json(value) => value.to_string().into(),
            Body::Parts { boundary, parts } => {
                let mut bytes = Vec::new();
                for Part { name, file, value } in parts {
                    let (file, content) = match file {
                        None => (String::new(), value.clone().into_bytes()),
                        Some((file, kind)) => (
                            format!("; filename=\"{}\"\r\nContent-Type: {kind}", multipart::escaped(file)),
                            STANDARD.decode(value).unwrap_or_default(),
                        ),
                    };
                    let name = multipart::escaped(name);
                    let head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n");
                    bytes.extend([head.as_bytes(), &content, b"\r\n"].concat());
                }
                bytes.extend(format!("--{boundary}--\r\n").bytes());
                bytes.into()
            }
            Body::Text(text) => text.clone().into(),
            Body::Bytes(encoded) => STANDARD.decode(encoded).unwrap_or_default().into(),
        }
    }
}

impl Asked {
    /// The same with each text of its query and of its body put through `change`, and so each name of a field.
    ///
    /// # Errors
    /// The first that `change` gives.
    pub(super) fn map<E>(&self, change: &mut impl FnMut(Place<'_>, &str) -> Result<String, E>) -> Result<Asked, E> {
        let of_slack = self.path.starts_with(SLACK);
        let query = map_fields(&self.query, of_slack, change)?;
        let body = match &self.body {
            Body::Empty => Body::Empty,
            Body::Form(fields) => Body::Form(map_fields(fields, of_slack, change)?),
            Body::Json(value) => Body::Json(map_json(Place::of(""), value, change)?),
            Body::Parts { boundary, parts } => {
                let mut part = |part: &Part| {
                    let place = Place::of(&part.name);
                    let (file, value) = match &part.file {
                        Some((file, kind)) => {
                            (Some((change(Place::of("filename"), file)?, kind.clone())), part.value.clone())
                        }
                        None => (None, change(place, &part.value)?),
                    };
                    Ok(Part { name: change(place.name(), &part.name)?, file, value })
                };
                let parts = parts.iter().map(&mut part).collect::<Result<_, E>>()?;
                Body::Parts { boundary: boundary.clone(), parts }
            }
            Body::Text(text) => Body::Text(change(Place::of(""), text)?),
            Body::Bytes(encoded) => Body::Bytes(encoded.clone()),
        };
        Ok(Asked { query, body, ..self.clone() })
    }
}

/// A form with files, as browsers and clients send it.
fn parts(content_type: &str, bytes: &[u8]) -> Option<Body> {
    let boundary = multipart::boundary(content_type)?;
    let parts = multipart::parts(&Bytes::copy_from_slice(bytes), &boundary)?;
    let parts = parts.into_iter().map(|multipart::Part { name, file, content_type, bytes }| match file {
        Some(file) => {
            let kind = content_type.unwrap_or_else(|| "application/octet-stream".to_owned());
            Part { name, file: Some((file, kind)), value: STANDARD.encode(bytes) }
        }
        None => Part { name, file: None, value: String::from_utf8_lossy(&bytes).into_owned() },
    });
    Some(Body::Parts { boundary, parts: parts.collect() })
}

/// Whether a field of the vendors or of the page could be called so.
pub(super) fn is_field(name: &str) -> bool {
    (1..=64).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.[]-".contains(c))
}

fn map_fields<E>(
    fields: &[(String, String)],
    of_slack: bool,
    change: &mut impl FnMut(Place<'_>, &str) -> Result<String, E>,
) -> Result<Vec<(String, String)>, E> {
    fields
        .iter()
        .map(|(name, value)| {
            let place = Place::of(name);
            let shown = change(place.name(), name)?;
            let is_structure = of_slack && STRUCTURES.split(' ').any(|structure| structure == name);
            match is_structure.then(|| serde_json::from_str::<Value>(value)) {
                Some(Ok(inner @ (Value::Object(_) | Value::Array(_)))) => {
                    Ok((shown, map_json(place, &inner, change)?.to_string()))
                }
                _ => Ok((shown, change(place, value)?)),
            }
        })
        .collect()
}

fn map_json<E>(
    place: Place<'_>,
    value: &Value,
    change: &mut impl FnMut(Place<'_>, &str) -> Result<String, E>,
) -> Result<Value, E> {
    let number_in = |text: &str| serde_json::from_str(text).ok().filter(Value::is_number);
    Ok(match value {
        Value::String(text) => {
            let after = change(place, text)?;
            let number = names::is_of_number(text).then(|| number_in(&after)).flatten();
            number.unwrap_or(Value::String(after))
        }
        // A number that is an id becomes a name with a mark in it, and that a number again.
        Value::Number(number) => {
            let before = number.to_string();
            let after = change(place, &before)?;
            match names::of_number(&after) {
                Some(name) => Value::String(name),
                None if after == before => value.clone(),
                None => number_in(&after).unwrap_or(Value::from(0)),
            }
        }
        Value::Array(list) => {
            Value::Array(list.iter().map(|one| map_json(place, one, change)).collect::<Result<_, E>>()?)
        }
        Value::Object(fields) => {
            let is_own = place.is_own || OWN.contains(&place.field);
            let mapped = fields.iter().map(|(field, value)| {
                let place = Place { field, is_name: false, is_own };
                Ok((change(place.name(), field)?, map_json(place, value, change)?))
            });
            Value::Object(mapped.collect::<Result<_, E>>()?)
        }
        other => other.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_apart_is_put_together_again() {
        let form = "--x\r\nContent-Disposition: form-data; name=\"message\"\r\n\r\nTwo\r\nlines & more\r\n--x\r\n\
                    Content-Disposition: form-data; name=\"file\"; filename=\"a %22b%22.pdf\"\r\n\
                    Content-Type: application/pdf\r\n\r\n%PDF\r\n--y\r\n\r\n--x\r\n\
                    Content-Disposition: form-data; name=\"file\"; filename=\"\"\r\n\
                    Content-Type: application/octet-stream\r\n\r\n\r\n--x--\r\n";
        let form_data = "multipart/form-data; boundary=x";
        for (kind, body) in [
            (form_data, form),
            ("application/x-www-form-urlencoded", "text=a+b%26&text="),
            ("application/json", "{\"text\":[1,\"a\"]}"),
            ("application/x-www-form-urlencoded", "[{\"call\":\"*\"}]"),
            ("application/x-www-form-urlencoded", "My upload, a=b & more"),
            ("application/x-www-form-urlencoded", "word"),
            ("text/plain", "{ no JSON"),
            (form_data, "--x\r\nbroken"),
            ("", ""),
        ] {
            assert_eq!(Body::of(kind, body.as_bytes()).bytes(), body, "{kind}");
        }
        for kind in ["application/x-www-form-urlencoded", "text/plain", "application/json"] {
            assert_eq!(Body::of_file(kind, b"{\"a\" : 1}").bytes(), b"{\"a\" : 1}"[..], "{kind}");
        }
        assert_eq!(Body::of("image/png", b"\x89PNG\xff").bytes(), b"\x89PNG\xff"[..]);
        let Body::Parts { parts, .. } = Body::of(form_data, form.as_bytes()) else { unreachable!() };
        assert_eq!(parts.len(), 3);
        assert_eq!((parts[0].name.as_str(), parts[0].value.as_str()), ("message", "Two\r\nlines & more"));
        assert_eq!(parts[1].file, Some(("a \"b\".pdf".to_owned(), "application/pdf".to_owned())));
    }

    #[test]
    fn only_what_is_a_structure_is_taken_apart() {
        let typed = "{ \"a\": 1 }".to_owned();
        let through = |path: &str, field: &str| {
            let body = Body::Form(vec![(field.to_owned(), typed.clone())]);
            let asked = Asked { path: path.to_owned(), body, ..Asked::default() };
            let Ok::<_, std::convert::Infallible>(same) = asked.map(&mut |_, text| Ok(text.to_owned()));
            same.body
        };
        let form = |field: &str, value: &str| Body::Form(vec![(field.to_owned(), value.to_owned())]);
        assert_eq!(through("/sandbox/slack/say", "text"), form("text", &typed));
        assert_eq!(through("/sandbox/slack/say", "blocks"), form("blocks", &typed));
        assert_eq!(through("/slack/api/chat.postMessage", "text"), form("text", &typed));
        assert_eq!(through("/slack/api/chat.postMessage", "blocks"), form("blocks", "{\"a\":1}"));
    }
}
