//! Which side conversation a command means, where several may be meant: one button each.

use serde_json::{Value, json};

use super::{plain, section};
use crate::bridge::event::State;
use crate::bridge::notice;

/// How the actions of the buttons begin that mark one of several as done.
pub const CHOOSE_DONE: &str = "choose_done:";
/// How the actions of the buttons begin that reopen one of several.
pub const CHOOSE_REOPEN: &str = "choose_reopen:";

/// One of those that may be meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Choice {
    /// What is shown of it, in mrkdwn.
    pub shown: String,
    /// Where it stands in Slack: the channel and the thread's parent, with a colon between them.
    pub place: String,
}

/// The blocks that ask, under their question.
pub fn choose(question: &str, choices: &[Choice], state: State) -> Value {
    let (action, label) = match state {
        State::Closed => (CHOOSE_DONE, notice::MARK_AS_DONE),
        State::Open => (CHOOSE_REOPEN, notice::REOPEN),
    };
    let mut blocks = vec![section(question)];
    for (n, choice) in choices.iter().enumerate() {
        let mut block = section(&choice.shown);
        block["accessory"] = json!({
            "type": "button", "text": plain(label), "action_id": format!("{action}{n}"), "value": choice.place,
        });
        blocks.push(block);
    }
    Value::Array(blocks)
}
