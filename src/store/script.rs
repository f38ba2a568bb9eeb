//! Several statements in one hand-over to the driver.
//!
//! The driver runs SQLite on a thread of its own, and each hand-over wakes two threads, which costs more than most
//! statements do. So what a commit needs goes over in as few pieces as its answers allow. What every message needs
//! goes in rows of bound values ([`Rows`]): few sizes, filled up with empty rows, so that few texts are ever prepared.

use futures_util::TryStreamExt;
use serde::Serialize;
use sqlx::error::BoxDynError;
use sqlx::sqlite::{SqliteArguments, SqliteRow};
use sqlx::{Arguments, AssertSqlSafe, Either, Executor, SqliteConnection};

/// How many rows share a statement at most.
pub(super) const MOST_ROWS: usize = 64;
/// How many rows a statement has, filled up or not.
const SIZES: [usize; 4] = [1, 4, 16, MOST_ROWS];

/// Adds the values of a row, whose id is given where the app makes one.
type Bind<T> = fn(&mut SqliteArguments, i64, &T) -> Result<(), BoxDynError>;

/// What is counted as it is written.
#[derive(Debug, Clone, Copy)]
pub(super) enum Counted {
    Events,
    Threads,
    Calls,
}

/// A statement that takes many rows of bound values, and passes over rows whose first value is NULL.
pub(super) struct Rows<T: 'static> {
    before: &'static str,
    columns: usize,
    after: &'static str,
    bind: Bind<T>,
    counted: Option<Counted>,
}

impl<T> Rows<T> {
    /// The rows stand between `before` and `after`; `bind` adds `columns` values.
    pub(super) const fn new(before: &'static str, columns: usize, after: &'static str, bind: Bind<T>) -> Self {
        Rows { before, columns, after, bind, counted: None }
    }

    /// The same, counted.
    pub(super) const fn counted(self, as_what: Counted) -> Self {
        Rows { counted: Some(as_what), ..self }
    }
}

/// Statements that are handed over together.
#[derive(Default)]
pub(super) struct Script {
    text: String,
    values: SqliteArguments,
    statements: usize,
    /// Statements that are counted, by their place.
    counted: Vec<(usize, Counted)>,
    written: [u64; 3],
}

impl Script {
    /// Adds a statement without values.
    pub(super) fn add(&mut self, sql: &'static str) {
        self.text.push_str(sql);
        self.text.push(';');
        self.statements += 1;
    }

    /// Adds a statement whose one value is `?`.
    ///
    /// # Errors
    /// The value cannot be encoded.
    pub(super) fn with(&mut self, sql: &'static str, value: i64) -> Result<(), sqlx::Error> {
        self.add(sql);
        self.values.add(value).map_err(sqlx::Error::Encode)
    }

    /// Adds a statement whose one value, `?`, is the JSON array of `rows`; none if there are none.
    ///
    /// # Errors
    /// A row cannot be written as JSON.
    pub(super) fn each<'a, T: Serialize + 'a>(
        &mut self,
        sql: &'static str,
        rows: impl Iterator<Item = &'a T>,
    ) -> Result<(), sqlx::Error> {
        let rows: Vec<&T> = rows.collect();
        if rows.is_empty() {
            return Ok(());
        }
        let json = serde_json::to_string(&rows).map_err(|error| sqlx::Error::Encode(Box::new(error)))?;
        self.add(sql);
        self.values.add(json).map_err(sqlx::Error::Encode)
    }

    /// Adds a statement for all `rows`, at most [`MOST_ROWS`], whose ids begin at `first`; none if there are none. It is
    /// made for as many rows as `widest` asks for, so that statements that go together have one size.
    ///
    /// # Errors
    /// A value cannot be encoded.
    pub(super) fn rows<T>(
        &mut self,
        statement: &Rows<T>,
        rows: &[&T],
        first: i64,
        widest: usize,
    ) -> Result<(), sqlx::Error> {
        if rows.is_empty() {
            return Ok(());
        }
        let size = SIZES.into_iter().find(|size| *size >= widest).unwrap_or(MOST_ROWS);
        self.text.push_str(statement.before);
        // Without numbers: for a named parameter the driver asks SQLite for its name, which looks through all of them.
        for row in 0..size {
            self.text.push_str(if row == 0 { " (?" } else { ",(?" });
            for _ in 1..statement.columns {
                self.text.push_str(",?");
            }
            self.text.push(')');
        }
        self.text.push_str(statement.after);
        self.text.push(';');
        self.counted.extend(statement.counted.map(|counted| (self.statements, counted)));
        self.statements += 1;
        self.values.reserve(size * statement.columns, 0);
        for (id, row) in (first..).zip(rows) {
            (statement.bind)(&mut self.values, id, row).map_err(sqlx::Error::Encode)?;
        }
        for _ in rows.len() * statement.columns..size * statement.columns {
            self.values.add(None::<i64>).map_err(sqlx::Error::Encode)?;
        }
        Ok(())
    }

    /// Runs `N` statements that read; gives the rows of each.
    ///
    /// # Errors
    /// A statement failed.
    pub(super) async fn read<const N: usize>(
        self,
        db: &mut SqliteConnection,
    ) -> Result<[Vec<SqliteRow>; N], sqlx::Error> {
        let query = sqlx::query_with(AssertSqlSafe(self.text), self.values);
        let mut answers = db.fetch_many(query);
        let mut rows = [const { Vec::new() }; N];
        let mut statement = 0;
        while let Some(answer) = answers.try_next().await? {
            match answer {
                Either::Left(_) => statement += 1,
                Either::Right(row) => rows[statement].push(row),
            }
        }
        Ok(rows)
    }

    /// Runs what was added so far.
    ///
    /// # Errors
    /// A statement failed; those before it have been run.
    pub(super) async fn run(&mut self, db: &mut SqliteConnection) -> Result<(), sqlx::Error> {
        let Script { text, values, statements, counted, mut written } = std::mem::take(self);
        if statements > 0 {
            // The text is made of static pieces and question marks.
            let query = sqlx::query_with(AssertSqlSafe(text), values);
            let mut answers = db.fetch_many(query);
            let mut statement = 0;
            while let Some(answer) = answers.try_next().await? {
                if let Either::Left(done) = answer {
                    for (_, counted) in counted.iter().filter(|(place, _)| *place == statement) {
                        written[*counted as usize] += done.rows_affected();
                    }
                    statement += 1;
                }
            }
        }
        self.written = written;
        Ok(())
    }

    /// How many rows were written of what is counted, since this was last asked.
    pub(super) fn written(&mut self, counted: Counted) -> u64 {
        std::mem::take(&mut self.written[counted as usize])
    }
}
