//! What a request carried, taken apart so that its texts can be told from its bones.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::names;

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
    /// Any other text.
    Text(String),
    /// Bytes, in Base64.
    Bytes(String),
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
            return Body::Form(url::form_urlencoded::parse(bytes).into_owned().collect());
        }
        match std::str::from_utf8(bytes) {
            Ok(text) if !content_type.starts_with("multipart/") => Body::Text(text.to_owned()),
            _ => Body::Bytes(STANDARD.encode(bytes)),
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
            Body::Text(text) => text.clone().into(),
            Body::Bytes(encoded) => STANDARD.decode(encoded).unwrap_or_default().into(),
        }
    }

    /// The same with each text in it, and the key it stands under, put through `change`.
    ///
    /// # Errors
    /// The first that `change` gives.
    pub(super) fn map<E>(&self, change: &mut impl FnMut(&str, &str) -> Result<String, E>) -> Result<Body, E> {
        Ok(match self {
            Body::Empty => Body::Empty,
            Body::Form(fields) => Body::Form(map_fields(fields, change)?),
            Body::Json(value) => Body::Json(map_json("", value, change)?),
            Body::Text(text) => Body::Text(change("", text)?),
            Body::Bytes(encoded) => Body::Bytes(encoded.clone()),
        })
    }
}

pub(super) fn map_fields<E>(
    fields: &[(String, String)],
    change: &mut impl FnMut(&str, &str) -> Result<String, E>,
) -> Result<Vec<(String, String)>, E> {
    fields
        .iter()
        .map(|(name, value)| {
            // A field may hold JSON, as Slack's `blocks` do.
            match serde_json::from_str::<Value>(value) {
                Ok(inner @ (Value::Object(_) | Value::Array(_))) => {
                    Ok((name.clone(), map_json(name, &inner, change)?.to_string()))
                }
                _ => Ok((name.clone(), change(name, value)?)),
            }
        })
        .collect()
}

fn map_json<E>(key: &str, value: &Value, change: &mut impl FnMut(&str, &str) -> Result<String, E>) -> Result<Value, E> {
    Ok(match value {
        Value::String(text) => match text.strip_prefix('#').filter(|rest| names::is_one(rest)) {
            Some(name) => {
                let number = change(key, name)?;
                serde_json::from_str(&number).ok().filter(Value::is_number).unwrap_or(Value::String(number))
            }
            None => Value::String(change(key, text)?),
        },
        // A number that is an id becomes a name with a mark before it, and that a number again.
        Value::Number(number) => {
            let before = number.to_string();
            let after = change(key, &before)?;
            if names::is_one(&after) { Value::String(format!("#{after}")) } else { value.clone() }
        }
        Value::Array(list) => {
            Value::Array(list.iter().map(|one| map_json(key, one, change)).collect::<Result<_, E>>()?)
        }
        Value::Object(fields) => {
            let mapped = fields.iter().map(|(name, value)| Ok((name.clone(), map_json(name, value, change)?)));
            Value::Object(mapped.collect::<Result<_, E>>()?)
        }
        other => other.clone(),
    })
}
