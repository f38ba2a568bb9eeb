//! What holds for any text and any body.

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use proptest::prelude::*;
use serde_json::Value;
use sidethread_sandbox::slack::rich_text;

use super::{BOT, House};

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_upsets_it(text in "\\PC{0,80}|[<>&@#!|*_~`:. \\n\\-0-9a-z]{0,80}") {
        let house = House::new();
        let _ = house.slack.say(&house.ann, &house.channel, None, &text);
        rich_text(&text, true, "b");
        for message in house.slack.messages(&house.channel) {
            let kept = message["text"].as_str().unwrap_or_default();
            let again = house.slack.say(&house.ann, &house.channel, None, kept).expect("it was said before");
            let shown = house.slack.thread(&house.channel, &again).remove(0);
            prop_assert_eq!(&shown["text"], &message["text"]);
        }
    }

    #[test]
    fn no_body_upsets_it(method in "chat\\.postMessage|chat\\.update|conversations\\.(history|replies)|users\\.list|x", body in "\\PC{0,60}", json in any::<bool>()) {
        let house = House::new();
        let kind = if json { "application/json" } else { "application/x-www-form-urlencoded" };
        let request = Request::post(format!("/slack/api/{method}"))
            .header(header::AUTHORIZATION, format!("Bearer {BOT}"))
            .header(header::CONTENT_TYPE, kind)
            .body(Body::from(body))
            .expect("a request");
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (status, _, body) = runtime.block_on(house.send(request));
        prop_assert_eq!(status, StatusCode::OK);
        prop_assert!(serde_json::from_slice::<Value>(&body).is_ok());
    }
}
