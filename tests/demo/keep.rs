//! What a demo begins with, what it keeps, and how it goes on from there.

use std::process::{Command, Stdio};

use serde_json::json;

use crate::firm::{Demo, SUPPORT, until};

#[tokio::test]
async fn what_is_kept_goes_on_where_it_ended() {
    let kept = tempfile::tempdir().unwrap();
    let folder = kept.path().join("firm");
    let keep = ["--keep", folder.to_str().unwrap()];
    let demo = Demo::start(&keep).await;
    let side = demo.ask(35436, "Is it the scanner?").await;
    let thread = demo.thread("Is it the scanner?").await;
    demo.say(&thread, "before").await;
    demo.reply(&side, "from before").await;
    until("both", async || {
        demo.in_zendesk(&side).await.contains("before") && demo.in_slack(&thread).await.contains("from before")
    })
    .await;
    let (base_url, introduction) = (demo.base_url.clone(), demo.introduction.clone());
    demo.stop().await;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |name: &str| std::fs::metadata(folder.join(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(""), mode("sandbox.json"), mode("sidethread.toml")), (0o700, 0o600, 0o600));
    }

    // The operator's commands find its database from any folder.
    let mut parked = std::process::Command::new(env!("CARGO_BIN_EXE_sidethread"));
    parked.args(["parked", "list", "--config"]).arg(folder.join("sidethread.toml")).current_dir(std::env::temp_dir());
    let parked = parked.output().unwrap();
    assert!(String::from_utf8_lossy(&parked.stdout).contains("Nothing is parked"), "{parked:?}");

    let demo = Demo::start_in(tempfile::tempdir().unwrap(), &keep).await;
    assert_eq!(demo.base_url, base_url);
    assert_eq!(demo.introduction, introduction, "the same people with the same tokens");
    demo.say(&thread, "after").await;
    demo.reply(&side, "from after").await;
    until("both again", async || {
        demo.in_zendesk(&side).await.contains("after") && demo.in_slack(&thread).await.contains("from after")
    })
    .await;
    let (zendesk, slack) = (demo.in_zendesk(&side).await, demo.in_slack(&thread).await);
    assert_eq!((zendesk.matches("before").count(), slack.matches("from before").count()), (2, 1), "{zendesk}{slack}");
    demo.stop().await;

    // What is answered is kept within a second, and what is under way is brought: also if the demo is killed.
    let mut demo = Demo::start_in(tempfile::tempdir().unwrap(), &keep).await;
    demo.say(&thread, "and then it was killed").await;
    let written = || std::fs::read_to_string(folder.join("sandbox.json")).unwrap();
    until("the firm", async || written().contains("and then it was killed")).await;
    let other = refused(&keep);
    assert!(other.contains("another demo runs in"), "{other}");
    demo.child.kill().unwrap();
    demo.child.wait().unwrap();
    let demo = Demo::start_in(tempfile::tempdir().unwrap(), &keep).await;
    until("the answer", async || demo.in_zendesk(&side).await.contains("and then it was killed")).await;
    assert_eq!(demo.in_zendesk(&side).await.matches("and then it was killed").count(), 1);
    demo.stop().await;

    let said = refused(&[&keep[..], &["--listen", "127.0.0.1:1"]].concat());
    assert!(said.contains(&base_url["http://".len()..]), "{said}");
    let said = refused(&[&keep[..], &["--empty"]].concat());
    assert!(said.contains("holds a firm already"), "{said}");
    std::fs::remove_file(folder.join("sandbox.json")).unwrap();
    let said = refused(&keep);
    assert!(said.contains("a bridge that is not a demo's"), "{said}");
    std::fs::write(folder.join("sandbox.json"), "{\"listen\": 7").unwrap();
    let said = refused(&keep);
    assert!(said.contains("does not read"), "{said}");
}

/// What a demo says that cannot begin with these arguments.
fn refused(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_sidethread"))
        .arg("demo")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    String::from_utf8(output.stderr).unwrap()
}

#[tokio::test]
async fn an_empty_one_has_people_and_channels_alone() {
    let demo = Demo::start(&["--empty"]).await;
    let marta = demo.token("Marta");
    let (_, tickets) = demo.get("/zendesk/api/v2/tickets", &marta).await;
    assert_eq!(tickets["tickets"], json!([]));
    let path = format!("/slack/api/conversations.history?channel={SUPPORT}");
    assert_eq!(demo.get(&path, &demo.token("wanjiru")).await.1["messages"], json!([]));
    let ticket = json!({"ticket": {"subject": "Label printer", "comment": {"body": "It prints nothing."}}});
    let (status, made) = demo.post("/zendesk/api/v2/tickets", &marta, ticket).await;
    assert_eq!((status, &made["ticket"]["id"]), (201, &json!(35436)), "as the introduction says");
    let side = demo.ask(35436, "Which driver?").await;
    let thread = demo.thread("Which driver?").await;
    demo.say(&thread, "2.4").await;
    until("the answer", async || demo.in_zendesk(&side).await.contains("2.4")).await;
}

/// Whether this process was begun with `nohup`.
fn hangups_are_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.is_some_and(|mask| u64::from_str_radix(mask.trim(), 16).unwrap() & 1 == 1)
}

#[cfg(unix)]
#[tokio::test]
async fn nothing_is_left_behind() {
    let mut demo = Demo::start(&[]).await;
    demo.until_up().await;
    let own = demo.own_folders();
    assert_eq!(own.len(), 1, "{own:?}");
    demo.signal("HUP");
    if hangups_are_ignored() {
        // As `nohup` wants it, which the demo inherits from this test.
        demo.until_up().await;
        assert_eq!(demo.child.try_wait().unwrap(), None, "{}", demo.said());
        demo.signal("TERM");
    }
    until("its end", async || demo.child.try_wait().unwrap().is_some()).await;
    assert_eq!(demo.child.wait().unwrap().code(), Some(0), "{}", demo.said());
    assert_eq!(demo.own_folders(), Vec::<std::path::PathBuf>::new());

    // What a killed one leaves, the next one takes away; one that runs is left alone, and what is no demo's.
    let mut killed = Demo::start(&[]).await;
    let left = killed.own_folders();
    killed.child.kill().unwrap();
    killed.child.wait().unwrap();
    let folder = killed.take_folder();
    std::fs::create_dir(folder.path().join("sidethread-demo-1-starting")).unwrap();
    std::os::unix::fs::symlink("/", folder.path().join("sidethread-demo-1-link")).unwrap();
    assert!(left[0].exists());
    let next = Demo::start_in(folder, &["--listen", "127.0.0.1:0"]).await;
    assert!(!left[0].exists());
    let folder = next.folder().to_owned();
    let mut beside = Command::new(env!("CARGO_BIN_EXE_sidethread"))
        .args(["demo", "--listen", "127.0.0.1:0", "--empty"])
        .env("TMPDIR", &folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // It says something once it runs.
    let mut out = beside.stdout.take().unwrap();
    assert_eq!(std::io::Read::read(&mut out, &mut [0]).unwrap(), 1);
    assert!(Command::new("kill").arg(beside.id().to_string()).status().unwrap().success());
    std::io::copy(&mut out, &mut std::io::sink()).unwrap();
    assert_eq!(beside.wait().unwrap().code(), Some(0));
    let of_next = || next.own_folders().into_iter().filter(|path| path.join("lock").exists()).count();
    assert_eq!(of_next(), 1);
    assert!(folder.join("sidethread-demo-1-starting").exists());
    next.until_up().await;
    let folder = next.stop().await;
    let names = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
    names.sort();
    assert_eq!(names, ["err", "out", "sidethread-demo-1-link", "sidethread-demo-1-starting"]);
}
