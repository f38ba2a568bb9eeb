//! The deliveries of webhooks: signed, tried again, late, twice, or not at all.

use std::sync::atomic::Ordering;

use sidethread_sandbox::faults::Fault;
use sidethread_sandbox::post::{Receipt, Sender};
use sidethread_sandbox::zendesk::{Options, sign};

use super::{Account, START, answered, header};

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
