//! What nobody has confirmed, each way.

use serde_json::{Value, json};
use sidethread_sandbox::post::Sender;
use sidethread_sandbox::zendesk::{ReplyOnClosed, Unconfirmed};

use super::{Account, START, to};

#[tokio::test]
async fn the_switches_of_the_feed() {
    let account = Account::with(|unconfirmed| {
        unconfirmed.young_start_time_refused = true;
        unconfirmed.inclusive_end_time = true;
        unconfirmed.feed_always_has_next_page = true;
    });
    account.started();
    account.pass(30_000);
    let feed = |start: i64| format!("tickets/side_conversations/events?start_time={start}");
    let young = account.get(&feed(START / 1000)).await;
    assert_eq!((young.status, &young.json["error"]), (400, &json!("StartTimeTooRecent")));
    account.pass(60_000);
    let page = account.get(&feed(START / 1000)).await.json;
    assert_eq!(page["end_time"], START / 1000);
    assert!(page["next_page"].is_string());
    account.zendesk.set_unconfirmed(Unconfirmed::default());
    let page = account.get(&feed(START / 1000)).await.json;
    assert_eq!((&page["end_time"], &page["next_page"]), (&json!((START + 90_000) / 1000), &Value::Null));
}

#[tokio::test]
async fn the_switches_of_side_conversations() {
    let account = Account::with(|unconfirmed| {
        unconfirmed.external_ids_echoed = false;
        unconfirmed.reply_reopens = true;
        unconfirmed.reply_answer_has_event = true;
        unconfirmed.via_of_api = false;
        unconfirmed.api_fires_trigger = false;
        unconfirmed.reply_status = 201;
    });
    let id = account.started();
    account.zendesk.set_state(account.agent, &id, "closed");
    assert_eq!(account.settle_all(), 2);
    account.pass(2000);
    let before = account.get("tickets/35436").await.json["ticket"]["updated_at"].clone();
    let reply = json!({"message": {"body": "x", "to": to("a@example.org"), "external_ids": {"m": "1"}}});
    let replied = account.call("POST", &account.at(&id, "/reply"), reply).await;
    assert_eq!((replied.status, &replied.json["side_conversation"]["state"]), (201, &json!("open")));
    let event = &replied.json["event"];
    assert_eq!((event["message"]["external_ids"].clone(), event.get("via")), (json!({}), None));
    let last = account.zendesk.events(&id).pop().unwrap_or_default();
    assert_eq!((&last["type"], &last["updates"]), (&json!("update"), &json!({"state": "open"})));
    assert_eq!(account.settle_all(), 0);
    assert_eq!(account.get("tickets/35436").await.json["ticket"]["updated_at"], before);
}

#[tokio::test]
async fn a_reply_on_a_closed_ticket() {
    let reply = json!({"message": {"body": "x", "to": to("a@example.org")}});
    for (on_closed, status, tickets) in
        [(ReplyOnClosed::Accepted, 200, 1), (ReplyOnClosed::Refused(422), 422, 1), (ReplyOnClosed::FollowUp, 200, 2)]
    {
        let account = Account::with(|unconfirmed| unconfirmed.reply_on_closed = on_closed);
        let id = account.started();
        account.settle_all();
        account.close();
        let replied = account.call("POST", &account.at(&id, "/reply"), reply.clone()).await;
        assert_eq!(replied.status, status, "{on_closed:?}");
        assert_eq!(account.zendesk.tickets().len(), tickets, "{on_closed:?}");
        assert_eq!(account.settle_all(), tickets - 1, "{on_closed:?}");
    }
}

#[tokio::test]
async fn mail_to_a_closed_ticket_makes_a_follow_up_that_holds_the_side_conversation() {
    for keeps in [false, true] {
        let account = Account::with(|unconfirmed| unconfirmed.follow_up_keeps_ids = keeps);
        let made = json!({"message": {"subject": "Q", "body": "One", "to": to("a@example.org"), "external_ids": {"m": "1"}},
            "external_ids": {"t": "1"}});
        let made = account.call("POST", "tickets/35436/side_conversations", made).await.json;
        let id = made["side_conversation"]["id"].as_str().unwrap_or("").to_owned();
        account.settle_all();
        account.close();
        account.pass(1000);
        account.zendesk.set_state(account.agent, &id, "closed");
        assert!(account.zendesk.take_due().is_empty(), "no trigger on a closed ticket");
        account.zendesk.reply_by_mail("a@example.org", &id, "Two");
        let new = account.zendesk.ticket(35436).map(|ticket| ticket["followup_ids"][0].clone()).unwrap_or_default();
        let new = new.as_i64().unwrap_or(0);
        let parcel = account.zendesk.take_due().pop().map(|parcel| parcel.body).unwrap_or_default();
        assert_eq!(String::from_utf8_lossy(&parcel), format!("{{\n  \"ticket_id\": \"{new}\"\n}}\n"));
        assert_eq!(account.zendesk.comments(new)[0]["public"], false);
        let held =
            account.get(&format!("tickets/{new}/side_conversations?include=side_conversation_events")).await.json;
        let copy = &held["side_conversations"][0];
        assert_eq!((&copy["state"], &copy["ticket_id"]), (&json!("closed"), &json!(new)));
        let bodies: Vec<&Value> =
            held["events"].as_array().into_iter().flatten().map(|event| &event["message"]["body"]).collect();
        if keeps {
            assert_eq!((&copy["id"], &copy["external_ids"]), (&json!(id), &json!({"t": "1"})));
            assert_eq!(held["events"][3]["type"], "add-entity");
            assert_eq!(bodies.len(), 4);
        } else {
            assert_ne!(copy["id"], json!(id));
            assert_eq!(
                (&copy["external_ids"], &held["events"][0]["message"]["external_ids"]),
                (&json!({}), &json!({}))
            );
            assert_eq!(bodies, [&json!("One"), &Value::Null, &json!("Two")]);
            account.zendesk.reply_by_mail("a@example.org", &id, "Three");
            assert_eq!(account.zendesk.events(copy["id"].as_str().unwrap_or("")).len(), 4);
        }
        assert_eq!(account.zendesk.tickets().len(), 2);
    }
}
