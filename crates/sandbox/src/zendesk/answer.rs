//! What a call brings and what it is answered: plain data, apart from the HTTP around it.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Map, Value, json};

/// One call, matched and authenticated.
pub(super) struct Ask {
    pub(super) call: &'static str,
    pub(super) path: String,
    pub(super) params: Vec<String>,
    pub(super) query: Vec<(String, String)>,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    pub(super) user: i64,
    pub(super) now: i64,
    /// What was written later than this is not shown.
    pub(super) visible_until: i64,
}

impl Ask {
    /// The nth number in the path; the table has checked that it is one.
    pub(super) fn number(&self, place: usize) -> i64 {
        self.params.get(place).and_then(|text| text.parse().ok()).unwrap_or(-1)
    }

    /// The nth text in the path.
    pub(super) fn text(&self, place: usize) -> &str {
        self.params.get(place).map_or("", String::as_str)
    }

    pub(super) fn query(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(super) fn includes(&self, what: &str) -> bool {
        self.query("include").is_some_and(|list| list.split(',').any(|one| one.trim() == what))
    }

    /// The body as a JSON object; an empty body is an empty object.
    pub(super) fn json(&self) -> Result<Map<String, Value>, Answer> {
        if self.body.is_empty() {
            return Ok(Map::new());
        }
        match serde_json::from_slice(&self.body) {
            Ok(Value::Object(object)) => Ok(object),
            _ => Err(Answer::json(
                400,
                json!({"error": "Unprocessable Entity", "message": "Server could not parse JSON"}),
            )),
        }
    }
}

/// What a call is answered.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Content,
}

/// An answer's body.
#[derive(Clone, Debug)]
pub(super) enum Content {
    Json(Value),
    /// JSON that is written out.
    Written(Bytes),
    Text(String),
    File {
        content_type: String,
        bytes: Bytes,
    },
}

/// An answer either way; `Err` only ends the work early.
pub(super) type Outcome = Result<Answer, Answer>;

impl Answer {
    pub(super) fn json(status: u16, body: Value) -> Self {
        Answer { status, headers: Vec::new(), body: Content::Json(body) }
    }

    pub(super) fn ok(body: Value) -> Self {
        Answer::json(200, body)
    }

    /// An answer that is written from where it stands.
    pub(super) fn written(body: &impl Serialize) -> Self {
        match serde_json::to_vec(body) {
            Ok(body) => Answer { status: 200, headers: Vec::new(), body: Content::Written(body.into()) },
            Err(error) => Answer::text(500, &error.to_string()),
        }
    }

    pub(super) fn text(status: u16, body: &str) -> Self {
        Answer { status, headers: Vec::new(), body: Content::Text(body.to_owned()) }
    }

    pub(super) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(super) fn not_found() -> Self {
        Answer::json(404, json!({"error": "RecordNotFound", "description": "Not found"}))
    }

    pub(super) fn invalid_endpoint() -> Self {
        Answer::json(404, json!({"error": "InvalidEndpoint", "description": "Not found"}))
    }

    pub(super) fn unauthenticated() -> Self {
        Answer::json(401, json!({"error": "Couldn't authenticate you"}))
    }

    pub(super) fn invalid_token() -> Self {
        Answer::json(
            401,
            json!({"error": "invalid_token", "error_description": "The access token provided is expired, revoked, malformed or invalid for other reasons."}),
        )
    }

    /// The body of a 403 is not documented; `error` is an object here, as elsewhere in the API.
    pub(super) fn forbidden() -> Self {
        Answer::json(
            403,
            json!({"error": {"title": "Forbidden", "message": "You do not have access to this page. Please contact the account owner of this help desk for further help."}}),
        )
    }

    pub(super) fn missing_scope(scope: &str) -> Self {
        Answer::json(
            403,
            json!({"error": "Forbidden", "description": format!("You are missing the following required scopes: {scope}")}),
        )
    }

    pub(super) fn bad_request(error: &str, description: &str) -> Self {
        Answer::json(400, json!({"error": error, "description": description}))
    }

    /// A 422 that names one field.
    pub(super) fn record_invalid(field: &str, description: &str) -> Self {
        let details = Map::from_iter([(field.to_owned(), json!([{ "description": description }]))]);
        Answer::json(
            422,
            json!({"error": "RecordInvalid", "description": "Record validation errors", "details": details}),
        )
    }

    pub(super) fn too_many_values() -> Self {
        Answer::json(
            400,
            json!({"error": "TooManyValues", "description": "Parameter  cannot specify more than 100 values", "max_count": 100}),
        )
    }

    pub(super) fn into_response(self) -> Response<Body> {
        const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
        let (content_type, body) = match self.body {
            Content::Json(value) => (JSON, Body::from(serde_json::to_vec(&value).unwrap_or_default())),
            Content::Written(bytes) => (JSON, Body::from(bytes)),
            Content::Text(text) => (HeaderValue::from_static("text/plain; charset=utf-8"), Body::from(text)),
            Content::File { content_type, bytes } => {
                let content_type = HeaderValue::from_str(&content_type)
                    .unwrap_or_else(|_| HeaderValue::from_static("application/octet-stream"));
                (content_type, Body::from(bytes))
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        response.headers_mut().insert(header::CONTENT_TYPE, content_type);
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().insert(HeaderName::from_static(name), value);
            }
        }
        response
    }
}
