//! Reads what people press and type: buttons, shortcuts and `/side-convo`.

use serde_json::Value;

use super::Identity;
use super::decode::{Inbound, text};
use super::views::{CHOOSE_DONE, CHOOSE_REOPEN, START_ON_FOLLOW_UP, Shortcut};
use crate::bridge::content::mend_surrogates;
use crate::bridge::event::{Asks, Press, State, What};
use crate::bridge::ids::{ChannelId, EffectId, SlackUserId, TeamId, ThreadId, TicketId, Ts};
use crate::bridge::permit::Action;
use crate::engine::intake::Parent;

/// Somebody typed `/side-convo`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CommandCall {
    /// Where.
    pub channel: ChannelId,
    /// Who.
    pub user: SlackUserId,
    /// Their workspace, if Slack said so.
    pub team: Option<TeamId>,
    /// What stood after the command, with `&`, `<` and `>` escaped and mentions as in a message.
    pub text: String,
    /// Slack's name for this very command, which opens one form within three seconds.
    pub trigger_id: String,
    /// Where it can be answered for half an hour.
    pub response_url: Option<String>,
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
    let given = |name: &str| field(name).filter(|text| !text.is_empty());
    Some(CommandCall {
        channel: ChannelId::new(given("channel_id")?),
        user: SlackUserId::new(given("user_id")?),
        team: given("team_id").map(TeamId::new),
        text: field("text").unwrap_or_default(),
        trigger_id: given("trigger_id")?,
        response_url: given("response_url"),
    })
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
        Some("message_action" | "shortcut") => shortcut(&payload),
        _ => Inbound::NotMirrored("unknown"),
    }
}

fn shortcut(payload: &Value) -> Inbound {
    let Some(callback_id) = text(payload, "callback_id") else { return Inbound::NotMirrored("unreadable") };
    let Some(shortcut) = Shortcut::named(callback_id) else { return Inbound::NotMirrored("unknown") };
    match text(payload, "trigger_id") {
        Some(trigger_id) => Inbound::Shortcut { shortcut, trigger_id: trigger_id.to_owned() },
        None => Inbound::NotMirrored("unreadable"),
    }
}

fn pressed(payload: &Value) -> Option<Inbound> {
    let action = &payload["actions"][0];
    let action_id = text(action, "action_id")?;
    if let Some(chosen) = chosen(payload, action, action_id) {
        return Some(chosen);
    }
    if action_id == START_ON_FOLLOW_UP {
        return on_follow_up(payload, action);
    }
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

/// A button that says which of several side conversations was meant; it stands in a message that only its reader sees.
fn chosen(payload: &Value, action: &Value, action_id: &str) -> Option<Inbound> {
    let state = match action_id {
        id if id.starts_with(CHOOSE_DONE) => State::Closed,
        id if id.starts_with(CHOOSE_REOPEN) => State::Open,
        _ => return None,
    };
    let (channel, thread_ts) = text(action, "value")?.split_once(':')?;
    let user = text(&payload["user"], "id")?;
    let action_ts = text(action, "action_ts")?;
    let channel = ChannelId::new(channel);
    let what = What::Pressed(Press {
        user: SlackUserId::new(user),
        team: text(&payload["user"], "team_id").map(TeamId::new),
        channel: channel.clone(),
        action_ts: action_ts.to_owned(),
        asks: Asks::State(state),
    });
    Some(Inbound::Chosen {
        key: format!("press:{thread_ts}:{user}:{action_id}:{action_ts}"),
        channel,
        thread_ts: thread_ts.parse().ok()?,
        what,
        state,
        response_url: text(payload, "response_url").map(str::to_owned),
    })
}

/// The button that starts a side conversation on a follow-up of its closed ticket.
fn on_follow_up(payload: &Value, action: &Value) -> Option<Inbound> {
    let (user, action_ts) = (text(&payload["user"], "id")?, text(action, "action_ts")?);
    let thread_id = ThreadId::new(text(action, "value")?);
    let channel = text(&payload["container"], "channel_id").or_else(|| text(&payload["channel"], "id"))?;
    let what = What::Pressed(Press {
        user: SlackUserId::new(user),
        team: text(&payload["user"], "team_id").map(TeamId::new),
        channel: ChannelId::new(channel),
        action_ts: action_ts.to_owned(),
        asks: Asks::StartOnFollowUp,
    });
    Some(Inbound::OfStart {
        key: format!("press:{thread_id}:{user}:{START_ON_FOLLOW_UP}:{action_ts}"),
        thread_id,
        what,
        response_url: text(payload, "response_url").map(str::to_owned),
    })
}
