//! `sidethread parked`: what waits for a person to look at, and what they want done with it.
//!
//! Looking reads the database beside whoever uses it. Deciding goes through the running bridge, or, when none runs,
//! takes the database for a moment.

use std::io::{IsTerminal, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};
use bytes::Bytes;

use super::app::App;
use super::words::{act, ago, clean, indented, time, words_of};
use crate::bridge::Effect;
use crate::config::Config;
use crate::engine::Engine;
use crate::engine::clock::Clock;
use crate::engine::park::Wished;
use crate::http::parked::ADMIN_HEADER;
use crate::store::{Look, ParkedCall, SetAside, Store, StoreError};
use crate::wire::Wire;

/// How long an event may wait before it is listed: what is in hand is no concern of a person's.
const IN_HAND_MS: i64 = 60 * 1000;

/// Everything that waits for a person, oldest first, at `now_ms` (milliseconds since 1970).
///
/// # Errors
/// The database cannot be read; the text says what to do.
pub async fn list(path: &Path, now_ms: i64) -> anyhow::Result<String> {
    let look = Look::open(path).await?;
    let listed = listed(&look, now_ms).await;
    look.close().await;
    listed
}

/// One call with all that is known of it, its words only if `text`.
///
/// # Errors
/// There is no such call, or the database cannot be read; the text says what to do.
pub async fn show(path: &Path, id: &str, text: bool, now_ms: i64) -> anyhow::Result<String> {
    let look = Look::open(path).await?;
    let shown = shown(&look, id, text, now_ms).await;
    look.close().await;
    shown
}

/// What shall become of a parked call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// It is tried again.
    Retry,
    /// It is given up.
    Drop,
}

/// Asks for what shall become of a parked call: the running bridge, or the database when none runs. Says what will
/// happen.
///
/// # Errors
/// Nothing was changed; the text says what to do.
pub async fn decide(
    config: Config,
    id: &str,
    wish: Wish,
    wire: Arc<dyn Wire>,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<String> {
    let id = number(id)?;
    let look = Look::open(&config.database.path).await?;
    let parked = look.parked(Some(id)).await;
    look.close().await;
    let Some(parked) = parked?.pop() else { bail!(not_parked(id)) };
    if parked.call.effect_json.is_none() && wish == Wish::Retry {
        bail!(blank(id));
    }
    match Store::open_existing(&config.database.path).await {
        Ok(store) => {
            let store = Arc::new(store);
            let app = App::new(config, store.clone(), wire, clock, fastrand::u64(..));
            let decided = app.stand_in(async |engine| wished(engine, id, wish).await).await;
            store.close().await;
            decided?;
        }
        Err(StoreError::InUse(_)) => {
            let word = match wish {
                Wish::Retry => "retry",
                Wish::Drop => "drop",
            };
            let path = format!("/parked/{id}/{word}");
            ask_bridge(config.server.admin_listen, &path, Bytes::new(), wire.as_ref()).await?;
        }
        Err(error) => return Err(error.into()),
    }
    Ok(match wish {
        Wish::Retry => format!(
            "Call {id} is tried again, as soon as the bridge runs; `sidethread trace {}` shows what comes of it.\n",
            parked.call.thread_id
        ),
        Wish::Drop => format!("Call {id} is given up; its people are told as soon as the bridge runs.\n"),
    })
}

async fn wished(engine: &Engine, id: i64, wish: Wish) -> anyhow::Result<()> {
    let asked = match wish {
        Wish::Retry => engine.retry_parked(id).await?,
        Wish::Drop => engine.drop_parked(id).await?,
    };
    match asked {
        Wished::Stored => Ok(()),
        Wished::NotParked => bail!(not_parked(id)),
        Wished::Blank => bail!(blank(id)),
    }
}

/// Asks the running bridge at `admin` for something; gives its answer.
///
/// # Errors
/// It is not done; the text says what to do.
pub(super) async fn ask_bridge(
    admin: SocketAddr,
    path: &str,
    body: Bytes,
    wire: &dyn Wire,
) -> anyhow::Result<serde_json::Value> {
    let ip = match admin.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let address = SocketAddr::new(ip, admin.port());
    let request = http::Request::post(format!("http://{address}{path}"))
        .header(http::header::HOST, address.to_string())
        .header(ADMIN_HEADER, "1")
        .body(body)?;
    let answer = wire.send(request).await.with_context(|| {
        format!(
            "a process uses this database, but none answers at {address} (server.admin_listen); was the bridge started with other settings?"
        )
    })?;
    let body: serde_json::Value = serde_json::from_slice(answer.body()).unwrap_or_default();
    if answer.status().is_success() {
        return Ok(body);
    }
    match body["problem"].as_str() {
        Some(problem) => bail!("the bridge refused: {}", clean(problem)),
        None => bail!(
            "what answers at {address} (server.admin_listen) is not a sidethread of this version: it said {}",
            answer.status()
        ),
    }
}

/// Asks on the terminal whether a call shall be given up.
///
/// # Errors
/// There is nobody to ask.
pub fn confirm(shown: &str) -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("there is no terminal here to ask whether to give it up for good; add --yes to do so");
    }
    print!("{shown}Give it up for good? Its people are told. [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

/// The number of a parked call, as a person wrote it.
///
/// # Errors
/// It is none; the text says what is.
pub fn number(id: &str) -> anyhow::Result<i64> {
    match id.trim().parse::<i64>() {
        Ok(id) if id > 0 => Ok(id),
        _ if id.starts_with("unread:") || id.starts_with("event:") => bail!(
            "{} was never decided, so it can be neither retried nor dropped: what does not read goes by itself after database.keep_days, \
             and an event that waits is handled at the next start",
            clean(id)
        ),
        _ => bail!("{} is not the number of a parked call; `sidethread parked list` shows them", clean(id)),
    }
}

async fn listed(look: &Look, now_ms: i64) -> anyhow::Result<String> {
    let (parked, unread) = (look.parked(None).await?, look.unread().await?);
    let waiting = look.not_handled(now_ms - IN_HAND_MS).await?;
    if parked.is_empty() && unread.is_empty() && waiting.is_empty() {
        return Ok("Nothing is parked.\n".to_owned());
    }
    let mut out = String::new();
    if !parked.is_empty() {
        out.push_str(
            "Given up, and told where it was written (sidethread parked show|retry|drop ID; times are UTC):\n",
        );
        parked.iter().for_each(|call| out.push_str(&line(call, now_ms)));
    }
    if !unread.is_empty() {
        out.push_str("Deliveries that could not be read (kept as they came; please report them):\n");
        unread.iter().for_each(|row| out.push_str(&set_aside("unread:", row, now_ms)));
    }
    if !waiting.is_empty() {
        out.push_str(
            "Stored and not handled for more than a minute (their thread is set aside, or the bridge does not run; the next start takes them up):\n",
        );
        waiting.iter().for_each(|row| out.push_str(&set_aside("event:", row, now_ms)));
    }
    Ok(out)
}

fn line(parked: &ParkedCall, now_ms: i64) -> String {
    let call = &parked.call;
    let what = act(effect(parked).as_ref(), &call.effect_id);
    let vendor = if call.vendor == "slack" { "Slack" } else { "Zendesk" };
    let since = call.settled_at.unwrap_or(call.decided_at);
    format!(
        "  {}  {} to {vendor} · ticket {} · {} · since {} ({})\n      {}\n",
        call.id,
        clean(&what),
        parked.ticket_id,
        clean(&place(parked)),
        time(since),
        ago(now_ms, since),
        why(parked)
    )
}

fn set_aside(prefix: &str, row: &SetAside, now_ms: i64) -> String {
    let ticket = row.ticket_id.map_or("a ticket that is not known".to_owned(), |id| format!("ticket {id}"));
    let mut line = format!(
        "  {prefix}{}  from {} · {ticket} · side conversation {} · since {} ({})\n",
        clean(&row.key),
        clean(&row.source),
        clean(&row.thread_id),
        time(row.received_at),
        ago(now_ms, row.received_at)
    );
    if !row.reason.is_empty() {
        line.push_str(&indented(&row.reason, "      "));
    }
    line
}

async fn shown(look: &Look, id: &str, text: bool, now_ms: i64) -> anyhow::Result<String> {
    let of = |rows: Vec<SetAside>, key: &str| rows.into_iter().find(|row| row.key == key);
    let named = match id.split_once(':') {
        Some(("unread", key)) => of(look.unread().await?, key).map(|row| ("unread:", row)),
        Some(("event", key)) => of(look.not_handled(i64::MAX).await?, key).map(|row| ("event:", row)),
        _ => None,
    };
    if let Some((prefix, row)) = named {
        let mut out = set_aside(prefix, &row, now_ms);
        if text {
            out.push_str(&indented(row.raw.as_deref().unwrap_or_default(), "    | "));
        }
        return Ok(out);
    }
    if id.contains(':') {
        bail!("nothing of the name {} waits; `sidethread parked list` shows what does", clean(id));
    }
    let number = number(id)?;
    let Some(parked) = look.parked(Some(number)).await?.pop() else { bail!(not_parked(number)) };
    let call = &parked.call;
    let mut out = line(&parked, now_ms);
    out.push_str(&format!("      written {}, decided {}", time(call.caused_at), time(call.decided_at)));
    match call.attempted_at {
        Some(at) if call.attempts > 1 => {
            out.push_str(&format!(", tried {} times, last at {}\n", call.attempts, time(at)));
        }
        Some(at) => out.push_str(&format!(", tried once, at {}\n", time(at))),
        None => out.push_str(", never tried\n"),
    }
    for attempt in look.attempts(&[number]).await? {
        let times = if attempt.times > 1 { format!(" ({} times)", attempt.times) } else { String::new() };
        out.push_str(&format!("      {}  {}{times}\n", time(attempt.first_at), clean(&attempt.problem)));
    }
    if text {
        match effect(&parked).as_ref().map(words_of) {
            Some(Some(words)) => out.push_str(&indented(&words, "    | ")),
            Some(None) => out.push_str("      It carries no words.\n"),
            None => out.push_str("      Its words are no longer stored (database.keep_days).\n"),
        }
    }
    Ok(out)
}

fn blank(id: i64) -> String {
    format!(
        "call {id} cannot be tried again: what it was to do is no longer stored (database.keep_days). Give it up with \
         `sidethread parked drop {id}`; a thread that waits for it then goes on by itself, or is asked anew"
    )
}

/// What is said of a number that no parked call has.
pub fn not_parked(id: i64) -> String {
    format!(
        "no parked call has the number {id}: it may have been retried or dropped; `sidethread parked list` shows those that are parked"
    )
}

fn effect(parked: &ParkedCall) -> Option<Effect> {
    parked.call.effect_json.as_deref().and_then(|json| serde_json::from_str(json).ok())
}

fn place(parked: &ParkedCall) -> String {
    match &parked.link {
        Some((channel, ts)) => format!("thread {ts} in {channel}"),
        None => "not in Slack".to_owned(),
    }
}

fn why(parked: &ParkedCall) -> String {
    clean(parked.call.problem.as_deref().unwrap_or("no reason was stored"))
}
