//! Whether a request comes from Zendesk: the signature over its time and raw body.
//!
//! base64(HMAC-SHA256(secret as it is shown, time + body)). An older page of Zendesk's has body + time: that order is
//! refused. Each attempt is signed anew, so a late retry is not stale.
//!
//! <https://developer.zendesk.com/documentation/webhooks/verifying/>

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// How far a request's time may lie from ours, in milliseconds, both ways.
pub const WINDOW_MS: i64 = 300_000;

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A header is missing or does not read.
    #[error("the signature or its time is missing")]
    Missing,
    /// It was signed too long ago, or in the future.
    #[error("the signature's time is more than five minutes away")]
    Stale,
    /// The signature is not ours.
    #[error("the signature does not match")]
    Wrong,
}

/// The keys of one or more signing secrets.
pub struct Verifier {
    keys: Vec<hmac::Key>,
}

impl Verifier {
    /// Several secrets while one is being rotated.
    pub fn new<'a>(secrets: impl IntoIterator<Item = &'a str>) -> Self {
        let keys = secrets.into_iter().map(|secret| hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes())).collect();
        Verifier { keys }
    }

    /// Checks `signature` (base64) over `timestamp` (RFC 3339) and `body`, in constant time.
    ///
    /// # Errors
    /// The request must be answered 401 and nothing of it stored.
    pub fn verify(
        &self,
        timestamp: Option<&str>,
        signature: Option<&str>,
        body: &[u8],
        now_ms: i64,
    ) -> Result<(), Refusal> {
        let (timestamp, tag) = head(timestamp, signature, now_ms)?;
        let mut message = Vec::with_capacity(timestamp.len() + body.len());
        message.extend_from_slice(timestamp.as_bytes());
        message.extend_from_slice(body);
        if self.keys.iter().any(|key| hmac::verify(key, &message, &tag).is_ok()) { Ok(()) } else { Err(Refusal::Wrong) }
    }
}

/// What can be said before the body is there: time and signature, if they are there, read, and are of this time.
///
/// # Errors
/// The request must be answered 401, and its body need not be read.
pub fn head<'a>(
    timestamp: Option<&'a str>,
    signature: Option<&str>,
    now_ms: i64,
) -> Result<(&'a str, Vec<u8>), Refusal> {
    let (Some(timestamp), Some(signature)) = (timestamp, signature) else { return Err(Refusal::Missing) };
    let at: jiff::Timestamp = timestamp.trim().parse().map_err(|_| Refusal::Missing)?;
    let tag = STANDARD.decode(signature.trim()).map_err(|_| Refusal::Missing)?;
    // That of HMAC-SHA256; nothing else can be right.
    if tag.len() != 32 {
        return Err(Refusal::Missing);
    }
    if now_ms.saturating_sub(at.as_millisecond()).saturating_abs() > WINDOW_MS {
        return Err(Refusal::Stale);
    }
    Ok((timestamp, tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    // The secret that Zendesk publishes for tests; the signatures were computed with it.
    const SECRET: &str = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";
    const TIME: &str = "2021-03-25T05:09:27Z";
    const BODY: &str = r#"{"ticket_id":"35436"}"#;
    const SIGNATURE: &str = "X8nsXp/jF8yFWoalWJ8YhSJP6eT1KcsUKqPjccAYIZo=";
    const NOW: i64 = 1_616_648_967_000;

    #[test]
    fn the_vectors_pass_with_either_secret_of_a_rotation() {
        let verifier = Verifier::new(["another", SECRET]);
        assert_eq!(verifier.verify(Some(TIME), Some(SIGNATURE), BODY.as_bytes(), NOW), Ok(()));
        let empty = "1xsiPKGHFyXedEmvxNaOg4VQ2U4XjHcPMETpJymjCkg=";
        assert_eq!(verifier.verify(Some("2026-01-02T03:04:05Z"), Some(empty), b"", 1_767_323_045_000), Ok(()));
    }

    #[test]
    fn what_is_wrong_is_refused() {
        let verifier = Verifier::new([SECRET]);
        let check = |time, signature, body: &str, now| verifier.verify(time, signature, body.as_bytes(), now);
        assert_eq!(check(None, Some(SIGNATURE), BODY, NOW), Err(Refusal::Missing));
        assert_eq!(check(Some(TIME), None, BODY, NOW), Err(Refusal::Missing));
        assert_eq!(check(Some("1616648967"), Some(SIGNATURE), BODY, NOW), Err(Refusal::Missing));
        assert_eq!(check(Some(TIME), Some("no base64!"), BODY, NOW), Err(Refusal::Missing));
        assert_eq!(check(Some(TIME), Some("AAAA"), BODY, NOW), Err(Refusal::Missing));
        assert_eq!(check(Some(TIME), Some(""), BODY, NOW), Err(Refusal::Missing));
        assert_eq!(check(Some(TIME), Some(SIGNATURE), "{}", NOW), Err(Refusal::Wrong));
        assert_eq!(check(Some("2021-03-25T05:09:28Z"), Some(SIGNATURE), BODY, NOW), Err(Refusal::Wrong));
        assert_eq!(check(Some(TIME), Some(SIGNATURE), BODY, NOW + 300_001), Err(Refusal::Stale));
        assert_eq!(check(Some(TIME), Some(SIGNATURE), BODY, NOW - 300_001), Err(Refusal::Stale));
        assert_eq!(check(Some(TIME), Some(SIGNATURE), BODY, i64::MIN), Err(Refusal::Stale));
        assert_eq!(Verifier::new([]).verify(Some(TIME), Some(SIGNATURE), BODY.as_bytes(), NOW), Err(Refusal::Wrong));
    }

    #[test]
    fn body_before_time_is_refused() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
        let signature = STANDARD.encode(hmac::sign(&key, format!("{BODY}{TIME}").as_bytes()));
        let verifier = Verifier::new([SECRET]);
        assert_eq!(verifier.verify(Some(TIME), Some(&signature), BODY.as_bytes(), NOW), Err(Refusal::Wrong));
    }
}
