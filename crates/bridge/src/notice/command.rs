//! What people read who type `/side-convo`: the answers that are no help and no list.

use super::super::event::State;
use super::super::ids::TicketId;

/// Slack has not said in time who typed it.
pub fn who_are_you() -> String {
    "Slack did not say in time who you are, so nothing was done. Please try again in a minute.".to_owned()
}

/// The database could not be read or written.
pub fn not_just_now() -> String {
    "That did not work just now, and nothing was done. Please try again in a minute.".to_owned()
}

/// The app has just begun to run.
pub fn is_starting() -> String {
    "Sidethread is starting up. Please try again in a minute.".to_owned()
}

/// A side conversation is being marked as done, or reopened; `which` is a link to its thread.
pub fn setting_state(state: State, which: &str) -> String {
    match state {
        State::Closed => format!("Marking {which} as done …"),
        State::Open => format!("Reopening {which} …"),
    }
}

/// Several side conversations may be meant; `more` are not shown.
pub fn which_one(state: State, more: usize) -> String {
    let mut question = match state {
        State::Closed => "Which side conversation is done?".to_owned(),
        State::Open => "Which side conversation shall be reopened?".to_owned(),
    };
    if more > 0 {
        question.push_str(&format!(
            " These are the newest; for one of the other {more}, add its ticket or a link to its thread to the command."
        ));
    }
    question
}

/// None is there that could be marked as done or reopened.
pub fn none_to_set(state: State, ticket: Option<TicketId>) -> String {
    let of = ticket.map_or(String::new(), |ticket| format!(" of ticket #{ticket}"));
    match state {
        State::Closed => format!(
            "No side conversation{of} is open in this channel, so nothing was changed. If it stands in another channel, type \
             the command there."
        ),
        State::Open => format!(
            "No side conversation{of} in this channel is marked as done, so nothing was changed. If it stands in another \
             channel, type the command there."
        ),
    }
}

/// The link leads to a thread of another channel.
pub fn in_another_channel() -> String {
    "That thread stands in another channel. Please type the command there, so that everybody concerned may see what \
     changed."
        .to_owned()
}

/// The link leads to no side conversation.
pub fn no_side_conversation_there() -> String {
    "That message is not part of a side conversation, so nothing was changed.".to_owned()
}

/// As whom somebody is known in Zendesk.
pub fn link_me() -> String {
    "You are known in Zendesk by your e-mail address: if an agent there has the address of your Slack profile, you are that \
     agent, and there is nothing to link. If the addresses differ, ask your admin to change one of them. Signing in to \
     Zendesk from here is not set up."
        .to_owned()
}
