//! The statements that write commits.
//!
//! A transaction for many commits has hardly more statements than one for a single commit, and they go over in as few
//! pieces as their answers allow ([`Script`]). What every message needs goes in rows of bound values; what is rare takes
//! its rows as one JSON array, which is simpler and costs several times as much. A commit that is alone mostly goes over in
//! one piece. Where many go together, new events, threads and the rest are pieces of their own: joined in all the sizes
//! they have, they would be more texts than are kept prepared.

mod rows;

use serde_json::value::RawValue;
use sqlx::sqlite::SqliteRow;
use sqlx::{Row, SqliteConnection};

use super::commit::{
    Attempt, Commit, Committed, Done, HeldBack, InboxWrite, OutboxWrite, Release, Settle, ThreadWrite, Unparked,
};
use super::conclusion;
use super::erase;
use super::follow_up;
use super::read::{InboxRow, UnparkedRow};
use super::script::{Counted, MOST_ROWS, Script};
use rows::{ATTEMPTS, DONE, INBOX, OUTBOX, SETTLED, THREADS, THREADS_GO_ON};

const SETTINGS: &str = "INSERT INTO setting (name, value)
    SELECT value ->> 0, value ->> 1 FROM json_each(?) WHERE true
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";
const INBOX_NEW: &str = "SELECT seq FROM inbox WHERE seq >= $1 AND seq < $2 ORDER BY seq";
const UNREAD: &str = "INSERT INTO unread (key, source, thread_id, raw, reason, received_at)
    SELECT value ->> 'key', value ->> 'source', value ->> 'thread_id', value ->> 'raw', value ->> 'reason', value ->> 'received_at'
    FROM json_each(?) WHERE true ON CONFLICT (key) DO NOTHING";
const HELD: &str = "INSERT INTO held (key, channel_id, thread_ts, event_json, received_at)
    SELECT value ->> 'key', value ->> 'channel_id', value ->> 'thread_ts', value -> 'event', value ->> 'received_at'
    FROM json_each(?) WHERE true ON CONFLICT (key) DO NOTHING";
const LINKS_BEFORE: &str = "INSERT INTO link_before (channel_id, thread_ts, thread_id, swept_ts)
    SELECT l.channel_id, l.thread_ts, l.thread_id, l.swept_ts
    FROM json_each(?) AS j JOIN link AS l ON l.thread_id = (j.value ->> 'thread_id')
    WHERE l.thread_ts <> (j.value ->> 'thread_ts') ON CONFLICT (channel_id, thread_ts) DO NOTHING";
// A channel that gets another id takes along all that stands in it.
const LINKS_BEFORE_MOVE: &str = "UPDATE link_before SET channel_id = j.value ->> 'channel_id'
    FROM json_each(?) AS j WHERE link_before.thread_id = (j.value ->> 'thread_id')";
const LINKS: &str = "INSERT INTO link (channel_id, thread_ts, thread_id, side_conversation_id, ticket_id, linked_at)
    SELECT value ->> 'channel_id', value ->> 'thread_ts', value ->> 'thread_id', value ->> 'side_conversation_id',
           value ->> 'ticket_id', value ->> 'linked_at'
    FROM json_each(?) WHERE true
    ON CONFLICT (thread_id) DO UPDATE SET channel_id = excluded.channel_id, thread_ts = excluded.thread_ts,
        side_conversation_id = excluded.side_conversation_id, ticket_id = excluded.ticket_id";
// What is blanked cannot be tried again; that it is given up can always be written.
const UNPARKED: &str = "UPDATE outbox SET state = $4, not_before = $5, attempts = 0, bundle = NULL
    WHERE thread_id = $1 AND effect_id >= $2 AND effect_id <= $3 AND state = 'parked'
        AND (effect_json IS NOT NULL OR $4 <> 'waiting')
    RETURNING id, effect_json, not_before, caused_at, decided_at, settled_at, doubtful";
const HELD_BACK: &str = "UPDATE outbox SET state = 'parked', problem = $4, settled_at = $5, doubtful = 0
    WHERE thread_id = $1 AND effect_id >= $2 AND effect_id <= $3 AND state = 'waiting' RETURNING id";
const REWRITE: &str = "UPDATE outbox SET effect_json = $2 WHERE id = $1 AND state = 'waiting'";
const DELAYS: &str = "UPDATE outbox SET not_before = j.value ->> 'not_before', attempts = j.value ->> 'attempts',
        doubtful = j.value ->> 'doubtful', problem = j.value ->> 'problem',
        bundle = CASE WHEN j.value ->> 'alone' THEN NULL ELSE outbox.bundle END
    FROM json_each(?) AS j WHERE outbox.id = (j.value ->> 'id') AND outbox.state = 'waiting'";
const RETRIED: &str = "INSERT INTO attempt
        (outbox_id, number, problem, begun_at, first_at, last_at, times, doubtful, not_before)
    SELECT o.id, j.value ->> 'attempts', j.value ->> 'problem', coalesce(o.attempted_at, j.value ->> 'at'),
           j.value ->> 'at', j.value ->> 'at', 1, j.value ->> 'doubtful', j.value ->> 'not_before'
    FROM json_each(?) AS j JOIN outbox AS o ON o.id = (j.value ->> 'id') WHERE o.state = 'waiting'
    ON CONFLICT (outbox_id, number, problem) DO UPDATE SET last_at = excluded.last_at, times = attempt.times + 1,
        doubtful = excluded.doubtful, not_before = excluded.not_before";
const OUTBOX_NEW: &str = "SELECT id FROM outbox WHERE id >= $1 AND id < $2 ORDER BY id";
const RELEASED: &str =
    "SELECT key, event_json, received_at FROM held WHERE channel_id = $1 AND thread_ts = $2 ORDER BY received_at, key";
const UNHOLD: &str = "DELETE FROM held WHERE channel_id = $1 AND thread_ts = $2";
const SWEPT: &str = "UPDATE link SET swept_ts = j.value ->> 'swept_ts' FROM json_each(?) AS j
    WHERE link.channel_id = (j.value ->> 'channel_id') AND link.thread_ts = (j.value ->> 'thread_ts')";
const SWEPT_BEFORE: &str = "UPDATE link_before SET swept_ts = j.value ->> 'swept_ts' FROM json_each(?) AS j
    WHERE link_before.channel_id = (j.value ->> 'channel_id') AND link_before.thread_ts = (j.value ->> 'thread_ts')";
const NUDGES: &str = "INSERT INTO nudge (ticket_id, asked, asked_at)
    SELECT value ->> 0, 1, value ->> 1 FROM json_each(?) WHERE true
    ON CONFLICT (ticket_id) DO UPDATE SET asked = nudge.asked + 1";
const NUDGES_ANSWERED: &str = "DELETE FROM nudge WHERE EXISTS (
    SELECT 1 FROM json_each(?) AS j WHERE nudge.ticket_id = (j.value ->> 0) AND nudge.asked <= (j.value ->> 1))";
const PEOPLE: &str = "INSERT INTO thread_person (user_id, thread_id)
    SELECT value ->> 'user_id', value ->> 'thread_id' FROM json_each(?) WHERE true
    ON CONFLICT (user_id, thread_id) DO NOTHING";
const BLANK_UNREAD: &str = "UPDATE unread SET raw = '' WHERE received_at < ? AND raw <> ''";
const FORGET_HELD: &str = "DELETE FROM held WHERE received_at < ?";
const FORGET_HELD_IN: &str = "DELETE FROM held WHERE channel_id = $1 AND received_at <= $2";
const DOUBT_WAITING: &str = "UPDATE outbox SET doubtful = 1 WHERE state = 'waiting'";
const FORGET_ATTEMPTS: &str = "DELETE FROM attempt WHERE last_at < ?";
// Old rows stand first, so few are looked at: what is not old yet, a month's worth, is not walked through each minute.
const BLANK_INBOX: &str = "UPDATE inbox SET event_json = NULL WHERE seq IN (
    SELECT seq FROM (SELECT seq, done_at FROM inbox WHERE event_json IS NOT NULL
        AND seq >= coalesce((SELECT CAST(value AS INTEGER) FROM setting WHERE name = 'blanked_inbox'), 0)
        ORDER BY seq LIMIT 5000) WHERE done_at < ? ORDER BY seq LIMIT 500)";
const BLANK_OUTBOX: &str = "UPDATE outbox SET effect_json = NULL WHERE id IN (
    SELECT id FROM (SELECT id, settled_at FROM outbox WHERE effect_json IS NOT NULL
        AND id >= coalesce((SELECT CAST(value AS INTEGER) FROM setting WHERE name = 'blanked_outbox'), 0)
        ORDER BY id LIMIT 5000) WHERE settled_at < ? ORDER BY id LIMIT 500)";
const BLANKED_INBOX: &str = "INSERT INTO setting (name, value)
    SELECT 'blanked_inbox', coalesce(min(seq), (SELECT max(seq) FROM inbox), 0) FROM inbox WHERE event_json IS NOT NULL
    AND seq >= coalesce((SELECT CAST(value AS INTEGER) FROM setting WHERE name = 'blanked_inbox'), 0)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";
const BLANKED_OUTBOX: &str = "INSERT INTO setting (name, value)
    SELECT 'blanked_outbox', coalesce(min(id), (SELECT max(id) FROM outbox), 0) FROM outbox WHERE effect_json IS NOT NULL
    AND id >= coalesce((SELECT CAST(value AS INTEGER) FROM setting WHERE name = 'blanked_outbox'), 0)
    ON CONFLICT (name) DO UPDATE SET value = excluded.value";

/// Notes that rows lost words just before, for whoever empties the log in which those still stand.
const WORDS_WENT: &str = "INSERT INTO setting (name, value) SELECT 'words_went', '1' WHERE changes() > 0
    ON CONFLICT (name) DO UPDATE SET value = '1'";

/// The next free ids; they come from the one writer, in the order of its commits. One that was given to what could not be
/// written is given to nothing else.
#[derive(Debug, Clone, Copy)]
pub(super) struct Counters {
    pub seq: i64,
    pub id: i64,
}

/// Writes several commits in one transaction; the results come in the order of `commits`.
///
/// # Errors
/// Nothing is written if the connection is not used again: the transaction may be open still.
pub(super) async fn write(
    db: &mut SqliteConnection,
    counters: &mut Counters,
    commits: &[Commit],
) -> Result<Vec<Committed>, sqlx::Error> {
    let mut results: Vec<Committed> = commits.iter().map(|_| Committed::default()).collect();
    let mut script = Script::default();
    script.add("BEGIN IMMEDIATE");
    let inbox: Vec<&InboxWrite> = commits.iter().flat_map(|c| &c.inbox).collect();
    let first = counters.seq;
    let whole = matches!(commits, [commit] if !commit.unless_known);
    add_inbox(db, &mut script, counters, &inbox).await?;
    if !whole && !inbox.is_empty() {
        script.run(db).await?;
        let new = new_ids(db, INBOX_NEW, first, inbox.len(), script.written(Counted::Events)).await?;
        give(commits, &mut results, first, &new);
    }
    let all = commits;
    let nothing = Commit::default();
    let commits: Vec<&Commit> = commits
        .iter()
        .zip(&results)
        .map(|(commit, result)| if commit.unless_known && result.is_known() { &nothing } else { commit })
        .collect();
    if commits.iter().any(|commit| commit.is_rare()) {
        write_rare(db, &mut script, counters, &commits, &mut results).await?;
    }
    let new = write_common(db, &mut script, counters, &commits, &mut results).await?;
    let mut at = counters.id - commits.iter().map(|commit| commit.outbox.len() as i64).sum::<i64>();
    for (commit, result) in commits.iter().zip(&mut results) {
        result.outbox = given(&mut at, commit.outbox.len(), &new);
    }
    if whole && !inbox.is_empty() {
        let new = new_ids(db, INBOX_NEW, first, inbox.len(), script.written(Counted::Events)).await?;
        give(all, &mut results, first, &new);
    }
    Ok(results)
}

/// What every message needs, and the end of the transaction. Says which calls were new.
async fn write_common(
    db: &mut SqliteConnection,
    script: &mut Script,
    counters: &mut Counters,
    commits: &[&Commit],
    results: &mut [Committed],
) -> Result<Vec<i64>, sqlx::Error> {
    let done: Vec<&Done> = commits.iter().flat_map(|c| &c.done).collect();
    let settled: Vec<&Settle> = commits.iter().flat_map(|c| &c.settled).collect();
    let attempts: Vec<&Attempt> = commits.iter().flat_map(|c| &c.attempts).collect();
    let outbox: Vec<&OutboxWrite> = commits.iter().flat_map(|c| &c.outbox).collect();
    let first = counters.id;
    counters.id += outbox.len() as i64;
    let most = done.len().max(settled.len()).max(attempts.len()).max(outbox.len());
    for round in 0..most.div_ceil(MOST_ROWS) {
        if round > 0 {
            script.run(db).await?;
        }
        let (done, settled) = (part(&done, round), part(&settled, round));
        let (attempts, outbox) = (part(&attempts, round), part(&outbox, round));
        let widest = done.len().max(settled.len()).max(attempts.len()).max(outbox.len());
        script.rows(&DONE, done, 0, widest)?;
        script.rows(&SETTLED, settled, 0, widest)?;
        script.rows(&ATTEMPTS, attempts, 0, widest)?;
        script.rows(&OUTBOX, outbox, first + (round * MOST_ROWS) as i64, widest)?;
    }
    // After what is settled: it may have been parked in this very transaction.
    for (commit, result) in commits.iter().zip(results).filter(|(commit, _)| commit.parks()) {
        script.run(db).await?;
        for row in &commit.held_back {
            result.held_back.extend(hold_back(db, row).await?);
        }
        for row in &commit.unparked {
            result.unparked.extend(unpark(db, row).await?);
        }
        for row in &commit.forgotten {
            result.given_up.extend(erase::forget(db, row).await?);
        }
        if let Some(erased) = &commit.erased {
            result.erased += erase::erase(db, erased).await?;
        }
    }
    script.add("COMMIT");
    script.run(db).await?;
    new_ids(db, OUTBOX_NEW, first, outbox.len(), script.written(Counted::Calls)).await
}

/// What few commits need.
async fn write_rare(
    db: &mut SqliteConnection,
    script: &mut Script,
    counters: &mut Counters,
    commits: &[&Commit],
    results: &mut [Committed],
) -> Result<(), sqlx::Error> {
    script.each(SETTINGS, commits.iter().flat_map(|c| &c.settings))?;
    script.each(UNREAD, commits.iter().flat_map(|c| &c.unread))?;
    script.each(HELD, commits.iter().flat_map(|c| &c.held))?;
    let threads: Vec<&ThreadWrite> = commits.iter().flat_map(|c| &c.threads).collect();
    for threads in threads.chunks(MOST_ROWS) {
        script.rows(&THREADS_GO_ON, threads, 0, threads.len())?;
        if commits.len() > 1 {
            script.run(db).await?;
            if script.written(Counted::Threads) == threads.len() as u64 {
                continue;
            }
        }
        script.rows(&THREADS, threads, 0, threads.len())?;
    }
    script.each(LINKS_BEFORE, commits.iter().flat_map(|c| &c.links))?;
    script.each(LINKS_BEFORE_MOVE, commits.iter().flat_map(|c| &c.links))?;
    script.each(LINKS, commits.iter().flat_map(|c| &c.links))?;
    script.each(DELAYS, commits.iter().flat_map(|c| &c.delays))?;
    script.each(RETRIED, commits.iter().flat_map(|c| &c.delays))?;
    script.each(SWEPT, commits.iter().flat_map(|c| &c.swept))?;
    script.each(SWEPT_BEFORE, commits.iter().flat_map(|c| &c.swept))?;
    script.each(NUDGES, commits.iter().flat_map(|c| &c.nudges))?;
    follow_up::write(script, commits)?;
    conclusion::write(script, commits)?;
    script.each(PEOPLE, commits.iter().flat_map(|c| &c.people))?;
    script.each(NUDGES_ANSWERED, commits.iter().flat_map(|c| &c.nudges_answered))?;
    for (commit, result) in commits.iter().zip(results) {
        if !(commit.rewrites.is_empty() && commit.unparked.is_empty() && commit.releases.is_empty()) {
            script.run(db).await?;
        }
        for (id, effect) in &commit.rewrites {
            sqlx::query(REWRITE).bind(id).bind(effect.get()).execute(&mut *db).await?;
        }
        for row in &commit.unparked {
            result.unparked.extend(unpark(db, row).await?);
        }
        for release in &commit.releases {
            result.released.extend(unhold(db, counters, release).await?);
        }
        if !commit.forget_held_in.is_empty() {
            script.run(db).await?;
            forget_held_in(db, &commit.forget_held_in).await?;
        }
        if commit.doubt_waiting {
            script.add(DOUBT_WAITING);
        }
        if let Some(before) = commit.forget_held_before {
            script.with(FORGET_HELD, before)?;
            script.add(WORDS_WENT);
        }
        if let Some(before) = commit.blank_before {
            for blank in [BLANK_INBOX, BLANK_OUTBOX, FORGET_ATTEMPTS, BLANK_UNREAD] {
                script.with(blank, before)?;
                script.add(WORDS_WENT);
            }
            script.add(BLANKED_INBOX);
            script.add(BLANKED_OUTBOX);
        }
    }
    Ok(())
}

/// Deletes messages that nobody was to keep. SQLite overwrites where they stood (`secure_delete`).
async fn forget_held_in(db: &mut SqliteConnection, channels: &[(String, i64)]) -> Result<(), sqlx::Error> {
    for (channel, until) in channels {
        sqlx::query(FORGET_HELD_IN).bind(channel).bind(until).execute(&mut *db).await?;
    }
    Ok(())
}

fn part<'a, T>(rows: &'a [&'a T], round: usize) -> &'a [&'a T] {
    rows.chunks(MOST_ROWS).nth(round).unwrap_or_default()
}

/// Adds events. All but the last rows of many are run.
async fn add_inbox(
    db: &mut SqliteConnection,
    script: &mut Script,
    counters: &mut Counters,
    rows: &[&InboxWrite],
) -> Result<(), sqlx::Error> {
    for (round, rows) in rows.chunks(MOST_ROWS).enumerate() {
        if round > 0 {
            script.run(db).await?;
        }
        script.rows(&INBOX, rows, counters.seq, rows.len())?;
        counters.seq += rows.len() as i64;
    }
    Ok(())
}

/// Which of `rows` ids from `first` on were inserted. All, most often; then nothing is asked.
async fn new_ids(
    db: &mut SqliteConnection,
    sql: &'static str,
    first: i64,
    rows: usize,
    written: u64,
) -> Result<Vec<i64>, sqlx::Error> {
    let end = first + rows as i64;
    if rows == 0 || written == rows as u64 {
        return Ok((first..end).collect());
    }
    let found = sqlx::query(sql).bind(first).bind(end).fetch_all(&mut *db).await?;
    found.iter().map(|row| row.try_get(0)).collect()
}

fn give(commits: &[Commit], results: &mut [Committed], first: i64, new: &[i64]) {
    let mut at = first;
    for (commit, result) in commits.iter().zip(results) {
        result.inbox = given(&mut at, commit.inbox.len(), new);
    }
}

fn given(at: &mut i64, rows: usize, new: &[i64]) -> Vec<Option<i64>> {
    let ids = *at..*at + rows as i64;
    *at += rows as i64;
    ids.map(|id| new.binary_search(&id).is_ok().then_some(id)).collect()
}

async fn unpark(db: &mut SqliteConnection, row: &Unparked) -> Result<Vec<UnparkedRow>, sqlx::Error> {
    let query = sqlx::query(UNPARKED).bind(&row.thread_id).bind(&row.from).bind(&row.to);
    let rows = query.bind(row.state).bind(row.at).fetch_all(&mut *db).await?;
    if row.state != "waiting" {
        return Ok(Vec::new());
    }
    let read = |found: &SqliteRow| {
        let effect: String = found.try_get(1)?;
        Ok(UnparkedRow {
            id: found.try_get(0)?,
            effect: serde_json::from_str(&effect).map_err(|error| sqlx::Error::Decode(Box::new(error)))?,
            not_before: found.try_get(2)?,
            caused_at: found.try_get(3)?,
            decided_at: found.try_get(4)?,
            settled_at: found.try_get::<Option<i64>, _>(5)?.unwrap_or(row.at),
            doubtful: found.try_get::<i64, _>(6)? != 0,
        })
    };
    rows.iter().map(read).collect()
}

async fn hold_back(db: &mut SqliteConnection, row: &HeldBack) -> Result<Vec<i64>, sqlx::Error> {
    let query = sqlx::query(HELD_BACK).bind(&row.thread_id).bind(&row.from).bind(&row.to);
    let rows = query.bind(&row.problem).bind(row.at).fetch_all(&mut *db).await?;
    rows.iter().map(|row| row.try_get(0)).collect()
}

async fn unhold(
    db: &mut SqliteConnection,
    counters: &mut Counters,
    release: &Release,
) -> Result<Vec<InboxRow>, sqlx::Error> {
    let rows = sqlx::query(RELEASED).bind(&release.channel_id).bind(&release.thread_ts).fetch_all(&mut *db).await?;
    if rows.is_empty() {
        return Ok(Vec::new());
    }
    let mut writes = Vec::with_capacity(rows.len());
    for row in rows {
        let event: String = row.try_get(1)?;
        writes.push(InboxWrite {
            source: "slack",
            key: row.try_get(0)?,
            thread_id: release.thread_id.clone(),
            event: Some(RawValue::from_string(event).map_err(|error| sqlx::Error::Decode(Box::new(error)))?),
            received_at: row.try_get(2)?,
            done: false,
            ignored: None,
        });
    }
    let mut at = counters.seq;
    let mut script = Script::default();
    add_inbox(db, &mut script, counters, &writes.iter().collect::<Vec<_>>()).await?;
    script.run(db).await?;
    let new = new_ids(db, INBOX_NEW, at, writes.len(), script.written(Counted::Events)).await?;
    sqlx::query(UNHOLD).bind(&release.channel_id).bind(&release.thread_ts).execute(&mut *db).await?;
    let seqs = given(&mut at, writes.len(), &new);
    Ok(writes
        .into_iter()
        .zip(seqs)
        .filter_map(|(write, seq)| {
            Some(InboxRow { seq: seq?, thread_id: write.thread_id, event_json: write.event?.get().to_owned() })
        })
        .collect())
}
