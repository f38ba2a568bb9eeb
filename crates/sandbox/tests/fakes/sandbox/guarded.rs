//! Who may not call, and how what is sent is carried.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use sidethread_sandbox::carrier::Carry;
use sidethread_sandbox::post::{Now, Parcel, Receipt, Sender};
use sidethread_sandbox::{Credentials, Sandbox, carrier, guard};
use tokio_util::sync::CancellationToken;

use super::{HOST, MARTA, START, SUPPORT, sandbox, send};

fn guarded(listen: &str, names: &[&str]) -> Router {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    guard::layer(sandbox().router(), listen.parse().expect("an address"), &names)
}

async fn knock(router: &Router, method: &str, headers: &[(&str, &str)]) -> u16 {
    let mut request = Request::builder().method(method).uri("/sandbox/faults");
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    send(router, request.body(Body::from("[]")).expect("a request")).await.status.as_u16()
}

#[tokio::test]
async fn the_guard_keeps_other_pages_out() {
    let router = guarded("127.0.0.1:8080", &[]);
    for host in [HOST, "localhost:8080", "LOCALHOST:8080", "[::1]:8080"] {
        assert_eq!(knock(&router, "GET", &[("host", host)]).await, 200, "{host}");
    }
    for host in
        ["evil.example:8080", "127.0.0.1", "localhost:8081", "localhost:8080.evil.example", "", "127.0.0.1:80800"]
    {
        assert_eq!(knock(&router, "GET", &[("host", host)]).await, 421, "{host}");
    }
    assert_eq!(knock(&router, "GET", &[]).await, 421);
    assert_eq!(knock(&router, "GET", &[("host", HOST), ("host", "evil.example")]).await, 421);

    let post = |headers: Vec<(&'static str, &'static str)>| {
        let router = router.clone();
        async move { knock(&router, "POST", &[&[("host", HOST)], &headers[..]].concat()).await }
    };
    assert_eq!(post(vec![]).await, 200, "curl");
    assert_eq!(post(vec![("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "same-origin")]).await, 200);
    for origin in ["http://evil.example", "null", "http://localhost:8080", "http://127.0.0.1:8081", "", "file://"] {
        assert_eq!(post(vec![("origin", origin)]).await, 403, "{origin}");
    }
    for site in ["cross-site", "same-site", "Same-Origin?"] {
        assert_eq!(post(vec![("sec-fetch-site", site)]).await, 403, "{site}");
    }
    for method in ["DELETE", "PUT", "PATCH"] {
        assert_eq!(knock(&router, method, &[("host", HOST), ("origin", "http://evil.example")]).await, 403);
    }
    let reading = [("host", HOST), ("sec-fetch-site", "cross-site")];
    assert_eq!(knock(&router, "GET", &reading).await, 200, "a link to the page may be followed");

    let unnamed = guarded("0.0.0.0:8080", &[]);
    for host in ["192.0.2.7:8080", "192.0.2.7", "[2001:db8::7]:9000", "localhost:9000", "127.0.0.1:8080"] {
        assert_eq!(knock(&unnamed, "POST", &[("host", host)]).await, 200, "{host}");
    }
    for host in
        ["evil.example:8080", "demo.example", "192.0.2.7.evil.example", "a@192.0.2.7", "192.0.2.7:x", "", "0x7f000001"]
    {
        assert_eq!(knock(&unnamed, "GET", &[("host", host)]).await, 421, "{host}");
        assert_eq!(knock(&unnamed, "POST", &[("host", host)]).await, 421, "{host}");
    }
    let open = guarded("0.0.0.0:8080", &["Demo.example"]);
    assert_eq!(knock(&open, "GET", &[("host", "evil.example")]).await, 421);
    assert_eq!(knock(&open, "POST", &[("host", "demo.example:9000")]).await, 200);
    assert_eq!(knock(&open, "POST", &[("host", "demo.example")]).await, 200);
    assert_eq!(knock(&open, "POST", &[("host", "demo.example"), ("origin", "https://demo.example")]).await, 200);
    assert_eq!(knock(&open, "POST", &[("host", "demo.example"), ("origin", "https://evil.example")]).await, 403);
    let at_80 = guarded("127.0.0.1:80", &[]);
    assert_eq!(knock(&at_80, "GET", &[("host", "localhost")]).await, 200);
}

#[derive(Default)]
struct Bridge {
    carried: Mutex<Vec<String>>,
    at_once: AtomicUsize,
    most_at_once: AtomicUsize,
    fails: AtomicUsize,
}

#[async_trait]
impl Carry for Bridge {
    async fn carry(&self, parcel: &Parcel) -> Receipt {
        let at_once = self.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(30)).await;
        self.at_once.fetch_sub(1, Ordering::SeqCst);
        if self.fails.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() {
            return Receipt::Failed;
        }
        self.carried.lock().expect("a lock").push(parcel.path.clone());
        Receipt::Answered { status: 200, retry_after: None, body: Vec::new() }
    }
}

#[tokio::test]
async fn the_carrier_brings_everything_side_by_side_and_stops() {
    let clock = Arc::new(AtomicI64::new(START));
    let hands = clock.clone();
    let now: Now = Arc::new(move || hands.load(Ordering::SeqCst));
    let sandbox = Sandbox::with_credentials("http://x", now.clone(), 7, Credentials::of_seed(7));
    let senders: Vec<Arc<dyn Sender>> = vec![Arc::new(sandbox.slack.clone()), Arc::new(sandbox.zendesk.clone())];
    let bridge = Arc::new(Bridge::default());
    bridge.fails.store(1, Ordering::SeqCst);
    let stop = CancellationToken::new();
    let running = tokio::spawn(carrier::run(senders.clone(), bridge.clone(), now, stop.clone()));
    for _ in 0..10 {
        sandbox.slack.say(MARTA, SUPPORT, None, "hello").expect("said");
    }
    let agent = sandbox.world.agents[0].0;
    sandbox.zendesk.desk_start(agent, sandbox.world.tickets[0], &["a@b.example"], "s", "m").expect("started");
    for _ in 0..200 {
        if bridge.carried.lock().expect("a lock").len() == 11 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let carried = bridge.carried.lock().expect("a lock").clone();
    assert_eq!(carried.iter().filter(|path| *path == "/slack/events").count(), 10);
    assert_eq!(carried.iter().filter(|path| *path == "/zendesk/webhook").count(), 1);
    assert!(bridge.most_at_once.load(Ordering::SeqCst) > 1);
    assert_eq!((sandbox.slack.counters().retried, sandbox.slack.pending()), (1, 0));
    stop.cancel();
    tokio::time::timeout(Duration::from_secs(1), running).await.expect("stops").expect("no panic");

    sandbox.slack.say(MARTA, SUPPORT, None, "later").expect("said");
    assert_eq!(carrier::carry_once(&senders, &*bridge).await, 1);
    assert_eq!(carrier::carry_once(&senders, &*bridge).await, 0);
}
