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

    let refused = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_sidethread"))
            .arg("demo")
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    let said = refused(&[&keep[..], &["--listen", "127.0.0.1:1"]].concat());
    assert!(said.contains(&base_url["http://".len()..]), "{said}");
    let said = refused(&[&keep[..], &["--empty"]].concat());
    assert!(said.contains("holds a firm already"), "{said}");
    std::fs::remove_file(folder.join("sandbox.json")).unwrap();
    let said = refused(&keep);
    assert!(said.contains("a bridge that is no demo's"), "{said}");
    std::fs::write(folder.join("sandbox.json"), "{\"listen\": 7").unwrap();
    let said = refused(&keep);
    assert!(said.contains("does not read"), "{said}");
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
