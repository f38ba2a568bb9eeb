//! The threads that a command shows or means.

use sqlx::Row;
use sqlx::sqlite::SqliteRow;

use super::{Store, StoreError};

/// A thread of a channel, for a list.
#[derive(Debug, Clone)]
pub struct LinkedThread {
    /// The channel.
    pub channel_id: String,
    /// The thread's parent.
    pub thread_ts: String,
    /// The ticket.
    pub ticket_id: i64,
    /// The side conversation's subject.
    pub subject: String,
}

/// Which threads are asked for.
#[derive(Debug, Clone, Copy)]
pub enum Listed<'a> {
    /// Those of a channel in this state.
    InChannel(&'a str, &'a str),
    /// Those of a ticket that stand in a channel and are in this state.
    OfTicket(i64, &'a str, &'a str),
    /// The open ones that a person started or wrote in.
    OpenOf(&'a str),
}

const IN_CHANNEL: &str = "SELECT l.channel_id, l.thread_ts, l.ticket_id, t.thread_json ->> 'subject', count(*) OVER ()
    FROM link AS l JOIN thread AS t ON t.id = l.thread_id
    WHERE l.channel_id = $1 AND t.state = $2 ORDER BY l.thread_ts DESC LIMIT $3";
const OF_TICKET: &str = "SELECT l.channel_id, l.thread_ts, l.ticket_id, t.thread_json ->> 'subject', count(*) OVER ()
    FROM link AS l JOIN thread AS t ON t.id = l.thread_id
    WHERE l.ticket_id = $1 AND l.channel_id = $2 AND t.state = $3 ORDER BY l.thread_ts DESC LIMIT $4";
const OPEN_OF: &str = "SELECT l.channel_id, l.thread_ts, l.ticket_id, t.thread_json ->> 'subject', count(*) OVER ()
    FROM thread_person AS p JOIN thread AS t ON t.id = p.thread_id JOIN link AS l ON l.thread_id = t.id
    WHERE p.user_id = $1 AND t.state = 'open' ORDER BY l.thread_ts DESC LIMIT $2";

impl Store {
    /// The newest `limit` threads of those that are asked for, newest first, and how many there are.
    ///
    /// # Errors
    /// The database failed.
    pub async fn listed(&self, listed: Listed<'_>, limit: i64) -> Result<(Vec<LinkedThread>, usize), StoreError> {
        let query = match listed {
            Listed::InChannel(channel, state) => sqlx::query(IN_CHANNEL).bind(channel).bind(state),
            Listed::OfTicket(ticket_id, channel, state) => {
                sqlx::query(OF_TICKET).bind(ticket_id).bind(channel).bind(state)
            }
            Listed::OpenOf(user) => sqlx::query(OPEN_OF).bind(user),
        };
        let rows = query.bind(limit).fetch_all(&mut *self.readers.one().await?).await?;
        let count = rows.first().map(|row| row.try_get::<i64, _>(4)).transpose()?.unwrap_or(0);
        let threads = rows.iter().map(read).collect::<Result<_, StoreError>>()?;
        Ok((threads, usize::try_from(count).unwrap_or(0)))
    }
}

fn read(row: &SqliteRow) -> Result<LinkedThread, StoreError> {
    Ok(LinkedThread {
        channel_id: row.try_get(0)?,
        thread_ts: row.try_get(1)?,
        ticket_id: row.try_get(2)?,
        subject: row.try_get::<Option<String>, _>(3)?.unwrap_or_default(),
    })
}
