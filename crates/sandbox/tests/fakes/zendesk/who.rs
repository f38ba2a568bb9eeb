//! Who calls: users, tokens, and the names of the calls.

use axum::body::Body;
use axum::http::Request;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sidethread_sandbox::zendesk::{CALLS, UserSpec};

use super::{Account, START};

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
