//! What Zendesk's refusals mean for a call, in one table.
//!
//! Zendesk documents few of them: a row is a status and a text that its `error`, `description` or `details` may hold.
//! A status alone is nobody's verdict: a firewall, a proxy or a captive portal answers 302, 403 or 404 as well, with a page
//! of its own. Only an answer in Zendesk's words, JSON with one of its error fields, refuses or forbids anything, or says
//! that something is gone. Anything else is an outage on the way there: it may have been done, and all waits. The one
//! exception is 429, which Zendesk also sends in plain text.

use http::HeaderMap;
use serde_json::Value;

use super::decode;
use crate::engine::outside::CallError;
use crate::wire::{WireError, retry_after};

/// What a refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Certainly not done; repeat later.
    Later,
    /// It may have been done.
    Unknown,
    /// The app as a whole may not call.
    Paused(&'static str),
    /// It will not be done, and why.
    Refused(&'static str),
    /// It will not be done, for the reason that Zendesk gives.
    RefusedAsTold,
}

/// Every status of an answer in Zendesk's words, 5xx as 500; the first row whose mark the answer holds wins, an empty mark is held by every answer.
pub const TABLE: &[(u16, &str, Meaning)] = &[
    (400, "closed prevents", Meaning::Refused(CLOSED)),
    (400, "", Meaning::RefusedAsTold),
    (401, "", Meaning::Paused(CREDENTIAL)),
    (402, "", Meaning::Paused("Zendesk says that the account is not paid for.")),
    (403, "missing the following required scopes", Meaning::Paused(SCOPES)),
    (403, "", Meaning::Refused(RIGHTS)),
    (404, NO_ACCOUNT, Meaning::Paused(MOVED)),
    (404, "", Meaning::Refused("the ticket or side conversation does not exist any more.")),
    (408, "", Meaning::Unknown),
    (409, "", Meaning::Later),
    (413, "", Meaning::Refused("Zendesk found the message too large.")),
    (422, "closed prevents", Meaning::Refused(CLOSED)),
    (422, "closedticket", Meaning::Refused(CLOSED)),
    (422, "", Meaning::RefusedAsTold),
    (423, "", Meaning::Later),
    (425, "", Meaning::Later),
    (429, "", Meaning::Later),
    (500, "", Meaning::Unknown),
];

const CREDENTIAL: &str = "Zendesk does not accept the app's credential any more: put a new one into the settings.";
const RIGHTS: &str = "the app's Zendesk user may not do that on this ticket: its role needs access to all tickets and to side \
    conversations.";
const SCOPES: &str = "Zendesk says that the app's token lacks a scope: it needs read and write.";
/// Zendesk's page of an address that is no account's, the one page that is a word of its own.
const NO_ACCOUNT: &str = "no help desk at";
const MOVED: &str = "Zendesk is not found at the address in the settings: check zendesk.url.";
/// What is said where Zendesk says that the ticket is closed.
pub(super) const CLOSED: &str = "the ticket is closed and takes no changes.";
const LONGEST_QUOTE: usize = 200;

/// Whether an answer that is no success is in Zendesk's words: a JSON object with one of its error fields.
pub fn is_zendesks(body: &[u8]) -> bool {
    let Some(answer) = decode::json(body) else { return false };
    let says = |field: &str| match answer.get(field) {
        Some(Value::String(text)) => !text.trim().is_empty(),
        Some(Value::Object(fields)) => !fields.is_empty(),
        Some(Value::Array(errors)) => !errors.is_empty(),
        _ => false,
    };
    // `message` alone is what gateways of all kinds answer.
    ["error", "errors", "description", "details"].into_iter().any(says)
}

/// What an answer with this status and body means.
pub fn meaning(status: u16, body: &[u8]) -> Meaning {
    let told = String::from_utf8_lossy(body).to_lowercase();
    let status = match status {
        500..=599 => 500,
        other => other,
    };
    if !is_zendesks(body) {
        return match status {
            429 => Meaning::Later,
            404 if told.contains(NO_ACCOUNT) => Meaning::Paused(MOVED),
            _ => Meaning::Unknown,
        };
    }
    if (300..400).contains(&status) {
        return Meaning::Unknown;
    }
    TABLE
        .iter()
        .find(|(row, mark, _)| *row == status && told.contains(mark))
        .map_or(Meaning::RefusedAsTold, |(_, _, meaning)| *meaning)
}

/// Reads an answer that is no success; `now_ms` is in milliseconds since 1970.
pub fn of_an_answer(status: u16, headers: &HeaderMap, body: &[u8], now_ms: i64) -> CallError {
    let problem = match status {
        500.. => format!("HTTP {status}"),
        429 => format!("HTTP {status}"),
        _ if is_zendesks(body) => format!("HTTP {status}"),
        300..=399 => format!("HTTP {status}: something on the way leads elsewhere, or zendesk.url is wrong"),
        _ => format!("HTTP {status}, not in Zendesk's words: something on the way to it answers in its place"),
    };
    match meaning(status, body) {
        Meaning::Later => CallError::Later { after: retry_after(headers, now_ms), problem },
        Meaning::Unknown => CallError::Unknown { problem },
        Meaning::Paused(why) => CallError::Paused { why: why.to_owned() },
        Meaning::Refused(reason) => CallError::Refused { reason: reason.to_owned() },
        Meaning::RefusedAsTold => CallError::Refused {
            reason: match told(body) {
                Some(told) => format!("Zendesk refused it ({told})."),
                None => format!("Zendesk refused it ({problem})."),
            },
        },
    }
}

/// Reads a failure of the network.
pub fn of_the_wire(error: &WireError) -> CallError {
    let problem = error.to_string();
    match error {
        WireError::NotSent => CallError::Later { after: None, problem },
        WireError::Broken | WireError::TimedOut => CallError::Unknown { problem },
    }
}

/// As the error of a read, which changed nothing: what is doubtful may simply be asked again.
pub fn of_a_read(error: CallError) -> CallError {
    match error {
        CallError::Unknown { problem } => CallError::Later { after: None, problem },
        other => other,
    }
}

/// What Zendesk says, fit for a thread: the most detailed of its texts, without addresses and markup.
fn told(body: &[u8]) -> Option<String> {
    let answer = decode::json(body)?;
    let mut told: Vec<String> = Vec::new();
    if let Some(details) = answer.get("details").and_then(Value::as_object) {
        let each =
            details.values().flat_map(|value| value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice));
        told.extend(each.filter_map(|one| decode::text(one.get("description").unwrap_or(one))));
    }
    if told.is_empty() {
        let places = ["/description", "/error_description", "/message", "/error/message", "/error/title", "/error"];
        told.extend(places.iter().find_map(|place| decode::text(answer.pointer(place)?)));
    }
    let clean = |c: char| if c.is_control() || "<>&`\"{}".contains(c) { ' ' } else { c };
    let told: String = told.join("; ").chars().map(clean).collect();
    let words: Vec<&str> = told.split_whitespace().filter(|word| !word.contains('@')).collect();
    let told: String = words.join(" ").chars().take(LONGEST_QUOTE).collect();
    let told = told.trim_end_matches(['.', ' ']).to_owned();
    (!told.is_empty()).then_some(told)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::HeaderValue;
    use http::header::RETRY_AFTER;

    use super::*;

    fn read(status: u16, body: &str) -> CallError {
        of_an_answer(status, &HeaderMap::new(), body.as_bytes(), 0)
    }

    fn refused(reason: &str) -> CallError {
        CallError::Refused { reason: reason.to_owned() }
    }

    #[test]
    fn every_row_is_reached_and_maps_as_it_says() {
        for (status, mark, meaning) in TABLE {
            let error = read(*status, &format!(r#"{{"error":"x","description":"{mark}"}}"#));
            let fits = match meaning {
                Meaning::Later => matches!(error, CallError::Later { after: None, .. }),
                Meaning::Unknown => matches!(error, CallError::Unknown { .. }),
                Meaning::Paused(why) => error == CallError::Paused { why: (*why).to_owned() },
                Meaning::Refused(reason) => error == refused(reason),
                Meaning::RefusedAsTold => matches!(error, CallError::Refused { .. }),
            };
            assert!(fits, "{status} {mark}: {error:?}");
        }
    }

    #[test]
    fn a_status_without_zendesks_words_is_nobodys_verdict() {
        let bodies = [
            "",
            "Forbidden",
            "<!DOCTYPE html><title>Access denied</title><p>It does not exist.",
            "<html>closed prevents ticket update</html>",
            r#"{"message":"Forbidden"}"#,
            r#"{"message":null,"error":null,"details":[]}"#,
            r#"{"error":""}"#,
            r#"["error"]"#,
            "null",
        ];
        for status in (300..=428).chain(430..=599) {
            for body in bodies {
                let error = read(status, body);
                assert!(matches!(error, CallError::Unknown { .. }), "{status} {body}: {error:?}");
            }
        }
        for body in bodies {
            assert!(matches!(read(429, body), CallError::Later { .. }), "{body}");
        }
        let no_account = "<html><title>No help desk at acme.zendesk.com</title></html>";
        assert_eq!(read(404, no_account), CallError::Paused { why: MOVED.to_owned() });
    }

    #[test]
    fn zendesks_recorded_refusals_are_understood() {
        let closed = r#"{"error":"RecordInvalid","description":"Record validation errors","details":{"status":[{"description":"Status: closed prevents ticket update"}]}}"#;
        assert_eq!(read(422, closed), refused(CLOSED));
        let scopes = r#"{"error":"Forbidden","description":"You are missing the following required scopes: read"}"#;
        assert_eq!(read(403, scopes), CallError::Paused { why: SCOPES.to_owned() });
        let shown = r#"{"error":{"title":"Forbidden","message":"You do not have access to this page."}}"#;
        assert!(matches!(read(403, shown), CallError::Refused { .. }));
        assert!(matches!(read(401, r#"{"error":"Couldn't authenticate you"}"#), CallError::Paused { .. }));
        assert!(matches!(read(503, "busy"), CallError::Unknown { .. }));
        assert!(matches!(read(302, ""), CallError::Unknown { .. }));
        assert_eq!(read(418, r#"{"error":{"code":7}}"#), refused("Zendesk refused it (HTTP 418)."));
    }

    #[test]
    fn a_reason_holds_zendesks_words_but_no_address_and_no_markup() {
        let body = r#"{"error":"RecordInvalid","description":"Record validation errors","details":{"to":[{"description":"To: joe@x.example is <suspended>\n."}]}}"#;
        assert_eq!(read(422, body), refused("Zendesk refused it (To: is suspended)."));
        assert_eq!(read(400, r#"{"error":"TooManyValues"}"#), refused("Zendesk refused it (TooManyValues)."));
        assert_eq!(read(400, r#"{"error":{"message":"No."}}"#), refused("Zendesk refused it (No)."));
        assert_eq!(read(422, r#"{"details":{"base":"Too long"}}"#), refused("Zendesk refused it (Too long)."));
        assert_eq!(read(400, r#"{"details":[],"errors":[{}]}"#), refused("Zendesk refused it (HTTP 400)."));
        let long = format!(r#"{{"description":"{}"}}"#, "é".repeat(5000));
        let CallError::Refused { reason } = read(400, &long) else { panic!() };
        assert!(reason.chars().count() < 250);
    }

    #[test]
    fn a_limit_says_how_long() {
        for (value, after) in
            [("93", Some(93)), (" 1 ", Some(1)), ("soon", None), ("-1", None), ("1e300", Some(86_400))]
        {
            let headers = HeaderMap::from_iter([(RETRY_AFTER, HeaderValue::from_static(value))]);
            let error = of_an_answer(429, &headers, b"Number of allowed API requests per minute exceeded", 0);
            let after = after.map(Duration::from_secs);
            assert_eq!(error, CallError::Later { after, problem: "HTTP 429".to_owned() }, "{value}");
        }
    }

    #[test]
    fn the_wire_tells_what_is_certain() {
        assert!(matches!(of_the_wire(&WireError::NotSent), CallError::Later { .. }));
        assert!(matches!(of_the_wire(&WireError::Broken), CallError::Unknown { .. }));
        assert!(matches!(of_the_wire(&WireError::TimedOut), CallError::Unknown { .. }));
        assert!(matches!(of_a_read(of_the_wire(&WireError::Broken)), CallError::Later { .. }));
        assert!(matches!(of_a_read(refused("x")), CallError::Refused { .. }));
    }
}
