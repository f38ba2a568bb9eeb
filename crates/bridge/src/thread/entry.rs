//! What an entry of the side conversation means.

use super::super::content::Doc;
use super::super::effect::{Act, Effect, EffectId};
use super::super::event::{Kind, Participant, SideConversationEvent, State};
use super::super::ids::{SideConversationEventId, SlackUserId, Ts};
use super::super::notice;
use super::super::route::{self, Choice};
use super::passing::LEFT_DONE;
use super::{Deciding, NAME_LIMIT, POST_LIMIT, Place, Why};

/// How the notes begin, as effects, that say who pressed a button. They do not wait for other notes of the ticket.
pub(super) const PRESSED: &str = "pressed-note:";

impl Deciding<'_> {
    pub(super) fn entry(&mut self, entry: &SideConversationEvent) {
        if self.created_by(entry) {
            return;
        }
        if matches!(self.thread.place, Place::New) {
            let created_at_ms = entry.about.as_ref().map_or(entry.created_at_ms, |about| about.created_at_ms);
            if created_at_ms < self.policy.bridging_since_ms {
                self.thread.place = Place::Older;
            }
        }
        if matches!(self.thread.place, Place::Older) {
            self.ignored = Some(Why::Older);
            return;
        }
        if self.moved_by(entry) {
            return;
        }
        let present = entry.side_conversation_id == self.thread.side_conversation_id;
        match (&entry.kind, &entry.message) {
            (Kind::Update { state: Some(state) }, _) if present => self.state_updated(entry, *state),
            (Kind::Update { .. }, _) if !present => self.ignored = Some(Why::Stale),
            (Kind::Create | Kind::Reply, Some(_)) if !present => self.message(entry),
            (Kind::Create | Kind::Reply, Some(message)) => {
                if self.thread.forgotten {
                    // Its subject was erased with its ticket, which may still bear it.
                } else if let Some(subject) = message.subject.as_deref().filter(|subject| !subject.is_empty()) {
                    self.thread.subject = subject.to_owned();
                } else if let Some(about) = &entry.about
                    && !about.subject.is_empty()
                {
                    self.thread.subject = about.subject.clone();
                }
                if entry.kind == Kind::Create {
                    self.thread.starter = Some(entry.actor.clone());
                }
                self.message(entry);
            }
            _ => self.ignored = Some(Why::Empty),
        }
    }

    pub(super) fn state_updated(&mut self, entry: &SideConversationEvent, state: State) {
        if matches!(self.thread.place, Place::New | Place::LeftAlone) {
            self.ignored = Some(Why::NotRouted);
            return;
        }
        let ours = entry.actor.user_id == Some(self.policy.app_user);
        if entry.created_at_ms < self.thread.state_updated_at_ms || state == self.thread.state {
            self.thread.state_updated_at_ms = self.thread.state_updated_at_ms.max(entry.created_at_ms);
            self.ignored = Some(if ours && state == self.thread.state { Why::Echo } else { Why::Stale });
            return;
        }
        // Our own change may be read before its call has answered.
        if ours && let Some(asked) = self.thread.asked_state.take_if(|asked| asked.state == state) {
            self.set_state(state, entry.created_at_ms, asked.name, asked.user);
            self.update_card();
            self.ignored = Some(Why::Echo);
            return;
        }
        let name = shown_name(&entry.actor);
        self.set_state(state, entry.created_at_ms, name.clone(), None);
        if matches!(self.thread.place, Place::Posting { .. }) {
            // The card on its way may show what was so before.
            self.update_card();
        }
        if self.thread.link().is_some() {
            self.update_card();
            self.ask(
                EffectId::new(format!("state-told:{}", entry.id)),
                entry.created_at_ms * 1000,
                Act::Tell {
                    text: notice::state_changed_in_zendesk(&name, state),
                    reopen: false,
                    retry: None,
                    continue_on: None,
                },
            );
        }
    }

    pub(super) fn set_state(&mut self, state: State, at_ms: i64, by: String, user: Option<SlackUserId>) {
        let is_done = state == State::Closed && self.thread.state == State::Open;
        self.thread.state = state;
        self.thread.state_updated_at_ms = at_ms;
        self.thread.state_by = Some(by);
        self.thread.state_by_user = user;
        if state == State::Open {
            self.is_open_again();
        }
        if let Some(user) = &self.thread.state_by_user
            // The note that keeps the result says who it was.
            && !(is_done && self.keeps_result())
        {
            self.note_who_pressed(user.clone());
        }
        if is_done {
            self.keep_result();
        }
    }

    /// What was said because it was done is not so any more.
    pub(super) fn is_open_again(&mut self) {
        self.thread.told.left_done = false;
        self.is_over(LEFT_DONE);
    }

    /// The ticket shows the app where a person pressed a button in Slack, so a note says who it was.
    pub(super) fn note_who_pressed(&mut self, user: SlackUserId) {
        let (state, at_ms) = (self.thread.state, self.thread.state_updated_at_ms);
        let Some(name) = &self.thread.state_by else { return };
        let text = notice::state_changed_in_slack(name, state, &self.thread.subject);
        self.ask(EffectId::new(format!("{PRESSED}{at_ms}:{user}")), 0, Act::Note { text });
    }

    pub(super) fn message(&mut self, entry: &SideConversationEvent) {
        let Some(message) = &entry.message else { return };
        if self.is_echo(entry) {
            self.ignored = Some(Why::Echo);
            return;
        }
        if self.thread.card_entry.as_ref() == Some(&entry.id) {
            self.ignored = Some(Why::Known);
            return;
        }
        match &self.thread.place {
            Place::New | Place::LeftAlone => {
                let mut recipients = message.to.clone();
                if let Some(about) = &entry.about {
                    recipients.extend(about.participants.iter().filter(|p| p.elsewhere).cloned());
                }
                match route::choose(&self.policy.routes, self.policy.channel_domain.as_deref(), &recipients) {
                    Choice::LeaveAlone => {
                        self.thread.place = Place::LeftAlone;
                        self.thread.subject = String::new();
                        self.thread.starter = None;
                        self.ignored = Some(Why::NotRouted);
                    }
                    Choice::Channel { target, others } => self.prepare(entry, target, others),
                }
            }
            Place::Preparing { .. } | Place::Posting { .. } => {
                let named = self.threads_named(entry).into_iter().map(|ts| (entry.id.clone(), ts));
                self.thread.maybe_echoes.extend(named);
                let posts = self.posts(entry);
                self.thread.held.extend(posts);
            }
            Place::Linked { .. } => {
                let posts = self.posts(entry);
                self.effects.extend(posts);
            }
            Place::Older | Place::Asked => {}
        }
    }

    /// Recognised by marker; failing that, because the app's user said through the API something that holds the address
    /// of a message in this very thread, as the first line of each reply does. Never by user alone. (An entry that the
    /// call's answer named is refused where it comes in. One that is read before the thread is linked, as after a restored
    /// backup, waits with its posts until it is.)
    pub(super) fn is_echo(&self, entry: &SideConversationEvent) -> bool {
        let Some(message) = &entry.message else { return false };
        if message.marker.is_some() {
            return true;
        }
        self.threads_named(entry).iter().any(|ts| self.thread.stood_under(ts))
    }

    /// The Slack threads whose messages are named by their addresses in what the app's user said through the API.
    pub(super) fn threads_named(&self, entry: &SideConversationEvent) -> Vec<Ts> {
        const THREAD: &str = "?thread_ts=";
        let ours = entry.actor.user_id == Some(self.policy.app_user);
        let through_api = entry.via.as_deref().is_none_or(|via| via == "api");
        let Some(message) = entry.message.as_ref().filter(|_| ours && through_api) else { return Vec::new() };
        let texts = [&message.plain, &message.html].into_iter().flatten().filter(|text| text.contains("/archives/"));
        let named = texts.flat_map(|text| text.split(THREAD).skip(1)).filter_map(|rest| rest.split_once('&'));
        let mut threads: Vec<Ts> = named.filter_map(|(ts, _)| ts.parse().ok()).collect();
        threads.sort();
        threads.dedup();
        threads
    }

    /// The posts of one entry: its text in parts, and a line that names its files.
    pub(super) fn posts(&self, entry: &SideConversationEvent) -> Vec<Effect> {
        let Some(message) = &entry.message else { return Vec::new() };
        let author = shown_name(&entry.actor);
        let parts = text_parts(message.doc(), &message.files, POST_LIMIT);
        parts
            .into_iter()
            .enumerate()
            .map(|(i, text)| Effect {
                id: post_id(&entry.id, i),
                order: entry.created_at_ms * 1000 + (i as i64).min(998),
                not_before_ms: 0,
                act: Act::Post { author: author.clone(), text, written_at_ms: (i == 0).then_some(entry.created_at_ms) },
            })
            .collect()
    }
}

pub(super) fn post_prefix(entry: &SideConversationEventId) -> String {
    format!("post:{entry}/")
}

pub(super) fn post_id(entry: &SideConversationEventId, part: usize) -> EffectId {
    EffectId::new(format!("{}{part}", post_prefix(entry)))
}

pub(super) fn text_parts(doc: Doc, files: &[String], limit: usize) -> Vec<String> {
    let mut parts = doc.to_mrkdwn(limit);
    let mut left = files;
    while !left.is_empty() {
        let fits = |many: &usize| notice::files_stay_in_zendesk(&left[..*many]).chars().count() < limit;
        let (named, others) = left.split_at((1..=left.len()).take_while(fits).last().unwrap_or(1));
        left = others;
        let line: String = notice::files_stay_in_zendesk(named).chars().take(limit).collect();
        match parts.last_mut() {
            Some(last) if last.chars().count() + line.chars().count() < limit => {
                last.push('\n');
                last.push_str(&line);
            }
            _ => parts.push(line),
        }
    }
    parts
}

/// The name of who acted, cut where nobody has so long a one.
pub(super) fn shown_name(actor: &Participant) -> String {
    actor.shown().unwrap_or(notice::SOMEBODY).chars().take(NAME_LIMIT).collect()
}
