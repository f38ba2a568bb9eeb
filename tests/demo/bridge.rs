//! The bridge is a process of its own: it lives and dies as it should, and can be killed without harm.

use std::time::Instant;

use serde_json::{Value, json};

use crate::firm::{Demo, runs, until};

#[tokio::test]
async fn it_takes_nothing_from_the_environment_and_ends_with_the_demo() {
    let begun = Instant::now();
    let demo = Demo::start(&[]).await;
    let bridge = demo.until_up().await;
    println!("up {:?} after the start, {bridge}", begun.elapsed());
    let pid = bridge["pid"].as_u64().unwrap();
    assert!(runs(pid) && pid != u64::from(demo.child.id()));
    for url in [&bridge["url"], &bridge["admin_url"]] {
        assert!(url.as_str().unwrap().starts_with("http://127.0.0.1:"), "{url}");
    }
    assert_eq!(demo.get("/readyz", "").await.1["ready"], true);
    assert_eq!(demo.get("/healthz", "").await.0, 200);
    assert_eq!(demo.get("/metrics", "").await.0, 200);
    assert_eq!(demo.post("/slack/events", "", json!({})).await.0, 401, "it is the bridge that checks signatures");
    assert_eq!(demo.post("/parked/1/retry", "", json!({})).await.0, 403);
    #[cfg(target_os = "linux")]
    {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
        assert!(!String::from_utf8_lossy(&environment).contains("SIDETHREAD__"));
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap();
        assert!(!String::from_utf8_lossy(&line).contains("xoxb-"));
    }
    let [folder] = demo.own_folders().try_into().unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o700);
        assert_eq!(mode(&folder.join("sidethread.toml")), 0o600);
        assert_eq!(mode(&folder.join("sidethread.db")), 0o600);
    }
    let said = demo.said();
    demo.stop().await;
    assert!(!runs(pid) && !folder.exists());
    assert!(!said.contains("\"ERROR\"") && !said.contains("has ended") && !said.contains("xoxb-"), "{said}");
}

#[tokio::test]
async fn it_ends_even_when_the_demo_is_killed() {
    let mut demo = Demo::start(&[]).await;
    let pid = demo.until_up().await["pid"].as_u64().unwrap();
    demo.child.kill().unwrap();
    demo.child.wait().unwrap();
    until("its end", async || !runs(pid)).await;
}

#[tokio::test]
async fn killed_in_the_middle_of_everything_it_comes_back_and_all_is_there_once() {
    let demo = Demo::start(&[]).await;
    let side = demo.ask(35436, "Is it the scanner?").await;
    let thread = demo.thread("Is it the scanner?").await;
    for n in 1..=12 {
        demo.say(&thread, &format!("word {n} of Slack.")).await;
        demo.reply(&side, &format!("word {n} of Zendesk.")).await;
        if n % 5 == 0 {
            let before = demo.until_up().await;
            let (status, after) = demo.post("/sandbox/bridge/kill", "", Value::Null).await;
            assert_eq!(status, 200, "{after}");
            assert!(!runs(before["pid"].as_u64().unwrap()));
            assert_eq!((&after["state"], &after["pid"]), (&json!("down"), &Value::Null), "{after}");
            assert_eq!(after["kills"].as_u64(), Some(n / 5));
            let (status, _) = demo.post("/sandbox/bridge/kill", "", Value::Null).await;
            assert_eq!(status, 409, "there is nothing to kill");
            assert_eq!(demo.get("/healthz", "").await.0, 502);
        }
    }
    let standing = demo.until_up().await;
    assert_eq!(standing["kills"], 2, "{standing}");
    assert_eq!(standing["starts"], 3, "{standing} {}", demo.said());
    until("all of it", async || {
        let (zendesk, slack) = (demo.in_zendesk(&side).await, demo.in_slack(&thread).await);
        (1..=12).all(|n| {
            zendesk.contains(&format!("word {n} of Slack.")) && slack.contains(&format!("word {n} of Zendesk."))
        })
    })
    .await;
    let (zendesk, slack) = (demo.in_zendesk(&side).await, demo.in_slack(&thread).await);
    for n in 1..=12 {
        let (there, here) = (format!("word {n} of Slack."), format!("word {n} of Zendesk."));
        assert_eq!(zendesk.matches(&there).count(), 1, "{zendesk}");
        assert_eq!(slack.matches(&here).count(), 1, "{slack}");
    }
    let (_, proof) = demo.get("/sandbox/proof", "").await;
    let all = json!({"said": 25, "once": 25, "twice": [], "lost": [], "under_way": [], "set_aside": [], "told": []});
    assert_eq!(proof, all, "the question, and twelve words each way");
}

#[tokio::test]
async fn the_button_of_the_page_leads_back_to_the_page() {
    let demo = Demo::start(&[]).await;
    demo.until_up().await;
    let press = || {
        let request = demo.http().post(format!("{}/sandbox/bridge/kill", demo.base_url));
        request
            .header("accept", "text/html,*/*")
            .header("content-type", "application/x-www-form-urlencoded")
            .body("ticket=35436")
    };
    let answer = press().send().await.unwrap();
    assert!(answer.url().as_str().contains("ticket=35436"), "{}", answer.url());
    assert!(answer.text().await.unwrap().contains("<html"));
    let foreign = press().header("origin", "http://evil.example").send().await.unwrap();
    assert_eq!(foreign.status(), 403);
}
