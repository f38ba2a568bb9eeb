//! A session is recorded, and played again.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};

use crate::firm::{Demo, SUPPORT, until};

/// Plays a recording to its end, without a page.
fn play(file: &Path, speed: &str) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    let Output { status, stdout, stderr } = Command::new(env!("CARGO_BIN_EXE_sidethread"))
        .args(["demo", "--listen", "127.0.0.1:0", "--headless", "--speed", speed, "--replay"])
        .arg(file)
        .env("TMPDIR", folder.path())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(stdout).unwrap() + &String::from_utf8_lossy(&stderr);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it leaves nothing behind");
    (status.code(), said)
}

async fn press(demo: &Demo, path: &str, form: &[(&str, &str)]) {
    let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(form).finish();
    let request = demo.http().post(format!("{}{path}", demo.base_url)).body(form);
    let answer = request.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
    assert!(!answer.url().as_str().contains("notice="), "{path} was refused");
}

/// Every secret that a demo has.
fn secrets(demo: &Demo) -> Vec<String> {
    let settings = demo.own_folders().into_iter().map(|folder| folder.join("sidethread.toml"));
    let settings = settings.map(|file| std::fs::read_to_string(file).unwrap()).collect::<String>();
    let of_settings = settings.lines().filter(|line| line.contains("token") || line.contains("secret"));
    let of_settings = of_settings.filter_map(|line| line.split('"').nth(1).map(str::to_owned));
    let words = demo.introduction.split_whitespace().map(|word| word.trim_matches(['"', ',', ')']).to_owned());
    let tokens = words.filter(|word| word.starts_with("xox") || word.len() == 40);
    of_settings.chain(tokens).collect()
}

#[tokio::test]
async fn what_was_recorded_comes_out_the_same_again() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("session.jsonl");
    let demo = Demo::start(&["--record", file.to_str().unwrap()]).await;
    demo.until_up().await;
    let secrets = secrets(&demo);
    assert!(secrets.len() > 10, "{secrets:?}");

    let side = demo.ask(35436, "Is it the scanner?").await;
    let thread = demo.thread("Is it the scanner?").await;
    let lose = json!([
        {"vendor": "zendesk", "call": "POST …/reply", "fault": "dropped_after", "times": 1},
        {"vendor": "slack", "call": "chat.postMessage", "fault": "status", "status": 503, "times": 1},
    ]);
    let (status, faults) = demo.post("/sandbox/faults", "", lose).await;
    assert_eq!(status, 200, "{faults}");
    // The page's forms act in the fakes themselves, so the faults wait for the bridge. They name things by their ids.
    let id = side.rsplit('/').next().unwrap();
    let say = |person: &'static str, text: &'static str| {
        [("channel", SUPPORT), ("person", person), ("thread_ts", &*thread), ("text", text)]
    };
    let reply = |text: &'static str| [("ticket", "35436"), ("side_conversation", id), ("message", text)];
    let words = "It is the *scanner*, not you <https://status.example/1|here>";
    press(&demo, "/sandbox/slack/say", &say("U0WANJIRU01", words)).await;
    press(&demo, "/sandbox/zendesk/reply", &reply("Thank you, and the other one?")).await;
    until("both", async || {
        demo.in_zendesk(&side).await.contains("It is the") && demo.in_slack(&thread).await.contains("the other one")
    })
    .await;
    demo.say(&thread, "Before the end").await;
    let (status, _) = demo.post("/sandbox/bridge/kill", "", Value::Null).await;
    assert_eq!(status, 200);
    // As a browser sends it, which may have chosen a file.
    let parts = reply("Meanwhile")
        .map(|(name, value)| format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"));
    let request = demo.http().post(format!("{}/sandbox/zendesk/reply", demo.base_url));
    let request = request.header("content-type", "multipart/form-data; boundary=x");
    let answer = request.body(format!("{}--x--\r\n", parts.concat())).send().await.unwrap();
    assert!(!answer.url().as_str().contains("notice="), "it was refused");
    press(&demo, "/sandbox/slack/say", &say("U0PRIYA0001", "@marta see this")).await;
    until("the rest", async || {
        let (zendesk, slack) = (demo.in_zendesk(&side).await, demo.in_slack(&thread).await);
        zendesk.contains("Before the end") && zendesk.contains("see this") && slack.contains("Meanwhile")
    })
    .await;
    press(&demo, "/sandbox/zendesk/state", &[("ticket", "35436"), ("side_conversation", id), ("state", "closed")])
        .await;
    until("the line", async || demo.in_slack(&thread).await.contains("done")).await;
    demo.stop().await;

    let recorded = std::fs::read_to_string(&file).unwrap();
    for secret in &secrets {
        assert!(!recorded.contains(secret.as_str()), "a secret stands in the recording");
    }
    #[cfg(unix)]
    assert_eq!(
        std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions()) & 0o777,
        0o600
    );
    // A torn last line is read over.
    std::fs::write(&file, format!("{recorded}{{\"at\":1")).unwrap();
    let (code, said) = play(&file, "3");
    assert_eq!(code, Some(0), "{recorded}\n{said}");
    assert!(said.contains("Played 9 acts of people; it came out as it was recorded."), "{said}");

    // One answer of the bridge is another one.
    let other = recorded.replace("it is the scanner, not you", "").replace("\\n@Marta see this", "\\n@Marta saw this");
    assert_ne!(other, recorded);
    std::fs::write(&file, &other).unwrap();
    let (code, said) = play(&file, "20");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("- @Marta saw this") && said.contains("+ @Marta see this"), "{said}");

    let refused = |text: String| {
        std::fs::write(&file, text).unwrap();
        let (code, said) = play(&file, "1");
        assert_eq!(code, Some(1), "{said}");
        said
    };
    assert!(refused(String::new()).contains("this is no recording"));
    assert!(refused(recorded.replace("recording\":2", "recording\":7")).contains("format 7"));
    assert!(refused(recorded.replacen("{\"at\"", "{\"what\"", 3)).contains("line 2 does not read"));
}

#[tokio::test]
async fn what_is_hidden_is_still_the_same_session() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("session.jsonl");
    let demo = Demo::start(&["--record", file.to_str().unwrap(), "--anonymise"]).await;
    demo.until_up().await;
    let to = "Support-Engineering@slack.acme.example, jolanta.kowalska@kanzlei-brandauer.example";
    let ask =
        [("ticket", "35436"), ("to", to), ("subject", "Kowalska's divorce"), ("message", "Confidential!\r\nPlease")];
    press(&demo, "/sandbox/zendesk/start", &ask).await;
    let thread = demo.thread("divorce").await;
    let say =
        |text: &'static str| [("channel", SUPPORT), ("person", "U0WANJIRU01"), ("thread_ts", &*thread), ("text", text)];
    let words = [
        "*Kowalska* wrote :tada:\nto <https://kanzlei-brandauer.example/akte/7|the lawyer>",
        "@marta Прочитай это",
        "⟦Kowalska⟧ has 06 12 34 56 78 &#107;&#111;",
    ];
    for words in words {
        press(&demo, "/sandbox/slack/say", &say(words)).await;
    }
    press(&demo, "/sandbox/slack/command", &[("channel", SUPPORT), ("person", "U0WANJIRU01"), ("text", "list")]).await;
    press(&demo, "/sandbox/faults/off", &[("what", "*"), ("find", "Kowalska")]).await;
    until("what is said", async || demo.in_slack(&thread).await.contains("sent to the ticket")).await;
    let (_, sides) = demo.get("/zendesk/api/v2/tickets/35436/side_conversations", &demo.token("Marta")).await;
    let side = sides["side_conversations"].as_array().unwrap().iter().find(|side| side["subject"] == ask[2].1).unwrap();
    let from = "jolanta.kowalska@kanzlei-brandauer.example";
    let mail = json!({"side_conversation_id": side["id"], "from": from, "text": "Never again"});
    assert_eq!(demo.post("/sandbox/mail", "", mail).await.0, 201);
    until("the mail", async || demo.in_slack(&thread).await.contains("Never again")).await;
    demo.stop().await;

    let recorded = std::fs::read_to_string(&file).unwrap().to_lowercase();
    for word in [
        "kowalska",
        "jolanta",
        "brandauer",
        "kanzlei",
        "divorce",
        "confidential",
        "lawyer",
        "akte",
        "прочитай",
        "never",
        "06 12",
        "56 78",
        "&#107;",
    ] {
        assert!(!recorded.contains(word), "{word} stands in {recorded}");
    }
    assert!(recorded.contains(":tada:") && recorded.contains("support-engineering@slack.acme.example"), "{recorded}");
    let (code, said) = play(&file, "3");
    assert_eq!(code, Some(0), "{recorded}\n{said}");
}

#[tokio::test]
async fn a_bridge_that_dies_again_and_again_dies_as_often_when_it_is_played() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("session.jsonl");
    // Where others reach it, the bridge does not: its links bear another address, and another one in each run.
    let arguments = ["--listen", "0.0.0.0:0", "--record", file.to_str().unwrap()];
    let demo = Demo::start_in(tempfile::tempdir().unwrap(), &arguments).await;
    for round in ["first", "second"] {
        demo.until_up().await;
        let side = demo.ask(35436, &format!("The {round} question")).await;
        let thread = demo.thread(&format!("The {round} question")).await;
        demo.say(&thread, "{ \"a\": 1 }").await;
        until("the answer", async || demo.in_zendesk(&side).await.contains("{ \"a\": 1 }")).await;
        let (status, said) = demo.post("/sandbox/bridge/kill", "", Value::Null).await;
        assert_eq!(status, 200, "{said}");
    }
    for _ in 0..2 {
        // With nothing between that was made in the meantime.
        demo.until_up().await;
        assert_eq!(demo.post("/sandbox/bridge/kill", "", Value::Null).await.0, 200);
    }
    demo.until_up().await;
    let late = json!([{"vendor": "slack", "call": "events", "fault": "events_late", "secs": 20}]);
    assert_eq!(demo.post("/sandbox/faults", "", late).await.0, 200);
    let thread = demo.thread("The second question").await;
    demo.say(&thread, "This is on its way for a while").await;
    demo.stop().await;

    let recorded = std::fs::read_to_string(&file).unwrap();
    assert!(recorded.contains("⟦here⟧") && !recorded.contains("http://127.0.0.1:"), "{recorded}");
    assert!(recorded.trim_end().ends_with("{\"busy\":true}}"), "{recorded}");
    let (code, said) = play(&file, "20");
    assert_eq!(code, Some(0), "{recorded}\n{said}");
    assert!(
        said.contains("it came out as it was recorded. The recording ended while the bridge was at work"),
        "{said}"
    );
}
