//! How what the app is told reaches it: signed, tried again, late, twice, or not at all.

use std::sync::atomic::Ordering;

use aws_lc_rs::hmac;
use sidethread_sandbox::faults::{Fault, Rule};
use sidethread_sandbox::post::{Receipt, Sender};
use sidethread_sandbox::slack::Options;

use super::{House, START, answered, header_of};

#[tokio::test]
async fn parcels_are_signed_when_they_are_sent() {
    let house = House::new();
    house.slack.say(&house.ann, &house.channel, None, "hi").unwrap();
    house.pass(90_000);
    let parcel = house.slack.take_due().remove(0);
    assert_eq!(parcel.path, "/slack/events");
    let at = header_of(&parcel, "x-slack-request-timestamp").unwrap();
    assert_eq!(at, ((START + 90_000) / 1000).to_string());
    let key = hmac::Key::new(hmac::HMAC_SHA256, Options::default().signing_secret.as_bytes());
    let whole = [b"v0:", at.as_bytes(), b":", parcel.body.as_slice()].concat();
    let hex: String = hmac::sign(&key, &whole).as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(header_of(&parcel, "x-slack-signature").unwrap(), format!("v0={hex}"));
}

#[tokio::test]
async fn an_event_is_retried_three_times_and_then_lost() {
    let house = House::new();
    house.slack.say(&house.ann, &house.channel, None, "hi").unwrap();
    let first = house.slack.take_due().remove(0);
    assert_eq!(header_of(&first, "x-slack-retry-num"), None);
    house.slack.settle(first.id, Receipt::Failed);
    let failed_at = START;
    for (num, after, reason) in [("1", 0, "http_timeout"), ("2", 60_000, "http_error"), ("3", 300_000, "http_error")] {
        assert_eq!(house.slack.next_due(), Some(failed_at + after));
        house.clock.store(failed_at + after - 1, Ordering::SeqCst);
        assert!(house.slack.take_due().is_empty());
        house.pass(1);
        let again = house.slack.take_due().remove(0);
        assert_eq!((again.id, &again.body), (first.id, &first.body));
        assert_eq!(header_of(&again, "x-slack-retry-num"), Some(num));
        assert_eq!(header_of(&again, "x-slack-retry-reason"), Some(reason));
        house.slack.settle(again.id, answered(503, ""));
    }
    assert_eq!(house.slack.next_due(), None);
    assert_eq!((house.slack.counters().retried, house.slack.counters().lost), (3, 1));
}

#[tokio::test]
async fn faults_strike_deliveries() {
    let house = House::new();
    let say = || house.slack.say(&house.ann, &house.channel, None, "hi").unwrap();
    house.fault("events", Fault::EventsNever);
    say();
    assert!(house.events().is_empty());
    house.fault("events", Fault::EventsTwice);
    say();
    let twice = house.events();
    assert_eq!(twice.len(), 2);
    assert_eq!(twice[0]["event_id"], twice[1]["event_id"]);
    house.fault("events", Fault::EventsLate { secs: 30 });
    say();
    assert!(house.events().is_empty());
    house.pass(30_000);
    assert_eq!(house.events().len(), 1);
    let shuffle = Rule { call: "events".into(), fault: Fault::EventsShuffled, times: None, percent: None };
    house.slack.faults().add(shuffle);
    let said: Vec<String> = (0..8).map(|_| say()).collect();
    house.pass(5_000);
    let mut told: Vec<String> =
        house.events().iter().map(|event| event["event"]["ts"].as_str().unwrap().to_owned()).collect();
    assert_ne!(told, said);
    told.sort();
    assert_eq!(told, said);
}
