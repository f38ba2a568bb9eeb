//! The sandbox's own addresses: the page, what its forms do, and the faults.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};
use axum::response::{IntoResponse, Redirect};
use axum::routing::get;
use futures_util::{StreamExt, stream};

use super::Sandbox;
use super::changes::Changes;
use super::page::{self, Asked, Part, Place, Top};
use super::post::Sender;

mod bridge;
mod desk;
mod faults;
mod json;
mod live;
mod mail;
mod morning;
mod operator;
mod posted;
mod time;
mod tour;
mod workspace;

const HTML: &str = "text/html; charset=utf-8";
const NOTICES_KEPT: usize = 100;
const POLL: Duration = Duration::from_millis(15);
/// How long an answer to a form waits for what the form set off, so that the page already shows it.
const POLLS: usize = 25;
/// What the bridge takes after its last answer to do what it was told of.
const GRACE: Duration = Duration::from_millis(120);

/// `same-origin`, because without any referrer browsers send `Origin: null` with forms, which the guard refuses.
const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_FRAME_OPTIONS, "DENY"),
];

#[derive(Clone)]
struct Desktop {
    sandbox: Sandbox,
    /// Sentences to show once somebody is led back to the page. They are kept here, so that no address can make
    /// the page say something.
    notices: Arc<Mutex<Notices>>,
    /// Tells of what changes beside the fakes: faults, a morning that is played.
    changes: Changes,
    morning: morning::Morning,
}

/// A form that says where one is, and names one thing or act.
#[derive(serde::Deserialize)]
struct Named {
    #[serde(flatten)]
    asked: Asked,
    #[serde(default)]
    what: String,
}

#[derive(Default)]
struct Notices {
    last: u64,
    kept: VecDeque<(u64, String)>,
}

/// Both fakes and everything of the sandbox's own.
pub(super) fn router(sandbox: Sandbox) -> Router {
    let fakes = sandbox.slack.router().merge(sandbox.zendesk.router());
    let of_bridge = if sandbox.bridge().is_some() { bridge::router() } else { Router::new() };
    let morning = morning::Morning::default();
    let desktop = Desktop { sandbox, notices: Arc::default(), changes: Changes::default(), morning };
    Router::new()
        .merge(of_bridge)
        .route("/", get(show))
        .route("/sandbox/parts/{names}", get(parts))
        .route("/sandbox/style.css", get(style))
        .route("/sandbox/live.js", get(script))
        .route("/sandbox/icon.svg", get(icon))
        .route("/zendesk/agent/tickets/{id}", get(ticket))
        .merge(operator::router())
        .merge(desk::router())
        .merge(live::router())
        .merge(morning::router())
        .merge(tour::router())
        .merge(workspace::router())
        .merge(faults::router())
        .merge(time::router())
        .merge(mail::router())
        .with_state(desktop)
        .merge(fakes)
        .fallback(nowhere)
}

async fn show(State(desktop): State<Desktop>, Query(asked): Query<Asked>, headers: HeaderMap) -> Response<Body> {
    if let Some(address) = page::to_see(&desktop.sandbox, &asked) {
        return Redirect::to(&address).into_response();
    }
    let mut top = desktop.top_without_bridge(&headers);
    let notice = asked.notice.parse().ok().and_then(|id| desktop.take_notice(id));
    top.notice = notice.or_else(|| asked.names_no_ticket(&desktop.sandbox));
    let toured = top.toured;
    let head = match page::show_head(&desktop.sandbox, &asked, top) {
        Ok(head) => head,
        Err(error) => return drawn(Err(error)),
    };
    let rest = async move {
        let lanes = desktop.sandbox.operator.lanes().await;
        // What is made already goes out before the rest is made, which takes as long as there is much to show.
        tokio::task::yield_now().await;
        page::show_panes(&desktop.sandbox, &asked, Top { toured, lanes, ..Top::default() })
    };
    let html = stream::once(std::future::ready(Ok(head))).chain(stream::once(rest));
    answer(HTML, Body::from_stream(html))
}

/// Some parts of the page, named with commas: what a window draws anew when it hears that something changed.
async fn parts(
    State(desktop): State<Desktop>,
    Path(names): Path<String>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response<Body> {
    let mut wanted = Part::ALL.to_vec();
    wanted.retain(|part| names.split(',').any(|name| name == part.name()));
    let top = desktop.top(&headers).await;
    drawn(page::show_parts(&desktop.sandbox, &asked, top, &wanted))
}

fn drawn(html: Result<String, askama::Error>) -> Response<Body> {
    match html {
        Ok(html) => answer(HTML, html),
        Err(error) => {
            let mut response = answer("text/plain; charset=utf-8", format!("The page could not be made: {error}\n"));
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    }
}

async fn style() -> Response<Body> {
    answer("text/css; charset=utf-8", page::STYLE.to_owned())
}

async fn script() -> Response<Body> {
    answer("text/javascript; charset=utf-8", page::SCRIPT.to_owned())
}

async fn icon() -> Response<Body> {
    answer("image/svg+xml", page::ICON.to_owned())
}

/// For an address at which there is nothing.
async fn nowhere() -> Response<Body> {
    let mut response = answer(HTML, page::NOWHERE.to_owned());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

/// Where links to a ticket lead in the real Zendesk.
async fn ticket(Path(id): Path<u64>) -> Redirect {
    Redirect::to(&format!("/?ticket={id}#desk"))
}

fn answer(content_type: &'static str, body: impl Into<Body>) -> Response<Body> {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

impl Desktop {
    fn place(&self, asked: &Asked) -> Place {
        Place::find(&self.sandbox, asked)
    }

    async fn top(&self, headers: &HeaderMap) -> Top {
        Top { lanes: self.sandbox.operator.lanes().await, ..self.top_without_bridge(headers) }
    }

    fn top_without_bridge(&self, headers: &HeaderMap) -> Top {
        Top { notice: None, morning: self.morning.stands(), toured: tour::is_closed(headers), lanes: None }
    }

    /// It is shown once.
    fn take_notice(&self, id: u64) -> Option<String> {
        let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
        let at = notices.kept.iter().position(|(kept, _)| *kept == id)?;
        notices.kept.remove(at).map(|(_, notice)| notice)
    }

    /// Back to the page: to the thing with this HTML id, or to the reason why there is none.
    async fn back(&self, place: &Place, done: Result<String, String>) -> Response<Body> {
        let address = match done {
            Ok(id) => {
                self.settle().await;
                format!("{}&at={id}#{id}", place.address())
            }
            Err(why) => {
                let mut notices = self.notices.lock().unwrap_or_else(PoisonError::into_inner);
                notices.last += 1;
                let id = notices.last;
                notices.kept.push_back((id, why));
                if notices.kept.len() > NOTICES_KEPT {
                    notices.kept.pop_front();
                }
                format!("{}&notice={id}", place.address())
            }
        };
        Redirect::to(&address).into_response()
    }

    /// Waits a moment for what was set off.
    async fn settle(&self) {
        for _ in 0..POLLS {
            if self.sandbox.slack.pending() == 0 && self.sandbox.zendesk.next_due().is_none() {
                tokio::time::sleep(GRACE).await;
                return;
            }
            tokio::time::sleep(POLL).await;
        }
    }
}
