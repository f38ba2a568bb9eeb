//! The content model from outside: tables of input and output, and what must hold for any input.

use proptest::prelude::*;
use serde_json::{Value, json};
use sidethread_bridge::content::{Block, Doc, Inline, Names, Style, escape_html, escape_mrkdwn, text_hash};
use sidethread_bridge::ids::{ChannelId, SlackUserId};

struct People;

impl Names for People {
    fn user(&self, id: &SlackUserId) -> Option<String> {
        (id.as_str() == "U1").then(|| String::from("Ada <Lovelace>"))
    }

    fn channel(&self, id: &ChannelId) -> Option<String> {
        (id.as_str() == "C1").then(|| String::from("help"))
    }
}

fn mrkdwn(doc: &Doc) -> String {
    doc.to_mrkdwn(3000).join("\n-- part --\n")
}

fn from_html(html: &str) -> Doc {
    Doc::from_zendesk(Some(html), None)
}

fn section(elements: Value) -> Value {
    json!([{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}])
}

/// Compares the rows of a table, and names every one that differs.
fn check<const N: usize>(rows: [(&str, String, String); N]) {
    let wrong: Vec<_> = rows.into_iter().filter(|(_, found, expected)| found != expected).collect();
    assert!(wrong.is_empty(), "(input, found, expected): {wrong:#?}");
}

#[test]
fn zendesk_html_becomes_mrkdwn() {
    let table = [
        ("", ""),
        ("<div class=\"zd-comment\" dir=\"auto\"><p dir=\"auto\">Some comment</p></div>", "Some comment"),
        ("<div class=\"zd-comment\">a<br>b</div>", "a\nb"),
        ("<p>a</p><p>b</p>", "a\n\nb"),
        ("<div>a</div><div>b</div><div><br></div><div>c</div>", "a\nb\n\nc"),
        ("<div>a<br></div><div>b</div>", "a\nb"),
        ("a<br><br><br>b", "a\n\nb"),
        ("<p>&nbsp;</p><p>x</p><p>\u{200b}</p>", "x"),
        ("  a \n\t b  ", "a b"),
        ("a&nbsp;&nbsp;b", "a  b"),
        ("<b>bold</b> <i>it</i> <s>no</s> <code>c</code>", "*bold* _it_ ~no~ `c`"),
        ("<strong>a</strong><em>b</em>", "*a*\u{200b}_b_"),
        ("a<b> b </b>c", "a *b* c"),
        ("un<b>believ</b>able", "un\u{200b}*believ*\u{200b}able"),
        ("<b>x</b>, y", "*x*, y"),
        ("<b><i>both</b></i> none", "*_both_* none"),
        ("<b>2*3</b>", "2*3"),
        ("<code>a`b</code>", "a`b"),
        ("```", "``\u{200b}`"),
        ("<b>a<br>b</b>", "*a*\n*b*"),
        ("<h2>Title</h2><p>text</p>", "*Title*\n\ntext"),
        ("<ul><li>a</li><li>b<ul><li>c</li></ul></li></ul>", "• a\n• b\n    • c"),
        ("<ul><li>a</li><ul><li>c</li></ul></ul>", "• a\n    • c"),
        ("<ul><li>a<li>b</ul>c", "• a\n• b\n\nc"),
        ("<ol start=3><li>a</li><li><p>b</p><p>c</p></li></ol>", "3. a\n4. b\n  c"),
        ("<p>To do:</p><ul><li>a</li></ul>", "To do:\n• a"),
        ("<blockquote>a<br>b</blockquote>c", "> a\n> b\nc"),
        ("<blockquote><p>a</p><p>b</p></blockquote>", "> a\n>\n> b"),
        ("<blockquote><ul><li>a</li></ul></blockquote>", "> • a"),
        ("<blockquote><pre>a\n  b</pre></blockquote>", "> `a`\n>   `b`"),
        ("<pre>\n  x &lt; y\n\nz\n</pre>", "```\n  x &lt; y\n\nz\n```"),
        ("<pre>a```b</pre>", "```\na``\u{200b}`b\n```"),
        ("<ul><li><pre>x</pre></li></ul>", "•\n```\nx\n```"),
        ("<hr>a", "———\n\na"),
        ("<a href=\"https://x.test/?a=1&amp;b=2\">see</a>", "<https://x.test/?a=1&amp;b=2|see>"),
        ("<a href=\"https://x.test/\">https://x.test/</a>", "<https://x.test/>"),
        ("<a href='mailto:a@b.test'>mail</a>", "<mailto:a@b.test|mail>"),
        ("<a href=\"https://x.test/a|b c>d\">t|u</a>", "<https://x.test/a%7Cb%20c%3Ed|t¦u>"),
        ("<a href=\"javascript:alert(1)\">t</a>", "t"),
        ("<a href=\" java\nscript:alert(1)\">t</a>", "t"),
        ("<a href=\"/relative\">t</a>", "t"),
        ("<a href=https://x.test>a <b>b</b></a>", "<https://x.test|a> *<https://x.test|b>*"),
        ("<img src=\"https://x.test/a.png\" alt=\"a cat\">", "<https://x.test/a.png|[image: a cat]>"),
        ("<img src=\"cid:1\">", "[image]"),
        ("<img src=\"https://x.test/pixel\" width=1 height=1>", ""),
        ("<a href=https://x.test><img src=cid:1 alt=Logo></a>", "<https://x.test|[image: Logo]>"),
        ("<style>p{}</style><script>if (a < b) alert('</p>')</script><title>t</title>x", "x"),
        ("<!-- <p>no</p> --><!doctype html><![endif]>x", "x"),
        ("1 < 2 && 3 > 2", "1 &lt; 2 &amp;&amp; 3 &gt; 2"),
        ("&lt;!channel&gt; &lt;@U123&gt; <!channel>", "&lt;!channel&gt; &lt;@U123&gt;"),
        ("&eacute;&#8364;&#x1F600;&#128;&hellip;&unknown;&amp;lt;", "é€😀€…&amp;unknown;&amp;lt;"),
        ("<p title=\"a>b\">x</p>", "x"),
        ("<p title=it's>x</p>y", "x\n\ny"),
        ("&gt; not a quote", "\u{200b}&gt; not a quote"),
        (
            "<table><tr><th>k</th><th>value</th></tr><tr><td>longer</td><td>2</td></tr></table>",
            "```\nk      | value\nlonger | 2\n```",
        ),
        ("<table><tr><td><p>a</p><ul><li>b</li></ul></td></tr></table>", "a\n• b"),
        ("<table><tr><td>one</td></tr><tr><td>two</td></tr></table>", "one\n\ntwo"),
        ("<table><tr><td><table><tr><td>a<td>b<tr><td>c<td>d</table></td></tr></table>", "```\na | b\nc | d\n```"),
        ("<b>a<table><tr><td>x</td><td>y</td></tr></table>", "*a*\n\nx\n\ny"),
        ("</div></ul></table></b>x</td>", "x"),
        ("<p>end", "end"),
        ("<p>end <a href=\"", "end"),
    ];
    check(table.map(|(html, expected)| (html, mrkdwn(&from_html(html)), expected.to_owned())));
}

#[test]
fn the_plain_body_stands_in_for_empty_html() {
    let doc = Doc::from_zendesk(Some("<div class=\"zd-comment\"><br></div>"), Some("a&nbsp;b\n\nc < d"));
    assert_eq!(mrkdwn(&doc), "a b\n\nc &lt; d");
    assert!(Doc::from_zendesk(None, None).is_empty());
}

#[test]
fn slack_text_becomes_html() {
    let link = |url: &str, text: &str| format!("<a href=\"{url}\" rel=\"noopener noreferrer\">{text}</a>");
    let table = [
        ("hello", String::from("<p>hello</p>")),
        ("a\nb\n\nc", String::from("<p>a<br>b</p><p>c</p>")),
        ("*b* _i_ ~s~ `c`", String::from("<p><strong>b</strong> <em>i</em> <del>s</del> <code>c</code></p>")),
        ("*_both_*", String::from("<p><strong><em>both</em></strong></p>")),
        ("snake_case_name 2*3*4", String::from("<p>snake_case_name 2*3*4</p>")),
        ("* not bold *", String::from("<p>* not bold *</p>")),
        ("`*raw*`", String::from("<p><code>*raw*</code></p>")),
        ("a &lt;b&gt; &amp;amp;", String::from("<p>a &lt;b&gt; &amp;amp;</p>")),
        ("<https://x.test/?a=1&amp;b=2|see>", format!("<p>{}</p>", link("https://x.test/?a=1&amp;b=2", "see"))),
        ("<https://x.test>", format!("<p>{}</p>", link("https://x.test", "https://x.test"))),
        ("*<https://x.test|b>*", format!("<p>{}</p>", link("https://x.test", "<strong>b</strong>"))),
        ("<mailto:a@b.test|a@b.test>", format!("<p>{}</p>", link("mailto:a@b.test", "a@b.test"))),
        ("<javascript:alert(1)|t>", String::from("<p>t</p>")),
        ("<tel:123|call>", String::from("<p>call (123)</p>")),
        ("<@U1> <@U9|nine>", String::from("<p>@Ada &lt;Lovelace&gt; @nine</p>")),
        ("<#C1> <#C2|ops> <#C3>", String::from("<p>#help #ops a private channel</p>")),
        ("<!subteam^S1|@team> <!subteam^S2>", String::from("<p>@team a group</p>")),
        ("<!here> <!channel|channel>", String::from("<p>@here @channel</p>")),
        ("<!date^1392734382^{date}|Feb 18>", String::from("<p>Feb 18</p>")),
        ("<!date^1^{date}^https://x.test|Feb 18>", format!("<p>{}</p>", link("https://x.test", "Feb 18"))),
        ("<!new^1|label>", String::from("<p>label</p>")),
        ("open < end", String::from("<p>open &lt; end</p>")),
        (":wave: hi", String::from("<p>👋 hi</p>")),
        ("&gt; q1\n&gt; q2\nafter", String::from("<blockquote><p>q1<br>q2</p></blockquote><p>after</p>")),
        ("&gt;&gt;&gt;all\nof it", String::from("<blockquote><p>all<br>of it</p></blockquote>")),
        (
            "see\n```let x = 1 &lt; 2;\n  y```\nok",
            String::from("<p>see</p><pre><code>let x = 1 &lt; 2;\n  y</code></pre><p>ok</p>"),
        ),
        ("```<https://x.test|x.test>```", String::from("<pre><code>x.test</code></pre>")),
        ("``` open", String::from("<p>``` open</p>")),
        ("a  b", String::from("<p>a &nbsp;b</p>")),
        ("\"q\" 'a'", String::from("<p>&quot;q&quot; &#39;a&#39;</p>")),
    ];
    check(table.map(|(text, expected)| (text, Doc::from_slack(text, None, None).to_html(&People), expected)));
}

#[test]
fn slack_rich_text_becomes_html() {
    let list = |style: &str, indent: u32, offset: u32, border: u32, items: &[&str]| {
        let item = |text: &&str| json!({"type": "rich_text_section", "elements": [{"type": "text", "text": text}]});
        json!({"type": "rich_text_list", "style": style, "indent": indent, "offset": offset, "border": border,
               "elements": items.iter().map(item).collect::<Vec<_>>()})
    };
    let rich = |elements: Value| json!([{"type": "rich_text", "elements": elements}]);
    let text = |kind: &str, text: &str| json!({"type": kind, "elements": [{"type": "text", "text": text}]});
    let table = [
        ("text", section(json!([{"type": "text", "text": "a <b> & c\nd"}])), "<p>a &lt;b&gt; &amp; c<br>d</p>"),
        (
            "styles",
            section(json!([{"type": "text", "text": "x", "style": {"bold": true, "italic": true, "underline": true}},
                           {"type": "text", "text": "y", "style": {"strike": true, "code": true}}])),
            "<p><strong><em>x</em></strong><del><code>y</code></del></p>",
        ),
        (
            "link",
            section(json!([{"type": "link", "url": "https://x.test", "text": "x", "style": {"italic": true}}])),
            "<p><a href=\"https://x.test\" rel=\"noopener noreferrer\"><em>x</em></a></p>",
        ),
        ("unsafe link", section(json!([{"type": "link", "url": "javascript:1", "text": "x"}])), "<p>x</p>"),
        (
            "mentions",
            section(json!([{"type": "user", "user_id": "U1"}, {"type": "text", "text": " "},
                           {"type": "channel", "channel_id": "C1"}, {"type": "text", "text": " "},
                           {"type": "usergroup", "usergroup_id": "S1"}, {"type": "text", "text": " "},
                           {"type": "team", "team_id": "T1"}, {"type": "text", "text": " "},
                           {"type": "broadcast", "range": "here"}])),
            "<p>@Ada &lt;Lovelace&gt; #help a group @T1 @here</p>",
        ),
        (
            "emoji",
            section(json!([{"type": "emoji", "name": "wave", "unicode": "1f44b-1f3fc", "skin_tone": 3},
                           {"type": "emoji", "name": "party-parrot"}, {"type": "emoji", "name": "odd", "unicode": "zz"}])),
            "<p>👋🏼:party-parrot::odd:</p>",
        ),
        (
            "date, colour, message",
            section(json!([{"type": "date", "timestamp": 1, "fallback": "then"}, {"type": "text", "text": " "},
                           {"type": "date", "timestamp": 1766458031}, {"type": "text", "text": " "},
                           {"type": "color", "value": "#ff0000"}, {"type": "text", "text": " "},
                           {"type": "message_mention", "url": "https://x.slack.test/p1"}])),
            "<p>then 2025-12-23 02:47 UTC #ff0000 \
             <a href=\"https://x.slack.test/p1\" rel=\"noopener noreferrer\">message</a></p>",
        ),
        (
            "unknown inline",
            section(
                json!([{"type": "text", "text": "a "}, {"type": "sparkle", "fallback": "shiny"}, {"type": "void"}]),
            ),
            "<p>a shiny</p><p>fallback</p>",
        ),
        (
            "nested lists",
            rich(json!([
                list("bullet", 0, 0, 0, &["a"]),
                list("ordered", 1, 0, 0, &["b", "c"]),
                list("bullet", 2, 0, 0, &["d"]),
                list("ordered", 1, 2, 0, &["e"]),
                list("bullet", 0, 0, 0, &["f"])
            ])),
            "<ul><li>a<ol><li>b</li><li>c<ul><li>d</li></ul></li><li>e</li></ol></li><li>f</li></ul>",
        ),
        (
            "a list that starts deep, and one that goes on",
            rich(json!([
                list("ordered", 3, 4, 0, &["a"]),
                text("rich_text_section", "mid"),
                list("ordered", 0, 1, 0, &["b"])
            ])),
            "<ol start=\"5\"><li>a</li></ol><p>mid</p><ol start=\"2\"><li>b</li></ol>",
        ),
        (
            "quote with a list and code in it",
            rich(json!([text("rich_text_quote", "q\nr"), list("bullet", 0, 0, 1, &["a"]),
                        {"type": "rich_text_preformatted", "border": 1, "elements": [{"type": "text", "text": "x\n y"}]},
                        list("bullet", 0, 0, 0, &["b"])])),
            "<blockquote><p>q<br>r</p><ul><li>a</li></ul><pre><code>x\n y</code></pre></blockquote><ul><li>b</li></ul>",
        ),
        (
            "code",
            rich(json!([{"type": "rich_text_preformatted", "language": "rust", "elements": [
                {"type": "text", "text": "let x = 1; // "}, {"type": "link", "url": "https://x.test"}]}])),
            "<pre><code>let x = 1; // https://x.test</code></pre>",
        ),
        (
            "unknown top element",
            rich(json!([{"type": "rich_text_new", "elements": [{"type": "text", "text": "kept"}]}])),
            "<p>kept</p>",
        ),
        ("broken rich text", json!([{"type": "rich_text", "elements": 3}]), "<p>fallback</p>"),
        ("another block", json!([{"type": "section", "text": {"type": "mrkdwn", "text": "yes"}}]), "<p>yes</p>"),
        (
            "a table",
            json!([{"type": "table", "rows": [[{"type": "raw_text", "text": "a"}, {"type": "raw_number", "value": 2}],
                [{"type": "rich_text", "elements": [text("rich_text_section", "c")]}, {"type": "raw_text", "text": " "}]]}]),
            "<table><tr><td>a</td><td>2</td></tr><tr><td>c</td><td></td></tr></table>",
        ),
    ];
    check(table.map(|(name, blocks, expected)| {
        (name, Doc::from_slack("fallback", Some(&blocks), None).to_html(&People), expected.to_owned())
    }));
    let section = json!([{"type": "section", "text": {"type": "mrkdwn", "text": "*only* here"}}, {"type": "divider"}]);
    let doc = Doc::from_slack("", Some(&section), None);
    assert_eq!(doc.to_html(&People), "<p><strong>only</strong> here</p><hr>");
}

#[test]
fn slack_attachments_keep_what_a_person_attached() {
    let cell = |text: &str| json!({"type": "raw_text", "text": text});
    let rows = json!([[cell("a"), cell("b")], [cell("c"), cell("d")]]);
    let table = [
        (
            "pasted table",
            json!([{"id": 1, "fallback": "[no preview available]", "blocks": [{"type": "table", "rows": rows}]}]),
            "hi\n\n- a | b - c | d",
        ),
        (
            "forwarded message",
            json!([{"is_msg_unfurl": true, "author_name": "Grace", "text": "see *this*", "from_url": "https://x.slack.test/p1",
                    "channel_id": "C1", "ts": "1766458031.859009"}]),
            "hi\n\n> Grace (https://x.slack.test/p1)\n>\n> see this",
        ),
        ("preview of a link", json!([{"from_url": "https://x.test", "title": "X", "text": "about"}]), "hi"),
        (
            "an app's words",
            json!([{"title": "T", "title_link": "https://x.test", "text": "t", "fields": [{"title": "k", "value": "v"}]}]),
            "hi\n\n> T (https://x.test)\n>\n> t\n>\n> k: v",
        ),
        ("fallback", json!([{"fallback": "words"}]), "hi\n\n> words"),
        ("nothing", json!([{}, 3, null, {"fallback": "[no preview available]"}]), "hi"),
    ];
    check(table.map(|(name, attachments, expected)| {
        let found = Doc::from_slack("hi", None, Some(&attachments)).to_plain(&People);
        (name, found, expected.replace("- a | b - c | d", "a | b\nc | d"))
    }));
}

#[test]
fn plain_text_keeps_the_shape() {
    let html = "<h1>T</h1><p>a<br><a href=\"https://x.test\">b</a></p><ol><li>one<ul><li>two</li></ul></li><li><p>x</p><p>y</p>\
                </li></ol><blockquote><p>q</p><blockquote>r</blockquote></blockquote><pre>c\n d</pre>";
    let expected = "T\n\na\nb (https://x.test)\n1. one\n   - two\n2. x\n\n   y\n\n> q\n>\n> > r\n\nc\n d";
    assert_eq!(from_html(html).to_plain(&People), expected);
}

#[test]
fn slack_to_slack_mentions_people_and_rings_nobody_else() {
    let doc = Doc::from_slack("<@U1> <#C1|help> <!subteam^S1|@team> <!channel>", None, None);
    assert_eq!(doc.to_mrkdwn(3000), ["<@U1> <#C1> @team @channel"]);
    assert_eq!(doc.people().into_iter().collect::<Vec<_>>(), [SlackUserId::new("U1")]);
    let odd = Doc {
        blocks: vec![Block::Paragraph(vec![Inline::User { id: SlackUserId::new("U1> <!channel"), name: None }])],
    };
    assert_eq!(odd.to_mrkdwn(3000), ["@U1&gt; &lt;!channel"]);
}

#[test]
fn a_long_text_is_split_at_blocks_lines_words_and_characters() {
    let paragraph = |c: &str, words: usize| format!("<p>{}</p>", vec![c.repeat(9); words].join(" "));
    let parts = from_html(&(paragraph("a", 5) + &paragraph("b", 5) + &paragraph("c", 5))).to_mrkdwn(110);
    assert_eq!(parts.len(), 2, "{parts:#?}");
    assert!(parts[0].ends_with("bbb") && parts[1].starts_with("ccc"));

    let parts = from_html(&format!("<b>{}</b>", vec!["word"; 50].join(" "))).to_mrkdwn(100);
    assert!(parts.iter().all(|part| part.starts_with("*word") && part.ends_with("word*")), "{parts:#?}");

    let parts = from_html(&format!("<pre>{}</pre>", vec!["let x = 1;"; 30].join("\n"))).to_mrkdwn(100);
    assert!(parts.iter().all(|part| part.starts_with("```\nlet") && part.ends_with(";\n```")), "{parts:#?}");

    let parts = from_html(&format!("<blockquote>{}</blockquote>", vec!["word"; 50].join(" "))).to_mrkdwn(100);
    assert!(parts.len() > 2 && parts.iter().all(|part| part.starts_with("> word")), "{parts:#?}");

    let parts = from_html(&format!("<ul><li>{}</li></ul>", vec!["word"; 50].join(" "))).to_mrkdwn(100);
    assert!(parts[0].starts_with("• word") && parts[1].starts_with("  word"), "{parts:#?}");

    let parts = Doc::plain(&"x".repeat(1000)).to_mrkdwn(100);
    assert_eq!(parts.concat(), "x".repeat(1000));

    let url = format!("https://x.test/{}", "u".repeat(200));
    let parts = from_html(&format!("<a href=\"{url}\">label</a>")).to_mrkdwn(100);
    assert_eq!(parts.concat().replace(' ', ""), format!("label({url})"));
}

#[test]
fn a_hash_knows_a_text_whose_white_space_changed() {
    assert_eq!(text_hash("a  b\n\nc "), text_hash(" a b c"));
    assert_eq!(text_hash("a\u{200b}b"), text_hash("ab"));
    assert_ne!(text_hash("a b"), text_hash("ab"));
    assert_ne!(text_hash("a b"), text_hash("A b"));
    // Stored; must stay.
    assert_eq!(text_hash(""), "cbf29ce484222325");
    assert_eq!(text_hash("a"), "af63dc4c8601ec8c");
}

#[test]
fn the_stored_form_is_short_and_stays() {
    let html = "<p>a <b>b</b><br><a href=https://x.test>c</a></p><ul><li>d</li></ul><hr>";
    let stored = r#"{"b":[{"p":[{"t":{"t":"a "}},{"t":{"t":"b","s":{"b":true}}},"br",{"a":{"u":"https://x.test","t":"c"}}]},{"l":{"i":[[{"p":[{"t":{"t":"d"}}]}]]}},"r"]}"#;
    assert_eq!(serde_json::to_string(&from_html(html)).unwrap(), stored);
    assert_eq!(serde_json::from_str::<Doc>(stored).unwrap(), from_html(html));
}

#[test]
fn what_is_meant_to_hurt_is_read_in_time() {
    let begun = std::time::Instant::now();
    let mebibyte = |unit: &str| unit.repeat((1 << 20) / unit.len());
    let nested = |open: &str, close: &str| format!("{}x{}", open.repeat(10_000), close.repeat(10_000));
    let long_url = "u".repeat(2000);
    let inputs = [
        mebibyte("<p>Hello <b>there</b>, &amp; <a href=\"https://x.test/a\">see</a><br>line</p>"),
        mebibyte("<div>"),
        mebibyte("<blockquote>"),
        mebibyte("<ul><li>"),
        mebibyte("<table><tr><td>"),
        mebibyte("<p><b a=1>"),
        mebibyte("<a href='"),
        mebibyte("&amp"),
        mebibyte("<!--"),
        mebibyte("<pre>`"),
        mebibyte("*_~`x "),
        nested("<div>", "</div>"),
        nested("<b><i>", "</b></i>"),
        nested("<ul><li>", "</li></ul>"),
        nested("<blockquote>", "</blockquote>"),
        nested("<table><tr><td>", "</td></tr></table>"),
        format!("<a href=https://x.test/{long_url}>{}", mebibyte("x<br>")),
    ];
    for input in &inputs {
        let one = std::time::Instant::now();
        let doc = from_html(input);
        let read = one.elapsed();
        let size = doc.to_mrkdwn(3000).iter().map(String::len).sum::<usize>() + doc.to_html(&People).len();
        assert!(size < 12 << 20, "{size} of {}", &input[..20]);
        let stored = serde_json::to_string(&doc).unwrap();
        assert_eq!(serde_json::from_str::<Doc>(&stored).unwrap(), doc.clone());
        Doc::from_slack(input, None, None).to_plain(&People);
        eprintln!("read {read:?}, all {:?}: {}", one.elapsed(), &input[..20]);
    }
    // Far above what it takes; far below what anything quadratic takes.
    assert!(begun.elapsed().as_secs() < 120, "{:?}", begun.elapsed());
}

/// Text with everything that means something in one of the formats.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        "[a-z]{1,8}",
        "[ \\n]{1,3}",
        "[<>&|*_~`\"'#@!:/=;.^-]{1,4}",
        prop::sample::select(vec![
            "<b>",
            "</b>",
            "<p>",
            "</p>",
            "<br>",
            "<ul>",
            "<ol start=2>",
            "<li>",
            "</li>",
            "</ul>",
            "<blockquote>",
            "</blockquote>",
            "<pre>",
            "</pre>",
            "<code>",
            "</code>",
            "<table>",
            "<tr>",
            "<td>",
            "</td>",
            "</table>",
            "<h2>",
            "</h2>",
            "<hr>",
            "<i>",
            "</i>",
            "<a href=\"https://x.test/?a=<>|&amp;\">",
            "<a href='mailto:a@b'>",
            "</a>",
            "<div>",
            "</div>",
            "<img alt='a|b' src=https://x/y>",
            "<!channel>",
            "<@U123>",
            "<!subteam^S1>",
            "<#C1|x>",
            "&lt;!here&gt;",
            "&#60;@U1&#62;",
            "```",
            "&gt;",
            "&amp;lt;",
            "<https://x.test|l>",
            "<!--",
            "-->",
            "<script>",
            "</script>",
            "\u{200b}",
            "é",
            "漢",
            "😀",
            "\u{0}",
            "\t",
            "\u{a0}",
            "&nbsp;",
        ])
        .prop_map(str::to_owned),
        any::<char>().prop_map(String::from),
    ];
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

fn json_value() -> impl Strategy<Value = Value> {
    let names = prop::sample::select(vec![
        "type",
        "elements",
        "text",
        "style",
        "url",
        "border",
        "indent",
        "offset",
        "rows",
        "blocks",
        "fallback",
        "name",
        "unicode",
        "is_msg_unfurl",
        "author_name",
        "user_id",
        "fields",
        "title",
        "value",
        "timestamp",
        "bold",
    ]);
    let words = prop::sample::select(vec![
        "rich_text",
        "rich_text_section",
        "rich_text_list",
        "rich_text_quote",
        "rich_text_preformatted",
        "text",
        "link",
        "user",
        "emoji",
        "date",
        "table",
        "raw_text",
        "ordered",
        "https://x.test",
        "U1",
        "1f44b",
        "<!channel>",
        "section",
        "",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        words.prop_map(Value::from),
        hostile().prop_map(Value::from),
    ];
    leaf.prop_recursive(6, 60, 6, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((names.clone(), inner), 0..6)
                .prop_map(|fields| fields.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<Value>()),
        ]
    })
}

fn style() -> impl Strategy<Value = Style> {
    any::<(bool, bool, bool, bool)>().prop_map(|(bold, italic, strike, code)| Style { bold, italic, strike, code })
}

/// Documents that HTML can hold without loss.
fn doc() -> impl Strategy<Value = Doc> {
    let inline = prop_oneof![
        6 => ("[a-z<>&\"'*_~`| é漢]{1,12}", style()).prop_map(|(text, style)| Inline::Text { text, style }),
        1 => ("https?://x\\.test/[a-z?&=|<>]{0,8}", "[a-z<>|& ]{1,8}", style())
            .prop_map(|(url, text, style)| Inline::Link { url, text, style }),
        1 => Just(Inline::Break),
    ];
    let content = prop::collection::vec(inline, 0..6).boxed();
    let leaf = prop_oneof![
        6 => content.clone().prop_map(Block::Paragraph),
        1 => (0..9_u8, content.clone()).prop_map(|(level, content)| Block::Heading { level, content }),
        1 => "[a-z<>&`\n ]{0,20}".prop_map(|text| Block::Code { language: None, text }),
        1 => prop::collection::vec(prop::collection::vec(content, 0..4), 0..4).prop_map(Block::Table),
        1 => Just(Block::Rule),
    ];
    let block = leaf.prop_recursive(24, 40, 4, |inner| {
        let blocks = prop::collection::vec(inner, 0..4).boxed();
        prop_oneof![
            blocks.clone().prop_map(Block::Quote),
            (any::<bool>(), any::<u32>(), prop::collection::vec(blocks, 0..4))
                .prop_map(|(ordered, start, items)| Block::List { ordered, start, items }),
        ]
    });
    prop::collection::vec(block, 0..5).prop_map(|blocks| Doc { blocks })
}

/// What a person reads, in order: texts of the document without white space.
fn letters(blocks: &[Block], out: &mut String) {
    let content = |inlines: &[Inline], out: &mut String| {
        for inline in inlines {
            if let Inline::Text { text, .. } | Inline::Link { text, .. } = inline {
                out.extend(text.chars().filter(|c| !c.is_whitespace()));
            }
        }
    };
    for block in blocks {
        match block {
            Block::Paragraph(inlines) | Block::Heading { content: inlines, .. } => content(inlines, out),
            Block::List { items, .. } => items.iter().for_each(|item| letters(item, out)),
            Block::Quote(inner) => letters(inner, out),
            Block::Code { text, .. } => out.extend(text.chars().filter(|c| !c.is_whitespace())),
            Block::Table(rows) => rows.iter().flatten().for_each(|cell| content(cell, out)),
            Block::Rule => {}
        }
    }
}

fn is_subsequence(wanted: &str, text: &str) -> bool {
    let mut left = text.chars();
    wanted.chars().all(|c| left.any(|other| other == c))
}

/// The control sequences of a mrkdwn text: what stands between `<` and `>`.
fn controls(text: &str) -> Result<Vec<&str>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find(['<', '>']) {
        let Some(body) = rest[at..].strip_prefix('<') else {
            // The sign of a quote, which this app writes at the start of a line.
            if at > 0 && !rest[..at].ends_with('\n') {
                return Err(format!("a bare > in {text:?}"));
            }
            rest = &rest[at + 1..];
            continue;
        };
        let (inner, after) = body.split_once('>').ok_or_else(|| format!("an open < in {text:?}"))?;
        found.push(inner);
        // What follows a control is not the start of a line.
        if after.starts_with('>') {
            return Err(format!("a bare > in {text:?}"));
        }
        rest = after;
    }
    Ok(found)
}

fn is_own_link(control: &str) -> bool {
    let (url, label) = control.split_once('|').unwrap_or((control, ""));
    let web = ["https://", "http://", "mailto:"].iter().any(|scheme| url.to_ascii_lowercase().starts_with(scheme));
    web && !url.contains(['<', '>', ' ', '\n']) && !label.contains(['<', '>', '|', '\n'])
}

fn sane_mrkdwn(doc: &Doc, limit: usize) -> Result<(), TestCaseError> {
    let parts = doc.to_mrkdwn(limit);
    for part in &parts {
        prop_assert!(part.chars().count() <= limit, "{} > {limit}: {part:?}", part.chars().count());
        prop_assert!(!part.trim().is_empty());
        prop_assert_eq!(part.matches("```").count() % 2, 0, "an open fence in {:?}", part);
        let unescaped = part.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "");
        prop_assert!(!unescaped.contains('&'), "a bare & in {part:?}");
        for control in controls(part).map_err(TestCaseError::fail)? {
            let mention = control.starts_with("@U") || control.starts_with("#C");
            prop_assert!(is_own_link(control) || (mention && !control.contains('|')), "{control:?} in {part:?}");
        }
    }
    let mut wanted = String::new();
    letters(&doc.blocks, &mut wanted);
    let text = parts.join("\n").replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    prop_assert!(
        is_subsequence(&wanted.replace('|', "¦"), &text.replace('|', "¦")),
        "{wanted:?} is not all in {text:?}"
    );
    Ok(())
}

/// Looks at every tag of the HTML that this app writes.
fn sane_html(html: &str) -> Result<(), TestCaseError> {
    const TAGS: &str = " p br strong em del code pre a ul ol li blockquote h1 h2 h3 h4 h5 h6 table tr td hr ";
    let mut open = Vec::new();
    for tag in html.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').ok_or_else(|| TestCaseError::fail(format!("an open tag in {html}")))?;
        prop_assert!(!text.contains('>') && !text.contains('"'), "{html}");
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        prop_assert!(TAGS.contains(&format!(" {} ", name.trim_start_matches('/'))), "{tag}");
        match name {
            "a" => {
                let url = attributes
                    .strip_prefix("href=\"")
                    .and_then(|rest| rest.strip_suffix("\" rel=\"noopener noreferrer"));
                let url =
                    url.or_else(|| attributes.strip_prefix("href=\"")?.strip_suffix("\" rel=\"noopener noreferrer\""));
                prop_assert!(url.is_some_and(|url| is_own_link(url) && !url.contains('"')), "{tag}");
            }
            "ol" => prop_assert!(attributes.is_empty() || attributes.starts_with("start=\""), "{tag}"),
            _ => prop_assert!(attributes.is_empty(), "{tag}"),
        }
        match name.strip_prefix('/') {
            Some(name) => prop_assert_eq!(open.pop(), Some(name), "{}", html),
            None if matches!(name, "br" | "hr") => {}
            None => open.push(name),
        }
    }
    prop_assert!(open.is_empty(), "{html}");
    Ok(())
}

fn sane(doc: &Doc, limit: usize) -> Result<(), TestCaseError> {
    prop_assert_eq!(&doc.clone().normalised(), doc);
    let stored = serde_json::to_string(doc).unwrap();
    prop_assert_eq!(&serde_json::from_str::<Doc>(&stored).unwrap(), doc);
    sane_mrkdwn(doc, limit)?;
    sane_html(&doc.to_html(&People))?;
    doc.to_plain(&People);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_zendesk_message_is_safe_and_whole(html in hostile(), plain in hostile(), limit in 80..400_usize) {
        let doc = Doc::from_zendesk(Some(&html), Some(&plain));
        prop_assert!(doc.people().is_empty());
        sane(&doc, limit)?;
        for part in doc.to_mrkdwn(limit) {
            for control in controls(&part).map_err(TestCaseError::fail)? {
                prop_assert!(is_own_link(control), "{control:?}");
            }
        }
        let again = Doc::from_zendesk(Some(&doc.to_html(&People)), None);
        if !again.is_empty() {
            prop_assert_eq!(Doc::from_zendesk(Some(&again.to_html(&People)), None), again);
        }
    }

    #[test]
    fn a_plain_text_is_safe_and_whole(text in hostile(), limit in 80..400_usize) {
        let doc = Doc::plain(&text);
        sane(&doc, limit)?;
        let hidden = |c: char| matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}');
        let visible = |text: &str| {
            text.chars().filter(|c| !c.is_whitespace() && !c.is_control() && !hidden(*c)).collect::<String>()
        };
        prop_assert_eq!(visible(&doc.to_plain(&People)), visible(&text));
    }

    #[test]
    fn any_slack_message_is_safe(text in hostile(), blocks in json_value(), attachments in json_value(), limit in 80..400_usize) {
        sane(&Doc::from_slack(&text, Some(&blocks), Some(&attachments)), limit)?;
        sane(&Doc::from_slack(&text, Some(&json!([{"type": "rich_text", "elements": blocks}])), Some(&json!([attachments]))), limit)?;
        sane(&Doc::from_slack(&text, Some(&section(json!([blocks]))), None), limit)?;
    }

    #[test]
    fn html_holds_a_document_without_loss(doc in doc(), limit in 80..400_usize) {
        let doc = doc.normalised();
        sane(&doc, limit)?;
        prop_assert_eq!(Doc::from_zendesk(Some(&doc.to_html(&People)), None).blocks, if doc.is_empty() { Vec::new() } else { doc.blocks });
    }

    #[test]
    fn a_document_made_by_hand_is_safe(doc in doc(), limit in 80..400_usize) {
        sane_mrkdwn(&doc, limit)?;
        sane_html(&doc.to_html(&People))?;
    }

    #[test]
    fn escaping_leaves_nothing_to_read(text in any::<String>()) {
        prop_assert!(!escape_mrkdwn(&text).contains(['<', '>']));
        prop_assert!(!escape_html(&text).contains(['<', '>', '"', '\'']));
    }
}
