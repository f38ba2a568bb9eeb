//! What happens around a question besides the words: the ticket's status, the note that keeps the result, who is told.

use serde::{Deserialize, Serialize};

/// What the settings want done when a thread is asked, answered or done. The default does nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// How the ticket changes once the question stands in Slack.
    pub on_ask: Option<TicketChange>,
    /// How the ticket changes once an answer is in it.
    pub on_answer: Option<TicketChange>,
    /// Whether a side conversation that is done leaves an internal note of what was asked and answered.
    pub summary: bool,
    /// Whether the assignee is told of answers by a direct message in Slack, and when not.
    pub notify: Option<Notify>,
}

/// How a ticket changes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TicketChange {
    /// `new`, `open`, `pending`, `hold` or `solved`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// Tags that it gets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags_add: Vec<String>,
    /// Tags that it loses.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags_remove: Vec<String>,
}

/// The statuses that a rule may set. Zendesk closes tickets by itself, for good.
pub const STATUSES: &[&str] = &["new", "open", "pending", "hold", "solved"];

/// How the assignee is told of answers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Notify {
    /// When nobody is told, where they are.
    pub quiet: Option<QuietHours>,
}

/// A stretch of the day, in minutes after midnight; it may span midnight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuietHours {
    /// Where it begins.
    pub from: u16,
    /// Where it ends.
    pub to: u16,
}

const DAY_MIN: i64 = 24 * 60;

impl QuietHours {
    /// How long it stays quiet, in milliseconds, for somebody whose clock is `offset_secs` ahead of UTC; 0 if it is not.
    pub fn left_ms(self, now_ms: i64, offset_secs: i32) -> i64 {
        let local_ms = now_ms + i64::from(offset_secs) * 1000;
        let day_ms = DAY_MIN * 60_000;
        let at = local_ms.rem_euclid(day_ms);
        let since = (at - i64::from(self.from) * 60_000).rem_euclid(day_ms);
        let lasts = (i64::from(self.to) - i64::from(self.from)).rem_euclid(DAY_MIN) * 60_000;
        (lasts - since).max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: i64 = 3_600_000;

    #[test]
    fn quiet_hours_span_midnight_and_follow_the_person_s_clock() {
        let night = QuietHours { from: 22 * 60, to: 7 * 60 };
        let noon = 12 * HOUR;
        assert_eq!(night.left_ms(noon, 0), 0);
        assert_eq!(night.left_ms(22 * HOUR, 0), 9 * HOUR);
        assert_eq!(night.left_ms(23 * HOUR, 0), 8 * HOUR);
        assert_eq!(night.left_ms(6 * HOUR, 0), HOUR);
        assert_eq!(night.left_ms(7 * HOUR, 0), 0);
        assert_eq!(night.left_ms(noon, 12 * 3600), 7 * HOUR, "midnight in Auckland");
        assert_eq!(night.left_ms(2 * HOUR, -7 * 3600), 0, "seven in the evening in Denver");
        let day = QuietHours { from: 9 * 60, to: 17 * 60 };
        assert_eq!((day.left_ms(noon, 0), day.left_ms(18 * HOUR, 0)), (5 * HOUR, 0));
    }
}
