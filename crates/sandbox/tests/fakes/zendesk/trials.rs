//! `POST webhooks/test`: a webhook is tried, and whoever tries it sees the answer.

use serde_json::{Value, json};
use sidethread_sandbox::post::{Parcel, Receipt, Sender};
use sidethread_sandbox::zendesk::sign;

use crate::firm::Firm;

fn header(parcel: &Parcel, name: &str) -> String {
    parcel.headers.iter().find(|(one, _)| one == name).map(|(_, value)| value.clone()).unwrap_or_default()
}

/// Tries a webhook; what was sent, and what the call was answered when this came back.
async fn tried(firm: &Firm, path: &str, request: Value, receipt: Receipt) -> (Option<Parcel>, u16, Value) {
    let (admin, zendesk) = (firm.admin(), &firm.sandbox.zendesk);
    let call = firm.zendesk(&admin, "POST", path, json!({ "request": request }));
    let carry = async {
        for _ in 0..100 {
            if let Some(parcel) = zendesk.take_due().pop() {
                zendesk.settle(parcel.id, receipt);
                return Some(parcel);
            }
            tokio::task::yield_now().await;
        }
        None
    };
    let ((status, body), sent) = tokio::join!(call, carry);
    (sent, status, body)
}

fn said(status: u16) -> Receipt {
    Receipt::Answered { status, retry_after: None, body: b"said".to_vec() }
}

#[tokio::test]
async fn a_webhook_is_tried_with_its_own_secret_and_fields() {
    let firm = Firm::new();
    let admin = firm.admin();
    let hook = json!({"name": "Mine", "endpoint": "http://sandbox.test/mine", "http_method": "POST",
        "request_format": "json", "status": "active", "subscriptions": ["conditional_ticket_events"],
        "authentication": {"type": "bearer_token", "add_position": "header", "data": {"token": "hidden"}},
        "custom_headers": {"X-Mine": "yes"}});
    let (_, made) = firm.zendesk(&admin, "POST", "webhooks", json!({ "webhook": hook })).await;
    let id = made["webhook"]["id"].as_str().unwrap();
    let (_, secret) = firm.zendesk(&admin, "GET", &format!("webhooks/{id}/signing_secret"), Value::Null).await;
    let path = format!("webhooks/test?webhook_id={id}");

    let (sent, status, answer) = tried(&firm, &path, json!({"payload": "{\"a\": 1}"}), said(202)).await;
    let sent = sent.unwrap();
    assert_eq!((status, &answer["response"]["status_code"]), (200, &json!(202)), "{answer}");
    assert_eq!(answer["response"]["payload"], "said");
    assert_eq!((sent.path.as_str(), sent.body.as_slice()), ("/mine", b"{\"a\": 1}".as_slice()));
    let signature = sign(
        secret["signing_secret"]["secret"].as_str().unwrap(),
        &header(&sent, "X-Zendesk-Webhook-Signature-Timestamp"),
        &sent.body,
    );
    assert_eq!(header(&sent, "X-Zendesk-Webhook-Signature"), signature);
    assert_eq!((header(&sent, "Authorization").as_str(), header(&sent, "X-Mine").as_str()), ("Bearer hidden", "yes"));

    let given = json!({"endpoint": "http://sandbox.test/other", "request_format": "xml",
        "authentication": {"type": "basic_auth", "add_position": "header", "data": {"username": "u", "password": "p"}}});
    let (sent, ..) = tried(&firm, &path, given, said(200)).await;
    let sent = sent.unwrap();
    assert_eq!(
        (sent.path.as_str(), header(&sent, "Content-Type").as_str()),
        ("/other", "application/xml; charset=utf-8")
    );
    assert_eq!(header(&sent, "Authorization"), "Basic dTpw", "of another kind, so nothing is taken over");
    assert_eq!(
        firm.zendesk(&admin, "GET", &format!("webhooks/{id}"), Value::Null).await.1["webhook"]["endpoint"],
        hook["endpoint"]
    );
    let (_, log) = firm.zendesk(&admin, "GET", &format!("webhooks/{id}/invocations"), Value::Null).await;
    assert_eq!(log["invocations"], json!([]));
}

#[tokio::test]
async fn a_webhook_that_is_not_there_yet_is_tried_with_the_secret_that_all_know() {
    let firm = Firm::new();
    let request = json!({"endpoint": "http://sandbox.test/new", "payload": "{}"});
    let (sent, status, _) = tried(&firm, "webhooks/test", request.clone(), said(200)).await;
    let sent = sent.unwrap();
    let timestamp = header(&sent, "X-Zendesk-Webhook-Signature-Timestamp");
    let signature = sign("dGhpc19zZWNyZXRfaXNfZm9yX3Rlc3Rpbmdfb25seQ==", &timestamp, b"{}");
    assert_eq!((status, header(&sent, "X-Zendesk-Webhook-Signature")), (200, signature));
    let (_, status, _) = tried(&firm, "webhooks/test", request.clone(), Receipt::Failed).await;
    assert_eq!(status, 400, "nobody answered");
    for (wrong, path, expected) in [
        (request.clone(), "webhooks/test?webhook_id=01NONE", 404),
        (json!({"endpoint": "https://elsewhere.example/x"}), "webhooks/test", 400),
        (json!({"endpoint": "http://sandbox.test/x", "http_method": "LOOK"}), "webhooks/test", 400),
        (json!({"endpoint": "http://sandbox.test/x", "payload": "x".repeat(256 << 10)}), "webhooks/test", 400),
        (json!({}), "webhooks/test", 400),
    ] {
        let (sent, status, answer) = tried(&firm, path, wrong, said(200)).await;
        assert_eq!((sent, status), (None, expected), "{answer}");
    }
    let agent = firm.agent();
    let asked = json!({ "request": request });
    assert_eq!(firm.zendesk(&agent, "POST", "webhooks/test", asked).await.0, 403, "only for admins");
}
