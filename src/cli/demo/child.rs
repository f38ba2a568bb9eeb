//! The bridge's process: its settings, and how it is launched.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::process::Command;

use super::home::{DATABASE, SETTINGS, write_privately};
use crate::sandbox::Credentials;
use crate::sandbox::bridge::Launch;

/// How the bridge is launched that keeps all it has in `folder`, finds the vendors at `vendors_url`, draws its chances
/// from a seed, another one each time, and lives by the machine's clock unless it is told another one. `unlimited` if it
/// keeps none of the vendors' rate limits.
pub(super) fn launch(
    folder: PathBuf,
    vendors_url: String,
    credentials: Credentials,
    seed: u64,
    clock: Option<String>,
    unlimited: bool,
) -> Launch {
    let starts = AtomicU64::new(0);
    Box::new(move |listen, admin_listen| {
        let file = folder.join(SETTINGS);
        write_privately(&file, &settings(&folder, &credentials, &vendors_url, [listen, admin_listen], unlimited))?;
        // The very file that runs, even if another one stands in its place by now.
        let itself = Path::new("/proc/self/exe");
        let program = if itself.exists() { itself.to_owned() } else { std::env::current_exe()? };
        let mut command = Command::new(program);
        command.arg("demo-bridge").arg("--config").arg(&file).current_dir(&folder);
        let seed = seed.wrapping_add(starts.fetch_add(1, Ordering::Relaxed));
        command.args(["--seed", &seed.to_string()]);
        command.args(clock.iter().flat_map(|clock| ["--clock", clock.as_str()]));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().to_ascii_uppercase().starts_with("SIDETHREAD__") {
                command.env_remove(name);
            }
        }
        Ok(command)
    })
}

const NO_LIMITS_OF_SLACK: &str = "posts_per_second_per_channel = 0
        posts_per_min = 0
        tier_2_calls_per_min = 0
        tier_3_calls_per_min = 0
        tier_4_calls_per_min = 0";
const NO_LIMITS_OF_ZENDESK: &str = "side_conversation_writes_per_10_min = 0
        ticket_updates_per_min = 0
        updates_per_ticket_per_10_min = 0
        feed_reads_per_10_min = 0";

fn settings(
    folder: &Path,
    credentials: &Credentials,
    vendors_url: &str,
    [listen, admin_listen]: [SocketAddr; 2],
    unlimited: bool,
) -> String {
    // The whole path, so that `trace` and `parked` find it from any folder; where it cannot stand in an address, the name.
    let whole = std::path::absolute(folder).unwrap_or_default().join(DATABASE);
    let database = whole.to_str().filter(|path| !path.contains(['?', '%', '#', '"', '\\'])).unwrap_or(DATABASE);
    let [of_slack, of_zendesk] = if unlimited { [NO_LIMITS_OF_SLACK, NO_LIMITS_OF_ZENDESK] } else { ["", ""] };
    format!(
        r#"
        [server]
        listen = "{listen}"
        admin_listen = "{admin_listen}"
        public_url = "{vendors_url}"
        [database]
        url = "sqlite://{database}"
        [slack]
        bot_token = "{bot_token}"
        signing_secret = "{signing_secret}"
        api_url = "{vendors_url}/slack/api"
        {of_slack}
        [zendesk]
        url = "{vendors_url}/zendesk"
        client_id = "{client_id}"
        client_secret = "{client_secret}"
        webhook_secret = "{webhook_secret}"
        channel_domain = "{channel_domain}"
        poll_interval_secs = 5
        {of_zendesk}
        [bridge]
        # The fakes show at once what was written, so nobody has to wait long after a kill.
        slack_read_lag_secs = 3
        zendesk_read_lag_secs = 3
        reconcile_interval_secs = 20
        "#,
        bot_token = credentials.slack_bot_token,
        signing_secret = credentials.slack_signing_secret,
        client_id = credentials.zendesk_client_id,
        client_secret = credentials.zendesk_client_secret,
        webhook_secret = credentials.zendesk_webhook_secret,
        channel_domain = credentials.channel_domain,
    )
}
