//! Modals and home tabs, groups and emoji.

use serde_json::{Value, json};

use crate::firm::{Firm, MARTA, SUPPORT};

fn plain(text: &str) -> Value {
    json!({"type": "plain_text", "text": text})
}

fn modal(title: &str) -> Value {
    let input = json!({"type": "input", "block_id": "why", "label": plain("Why"), "element": {
        "type": "plain_text_input", "action_id": "text",
    }});
    json!({"type": "modal", "title": plain(title), "submit": plain("Send"), "callback_id": "ask",
        "private_metadata": "{}", "notify_on_close": true, "blocks": [input]})
}

/// Somebody types a command; the trigger that the app gets with it.
pub fn trigger(firm: &Firm) -> String {
    firm.sandbox.slack.command(MARTA, SUPPORT, "/side-convo", "");
    let parcels = sidethread_sandbox::post::Sender::take_due(&firm.sandbox.slack);
    let body = parcels.last().unwrap().body.clone();
    url::form_urlencoded::parse(&body).find(|(name, _)| name == "trigger_id").unwrap().1.into_owned()
}

#[tokio::test]
async fn a_modal_is_opened_filled_in_and_answered() {
    let firm = Firm::new();
    let (bot, slack) = (firm.bot(), &firm.sandbox.slack);
    let trigger_id = trigger(&firm);
    let opened = firm.slack(&bot, "views.open", json!({"trigger_id": trigger_id, "view": modal("Ask")})).await;
    assert_eq!(opened["ok"], true, "{opened}");
    let view = &opened["view"];
    assert_eq!((&view["root_view_id"], &view["previous_view_id"]), (&view["id"], &Value::Null));
    assert_eq!(slack.modals(MARTA).len(), 1);
    let again = firm.slack(&bot, "views.open", json!({"trigger_id": trigger_id, "view": modal("Ask")})).await;
    assert_eq!(again["error"], "exchanged_trigger_id");

    let stale = json!({"view_id": view["id"], "hash": "1.a", "view": modal("More")});
    assert_eq!(firm.slack(&bot, "views.update", stale).await["error"], "hash_conflict");
    let fresh = json!({"view_id": view["id"], "hash": view["hash"], "view": modal("More")});
    let updated = firm.slack(&bot, "views.update", fresh).await;
    assert_eq!(updated["view"]["title"]["text"], "More");

    let values = json!({"why": {"text": {"type": "plain_text_input", "value": ""}}});
    let parcel = slack.submit_view(MARTA, &values).unwrap();
    let errors = json!({"response_action": "errors", "errors": {"why": "Say why"}});
    let [submission] = firm.deliver(&errors).try_into().unwrap();
    assert_eq!((&submission["type"], &submission["view"]["state"]["values"]), (&json!("view_submission"), &values));
    assert_eq!(submission["view"]["callback_id"], "ask");
    assert_eq!(slack.command_answer(parcel), Some(errors));
    assert_eq!(slack.modals(MARTA).len(), 1, "it stays open");

    slack.submit_view(MARTA, &values).unwrap();
    firm.deliver(&json!({"response_action": "push", "view": modal("Sure?")}));
    assert_eq!(slack.modals(MARTA)[1]["previous_view_id"], view["id"]);
    slack.submit_view(MARTA, &values).unwrap();
    firm.deliver(&Value::Null);
    assert_eq!(slack.modals(MARTA).len(), 1, "the one on top is closed");
    slack.close_view(MARTA, false).unwrap();
    let [closed] = firm.deliver(&Value::Null).try_into().unwrap();
    assert_eq!((&closed["type"], &closed["is_cleared"]), (&json!("view_closed"), &json!(false)));
    assert_eq!(slack.close_view(MARTA, false), Err("view_not_found".into()));
    let gone = json!({"view_id": view["id"], "view": modal("x")});
    assert_eq!(firm.slack(&bot, "views.update", gone).await["error"], "not_found");
}

#[tokio::test]
async fn triggers_end_and_stacks_are_low() {
    let firm = Firm::new();
    let bot = firm.bot();
    let open = async |method: &str, trigger_id: &str| {
        firm.slack(&bot, method, json!({"trigger_id": trigger_id, "view": modal("Ask")})).await["error"].clone()
    };
    assert_eq!(open("views.open", "1.2.3").await, "invalid_trigger_id");
    let late = trigger(&firm);
    firm.pass(3_000);
    assert_eq!(open("views.open", &late).await, "expired_trigger_id");
    assert_eq!(open("views.open", &trigger(&firm)).await, Value::Null);
    assert_eq!(open("views.push", &trigger(&firm)).await, Value::Null);
    assert_eq!(open("views.push", &trigger(&firm)).await, Value::Null);
    assert_eq!(open("views.push", &trigger(&firm)).await, "push_limit_reached");
}

#[tokio::test]
async fn every_limit_of_a_view_is_checked() {
    let firm = Firm::new();
    let bot = firm.bot();
    let with = |change: fn(&mut Value)| {
        let mut view = modal("Ask");
        change(&mut view);
        view
    };
    let divider = json!({"type": "divider"});
    let many = |count: usize| json!(vec![divider.clone(); count]);
    let mut hundred = modal("Ask");
    hundred["blocks"] = many(100);
    let mut too_many = modal("Ask");
    too_many["blocks"] = many(101);
    for (view, code, about) in [
        (with(|view| view["title"] = plain(&"x".repeat(25))), "invalid_arguments", "/view/title/text"),
        (with(|view| drop(view.as_object_mut().unwrap().remove("title"))), "invalid_arguments", "/view/title"),
        (with(|view| view["submit"] = plain(&"x".repeat(25))), "invalid_arguments", "/view/submit/text"),
        (with(|view| drop(view.as_object_mut().unwrap().remove("submit"))), "invalid_arguments", "/view/submit"),
        (
            with(|view| view["private_metadata"] = "x".repeat(3001).into()),
            "invalid_arguments",
            "/view/private_metadata",
        ),
        (with(|view| view["callback_id"] = "x".repeat(256).into()), "invalid_arguments", "/view/callback_id"),
        (
            with(|view| view["blocks"][0]["label"] = plain(&"x".repeat(2001))),
            "invalid_arguments",
            "/view/blocks/0/label",
        ),
        (with(|view| view["type"] = "home".into()), "invalid_arguments", "/view/type"),
        (with(|view| view["x"] = "x".repeat(256_001).into()), "view_too_large", ""),
        (too_many, "invalid_arguments", "/view/blocks"),
    ] {
        let asked = json!({"trigger_id": trigger(&firm), "view": view});
        let refused = firm.slack(&bot, "views.open", asked).await;
        assert_eq!(refused["error"], code, "{about}");
        assert!(refused["response_metadata"].to_string().contains(about), "{about}: {refused}");
    }
    let taken = firm.slack(&bot, "views.open", json!({"trigger_id": trigger(&firm), "view": hundred})).await;
    assert_eq!(taken["ok"], true, "{taken}");
    let named = with(|view| view["external_id"] = "one".into());
    for expected in [Value::Null, json!("duplicate_external_id")] {
        let asked = json!({"trigger_id": trigger(&firm), "view": named});
        assert_eq!(firm.slack(&bot, "views.push", asked).await["error"], expected);
    }
}

#[tokio::test]
async fn a_home_tab_is_published_and_shown() {
    let firm = Firm::new();
    let bot = firm.bot();
    let home = json!({"type": "home", "blocks": [{"type": "header", "text": plain("Open questions")}]});
    firm.sandbox.slack.open_home(MARTA);
    let [opened] = firm.deliver(&Value::Null).try_into().unwrap();
    assert_eq!((&opened["event"]["type"], &opened["event"]["view"]), (&json!("app_home_opened"), &Value::Null));
    let shown = firm.slack(&bot, "views.publish", json!({"user_id": MARTA, "view": home})).await;
    assert_eq!(shown["view"]["type"], "home", "{shown}");
    assert_eq!(firm.sandbox.slack.home_of(MARTA).unwrap()["id"], shown["view"]["id"]);
    let stale = json!({"user_id": MARTA, "view": home, "hash": "1.a"});
    assert_eq!(firm.slack(&bot, "views.publish", stale).await["error"], "hash_conflict");
    let nobody = json!({"user_id": "U0NOBODY", "view": home});
    assert_eq!(firm.slack(&bot, "views.publish", nobody).await["error"], "user_not_found");
}

#[tokio::test]
async fn groups_and_emoji_are_listed_to_whoever_may() {
    let firm = Firm::new();
    let id = firm.sandbox.slack.add_usergroup("oncall", "On call", &[MARTA]);
    let (bot, marta) = (firm.bot(), firm.token(MARTA));
    assert_eq!(firm.slack(&bot, "usergroups.list", json!({})).await["usergroups"][0]["id"], json!(id));
    let listed = firm.slack(&marta, "usergroups.list", json!({"include_users": true})).await;
    assert_eq!((&listed["usergroups"][0]["id"], &listed["usergroups"][0]["users"]), (&json!(id), &json!([MARTA])));
    assert_eq!(firm.slack(&marta, "emoji.list", json!({})).await["emoji"]["shipit"], "alias:parcel");
}
