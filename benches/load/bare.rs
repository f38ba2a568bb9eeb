//! The barest bridge: what these crates cost on this machine, and so the yardstick for what the app adds.
//!
//! It checks an event's signature, reads it, stores it with `synchronous = FULL` (one writer takes all that has queued,
//! one insert for all of it), answers, calls Zendesk with the text in the order of each thread, and marks it done. It
//! knows no roles, no budgets, no retries, no formats, no echoes and no doubt: no bridge.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};

use aws_lc_rs::hmac;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::{get, post};
use serde::Deserialize;
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

const TABLE: &str = "CREATE TABLE inbox (seq INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, thread TEXT NOT NULL,
    event_json TEXT NOT NULL, done_at BIGINT)";
const INSERT: &str = "INSERT INTO inbox (key, thread, event_json)
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each($1) WHERE true
    ON CONFLICT DO NOTHING RETURNING seq, key";
const DONE: &str = "UPDATE inbox SET done_at = $2 WHERE seq IN (SELECT value FROM json_each($1))";
/// How many rows share a transaction at most.
const MOST: usize = 512;

#[derive(Deserialize)]
struct Envelope {
    event: Event,
}

#[derive(Deserialize)]
struct Event {
    channel: String,
    ts: String,
    thread_ts: String,
    user: String,
    text: String,
}

enum Write {
    Came { key: String, event: Arc<Event>, body: Bytes, stored: oneshot::Sender<bool> },
    Done(i64),
}

type Lane = VecDeque<(i64, Arc<Event>)>;

#[derive(Clone)]
struct Bare {
    key: hmac::Key,
    writes: mpsc::UnboundedSender<Write>,
    client: reqwest::Client,
    vendors: u16,
    /// What waits in each thread behind what is under way.
    lanes: Arc<Mutex<HashMap<String, Lane>>>,
}

/// Serves on a port of 127.0.0.1, prints nothing, ends with its parent.
pub fn run(port: u16, vendors: u16, database: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let options = SqliteConnectOptions::new()
            .filename(database)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut db = options.connect().await.expect("a database");
        sqlx::query(TABLE).execute(&mut db).await.expect("a table");
        let (writes, waiting) = mpsc::unbounded_channel();
        let bare = Bare {
            key: hmac::Key::new(hmac::HMAC_SHA256, super::SECRET.as_bytes()),
            writes,
            client: reqwest::Client::builder().no_proxy().tcp_nodelay(true).build().expect("a client"),
            vendors,
            lanes: Arc::default(),
        };
        tokio::spawn(write(db, waiting, bare.clone()));
        let router = Router::new()
            .route("/slack/events", post(take))
            .route("/readyz", get(async || r#"{"ready":true}"#))
            .with_state(bare);
        let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await.expect("the port");
        let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, router).await.expect("it serves");
    });
}

async fn take(State(bare): State<Bare>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut signed = format!("v0:{}:", header("x-slack-request-timestamp")).into_bytes();
    signed.extend_from_slice(&body);
    let hex = header("x-slack-signature").trim_start_matches("v0=");
    let signature: Vec<u8> =
        (0..hex.len() / 2).filter_map(|n| u8::from_str_radix(hex.get(n * 2..n * 2 + 2)?, 16).ok()).collect();
    if hmac::verify(&bare.key, &signed, &signature).is_err() {
        return StatusCode::UNAUTHORIZED;
    }
    let Ok(Envelope { event }) = serde_json::from_slice(&body) else { return StatusCode::OK };
    let key = format!("{}/{}", event.channel, event.ts);
    let (stored, is_stored) = oneshot::channel();
    let sent = bare.writes.send(Write::Came { key, event: Arc::new(event), body, stored });
    match (sent, is_stored.await) {
        (Ok(()), Ok(true)) => StatusCode::OK,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn write(mut db: SqliteConnection, mut waiting: mpsc::UnboundedReceiver<Write>, bare: Bare) {
    let mut batch = Vec::with_capacity(MOST);
    while waiting.recv_many(&mut batch, MOST).await > 0 {
        let (mut came, mut done) = (Vec::new(), Vec::new());
        for one in batch.drain(..) {
            match one {
                Write::Came { key, event, body, stored } => came.push((key, event, body, stored)),
                Write::Done(seq) => done.push(seq),
            }
        }
        let seqs = commit(&mut db, &came, &done).await.expect("it is written");
        for (key, event, _, stored) in came {
            let _ = stored.send(true);
            if let Some(seq) = seqs.get(&key) {
                bare.add(*seq, event);
            }
        }
    }
}

type Came = (String, Arc<Event>, Bytes, oneshot::Sender<bool>);

async fn commit(db: &mut SqliteConnection, came: &[Came], done: &[i64]) -> Result<HashMap<String, i64>, sqlx::Error> {
    let mut transaction = db.begin_with("BEGIN IMMEDIATE").await?;
    let mut seqs = HashMap::new();
    if !came.is_empty() {
        let rows: Vec<_> = came
            .iter()
            .map(|(key, event, body, _)| (key, &event.thread_ts, std::str::from_utf8(body).unwrap_or_default()))
            .collect();
        let rows = serde_json::to_string(&rows).expect("rows as JSON");
        let new: Vec<(i64, String)> = sqlx::query_as(INSERT).bind(rows).fetch_all(&mut *transaction).await?;
        seqs.extend(new.into_iter().map(|(seq, key)| (key, seq)));
    }
    if !done.is_empty() {
        let rows = serde_json::to_string(done).expect("ids as JSON");
        sqlx::query(DONE).bind(rows).bind(super::micros() as i64 / 1000).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(seqs)
}

impl Bare {
    fn add(&self, seq: i64, event: Arc<Event>) {
        let thread = event.thread_ts.clone();
        let mut lanes = self.lanes.lock().expect("the lanes");
        if let Some(lane) = lanes.get_mut(&thread) {
            lane.push_back((seq, event));
            return;
        }
        lanes.insert(thread.clone(), Lane::from([(seq, event)]));
        drop(lanes);
        tokio::spawn(self.clone().deliver(thread));
    }

    async fn deliver(self, thread: String) {
        loop {
            let next = {
                let mut lanes = self.lanes.lock().expect("the lanes");
                let next = lanes.get_mut(&thread).and_then(Lane::pop_front);
                if next.is_none() {
                    lanes.remove(&thread);
                }
                next
            };
            let Some((seq, event)) = next else { return };
            self.call(&event).await;
            let _ = self.writes.send(Write::Done(seq));
        }
    }

    async fn call(&self, event: &Event) {
        let url = format!(
            "http://127.0.0.1:{}/zendesk/api/v2/tickets/1/side_conversations/{}/reply",
            self.vendors, event.thread_ts
        );
        let body = json!({"message": {
            "to": [{"user_id": 1}],
            "html_body": format!("<p><strong>{}</strong></p><p>{}</p>", event.user, event.text),
            "external_ids": {"bare": event.ts},
        }});
        let request = self.client.post(url).header("authorization", "Bearer bare");
        let answer = request.header("content-type", "application/json").body(body.to_string()).send().await;
        let answer = answer.expect("Zendesk answers").error_for_status().expect("Zendesk takes it");
        answer.bytes().await.expect("the whole answer");
    }
}
