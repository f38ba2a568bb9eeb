//! What is believed for now: one row for each who goes by it.

use serde::Serialize;
use sqlx::Row;

use super::commit::Commit;
use super::script::Script;
use super::{Store, StoreError};

const BEGUN: &str = "INSERT INTO conclusion (about, subject, holder, why, since_at)
    SELECT value ->> 'about', value ->> 'subject', value ->> 'holder', value ->> 'why', value ->> 'at'
    FROM json_each(?) WHERE value ->> 'turn' = 'begins'
    ON CONFLICT (about, subject, holder) DO UPDATE SET why = excluded.why, over_at = NULL";
const OVER_UNTOLD: &str = "DELETE FROM conclusion WHERE told_at IS NULL AND EXISTS (SELECT 1 FROM json_each(?) AS j
    WHERE j.value ->> 'turn' = 'ends' AND conclusion.about = (j.value ->> 'about')
        AND conclusion.subject = (j.value ->> 'subject') AND conclusion.holder = (j.value ->> 'holder'))";
const OVER: &str = "UPDATE conclusion SET over_at = j.value ->> 'at' FROM json_each(?) AS j
    WHERE j.value ->> 'turn' = 'ends' AND conclusion.about = (j.value ->> 'about')
        AND conclusion.subject = (j.value ->> 'subject') AND conclusion.holder = (j.value ->> 'holder')";
const TOLD: &str = "UPDATE conclusion SET told_at = j.value ->> 'at' FROM json_each(?) AS j
    WHERE j.value ->> 'turn' = 'told' AND conclusion.about = (j.value ->> 'about')
        AND conclusion.subject = (j.value ->> 'subject')";
const FORGOTTEN: &str = "DELETE FROM conclusion WHERE over_at IS NOT NULL AND EXISTS (SELECT 1 FROM json_each(?) AS j
    WHERE j.value ->> 'turn' = 'forgotten' AND conclusion.about = (j.value ->> 'about')
        AND conclusion.subject = (j.value ->> 'subject'))";
const ALL: &str =
    "SELECT about, subject, holder, why, since_at, told_at, over_at FROM conclusion ORDER BY about, subject, since_at";

/// What becomes of a conclusion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Turn {
    /// Somebody goes by it from now on.
    Begins,
    /// Somebody goes by it no longer.
    Ends,
    /// The operator was told of it, whoever goes by it.
    Told,
    /// The operator was told that it is over.
    Forgotten,
}

/// A change of what is believed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConclusionWrite {
    /// What kind of thing it is about.
    pub about: &'static str,
    /// Which one.
    pub subject: String,
    /// The thread that goes by it; empty if it is the app as a whole.
    pub holder: String,
    /// Why.
    pub why: String,
    /// When it changed, in milliseconds since 1970.
    pub at: i64,
    /// How.
    pub turn: Turn,
}

/// What somebody goes by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConclusionRow {
    /// What kind of thing it is about.
    pub about: String,
    /// Which one.
    pub subject: String,
    /// The thread that goes by it; empty if it is the app as a whole.
    pub holder: String,
    /// Why.
    pub why: String,
    /// Since when, in milliseconds since 1970.
    pub since_at: i64,
    /// Whether the operator was told.
    pub told: bool,
    /// Whether it is over.
    pub over: bool,
}

pub(super) fn write(script: &mut Script, commits: &[&Commit]) -> Result<(), sqlx::Error> {
    for sql in [BEGUN, OVER_UNTOLD, OVER, TOLD, FORGOTTEN] {
        script.each(sql, commits.iter().flat_map(|c| &c.conclusions))?;
    }
    Ok(())
}

impl Store {
    /// All that is believed for now, and what is over and was not told to be.
    ///
    /// # Errors
    /// The database failed.
    pub async fn conclusions(&self) -> Result<Vec<ConclusionRow>, StoreError> {
        let rows = sqlx::query(ALL).fetch_all(&mut *self.readers.one().await?).await?;
        rows.iter()
            .map(|row| {
                Ok(ConclusionRow {
                    about: row.try_get(0)?,
                    subject: row.try_get(1)?,
                    holder: row.try_get(2)?,
                    why: row.try_get(3)?,
                    since_at: row.try_get(4)?,
                    told: row.try_get::<Option<i64>, _>(5)?.is_some(),
                    over: row.try_get::<Option<i64>, _>(6)?.is_some(),
                })
            })
            .collect()
    }
}
