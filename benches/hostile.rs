//! What two thousand hostile connections do to the bridge: signed deliveries are answered meanwhile, and its memory stays
//! where it was.
//!
//! ```text
//! cargo bench --bench hostile
//! SECS=10 HOSTILE=500 cargo bench --bench hostile --profile dev
//! ```
//!
//! The real binary runs, as `sidethread demo` runs it, with 1,024 descriptors. Strangers connect to the bridge's public
//! listener over loopback, and whoever is cut connects again: some say nothing, some drip a head, some stall within a body,
//! large or small, behind a signature that is well formed and wrong, some want HTTP/2, some stay idle after a request.
//! Meanwhile Zendesk's signed nudges, which are stored before they are answered, come over connections of their own, ten a
//! second. It ends with exit code 1 if one of them is not answered 200, if the slowest of a hundred takes a second, or if
//! the bridge has 64 MiB more than at rest.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// The demo's first ticket.
const NUDGE: &str = r#"{"ticket_id": "35436"}"#;
const EVERY: Duration = Duration::from_millis(100);
/// How long whoever is cut stays away.
const AWAY: Duration = Duration::from_millis(100);
const MOST_MIB: u64 = 64;

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime").block_on(measure())
}

async fn measure() -> ExitCode {
    let number = |name: &str, default: usize| {
        std::env::var(name).map_or(default, |value| value.parse().unwrap_or_else(|_| panic!("{name} is a number")))
    };
    let (hostile, secs) = (number("HOSTILE", 2_000), number("SECS", 60));
    let _ = sidethread::http::listen::raise_descriptors();
    let folder = tempfile::tempdir().expect("a folder");
    let demo = Demo::start(folder.path()).await;
    for _ in 0..20 {
        demo.deliver().await.expect("it is answered before anybody is hostile");
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let rest = demo.memory();

    let cut = Arc::new(AtomicU64::new(0));
    for n in 0..hostile {
        tokio::spawn(bother(demo.bridge, n, cut.clone()));
    }
    let (mut took, mut failed, mut most) = (Vec::new(), 0, rest);
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(secs as u64) {
        let asked = Instant::now();
        match demo.deliver().await {
            Ok(()) => took.push(asked.elapsed()),
            Err(why) => {
                failed += 1;
                println!("not answered after {:.2} s: {why}", asked.elapsed().as_secs_f64());
            }
        }
        most = most.max(demo.memory());
        tokio::time::sleep(EVERY.saturating_sub(asked.elapsed())).await;
    }
    took.sort_unstable();
    let at = |share: f64| took.get(((took.len() as f64 * share) as usize).min(took.len().saturating_sub(1)));
    let ms = |share| at(share).map_or(f64::INFINITY, |took| took.as_secs_f64() * 1000.0);
    let above = (most - rest) >> 20;
    println!("{hostile} hostile connections for {secs} s, cut {} times", cut.load(Ordering::Relaxed));
    println!(
        "{} deliveries answered, {failed} not; median {:.1} ms, p99 {:.1} ms, slowest {:.1} ms",
        took.len(),
        ms(0.5),
        ms(0.99),
        ms(1.0)
    );
    println!("memory: {} MiB at rest, {above} MiB above it at most", rest >> 20);
    match failed == 0 && ms(0.99) < 1000.0 && above <= MOST_MIB {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    }
}

/// A demo at work, whose bridge is bothered.
struct Demo {
    child: Child,
    bridge: SocketAddr,
    pid: u64,
    secret: String,
}

impl Demo {
    async fn start(folder: &Path) -> Demo {
        let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|free| free.local_addr()).expect("a free port");
        let kept = folder.join("kept");
        let child = Command::new("sh")
            .args(["-c", "ulimit -n 1024; exec \"$0\" demo --listen \"$1\" --keep \"$2\""])
            .args([env!("CARGO_BIN_EXE_sidethread"), &free.to_string()])
            .arg(&kept)
            .stdout(Stdio::null())
            .spawn()
            .expect("the demo starts");
        let mut demo = Demo { child, bridge: free, pid: 0, secret: String::new() };
        for _ in 0..600 {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let Ok((_, standing)) = ask(free, "GET /sandbox/bridge HTTP/1.1\r\n\r\n").await else {
                continue;
            };
            let standing: serde_json::Value = serde_json::from_str(&standing).unwrap_or_default();
            if standing["state"] == "up" {
                let url = standing["url"].as_str().expect("an address");
                demo.bridge = url.trim_start_matches("http://").parse().expect("an address");
                demo.pid = standing["pid"].as_u64().expect("a process");
                let settings = std::fs::read_to_string(kept.join("sidethread.toml")).expect("its settings");
                let settings: toml::Table = settings.parse().expect("they read");
                demo.secret = settings["zendesk"]["webhook_secret"].as_str().expect("a secret").to_owned();
                return demo;
            }
        }
        panic!("the demo does not become ready");
    }

    /// Resident memory of the bridge, in bytes.
    fn memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).expect("the bridge runs");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
        line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") << 10
    }

    async fn deliver(&self) -> Result<(), String> {
        let time = jiff::Timestamp::try_from(SystemTime::now()).expect("a time").to_string();
        let signature = sidethread::sandbox::zendesk::sign(&self.secret, &time, NUDGE.as_bytes());
        let request = format!(
            "POST /zendesk/webhook HTTP/1.1\r\nX-Zendesk-Webhook-Signature: {signature}\r\n\
             X-Zendesk-Webhook-Signature-Timestamp: {time}\r\nContent-Length: {}\r\n\r\n{NUDGE}",
            NUDGE.len()
        );
        let answered = tokio::time::timeout(Duration::from_secs(10), ask(self.bridge, &request));
        match answered.await {
            Ok(Ok((200, _))) => Ok(()),
            Ok(Ok((status, _))) => Err(format!("it answered {status}")),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("nobody answered".to_owned()),
        }
    }
}

impl Drop for Demo {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.child.id().to_string()).status();
        let _ = self.child.wait();
    }
}

/// Sends a request over a connection of its own; the answer's status and body.
async fn ask(address: SocketAddr, request: &str) -> std::io::Result<(u16, String)> {
    let mut stream = TcpStream::connect(address).await?;
    let head = format!("\r\nHost: {address}\r\nConnection: close\r\n");
    let request = request.replacen("\r\n", &head, 1);
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or(String::new(), |(_, body)| body.to_owned());
    Ok((status.ok_or(std::io::ErrorKind::UnexpectedEof)?, body))
}

/// One stranger, who connects again whenever it is cut.
async fn bother(bridge: SocketAddr, n: usize, cut: Arc<AtomicU64>) {
    loop {
        if let Ok(mut stream) = TcpStream::connect(bridge).await {
            bother_once(&mut stream, n).await;
            cut.fetch_add(1, Ordering::Relaxed);
        }
        tokio::time::sleep(AWAY).await;
    }
}

async fn bother_once(stream: &mut TcpStream, n: usize) {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let signed = |length: usize, sent: usize| {
        let head = format!(
            "POST /slack/events HTTP/1.1\r\nHost: a\r\nX-Slack-Request-Timestamp: {now}\r\nX-Slack-Signature: v0={}\r\n\
             Content-Length: {length}\r\n\r\n",
            "0".repeat(64)
        );
        [head.into_bytes(), vec![b'x'; sent]].concat()
    };
    let first = match n % 6 {
        0 => Vec::new(),
        1 => b"POST /slack/events HTTP/1.1\r\n".to_vec(),
        2 => signed(1 << 20, (1 << 20) - 1),
        3 => signed(60_000, 59_999),
        4 => b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00".to_vec(),
        _ => b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n".to_vec(),
    };
    if stream.write_all(&first).await.is_err() {
        return;
    }
    let mut scrap = [0; 1024];
    loop {
        let wait = if n % 6 == 1 { Duration::from_millis(500) } else { Duration::from_secs(600) };
        match tokio::time::timeout(wait, stream.read(&mut scrap)).await {
            Ok(Ok(1..)) => {}
            Ok(_) => return,
            Err(_) if stream.write_all(b"X-More: y\r\n").await.is_err() => return,
            Err(_) => {}
        }
    }
}
