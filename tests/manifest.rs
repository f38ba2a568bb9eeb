//! The Slack app's manifest agrees with the code, with the file and with Slack's limits.

use serde_json::{Value, json};
use sidethread::bridge::notice::APP_IN_SLACK;
use sidethread::cli::manifest::{self, BOT_EVENTS, BOT_SCOPES, COMMAND};
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
            "app_uninstalled" | "tokens_revoked" | "channel_id_changed" => &[],
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

#[test]
fn what_the_app_does_not_support_is_off() {
    let file = yaml(FILE);
    for switch in ["org_deploy_enabled", "socket_mode_enabled", "token_rotation_enabled"] {
        assert_eq!(at(&file, &format!("/settings/{switch}")), false, "{switch}");
    }
    let sections: Vec<&String> = file.as_object().unwrap().keys().collect();
    assert_eq!(sections, ["display_information", "features", "oauth_config", "settings"]);
}
