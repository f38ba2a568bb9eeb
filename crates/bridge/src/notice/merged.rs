//! What people read about tickets that were merged, and about going on in the one that is left.

use super::super::content::escape_mrkdwn;
use super::super::ids::TicketId;

/// Who it was in Slack, where that was forgotten.
pub const SOMEBODY_IN_SLACK: &str = "Somebody in Slack";

/// The button that lets a thread go on in the ticket into which its own was merged.
pub fn continue_on(ticket: TicketId) -> String {
    format!("Continue on #{ticket}")
}

/// The thread: its ticket was merged into another one, and nothing goes on by itself.
pub fn ticket_merged(ticket: (TicketId, &str), into: Option<(TicketId, &str)>) -> String {
    let (source, source_url) = ticket;
    match into {
        Some((target, url)) => format!(
            "🔀 Ticket <{source_url}|#{source}> was merged into ticket <{url}|#{target}>. What is written here is kept, and \
             reaches nobody yet. To go on with everything in ticket #{target}, press *{}*.",
            continue_on(target)
        ),
        None => format!(
            "🔀 Ticket <{source_url}|#{source}> was merged into another ticket, and Zendesk does not say which. What is written \
             here is kept, and reaches nobody yet. Please tell the people who run Sidethread which ticket it is: they can \
             let this thread go on there with `sidethread merged {source} --into` and its number."
        ),
    }
}

/// In the place of that notice: somebody has pressed the button.
pub fn continues(source: TicketId, target: (TicketId, &str), name: &str) -> String {
    let (target, url) = target;
    format!(
        "🔀 Ticket #{source} was merged. {} lets this thread go on in ticket <{url}|#{target}>.",
        escape_mrkdwn(name)
    )
}

/// In the place of that notice: a later one says something else.
pub fn merge_told_anew() -> String {
    "🔀 The ticket of this thread was merged. How the thread goes on is said in the newest notice below.".to_owned()
}

/// In the place of that notice: the thread has moved.
pub fn merge_is_past(ticket: TicketId, url: &str) -> String {
    format!("🔀 The ticket of this thread was merged. The thread goes on in ticket <{url}|#{ticket}>.")
}

/// The person who pressed the button: it was pressed before.
pub fn continues_already(in_ticket: Option<(TicketId, &str)>) -> String {
    match in_ticket {
        Some((ticket, url)) => format!("There is nothing to do: this thread is in ticket <{url}|#{ticket}>."),
        None => "There is nothing to do: somebody has pressed that button before you.".to_owned(),
    }
}

/// The person who pressed the button: a later notice names another ticket.
pub fn continue_elsewhere(ticket: TicketId) -> String {
    format!(
        "That button is out of date: this thread would go on in ticket #{ticket} now. To do so, press *{}* under the newest \
         notice.",
        continue_on(ticket)
    )
}

/// The person who pressed the button: who they are could not be found out.
pub fn cannot_continue(reason: &str) -> String {
    format!("Sidethread could not let this thread go on: {reason} Please press again.")
}

/// The thread: it goes on in the ticket that is left.
pub fn thread_continues(from: (TicketId, &str), to: (TicketId, &str)) -> String {
    let ((old, old_url), (new, new_url)) = (from, to);
    format!(
        "🔁 Ticket <{old_url}|#{old}> was merged, so this thread goes on in ticket <{new_url}|#{new}>. What is written here \
         arrives there; what was said before can still be read in the old one."
    )
}

/// The thread: no side conversation could be begun where it is to go on.
pub fn not_continued(target: (TicketId, &str), reason: &str) -> String {
    let (target, url) = target;
    format!(
        "⚠️ This thread cannot go on in ticket <{url}|#{target}>: {reason} What was written here is kept. Once this is mended, \
         press Retry; if it cannot wait, please tell the agent another way."
    )
}

/// In the place of that notice: it is tried again.
pub fn continues_again() -> String {
    "🔁 Another attempt to go on in the other ticket is being made.".to_owned()
}

/// In the place of that notice: it went well.
pub fn continued_after_all() -> String {
    "✅ This thread goes on in the other ticket after all.".to_owned()
}

/// In the place of that notice: the operator has given it up.
pub fn not_continued_any_more() -> String {
    "The people who run Sidethread have given up the attempt to go on in the other ticket.".to_owned()
}

/// The first message of a side conversation in the ticket that is left; `links` are the old ticket's address and the
/// thread's, in that order, as the format shows them.
pub fn begins_after_merge(name: &str, subject: &str, old_ticket: &str, thread: &str) -> String {
    let about = match subject.trim() {
        "" => String::new(),
        subject => format!(" about “{subject}”"),
    };
    format!(
        "{name} goes on here, from {thread}, with a side conversation{about} of {old_ticket}, which was merged. What was said \
         before can be read there; answers go to the same thread."
    )
}
