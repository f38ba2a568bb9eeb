//! Every sentence a person reads, one function each.
//!
//! Texts for Slack are mrkdwn: names that come from outside are escaped here. Notes for Zendesk are plain text.

mod command;
mod follow_up;
mod lasting;
mod life;
mod merged;
mod undelivered;
mod waits;

pub use command::*;
pub use follow_up::*;
pub use lasting::*;
use life::SUBJECT_SHOWN;
pub use life::*;
pub use merged::*;
pub use undelivered::*;
pub use waits::*;

use super::content::escape_mrkdwn;
use super::effect::Vendor;
use super::event::{ChannelProblem, State};
use super::ids::{SlackUserId, TicketId};
use super::permit::{Action, Among, Kind, Refusal};
use super::route::{ChannelRef, OutsidePolicy};

/// How many names a list shows.
const LISTED: usize = 8;

/// The button that marks a side conversation as done.
pub const MARK_AS_DONE: &str = "Mark as done";
/// The button that reopens a side conversation.
pub const REOPEN: &str = "Reopen";
/// The button that tries again what was not delivered.
pub const RETRY: &str = "Retry";
/// The button that leads to the ticket.
pub const OPEN_IN_ZENDESK: &str = "Open in Zendesk";
/// The author of messages that came before the thread was linked.
pub const EARLIER_MESSAGES: &str = "Earlier messages";
/// The author where Zendesk names nobody.
pub const SOMEBODY: &str = "Somebody in Zendesk";

/// The thread: somebody changed the state in Zendesk.
pub fn state_changed_in_zendesk(name: &str, state: State) -> String {
    let name = escape_mrkdwn(name);
    match state {
        State::Closed => format!("✅ {name} marked this side conversation as done in Zendesk."),
        State::Open => format!("↩️ {name} reopened this side conversation in Zendesk."),
    }
}

/// The ticket: somebody changed the state in Slack, which Zendesk shows as the app's doing.
pub fn state_changed_in_slack(name: &str, state: State, subject: &str) -> String {
    let subject = match subject.trim() {
        "" => "a side conversation".to_owned(),
        subject => format!("the side conversation \u{201c}{}\u{201d}", short(subject, SUBJECT_SHOWN)),
    };
    match state {
        State::Closed => format!("{name} marked {subject} as done in Slack."),
        State::Open => format!("{name} reopened {subject} in Slack."),
    }
}

/// In the place of a notice that is not true any more, where it cannot be deleted.
pub fn no_longer_so() -> String {
    "(What the app said here does not apply any more.)".to_owned()
}

/// The thread: replies go to the ticket, although they did not before.
pub fn not_withheld_any_more() -> String {
    "🔓 Replies in this thread go to the ticket again, from the last one on. What was kept back before stays in Slack; please \
     write it again if it still matters."
        .to_owned()
}

/// The thread: a reply arrived in a side conversation that is done.
pub fn reply_left_it_done() -> String {
    "Your reply is in the ticket. This side conversation stays marked as done; reopen it if there is more to do."
        .to_owned()
}

/// The thread: a reply stayed in Slack, because somebody outside would have read it.
pub fn withheld(outsiders: &[String]) -> String {
    format!(
        "🔒 Replies in this thread stay in Slack and are *not* sent to the ticket: {} would read them and {} not \
         an agent. Ask the agent to start a side conversation without them, or ask your admin to allow it for this \
         channel (`outside = \"send\"`).",
        escape_mrkdwn(&listed(outsiders)),
        if outsiders.len() == 1 { "is" } else { "are" },
    )
}

/// The thread: Zendesk takes no messages for some of those who take part.
pub fn left_out(names: &[String]) -> String {
    format!(
        "Zendesk takes no messages for {} (suspended or deleted), so replies from here go to everyone else.",
        escape_mrkdwn(&listed(names))
    )
}

/// Why a part of a message is parked: an earlier part is.
pub fn held_back() -> String {
    "an earlier part of the same message was not delivered.".to_owned()
}

/// Why something was given up: the schedule has come to its end.
pub fn tried_in_vain() -> String {
    "it was tried for a day without success.".to_owned()
}

/// Why something was given up: it fails while others are taken.
pub fn fails_alone(vendor: Vendor) -> String {
    format!("{} failed on it three times, while it takes others.", named(vendor))
}

/// The operator: why everything for a vendor is held.
pub fn vendor_is_down(vendor: Vendor, problem: &str) -> String {
    format!("{} answers no call properly ({problem}); it is asked again by itself.", named(vendor))
}

/// The operator: what is written waits, while reads go on.
pub fn takes_nothing(vendor: Vendor, problem: &str) -> String {
    format!(
        "{} can be read but takes no message ({problem}); they wait, in order, and are tried again by themselves.",
        named(vendor)
    )
}

/// What a vendor is called.
pub fn named(vendor: Vendor) -> &'static str {
    match vendor {
        Vendor::Slack => "Slack",
        Vendor::Zendesk => "Zendesk",
    }
}

/// The thread: what was written here is not in the ticket yet.
pub fn not_in_ticket_yet() -> String {
    "⏳ Not in the ticket yet: Zendesk does not take what was written here at the moment. Sidethread keeps trying, nothing \
     is lost, and nobody has to send it again."
        .to_owned()
}

/// In the place of that notice, where it cannot be deleted.
pub fn in_ticket_after_all() -> String {
    "✅ What was written here is in the ticket.".to_owned()
}

/// The person who pressed "Retry": there was nothing to do.
pub fn nothing_to_retry() -> String {
    "That reply is being tried again already, or is in the ticket.".to_owned()
}

fn asked_by(by: Option<&SlackUserId>) -> String {
    by.map_or(String::new(), |user| format!(", asked for by <@{user}>"))
}

/// The person who pressed "Retry": Slack did not say who they are.
pub fn cannot_retry(reason: &str) -> String {
    format!("Sidethread could not try that again: {reason} Please press the button again in a minute.")
}

/// The person who asked for something: they may not, and who may.
pub fn refused(refusal: &Refusal) -> String {
    let Refusal { kind, action, among } = *refusal;
    let who = match kind {
        Kind::OtherFirm => "People of another firm",
        Kind::Guest => "Guests",
        Kind::Bot => "Bots",
        Kind::Deactivated => "Deactivated accounts",
        Kind::Agent | Kind::Member | Kind::Operator => "You",
    };
    let (what, it) = match action {
        Action::Done | Action::Reopen | Action::ContinueOn | Action::Retry => {
            ("use the buttons of this thread", "press it")
        }
        Action::List => ("list side conversations", "do it"),
        Action::Start => ("start side conversations", "do it"),
        Action::Email => ("start side conversations by e-mail", "do it"),
        Action::Comments => ("see the comments of a ticket", "do it"),
    };
    match (kind, among) {
        (Kind::Member, Among::Agents) => format!(
            "Sorry, only agents in Zendesk can do that here, and Sidethread does not know you as one. Please ask an agent \
             to {it}."
        ),
        (_, Among::Agents) => format!("{who} cannot {what}. Please ask an agent of this workspace to {it}."),
        (_, Among::Anyone) => format!("{who} cannot {what}. Please ask a member of this workspace to {it}."),
    }
}

/// The person who pressed a button: there was nothing to do.
pub fn already(state: State) -> String {
    match state {
        State::Closed => "This side conversation is already marked as done.".to_owned(),
        State::Open => "This side conversation is already open.".to_owned(),
    }
}

/// The person who pressed a button: Zendesk did not take it.
pub fn state_not_set(state: State, reason: &str) -> String {
    let what = match state {
        State::Closed => "mark this side conversation as done",
        State::Open => "reopen this side conversation",
    };
    format!("Sidethread could not {what}: {reason} Please try again, or do it in Zendesk.")
}

/// The person who pressed a button: somebody else changed the state in the meantime.
pub fn state_changed_meanwhile(wanted: State) -> String {
    let what = match wanted {
        State::Closed => "marked as done",
        State::Open => "reopened",
    };
    format!(
        "This side conversation was not {what}: somebody changed it in Zendesk in the meantime. Press again if you still want that."
    )
}

/// The ticket: the side conversation names more than one channel.
pub fn several_channels(channel: &ChannelRef, others: usize) -> String {
    format!(
        "Sidethread posted this side conversation in {} only. Its recipients name {} more Slack channel{}; a side \
         conversation goes to one channel. Start another side conversation for the other{}.",
        shown(channel),
        others,
        plural(others),
        plural(others),
    )
}

/// The ticket: the channel cannot be posted in.
pub fn channel_closed(channel: &ChannelRef, problem: &ChannelProblem) -> String {
    let (why, remedy) = why_closed(channel, problem);
    format!(
        "Sidethread could not post this side conversation in Slack: {why}. {remedy} Nothing is lost: it will be \
         posted as soon as the channel can be reached."
    )
}

/// The ticket: the thread stands in a channel that takes no posts any more.
pub fn thread_out_of_reach(channel: &ChannelRef, problem: &ChannelProblem) -> String {
    let (why, remedy) = why_closed(channel, problem);
    format!(
        "Messages of a side conversation of this ticket do not reach Slack: {why}. {remedy} Nothing is lost: they wait, and \
         are posted as soon as the channel can be reached."
    )
}

/// The thread: its card was deleted.
pub fn card_again() -> String {
    "The message that this thread began with was deleted, so it goes on here. Answers belong in this thread.".to_owned()
}

/// What the app is called in Slack, as its manifest says.
pub const APP_IN_SLACK: &str = "Side conversations";

fn why_closed(channel: &ChannelRef, problem: &ChannelProblem) -> (String, String) {
    let channel = shown(channel);
    match problem {
        ChannelProblem::NotFound => (
            format!("there is no Slack channel {channel} that Sidethread can see"),
            format!(
                "Check the spelling. If it is a private channel, invite the app there: open {channel} in Slack, type \
                 /invite and choose the app ({APP_IN_SLACK})."
            ),
        ),
        ChannelProblem::Archived => (
            format!("the Slack channel {channel} is archived"),
            "Unarchive it in Slack, or start the side conversation with another channel.".to_owned(),
        ),
        ChannelProblem::Shared => (
            format!("the Slack channel {channel} is shared with another firm"),
            "Use a channel of your own, or ask your admin to allow it (shared = true for its route).".to_owned(),
        ),
        ChannelProblem::NotMember => (
            format!("Sidethread is not in the Slack channel {channel} and may not join it"),
            format!("Invite the app: open {channel} in Slack, type /invite and choose the app ({APP_IN_SLACK})."),
        ),
        ChannelProblem::Restricted => (
            format!("the Slack channel {channel} does not let apps post"),
            "Ask its owner to let Sidethread post there, or use another channel.".to_owned(),
        ),
    }
}

/// The operator: something could not be said where it belongs.
pub fn told_nowhere_else(ticket: TicketId, text: &str) -> String {
    format!("Ticket #{ticket}: {}", escape_mrkdwn(text))
}

/// The first line of a reply in Zendesk, before the author's name is linked.
pub fn in_slack(name: &str) -> String {
    format!("{name} in Slack")
}

/// After the author's name, where several replies travel together: when it was written.
pub fn said_at(time: &str) -> String {
    format!(", {time}")
}

/// The same, of a reply that arrives late; with the time at which it was written.
pub fn in_slack_at(name: &str, time: &str) -> String {
    format!("{name} in Slack, written {time}")
}

/// A line of a reply in Zendesk that names files which stay in Slack.
pub fn files_stay_in_slack(names: &[String]) -> String {
    format!("[{} in Slack: {}]", if names.len() == 1 { "File" } else { "Files" }, names.join(", "))
}

/// A line of a Slack post that names files which stay in Zendesk.
pub fn files_stay_in_zendesk(names: &[String]) -> String {
    format!("_{} in Zendesk: {}_", if names.len() == 1 { "File" } else { "Files" }, escape_mrkdwn(&names.join(", ")))
}

/// The line above a message that is posted later than it was written. `fallback` is the time as text.
pub fn written_at(seconds: i64, fallback: &str) -> String {
    format!("_written <!date^{seconds}^{{date_short_pretty}} at {{time}}|{fallback}>_")
}

/// The name over a post of several messages.
pub fn several_authors(names: &[String]) -> String {
    listed(names)
}

/// One message within a post of several: under its time, and under its author's name unless the post bears that.
pub fn one_of_several(name: Option<&str>, seconds: i64, fallback: &str, text: &str) -> String {
    match name {
        Some(name) => earlier_message(name, seconds, fallback, text),
        None => format!("_<!date^{seconds}^{{date_short_pretty}} at {{time}}|{fallback}>_\n{text}"),
    }
}

/// One earlier message within the post that holds them all.
pub fn earlier_message(name: &str, seconds: i64, fallback: &str, text: &str) -> String {
    format!("*{}*, <!date^{seconds}^{{date_short_pretty}} at {{time}}|{fallback}>\n{text}", escape_mrkdwn(name))
}

/// The card: who asks what, and when that was written. `asker` and `text` are mrkdwn.
pub fn asks(asker: &str, seconds: i64, fallback: &str, text: &str) -> String {
    let when = format!("<!date^{seconds}^{{date_short_pretty}} at {{time}}|{fallback}>");
    if text.trim().is_empty() {
        format!("*{asker}* started a side conversation, {when}.")
    } else {
        format!("*{asker}* asks, {when}:\n{text}")
    }
}

/// The card: who reads answers.
pub fn readers_line(names: &[(String, bool)], outside: OutsidePolicy) -> String {
    let shown = |only_outside: bool| {
        let names = names.iter().filter(|(_, outside)| *outside || !only_outside);
        let shown = names.map(|(name, outside)| {
            let name = escape_mrkdwn(name);
            if *outside { format!("{name} (outside)") } else { name }
        });
        listed(&shown.collect::<Vec<_>>())
    };
    let listed = shown(false);
    let anyone_outside = names.iter().any(|(_, outside)| *outside);
    match (names.is_empty(), anyone_outside, outside) {
        (true, ..) => "Answers in this thread go to the ticket.".to_owned(),
        (_, false, OutsidePolicy::Never) => {
            format!("Answers in this thread go to the ticket; {listed} will read them. Nothing is sent outside.")
        }
        (_, true, OutsidePolicy::Never) => {
            let outsiders = shown(true);
            format!("🔒 Answers in this thread stay in Slack, because {outsiders} would read them in the ticket.")
        }
        (_, false, OutsidePolicy::Send) => {
            format!("Answers in this thread go to the ticket; {listed} will read them. People outside may be added.")
        }
        (_, true, OutsidePolicy::Send) => {
            format!("🌐 Answers in this thread go to the ticket *and outside*; {listed} will read them.")
        }
    }
}

/// The card: its state.
pub fn state_line(state: State, by: Option<(&str, i64, &str)>) -> String {
    let who = by.map_or(String::new(), |(name, seconds, fallback)| {
        format!(" by {}, <!date^{seconds}^{{date_short_pretty}} at {{time}}|{fallback}>", escape_mrkdwn(name))
    });
    match state {
        State::Closed => format!("✅ *Done*{who}"),
        State::Open if by.is_some() => format!("↩️ *Reopened*{who}"),
        State::Open => "🔵 *Open*".to_owned(),
    }
}

/// A channel as people write it.
pub fn shown(channel: &ChannelRef) -> String {
    match channel {
        ChannelRef::Id(id) => id.to_string(),
        ChannelRef::Name(name) => format!("#{name}"),
    }
}

fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

fn listed(names: &[String]) -> String {
    // A long list is cut: it says who, not each and every one.
    if names.len() > LISTED {
        return format!("{} and {} more", names[..LISTED].join(", "), names.len() - LISTED);
    }
    match names {
        [] => "nobody".to_owned(),
        [one] => one.clone(),
        [most @ .., last] => format!("{} and {last}", most.join(", ")),
    }
}
