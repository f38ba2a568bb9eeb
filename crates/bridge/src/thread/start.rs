//! A thread that is started from Slack, until its side conversation is there and its card is made.

use super::super::effect::{Act, CreateSideConversation, Effect, EffectId};
use super::super::event::{Answer, Participant, Press, SideConversationEvent, Ticket};
use super::super::ids::{SideConversationEventId, SideConversationId, TicketId};
use super::super::notice;
use super::super::permit::{Action, Kind, permit};
use super::super::route::{ChannelRef, OutsidePolicy, Target};
use super::super::start::{Prospects, Start, StartAsked, Step, TicketProspect};
use super::entry::post_id;
use super::follow_up::{FOLLOW_UP, SEEK_FOLLOW_UP};
use super::{BridgedThread, CARD_LIMIT, Card, Deciding, Place, Why};

/// How the effects are called that look, and that create.
const LOOK: &str = "look";
const CREATE: &str = "create";
/// The longest part of the words that are given back, in characters.
const GIVEN_BACK: usize = 2500;

impl BridgedThread {
    /// A thread that somebody wants to start.
    pub fn asked_for(asked: &StartAsked, at_ms: i64) -> Self {
        // Until there is one, its own name stands for the side conversation.
        let mut thread = BridgedThread::new(SideConversationId::new(asked.id.as_str()), asked.ticket_id);
        thread.place = Place::Asked;
        thread.start = Some(Box::new(Start {
            asked: asked.clone(),
            at_ms,
            step: Step::Looking,
            name: None,
            on_follow_up: false,
            told_late: false,
        }));
        thread
    }

    /// The start, while its side conversation is not there.
    pub fn starting(&self) -> Option<&Start> {
        self.start.as_deref().filter(|_| self.place == Place::Asked)
    }

    /// Whether a call of a start still has something to do.
    pub(super) fn start_wants(&self, step: Step) -> bool {
        self.starting().is_some_and(|start| start.step == step)
    }
}

impl Deciding<'_> {
    pub(super) fn start_asked(&mut self, asked: &StartAsked) {
        if self.thread.starting().is_none_or(|start| start.asked != *asked) {
            self.ignored = Some(Why::Known);
            return;
        }
        self.thread.subject = asked.subject();
        self.takes_part(&asked.user);
        self.look(format!("{LOOK}:{}", asked.ticket_id), asked);
    }

    /// It is known whether it can be done.
    pub(super) fn start_looked(&mut self, effect: &EffectId, prospects: &Prospects) {
        let Some(asked) = self.at_step(Step::Looking) else { return };
        if let Some(start) = &mut self.thread.start {
            start.name = Some(prospects.person.name.clone());
        }
        self.thread.starter.clone_from(&prospects.zendesk_user);
        if let Err(refusal) = permit(&self.policy.permissions, Kind::of(&prospects.person), Action::Start) {
            return self.start_refused(effect, &notice::refused(&refusal));
        }
        if let Some(problem) = &prospects.channel {
            return self.start_refused(effect, &notice::cannot_post_here(&asked.channel, problem));
        }
        match &prospects.ticket {
            TicketProspect::Missing => self.start_refused(effect, &notice::no_such_ticket(asked.ticket_id)),
            TicketProspect::Merged { into } => {
                self.start_refused(effect, &notice::ticket_was_merged(asked.ticket_id, *into));
            }
            TicketProspect::Closed if self.thread.start.as_ref().is_some_and(|start| start.on_follow_up) => {
                self.follow_up(&asked);
            }
            TicketProspect::Closed => self.start_offered(effect, asked.ticket_id),
            TicketProspect::Open { ticket, assignee } => {
                self.thread.ticket = Some(ticket.clone());
                let to = prospects.zendesk_user.clone().or_else(|| assignee.clone());
                self.create(asked.ticket_id, to);
            }
        }
    }

    /// Has the side conversation created. `to` is who reads it; without anybody it is the app's own user.
    fn create(&mut self, ticket_id: TicketId, to: Option<Participant>) {
        let to = to.unwrap_or(Participant { user_id: Some(self.policy.app_user), ..Participant::default() });
        self.thread.starter = Some(to.clone());
        let Some(start) = &mut self.thread.start else { return };
        start.step = Step::Creating;
        let act = Act::CreateSideConversation(CreateSideConversation {
            ticket_id,
            subject: start.asked.subject(),
            user: start.asked.user.clone(),
            channel_url: format!("{}archives/{}", self.policy.slack_url, start.asked.channel),
            doc: start.asked.doc.clone(),
            to,
        });
        let order = start.at_ms * 1000;
        self.ask(EffectId::new(format!("{CREATE}:{ticket_id}")), order, act);
    }

    /// What came of creating it.
    pub(super) fn create_answered(&mut self, effect: &EffectId, ticket_id: TicketId, answer: &Answer) {
        match answer {
            Answer::Started { ticket_id, side_conversation_id, ticket, .. } => {
                self.created(*ticket_id, side_conversation_id, ticket.clone());
            }
            _ if self.thread.starting().is_none() => self.ignored = Some(Why::Known),
            Answer::TicketClosed(closed) if closed.merged => {
                self.start_refused(effect, &notice::ticket_was_merged(ticket_id, closed.into));
            }
            Answer::TicketClosed(_) => {
                // What followed the ticket may be closed as well: what is asked for next follows that one.
                if let Some(start) = &mut self.thread.start {
                    start.asked.ticket_id = ticket_id;
                }
                self.start_offered(effect, ticket_id);
            }
            Answer::NotStarted { reason } => self.start_refused(effect, &notice::not_started(reason)),
            _ => {}
        }
    }

    /// The side conversation is there, as its call says or the feed.
    fn created(&mut self, ticket_id: TicketId, id: &SideConversationId, ticket: Option<Ticket>) {
        let Some(start) = self.thread.starting() else {
            self.ignored = Some(Why::Known);
            return;
        };
        self.thread.target = Some(Target {
            channel: ChannelRef::Id(start.asked.channel.clone()),
            route: None,
            outside: OutsidePolicy::Never,
            shared: false,
        });
        self.thread.side_conversation_id = id.clone();
        self.thread.ticket_id = ticket_id;
        self.thread.ticket = ticket.or(self.thread.ticket.take());
        self.thread.place = Place::Preparing { read: false, channel: None };
        let act = Act::ReadTicket { ticket_id, side_conversation_id: id.clone() };
        self.ask(EffectId::new("read-ticket"), 0, act);
        self.open_channel(0);
    }

    /// An entry that comes before the side conversation is known. Says whether it is done.
    pub(super) fn created_by(&mut self, entry: &SideConversationEvent) -> bool {
        let Some(start) = self.thread.starting() else { return false };
        if start.is_begun_by(entry, self.policy.app_user) {
            self.created(entry.ticket_id, &entry.side_conversation_id, None);
            self.ignored = Some(Why::Echo);
        } else {
            self.ignored = Some(Why::NotRouted);
        }
        true
    }

    /// The card of a thread that was started from Slack shows the words that started it. Says whether it is one.
    pub(super) fn make_card_of_start(&mut self, ticket: &Ticket) -> bool {
        let Some(start) = self.thread.start.take() else { return false };
        let asker = start.name.unwrap_or_else(|| notice::SOMEBODY_IN_SLACK.to_owned());
        let entry = SideConversationEventId::new(self.thread.side_conversation_id.as_str());
        let mut parts = start.asked.doc.to_mrkdwn(CARD_LIMIT).into_iter();
        let text = parts.next().unwrap_or_default();
        let rest = parts.enumerate().map(|(i, text)| Effect {
            id: post_id(&entry, i + 1),
            order: start.at_ms * 1000 + (i as i64 + 1).min(998),
            not_before_ms: 0,
            act: Act::Post { author: asker.clone(), text, written_at_ms: None },
        });
        self.thread.held.extend(rest);
        self.thread.card_entry = Some(entry);
        self.card = Some(Card { ticket: ticket.clone(), asker, text, written_at_ms: start.at_ms });
        true
    }

    /// The ticket is closed: whoever asked is offered to start it on a follow-up.
    fn start_offered(&mut self, cause: &EffectId, ticket_id: TicketId) {
        let Some(start) = &mut self.thread.start else { return };
        start.step = Step::Offered;
        let text = notice::closed_ticket_offer(ticket_id, &self.words_of_start());
        self.tell_starter(cause, text, true);
    }

    /// Somebody wants a start to go on in what follows its closed ticket: it is looked up anew whether they may, and whether
    /// the ticket is closed still.
    pub(super) fn start_on_follow_up(&mut self, press: &Press) {
        let cause = EffectId::new(format!("press:{}", press.action_ts));
        let Some(asked) = self.at_step(Step::Offered).filter(|asked| asked.user == press.user) else {
            return self.whisper(&cause, &press.user, notice::start_is_settled());
        };
        if let Some(start) = &mut self.thread.start {
            start.step = Step::Looking;
            start.on_follow_up = true;
        }
        self.look(format!("{LOOK}:{}:{}", asked.ticket_id, press.action_ts), &asked);
    }

    fn look(&mut self, id: String, asked: &StartAsked) {
        let (user, channel) = (asked.user.clone(), asked.channel.clone());
        let act = Act::LookForStart { user, channel, ticket_id: asked.ticket_id };
        self.ask(EffectId::new(id), self.at_ms * 1000, act);
    }

    fn follow_up(&mut self, asked: &StartAsked) {
        if let Some(start) = &mut self.thread.start {
            start.step = Step::Following;
        }
        let (source, thread_url) = (asked.ticket_id, format!("{}archives/{}", self.policy.slack_url, asked.channel));
        self.ask_first(SEEK_FOLLOW_UP, source, Act::SeekFollowUp { source, thread_url, gone: None });
    }

    /// What follows the closed ticket is known, or is not.
    pub(super) fn start_follow_up_answered(&mut self, effect: &EffectId, answer: &Answer) {
        let Some(asked) = self.at_step(Step::Following) else { return };
        match answer {
            Answer::FollowUpNeeded { request } | Answer::FollowUpRefused { request } => {
                let act =
                    Act::FollowUp { source: asked.ticket_id, request: request.clone(), decided_at_ms: self.at_ms };
                self.ask_first(FOLLOW_UP, asked.ticket_id, act);
            }
            Answer::Followed(followed) => {
                self.thread.ticket.clone_from(&followed.ticket);
                let to = self.thread.starter.clone();
                self.create(followed.ticket_id, to);
            }
            Answer::TicketOpen => self.create(asked.ticket_id, self.thread.starter.clone()),
            Answer::TicketClosed(closed) => {
                self.start_refused(effect, &notice::ticket_was_merged(asked.ticket_id, closed.into));
            }
            _ => {}
        }
    }

    /// It takes long, which whoever asked is told once.
    pub(super) fn start_is_late(&mut self, cause: &EffectId) {
        let Some(start) = self.thread.start.as_mut().filter(|start| !start.told_late) else {
            self.ignored = Some(Why::Known);
            return;
        };
        start.told_late = true;
        let text = notice::start_is_late(start.asked.ticket_id);
        self.tell_starter(&EffectId::new(format!("late:{cause}")), text, false);
    }

    /// It will not be done: whoever asked is told why, and given their words back.
    pub(super) fn start_refused(&mut self, cause: &EffectId, why: &str) {
        let text = notice::start_refused(why, &self.words_of_start());
        if let Some(start) = &mut self.thread.start {
            start.step = Step::Refused;
            // What is told holds them; nothing else needs them.
            start.asked.doc = Default::default();
            start.asked.subject = None;
        }
        self.thread.subject.clear();
        self.tell_starter(cause, text, false);
    }

    /// Nobody knows whether it was done.
    pub(super) fn start_parked(&mut self, effect: &EffectId, reason: &str, doubtful: bool) {
        let Some(start) = self.thread.starting() else { return };
        let text = notice::start_given_up(start.asked.ticket_id, reason, doubtful, &self.words_of_start());
        self.tell_starter(&EffectId::new(format!("parked:{effect}:{}", self.at_ms)), text, false);
    }

    pub(super) fn tell_starter(&mut self, cause: &EffectId, text: String, offers_follow_up: bool) {
        let Some(user) = self.thread.start.as_ref().map(|start| start.asked.user.clone()) else { return };
        let act = Act::TellStarter { user, text, offers_follow_up };
        self.ask(EffectId::new(format!("tell-starter:{cause}")), self.at_ms * 1000, act);
    }

    /// The words as their writer may send them again.
    fn words_of_start(&self) -> String {
        let Some(start) = &self.thread.start else { return String::new() };
        start.asked.doc.to_mrkdwn(GIVEN_BACK).join("\n")
    }

    fn at_step(&mut self, step: Step) -> Option<StartAsked> {
        let asked = self.thread.starting().filter(|start| start.step == step).map(|start| start.asked.clone());
        if asked.is_none() {
            self.ignored = Some(Why::Known);
        }
        asked
    }
}
