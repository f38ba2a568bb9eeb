//! Zendesk beside tickets and side conversations: triggers, webhooks, search, merges, macros, and mail.

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use sidethread_sandbox::post::{Receipt, Sender};
use sidethread_sandbox::zendesk::sign;

use crate::firm::Firm;

const CHANNEL: &str = "support-engineering@slack.acme.example";

fn starts(firm: &Firm) -> String {
    let (agent, ticket) = (firm.sandbox.world.agents[0].0, firm.sandbox.world.tickets[0]);
    firm.sandbox.zendesk.desk_start(agent, ticket, &[CHANNEL], "Scanner", "Down?").unwrap()
}

fn answered(status: u16) -> Receipt {
    Receipt::Answered { status, retry_after: None, body: b"said".to_vec() }
}

#[tokio::test]
async fn a_trigger_is_made_of_its_definitions_and_runs() {
    let firm = Firm::new();
    let (admin, agent, zendesk) = (firm.admin(), firm.agent(), &firm.sandbox.zendesk);
    let (_, listed) = firm.zendesk(&admin, "GET", "triggers", Value::Null).await;
    let first: Vec<Value> = [0, 1].map(|at| listed["triggers"][at]["id"].clone()).into();
    assert_eq!(listed["count"], 2);
    let (_, definitions) = firm.zendesk(&agent, "GET", "triggers/definitions", Value::Null).await;
    let conditions = definitions["definitions"]["conditions_any"].as_array().unwrap();
    let found = conditions.iter().find(|one| one["title"] == "Side conversation").unwrap();
    let closed = found["values"].as_array().unwrap().iter().find(|value| value["title"] == "Closed").unwrap();

    let hook = json!({"webhook": {"name": "Mine", "endpoint": "http://sandbox.test/zendesk/webhook", "http_method": "POST",
        "request_format": "json", "status": "active", "subscriptions": ["conditional_ticket_events"],
        "authentication": {"type": "bearer_token", "add_position": "header", "data": {"token": "hidden"}}}});
    assert_eq!(firm.zendesk(&agent, "POST", "webhooks", hook.clone()).await.0, 403);
    let (status, made) = firm.zendesk(&admin, "POST", "webhooks", hook).await;
    assert_eq!(status, 201, "{made}");
    assert!(!made.to_string().contains("hidden"));
    let id = made["webhook"]["id"].as_str().unwrap();
    let trigger = json!({"trigger": {"title": "Done", "conditions": {
        "all": [{"field": "status", "operator": "less_than", "value": "solved"}],
        "any": [{"field": found["subject"], "operator": "is", "value": closed["value"]}],
    }, "actions": [{"field": "notification_webhook", "value": [id, "{\"done\": {{ticket.id}}}"]}]}});
    assert_eq!(firm.zendesk(&agent, "POST", "triggers", trigger.clone()).await.0, 403);
    let (status, made) = firm.zendesk(&admin, "POST", "triggers", trigger).await;
    assert_eq!(status, 201, "{made}");

    let side = starts(&firm);
    let [nudge] = zendesk.take_due().try_into().unwrap();
    assert_eq!(nudge.body, b"{\n  \"ticket_id\": \"35436\"\n}\n", "only the first trigger");
    zendesk.settle(nudge.id, answered(200));
    zendesk.set_state(firm.sandbox.world.agents[0].0, &side, "closed");
    let parcels = zendesk.take_due();
    assert_eq!(parcels.len(), 2);
    let mine = parcels.iter().find(|parcel| parcel.body == b"{\"done\": 35436}").unwrap();
    let header = |name: &str| mine.headers.iter().find(|(one, _)| one == name).unwrap().1.clone();
    let (_, secret) = firm.zendesk(&admin, "GET", &format!("webhooks/{id}/signing_secret"), Value::Null).await;
    let secret = secret["signing_secret"]["secret"].as_str().unwrap();
    let signature = sign(secret, &header("X-Zendesk-Webhook-Signature-Timestamp"), &mine.body);
    assert_eq!((header("X-Zendesk-Webhook-Id").as_str(), header("X-Zendesk-Webhook-Signature")), (id, signature));
    parcels.iter().for_each(|parcel| zendesk.settle(parcel.id, answered(409)));
    firm.pass(1_000);
    zendesk.take_due().iter().for_each(|parcel| zendesk.settle(parcel.id, answered(400)));
    assert_eq!(zendesk.next_due(), None);
    let (_, log) = firm.zendesk(&admin, "GET", &format!("webhooks/{id}/invocations"), Value::Null).await;
    let invocation = &log["invocations"][0];
    assert_eq!((&invocation["status"], &invocation["status_code"]), (&json!("failed"), &json!(400)), "{log}");
    let path = format!("webhooks/{id}/invocations/{}/attempts", invocation["id"].as_str().unwrap());
    let (_, attempts) = firm.zendesk(&admin, "GET", &path, Value::Null).await;
    let codes: Vec<&Value> = attempts["attempts"].as_array().unwrap().iter().map(|one| &one["status_code"]).collect();
    assert_eq!(codes, [409, 400]);

    let (status, rotated) = firm.zendesk(&admin, "POST", &format!("webhooks/{id}/signing_secret"), json!({})).await;
    assert_eq!(status, 201);
    assert_ne!(rotated["signing_secret"]["secret"], secret);
    assert_eq!(firm.zendesk(&admin, "DELETE", &format!("webhooks/{id}"), Value::Null).await.0, 400, "it is in use");
    let mine = format!("triggers/{}", made["trigger"]["id"]);
    assert_eq!(firm.zendesk(&admin, "DELETE", &mine, Value::Null).await.0, 204);
    assert_eq!(firm.zendesk(&admin, "DELETE", &format!("webhooks/{id}"), Value::Null).await.0, 204);
    let off = json!({"trigger": {"active": false}});
    for id in first {
        assert_eq!(firm.zendesk(&admin, "PUT", &format!("triggers/{id}"), off.clone()).await.0, 200);
    }
    starts(&firm);
    assert_eq!(zendesk.next_due(), None, "no trigger is active");
}

#[tokio::test]
async fn webhooks_that_lead_elsewhere_are_not_dialled_and_wrong_ones_are_refused() {
    let firm = Firm::new();
    let (admin, zendesk) = (firm.admin(), &firm.sandbox.zendesk);
    let (_, listed) = firm.zendesk(&admin, "GET", "webhooks", Value::Null).await;
    let path = format!("webhooks/{}", listed["webhooks"][0]["id"].as_str().unwrap());
    let elsewhere = json!({"webhook": {"endpoint": "https://elsewhere.example/hook"}});
    assert_eq!(firm.zendesk(&admin, "PATCH", &path, elsewhere).await.0, 204);
    starts(&firm);
    assert!(zendesk.take_due().is_empty() && zendesk.next_due().is_none());
    let (_, log) = firm.zendesk(&admin, "GET", &format!("{path}/invocations?filter[status]=failed"), Value::Null).await;
    assert_eq!(log["invocations"].as_array().unwrap().len(), 1);
    for wrong in [
        json!({"name": ""}),
        json!({"endpoint": "ftp://x"}),
        json!({"http_method": "LOOK"}),
        json!({"request_format": "yaml"}),
        json!({"status": "asleep"}),
        json!({"subscriptions": ["zen:event-type:ticket.created"]}),
    ] {
        assert_eq!(firm.zendesk(&admin, "PATCH", &path, json!({ "webhook": wrong })).await.0, 400, "{wrong}");
    }
    assert_eq!(firm.zendesk(&admin, "GET", "webhooks/01NONE", Value::Null).await.0, 404);
    for wrong in [
        json!({"title": "", "actions": [{"field": "status", "value": "open"}]}),
        json!({"title": "x", "actions": []}),
        json!({"title": "x", "actions": [{"field": "notification_webhook", "value": ["01NONE", ""]}]}),
        json!({"title": "x", "actions": [{"field": "status", "value": "open"}], "conditions": {"all": [{}]}}),
    ] {
        assert_eq!(firm.zendesk(&admin, "POST", "triggers", json!({ "trigger": wrong })).await.0, 422, "{wrong}");
    }
}

#[tokio::test]
async fn search_finds_by_words_and_conditions() {
    let firm = Firm::new();
    let agent = firm.agent();
    let search = async |query: &str| {
        let query: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
        let (status, body) = firm.zendesk(&agent, "GET", &format!("search?query={query}"), Value::Null).await;
        let ids =
            body["results"].as_array().into_iter().flatten().filter_map(|row| row["id"].as_i64()).collect::<Vec<_>>();
        (status, ids)
    };
    let charged = firm.sandbox.zendesk.tickets().into_iter().find(|one| one["subject"].to_string().contains("TWICE"));
    let charged = charged.unwrap()["id"].as_i64().unwrap();
    for query in [
        "type:ticket twice",
        "\"order A-20931\"",
        "tags:double_charge status<solved",
        "requester:kwame.asante@mail.example type:ticket charged",
        "assignee:\"Aïcha Benali\" priority:high twice",
        "group:billing created>2026-01-01 twice",
    ] {
        assert_eq!(search(query).await, (200, vec![charged]), "{query}");
    }
    assert!(search("priority>normal status<solved type:ticket").await.1.len() > 1);
    assert_eq!(search("type:ticket tags:nonsense").await, (200, Vec::new()));
    let (_, users) = search("type:user role:admin wanjiru").await;
    assert_eq!(users.len(), 1);
    assert_eq!(search("").await.0, 422);
    assert_eq!(search("\"unfinished").await.0, 422);
}

#[tokio::test]
async fn tickets_are_merged_deleted_and_restored() {
    let firm = Firm::new();
    let (agent, world) = (firm.agent(), &firm.sandbox.world);
    let (target, source) = (world.tickets[0], world.tickets[6]);
    let body = json!({"ids": [source], "target_comment": "Same parcel", "target_comment_is_public": true});
    let (status, job) = firm.zendesk(&agent, "POST", &format!("tickets/{target}/merge"), body.clone()).await;
    assert_eq!((status, &job["job_status"]["status"]), (200, &json!("queued")), "{job}");
    let done = format!("job_statuses/{}", job["job_status"]["id"].as_str().unwrap());
    assert_eq!(firm.zendesk(&agent, "GET", &done, Value::Null).await.1["job_status"]["status"], "completed");
    let merged = firm.sandbox.zendesk.ticket(source).unwrap();
    assert_eq!(merged["status"], "closed");
    assert!(merged["tags"].as_array().unwrap().contains(&json!("closed_by_merge")));
    let said = firm.sandbox.zendesk.comments(target);
    assert_eq!((&said.last().unwrap()["body"], &said.last().unwrap()["public"]), (&json!("Same parcel"), &json!(true)));
    let (_, job) = firm.zendesk(&agent, "POST", &format!("tickets/{target}/merge"), body).await;
    let failed = format!("job_statuses/{}", job["job_status"]["id"].as_str().unwrap());
    assert_eq!(firm.zendesk(&agent, "GET", &failed, Value::Null).await.1["job_status"]["status"], "failed");

    let side = starts(&firm);
    let ticket = format!("tickets/{target}");
    assert_eq!(firm.zendesk(&agent, "DELETE", &ticket, Value::Null).await.0, 204);
    assert_eq!(firm.zendesk(&agent, "GET", &ticket, Value::Null).await.0, 404);
    assert_eq!(firm.zendesk(&agent, "GET", &format!("{ticket}/side_conversations/{side}"), Value::Null).await.0, 404);
    let (_, listed) = firm.zendesk(&agent, "GET", "deleted_tickets", Value::Null).await;
    assert_eq!(listed["deleted_tickets"][0]["id"], target);
    let (by, name) = &world.agents[0];
    assert_eq!(listed["deleted_tickets"][0]["actor"], json!({"id": by, "name": name}), "who deleted it");
    let restore = format!("deleted_tickets/{target}/restore");
    assert_eq!(firm.zendesk(&agent, "PUT", &restore, json!({})).await.0, 200);
    assert_eq!(firm.zendesk(&agent, "PUT", &restore, json!({})).await.0, 404);
    assert_eq!(firm.zendesk(&agent, "GET", &ticket, Value::Null).await.0, 200);
}

#[tokio::test]
async fn a_ticket_that_is_named_twice_is_merged_once() {
    let firm = Firm::new();
    let (agent, world) = (firm.agent(), &firm.sandbox.world);
    let (target, source) = (world.tickets[0], world.tickets[6]);
    let body = json!({"ids": [source, source.to_string(), source]});
    let (status, job) = firm.zendesk(&agent, "POST", &format!("tickets/{target}/merge"), body).await;
    assert_eq!((status, &job["job_status"]["status"]), (200, &json!("queued")), "{job}");
    let comments = firm.sandbox.zendesk.comments(target);
    let said = comments.last().unwrap()["body"].as_str().unwrap();
    assert_eq!(said, format!("Request #{source} was closed and merged into this request."));
    assert_eq!(firm.sandbox.zendesk.ticket(source).unwrap()["status"], "closed");
}

#[tokio::test]
async fn pages_lead_back_the_way_they_came() {
    let firm = Firm::new();
    let agent = firm.agent();
    let ids = |page: &Value| {
        let tickets = page["tickets"].as_array().unwrap().iter();
        tickets.map(|ticket| ticket["id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    let follow = async |link: &Value| {
        let path = Firm::path(link);
        firm.zendesk(&agent, "GET", path.strip_prefix("/zendesk/api/v2/").unwrap(), Value::Null).await.1
    };
    let (_, mut page) = firm.zendesk(&agent, "GET", "tickets?page[size]=4", Value::Null).await;
    let mut there = Vec::new();
    while !ids(&page).is_empty() {
        there.push(ids(&page));
        let next = follow(&page["links"]["next"]).await;
        if ids(&next).is_empty() {
            break;
        }
        page = next;
    }
    assert!(there.len() > 2 && there.concat().len() == firm.sandbox.zendesk.tickets().len(), "{there:?}");
    let mut back = Vec::new();
    loop {
        page = follow(&page["links"]["prev"]).await;
        if ids(&page).is_empty() {
            break;
        }
        back.insert(0, ids(&page));
    }
    there.pop();
    assert_eq!(back, there);
}

#[tokio::test]
async fn only_what_is_sent_meets_a_fault_and_only_posts_are_sent() {
    let firm = Firm::new();
    let (admin, zendesk) = (firm.admin(), &firm.sandbox.zendesk);
    let hook = |name: &str, method: &str, status: &str| {
        json!({"webhook": {"name": name, "endpoint": "http://sandbox.test/mine", "http_method": method, "status": status,
            "request_format": "json", "subscriptions": ["conditional_ticket_events"]}})
    };
    let mut ids = Vec::new();
    for hook in [hook("Off", "POST", "inactive"), hook("Puts", "PUT", "active")] {
        let (status, made) = firm.zendesk(&admin, "POST", "webhooks", hook).await;
        assert_eq!(status, 201, "{made}");
        let id = made["webhook"]["id"].as_str().unwrap().to_owned();
        let trigger = json!({"trigger": {"title": "Mine", "conditions": {
            "all": [], "any": [{"field": "status", "operator": "changed"}],
        }, "actions": [{"field": "notification_webhook", "value": [id, "{}"]}]}});
        assert_eq!(firm.zendesk(&admin, "POST", "triggers", trigger).await.0, 201);
        ids.push(id);
    }
    let (agent, ticket) = (firm.sandbox.world.agents[0].0, firm.sandbox.world.tickets[0]);
    zendesk.desk_status(agent, ticket, "hold").unwrap();
    let others = zendesk.take_due().len();
    let rule = json!([{"vendor": "zendesk", "call": "events", "fault": "events_never", "times": others + 1}]);
    let request = Request::post("/sandbox/faults").header("content-type", "application/json");
    let _ = firm.send(request.body(Body::from(rule.to_string())).unwrap()).await;
    let log = async |id: &str| {
        firm.zendesk(&admin, "GET", &format!("webhooks/{id}/invocations"), Value::Null).await.1["invocations"].clone()
    };
    let before = (log(&ids[0]).await, log(&ids[1]).await);
    assert_eq!(
        (&before.0, &before.1[0]["status"]),
        (&json!([]), &json!("failed")),
        "nothing is posted that is no post"
    );
    zendesk.desk_status(agent, ticket, "pending").unwrap();
    assert_eq!(zendesk.take_due().len(), 0);
    assert_eq!((log(&ids[0]).await, log(&ids[1]).await), before, "no fault was used up by the one that is off");
    zendesk.desk_status(agent, ticket, "open").unwrap();
    assert_eq!(zendesk.take_due().len(), others, "the faults are used up");
}

#[tokio::test]
async fn a_macro_tells_what_it_would_change_and_changes_nothing() {
    let firm = Firm::new();
    let (agent, ticket) = (firm.agent(), firm.sandbox.world.tickets[0]);
    let given = json!({"macro": {"title": "Close politely", "actions": [
        {"field": "status", "value": "solved"},
        {"field": "comment_value", "value": "All the best!"},
        {"field": "comment_mode_is_public", "value": "true"},
    ]}});
    let (status, made) = firm.zendesk(&agent, "POST", "macros", given).await;
    assert_eq!(status, 201, "{made}");
    let id = &made["macro"]["id"];
    let (_, alone) = firm.zendesk(&agent, "GET", &format!("macros/{id}/apply"), Value::Null).await;
    let comment = json!({"body": "All the best!", "public": true});
    assert_eq!(alone["result"]["ticket"], json!({"status": "solved", "comment": comment}));
    let (_, on) = firm.zendesk(&agent, "GET", &format!("tickets/{ticket}/macros/{id}/apply"), Value::Null).await;
    assert_eq!((&on["result"]["ticket"]["id"], &on["result"]["ticket"]["status"]), (&json!(ticket), &json!("solved")));
    assert_eq!(firm.sandbox.zendesk.ticket(ticket).unwrap()["status"], "open");
    let (_, listed) = firm.zendesk(&agent, "GET", "macros/active", Value::Null).await;
    assert!(listed["macros"].as_array().unwrap().iter().any(|one| one["id"] == *id));
}

#[tokio::test]
async fn somebody_outside_reads_mail_and_answers() {
    let firm = Firm::new();
    let (agent, ticket) = (firm.sandbox.world.agents[0].0, firm.sandbox.world.tickets[0]);
    let to = "dispatch@carrier.example";
    let side = firm.sandbox.zendesk.desk_start(agent, ticket, &[to], "Trace", "Where is it?").unwrap();
    let outbox = firm.get("/sandbox/mail", "").await.json();
    let mail = &outbox["mail"][0];
    assert_eq!((&mail["to"], &mail["side_conversation_id"]), (&json!(to), &json!(side)));
    let reply = async |body: Value| {
        let request = Request::post("/sandbox/mail").body(Body::from(body.to_string())).unwrap();
        firm.send(request).await.status
    };
    assert_eq!(reply(json!({"side_conversation_id": side, "from": to, "text": "On the van."})).await, 201);
    let events = firm.sandbox.zendesk.events(&side);
    assert_eq!(events.last().unwrap()["message"]["body"], "On the van.");
    assert_eq!(events.last().unwrap()["via"], "email");
    assert_eq!(reply(json!({"side_conversation_id": "none", "from": to, "text": "x"})).await, 400);
    assert_eq!(reply(json!({"side_conversation_id": side, "from": "nobody", "text": "x"})).await, 400);
    assert_eq!(reply(json!({"side_conversation_id": side})).await, 400);
}
