//! Every SQL statement runs, and its rows are read back beside the app.

use std::collections::BTreeSet;
use std::path::PathBuf;

use futures_util::future::join_all;
use serde_json::value::{RawValue, to_raw_value};
use sidethread::bridge::event::Event;
use sidethread::bridge::ids::{SideConversationId, TicketId};
use sidethread::bridge::{Act, BridgedThread, Card, Effect, EffectId};
use sidethread::store::{
    Attempt, Commit, Committed, Delay, Done, HeldWrite, InboxWrite, LinkWrite, Listed, Look, OutboxWrite, Release,
    Scope, Settle, Store, StoreError, Swept, ThreadWrite, UnreadWrite,
};
use sqlx::sqlite::{SqliteConnectOptions, SqlitePool, SqliteRow};
use sqlx::{Column, Row, TypeInfo, ValueRef};

/// A store in a folder of its own, and a second pair of eyes on its file.
struct Place {
    store: Store,
    folder: tempfile::TempDir,
}

impl Place {
    async fn new() -> Place {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("a.db")).await.unwrap();
        Place { store, folder }
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("a.db")
    }

    async fn reopen(self) -> Place {
        let Place { store, folder } = self;
        store.close().await;
        drop(store);
        let store = Store::open(&folder.path().join("a.db")).await.unwrap();
        Place { store, folder }
    }

    async fn commit(&self, commit: Commit) -> Committed {
        self.store.commit(commit).await.unwrap()
    }

    /// The rows of a query, a line each: the values with `|` between, texts as they are.
    async fn rows(&self, sql: &'static str) -> Vec<String> {
        let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(self.path()).read_only(true));
        let pool = pool.await.unwrap();
        let rows = sqlx::query(sql).fetch_all(&pool).await.unwrap();
        pool.close().await;
        rows.iter().map(line).collect()
    }

    /// Writes beside the app, as no version of it would.
    async fn meddle(&self, sql: &'static str) {
        let pool = SqlitePool::connect_with(SqliteConnectOptions::new().filename(self.path())).await.unwrap();
        sqlx::query(sql).execute(&pool).await.unwrap();
        pool.close().await;
    }
}

fn line(row: &SqliteRow) -> String {
    let value = |i: usize| {
        let raw = row.try_get_raw(i).unwrap();
        match raw.type_info().name() {
            _ if raw.is_null() => "-".to_owned(),
            "INTEGER" => row.get::<i64, _>(i).to_string(),
            "TEXT" => row.get::<String, _>(i),
            other => panic!("{} is stored as {other}", row.column(i).name()),
        }
    };
    (0..row.len()).map(value).collect::<Vec<_>>().join("|")
}

fn event(n: i64) -> Box<RawValue> {
    RawValue::from_string(format!(r#"{{"n":{n}}}"#)).unwrap()
}

fn inbox(key: &str, n: i64) -> InboxWrite {
    let (key, thread_id) = (key.to_owned(), "t1".to_owned());
    InboxWrite {
        source: "slack",
        key,
        thread_id,
        event: Some(event(n)),
        received_at: 100 + n,
        done: false,
        ignored: None,
    }
}

fn thread(id: &str, ticket_id: i64, updated_at: i64) -> ThreadWrite {
    let mut thread = BridgedThread::new(SideConversationId::new(format!("sc-{id}")), TicketId(ticket_id));
    thread.subject = format!("About {id}");
    ThreadWrite {
        id: id.to_owned(),
        side_conversation_id: format!("sc-{id}"),
        ticket_id,
        place: "linked",
        state: "open",
        thread: to_raw_value(&thread).unwrap(),
        card: None,
        updated_at,
    }
}

fn link(id: &str, channel: &str, ts: &str) -> LinkWrite {
    LinkWrite {
        channel_id: channel.to_owned(),
        thread_ts: ts.to_owned(),
        thread_id: id.to_owned(),
        side_conversation_id: format!("sc-{id}"),
        ticket_id: 7,
        linked_at: 500,
    }
}

fn effect(id: &str, order: i64) -> Effect {
    Effect { id: EffectId::new(id), order, not_before_ms: 0, act: Act::Note { text: format!("note {id}") } }
}

fn outbox(thread_id: &str, id: &str) -> OutboxWrite {
    OutboxWrite {
        thread_id: thread_id.to_owned(),
        effect_id: id.to_owned(),
        vendor: "zendesk",
        effect: to_raw_value(&effect(id, 1)).unwrap(),
        decided_at: 1000,
        caused_at: 900,
        not_before: 0,
        attempts: 0,
        doubtful: false,
    }
}

fn held(key: &str, ts: &str, received_at: i64) -> HeldWrite {
    let (channel_id, thread_ts) = ("C1".to_owned(), ts.to_owned());
    HeldWrite { key: key.to_owned(), channel_id, thread_ts, event: event(received_at), received_at }
}

fn release(ts: &str) -> Release {
    Release { channel_id: "C1".to_owned(), thread_ts: ts.to_owned(), thread_id: "t1".to_owned() }
}

fn settle(id: i64, state: &'static str) -> Settle {
    Settle { id, state, result: Some("r".to_owned()), problem: None, doubtful: false, settled_at: 2000 }
}

#[tokio::test]
async fn settings_are_remembered_and_overwritten() {
    let place = Place::new().await;
    assert_eq!(place.store.setting("a").await.unwrap(), None);
    let settings = vec![("a", "1".to_owned()), ("b", "{\"x\": \"y'\\\"\"}".to_owned())];
    place.commit(Commit { settings, ..Commit::default() }).await;
    place.commit(Commit { settings: vec![("a", "2".to_owned())], ..Commit::default() }).await;
    assert_eq!(place.store.setting("a").await.unwrap().as_deref(), Some("2"));
    assert_eq!(place.rows("SELECT name, value FROM setting ORDER BY name").await, ["a|2", "b|{\"x\": \"y'\\\"\"}"]);
    place.store.check().await.unwrap();
    assert_eq!(place.rows("SELECT value FROM setting WHERE name = 'checked'").await, ["1"]);
}

#[tokio::test]
async fn an_event_is_taken_once_and_handled_once() {
    let place = Place::new().await;
    let mut echo = inbox("e", 9);
    echo.done = true;
    echo.ignored = Some("echo");
    let mut of_zendesk = inbox("a", 4);
    of_zendesk.source = "zendesk";
    let rows = vec![inbox("a", 1), inbox("b", 2), inbox("a", 3), of_zendesk, echo];
    let first = place.commit(Commit { inbox: rows, ..Commit::default() }).await;
    assert_eq!(first.inbox, [Some(1), Some(2), None, Some(4), Some(5)]);
    let second = place.commit(Commit { inbox: vec![inbox("b", 5), inbox("c", 6)], ..Commit::default() }).await;
    assert_eq!(second.inbox, [None, Some(7)]);
    let all = "SELECT seq, source, key, thread_id, event_json, received_at, done_at, ignored FROM inbox ORDER BY seq";
    let expected = [
        "1|slack|a|t1|{\"n\":1}|101|-|-",
        "2|slack|b|t1|{\"n\":2}|102|-|-",
        "4|zendesk|a|t1|{\"n\":4}|104|-|-",
        "5|slack|e|t1|{\"n\":9}|109|109|echo",
        "7|slack|c|t1|{\"n\":6}|106|-|-",
    ];
    assert_eq!(place.rows(all).await, expected);

    let done = vec![
        Done { seq: 1, done_at: 300, ignored: None, forget: false },
        Done { seq: 4, done_at: 301, ignored: Some("stale"), forget: true },
        Done { seq: 77, done_at: 302, ignored: None, forget: false },
    ];
    place.commit(Commit { done, ..Commit::default() }).await;
    let done = "SELECT seq, done_at, ignored FROM inbox WHERE done_at IS NOT NULL ORDER BY seq";
    assert_eq!(place.rows(done).await, ["1|300|-", "4|301|stale", "5|109|echo"]);
    let waiting = place.store.waiting().await.unwrap().events;
    let waiting: Vec<_> =
        waiting.iter().map(|row| (row.seq, row.thread_id.as_str(), row.event_json.as_str())).collect();
    assert_eq!(waiting, [(2, "t1", "{\"n\":2}"), (7, "t1", "{\"n\":6}")]);

    let mut known = place.store.known("slack", &["a", "x", "e", "c"]).await.unwrap();
    known.sort();
    assert_eq!(known, ["a", "c", "e"]);
    assert_eq!(place.store.known("zendesk", &["a", "b"]).await.unwrap(), ["a"]);
    assert!(place.store.known("zendesk", &[]).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_people_write_comes_back_as_it_was() {
    let place = Place::new().await;
    let texts =
        ["", "\u{0}", "a\u{0}b", "\"\\'", "\n\r\t\u{1b}", "é 👍🏽 \u{202e}\u{fffd}\u{2028}", "null", "[1", "'; --"];
    for (n, text) in texts.iter().enumerate() {
        let event: Event = serde_json::from_value(serde_json::json!({"at_ms": i64::MAX, "what": {"slack_message": {
            "ts": "1795341659.000200", "channel": text, "user": text, "files": [text],
            "doc": {"b": [{"p": [{"t": {"t": text}}]}]}}}}))
        .unwrap();
        let key = format!("{n}{}", text.replace('\u{0}', ""));
        let write = InboxWrite { event: Some(to_raw_value(&event).unwrap()), ..inbox(&key, 0) };
        let hold = HeldWrite { event: to_raw_value(&event).unwrap(), ..held(&format!("held{n}"), "9.9", 1) };
        place.commit(Commit { inbox: vec![write], held: vec![hold], ..Commit::default() }).await;
        let back = place.store.waiting().await.unwrap().events;
        assert_eq!(serde_json::from_str::<Event>(&back.last().unwrap().event_json).unwrap(), event, "{text:?}");
        let released = place.commit(Commit { releases: vec![release("9.9")], ..Commit::default() }).await.released;
        assert_eq!(serde_json::from_str::<Event>(&released[0].event_json).unwrap(), event, "{text:?}");
        let note = Effect { act: Act::Note { text: (*text).to_owned() }, ..effect(&format!("n{n}"), i64::MIN / 2) };
        let write = OutboxWrite { effect: to_raw_value(&note).unwrap(), ..outbox("t1", &format!("n{n}")) };
        let id = place.commit(Commit { outbox: vec![write], ..Commit::default() }).await.outbox[0].unwrap();
        assert_eq!(place.store.effect(id).await.unwrap(), note, "{text:?}");
    }
}

#[tokio::test]
async fn unread_deliveries_are_kept_once() {
    let place = Place::new().await;
    let unread = |raw: &str| UnreadWrite {
        key: "raw:Ev1".to_owned(),
        source: "slack",
        thread_id: "t1".to_owned(),
        raw: raw.to_owned(),
        reason: "its ts does not read".to_owned(),
        received_at: 5,
    };
    place.commit(Commit { unread: vec![unread("{\"a\": 1"), unread("again")], ..Commit::default() }).await;
    place.commit(Commit { unread: vec![unread("and again")], ..Commit::default() }).await;
    let all = "SELECT key, source, thread_id, raw, reason, received_at FROM unread";
    assert_eq!(place.rows(all).await, ["raw:Ev1|slack|t1|{\"a\": 1|its ts does not read|5"]);
}

#[tokio::test]
async fn held_messages_are_released_in_order_or_forgotten() {
    let place = Place::new().await;
    let rows = vec![held("k3", "1.1", 30), held("k1", "1.1", 10), held("k2", "1.1", 20), held("k1", "1.1", 99)];
    place.commit(Commit { held: rows, ..Commit::default() }).await;
    // One has come in by itself since; another stands elsewhere.
    let commit = Commit { held: vec![held("o", "2.2", 40)], inbox: vec![inbox("k2", 2)], ..Commit::default() };
    place.commit(commit).await;
    let all = "SELECT key, channel_id, thread_ts, event_json, received_at FROM held ORDER BY key";
    let kept =
        ["k1|C1|1.1|{\"n\":10}|10", "k2|C1|1.1|{\"n\":20}|20", "k3|C1|1.1|{\"n\":30}|30", "o|C1|2.2|{\"n\":40}|40"];
    assert_eq!(place.rows(all).await, kept);

    let committed = place.commit(Commit { releases: vec![release("1.1"), release("8.8")], ..Commit::default() }).await;
    let released: Vec<_> = committed.released.iter().map(|row| (row.seq, row.event_json.as_str())).collect();
    assert_eq!(released, [(2, "{\"n\":10}"), (4, "{\"n\":30}")]);
    assert!(committed.released.iter().all(|row| row.thread_id == "t1"));
    let expected = ["1|slack|k2|102|-", "2|slack|k1|10|-", "4|slack|k3|30|-"];
    assert_eq!(place.rows("SELECT seq, source, key, received_at, done_at FROM inbox ORDER BY seq").await, expected);
    assert_eq!(place.rows("SELECT key FROM held").await, ["o"]);
    let again = place.commit(Commit { releases: vec![release("1.1")], ..Commit::default() }).await;
    assert!(again.released.is_empty());

    place.commit(Commit { held: vec![held("p", "2.2", 41)], forget_held_before: Some(41), ..Commit::default() }).await;
    assert_eq!(place.rows("SELECT key FROM held").await, ["p"]);
}

#[tokio::test]
async fn a_message_held_in_the_very_commit_that_links_is_released_by_it() {
    let place = Place::new().await;
    let commit = Commit { held: vec![held("k", "1.1", 10)], releases: vec![release("1.1")], ..Commit::default() };
    assert_eq!(place.commit(commit).await.released.len(), 1);
    assert!(place.rows("SELECT key FROM held").await.is_empty());
}

#[tokio::test]
async fn threads_keep_their_card_and_are_found_by_every_name() {
    let place = Place::new().await;
    assert_eq!(place.store.thread("t1").await.unwrap(), None);
    assert_eq!(place.store.card("t1").await.unwrap(), None);
    let card = Card { asker: "Zoe".to_owned(), text: "Down?".to_owned(), written_at_ms: 3, ..Card::default() };
    let mut first = thread("t1", 7, 10);
    first.card = Some(to_raw_value(&card).unwrap());
    place.commit(Commit { threads: vec![first, thread("t2", 8, 20)], ..Commit::default() }).await;
    let mut second = thread("t1", 9, 30);
    second.place = "posting";
    second.state = "closed";
    place.commit(Commit { threads: vec![second], ..Commit::default() }).await;
    let all = "SELECT id, side_conversation_id, ticket_id, place, state, updated_at, card_json IS NOT NULL,
        thread_json ->> 'ticket_id' FROM thread ORDER BY id";
    assert_eq!(place.rows(all).await, ["t1|sc-t1|9|posting|closed|30|1|9", "t2|sc-t2|8|linked|open|20|0|8"]);
    let read = place.store.thread("t1").await.unwrap().unwrap();
    assert_eq!((read.ticket_id, read.subject.as_str()), (TicketId(9), "About t1"));
    assert_eq!(place.store.card("t1").await.unwrap(), Some(card));
    assert_eq!(place.store.card("t2").await.unwrap(), None);
    let pairs = place.store.threads_by_side_conversation(&["sc-t2", "sc-x", "sc-t1"]).await.unwrap();
    let pair = |n: u8| (format!("sc-t{n}"), format!("t{n}"));
    assert!(pairs.len() == 2 && pairs.contains(&pair(1)) && pairs.contains(&pair(2)), "{pairs:?}");

    let mut others = vec![thread("t3", 9, 50), thread("t4", 5, 60), thread("t5", 6, 70), thread("t6", 4, 80)];
    others[2].place = "older";
    others[3].place = "left_alone";
    place.commit(Commit { threads: others, ..Commit::default() }).await;
    assert_eq!(place.store.bridged_tickets(10, 0).await.unwrap(), [5, 9, 8]);
    assert_eq!(place.store.bridged_tickets(1, 1).await.unwrap(), [9]);
    assert!(place.store.bridged_tickets(10, 3).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_row_that_does_not_read_says_which() {
    let place = Place::new().await;
    let commit = Commit { threads: vec![thread("t1", 7, 10)], outbox: vec![outbox("t1", "a")], ..Commit::default() };
    place.commit(commit).await;
    place.meddle("UPDATE thread SET thread_json = '{}', card_json = '[]'").await;
    place.meddle("UPDATE outbox SET effect_json = NULL").await;
    let read = |error: StoreError| error.to_string();
    let said = place.store.thread("t1").await.map_err(read);
    assert_eq!(said, Err("a row of thread does not read (thread_json of t1)".to_owned()));
    let said = place.store.card("t1").await.map_err(read);
    assert_eq!(said, Err("a row of thread does not read (card_json of t1)".to_owned()));
    let said = place.store.effect(1).await.map_err(read);
    assert_eq!(said, Err("a row of outbox does not read (effect_json of 1)".to_owned()));
    assert!(place.store.waiting().await.unwrap().calls.is_empty(), "it stays, and keeps nobody from starting");
    assert!(matches!(place.store.effect(99).await, Err(StoreError::Driver(_))));
}

#[tokio::test]
async fn sweeps_say_how_far_each_thread_was_read_through() {
    let place = Place::new().await;
    let threads = vec![thread("t1", 7, 1), thread("t2", 7, 2)];
    let links = vec![link("t1", "C1", "1.000001"), link("t2", "C1", "2.000001")];
    place.commit(Commit { threads, links, ..Commit::default() }).await;
    let swept = |channel: &str, ts: &str, through: &str| Swept {
        channel_id: channel.into(),
        thread_ts: ts.into(),
        swept_ts: through.into(),
    };
    let all = vec![swept("C1", "2.000001", "2.000009"), swept("C9", "2.000001", "9.000009")];
    place.commit(Commit { swept: all, ..Commit::default() }).await;
    let swept = place.store.swept("C1", &["1.000001", "2.000001", "3.000001"]).await.unwrap();
    let through = Some("2.000009".to_owned());
    assert_eq!(swept, [("1.000001".to_owned(), None), ("2.000001".to_owned(), through)].into());
    assert!(place.store.swept("C9", &["2.000001"]).await.unwrap().is_empty());
    let sweeps = place.store.sweeps(0).await.unwrap();
    let sweeps: Vec<_> = sweeps.iter().map(|s| (s.thread_ts.as_str(), s.swept_ts.as_deref())).collect();
    assert_eq!(sweeps, [("1.000001", None), ("2.000001", Some("2.000009"))]);
}

#[tokio::test]
async fn links_lead_from_a_place_to_its_thread() {
    let place = Place::new().await;
    let threads: Vec<ThreadWrite> = (1..=5).map(|n| thread(&format!("t{n}"), n, n)).collect();
    let links = (1..=5).map(|n| link(&format!("t{n}"), if n == 5 { "C2" } else { "C1" }, &format!("{n}.000001")));
    place.commit(Commit { threads, links: links.collect(), ..Commit::default() }).await;
    assert_eq!(place.store.thread_by_link("C1", "2.000001").await.unwrap().as_deref(), Some("t2"));
    assert_eq!(place.store.thread_by_link("C2", "2.000001").await.unwrap(), None);
    let mut closed = thread("t3", 3, 9);
    closed.state = "closed";
    place.commit(Commit { threads: vec![closed], ..Commit::default() }).await;
    let (open, count) = place.store.listed(Listed::InChannel("C1", "open"), 2).await.unwrap();
    let open: Vec<_> =
        open.iter().map(|t| (t.channel_id.as_str(), t.thread_ts.as_str(), t.ticket_id, t.subject.as_str())).collect();
    assert_eq!(
        (open.as_slice(), count),
        (&[("C1", "4.000001", 7, "About t4"), ("C1", "2.000001", 7, "About t2")][..], 3)
    );

    // The thread moves; its first time stays.
    let mut moved = link("t1", "C9", "9.000001");
    (moved.side_conversation_id, moved.ticket_id, moved.linked_at) = ("sc-copy".to_owned(), 70, 900);
    place.commit(Commit { links: vec![moved], ..Commit::default() }).await;
    let all = "SELECT channel_id, thread_ts, thread_id, side_conversation_id, ticket_id, linked_at FROM link
        WHERE thread_id = 't1'";
    assert_eq!(place.rows(all).await, ["C9|9.000001|t1|sc-copy|70|500"]);
    assert_eq!(place.store.thread_by_link("C1", "1.000001").await.unwrap(), None);
}

#[tokio::test]
async fn an_effect_is_decided_once_and_settled_once() {
    let place = Place::new().await;
    let mut at_once = outbox("t1", "b");
    (at_once.attempts, at_once.not_before, at_once.vendor) = (1, 1500, "slack");
    let rows = vec![outbox("t1", "a"), at_once, outbox("t1", "a"), outbox("t2", "a")];
    let committed = place.commit(Commit { outbox: rows, ..Commit::default() }).await;
    assert_eq!(committed.outbox, [Some(1), Some(2), None, Some(4)]);
    let again = place.commit(Commit { outbox: vec![outbox("t2", "a"), outbox("t2", "c")], ..Commit::default() }).await;
    assert_eq!(again.outbox, [None, Some(6)]);
    let all = "SELECT id, thread_id, effect_id, vendor, decided_at, caused_at, not_before, attempts, attempted_at,
        doubtful, problem, state, result, settled_at FROM outbox ORDER BY id";
    let expected = [
        "1|t1|a|zendesk|1000|900|0|0|-|0|-|waiting|-|-",
        "2|t1|b|slack|1000|900|1500|1|1000|1|-|waiting|-|-",
        "4|t2|a|zendesk|1000|900|0|0|-|0|-|waiting|-|-",
        "6|t2|c|zendesk|1000|900|0|0|-|0|-|waiting|-|-",
    ];
    assert_eq!(place.rows(all).await, expected);
    assert_eq!(place.store.effect(2).await.unwrap(), effect("b", 1));

    let attempts = vec![
        Attempt { id: 1, attempted_at: 1100, bundle: None },
        Attempt { id: 2, attempted_at: 1101, bundle: Some(1) },
    ];
    place.commit(Commit { attempts, ..Commit::default() }).await;
    let delay = |id, doubtful| {
        let problem = "HTTP 500".to_owned();
        Delay { id, not_before: 5000, attempts: 1, doubtful, problem, alone: false, at: 4000 }
    };
    place.commit(Commit { delays: vec![delay(1, true), delay(4, false)], ..Commit::default() }).await;
    let expected = [
        "1|t1|a|zendesk|1000|900|5000|1|1100|1|HTTP 500|waiting|-|-",
        "2|t1|b|slack|1000|900|1500|2|1101|1|-|waiting|-|-",
        "4|t2|a|zendesk|1000|900|5000|1|-|0|HTTP 500|waiting|-|-",
    ];
    assert_eq!(place.rows(all).await[..3], expected);
    // What came of it is kept beside it, and what repeats is counted.
    place.commit(Commit { delays: vec![delay(1, true), delay(77, true)], ..Commit::default() }).await;
    let retried =
        "SELECT outbox_id, number, problem, begun_at, first_at, last_at, times, doubtful, not_before FROM attempt";
    let expected = ["1|1|HTTP 500|1100|4000|4000|2|1|5000", "4|1|HTTP 500|4000|4000|4000|1|0|5000"];
    assert_eq!(place.rows(retried).await, expected);
    let waiting = place.store.waiting().await.unwrap().calls;
    let waiting: Vec<_> = waiting
        .iter()
        .map(|r| {
            (r.id, r.thread_id.as_str(), r.effect.id.as_str(), r.not_before, r.attempts, r.attempted_at, r.caused_at)
        })
        .collect();
    let expected = [
        (1, "t1", "a", 5000, 1, Some(1100), 900),
        (2, "t1", "b", 1500, 2, Some(1101), 900),
        (4, "t2", "a", 5000, 1, None, 900),
        (6, "t2", "c", 0, 0, None, 900),
    ];
    assert_eq!(waiting, expected);
    let bundles = "SELECT id, bundle FROM outbox WHERE id < 3 ORDER BY id";
    assert_eq!(place.rows(bundles).await, ["1|-", "2|1"]);
    let again = |id| Attempt { id, attempted_at: 1102, bundle: Some(1) };
    place.commit(Commit { attempts: vec![again(1), again(2)], ..Commit::default() }).await;
    place.commit(Commit { delays: vec![delay(1, true), delay(2, true)], ..Commit::default() }).await;
    assert_eq!(place.rows(bundles).await, ["1|1", "2|1"], "a bundle stays together");
    let alone = |id| Delay { alone: true, ..delay(id, true) };
    place.commit(Commit { delays: vec![alone(1), alone(2)], ..Commit::default() }).await;
    assert_eq!(place.rows(bundles).await, ["1|-", "2|-"], "unless it is taken apart");

    let parked = Settle { problem: Some("refused".to_owned()), result: None, ..settle(2, "parked") };
    place.commit(Commit { settled: vec![settle(1, "done"), parked, settle(4, "parked")], ..Commit::default() }).await;
    // What is settled moves no more.
    let late = Commit {
        settled: vec![Settle { result: Some("other".to_owned()), settled_at: 9999, ..settle(1, "parked") }],
        attempts: vec![Attempt { id: 2, attempted_at: 9999, bundle: None }],
        delays: vec![delay(4, true)],
        ..Commit::default()
    };
    place.commit(late).await;
    let expected = [
        "1|t1|a|zendesk|1000|900|5000|1|1102|0|HTTP 500|done|r|2000",
        "2|t1|b|slack|1000|900|5000|1|1102|0|refused|parked|-|2000",
        "4|t2|a|zendesk|1000|900|5000|1|-|0|HTTP 500|parked|r|2000",
    ];
    assert_eq!(place.rows(all).await[..3], expected);
    assert_eq!(place.rows("SELECT sum(times) FROM attempt").await, ["7"]);
    place.commit(Commit { blank_before: Some(4000), ..Commit::default() }).await;
    assert_eq!(place.rows("SELECT count(*) FROM attempt").await, ["3"]);
    place.commit(Commit { blank_before: Some(4001), ..Commit::default() }).await;
    assert_eq!(place.rows("SELECT count(*) FROM attempt").await, ["0"]);
    let mut parked = place.store.parked().await.unwrap();
    parked.sort();
    assert_eq!(parked, [("slack".to_owned(), 1), ("zendesk".to_owned(), 1)]);
    let waiting = place.store.waiting().await.unwrap().calls;
    assert_eq!(waiting.iter().map(|row| row.id).collect::<Vec<_>>(), [6]);
}

#[tokio::test]
async fn a_nudge_during_a_read_is_not_lost() {
    let place = Place::new().await;
    assert_eq!(place.store.asked(7).await.unwrap(), 0);
    place.commit(Commit { nudges: vec![(7, 200), (8, 100), (7, 300)], ..Commit::default() }).await;
    assert_eq!(place.store.asked(7).await.unwrap(), 2);
    assert_eq!(place.store.waiting().await.unwrap().tickets, [(8, 1), (7, 2)]);
    // Ticket 7 was read after two nudges; a third came meanwhile.
    place.commit(Commit { nudges: vec![(7, 400)], ..Commit::default() }).await;
    place.commit(Commit { nudges_answered: vec![(7, 2), (8, 1), (9, 5)], ..Commit::default() }).await;
    assert_eq!(place.rows("SELECT ticket_id, asked, asked_at FROM nudge").await, ["7|3|200"]);
    place.commit(Commit { nudges_answered: vec![(7, 3)], ..Commit::default() }).await;
    assert!(place.store.waiting().await.unwrap().tickets.is_empty());
    // One that is written together with the answer came after it.
    place.commit(Commit { nudges: vec![(7, 500)], nudges_answered: vec![(7, 0)], ..Commit::default() }).await;
    assert_eq!(place.store.waiting().await.unwrap().tickets, [(7, 1)]);
}

#[tokio::test]
async fn payloads_go_after_their_time_and_keys_stay() {
    let place = Place::new().await;
    let rows: Vec<InboxWrite> = (0..1201).map(|n| inbox(&n.to_string(), n)).collect();
    let calls: Vec<OutboxWrite> = (0..1201).map(|n| outbox("t1", &n.to_string())).collect();
    place.commit(Commit { inbox: rows, outbox: calls, ..Commit::default() }).await;
    // The first waits for ever, the last is young.
    let done =
        (2..=1201).map(|seq| Done { seq, done_at: if seq == 1201 { 2000 } else { 300 }, ignored: None, forget: false });
    let settled = (2..=1201).map(|id| Settle { settled_at: if id == 1201 { 2000 } else { 300 }, ..settle(id, "done") });
    place.commit(Commit { done: done.collect(), settled: settled.collect(), ..Commit::default() }).await;
    for _ in 0..4 {
        place.commit(Commit { blank_before: Some(2000), ..Commit::default() }).await;
    }
    let inbox_left = "SELECT seq FROM inbox WHERE event_json IS NOT NULL ORDER BY seq";
    let outbox_left = "SELECT id FROM outbox WHERE effect_json IS NOT NULL ORDER BY id";
    assert_eq!(place.rows(inbox_left).await, ["1", "1201"]);
    assert_eq!(place.rows(outbox_left).await, ["1", "1201"]);
    assert_eq!(place.rows("SELECT count(*) FROM inbox").await, ["1201"]);
    assert_eq!(place.rows("SELECT count(*) FROM outbox").await, ["1201"]);
    let again = place.commit(Commit { inbox: vec![inbox("5", 5)], ..Commit::default() }).await;
    assert_eq!(again.inbox, [None], "a key stays for ever");
    assert_eq!(place.store.waiting().await.unwrap().events.len(), 1);
    assert_eq!(place.store.waiting().await.unwrap().calls.len(), 1);

    // What is done later is blanked later, wherever it stands.
    let done = vec![Done { seq: 1, done_at: 2500, ignored: None, forget: false }];
    place.commit(Commit { done, settled: vec![settle(1, "done")], ..Commit::default() }).await;
    for _ in 0..2 {
        place.commit(Commit { blank_before: Some(3000), ..Commit::default() }).await;
    }
    assert!(place.rows(inbox_left).await.is_empty());
    assert!(place.rows(outbox_left).await.is_empty());
    // And so are rows that come after a sweep that left nothing.
    let commit = Commit { inbox: vec![inbox("new", 1)], outbox: vec![outbox("t1", "new")], ..Commit::default() };
    let committed = place.commit(commit).await;
    let done = vec![Done { seq: committed.inbox[0].unwrap(), done_at: 4000, ignored: None, forget: false }];
    let settled = vec![Settle { settled_at: 4000, ..settle(committed.outbox[0].unwrap(), "done") }];
    place.commit(Commit { done, settled, ..Commit::default() }).await;
    place.commit(Commit { blank_before: Some(5000), ..Commit::default() }).await;
    assert!(place.rows(inbox_left).await.is_empty());
    assert!(place.rows(outbox_left).await.is_empty());
}

#[tokio::test]
async fn a_commit_that_breaks_its_transaction_harms_no_other() {
    let place = Place::new().await;
    place.commit(Commit { threads: vec![thread("t1", 7, 1)], ..Commit::default() }).await;
    place.commit(Commit { links: vec![link("t1", "C1", "1.1")], ..Commit::default() }).await;
    let taken = link("nobody", "C3", "3.3");
    let mut commits: Vec<Commit> = (0..20)
        .map(|n| Commit {
            inbox: vec![inbox(&format!("k{n}"), n)],
            outbox: vec![outbox("t1", &format!("e{n}"))],
            settings: vec![("last", n.to_string())],
            ..Commit::default()
        })
        .collect();
    commits[7].links.push(taken);
    // All are handed over before the writer runs, so they share a transaction.
    let results = join_all(commits.into_iter().map(|commit| place.store.commit(commit))).await;
    for (n, result) in results.iter().enumerate() {
        match result {
            Ok(committed) => {
                assert_ne!(n, 7, "the broken one was written");
                assert!(matches!(committed.inbox[..], [Some(_)]) && matches!(committed.outbox[..], [Some(_)]), "{n}");
            }
            Err(error) => assert!(n == 7 && matches!(error, StoreError::Driver(_)), "{n}: {error}"),
        }
    }
    let keys = place.rows("SELECT key FROM inbox ORDER BY seq").await;
    let expected: Vec<String> = (0..20).filter(|n| *n != 7).map(|n| format!("k{n}")).collect();
    assert_eq!(keys, expected);
    for (n, result) in results.iter().enumerate().filter(|(_, result)| result.is_ok()) {
        let seq = result.as_ref().unwrap().inbox[0].unwrap();
        let id = result.as_ref().unwrap().outbox[0].unwrap();
        assert!(place.rows("SELECT seq || ' ' || key FROM inbox").await.contains(&format!("{seq} k{n}")));
        assert!(place.rows("SELECT id || ' ' || effect_id FROM outbox").await.contains(&format!("{id} e{n}")));
    }
    assert_eq!(place.store.setting("last").await.unwrap().as_deref(), Some("19"));
    // Alone it fails too, and what comes after it is written.
    let alone = place.store.commit(Commit { links: vec![link("nobody", "C3", "3.3")], ..Commit::default() }).await;
    assert!(matches!(alone, Err(StoreError::Driver(_))));
    let doubled =
        Commit { threads: vec![thread("t2", 7, 1)], links: vec![link("t2", "C1", "1.1")], ..Commit::default() };
    assert!(place.store.commit(doubled).await.is_err(), "two threads at one place");
    assert_eq!(place.rows("SELECT id FROM thread").await, ["t1"]);
    place.store.check().await.unwrap();
}

#[tokio::test]
async fn ids_are_never_used_again() {
    let mut place = Place::new().await;
    for round in 0..3_i64 {
        let (key, id) = (format!("k{round}"), format!("e{round}"));
        let commit = Commit { inbox: vec![inbox(&key, 1)], outbox: vec![outbox("t1", &id)], ..Commit::default() };
        let committed = place.commit(commit).await;
        assert_eq!((committed.inbox[0], committed.outbox[0]), (Some(round + 1), Some(round + 1)));
        let done = vec![Done { seq: round + 1, done_at: 1, ignored: None, forget: false }];
        let settled = vec![settle(round + 1, "done")];
        place.commit(Commit { done, settled, blank_before: Some(9999), ..Commit::default() }).await;
        place = place.reopen().await;
    }
    assert_eq!(place.rows("SELECT seq FROM inbox ORDER BY seq").await, ["1", "2", "3"]);
}

#[tokio::test]
async fn closing_writes_what_waits_and_takes_no_more() {
    let place = Place::new().await;
    let store = &place.store;
    let waiting = join_all((0..2000).map(|n| async move {
        let commit = Commit { inbox: vec![inbox(&format!("k{n}"), n)], ..Commit::default() };
        (n, store.commit(commit).await)
    }));
    let (results, ()) = tokio::join!(waiting, store.close());
    let written: BTreeSet<String> =
        results.iter().filter(|(_, result)| result.is_ok()).map(|(n, _)| format!("k{n}")).collect();
    assert!(results.iter().all(|(_, result)| matches!(result, Ok(_) | Err(StoreError::Closed))));
    assert!(!written.is_empty(), "nothing that waited was written");
    let found: BTreeSet<String> = place.rows("SELECT key FROM inbox").await.into_iter().collect();
    assert!(found == written, "{} were answered and {} are there", written.len(), found.len());
    assert!(matches!(store.commit(Commit::default()).await, Err(StoreError::Closed)));
    assert!(matches!(store.check().await, Err(StoreError::Closed)));
    assert!(store.setting("a").await.is_err());
    store.close().await;
}

#[tokio::test]
async fn a_database_made_by_the_first_step_opens_with_all_that_is_in_it() {
    use sqlx::migrate::{Migration, MigrationType, Migrator};
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old.db");
    let sql = sqlx::SqlSafeStr::into_sql_str(include_str!("../migrations/0001_spine.sql"));
    let step = Migration::new(1, "spine".into(), MigrationType::Simple, sql, false);
    let options = SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    Migrator::with_migrations(vec![step]).run(&pool).await.unwrap();
    sqlx::raw_sql(
        r#"
        INSERT INTO setting VALUES ('bridging_since_ms', '1795341600000');
        INSERT INTO thread VALUES ('t1', 'sc1', 7, 'linked', 'open', '{"id":"t1","side_conversation_id":"sc1","ticket_id":7,
            "subject":"Old","place":{"linked":{"channel":"C1","ts":"1795341601.000100"}}}', NULL, 10);
        INSERT INTO link VALUES ('C1', '1795341601.000100', 't1', 'sc1', 7, 10, NULL);
        INSERT INTO inbox VALUES (41, 'slack', 'k', 't1', '{"at_ms":1,"what":{"pressed":{"user":"U1","channel":"C1",
            "action_ts":"1.000001","state":"open"}}}', 10, NULL, NULL);
        INSERT INTO outbox VALUES (42, 't1', 'e', 'zendesk', '{"id":"e","order":1,"act":{"note":{"text":"x"}}}',
            10, 10, 0, 1, 11, 1, NULL, 'waiting', NULL, NULL);
        INSERT INTO nudge VALUES (7, 1, 10);
        INSERT INTO held VALUES ('h', 'C1', '9.000001', '{}', 10);
        INSERT INTO unread VALUES ('u', 'slack', 't1', '{', 'it names no author', 10);
        "#,
    )
    .execute(&pool)
    .await
    .unwrap();
    pool.close().await;

    let store = Store::open(&path).await.unwrap();
    let linked = store.thread_by_link("C1", "1795341601.000100").await.unwrap().unwrap();
    assert_eq!(store.thread(&linked).await.unwrap().unwrap().subject, "Old");
    assert_eq!(store.setting("bridging_since_ms").await.unwrap().as_deref(), Some("1795341600000"));
    let waiting = store.waiting().await.unwrap().events;
    assert!(serde_json::from_str::<Event>(&waiting[0].event_json).is_ok());
    assert_eq!(store.waiting().await.unwrap().calls[0].effect, effect_of_old());
    assert_eq!(store.waiting().await.unwrap().tickets, [(7, 1)]);
    let commit = Commit { inbox: vec![inbox("n", 1)], outbox: vec![outbox("t1", "n")], ..Commit::default() };
    let committed = store.commit(commit).await.unwrap();
    assert_eq!((committed.inbox[0], committed.outbox[0]), (Some(42), Some(43)));
}

fn effect_of_old() -> Effect {
    Effect { act: Act::Note { text: "x".to_owned() }, ..effect("e", 1) }
}

#[cfg(unix)]
#[tokio::test]
async fn only_its_owner_reads_the_database() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.db");
    // A file that a careless restore left readable.
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let store = Store::open(&path).await.unwrap();
    store.check().await.unwrap();
    assert_eq!(store.path(), path);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{name}");
        files.push(name);
    }
    files.sort();
    assert_eq!(files, ["a.db", "a.db-shm", "a.db-wal", "a.db.lock"]);
    let missing = Store::open(&folder.path().join("nowhere/a.db")).await;
    assert!(matches!(missing, Err(StoreError::File { .. })));
}

#[tokio::test]
async fn a_database_is_looked_at_only_by_the_version_that_fits() {
    let place = Place::new().await;
    place.commit(Commit { threads: vec![thread("t1", 7, 1)], ..Commit::default() }).await;
    let look = Look::open(&place.path()).await.unwrap();
    assert_eq!(look.threads(&Scope::Ticket(7)).await.unwrap().len(), 1);
    place.commit(Commit { threads: vec![thread("t2", 7, 2)], ..Commit::default() }).await;
    assert_eq!(look.threads(&Scope::Ticket(7)).await.unwrap().len(), 2, "it sees what is written meanwhile");
    look.close().await;
    let said = async || Look::open(&place.path()).await.map(|_| ()).unwrap_err().to_string();
    place.meddle("UPDATE _sqlx_migrations SET version = 99 WHERE version = 1").await;
    assert!(said().await.contains("newer version"), "{}", said().await);
    place.meddle("DELETE FROM _sqlx_migrations WHERE version = 99").await;
    assert!(said().await.contains("older version"), "{}", said().await);
}

#[tokio::test]
async fn no_counts_of_small_tables_lead_to_walks_through_large_ones() {
    let place = Place::new().await;
    place.meddle("ANALYZE").await;
    assert_eq!(place.rows("SELECT count(*) FROM sqlite_master WHERE name = 'sqlite_stat1'").await, ["1"]);
    let place = place.reopen().await.reopen().await;
    assert_eq!(place.rows("SELECT count(*) FROM sqlite_master WHERE name LIKE 'sqlite_stat%'").await, ["0"]);
}
