//! Whether a request comes from Slack: the v0 signature over time and raw body.
//!
//! <https://docs.slack.dev/authentication/verifying-requests-from-slack>

use aws_lc_rs::hmac;

/// How far a request's time may lie from ours, in seconds, both ways.
pub const WINDOW_SECS: i64 = 300;

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

    /// Checks `signature` (`v0=` and hex) over `timestamp` (seconds) and `body`, in constant time.
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
        let mut message = Vec::with_capacity(body.len() + timestamp.len() + 4);
        message.extend_from_slice(b"v0:");
        message.extend_from_slice(timestamp.as_bytes());
        message.push(b':');
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
) -> Result<(&'a str, [u8; 32]), Refusal> {
    let (Some(timestamp), Some(signature)) = (timestamp, signature) else { return Err(Refusal::Missing) };
    let seconds: i64 = timestamp.parse().map_err(|_| Refusal::Missing)?;
    let tag = signature.strip_prefix("v0=").and_then(unhex).ok_or(Refusal::Missing)?;
    if (now_ms.div_euclid(1000).saturating_sub(seconds)).saturating_abs() > WINDOW_SECS {
        return Err(Refusal::Stale);
    }
    Ok((timestamp, tag))
}

fn unhex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return None;
    }
    let mut bytes = [0; 32];
    for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
        let digit = |c: u8| (c as char).to_digit(16);
        *byte = (digit(pair[0])? * 16 + digit(pair[1])?) as u8;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    // The vector that Slack publishes.
    const SECRET: &str = "8f742231b10e8888abcd99yyyzzz85a5";
    const TIME: &str = "1531420618";
    const BODY: &str = "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";
    const SIGNATURE: &str = "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503";
    const NOW: i64 = 1_531_420_618_000;

    #[test]
    fn slacks_own_vector_passes_with_either_secret_of_a_rotation() {
        let verifier = Verifier::new(["another", SECRET]);
        assert_eq!(verifier.verify(Some(TIME), Some(SIGNATURE), BODY.as_bytes(), NOW), Ok(()));
    }

    #[test]
    fn what_is_wrong_is_refused() {
        let verifier = Verifier::new([SECRET]);
        let check = |time, signature, body: &str, now| verifier.verify(time, signature, body.as_bytes(), now);
        assert_eq!(check(None, Some(SIGNATURE), BODY, NOW), Err(Refusal::Missing));
        assert_eq!(check(Some(TIME), None, BODY, NOW), Err(Refusal::Missing));
        assert_eq!(check(Some("x"), Some(SIGNATURE), BODY, NOW), Err(Refusal::Missing));
        assert_eq!(check(Some(TIME), Some("v0=12"), BODY, NOW), Err(Refusal::Missing));
        assert_eq!(check(Some(TIME), Some(SIGNATURE), "token=x", NOW), Err(Refusal::Wrong));
        assert_eq!(check(Some(TIME), Some(SIGNATURE), BODY, NOW + 301_000), Err(Refusal::Stale));
        assert_eq!(check(Some(TIME), Some(SIGNATURE), BODY, NOW - 301_000), Err(Refusal::Stale));
        assert_eq!(check(Some("9223372036854775807"), Some(SIGNATURE), BODY, NOW), Err(Refusal::Stale));
        assert_eq!(check(Some("-9223372036854775808"), Some(SIGNATURE), BODY, NOW), Err(Refusal::Stale));
        assert_eq!(Verifier::new([]).verify(Some(TIME), Some(SIGNATURE), BODY.as_bytes(), NOW), Err(Refusal::Wrong));
    }
}
