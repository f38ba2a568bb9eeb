//! What is in a database decodes for ever: `tests/data/events` holds a file of each stored shape.
//!
//! A file is called `<type>-<variant>.json`, or `<type>-<variant>.<something>.json` where there are several. A file is
//! not changed to please a newer type; a variant that is added gets a file of its own.

use std::collections::BTreeSet;
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sidethread::bridge::content::{Block, Doc, Inline};
use sidethread::bridge::event::{Event, Kind, SideConversationEvent, What};
use sidethread::bridge::{Act, BridgedThread, Card, Effect, Place};

/// A name for each variant, by a match that misses none, and the list of the names.
macro_rules! named {
    ($function:ident, $list:ident, $type:ty, $($pattern:pat => $name:literal),+ $(,)?) => {
        fn $function(value: &$type) -> &'static str {
            match value { $($pattern => $name),+ }
        }
        const $list: &[&str] = &[$($name),+];
    };
}

/// Lives in memory only.
const NEVER_STORED: &str = "answered";

named!(name_of_what, WHATS, What,
    What::SlackMessage(_) => "slack_message",
    What::StartAsked(_) => "start_asked",
    What::Pressed(_) => "pressed",
    What::SideConversation(SideConversationEvent { kind: Kind::Create, .. }) => "side_conversation_create",
    What::SideConversation(SideConversationEvent { kind: Kind::Reply, .. }) => "side_conversation_reply",
    What::SideConversation(SideConversationEvent { kind: Kind::Update { .. }, .. }) => "side_conversation_update",
    What::SideConversation(SideConversationEvent { kind: Kind::Other, .. }) => "side_conversation_other",
    What::Unpark(_) => "unpark",
    What::Late(_) => "late",
    What::Unreachable(_) => "unreachable",
    What::CardGone { .. } => "card_gone",
    What::MessageDeleted { .. } => "message_deleted",
    What::TicketShown => "ticket_shown",
    What::TicketGone { .. } => "ticket_gone",
    What::TicketChanged { .. } => "ticket_changed",
    What::TicketClosed(_) => "ticket_closed",
    What::MergedInto { .. } => "merged_into",
    What::Adopted { .. } => "adopted",
    What::Related { .. } => "related",
    What::ChannelMoved { .. } => "channel_moved",
    What::Operator { .. } => "operator",
    What::Answered { .. } => "answered",
);

named!(name_of_act, ACTS, Act,
    Act::ReadTicket { .. } => "read_ticket",
    Act::OpenChannel { .. } => "open_channel",
    Act::PostCard => "post_card",
    Act::UpdateCard => "update_card",
    Act::Post { .. } => "post",
    Act::Tell { .. } => "tell",
    Act::ChangeTell { .. } => "change_tell",
    Act::TakeBack { .. } => "take_back",
    Act::Whisper { .. } => "whisper",
    Act::TellOperator { .. } => "tell_operator",
    Act::AskWho { .. } => "ask_who",
    Act::Reply(_) => "reply",
    Act::SetState { .. } => "set_state",
    Act::SeekFollowUp { .. } => "seek_follow_up",
    Act::FollowUp { .. } => "follow_up",
    Act::ContinueOn { .. } => "continue_on",
    Act::LookForStart { .. } => "look_for_start",
    Act::CreateSideConversation(_) => "create_side_conversation",
    Act::TellStarter { .. } => "tell_starter",
    Act::Note { .. } => "note",
    Act::SetTicket { .. } => "set_ticket",
    Act::ReadSaid => "read_said",
    Act::FindAssignee => "find_assignee",
    Act::Notify { .. } => "notify",
);

named!(name_of_place, PLACES, Place,
    Place::New => "new",
    Place::Older => "older",
    Place::LeftAlone => "left_alone",
    Place::Asked => "asked",
    Place::Preparing { .. } => "preparing",
    Place::Posting { .. } => "posting",
    Place::Linked { .. } => "linked",
);

named!(name_of_block, BLOCKS, Block,
    Block::Paragraph(_) => "paragraph",
    Block::Heading { .. } => "heading",
    Block::List { .. } => "list",
    Block::Code { .. } => "code",
    Block::Quote(_) => "quote",
    Block::Table(_) => "table",
    Block::Rule => "rule",
);

named!(name_of_inline, INLINES, Inline,
    Inline::Text { .. } => "text",
    Inline::Link { .. } => "link",
    Inline::User { .. } => "user",
    Inline::Channel { .. } => "channel",
    Inline::UserGroup { .. } => "user_group",
    Inline::Broadcast(_) => "broadcast",
    Inline::Emoji { .. } => "emoji",
    Inline::Image { .. } => "image",
    Inline::Break => "break",
);

#[test]
fn every_stored_event_decodes() {
    let events = all("event", |event: &Event| name_of_what(&event.what));
    let expected = WHATS.iter().copied().filter(|name| *name != NEVER_STORED).collect();
    assert_eq!(names(&events), expected, "a variant has no file");
    let about = |event: &Event| match &event.what {
        What::SideConversation(entry) => entry.about.is_some(),
        _ => false,
    };
    let with_about: BTreeSet<&str> = events.iter().filter(|(_, e)| about(e)).map(|(name, _)| *name).collect();
    let of_entries: BTreeSet<&str> = WHATS.iter().copied().filter(|n| n.starts_with("side_conversation")).collect();
    assert_eq!(with_about, of_entries, "an entry has no file with what is known of the whole");
}

#[test]
fn every_part_of_a_stored_document_decodes() {
    let (mut blocks, mut inlines) = (BTreeSet::new(), BTreeSet::new());
    for (_, event) in all("event", |event: &Event| name_of_what(&event.what)) {
        if let What::SlackMessage(message) = event.what {
            walk(&message.doc.blocks, &mut blocks, &mut inlines);
            assert_eq!(Doc::normalised(message.doc.clone()), message.doc, "the readers would not make this document");
        }
    }
    assert_eq!(blocks, BLOCKS.iter().copied().collect());
    assert_eq!(inlines, INLINES.iter().copied().collect());
}

#[test]
fn every_stored_effect_decodes() {
    let effects = all("effect", |effect: &Effect| name_of_act(&effect.act));
    assert_eq!(names(&effects), ACTS.iter().copied().collect(), "a variant has no file");
}

#[test]
fn every_stored_thread_and_card_decodes() {
    let threads = all("thread", |thread: &BridgedThread| name_of_place(&thread.place));
    assert_eq!(names(&threads), PLACES.iter().copied().collect(), "a variant has no file");
    let cards = all("card", |_: &Card| "");
    assert!(cards.len() >= 2);
}

/// Shapes from which fields were left out that later versions gave a default.
#[test]
fn what_has_a_default_may_be_missing() {
    let thread: BridgedThread =
        serde_json::from_str(r#"{"id":"a","side_conversation_id":"a","ticket_id":1,"place":"new"}"#).unwrap();
    assert_eq!(thread, BridgedThread::new(thread.side_conversation_id.clone(), thread.ticket_id));
    let more = r#"{"id":"a","order":1,"act":{"tell":{"text":"x","from_the_future":1}},"from_the_future":{}}"#;
    assert_eq!(name_of_act(&serde_json::from_str::<Effect>(more).unwrap().act), "tell");
}

/// Every file of a type, under the name of what it decodes to; each encodes to what it was read from, to which later
/// versions may have added fields.
fn all<T: DeserializeOwned + Serialize + PartialEq>(
    of: &str,
    name: impl Fn(&T) -> &'static str,
) -> Vec<(&'static str, T)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/events");
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        let known = ["event-", "effect-", "thread-", "card."];
        assert!(known.iter().any(|prefix| file.starts_with(prefix)), "{file} is of no known type");
        if !file.starts_with(of) {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let decoded: T = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
        let value: Value = serde_json::from_str(&text).unwrap();
        let encoded = serde_json::to_value(&decoded).unwrap();
        assert!(holds(&encoded, &value), "{file} encodes to something else:\n{encoded:#}");
        assert!(serde_json::from_value::<T>(encoded).unwrap() == decoded, "{file} does not decode twice");
        let name = name(&decoded);
        let expected = if name.is_empty() { of.to_owned() } else { format!("{of}-{name}") };
        assert_eq!(file.split('.').next(), Some(expected.as_str()), "{file} has another's name");
        found.push((name, decoded));
    }
    found
}

/// Whether a value holds all of an older one.
fn holds(value: &Value, older: &Value) -> bool {
    match (value, older) {
        (Value::Object(value), Value::Object(older)) => {
            older.iter().all(|(key, older)| value.get(key).is_some_and(|value| holds(value, older)))
        }
        (Value::Array(value), Value::Array(older)) => {
            value.len() == older.len() && value.iter().zip(older).all(|(value, older)| holds(value, older))
        }
        _ => value == older,
    }
}

fn names<T>(found: &[(&'static str, T)]) -> BTreeSet<&'static str> {
    found.iter().map(|(name, _)| *name).collect()
}

fn walk(of: &[Block], blocks: &mut BTreeSet<&'static str>, inlines: &mut BTreeSet<&'static str>) {
    for block in of {
        blocks.insert(name_of_block(block));
        match block {
            Block::Paragraph(content) | Block::Heading { content, .. } => {
                inlines.extend(content.iter().map(name_of_inline));
            }
            Block::List { items, .. } => items.iter().for_each(|item| walk(item, blocks, inlines)),
            Block::Quote(inner) => walk(inner, blocks, inlines),
            Block::Table(rows) => inlines.extend(rows.iter().flatten().flatten().map(name_of_inline)),
            Block::Code { .. } | Block::Rule => {}
        }
    }
}
