//! One value at a time: what each setting may be, and what to say when it is something else.

use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use url::{Host, Url};

use super::error::{Fault, Origin};
use super::source::{Located, Source, Value};
use crate::bridge::ids::ChannelId;
use crate::bridge::route::{ChannelRef, RecipientPattern};

/// Zendesk publishes this one for tests: everybody can sign with it.
const ZENDESK_TEST_SECRET: &str = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";
/// Each secret is tried on every request, so a long list costs.
const MOST_SECRETS: usize = 5;
const MOST_RETRIES: usize = 30;
/// Slack takes 3000 characters for a command's URL; this leaves room for the path.
const LONGEST_PUBLIC_URL: usize = 2000;

impl Source {
    /// Reads a key that must be there.
    pub(super) fn required<T>(&mut self, key: &str, read: impl Fn(&str) -> Result<T, Fault>) -> Option<T> {
        if !self.has(key) {
            self.missing(key);
        }
        self.optional(key, read)?
    }

    /// Reads a key that may be left out; the outer `None` is a refused value.
    pub(super) fn optional<T>(&mut self, key: &str, read: impl Fn(&str) -> Result<T, Fault>) -> Option<Option<T>> {
        let Some(located) = self.take(key) else { return Some(None) };
        self.read_text(located, key, read).map(Some)
    }

    /// Reads a key that is `default` when it is left out.
    pub(super) fn text_or<T>(
        &mut self,
        key: &str,
        default: &str,
        read: impl Fn(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        let origin = Origin::File { name: self.name.clone() };
        let located = self.take(key).unwrap_or(Located { origin, value: Value::Text(default.to_owned()) });
        self.read_text(located, key, read)
    }

    /// Reads a whole number within `range`; `why` gives the reason for the range.
    pub(super) fn number_or(&mut self, key: &str, default: u32, range: RangeInclusive<u32>, why: &str) -> Option<u32> {
        let Some(Located { origin, value }) = self.take(key) else { return Some(default) };
        let in_env = matches!(origin, Origin::Env { .. });
        let number = match &value {
            Value::Integer(number) => Some(*number),
            Value::Text(text) if in_env => text.trim().parse().ok(),
            _ => None,
        };
        let fitting = number.and_then(|number| u32::try_from(number).ok()).filter(|number| range.contains(number));
        if fitting.is_none() {
            let must = format!("must be a whole number from {} to {}", range.start(), range.end());
            match number {
                Some(number) => self.fault(origin, key, format!("{must}, not {number}"), Some(why.to_owned())),
                None if in_env => self.fault(origin, key, must, None),
                None => self.fault(origin, key, format!("{must}, not {}", value.kind()), None),
            }
        }
        fitting
    }

    /// Reads a number of calls; 0 means that only the vendor's own word limits them.
    pub(super) fn calls_or(&mut self, key: &str, default: u32) -> Option<u32> {
        self.number_or(key, default, 0..=1_000_000, "0 means no limit but the vendor's own")
    }

    /// Reads a number that may have a point, from 0 to `most`.
    pub(super) fn rate_or(&mut self, key: &str, default: f64, most: f64) -> Option<f64> {
        let Some(Located { origin, value }) = self.take(key) else { return Some(default) };
        let in_env = matches!(origin, Origin::Env { .. });
        let rate = match &value {
            Value::Fraction(number) => Some(*number),
            Value::Integer(number) => Some(*number as f64),
            Value::Text(text) if in_env => text.trim().parse().ok(),
            _ => None,
        };
        let fitting = rate.filter(|rate| (0.0..=most).contains(rate));
        if fitting.is_none() {
            let reason = format!("must be a number from 0 to {most}, as in 1.0");
            let reason = match rate {
                Some(_) => reason,
                None if in_env => reason,
                None => format!("{reason}, not {}", value.kind()),
            };
            self.fault(origin, key, reason, Some("0 means no limit but the vendor's own".to_owned()));
        }
        fitting
    }

    /// Reads seconds within `range`.
    pub(super) fn seconds_or(
        &mut self,
        key: &str,
        default: u32,
        range: RangeInclusive<u32>,
        why: &str,
    ) -> Option<Duration> {
        self.number_or(key, default, range, why).map(|seconds| Duration::from_secs(seconds.into()))
    }

    /// Reads one text or a list of them.
    pub(super) fn list<T>(
        &mut self,
        located: Located,
        key: &str,
        most: usize,
        read: impl Fn(&str) -> Result<T, Fault>,
    ) -> Option<Vec<T>> {
        let items = match located.value {
            Value::List(items) => items,
            value => vec![Located { origin: located.origin.clone(), value }],
        };
        if items.is_empty() || items.len() > most {
            self.fault(located.origin, key, format!("must hold 1 to {most} values, not {}", items.len()), None);
            return None;
        }
        let values: Vec<_> = items.into_iter().map(|item| self.read_text(item, key, &read)).collect();
        values.into_iter().collect()
    }

    /// Reads one secret, or several while they are being changed.
    pub(super) fn secrets(
        &mut self,
        key: &str,
        read: impl Fn(&str) -> Result<SecretString, Fault>,
    ) -> Option<Vec<SecretString>> {
        let Some(located) = self.take(key) else {
            self.missing(key);
            return None;
        };
        self.list(located, key, MOST_SECRETS, read)
    }

    /// Reads the waits between attempts.
    pub(super) fn schedule_or(&mut self, key: &str, default: &[Duration]) -> Option<Vec<Duration>> {
        match self.take(key) {
            Some(located) => self.list(located, key, MOST_RETRIES, duration),
            None => Some(default.to_vec()),
        }
    }

    pub(super) fn read_text<T>(
        &mut self,
        located: Located,
        key: &str,
        read: impl Fn(&str) -> Result<T, Fault>,
    ) -> Option<T> {
        let Value::Text(text) = &located.value else {
            self.fault(located.origin, key, format!("must be text in quotes, not {}", located.value.kind()), None);
            return None;
        };
        match read(text) {
            Ok(value) => Some(value),
            Err(Fault { reason, remedy }) => {
                self.fault(located.origin, key, reason, remedy);
                None
            }
        }
    }
}

pub(super) fn address(text: &str) -> Result<SocketAddr, Fault> {
    text.trim()
        .parse()
        .map_err(|_| Fault::new("must be an IP address and a port", "write it as in 127.0.0.1:8080 or [::]:8080"))
}

fn web_url(text: &str, example: &str) -> Result<Url, Fault> {
    let remedy = || format!("write it as in {example}");
    let url = Url::parse(text.trim()).map_err(|_| Fault::new("is not a URL", remedy()))?;
    let host = url.host().ok_or_else(|| Fault::new("names no host", remedy()))?;
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&host) => {}
        "http" => {
            return Err(Fault::new("must begin with https://", "plain http is taken on this machine (127.0.0.1) only"));
        }
        _ => return Err(Fault::new("must begin with https://", remedy())),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Fault::new("holds a user name or a password", "leave out everything up to the @"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Fault::new("holds a query or a fragment", "leave out everything from the ? or # on"));
    }
    Ok(without_last_slash(url))
}

fn without_last_slash(mut url: Url) -> Url {
    let path = url.path().trim_end_matches('/').to_owned();
    url.set_path(&path);
    url
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(name) => *name == "localhost" || name.ends_with(".localhost"),
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
    }
}

pub(super) fn public_url(text: &str) -> Result<Url, Fault> {
    if text.len() > LONGEST_PUBLIC_URL {
        return Err(Fault::new(format!("is longer than {LONGEST_PUBLIC_URL} characters"), "Slack takes no longer one"));
    }
    web_url(text, "https://bridge.example.com")
}

pub(super) fn slack_api_url(text: &str) -> Result<Url, Fault> {
    web_url(text, "https://slack.com/api")
}

pub(super) fn zendesk_url(text: &str) -> Result<Url, Fault> {
    let url = web_url(text, "https://acme.zendesk.com")?;
    if url.path() != "/" && url.scheme() == "https" {
        return Err(Fault::new("holds a path", "write the host alone, as in https://acme.zendesk.com"));
    }
    Ok(url)
}

/// The URL as it was written, and the file that it names.
pub(super) fn database_url(text: &str) -> Result<(String, PathBuf), Fault> {
    let Some(rest) = text.strip_prefix("sqlite:") else {
        return Err(Fault::new("must begin with sqlite://", "write it as in sqlite://sidethread.db"));
    };
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.contains(":memory:") {
        return Err(Fault::new("is in memory: a restart would forget every thread", "name a file"));
    }
    // The driver reads ? as options and % as an escape: the file would not be the one that is written here.
    if path.is_empty() || path.ends_with('/') || path.contains(['?', '%', '#', '\0']) {
        let remedy = "write it as in sqlite://sidethread.db or sqlite:///var/lib/sidethread/sidethread.db";
        return Err(Fault::new("must name a file, without ?, % and #", remedy));
    }
    Ok((text.to_owned(), PathBuf::from(path)))
}

/// Whether everybody on the machine may read a file. One that is given to a service by its group is not meant.
pub(super) fn others_may_read(file: &std::path::Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        std::fs::metadata(file).is_ok_and(|file| file.permissions().mode() & 0o004 != 0)
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        false
    }
}

pub(super) fn secret(text: &str) -> Result<SecretString, Fault> {
    if text.is_empty() {
        return Err(Fault::new("is empty", "copy it again from where it is shown"));
    }
    if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Fault::new("holds a blank, a line break or a character that no secret has", "copy it again"));
    }
    Ok(SecretString::from(text.to_owned()))
}

pub(super) fn bot_token(text: &str) -> Result<SecretString, Fault> {
    const WANTED: &str = "use the Bot User OAuth Token, xoxb-…, from OAuth & Permissions in the app's settings";
    if text.starts_with("xoxe") {
        let remedy = "token rotation cannot be switched off: make a new app from the manifest (`sidethread manifest`)";
        return Err(Fault::new("belongs to an app with token rotation, so it dies within 12 hours", remedy));
    }
    if text.starts_with("xoxp-") {
        return Err(Fault::new("is a person's token", WANTED));
    }
    if text.starts_with("xapp-") {
        return Err(Fault::new("is an app-level token", WANTED));
    }
    let secret = secret(text)?;
    if !text.starts_with("xoxb-") || text.len() == "xoxb-".len() {
        return Err(Fault::new("is not a bot token", WANTED));
    }
    Ok(secret)
}

pub(super) fn webhook_secret(text: &str) -> Result<SecretString, Fault> {
    if text == ZENDESK_TEST_SECRET {
        let remedy = "use the signing secret that Zendesk shows on the webhook's page";
        return Err(Fault::new("is the secret that Zendesk publishes for tests: everybody knows it", remedy));
    }
    secret(text)
}

pub(super) fn client_id(text: &str) -> Result<String, Fault> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Fault::new("is empty or holds a blank", "use the identifier that the OAuth client's page shows"));
    }
    Ok(text.to_owned())
}

pub(super) fn email(text: &str) -> Result<String, Fault> {
    match text.split_once('@') {
        Some((local, domain)) if is_local_part(local) && is_domain(domain) => Ok(text.to_ascii_lowercase()),
        _ => Err(Fault::new("is not an e-mail address", "write it as in name@acme.example")),
    }
}

pub(super) fn domain(text: &str) -> Result<String, Fault> {
    if is_domain(text) {
        return Ok(text.to_ascii_lowercase());
    }
    Err(Fault::new("is not a domain", "write it as in slack.acme.example, without @ and without *"))
}

pub(super) fn recipient(text: &str) -> Result<RecipientPattern, Fault> {
    if text == "*" {
        return Ok(RecipientPattern::Any);
    }
    if let Some(name) = text.strip_prefix("*@").filter(|name| is_domain(name)) {
        return Ok(RecipientPattern::Domain(name.to_ascii_lowercase()));
    }
    let remedy = "write an address (logistics@acme.example), a domain (*@acme.example) or * for all";
    if text.contains('*') {
        return Err(Fault::new("a * stands alone or in front of @domain only", remedy));
    }
    email(text).map(RecipientPattern::Exact).map_err(|_| Fault::new("is not an e-mail address", remedy))
}

pub(super) fn channel(text: &str) -> Result<ChannelRef, Fault> {
    let remedy = "write the channel's name as in #logistics, or its id as in C0123456789";
    if let Some(name) = text.strip_prefix('#') {
        // The signs that Slack refuses in a name; letters of other scripts are fine.
        let refused = |c: char| c.is_whitespace() || c.is_control() || "#@.,:;!?/\\\"'`()[]{}<>*&|".contains(c);
        if name.is_empty() || name.chars().count() > 80 || name.contains(refused) {
            return Err(Fault::new("is not a channel's name", remedy));
        }
        return Ok(ChannelRef::Name(name.to_lowercase()));
    }
    if text.starts_with(['C', 'G'])
        && text.len() >= 2
        && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
    {
        return Ok(ChannelRef::Id(ChannelId::new(text)));
    }
    if text.starts_with('D') && text.len() >= 9 && text.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) {
        return Err(Fault::new("is a direct message, not a channel", remedy));
    }
    Err(Fault::new("is neither a channel's name nor its id", remedy))
}

fn duration(text: &str) -> Result<Duration, Fault> {
    let fault = || Fault::new("is not a wait from 1ms to 7d", "write it as in 30s, 10m, 2h or 1d");
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit: u64 = match &text[digits..] {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return Err(fault()),
    };
    let count: u64 = text[..digits].parse().map_err(|_| fault())?;
    let wait = count.checked_mul(unit).filter(|wait| (1..=7 * 86_400_000).contains(wait)).ok_or_else(fault)?;
    Ok(Duration::from_millis(wait))
}

fn is_local_part(text: &str) -> bool {
    let refused = |c: char| c.is_whitespace() || c.is_control() || "@,;:<>()[]\\\"*".contains(c);
    !text.is_empty() && text.len() <= 64 && !text.contains(refused)
}

fn is_domain(text: &str) -> bool {
    let label = |label: &str| {
        let inner = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        (1..=63).contains(&label.len()) && label.bytes().all(inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    text.len() <= 253 && text.contains('.') && text.split('.').all(label)
}
