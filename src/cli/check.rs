//! `sidethread check`: asks both vendors whether what is set would work, and says what to do if not.
//!
//! It changes nothing at either vendor. What it sees of the public address it sees from this machine. What it prints holds no secret: a finding is made of our own
//! words, names of settings, and names of people, workspaces and channels.

mod ask;
mod channels;
mod example;
mod reach;
mod slack;
#[cfg(test)]
mod tests;
mod zendesk;

use std::fmt;
use std::fs::OpenOptions;
use std::path::Path;
use std::sync::Arc;

use self::ask::Asker;
use super::words::clean;
use crate::config::Config;
use crate::engine::clock::Clock;
use crate::wire::Wire;

/// How good or bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// It works.
    Ok,
    /// It works, with a limit that one should know.
    Warn,
    /// It does not work.
    Fail,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How good or bad it is.
    pub level: Level,
    /// What was found, a sentence.
    pub what: String,
    /// What to do about it, a sentence.
    pub remedy: Option<String>,
}

/// Everything that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    /// In the order in which it was looked at.
    pub findings: Vec<Finding>,
    /// Where the vendors are to deliver, which cannot be tried from here.
    pub delivered_at: String,
}

impl Report {
    /// Whether the bridge can start: nothing failed.
    pub fn ok(&self) -> bool {
        self.count(Level::Fail) == 0
    }

    fn count(&self, level: Level) -> usize {
        self.findings.iter().filter(|finding| finding.level == level).count()
    }

    fn good(&mut self, what: impl Into<String>) {
        self.findings.push(Finding { level: Level::Ok, what: what.into(), remedy: None });
    }

    fn warn(&mut self, what: impl Into<String>, remedy: impl Into<String>) {
        self.findings.push(Finding { level: Level::Warn, what: what.into(), remedy: Some(remedy.into()) });
    }

    fn fail(&mut self, what: impl Into<String>, remedy: impl Into<String>) {
        self.findings.push(Finding { level: Level::Fail, what: what.into(), remedy: Some(remedy.into()) });
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            let mark = match finding.level {
                Level::Ok => "ok  ",
                Level::Warn => "note",
                Level::Fail => "FAIL",
            };
            writeln!(f, "{mark}  {}", clean(&finding.what))?;
            if let Some(remedy) = &finding.remedy {
                writeln!(f, "      {}", clean(remedy))?;
            }
        }
        match (self.count(Level::Fail), self.count(Level::Warn)) {
            (0, 0) => writeln!(f, "\nEverything that can be checked from here is in order.")?,
            (0, _) => {
                writeln!(f, "\nEverything that can be checked from here will work. Please read the notes above.")?
            }
            (1, _) => return writeln!(f, "\nFix this one thing before you start the bridge."),
            (some, _) => return writeln!(f, "\nFix these {some} things before you start the bridge."),
        }
        writeln!(
            f,
            "Not checked from here: whether Slack and Zendesk reach {}, and whether Zendesk's webhook and triggers are as\n\
             docs/install.md says. Start the bridge, then start a side conversation on a ticket: its card in Slack shows that they are.",
            self.delivered_at
        )
    }
}

/// Looks at the database, Slack and Zendesk, in this order.
pub async fn run(config: &Config, wire: Arc<dyn Wire>, clock: Arc<dyn Clock>) -> Report {
    let mut report = Report {
        delivered_at: config.server.public_url.as_str().trim_end_matches('/').to_owned(),
        ..Report::default()
    };
    for warning in &config.warnings {
        report.warn(warning.clone(), "It works for now; change it when you can.");
    }
    example::check(config, &mut report);
    database(&config.database.path, &mut report);
    let asker = Asker { wire: &*wire, clock: &*clock };
    if slack::check(config, &asker, &mut report).await {
        channels::check(config, &asker, &mut report).await;
    }
    zendesk::check(config, &asker, &mut report).await;
    reach::check(config, asker.wire, &mut report).await;
    report
}

fn database(path: &Path, report: &mut Report) {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let shown = path.display();
    if !folder.is_dir() {
        return report.fail(
            format!("The database's directory {} does not exist.", folder.display()),
            "Make it, or change database.url.",
        );
    }
    if path.exists()
        && let Err(error) = OpenOptions::new().read(true).append(true).open(path)
    {
        let what = format!("The database {shown} cannot be written: {}.", error.kind());
        return report.fail(what, "Give the file to the user that runs the bridge, or change database.url.");
    }
    // SQLite makes files of its own beside the database, so the directory must be writable too.
    let probe = folder.join(format!(".sidethread-check-{}", uuid::Uuid::now_v7()));
    match OpenOptions::new().write(true).create_new(true).open(&probe) {
        Ok(_) => {
            // A probe that stays behind harms nothing.
            let _ = std::fs::remove_file(&probe);
            report.good(format!("The database {shown} can be written."));
        }
        Err(error) => {
            let what = format!("The database's directory {} cannot be written: {}.", folder.display(), error.kind());
            report.fail(what, "Give it to the user that runs the bridge, or change database.url.");
        }
    }
}
