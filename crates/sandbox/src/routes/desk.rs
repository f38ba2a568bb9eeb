//! What the forms on the left of the page do: an agent in Zendesk.

use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Form, State};
use axum::http::Response;
use axum::routing::post;
use serde::Deserialize;

use super::Desktop;
use super::posted::{Chosen, LARGEST, Posted};
use crate::page::{Asked, Place};
use crate::zendesk::FakeZendesk;

pub(super) fn router() -> axum::Router<Desktop> {
    axum::Router::new()
        .route("/sandbox/zendesk/ticket", post(ticket))
        .route("/sandbox/zendesk/start", post(start))
        .route("/sandbox/zendesk/reply", post(reply))
        .route("/sandbox/zendesk/state", post(state))
        .route("/sandbox/zendesk/comment", post(comment))
        .route("/sandbox/zendesk/status", post(status))
        .route("/sandbox/zendesk/merge", post(merge))
        .route("/sandbox/zendesk/delete", post(delete))
        .route("/sandbox/zendesk/restore", post(restore))
        .layer(DefaultBodyLimit::max(LARGEST))
}

#[derive(Deserialize)]
struct Filled {
    #[serde(flatten)]
    asked: Asked,
    #[serde(default)]
    to: String,
    /// The name of who writes to support.
    #[serde(default)]
    requester: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    side_conversation: String,
    #[serde(default)]
    state: String,
    /// The ticket that another one is merged into.
    #[serde(default)]
    target: String,
}

/// Makes a ticket and leads to it.
async fn ticket(State(desktop): State<Desktop>, Form(filled): Form<Filled>) -> Response<Body> {
    let mut place = desktop.place(&filled.asked);
    let made = desktop.sandbox.zendesk.desk_ticket(&filled.requester, &filled.subject, &filled.message);
    let done = made.map_err(|why| refused(&why)).map(|id| {
        place.ticket = Some(id);
        format!("ticket-{id}")
    });
    desktop.back(&place, done).await
}

async fn start(State(desktop): State<Desktop>, Posted(filled, files): Posted<Filled>) -> Response<Body> {
    let place = desktop.place(&filled.asked);
    let to: Vec<&str> = filled.to.split([',', ';']).map(str::trim).filter(|address| !address.is_empty()).collect();
    let done = match place.ticket {
        None => Err("Choose a ticket first.".to_owned()),
        Some(ticket) => {
            let zendesk = &desktop.sandbox.zendesk;
            let (words, files) = ((filled.subject.as_str(), filled.message.as_str()), stored(zendesk, &files));
            zendesk.desk_start_with(place.agent, ticket, &to, words, files).map_err(|why| refused(&why))
        }
    };
    desktop.back(&place, done.map(|id| format!("s{id}"))).await
}

async fn reply(State(desktop): State<Desktop>, Posted(filled, files): Posted<Filled>) -> Response<Body> {
    let place = desktop.place(&filled.asked);
    let id = &filled.side_conversation;
    let zendesk = &desktop.sandbox.zendesk;
    let done = zendesk.desk_reply_with(place.agent, id, &filled.message, stored(zendesk, &files));
    desktop.back(&place, done.map(|_| format!("s{id}")).map_err(|why| refused(&why))).await
}

async fn state(State(desktop): State<Desktop>, Posted(filled, _): Posted<Filled>) -> Response<Body> {
    let place = desktop.place(&filled.asked);
    let id = &filled.side_conversation;
    let zendesk = &desktop.sandbox.zendesk;
    let done = match zendesk.side_conversation(id) {
        None => Err(refused("Not found")),
        // An empty answer says that it is so already, perhaps because somebody in Slack was faster.
        Some(_) if matches!(filled.state.as_str(), "open" | "closed") => {
            zendesk.set_state(place.agent, id, &filled.state);
            Ok(format!("s{id}"))
        }
        Some(_) => Err(refused("A side conversation can be open or closed.")),
    };
    desktop.back(&place, done).await
}

/// A comment that the customer sees, or an internal note.
async fn comment(State(desktop): State<Desktop>, Form(filled): Form<Filled>) -> Response<Body> {
    let place = desktop.place(&filled.asked);
    let public = filled.state == "public";
    on_ticket(&desktop, &place, |zendesk, ticket| zendesk.desk_comment(place.agent, ticket, &filled.message, public))
        .await
}

async fn status(State(desktop): State<Desktop>, Form(filled): Form<Filled>) -> Response<Body> {
    let place = desktop.place(&filled.asked);
    on_ticket(&desktop, &place, |zendesk, ticket| zendesk.desk_status(place.agent, ticket, &filled.state)).await
}

/// Closes the ticket and leads to the one that it was merged into.
async fn merge(State(desktop): State<Desktop>, Form(filled): Form<Filled>) -> Response<Body> {
    let mut place = desktop.place(&filled.asked);
    let zendesk = &desktop.sandbox.zendesk;
    let target = filled.target.trim().trim_start_matches('#').parse().ok().filter(|id| zendesk.ticket(*id).is_some());
    let done = match (place.ticket, target) {
        (None, _) => Err("Choose a ticket first.".to_owned()),
        (_, None) => Err("Into which ticket? Write its number: there is none with this one.".to_owned()),
        (Some(source), Some(target)) => match zendesk.merge(place.agent, source, target, None) {
            true => {
                place.ticket = Some(target);
                Ok(format!("ticket-{target}"))
            }
            false if source == target => Err(refused("a ticket cannot be merged into itself.")),
            false => Err(refused("a ticket that is closed or deleted cannot be merged, nor merged into.")),
        },
    };
    desktop.back(&place, done).await
}

async fn delete(State(desktop): State<Desktop>, Form(filled): Form<Filled>) -> Response<Body> {
    set_deleted(&desktop, &filled, true).await
}

async fn restore(State(desktop): State<Desktop>, Form(filled): Form<Filled>) -> Response<Body> {
    set_deleted(&desktop, &filled, false).await
}

async fn set_deleted(desktop: &Desktop, filled: &Filled, deleted: bool) -> Response<Body> {
    let place = desktop.place(&filled.asked);
    on_ticket(desktop, &place, |zendesk, ticket| match zendesk.delete(place.agent, ticket, deleted) {
        true => Ok(()),
        false => Err("Not found".to_owned()),
    })
    .await
}

/// Does something to the chosen ticket, and leads back to it.
async fn on_ticket(
    desktop: &Desktop,
    place: &Place,
    act: impl FnOnce(&FakeZendesk, i64) -> Result<(), String>,
) -> Response<Body> {
    let done = match place.ticket {
        None => Err("Choose a ticket first.".to_owned()),
        Some(ticket) => {
            act(&desktop.sandbox.zendesk, ticket).map(|()| format!("ticket-{ticket}")).map_err(|why| refused(&why))
        }
    };
    desktop.back(place, done).await
}

/// The ids of files that were chosen, once Zendesk has them.
fn stored(zendesk: &FakeZendesk, files: &[Chosen]) -> Vec<String> {
    files.iter().map(|file| zendesk.add_file(&file.name, &file.content_type, &file.bytes)).collect()
}

fn refused(why: &str) -> String {
    format!("Zendesk refused this: {why}")
}
