//! `views.*`, `usergroups.list` and `emoji.list`.

use serde_json::{Value, json};

use super::super::timeline::object;
use super::super::views::Refused;
use super::super::world::{Fields, Workspace};
use super::args::Args;
use super::{Answer, Caller, Fail};

pub fn open(workspace: &mut Workspace<'_>, _: &Caller, args: &Args) -> Answer {
    let view = given(args)?;
    let user = workspace.use_trigger(&args.needed("trigger_id")?)?;
    // A new one takes the place of whatever was open.
    let before = workspace.stack(&user);
    let shown = workspace.push_view(&user, &view);
    if shown.is_ok() {
        before.iter().for_each(|id| drop(workspace.views.open.remove(id)));
    }
    answer(shown)
}

pub fn push(workspace: &mut Workspace<'_>, _: &Caller, args: &Args) -> Answer {
    let view = given(args)?;
    let user = workspace.use_trigger(&args.needed("trigger_id")?)?;
    answer(workspace.push_view(&user, &view))
}

pub fn update(workspace: &mut Workspace<'_>, _: &Caller, args: &Args) -> Answer {
    let view = given(args)?;
    let id = match (args.text("view_id"), args.text("external_id")) {
        (Some(id), _) => id,
        (None, Some(external)) => {
            let found = workspace.views.open.iter().find(|(_, view)| view.fields["external_id"] == external.as_str());
            found.map(|(id, _)| id.clone()).ok_or("not_found")?
        }
        (None, None) => return Err(Fail::missing(&["view_id"])),
    };
    answer(workspace.replace_view(&id, &view, args.text("hash").as_deref()))
}

pub fn publish(workspace: &mut Workspace<'_>, _: &Caller, args: &Args) -> Answer {
    let view = given(args)?;
    let user = args.needed("user_id")?;
    if !workspace.people.contains_key(&user) {
        return Err("user_not_found".into());
    }
    answer(workspace.publish_view(&user, &view, args.text("hash").as_deref()))
}

/// There are no custom emoji here but these; the standard ones are not listed.
pub fn emoji(_: &mut Workspace<'_>, _: &Caller, _: &Args) -> Answer {
    Ok(object(json!({
        "emoji": {
            "parcel": "https://emoji.slack-edge.com/T0SANDBOX1/parcel/0123456789abcdef.png",
            "shipit": "alias:parcel",
        },
        "cache_ts": "1770000000.000000", "categories_version": "1", "categories": [],
    })))
}

pub fn usergroups(workspace: &mut Workspace<'_>, caller: &Caller, args: &Args) -> Answer {
    let team = workspace.options.team_id.clone();
    let with_users = args.flag("include_users");
    let groups = workspace.usergroups.iter().map(|group| {
        let mut shown = json!({
            "id": group.id, "team_id": team, "is_usergroup": true, "is_subteam": true, "name": group.name,
            "description": "", "handle": group.handle, "is_external": false, "date_create": group.created,
            "date_update": group.created, "date_delete": 0, "auto_type": null, "auto_provision": false,
            "enterprise_subteam_id": "", "created_by": caller.user, "updated_by": caller.user, "deleted_by": null,
            "prefs": {"channels": [], "groups": []}, "user_count": group.users.len().to_string(), "channel_count": 0,
        });
        if with_users {
            shown["users"] = json!(group.users);
        }
        shown
    });
    Ok(object(json!({"usergroups": groups.collect::<Vec<Value>>()})))
}

fn given(args: &Args) -> Result<Value, Fail> {
    let view = args.json("view").map_err(|()| "invalid_arguments")?;
    view.filter(Value::is_object).ok_or_else(|| Fail::missing(&["view"]))
}

fn answer(shown: Result<Fields, Refused>) -> Answer {
    match shown {
        Ok(view) => Ok(object(json!({ "view": view }))),
        Err((code, messages)) if messages.is_empty() => Err(code.into()),
        Err((code, messages)) => Err(Fail::with_messages(code, &messages)),
    }
}
