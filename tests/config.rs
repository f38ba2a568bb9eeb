//! Settings: what is accepted, and every message that a person can meet.

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use secrecy::ExposeSecret;
use sidethread::bridge::follow_up::Copied;
use sidethread::bridge::ids::ChannelId;
use sidethread::bridge::route::{ChannelRef, OutsidePolicy, RecipientPattern};
use sidethread::bridge::rules::{QuietHours, Rules, TicketChange};
use sidethread::config::{Config, ConfigErrors, ZendeskCredential};

const EXAMPLE: &str = include_str!("../sidethread.example.toml");

const GOOD: &str = r##"[server]
public_url = "https://bridge.example.com/"
[slack]
bot_token = "xoxb-1-SECRET"
signing_secret = "sign-SECRET"
[zendesk]
url = "https://acme.zendesk.com"
client_id = "sidethread"
client_secret = "client-SECRET"
webhook_secret = "hook-SECRET"
[[routes]]
name = "logistics"
recipients = ["Logistics@ACME.example"]
channel = "#Logistics"
"##;

fn parse(text: &str) -> Result<Config, ConfigErrors> {
    parse_with(text, &[])
}

fn parse_with(text: &str, env: &[(&str, &str)]) -> Result<Config, ConfigErrors> {
    Config::parse("s.toml", text, env.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())))
}

fn errors(text: &str) -> Vec<String> {
    errors_with(text, &[])
}

fn errors_with(text: &str, env: &[(&str, &str)]) -> Vec<String> {
    let errors = parse_with(text, env).expect_err("these settings should be refused");
    errors.to_string().lines().map(str::to_owned).collect()
}

/// The good settings with one line in the place of another.
fn with(line: &str, instead: &str) -> String {
    assert!(GOOD.contains(line), "{line}");
    GOOD.replacen(line, instead, 1)
}

fn secrets_of(config: &Config) -> Vec<&str> {
    config.slack.signing_secrets.iter().map(ExposeSecret::expose_secret).collect()
}

#[test]
fn the_example_is_accepted() {
    let config = parse(EXAMPLE).unwrap();
    assert_eq!(config.bridge.retry_schedule.len(), 8);
    assert_eq!(config.warnings, Vec::<String>::new());
}

#[test]
fn the_example_shows_the_defaults() {
    let (shown, left_out) = (parse(EXAMPLE).unwrap(), parse(GOOD).unwrap());
    assert_eq!(format!("{:?}", shown.bridge), format!("{:?}", left_out.bridge));
    assert_eq!(format!("{:?}", shown.database), format!("{:?}", left_out.database));
    assert_eq!(format!("{:?}", shown.server), format!("{:?}", left_out.server));
    assert_eq!(shown.zendesk.poll_interval, left_out.zendesk.poll_interval);
    assert_eq!(shown.slack.api_url, left_out.slack.api_url);
    assert_eq!(shown.slack.limits, left_out.slack.limits);
    assert_eq!(shown.zendesk.limits, left_out.zendesk.limits);
    assert_eq!(shown.follow_up, left_out.follow_up);
    assert_eq!(shown.rules, left_out.rules);
}

#[test]
fn rules_are_read_and_off_unless_they_are_set() {
    assert_eq!(parse(GOOD).unwrap().rules, Rules::default());
    let rules = |text: &str| parse(&GOOD.replacen("[[routes]]", &format!("{text}\n[[routes]]"), 1));
    let found = rules("[ticket]\non_ask = { status = \"hold\", tags_add = [\"Waiting\"] }\n[done]\nnote = \"summary\"");
    let found = found.unwrap().rules;
    let change = TicketChange { status: Some("hold".into()), tags_add: vec!["waiting".into()], tags_remove: vec![] };
    assert_eq!((found.on_ask, found.on_answer, found.summary, found.notify), (Some(change), None, true, None));
    let found = rules("[notify]\nassignee = \"dm\"\nquiet_hours = \"22:00-07:30\"").unwrap().rules.notify.unwrap();
    assert_eq!(found.quiet, Some(QuietHours { from: 1320, to: 450 }));
}

#[test]
fn a_wrong_rule_says_what_was_meant() {
    let said = |text: &str| errors(&GOOD.replacen("[[routes]]", &format!("{text}\n[[routes]]"), 1)).join("\n");
    for (text, wanted) in [
        ("[ticket]\non_ask = { status = \"holds\" }", "ticket.on_ask.status: must be one of"),
        ("[ticket]\non_ask = { status = \"holds\" }", "did you mean hold?"),
        ("[ticket]\non_ask = { statsu = \"hold\" }", "ticket.on_ask.statsu: unknown key; did you mean status?"),
        ("[ticket]\non_answer = { status = \"closed\" }", "no rule may; use solved"),
        ("[ticket]\non_answer = {}", "changes nothing"),
        ("[ticket]\non_answer = \"open\"", "must be a table, not text"),
        ("[ticket]\non_ask = { tags_add = [\"two words\"] }", "is not a tag"),
        ("[ticket]\non_ask = { tags_add = [\"a\"], tags_remove = [\"a\"] }", "adds and removes the tag a"),
        ("[ticket]\non_asked = { status = \"hold\" }", "did you mean on_ask?"),
        ("[done]\nnote = \"sumary\"", "did you mean summary?"),
        ("[notify]\nassignee = \"mail\"", "must be one of \"none\", \"dm\""),
        ("[notify]\nquiet_hours = \"22-7\"", "write it as in 22:00-07:00"),
        ("[permissions]\nstart = \"agent\"", "did you mean agents?"),
        ("[notifi]\nassignee = \"dm\"", "did you mean notify?"),
    ] {
        assert!(said(text).contains(wanted), "{text}: {}", said(text));
    }
    let env = [("SIDETHREAD__TICKET__ON_ASK", "{ status = \"hold\" }")];
    assert!(errors_with(GOOD, &env)[0].contains("cannot be set in the environment"));
    let env = [("SIDETHREAD__NOTIFY__ASSIGNEE", "dm")];
    assert!(parse_with(GOOD, &env).unwrap().rules.notify.is_some());
}

#[test]
fn budgets_are_what_the_vendors_document_unless_they_are_set() {
    let config = parse(GOOD).unwrap();
    assert_eq!(config.slack.limits.posts_per_second_per_channel, 1.0);
    assert_eq!(config.zendesk.limits.side_conversation_writes_per_10_min, 300);
    for (rate, read) in [("0.5", 0.5), ("2", 2.0), ("0", 0.0), ("1e1", 10.0)] {
        let line = "signing_secret = \"sign-SECRET\"";
        let text = with(line, &format!("{line}\nposts_per_second_per_channel = {rate}"));
        assert_eq!(parse(&text).unwrap().slack.limits.posts_per_second_per_channel, read);
    }
    let env = [
        ("SIDETHREAD__SLACK__POSTS_PER_SECOND_PER_CHANNEL", "0.25"),
        ("SIDETHREAD__ZENDESK__TICKET_UPDATES_PER_MIN", "20"),
    ];
    let config = parse_with(GOOD, &env).unwrap();
    assert_eq!(config.slack.limits.posts_per_second_per_channel, 0.25);
    assert_eq!(config.zendesk.limits.ticket_updates_per_min, 20);
    let env = [
        ("SIDETHREAD__SLACK__POSTS_PER_SECOND_PER_CHANNEL", "-1"),
        ("SIDETHREAD__ZENDESK__TICKET_UPDATES_PER_MIN", "1.5"),
    ];
    let found = errors_with(GOOD, &env);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(
        found[0].contains("must be a number from 0 to 1000, as in 1.0; 0 means no limit but the vendor's own"),
        "{found:?}"
    );
    assert!(found[1].contains("must be a whole number from 0 to 1000000"), "{found:?}");
    for wrong in ["nan", "inf", "\"1\"", "2000.0"] {
        let line = "signing_secret = \"sign-SECRET\"";
        let found = errors(&with(line, &format!("{line}\nposts_per_second_per_channel = {wrong}")));
        assert!(found[0].contains("slack.posts_per_second_per_channel: must be a number from 0 to 1000"), "{found:?}");
    }
}

#[test]
fn what_is_left_out_has_a_default() {
    let config = parse(GOOD).unwrap();
    assert_eq!(config.server.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.server.admin_listen.to_string(), "127.0.0.1:8081");
    assert_eq!(config.server.public_url.as_str(), "https://bridge.example.com/");
    assert_eq!(config.database.path, Path::new("sidethread.db"));
    assert_eq!(config.database.keep_days, 30);
    assert_eq!(config.slack.api_url.as_str(), "https://slack.com/api");
    assert_eq!(config.zendesk.poll_interval, Duration::from_secs(20));
    assert_eq!(config.zendesk.channel_domain, None);
    assert_eq!(config.bridge.retry_schedule[7], Duration::from_secs(12 * 3600));
    let route = &config.routes[0];
    assert_eq!(route.recipients, [RecipientPattern::Exact("logistics@acme.example".into())]);
    assert_eq!(route.channel, ChannelRef::Name("logistics".into()));
    assert_eq!((route.outside, route.shared), (OutsidePolicy::Never, false));
}

#[test]
fn every_way_to_write_a_value_is_read() {
    let text = with("public_url = \"https://bridge.example.com/\"", "public_url = \"http://127.0.0.1:8080/x/\"")
        .replace("url = \"https://acme.zendesk.com\"", "url = \"http://127.0.0.1:8080/zendesk\"")
        .replace("signing_secret = \"sign-SECRET\"", "signing_secret = [\"one\", \"two\"]")
        + "[[routes]]\nname = \"all\"\nrecipients = [\"*@Other.example\", \"*\"]\nchannel = \"C0123456789\"\noutside = \"send\"\nshared = true\n";
    let config = parse(&text).unwrap();
    assert_eq!(config.server.public_url.as_str(), "http://127.0.0.1:8080/x");
    assert_eq!(config.zendesk.url.as_str(), "http://127.0.0.1:8080/zendesk");
    assert_eq!(secrets_of(&config), ["one", "two"]);
    let route = &config.routes[1];
    assert_eq!(route.recipients, [RecipientPattern::Domain("other.example".into()), RecipientPattern::Any]);
    assert_eq!(route.channel, ChannelRef::Id(ChannelId::new("C0123456789")));
    assert_eq!((route.outside, route.shared), (OutsidePolicy::Send, true));
}

#[test]
fn a_domain_alone_is_enough_to_bridge() {
    let (head, _) = GOOD.split_once("[[routes]]").unwrap();
    let config = parse(&format!("{head}channel_domain = \"Slack.ACME.example\"\n")).unwrap();
    assert_eq!(config.zendesk.channel_domain.as_deref(), Some("slack.acme.example"));
}

#[test]
fn the_environment_wins_over_the_file() {
    let env = [
        ("SIDETHREAD__SERVER__LISTEN", "0.0.0.0:80"),
        ("SIDETHREAD__SLACK__SIGNING_SECRET", "new, old"),
        ("SIDETHREAD__ZENDESK__POLL_INTERVAL_SECS", "60"),
        ("SIDETHREAD__BRIDGE__RETRY_SCHEDULE", "1s,2s"),
        ("SIDETHREAD__BRIDGE__OPERATOR_CHANNEL", "#ops"),
        ("PATH", "/bin"),
    ];
    let config = parse_with(GOOD, &env).unwrap();
    assert_eq!(config.server.listen.to_string(), "0.0.0.0:80");
    assert_eq!(secrets_of(&config), ["new", "old"]);
    assert_eq!(config.zendesk.poll_interval, Duration::from_secs(60));
    assert_eq!(config.bridge.retry_schedule, [Duration::from_secs(1), Duration::from_secs(2)]);
    assert_eq!(config.bridge.operator_channel, Some(ChannelRef::Name("ops".into())));
}

#[test]
fn the_environment_is_named_in_its_errors() {
    let env = [
        ("SIDETHREAD__SERVER__LISTEN", "localhost"),
        ("SIDETHREAD__SLACK__BOT_TOKN", "xoxb-SECRET"),
        ("SIDETHREAD__DATABASE__KEEP_DAYS", "many"),
        ("SIDETHREAD__ROUTES__NAME", "x"),
        ("SIDETHREAD__QUITE_ELSE", "x"),
    ];
    assert_eq!(
        errors_with(GOOD, &env),
        [
            "environment variable SIDETHREAD__DATABASE__KEEP_DAYS: database.keep_days: must be a whole number from 1 to 3650",
            "environment variable SIDETHREAD__QUITE_ELSE: unknown variable",
            "environment variable SIDETHREAD__ROUTES__NAME: routes: cannot be set in the environment; write them as [[routes]] in the settings file",
            "environment variable SIDETHREAD__SERVER__LISTEN: server.listen: must be an IP address and a port; write it as in 127.0.0.1:8080 or [::]:8080",
            "environment variable SIDETHREAD__SLACK__BOT_TOKN: unknown variable; did you mean SIDETHREAD__SLACK__BOT_TOKEN?",
        ]
    );
}

#[test]
fn a_secret_may_stand_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("secret");
    std::fs::write(&path, "one\r\ntwo\n").unwrap();
    let path = path.to_str().unwrap();
    let line = format!("signing_secret_file = {path:?}");
    let config = parse(&with("signing_secret = \"sign-SECRET\"", &line)).unwrap();
    assert_eq!(secrets_of(&config), ["one", "two"]);

    std::fs::write(path, "xoxb-from-a-file\n").unwrap();
    let config = parse_with(GOOD, &[("SIDETHREAD__SLACK__BOT_TOKEN_FILE", path)]).unwrap();
    assert_eq!(config.slack.bot_token.expose_secret(), "xoxb-from-a-file");

    let both = with("bot_token =", &format!("bot_token_file = {path:?}\nbot_token ="));
    assert_eq!(
        errors(&both),
        ["s.toml:4:18: slack.bot_token_file: slack.bot_token is given as well (s.toml:5:13); keep one of the two"]
    );
    let env = [("SIDETHREAD__SLACK__BOT_TOKEN_FILE", path), ("SIDETHREAD__SLACK__BOT_TOKEN", "xoxb-SECRET")];
    assert_eq!(
        errors_with(GOOD, &env),
        [
            "environment variable SIDETHREAD__SLACK__BOT_TOKEN_FILE: slack.bot_token_file: slack.bot_token is given as well \
          (environment variable SIDETHREAD__SLACK__BOT_TOKEN); keep one of the two"
        ]
    );
    assert_eq!(
        errors(&with("bot_token = \"xoxb-1-SECRET\"", "bot_token_file = \"xoxb-SECRET\"")),
        [
            "s.toml:4:18: slack.bot_token_file: the file cannot be read: there is no such file; name a file that this user can \
          read and that holds only the secret"
        ]
    );
}

#[test]
fn api_tokens_are_accepted_with_a_warning() {
    let text = with(
        "client_id = \"sidethread\"\nclient_secret = \"client-SECRET\"",
        "email = \"a@b.example\"\napi_token = \"t\"",
    );
    let config = parse(&text).unwrap();
    assert!(matches!(config.zendesk.credential, ZendeskCredential::ApiToken { .. }));
    assert_eq!(config.warnings.len(), 1);
    assert!(config.warnings[0].contains("30 April 2027"), "{:?}", config.warnings);
}

#[test]
fn each_mistake_has_its_own_message() {
    let cases: &[(&str, &str, &[&str])] = &[
        ("bot_token =", "bot_tokn =", &["s.toml:4:1: slack.bot_tokn: unknown key; did you mean bot_token?"]),
        ("[slack]", "[slak]", &["s.toml:3:2: slak: unknown section; did you mean slack?"]),
        ("[[routes]]", "[[route]]", &["s.toml:11:3: route: unknown section; did you mean routes?"]),
        (
            "[slack]",
            "[slack]\nkeep_days = 3",
            &["s.toml:4:1: slack.keep_days: unknown key; it belongs under [database]"],
        ),
        (
            "[server]",
            "keep_days = 3\n[server]",
            &["s.toml:1:1: keep_days: is outside any section; it belongs under [database]"],
        ),
        ("[server]", "[server]\nzzz = 1", &["s.toml:2:1: server.zzz: unknown key"]),
        (
            "bot_token = \"xoxb-1-SECRET\"\n",
            "",
            &[
                "s.toml:3:2: slack.bot_token: missing; set bot_token under [slack], or SIDETHREAD__SLACK__BOT_TOKEN in the environment",
            ],
        ),
        (
            "\"xoxb-1-SECRET\"",
            "\"xoxe.xoxb-1-SECRET\"",
            &[
                "s.toml:4:13: slack.bot_token: belongs to an app with token rotation, so it dies within 12 hours; token rotation cannot be \
             switched off: make a new app from the manifest (`sidethread manifest`)",
            ],
        ),
        (
            "\"xoxb-1-SECRET\"",
            "\"xoxp-SECRET\"",
            &[
                "s.toml:4:13: slack.bot_token: is a person's token; use the Bot User OAuth Token, xoxb-…, from OAuth & Permissions in the app's settings",
            ],
        ),
        (
            "\"xoxb-1-SECRET\"",
            "\"xapp-SECRET\"",
            &[
                "s.toml:4:13: slack.bot_token: is an app-level token; use the Bot User OAuth Token, xoxb-…, from OAuth & Permissions in the app's settings",
            ],
        ),
        ("\"xoxb-1-SECRET\"", "17", &["s.toml:4:13: slack.bot_token: must be text in quotes, not a number"]),
        (
            "\"sign-SECRET\"",
            "\"\"",
            &["s.toml:5:18: slack.signing_secret: is empty; copy it again from where it is shown"],
        ),
        ("\"sign-SECRET\"", "[]", &["s.toml:5:18: slack.signing_secret: must hold 1 to 5 values, not 0"]),
        (
            "\"sign-SECRET\"",
            "[\"SECRET\", \"SEC RET\"]",
            &[
                "s.toml:5:29: slack.signing_secret: holds a blank, a line break or a character that no secret has; copy it again",
            ],
        ),
        (
            "\"hook-SECRET\"",
            "\"dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==\"",
            &[
                "s.toml:10:18: zendesk.webhook_secret: is the secret that Zendesk publishes for tests: everybody knows it; use the signing \
             secret that Zendesk shows on the webhook's page",
            ],
        ),
        (
            "https://bridge.example.com/",
            "http://bridge.example.com/",
            &[
                "s.toml:2:14: server.public_url: must begin with https://; plain http is taken on this machine (127.0.0.1) only",
            ],
        ),
        (
            "https://bridge.example.com/",
            "bridge.example.com",
            &["s.toml:2:14: server.public_url: is not a URL; write it as in https://bridge.example.com"],
        ),
        (
            "https://acme.zendesk.com",
            "https://acme.zendesk.com/api/v2",
            &["s.toml:7:7: zendesk.url: holds a path; write the host alone, as in https://acme.zendesk.com"],
        ),
        (
            "https://acme.zendesk.com",
            "https://me:SECRET@acme.zendesk.com",
            &["s.toml:7:7: zendesk.url: holds a user name or a password; leave out everything up to the @"],
        ),
        (
            "client_id = \"sidethread\"\n",
            "",
            &[
                "s.toml:6:2: zendesk.client_id: missing; set client_id under [zendesk], or SIDETHREAD__ZENDESK__CLIENT_ID in the environment",
            ],
        ),
        (
            "client_id = \"sidethread\"\nclient_secret = \"client-SECRET\"\n",
            "",
            &[
                "s.toml:6:2: zendesk: there is no credential; set client_id with client_secret (best), access_token, or email with api_token",
            ],
        ),
        (
            "client_id",
            "access_token = \"SECRET\"\nclient_id",
            &[
                "s.toml:6:2: zendesk: there is more than one credential: client_id and access_token; keep one of: client_id with client_secret \
             (best), access_token, or email with api_token",
            ],
        ),
        (
            "[[routes]]",
            "poll_interval_secs = 2\n[[routes]]",
            &[
                "s.toml:11:22: zendesk.poll_interval_secs: must be a whole number from 5 to 3600, not 2; Zendesk takes about 60 reads of the feed a \
             minute, and people wait for a poll",
            ],
        ),
        (
            "[[routes]]",
            "poll_interval_secs = \"20\"\n[[routes]]",
            &["s.toml:11:22: zendesk.poll_interval_secs: must be a whole number from 5 to 3600, not text"],
        ),
        (
            "[[routes]]",
            "channel_domain = \"@acme\"\n[[routes]]",
            &[
                "s.toml:11:18: zendesk.channel_domain: is not a domain; write it as in slack.acme.example, without @ and without *",
            ],
        ),
        (
            "[[routes]]",
            "[bridge]\nretry_schedule = [\"5s\", \"soon\"]\n[[routes]]",
            &["s.toml:12:25: bridge.retry_schedule: is not a wait from 1ms to 7d; write it as in 30s, 10m, 2h or 1d"],
        ),
        (
            "[[routes]]",
            "[database]\nurl = \"postgres://u:SECRET@h/d\"\n[[routes]]",
            &["s.toml:12:7: database.url: must begin with sqlite://; write it as in sqlite://sidethread.db"],
        ),
        (
            "[[routes]]",
            "[database]\nurl = \"sqlite::memory:\"\n[[routes]]",
            &["s.toml:12:7: database.url: is in memory: a restart would forget every thread; name a file"],
        ),
        (
            "[server]",
            "[server]\nadmin_listen = \"127.0.0.1:8080\"",
            &[
                "s.toml:2:16: server.admin_listen: is the same as server.listen; choose another port: the admin pages must not be reached from outside",
            ],
        ),
        (
            "\"#Logistics\"",
            "\"logistics\"",
            &[
                "s.toml:14:11: routes[1].channel: is neither a channel's name nor its id; write the channel's name as in #logistics, or its id as in C0123456789",
            ],
        ),
        ("channel = ", "chanel = ", &["s.toml:14:1: routes[1].chanel: unknown key; did you mean channel?"]),
        (
            "name = \"logistics\"\n",
            "",
            &["s.toml:11:1: routes[1].name: missing; give the route a short name; logs use it"],
        ),
        (
            "[\"Logistics@ACME.example\"]",
            "[]",
            &[
                "s.toml:13:14: routes[1].recipients: is empty: the route would never match; write addresses, *@domain, or * for all",
            ],
        ),
        (
            "[\"Logistics@ACME.example\"]",
            "[\"*@*.example\"]",
            &[
                "s.toml:13:15: routes[1].recipients: a * stands alone or in front of @domain only; write an address (logistics@acme.example), a \
             domain (*@acme.example) or * for all",
            ],
        ),
        (
            "channel = \"#Logistics\"",
            "channel = \"#l\"\noutside = \"always\"\nshared = \"no\"",
            &[
                "s.toml:15:11: routes[1].outside: must be \"never\" or \"send\"; \"never\" keeps a reply in Slack when somebody outside the firm would read it",
                "s.toml:16:10: routes[1].shared: must be true or false, without quotes, not text",
            ],
        ),
        ("[slack]\n", "[slack\n", &["s.toml:3:7: not valid TOML: unclosed table, expected `]`"]),
        (
            "bot_token =",
            "ä = 1\nbot_token =",
            &["s.toml:4:1: not valid TOML: invalid unquoted key, expected letters, numbers, `-`, `_`"],
        ),
    ];
    for (line, instead, expected) in cases {
        let found = errors(&with(line, instead));
        if !expected.is_empty() {
            assert_eq!(&found, expected, "{instead}");
        }
    }
}

#[test]
fn a_route_that_cannot_match_is_refused() {
    let more = |routes: &str| errors(&format!("{GOOD}{routes}"));
    let route = |name: &str, recipients: &str| {
        format!("[[routes]]\nname = \"{name}\"\nrecipients = [{recipients}]\nchannel = \"#c\"\n")
    };
    assert_eq!(
        more(&route("logistics", "\"b@acme.example\"")),
        ["s.toml:15:1: routes[2].name: routes[1] has the same name; give each route its own name"]
    );
    assert_eq!(
        more(&route("other", "\"b@acme.example\", \"LOGISTICS@acme.example\"")),
        [
            "s.toml:17:33: routes[2].recipients: can never match: routes[1] comes first and takes it; leave it in one of the two, or put \
          the narrower route first"
        ]
    );
    assert_eq!(
        more(&(route("all", "\"*\"") + &route("late", "\"c@acme.example\", \"*@d.example\""))),
        ["s.toml:19:1: routes[3]: can never match: routes[2] takes everybody; move routes[2] to the end"]
    );
    assert_eq!(more(&(route("firm", "\"*@d.example\"") + &route("one", "\"c@d.example\""))).len(), 1);
    assert!(parse(&format!("{GOOD}{}{}", route("one", "\"c@d.example\""), route("firm", "\"*@d.example\""))).is_ok());
}

#[test]
fn follow_ups_are_as_the_settings_say() {
    let more = |lines: &str| format!("{GOOD}[followup]\n{lines}\n");
    let config = parse(&more("status = \"pending\"\ncopy = []\ntemplate = \"See {ticket_url}\"")).unwrap();
    assert_eq!((config.follow_up.status.as_str(), config.follow_up.copy.len()), ("pending", 0));
    let config = parse_with(GOOD, &[("SIDETHREAD__FOLLOWUP__COPY", "tags, group")]).unwrap();
    assert_eq!(config.follow_up.copy, [Copied::Tags, Copied::Group]);
    for (lines, said) in [
        (
            "status = \"solved\"",
            "followup.status: is not a status that a follow-up can have; choose one of new, open, pending, hold",
        ),
        ("copy = \"tags\"", "followup.copy: must be a list, not text; write it as in [\"assignee\", \"tags\"]"),
        (
            "copy = [\"tag\"]",
            "followup.copy: cannot be copied; choose from assignee, group, priority, type, tags, custom_fields, form, brand",
        ),
        (
            "template = \" \"",
            "followup.template: must have 1 to 4000 characters; leave it out for the text that Sidethread has",
        ),
        (
            "template = \"{tiket}\"",
            "followup.template: names {tiket}, which is not known; there are {ticket}, {ticket_url}, {thread_url}, {subject}, {conversation}",
        ),
    ] {
        let errors = errors(&more(lines));
        assert!(errors.len() == 1 && errors[0].ends_with(said), "{errors:?} instead of {said}");
    }
}

#[test]
fn an_empty_file_is_told_everything_at_once() {
    assert_eq!(
        errors(""),
        [
            "s.toml: server.public_url: missing; set public_url under [server], or SIDETHREAD__SERVER__PUBLIC_URL in the environment",
            "s.toml: slack.bot_token: missing; set bot_token under [slack], or SIDETHREAD__SLACK__BOT_TOKEN in the environment",
            "s.toml: slack.signing_secret: missing; set signing_secret under [slack], or SIDETHREAD__SLACK__SIGNING_SECRET in the environment",
            "s.toml: zendesk.url: missing; set url under [zendesk], or SIDETHREAD__ZENDESK__URL in the environment",
            "s.toml: zendesk: there is no credential; set client_id with client_secret (best), access_token, or email with api_token",
            "s.toml: zendesk.webhook_secret: missing; set webhook_secret under [zendesk], or SIDETHREAD__ZENDESK__WEBHOOK_SECRET in the environment",
            "s.toml: routes: nothing would be bridged: there is no route and no channel_domain; add a [[routes]] entry, or set channel_domain under [zendesk]",
        ]
    );
}

#[test]
fn errors_stand_in_the_order_of_the_file() {
    let text = GOOD
        .replace("https://bridge.example.com/", "ftp://x")
        .replace("xoxb-1-SECRET", "SECRET")
        .replace("client_id", "clint_id")
        .replace("#Logistics", "?");
    let places: Vec<String> =
        errors(&text).iter().map(|line| line.split(": ").next().unwrap_or_default().to_owned()).collect();
    assert_eq!(places, ["s.toml:2:14", "s.toml:4:13", "s.toml:8:1", "s.toml:14:11"]);
}

#[test]
fn a_file_that_is_named_must_exist() {
    let error = Config::load(Some(Path::new("/nowhere/s.toml")), []).unwrap_err().to_string();
    assert_eq!(
        error,
        "/nowhere/s.toml: the file cannot be read: there is no such file; name a file that this user can read"
    );
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s.toml");
    std::fs::write(&path, b"[server]\nlisten = \"\xff\"\n").unwrap();
    let error = Config::load(Some(&path), []).unwrap_err().to_string();
    assert!(error.ends_with("line 2 is not UTF-8 text; save the file as UTF-8"), "{error}");
    std::fs::write(&path, GOOD).unwrap();
    assert!(Config::load(Some(&path), []).is_ok());
}

#[test]
fn without_a_file_the_environment_is_enough() {
    let env = [
        ("SIDETHREAD__SERVER__PUBLIC_URL", "https://bridge.example.com"),
        ("SIDETHREAD__SLACK__BOT_TOKEN", "xoxb-1"),
        ("SIDETHREAD__SLACK__SIGNING_SECRET", "s"),
        ("SIDETHREAD__ZENDESK__URL", "https://acme.zendesk.com"),
        ("SIDETHREAD__ZENDESK__ACCESS_TOKEN", "t"),
        ("SIDETHREAD__ZENDESK__WEBHOOK_SECRET", "w"),
        ("SIDETHREAD__ZENDESK__CHANNEL_DOMAIN", "slack.acme.example"),
    ];
    let env = env.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert!(Config::load(None, env).is_ok());
    let errors = Config::load(None, []).unwrap_err().to_string();
    assert!(errors.starts_with("sidethread.toml: there is no such file in the working directory; "), "{errors}");
}

#[test]
fn debug_shows_no_secret() {
    for config in [parse(GOOD), parse(&GOOD.replace("client_id = \"sidethread\"\nclient_secret", "access_token"))] {
        let shown = format!("{:?}", config.unwrap());
        assert!(!shown.contains("SECRET"), "{shown}");
    }
}

#[test]
fn no_key_prints_its_value_when_that_is_refused() {
    for section in ["server", "database", "slack", "zendesk", "bridge"] {
        for key in [
            "listen",
            "admin_listen",
            "public_url",
            "url",
            "keep_days",
            "bot_token",
            "bot_token_file",
            "signing_secret",
            "signing_secret_file",
            "api_url",
            "client_id",
            "client_secret",
            "access_token",
            "email",
            "api_token",
            "webhook_secret",
            "channel_domain",
            "poll_interval_secs",
            "posts_per_second_per_channel",
            "side_conversation_writes_per_10_min",
            "operator_channel",
            "retry_schedule",
        ] {
            for value in ["\"xoxb HIDDEN\"", "[\"xoxp-HIDDEN\"]", "{ a = \"HIDDEN\" }", "\"HIDDEN", "HIDDEN"] {
                if let Err(errors) = parse(&format!("[{section}]\n{key} = {value}\n")) {
                    assert!(!errors.to_string().contains("HIDDEN"), "{section}.{key} = {value}: {errors}");
                }
            }
            let variable = format!("SIDETHREAD__{}__{}", section.to_uppercase(), key.to_uppercase());
            let errors = parse_with("", &[(variable.as_str(), "xoxe-HIDDEN word")]).unwrap_err().to_string();
            assert!(!errors.contains("xoxe-HIDDEN word"), "{variable}: {errors}");
        }
    }
}

proptest! {
    #[test]
    fn nothing_makes_the_loader_panic(at in 0..EXAMPLE.len(), cut in 0usize..40, put in "\\PC{0,12}|[\\[\\]{}\"'=.#\n,0-9-]{0,12}") {
        let from = (0..=at).rev().find(|at| EXAMPLE.is_char_boundary(*at)).unwrap_or(0);
        let to = (from + cut..=EXAMPLE.len()).find(|to| EXAMPLE.is_char_boundary(*to)).unwrap_or(EXAMPLE.len());
        let text = format!("{}{put}{}", &EXAMPLE[..from], &EXAMPLE[to..]);
        if let Err(errors) = parse(&text) {
            prop_assert!(!errors.0.is_empty());
            prop_assert!(!errors.to_string().is_empty());
        }
    }

    #[test]
    fn no_value_in_the_environment_makes_the_loader_panic(key in "[A-Z_]{0,20}", value in "\\PC{0,30}") {
        for name in ["SERVER__LISTEN", "DATABASE__URL", "SLACK__SIGNING_SECRET", "BRIDGE__RETRY_SCHEDULE", "ZENDESK__EMAIL", &key] {
            let _ = parse_with(GOOD, &[(&format!("SIDETHREAD__{name}"), &value)]);
        }
    }
}
