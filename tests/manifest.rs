//! The Slack app's manifest agrees with the code, with the file and with Slack's limits.

use serde_json::{Value, json};
use sidethread::bridge::notice::APP_IN_SLACK;
use sidethread::cli::manifest::{
    self, ATTACH_SHORTCUT, BOT_EVENTS, BOT_SCOPES, COMMAND, NEW_SHORTCUT, OPTIONAL_SCOPES,
};
use sidethread::config::Config;

const FILE: &str = include_str!("../manifest.yml");

fn printed(public_url: &str) -> Value {
    let env = [("SIDETHREAD__SERVER__PUBLIC_URL".to_owned(), public_url.to_owned())];
    let config = Config::parse("s.toml", include_str!("../sidethread.example.toml"), env).unwrap();
    yaml(&manifest::run(&config))
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

fn at<'a>(manifest: &'a Value, pointer: &str) -> &'a Value {
    manifest.pointer(pointer).unwrap_or_else(|| panic!("{pointer} is not there"))
}

fn length(manifest: &Value, pointer: &str) -> usize {
    at(manifest, pointer).as_str().unwrap_or_else(|| panic!("{pointer} is no text")).chars().count()
}

#[test]
fn the_file_is_what_is_printed() {
    assert_eq!(printed("https://bridge.example.com"), yaml(FILE));
}

#[test]
fn the_file_asks_for_what_the_code_goes_by() {
    let file = yaml(FILE);
    assert_eq!(at(&file, "/oauth_config/scopes/bot"), &json!(BOT_SCOPES));
    assert_eq!(at(&file, "/settings/event_subscriptions/bot_events"), &json!(BOT_EVENTS));
    assert_eq!(at(&file, "/features/bot_user/display_name"), APP_IN_SLACK);
    assert_eq!(at(&file, "/features/slash_commands/0/command"), COMMAND);
    assert_eq!(at(&file, "/features/slash_commands/0/should_escape"), true);
    for (n, (kind, id)) in [("message", ATTACH_SHORTCUT), ("global", NEW_SHORTCUT)].into_iter().enumerate() {
        let shortcut = at(&file, &format!("/features/shortcuts/{n}"));
        assert_eq!((&shortcut["type"], &shortcut["callback_id"]), (&json!(kind), &json!(id)));
    }
    // Without the messages tab Slack refuses direct messages of the app, and with a read-only one nobody can answer them.
    let home = json!({"home_tab_enabled": true, "messages_tab_enabled": true, "messages_tab_read_only_enabled": false});
    assert_eq!(at(&file, "/features/app_home"), &home);
    assert!(OPTIONAL_SCOPES.iter().all(|scope| BOT_SCOPES.contains(scope)));
}

#[test]
fn the_sandboxs_app_may_what_the_file_asks_for() {
    let given = sidethread::sandbox::slack::Options::default().scopes;
    let missing: Vec<_> = BOT_SCOPES.iter().filter(|scope| !given.iter().any(|one| one == *scope)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn each_event_is_covered_by_a_scope() {
    for event in BOT_EVENTS {
        let scopes: &[&str] = match *event {
            "message.channels" => &["channels:history"],
            "message.groups" => &["groups:history"],
            "message.im" => &["im:history"],
            "app_home_opened" | "app_uninstalled" | "tokens_revoked" | "channel_id_changed" => &[],
            "emoji_changed" => &["emoji:read"],
            "reaction_added" | "reaction_removed" => &["reactions:read"],
            "subteam_created" | "subteam_updated" => &["usergroups:read"],
            "channel_shared" | "channel_unshared" | "member_joined_channel" => &["channels:read", "groups:read"],
            "user_change" => &["users:read"],
            event if event.starts_with("group_") => &["groups:read"],
            event if event.starts_with("channel_") => &["channels:read"],
            event => panic!("which scope does {event} need?"),
        };
        for scope in scopes {
            assert!(BOT_SCOPES.contains(scope), "{event} needs {scope}");
        }
    }
}

#[test]
fn every_address_is_filled_in() {
    for (public, begins) in [
        ("https://side.acme.example", "https://side.acme.example"),
        ("https://acme.example:8443/bridge/", "https://acme.example:8443/bridge"),
        ("https://acme.example/a\"b\\c'd", "https://acme.example/a%22b/c'd"),
    ] {
        let manifest = printed(public);
        assert!(!manifest.to_string().contains("bridge.example.com"));
        for (pointer, path) in [
            ("/features/slash_commands/0/url", manifest::COMMANDS_PATH),
            ("/settings/event_subscriptions/request_url", manifest::EVENTS_PATH),
            ("/settings/interactivity/request_url", manifest::INTERACTIONS_PATH),
            ("/settings/interactivity/message_menu_options_url", manifest::INTERACTIONS_PATH),
        ] {
            assert_eq!(at(&manifest, pointer), &json!(format!("{begins}{path}")), "{pointer}");
        }
    }
}

/// <https://docs.slack.dev/reference/app-manifest>
#[test]
fn slack_s_limits_are_kept() {
    let longest = format!("https://acme.example/{}", "x".repeat(2000 - "https://acme.example/".len()));
    let manifest = printed(&longest);
    for (pointer, most) in [
        ("/display_information/name", 35),
        ("/display_information/description", 140),
        ("/features/bot_user/display_name", 80),
        ("/features/shortcuts/0/name", 24),
        ("/features/shortcuts/0/callback_id", 255),
        ("/features/shortcuts/0/description", 150),
        ("/features/shortcuts/1/name", 24),
        ("/features/shortcuts/1/callback_id", 255),
        ("/features/shortcuts/1/description", 150),
        ("/features/slash_commands/0/command", 32),
        ("/features/slash_commands/0/description", 2000),
        ("/features/slash_commands/0/usage_hint", 1000),
        ("/features/slash_commands/0/url", 3000),
        ("/settings/event_subscriptions/request_url", 3500),
        ("/settings/interactivity/request_url", 3500),
        ("/settings/interactivity/message_menu_options_url", 3500),
    ] {
        assert!((1..=most).contains(&length(&manifest, pointer)), "{pointer}");
    }
    assert!(BOT_EVENTS.len() <= 100 && BOT_SCOPES.len() <= 255);
    assert!(BOT_SCOPES.iter().all(|scope| scope.len() <= 50));
    assert!(BOT_SCOPES.is_sorted() && BOT_EVENTS.is_sorted());
}

/// Every key of the manifest with the type that Slack's schema (version 1) gives it; Slack refuses a manifest with any other
/// key. `[]` stands for each item of a list. <https://docs.slack.dev/reference/app-manifest>
const SCHEMA: &[(&str, &str)] = &[
    ("display_information.name", "text"),
    ("display_information.description", "text"),
    ("display_information.background_color", "colour"),
    ("features.app_home.home_tab_enabled", "switch"),
    ("features.app_home.messages_tab_enabled", "switch"),
    ("features.app_home.messages_tab_read_only_enabled", "switch"),
    ("features.bot_user.display_name", "text"),
    ("features.bot_user.always_online", "switch"),
    ("features.shortcuts[].name", "text"),
    ("features.shortcuts[].type", "message or global"),
    ("features.shortcuts[].callback_id", "text"),
    ("features.shortcuts[].description", "text"),
    ("features.slash_commands[].command", "command"),
    ("features.slash_commands[].url", "url"),
    ("features.slash_commands[].description", "text"),
    ("features.slash_commands[].usage_hint", "text"),
    ("features.slash_commands[].should_escape", "switch"),
    ("oauth_config.scopes.bot[]", "text"),
    ("settings.event_subscriptions.request_url", "url"),
    ("settings.event_subscriptions.bot_events[]", "text"),
    ("settings.interactivity.is_enabled", "switch"),
    ("settings.interactivity.request_url", "url"),
    ("settings.interactivity.message_menu_options_url", "url"),
    ("settings.org_deploy_enabled", "switch"),
    ("settings.socket_mode_enabled", "switch"),
    ("settings.token_rotation_enabled", "switch"),
];

fn leaves(value: &Value, path: &str, found: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(fields) => {
            for (key, value) in fields {
                let path = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                leaves(value, &path, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| leaves(item, &format!("{path}[]"), found)),
        value => found.push((path.to_owned(), value.clone())),
    }
}

#[test]
fn slack_s_schema_allows_every_key() {
    let mut found = Vec::new();
    leaves(&yaml(FILE), "", &mut found);
    for (path, value) in &found {
        let kind = SCHEMA.iter().find(|(known, _)| known == path).map(|(_, kind)| *kind);
        let text = value.as_str().unwrap_or_default();
        let fits = match kind.unwrap_or_else(|| panic!("Slack's schema has no {path}")) {
            "switch" => value.is_boolean(),
            "text" => !text.is_empty(),
            "colour" => text.len() == 7 && text.starts_with('#'),
            "command" => text.len() >= 2 && text.starts_with('/'),
            "url" => text.starts_with("https://"),
            kind => kind.split(" or ").any(|one| one == text),
        };
        assert!(fits, "{path}: {value} is no {kind:?}");
    }
    let missing: Vec<_> = SCHEMA.iter().filter(|(path, _)| !found.iter().any(|(one, _)| one == path)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn what_the_app_does_not_support_is_off() {
    let file = yaml(FILE);
    for switch in ["org_deploy_enabled", "socket_mode_enabled", "token_rotation_enabled"] {
        assert_eq!(at(&file, &format!("/settings/{switch}")), false, "{switch}");
    }
    let sections: Vec<&String> = file.as_object().unwrap().keys().collect();
    assert_eq!(sections, ["display_information", "features", "oauth_config", "settings"]);
}
