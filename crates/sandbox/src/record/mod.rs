//! A session of the sandbox, written down so that anybody can live through it again.
//!
//! What is written is what people did: each request to the fakes and to the page that was not the bridge's own, with
//! the faults they switched on, the time they let pass and the ends they put to the bridge. The firm itself is
//! its seed. Nothing that reaches the bridge needs to be written: deliveries and answers are made by the fakes, which are
//! models, out of the firm, of what people did and of what the bridge asked. A tape of the bridge's own traffic would
//! be a nearer copy and a worse report: it knows no answer to a call that a mended bridge makes and the broken one did
//! not, so it could show a bug and never its end.
//!
//! Two runs are never the same to the millisecond, so three things make the second one meet what the first one met:
//!
//! - *Names.* The fakes' ids come from chance and from the time. The file has names in their place ("Wanjiru's second
//!   answer under the bridge's first message in this channel"), by who wrote what in which place, and each run knows its
//!   own ids of them: see [`names`]. Secrets are named as well, so that none is written.
//! - *Order.* Between what people did stands what the bridge had put before them by then, and whether it ran. A replay
//!   goes on only when that is so, or has been waited for long enough: see [`play`].
//! - *Time.* A replay lives at the time of the recording, at its pace or a multiple of it; the bridge in it as well. Where
//!   it falls behind, everything comes later by as much.
//!
//! What remains is chance. A fault that strikes in a share of all cases strikes the same how many-th calls of a kind again;
//! which calls these are depends on how those of several threads fall between each other. A bug that is shown with faults
//! that strike for certain comes out the same on any machine.
//!
//! What the bridge put before people is also what two runs are compared by: see [`outcome`]. Its calls and the
//! deliveries to it stand in the file in short, for whoever reads it.
//!
//! Names and texts can be hidden without hiding what went wrong: see [`anonymise`].
//!
//! The file has one JSON object a line. A line is written in one piece before the next begins, so whatever ends the
//! sandbox costs at most the last one; a last line that is torn is read over.

mod anonymise;
mod body;
mod names;
mod outcome;
mod play;
mod recorder;

use serde::{Deserialize, Serialize};

pub use anonymise::Anonymiser;
pub use body::{Body, Part};
pub use play::{Difference, Player, Report};
pub use recorder::{CarryRecorded, Recorder};

/// Changes when an older recording could no longer be played.
const VERSION: u32 = 2;

/// When a recording can have begun, in milliseconds since 1970: this century and the next.
const TIMES_MS: std::ops::Range<i64> = 946_684_800_000..7_258_118_400_000;
/// The furthest that anything in it can be from its beginning, in milliseconds: ten years.
const LONGEST_MS: i64 = 10 * 366 * 86_400_000;

/// What a recording begins with: how to have the same firm again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The version of the format.
    pub sidethread_recording: u32,
    /// The version of the program that wrote it.
    pub program: String,
    /// The firm's seed.
    pub seed: u64,
    /// Whether anything had happened in the firm.
    pub past: bool,
    /// How many tickets it had beside those of its stories.
    pub tickets: usize,
    /// When it began, in milliseconds since 1970.
    pub began_ms: i64,
    /// Whether names and texts are hidden.
    #[serde(default)]
    pub anonymised: bool,
}

/// One thing that happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When, in milliseconds after the beginning.
    pub at: i64,
    /// What.
    #[serde(flatten)]
    pub what: What,
}

/// What can happen.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum What {
    /// Somebody did something.
    Asked(Asked),
    /// What it was answered.
    Answered {
        /// The number of what was asked.
        number: u64,
        /// The HTTP status.
        status: u16,
    },
    /// Something of the bridge's making stands where people see it, stands there otherwise, or is gone.
    Made(Item),
    /// Something was delivered to the bridge.
    Delivered {
        /// Where to.
        path: String,
        /// Its kind, where it says so.
        kind: String,
        /// The HTTP status of the bridge's answer, if it gave one.
        status: Option<u16>,
    },
    /// The bridge asked something of a vendor that may have changed something there.
    Called {
        /// Method and path.
        call: String,
        /// The HTTP status it was answered.
        status: u16,
    },
    /// The bridge's process changed its state.
    Bridge {
        /// The new one.
        state: String,
    },
    /// The recording was ended as it should be.
    Ended {
        /// Whether the bridge still had something in hand; nothing, if it did not say.
        busy: Option<bool>,
    },
}

/// A request of somebody who is not the bridge.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    /// Counts them from 1.
    pub number: u64,
    /// The HTTP method.
    pub method: String,
    /// The path.
    pub path: String,
    /// What stands after the question mark.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub query: Vec<(String, String)>,
    /// The headers that matter, in their lower-case names.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// What was sent.
    #[serde(default, skip_serializing_if = "Body::is_empty")]
    pub body: Body,
}

/// Something that the bridge made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Item {
    /// What it is, by its name.
    pub name: String,
    /// What it says; nothing, if it is gone.
    pub says: Option<String>,
}

/// A recording that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Recording {
    /// How it begins.
    pub head: Head,
    /// What happened, in order.
    pub lines: Vec<Line>,
    /// Whether its last line is torn.
    pub torn: bool,
}

/// A text that a terminal shows and does not obey: what a recording holds may come from anybody.
pub fn harmless(text: &str) -> String {
    let turns =
        |c: char| matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let obeyed = |c: char| c.is_control() || turns(c) || matches!(c, '\u{2028}' | '\u{2029}');
    let shown = text.chars().map(|c| if obeyed(c) { c.escape_default().to_string() } else { c.to_string() });
    shown.collect()
}

impl Recording {
    /// Reads a recording.
    ///
    /// # Errors
    /// It is none, or of another version, or damaged before its last line; a sentence.
    pub fn read(text: &str) -> Result<Recording, String> {
        let mut texts = text.lines().enumerate();
        let head = texts.next().and_then(|(_, line)| serde_json::from_str::<serde_json::Value>(line).ok());
        let head = head.ok_or("this is no recording: it does not begin with one line of JSON")?;
        match head["sidethread_recording"].as_u64() {
            Some(version) if version == u64::from(VERSION) => {}
            Some(version) => {
                let program = head["program"].as_str().unwrap_or("another version");
                return Err(format!(
                    "it was written by Sidethread {program} in format {version}, and this one reads format {VERSION}"
                ));
            }
            None => return Err("this is no recording of `sidethread demo --record`".to_owned()),
        }
        let head: Head = serde_json::from_value(head).map_err(|error| format!("line 1 does not read: {error}"))?;
        if !TIMES_MS.contains(&head.began_ms) {
            return Err("line 1 does not read: there is no such time".to_owned());
        }
        let (mut lines, mut torn) = (Vec::new(), false);
        for (at, line) in texts {
            match serde_json::from_str::<Line>(line) {
                Ok(line) if line.at.checked_abs().is_none_or(|far| far > LONGEST_MS) => {
                    return Err(format!("line {} does not read: there is no such time", at + 1));
                }
                Ok(line) => lines.push(line),
                Err(_) if !text.ends_with('\n') && at + 1 == text.lines().count() => torn = true,
                Err(error) => return Err(format!("line {} does not read: {error}", at + 1)),
            }
        }
        Ok(Recording { head, lines, torn })
    }

    /// What the bridge had made in the end: each thing's name and what it said last.
    fn made(&self) -> std::collections::BTreeMap<String, String> {
        let mut made = std::collections::BTreeMap::new();
        for line in &self.lines {
            if let What::Made(item) = &line.what {
                match &item.says {
                    Some(says) => made.insert(item.name.clone(), says.clone()),
                    None => made.remove(&item.name),
                };
            }
        }
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_time_is_taken_that_cannot_be_reckoned_with() {
        let read = |began: i64, at: i64| {
            let head = format!(
                "{{\"sidethread_recording\":{VERSION},\"program\":\"1\",\"seed\":1,\"past\":true,\"tickets\":0,\"began_ms\":{began}}}"
            );
            Recording::read(&format!("{head}\n{{\"at\":{at},\"ended\":{{\"busy\":null}}}}\n"))
        };
        let now = 1_750_000_000_000;
        assert_eq!(read(now, 5).map(|recording| recording.lines.len()), Ok(1));
        assert!(read(now, -5).is_ok(), "a clock may be set back");
        for (began, at) in [(i64::MAX, 1), (i64::MIN, 1), (0, 1), (now, i64::MAX), (now, i64::MIN)] {
            assert!(read(began, at).unwrap_err().contains("no such time"), "{began} {at}");
        }
    }

    #[test]
    fn a_terminal_obeys_no_recording() {
        assert_eq!(harmless("a\x1b[2J\r\u{202e}é\u{9b}"), "a\\u{1b}[2J\\r\\u{202e}é\\u{9b}");
    }
}
