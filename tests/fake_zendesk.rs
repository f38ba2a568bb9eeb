//! Stories of the fake Zendesk, told through its API as any client sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use axum::body::Body;
use axum::http::{HeaderMap, Request};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sidethread::sandbox::faults::{Fault, Rule};
use sidethread::sandbox::post::{Parcel, Receipt, Sender};
use sidethread::sandbox::zendesk::{
    CALLS, FakeZendesk, Options, ReplyOnClosed, StartSpec, TicketChange, TicketSpec, Unconfirmed, UserSpec, sign,
};
use tower::ServiceExt as _;

const START: i64 = 1_778_246_568_141;

struct Account {
    zendesk: FakeZendesk,
    clock: Arc<AtomicI64>,
    agent: i64,
    customer: i64,
    ticket: i64,
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    text: String,
    json: Value,
}

impl Answer {
    fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("")
    }
}

impl Account {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(change: impl FnOnce(&mut Unconfirmed)) -> Self {
        let mut options = Options { limits: false, ..Options::default() };
        change(&mut options.unconfirmed);
        Self::of(options)
    }

    fn of(options: Options) -> Self {
        let clock = Arc::new(AtomicI64::new(START));
        let now = clock.clone();
        let zendesk = FakeZendesk::new(options, Arc::new(move || now.load(Ordering::SeqCst)), 7);
        let person = |name: &str, email: &str, role: &str| UserSpec {
            name: name.into(),
            email: Some(email.into()),
            role: role.into(),
            ..UserSpec::default()
        };
        let agent = zendesk.add_user(person("Agent", "agent@example.com", "agent"));
        let customer = zendesk.add_user(person("Customer", "customer@example.com", "end-user"));
        let ticket = zendesk.add_ticket(TicketSpec {
            id: Some(35436),
            subject: "My mouse is on fire!".into(),
            description: "It smokes.\nA lot.".into(),
            requester_id: customer,
            priority: Some("high".into()),
            tags: vec!["mouse".into()],
            ..TicketSpec::default()
        });
        Account { zendesk, clock, agent, customer, ticket }
    }

    fn pass(&self, ms: i64) {
        self.clock.fetch_add(ms, Ordering::SeqCst);
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.zendesk.router().oneshot(request).await.expect("the router is infallible");
        let (parts, body) = response.into_parts();
        let bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let json = serde_json::from_str(&text).unwrap_or(Value::Null);
        Answer { status: parts.status.as_u16(), headers: parts.headers, text, json }
    }

    async fn as_with(&self, authorization: &str, method: &str, path: &str, body: Option<Value>) -> Answer {
        let mut request = Request::builder().method(method).uri(format!("/zendesk/api/v2/{path}"));
        if !authorization.is_empty() {
            request = request.header("authorization", authorization);
        }
        let body = match body {
            Some(body) => {
                request = request.header("content-type", "application/json");
                Body::from(body.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).expect("a sound request")).await
    }

    async fn call(&self, method: &str, path: &str, body: Value) -> Answer {
        self.as_with("Bearer sandbox-access-token", method, path, Some(body)).await
    }

    async fn get(&self, path: &str) -> Answer {
        self.as_with("Bearer sandbox-access-token", "GET", path, None).await
    }

    async fn get_as(&self, user: i64, path: &str) -> Answer {
        let token = self.zendesk.token_of(user).unwrap_or_default();
        self.as_with(&format!("Bearer {token}"), "GET", path, None).await
    }

    fn started(&self) -> String {
        self.zendesk.start_side_conversation(self.agent, self.ticket, &["someone@example.org"], "Help", "<p>Hello</p>")
    }

    /// The path of a side conversation of the ticket.
    fn at(&self, id: &str, rest: &str) -> String {
        format!("tickets/{}/side_conversations/{id}{rest}", self.ticket)
    }

    fn close(&self) {
        assert!(
            self.zendesk.set_ticket(self.ticket, TicketChange { status: Some("closed".into()), ..Default::default() })
        );
    }

    fn fault(&self, call: &str, fault: Fault, times: Option<u32>) {
        self.zendesk.faults().add(Rule { call: call.into(), fault, times, percent: None });
    }

    fn settle_all(&self) -> usize {
        let parcels = self.zendesk.take_due();
        parcels.iter().for_each(|parcel| self.zendesk.settle(parcel.id, answered(200, None)));
        parcels.len()
    }
}

fn answered(status: u16, retry_after: Option<u64>) -> Receipt {
    Receipt::Answered { status, retry_after, body: Vec::new() }
}

fn header(parcel: &Parcel, name: &str) -> String {
    parcel.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

fn to(email: &str) -> Value {
    json!([{ "email": email }])
}

/// The properties of the published schemas, checked by hand: name, type, and whether null is allowed.
fn fits(value: &Value, properties: &[(&str, &str)]) {
    for (name, kind) in properties {
        let found = value.get(name).unwrap_or_else(|| panic!("{name} is missing in {value}"));
        let fits = match *kind {
            "string" => found.is_string(),
            "string?" => found.is_string() || found.is_null(),
            "integer" => found.is_i64(),
            "integer?" => found.is_i64() || found.is_null(),
            "array" => found.is_array(),
            "object" => found.is_object(),
            "object?" => found.is_object() || found.is_null(),
            "time" => found.as_str().is_some_and(|time| time.parse::<jiff::Timestamp>().is_ok() && time.len() == 24),
            other => panic!("no such type: {other}"),
        };
        assert!(fits, "{name} is not {kind} in {value}");
    }
}

fn fits_side_conversation(value: &Value) {
    fits(
        value,
        &[
            ("id", "string"),
            ("url", "string"),
            ("ticket_id", "integer"),
            ("subject", "string?"),
            ("preview_text", "string?"),
            ("state", "string"),
            ("participants", "array"),
            ("created_at", "time"),
            ("updated_at", "time"),
            ("message_added_at", "time"),
            ("state_updated_at", "time"),
            ("external_ids", "object"),
        ],
    );
    for participant in value["participants"].as_array().into_iter().flatten() {
        fits_participant(participant);
    }
}

fn fits_event(value: &Value) {
    fits(
        value,
        &[
            ("id", "string"),
            ("side_conversation_id", "string"),
            ("ticket_id", "integer"),
            ("type", "string"),
            ("created_at", "time"),
            ("actor", "object"),
            ("message", "object?"),
            ("updates", "object"),
        ],
    );
    if value["message"].is_object() {
        fits(
            &value["message"],
            &[
                ("subject", "string?"),
                ("preview_text", "string"),
                ("body", "string"),
                ("html_body", "string"),
                ("from", "object"),
                ("to", "array"),
                ("external_ids", "object"),
                ("attachments", "array"),
            ],
        );
        fits_participant(&value["message"]["from"]);
    }
}

fn fits_participant(value: &Value) {
    fits(value, &[("user_id", "integer?"), ("name", "string?"), ("email", "string?")]);
}

#[tokio::test]
async fn every_call_has_a_name_of_its_own_and_a_path_with_and_without_json() {
    let mut names = CALLS.to_vec();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), CALLS.len());
    let account = Account::new();
    for path in
        ["users/me", "users", "groups", "brands", "organizations", "tickets", "account/settings", "tickets/35436"]
    {
        assert_eq!(account.get(path).await.status, 200, "{path}");
        assert_eq!(account.get(&format!("{path}.json")).await.status, 200, "{path}.json");
    }
    assert_eq!(account.get("no/such/thing").await.json["error"], "InvalidEndpoint");
    let calls = account.zendesk.calls();
    assert_eq!(calls[0], ("GET users/me".to_owned(), START));
    assert!(calls.iter().all(|(call, _)| CALLS.contains(&call.as_str())));
    account.zendesk.clear_calls();
    assert!(account.zendesk.calls().is_empty());
}

#[tokio::test]
async fn who_is_calling() {
    let account = Account::new();
    let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
    let me = account.get("users/me").await;
    assert_eq!(me.json["user"]["id"], account.zendesk.app_user_id());
    assert_eq!(me.json["user"]["role"], "admin");
    let by_token = account.as_with(&basic("bridge@example.com/token:sandbox-api-token"), "GET", "users/me", None).await;
    assert_eq!(by_token.json["user"]["id"], account.zendesk.app_user_id());
    for wrong in
        ["", "Bearer no", "Basic !", &basic("bridge@example.com/token:no"), &basic("bridge@example.com:password")]
    {
        let anonymous = account.as_with(wrong, "GET", "users/me", None).await;
        assert_eq!((anonymous.status, anonymous.json), (200, json!({"user": {"name": "Anonymous user"}})), "{wrong}");
        let refused = account.as_with(wrong, "GET", "tickets", None).await;
        assert_eq!((refused.status, refused.json), (401, json!({"error": "Couldn't authenticate you"})), "{wrong}");
    }
    assert!(account.zendesk.token_of(account.customer).is_none());
    assert_eq!(account.get_as(account.agent, "tickets").await.status, 200);
    account.zendesk.suspend_user(account.agent, true);
    assert_eq!(account.get_as(account.agent, "tickets").await.status, 401);
}

#[tokio::test]
async fn a_client_gets_a_token_that_ends() {
    let account = Account::new();
    let ask = |content_type: &str, body: String| {
        Request::post("/zendesk/oauth/tokens")
            .header("content-type", content_type)
            .body(Body::from(body))
            .expect("sound")
    };
    let client = json!({"grant_type": "client_credentials", "client_id": "sandbox_client",
        "client_secret": "sandbox-client-secret", "expires_in": 600});
    let given = account.send(ask("application/json", client.to_string())).await;
    assert_eq!(
        (given.status, &given.json["token_type"], &given.json["expires_in"]),
        (200, &json!("bearer"), &json!(600))
    );
    let bearer = format!("Bearer {}", given.json["access_token"].as_str().unwrap_or(""));
    let me = account.as_with(&bearer, "GET", "users/me", None).await;
    assert_eq!(me.json["user"]["id"], account.zendesk.app_user_id());
    account.pass(600_000);
    let ended = account.as_with(&bearer, "GET", "tickets", None).await;
    assert_eq!((ended.status, &ended.json["error"]), (401, &json!("invalid_token")));

    let form = "grant_type=client_credentials&client_id=sandbox_client&client_secret=sandbox-client-secret&scope=read";
    let reader = account.send(ask("application/x-www-form-urlencoded", form.into())).await;
    assert_eq!((&reader.json["scope"], &reader.json["expires_in"]), (&json!("read"), &json!(1800)));
    let bearer = format!("Bearer {}", reader.json["access_token"].as_str().unwrap_or(""));
    assert_eq!(account.as_with(&bearer, "GET", "tickets", None).await.status, 200);
    let write = account.as_with(&bearer, "PUT", "tickets/35436", Some(json!({"ticket": {"status": "open"}}))).await;
    assert_eq!(write.json["description"], "You are missing the following required scopes: write");

    let wrong = account.send(ask("application/json", json!({"client_id": "sandbox_client"}).to_string())).await;
    assert_eq!((wrong.status, &wrong.json["error"]), (401, &json!("invalid_client")));
    let mut short = client;
    short["expires_in"] = json!(10);
    assert_eq!(account.send(ask("application/json", short.to_string())).await.status, 400);
}

#[tokio::test]
async fn users_are_found_by_id_and_by_a_fuzzy_search() {
    let account = Account::new();
    let namesake = account.zendesk.add_user(UserSpec {
        name: "Namesake".into(),
        email: Some("customer@example.net".into()),
        role: "end-user".into(),
        ..UserSpec::default()
    });
    let found = account.get("users/search.json?query=email:customer@example.net").await;
    let ids: Vec<i64> =
        found.json["users"].as_array().into_iter().flatten().filter_map(|user| user["id"].as_i64()).collect();
    assert_eq!(ids, [account.customer, namesake]);
    let many = account.get(&format!("users/show_many.json?ids={},{},1", account.agent, account.customer)).await;
    assert_eq!(many.json["count"], 2);
    let ids: Vec<String> = (0..101).map(|id| id.to_string()).collect();
    let too_many = account.get(&format!("users/show_many?ids={}", ids.join(","))).await;
    assert_eq!((too_many.status, &too_many.json["max_count"]), (400, &json!(100)));
    assert_eq!(account.get(&format!("users/{}", account.agent)).await.json["user"]["external_id"], Value::Null);
    assert_eq!(account.get("users/1").await.json, json!({"error": "RecordNotFound", "description": "Not found"}));
}

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

#[tokio::test]
async fn a_side_conversation_is_made_answered_and_done() {
    let account = Account::new();
    let create = json!({"message": {"subject": "Question", "body": "One\n\nTwo <3", "to": to("new@example.org"),
        "external_ids": {"marker": "m1"}}, "external_ids": {"thread": "t1"}});
    let made = account.call("POST", "tickets/35436/side_conversations", create).await;
    assert_eq!(made.status, 201);
    let (event, conversation) = (&made.json["event"], &made.json["side_conversation"]);
    fits_event(event);
    fits_side_conversation(conversation);
    assert_eq!(event["id"], conversation["id"]);
    assert_eq!((&event["type"], &event["via"]), (&json!("create"), &json!("api")));
    assert_eq!(event["message"]["html_body"], "<div class=\"zd-comment\"><p>One</p><p>Two &lt;3</p></div>");
    assert_eq!(event["message"]["preview_text"], "One Two <3");
    assert_eq!(event["message"]["external_ids"], json!({"marker": "m1"}));
    assert_eq!(conversation["external_ids"], json!({"thread": "t1"}));
    assert_eq!(conversation["created_at"], "2026-05-08T13:22:48.141Z");
    let id = conversation["id"].as_str().unwrap_or("").to_owned();
    assert_eq!(id.as_bytes()[14], b'1');
    let new = account.get("users/search?query=email:new@example.org").await.json["users"][0].clone();
    assert_eq!((&new["role"], &new["tags"]), (&json!("end-user"), &json!(["created_for_side_conversation"])));

    account.pass(5);
    let reply = json!({"message": {"subject": "Ignored", "html_body": "<p>Three</p><script>x</script>",
        "to": [{"user_id": account.agent}]}});
    let replied = account.call("POST", &account.at(&id, "/reply"), reply).await;
    assert_eq!(replied.status, 200);
    fits_side_conversation(&replied.json["side_conversation"]);
    assert!(replied.json.get("event").is_none());
    assert_eq!(replied.json["side_conversation"]["participants"].as_array().map(Vec::len), Some(3));
    account.pass(5);
    let done = account.call("PUT", &account.at(&id, ""), json!({"side_conversation": {"state": "closed"}})).await.json;
    assert_eq!(done["side_conversation"]["state"], "closed");
    assert_eq!(done["side_conversation"]["state_updated_at"], "2026-05-08T13:22:48.151Z");
    assert_eq!(done["side_conversation"]["message_added_at"], "2026-05-08T13:22:48.146Z");
    account.call("PUT", &account.at(&id, ""), json!({"side_conversation": {"state": "closed"}})).await;
    account.call("PUT", &account.at(&id, ""), json!({"side_conversation": {"subject": "Answer"}})).await;

    let events = account.get(&account.at(&id, "/events.json?include=side_conversations")).await.json;
    assert_eq!((&events["count"], &events["next_page"]), (&json!(4), &Value::Null));
    events["events"].as_array().into_iter().flatten().for_each(fits_event);
    assert_eq!(events["events"][1]["message"]["subject"], Value::Null);
    assert_eq!(events["events"][1]["message"]["body"], "Three");
    assert_eq!(events["events"][1]["message"]["html_body"], "<div class=\"zd-comment\"><p>Three</p></div>");
    assert_eq!(
        (&events["events"][2]["updates"], &events["events"][2]["message"]),
        (&json!({"state": "closed"}), &Value::Null)
    );
    assert_eq!(events["events"][3]["updates"], json!({"subject": "Answer"}));
    assert_eq!(events["side_conversations"][0]["subject"], "Answer");
    let mut ids: Vec<String> = account.zendesk.events(&id).iter().map(|event| event["id"].to_string()).collect();
    let made = ids.clone();
    ids.sort();
    assert_eq!(ids, made, "ids grow with time");

    let listed = account.get("tickets/35436/side_conversations?include=side_conversation_events").await.json;
    assert_eq!((&listed["count"], listed["events"].as_array().map(Vec::len)), (&json!(1), Some(4)));
    let shown = account.get(&account.at(&id, ".json?include=side_conversation_events")).await.json;
    assert_eq!(shown["events"], listed["events"]);
    assert_eq!(account.get(&account.at("no", "")).await.json["error"], "RecordNotFound");

    let mail = account.zendesk.outgoing_mail();
    assert_eq!((&mail[0]["to"], &mail[0]["subject"]), (&json!("new@example.org"), &json!("Question")));
    assert_eq!((&mail[1]["to"], &mail[1]["subject"]), (&json!("agent@example.com"), &json!("Question")));
}

#[tokio::test]
async fn what_a_message_may_not_be() {
    let account = Account::new();
    let id = account.started();
    let deleted = account.zendesk.add_user(UserSpec { email: Some("gone@example.org".into()), ..UserSpec::default() });
    account.zendesk.delete_user(deleted);
    account.zendesk.suspend_user(account.customer, true);
    let crowd =
        |size: usize| -> Vec<Value> { (0..size).map(|n| json!({"email": format!("p{n}@example.org")})).collect() };
    let before = account.zendesk.users().len();
    for (bad, word) in [
        (json!({"body": "x"}), "blank"),
        (json!({"body": "x", "to": []}), "blank"),
        (json!({"body": " ", "to": to("a@example.org")}), "Body"),
        (json!({"to": to("a@example.org")}), "Body"),
        (json!({"body": "x", "to": to("not an address")}), "address"),
        (json!({"body": "x", "to": [{"user_id": 1}]}), "1 does not exist"),
        (json!({"body": "x", "to": to("CUSTOMER@example.com")}), "customer@example.com is suspended"),
        (json!({"body": "x", "to": [{"user_id": account.customer}]}), "customer@example.com is suspended"),
        (json!({"body": "x", "to": [{"user_id": deleted}]}), "deleted"),
        (json!({"body": "x", "to": to("gone@example.org")}), "deleted"),
        (json!({"body": "x", "to": [{"email": "a@example.org"}, {"slack_channel_id": "C1"}]}), "mixed"),
        (json!({"body": "x", "to": [{"slack_channel_id": "C1", "slack_workspace_id": "T1"}]}), "mixed"),
        (json!({"body": "x", "to": crowd(101)}), "100"),
        (json!({"body": "x", "to": crowd(49)}), "48"),
        (json!({"body": "x", "to": to("a@example.org"), "external_ids": {"n": 1}}), "strings"),
        (json!({"body": "x", "to": to("a@example.org"), "attachment_ids": ["s3-no"]}), "s3-no"),
        (json!("x"), "Message"),
    ] {
        let answer = account.call("POST", &account.at(&id, "/reply"), json!({ "message": bad })).await;
        assert_eq!((answer.status, &answer.json["error"]), (422, &json!("RecordInvalid")), "{bad}");
        assert!(answer.text.contains(word), "{} does not say {word}", answer.text);
    }
    assert_eq!(account.zendesk.users().len(), before);
    assert_eq!(account.zendesk.events(&id).len(), 1);
    let broken = Request::post(format!("/zendesk/api/v2/{}", account.at(&id, "/reply")))
        .header("authorization", "Bearer sandbox-access-token")
        .body(Body::from("{\"message\": {\"body\": \"\\ud800\""));
    assert_eq!(account.send(broken.expect("sound")).await.status, 400);
    let done = account.call("PUT", &account.at(&id, ""), json!({"side_conversation": {"state": "done"}})).await;
    assert_eq!(done.status, 422);
}

#[tokio::test]
async fn other_channels_and_child_tickets() {
    let account = Account::new();
    let path = "tickets/35436/side_conversations";
    let slack = json!({"message": {"body": "x", "to": [{"slack_workspace_id": "T1", "slack_channel_id": "C1"}]}});
    let made = account.call("POST", path, slack).await;
    assert_eq!(
        made.json["side_conversation"]["participants"][1],
        json!({"slack_workspace_id": "T1", "slack_channel_id": "C1"})
    );
    assert_eq!(made.json["side_conversation"]["subject"], Value::Null);
    let id = made.json["side_conversation"]["id"].as_str().unwrap_or("").to_owned();
    assert!(!account.zendesk.reply(account.agent, &id, "Answer").is_empty());
    let group = account.zendesk.add_group("Mice");
    let child = json!({"message": {"subject": "C", "body": "x", "to": [{"support_group_id": group.to_string()}]}});
    let made = account.call("POST", path, child.clone()).await.json;
    let child_id: i64 =
        made["side_conversation"]["external_ids"]["targetTicketId"].as_str().unwrap_or("").parse().unwrap_or(0);
    assert_eq!(
        account.zendesk.ticket(child_id).map(|ticket| ticket["via"]["channel"].clone()),
        Some(json!("side_conversation"))
    );
    let light = account.zendesk.add_user(UserSpec { role: "light-agent".into(), ..UserSpec::default() });
    let token = format!("Bearer {}", account.zendesk.token_of(light).unwrap_or_default());
    assert_eq!(account.as_with(&token, "POST", path, Some(child)).await.status, 403);
    assert!(account.zendesk.outgoing_mail().is_empty());
}

#[tokio::test]
async fn people_act_in_the_account() {
    let account = Account::new();
    let id = account.zendesk.start_side_conversation_with(
        account.agent,
        account.ticket,
        StartSpec {
            to: vec![json!({"email": "someone@example.org", "name": "Someone"})],
            subject: Some("Old".into()),
            body: Some("Hello".into()),
            created_at: Some(START - 60_000),
            ..StartSpec::default()
        },
    );
    assert_eq!(account.zendesk.reply(account.agent, &id, "<p>Well?</p>").len(), 36);
    account.pass(1);
    assert!(!account.zendesk.reply_by_mail("someone@example.org", &id, "Yes").is_empty());
    account.pass(1);
    assert!(!account.zendesk.set_state(account.agent, &id, "closed").is_empty());
    assert_eq!(account.zendesk.set_state(account.agent, &id, "closed"), "");
    assert_eq!(account.zendesk.set_state(account.agent, &id, "ajar"), "");
    let events = account.zendesk.events(&id);
    let vias: Vec<&str> = events.iter().filter_map(|event| event["via"].as_str()).collect();
    assert_eq!(vias, ["support", "support", "email", "support"]);
    assert_eq!(events[0]["created_at"], "2026-05-08T13:21:48.141Z");
    assert_eq!(events[2]["message"]["to"][0]["email"], "agent@example.com");
    let last = account.zendesk.outgoing_mail().pop().unwrap_or_default();
    assert_eq!((&last["to"], &last["body"]), (&json!("agent@example.com"), &json!("Yes")));
    assert_eq!(account.zendesk.reply_by_mail("a@example.org", "no", "x"), "");
    assert_eq!(account.zendesk.start_side_conversation(account.agent, 1, &["a@example.org"], "S", "x"), "");
    assert!(account.zendesk.add_comment(account.ticket, account.agent, "Internal", false));
    let notes = account.zendesk.comments(account.ticket);
    assert_eq!((notes.len(), &notes[1]["public"]), (2, &json!(false)));
}

#[tokio::test]
async fn imports_are_silent_and_keep_author_and_time() {
    let account = Account::new();
    let event = |at: &str, body: &str| {
        json!({"created_at": at, "message": {"body": body, "to": to("agent@example.com"),
            "from": {"email": "old@example.org", "name": "Old"}}})
    };
    let import = json!({"side_conversation": {"subject": "Past", "state": "closed", "external_ids": {"a": "b"}},
        "events": [event("2022-10-05T20:47:02.230Z", "One"), event("2022-10-05T20:48:02.230+00:00", "Two")]});
    let made = account.call("POST", "tickets/35436/side_conversations/import", import).await;
    assert_eq!((made.status, &made.json["count"]), (201, &json!(2)));
    fits_side_conversation(&made.json["side_conversation"]);
    fits_event(&made.json["event"]);
    assert_eq!(made.json["side_conversation"]["state"], "closed");
    assert_eq!(made.json["events"][1]["message"]["from"]["name"], "Old");
    assert_eq!(made.json["events"][1]["created_at"], "2022-10-05T20:48:02.230Z");
    let id = made.json["side_conversation"]["id"].as_str().unwrap_or("").to_owned();
    let more = json!({"events": [event("2022-10-05T20:47:30.000Z", "Between")]});
    assert_eq!(account.call("POST", &account.at(&id, "/events/import"), more).await.status, 201);
    let bodies: Vec<Value> = account.zendesk.events(&id).iter().map(|event| event["message"]["body"].clone()).collect();
    assert_eq!(bodies, ["One", "Between", "Two"]);
    let nobody = json!({"events": [{"message": {"body": "x", "to": to("agent@example.com")}}]});
    assert_eq!(account.call("POST", &account.at(&id, "/events/import"), nobody).await.status, 422);
    assert!(account.zendesk.outgoing_mail().is_empty());
    assert!(account.zendesk.take_due().is_empty());
}

#[tokio::test]
async fn a_file_travels_with_a_message() {
    for wrapped in [false, true] {
        let account = Account::with(|unconfirmed| unconfirmed.attachment_wrapped = wrapped);
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\x80\0\0\x01\xe0".to_vec();
        png.extend_from_slice(b"\r\n--not the boundary");
        let mut body = b"--b0und\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\n1\r\n".to_vec();
        body.extend_from_slice(b"--b0und\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a b.png\"\r\n");
        body.extend_from_slice(b"Content-Type: image/png\r\n\r\n");
        body.extend_from_slice(&png);
        body.extend_from_slice(b"\r\n--b0und--\r\n");
        let upload = |content_type: &str, body: Vec<u8>| {
            let request = Request::post("/zendesk/api/v2/tickets/side_conversations/attachments")
                .header("authorization", "Bearer sandbox-access-token")
                .header("content-type", content_type);
            account.send(request.body(Body::from(body)).expect("sound"))
        };
        let made = upload("multipart/form-data; boundary=b0und", body.clone()).await;
        assert_eq!(made.status, 201);
        let file = if wrapped { &made.json["attachment"] } else { &made.json };
        fits(file, &[("id", "string"), ("name", "string"), ("content_type", "string"), ("size", "integer")]);
        assert_eq!((&file["width"], &file["height"], &file["size"]), (&json!(640), &json!(480), &json!(png.len())));
        for bad in ["text/plain", "multipart/form-data", "multipart/form-data; boundary=other"] {
            assert_eq!(upload(bad, body.clone()).await.status, 400, "{bad}");
        }
        let id = account.started();
        let reply = json!({"message": {"to": to("a@example.org"), "attachment_ids": [file["id"]], "body": "See"}});
        assert_eq!(account.call("POST", &account.at(&id, "/reply"), reply).await.status, 200);
        let attached = account.zendesk.events(&id)[1]["message"]["attachments"][0].clone();
        assert_eq!((&attached["file_name"], &attached["inline"]), (&json!("a b.png"), &json!(false)));
        let url = attached["content_url"].as_str().unwrap_or("").to_owned();
        assert!(url.starts_with("http://127.0.0.1:8080/zendesk/api/v2/tickets/35436/side_conversations/"), "{url}");
        let path = url.split("/api/v2/").nth(1).unwrap_or("").to_owned();
        let got = account.get(&path).await;
        assert_eq!((got.status, got.header("content-type")), (200, "image/png"));
        assert_eq!(account.as_with("", "GET", &path, None).await.status, 401);
    }
}

#[tokio::test]
async fn the_feed_repeats_its_boundary_and_stands_still_in_a_full_second() {
    let account = Account::new();
    let id = account.started();
    account.pass(859);
    for _ in 0..3 {
        for _ in 0..45 {
            account.zendesk.reply(account.agent, &id, "x");
            account.pass(10);
        }
        account.pass(550);
    }
    let start = START / 1000;
    let first = account
        .get(&format!("tickets/side_conversations/events?start_time={start}&include=side_conversations"))
        .await
        .json;
    assert_eq!((&first["count"], &first["end_time"]), (&json!(100), &json!(start + 3)));
    assert_eq!(first["side_conversations"][0]["id"], id.as_str());
    let next = first["next_page"].as_str().and_then(|url| url.split("/api/v2/").nth(1)).unwrap_or("").to_owned();
    let second = account.get(&next).await.json;
    assert_eq!((&second["count"], &second["next_page"]), (&json!(45), &Value::Null));
    assert_eq!(second["events"][0], first["events"][91], "the boundary second comes again");
    for _ in 0..150 {
        account.zendesk.reply(account.agent, &id, "y");
    }
    let full = account.clock.load(Ordering::SeqCst) / 1000;
    let stuck = account.get(&format!("tickets/side_conversations/events.json?start_time={full}")).await.json;
    assert_eq!((&stuck["count"], &stuck["end_time"]), (&json!(100), &json!(full)));
    assert!(stuck["next_page"].as_str().is_some_and(|url| url.ends_with(&format!("start_time={full}"))));
    assert_eq!(account.get_as(account.agent, "tickets/side_conversations/events?start_time=1").await.status, 403);
    assert_eq!(account.get("tickets/side_conversations/events").await.status, 400);
}

#[tokio::test]
async fn the_feed_is_quick_with_a_hundred_thousand_events() {
    let account = Account::new();
    let id = account.started();
    for _ in 0..100_000 {
        account.pass(100);
        account.zendesk.reply(account.agent, &id, "x");
    }
    let began = std::time::Instant::now();
    let late = account.clock.load(Ordering::SeqCst) / 1000 - 5;
    for _ in 0..50 {
        let page = account.get(&format!("tickets/side_conversations/events?start_time={late}")).await.json;
        assert!(page["count"].as_i64().is_some_and(|count| (50..=60).contains(&count)));
    }
    assert!(began.elapsed().as_secs() < 5, "{:?}", began.elapsed());
}

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

#[tokio::test]
async fn without_the_feature_the_key_is_missing() {
    let account = Account::new();
    let on = account.get("account/settings").await.json;
    assert_eq!(on["settings"]["side_conversations"]["email_channel"], true);
    account.zendesk.switch_side_conversations(false);
    let off = account.get("account/settings").await.json;
    assert!(off["settings"].get("side_conversations").is_none());
    assert_eq!(account.get("tickets/35436/side_conversations").await.status, 403);
}

#[test]
fn the_signature_is_over_timestamp_and_body() {
    let secret = "dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==";
    let vector = "X8nsXp/jF8yFWoalWJ8YhSJP6eT1KcsUKqPjccAYIZo=";
    assert_eq!(sign(secret, "2021-03-25T05:09:27Z", b"{\"ticket_id\":\"35436\"}"), vector);
    assert_eq!(sign(secret, "2026-01-02T03:04:05Z", b""), "1xsiPKGHFyXedEmvxNaOg4VQ2U4XjHcPMETpJymjCkg=");
}

#[tokio::test]
async fn a_nudge_is_signed_anew_at_each_attempt() {
    let account = Account::new();
    account.started();
    assert_eq!(account.zendesk.next_due(), Some(START));
    let first = account.zendesk.take_due().pop().expect("a parcel");
    assert_eq!(account.zendesk.next_due(), None);
    assert_eq!(first.path, "/zendesk/webhook");
    assert_eq!(first.body, b"{\n  \"ticket_id\": \"35436\"\n}\n");
    assert_eq!(header(&first, "X-Zendesk-Account-Id"), "12514403");
    assert_eq!(header(&first, "Content-Type"), "application/json; charset=utf-8");
    assert_eq!(header(&first, "X-Zendesk-Webhook-Invocation-Id").len(), 26);
    let timestamp = header(&first, "X-Zendesk-Webhook-Signature-Timestamp");
    assert_eq!(timestamp, "2026-05-08T13:22:48Z");
    let secret = Options::default().webhook_secret;
    assert_eq!(header(&first, "X-Zendesk-Webhook-Signature"), sign(&secret, &timestamp, &first.body));
    account.zendesk.settle(first.id, answered(409, None));
    assert!(account.zendesk.take_due().is_empty());
    account.pass(5000);
    let second = account.zendesk.take_due().pop().expect("a parcel");
    assert_eq!((second.id, &second.body), (first.id, &first.body));
    let same = "X-Zendesk-Webhook-Invocation-Id";
    assert_eq!(header(&second, same), header(&first, same));
    assert_ne!(header(&second, "X-Zendesk-Webhook-Signature"), header(&first, "X-Zendesk-Webhook-Signature"));
}

#[tokio::test]
async fn what_is_tried_again_and_how_often() {
    for (receipt, attempts, pause) in [
        (answered(200, None), 1, 0),
        (answered(400, None), 1, 0),
        (answered(500, Some(1)), 1, 0),
        (answered(429, None), 1, 0),
        (answered(503, Some(60)), 1, 0),
        (answered(503, Some(59)), 6, 59_000),
        (answered(429, Some(2)), 6, 2000),
        (answered(409, None), 4, 1000),
        (Receipt::Failed, 6, 1000),
    ] {
        let account = Account::new();
        account.started();
        let mut seen = 0;
        while let Some(due) = account.zendesk.next_due() {
            let now = account.clock.load(Ordering::SeqCst);
            assert!(seen == 0 || due - now == pause, "{receipt:?}");
            account.pass(due - now);
            for parcel in account.zendesk.take_due() {
                seen += 1;
                account.zendesk.settle(parcel.id, receipt.clone());
            }
        }
        assert_eq!(seen, attempts, "{receipt:?}");
    }
}

#[tokio::test]
async fn deliveries_come_twice_late_shuffled_or_never() {
    let account = Account::new();
    account.fault("events", Fault::EventsTwice, Some(1));
    let id = account.started();
    let parcels = account.zendesk.take_due();
    assert_eq!(parcels.len(), 2);
    let invocation = "X-Zendesk-Webhook-Invocation-Id";
    assert_eq!(header(&parcels[0], invocation), header(&parcels[1], invocation));
    assert_ne!(parcels[0].id, parcels[1].id);
    account.fault("events", Fault::EventsLate { secs: 30 }, Some(1));
    account.zendesk.reply(account.agent, &id, "x");
    assert_eq!(account.zendesk.next_due(), Some(START + 30_000));
    account.pass(30_000);
    assert_eq!(account.settle_all(), 1);
    account.fault("events", Fault::EventsNever, Some(1));
    account.zendesk.reply(account.agent, &id, "x");
    assert_eq!(account.settle_all(), 0);
    account.fault("*", Fault::EventsShuffled, None);
    for _ in 0..20 {
        account.zendesk.reply(account.agent, &id, "x");
    }
    let ids: Vec<u64> = account.zendesk.take_due().iter().map(|parcel| parcel.id).collect();
    assert_eq!(ids.len(), 20);
    assert!(!ids.is_sorted());
}

#[tokio::test]
async fn calls_fail_before_or_after_their_work() {
    let account = Account::new();
    let id = account.started();
    let path = account.at(&id, "/reply");
    let reply = || account.call("POST", &path, json!({"message": {"body": "x", "to": to("a@example.org")}}));
    let many = || account.zendesk.events(&id).len();
    for (fault, status, done) in [
        (Fault::Status { status: 503 }, 503, 0),
        (Fault::RateLimited { retry_after: 9 }, 429, 0),
        (Fault::DroppedBefore, 200, 0),
        (Fault::TokenRevoked, 401, 0),
        (Fault::DroppedAfter, 200, 1),
        (Fault::Html, 200, 1),
        (Fault::ErrorAfter, 500, 1),
        (Fault::Latency { ms: 1 }, 200, 1),
    ] {
        let before = many();
        account.fault("POST …/reply", fault.clone(), Some(1));
        let answer = reply().await;
        assert_eq!((answer.status, many() - before), (status, done), "{fault:?}");
        match fault {
            Fault::RateLimited { .. } => assert_eq!(answer.header("retry-after"), "9"),
            Fault::TokenRevoked => assert_eq!(answer.json["error"], "invalid_token"),
            Fault::DroppedBefore | Fault::DroppedAfter => assert_eq!(answer.text, ""),
            Fault::Html => assert!(answer.text.contains("<!DOCTYPE")),
            _ => {}
        }
    }
    assert!(account.zendesk.faults().list().is_empty());
}

#[tokio::test]
async fn reads_lag_behind_writes() {
    let account = Account::new();
    let id = account.started();
    account.pass(60_000);
    account.call("PUT", "tickets/35436", json!({"ticket": {"status": "pending", "comment": {"body": "x"}}})).await;
    account.zendesk.reply(account.agent, &id, "Young");
    account.zendesk.set_state(account.agent, &id, "closed");
    let second = account.started();
    account.fault("*", Fault::ReadsLag { secs: 30 }, None);
    let listed = account.get("tickets/35436/side_conversations?include=side_conversation_events").await.json;
    assert_eq!((&listed["count"], listed["events"].as_array().map(Vec::len)), (&json!(1), Some(1)));
    let then = &listed["side_conversations"][0];
    assert_eq!((&then["state"], &then["preview_text"]), (&json!("open"), &json!("Hello")));
    assert_eq!(account.get(&account.at(&second, "")).await.status, 404);
    assert_eq!(account.get(&account.at(&id, "/events")).await.json["count"], 1);
    assert_eq!(
        account.get(&format!("tickets/side_conversations/events?start_time={}", START / 1000)).await.json["count"],
        1
    );
    assert_eq!(account.get("tickets/35436").await.json["ticket"]["status"], "open");
    assert_eq!(account.get("tickets/35436/comments").await.json["count"], 1);
    account.pass(30_001);
    assert_eq!(account.get("tickets/35436/side_conversations").await.json["count"], 2);
    assert_eq!(account.get(&account.at(&id, "")).await.json["side_conversation"]["state"], "closed");
    assert_eq!(account.get("tickets/35436").await.json["ticket"]["status"], "pending");
    account.zendesk.faults().clear();
}

#[tokio::test]
async fn rows_of_the_feed_show_late_and_out_of_order() {
    let account = Account::new();
    let id = account.started();
    account.fault("GET side_conversations/events", Fault::FeedLate { secs: 30 }, Some(1));
    let late = account.zendesk.reply(account.agent, &id, "Late");
    account.pass(1_000);
    let punctual = account.zendesk.reply(account.agent, &id, "Punctual");
    let feed = async || {
        let answer = account.get(&format!("tickets/side_conversations/events?start_time={}", START / 1000)).await;
        let rows = answer.json["events"].as_array().cloned().unwrap_or_default();
        rows.iter().map(|row| row["id"].as_str().unwrap_or_default().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(feed().await, [id.clone(), punctual.clone()]);
    assert_eq!(account.get(&account.at(&id, "/events")).await.json["count"], 3, "only the feed is late");
    account.pass(28_999);
    assert_eq!(feed().await, [id.clone(), punctual.clone()]);
    account.pass(1);
    assert_eq!(feed().await, [id, late, punctual], "by time, not by when it showed");
    assert!(account.zendesk.faults().list().is_empty());
}

#[tokio::test]
async fn a_limit_in_plain_text_and_a_slow_failure() {
    let account = Account::new();
    account.fault("*", Fault::RateLimitedPlain { retry_after: 4 }, Some(1));
    let refused = account.get("tickets/35436").await;
    assert_eq!((refused.status, refused.header("retry-after"), &refused.json), (429, "4", &Value::Null));
    account.fault("*", Fault::Latency { ms: 30 }, Some(1));
    account.fault("*", Fault::Status { status: 503 }, Some(1));
    let begun = std::time::Instant::now();
    assert_eq!(account.get("tickets/35436").await.status, 503);
    assert!(begun.elapsed().as_millis() >= 30);
    assert!(account.zendesk.faults().list().is_empty(), "both struck");
}

#[tokio::test]
async fn limits_refuse_in_two_shapes() {
    let account = Account::of(Options::default());
    let note = json!({"ticket": {"comment": {"body": "x", "public": false}}});
    for left in (0..30).rev() {
        let answer = account.call("PUT", "tickets/35436", note.clone()).await;
        assert_eq!(answer.status, 200);
        let said = answer.header("zendesk-ratelimit-per-ticket-updates").to_owned();
        assert_eq!(said, format!("total=30; remaining={left}; resets=600"));
    }
    let refused = account.call("PUT", "tickets/35436", note.clone()).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, "600"));
    assert_eq!(refused.json["error"], "APIRateLimitExceeded");
    let refused = account.call("PUT", "tickets/35436", note.clone()).await;
    assert_eq!((refused.status, &refused.json), (429, &Value::Null));
    assert!(refused.text.starts_with("Number of allowed"));
    let token = format!("Bearer {}", account.zendesk.token_of(account.agent).unwrap_or_default());
    assert_eq!(account.as_with(&token, "PUT", "tickets/35436", Some(note.clone())).await.status, 200);
    account.pass(600_000);
    assert_eq!(account.call("PUT", "tickets/35436", note).await.status, 200);

    let id = account.started();
    let reply = json!({"message": {"body": "x", "to": to("a@example.org")}});
    for _ in 0..300 {
        assert_eq!(account.call("POST", &account.at(&id, "/reply"), reply.clone()).await.status, 200);
    }
    assert_eq!(account.call("POST", &account.at(&id, "/reply"), reply.clone()).await.status, 429);
    account.pass(60_000);
    let mut told = account.get("users/me").await;
    assert_eq!((told.header("x-rate-limit"), told.header("ratelimit-remaining")), ("700", "699"));
    for _ in 0..699 {
        told = account.get("users/me").await;
    }
    assert_eq!((told.status, told.header("x-rate-limit-remaining"), told.header("ratelimit-reset")), (200, "0", "60"));
    assert_eq!(account.get("users/me").await.status, 429);
}

#[tokio::test]
async fn nonsense_is_refused_and_nothing_breaks() {
    let account = Account::new();
    let id = account.started();
    let bodies = [
        json!([]),
        json!(null),
        json!("x"),
        json!({"ticket": 1}),
        json!({"ticket": {"comment": 1, "tags": 7, "custom_fields": "x",
        "email_ccs": [1], "metadata": [], "requester": 4}}),
        json!({"message": {"to": [null, 1, []]}}),
        json!({"side_conversation": [], "events": [1, {"message": {"to": [{}]}}]}),
    ];
    let paths = [
        "tickets",
        "tickets/35436",
        "tickets/9223372036854775807",
        "tickets/99999999999999999999",
        "tickets/35436/side_conversations",
        "tickets/-1/side_conversations",
        "tickets/35436/side_conversations/import",
        "users/show_many?ids=a,,%FF",
        "users/search?query=email:",
        "tickets?page=0&per_page=0",
        "tickets?page=101",
        "tickets?page[size]=0",
        "tickets?page[after]=zz",
        "tickets?page[before]=at-99999999999999999999",
        "tickets?page[after]=at-18446744073709551615",
        "tickets/side_conversations/events?start_time=-1",
        "tickets/side_conversations/events?start_time=9223372036854775807",
        "tickets/35436/tags",
        "",
        "/",
        "%2F",
    ];
    let more = [
        account.at(&id, ""),
        account.at(&id, "/reply"),
        account.at(&id, "/events/import"),
        account.at("..", "/events"),
    ];
    for path in paths.iter().map(|path| (*path).to_owned()).chain(more) {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH"] {
            for body in &bodies {
                let answer = account.call(method, &path, body.clone()).await;
                assert!(answer.status < 500, "{method} {path} {body}: {}", answer.text);
            }
        }
    }
    // One of those calls deletes the ticket.
    let restored = TicketChange { deleted: Some(false), ..TicketChange::default() };
    assert!(account.zendesk.set_ticket(account.ticket, restored));
    let spec = StartSpec {
        created_at: Some(i64::MIN),
        to: vec![json!({"email": "a@b.example"})],
        body: Some("x".into()),
        ..StartSpec::default()
    };
    assert!(!account.zendesk.start_side_conversation_with(account.agent, account.ticket, spec).is_empty());
    assert_eq!(account.get("tickets/35436/side_conversations").await.status, 200);
}
