//! What is said around a question: of the ticket, of what came of it, and to whom it belongs.

use super::super::content::escape_mrkdwn;
use super::super::ids::SlackUserId;
use super::super::news::News;
use super::super::route::ChannelRef;
use super::{listed, shown};

/// How many threads one direct message lists.
const NEWS_LISTED: usize = 20;
/// How many characters of a subject it shows.
pub(super) const SUBJECT_SHOWN: usize = 150;

/// The ticket, or the operator: a rule of the settings could not change the ticket.
pub fn ticket_not_changed(reason: &str) -> String {
    format!(
        "Sidethread could not change this ticket as its settings say (on_ask, on_answer): {reason} Please set the status and \
         the tags by hand, and have the settings or the rights of the app's Zendesk user mended."
    )
}

/// The thread: its ticket is not there, or may not be written to.
pub fn ticket_gone(reason: &str) -> String {
    format!(
        "⏸️ *Paused*: what is written here does not reach the ticket, because {} It is kept in its order and goes there by \
         itself once the ticket is restored or the right is given back; nobody has to send it again. If it cannot wait, \
         please tell the ticket's agent another way.",
        escape_mrkdwn(reason)
    )
}

/// The thread: its ticket can be reached again.
pub fn ticket_back() -> String {
    "▶️ The ticket can be reached again, and what was written here meanwhile goes there.".to_owned()
}

/// The assignee, alone: which threads were answered. `zendesk_url` is the account's address.
pub fn answered(news: &[News], zendesk_url: &str) -> String {
    let lines = news.iter().take(NEWS_LISTED).map(|one| {
        let ticket = one.ticket_id;
        let subject = short(&one.subject, SUBJECT_SHOWN);
        let subject = if subject.is_empty() { String::new() } else { format!(" {}", escape_mrkdwn(&subject)) };
        let mut people: Vec<String> = one.by.iter().map(mention).collect();
        if one.by_others {
            people.push(if people.is_empty() { "somebody in Slack" } else { "somebody else" }.to_owned());
        }
        let answers = if one.answers == 1 { "an answer".to_owned() } else { format!("{} answers", one.answers) };
        format!(
            "• <{zendesk_url}/agent/tickets/{ticket}|#{ticket}>{subject}: {answers} by {}, <{}|see the thread>",
            listed(&people),
            one.link
        )
    });
    let mut text: Vec<String> = vec!["💬 Your side conversations were answered:".to_owned()];
    text.extend(lines);
    if news.len() > NEWS_LISTED {
        text.push(format!("… and {} more", news.len() - NEWS_LISTED));
    }
    text.join("\n")
}

fn mention(user: &SlackUserId) -> String {
    format!("<@{user}>")
}

/// The operator: an assignee could not be told of an answer.
pub fn assignee_not_told(reason: &str) -> String {
    format!("the assignee could not be told in Slack that a side conversation was answered: {reason}")
}

/// Why the assignee could not be told: the app lacks what direct messages need.
pub fn may_not_write_directly() -> String {
    "the app may not write direct messages. Put the newest manifest (`sidethread manifest`) into the app's settings and \
     install it again, or set assignee = \"none\" under [notify]."
        .to_owned()
}

/// One message in the note that keeps the result.
pub struct Kept {
    /// Who wrote it.
    pub name: String,
    /// How long after the question, in milliseconds.
    pub after_ms: i64,
    /// What it says, shortened.
    pub text: String,
}

/// The note that keeps the result: its parts.
pub struct Summary<'a> {
    /// The side conversation's subject.
    pub subject: &'a str,
    /// Who marked it as done.
    pub by: Option<&'a str>,
    /// Who asked.
    pub asker: &'a str,
    /// Where.
    pub channel: Option<&'a ChannelRef>,
    /// When.
    pub asked_at: &'a str,
    /// What was asked, shortened.
    pub question: &'a str,
    /// What was said then; `None` stands for some that are left out.
    pub said: &'a [Option<Kept>],
    /// How many are left out.
    pub left_out: usize,
    /// How long the first answer took, in milliseconds.
    pub first_answer_ms: Option<i64>,
    /// How long it took until it was done, in milliseconds.
    pub done_ms: i64,
}

/// The ticket: what was asked and answered in a side conversation that is done.
pub fn summary(summary: &Summary<'_>) -> String {
    let subject = match summary.subject.trim() {
        "" => String::new(),
        subject => format!(" \u{201c}{}\u{201d}", short(subject, SUBJECT_SHOWN)),
    };
    let by = summary.by.map_or(String::new(), |name| format!(" by {name}"));
    let channel = summary.channel.map_or(String::new(), |channel| format!(" {}", shown(channel)));
    let mut lines = vec![format!("Side conversation{subject}, marked as done{by}.")];
    let question = if summary.question.is_empty() { "(no text)" } else { summary.question };
    lines.push(format!("{} asked{channel}, {}: {question}", summary.asker, summary.asked_at));
    if summary.said.is_empty() {
        lines.push("Nobody answered.".to_owned());
    }
    for one in summary.said {
        lines.push(match one {
            Some(kept) => format!("{}, after {}: {}", kept.name, lasted(kept.after_ms), kept.text),
            None => format!("… {} more messages are in the side conversation …", summary.left_out),
        });
    }
    let first = summary.first_answer_ms.map_or(String::new(), |ms| format!("First answer after {}. ", lasted(ms)));
    lines.push(format!("{first}Done after {}.", lasted(summary.done_ms)));
    lines.join("\n")
}

/// A text in one line, cut where it is too long.
pub fn short(text: &str, most: usize) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(most) {
        Some((at, _)) => format!("{}…", line[..at].trim_end()),
        None => line,
    }
}

/// How long something took, in the two largest units that say something.
pub fn lasted(ms: i64) -> String {
    let minutes = ms.max(0) / 60_000;
    let unit = |n: i64, name: &str| match n {
        0 => None,
        1 => Some(format!("1 {name}")),
        n => Some(format!("{n} {name}s")),
    };
    let (days, hours) = (minutes / 1440, minutes / 60 % 24);
    let parts = match (days, hours) {
        (0, 0) => [unit(minutes, "minute"), None],
        (0, hours) => [unit(hours, "hour"), unit(minutes % 60, "minute")],
        (days, hours) => [unit(days, "day"), unit(hours, "hour")],
    };
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "less than a minute".to_owned() } else { parts.join(" ") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_read_well() {
        let shown = [0, 59, 60, 3599, 3600, 7500, 86_400, 90_000, 190_000].map(|secs| lasted(secs * 1000));
        let wanted = [
            "less than a minute",
            "less than a minute",
            "1 minute",
            "59 minutes",
            "1 hour",
            "2 hours 5 minutes",
            "1 day",
            "1 day 1 hour",
            "2 days 4 hours",
        ];
        assert_eq!(shown, wanted);
    }

    #[test]
    fn a_long_text_is_cut_and_a_short_one_is_not() {
        assert_eq!(short("a\n b  c", 5), "a b c");
        assert_eq!(short("äöü äöü", 4), "äöü…");
    }
}
