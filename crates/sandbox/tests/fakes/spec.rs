//! The fakes' answers against what the vendors publish of theirs, so that the app and its fakes do not share one
//! author's misreading.
//!
//! `tests/data/specs/vendors.json` holds the names and types of fields and the codes of errors;
//! `tests/data/specs/derive.py` says of what it was made. Where the real vendors are known to answer otherwise than
//! their descriptions say, the fakes do as the vendors do, and [`KNOWN`] says so.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use serde_json::{Value, json};
use sidethread_sandbox::zendesk::CALLS;

use crate::firm::{Firm, MARTA, SUPPORT};

/// Call, path, and why the answer is otherwise.
const KNOWN: &[(&str, &str, &str)] = &[
    ("conversations.history", ".latest", "only where it was asked for"),
    ("conversations.join", ".response_metadata", "only with a warning"),
    ("conversations.join", ".warning", "only for who is in already"),
    ("conversations.open", ".already_open", "only for what was open"),
    ("conversations.open", ".no_op", "only for what was open"),
    ("conversations.replies", ".response_metadata", "only with more pages"),
    ("views.open", ".view.submit", "the example has inputs"),
    ("views.push", ".view.close", "the example has the button"),
    ("views.push", ".view.previous_view_id", "the example is inconsistent: a pushed view has one before it"),
    ("views.push", ".view.submit", "the example has inputs"),
    ("views.update", ".view.close", "the example has the button"),
    ("views.update", ".view.previous_view_id", "the example is of a single view"),
    ("views.update", ".view.submit", "the example has inputs"),
    ("users.conversations", "user_not_found", "undocumented; what the other methods say of nobody"),
    ("views.publish", "user_not_found", "undocumented; what the other methods say of nobody"),
];
/// On the page of every method at docs.slack.dev, and so not among its own.
const OF_ALL: [&str; 2] = ["invalid_arguments", "invalid_auth"];

#[derive(Deserialize)]
struct Vendors {
    slack: Slack,
    zendesk: BTreeMap<String, Types>,
}

#[derive(Deserialize)]
struct Slack {
    common_errors: BTreeSet<String>,
    methods: BTreeMap<String, Method>,
}

#[derive(Deserialize)]
struct Method {
    errors: BTreeSet<String>,
    types: Types,
}

/// The types that each path may have.
type Types = BTreeMap<String, BTreeSet<String>>;

fn vendors() -> Vendors {
    serde_json::from_str(include_str!("../data/specs/vendors.json")).unwrap()
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// Collects what is of another type than the vendor's, or is not there at all.
fn compare(call: &str, types: &Types, answer: &Value, complaints: &mut BTreeSet<String>) {
    fn walk(value: &Value, path: String, types: &Types, told: &mut dyn FnMut(String)) {
        if let Some(kinds) = types.get(&path)
            && !kinds.contains(kind(value))
        {
            told(format!("{path} is {}, not {kinds:?}", kind(value)));
        }
        match value {
            Value::Object(fields) => {
                fields.iter().for_each(|(name, inner)| walk(inner, format!("{path}.{name}"), types, told));
            }
            Value::Array(items) => items.iter().for_each(|inner| walk(inner, format!("{path}[]"), types, told)),
            _ => {}
        }
    }
    let known = |told: &str| {
        let path = told.split(' ').next().unwrap_or("");
        KNOWN.iter().any(|(of, at, _)| *of == call && *at == path)
    };
    let mut tell = |told: String| {
        if !known(&told) {
            complaints.insert(format!("{call}: {told}"));
        }
    };
    walk(answer, String::new(), types, &mut tell);
    for path in types.keys().filter(|path| path.matches(['.', '[']).count() == 1) {
        let optional = types[path].contains("null");
        if !optional && answer.get(&path[1..]).is_none() {
            tell(format!("{path} is not there"));
        }
    }
}

#[tokio::test]
async fn slacks_methods_answer_as_slack_says() {
    let firm = Firm::new();
    let vendors = vendors().slack;
    let (bot, wanjiru) = (firm.bot(), firm.token("U0WANJIRU01"));
    firm.sandbox.slack.add_usergroup("oncall", "On call", &[MARTA]);
    let root = firm.sandbox.slack.say(MARTA, SUPPORT, None, "See *this*").unwrap();
    let begun = firm.slack(&bot, "files.getUploadURLExternal", json!({"filename": "a.txt", "length": 3})).await;
    let request = axum::http::Request::post(Firm::path(&begun["upload_url"])).body("abc".into()).unwrap();
    assert_eq!(firm.send(request).await.status, 200);
    let posted = firm.slack(&bot, "chat.postMessage", json!({"channel": SUPPORT, "text": "Hello"})).await;
    let file = json!([{"id": begun["file_id"], "title": "A"}]);
    let plain = |text: &str| json!({"type": "plain_text", "text": text});
    let modal = json!({"type": "modal", "title": plain("Ask"), "blocks": [{"type": "divider"}]});
    let home = json!({"type": "home", "blocks": []});
    let trigger = || crate::slack::views::trigger(&firm);
    let opened = firm.slack(&bot, "views.open", json!({"trigger_id": trigger(), "view": modal})).await;
    let ts = &posted["ts"];
    let at = json!({"channel": SUPPORT, "timestamp": ts, "name": "eyes"});
    let calls = [
        (&bot, "api.test", json!({"foo": "bar"})),
        (&bot, "auth.test", json!({})),
        (&bot, "bots.info", json!({"bot": "B0SANDBOT1"})),
        (&bot, "team.info", json!({})),
        (&bot, "chat.postMessage", json!({"channel": SUPPORT, "text": "Hello", "thread_ts": root})),
        (&bot, "chat.update", json!({"channel": SUPPORT, "ts": ts, "text": "Hello!"})),
        (&bot, "chat.getPermalink", json!({"channel": SUPPORT, "message_ts": ts})),
        (&bot, "chat.postEphemeral", json!({"channel": SUPPORT, "user": MARTA, "text": "Psst"})),
        (&bot, "reactions.add", at.clone()),
        (&bot, "reactions.get", at.clone()),
        (&bot, "reactions.remove", at),
        (&bot, "chat.delete", json!({"channel": SUPPORT, "ts": ts})),
        (&bot, "conversations.history", json!({"channel": SUPPORT, "limit": 3})),
        (&bot, "conversations.info", json!({"channel": SUPPORT, "include_num_members": true})),
        (&bot, "conversations.join", json!({"channel": "C0RANDOM001"})),
        (&bot, "conversations.list", json!({"limit": 3})),
        (&bot, "conversations.members", json!({"channel": SUPPORT})),
        (&bot, "conversations.open", json!({"users": MARTA, "return_im": true})),
        (&bot, "conversations.replies", json!({"channel": SUPPORT, "ts": root})),
        (&wanjiru, "emoji.list", json!({})),
        (&wanjiru, "usergroups.list", json!({"include_users": true})),
        (&bot, "users.conversations", json!({})),
        (&bot, "users.info", json!({"user": MARTA})),
        (&bot, "users.list", json!({"limit": 3})),
        (&bot, "users.lookupByEmail", json!({"email": "marta@acme.example"})),
        (&bot, "files.getUploadURLExternal", json!({"filename": "b.txt", "length": 3})),
        (&bot, "files.completeUploadExternal", json!({"files": file, "channel_id": SUPPORT})),
        (&bot, "files.info", json!({"file": begun["file_id"]})),
        (&bot, "files.delete", json!({"file": begun["file_id"]})),
        (&bot, "views.open", json!({"trigger_id": trigger(), "view": modal})),
        (&bot, "views.push", json!({"trigger_id": trigger(), "view": modal})),
        (&bot, "views.publish", json!({"user_id": MARTA, "view": home})),
    ];
    let mut complaints = BTreeSet::new();
    let mut called = BTreeSet::new();
    for (token, method, fields) in calls {
        let answer = firm.slack(token, method, fields).await;
        assert_eq!(answer["ok"], true, "{method}: {answer}");
        compare(method, &vendors.methods[method].types, &answer, &mut complaints);
        called.insert(method.to_owned());
    }
    let top = firm.sandbox.slack.modals(MARTA).pop().unwrap();
    assert_ne!(top["id"], opened["view"]["id"], "what was opened later took its place");
    let updated = firm.slack(&bot, "views.update", json!({"view_id": top["id"], "view": modal})).await;
    compare("views.update", &vendors.methods["views.update"].types, &updated, &mut complaints);
    called.insert("views.update".to_owned());
    assert_eq!(called, vendors.methods.keys().cloned().collect(), "every method is called");
    assert!(complaints.is_empty(), "{}", Vec::from_iter(complaints).join("\n"));
}

#[tokio::test]
async fn slacks_methods_refuse_with_errors_that_slack_has() {
    let firm = Firm::new();
    let vendors = vendors().slack;
    let bot = firm.bot();
    let mut unknown = BTreeSet::new();
    for (method, described) in &vendors.methods {
        for fields in [
            json!({}),
            json!({"channel": "C0NONE", "ts": "1.1", "message_ts": "1.1", "user": "U0NONE", "text": "x", "file": "F0",
                "timestamp": "1.1", "name": "eyes", "email": "nobody@x.example", "bot": "B0", "team": "T0",
                "users": "U0NONE", "filename": "x", "length": 0, "files": [{"id": "F0"}], "view": {}, "user_id": "U0",
                "trigger_id": "1", "view_id": "V0", "error": "invalid_arguments"}),
            json!({"channel": SUPPORT, "ts": "nonsense", "message_ts": "nonsense", "user": "U0NONE", "text": "",
                "timestamp": "nonsense", "name": "NO NAME", "cursor": "nonsense"}),
        ] {
            for token in [bot.as_str(), "xoxb-wrong", ""] {
                let answer = firm.slack(token, method, fields.clone()).await;
                let Some(error) = answer["error"].as_str() else { continue };
                let general = vendors.common_errors.contains(error) || OF_ALL.contains(&error);
                let exists = described.errors.contains(error) || general;
                let known = KNOWN.iter().any(|(of, what, _)| of == method && *what == error);
                if !exists && !known {
                    unknown.insert(format!("{method}: {error}"));
                }
            }
        }
    }
    assert!(unknown.is_empty(), "{}", Vec::from_iter(unknown).join("\n"));
}

#[tokio::test]
async fn zendesks_calls_answer_as_zendesk_says() {
    let firm = Firm::new();
    let vendors = vendors().zendesk;
    let (admin, world, zendesk) = (firm.admin(), &firm.sandbox.world, &firm.sandbox.zendesk);
    let (agent, ticket) = (world.agents[0].0, world.tickets[0]);
    let side = zendesk.desk_start(agent, ticket, &["a@b.example"], "Scanner", "Down?").unwrap();
    zendesk.set_state(agent, &side, "closed");
    let one = zendesk.add_macro("Close", json!([{"field": "status", "value": "solved"}]));
    firm.zendesk(&admin, "DELETE", &format!("tickets/{}", world.tickets[5]), Value::Null).await;
    let first = async |path: &str, list: &str| {
        let (_, listed) = firm.zendesk(&admin, "GET", path, Value::Null).await;
        let id = &listed[list][0]["id"];
        id.as_str().map_or_else(|| id.to_string(), str::to_owned)
    };
    let hook = first("webhooks", "webhooks").await;
    let ids = BTreeMap::from([
        ("GET users/{id}", format!("users/{agent}")),
        ("GET users/show_many", format!("users/show_many?ids={agent}")),
        ("GET users/search", "users/search?query=marta".to_owned()),
        ("GET groups/{id}", format!("groups/{}", first("groups", "groups").await)),
        ("GET organizations/{id}", format!("organizations/{}", first("organizations", "organizations").await)),
        ("GET tickets/show_many", format!("tickets/show_many?ids={ticket}")),
        ("GET tickets/{id}", format!("tickets/{ticket}")),
        ("GET tickets/{id}/comments", format!("tickets/{ticket}/comments")),
        ("GET tickets/{id}/audits", format!("tickets/{ticket}/audits")),
        ("GET tickets/{id}/side_conversations", format!("tickets/{ticket}/side_conversations")),
        ("GET tickets/{id}/side_conversations/{id}", format!("tickets/{ticket}/side_conversations/{side}")),
        ("GET …/events", format!("tickets/{ticket}/side_conversations/{side}/events")),
        ("GET side_conversations/events", "tickets/side_conversations/events?start_time=1".to_owned()),
        ("GET search", "search?query=type:ticket".to_owned()),
        ("GET triggers/{id}", format!("triggers/{}", first("triggers", "triggers").await)),
        ("GET webhooks/{id}", format!("webhooks/{hook}")),
        ("GET webhooks/{id}/signing_secret", format!("webhooks/{hook}/signing_secret")),
        ("GET webhooks/{id}/invocations", format!("webhooks/{hook}/invocations")),
        ("GET macros/{id}", format!("macros/{one}")),
    ]);
    let mut complaints = BTreeSet::new();
    for (call, types) in &vendors {
        assert!(CALLS.contains(&call.as_str()), "{call}");
        let path = ids.get(call.as_str()).map_or_else(|| call["GET ".len()..].to_owned(), String::clone);
        let (status, answer) = firm.zendesk(&admin, "GET", &path, Value::Null).await;
        assert_eq!(status, 200, "{call}: {answer}");
        compare(call, types, &answer, &mut complaints);
    }
    assert!(complaints.is_empty(), "{}", Vec::from_iter(complaints).join("\n"));
}
