//! From the first message to the thread that stands in Slack.

use super::super::effect::{Act, Effect, EffectId};
use super::super::event::{ChannelProblem, Participant, SideConversationEvent, Ticket, TicketRead};
use super::super::ids::{ChannelId, Ts};
use super::super::notice;
use super::super::route::Target;
use super::entry::{post_id, post_prefix, shown_name, text_parts};
use super::passing::TICKET_GONE;
use super::{
    BridgedThread, CARD_LIMIT, Card, Deciding, POST_LIMIT, Place, REOPEN_FIRST_MS, REOPEN_MOST_MS, START_OVER_LATER_MS,
    START_OVER_MS, START_OVER_SOON, Why, time,
};

impl Deciding<'_> {
    pub(super) fn prepare(&mut self, entry: &SideConversationEvent, target: Target, others: usize) {
        self.thread.late = matches!(self.thread.place, Place::LeftAlone);
        self.thread.place = Place::Preparing { read: false, channel: None };
        if let Some(about) = &entry.about {
            self.thread.state = about.state;
            self.thread.state_updated_at_ms = about.state_updated_at_ms;
        }
        let posts = self.posts(entry);
        self.thread.held.extend(posts);
        if others > 0 {
            let text = notice::several_channels(&target.channel, others);
            self.ask(EffectId::new("note:several-channels"), 0, Act::Note { text });
        }
        let act =
            Act::ReadTicket { ticket_id: entry.ticket_id, side_conversation_id: entry.side_conversation_id.clone() };
        self.ask(EffectId::new("read-ticket"), 0, act);
        self.thread.target = Some(target);
        self.open_channel(0);
    }

    pub(super) fn open_channel(&mut self, not_before_ms: i64) {
        let Some(target) = self.thread.target.clone() else { return };
        self.thread.told.opens += 1;
        let id = EffectId::new(format!("open-channel:{}", self.thread.told.opens));
        self.effects.push(Effect {
            id,
            order: 0,
            not_before_ms,
            act: Act::OpenChannel { channel: target.channel, shared: target.shared },
        });
    }

    pub(super) fn ticket_read(&mut self, read: &TicketRead) {
        let Place::Preparing { read: is_read, channel } = &mut self.thread.place else {
            self.ignored = Some(Why::Known);
            return;
        };
        *is_read = true;
        let channel = channel.clone();
        self.thread.readers = read.readers.clone();
        self.thread.ticket = Some(read.ticket.clone());
        if !self.make_card_of_start(&read.ticket) {
            self.make_card_of_read(read);
        }
        if let Some(channel) = channel {
            self.post_card(channel);
        }
    }

    fn make_card_of_read(&mut self, read: &TicketRead) {
        let messages: Vec<&SideConversationEvent> =
            read.entries.iter().filter(|entry| entry.message.is_some() && !self.marked(entry)).collect();
        if let Some(first) = messages.first() {
            self.thread.starter = Some(first.actor.clone());
            self.thread.card_entry = Some(first.id.clone());
            if let Some(subject) = first.message.as_ref().and_then(|m| m.subject.clone()).filter(|s| !s.is_empty()) {
                self.thread.subject = subject;
            }
            self.make_card(first, &read.ticket);
            if self.thread.late {
                self.hold_earlier(&messages[1..]);
            }
        } else {
            // The read lags behind the event that led here: the first held post stands in for it.
            self.make_card_from_held(&read.ticket);
        }
    }

    pub(super) fn marked(&self, entry: &SideConversationEvent) -> bool {
        entry.message.as_ref().is_some_and(|message| message.marker.is_some())
    }

    pub(super) fn make_card(&mut self, first: &SideConversationEvent, ticket: &Ticket) {
        let Some(message) = &first.message else { return };
        let asker = shown_name(&first.actor);
        self.thread.held.retain(|effect| !effect.id.as_str().starts_with(post_prefix(&first.id).as_str()));
        let mut parts = text_parts(message.doc(), &message.files, CARD_LIMIT).into_iter();
        let text = parts.next().unwrap_or_default();
        let rest = parts.enumerate().map(|(i, text)| Effect {
            id: post_id(&first.id, i + 1),
            order: first.created_at_ms * 1000 + (i as i64 + 1).min(998),
            not_before_ms: 0,
            act: Act::Post { author: asker.clone(), text, written_at_ms: None },
        });
        self.thread.held.extend(rest);
        self.card = Some(Card { ticket: ticket.clone(), asker, text, written_at_ms: first.created_at_ms });
    }

    pub(super) fn make_card_from_held(&mut self, ticket: &Ticket) {
        let asker = self.thread.starter.as_ref().and_then(Participant::shown).unwrap_or(notice::SOMEBODY).to_owned();
        self.card = Some(Card { ticket: ticket.clone(), asker, text: String::new(), written_at_ms: self.at_ms });
    }

    /// One folded post with what was said while the side conversation was left alone.
    pub(super) fn hold_earlier(&mut self, messages: &[&SideConversationEvent]) {
        let held = |thread: &BridgedThread, entry: &SideConversationEvent| {
            thread.held.iter().any(|effect| effect.id.as_str().starts_with(post_prefix(&entry.id).as_str()))
        };
        let earlier = messages.iter().take_while(|entry| !held(&self.thread, entry));
        let earlier: Vec<&&SideConversationEvent> =
            earlier.filter(|entry| self.threads_named(entry).is_empty()).collect();
        let Some(last) = earlier.last() else { return };
        // Before everything that is held, also where it was written in the same millisecond.
        let first_held = self.thread.held.iter().map(|effect| effect.order).min();
        let order = (last.created_at_ms * 1000).min(first_held.unwrap_or(i64::MAX)) - 1000;
        let mut posts: Vec<String> = Vec::new();
        for entry in &earlier {
            let Some(message) = &entry.message else { continue };
            let name = &shown_name(&entry.actor);
            let (seconds, fallback) = time(entry.created_at_ms);
            // In a quote nothing passes for the name over somebody else's words.
            for (i, text) in
                text_parts(message.doc().quoted(), &message.files, POST_LIMIT - 200).into_iter().enumerate()
            {
                let text = if i == 0 { notice::earlier_message(name, seconds, &fallback, &text) } else { text };
                match posts.last_mut() {
                    Some(post) if post.chars().count() + text.chars().count() + 2 <= POST_LIMIT => {
                        post.push_str("\n\n");
                        post.push_str(&text);
                    }
                    _ => posts.push(text),
                }
            }
        }
        let effects = posts.into_iter().enumerate().map(|(i, text)| Effect {
            id: EffectId::new(format!("earlier/{i}")),
            order: order + (i as i64).min(998),
            not_before_ms: 0,
            act: Act::Post { author: notice::EARLIER_MESSAGES.to_owned(), text, written_at_ms: None },
        });
        self.thread.held.extend(effects);
    }

    pub(super) fn channel_open(&mut self, open: ChannelId) {
        if self.thread.link().is_some() {
            return self.reachable_again();
        }
        let Place::Preparing { read, channel } = &mut self.thread.place else {
            self.ignored = Some(Why::Known);
            return;
        };
        *channel = Some(open.clone());
        if *read {
            self.post_card(open);
        }
    }

    pub(super) fn post_card(&mut self, channel: ChannelId) {
        self.thread.place = Place::Posting { channel };
        // A card that was refused because its channel closed is a new act when the channel opens again.
        let id = match self.thread.told.opens {
            0 | 1 => "card".to_owned(),
            n => format!("card:{n}"),
        };
        self.ask(EffectId::new(id), i64::MIN / 2, Act::PostCard);
    }

    pub(super) fn channel_closed(&mut self, problem: &ChannelProblem) {
        if self.thread.link().is_some() {
            return self.still_unreachable(problem);
        }
        match &mut self.thread.place {
            Place::Preparing { channel, .. } => *channel = None,
            Place::Posting { .. } => self.thread.place = Place::Preparing { read: true, channel: None },
            _ => {
                self.ignored = Some(Why::Known);
                return;
            }
        }
        if self.thread.told.channel.as_ref() != Some(problem)
            && let Some(target) = &self.thread.target
        {
            let text = notice::channel_closed(&target.channel, problem);
            let id = EffectId::new(format!("note:channel:{}", self.thread.told.opens));
            self.thread.told.channel = Some(problem.clone());
            self.ask(id, 0, Act::Note { text });
        }
        let wait = REOPEN_FIRST_MS.saturating_mul(1 << self.thread.told.opens.clamp(1, 8).saturating_sub(1));
        self.open_channel(self.at_ms + wait.min(REOPEN_MOST_MS));
    }

    pub(super) fn card_posted(&mut self, channel: ChannelId, ts: Ts, in_doubt: bool) {
        let maybe_echoes = std::mem::take(&mut self.thread.maybe_echoes);
        let echoes = maybe_echoes.iter().filter(|(_, named)| *named == ts).map(|(entry, _)| post_prefix(entry));
        let mut held = std::mem::take(&mut self.thread.held);
        for prefix in echoes {
            held.retain(|effect| !effect.id.as_str().starts_with(&prefix));
        }
        self.effects.extend(held);
        self.thread.place = Place::Linked { channel, ts };
        self.thread.told.channel = None;
        // What has just been posted there shows that posts are taken.
        self.thread.unreachable = None;
        if let Some(before) = self.thread.card_before.take() {
            self.tell(format!("card-again:{before}"), notice::card_again(), false);
            self.what_waits_is_told_again();
        } else {
            self.question_stands();
        }
        // A card that may have stood for a while may show what was so then.
        if self.thread.card_version > 0 || in_doubt {
            self.update_card();
        }
    }

    /// Why words wait was told under the card that was deleted.
    fn what_waits_is_told_again(&mut self) {
        if let Some(follow_up) = self.thread.follow_up.clone().filter(|follow_up| follow_up.is_proposed()) {
            self.merged(follow_up.source, follow_up.into);
        } else if let Some(gone) = &self.thread.gone {
            let text = notice::ticket_gone(&gone.reason);
            self.tell_for_a_while(format!("{TICKET_GONE}{}", self.at_ms), text, false);
        }
    }

    /// What could not be prepared or posted is tried again as a whole, minutes later and then every hour.
    pub(super) fn start_over(&mut self, effect: &EffectId, reason: &str) {
        let times = self.thread.told.reads.max(self.thread.told.opens);
        let again = self.at_ms + if times <= START_OVER_SOON { START_OVER_MS } else { START_OVER_LATER_MS };
        let (read, asks_ticket) = match &self.thread.place {
            Place::Preparing { read, .. } => (*read, effect.as_str().starts_with("read-ticket")),
            Place::Posting { .. } => (true, false),
            _ => {
                self.ignored = Some(Why::Known);
                return;
            }
        };
        if asks_ticket {
            let n = self.thread.told.reads + 1;
            self.thread.told.reads = n;
            self.effects.push(Effect {
                id: EffectId::new(format!("read-ticket:{n}")),
                order: 0,
                not_before_ms: again,
                act: Act::ReadTicket {
                    ticket_id: self.thread.ticket_id,
                    side_conversation_id: self.thread.side_conversation_id.clone(),
                },
            });
        } else {
            self.thread.place = Place::Preparing { read, channel: None };
            self.open_channel(again);
        }
        if !std::mem::replace(&mut self.thread.told.not_posted, true) {
            let text = notice::card_not_posted(&self.thread.subject, reason);
            self.ask(EffectId::new(format!("note:parked:{effect}")), 0, Act::Note { text });
        }
    }
}
