//! `sidethread trace`: every step of each message of a thread, with times, from what the tables say.
//!
//! It reads the database as it is, whether the bridge runs or not, and asks nobody. People's words are left out unless
//! they are asked for.

mod render;

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context, bail};
use url::Url;

use super::words::clean;
use crate::bridge::ids::Ts;
use crate::store::{Look, Scope, TracedEvent, TracedThread};
use render::Story;

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// One Slack message and its thread: channel, the message, the thread's parent if the address names it.
    Message {
        /// The channel.
        channel: String,
        /// The message.
        ts: String,
        /// The parent of its thread.
        thread_ts: Option<String>,
    },
    /// Every side conversation of a ticket.
    Ticket(i64),
    /// One side conversation.
    SideConversation(String),
}

impl Asked {
    /// Reads what a person pasted.
    ///
    /// # Errors
    /// It is none of the three; the text says what is.
    pub fn parse(text: &str) -> anyhow::Result<Asked> {
        let text = text.trim();
        if let Ok(url) = Url::parse(text) {
            return Asked::address(&url).with_context(|| {
                format!(
                    "{} is no address of a Slack message, a side conversation or a ticket; copy a message's link in Slack (\"Copy link\")",
                    clean(text)
                )
            });
        }
        if let Ok(ticket) = text.trim_start_matches('#').parse::<i64>() {
            return Ok(Asked::Ticket(ticket));
        }
        let id = text.len() >= 8 && text.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
        if id {
            return Ok(Asked::SideConversation(text.to_lowercase()));
        }
        bail!(
            "{} is nothing that can be traced; give the link of a Slack message (\"Copy link\"), the id of a side conversation, or the number of a ticket",
            clean(text)
        )
    }

    fn address(url: &Url) -> Option<Asked> {
        let parts: Vec<&str> = url.path_segments()?.filter(|part| !part.is_empty()).collect();
        if let Some(at) = parts.iter().position(|part| *part == "archives") {
            let (channel, message) = (parts.get(at + 1)?, parts.get(at + 2)?.strip_prefix('p')?);
            let (seconds, fraction) = message.split_at_checked(message.len().checked_sub(6)?)?;
            let ts = format!("{seconds}.{fraction}").parse::<Ts>().ok()?;
            let thread_ts = url.query_pairs().find(|(key, _)| key == "thread_ts").map(|(_, value)| value.into_owned());
            return Some(Asked::Message { channel: (*channel).to_owned(), ts: ts.to_string(), thread_ts });
        }
        if let Some(at) = parts.iter().position(|part| *part == "side_conversations") {
            return Some(Asked::SideConversation(parts.get(at + 1)?.trim_end_matches(".json").to_owned()));
        }
        let at = parts.iter().position(|part| *part == "tickets")?;
        parts.get(at + 1)?.trim_end_matches(".json").parse().ok().map(Asked::Ticket)
    }
}

/// What the database at `path` knows of what was `asked`, at `now_ms` (milliseconds since 1970), as text for a terminal.
///
/// # Errors
/// It is not known, or the database cannot be read; the text says what to do.
pub async fn run(path: &Path, asked: &Asked, text: bool, now_ms: i64) -> anyhow::Result<String> {
    let look = Look::open(path).await?;
    let told = trace(&look, asked, text, now_ms).await;
    look.close().await;
    told
}

async fn trace(look: &Look, asked: &Asked, text: bool, now_ms: i64) -> anyhow::Result<String> {
    let scope = match asked {
        Asked::Ticket(id) => Scope::Ticket(*id),
        Asked::SideConversation(id) => Scope::SideConversation(id.clone()),
        Asked::Message { channel, ts, thread_ts } => {
            Scope::Link(channel.clone(), thread_ts.as_ref().unwrap_or(ts).clone())
        }
    };
    let mut threads = look.threads(&scope).await?;
    if let (true, Asked::Message { channel, ts, .. }) = (threads.is_empty(), asked) {
        // A reply's address may lack its thread.
        if let Some(event) = look.event("slack", &format!("{ts}:{channel}")).await? {
            threads = look.threads(&Scope::SideConversation(event.thread_id)).await?;
        }
    }
    if threads.is_empty() {
        return unknown(look, asked, text, now_ms).await;
    }
    let mut told = Vec::with_capacity(threads.len());
    for thread in &threads {
        told.push(one(look, thread, asked, text, now_ms).await?);
    }
    Ok(told.join("\n"))
}

async fn one(look: &Look, thread: &TracedThread, asked: &Asked, text: bool, now_ms: i64) -> anyhow::Result<String> {
    let calls = look.calls(&thread.id).await?;
    let single = match asked {
        Asked::Message { ts, .. } if thread.link.as_ref().is_none_or(|(_, root)| root != ts) => Some(ts.as_str()),
        _ => None,
    };
    let events = match (single, asked) {
        (Some(ts), Asked::Message { channel, .. }) => {
            // One message is found by its keys, which spares reading the whole table.
            let mut events: Vec<TracedEvent> = Vec::new();
            events.extend(look.event("slack", &format!("{ts}:{channel}")).await?);
            let posted = calls.iter().filter(|call| call.result.as_deref() == Some(ts));
            for entry in posted.flat_map(|call| render::names_in(&call.effect_id)).collect::<BTreeSet<_>>() {
                events.extend(look.event("zendesk", entry).await?);
            }
            events
        }
        _ => look.events(&thread.id).await?,
    };
    let ids: Vec<i64> = calls.iter().map(|call| call.id).collect();
    let attempts = look.attempts(&ids).await?;
    let held = match (&thread.link, asked) {
        (None, Asked::Message { channel, ts, thread_ts }) => {
            look.held(channel, thread_ts.as_ref().unwrap_or(ts)).await?
        }
        _ => Vec::new(),
    };
    Ok(Story { thread, events, held, calls, attempts, single, text, now_ms }.told())
}

/// A message whose card is still on its way waits for it.
async fn unknown(look: &Look, asked: &Asked, text: bool, now_ms: i64) -> anyhow::Result<String> {
    let Asked::Message { channel, ts, thread_ts } = asked else {
        bail!(
            "the database knows nothing of it: no side conversation was met there since the first start (is this the right --config?)"
        )
    };
    let held = look.held(channel, thread_ts.as_ref().unwrap_or(ts)).await?;
    if held.is_empty() {
        bail!(
            "no bridged thread stands there: messages outside bridged threads are not stored (is this the right --config, and the whole link?)"
        )
    }
    Ok(render::held(&held, text, now_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_paste_is_read() {
        let message = |ts: &str, thread_ts: Option<&str>| Asked::Message {
            channel: "C1".to_owned(),
            ts: ts.to_owned(),
            thread_ts: thread_ts.map(str::to_owned),
        };
        let root = "https://acme.slack.com/archives/C1/p1795341659000200";
        assert_eq!(Asked::parse(root).unwrap(), message("1795341659.000200", None));
        let reply = format!("{root}?thread_ts=1795341600.000100&cid=C1 ");
        assert_eq!(Asked::parse(&reply).unwrap(), message("1795341659.000200", Some("1795341600.000100")));
        for ticket in ["35436", " #35436", "https://acme.zendesk.com/agent/tickets/35436"] {
            assert_eq!(Asked::parse(ticket).unwrap(), Asked::Ticket(35436), "{ticket}");
        }
        let id = "01ad1c9e-4ae1-11f1-9738-b5e9d567b472";
        let address = format!("https://acme.zendesk.com/api/v2/tickets/1/side_conversations/{id}.json");
        for named in [id.to_owned(), id.to_uppercase(), address] {
            assert_eq!(Asked::parse(&named).unwrap(), Asked::SideConversation(id.to_owned()), "{named}");
        }
        for nothing in ["", "scanner", "https://acme.slack.com/archives/C1", "https://example.com/x", "p179\u{1b}[2J"] {
            let said = format!("{:#}", Asked::parse(nothing).unwrap_err());
            assert!(said.contains("Copy link") && !said.contains('\u{1b}'), "{said}");
        }
    }
}
