//! What is recorded, and what is played.

use std::io::{Read, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};

use super::pace::PacedClock;
use crate::engine::clock::{Clock, SystemClock};
use crate::sandbox::Sandbox;
use crate::sandbox::record::{Recording, Report, harmless};

/// The most that a recording may be to be played, in bytes.
const LARGEST: u64 = 1 << 30;

/// A clock for a demo, and how its bridge is told of it.
pub(super) struct Time {
    pub(super) clock: Arc<dyn Clock>,
    pub(super) told: Option<String>,
}

impl Time {
    /// The machine's, or that of a recording at a multiple of its pace.
    pub(super) fn of(played: Option<&Recording>, speed: f64) -> Time {
        match played {
            None => Time { clock: Arc::new(SystemClock), told: None },
            Some(recording) => {
                let clock = PacedClock::showing(recording.head.began_ms, speed);
                Time { clock: Arc::new(clock), told: Some(clock.to_string()) }
            }
        }
    }
}

/// Reads what is to be played.
pub(super) fn read(path: &Path) -> anyhow::Result<Recording> {
    let shown = path.display();
    let unread = || format!("{shown} cannot be read");
    // Looked at first: to open a pipe that nobody writes into would wait for ever.
    if !std::fs::metadata(path).with_context(unread)?.is_file() {
        bail!("{shown} is not a file, so it cannot be played");
    }
    let mut text = String::new();
    std::fs::File::open(path).and_then(|file| file.take(LARGEST + 1).read_to_string(&mut text)).with_context(unread)?;
    if text.len() as u64 > LARGEST {
        bail!("{shown} is larger than a recording that can be played");
    }
    Recording::read(&text).map_err(|why| anyhow::anyhow!("{shown} cannot be played: {}", harmless(&why)))
}

/// A file for a recording, for this user alone. One that is there already is not touched.
pub(super) fn file(path: &Path) -> anyhow::Result<Box<dyn Write + Send>> {
    let mut options = std::fs::OpenOptions::new();
    options.append(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        Ok(file) => Ok(Box::new(file)),
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            bail!("{} exists already; name another file", path.display())
        }
        Err(error) => Err(error).with_context(|| format!("{} cannot be written", path.display())),
    }
}

/// Whether the bridge still has something in hand, or is about to.
pub(super) async fn is_busy(sandbox: &Sandbox) -> Option<bool> {
    // First what is on its way to the bridge: what arrives meanwhile is in its hand then.
    let is_on_the_way = sandbox.slack.pending() + sandbox.zendesk.pending() > 0;
    let lanes = sandbox.operator.lanes_at_once().await?;
    let counts = &lanes["counts"];
    let in_hand = ["unhandled", "waiting"].iter().any(|count| counts[*count].as_u64() != Some(0));
    let nudged = lanes["nudges"].as_array().is_some_and(|nudges| !nudges.is_empty());
    Some(is_on_the_way || in_hand || nudged)
}

/// Says what came of a replay.
pub(super) fn tell(report: &Report, base_url: Option<&str>) {
    let mut said = report.to_string();
    if let Some(base_url) = base_url {
        said.push_str(&format!("Everything stands at {base_url}/ as it is at the end; Ctrl-C ends it.\n"));
    }
    let _ = std::io::stdout().write_all(said.as_bytes());
}
