//! What people read who type `/side-convo`: the answers that are no help and no list.

use super::super::content::escape_mrkdwn;
use super::super::event::{ChannelProblem, State};
use super::super::ids::{ChannelId, TicketId};

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

/// A side conversation is being started.
pub fn starting(ticket: TicketId, url: &str) -> String {
    format!("Starting a side conversation on ticket <{url}|#{ticket}> …")
}

/// A ticket was typed without a message.
pub fn what_to_ask(ticket: TicketId) -> String {
    format!(
        "What would you like to ask? Please type it after the number, as in `/side-convo {ticket} Where is this parcel?`. \
         Nothing was sent."
    )
}

/// The start of a refusal with the words that it was about.
pub fn start_refused(why: &str, words: &str) -> String {
    format!("The side conversation was *not started*: {why}{}", given_back(words))
}

/// The starter: a start was given up, and nobody knows for certain that it was not done.
pub fn start_given_up(ticket: TicketId, reason: &str, doubtful: bool, words: &str) -> String {
    let reason = escape_mrkdwn(reason);
    let what = match doubtful {
        true => format!(
            "Nobody can say whether your side conversation on ticket #{ticket} was started: {reason} Please look at the \
             ticket before you start it again."
        ),
        false => format!("Your side conversation on ticket #{ticket} was *not started*: {reason}"),
    };
    format!("{what}{}", given_back(words))
}

/// The starter: Zendesk does not answer at the moment.
pub fn start_is_late(ticket: TicketId) -> String {
    format!(
        "⏳ Your side conversation on ticket #{ticket} is not started yet: Zendesk or Slack does not answer at the moment. It \
         is kept and starts by itself as soon as it can; please do not type it again."
    )
}

/// The starter: the ticket is closed; a button under it starts on a follow-up.
pub fn closed_ticket_offer(ticket: TicketId, words: &str) -> String {
    format!(
        "Ticket #{ticket} is closed and takes no new messages, so nothing was sent. Start it on a follow-up ticket?{}",
        given_back(words)
    )
}

/// The button that starts it there.
pub const START_ON_FOLLOW_UP: &str = "Start on a follow-up";

/// In the place of that question.
pub fn starts_on_follow_up() -> String {
    "Starting it on a follow-up ticket …".to_owned()
}

/// The starter: the button was pressed before, or what it offered is done.
pub fn start_is_settled() -> String {
    "That side conversation is started already, or was given up.".to_owned()
}

/// Why a start is refused: the app cannot post there.
pub fn cannot_post_here(channel: &ChannelId, problem: &ChannelProblem) -> String {
    let is_direct = channel.as_str().starts_with('D');
    match problem {
        _ if is_direct => {
            "I cannot keep a side conversation in a direct message. Please type the command in a channel.".to_owned()
        }
        ChannelProblem::NotFound | ChannelProblem::NotMember => format!(
            "I am not in this channel. Please type `/invite @{}` here (in a group message: use a channel instead), then type \
             the command again.",
            super::APP_IN_SLACK
        ),
        ChannelProblem::Archived => "this channel is archived. Please use another one.".to_owned(),
        ChannelProblem::Shared => {
            "this channel is shared with another firm, whose people would read it. Please use a channel \
             of your own workspace."
                .to_owned()
        }
        ChannelProblem::Restricted => {
            "I am not allowed to post in this channel. Please ask somebody who manages it to allow \
             the app to post, or use another channel."
                .to_owned()
        }
    }
}

/// Why a start is refused: there is no such ticket.
pub fn no_such_ticket(ticket: TicketId) -> String {
    format!(
        "there is no ticket #{ticket}, or it is deleted, or the app's Zendesk user may not see it. Please check the number."
    )
}

/// Why a start is refused: the ticket was merged.
pub fn ticket_was_merged(ticket: TicketId, into: Option<TicketId>) -> String {
    match into {
        Some(into) => {
            format!("ticket #{ticket} was merged into ticket #{into}. To ask there, type the command with #{into}.")
        }
        None => format!("ticket #{ticket} was merged into another one. Please use the number of that one."),
    }
}

/// Why a start is refused: Zendesk does not take it.
pub fn not_started(reason: &str) -> String {
    format!("Zendesk did not take it: {}", escape_mrkdwn(reason))
}

fn given_back(words: &str) -> String {
    match words.trim() {
        "" => String::new(),
        words => format!("\n\nYour message was:\n{words}"),
    }
}
