//! That a start may go on in a follow-up of its closed ticket.

use serde_json::{Value, json};

use super::{plain, section};
use crate::bridge::notice;

/// The action of the button that has it go on there.
pub const START_ON_FOLLOW_UP: &str = "start_on_follow_up";
/// How much text a section takes, in characters; Slack takes 3,000.
const SECTION: usize = 2900;
/// How many sections hold it; Slack takes 50 blocks.
const SECTIONS: usize = 20;

/// The blocks that say so and offer it; `thread` is the start's name.
pub fn offer(text: &str, thread: &str) -> Value {
    let letters: Vec<char> = text.chars().collect();
    let parts = letters.chunks(SECTION).take(SECTIONS).map(|part| part.iter().collect::<String>());
    let mut blocks: Vec<Value> = parts.map(|part| section(&part)).collect();
    blocks.push(json!({"type": "actions", "elements": [{
        "type": "button", "text": plain(notice::START_ON_FOLLOW_UP), "action_id": START_ON_FOLLOW_UP, "value": thread,
        "style": "primary",
    }]}));
    Value::Array(blocks)
}
