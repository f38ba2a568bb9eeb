//! Questions to a vendor: waits when told to, reads JSON or nothing, and compares clocks.

use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, DATE, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use serde_json::Value;
use url::Url;

use super::Report;
use crate::engine::clock::Clock;
use crate::wire::{Wire, WireError};

const MOST_WAITS: usize = 5;
const LONGEST_WAIT_SECS: u64 = 60;
const NOTED_SKEW_SECS: i64 = 30;
/// Slack's requests are refused when they seem five minutes old; this leaves room for a slow network.
const FATAL_SKEW_SECS: i64 = 120;

pub(super) struct Asker<'a> {
    pub(super) wire: &'a dyn Wire,
    pub(super) clock: &'a dyn Clock,
}

pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    /// Null when the body was no JSON.
    pub(super) body: Value,
    /// Seconds by which this machine's clock is ahead, if the vendor tells the time.
    skew_secs: Option<i64>,
}

impl Answer {
    /// The text at this JSON pointer, fit to be printed; empty when there is none.
    pub(super) fn text(&self, pointer: &str) -> String {
        printable(self.body.pointer(pointer).and_then(Value::as_str).unwrap_or_default())
    }

    pub(super) fn flag(&self, pointer: &str) -> bool {
        self.body.pointer(pointer).and_then(Value::as_bool).unwrap_or(false)
    }

    /// Says whether this machine's clock agrees with the vendor's.
    pub(super) fn judge_clock(&self, vendor: &str, report: &mut Report) {
        let Some(skew) = self.skew_secs else { return };
        let way = if skew > 0 { "ahead of" } else { "behind" };
        let what = format!("This machine's clock is {} seconds {way} {vendor}'s.", skew.abs());
        if skew.abs() < NOTED_SKEW_SECS {
            report.good(format!("This machine's clock agrees with {vendor}'s."));
        } else if skew.abs() < FATAL_SKEW_SECS {
            report.warn(what, "Set the clock, best by NTP: signatures are judged by it.");
        } else {
            report.fail(what, "Set the clock, best by NTP: signed calls would soon be refused as too old.");
        }
    }
}

impl Asker<'_> {
    /// Sends the request, and again after a wait when the vendor asks for one.
    pub(super) async fn ask(&self, request: Request<Bytes>) -> Result<Answer, WireError> {
        let mut waits = 0;
        loop {
            let sent_at = self.clock.now_ms();
            let answer = self.wire.send(request.clone()).await?;
            let middle = sent_at + (self.clock.now_ms() - sent_at) / 2;
            let (parts, body) = answer.into_parts();
            if parts.status == StatusCode::TOO_MANY_REQUESTS && waits < MOST_WAITS {
                waits += 1;
                let asked = parts.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
                let wait: u64 = asked.unwrap_or(5);
                self.clock.sleep(Duration::from_secs(wait.min(LONGEST_WAIT_SECS))).await;
                continue;
            }
            return Ok(Answer {
                status: parts.status,
                skew_secs: vendor_seconds(&parts.headers).map(|theirs| middle / 1000 - theirs),
                headers: parts.headers,
                body: serde_json::from_slice(&body).unwrap_or_default(),
            });
        }
    }
}

fn vendor_seconds(headers: &HeaderMap) -> Option<i64> {
    let date = headers.get(DATE)?.to_str().ok()?;
    Some(jiff::fmt::rfc2822::parse(date).ok()?.timestamp().as_second())
}

/// `base` with `path` behind it.
pub(super) fn below(base: &Url, path: &str) -> String {
    format!("{}/{path}", base.as_str().trim_end_matches('/'))
}

/// A header that no log prints.
pub(super) fn authorize(request: &mut Request<Bytes>, credential: &str) -> bool {
    let Ok(mut value) = HeaderValue::from_str(credential) else { return false };
    value.set_sensitive(true);
    request.headers_mut().insert(AUTHORIZATION, value);
    true
}

/// A vendor's text without what could steer a terminal, and not too long.
pub(super) fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}
