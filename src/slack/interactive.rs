//! Reads what people press and type: buttons and `/side-convo`.

use serde_json::Value;

use super::Identity;
use super::decode::{Inbound, mend_surrogates, text};
use crate::bridge::event::{Asks, Press, State, What};
use crate::bridge::ids::{ChannelId, EffectId, SlackUserId, TeamId, TicketId, Ts};
use crate::bridge::permit::Action;
use crate::engine::intake::Parent;

/// Somebody typed `/side-convo`.
#[derive(Debug, PartialEq, Eq)]
pub struct CommandCall {
    /// Where.
    pub channel: ChannelId,
    /// What stood after the command.
    pub text: String,
}

/// Reads a signed request to `/slack/commands`; `None` if it is only Slack's check of the address, or foreign.
pub fn command(body: &[u8], us: &Identity) -> Option<CommandCall> {
    let field = |name: &str| {
        url::form_urlencoded::parse(body).find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
    };
    let foreign = |ours: Option<&str>, name: &str| matches!((ours, field(name)), (Some(ours), Some(theirs)) if !theirs.is_empty() && ours != theirs);
    if field("ssl_check").is_some()
        || foreign(us.app_id.as_deref(), "api_app_id")
        || foreign(Some(us.team_id.as_str()), "team_id")
    {
        return None;
    }
    Some(CommandCall { channel: ChannelId::new(field("channel_id")?), text: field("text").unwrap_or_default() })
}

/// Reads a signed request to `/slack/interactions`.
///
/// A button may be pressed by somebody of another firm, whose workspace the payload then names, so only the app is
/// compared; who may press is decided later.
pub fn interaction(body: &[u8], us: &Identity) -> Inbound {
    let payload = url::form_urlencoded::parse(body).find(|(key, _)| key == "payload").map(|(_, value)| value);
    let Some(payload) = payload.and_then(|p| serde_json::from_slice::<Value>(&mend_surrogates(p.as_bytes())).ok())
    else {
        return Inbound::NotMirrored("unreadable");
    };
    if let (Some(app), Some(ours)) = (text(&payload, "api_app_id"), &us.app_id)
        && app != ours
    {
        return Inbound::NotMirrored("foreign");
    }
    match text(&payload, "type") {
        Some("block_actions") => pressed(&payload).unwrap_or(Inbound::NotMirrored("unreadable")),
        _ => Inbound::NotMirrored("unknown"),
    }
}

fn pressed(payload: &Value) -> Option<Inbound> {
    let action = &payload["actions"][0];
    let action_id = text(action, "action_id")?;
    // A button that is a link tells of itself too.
    let Some(asked) = Action::named(action_id) else { return Some(Inbound::NotMirrored("link")) };
    let container = &payload["container"];
    let message = &payload["message"];
    let channel = text(container, "channel_id").or_else(|| text(&payload["channel"], "id"))?;
    let message_ts = text(container, "message_ts").or_else(|| text(message, "ts"))?;
    // container.thread_ts is in every recorded sample but not documented; a button on the parent has none.
    let thread_ts = text(container, "thread_ts").or_else(|| text(message, "thread_ts")).unwrap_or(message_ts);
    let user = text(&payload["user"], "id")?;
    let action_ts = text(action, "action_ts").unwrap_or(message_ts);
    let channel = ChannelId::new(channel);
    let notice = message_ts.parse::<Ts>().ok();
    let value = || text(action, "value");
    let asks = match asked {
        Action::Done => Asks::State(State::Closed),
        Action::Reopen => Asks::State(State::Open),
        Action::ContinueOn => Asks::ContinueOn { ticket_id: TicketId(value()?.parse().ok()?), notice },
        Action::Retry => Asks::Retry { effect: EffectId::new(value()?), notice, parked: None, blank: false },
        // No button of a thread asks for these.
        Action::List | Action::Start | Action::Email | Action::Comments => return None,
    };
    let press = Press {
        user: SlackUserId::new(user),
        team: text(&payload["user"], "team_id").map(TeamId::new),
        channel: channel.clone(),
        action_ts: action_ts.to_owned(),
        asks,
    };
    Some(Inbound::InThread {
        key: format!("press:{message_ts}:{user}:{action_id}:{action_ts}"),
        channel,
        thread_ts: thread_ts.parse::<Ts>().ok()?,
        parent: Parent::Unsaid,
        what: What::Pressed(press),
    })
}
