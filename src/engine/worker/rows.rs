//! What is decided, as rows.

use serde_json::value::{RawValue, to_raw_value};

use super::super::queue::Work;
use crate::bridge::event::State;
use crate::bridge::{Answer, BridgedThread, Place};
use crate::store::{Done, InboxWrite, Settle, ThreadWrite};

/// A thread as it is stored.
pub(in super::super) fn thread_write(
    thread: &BridgedThread,
    card: Option<Box<RawValue>>,
    now: i64,
) -> Result<ThreadWrite, serde_json::Error> {
    Ok(ThreadWrite {
        id: thread.id.to_string(),
        // The one that it began with: where it is at present may have a row of its own.
        side_conversation_id: thread.id.to_string(),
        ticket_id: thread.ticket_id.0,
        place: place_word(&thread.place),
        state: match thread.state {
            State::Open => "open",
            State::Closed => "closed",
        },
        thread: to_raw_value(thread)?,
        card,
        updated_at: now,
    })
}

pub(super) fn done(work: &Work, now: i64, ignored: Option<&'static str>, forget: bool) -> Option<Done> {
    match work {
        Work::Event { seq, .. } => Some(Done { seq: *seq, done_at: now, ignored, forget }),
        Work::Answer { .. } | Work::Arrived { .. } => None,
    }
}

/// The entries that a call has made, or found to be copies: they are known before they are read.
pub(super) fn entries_known_by(answer: &Answer, thread_id: &str, now: i64) -> Vec<InboxWrite> {
    let (keys, why) = match answer {
        Answer::Replied { entry: Some(entry), .. } => (vec![entry.to_string()], "echo"),
        // The first entry of a side conversation has its id.
        Answer::Started { side_conversation_id, .. } => (vec![side_conversation_id.to_string()], "echo"),
        Answer::Followed(followed) => (followed.copied.iter().map(ToString::to_string).collect(), "copied"),
        _ => return Vec::new(),
    };
    let known = |key: String| InboxWrite {
        source: "zendesk",
        key,
        thread_id: thread_id.to_owned(),
        event: None,
        received_at: now,
        done: true,
        ignored: Some(why),
    };
    keys.into_iter().map(known).collect()
}

pub(super) fn settle(id: i64, answer: &Answer, now: i64) -> Settle {
    let (state, result, problem) = match answer {
        Answer::Posted { ts, .. } => ("done", Some(ts.to_string()), None),
        Answer::Replied { entry, .. } => ("done", entry.as_ref().map(ToString::to_string), None),
        Answer::Started { side_conversation_id, .. } => ("done", Some(side_conversation_id.to_string()), None),
        Answer::Followed(followed) => ("done", Some(followed.ticket_id.to_string()), None),
        Answer::Parked { reason, .. } => ("parked", None, Some(reason.clone())),
        other => ("done", other.not_written().map(str::to_owned), None),
    };
    let doubtful = matches!(answer, Answer::Parked { doubtful: true, .. });
    Settle { id, state, result, problem, doubtful, settled_at: now }
}

pub(super) fn place_word(place: &Place) -> &'static str {
    match place {
        Place::New => "new",
        Place::Asked => "asked",
        Place::Older => "older",
        Place::LeftAlone => "left_alone",
        Place::Preparing { .. } => "preparing",
        Place::Posting { .. } => "posting",
        Place::Linked { .. } => "linked",
    }
}
