//! The acts on a side conversation: prepare its card, reply, look for a reply, set its state.

use http::Method;
use serde_json::{Value, json};

use super::client::{Author, ZendeskClient, in_order};
use super::decode::{self, Abouts, MARKER};
use super::people::{ROLE_LIVES_MS, Readers, Scene};
use super::tickets::now;
use super::transport::Failure;
use crate::bridge::content::{Names, escape_html};
use crate::bridge::effect::Reply;
use crate::bridge::event::{Kind, Participant, Reader, SideConversationEvent, State, Ticket, TicketRead};
use crate::bridge::heading;
use crate::bridge::ids::{SideConversationEventId, SideConversationId, TicketId, ZendeskUserId};
use crate::bridge::notice;
use crate::bridge::readers::{self, Audience};
use crate::bridge::route::OutsidePolicy;
use crate::bridge::thread::{says_its_time, time_with_offset};
use crate::bridge::{Act, Answer};
use crate::engine::outside::{Call, CallError};

/// The key under which a reply names its author's own Zendesk user.
pub(super) const AUTHOR: &str = "sidethread_author";

impl ZendeskClient {
    /// Reads what a thread's card shows.
    ///
    /// # Errors
    /// As for any read.
    pub async fn prepare(
        &self,
        call: &Call<'_>,
        ticket_id: TicketId,
        side_conversation_id: &SideConversationId,
    ) -> Result<Answer, CallError> {
        let ticket = self.ticket(ticket_id).await?.shown;
        let about = self.side_conversation(ticket_id, side_conversation_id).await?;
        let abouts = Abouts::from([(side_conversation_id.clone(), about)]);
        let mut entries = self.entries(ticket_id, side_conversation_id, &abouts).await?;
        entries.retain(|entry| entry.kind != Kind::Other);
        let entries = self.with_names(entries).await?;
        let first = entries.iter().find(|entry| entry.message.is_some()).map(|entry| &entry.actor);
        let scene = Scene {
            ticket_id,
            side_conversation_id,
            starter: call.thread.starter.as_ref().or(first),
            outside: outside(call),
            roles_live_ms: ROLE_LIVES_MS,
        };
        let readers = readers::readers(&self.readers(scene).await?.candidates);
        Ok(Answer::TicketRead(Box::new(TicketRead { ticket, readers, entries })))
    }

    /// Replies to the side conversation, if it may go to those who would read it; several replies may travel together.
    ///
    /// # Errors
    /// Of a read when it cannot be told who would read it, and nothing is sent; otherwise of the write.
    pub async fn reply(
        &self,
        call: &Call<'_>,
        replies: &[(&Reply, Author)],
        names: &(dyn Names + Sync),
    ) -> Result<Answer, CallError> {
        let thread = call.thread;
        let mut message = message(call, replies, names, self.http.now_ms());
        let begins_on = thread.begins_on();
        if begins_on.is_some() {
            let from = notice::goes_on_from(thread.ticket_id);
            let ends = [("body", format!("\n\n{from}")), ("html_body", format!("<p>{}</p>", escape_html(&from)))];
            for (key, end) in ends {
                message[key] = json!(format!("{}{end}", message[key].as_str().unwrap_or_default()));
            }
        }
        self.send(call, message, begins_on).await
    }

    /// Sends a message to those who read the side conversation, if it may go to them: as a reply, or as the first message
    /// of a side conversation that it begins on another ticket.
    pub(super) async fn send(
        &self,
        call: &Call<'_>,
        mut message: Value,
        begins_on: Option<TicketId>,
    ) -> Result<Answer, CallError> {
        let thread = call.thread;
        let scene = Scene {
            ticket_id: thread.ticket_id,
            side_conversation_id: &thread.side_conversation_id,
            starter: thread.starter.as_ref(),
            outside: outside(call),
            roles_live_ms: match outside(call) {
                OutsidePolicy::Never => 0,
                OutsidePolicy::Send => ROLE_LIVES_MS,
            },
        };
        let Readers { candidates, audience } = self.readers(scene).await?;
        let (to, readers, left_out) = match decided(audience)? {
            Decided::Send { to, readers, left_out } => (to, readers, left_out),
            Decided::Answer(answer) => return Ok(answer),
        };
        let ticket_id = begins_on.unwrap_or(thread.ticket_id);
        let lately = self.ticket_lately(ticket_id).await?;
        if let Some(closed) = self.closed(ticket_id, &lately).await? {
            return Ok(Answer::TicketClosed(closed));
        }
        message["to"] = recipients(&to);
        let shown = begins_on.map(|_| now(&lately).shown);
        let failure = match self.post(call, &message, begins_on).await {
            Ok(sent) => return Ok(sent.answer(shown, readers, left_out)),
            Err(failure) => failure,
        };
        // It may have been closed since it was read.
        if let CallError::Refused { .. } | CallError::Missing { .. } = failure.error {
            match self.read_ticket_itself(ticket_id).await {
                Ok(read) => {
                    if let Some(closed) = self.closed(ticket_id, &read).await? {
                        return Ok(Answer::TicketClosed(closed));
                    }
                }
                Err(CallError::Refused { .. } | CallError::Missing { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        if !failure.is_of_content() {
            return Err(failure.error);
        }
        // Somebody may have been suspended since the roles were read.
        self.forget_readers(scene.side_conversation_id, &candidates);
        let fresh = decided(self.readers(scene).await?.audience)?;
        let (fresh_to, readers, left_out) = match fresh {
            Decided::Send { to, readers, left_out } => (to, readers, left_out),
            Decided::Answer(answer) => return Ok(answer),
        };
        let still = |one: &Participant| fresh_to.iter().any(|other| same(one, other));
        if to.iter().all(still) {
            return Err(failure.error);
        }
        message["to"] = recipients(&fresh_to);
        let sent = self.post(call, &message, begins_on).await.map_err(|failure| failure.error)?;
        Ok(sent.answer(shown, readers, left_out))
    }

    /// Looks for the replies that doubtful calls may have made, all of one thread: where the thread is, where it was
    /// before, and where a reply would have begun a side conversation.
    ///
    /// # Errors
    /// As for any read.
    pub async fn find_replies(&self, calls: &[Call<'_>]) -> Result<Vec<Option<Answer>>, CallError> {
        let Some(thread) = calls.first().map(|call| call.thread) else { return Ok(Vec::new()) };
        let app_user = self.house.get().map(|house| house.app_user);
        let mut answers: Vec<Option<Answer>> = calls.iter().map(|_| None).collect();
        let here = (thread.ticket_id, &thread.side_conversation_id);
        let before = thread.earlier.iter().rev().map(|earlier| (earlier.ticket_id, &earlier.side_conversation_id));
        for (n, (ticket_id, id)) in std::iter::once(here).chain(before).enumerate() {
            let entries = match self.entries(ticket_id, id, &Abouts::new()).await {
                // Where the thread was may be gone by now, and then nothing stands there.
                Err(CallError::Refused { .. } | CallError::Missing { .. }) if n > 0 => continue,
                read => read?,
            };
            for (call, answer) in calls.iter().zip(&mut answers).filter(|(_, answer)| answer.is_none()) {
                *answer = reply_among(call, &entries, app_user).map(|found| {
                    let entry = Some(found.id.clone());
                    Answer::Replied { entry, readers: vec![], left_out: vec![] }
                });
            }
            if answers.iter().all(Option::is_some) {
                return Ok(answers);
            }
        }
        let Some(ticket_id) = thread.begins_on() else { return Ok(answers) };
        let entries = self.read_ticket(ticket_id).await?;
        for (call, answer) in calls.iter().zip(&mut answers).filter(|(_, answer)| answer.is_none()) {
            *answer = begun_among(call, ticket_id, &entries, app_user);
        }
        Ok(answers)
    }

    /// Looks on a ticket for the side conversation that a doubtful call may have begun there.
    pub(super) async fn find_begun(&self, call: &Call<'_>, ticket_id: TicketId) -> Result<Option<Answer>, CallError> {
        let app_user = self.house.get().map(|house| house.app_user);
        let mut begun = begun_among(call, ticket_id, &self.read_ticket(ticket_id).await?, app_user);
        if let Some(Answer::Started { ticket, .. }) = &mut begun {
            *ticket = Some(now(&*self.ticket_lately(ticket_id).await?).shown);
        }
        Ok(begun)
    }

    /// Marks the side conversation as done, or reopens it.
    ///
    /// # Errors
    /// `Unknown` may simply be repeated: the same state is set again.
    pub async fn set_state(&self, call: &Call<'_>, state: State) -> Result<Answer, CallError> {
        let url = self.side_conversation_url(call, None);
        let body = json!({"side_conversation": {"state": state}});
        let sent = self.http.send("PUT …/side_conversations/{id}", Method::PUT, &url, Some(&body)).await;
        let answer = sent.map_err(|failure| failure.error)?;
        let at = |key: &str| answer.pointer(&format!("/side_conversation/{key}")).and_then(decode::time_ms);
        let updated_at_ms = at("state_updated_at").or_else(|| at("updated_at")).unwrap_or_else(|| self.http.now_ms());
        Ok(Answer::StateSet { updated_at_ms })
    }

    /// Looks whether the state is set, or was changed since by somebody whose word is newer.
    ///
    /// # Errors
    /// As [`CallError`] says; nothing was changed.
    pub async fn find_state(&self, call: &Call<'_>, state: State) -> Result<Option<Answer>, CallError> {
        let url = self.side_conversation_url(call, None);
        let sent = self.http.send("GET …/side_conversations/{id}", Method::GET, &url, None).await;
        let answer = sent.map_err(Failure::of_a_read)?;
        let at = answer.pointer("/side_conversation/state_updated_at").and_then(decode::time_ms);
        let now = match answer.pointer("/side_conversation/state").and_then(decode::text).as_deref() {
            Some("closed") => State::Closed,
            Some("open") => State::Open,
            _ => return Err(CallError::Later { after: None, problem: "the state does not read".to_owned() }),
        };
        let updated_at_ms = at.unwrap_or_default();
        Ok(match (now == state, updated_at_ms > call.first_attempt_ms) {
            (true, _) => Some(Answer::StateSet { updated_at_ms }),
            (false, true) => Some(Answer::Done),
            (false, false) => None,
        })
    }

    async fn post(&self, call: &Call<'_>, message: &Value, begins_on: Option<TicketId>) -> Result<Sent, Failure> {
        let thread = call.thread;
        let Some(ticket_id) = begins_on else {
            let url = self.side_conversation_url(call, Some("reply"));
            let body = json!({ "message": message });
            let answer = self.http.send("POST …/reply", Method::POST, &url, Some(&body)).await?;
            return Ok(Sent::Reply(
                answer.pointer("/event/id").and_then(decode::text).map(SideConversationEventId::new),
            ));
        };
        let mut message = message.clone();
        message["subject"] = json!(thread.subject);
        let url = self.http.api(&["tickets", &ticket_id.to_string(), "side_conversations"], &[]);
        let body = json!({"message": message, "external_ids": {MARKER: thread.id.as_str()}});
        let answer = self.http.send("POST tickets/{id}/side_conversations", Method::POST, &url, Some(&body)).await?;
        match answer.pointer("/side_conversation/id").and_then(decode::text) {
            Some(id) => Ok(Sent::Begun(ticket_id, SideConversationId::new(id))),
            None => Err(CallError::Unknown { problem: "the answer names no side conversation".to_owned() }.into()),
        }
    }

    pub(super) async fn entries(
        &self,
        ticket_id: TicketId,
        id: &SideConversationId,
        abouts: &Abouts,
    ) -> Result<Vec<SideConversationEvent>, CallError> {
        let url = self.http.api(&["tickets", &ticket_id.to_string(), "side_conversations", id.as_str(), "events"], &[]);
        let pages = self.http.pages("GET …/events", url).await.map_err(Failure::of_a_read)?;
        let mut entries: Vec<SideConversationEvent> = pages
            .iter()
            .flat_map(|page| decode::events(self.http.account(), page, Some(ticket_id), Some(id), abouts))
            .collect();
        in_order(&mut entries);
        Ok(entries)
    }

    fn side_conversation_url(&self, call: &Call<'_>, rest: Option<&str>) -> url::Url {
        let ticket = call.thread.ticket_id.to_string();
        let mut segments = vec!["tickets", &ticket, "side_conversations", call.thread.side_conversation_id.as_str()];
        segments.extend(rest);
        self.http.api(&segments, &[])
    }
}

/// What a reply that was sent has become.
enum Sent {
    Reply(Option<SideConversationEventId>),
    Begun(TicketId, SideConversationId),
}

impl Sent {
    fn answer(self, ticket: Option<Ticket>, readers: Vec<Reader>, left_out: Vec<String>) -> Answer {
        match self {
            Sent::Reply(entry) => Answer::Replied { entry, readers, left_out },
            Sent::Begun(ticket_id, side_conversation_id) => {
                Answer::Started { ticket_id, side_conversation_id, ticket, readers, left_out }
            }
        }
    }
}

fn begun_among(
    call: &Call<'_>,
    ticket_id: TicketId,
    entries: &[SideConversationEvent],
    app_user: Option<ZendeskUserId>,
) -> Option<Answer> {
    let side_conversation_id = reply_among(call, entries, app_user)?.side_conversation_id.clone();
    Some(Answer::Started { ticket_id, side_conversation_id, ticket: None, readers: vec![], left_out: vec![] })
}

/// The entry that is this reply: by its marker; failing that, by author and the addresses in it.
fn reply_among<'a>(
    call: &Call<'_>,
    entries: &'a [SideConversationEvent],
    app_user: Option<ZendeskUserId>,
) -> Option<&'a SideConversationEvent> {
    let marked = |entry: &&SideConversationEvent| {
        entry
            .message
            .as_ref()
            .is_some_and(|message| message.marker.as_deref().is_some_and(|found| call.is_marked(found)))
    };
    let references: Vec<String> = call.effects().filter_map(|effect| reference(&effect.act)).collect();
    let recognised = |entry: &&SideConversationEvent| {
        let ours = app_user.is_some() && entry.actor.user_id == app_user;
        entry.message.as_ref().filter(|message| ours && message.marker.is_none()).is_some_and(|message| {
            [&message.plain, &message.html].into_iter().flatten().any(|text| leads_with(text, &references))
        })
    };
    entries.iter().find(marked).or_else(|| entries.iter().find(recognised))
}

enum Decided {
    Send { to: Vec<Participant>, readers: Vec<Reader>, left_out: Vec<String> },
    Answer(Answer),
}

fn decided(audience: Audience) -> Result<Decided, CallError> {
    match audience {
        Audience::Send { to, readers, left_out } => Ok(Decided::Send { to, readers, left_out }),
        Audience::Withhold { outsiders, readers } => Ok(Decided::Answer(Answer::Withheld { outsiders, readers })),
        Audience::Nobody { .. } => {
            Err(CallError::Refused { reason: "nobody is left in Zendesk who could read it.".to_owned() })
        }
    }
}

fn outside(call: &Call<'_>) -> OutsidePolicy {
    call.thread.target.as_ref().map_or(OutsidePolicy::Never, |target| target.outside)
}

/// The body of one reply, or of several that travel together, each under its author's name and its time.
fn message(call: &Call<'_>, replies: &[(&Reply, Author)], names: &(dyn Names + Sync), now_ms: i64) -> Value {
    let mut html = String::new();
    let mut lines = Vec::new();
    for (reply, author) in replies {
        let written_at_ms = reply.ts.millis();
        let time = time_with_offset(written_at_ms);
        let who = match says_its_time(written_at_ms, now_ms) {
            true => notice::in_slack_at(&author.name, &time),
            false => notice::in_slack(&author.name),
        };
        let when = match says_its_time(written_at_ms, now_ms) || replies.len() == 1 {
            true => String::new(),
            false => notice::said_at(&time),
        };
        html.push_str(&heading::html(&who, &when, &reply.permalink));
        html.push_str(&heading::words_html(&reply.doc, names));
        if !lines.is_empty() {
            lines.push(String::new());
        }
        lines.push(heading::plain(&who, &when, &reply.permalink));
        lines.extend(Some(heading::words_plain(&reply.doc, names)).filter(|plain| !plain.is_empty()));
        if !reply.files.is_empty() {
            let files = notice::files_stay_in_slack(&reply.files);
            html.push_str(&format!("<p>{}</p>", escape_html(&files)));
            lines.push(files);
        }
    }
    let mut external_ids = json!({ MARKER: call.marker() });
    let author = replies.first().and_then(|(_, author)| author.zendesk_user);
    if let Some(user) = author.filter(|user| replies.iter().all(|(_, other)| other.zendesk_user == Some(*user))) {
        external_ids[AUTHOR] = json!(user.to_string());
    }
    json!({"body": lines.join("\n"), "html_body": html, "external_ids": external_ids})
}

pub(super) fn recipients(to: &[Participant]) -> Value {
    to.iter()
        .map(|one| match (one.user_id, &one.email) {
            (Some(id), _) => json!({ "user_id": id }),
            (None, email) => match one.shown() {
                Some(name) => json!({"email": email, "name": name}),
                None => json!({ "email": email }),
            },
        })
        .collect()
}

fn same(one: &Participant, other: &Participant) -> bool {
    match (one.user_id, other.user_id) {
        (Some(one), Some(other)) => one == other,
        _ => one.email.is_some() && one.email == other.email,
    }
}

/// How a reply's Slack message is called in its address.
fn reference(act: &Act) -> Option<String> {
    match act {
        Act::Reply(reply) => Some(format!("p{}", reply.ts.as_str().replace('.', ""))),
        // The message that it names is the thread's first.
        Act::ContinueOn { thread_url, .. } => {
            let (_, after) = thread_url.rsplit_once('/')?;
            after.split('?').next().map(str::to_owned)
        }
        _ => None,
    }
}

/// Whether the first Slack link of a text is the first of these and the others follow, or each stands in a heading as a
/// bundle has them: any other is quoted by its author.
fn leads_with(text: &str, references: &[String]) -> bool {
    const LINK: &str = "/archives/";
    const HEADING: &str = " in Slack, ";
    let Some((first, others)) = references.split_first() else { return false };
    let leads = text.find(first.as_str()).is_some_and(|at| {
        let before = &text[..at];
        before.find(LINK) == before.rfind(LINK)
    });
    let heads = |reference: &String| {
        let heading = |line: &str| {
            !line.starts_with('>')
                && line.contains(reference.as_str())
                && line.contains(HEADING)
                && line.ends_with("):")
        };
        text.lines().any(heading)
    };
    leads && others.iter().all(|other| text.contains(other.as_str())) || references.iter().all(heads)
}
