//! `reactions.*`.

use serde_json::json;

use super::super::show;
use super::super::timeline::object;
use super::super::world::{Key, Workspace};
use super::args::Args;
use super::{Answer, Caller, Fail};

pub fn add(workspace: &mut Workspace<'_>, caller: &Caller, args: &Args) -> Answer {
    change(workspace, caller, args, true)
}

pub fn remove(workspace: &mut Workspace<'_>, caller: &Caller, args: &Args) -> Answer {
    change(workspace, caller, args, false)
}

/// A message's or a file's; nobody reacts to files here, and comments on files are no more.
pub fn get(workspace: &mut Workspace<'_>, caller: &Caller, args: &Args) -> Answer {
    if args.has("file_comment") {
        return Err("file_comment_not_found".into());
    }
    if let Some(id) = args.text("file").filter(|id| !id.is_empty()) {
        let file = workspace.files.get(&id).filter(|file| workspace.sees_file(&caller.user, file));
        return Ok(object(json!({"type": "file", "file": file.ok_or("file_not_found")?})));
    }
    if !args.has("timestamp") {
        return Err("no_item_specified".into());
    }
    let (channel, key) = item(workspace, caller, args)?;
    let mut message = workspace.shown(&channel, key).ok_or("message_not_found")?;
    let address = workspace.address_of(&channel, key)?;
    message.insert("permalink".into(), address.into());
    Ok(object(json!({"type": "message", "channel": channel, "message": message})))
}

fn change(workspace: &mut Workspace<'_>, caller: &Caller, args: &Args, adds: bool) -> Answer {
    let (channel, key) = item(workspace, caller, args)?;
    let name = args.needed("name")?;
    let name = name.trim_matches(':');
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_-+:'".contains(c);
    if name.is_empty() || !name.chars().all(known) {
        return Err("invalid_name".into());
    }
    if workspace.channel(&channel)?.archived {
        return Err("is_archived".into());
    }
    workspace.react(&caller.user, &channel, key, name, adds)?;
    Ok(object(json!({})))
}

fn item(workspace: &Workspace<'_>, caller: &Caller, args: &Args) -> Result<(String, Key), Fail> {
    let channel = workspace.visible(caller, &args.text("channel").ok_or("no_item_specified")?)?;
    let key = args.text("timestamp").and_then(|ts| show::parse_ts(&ts)).ok_or("bad_timestamp")?;
    Ok((channel, key))
}
