//! People, the app itself, the workspace, and files.

use serde_json::json;

use super::super::timeline::object;
use super::super::world::Workspace;
use super::args::Args;
use super::conversations::paged;
use super::{Answer, Caller};

pub fn auth_test(workspace: &mut Workspace<'_>, caller: &Caller, _: &Args) -> Answer {
    let options = workspace.options;
    let name = workspace.people.get(&caller.user).map(|person| person.spec.name.clone());
    let mut answer = object(json!({
        "url": format!("https://{}.slack.com/", options.team_domain), "team": options.team_name, "user": name,
        "team_id": options.team_id, "user_id": caller.user, "is_enterprise_install": false,
    }));
    if caller.is_app {
        answer.insert("bot_id".into(), options.bot_id.clone().into());
        answer.insert("app_id".into(), options.app_id.clone().into());
    }
    Ok(answer)
}

pub fn info(workspace: &mut Workspace<'_>, caller: &Caller, args: &Args) -> Answer {
    let person = workspace.people.get(&args.needed("user")?).ok_or("user_not_found")?;
    let mut shown = workspace.show_person(person, caller.may("users:read.email"));
    if args.flag("include_locale") {
        shown["locale"] = "en-US".into();
    }
    Ok(object(json!({"user": shown})))
}

pub fn list(workspace: &mut Workspace<'_>, caller: &Caller, args: &Args) -> Answer {
    let emails = caller.may("users:read.email");
    let own = workspace.people.values().filter(|person| !workspace.is_foreign(&person.id));
    let found = own.map(|person| (person.id.clone(), workspace.show_person(person, emails)));
    let mut answer = paged("members", found, args, 1000)?;
    answer.insert("cache_ts".into(), workspace.now.div_euclid(1000).into());
    Ok(answer)
}

pub fn by_email(workspace: &mut Workspace<'_>, _: &Caller, args: &Args) -> Answer {
    let email = args.needed("email")?.to_lowercase();
    let person = workspace.people.values().find(|person| {
        let spec = &person.spec;
        let same = spec.email.as_ref().is_some_and(|known| known.to_lowercase() == email);
        same && !spec.deleted && spec.stranger_team.is_none()
    });
    let shown = person.map(|person| workspace.show_person(person, true)).ok_or("users_not_found")?;
    Ok(object(json!({"user": shown})))
}

pub fn team_info(workspace: &mut Workspace<'_>, _: &Caller, args: &Args) -> Answer {
    let options = workspace.options;
    if let Some(team) = args.text("team").filter(|team| *team != options.team_id) {
        // Shown are those with whom a channel is shared: <https://docs.slack.dev/reference/methods/team.info>
        let met = workspace.channels.values().any(|channel| channel.shared_with.as_deref() == Some(team.as_str()));
        let name = workspace.firms.get(&team).filter(|_| met).ok_or("team_not_found")?;
        return Ok(object(json!({"team": {"id": team, "name": name, "domain": team.to_lowercase()}})));
    }
    let mut icon = object(json!({"image_default": true}));
    for size in [34, 44, 68, 88, 102, 132] {
        let image = format!("https://a.slack-edge.com/80588/img/avatars-teams/ava_0000-{size}.png");
        icon.insert(format!("image_{size}"), image.into());
    }
    Ok(object(json!({"team": {
        "id": options.team_id, "name": options.team_name, "domain": options.team_domain, "email_domain": "",
        "url": format!("https://{}.slack.com/", options.team_domain), "icon": icon, "avatar_base_url": "https://ca.slack-edge.com/",
        "is_verified": false,
    }})))
}

pub fn bots_info(workspace: &mut Workspace<'_>, _: &Caller, args: &Args) -> Answer {
    let options = workspace.options;
    if args.text("bot").as_deref() != Some(&options.bot_id) {
        return Err("bot_not_found".into());
    }
    Ok(object(json!({"bot": {
        "id": options.bot_id, "deleted": false, "name": options.bot_name, "updated": workspace.bot_updated(),
        "app_id": options.app_id, "user_id": options.bot_user_id, "icons": workspace.bot_icons(),
    }})))
}
