//! What people are told of what was not delivered, of what may not have been, and of what arrived after all.

use super::short;

/// How many characters of a message are quoted to say which one it is.
const QUOTED: usize = 80;

/// Which message of a ticket's side conversations a note speaks of.
pub struct Which<'a> {
    /// The side conversation's subject.
    pub subject: &'a str,
    /// Who wrote it.
    pub author: &'a str,
    /// When, as text.
    pub written: &'a str,
    /// What it says; nothing where that is no longer kept.
    pub words: &'a str,
    /// The thread's address in Slack.
    pub link: Option<&'a str>,
}

impl Which<'_> {
    fn named(&self) -> String {
        let Which { subject, author, written, words, .. } = self;
        let words = short(words, QUOTED);
        let quoted = if words.is_empty() { String::new() } else { format!(" (“{words}”)") };
        format!("message by {author}{quoted} in {}, written {written},", side_conversation(subject))
    }

    fn at(&self) -> String {
        self.link.map(|link| format!(" The Slack thread: {link}")).unwrap_or_default()
    }
}

fn side_conversation(subject: &str) -> String {
    match short(subject, QUOTED) {
        subject if subject.is_empty() => "a side conversation of this ticket".to_owned(),
        subject => format!("this ticket's side conversation “{subject}”"),
    }
}

/// The thread: a reply could not be delivered, or it cannot be known whether it was.
pub fn reply_not_delivered(reason: &str, permalink: &str, doubtful: bool) -> String {
    if doubtful {
        return format!(
            "⚠️ *Perhaps not delivered*: <{permalink}|a reply> may or may not be in the ticket: {reason} It is kept. Before \
             you say it another way, please have somebody look in the ticket. Retry looks first, and sends it only if it is \
             not there."
        );
    }
    format!(
        "⚠️ *Not delivered*: <{permalink}|a reply> did not reach the ticket: {reason} It is kept. Once this is mended, press \
         Retry; if it cannot wait, please tell the ticket's agent another way."
    )
}

/// The ticket: a message could not be shown in Slack, or it cannot be known whether it was.
pub fn post_not_delivered(which: &Which<'_>, reason: &str, doubtful: bool) -> String {
    let (what, at) = (which.named(), which.at());
    if doubtful {
        return format!(
            "A {what} may or may not be in Slack: {reason} Before you say it another way, please look in Slack, or ask \
             somebody to.{at}"
        );
    }
    format!(
        "A {what} did not reach Slack: {reason} The message is in the side conversation; please tell the people in Slack \
         another way until this is mended.{at}"
    )
}

/// The ticket: a message that was told not to have reached Slack did.
pub fn post_delivered_after_all(which: &Which<'_>) -> String {
    format!("A {} is in Slack after all: it was tried again.{}", which.named(), which.at())
}

/// The same, where it is not known any more which message it was.
pub fn delivered_after_all(subject: &str) -> String {
    format!(
        "A message in {}, of which a note on this ticket says that it did not reach Slack, is in Slack after all.",
        side_conversation(subject)
    )
}

/// The ticket: what was written in a side conversation is not in Slack yet.
pub fn not_in_slack_yet(subject: &str) -> String {
    format!(
        "A message in {} is not in Slack yet: Slack does not take it at the moment. Sidethread keeps trying and nothing is \
         lost; what cannot wait should go another way.",
        side_conversation(subject)
    )
}

/// The ticket: it is in Slack.
pub fn in_slack_after_all(subject: &str) -> String {
    format!("The message in {} that was late is in Slack.", side_conversation(subject))
}

/// The ticket: the thread could not be made.
pub fn card_not_posted(subject: &str, reason: &str) -> String {
    format!(
        "Sidethread could not post {} in Slack: {reason} Nothing is lost: it is tried again every few minutes at first, and then every hour.",
        side_conversation(subject)
    )
}

/// The ticket: a message is not in Slack, and nobody will try again.
pub fn post_given_up(which: &Which<'_>) -> String {
    format!(
        "A {} was set aside on its way to Slack and will not be posted: the people who run Sidethread have given it up. \
         Unless it is there already, please tell the people in Slack another way.{}",
        which.named(),
        which.at()
    )
}

/// The ticket: something could not be told in the thread, or it cannot be known whether it was.
pub fn not_told_in_slack(subject: &str, text: &str, doubtful: bool) -> String {
    let place = side_conversation(subject);
    match doubtful {
        true => format!("Sidethread may or may not have said this in the Slack thread of {place}: {text}"),
        false => format!("Sidethread could not say this in the Slack thread of {place}: {text}"),
    }
}

/// The operator: why nothing was written although the call ended well, by the word that is stored with the call.
pub fn not_written(word: &str) -> Option<&'static str> {
    Some(match word {
        "of_an_app" => "stays in Slack: written by an app",
        "withheld" => "stays in Slack: somebody outside would have read it",
        "ticket_closed" => "not done: the ticket is closed",
        "withdrawn" => "not done: it was no longer needed",
        _ => return None,
    })
}

/// In the place of the thread's notice: it is being tried again.
pub fn tried_again(by: Option<&super::SlackUserId>) -> String {
    format!("🔁 A reply that was set aside is being tried again{}.", super::asked_by(by))
}

/// In the place of that notice: it arrived.
pub fn arrived_after_all(by: Option<&super::SlackUserId>) -> String {
    format!(
        "✅ A reply that was set aside on its way to the ticket is in it: it was tried again{}.",
        super::asked_by(by)
    )
}

/// In the place of that notice: it may not be sent any more.
pub fn stays_in_slack() -> String {
    "A reply that was set aside stays in Slack: not everybody who takes part in Zendesk may read it.".to_owned()
}

/// In the place of that notice: nobody wrote it but an app.
pub fn of_an_app() -> String {
    "A reply that was set aside stays in Slack: an app wrote it, and only people's words go to the ticket.".to_owned()
}

/// In the place of that notice: the operator has given it up.
pub fn given_up() -> String {
    "A reply was set aside on its way to the ticket and will not be sent: the people who run Sidethread have given it up. \
     Unless it is in the ticket already, it stays in Slack only."
        .to_owned()
}
