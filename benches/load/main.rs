//! What the app can carry, measured on the real binary over loopback HTTP with real signatures.
//!
//! ```text
//! cargo bench --bench load                      everything, about two minutes
//! cargo bench --bench load -- intake            events accepted per second: stored, and answered without storing
//! cargo bench --bench load -- bridge            Slack -> Zendesk end to end: at saturation and at a fixed rate
//! cargo bench --bench load -- bare              the same with the barest bridge, as a yardstick
//! cargo bench --bench load -- rest              memory at rest, start to ready
//! cargo bench --bench load -- bridge --rate 1000 --seconds 30 --threads 500
//! ```
//!
//! Three processes: the app (`sidethread serve`), the two fake vendors, and whoever sends the load, so that the
//! figures of each can be read from `/proc`. They share the machine's cores: the app's own cost is the CPU time
//! that it used; what a second brings depends on what the other two leave it.
//!
//! - *Stored* are messages in bridged threads, answered once their row is committed with `synchronous = FULL`. While
//!   they come in the app decides on each and commits that too; the calls wait, because the fake Zendesk is told to
//!   answer late; they are spread over many threads, because a thread keeps a note of each reply that is not answered
//!   yet. *Not stored* are the same events in a thread that is not bridged: checked, decoded, looked up,
//!   answered.
//! - *End to end* is from the moment an event is written to the socket until the fake Zendesk has taken the reply.
//!   At saturation a window bounds how many are on their way.
//! - Of the fake Zendesk the call for a reply has a fast path: it checks and answers in the vendor's shape, and
//!   keeps nothing but the message's number and the time. `--whole-fake` goes without.
//! - *The barest bridge* (`bare.rs`) takes the same load: the same crates with nothing but verify, store, call, mark
//!   done. How fast a machine is changes with the hour; how many times the barest bridge a message costs does not.
//! - The app's poll of the feed is set to an hour and its budgets are off: no account lets in as much as is sent here. So is
//!   the order window (`order_window_ms = 0`): each reply would wait for it, and what is measured is what the app costs.

mod bare;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use aws_lc_rs::hmac;
use axum::body::Bytes;
use axum::extract::{Path as UrlPath, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sidethread::sandbox::post::{Receipt, Sender};
use sidethread::sandbox::slack::{ChannelSpec, FakeSlack, Options as SlackOptions, PersonSpec};
use sidethread::sandbox::zendesk::{FakeZendesk, Options as ZendeskOptions, TicketSpec, Unconfirmed, UserSpec};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const SECRET: &str = "slack-secret-of-the-load";
const WEBHOOK_SECRET: &str = "zendesk-secret-of-the-load";
const DOMAIN: &str = "slack.acme.example";

/// The sizes; each can be set by its name, as in `--rate 1000`.
#[derive(Clone, Debug)]
struct Sizes {
    parts: Vec<String>,
    threads: usize,
    connections: usize,
    rounds: usize,
    /// Events of one round of the part `intake`, and in how many threads.
    events: usize,
    spread: usize,
    /// Messages at saturation, and how many may be on their way.
    messages: usize,
    window: usize,
    /// Messages a second, and for how long.
    rate: usize,
    seconds: usize,
    starts: usize,
    whole_fake: bool,
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.first().map(String::as_str) {
        Some("--role-vendors") => vendors(&arguments[1..]),
        Some("--role-load") => load(),
        Some("--role-bare") => bare(&arguments[1..]),
        _ => measure(sizes(&arguments)),
    }
}

fn sizes(arguments: &[String]) -> Sizes {
    let mut sizes = Sizes {
        parts: Vec::new(),
        threads: 200,
        connections: 128,
        rounds: 7,
        events: 8_000,
        spread: 1_000,
        messages: 30_000,
        window: 200,
        rate: 3_000,
        seconds: 10,
        starts: 10,
        whole_fake: false,
    };
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|n| n.parse().ok()).expect("a number follows");
        match argument.as_str() {
            "--threads" => sizes.threads = number(),
            "--connections" => sizes.connections = number(),
            "--rounds" => sizes.rounds = number(),
            "--events" => sizes.events = number(),
            "--spread" => sizes.spread = number(),
            "--messages" => sizes.messages = number(),
            "--window" => sizes.window = number(),
            "--rate" => sizes.rate = number(),
            "--seconds" => sizes.seconds = number(),
            "--starts" => sizes.starts = number(),
            "--whole-fake" => sizes.whole_fake = true,
            part @ ("intake" | "bridge" | "bare" | "rest") => sizes.parts.push(part.to_owned()),
            other => {
                eprintln!("what is {other}? see the head of benches/load.rs");
                std::process::exit(2);
            }
        }
    }
    if sizes.parts.is_empty() {
        sizes.parts = ["rest", "intake", "bare", "bridge"].map(str::to_owned).to_vec();
    }
    sizes
}

fn measure(sizes: Sizes) {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("sidethread under load: {cores} cores, load before {}, {sizes:?}\n", load.split(' ').next().unwrap_or(""));
    for part in &sizes.parts {
        match part.as_str() {
            "rest" => rest(&sizes),
            "intake" => intake(&sizes),
            "bare" => through_the_barest(&sizes),
            _ => bridge(&sizes),
        }
        println!();
    }
}

fn line(what: &str, figure: String, floor: &str) {
    println!("{what:<58} {figure:>28}   {floor}");
}

/// Start to ready, and memory while nothing happens.
fn rest(sizes: &Sizes) {
    let vendors = Vendors::start(sizes.whole_fake);
    let mut first = Vec::new();
    let mut again = Vec::new();
    let mut resting = Vec::new();
    for _ in 0..sizes.starts {
        let house = House::new(&vendors);
        first.push(house.start().1);
        let (app, took) = house.start();
        again.push(took);
        if resting.len() < 3 {
            std::thread::sleep(Duration::from_secs(2));
            resting.push(app.memory("VmRSS") as f64 / 1024.0);
        }
    }
    line("start to ready, a new database, ms (median)", format!("{:.0}", median(&mut first)), "<= 150");
    line("start to ready, its own database, ms (median)", format!("{:.0}", median(&mut again)), "<= 150");
    line("memory at rest, MiB (median)", format!("{:.1}", median(&mut resting)), "<= 30");
}

/// Events accepted: stored, and answered without storing, side by side.
fn intake(sizes: &Sizes) {
    let vendors = Vendors::start(sizes.whole_fake);
    let house = House::new(&vendors);
    let (app, _) = house.start();
    let threads = vendors.threads(&house, sizes.spread);
    let elsewhere: Vec<Thread> = threads
        .iter()
        .map(|thread| Thread { ts: format!("1700000000.{:06}", fastrand::u32(..1_000_000)), ..thread.clone() })
        .collect();
    vendors.post("/bench/late");
    let mut seq = 0;
    let mut round = |threads: &[Thread], count: usize| {
        let before = app.cpu();
        let done = send(Job {
            app: house.port,
            vendors: vendors.port,
            threads: threads.to_vec(),
            connections: sizes.connections,
            first: seq,
            count,
            rate: 0,
            window: 0,
        });
        seq += count;
        let cpu = (app.cpu() - before).as_secs_f64() * 1e6 / count as f64;
        (count as f64 / done.seconds, done.p50_us, done.p99_us, cpu)
    };
    round(&threads, 2000);
    round(&elsewhere, 2000);
    let (mut stored, mut plain, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..sizes.rounds {
        let with = round(&threads, sizes.events);
        let without = round(&elsewhere, sizes.events);
        ratios.push(with.0 / without.0);
        stored.push(with);
        plain.push(without);
    }
    for (name, rounds) in [("stored", stored), ("not stored", plain)] {
        let of = |get: fn(&(f64, f64, f64, f64)) -> f64| median(&mut rounds.iter().map(get).collect::<Vec<_>>());
        line(&format!("events {name}, a second (median)"), format!("{:.0}", of(|r| r.0)), "");
        let (p50, p99) = (of(|r| r.1) / 1000.0, of(|r| r.2) / 1000.0);
        line("  answered after, ms, p50 and p99", format!("{p50:.1} and {p99:.1}"), "");
        line("  CPU of the app, us an event", format!("{:.0}", of(|r| r.3)), "");
    }
    let all = ratios.iter().map(|r| format!("{:.0}", r * 100.0)).collect::<Vec<_>>().join(" ");
    line("stored / not stored, % (median)", format!("{:.0}", median(&mut ratios) * 100.0), ">= 20");
    println!("  rounds: {all}");
    line("memory with all of it waiting, MiB (peak)", format!("{:.1}", app.memory("VmHWM") as f64 / 1024.0), "");
}

/// Messages from Slack to Zendesk, end to end.
fn bridge(sizes: &Sizes) {
    let vendors = Vendors::start(sizes.whole_fake);
    let house = House::new(&vendors);
    let (app, _) = house.start();
    let threads = vendors.threads(&house, sizes.threads);
    carry_all(sizes, "the app", &vendors, &house, &app, &threads);
}

/// The same through the barest bridge.
fn through_the_barest(sizes: &Sizes) {
    let vendors = Vendors::start(false);
    let house = House::new(&vendors);
    let app = house.start_the_barest(vendors.port);
    let thread =
        |n| Thread { channel: format!("C{}", n % 10), ts: format!("1700000000.{n:06}"), user: "U1".to_owned() };
    let threads: Vec<Thread> = (0..sizes.threads).map(thread).collect();
    carry_all(sizes, "the barest bridge", &vendors, &house, &app, &threads);
}

fn carry_all(sizes: &Sizes, who: &str, vendors: &Vendors, house: &House, app: &App, threads: &[Thread]) {
    println!("{who}");
    let is_app = who == "the app";
    let mut seq = 0;
    let mut run = |count: usize, rate: usize, window: usize| {
        vendors.post("/bench/took");
        let (app_before, vendors_before) = (app.cpu(), cpu_of(vendors.child.id()));
        let done = send(Job {
            app: house.port,
            vendors: vendors.port,
            threads: threads.to_vec(),
            connections: sizes.connections,
            first: seq,
            count,
            rate,
            window,
        });
        seq += count;
        let deadline = Instant::now() + Duration::from_secs(120);
        while vendors.count() < count as u64 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        // The last settlements.
        std::thread::sleep(Duration::from_millis(300));
        let per = |before: Duration, after: Duration| (after - before).as_secs_f64() * 1e6 / count as f64;
        let app_cpu = per(app_before, app.cpu());
        let vendors_cpu = per(vendors_before, cpu_of(vendors.child.id()));
        let took: Vec<(u64, u64)> = serde_json::from_str(&vendors.post("/bench/took")).expect("the times");
        let sent: HashMap<u64, u64> = done.sent.into_iter().collect();
        let mut arrived = HashMap::new();
        let mut twice = 0;
        for (seq, at) in took {
            twice += usize::from(arrived.insert(seq, at).is_some());
        }
        let first = sent.values().min().copied().unwrap_or(0);
        let last = arrived.values().max().copied().unwrap_or(0);
        let mut millis: Vec<f64> =
            arrived.iter().filter_map(|(seq, at)| Some(at.saturating_sub(*sent.get(seq)?) as f64 / 1000.0)).collect();
        millis.sort_by(f64::total_cmp);
        let lost = count - millis.len().min(count);
        let rate = millis.len() as f64 * 1e6 / last.saturating_sub(first).max(1) as f64;
        let slowest = (at(&millis, 1.0), done.slowest_us / 1000.0);
        (
            rate,
            at(&millis, 0.5),
            at(&millis, 0.99),
            app_cpu,
            vendors_cpu,
            lost,
            twice,
            done.p50_us,
            done.p99_us,
            slowest,
        )
    };
    run(2000, 1000, 0);
    let mut worst = 0.0_f64;
    for (name, count, rate, window) in [
        (format!("at saturation, {} on their way", sizes.window), sizes.messages, 0, sizes.window),
        (format!("at {} a second", sizes.rate), sizes.rate * sizes.seconds, sizes.rate, 0),
    ] {
        let (per_second, p50, p99, app_cpu, vendors_cpu, lost, twice, answered, answered_99, slowest) =
            run(count, rate, window);
        line(
            &format!("{name}: end to end a second"),
            format!("{per_second:.0}"),
            if rate == 0 && is_app { ">= 3000" } else { "" },
        );
        let floor = if rate == 0 || !is_app { "" } else { "p99 <= 20" };
        line("  from Slack's event to Zendesk's reply, ms, p50 and p99", format!("{p50:.1} and {p99:.1}"), floor);
        let (answered, answered_99) = (answered / 1000.0, answered_99 / 1000.0);
        line("  until Slack's event is answered, ms, p50 and p99", format!("{answered:.1} and {answered_99:.1}"), "");
        line("  the slowest of each, ms", format!("{:.0} and {:.0}", slowest.0, slowest.1), "");
        line("  its CPU, us a message", format!("{app_cpu:.0}"), if is_app { "<= 150" } else { "" });
        line("  CPU of the vendors, us a message", format!("{vendors_cpu:.0}"), "");
        line("  lost, sent twice", format!("{lost}, {twice}"), "0, 0");
        let log = std::fs::read_to_string(house.file("log")).unwrap_or_default();
        let warnings: Vec<&str> = log.lines().filter(|line| !line.contains("\"INFO\"")).collect();
        if let Some(first) = warnings.first() {
            line("  warnings of the app", warnings.len().to_string(), "0");
            println!("  {first}");
        }
        worst = worst.max(app.memory("VmHWM") as f64 / 1024.0);
        line("  memory, MiB (peak so far)", format!("{worst:.1}"), "<= 64");
    }
}

// ---------------------------------------------------------------- processes

struct Vendors {
    child: Child,
    port: u16,
}

impl Vendors {
    fn start(whole_fake: bool) -> Vendors {
        let mut child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--role-vendors", if whole_fake { "whole" } else { "fast" }])
            .stdout(Stdio::piped())
            .stdin(Stdio::piped())
            .spawn()
            .expect("the vendors start");
        let mut port = String::new();
        let stdout = child.stdout.take().expect("its output");
        BufReader::new(stdout).read_line(&mut port).expect("the vendors' port");
        Vendors { child, port: port.trim().parse().expect("a port") }
    }

    fn post(&self, path: &str) -> String {
        ask(self.port, "POST", path).expect("the vendors answer")
    }

    fn count(&self) -> u64 {
        ask(self.port, "GET", "/bench/count").and_then(|text| text.parse().ok()).unwrap_or(0)
    }

    fn threads(&self, house: &House, count: usize) -> Vec<Thread> {
        serde_json::from_str(&self.post(&format!("/bench/threads/{}/{count}", house.port))).expect("bridged threads")
    }
}

impl Drop for Vendors {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A folder with settings and a database.
struct House {
    folder: tempfile::TempDir,
    port: u16,
}

struct App {
    child: Child,
}

impl House {
    fn new(vendors: &Vendors) -> House {
        // Beside the build, on a disk: a folder in memory would make a commit free.
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
        let free = || std::net::TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a port").port();
        let (port, admin) = (free(), free());
        let base = format!("http://127.0.0.1:{}", vendors.port);
        let text = format!(
            r#"
            [server]
            listen = "127.0.0.1:{port}"
            admin_listen = "127.0.0.1:{admin}"
            public_url = "http://127.0.0.1:{port}"
            [database]
            url = "sqlite://{}"
            [slack]
            bot_token = "xoxb-load"
            signing_secret = "{SECRET}"
            api_url = "{base}/slack/api"
            posts_per_second_per_channel = 0
            posts_per_min = 0
            tier_2_calls_per_min = 0
            tier_3_calls_per_min = 0
            tier_4_calls_per_min = 0
            [zendesk]
            url = "{base}/zendesk"
            client_id = "client"
            client_secret = "client-secret"
            webhook_secret = "{WEBHOOK_SECRET}"
            channel_domain = "{DOMAIN}"
            poll_interval_secs = 3600
            side_conversation_writes_per_10_min = 0
            ticket_updates_per_min = 0
            updates_per_ticket_per_10_min = 0
            feed_reads_per_10_min = 0
            [bridge]
            order_window_ms = 0
            "#,
            folder.path().join("sidethread.db").display()
        );
        let settings = folder.path().join("sidethread.toml");
        std::fs::write(&settings, text).expect("the settings");
        let owner_alone = std::os::unix::fs::PermissionsExt::from_mode(0o600);
        std::fs::set_permissions(&settings, owner_alone).expect("the settings are the app's alone");
        House { folder, port }
    }

    /// Starts the app; also how long it took until it was ready, in milliseconds.
    fn start(&self) -> (App, f64) {
        let log = std::fs::File::options().create(true).append(true).open(self.file("log")).expect("a log");
        let began = Instant::now();
        let child = Command::new(env!("CARGO_BIN_EXE_sidethread"))
            .args(["serve", "--config"])
            .arg(self.file("sidethread.toml"))
            .env("RUST_LOG", "warn,sidethread=info")
            .stderr(log)
            .spawn()
            .expect("the app starts");
        let app = App { child };
        loop {
            match ask(self.port, "GET", "/readyz") {
                Some(body) if body.contains("\"ready\":true") && !body.contains("starting") => break,
                _ if began.elapsed() > Duration::from_secs(20) => {
                    panic!(
                        "it does not become ready: {}",
                        std::fs::read_to_string(self.file("log")).unwrap_or_default()
                    )
                }
                _ => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        (app, began.elapsed().as_secs_f64() * 1000.0)
    }

    fn start_the_barest(&self, vendors: u16) -> App {
        let child = Command::new(std::env::current_exe().expect("this binary"))
            .args(["--role-bare", &self.port.to_string(), &vendors.to_string()])
            .arg(self.file("bare.db"))
            .spawn()
            .expect("the barest bridge starts");
        let app = App { child };
        while ask(self.port, "GET", "/readyz").is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        app
    }

    fn file(&self, name: &str) -> PathBuf {
        Path::new(self.folder.path()).join(name)
    }
}

impl App {
    fn cpu(&self) -> Duration {
        cpu_of(self.child.id())
    }

    /// A line of `/proc/<pid>/status`, in KiB.
    fn memory(&self, key: &str) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap_or_default();
        let line = status.lines().find(|line| line.starts_with(key)).unwrap_or_default();
        line.split_whitespace().nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
    }
}

impl Drop for App {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The time on a core of a process and its threads. Linux counts it in hundredths of a second.
fn cpu_of(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    let fields = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 = fields.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

fn ask(port: u16, method: &str, path: &str) -> Option<String> {
    let mut stream = std::net::TcpStream::connect(("127.0.0.1", port)).ok()?;
    write!(stream, "{method} {path} HTTP/1.1\r\nhost: load\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.starts_with("HTTP/1.1 200").then(|| body.to_owned())
}

fn send(job: Job) -> Done {
    let mut child = Command::new(std::env::current_exe().expect("this binary"))
        .arg("--role-load")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the load starts");
    let mut stdin = child.stdin.take().expect("its input");
    stdin.write_all(&serde_json::to_vec(&job).expect("a job")).expect("the job is taken");
    drop(stdin);
    let done = child.wait_with_output().expect("the load ends");
    assert!(done.status.success(), "the load failed");
    serde_json::from_slice(&done.stdout).expect("what the load found")
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    at(values, 0.5)
}

fn at(sorted: &[f64], part: f64) -> f64 {
    let index = ((sorted.len() as f64 - 1.0) * part).round().max(0.0) as usize;
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

fn micros() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_micros() as u64)
}

// ---------------------------------------------------------------- the load

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Thread {
    channel: String,
    ts: String,
    user: String,
}

#[derive(Debug, Serialize, Deserialize)]
struct Job {
    app: u16,
    vendors: u16,
    threads: Vec<Thread>,
    connections: usize,
    first: usize,
    count: usize,
    /// A second; 0 for as fast as answers come.
    rate: usize,
    /// How many may be on their way to Zendesk; 0 for any number.
    window: usize,
}

#[derive(Debug, Serialize, Deserialize)]
struct Done {
    seconds: f64,
    p50_us: f64,
    p99_us: f64,
    slowest_us: f64,
    sent: Vec<(u64, u64)>,
}

fn bare(arguments: &[String]) {
    let [port, vendors, database] = arguments else { panic!("two ports and a database") };
    bare::run(port.parse().expect("a port"), vendors.parse().expect("a port"), database);
}

fn load() {
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).expect("a job");
    let job: Job = serde_json::from_str(&text).expect("a job");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let done = runtime.block_on(run_load(job));
    serde_json::to_writer(std::io::stdout(), &done).expect("the result is taken");
}

async fn run_load(job: Job) -> Done {
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    let now = micros() / 1_000_000;
    let requests: Vec<Vec<u8>> = (0..job.count)
        .map(|n| request(&key, now, job.first + n, &job.threads[(job.first + n) % job.threads.len()]))
        .collect();
    let requests = Arc::new(requests);
    let next = Arc::new(AtomicUsize::new(0));
    let arrived = Arc::new(AtomicU64::new(0));
    if job.window > 0 {
        let arrived = arrived.clone();
        tokio::spawn(watch(job.vendors, arrived));
    }
    let mut streams = Vec::new();
    for _ in 0..job.connections {
        let stream = TcpStream::connect(("127.0.0.1", job.app)).await.expect("the app takes connections");
        stream.set_nodelay(true).expect("no delay");
        streams.push(stream);
    }
    let began = Instant::now();
    let mut tasks = Vec::new();
    for mut stream in streams {
        let (requests, next, arrived) = (requests.clone(), next.clone(), arrived.clone());
        let (first, rate, window) = (job.first, job.rate, job.window);
        tasks.push(tokio::spawn(async move {
            let mut times = Vec::new();
            let mut buffer = [0; 1024];
            loop {
                let n = next.fetch_add(1, Ordering::Relaxed);
                let Some(request) = requests.get(n) else { return times };
                let mut from = Instant::now();
                if rate > 0 {
                    let due = began + Duration::from_secs_f64(n as f64 / rate as f64);
                    if due > from {
                        tokio::time::sleep_until(due.into()).await;
                        from = Instant::now();
                    } else {
                        // It could not be sent in time, because answers were late: that counts.
                        from = due;
                    }
                }
                while window > 0 && n as u64 >= arrived.load(Ordering::Relaxed) + window as u64 {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    from = Instant::now();
                }
                let sent_at = micros() - from.elapsed().as_micros() as u64;
                stream.write_all(request).await.expect("the app reads");
                let mut filled = 0;
                loop {
                    let read = stream.read(&mut buffer[filled..]).await.expect("the app answers");
                    assert!(read > 0, "the app closed the connection");
                    filled += read;
                    if buffer[..filled].ends_with(b"\r\n\r\n") {
                        break;
                    }
                }
                assert!(buffer.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(&buffer[..filled]));
                times.push(((first + n) as u64, sent_at, from.elapsed().as_micros() as f64));
            }
        }));
    }
    let mut times = Vec::with_capacity(job.count);
    for task in tasks {
        times.extend(task.await.expect("a connection's task"));
    }
    let seconds = began.elapsed().as_secs_f64();
    let mut waits: Vec<f64> = times.iter().map(|(_, _, wait)| *wait).collect();
    waits.sort_by(f64::total_cmp);
    let sent = times.into_iter().map(|(seq, at, _)| (seq, at)).collect();
    Done { seconds, p50_us: at(&waits, 0.5), p99_us: at(&waits, 0.99), slowest_us: at(&waits, 1.0), sent }
}

/// Keeps an eye on how many replies stand.
async fn watch(port: u16, arrived: Arc<AtomicU64>) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.expect("the vendors take connections");
    let mut buffer = [0; 1024];
    loop {
        stream.write_all(b"GET /bench/count HTTP/1.1\r\nhost: load\r\n\r\n").await.expect("the vendors read");
        let mut filled = 0;
        let count = loop {
            filled += stream.read(&mut buffer[filled..]).await.expect("the vendors answer");
            let text = String::from_utf8_lossy(&buffer[..filled]);
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let length = head.split("content-length: ").nth(1).and_then(|l| l.lines().next()?.parse().ok());
                if body.len() == length.unwrap_or(0) {
                    break body.parse().unwrap_or(0);
                }
            }
        };
        arrived.store(count, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// A signed event as Slack sends it. Its own name in the channel comes from `seq`.
fn request(key: &hmac::Key, now: u64, seq: usize, thread: &Thread) -> Vec<u8> {
    let options = SlackOptions::default();
    let ts = format!("{}.{:06}", now + seq as u64 / 1_000_000, seq % 1_000_000);
    let text =
        format!("The scanner at gate four is up again, I have restarted it twice; please check the labels. load-{seq}");
    let body = json!({
        "token": "verification-token", "team_id": options.team_id, "context_team_id": options.team_id,
        "context_enterprise_id": null, "api_app_id": options.app_id,
        "event": {
            "user": thread.user, "type": "message", "ts": ts, "client_msg_id": "6f2f2a0e-1c53-4d39-8f0c-6c0d1f0b5a11",
            "text": text, "team": options.team_id, "thread_ts": thread.ts, "parent_user_id": options.bot_user_id,
            "blocks": [{"type": "rich_text", "block_id": "k4Zq", "elements": [
                {"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}]}],
            "channel": thread.channel, "event_ts": ts, "channel_type": "channel",
        },
        "type": "event_callback", "event_id": format!("Ev{seq:09}"), "event_time": now,
        "authorizations": [{"enterprise_id": null, "team_id": options.team_id, "user_id": options.bot_user_id,
            "is_bot": true, "is_enterprise_install": false}],
        "is_ext_shared_channel": false,
        "event_context": "4-eyJldCI6Im1lc3NhZ2UiLCJ0aWQiOiJUMFNBTkRCT1gxIiwiYWlkIjoiQTBTQU5EQk9YMSIsImNpZCI6IkMxIn0",
    })
    .to_string();
    let mut signed = hmac::Context::with_key(key);
    signed.update(format!("v0:{now}:").as_bytes());
    signed.update(body.as_bytes());
    let signature: String = signed.sign().as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    format!(
        "POST /slack/events HTTP/1.1\r\nhost: 127.0.0.1\r\nuser-agent: Slackbot 1.0 (+https://api.slack.com/robots)\r\n\
         accept: */*\r\ncontent-type: application/json\r\nx-slack-signature: v0={signature}\r\n\
         x-slack-request-timestamp: {now}\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

// ---------------------------------------------------------------- the vendors

#[derive(Clone)]
struct Side {
    slack: FakeSlack,
    zendesk: FakeZendesk,
    agent: i64,
    fast: bool,
    late: Arc<std::sync::atomic::AtomicBool>,
    took: Arc<Mutex<Vec<(u64, u64)>>>,
    inner: Router,
}

fn vendors(arguments: &[String]) {
    let fast = arguments.first().is_some_and(|how| how == "fast");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    // The parent's end of the input closes with the parent.
    std::thread::spawn(|| {
        let _ = std::io::stdin().read(&mut [0]);
        std::process::exit(0);
    });
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("a port").port();
        let router = vendors_router(port, fast);
        println!("{port}");
        let listener = axum::serve::ListenerExt::tap_io(listener, |stream| {
            let _ = stream.set_nodelay(true);
        });
        axum::serve(listener, router).await.expect("the vendors serve");
    });
}

fn vendors_router(port: u16, fast: bool) -> Router {
    let base = format!("http://127.0.0.1:{port}");
    let now: sidethread::sandbox::post::Now = Arc::new(|| (micros() / 1000) as i64);
    let mut scopes: Vec<String> =
        sidethread::cli::manifest::BOT_SCOPES.iter().map(|scope| (*scope).to_owned()).collect();
    scopes.sort();
    let slack = FakeSlack::new(
        SlackOptions {
            bot_token: "xoxb-load".into(),
            signing_secret: SECRET.into(),
            base_url: base.clone(),
            limits: false,
            scopes,
            ..Default::default()
        },
        now.clone(),
        1,
    );
    let zendesk = FakeZendesk::new(
        ZendeskOptions {
            base_url: format!("{base}/zendesk"),
            oauth_client_id: "client".into(),
            oauth_client_secret: "client-secret".into(),
            webhook_secret: WEBHOOK_SECRET.into(),
            limits: false,
            unconfirmed: Unconfirmed { reply_answer_has_event: true, ..Default::default() },
            ..Default::default()
        },
        now,
        2,
    );
    let agent = zendesk.add_user(UserSpec {
        name: "Zoe".into(),
        email: Some("zoe@acme.example".into()),
        role: "agent".into(),
        ..Default::default()
    });
    let inner = slack.router().merge(zendesk.router());
    let side = Side { slack, zendesk, agent, fast, late: Default::default(), took: Default::default(), inner };
    Router::new()
        .route("/bench/threads/{app}/{count}", post(make_threads))
        .route("/bench/late", post(answer_late))
        .route("/bench/took", post(take_times))
        .route("/bench/count", get(count_times))
        .route("/zendesk/api/v2/tickets/{ticket}/side_conversations/{id}/reply", post(take_reply))
        .fallback_service(side.inner.clone())
        .with_state(side)
}

/// A reply: the whole fake's work, or the fast path.
async fn take_reply(
    State(side): State<Side>,
    UrlPath((ticket, id)): UrlPath<(i64, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    if side.late.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_secs(3600)).await;
    }
    let number = body.windows(5).position(|w| w == b"load-").map(|at| {
        let digits = body[at + 5..].iter().take_while(|byte| byte.is_ascii_digit());
        digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
    });
    let response = if side.fast {
        fast_reply(ticket, &id, &headers, &body, number)
    } else {
        let mut request =
            http::Request::post(format!("/zendesk/api/v2/tickets/{ticket}/side_conversations/{id}/reply"));
        if let Some(all) = request.headers_mut() {
            *all = headers;
        }
        let request = request.body(axum::body::Body::from(body)).expect("a request");
        match tower::ServiceExt::oneshot(side.inner.clone(), request).await {
            Ok(response) => response,
            Err(never) => match never {},
        }
    };
    if let (Some(number), true) = (number, response.status().is_success()) {
        side.took.lock().expect("the times").push((number, micros()));
    }
    response
}

/// Checks what Zendesk checks first and answers in its shape.
fn fast_reply(ticket: i64, id: &str, headers: &HeaderMap, body: &[u8], number: Option<u64>) -> Response {
    #[derive(Deserialize)]
    struct Ask<'a> {
        #[serde(borrow)]
        message: Message<'a>,
    }
    #[derive(Deserialize)]
    struct Message<'a> {
        to: Vec<Value>,
        #[serde(borrow)]
        html_body: std::borrow::Cow<'a, str>,
        external_ids: Value,
    }
    if !headers.get("authorization").is_some_and(|value| value.as_bytes().starts_with(b"Bearer ")) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let ask: Ask = match serde_json::from_slice(body) {
        Ok(ask) => ask,
        Err(_) => return StatusCode::BAD_REQUEST.into_response(),
    };
    if ask.message.to.is_empty() || ask.message.html_body.is_empty() || ask.message.external_ids.is_null() {
        return StatusCode::UNPROCESSABLE_ENTITY.into_response();
    }
    let number = number.unwrap_or_default();
    let answer = format!(
        r#"{{"event":{{"actor":{{"name":"Sidethread","user_id":1}},"created_at":"2026-11-22T08:00:00.000Z","id":"0194f0aa-0000-7000-8000-{number:012}","message":{{"body":"kept","external_ids":{{}},"from":{{"user_id":1}},"html_body":"kept","preview_text":"kept","subject":null,"to":[]}},"side_conversation_id":"{id}","ticket_id":{ticket},"type":"reply","updates":{{}},"via":"api"}},"side_conversation":{{"created_at":"2026-11-22T08:00:00.000Z","external_ids":{{}},"id":"{id}","message_added_at":"2026-11-22T08:00:00.000Z","participants":[],"preview_text":"kept","state":"open","state_updated_at":"2026-11-22T08:00:00.000Z","subject":"kept","ticket_id":{ticket},"updated_at":"2026-11-22T08:00:00.000Z"}}}}"#
    );
    ([("content-type", "application/json; charset=utf-8")], answer).into_response()
}

/// From here on no reply is answered: calls wait, what comes in is stored and decided.
async fn answer_late(State(side): State<Side>) {
    side.late.store(true, Ordering::Relaxed);
}

async fn take_times(State(side): State<Side>) -> Json<Vec<(u64, u64)>> {
    Json(std::mem::take(&mut *side.took.lock().expect("the times")))
}

async fn count_times(State(side): State<Side>) -> String {
    side.took.lock().expect("the times").len().to_string()
}

/// Has an agent start that many side conversations, carries what the vendors send, and waits until each has its
/// thread.
async fn make_threads(State(side): State<Side>, UrlPath((app, count)): UrlPath<(u16, usize)>) -> Json<Vec<Thread>> {
    let users: Vec<String> = (0..20)
        .map(|n| {
            side.slack.add_person(PersonSpec {
                name: format!("person{n}"),
                real_name: format!("Person Number {n}"),
                display_name: format!("Person {n}"),
                email: Some(format!("person{n}@acme.example")),
                ..Default::default()
            })
        })
        .collect();
    for n in 0..10 {
        side.slack.add_channel(ChannelSpec {
            name: format!("team-{n}"),
            members: users.clone(),
            app_is_member: true,
            ..Default::default()
        });
    }
    let requester = side.zendesk.add_user(UserSpec {
        name: "Carla Customer".into(),
        email: Some("carla@mail.example".into()),
        role: "end-user".into(),
        ..Default::default()
    });
    let tickets: Vec<i64> = (0..count.div_ceil(10))
        .map(|n| {
            side.zendesk.add_ticket(TicketSpec {
                subject: format!("Parcel {n} has not moved for a week"),
                description: "Where is it?".into(),
                requester_id: requester,
                assignee_id: Some(side.agent),
                status: "open".into(),
                ..Default::default()
            })
        })
        .collect();
    for n in 0..count {
        let to = format!("team-{}@{DOMAIN}", n % 10);
        let id = side.zendesk.start_side_conversation(
            side.agent,
            tickets[n / 10],
            &[&to],
            "Scanner at gate four",
            "<p>Is the scanner down? The customer waits.</p>",
        );
        assert!(!id.is_empty(), "Zendesk refused the side conversation");
    }
    let client = reqwest::Client::new();
    loop {
        carry(&client, app, &side.zendesk).await;
        carry(&client, app, &side.slack).await;
        let threads = cards(&side.slack, &users);
        if threads.len() >= count {
            // The link is committed after the card was answered.
            tokio::time::sleep(Duration::from_millis(1500)).await;
            return Json(threads);
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn carry(client: &reqwest::Client, app: u16, sender: &dyn Sender) {
    for parcel in sender.take_due() {
        let mut request = client.post(format!("http://127.0.0.1:{app}{}", parcel.path)).body(parcel.body);
        for (name, value) in &parcel.headers {
            request = request.header(name, value);
        }
        let receipt = match request.send().await {
            Ok(answer) => Receipt::Answered { status: answer.status().as_u16(), retry_after: None, body: Vec::new() },
            Err(_) => Receipt::Failed,
        };
        sender.settle(parcel.id, receipt);
    }
}

fn cards(slack: &FakeSlack, users: &[String]) -> Vec<Thread> {
    let mut threads = Vec::new();
    for channel in slack.channels() {
        let id = channel["id"].as_str().unwrap_or_default();
        for message in slack.messages(id) {
            let key = message["metadata"]["event_payload"]["k"].as_str().unwrap_or_default();
            if key.contains("/card") {
                let ts = message["ts"].as_str().unwrap_or_default().to_owned();
                let user = users[threads.len() % users.len()].clone();
                threads.push(Thread { channel: id.to_owned(), ts, user });
            }
        }
    }
    threads
}
