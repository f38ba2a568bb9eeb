//! Reading messages: `conversations.history` and `conversations.replies`.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::show;
use super::super::timeline::object;
use super::super::world::{Channel, Key, Kind, Message, Workspace};
use super::args::Args;
use super::{Answer, Caller, Fail};

/// <https://docs.slack.dev/changelog/2025/05/29/rate-limit-changes-for-non-marketplace-apps>
const SHORT_PAGE: usize = 15;

/// Which messages are asked for.
struct Window {
    oldest: Key,
    latest: Key,
    inclusive: bool,
    /// Messages younger than this are not shown yet.
    settled: i64,
}

impl Window {
    fn read(args: &Args, settled: i64) -> Result<Self, Fail> {
        let bound = |name: &str| args.text(name).filter(|text| !text.is_empty());
        let oldest = bound("oldest").map(|text| show::parse_bound(&text).ok_or("invalid_ts_oldest"));
        let latest = bound("latest").map(|text| show::parse_bound(&text).ok_or("invalid_ts_latest"));
        Ok(Window {
            oldest: oldest.transpose()?.unwrap_or(0),
            latest: latest.transpose()?.unwrap_or(Key::MAX),
            inclusive: args.flag("inclusive"),
            settled,
        })
    }

    fn shows(&self, message: &Message) -> bool {
        let key = message.key;
        let within = match self.inclusive {
            true => key >= self.oldest && key <= self.latest,
            false => key > self.oldest && key < self.latest,
        };
        within && self.is_settled(message)
    }

    fn is_settled(&self, message: &Message) -> bool {
        message.at <= self.settled
    }
}

pub fn history(workspace: &mut Workspace<'_>, caller: &Caller, args: &Args) -> Answer {
    let channel = workspace.readable(caller, args)?;
    let window = Window::read(args, workspace.settled("conversations.history"))?;
    let after = cursor(args)?.unwrap_or(Key::MAX);
    let limit = args.limit(100, if workspace.quirks.pages_are_short { SHORT_PAGE } else { 999 });
    let place = workspace.channel(&channel)?;
    let mut found = place.messages.values().rev().filter(|message| {
        (message.root.is_none() || message.broadcast) && window.shows(message) && message.key < after
    });
    let page: Vec<&Message> = found.by_ref().take(limit).collect();
    let more = found.next().is_some();
    let mut answer = object(json!({
        "messages": shown(place, &page, args), "has_more": more, "pin_count": 0, "channel_actions_ts": null,
        "channel_actions_count": 0,
    }));
    if let Some(latest) = args.text("latest").filter(|latest| !latest.is_empty()) {
        answer.insert("latest".into(), latest.into());
    }
    if more && let Some(last) = page.last() {
        answer.insert("response_metadata".into(), json!({"next_cursor": next_cursor(last.key)}));
    }
    Ok(answer)
}

/// The root comes first on every page and is not counted.
pub fn replies(workspace: &mut Workspace<'_>, caller: &Caller, args: &Args) -> Answer {
    let channel = workspace.readable(caller, args)?;
    let window = Window::read(args, workspace.settled("conversations.replies"))?;
    let after = cursor(args)?.unwrap_or(0);
    let limit = args.limit(1000, if workspace.quirks.pages_are_short { SHORT_PAGE } else { 1000 });
    let place = workspace.channel(&channel)?;
    let key = show::parse_ts(&args.needed("ts")?).ok_or("thread_not_found")?;
    let named = place.messages.get(&key).filter(|message| window.is_settled(message)).ok_or("thread_not_found")?;
    if workspace.quirks.replies_stand_alone && named.root.is_some() {
        return Ok(object(json!({"messages": shown(place, &[named], args), "has_more": false})));
    }
    let root = named.root.unwrap_or(key);
    let mut found = place.replies(root).filter(|reply| window.shows(reply) && reply.key > after);
    let replies: Vec<&Message> = found.by_ref().take(limit).collect();
    let more = found.next().is_some();
    let last = replies.last().map(|message| message.key);
    let page: Vec<&Message> = place.messages.get(&root).into_iter().chain(replies).collect();
    let mut answer = object(json!({"messages": shown(place, &page, args), "has_more": more}));
    if more && let Some(last) = last {
        answer.insert("response_metadata".into(), json!({"next_cursor": next_cursor(last)}));
    }
    Ok(answer)
}

fn shown(place: &Channel, page: &[&Message], args: &Args) -> Vec<Value> {
    let whole = args.flag("include_all_metadata");
    let shown = page.iter().map(|message| show::message(place, message));
    shown.map(|shown| Value::Object(if whole { shown } else { show::without_payload(shown) })).collect()
}

fn next_cursor(last: Key) -> String {
    STANDARD.encode(format!("next_ts:{last}"))
}

fn cursor(args: &Args) -> Result<Option<Key>, Fail> {
    let Some(cursor) = args.text("cursor").filter(|cursor| !cursor.is_empty()) else { return Ok(None) };
    let bytes = STANDARD.decode(cursor).map_err(|_| "invalid_cursor")?;
    let text = String::from_utf8(bytes).map_err(|_| "invalid_cursor")?;
    let key = text.strip_prefix("next_ts:").and_then(|key| key.parse().ok()).ok_or("invalid_cursor")?;
    Ok(Some(key))
}

impl Workspace<'_> {
    /// The channel to read, if the caller may read it.
    fn readable(&self, caller: &Caller, args: &Args) -> Result<String, Fail> {
        let channel = self.visible(caller, &args.needed("channel")?)?;
        let place = self.channel(&channel)?;
        let scope = match place.kind {
            Kind::Public => "channels:history",
            Kind::Private => "groups:history",
            Kind::Im => "im:history",
            Kind::Mpim => "mpim:history",
        };
        if !caller.may(scope) {
            return Err(Fail::scope(scope, caller));
        }
        if caller.is_app && !place.has(&caller.user) {
            return Err("not_in_channel".into());
        }
        Ok(channel)
    }

    /// The time up to which reads see what was written.
    fn settled(&self, method: &str) -> i64 {
        let lag = i64::try_from(self.faults.reads_lag(method)).unwrap_or(i64::MAX).saturating_mul(1000);
        if lag == 0 { i64::MAX } else { self.now.saturating_sub(lag) }
    }
}
