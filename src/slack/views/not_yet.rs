//! What a shortcut shows that this version offers and cannot carry out.

use serde_json::{Value, json};

use super::{plain, section};
use crate::bridge::command;

/// The `callback_id` of the shortcut in a message's menu, "Attach to Zendesk ticket".
pub const ATTACH_SHORTCUT: &str = "attach_to_ticket";
/// The `callback_id` of the shortcut that is offered everywhere, "New side conversation".
pub const NEW_SHORTCUT: &str = "new_side_conversation";

/// A shortcut of the manifest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shortcut {
    /// Takes a message and its thread into a ticket.
    Attach,
    /// Starts a side conversation by a form.
    New,
}

impl Shortcut {
    /// Both.
    pub const ALL: [Shortcut; 2] = [Shortcut::Attach, Shortcut::New];

    /// Its `callback_id`.
    pub fn callback_id(self) -> &'static str {
        match self {
            Shortcut::Attach => ATTACH_SHORTCUT,
            Shortcut::New => NEW_SHORTCUT,
        }
    }

    /// The shortcut with this `callback_id`.
    pub fn named(callback_id: &str) -> Option<Shortcut> {
        Shortcut::ALL.into_iter().find(|shortcut| shortcut.callback_id() == callback_id)
    }

    /// Its name in Slack's menus, which is the modal's title too: 24 characters at most.
    pub fn name(self) -> &'static str {
        match self {
            Shortcut::Attach => "Attach to Zendesk ticket",
            Shortcut::New => "New side conversation",
        }
    }
}

/// The modal that says so, and what works today.
/// <https://docs.slack.dev/reference/views/modal-views>
pub fn not_yet(shortcut: Shortcut) -> Value {
    let will = match shortcut {
        Shortcut::Attach => "This shortcut will take a message and its thread into a Zendesk ticket.",
        Shortcut::New => "This shortcut will open a form in which you ask a channel a question from a Zendesk ticket.",
    };
    json!({
        "type": "modal", "title": plain(shortcut.name()), "close": plain("Close"),
        "blocks": [
            section(&format!("{will} *This version cannot do it yet.* Nothing was sent or saved.")),
            section(&format!(
                "*What works today:* type `{}` in a channel, with the number of your ticket and your question. It starts a \
                 side conversation on that ticket. If you may not start one, you are told so and nothing is sent.",
                command::EXAMPLE
            )),
            section(&format!("`{}` in a channel shows all that works.", command::HELP)),
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_fits_and_there_is_nothing_to_submit() {
        for shortcut in Shortcut::ALL {
            let view = not_yet(shortcut);
            assert!(view["title"]["text"].as_str().unwrap().chars().count() <= 24);
            assert_eq!((&view["submit"], &view["close"]["text"]), (&Value::Null, &json!("Close")));
            assert_eq!(Shortcut::named(shortcut.callback_id()), Some(shortcut));
        }
    }
}
