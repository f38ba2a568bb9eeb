//! The internal note that keeps what came of a side conversation: once for each time that it is done.
//!
//! The side conversation is read a minute after it was done, so that the last words are in it and a button pressed by
//! mistake leaves no note. The note holds people's own words, shortened; nothing is added to them. What was kept by an
//! earlier note is not repeated. A thread that has moved on keeps who asked in the first place; what the app itself wrote
//! where it went on is left out.

use super::super::content::Names;
use super::super::effect::{Act, Effect, EffectId};
use super::super::event::{Kind, SideConversationEvent, State};
use super::super::heading;
use super::super::ids::{ChannelId, SlackUserId};
use super::super::notice::{self, Kept, Summary, short};
use super::entry::shown_name;
use super::{BridgedThread, Deciding, Why, time_with_offset};

/// How long after it was done it is read, in milliseconds.
const AFTER_MS: i64 = 60 * 1000;
/// How many characters of the question, and of each answer, are kept.
const QUESTION_KEPT: usize = 500;
const ANSWER_KEPT: usize = 300;
/// How many messages are kept from the beginning, and from the end.
const KEPT: usize = 8;

/// One person's words.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Said {
    pub(crate) name: String,
    pub(crate) at_ms: i64,
    pub(crate) text: String,
    in_slack: bool,
}

impl BridgedThread {
    pub(super) fn still_wants_summary(&self, effect: &EffectId) -> bool {
        self.state == State::Closed && self.noticed.summary.as_ref() == Some(effect)
    }
}

impl Deciding<'_> {
    /// The side conversation is done.
    pub(super) fn keep_result(&mut self) {
        if !self.keeps_result() {
            return;
        }
        let id = EffectId::new(format!("said:{}", self.thread.state_updated_at_ms));
        self.thread.noticed.summary = Some(id.clone());
        let not_before_ms = self.at_ms + AFTER_MS;
        self.effects.push(Effect { id, order: self.at_ms * 1000, not_before_ms, act: Act::ReadSaid });
    }

    /// Whether a note keeps the result.
    pub(super) fn keeps_result(&self) -> bool {
        self.policy.rules.summary && self.thread.link().is_some()
    }

    pub(super) fn said_read(&mut self, effect: &EffectId, entries: &[SideConversationEvent]) {
        let said: Vec<Said> = entries.iter().flat_map(|entry| self.said(entry)).collect();
        let Some((question, answers)) = said.split_first().filter(|_| self.thread.still_wants_summary(effect)) else {
            self.ignored = Some(Why::Stale);
            return;
        };
        let kept_before = self.thread.noticed.kept_until_ms;
        let fresh: Vec<&Said> = answers.iter().filter(|one| one.at_ms > kept_before).collect();
        if kept_before > 0 && fresh.is_empty() {
            self.ignored = Some(Why::Known);
            if let Some(user) = self.thread.state_by_user.clone() {
                self.note_who_pressed(user);
                self.ignored = None;
            }
            return;
        }
        let left_out = fresh.len().saturating_sub(2 * KEPT);
        let mut shown: Vec<Option<Kept>> = Vec::new();
        for (n, one) in fresh.iter().enumerate() {
            if left_out > 0 && (KEPT..KEPT + left_out).contains(&n) {
                if n == KEPT {
                    shown.push(None);
                }
                continue;
            }
            let after_ms = one.at_ms - question.at_ms;
            shown.push(Some(Kept { name: one.name.clone(), after_ms, text: short(&one.text, ANSWER_KEPT) }));
        }
        let text = notice::summary(&Summary {
            subject: &self.thread.subject,
            by: self.thread.state_by.as_deref(),
            asker: &question.name,
            channel: self.thread.target.as_ref().map(|target| &target.channel),
            asked_at: &time_with_offset(question.at_ms),
            question: &short(&question.text, QUESTION_KEPT),
            said: &shown,
            left_out,
            first_answer_ms: answers.iter().find(|one| one.in_slack).map(|one| one.at_ms - question.at_ms),
            done_ms: self.thread.state_updated_at_ms - question.at_ms,
        });
        let last = said.iter().map(|one| one.at_ms).max().unwrap_or(question.at_ms);
        self.thread.noticed.kept_until_ms = last;
        self.ask(EffectId::new(format!("note:{effect}")), 0, Act::Note { text });
    }

    /// Who said what in an entry: one of ours holds what one or several people wrote in Slack, each under a heading.
    fn said(&self, entry: &SideConversationEvent) -> Vec<Said> {
        let Some(message) = entry.message.as_ref().filter(|_| matches!(entry.kind, Kind::Create | Kind::Reply)) else {
            return Vec::new();
        };
        let ours = message.marker.is_some() || entry.actor.user_id == Some(self.policy.app_user);
        if let Some(plain) = message.plain.as_deref().filter(|_| ours) {
            let mut said = under_headings(plain, &self.policy.slack_url);
            let begins = entry.kind == Kind::Create && entry.side_conversation_id.as_str() != self.thread.id.as_str();
            if let Some(last) = said.last_mut().filter(|_| begins) {
                for earlier in &self.thread.earlier {
                    last.text = last.text.replace(&notice::goes_on_from(earlier.ticket_id), "");
                }
            }
            // What the app itself begins one with is no word of anybody.
            let own = begins && plain.contains(&self.policy.slack_url);
            if !said.is_empty() || own {
                return said;
            }
        }
        let text = message.plain.clone().unwrap_or_else(|| message.doc().to_plain(&Nobody));
        vec![Said { name: shown_name(&entry.actor), at_ms: entry.created_at_ms, text, in_slack: false }]
    }
}

/// What is written in Zendesk names nobody of Slack.
struct Nobody;

impl Names for Nobody {
    fn user(&self, _: &SlackUserId) -> Option<String> {
        None
    }

    fn channel(&self, _: &ChannelId) -> Option<String> {
        None
    }
}

/// What people wrote in Slack, each under a heading in a text of ours.
pub(crate) fn under_headings(text: &str, slack_url: &str) -> Vec<Said> {
    let mut said: Vec<Said> = Vec::new();
    let mut after_blank = true;
    for line in text.lines() {
        if after_blank && let Some((name, at_ms)) = heading::read(line, slack_url) {
            said.push(Said { name, at_ms, text: String::new(), in_slack: true });
        } else if let Some(last) = said.last_mut() {
            last.text.push_str(line);
            last.text.push('\n');
        }
        after_blank = line.trim().is_empty();
    }
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_headings_of_our_replies_name_who_said_what() {
        let text = "Ana in Slack, 2026-11-22 10:00 +00:00 (https://a.slack.com/archives/C1/p1795341659123456?thread_ts=1):\n\
            on my way\n\nor not\n\nBen in Slack (https://a.slack.com/archives/C1/p1795341660000000):\nfine";
        let said = under_headings(text, "https://a.slack.com/");
        let shown: Vec<(&str, i64, &str)> =
            said.iter().map(|one| (one.name.as_str(), one.at_ms, one.text.trim_end())).collect();
        assert_eq!(shown, [("Ana", 1_795_341_659_123, "on my way\n\nor not"), ("Ben", 1_795_341_660_000, "fine")]);
        assert!(
            under_headings("Ana in Slack (https://evil.example/archives/C1/p1):\nx", "https://a.slack.com/").is_empty()
        );
    }
}
