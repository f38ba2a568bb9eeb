//! A side conversation that somebody starts from Slack.
//!
//! A start is a thread before its side conversation is there. It goes through these steps, each of them stored together
//! with what it asks for: *looking* (who asks, may the app post in that channel, does the ticket take messages), *creating*
//! (the one call that makes the side conversation, which carries the thread's marker), and then it is a thread like any
//! other, whose card is posted where it was started. Or it is *refused*, and whoever asked is told why and given their
//! words back. A closed ticket is *offered* to be followed up, and a press of the button goes on from there.
//!
//! Races it allows for: the feed shows the side conversation before the call that made it has answered; a crash at any
//! step; the same command delivered twice.

use serde::{Deserialize, Serialize};

use super::content::{Doc, Nameless, Names};
use super::event::{ChannelProblem, Kind, Participant, Person, SideConversationEvent, Ticket};
use super::ids::{ChannelId, SlackUserId, TeamId, ThreadId, TicketId, ZendeskUserId};

/// How the id of a thread begins that was started from Slack.
const PREFIX: &str = "start-";
/// The longest subject that is made of the first line of a message, in characters.
pub const SUBJECT_LIMIT: usize = 100;
/// How much older than the start a side conversation may be by the vendor's clock, in milliseconds.
const CLOCKS_DIFFER_MS: i64 = 2 * 60 * 1000;

/// Somebody asked to start a side conversation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StartAsked {
    /// The thread that comes of it.
    pub id: ThreadId,
    /// Who asked.
    pub user: SlackUserId,
    /// Their workspace, if Slack said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<TeamId>,
    /// Where its thread is to stand.
    pub channel: ChannelId,
    /// On which ticket.
    pub ticket_id: TicketId,
    /// The subject, if one was given; otherwise the first line of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<String>,
    /// The message.
    pub doc: Doc,
}

impl StartAsked {
    /// The subject that the side conversation gets.
    pub fn subject(&self) -> String {
        let given = self.subject.as_deref().map(str::trim).filter(|subject| !subject.is_empty());
        given.map_or_else(|| first_line(&self.doc), str::to_owned)
    }
}

/// The thread of a start: `key` is Slack's name for what asked for it (a trigger, a view).
pub fn thread_id(key: &str) -> ThreadId {
    ThreadId::new(format!("{PREFIX}{key}"))
}

/// The first line that says something, shortened between words where it can be.
fn first_line(doc: &Doc) -> String {
    let plain = doc.to_plain(&Nameless);
    let line = plain.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
    let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= SUBJECT_LIMIT {
        return line;
    }
    let cut: String = line.chars().take(SUBJECT_LIMIT - 1).collect();
    // A word of half the line or more has to be cut.
    let end = cut.rfind(' ').filter(|end| *end > cut.len() / 2).unwrap_or(cut.len());
    format!("{}…", cut[..end].trim_end())
}

/// How far a start has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// It is looked up whether it can be done.
    Looking,
    /// The side conversation is being created.
    Creating,
    /// Its ticket is closed; whoever asked may press a button to start it on a follow-up.
    Offered,
    /// What follows the closed ticket is looked for, or made.
    Following,
    /// It is not done, and whoever asked was told.
    Refused,
}

/// A start, until its card is made.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// What was asked for.
    pub asked: StartAsked,
    /// When, in milliseconds since 1970.
    pub at_ms: i64,
    /// How far it has come.
    pub step: Step,
    /// The name of who asked, once it is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Whether it may go on in a follow-up of its ticket, as whoever asked has said since it was found closed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_follow_up: bool,
    /// Whether it was told that it takes long.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub told_late: bool,
}

impl Start {
    /// Whether an entry of a side conversation is the one that this start creates: by its marker; failing that, by who
    /// created it, when, under which subject and with which words.
    pub fn is_begun_by(&self, entry: &SideConversationEvent, app_user: ZendeskUserId) -> bool {
        let Some(message) = entry.message.as_ref().filter(|_| entry.kind == Kind::Create) else { return false };
        if let Some(marker) = &message.marker {
            return marker.split_once('/').is_some_and(|(thread, _)| thread == self.asked.id.as_str());
        }
        // Until it is asked for nothing can have come of it.
        let asked_for = self.step == Step::Creating && !self.asked.doc.is_empty();
        let ours =
            asked_for && entry.actor.user_id == Some(app_user) && entry.via.as_deref().is_none_or(|via| via == "api");
        let subject = message.subject.as_deref().or(entry.about.as_ref().map(|about| about.subject.as_str()));
        // What is sent stands in a quotation, so marks of quotations do not count.
        let is_mark = |word: &&str| word.chars().all(|c| c == '>');
        let words = |text: &str| text.split_whitespace().filter(|word| !is_mark(word)).collect::<Vec<_>>().join(" ");
        let said = words(&message.doc().to_plain(&Nameless));
        let asked = self.asked.doc.to_plain(&Unnamed).split(UNNAMED).map(words).collect::<Vec<_>>();
        ours && entry.created_at_ms >= self.at_ms - CLOCKS_DIFFER_MS
            && subject == Some(self.asked.subject().as_str())
            && ends_with_parts(&said, &asked)
    }
}

/// Stands for every name: which names people and channels had when the message was sent is not known.
const UNNAMED: char = '\u{1}';

struct Unnamed;

impl Names for Unnamed {
    fn user(&self, _: &SlackUserId) -> Option<String> {
        Some(UNNAMED.to_string())
    }

    fn channel(&self, _: &ChannelId) -> Option<String> {
        Some(UNNAMED.to_string())
    }

    fn group(&self, _: &str) -> Option<String> {
        Some(UNNAMED.to_string())
    }
}

/// Whether a text ends with these parts in their order, with names between them.
fn ends_with_parts(text: &str, parts: &[String]) -> bool {
    let Some((last, before)) = parts.split_last() else { return true };
    let mut rest = text;
    for part in before.iter().map(|part| part.trim_end_matches(['@', '#'])) {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last.as_str())
}

/// What was looked up for a start.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Prospects {
    /// Who asks.
    pub person: Person,
    /// Their Zendesk user, if they are an agent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub zendesk_user: Option<Participant>,
    /// Why the app cannot post in the channel, if it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelProblem>,
    /// The ticket.
    pub ticket: TicketProspect,
}

/// What a start finds of its ticket.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TicketProspect {
    /// It takes messages.
    Open {
        /// What the card shows of it.
        ticket: Ticket,
        /// Its assignee.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        assignee: Option<Participant>,
    },
    /// It is closed for good.
    Closed,
    /// It was merged into another one.
    Merged {
        /// Into which, if that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        into: Option<TicketId>,
    },
    /// There is none of this number, or the app may not see it.
    Missing,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(subject: Option<&str>, text: &str) -> StartAsked {
        StartAsked {
            id: thread_id("1.2.abc"),
            user: SlackUserId::new("U1"),
            team: None,
            channel: ChannelId::new("C1"),
            ticket_id: TicketId(1),
            subject: subject.map(str::to_owned),
            doc: Doc::from_slack(text, None, None),
        }
    }

    #[test]
    fn the_subject_is_the_one_given_else_the_first_line_shortened() {
        let table = [
            (Some(" Parcel "), "Where?", "Parcel".to_owned()),
            (Some("  "), "Where?", "Where?".to_owned()),
            (None, "\n  Where   is it?\nPlease", "Where is it?".to_owned()),
            (None, "*Urgent:* &amp; now", "Urgent: & now".to_owned()),
            (None, &"word ".repeat(40), format!("{}…", vec!["word"; 19].join(" "))),
            (None, &"x".repeat(200), format!("{}…", "x".repeat(99))),
        ];
        for (given, text, subject) in table {
            assert_eq!(asked(given, text).subject(), subject, "{text:?}");
        }
    }

    #[test]
    fn what_it_creates_is_known_by_its_marker_else_by_its_words() {
        let start = Start {
            asked: asked(None, "Where is it?"),
            at_ms: 1_000_000,
            step: Step::Creating,
            name: None,
            on_follow_up: false,
            told_late: false,
        };
        let entry = |marker: Option<&str>, actor: i64, subject: &str, body: &str, at: i64| -> SideConversationEvent {
            serde_json::from_value(serde_json::json!({
                "id": "e", "side_conversation_id": "e", "ticket_id": 1, "kind": "create", "via": "api",
                "actor": {"user_id": actor}, "created_at_ms": at,
                "message": {"subject": subject, "plain": body, "marker": marker},
            }))
            .unwrap()
        };
        let us = ZendeskUserId(9);
        let body = "Ana in Slack (https://a.slack.com/archives/C1):\nWhere is it?";
        for (begun, entry) in [
            (true, entry(Some("start-1.2.abc/create:1"), 1, "x", "y", 0)),
            (false, entry(Some("start-1.2.abcd/create:1"), 9, "Where is it?", body, 1_000_000)),
            (true, entry(None, 9, "Where is it?", body, 1_000_000)),
            (true, entry(None, 9, "Where is it?", "Ana in Slack:\n> Where\n> is it?", 1_000_000)),
            (false, entry(None, 1, "Where is it?", body, 1_000_000)),
            (false, entry(None, 9, "Where?", body, 1_000_000)),
            (false, entry(None, 9, "Where is it?", "Something else", 1_000_000)),
            (false, entry(None, 9, "Where is it?", body, 1_000)),
        ] {
            assert_eq!(start.is_begun_by(&entry, us), begun, "{entry:?}");
        }
        let start = Start { asked: asked(None, "Where is it, <@U1>? <@U2> in <#C1> asks"), ..start };
        for (begun, said) in [
            (true, "Ana in Slack:\n> Where is it, @Ben Silva? @Zoe in #parcels asks"),
            (false, "Ana in Slack:\n> Where was it, @Ben Silva? @Zoe in #parcels asks"),
            (false, "Ana in Slack:\n> Where is it, @Ben Silva? @Zoe in #parcels asks again"),
        ] {
            let subject = start.asked.subject();
            assert_eq!(start.is_begun_by(&entry(None, 9, &subject, said, 1_000_000), us), begun, "{said}");
        }
    }
}
