//! The statements for what every message needs, and how its rows are bound to them.

use serde_json::value::RawValue;
use sqlx::Arguments;
use sqlx::error::BoxDynError;
use sqlx::sqlite::SqliteArguments;

use super::super::commit::{Attempt, Done, InboxWrite, OutboxWrite, Settle, ThreadWrite};
use super::super::script::{Counted, Rows};

// column1 and so on are the names that SQLite and PostgreSQL give the columns of VALUES.
pub(super) static INBOX: Rows<InboxWrite> = Rows::new(
    "INSERT INTO inbox (seq, source, key, thread_id, event_json, received_at, done_at, ignored)
        SELECT column1, column2, column3, column4, column5, column6, column7, column8 FROM (VALUES",
    8,
    ") AS j WHERE column1 IS NOT NULL ON CONFLICT (source, key) DO NOTHING",
    bind_inbox,
)
.counted(Counted::Events);
// For those that THREADS_GO_ON has not written.
pub(super) static THREADS: Rows<ThreadWrite> = Rows::new(
    "INSERT INTO thread (id, side_conversation_id, ticket_id, place, state, thread_json, card_json, updated_at)
        SELECT column1, column2, column3, column4, column5, column6, column7, column8 FROM (VALUES",
    8,
    ") AS j WHERE column1 IS NOT NULL AND NOT EXISTS (SELECT 1 FROM thread AS t
            WHERE t.id = column1 AND t.side_conversation_id = column2 AND t.ticket_id = column3)
        ON CONFLICT (id) DO UPDATE SET side_conversation_id = excluded.side_conversation_id, ticket_id = excluded.ticket_id,
        place = excluded.place, state = excluded.state, thread_json = excluded.thread_json,
        card_json = coalesce(excluded.card_json, thread.card_json), updated_at = excluded.updated_at",
    bind_thread,
);
// An upsert writes the indexes of every column that it names, changed or not: three pages for each thread instead of
// one. So what changes with every message has a statement of its own.
pub(super) static THREADS_GO_ON: Rows<ThreadWrite> = Rows::new(
    "UPDATE thread SET place = j.column4, state = j.column5, thread_json = j.column6,
        card_json = coalesce(j.column7, thread.card_json), updated_at = j.column8 FROM (VALUES",
    8,
    ") AS j WHERE thread.id = j.column1 AND thread.side_conversation_id = j.column2 AND thread.ticket_id = j.column3",
    bind_thread,
)
.counted(Counted::Threads);
pub(super) static DONE: Rows<Done> = Rows::new(
    "UPDATE inbox SET done_at = j.column2, ignored = j.column3,
        event_json = CASE WHEN j.column4 THEN NULL ELSE inbox.event_json END FROM (VALUES",
    4,
    ") AS j WHERE inbox.seq = j.column1",
    bind_done,
);
pub(super) static SETTLED: Rows<Settle> = Rows::new(
    "UPDATE outbox SET state = j.column2, result = j.column3, problem = coalesce(j.column4, outbox.problem),
        settled_at = j.column5, doubtful = j.column6 FROM (VALUES",
    6,
    ") AS j WHERE outbox.id = j.column1 AND outbox.state = 'waiting'",
    bind_settled,
);
pub(super) static ATTEMPTS: Rows<Attempt> = Rows::new(
    "UPDATE outbox SET attempts = outbox.attempts + 1, attempted_at = j.column2, doubtful = 1,
        bundle = coalesce(j.column3, outbox.bundle) FROM (VALUES",
    3,
    ") AS j WHERE outbox.id = j.column1 AND outbox.state = 'waiting'",
    bind_attempt,
);
pub(super) static OUTBOX: Rows<OutboxWrite> = Rows::new(
    "INSERT INTO outbox (id, thread_id, effect_id, vendor, effect_json, decided_at, caused_at, not_before, attempts,
        attempted_at, doubtful, state)
        SELECT column1, column2, column3, column4, column5, column6, column7, column8, column9, column10, column11, 'waiting'
        FROM (VALUES",
    11,
    ") AS j WHERE column1 IS NOT NULL ON CONFLICT (effect_id, thread_id) DO NOTHING",
    bind_outbox,
)
.counted(Counted::Calls);

fn bind_inbox(values: &mut SqliteArguments, seq: i64, row: &InboxWrite) -> Result<(), BoxDynError> {
    values.add(seq)?;
    values.add(row.source)?;
    values.add(&row.key)?;
    values.add(&row.thread_id)?;
    values.add(row.event.as_deref().map(RawValue::get))?;
    values.add(row.received_at)?;
    values.add(row.done.then_some(row.received_at))?;
    values.add(row.ignored)
}

fn bind_outbox(values: &mut SqliteArguments, id: i64, row: &OutboxWrite) -> Result<(), BoxDynError> {
    values.add(id)?;
    values.add(&row.thread_id)?;
    values.add(&row.effect_id)?;
    values.add(row.vendor)?;
    values.add(row.effect.get())?;
    values.add(row.decided_at)?;
    values.add(row.caused_at)?;
    values.add(row.not_before)?;
    values.add(row.attempts)?;
    values.add((row.attempts > 0).then_some(row.decided_at))?;
    values.add(row.doubtful || row.attempts > 0)
}

fn bind_thread(values: &mut SqliteArguments, _: i64, row: &ThreadWrite) -> Result<(), BoxDynError> {
    values.add(&row.id)?;
    values.add(&row.side_conversation_id)?;
    values.add(row.ticket_id)?;
    values.add(row.place)?;
    values.add(row.state)?;
    values.add(row.thread.get())?;
    values.add(row.card.as_deref().map(RawValue::get))?;
    values.add(row.updated_at)
}

fn bind_done(values: &mut SqliteArguments, _: i64, row: &Done) -> Result<(), BoxDynError> {
    values.add(row.seq)?;
    values.add(row.done_at)?;
    values.add(row.ignored)?;
    values.add(row.forget)
}

fn bind_settled(values: &mut SqliteArguments, _: i64, row: &Settle) -> Result<(), BoxDynError> {
    values.add(row.id)?;
    values.add(row.state)?;
    values.add(row.result.as_deref())?;
    values.add(row.problem.as_deref())?;
    values.add(row.settled_at)?;
    values.add(row.doubtful)
}

fn bind_attempt(values: &mut SqliteArguments, _: i64, row: &Attempt) -> Result<(), BoxDynError> {
    values.add(row.id)?;
    values.add(row.attempted_at)?;
    values.add(row.bundle)
}
