//! What the forms on the left of the page do: an agent in Zendesk.

use axum::body::Body;
use axum::extract::{Form, State};
use axum::http::Response;
use axum::routing::post;
use serde::Deserialize;

use super::Desktop;
use crate::sandbox::page::Asked;

pub(super) fn router() -> axum::Router<Desktop> {
    axum::Router::new()
        .route("/sandbox/zendesk/start", post(start))
        .route("/sandbox/zendesk/reply", post(reply))
        .route("/sandbox/zendesk/state", post(state))
}

#[derive(Deserialize)]
struct Filled {
    #[serde(flatten)]
    asked: Asked,
    #[serde(default)]
    to: String,
    #[serde(default)]
    subject: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    side_conversation: String,
    #[serde(default)]
    state: String,
}

async fn start(State(desktop): State<Desktop>, Form(filled): Form<Filled>) -> Response<Body> {
    let place = desktop.place(&filled.asked);
    let to: Vec<&str> = filled.to.split([',', ';']).map(str::trim).filter(|address| !address.is_empty()).collect();
    let done = match place.ticket {
        None => Err("Choose a ticket first.".to_owned()),
        Some(ticket) => desktop
            .sandbox
            .zendesk
            .desk_start(place.agent, ticket, &to, &filled.subject, &filled.message)
            .map_err(|why| refused(&why)),
    };
    desktop.back(&place, done.map(|id| format!("s{id}"))).await
}

async fn reply(State(desktop): State<Desktop>, Form(filled): Form<Filled>) -> Response<Body> {
    let place = desktop.place(&filled.asked);
    let id = &filled.side_conversation;
    let done = desktop.sandbox.zendesk.desk_reply(place.agent, id, &filled.message);
    desktop.back(&place, done.map(|_| format!("s{id}")).map_err(|why| refused(&why))).await
}

async fn state(State(desktop): State<Desktop>, Form(filled): Form<Filled>) -> Response<Body> {
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

fn refused(why: &str) -> String {
    format!("Zendesk refused this: {why}")
}
