//! The channels that the settings name: that they exist, take messages, and are not open to another firm by accident.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Report;
use super::ask::{Answer, Asker};
use super::slack::{Refusal, call};
use crate::bridge::route::ChannelRef;
use crate::config::Config;

/// A page holds up to a thousand channels, and an empty page may still have a next one.
const MOST_PAGES: usize = 200;

struct Wanted<'a> {
    setting: String,
    channel: &'a ChannelRef,
    shared: bool,
}

/// Looks at the operator's channel and at that of each route.
pub(super) async fn check(config: &Config, asker: &Asker<'_>, report: &mut Report) {
    let operator = config.bridge.operator_channel.iter().map(|channel| Wanted {
        setting: "bridge.operator_channel".to_owned(),
        channel,
        shared: false,
    });
    let routes = config.routes.iter().map(|route| Wanted {
        setting: format!("the route {}", route.name),
        channel: &route.channel,
        shared: route.shared,
    });
    let wanted: Vec<Wanted<'_>> = operator.chain(routes).collect();
    let names = wanted.iter().filter_map(|wanted| match wanted.channel {
        ChannelRef::Name(name) => Some((name.clone(), None)),
        ChannelRef::Id(_) => None,
    });
    let mut ids: BTreeMap<String, Option<String>> = names.collect();
    if let Err(refusal) = find(config, asker, &mut ids).await {
        return report.fail(format!("The channels cannot be listed: {}.", refusal.what), refusal.remedy);
    }
    for wanted in wanted {
        let (shown, id) = match wanted.channel {
            ChannelRef::Id(id) => (id.to_string(), Some(id.as_str())),
            ChannelRef::Name(name) => (format!("#{name}"), ids.get(name).and_then(Option::as_deref)),
        };
        let shown = format!("The channel {shown} of {}", wanted.setting);
        let Some(id) = id else {
            not_found(&shown, report);
            continue;
        };
        match call(config, asker, "conversations.info", &[("channel", id)]).await {
            Ok(answer) => judge(&answer, &shown, wanted.shared, report),
            Err(refusal) if refusal.code == "channel_not_found" => not_found(&shown, report),
            Err(refusal) => report.fail(format!("{shown} cannot be looked at: {}.", refusal.what), refusal.remedy),
        }
    }
}

async fn find(config: &Config, asker: &Asker<'_>, ids: &mut BTreeMap<String, Option<String>>) -> Result<(), Refusal> {
    let mut cursor = String::new();
    for _ in 0..MOST_PAGES {
        if ids.values().all(Option::is_some) {
            break;
        }
        let mut arguments = vec![("types", "public_channel,private_channel"), ("limit", "999")];
        if !cursor.is_empty() {
            arguments.push(("cursor", &cursor));
        }
        let answer = call(config, asker, "conversations.list", &arguments).await?;
        for channel in answer.body.pointer("/channels").and_then(Value::as_array).into_iter().flatten() {
            for field in ["name", "name_normalized"] {
                if let Some(name) = channel.get(field).and_then(Value::as_str)
                    && let Some(slot) = ids.get_mut(&name.to_lowercase())
                    && slot.is_none()
                {
                    *slot = channel.get("id").and_then(Value::as_str).map(str::to_owned);
                }
            }
        }
        let next = answer.body.pointer("/response_metadata/next_cursor").and_then(Value::as_str).unwrap_or_default();
        if next.is_empty() || next == cursor {
            break;
        }
        cursor = next.to_owned();
    }
    Ok(())
}

fn not_found(shown: &str, report: &mut Report) {
    let remedy = "Create the channel or correct its name. If it is private, invite the app with /invite.";
    report.fail(format!("{shown} cannot be seen by the app."), remedy);
}

fn judge(answer: &Answer, shown: &str, shared: bool, report: &mut Report) {
    let is = |field: &str| answer.flag(&format!("/channel/{field}"));
    if is("is_im") || is("is_mpim") {
        return report.fail(format!("{shown} is a direct message."), "Name a channel.");
    }
    if is("is_archived") || is("is_frozen") {
        return report.fail(format!("{shown} is archived."), "Unarchive it in Slack, or name another one.");
    }
    if (is("is_ext_shared") || is("is_pending_ext_shared")) && !shared {
        let what = format!("{shown} is shared with another firm, whose people would read the tickets' messages.");
        return report.fail(what, "Name another channel, or set shared = true in the route if that is meant.");
    }
    if is("is_non_threadable") {
        return report.fail(format!("{shown} takes no threads."), "Allow threads in the channel's settings.");
    }
    if is("is_private") && !is("is_member") {
        return report.fail(format!("{shown} is private, and the app is not in it."), "Invite the app with /invite.");
    }
    if is("is_read_only") || is("is_thread_only") {
        let remedy = "Let the app post there, in the channel's settings under posting permissions.";
        return report.warn(format!("{shown} lets only some people post."), remedy);
    }
    if is("is_member") {
        report.good(format!("{shown} is there, and the app is in it."));
    } else {
        report.good(format!("{shown} is there; the app joins it by itself."));
    }
}
