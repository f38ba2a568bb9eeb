//! What the people who run the app are told of what lasts.

use super::super::conclusion::About;
use super::super::content::escape_mrkdwn;
use super::super::event::ChannelProblem;
use super::super::route::ChannelRef;
use super::why_closed;

/// Why a channel takes no posts, as a sentence without its capital and its full stop.
pub fn why_channel_is_closed(channel: &ChannelRef, problem: &ChannelProblem) -> String {
    why_closed(channel, problem).0
}

/// Why the feed is not read.
pub fn feed_not_readable() -> String {
    "Zendesk does not let the app's user read the account-wide list of side conversations".to_owned()
}

/// Why not all entries of a second are known; `at` is that second as text.
pub fn feed_hides(at: &str) -> String {
    format!("more was written in Zendesk at {at} than its lists show at once")
}

/// Why a vendor is not asked, `until` being a time as text.
pub fn asks_to_wait(vendor: &str, until: &str) -> String {
    format!("{vendor} asks the app to wait until {until}")
}

/// The operator: something lasts. `since` is a time as Slack shows it.
pub fn lasts(about: About, subject: &str, why: &str, since: &str) -> String {
    let (why, subject) = (escape_mrkdwn(why.trim_end_matches(['.', ' '])), escape_mrkdwn(subject));
    match about {
        About::Feed => format!(
            "⚠️ Since {since} {why}. Bridged tickets are asked one by one meanwhile; a side conversation on another ticket is \
             noticed only if the webhook tells of it. Make the app's Zendesk user an admin, and check that side conversations \
             are switched on. It is tried again every few minutes, and what was missed is then read."
        ),
        About::Hidden => format!(
            "⚠️ {why}, so some side conversations may not be in Slack. Each of them is bridged as soon as its ticket is \
             touched again. If one is urgent, add an internal note to its ticket."
        ),
        About::Ticket => format!(
            "⚠️ Ticket #{subject} has been out of reach since {since}: {why}. What is written in its Slack thread waits in its \
             order. It is tried again every few minutes; nothing else needs to be done once the ticket is restored or the \
             app's Zendesk user has its rights back."
        ),
        About::Channel => format!(
            "⚠️ Since {since} a side conversation waits for its Slack channel: {why}. It is tried again every few minutes and \
             goes on by itself."
        ),
        About::Vendor => format!("⚠️ Since {since}: {why}. Nothing is lost; what waits goes on by itself once it can."),
        About::Wait => format!("⚠️ {why}. Nothing is lost; what waits goes on by itself then."),
    }
}

/// The operator: what was told to last is over.
pub fn lasts_no_more(about: About, subject: &str) -> String {
    let subject = escape_mrkdwn(subject);
    match about {
        About::Feed => {
            "✅ The account-wide list of side conversations is read again, from where it stopped.".to_owned()
        }
        About::Hidden => "✅ All side conversations of that second are known by now.".to_owned(),
        About::Ticket => format!("✅ Ticket #{subject} can be reached again; what waited for it goes on."),
        About::Channel => {
            format!("✅ The Slack channel {} takes messages again; what waited for it goes on.", shown(&subject))
        }
        About::Vendor => format!("✅ {} answers again, and what waited goes on.", capital(&subject)),
        About::Wait => format!("✅ {} may be asked again, and what waited goes on.", capital(&subject)),
    }
}

fn shown(channel: &str) -> String {
    if channel.starts_with('#') { channel.to_owned() } else { format!("<#{channel}>") }
}

fn capital(vendor: &str) -> String {
    let mut letters = vendor.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
