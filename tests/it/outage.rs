//! However long an account is down, the log has one error for it, and one word that it is over.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::json;
use tracing::Level;
use tracing::field::{Field, Visit};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};

use crate::house::{House, Setup, fault};

/// What the app's log has said, by how loud.
#[derive(Clone, Default)]
pub struct Heard(Arc<Mutex<Vec<(Level, String)>>>);

struct Words(String);

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.push_str(&format!("{field}={value:?} "));
    }
}

impl<S: tracing::Subscriber> Layer<S> for Heard {
    fn on_event(&self, event: &tracing::Event<'_>, _: Context<'_, S>) {
        if event.metadata().target().starts_with("sidethread") {
            let mut words = Words(String::new());
            event.record(&mut words);
            self.0.lock().unwrap().push((*event.metadata().level(), words.0));
        }
    }
}

impl Heard {
    pub fn take(&self, level: Level) -> Vec<String> {
        let heard = std::mem::take(&mut *self.0.lock().unwrap());
        heard.into_iter().filter(|(of, _)| *of == level).map(|(_, words)| words).collect()
    }

    fn goes_on(&self) -> usize {
        self.take(Level::INFO).iter().filter(|words| words.contains("calls go on")).count()
    }
}

#[tokio::test]
async fn an_outage_is_one_error_in_the_log_however_long_it_lasts() {
    let heard = Heard::default();
    let _listening = tracing::subscriber::set_default(tracing_subscriber::registry().with(heard.clone()));
    let app = House::with(Setup { admin: true, ..Setup::default() }).await;
    let side = app.ask("engineering", "Scanner", "<p>Down?</p>").await;
    let (channel, ts) = app.thread(&side);
    let outages = [
        ("zendesk", json!({"call": "*", "fault": "status", "status": 503})),
        ("zendesk", json!({"call": "*", "fault": "dropped_before"})),
        ("zendesk", json!({"call": "*", "fault": "html"})),
        ("zendesk", json!({"call": "*", "fault": "token_revoked"})),
        ("slack", json!({"call": "*", "fault": "status", "status": 500})),
        ("slack", json!({"call": "*", "fault": "dropped_before"})),
        ("slack", json!({"call": "*", "fault": "token_revoked"})),
    ];
    for (number, (vendor, rule)) in outages.into_iter().enumerate() {
        heard.take(Level::ERROR);
        let faults = if vendor == "slack" { app.slack.faults() } else { app.zendesk.faults() };
        fault(faults, rule.clone());
        for hour in 0..3 {
            app.slack.say(&app.ana, &channel, Some(&ts), &format!("from Slack {number} {hour}")).unwrap();
            app.zendesk.reply(app.zoe, &side, &format!("<p>from Zendesk {number} {hour}</p>"));
            app.pass(Duration::from_secs(3600)).await;
        }
        let (_, ready) = app.get("/readyz").await;
        assert_eq!(ready["paused"].as_array().map(Vec::len), Some(1), "{rule}: {ready}");
        assert_eq!(ready["paused"][0]["vendor"], vendor, "{rule}: {ready}");
        let errors = heard.take(Level::ERROR);
        assert_eq!(errors.len(), 1, "{rule}: {errors:#?}");
        faults.clear();
        app.pass(Duration::from_secs(120)).await;
        app.settle().await;
        assert_eq!(heard.goes_on(), 1, "{rule}");
        let (_, ready) = app.get("/readyz").await;
        assert_eq!(ready["paused"], json!([]), "{rule}");
        // What waited together has travelled together.
        let in_slack: String = app.said(&side).iter().map(|(_, text)| format!("{text}\n")).collect();
        let in_zendesk: String = app.answers(&side).iter().map(|text| format!("{text}\n")).collect();
        for hour in 0..3 {
            for said in [format!("from Slack {number} {hour}"), format!("from Zendesk {number} {hour}")] {
                let times = (in_slack.matches(&said).count(), in_zendesk.matches(&said).count());
                assert_eq!(times, (1, 1), "{rule}, {said}: {in_slack} {in_zendesk}");
            }
        }
    }
    app.ends_quietly().await;
}
