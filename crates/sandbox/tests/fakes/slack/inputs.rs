//! Menus, buttons and fields in views and messages, and the options that the app suggests for them.

use serde_json::{Value, json};

use crate::firm::{Firm, MARTA, SUPPORT};
use crate::slack::views::trigger;

fn plain(text: &str) -> Value {
    json!({"type": "plain_text", "text": text})
}

fn option(value: &str) -> Value {
    json!({"text": plain(&format!("Option {value}")), "value": value})
}

fn form() -> Value {
    let select = |id: &str, more: Value| {
        let mut element = json!({"type": "static_select", "action_id": id, "options": [option("a"), option("b")]});
        element.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        element
    };
    json!({"type": "modal", "title": plain("Form"), "submit": plain("Send"), "callback_id": "form", "blocks": [
        {"type": "section", "block_id": "top", "text": plain("Which?"),
            "accessory": select("which", json!({"initial_option": option("a")}))},
        {"type": "actions", "block_id": "row", "elements": [
            {"type": "button", "action_id": "more", "text": plain("More"), "value": "7"},
            {"type": "overflow", "action_id": "dots", "options": [option("x"), option("y")]},
        ]},
        {"type": "input", "block_id": "kind", "label": plain("Kind"), "dispatch_action": true, "element": select("kind", json!({}))},
        {"type": "input", "block_id": "why", "label": plain("Why"),
            "element": {"type": "plain_text_input", "action_id": "text", "initial_value": "Because"}},
        {"type": "input", "block_id": "who", "label": plain("Who"), "optional": true,
            "element": {"type": "multi_external_select", "action_id": "people", "max_selected_items": 2}},
    ]})
}

async fn opened(firm: &Firm) -> String {
    let answer = firm.slack(&firm.bot(), "views.open", json!({"trigger_id": trigger(firm), "view": form()})).await;
    assert_eq!(answer["ok"], true, "{answer}");
    firm.deliver(&Value::Null);
    answer["view"]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn what_acts_at_once_in_a_view_is_told_with_the_state_of_all() {
    let firm = Firm::new();
    let slack = &firm.sandbox.slack;
    let id = opened(&firm).await;
    assert_eq!(slack.use_in_view(MARTA, "more", &Value::Null), Ok(true));
    let [pressed] = firm.deliver(&Value::Null).try_into().unwrap();
    assert_eq!(
        (&pressed["type"], &pressed["container"]),
        (&json!("block_actions"), &json!({"type": "view", "view_id": id}))
    );
    for absent in ["channel", "message", "response_url"] {
        assert!(pressed.get(absent).is_none(), "{absent}");
    }
    assert_eq!(pressed["view"]["callback_id"], "form");
    let action = &pressed["actions"][0];
    assert_eq!(
        (&action["value"], &action["block_id"], &action["type"]),
        (&json!("7"), &json!("row"), &json!("button"))
    );
    let values = &pressed["view"]["state"]["values"];
    assert_eq!(values["top"]["which"]["selected_option"]["value"], "a", "what it began with");
    assert_eq!(values["why"]["text"], json!({"type": "plain_text_input", "value": "Because"}));
    assert_eq!(values["kind"]["kind"]["selected_option"], Value::Null);
    assert_eq!(values["who"]["people"]["selected_options"], json!([]));
    assert!(values["row"].is_null(), "buttons and overflows have no state");

    assert_eq!(slack.use_in_view(MARTA, "dots", &json!("y")), Ok(true));
    assert_eq!(slack.use_in_view(MARTA, "kind", &json!("b")), Ok(true), "its block dispatches");
    assert_eq!(slack.use_in_view(MARTA, "text", &json!("So")), Ok(false));
    let [dots, kind] = firm.deliver(&Value::Null).try_into().unwrap();
    assert_eq!(dots["actions"][0]["selected_option"]["value"], "y");
    assert_eq!(kind["view"]["state"]["values"]["kind"]["kind"]["selected_option"]["value"], "b");

    let again = json!({"trigger_id": kind["trigger_id"], "view": form()});
    assert_eq!(firm.slack(&firm.bot(), "views.push", again).await["ok"], true, "an action has a trigger");
    slack.close_view(MARTA, false).unwrap();
    slack
        .submit_view(MARTA, &json!({"who": {"people": {"type": "multi_external_select", "selected_options": []}}}))
        .unwrap();
    let [submission] = firm.deliver(&Value::Null).try_into().unwrap();
    let values = &submission["view"]["state"]["values"];
    assert_eq!(
        (&values["why"]["text"]["value"], &values["kind"]["kind"]["selected_option"]["value"]),
        (&json!("So"), &json!("b"))
    );
    assert_eq!(slack.use_in_view(MARTA, "more", &Value::Null), Err("view_not_found".into()));
}

#[tokio::test]
async fn nobody_chooses_what_is_not_there() {
    let firm = Firm::new();
    let slack = &firm.sandbox.slack;
    opened(&firm).await;
    for (action, value, error) in [
        ("nothing", json!(null), "no_such_action"),
        ("more", json!("7"), "no_such_option"),
        ("which", json!("c"), "no_such_option"),
        ("which", json!(null), "no_such_option"),
        ("people", json!(["a"]), "no_such_option"),
        ("people", json!("a"), "no_such_option"),
    ] {
        assert_eq!(slack.use_in_view(MARTA, action, &value), Err(error.into()), "{action} {value}");
    }
    assert!(firm.deliver(&Value::Null).is_empty());
}

#[tokio::test]
async fn the_app_suggests_what_a_menu_offers() {
    let firm = Firm::new();
    let slack = &firm.sandbox.slack;
    let id = opened(&firm).await;
    assert_eq!(slack.suggest_in_view(MARTA, "people", "zo"), Err("query_too_short".into()));
    assert_eq!(slack.suggest_in_view(MARTA, "which", "zoé"), Err("no_such_action".into()));
    let asked = slack.suggest_in_view(MARTA, "people", "zoé").unwrap();
    let parcel = sidethread_sandbox::post::Sender::take_due(slack).remove(0);
    assert_eq!(parcel.path, "/slack/options");
    let form: Vec<(String, String)> = url::form_urlencoded::parse(&parcel.body).into_owned().collect();
    let payload: Value = serde_json::from_str(&form[0].1).unwrap();
    let expected = json!({"type": "block_suggestion", "action_id": "people", "block_id": "who", "value": "zoé"});
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&payload[name], value, "{name}");
    }
    assert_eq!((&payload["container"]["view_id"], &payload["view"]["id"]), (&json!(id), &json!(id)));
    let settle = |parcel: u64, body: &Value| {
        let receipt = sidethread_sandbox::post::Receipt::Answered {
            status: 200,
            retry_after: None,
            body: body.to_string().into_bytes(),
        };
        sidethread_sandbox::post::Sender::settle(slack, parcel, receipt);
    };
    let group = |label: &str, values: [&str; 2]| json!({"label": plain(label), "options": values.map(option)});
    let offered = json!({"option_groups": [group("One", ["a", "b"]), group("Two", ["c", "d"])]});
    settle(parcel.id, &offered);
    assert_eq!(slack.command_answer(asked), Some(offered));
    assert_eq!(slack.use_in_view(MARTA, "people", &json!(["a", "d"])), Ok(false));
    assert_eq!(slack.use_in_view(MARTA, "people", &json!(["a", "c", "d"])), Err("too_many_options".into()));
    slack.submit_view(MARTA, &json!({})).unwrap();
    let [submission] =
        firm.deliver(&json!({"response_action": "errors", "errors": {"who": "Not them"}})).try_into().unwrap();
    let chosen = &submission["view"]["state"]["values"]["who"]["people"]["selected_options"];
    assert_eq!([&chosen[0]["value"], &chosen[1]["value"]], ["a", "d"]);

    for wrong in [
        json!(null),
        json!({}),
        json!({"options": [], "option_groups": []}),
        json!({"options": [{"text": plain("x")}]}),
        json!({"options": [{"text": plain(&"x".repeat(76)), "value": "x"}]}),
        json!({"options": [{"text": {"type": "mrkdwn", "text": "x"}, "value": "x"}]}),
        json!({"options": [{"text": plain("x"), "value": "x".repeat(151)}]}),
        json!({"options": vec![option("x"); 101]}),
        json!({"option_groups": [{"options": [option("x")]}]}),
    ] {
        let asked = slack.suggest_in_view(MARTA, "people", "zoé").unwrap();
        let parcel = sidethread_sandbox::post::Sender::take_due(slack).remove(0);
        settle(parcel.id, &wrong);
        assert_eq!(slack.command_answer(asked).unwrap()["error"], "invalid_response", "{wrong}");
        assert_eq!(slack.use_in_view(MARTA, "people", &json!(["a"])), Err("no_such_option".into()));
    }
    let none = slack.suggest_in_view(MARTA, "people", "nobody").unwrap();
    firm.deliver(&json!({"options": []}));
    assert_eq!(slack.command_answer(none), Some(json!({"options": []})), "nothing fits");
}

#[tokio::test]
async fn menus_of_messages_work_as_those_of_views() {
    let firm = Firm::new();
    let slack = &firm.sandbox.slack;
    let menu = json!({"type": "external_select", "action_id": "ticket", "min_query_length": 0});
    let list = json!({"type": "static_select", "action_id": "state", "options": [option("a")]});
    let blocks = json!([{"type": "actions", "block_id": "row", "elements": [menu, list]}]);
    let posted =
        firm.slack(&firm.bot(), "chat.postMessage", json!({"channel": SUPPORT, "text": "x", "blocks": blocks})).await;
    assert_eq!(posted["ok"], true, "{posted}");
    let ts = posted["ts"].as_str().unwrap();
    firm.deliver(&Value::Null);
    slack.suggest_in_message(MARTA, SUPPORT, ts, "ticket", "").unwrap();
    let [asked] = firm.deliver(&json!({"options": [option("35436")]})).try_into().unwrap();
    assert_eq!((&asked["container"]["message_ts"], &asked["message"]["ts"]), (&posted["ts"], &posted["ts"]));
    slack.choose(MARTA, SUPPORT, ts, "ticket", &json!("35436")).unwrap();
    slack.choose(MARTA, SUPPORT, ts, "state", &json!("a")).unwrap();
    assert_eq!(slack.press(MARTA, SUPPORT, ts, "state"), Err("no_such_option".into()), "a menu is no button");
    let [ticket, state] = firm.deliver(&Value::Null).try_into().unwrap();
    assert_eq!(ticket["actions"][0]["selected_option"]["text"]["text"], "Option 35436");
    assert_eq!(
        (&state["actions"][0]["selected_option"]["value"], &state["actions"][0]["block_id"]),
        (&json!("a"), &json!("row"))
    );
}

#[tokio::test]
async fn elements_have_their_limits() {
    let firm = Firm::new();
    let bot = firm.bot();
    let mrkdwn = json!({"type": "mrkdwn", "text": "*x*"});
    let (formatted, described) =
        (json!({"text": mrkdwn, "value": "x"}), json!({"text": plain("x"), "value": "x", "description": mrkdwn}));
    let group = json!({"label": plain("x"), "options": [formatted]});
    for kind in ["radio_buttons", "checkboxes"] {
        let blocks = json!([{"type": "section", "text": mrkdwn, "accessory": {"type": kind, "options": [formatted, described]}}]);
        let answer =
            firm.slack(&bot, "chat.postMessage", json!({"channel": SUPPORT, "text": "x", "blocks": blocks})).await;
        assert_eq!(answer["ok"], true, "{answer}");
    }
    for (element, complaint) in [
        (json!({"type": "static_select"}), "either options or option_groups"),
        (json!({"type": "static_select", "options": vec![option("x"); 101]}), "no more than 100"),
        (json!({"type": "radio_buttons", "options": vec![option("x"); 11]}), "no more than 10"),
        (json!({"type": "overflow", "options": vec![option("x"); 6]}), "no more than 5"),
        (json!({"type": "overflow", "options": [formatted]}), "options/0/text/type"),
        (json!({"type": "static_select", "options": [described]}), "options/0/description/type"),
        (json!({"type": "multi_static_select", "option_groups": [group]}), "option_groups/0/options/0/text/type"),
        (json!({"type": "external_select", "initial_option": formatted}), "initial_option/text/type"),
        (json!({"type": "external_select", "min_query_length": "two"}), "min_query_length"),
        (json!({"type": "multi_external_select", "max_selected_items": 0}), "max_selected_items"),
        (json!({"type": "external_select", "initial_option": {"text": plain("x")}}), "initial_option"),
        (json!({"type": "external_select", "placeholder": plain(&"x".repeat(151))}), "placeholder"),
    ] {
        firm.pass(1_000);
        let blocks = json!([{"type": "section", "text": plain("x"), "accessory": element}]);
        let answer =
            firm.slack(&bot, "chat.postMessage", json!({"channel": SUPPORT, "text": "x", "blocks": blocks})).await;
        assert_eq!(answer["error"], "invalid_blocks", "{element}");
        assert!(answer["response_metadata"].to_string().contains(complaint), "{answer}");
    }
}
