//! Where settings come from: one TOML file, and variables that overlay single keys of it. The result
//! is flat, `section.key` to value, and every value knows the place in which it was written.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{ErrorKind, Read};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::error::{ConfigError, Origin};

const PREFIX: &str = "SIDETHREAD__";
/// The largest secret file that is read, in bytes.
const LARGEST_SECRET: u64 = 64 << 10;

const SECTIONS: &[(&str, &[&str])] = &[
    ("server", &["listen", "admin_listen", "public_url"]),
    ("database", &["url", "keep_days"]),
    (
        "slack",
        &[
            "bot_token",
            "signing_secret",
            "api_url",
            "posts_per_second_per_channel",
            "posts_per_min",
            "tier_2_calls_per_min",
            "tier_3_calls_per_min",
            "tier_4_calls_per_min",
        ],
    ),
    (
        "zendesk",
        &[
            "url",
            "client_id",
            "client_secret",
            "access_token",
            "email",
            "api_token",
            "webhook_secret",
            "channel_domain",
            "poll_interval_secs",
            "side_conversation_writes_per_10_min",
            "ticket_updates_per_min",
            "updates_per_ticket_per_10_min",
            "feed_reads_per_10_min",
        ],
    ),
    (
        "bridge",
        &[
            "order_window_ms",
            "reconcile_interval_secs",
            "operator_channel",
            "slack_read_lag_secs",
            "zendesk_read_lag_secs",
            "retry_schedule",
        ],
    ),
    ("ticket", &["on_ask", "on_answer"]),
    ("done", &["note"]),
    ("notify", &["assignee", "quiet_hours"]),
    ("permissions", &["start"]),
    ("followup", &["status", "copy", "template"]),
];
const SECRETS: &[&str] = &[
    "slack.bot_token",
    "slack.signing_secret",
    "zendesk.client_secret",
    "zendesk.access_token",
    "zendesk.api_token",
    "zendesk.webhook_secret",
];
/// Keys that hold several values: in the environment with commas between them, in a `…_file` one a line.
const LISTS: &[&str] = &["slack.signing_secret", "zendesk.webhook_secret", "bridge.retry_schedule", "followup.copy"];

/// Every key that the file may hold outside `[[routes]]`, as `section.key`.
pub(super) fn keys() -> impl Iterator<Item = String> {
    SECTIONS.iter().flat_map(|(section, keys)| keys.iter().map(move |key| format!("{section}.{key}")))
}

/// Whether the value of this key is a secret, which may stand in a file of its own.
pub(super) fn is_secret(key: &str) -> bool {
    SECRETS.contains(&key)
}

/// A value as it was written.
pub(super) enum Value {
    Text(String),
    Integer(i64),
    Fraction(f64),
    Boolean(bool),
    List(Vec<Located>),
    Table(Vec<(String, Origin, Located)>),
    /// A kind of value that no setting takes, by its name in English.
    Other(&'static str),
}

impl Value {
    /// The kind of the value, for a message: never the value.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "text",
            Value::Integer(_) => "a number",
            Value::Fraction(_) => "a number with a fraction",
            Value::Boolean(_) => "true or false",
            Value::List(_) => "a list",
            Value::Table(_) => "a table",
            Value::Other(kind) => kind,
        }
    }
}

/// A value and where it was written.
pub(super) struct Located {
    pub(super) origin: Origin,
    pub(super) value: Value,
}

/// All that was written, and what is wrong with it so far.
pub(super) struct Source {
    pub(super) name: String,
    pub(super) errors: Vec<ConfigError>,
    pub(super) routes: Option<Located>,
    entries: BTreeMap<String, Located>,
    headers: BTreeMap<String, Origin>,
    /// Keys and sections that a misspelt one was probably meant for: to call them missing as well would confuse.
    meant: BTreeSet<String>,
}

impl Source {
    /// Reads the text and the variables; `Err` holds the syntax errors of the text.
    pub(super) fn read(
        name: &str,
        text: &str,
        env: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Source, Vec<ConfigError>> {
        let (table, syntax) = DeTable::parse_recoverable(text);
        let places = Places { name, text };
        if !syntax.is_empty() {
            return Err(syntax.iter().map(|error| places.syntax_error(error)).collect());
        }
        let mut source = Source {
            name: name.to_owned(),
            errors: Vec::new(),
            routes: None,
            entries: BTreeMap::new(),
            headers: BTreeMap::new(),
            meant: BTreeSet::new(),
        };
        source.read_file(&places, table.into_inner());
        source.read_secret_files();
        let from_file = std::mem::take(&mut source.entries);
        source.read_env(env);
        source.read_secret_files();
        for (key, located) in from_file {
            source.entries.entry(key).or_insert(located);
        }
        Ok(source)
    }

    /// Takes the value of `section.key`.
    pub(super) fn take(&mut self, key: &str) -> Option<Located> {
        self.entries.remove(key)
    }

    /// Whether `section.key` was written and not taken.
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.contains_key(key)
    }

    /// Where `section.key` is written, or else its section.
    pub(super) fn place_of(&self, key: &str) -> Origin {
        let section = key.split_once('.').map_or(key, |(section, _)| section);
        self.entries.get(key).map_or_else(|| self.section(section), |located| located.origin.clone())
    }

    /// Whether one of these keys, or the section, was misspelt.
    pub(super) fn is_meant(&self, section: &str, keys: &[&str]) -> bool {
        self.meant.contains(section) || keys.iter().any(|key| self.meant.contains(&format!("{section}.{key}")))
    }

    /// Whether somebody tried to say what is to be bridged.
    pub(super) fn bridges_something(&self) -> bool {
        let routes = match &self.routes {
            Some(Located { value: Value::List(items), .. }) => !items.is_empty(),
            routes => routes.is_some(),
        };
        routes
            || self.has("zendesk.channel_domain")
            || self.meant.contains("routes")
            || self.is_meant("zendesk", &["channel_domain"])
    }

    /// Notes an error.
    pub(super) fn fault(&mut self, origin: Origin, key: &str, reason: impl Into<String>, remedy: Option<String>) {
        self.errors.push(ConfigError { origin, key: key.to_owned(), reason: reason.into(), remedy });
    }

    /// Where a key of this section would be written.
    pub(super) fn section(&self, section: &str) -> Origin {
        self.headers.get(section).cloned().unwrap_or_else(|| Origin::File { name: self.name.clone() })
    }

    /// Notes that a required key is missing, unless a misspelt one explains it.
    pub(super) fn missing(&mut self, key: &str) {
        let (section, name) = key.split_once('.').unwrap_or(("", key));
        if self.meant.contains(key) || self.meant.contains(section) {
            return;
        }
        let remedy = format!("set {name} under [{section}], or {} in the environment", variable(key));
        self.fault(self.section(section), key, "missing", Some(remedy));
    }

    fn read_file(&mut self, places: &Places<'_>, root: DeTable<'_>) {
        for (name, value) in root {
            let origin = places.place(name.span().start);
            let name = name.into_inner().into_owned();
            if name == "routes" {
                self.routes = Some(places.located(value));
                continue;
            }
            let Some((section, keys)) = SECTIONS.iter().find(|(section, _)| *section == name) else {
                self.unknown_section(origin, &name);
                continue;
            };
            let DeValue::Table(table) = value.into_inner() else {
                let remedy = format!("write it as a section, [{section}]");
                self.fault(origin, section, "must be a section", Some(remedy));
                continue;
            };
            self.headers.insert((*section).to_owned(), origin);
            for (key, value) in table {
                let origin = places.place(key.span().start);
                let key = key.into_inner().into_owned();
                let full = format!("{section}.{key}");
                if keys.contains(&key.as_str()) || is_secret_file(&full) {
                    self.entries.insert(full, places.located(value));
                } else {
                    let names = keys.iter().map(|key| (*key).to_owned()).collect();
                    let remedy = self.suggest(section, &key, names);
                    self.fault(origin, &full, "unknown key", remedy);
                }
            }
        }
    }

    fn unknown_section(&mut self, origin: Origin, name: &str) {
        if let Some((section, _)) = SECTIONS.iter().find(|(_, keys)| keys.contains(&name)) {
            self.meant.insert(format!("{section}.{name}"));
            return self.fault(origin, name, "is outside any section", Some(format!("it belongs under [{section}]")));
        }
        let sections = SECTIONS.iter().map(|(section, _)| *section).chain(["routes"]);
        let remedy = nearest(name, sections).map(|section| {
            self.meant.insert(section.to_owned());
            format!("did you mean {section}?")
        });
        self.fault(origin, name, "unknown section", remedy);
    }

    fn suggest(&mut self, section: &str, key: &str, mut names: Vec<String>) -> Option<String> {
        if let Some((other, _)) = SECTIONS.iter().find(|(_, keys)| keys.contains(&key)) {
            self.meant.insert(format!("{other}.{key}"));
            return Some(format!("it belongs under [{other}]"));
        }
        let files: Vec<String> = names.iter().map(|name| format!("{name}_file")).collect();
        names.extend(files.into_iter().filter(|file| is_secret_file(&format!("{section}.{file}"))));
        let meant = nearest(key, names.iter().map(String::as_str))?;
        self.meant.insert(format!("{section}.{}", meant.strip_suffix("_file").unwrap_or(meant)));
        Some(format!("did you mean {meant}?"))
    }

    fn read_env(&mut self, env: impl IntoIterator<Item = (String, String)>) {
        let mut known = BTreeMap::new();
        for (section, keys) in SECTIONS {
            for key in *keys {
                let full = format!("{section}.{key}");
                if SECRETS.contains(&full.as_str()) {
                    known.insert(format!("{}_FILE", variable(&full)), format!("{full}_file"));
                }
                known.insert(variable(&full), full);
            }
        }
        let ours: BTreeMap<String, String> = env.into_iter().filter(|(name, _)| name.starts_with(PREFIX)).collect();
        for (name, value) in ours {
            let origin = Origin::Env { variable: name.clone() };
            if let Some(full) = known.get(&name) {
                self.entries.insert(full.clone(), several(full, origin, &value, ','));
            } else if name.starts_with("SIDETHREAD__ROUTES") {
                let remedy = "write them as [[routes]] in the settings file".to_owned();
                self.fault(origin, "routes", "cannot be set in the environment", Some(remedy));
            } else {
                let upper = name.to_ascii_uppercase();
                let meant = nearest(&upper, known.keys().map(String::as_str));
                let remedy = meant.map(|meant| format!("did you mean {meant}?"));
                if let Some(full) = meant.and_then(|meant| known.get(meant)) {
                    self.meant.insert(full.strip_suffix("_file").unwrap_or(full).to_owned());
                }
                self.fault(origin, "", "unknown variable", remedy);
            }
        }
    }

    /// Puts what a `…_file` key names in the place of the key itself.
    fn read_secret_files(&mut self) {
        for key in SECRETS {
            let Some(named) = self.entries.remove(&format!("{key}_file")) else { continue };
            let full = format!("{key}_file");
            if let Some(both) = self.entries.get(*key) {
                let reason = format!("{key} is given as well ({})", both.origin);
                self.fault(named.origin, &full, reason, Some("keep one of the two".to_owned()));
                continue;
            }
            self.meant.insert((*key).to_owned());
            let Value::Text(path) = &named.value else {
                let reason = format!("must be the path of a file, not {}", named.value.kind());
                self.fault(named.origin, &full, reason, None);
                continue;
            };
            // The path stays out of the message: a secret written here by mistake would be printed.
            match read_secret(path) {
                Ok(text) => {
                    let text = text.trim_end_matches(['\n', '\r']).replace("\r\n", "\n");
                    self.entries.insert((*key).to_owned(), several(key, named.origin, &text, '\n'));
                }
                Err(reason) => {
                    let remedy = "name a file that this user can read and that holds only the secret".to_owned();
                    self.fault(named.origin, &full, format!("the file cannot be read: {reason}"), Some(remedy));
                }
            }
        }
    }
}

fn several(key: &str, origin: Origin, text: &str, between: char) -> Located {
    if !LISTS.contains(&key) {
        return Located { origin, value: Value::Text(text.to_owned()) };
    }
    let item = |item: &str| Located { origin: origin.clone(), value: Value::Text(item.trim().to_owned()) };
    Located { value: Value::List(text.split(between).map(item).collect()), origin }
}

/// The variable that sets `section.key`.
pub(super) fn variable(key: &str) -> String {
    format!("{PREFIX}{}", key.replace('.', "__").to_ascii_uppercase())
}

/// The name that was probably meant.
pub(super) fn nearest<'a>(wrong: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // The distance is quadratic in its input, and nobody mistypes a short name into a page of text.
    if wrong.len() > 80 {
        return None;
    }
    let distance = |name: &&str| strsim::damerau_levenshtein(&wrong.to_ascii_lowercase(), &name.to_ascii_lowercase());
    names
        .into_iter()
        .map(|name| (distance(&name), name))
        .filter(|(far, name)| *far <= (name.len() / 3).clamp(1, 4))
        .min()
        .map(|(_, name)| name)
}

fn is_secret_file(full: &str) -> bool {
    full.strip_suffix("_file").is_some_and(|key| SECRETS.contains(&key))
}

fn read_secret(path: &str) -> Result<String, String> {
    let file = File::open(path).map_err(|error| unreadable(&error))?;
    let mut text = String::new();
    file.take(LARGEST_SECRET + 1).read_to_string(&mut text).map_err(|error| unreadable(&error))?;
    if text.len() as u64 > LARGEST_SECRET {
        return Err(format!("it is longer than {} KiB", LARGEST_SECRET >> 10));
    }
    Ok(text)
}

/// Why a file cannot be read.
pub(super) fn unreadable(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "there is no such file".to_owned(),
        ErrorKind::InvalidData => "it is not UTF-8 text".to_owned(),
        kind => kind.to_string(),
    }
}

struct Places<'a> {
    name: &'a str,
    text: &'a str,
}

impl Places<'_> {
    fn place(&self, offset: usize) -> Origin {
        let bytes = &self.text.as_bytes()[..offset.min(self.text.len())];
        let line_start = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
        Origin::Place {
            name: self.name.to_owned(),
            line: bytes.iter().filter(|byte| **byte == b'\n').count() + 1,
            column: String::from_utf8_lossy(&bytes[line_start..]).chars().count() + 1,
        }
    }

    fn syntax_error(&self, error: &toml::de::Error) -> ConfigError {
        let origin = match error.span() {
            Some(span) => self.place(span.start),
            None => Origin::File { name: self.name.to_owned() },
        };
        let reason = format!("not valid TOML: {}", error.message());
        ConfigError { origin, key: String::new(), reason, remedy: None }
    }

    fn located(&self, value: Spanned<DeValue<'_>>) -> Located {
        let origin = self.place(value.span().start);
        let value = match value.into_inner() {
            DeValue::String(text) => Value::Text(text.into_owned()),
            DeValue::Integer(number) => {
                let parsed = i64::from_str_radix(number.as_str(), number.radix());
                parsed.map_or(Value::Other("a number that is far too large"), Value::Integer)
            }
            DeValue::Boolean(flag) => Value::Boolean(flag),
            DeValue::Float(number) => {
                number.as_str().parse().map_or(Value::Other("a number with a fraction"), Value::Fraction)
            }
            DeValue::Datetime(_) => Value::Other("a date or time"),
            DeValue::Array(array) => Value::List(array.into_iter().map(|item| self.located(item)).collect()),
            DeValue::Table(table) => {
                let fields = table.into_iter().map(|(key, value)| {
                    let origin = self.place(key.span().start);
                    (key.into_inner().into_owned(), origin, self.located(value))
                });
                Value::Table(fields.collect())
            }
        };
        Located { origin, value }
    }
}
