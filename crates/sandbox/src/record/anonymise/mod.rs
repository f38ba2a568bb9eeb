//! Hides what people wrote and who they are, and keeps what a bridge could stumble over.
//!
//! Every word becomes a stand-in of the same length, script and case, the same one each time, with a key that is drawn for
//! one recording and forgotten; so do the longer numbers. What is between the words stays: line breaks, markup, mentions,
//! links, emoji. What the firm has from its seed, such as its channels, people and addresses, stays where it is meant as
//! such, because a replay has to find it, and because it is part of the program and names nobody. The vendors' own words
//! stay in the fields where they put them; what looks like such a structure and was typed is a text.
//!
//! What the bridge made of it cannot be put into stand-ins, since its own words stand among those of people. It keeps its
//! shape alone, and a replay is compared by shapes.

mod letters;
mod text;

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

pub(super) use self::letters::shape;
use self::text::{EMOJI, has};
use super::body::{Place, is_field};
use super::{Asked, Body, Item, Line, What};
use crate::Sandbox;

/// Fields whose values are the vendors' or the sandbox's own words, numbers and ids.
const BONES: &str = "\
    action_id agent as_user assignee_id author_id block_id broadcast channel channel_id channels direction file \
    file_id files format group_id id latest length locale message_ts oldest operator parse person priority public \
    reply_broadcast requester_id response_type role side_conversation side_conversation_id state status style \
    submitter_id thread_ts ticket ticket_id time_zone timestamp ts type tz unfurl_links unfurl_media user user_id \
    usergroup_id users what";
/// What takes machine words in these fields; page and bridge pass on others that people fill.
const MACHINE_FIELDS: &str = "\
    call fault forward grant_type limits ms percent retry_after scope secs status times value vendor what";
const MACHINES: &[&str] =
    &["/sandbox/faults", "/sandbox/clock", "/sandbox/limits", "/sandbox/bridge", "/zendesk/oauth/", "/parked/"];
/// The endings of files that stay.
const ENDINGS: &str = "\
    7z avi bmp csv doc docx eml exe gif gz heic htm html ico ics jpeg jpg js json log m4a md mov mp3 mp4 msg odp ods \
    odt ogg pdf png ppt pptx py rtf sh sql svg tar tif tiff toml txt wav webm webp xls xlsx xml yaml yml zip";
const COMMAND: &str = "/sandbox/slack/command";
const COMMAND_WORDS: [&str; 2] = ["help", "list"];

/// Gives stand-ins, the same each time.
pub struct Anonymiser {
    key: hmac::Key,
    /// Addresses that the firm has from its seed, in lower case.
    addresses: BTreeSet<String>,
    channels: BTreeSet<String>,
    channel_domain: String,
    people: BTreeMap<String, String>,
    /// Ids of whom and what the firm has from its seed.
    ids: BTreeSet<String>,
}

impl Anonymiser {
    /// One for a firm in which nothing has happened yet beside its past.
    ///
    /// # Panics
    /// If the system gives no random numbers.
    pub fn of(sandbox: &Sandbox) -> Anonymiser {
        let mut key = [0; 32];
        aws_lc_rs::rand::fill(&mut key).expect("the system gives random numbers");
        let (people, users) = (sandbox.slack.people(), sandbox.zendesk.users());
        let of_people = people.iter().filter_map(|person| person["profile"]["email"].as_str());
        let of_users = users.iter().filter_map(|user| user["email"].as_str());
        let handles = &sandbox.world.people;
        Anonymiser {
            key: hmac::Key::new(hmac::HMAC_SHA256, &key),
            addresses: of_people.chain(of_users).map(str::to_lowercase).collect(),
            channels: sandbox.world.channels.iter().map(|channel| channel.name.clone()).collect(),
            channel_domain: sandbox.credentials().channel_domain.clone(),
            ids: sandbox.slack.ids().into_iter().collect(),
            people: handles.iter().map(|person| (person.name.clone(), person.id.clone())).collect(),
        }
    }

    /// A line with all that is hidden.
    pub(super) fn line(&self, line: Line) -> Line {
        let what = match line.what {
            What::Asked(asked) => What::Asked(self.asked(asked)),
            What::Made(Item { name, says }) => {
                let says = says.map(|says| shape(&self.names_in(&says)));
                What::Made(Item { name: self.name(&name), says })
            }
            What::Called { call, status } => What::Called { call: self.name(&call), status },
            other => other,
        };
        Line { what, ..line }
    }

    fn asked(&self, asked: Asked) -> Asked {
        let of_machines = MACHINES.iter().any(|begin| asked.path.starts_with(begin));
        let command = asked.path == COMMAND;
        let mut hide = |place: Place<'_>, value: &str| {
            Ok::<_, std::convert::Infallible>(match place.field {
                _ if place.is_own => self.text(value),
                _ if place.is_name => {
                    if is_field(value) {
                        value.to_owned()
                    } else {
                        self.text(value)
                    }
                }
                field if of_machines && has(MACHINE_FIELDS, field) => value.to_owned(),
                "text" if command => self.command(value),
                "filename" | "file_name" => self.file_name(value),
                "channel" if self.is_unknown_channel(value) => self.text(value),
                "name" if has(EMOJI, value) => value.to_owned(),
                field if has(BONES, field) && is_bone(value) => value.to_owned(),
                _ => self.text(value),
            })
        };
        let headers = asked.headers.iter().map(|(name, value)| (name.clone(), self.header(name, value))).collect();
        let Ok(mut hidden) = asked.map(&mut hide);
        match &mut hidden.body {
            Body::Bytes(encoded) => *encoded = without_content(encoded),
            Body::Parts { parts, .. } => {
                let files = parts.iter_mut().filter(|part| part.file.is_some());
                files.for_each(|part| part.value = without_content(&part.value));
            }
            _ => {}
        }
        Asked { path: self.path(&asked.path), headers, ..hidden }
    }

    /// Addresses are all that is hidden of a name.
    fn name(&self, name: &str) -> String {
        let parts = name.split('/').map(|part| {
            let (part, rest) = part.split_once('#').map_or((part, None), |(part, rest)| (part, Some(rest)));
            let part = match part.split_once('@') {
                Some((local, domain)) if !part.contains(char::is_whitespace) => self.mapped_address(local, domain),
                _ => part.to_owned(),
            };
            rest.map_or(part.clone(), |rest| format!("{part}#{rest}"))
        });
        parts.collect::<Vec<_>>().join("/")
    }

    /// A path keeps its words but those that were escaped: none of the vendors' own are.
    fn path(&self, path: &str) -> String {
        let segments = path.split('/').map(|segment| {
            let mut parts = segment.split('%');
            let first = parts.next().unwrap_or_default();
            if first.len() == segment.len() {
                return self.name(segment);
            }
            let escaped = parts.map(|part| match part.split_at_checked(2) {
                Some((code, rest)) => format!("%{code}{}", self.plain(rest)),
                None => format!("%{part}"),
            });
            self.plain(first) + &escaped.collect::<String>()
        });
        segments.collect::<Vec<_>>().join("/")
    }

    fn names_in(&self, text: &str) -> String {
        let mut hidden = String::with_capacity(text.len());
        for part in text.split_inclusive('⟧') {
            match part.find('⟦') {
                Some(at) => {
                    hidden.push_str(&part[..at]);
                    hidden.push_str(&self.name(&part[at..]));
                }
                None => hidden.push_str(part),
            }
        }
        hidden
    }

    fn header(&self, name: &str, value: &str) -> String {
        match (name, value.split_once(' ')) {
            ("authorization", Some((scheme, credential))) => format!("{scheme} {}", self.text(credential)),
            ("content-type" | "accept", _) => value.to_owned(),
            _ => self.text(value),
        }
    }

    fn is_unknown_channel(&self, value: &str) -> bool {
        value.strip_prefix('#').is_some_and(|name| !self.channels.contains(name))
    }

    fn command(&self, text: &str) -> String {
        let begin = text.len() - text.trim_start().len();
        let end = text[begin..].find(char::is_whitespace).map_or(text.len(), |at| begin + at);
        match COMMAND_WORDS.iter().any(|word| word.eq_ignore_ascii_case(&text[begin..end])) {
            true => format!("{}{}", &text[..end], self.text(&text[end..])),
            false => self.text(text),
        }
    }

    /// The ending says what kind of file it is, and stays.
    fn file_name(&self, name: &str) -> String {
        match name.rsplit_once('.') {
            Some((stem, ending)) if has(ENDINGS, &ending.to_ascii_lowercase()) => {
                format!("{}.{ending}", self.text(stem))
            }
            _ => self.text(name),
        }
    }

    fn tag_of(&self, word: &str) -> hmac::Tag {
        hmac::sign(&self.key, word.as_bytes())
    }
}

/// Whether this can be no sentence: one word, or a name and a word.
fn is_bone(value: &str) -> bool {
    let bare = match value.rsplit_once('⟧') {
        Some((name, rest)) if name.starts_with('⟦') => rest.strip_prefix(' ').unwrap_or(rest),
        _ => value,
    };
    bare.len() <= 200 && !bare.contains(char::is_whitespace) && !bare.contains('@')
}

/// A file of the same size; of a picture the size in pixels stays as well.
fn without_content(encoded: &str) -> String {
    const PICTURE: &[u8] = b"\x89PNG";
    const HEAD: usize = 33;
    let mut bytes = STANDARD.decode(encoded).unwrap_or_default();
    let begin = if bytes.starts_with(PICTURE) { HEAD.min(bytes.len()) } else { 0 };
    bytes[begin..].fill(b'x');
    STANDARD.encode(bytes)
}

#[cfg(test)]
mod tests;
