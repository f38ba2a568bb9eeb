//! Tickets: read, changed, closed, made once, deleted.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use sidethread_sandbox::zendesk::{TicketChange, TicketSpec, UserSpec};

use super::Account;

#[tokio::test]
async fn a_ticket_is_read_with_what_belongs_to_it() {
    let account = Account::new();
    let organization = account.zendesk.add_organization("Example Inc.");
    let group = account.zendesk.add_group("Mice");
    let requester = account.zendesk.add_user(UserSpec { organization_id: Some(organization), ..UserSpec::default() });
    let ticket = account.zendesk.add_ticket(TicketSpec {
        requester_id: requester,
        group_id: Some(group),
        assignee_id: Some(account.agent),
        external_id: Some("theirs".into()),
        ..TicketSpec::default()
    });
    let shown = account.get(&format!("tickets/{ticket}?include=users,groups,organizations")).await.json;
    assert_eq!(shown["ticket"]["organization_id"], organization);
    assert_eq!(shown["ticket"]["priority"], Value::Null);
    assert_eq!(shown["users"].as_array().map(Vec::len), Some(2));
    assert_eq!(shown["groups"][0]["name"], "Mice");
    assert_eq!(shown["organizations"][0]["name"], "Example Inc.");
    assert_eq!(account.get(&format!("groups/{group}")).await.json["group"]["id"], group);
    assert_eq!(account.get(&format!("organizations/{organization}")).await.json["organization"]["id"], organization);
    let listed = account.get("tickets?external_id=theirs").await.json;
    assert_eq!((&listed["count"], &listed["tickets"][0]["id"]), (&json!(1), &json!(ticket)));
    let both = account.get(&format!("tickets/show_many?ids={ticket},35436,1")).await.json;
    assert_eq!(both["count"], 2);
    let page = account.get("tickets.json?page[size]=1").await.json;
    assert_eq!((&page["meta"]["has_more"], page["tickets"].as_array().map(Vec::len)), (&json!(true), Some(1)));
    let next = page["links"]["next"].as_str().and_then(|next| next.split("/api/v2/").nth(1)).unwrap_or("").to_owned();
    let page = account.get(&next).await.json;
    assert_eq!((&page["meta"]["has_more"], &page["tickets"][0]["id"]), (&json!(false), &json!(ticket)));
    assert!(page["links"]["next"].is_string());
    let next = page["links"]["next"].as_str().and_then(|next| next.split("/api/v2/").nth(1)).unwrap_or("").to_owned();
    let page = account.get(&next).await.json;
    assert_eq!((&page["tickets"], &page["links"]), (&json!([]), &json!({"next": null, "prev": null})));
}

#[tokio::test]
async fn a_ticket_is_updated_with_a_comment_and_metadata() {
    let account = Account::new();
    account.pass(1500);
    let update = json!({"ticket": {"comment": {"html_body": "<p>Look &amp; <b>see</b></p>", "public": false,
        "author_id": account.agent}, "metadata": {"marker": "m1"}, "assignee_id": account.agent,
        "tags": ["b", "A"], "colour": "red"}});
    let answer = account.call("PUT", "tickets/35436.json", update).await;
    assert_eq!(answer.status, 200);
    assert!(answer.header("x-zendesk-api-warn").contains("colour"));
    assert_eq!(answer.json["ticket"]["tags"], json!(["a", "b"]));
    assert_eq!(answer.json["audit"]["metadata"]["custom"], json!({"marker": "m1"}));
    let comments = account.get("tickets/35436/comments?page[size]=100&sort=-created_at&include=users").await.json;
    let comment = &comments["comments"][0];
    assert_eq!(
        (&comment["body"], &comment["public"], &comment["author_id"]),
        (&json!("Look & see"), &json!(false), &json!(account.agent))
    );
    assert_eq!(comment["html_body"], "<div class=\"zd-comment\" dir=\"auto\"><p>Look &amp; <b>see</b></p></div>");
    assert_eq!(
        comments["comments"][1]["html_body"],
        "<div class=\"zd-comment\" dir=\"auto\"><p>It smokes.<br>A lot.</p></div>"
    );
    assert_eq!((&comments["meta"]["has_more"], comments["users"].as_array().map(Vec::len)), (&json!(false), Some(2)));
    let audits = account.get("tickets/35436/audits?page[size]=1").await.json;
    assert_eq!(audits["meta"]["has_more"], true);
    let after = audits["meta"]["after_cursor"].as_str().unwrap_or("").to_owned();
    let audits = account.get(&format!("tickets/35436/audits?page[size]=1&page[after]={after}")).await.json;
    assert_eq!(audits["audits"][0]["metadata"]["custom"]["marker"], "m1");
    let changed: Vec<&str> = audits["audits"][0]["events"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|event| event["field_name"].as_str())
        .collect();
    assert_eq!(changed, ["assignee_id", "tags"]);

    let stale = json!({"ticket": {"status": "pending", "safe_update": true, "updated_stamp": "2020-01-01T00:00:00Z"}});
    assert_eq!(account.call("PUT", "tickets/35436", stale).await.status, 409);
    let stamp = account.get("tickets/35436").await.json["ticket"]["updated_at"].clone();
    let fresh = json!({"ticket": {"status": "pending", "safe_update": true, "updated_stamp": stamp}});
    assert_eq!(account.call("PUT", "tickets/35436", fresh).await.json["ticket"]["status"], "pending");
    assert_eq!(account.call("PUT", "tickets/35436", json!({"ticket": {"priority": "loud"}})).await.status, 422);
    assert_eq!(
        account.call("PUT", "tickets/35436/tags", json!({"tags": ["c"]})).await.json["tags"],
        json!(["a", "b", "c"])
    );
    assert_eq!(
        account.call("DELETE", "tickets/35436/tags", json!({"tags": ["a"]})).await.json["tags"],
        json!(["b", "c"])
    );
    let copies = json!({"ticket": {"email_ccs": [{"user_email": "boss@example.org"}], "followers": [{"user_id": account.agent}]}});
    let copied = account.call("PUT", "tickets/35436", copies).await.json;
    assert_eq!(copied["ticket"]["follower_ids"], json!([account.agent]));
    assert_eq!(copied["ticket"]["email_cc_ids"].as_array().map(Vec::len), Some(1));
}

#[tokio::test]
async fn a_closed_ticket_takes_no_update_but_a_follow_up() {
    let account = Account::new();
    let early = json!({"ticket": {"via_followup_source_id": 35436, "comment": {"body": "Again"}}});
    assert_eq!(account.call("POST", "tickets", early.clone()).await.status, 422);
    account.close();
    let refused = account.call("PUT", "tickets/35436", json!({"ticket": {"comment": {"body": "Late"}}})).await;
    assert_eq!(refused.status, 422);
    assert_eq!(
        refused.json,
        json!({"error": "RecordInvalid", "description": "Record validation errors",
            "details": {"status": [{"description": "Status: closed prevents ticket update"}]}})
    );
    let made = account.call("POST", "tickets", early).await;
    assert_eq!(made.status, 201);
    let id = &made.json["ticket"]["id"];
    assert_eq!(made.json["ticket"]["via"]["source"]["rel"], "follow_up");
    assert_eq!(made.json["ticket"]["tags"], json!(["mouse"]));
    assert_eq!(made.json["ticket"]["priority"], Value::Null);
    assert_eq!(made.json["ticket"]["requester_id"], account.zendesk.app_user_id());
    assert_eq!(account.get("tickets/35436").await.json["ticket"]["followup_ids"], json!([id]));
    let related = account.get(&format!("tickets/{id}/related")).await.json;
    assert_eq!(related["ticket_related"]["followup_source_ids"], json!(["35436"]));
}

#[tokio::test]
async fn a_ticket_is_made_once_for_a_key() {
    let account = Account::new();
    let send = |key: &'static str, body: &'static str| {
        let body = json!({"ticket": {"subject": "S", "comment": {"body": body}}}).to_string();
        let request = Request::post("/zendesk/api/v2/tickets.json")
            .header("authorization", "Bearer sandbox-access-token")
            .header("idempotency-key", key);
        account.send(request.body(Body::from(body)).expect("sound"))
    };
    let first = send("k", "one").await;
    assert_eq!((first.status, first.header("x-idempotency-lookup")), (201, "miss"));
    let again = send("k", "one").await;
    assert_eq!((again.status, again.header("x-idempotency-lookup"), &again.json), (201, "hit", &first.json));
    let other = send("k", "two").await;
    assert_eq!((other.status, &other.json["error"]), (400, &json!("IdempotentRequestError")));
    account.pass(2 * 60 * 60 * 1000);
    let later = send("k", "one").await;
    assert_ne!(later.json["ticket"]["id"], first.json["ticket"]["id"]);
    assert_eq!(account.call("POST", "tickets", json!({"ticket": {"subject": "S"}})).await.status, 422);
    for (field, value) in [("status", "ajar"), ("priority", "loud")] {
        let bad = json!({"ticket": {"comment": {"body": "x"}, field: value}});
        assert_eq!(account.call("POST", "tickets", bad).await.status, 422, "{field}");
    }
    let nobody = json!({"ticket": {"comment": {"body": "x"}, "requester": {"email": "nobody"}}});
    assert_eq!(account.call("POST", "tickets", nobody).await.status, 422);
}

#[tokio::test]
async fn a_deleted_ticket_is_not_found_and_comes_back() {
    let account = Account::new();
    let id = account.started();
    account.zendesk.set_ticket(account.ticket, TicketChange { deleted: Some(true), ..Default::default() });
    for path in
        ["tickets/35436", "tickets/35436/side_conversations", &account.at(&id, "/events"), "tickets/35436/audits"]
    {
        assert_eq!(account.get(path).await.json["error"], "RecordNotFound", "{path}");
    }
    account.zendesk.set_ticket(account.ticket, TicketChange { deleted: Some(false), ..Default::default() });
    assert_eq!(account.get("tickets/35436").await.status, 200);
    account.zendesk.set_ticket(account.ticket, TicketChange { archived: Some(true), ..Default::default() });
    assert_eq!(account.get("tickets/35436").await.status, 200);
    assert_eq!(account.get("tickets").await.json["count"], 0);
    assert_eq!(account.call("PUT", "tickets/35436", json!({"ticket": {"status": "open"}})).await.status, 422);
}
