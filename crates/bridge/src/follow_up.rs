//! Follow-up tickets: what the settings say of them, what opens one, and how a side conversation that Zendesk copied to
//! one is known for what it is.
//!
//! A copy may have ids of its own and no marker. It is the same side conversation if the subject and the first message
//! are the same, and an entry of it is the same as another if author, second and text are: Zendesk does not document
//! more, and two people do not say the same in the same second.

use serde::{Deserialize, Serialize};

use super::content::{Nameless, text_hash};
use super::event::{Kind, Participant, SideConversationEvent, State, Ticket};
use super::ids::{SideConversationEventId, SideConversationId, TicketId, ZendeskUserId};
use super::notice;
use super::thread::{self, time_with_offset};

/// The longest text of the conversation so far in a note, in characters. A comment takes 64 KiB.
const CONVERSATION_LIMIT: usize = 12_000;
/// How much of that the beginning gets, as one part in so many; the end gets the rest.
const BEGINNING: usize = 3;

/// A ticket that takes no replies any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedTicket {
    /// Which.
    pub ticket_id: TicketId,
    /// Whether it was closed because it was merged into another one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub merged: bool,
    /// The ticket in which it goes on since it was merged, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub into: Option<TicketId>,
}

impl ClosedTicket {
    /// A ticket that was closed by itself.
    pub fn alone(ticket_id: TicketId) -> ClosedTicket {
        ClosedTicket { ticket_id, merged: false, into: None }
    }

    /// A ticket that was merged into another one.
    pub fn by_merge(ticket_id: TicketId, into: Option<TicketId>) -> ClosedTicket {
        ClosedTicket { ticket_id, merged: true, into }
    }
}

/// The ticket in which a closed one goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Followed {
    /// Which.
    pub ticket_id: TicketId,
    /// What the card shows of it, if it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<Ticket>,
    /// The thread's side conversation there, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side_conversation_id: Option<SideConversationId>,
    /// The state of that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<StateNow>,
    /// Its entries that are copies of older ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub copied: Vec<SideConversationEventId>,
}

impl Followed {
    /// In a ticket where the thread has no side conversation yet.
    pub fn in_ticket(ticket_id: TicketId, ticket: Option<Ticket>) -> Followed {
        Followed { ticket_id, ticket, side_conversation_id: None, state: None, copied: Vec::new() }
    }
}

/// The state of a side conversation in which a thread goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StateNow {
    /// The state.
    pub state: State,
    /// When it was set, in milliseconds since 1970.
    pub updated_at_ms: i64,
}

impl StateNow {
    /// As the read that brought these entries knew it.
    pub fn of(entries: &[SideConversationEvent]) -> Option<StateNow> {
        let about = entries.iter().rev().find_map(|entry| entry.about.as_ref())?;
        Some(StateNow { state: about.state, updated_at_ms: about.state_updated_at_ms })
    }
}

/// What the settings say of follow-up tickets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The status of a new one.
    pub status: String,
    /// What it has from its source.
    pub copy: Vec<Copied>,
    /// What its first note says.
    pub template: Template,
}

impl Default for Rules {
    fn default() -> Self {
        Rules { status: "open".to_owned(), copy: Copied::ALL.to_vec(), template: Template::default() }
    }
}

/// Something that a follow-up ticket may have from its source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Copied {
    /// The agent who has it.
    Assignee,
    /// The group that has it.
    Group,
    /// Its priority.
    Priority,
    /// Its type.
    Type,
    /// Its tags.
    Tags,
    /// The values of its custom fields.
    CustomFields,
    /// Its form.
    Form,
    /// Its brand.
    Brand,
}

impl Copied {
    /// All of them.
    pub const ALL: [Copied; 8] = [
        Copied::Assignee,
        Copied::Group,
        Copied::Priority,
        Copied::Type,
        Copied::Tags,
        Copied::CustomFields,
        Copied::Form,
        Copied::Brand,
    ];

    /// The word for the settings.
    pub fn as_str(self) -> &'static str {
        match self {
            Copied::Assignee => "assignee",
            Copied::Group => "group",
            Copied::Priority => "priority",
            Copied::Type => "type",
            Copied::Tags => "tags",
            Copied::CustomFields => "custom_fields",
            Copied::Form => "form",
            Copied::Brand => "brand",
        }
    }
}

/// The text of a follow-up ticket's first note, with names in braces for what differs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(String);

/// What a note may say, by name.
pub const PLACEHOLDERS: [&str; 5] = ["ticket", "ticket_url", "thread_url", "subject", "conversation"];

impl Default for Template {
    fn default() -> Self {
        Template(notice::follow_up_note().to_owned())
    }
}

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// The name in braces that no note knows.
    pub fn parse(text: &str) -> Result<Template, String> {
        let mut rest = text;
        while let Some((_, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').ok_or_else(|| after.chars().take(20).collect::<String>())?;
            if !PLACEHOLDERS.contains(&name) {
                return Err(name.to_owned());
            }
            rest = after;
        }
        Ok(Template(text.to_owned()))
    }

    /// Writes a note. What is put in is not read as a template again.
    pub fn render(&self, values: [&str; 5]) -> String {
        let mut note = String::new();
        let mut rest = self.0.as_str();
        while let Some((before, after)) = rest.split_once('{') {
            let (name, after) = after.split_once('}').unwrap_or((after, ""));
            let at = PLACEHOLDERS.iter().position(|known| *known == name);
            note.push_str(before);
            note.push_str(at.map_or("", |at| values[at]));
            rest = after;
        }
        note.push_str(rest);
        note
    }
}

/// What was said in a side conversation, shortened from the middle where it must be. What people wrote in Slack stands under
/// their own names, and not under that of the user by whom the app acts; `slack_url` is the workspace's address.
pub fn conversation(
    entries: &[SideConversationEvent],
    source: TicketId,
    app_user: ZendeskUserId,
    slack_url: &str,
) -> String {
    let said = |entry: &SideConversationEvent| {
        let Some(message) = entry.message.as_ref() else { return Vec::new() };
        let ours = message.marker.is_some() || entry.actor.user_id == Some(app_user);
        if let Some(plain) = message.plain.as_deref().filter(|_| ours) {
            let under_headings = thread::under_headings(plain, slack_url);
            // What the app itself begins a side conversation with is no word of anybody.
            if !under_headings.is_empty() || (entry.kind == Kind::Create && plain.contains(slack_url)) {
                let shown = under_headings.into_iter().map(|one| {
                    let who = notice::in_slack(&one.name);
                    format!("{who}, {}:\n{}", time_with_offset(one.at_ms), one.text.trim())
                });
                return shown.collect();
            }
        }
        let who = entry.actor.shown().unwrap_or(notice::SOMEBODY);
        let mut text = format!("{who}, {}:", time_with_offset(entry.created_at_ms));
        // Side conversations name people in full.
        let words = message.doc().to_plain(&Nameless);
        if !words.is_empty() {
            text = format!("{text}\n{words}");
        }
        if !message.files.is_empty() {
            text = format!("{text}\n[{}]", message.files.join(", "));
        }
        vec![text]
    };
    shortened(entries.iter().flat_map(said).collect(), CONVERSATION_LIMIT, source)
}

fn shortened(said: Vec<String>, limit: usize, source: TicketId) -> String {
    if said.is_empty() {
        return String::new();
    }
    let length = |text: &String| text.chars().count() + 2;
    if said.iter().map(length).sum::<usize>() <= limit {
        return said.join("\n\n");
    }
    let cut = |text: &String, most: usize| match text.chars().count() <= most {
        true => text.clone(),
        false => format!("{} […]", text.chars().take(most).collect::<String>()),
    };
    let beginning = limit / BEGINNING;
    let mut shown = vec![cut(&said[0], beginning)];
    let mut left = limit - length(&shown[0]).min(limit);
    let mut ending = Vec::new();
    for text in said[1..].iter().rev() {
        if ending.is_empty() || length(text) <= left {
            ending.push(cut(text, left));
            left = left.saturating_sub(length(text));
        } else {
            break;
        }
    }
    let missing = said.len() - 1 - ending.len();
    if missing > 0 {
        shown.push(notice::left_out_in_the_middle(missing, source));
    }
    shown.extend(ending.into_iter().rev());
    shown.join("\n\n")
}

/// Whether one side conversation is a copy of another: subject and first message are the same.
pub fn is_copy(copy: &[SideConversationEvent], original: &[SideConversationEvent]) -> bool {
    let first = |entries: &[SideConversationEvent]| entries.iter().find(|entry| entry.message.is_some()).cloned();
    let (Some(copy), Some(original)) = (first(copy), first(original)) else { return false };
    let subject = |entry: &SideConversationEvent| {
        let message = entry.message.as_ref().and_then(|message| message.subject.clone());
        message.or_else(|| entry.about.as_ref().map(|about| about.subject.clone())).filter(|text| !text.is_empty())
    };
    let subjects = match (subject(&copy), subject(&original)) {
        (Some(one), Some(other)) => text_hash(&one) == text_hash(&other),
        _ => true,
    };
    subjects && same(&copy, &original)
}

/// The entries of a copy that are the same as entries of the original, each of which was copied once: who says the same
/// twice in a second has said it twice.
pub fn copied(copy: &[SideConversationEvent], original: &[SideConversationEvent]) -> Vec<SideConversationEventId> {
    let mut left: Vec<&SideConversationEvent> = original.iter().collect();
    let mut of_original = |entry: &&SideConversationEvent| {
        let at = left.iter().position(|other| same(entry, other));
        at.map(|at| left.swap_remove(at)).is_some()
    };
    copy.iter().filter(|entry| of_original(entry)).map(|entry| entry.id.clone()).collect()
}

fn same(one: &SideConversationEvent, other: &SideConversationEvent) -> bool {
    let second = |entry: &SideConversationEvent| entry.created_at_ms.div_euclid(1000);
    if second(one) != second(other) || !same_person(&one.actor, &other.actor) {
        return false;
    }
    let hash = |entry: &SideConversationEvent| {
        let message = entry.message.as_ref()?;
        Some((text_hash(&message.doc().to_plain(&Nameless)), message.files.clone()))
    };
    match (&one.kind, &other.kind) {
        (Kind::Update { state }, Kind::Update { state: other }) => state == other,
        (Kind::Create | Kind::Reply, Kind::Create | Kind::Reply) => hash(one).is_some() && hash(one) == hash(other),
        _ => false,
    }
}

fn same_person(one: &Participant, other: &Participant) -> bool {
    match (one.user_id, other.user_id) {
        (Some(one), Some(other)) => one == other,
        _ if one.email.is_some() && other.email.is_some() => one.email == other.email,
        _ => one.shown() == other.shown(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Message;

    fn said(id: &str, by: i64, at_ms: i64, html: &str) -> SideConversationEvent {
        SideConversationEvent {
            id: SideConversationEventId::new(id),
            side_conversation_id: SideConversationId::new("a"),
            ticket_id: TicketId(1),
            kind: if id == "a" { Kind::Create } else { Kind::Reply },
            actor: Participant { user_id: Some(ZendeskUserId(by)), ..Participant::default() },
            via: None,
            created_at_ms: at_ms,
            message: Some(Message { html: Some(html.to_owned()), ..Message::default() }),
            about: None,
        }
    }

    #[test]
    fn what_people_wrote_in_slack_stands_under_their_own_names() {
        let slack = "https://acme.slack.com/";
        let at = |n: u32| format!("{slack}archives/C1/p179534160000000{n}?thread_ts=1795341600.000001&cid=C1");
        let by_app = |id: &str, plain: String| SideConversationEvent {
            message: Some(Message { plain: Some(plain), marker: Some("x".to_owned()), ..Message::default() }),
            ..said(id, 9, 1_795_341_700_000, "<p>not read</p>")
        };
        let entries = [
            said("a", 1, 1_795_341_600_000, "<p>Where is it?</p>"),
            by_app("b", format!("Ana in Slack ({}):\nHere.\n\nBen in Slack, written late ({}):\nThere.", at(1), at(2))),
            said("c", 9, 1_795_341_800_000, "<p>I use this account myself.</p>"),
            SideConversationEvent { kind: Kind::Create, ..by_app("d", format!("This goes on here: {}", at(3))) },
        ];
        let shown = conversation(&entries, TicketId(7), ZendeskUserId(9), slack);
        let time = "2026-11-22 10:00 +00:00:";
        for part in [&format!("Ana in Slack, {time}\nHere."), &format!("Ben in Slack, {time}\nThere."), "Where is it?"]
        {
            assert!(shown.contains(part), "{part} in {shown}");
        }
        assert_eq!(shown.matches("+00:00:").count(), 4, "each of them once, the app not at all: {shown}");
        assert!(shown.contains("I use this account myself.") && !shown.contains("goes on here"), "{shown}");
    }

    #[test]
    fn a_template_knows_its_names() {
        let template = Template::parse("#{ticket}: {subject} {conversation}").unwrap();
        assert_eq!(template.render(["7", "", "", "{ticket}", "x"]), "#7: {ticket} x");
        assert_eq!(Template::parse("a {tiket} b"), Err("tiket".to_owned()));
        assert!(Template::parse("a {ticket b").is_err());
        assert!(Template::parse(notice::follow_up_note()).is_ok());
    }

    #[test]
    fn a_long_conversation_is_shortened_from_the_middle() {
        let lines: Vec<String> = (0..100).map(|i| format!("line {i} {}", "x".repeat(20))).collect();
        let text = shortened(lines.clone(), 600, TicketId(7));
        assert!(text.starts_with("line 0 ") && text.contains("line 99 ") && !text.contains("line 50 "), "{text}");
        assert!(text.contains("ticket #7"), "{text}");
        assert!(text.chars().count() < 900);
        assert_eq!(shortened(lines[..3].to_vec(), 600, TicketId(7)), lines[..3].join("\n\n"));
        let huge = vec!["a".repeat(5000), "b".repeat(5000)];
        let text = shortened(huge, 600, TicketId(7));
        assert!(text.starts_with('a') && text.contains('b') && text.chars().count() < 900);
    }

    #[test]
    fn a_copy_is_known_by_its_first_message_and_entries_by_author_second_and_text() {
        let original = [said("a", 1, 5_100, "<p>Where  is it?</p>"), said("b", 2, 9_000, "<p>Here</p>")];
        let copy = [
            said("a", 1, 5_000, "<p>Where is it?</p>"),
            said("y", 2, 9_999, "<p>Here</p>"),
            said("z", 2, 9_999, "<p>There</p>"),
        ];
        assert!(is_copy(&copy, &original));
        let ids: Vec<String> = copied(&copy, &original).iter().map(ToString::to_string).collect();
        assert_eq!(ids, ["a", "y"]);
        for other in [
            said("a", 2, 5_100, "<p>Where is it?</p>"),
            said("a", 1, 4_999, "<p>Where is it?</p>"),
            said("a", 1, 5_100, "<p>Where was it?</p>"),
        ] {
            assert!(!is_copy(&[other], &original));
        }
        assert!(!is_copy(&[], &original));
    }
}
