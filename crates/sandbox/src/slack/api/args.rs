//! The arguments of a call: from the query, a form, or JSON where the method takes it.

use axum::http::{HeaderMap, header};
use serde_json::Value;

use super::methods::Method;
use super::{Fail, Fields};

pub struct Args {
    pub fields: Fields,
    pub token: Option<String>,
    /// Slack warns of JSON whose content type names no charset.
    pub lacks_charset: bool,
}

impl Args {
    pub fn read(method: &Method, query: Option<&str>, headers: &HeaderMap, body: &[u8]) -> Result<Self, Fail> {
        let mut args = Args { fields: Fields::new(), token: None, lacks_charset: false };
        args.take_form(query.unwrap_or_default().as_bytes());
        let given = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = given.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match kind.as_str() {
            _ if body.is_empty() => {}
            "application/x-www-form-urlencoded" => args.take_form(body),
            "application/json" => {
                args.lacks_charset = !given.to_ascii_lowercase().contains("charset");
                // What does not take JSON finds no arguments, and says which are missing.
                if method.json {
                    args.take_json(body)?;
                }
            }
            "multipart/form-data" | "text/plain" => return Err("invalid_form_data".into()),
            "" => return Err("missing_post_type".into()),
            _ => return Err("invalid_post_type".into()),
        }
        Ok(args)
    }

    fn take_form(&mut self, form: &[u8]) {
        for (name, value) in url::form_urlencoded::parse(form) {
            if name == "token" {
                self.token = Some(value.into_owned());
            } else {
                self.fields.insert(name.into_owned(), Value::String(value.into_owned()));
            }
        }
    }

    fn take_json(&mut self, body: &[u8]) -> Result<(), Fail> {
        match serde_json::from_slice::<Value>(body) {
            Ok(Value::Object(fields)) => {
                self.fields.extend(fields.into_iter().filter(|(name, _)| name != "token"));
                Ok(())
            }
            Ok(_) => Err("json_not_object".into()),
            Err(_) => Err("invalid_json".into()),
        }
    }

    pub fn has(&self, name: &str) -> bool {
        self.fields.get(name).is_some_and(|value| !value.is_null() && value.as_str() != Some(""))
    }

    /// A text, or a number as text; an empty one counts.
    pub fn text(&self, name: &str) -> Option<String> {
        match self.fields.get(name)? {
            Value::String(text) => Some(text.clone()),
            Value::Number(number) => Some(number.to_string()),
            _ => None,
        }
    }

    /// A text that was checked to be there.
    pub fn needed(&self, name: &'static str) -> Result<String, Fail> {
        self.text(name).ok_or_else(|| Fail::missing(&[name]))
    }

    pub fn flag(&self, name: &str) -> bool {
        match self.fields.get(name) {
            Some(Value::Bool(flag)) => *flag,
            Some(Value::String(text)) => matches!(text.as_str(), "true" | "True" | "1"),
            Some(Value::Number(number)) => number.as_i64() == Some(1),
            _ => false,
        }
    }

    /// A structure, given as such or as JSON in a text; an error if the text is not JSON.
    pub fn json(&self, name: &str) -> Result<Option<Value>, ()> {
        match self.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => serde_json::from_str(text).map(Some).map_err(|_| ()),
            Some(value) => Ok(Some(value.clone())),
        }
    }

    /// How many at most; `default` where none or nonsense is asked for.
    pub fn limit(&self, default: usize, most: usize) -> usize {
        let asked = self.text("limit").and_then(|text| text.parse::<usize>().ok()).filter(|limit| *limit > 0);
        asked.unwrap_or(default).min(most)
    }
}
