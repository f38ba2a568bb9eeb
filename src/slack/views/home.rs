//! The app's Home tab.

use serde_json::{Value, json};

use super::{plain, section};
use crate::bridge::command;

/// What Sidethread is and which commands work; the same for everybody.
/// <https://docs.slack.dev/reference/views/home-tab-views>
pub fn home() -> Value {
    json!({
        "type": "home",
        "blocks": [
            {"type": "header", "text": plain("Zendesk side conversations and Slack threads in one")},
            section(
                "• An agent sends a side conversation of a Zendesk ticket to a Slack channel; it appears there as a thread.\n\
                 • Answers *in the thread* go to the ticket. Where one has to stay in Slack, the thread says so.\n\
                 • What the agent writes next in the side conversation appears in the thread.\n\
                 • What is written in the channel itself stays in Slack.",
            ),
            {"type": "divider"},
            section(&format!("*What you can type in a channel* (a ticket is {})\n{}", command::TICKET, command::commands())),
            {"type": "context", "elements": [{"type": "mrkdwn", "text":
                "The shortcuts “Attach to Zendesk ticket” and “New side conversation” cannot do their work in this version yet."
            }]},
        ],
    })
}
