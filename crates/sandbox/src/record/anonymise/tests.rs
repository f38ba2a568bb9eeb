use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use serde_json::json;

use super::*;

static FIRM: LazyLock<Sandbox> =
    LazyLock::new(|| Sandbox::new("http://127.0.0.1:1", Arc::new(|| 1_750_000_000_000), 7));
static ONE: LazyLock<Anonymiser> = LazyLock::new(|| Anonymiser::of(&FIRM));

fn words(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !c.is_alphabetic()).map(str::to_lowercase);
    words.filter(|word| word.chars().count() >= 4).collect()
}

/// A word with a vowel in it, as words have, and as no stand-in does.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[A-Za-z]{0,6}[aeiou][a-z]{2,8}",
        1 => "[àâäéèêëîïôöùûüçñ]{5,9}",
        1 => "[А-Яа-я]{6,12}",
        1 => "[α-ω]{6,10}",
        1 => "[ぁ-ん]{6,9}",
        1 => "[一-龥]{6,9}",
        1 => "[א-ת]{6,9}",
    ]
}

fn piece() -> impl Strategy<Value = String> {
    let of = |before: &'static str, after: &'static str| {
        word().prop_map(move |word| format!("{before}{word}{after}")).boxed()
    };
    prop_oneof![
        6 => word(),
        1 => of("*", "*"), 1 => of("_", "_"), 1 => of("```", "```"), 1 => of(":", ":"), 1 => of("@", " "), 1 => of("#", ""),
        1 => of("<https://", ".example/a|b>"), 1 => of("https://", ".example/?q=1#x"), 1 => of("<@U0WANJIRU01|", ">"),
        1 => of("<#C0SUPPORT01|", ">"), 1 => of("<!subteam^S0123|@", ">"), 1 => of("<a href=\"https://x.example/", "\">"),
        1 => of("<p title='", "'>"), 1 => of("<p ", ">"), 1 => of("<", ">"), 1 => of("&", ";"), 1 => of("a.b-", "@mail.example"),
        1 => of("someone@", ".example"), 1 => of("<mailto:", "@x.example|y>"), 1 => of("", "@slack.acme.example"),
        1 => Just("\r\n\n".to_owned()), 1 => Just(":tada:".to_owned()), 1 => Just("👩🏽‍🚒".to_owned()), 1 => "[0-9]{1,9}",
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(piece(), 1..12).prop_map(|pieces| pieces.join(" "))
}

/// All that is text in a form, in JSON and around them.
fn asked(text: &str) -> Vec<Asked> {
    let of = |path: &str, body: Body| Asked { method: "POST".into(), path: path.into(), body, ..Asked::default() };
    let pair = |name: &str| (name.to_owned(), text.to_owned());
    // Single words too: a field of a vendor's may have one of its own.
    let word = text.split(' ').next().unwrap_or_default();
    let kept = json!({text: {"user": word}, "state": [word, text]});
    let typed_json = json!({"user": word, text: word, "status": word}).to_string();
    let multipart = format!(
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}.pdf\"\r\n\r\n{text}\r\n--b\r\n\
         Content-Disposition: form-data; name=\"text\"\r\n\r\n{text}\r\n--b--\r\n",
        name = text.replace(['"', '\r', '\n'], "")
    );
    vec![
        of("/sandbox/slack/say", Body::Form(vec![pair("text"), pair("message"), pair("subject"), pair("to")])),
        of("/sandbox/slack/command", Body::Form(vec![pair("text")])),
        of("/sandbox/slack/say", Body::Form(vec![("text".into(), typed_json.clone()), ("blocks".into(), typed_json)])),
        of(
            "/slack/api/chat.postMessage",
            Body::Form(vec![
                ("metadata".into(), json!({"event_type": text, "event_payload": kept}).to_string()),
                ("blocks".into(), json!([{"type": "section", "text": {"type": "mrkdwn", "text": text}}]).to_string()),
                ("text".into(), kept.to_string()),
            ]),
        ),
        of(
            "/zendesk/api/v2/tickets/35436",
            Body::Json(json!({"external_ids": kept, "ticket": {"metadata": {"custom": kept}}})),
        ),
        of(
            "/zendesk/api/v2/tickets/35436/side_conversations",
            Body::Json(json!({"message": {"subject": text, "html_body": text, "to": [{"email": text, "name": text}]},
                "comment": {"body": text}, "tags": [text], "channel": format!("#{text}"), "blocks": [{"type": "section",
                "text": {"type": "mrkdwn", "text": text}}]})),
        ),
        of("/slack/upload/v1/x", Body::Text(text.to_owned())),
        of("/slack/upload/v1/x", Body::of("multipart/form-data; boundary=b", multipart.as_bytes())),
        Asked {
            query: vec![pair("filename"), pair("query")],
            headers: vec![("authorization".into(), format!("Bearer {text}")), pair("idempotency-key")],
            ..of("/zendesk/api/v2/uploads", Body::Bytes(STANDARD.encode(text)))
        },
    ]
}

proptest! {
    #[test]
    fn no_word_survives(text in text()) {
        let known = words("https http mailto subteam wanjiru support href title tada slack acme example here \
            section mrkdwn channel text blocks comment body message subject html email name tags type ticket metadata \
            event payload custom external");
        let before: BTreeSet<String> = words(&text).difference(&known).cloned().collect();
        let hidden = ONE.text(&text);
        let kept: Vec<String> = words(&hidden).intersection(&before).cloned().collect();
        prop_assert_eq!(kept, Vec::<String>::new(), "{}", hidden);
        for asked in asked(&text) {
            let line = ONE.line(Line { at: 0, what: What::Asked(asked.clone()) });
            let What::Asked(hidden) = line.what else { unreachable!() };
            let mut shown = format!("{:?} {:?}", hidden.query, hidden.headers);
            shown.push_str(&String::from_utf8_lossy(&match &hidden.body {
                Body::Form(fields) => format!("{fields:?}").into_bytes(),
                body => body.bytes().to_vec(),
            }));
            let kept: Vec<_> = words(&shown).intersection(&before).cloned().collect();
            prop_assert_eq!(kept, Vec::<String>::new(), "{}", shown);
            prop_assert_eq!(hidden.body.bytes().len(), asked.body.bytes().len());
        }
        let made = Item { name: format!("side/35436/{}@x.example#1", "someone"), says: Some(text.clone()) };
        let What::Made(made) = ONE.line(Line { at: 0, what: What::Made(made) }).what else { unreachable!() };
        prop_assert_eq!(words(&format!("{made:?}")).intersection(&before).count(), 0, "{:?}", made);
        prop_assert!(!made.name.contains("someone"), "{}", made.name);
    }

    #[test]
    fn the_shape_stays(text in text()) {
        let hidden = ONE.text(&text);
        prop_assert_eq!(&hidden, &ONE.text(&text), "the same each time");
        if !text.contains('@') {
            prop_assert_eq!(shape(&hidden), shape(&text));
            prop_assert_eq!(hidden.len(), text.len(), "{}", hidden);
        }
    }

    #[test]
    fn anything_is_taken(text in "\\PC*") {
        ONE.text(&text);
        ONE.text(&format!("⟦{text}<{text}>{text}⟧"));
        shape(&text);
    }
}

#[test]
fn what_is_no_word_stays() {
    for same in [
        ":tada: 12 &amp; &#39; 🎉 <!here> <@U0WANJIRU01>",
        "support-engineering@slack.acme.example",
        "marta@acme.example",
        "⟦C0SUPPORT01/U0SANDBOT1#1/only for U0MARTA0001/U0SANDBOT1#2⟧",
        "<p><br/></p>\r\n\r\n",
    ] {
        assert_eq!(ONE.text(same), same);
    }
    assert_eq!(ONE.text("@wanjiru?"), "<@U0WANJIRU01>?", "as the page would make it");
    let hidden = ONE.text("Hello Hello hello HELLO");
    let words: Vec<&str> = hidden.split(' ').collect();
    assert_eq!((words[0], words[0].to_lowercase().as_str()), (words[1], words[2]));
    assert_eq!(words[3], words[2].to_uppercase());
    let another = Anonymiser::of(&FIRM);
    assert_ne!(another.text("parcels and customers"), ONE.text("parcels and customers"), "each has a key of its own");
}

#[test]
fn numbers_are_hidden_however_they_are_written() {
    for number in [
        "06 12 34 56 78",
        "12/03/85",
        "(0)6-12.34",
        "+33 6 12",
        "٣٤٥",
        "１２３４",
        "&#74;&#x6f;&#101",
        "4 11",
        "6, 12; 34",
    ] {
        let hidden = ONE.text(number);
        assert_ne!(hidden, number);
        assert_eq!(shape(&hidden).replace(['x', 'X'], "0"), shape(number).replace(['x', 'X'], "0"), "{number}");
    }
    for between in [",", "_", "\t", "\n", ";", ":", "|", "\u{200b}"] {
        let hidden = ONE.text(&["06", "12", "34"].join(between));
        assert_eq!(hidden, ONE.text("06 12 34").replace(' ', between), "it is one number with {between:?} too");
    }
    for same in ["1.5", "7", "12 of 30", "&#39;&#8217;&#x20;", "½"] {
        let hidden = ONE.text(same);
        assert_eq!(shape(&hidden), shape(same));
        assert_eq!(hidden.replace(char::is_alphabetic, ""), same.replace(char::is_alphabetic, ""));
    }
}

#[test]
fn an_id_that_nobody_has_is_a_word() {
    for same in ["<@U0WANJIRU01>", "<#C0SUPPORT01|support-engineering>", "<@⟦answer 1/user/id⟧>"] {
        assert_eq!(&ONE.text(same)[..14], &same[..14]);
    }
    for text in ["<@KOWALSKA>", "<#KOWALSKA|x>", "<!subteam^KOWALSKA>", "<!subteam^KOWALSKA|@x>"] {
        let hidden = ONE.text(text);
        assert!(!hidden.contains("KOWALSKA"), "{hidden}");
        assert_eq!(shape(&hidden), shape(text));
    }
}

#[test]
fn a_number_of_a_letter_may_be_as_long_as_it_likes() {
    for text in [format!("&#{};", "0".repeat(70_000) + "74"), format!("&#x{}", "0".repeat(70_000) + "6f")] {
        assert_eq!(ONE.text(&text).len(), text.len());
    }
}

#[test]
fn markup_hides_no_words() {
    for (text, gone) in [
        ("<!date^1392734382^Posted by Jurgen {date_num}|Feb>", "Jurgen"),
        ("<!subteam^Jurgen>", "Jurgen"),
        ("<p style=\"font-family:Jurgen\" class='Jurgen x'>", "Jurgen"),
        ("<code class=\"language-Jurgen\">", "Jurgen"),
    ] {
        let hidden = ONE.text(text);
        assert!(!hidden.contains(gone), "{hidden}");
        assert_eq!(hidden.len(), text.len(), "{hidden}");
    }
    assert!(ONE.text("<!date^1392734382^At {date_num}|x>").contains("{date_num}"));
    assert!(ONE.text("<p dir=\"ltr\">").contains("ltr"));
    assert!(ONE.text("<code class=\"language-rust\">").contains("\"language-"));
}

#[test]
fn what_passes_a_machine_is_hidden_as_well() {
    let hidden = |path: &str, body: Body| {
        let asked = Asked { path: path.into(), body, ..Asked::default() };
        let What::Asked(asked) = ONE.line(Line { at: 0, what: What::Asked(asked) }).what else { unreachable!() };
        String::from_utf8(asked.body.bytes().to_vec()).unwrap()
    };
    let form = |text: &str| Body::of("application/x-www-form-urlencoded", text.as_bytes());
    let kill = hidden("/sandbox/bridge/kill", form("channel=C0SUPPORT01&find=Kowalska"));
    assert!(kill.starts_with("channel=C0SUPPORT01&find=") && !kill.contains("Kowalska"), "{kill}");
    let grant = hidden("/zendesk/oauth/tokens", form("grant_type=password&username=kowalska&code=abcdef"));
    assert!(grant.starts_with("grant_type=password&username="), "{grant}");
    assert!(!grant.contains("kowalska") && !grant.contains("abcdef"), "{grant}");
    let rules = json!([{"vendor": "zendesk", "call": "POST …/reply", "fault": "latency", "ms": 1500}]);
    assert_eq!(hidden("/sandbox/faults", Body::Json(rules.clone())), rules.to_string());
    let fields = json!({"ticket": {"id": 35436, "custom_fields": [{"id": 1234, "value": 66123456}], "Jean Dupont": 1}});
    let fields = hidden("/zendesk/api/v2/tickets", Body::Json(fields));
    assert!(fields.contains("35436") && fields.contains("1234}") | fields.contains("1234,"), "{fields}");
    assert!(!fields.contains("66123456") && !fields.contains("Dupont"), "{fields}");
    let upload = hidden("/slack/upload/v1/x", Body::of_file("application/x-www-form-urlencoded", b"Dear Jean=&1"));
    assert_eq!(upload, "x".repeat(12));
}

#[test]
fn the_ending_of_a_file_is_no_name() {
    assert!(ONE.file_name("Letter.PDF").ends_with(".PDF"));
    assert!(!ONE.file_name("Letter to J.Doe").ends_with("Doe"));
}

#[test]
fn what_a_replay_needs_stays() {
    let form = |path: &str, fields: &[(&str, &str)]| {
        let fields = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let asked = Asked { path: path.into(), body: Body::Form(fields), ..Asked::default() };
        let What::Asked(asked) = ONE.line(Line { at: 0, what: What::Asked(asked) }).what else { unreachable!() };
        let Body::Form(fields) = asked.body else { unreachable!() };
        fields.into_iter().map(|(_, value)| value).collect::<Vec<String>>()
    };
    let bones = [
        ("channel", "C0SUPPORT01"),
        ("person", "U0PRIYA0001"),
        ("what", "⟦a/b#1⟧ white_check_mark"),
        ("agent", "12345"),
    ];
    assert_eq!(form("/sandbox/slack/react", &bones), bones.map(|(_, value)| value));
    assert_eq!(form("/sandbox/slack/command", &[("text", "list")]), ["list"]);
    for typed in ["LIST", "Help", " list ", "help"] {
        assert_eq!(form("/sandbox/slack/command", &[("text", typed)]), [typed]);
    }
    assert_ne!(form("/sandbox/slack/command", &[("text", "lost")]), ["lost"]);
    assert_eq!(form("/sandbox/faults/on", &[("fault", "dropped_after")]), ["dropped_after"]);
    assert_ne!(form("/slack/api/chat.postMessage", &[("channel", "#secrets")]), ["#secrets"]);
    assert_eq!(form("/slack/api/chat.postMessage", &[("channel", "#billing")]), ["#billing"]);
    assert_eq!(
        ONE.path("/zendesk/api/v2/tickets/35436/⟦side/1#1⟧/reply"),
        "/zendesk/api/v2/tickets/35436/⟦side/1#1⟧/reply"
    );
    assert!(!ONE.path("/slack/files/J%C3%BCrgen%20Secret.pdf").contains("Secret"));
    assert!(ONE.path("/slack/files/J%C3%BCrgen").contains("%C3%BC"));
}

#[test]
fn json_that_somebody_typed_is_a_text_like_any_other() {
    let typed = r#"{"user": "kowalska", "status": "divorced"}"#;
    let hidden = |path: &str, field: &str| {
        let body = Body::Form(vec![(field.to_owned(), typed.to_owned())]);
        let asked = Asked { path: path.into(), body, ..Asked::default() };
        let What::Asked(asked) = ONE.line(Line { at: 0, what: What::Asked(asked) }).what else { unreachable!() };
        let Body::Form(fields) = asked.body else { unreachable!() };
        fields[0].1.clone()
    };
    for (path, field) in
        [("/sandbox/slack/say", "text"), ("/slack/api/chat.postMessage", "text"), ("/sandbox/zendesk/reply", "message")]
    {
        let hidden = hidden(path, field);
        assert_eq!(shape(&hidden), shape(typed));
        for word in ["user", "kowalska", "status", "divorced"] {
            assert!(!hidden.contains(word), "{hidden}");
        }
    }
}

#[test]
fn the_name_of_a_number_stays_one() {
    let body = Body::Json(json!({"ticket_id": "⟦#ticket/20#1⟧", "problem_id": "⟦#ticket/20#2⟧"}));
    let asked = Asked { path: "/zendesk/api/v2/tickets".into(), body: body.clone(), ..Asked::default() };
    let What::Asked(asked) = ONE.line(Line { at: 0, what: What::Asked(asked) }).what else { unreachable!() };
    assert_eq!(asked.body, body);
}
