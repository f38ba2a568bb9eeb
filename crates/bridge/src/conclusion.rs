//! What is concluded from answers and gone by for a while: each is tried again, undone by itself, and told to the operator
//! once it has lasted.

use super::ids::TicketId;
use super::notice;
use super::thread::{BridgedThread, Place};

/// What a conclusion is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum About {
    /// The app may not read the account-wide feed.
    Feed,
    /// The feed has more entries of one second than it shows, and they could not be found another way.
    Hidden,
    /// A ticket cannot be reached.
    Ticket,
    /// A channel takes no posts.
    Channel,
    /// A vendor is held, or takes no messages.
    Vendor,
    /// A vendor asks to be left alone for more than an hour.
    Wait,
}

impl About {
    /// All of them.
    pub const ALL: [About; 6] = [About::Feed, About::Hidden, About::Ticket, About::Channel, About::Vendor, About::Wait];

    /// The word for rows, metrics and `readyz`.
    pub fn as_str(self) -> &'static str {
        match self {
            About::Feed => "feed",
            About::Hidden => "hidden",
            About::Ticket => "ticket",
            About::Channel => "channel",
            About::Vendor => "vendor",
            About::Wait => "wait",
        }
    }

    /// What this word means.
    pub fn read(word: &str) -> Option<About> {
        About::ALL.into_iter().find(|about| about.as_str() == word)
    }
}

/// Something that is believed for now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conclusion {
    /// What kind of thing.
    pub about: About,
    /// Which ticket, channel or vendor; empty where there is one only.
    pub subject: String,
    /// Why, as a sentence.
    pub why: String,
}

impl Conclusion {
    /// The ticket that it is about.
    pub fn ticket(about: About, subject: &str) -> Option<TicketId> {
        (about == About::Ticket).then(|| subject.parse().ok().map(TicketId))?
    }
}

impl BridgedThread {
    /// What the thread goes by for now.
    pub fn conclusions(&self) -> Vec<Conclusion> {
        let ticket = self.gone.as_ref().map(|gone| Conclusion {
            about: About::Ticket,
            subject: self.ticket_id.to_string(),
            why: gone.reason.clone(),
        });
        let problem = match (&self.unreachable, &self.place) {
            (Some(unreachable), _) => Some(&unreachable.problem).filter(|_| unreachable.told),
            (None, Place::Preparing { .. } | Place::Posting { .. }) => self.told.channel.as_ref(),
            _ => None,
        };
        let channel = problem.zip(self.target.as_ref()).map(|(problem, target)| Conclusion {
            about: About::Channel,
            subject: notice::shown(&target.channel),
            why: notice::why_channel_is_closed(&target.channel, problem),
        });
        ticket.into_iter().chain(channel).collect()
    }
}
