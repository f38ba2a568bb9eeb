//! `sidethread erase`: forgets what the bridge keeps of a ticket or of a person, and says what the vendors still have.
//!
//! It goes through the running bridge, or, when none runs, takes the database for a moment.

use std::io::{IsTerminal, Write};
use std::sync::Arc;

use anyhow::{Context, bail};
use bytes::Bytes;

use super::app::App;
use super::parked::ask_bridge;
use super::words::clean;
use crate::bridge::erase::Whom;
use crate::bridge::ids::{SlackUserId, TicketId, ZendeskUserId};
use crate::config::Config;
use crate::engine::clock::Clock;
pub use crate::engine::erase::Erasure;
use crate::engine::erase::{Erased, Remains};
use crate::slack::acts::ticket_url;
use crate::store::{Store, StoreError};
use crate::wire::Wire;

/// How many threads are listed.
const LISTED: usize = 200;

/// Who or what is meant, as a person wrote it.
///
/// # Errors
/// It is not exactly one thing that exists; the text says what is missing.
pub fn whom(ticket: Option<i64>, user: Option<i64>, slack_user: Option<&str>) -> anyhow::Result<Whom> {
    match (ticket, user, slack_user) {
        (Some(id), None, None) if id > 0 => Ok(Whom::Ticket(TicketId(id))),
        (None, Some(id), None) if id > 0 => Ok(Whom::User(ZendeskUserId(id))),
        (None, None, Some(id)) if is_slack_user(id) => Ok(Whom::SlackUser(SlackUserId::new(id))),
        (None, None, Some(_)) => bail!("a person in Slack is named by their member id, as in U0123456789"),
        _ => bail!("say what to erase: --ticket NUMBER, --user ZENDESK-USER-ID or --slack-user SLACK-MEMBER-ID"),
    }
}

/// Further names of a person, as somebody wrote them.
///
/// # Errors
/// They cannot be looked for; the text says why.
pub fn further_names(whom: &Whom, names: Vec<String>) -> anyhow::Result<Vec<String>> {
    if matches!(whom, Whom::Ticket(_)) && !names.is_empty() {
        bail!("--name is for a person: say it with --user or --slack-user");
    }
    let names: Vec<String> = names.iter().map(|name| name.trim().to_owned()).collect();
    if let Some(short) = names.iter().find(|name| name.chars().count() < 2) {
        bail!("the name {short:?} is too short to be looked for");
    }
    Ok(names)
}

fn is_slack_user(id: &str) -> bool {
    let of_an_id = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    id.len() >= 6 && id.starts_with(['U', 'W']) && id.bytes().all(of_an_id)
}

/// Erases. Says what was, and what remains.
///
/// # Errors
/// It is not, or not all, erased; the text says what to do.
pub async fn run(
    config: Config,
    erasure: &Erasure,
    wire: Arc<dyn Wire>,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<String> {
    let zendesk_url = config.zendesk.url.as_str().trim_end_matches('/').to_owned();
    let erased = match Store::open_existing(&config.database.path).await {
        Ok(store) => {
            let store = Arc::new(store);
            let app = App::new(config, store.clone(), wire, clock, fastrand::u64(..));
            let erased = app.stand_in(async |engine| Ok(engine.erase(erasure).await?)).await;
            store.close().await;
            Erased { unasked: !matches!(erasure.whom, Whom::Ticket(_)), ..erased? }
        }
        Err(StoreError::InUse(_)) => {
            let body = Bytes::from(serde_json::to_vec(erasure)?);
            let answer = ask_bridge(config.server.admin_listen, "/erase", body, wire.as_ref()).await?;
            serde_json::from_value(answer).context("the bridge answered something else; is it of this version?")?
        }
        Err(error) => return Err(error.into()),
    };
    Ok(said(&erasure.whom, &erased, &zendesk_url))
}

fn said(whom: &Whom, erased: &Erased, zendesk_url: &str) -> String {
    let what = match whom {
        Whom::Ticket(id) => format!("ticket {id}"),
        Whom::User(id) => format!("the Zendesk user {id}"),
        Whom::SlackUser(id) => format!("the Slack member {id}"),
    };
    let threads = erased.threads;
    let mut out = format!(
        "Erased what was kept of {what}: {} stored messages and calls in {threads} thread{} lost their words.\n",
        erased.blanked,
        if threads == 1 { "" } else { "s" },
    );
    if !matches!(whom, Whom::Ticket(_)) {
        let names = match &erased.names[..] {
            [] => "no name".to_owned(),
            names => format!("the name{} {}", if names.len() == 1 { "" } else { "s" }, names.join(", ")),
        };
        out.push_str(&format!(
            "They were looked for under {}. Cards and readers hold names alone: if they had another one, run this \
             again with --name.\n",
            clean(&names)
        ));
        if erased.unasked {
            out.push_str(
                "Their present name could not be asked for: that takes a running bridge and a vendor that answers.\n",
            );
        }
    }
    if erased.given_up > 0 {
        out.push_str(&format!("{} that waited or were parked are given up: nobody gets them.\n", erased.given_up));
    }
    if !erased.kept.is_empty() {
        let ids: Vec<String> = erased.kept.iter().map(ToString::to_string).collect();
        out.push_str(&format!(
            "NOT erased, because they hold words that are not delivered yet and that others wait for: calls {}. Run this \
             again once they are delivered, or drop them (sidethread parked drop ID).\n",
            ids.join(", ")
        ));
    }
    if erased.busy > 0 {
        out.push_str(&format!("NOT erased: {} threads are busy just now. Run this again.\n", erased.busy));
    }
    if erased.keys > 0 {
        out.push_str(&format!(
            "The member id itself stays in the names of {} deliveries and calls, which keep anything from being done twice.\n",
            erased.keys
        ));
    }
    if erased.started > 0 {
        out.push_str(&format!(
            "The user id itself stays in {} thread{} that this person started: answers reach them by it.\n",
            erased.started,
            if erased.started == 1 { "" } else { "s" },
        ));
    }
    out.push_str(match whom {
        Whom::Ticket(_) => {
            "What the ticket says of itself (subject, requester, assignee) is not taken up again. What people write on it from \
             now on is carried over, with their names.\n"
        }
        Whom::User(_) | Whom::SlackUser(_) => {
            "Where a vendor still names them, the next change of a ticket or the next message brings the name back here. Delete \
             or redact it at the vendor first, and then run this again.\n"
        }
    });
    out.push_str(
        "The database file was written anew without it. Backups and copies that you made of it hold it still.\n",
    );
    if erased.remains.is_empty() {
        return out;
    }
    out.push_str("What the vendors have is theirs; delete or redact it there:\n");
    for one in erased.remains.iter().take(LISTED) {
        let slack = match one {
            Remains { before: true, .. } => "from where the thread has moved on",
            Remains { slack, .. } => slack.as_deref().unwrap_or("not in Slack"),
        };
        out.push_str(&format!(
            "  {} · side conversation {} · {slack}\n",
            ticket_url(zendesk_url, one.ticket_id),
            one.side_conversation_id
        ));
    }
    if erased.remains.len() > LISTED {
        out.push_str(&format!("  … and {} more\n", erased.remains.len() - LISTED));
    }
    if !erased.direct.is_empty() {
        let members: Vec<&str> = erased.direct.iter().map(String::as_str).collect();
        out.push_str(&format!(
            "  direct messages of the app that tell of it, to the Slack members {}\n",
            members.join(", ")
        ));
    }
    out
}

/// Asks on the terminal whether it shall be erased.
///
/// # Errors
/// There is nobody to ask.
pub fn confirm() -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        bail!("there is no terminal here to ask whether to erase it for good; add --yes to do so");
    }
    print!("Erase it for good? What waits of it is not delivered. [y/N] ");
    std::io::stdout().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
