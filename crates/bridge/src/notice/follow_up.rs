//! What people read about closed tickets and what follows them.

use super::super::ids::TicketId;

/// The first note of a follow-up ticket, with names in braces for what differs.
pub fn follow_up_note() -> &'static str {
    "Somebody in Slack answered a side conversation of ticket #{ticket}, which is closed. This follow-up ticket takes the \
     answer, so that it is not lost.\n\nTicket: {ticket_url}\nThread in Slack: {thread_url}\nSubject: {subject}\n\n\
     The conversation so far:\n\n{conversation}"
}

/// The first note of a follow-up ticket on which somebody starts a side conversation.
pub fn follow_up_for_start(source: TicketId, source_url: &str, channel_url: &str) -> String {
    format!(
        "Somebody in Slack asks about ticket #{source}, which is closed. This follow-up ticket takes their side \
         conversation.\n\nTicket: {source_url}\nChannel in Slack: {channel_url}"
    )
}

/// In that note: what Zendesk did not let the follow-up have.
pub fn left_out_of_follow_up(what: &str) -> String {
    format!("Not kept, because Zendesk refused it: {what}. Please set it by hand if it matters.")
}

/// In that note: follow-ups of the same ticket that are about something else.
pub fn other_follow_ups(urls: &[String]) -> String {
    format!("Other follow-ups of the same ticket, about something else: {}", urls.join(" "))
}

/// In that note: what was left out of the conversation.
pub fn left_out_in_the_middle(messages: usize, source: TicketId) -> String {
    let messages = if messages == 1 { "One message is".to_owned() } else { format!("{messages} messages are") };
    format!("[{messages} left out here; all of it stands in ticket #{source}.]")
}

/// At the end of the first reply in a side conversation that goes on from another: where it comes from.
pub fn goes_on_from(ticket: TicketId) -> String {
    format!("(This goes on from a side conversation of ticket #{ticket}, which is closed.)")
}

/// The card: which ticket it was before this one, as the text of a link.
pub fn came_from(ticket: TicketId, merged: bool) -> String {
    match merged {
        true => format!("Continues #{ticket}"),
        false => format!("Follow-up of #{ticket}"),
    }
}

/// The thread: it goes on in another ticket.
pub fn thread_moved(from: (TicketId, &str), to: (TicketId, &str)) -> String {
    let ((old, old_url), (new, new_url)) = (from, to);
    format!(
        "🔁 Ticket <{old_url}|#{old}> is closed, so this thread goes on in its follow-up, ticket <{new_url}|#{new}>. What is \
         written here arrives there; what was said before can still be read in the old one."
    )
}

/// The thread: the follow-up in which it went on was deleted.
pub fn follow_up_gone(gone: (TicketId, &str), source: (TicketId, &str)) -> String {
    let ((gone, gone_url), (source, source_url)) = (gone, source);
    format!(
        "🗑️ Ticket <{gone_url}|#{gone}>, in which this thread goes on, was deleted. What is written here is kept, and \
         another follow-up of ticket <{source_url}|#{source}> takes it; nobody has to send it again."
    )
}

/// The thread: another ticket follows its ticket, or is followed by it, and has threads of its own.
pub fn related(other: TicketId, url: &str, follows: bool, links: &[String]) -> String {
    let threads: Vec<String> = links.iter().map(|link| format!("<{link}|thread>")).collect();
    match (follows, threads.is_empty()) {
        (true, _) => format!(
            "ℹ️ Zendesk made ticket <{url}|#{other}> as a follow-up of this one's. It has a thread of its own in Slack, because \
             nobody can say for certain that it goes on from here."
        ),
        (false, true) => format!("ℹ️ This ticket follows up ticket <{url}|#{other}>, which is closed."),
        (false, false) => format!(
            "ℹ️ This ticket follows up ticket <{url}|#{other}>, which is closed. What was said there: {}.",
            threads.join(", ")
        ),
    }
}

/// The thread: there is no follow-up ticket.
pub fn no_follow_up(ticket: TicketId, url: &str, reason: &str) -> String {
    format!(
        "⚠️ *Not delivered*: ticket <{url}|#{ticket}> is closed, and a follow-up ticket could not be made: {reason} What was \
         written here is kept. Once this is mended, press Retry; if it cannot wait, please tell the agent another way."
    )
}

/// In the place of that notice: the follow-up is under way.
pub fn follow_up_after_all() -> String {
    "✅ The closed ticket is followed up after all; what was written here goes there.".to_owned()
}

/// In the place of that notice: what had been begun was given up, and what waits has it looked for again.
pub fn sought_anew() -> String {
    "🔁 The attempt to follow up the closed ticket was given up; what waits here has it followed up anew.".to_owned()
}

/// In the place of the notice of a reply that was not delivered: nobody can send it any more.
pub fn words_no_longer_kept() -> String {
    "A reply did not reach the ticket, and cannot be tried again: it was written so long ago that its words are no longer \
     kept. It stays in Slack only; please write it again if it still matters."
        .to_owned()
}

/// Why no follow-up was made: Zendesk refused it without what may be left out.
pub fn follow_up_refused(reason: &str) -> String {
    format!("Zendesk took it with none of its fields ({}).", reason.trim_end_matches('.'))
}
