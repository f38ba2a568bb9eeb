//! `/side-convo`: what people may type after it, and what they read then.

/// What somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// What the app does.
    Help,
    /// The open side conversations of this channel.
    List,
    /// Something else, as it was typed.
    Other(String),
}

/// Reads what was typed after `/side-convo`.
pub fn parse(text: &str) -> Command {
    let text = text.trim();
    match text.to_lowercase().as_str() {
        "" | "help" => Command::Help,
        "list" => Command::List,
        _ => Command::Other(text.to_owned()),
    }
}

/// One line of `/side-convo list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The side conversation's subject.
    pub subject: String,
    /// The thread's address in Slack.
    pub permalink: String,
    /// The ticket's number.
    pub ticket_id: i64,
    /// The ticket's address in Zendesk.
    pub ticket_url: String,
}

/// The answer to `/side-convo help`.
pub fn help() -> String {
    "Sidethread joins Zendesk side conversations and Slack threads.\n\
     • An agent starts a side conversation in a ticket and sends it to this channel; it appears here as a thread.\n\
     • What you answer *in the thread* goes to the ticket. What you write in the channel stays in Slack.\n\
     • \"Mark as done\" and \"Reopen\" under the first message do the same as in Zendesk.\n\
     • `/side-convo list` shows the open side conversations of this channel."
        .to_owned()
}

/// The answer to `/side-convo list`; `more` are left out.
pub fn list(open: &[Listed], more: usize) -> String {
    if open.is_empty() {
        return "No side conversation is open in this channel.".to_owned();
    }
    let mut lines = vec![match open.len() + more {
        1 => "1 side conversation is open in this channel:".to_owned(),
        n => format!("{n} side conversations are open in this channel:"),
    }];
    for one in open {
        let subject =
            super::content::escape_mrkdwn(if one.subject.trim().is_empty() { "(no subject)" } else { &one.subject });
        lines.push(format!(
            "• <{}|{}> · <{}|ticket #{}>",
            one.permalink,
            subject.replace('|', "¦"),
            one.ticket_url,
            one.ticket_id
        ));
    }
    if more > 0 {
        lines.push(format!("… and {more} older ones."));
    }
    lines.join("\n")
}

/// The answer to anything else.
pub fn not_yet() -> String {
    "Side conversations cannot be started from Slack yet: start one in the Zendesk ticket and send it to this channel. \
     `/side-convo help` says what works here."
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn typing_is_read_kindly() {
        assert_eq!(parse(""), Command::Help);
        assert_eq!(parse("  HELP "), Command::Help);
        assert_eq!(parse("list"), Command::List);
        assert_eq!(parse("35436 why"), Command::Other("35436 why".into()));
    }
}
