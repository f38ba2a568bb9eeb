//! What the forms on the right of the page do: a person in Slack.

use axum::body::Body;
use axum::extract::{Form, State};
use axum::http::Response;
use axum::response::{IntoResponse, Redirect};
use axum::routing::post;
use serde::Deserialize;

use super::{Desktop, POLL, POLLS};
use crate::page::{Asked, Place, people_who_write, shown_name};
use crate::slack::{FakeSlack, Say};

const COMMAND: &str = "/side-convo";

pub(super) fn router() -> axum::Router<Desktop> {
    axum::Router::new()
        .route("/sandbox/slack/say", post(say))
        .route("/sandbox/slack/press", post(press))
        .route("/sandbox/slack/command", post(command))
        .route("/sandbox/slack/react", post(react))
        .route("/sandbox/slack/edit", post(edit))
        .route("/sandbox/slack/delete", post(delete))
        .route("/sandbox/slack/direct", post(direct))
}

#[derive(Deserialize)]
struct Filled {
    #[serde(flatten)]
    asked: Asked,
    #[serde(default)]
    text: String,
    #[serde(default)]
    thread_ts: String,
    #[serde(default)]
    message_ts: String,
    #[serde(default)]
    action_id: String,
    /// Of a button that has no form to itself: a message's `ts`, and what is done to it.
    #[serde(default)]
    what: String,
    #[serde(default)]
    broadcast: String,
}

impl Filled {
    fn target(&self) -> (&str, &str) {
        match self.what.split_once(' ') {
            Some(target) => target,
            None if self.what.is_empty() => (&self.message_ts, &self.action_id),
            None => (&self.what, ""),
        }
    }
}

async fn say(State(desktop): State<Desktop>, Form(filled): Form<Filled>) -> Response<Body> {
    let place = desktop.place(&filled.asked);
    let say = Say {
        thread_ts: Some(filled.thread_ts.clone()).filter(|ts| !ts.is_empty()),
        text: with_mentions(&desktop, &filled.text.replace("\r\n", "\n")),
        broadcast: filled.broadcast == "yes",
        ..Say::default()
    };
    let said = desktop.sandbox.slack.say_with(&place.person, &place.channel, say);
    let done = said.map(|ts| format!("m{ts}")).map_err(|code| refused(&desktop, &place, &code));
    desktop.back(&place, done).await
}

async fn press(State(desktop): State<Desktop>, Form(filled): Form<Filled>) -> Response<Body> {
    let (ts, action_id) = filled.target();
    on_message(&desktop, &filled, ts, |slack, who, channel| slack.press(who, channel, ts, action_id)).await
}

/// Adds a reaction, or takes one's own back.
async fn react(State(desktop): State<Desktop>, Form(filled): Form<Filled>) -> Response<Body> {
    let (ts, name) = filled.target();
    on_message(&desktop, &filled, ts, |slack, who, channel| match slack.react(who, channel, ts, name) {
        Err(code) if code == "already_reacted" => slack.unreact(who, channel, ts, name),
        done => done,
    })
    .await
}

async fn edit(State(desktop): State<Desktop>, Form(filled): Form<Filled>) -> Response<Body> {
    let text = with_mentions(&desktop, &filled.text.replace("\r\n", "\n"));
    let ts = &filled.message_ts;
    on_message(&desktop, &filled, ts, |slack, who, channel| match text.trim() {
        "" => Err("no_text".to_owned()),
        _ => slack.edit(who, channel, ts, &text),
    })
    .await
}

async fn delete(State(desktop): State<Desktop>, Form(filled): Form<Filled>) -> Response<Body> {
    let (ts, _) = filled.target();
    on_message(&desktop, &filled, ts, |slack, who, channel| slack.delete(who, channel, ts)).await
}

/// Does something to a message as the chosen person, and leads back to it.
async fn on_message(
    desktop: &Desktop,
    filled: &Filled,
    ts: &str,
    act: impl FnOnce(&FakeSlack, &str, &str) -> Result<(), String>,
) -> Response<Body> {
    let place = desktop.place(&filled.asked);
    let done = act(&desktop.sandbox.slack, &place.person, &place.channel);
    desktop.back(&place, done.map(|()| format!("m{ts}")).map_err(|code| refused(desktop, &place, &code))).await
}

/// Opens a direct conversation with somebody.
async fn direct(State(desktop): State<Desktop>, Form(filled): Form<Filled>) -> Response<Body> {
    let mut place = desktop.place(&filled.asked);
    match desktop.sandbox.slack.open_direct(&[&place.person, &filled.what]) {
        Ok(channel) => {
            place.channel = channel;
            desktop.back(&place, Ok("text".to_owned())).await
        }
        Err(code) => desktop.back(&place, Err(refused(&desktop, &place, &code))).await,
    }
}

async fn command(State(desktop): State<Desktop>, Form(filled): Form<Filled>) -> Response<Body> {
    let place = desktop.place(&filled.asked);
    if place.channel.is_empty() {
        return desktop.back(&place, Err("Choose a channel first.".to_owned())).await;
    }
    let slack = &desktop.sandbox.slack;
    let id = slack.command(&place.person, &place.channel, COMMAND, filled.text.trim());
    for _ in 0..POLLS {
        if slack.command_answer(id).is_some() {
            break;
        }
        tokio::time::sleep(POLL).await;
    }
    Redirect::to(&format!("{}&command={id}#command", place.address())).into_response()
}

/// What was typed, with `@handle` as the mention that a client makes of it.
fn with_mentions(desktop: &Desktop, typed: &str) -> String {
    let known = &desktop.sandbox.world.people;
    let mut text = String::with_capacity(typed.len());
    let mut rest = typed;
    while let Some(at) = rest.find('@') {
        let (before, after) = (&rest[..at], &rest[at + 1..]);
        let end = after.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(after.len());
        let begins = before.is_empty() || before.ends_with(|c: char| c.is_whitespace() || "(*_~,;:".contains(c));
        text.push_str(before);
        match known.iter().find(|person| begins && person.name == after[..end]) {
            Some(person) => text.push_str(&format!("<@{}>", person.id)),
            None => text.push_str(&rest[at..at + 1 + end]),
        }
        rest = &after[end..];
    }
    text.push_str(rest);
    text
}

/// Slack's code as a sentence.
fn refused(desktop: &Desktop, place: &Place, code: &str) -> String {
    let people = people_who_write(&desktop.sandbox);
    let person = people.iter().find(|person| person["id"] == *place.person).map_or("Somebody".into(), shown_name);
    let channels = desktop.sandbox.slack.channels();
    let channel = channels.iter().find(|channel| channel["id"] == *place.channel);
    let channel = channel.and_then(|channel| channel["name"].as_str()).unwrap_or("this channel");
    match code {
        "channel_not_found" if place.channel.is_empty() => "Choose a channel first.".to_owned(),
        "not_in_channel" | "channel_not_found" => format!("Slack refused this: {person} is not in #{channel}."),
        "is_archived" => format!("Slack refused this: #{channel} is archived."),
        "no_text" => "Slack refused this: there is no text.".to_owned(),
        "thread_not_found" | "message_not_found" => "Slack refused this: the message is no longer there.".to_owned(),
        "cant_update_message" | "cant_delete_message" => {
            format!("Slack refused this: {person} did not write that message.")
        }
        "no_such_action" => "Slack refused this: the button is no longer there.".to_owned(),
        other => format!("Slack refused this: {other}."),
    }
}
