//! What strangers may do to a listener: real connections over loopback, to the real app.

#[allow(dead_code)]
#[path = "it/house.rs"]
mod house;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use axum::Router;
use axum::routing::get;
use house::{House, SLACK_SECRET};
use sidethread::engine::clock::Clock;
use sidethread::http::listen::{Limits, serve};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// How long anything may take that is to happen at once.
const SOON: Duration = Duration::from_secs(2);

/// As in production, but sooner.
fn limits() -> Limits {
    Limits {
        connections: 64,
        head: Duration::from_millis(400),
        body: Duration::from_millis(900),
        idle: Duration::from_millis(1_500),
        answer: Duration::from_millis(600),
        ..Limits::public(1_024)
    }
}

/// No time of theirs is over in a test.
fn patient() -> Limits {
    let long = Duration::from_secs(600);
    Limits { head: long, body: long, idle: long, answer: long, ..limits() }
}

struct Served {
    address: SocketAddr,
    stop: CancellationToken,
    serving: JoinHandle<()>,
}

impl Served {
    async fn new(router: Router, limits: Limits) -> Served {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let serving = tokio::spawn(serve(listener, router, "test", limits, stop.clone()));
        Served { address, stop, serving }
    }

    async fn connect(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    /// A connection over which this much of a request has come.
    async fn begin(&self, bytes: &[u8]) -> TcpStream {
        let mut stream = self.connect().await;
        // Whoever is cut at once cannot write.
        let _ = stream.write_all(bytes).await;
        stream
    }

    /// Sends a whole request over a connection of its own; the status line.
    async fn ask(&self, request: &[u8]) -> String {
        let mut stream = self.begin(request).await;
        tokio::time::timeout(SOON, status(&mut stream)).await.expect("it is answered soon")
    }
}

/// The answer's first line; empty if the connection ends without one.
async fn status(stream: &mut TcpStream) -> String {
    let mut read = Vec::new();
    while !read.ends_with(b"\r\n") {
        match stream.read_u8().await {
            Ok(byte) => read.push(byte),
            Err(_) => return String::new(),
        }
    }
    String::from_utf8(read).unwrap().trim().to_owned()
}

/// How long until the other side ends the connection, whatever it says before.
async fn end(stream: &mut TcpStream) -> Duration {
    let begun = Instant::now();
    let mut scrap = [0; 4096];
    let reading = async { while stream.read(&mut scrap).await.is_ok_and(|read| read > 0) {} };
    tokio::time::timeout(Duration::from_secs(20), reading).await.expect("it ends");
    begun.elapsed()
}

fn has_ended(stream: &TcpStream) -> bool {
    let mut scrap = [0; 1024];
    !matches!(stream.try_read(&mut scrap), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)
}

/// The head of a request of Slack's, signed `secs` seconds from now for a body that may not come.
fn head(app: &House, secs: i64, secret: &str, body: &[u8], length: usize) -> String {
    let time = app.clock.now_ms() / 1000 + secs;
    let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
    let tag = aws_lc_rs::hmac::sign(&key, &[format!("v0:{time}:").as_bytes(), body].concat());
    let tag: String = tag.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "POST /slack/events HTTP/1.1\r\nHost: bridge.example\r\nX-Slack-Request-Timestamp: {time}\r\n\
         X-Slack-Signature: v0={tag}\r\nContent-Length: {length}\r\n\r\n"
    )
}

fn signed(app: &House, body: &[u8]) -> Vec<u8> {
    [head(app, 0, SLACK_SECRET, body, body.len()).as_bytes(), body].concat()
}

const CHALLENGE: &[u8] = br#"{"type":"url_verification","challenge":"c"}"#;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_connections_by_the_hundred_leave_room_for_deliveries() {
    let app = House::new().await;
    let served = Served::new(app.app.router(), patient()).await;
    let wrong = head(&app, 0, "wrong", b"", 1 << 20);
    let begun = [wrong.as_bytes(), &[b'x'; 100_000]].concat();
    let mut strangers = Vec::new();
    for round in 0..100 {
        strangers.push(served.connect().await);
        strangers.push(served.begin(b"POST /slack/events HTTP/1.1\r\nHost: a").await);
        strangers.push(served.begin(wrong.as_bytes()).await);
        strangers.push(served.begin(&begun).await);
        if round % 10 == 0 {
            assert_eq!(served.ask(&signed(&app, CHALLENGE)).await, "HTTP/1.1 200 OK", "round {round}");
        }
    }
    let large = [br#"{"type":"url_verification","challenge":""#.as_slice(), &[b'c'; 900_000], br#""}"#].concat();
    assert_eq!(served.ask(&signed(&app, &large)).await, "HTTP/1.1 200 OK", "a large one, too");
    // The system tells of an end a moment after it.
    let begun = Instant::now();
    while strangers.iter().filter(|stream| !has_ended(stream)).count() > limits().connections {
        assert!(begun.elapsed() < SOON, "more are open than there is room for");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    assert!(has_ended(&strangers[0]) && !has_ended(strangers.last().unwrap()), "the oldest give way");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_requests_and_idle_connections_end() {
    let app = House::new().await;
    let (served, limits) = (Served::new(app.app.router(), limits()).await, limits());
    let wrong = head(&app, 0, "wrong", b"", 1 << 20);
    let slack = Duration::from_secs(3);
    let about = |took: Duration, limit: Duration| assert!(took >= limit && took < limit + slack, "{took:?} {limit:?}");

    let (mut silent, mut half) = (served.connect().await, served.begin(b"GET /healthz HT").await);
    let mut body = served.begin(wrong.as_bytes()).await;
    let mut idle = served.begin(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let dripping = async {
        let mut stream = served.begin(b"GET /healthz HTTP/1.1\r\n").await;
        let begun = Instant::now();
        while stream.write_all(b"X: y\r\n").await.is_ok() && !has_ended(&stream) {
            tokio::time::sleep(Duration::from_millis(30)).await;
        }
        begun.elapsed()
    };
    let (silent, half, body, dripped, kept) =
        tokio::join!(end(&mut silent), end(&mut half), end(&mut body), dripping, end(&mut idle));
    about(silent, limits.head);
    about(half, limits.head);
    about(dripped, limits.head);
    about(body, limits.body);
    about(kept, limits.idle);

    // Of a second request the head has as long as that of the first.
    let mut second = served.begin(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(status(&mut second).await, "HTTP/1.1 200 OK");
    tokio::time::sleep(Duration::from_millis(200)).await;
    second.write_all(b"GET /healthz HT").await.unwrap();
    about(end(&mut second).await, limits.head);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_signed_is_refused_before_its_body_is_read() {
    let app = House::new().await;
    let served = Served::new(app.app.router(), patient()).await;
    let unsigned = |path: &str| format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n");
    let malformed = head(&app, 0, "wrong", b"", 1_000_000).replace("v0=", "v0=x");
    let heads = [
        unsigned("/slack/events"),
        unsigned("/slack/commands"),
        unsigned("/slack/interactions"),
        unsigned("/zendesk/webhook"),
        malformed,
        head(&app, -301, SLACK_SECRET, b"", 1_000_000),
        head(&app, 301, SLACK_SECRET, b"", 1_000_000),
    ];
    for head in &heads {
        assert_eq!(served.ask(head.as_bytes()).await, "HTTP/1.1 401 Unauthorized", "{head}");
        // Whoever sends all of it without looking up reads the answer as well.
        let mut stream = served.begin(&[head.as_bytes(), &vec![b'x'; 200_000]].concat()).await;
        assert_eq!(status(&mut stream).await, "HTTP/1.1 401 Unauthorized", "{head}");
    }
    let too_large = head(&app, 0, SLACK_SECRET, b"", (1 << 20) + 1);
    assert_eq!(served.ask(too_large.as_bytes()).await, "HTTP/1.1 413 Payload Too Large");
    let long_head = format!("GET /healthz HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "y".repeat(20_000));
    assert_eq!(served.ask(long_head.as_bytes()).await, "HTTP/1.1 431 Request Header Fields Too Large");
    let two = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";
    let answer = served.ask(two).await;
    assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.1 505"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_is_worked_on_is_not_cut_and_an_answer_that_nobody_takes_is() {
    let slow = async || {
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        "worked"
    };
    let router = Router::new().route("/slow", get(slow)).route("/much", get(async || vec![0_u8; 32 << 20]));
    let served = Served::new(router, Limits { connections: 16, ..limits() }).await;
    let mut worked = served.begin(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut flood = Vec::new();
    for _ in 0..100 {
        flood.push(served.connect().await);
    }
    assert_eq!(status(&mut worked).await, "HTTP/1.1 200 OK");

    let mut untaken = served.begin(b"GET /much HTTP/1.1\r\nHost: a\r\n\r\n").await;
    tokio::time::sleep(limits().answer + Duration::from_secs(1)).await;
    let mut read = 0;
    let mut scrap = vec![0; 1 << 20];
    while let Ok(more @ 1..) = untaken.read(&mut scrap).await {
        read += more;
    }
    assert!(read < 32 << 20, "it was kept for somebody who took none of it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_lets_requests_end_and_waits_for_nobody_else() {
    let slow = async || {
        tokio::time::sleep(Duration::from_millis(500)).await;
        "worked"
    };
    let served = Served::new(Router::new().route("/slow", get(slow)), patient()).await;
    let mut worked = served.begin(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let mut idle = served.connect().await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    served.stop.cancel();
    assert_eq!(status(&mut worked).await, "HTTP/1.1 200 OK");
    end(&mut idle).await;
    tokio::time::timeout(Duration::from_secs(4), served.serving).await.expect("it stops").unwrap();
    assert!(TcpStream::connect(served.address).await.is_err());
}
