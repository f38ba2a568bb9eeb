//! `conversations.*` but for reading messages.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use super::super::timeline::object;
use super::super::world::{Channel, Fields, Kind, Workspace};
use super::args::Args;
use super::{Answer, Caller, Fail, warn};

pub fn info(workspace: &mut Workspace<'_>, caller: &Caller, args: &Args) -> Answer {
    let channel = workspace.known(caller, args)?;
    let place = workspace.channel(&channel)?;
    let mut shown = workspace.show_channel(place, &caller.user);
    if args.flag("include_num_members") {
        shown["num_members"] = place.members.len().into();
    }
    if args.flag("include_locale") {
        shown["locale"] = "en-US".into();
    }
    Ok(object(json!({"channel": shown})))
}

pub fn list(workspace: &mut Workspace<'_>, caller: &Caller, args: &Args) -> Answer {
    let chosen = Chosen::read(caller, args)?;
    let user = caller.user.as_str();
    let all = workspace.channels.values();
    let found = all.filter(|place| chosen.takes(place) && (place.kind == Kind::Public || place.has(user)));
    let found = found.map(|place| {
        let mut shown = workspace.show_channel(place, user);
        if !place.is_direct() {
            shown["num_members"] = place.members.len().into();
        }
        (place.id.clone(), shown)
    });
    paged("channels", found, args, 1000)
}

pub fn of_user(workspace: &mut Workspace<'_>, caller: &Caller, args: &Args) -> Answer {
    let chosen = Chosen::read(caller, args)?;
    let asker = caller.user.as_str();
    let user = args.text("user").filter(|user| !user.is_empty()).unwrap_or_else(|| asker.to_owned());
    if !workspace.people.contains_key(&user) {
        return Err("user_not_found".into());
    }
    let all = workspace.channels.values();
    let found = all.filter(|place| chosen.takes(place) && place.has(&user));
    let found = found.filter(|place| place.kind == Kind::Public || place.has(asker)).map(|place| {
        let mut shown = workspace.show_channel(place, asker);
        // The reference's example shows neither is_member nor num_members here.
        if let Value::Object(fields) = &mut shown {
            fields.remove("is_member");
        }
        (place.id.clone(), shown)
    });
    paged("channels", found, args, 999)
}

pub fn members(workspace: &mut Workspace<'_>, caller: &Caller, args: &Args) -> Answer {
    let channel = workspace.known(caller, args)?;
    let place = workspace.channel(&channel)?;
    let mut members = place.members.clone();
    members.sort();
    let found = members.into_iter().map(|member| (member.clone(), Value::String(member)));
    paged("members", found, args, 1000)
}

pub fn join(workspace: &mut Workspace<'_>, caller: &Caller, args: &Args) -> Answer {
    let channel = workspace.visible(caller, &args.needed("channel")?)?;
    let place = workspace.channel(&channel)?;
    if place.kind != Kind::Public {
        return Err("method_not_supported_for_channel_type".into());
    }
    if place.archived {
        return Err("is_archived".into());
    }
    let already = place.has(&caller.user);
    if !already {
        workspace.join(&channel, &caller.user).map_err(|error| Fail::from(error.as_str()))?;
    }
    let shown = workspace.show_channel(workspace.channel(&channel)?, &caller.user);
    let mut answer = object(json!({"channel": shown}));
    if already {
        warn(&mut answer, "already_in_channel");
    }
    Ok(answer)
}

pub fn open(workspace: &mut Workspace<'_>, caller: &Caller, args: &Args) -> Answer {
    let mut already = true;
    let channel = if let Some(channel) = args.text("channel").filter(|channel| !channel.is_empty()) {
        let channel = workspace.visible(caller, &channel)?;
        if !workspace.channel(&channel)?.is_direct() {
            return Err("method_not_supported_for_channel_type".into());
        }
        channel
    } else {
        let users = args.text("users").filter(|users| !users.is_empty()).ok_or("users_list_not_supplied")?;
        let mut people = vec![caller.user.clone()];
        for user in users.split(',').map(str::trim) {
            let person = workspace.people.get(user).ok_or("user_not_found")?;
            if person.spec.deleted {
                return Err("user_disabled".into());
            }
            if !people.iter().any(|known| known == user) {
                people.push(user.to_owned());
            }
        }
        if people.len() > 9 {
            return Err("too_many_users".into());
        }
        let scope = if people.len() > 2 { "mpim:write" } else { "im:write" };
        if !caller.may(scope) {
            return Err(Fail::scope(scope, caller));
        }
        let (channel, known) = workspace.direct(&people);
        already = known;
        channel
    };
    let mut answer = Fields::new();
    if already {
        answer.insert("already_open".into(), true.into());
        answer.insert("no_op".into(), true.into());
    }
    let shown = match args.flag("return_im") {
        true => workspace.show_channel(workspace.channel(&channel)?, &caller.user),
        false => json!({"id": channel}),
    };
    answer.insert("channel".into(), shown);
    Ok(answer)
}

/// Which kinds of conversations are asked for.
struct Chosen {
    kinds: Vec<Kind>,
    archived: bool,
}

impl Chosen {
    fn read(caller: &Caller, args: &Args) -> Result<Self, Fail> {
        let types = args.text("types").filter(|types| !types.is_empty());
        let mut kinds = Vec::new();
        for kind in types.as_deref().unwrap_or("public_channel").split(',').map(str::trim) {
            let kind = match kind {
                "public_channel" => Kind::Public,
                "private_channel" => Kind::Private,
                "im" => Kind::Im,
                "mpim" => Kind::Mpim,
                _ => return Err("invalid_types".into()),
            };
            if !caller.may(read_scope(kind)) {
                return Err(Fail::scope(read_scope(kind), caller));
            }
            kinds.push(kind);
        }
        Ok(Chosen { kinds, archived: !args.flag("exclude_archived") })
    }

    fn takes(&self, place: &Channel) -> bool {
        self.kinds.contains(&place.kind) && (self.archived || !place.archived)
    }
}

fn read_scope(kind: Kind) -> &'static str {
    match kind {
        Kind::Public => "channels:read",
        Kind::Private => "groups:read",
        Kind::Im => "im:read",
        Kind::Mpim => "mpim:read",
    }
}

/// One page of a list in the order of its ids.
pub fn paged(name: &str, found: impl Iterator<Item = (String, Value)>, args: &Args, most: usize) -> Answer {
    if args.has("limit") && args.text("limit").and_then(|limit| limit.parse::<u32>().ok()).is_none() {
        return Err("invalid_limit".into());
    }
    let limit = args.limit(if name == "members" { most } else { 100 }, most);
    let after = match args.text("cursor").filter(|cursor| !cursor.is_empty()) {
        None => None,
        Some(cursor) => {
            let text = STANDARD.decode(cursor).ok().and_then(|bytes| String::from_utf8(bytes).ok());
            let id = text.and_then(|text| text.strip_prefix("after:").map(String::from)).ok_or("invalid_cursor")?;
            Some(id)
        }
    };
    let mut found = found.filter(|(id, _)| after.as_ref().is_none_or(|after| id > after));
    let page: Vec<(String, Value)> = found.by_ref().take(limit).collect();
    let last = page.last().map(|(id, _)| id.clone()).filter(|_| found.next().is_some());
    let cursor = last.map(|id| STANDARD.encode(format!("after:{id}"))).unwrap_or_default();
    let items: Vec<Value> = page.into_iter().map(|(_, item)| item).collect();
    Ok(object(json!({name: items, "response_metadata": {"next_cursor": cursor}})))
}

impl Workspace<'_> {
    /// The channel to look at, if the caller may know of it and read about its kind.
    fn known(&self, caller: &Caller, args: &Args) -> Result<String, Fail> {
        let channel = self.visible(caller, &args.needed("channel")?)?;
        let scope = read_scope(self.channel(&channel)?.kind);
        if !caller.may(scope) {
            return Err(Fail::scope(scope, caller));
        }
        Ok(channel)
    }
}
