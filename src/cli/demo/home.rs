//! Where a demo keeps what it has: a folder that goes with it, or one that stays.
//!
//! What stays is written down every second in which something changes, whole but for the tickets, of which there may be
//! ten thousand: those that changed are added to a file of their own. `sandbox.json` says how much of that file counts
//! and takes the place of its predecessor in one step, so what a killed demo leaves is what it had about a second before.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, bail};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::sandbox::{Sandbox, Written};

/// The bridge's settings.
pub(super) const SETTINGS: &str = "sidethread.toml";
/// The bridge's database.
pub(super) const DATABASE: &str = "sidethread.db";
/// The fakes, and where they are reached: the bridge's database is for the account at that address.
const FIRM: &str = "sandbox.json";
/// What the folders that go are called, with more behind it.
const TEMPORARY: &str = "sidethread-demo-";
/// How much longer than its tickets their file may be before it is written anew, in bytes.
const ROOM: u64 = 16 << 20;
/// Locked for as long as the demo runs, however it ends.
const LOCK: &str = "lock";
/// The same, before it is locked: under this name nobody looks for it.
const LOCK_TO_BE: &str = "lock.part";

/// What an earlier demo left.
#[derive(Serialize, Deserialize)]
pub(super) struct Left {
    /// Where it listened.
    pub(super) listen: SocketAddr,
    /// Where the bridge found the vendors.
    pub(super) vendors: SocketAddr,
    /// The fakes, as the sandbox wrote them down.
    firm: Box<RawValue>,
    /// Where the tickets are; nowhere else than in the firm, in what older demos left.
    #[serde(default)]
    tickets: Option<Tickets>,
    #[serde(skip)]
    lines: String,
}

/// A file of tickets: its number, and how much of it counts.
#[derive(Clone, Copy, Serialize, Deserialize)]
struct Tickets {
    number: u64,
    bytes: u64,
}

/// The file that is added to, and how long it was when it held every ticket once.
#[derive(Clone, Copy)]
struct Open {
    tickets: Tickets,
    whole: u64,
}

/// A folder for this user alone.
pub(super) struct Home {
    pub(super) path: PathBuf,
    stays: bool,
    /// Nothing, as long as all the tickets are to be written.
    open: Mutex<Option<Open>>,
    _lock: Option<File>,
}

impl Left {
    /// The fakes, to be read.
    pub(super) fn written(self) -> Written {
        Written { firm: Box::<str>::from(self.firm).into(), tickets: self.lines }
    }
}

impl Tickets {
    fn path(self, folder: &Path) -> PathBuf {
        folder.join(format!("tickets-{}.jsonl", self.number))
    }

    fn read(self, folder: &Path) -> anyhow::Result<String> {
        let path = self.path(folder);
        let read = || {
            let mut text = String::new();
            File::open(&path)?.take(self.bytes).read_to_string(&mut text)?;
            Ok::<String, std::io::Error>(text)
        };
        let text = read().with_context(|| format!("{} cannot be read", path.display()))?;
        anyhow::ensure!(text.len() as u64 == self.bytes, "{} is shorter than it was", path.display());
        Ok(text)
    }

    /// Adds lines; whatever was added and never counted goes.
    fn add(self, folder: &Path, lines: &str) -> std::io::Result<Tickets> {
        if lines.is_empty() {
            return Ok(self);
        }
        let mut file = OpenOptions::new().append(true).open(self.path(folder))?;
        file.set_len(self.bytes)?;
        file.write_all(lines.as_bytes())?;
        file.sync_all()?;
        Ok(Tickets { bytes: self.bytes + lines.len() as u64, ..self })
    }

    /// The files of tickets in a folder, by number.
    fn all(folder: &Path) -> impl Iterator<Item = u64> {
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.filter_map(|entry| {
            let name = entry.file_name();
            name.to_str()?.strip_prefix("tickets-")?.strip_suffix(".jsonl")?.parse().ok()
        })
    }
}

impl Home {
    /// One that goes when it is dropped. Those of demos that were killed go as well.
    pub(super) fn temporary() -> anyhow::Result<Home> {
        Self::temporary_in(&std::env::temp_dir())
    }

    fn temporary_in(folder: &Path) -> anyhow::Result<Home> {
        let name = format!("{TEMPORARY}{}-{:08x}", std::process::id(), fastrand::u32(..));
        let path = folder.join(name);
        make(&path)?;
        let mut home = Home { path, stays: false, open: Mutex::default(), _lock: None };
        home._lock = Some(lock_in(&home.path).with_context(|| format!("{} cannot be used", home.path.display()))?);
        for left in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            if is_temporary(&left.file_name().to_string_lossy()) && left.path() != home.path {
                home.remove_if_left(&left.path());
            }
        }
        Ok(home)
    }

    /// Removes another demo's folder, if that demo was this user's and runs no more.
    fn remove_if_left(&self, other: &Path) {
        if !is_of_one_user(&self.path, other) {
            return;
        }
        // A demo that is about to begin has no lock yet.
        let Ok(lock) = File::open(other.join(LOCK)) else { return };
        match lock.try_lock() {
            Ok(()) => drop(std::fs::remove_dir_all(other)),
            Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
        }
    }

    /// One that stays, with what an earlier demo left in it.
    pub(super) fn kept(path: &Path) -> anyhow::Result<(Home, Option<Left>)> {
        match make(path) {
            Err(_) if path.is_dir() => {}
            made => made?,
        }
        #[cfg(unix)]
        super::private::on_the_way(path)?;
        let path = path.canonicalize().with_context(|| format!("{} cannot be used", path.display()))?;
        #[cfg(unix)]
        super::private::is(&path)?;
        let file = path.join(FIRM);
        if !file.exists() && [SETTINGS, DATABASE].iter().any(|name| path.join(name).exists()) {
            bail!("{} holds a bridge that is not a demo's; name another folder", path.display());
        }
        let lock = File::create(path.join(LOCK)).with_context(|| format!("{} cannot be used", path.display()))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => bail!("another demo runs in {}; name another folder", path.display()),
            Err(TryLockError::Error(error)) => return Err(error).context(format!("{} cannot be used", path.display())),
        }
        let left = match std::fs::read_to_string(&file) {
            Ok(text) => {
                let left: Left =
                    serde_json::from_str(&text).with_context(|| format!("{} does not read", file.display()))?;
                let lines = left.tickets.map(|tickets| tickets.read(&path)).transpose()?.unwrap_or_default();
                Some(Left { lines, ..left })
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
            Err(error) => return Err(error).with_context(|| format!("{} cannot be read", file.display())),
        };
        Ok((Home { path, stays: true, open: Mutex::default(), _lock: Some(lock) }, left))
    }

    /// Whether what is in it outlives the demo.
    pub(super) fn stays(&self) -> bool {
        self.stays
    }

    /// Writes the fakes down, in place of what was written before.
    pub(super) fn keep(&self, sandbox: &Sandbox, listen: SocketAddr, vendors: SocketAddr) -> anyhow::Result<()> {
        let mut last = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        // If anything fails from here on, the next time all is written.
        let open = last.take().filter(|open| open.tickets.bytes < 2 * open.whole + ROOM);
        let Written { firm, tickets: lines } = sandbox.keep(open.is_none())?;
        let now = match open {
            Some(open) => Open { tickets: open.tickets.add(&self.path, &lines)?, ..open },
            None => {
                let number = Tickets::all(&self.path).max().unwrap_or_default() + 1;
                let whole = lines.len() as u64;
                let tickets = Tickets { number, bytes: whole };
                write_privately(&tickets.path(&self.path), &lines)?;
                Open { tickets, whole }
            }
        };
        let (firm, tickets) = (RawValue::from_string(firm)?, Some(now.tickets));
        let text = serde_json::to_string(&Left { listen, vendors, firm, tickets, lines: String::new() })?;
        let (file, beside) = (self.path.join(FIRM), self.path.join("sandbox.json.part"));
        write_privately(&beside, &text).and_then(|()| std::fs::rename(&beside, &file))?;
        for number in Tickets::all(&self.path).filter(|number| *number != now.tickets.number) {
            let _ = std::fs::remove_file(Tickets { number, bytes: 0 }.path(&self.path));
        }
        *last = Some(now);
        Ok(())
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if !self.stays
            && let Err(error) = std::fs::remove_dir_all(&self.path)
        {
            tracing::warn!(error = %error, "the sandbox's database could not be removed");
        }
    }
}

/// Writes a file that only this user may read.
pub(super) fn write_privately(path: &Path, text: &str) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(text.as_bytes())?;
    file.sync_all()
}

/// Whether a folder's name is one that a demo gave it.
fn is_temporary(name: &str) -> bool {
    let parts = name.strip_prefix(TEMPORARY).and_then(|rest| rest.split_once('-'));
    parts.is_some_and(|(process, chance)| {
        let of_process = !process.is_empty() && process.bytes().all(|c| c.is_ascii_digit());
        of_process && chance.len() == 8 && chance.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// Whether both are folders, no links to some, and of the same user.
fn is_of_one_user(one: &Path, other: &Path) -> bool {
    let (Ok(one), Ok(other)) = (std::fs::symlink_metadata(one), std::fs::symlink_metadata(other)) else { return false };
    #[cfg(unix)]
    let same = std::os::unix::fs::MetadataExt::uid(&one) == std::os::unix::fs::MetadataExt::uid(&other);
    #[cfg(not(unix))]
    let same = true;
    same && one.is_dir() && other.is_dir()
}

/// Makes a folder's lock, locked from the moment at which others see it.
fn lock_in(folder: &Path) -> std::io::Result<File> {
    let lock = File::create_new(folder.join(LOCK_TO_BE))?;
    lock.lock()?;
    std::fs::rename(folder.join(LOCK_TO_BE), folder.join(LOCK))?;
    Ok(lock)
}

fn make(path: &Path) -> anyhow::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).with_context(|| format!("{} cannot be made", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demos_that_begin_at_once_leave_each_others_folders_alone() {
        let folder = tempfile::tempdir().unwrap();
        let barrier = std::sync::Barrier::new(4);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..50 {
                        barrier.wait();
                        let home = Home::temporary_in(folder.path()).unwrap();
                        barrier.wait();
                        assert!(home.path.join(LOCK).exists());
                    }
                });
            }
        });
    }

    #[test]
    fn one_demo_at_a_time_keeps_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (first, _) = Home::kept(folder.path()).unwrap();
        let Err(refused) = Home::kept(folder.path()) else { panic!("it is taken") };
        assert!(refused.to_string().contains("another demo runs in"), "{refused}");
        drop(first);
        Home::kept(folder.path()).unwrap();
    }

    #[test]
    fn what_somebody_else_called_so_is_no_demos() {
        assert!(is_temporary(&format!("{TEMPORARY}{}-{:08x}", std::process::id(), 0xab)));
        for other in ["", "notes", "12-", "-000000ab", "12-000000AB", "12-000000ab-copy", "x12-000000ab"] {
            assert!(!is_temporary(&format!("{TEMPORARY}{other}")), "{other}");
        }
    }
}
