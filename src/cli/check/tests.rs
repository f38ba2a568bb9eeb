use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use http::{Request, Response};

use super::*;
use crate::cli::manifest::{BOT_SCOPES, OPTIONAL_SCOPES};
use crate::engine::clock::ManualClock;
use crate::wire::WireError;

const NOW: &str = "Sun, 22 Nov 2026 03:00:00 GMT";
const NOW_MS: i64 = 1_795_316_400_000;

type Canned = Result<Response<Bytes>, WireError>;

/// Two vendors that answer each path with what is canned for it.
struct Vendors {
    answers: BTreeMap<String, Canned>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Wire for Vendors {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, WireError> {
        let body = String::from_utf8_lossy(request.body()).into_owned();
        let authorization = request.headers().get("authorization").map_or("", |value| value.to_str().unwrap());
        let path = request.uri().path().to_owned();
        self.asked.lock().unwrap().push(format!("{} {path} {authorization} {body}", request.method()));
        let exact = self.answers.get(&format!("{path}?{body}"));
        exact.or_else(|| self.answers.get(&path)).unwrap_or_else(|| panic!("nothing is canned for {path}")).clone()
    }
}

fn answer(status: u16, body: &str) -> Canned {
    let answer = Response::builder().status(status).header("date", NOW).header("x-oauth-scopes", BOT_SCOPES.join(","));
    Ok(answer.body(Bytes::from(body.to_owned())).unwrap())
}

fn channel(id: &str, flags: &str) -> Canned {
    answer(200, &format!(r#"{{"ok":true,"channel":{{"id":"{id}","is_channel":true{flags}}}}}"#))
}

fn healthy() -> BTreeMap<String, Canned> {
    [
        ("/api/auth.test", answer(200, r#"{"ok":true,"user":"sidebot","team":"Acme","team_id":"T1","is_enterprise_install":false}"#)),
        ("/api/conversations.list", answer(200, r#"{"ok":true,"channels":[],"response_metadata":{"next_cursor":"dXNlcg=="}}"#)),
        (
            "/api/conversations.list?types=public_channel%2Cprivate_channel&limit=999&cursor=dXNlcg%3D%3D",
            answer(200, r#"{"ok":true,"channels":[{"id":"C1","name":"logistics"},{"id":"C2","name":"ops"}],"response_metadata":{"next_cursor":""}}"#),
        ),
        ("/api/conversations.info?channel=C1", channel("C1", r#","is_member":true"#)),
        ("/api/conversations.info?channel=C2", channel("C2", r#","is_member":false"#)),
        ("/oauth/tokens", answer(200, r#"{"access_token":"granted-SECRET","token_type":"bearer"}"#)),
        ("/api/v2/users/me", answer(200, r#"{"user":{"id":7,"name":"Bridge","role":"admin","authenticity_token":"SECRET"}}"#)),
        ("/api/v2/account/settings", answer(200, r#"{"settings":{"side_conversations":{"email_channel":true}}}"#)),
        ("/healthz", answer(200, "ok\n")),
    ]
    .map(|(path, answer)| (path.to_owned(), answer))
    .into()
}

fn config(text: &str) -> Config {
    let folder = std::env::temp_dir();
    let head = format!(
        r##"[server]
        public_url = "https://bridge.acme.example"
        [database]
        url = "sqlite://{}/side.db"
        [slack]
        bot_token = "xoxb-SECRET"
        signing_secret = "sign-SECRET"
        [bridge]
        operator_channel = "#ops"
        [[routes]]
        name = "logistics"
        recipients = ["a@acme.example"]
        channel = "#logistics"
        [zendesk]
        url = "https://acme.zendesk.com"
        webhook_secret = "hook-SECRET"
        "##,
        folder.display()
    );
    Config::parse("s.toml", &(head + text), []).unwrap()
}

const CLIENT: &str = "client_id = \"side\"\nclient_secret = \"client-SECRET\"";

async fn report_of(config: &Config, answers: BTreeMap<String, Canned>) -> (Report, Vec<String>) {
    let wire = Arc::new(Vendors { answers, asked: Mutex::default() });
    let report = run(config, wire.clone(), Arc::new(ManualClock::new(NOW_MS))).await;
    assert!(!format!("{report} {report:?}").contains("SECRET"), "{report}");
    let asked = wire.asked.lock().unwrap().clone();
    (report, asked)
}

/// What is not well when one answer is another.
async fn trouble(path: &str, instead: Canned) -> Vec<String> {
    let mut answers = healthy();
    assert!(answers.insert(path.to_owned(), instead).is_some(), "{path}");
    let (report, _) = report_of(&config(CLIENT), answers).await;
    let bad = report.findings.iter().filter(|finding| finding.level != Level::Ok);
    bad.map(|finding| format!("{:?} {} {}", finding.level, finding.what, finding.remedy.as_deref().unwrap_or("")))
        .collect()
}

#[tokio::test]
async fn a_healthy_installation_is_told_so() {
    let (report, asked) = report_of(&config(CLIENT), healthy()).await;
    let database = std::env::temp_dir().join("side.db");
    assert_eq!(
        report.to_string(),
        format!(
            "ok    The database {} can be written.\n\
             ok    Slack takes the bot token: it is sidebot in the workspace Acme (T1).\n\
             ok    The Slack app has every scope that it needs.\n\
             ok    This machine's clock agrees with Slack's.\n\
             ok    The channel #ops of bridge.operator_channel is there; the app joins it by itself.\n\
             ok    The channel #logistics of the route logistics is there, and the app is in it.\n\
             ok    Zendesk gives the OAuth client a token.\n\
             ok    This machine's clock agrees with Zendesk's.\n\
             ok    Zendesk takes the credential: it is Bridge, an admin.\n\
             ok    Side conversations by e-mail are on in Zendesk.\n\
             ok    Sidethread answers at https://bridge.acme.example/healthz, asked from this machine.\n\
             \nEverything that can be checked from here is in order.\n\
             Not checked from here: whether Slack and Zendesk reach https://bridge.acme.example, and whether Zendesk's webhook and triggers are as\n\
             docs/install.md says. Start the bridge, then start a side conversation on a ticket: its card in Slack shows that they are.\n",
            database.display()
        )
    );
    assert!(report.ok());
    assert_eq!(asked[0], "POST /api/auth.test Bearer xoxb-SECRET ");
    assert!(asked.iter().any(|call| call == "GET /api/v2/users/me Bearer granted-SECRET "), "{asked:?}");
    let token = asked.iter().find(|call| call.contains("/oauth/tokens")).unwrap();
    let body: serde_json::Value = serde_json::from_str(token.split_once("  ").unwrap().1).unwrap();
    assert_eq!(
        body,
        serde_json::json!({
            "grant_type": "client_credentials", "client_id": "side", "client_secret": "client-SECRET", "scope": "read write"
        })
    );
}

#[tokio::test]
async fn each_trouble_has_its_sentence() {
    let email_off = r#"{"settings":{"side_conversations":{"email_channel":false}}}"#;
    let cases = [
        (
            "/api/auth.test",
            answer(200, r#"{"ok":false,"error":"account_inactive"}"#),
            "Fail Slack refused: the app was removed from the workspace (account_inactive). Reinstall",
        ),
        (
            "/api/auth.test",
            answer(200, r#"{"ok":false,"error":"invalid_auth"}"#),
            "Fail Slack refused: slack.bot_token is unknown",
        ),
        (
            "/api/auth.test",
            answer(502, "<html>Bad gateway</html>"),
            "Fail Slack answered HTTP 502 and nothing that can be read. Look at slack.api_url",
        ),
        (
            "/api/auth.test",
            Err(WireError::NotSent),
            "Fail Slack cannot be reached: no connection could be made. Look at slack.api_url",
        ),
        (
            "/api/auth.test",
            answer(200, r#"{"ok":true,"is_enterprise_install":true}"#),
            "Fail The Slack app is installed for a whole organisation. Install it in one workspace",
        ),
        (
            "/api/conversations.list",
            answer(200, r#"{"ok":false,"error":"missing_scope","needed":"channels:read"}"#),
            "Fail The channels cannot be listed: Slack refused: the app needs the scope channels:read (missing_scope). ",
        ),
        (
            "/api/conversations.info?channel=C1",
            answer(200, r#"{"ok":false,"error":"channel_not_found"}"#),
            "Fail The channel #logistics of the route logistics cannot be seen by the app. Create the channel",
        ),
        (
            "/api/conversations.info?channel=C1",
            channel("C1", r#","is_archived":true"#),
            "Fail The channel #logistics of the route logistics is archived.",
        ),
        (
            "/api/conversations.info?channel=C1",
            channel("C1", r#","is_ext_shared":true,"is_member":true"#),
            "Fail The channel #logistics of the route logistics is shared with another firm",
        ),
        (
            "/api/conversations.info?channel=C1",
            channel("C1", r#","is_private":true,"is_member":false"#),
            "Fail The channel #logistics of the route logistics is private, and the app is not in it.",
        ),
        (
            "/api/conversations.info?channel=C1",
            channel("C1", r#","is_member":true,"is_read_only":true"#),
            "Warn The channel #logistics of the route logistics lets only some people post.",
        ),
        (
            "/oauth/tokens",
            answer(401, r#"{"error":"invalid_client"}"#),
            "Fail Zendesk does not accept the OAuth client: zendesk.client_id or zendesk.client_secret is wrong.",
        ),
        (
            "/oauth/tokens",
            answer(400, r#"{"error":"invalid_scope"}"#),
            "Fail Zendesk does not allow the OAuth client of zendesk.client_id the scopes",
        ),
        (
            "/oauth/tokens",
            answer(404, "<html>"),
            "Fail Zendesk was asked for a token for the OAuth client and answered HTTP 404. There is no such account",
        ),
        (
            "/oauth/tokens",
            Err(WireError::TimedOut),
            "Fail Zendesk cannot be reached: no answer came in time. Look at zendesk.url",
        ),
        (
            "/api/v2/users/me",
            answer(200, r#"{"user":{"name":"Anonymous user"}}"#),
            "Fail Zendesk does not know who calls: the credential is not valid. Look at zendesk.client_id",
        ),
        (
            "/api/v2/users/me",
            answer(401, r#"{"error":"Couldn't authenticate you"}"#),
            "Fail Zendesk does not know who calls",
        ),
        (
            "/api/v2/users/me",
            answer(200, r#"{"user":{"id":7,"name":"Eve","role":"end-user"}}"#),
            "Fail The credential's user, Eve, is neither an agent nor an admin",
        ),
        (
            "/api/v2/users/me",
            answer(200, r#"{"user":{"id":7,"name":"Al","role":"agent"}}"#),
            "Warn Zendesk takes the credential: it is Al, an agent and no admin.",
        ),
        (
            "/api/v2/users/me",
            answer(200, r#"{"user":{"id":7,"name":"Al","role":"admin","suspended":true}}"#),
            "Fail Zendesk has suspended the credential's user, Al.",
        ),
        (
            "/api/v2/account/settings",
            answer(200, email_off),
            "Fail Side conversations by e-mail are off in Zendesk. Switch them on in Admin Center",
        ),
        (
            "/api/v2/account/settings",
            answer(200, r#"{"settings":{}}"#),
            "Fail Side conversations by e-mail are off in Zendesk.",
        ),
        (
            "/api/v2/account/settings",
            answer(403, r#"{"error":"Forbidden"}"#),
            "Warn Whether side conversations are on cannot be seen",
        ),
    ];
    for (path, instead, begins) in cases {
        let found = trouble(path, instead).await;
        assert!(found.len() == 1 && found[0].starts_with(begins), "{path}: {found:#?}\nexpected: {begins}");
    }
}

#[tokio::test]
async fn missing_scopes_are_named() {
    let mut answers = healthy();
    let test = answers.get_mut("/api/auth.test").unwrap().as_mut().unwrap();
    test.headers_mut().insert("x-oauth-scopes", "chat:write, commands,users:read".parse().unwrap());
    let (report, _) = report_of(&config(CLIENT), answers).await;
    let scopes = report.findings.iter().find(|finding| finding.what.contains("scopes")).unwrap();
    assert_eq!(scopes.level, Level::Fail);
    assert_eq!(
        scopes.what,
        "The Slack app lacks scopes: channels:history, channels:join, channels:read, chat:write.customize, \
         emoji:read, files:read, files:write, groups:history, groups:read, im:history, im:read, im:write, \
         reactions:read, reactions:write, team:read, usergroups:read, users:read.email."
    );
    assert!(scopes.remedy.as_deref().is_some_and(|remedy| remedy.ends_with("reinstall the app.")));
    // An app from an older manifest goes on.
    let mut answers = healthy();
    let test = answers.get_mut("/api/auth.test").unwrap().as_mut().unwrap();
    let old: Vec<&str> = BOT_SCOPES.iter().copied().filter(|scope| !OPTIONAL_SCOPES.contains(scope)).collect();
    test.headers_mut().insert("x-oauth-scopes", old.join(",").parse().unwrap());
    let (report, _) = report_of(&config(CLIENT), answers).await;
    let scopes = report.findings.iter().find(|finding| finding.what.contains("scopes")).unwrap();
    assert_eq!((scopes.level, report.ok()), (Level::Warn, true));
}

#[tokio::test]
async fn a_wrong_clock_is_told() {
    for (path, date, level, what) in [
        (
            "/api/auth.test",
            "Sun, 22 Nov 2026 02:59:15 GMT",
            Level::Warn,
            "This machine's clock is 45 seconds ahead of Slack's.",
        ),
        (
            "/api/v2/users/me",
            "Sun, 22 Nov 2026 03:02:00 GMT",
            Level::Fail,
            "This machine's clock is 120 seconds behind Zendesk's.",
        ),
    ] {
        let mut answers = healthy();
        let answer = answers.get_mut(path).unwrap().as_mut().unwrap();
        answer.headers_mut().insert("date", date.parse().unwrap());
        let (report, _) = report_of(&config(CLIENT), answers).await;
        let found = report.findings.iter().find(|finding| finding.what == what);
        assert_eq!(found.map(|finding| finding.level), Some(level), "{report}");
    }
}

#[tokio::test]
async fn other_credentials_are_sent_as_zendesk_wants_them() {
    let (_, asked) = report_of(&config("access_token = \"ready-SECRET\""), healthy()).await;
    assert!(asked.iter().any(|call| call == "GET /api/v2/users/me Bearer ready-SECRET "), "{asked:?}");
    let (report, asked) = report_of(&config("email = \"a@acme.example\"\napi_token = \"t\""), healthy()).await;
    assert!(
        asked.iter().any(|call| call == "GET /api/v2/users/me Basic YUBhY21lLmV4YW1wbGUvdG9rZW46dA== "),
        "{asked:?}"
    );
    assert!(report.ok() && report.to_string().contains("30 April 2027"), "{report}");
}

#[tokio::test]
async fn a_missing_directory_is_told() {
    let mut config = config(CLIENT);
    config.database.path = "/nowhere/at/all/side.db".into();
    let (report, _) = report_of(&config, healthy()).await;
    assert_eq!(report.findings[0].what, "The database's directory /nowhere/at/all does not exist.");
    assert!(report.to_string().ends_with("Fix this one thing before you start the bridge.\n"));
}

#[tokio::test]
async fn what_a_vendor_writes_cannot_steer_the_terminal() {
    let hostile = answer(200, "{\"ok\":true,\"user\":\"a\\u001b[2J\",\"team\":\"b\\r\\nok\",\"team_id\":\"T1\"}");
    let mut answers = healthy();
    answers.insert("/api/auth.test".to_owned(), hostile);
    let (report, _) = report_of(&config(CLIENT), answers).await;
    assert_eq!(report.findings[1].what, "Slack takes the bot token: it is a[2J in the workspace bok (T1).");
}

#[tokio::test]
async fn the_placeholders_of_the_example_are_no_secrets() {
    let folder = tempfile::tempdir().unwrap();
    let env = [("SIDETHREAD__DATABASE__URL".to_owned(), format!("sqlite://{}/side.db", folder.path().display()))];
    let example = Config::parse("s.toml", include_str!("../../../sidethread.example.toml"), env).unwrap();
    let (report, _) = report_of(&example, healthy()).await;
    let failed = report.findings.iter().filter(|finding| finding.level == Level::Fail);
    let still: Vec<&str> =
        failed.filter_map(|finding| finding.what.strip_suffix(" is still what the example says.")).collect();
    let secrets = ["slack.bot_token", "slack.signing_secret", "zendesk.client_secret", "zendesk.webhook_secret"];
    assert_eq!(still[0], "server.public_url");
    assert_eq!(still[1..], secrets);
    assert!(!report.ok());
}

#[tokio::test]
async fn what_answers_at_the_public_address_is_told() {
    for (instead, expected) in [
        (Err(WireError::NotSent), "Nothing answers at https://bridge.acme.example/healthz"),
        (Err(WireError::TimedOut), "no answer came within 30 seconds"),
        (answer(200, "<html>Welcome to nginx</html>"), "Something else than Sidethread answers"),
        (answer(502, ""), "start `sidethread serve`"),
        (answer(403, ""), "without a login"),
        (answer(404, ""), "answers 404 Not Found"),
    ] {
        let said = trouble("/healthz", instead).await;
        assert_eq!(said.len(), 1, "{said:?}");
        assert!(said[0].starts_with("Warn ") && said[0].contains(expected), "{said:?}");
    }
    let redirect = Response::builder().status(301).header("location", "https://www.acme.example/").body(Bytes::new());
    let said = trouble("/healthz", Ok(redirect.unwrap())).await;
    assert!(said[0].contains("redirects to https://www.acme.example/"), "{said:?}");
}
