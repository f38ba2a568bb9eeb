//! `sidethread merged`: says into which ticket another one was merged, where Zendesk does not. Its threads are told, and go
//! on there when somebody presses the button.
//!
//! It goes through the running bridge, or, when none runs, takes the database for a moment.

use std::sync::Arc;

use anyhow::{Context, bail};
use bytes::Bytes;
use serde_json::json;

use super::app::App;
use super::parked::ask_bridge;
use crate::bridge::ids::TicketId;
use crate::config::Config;
use crate::engine::clock::Clock;
use crate::store::{Store, StoreError};
use crate::wire::Wire;

/// Tells the threads of a merged ticket where it goes on. Says how many were told.
///
/// # Errors
/// They are not told; the text says what to do.
pub async fn run(
    config: Config,
    source: i64,
    into: i64,
    wire: Arc<dyn Wire>,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<String> {
    if source <= 0 || into <= 0 || source == into {
        bail!("say which ticket was merged into which other one, by their numbers: sidethread merged 123 --into 456");
    }
    let told = match Store::open_existing(&config.database.path).await {
        Ok(store) => {
            let store = Arc::new(store);
            let app = App::new(config, store.clone(), wire, clock, fastrand::u64(..));
            let told =
                app.stand_in(async |engine| Ok(engine.merged_into(TicketId(source), TicketId(into)).await?)).await;
            store.close().await;
            told?
        }
        Err(StoreError::InUse(_)) => {
            let body = Bytes::from(serde_json::to_vec(&json!({"source": source, "into": into}))?);
            let answer = ask_bridge(config.server.admin_listen, "/merged", body, wire.as_ref()).await?;
            let told = answer.get("told").and_then(serde_json::Value::as_u64);
            told.context("the bridge answered something else; is it of this version?")? as usize
        }
        Err(error) => return Err(error.into()),
    };
    if told == 0 {
        bail!("no thread waits because ticket {source} was merged; nothing was changed");
    }
    let threads = if told == 1 { "One thread is".to_owned() } else { format!("{told} threads are") };
    Ok(format!(
        "{threads} told that ticket {source} goes on as ticket {into}, with a button that lets it go on there.\n"
    ))
}
