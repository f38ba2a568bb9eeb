//! Words that bridges lose: small inputs of each kind, and what a reader of the other side sees.

use serde_json::{Value, json};
use sidethread_bridge::content::{Doc, Names, file_name};
use sidethread_bridge::ids::{ChannelId, SlackUserId};

const ACCOUNT: &str = "https://acme.zendesk.com";

struct People;

impl Names for People {
    fn user(&self, id: &SlackUserId) -> Option<String> {
        (id.as_str() == "U1").then(|| String::from("Ada"))
    }

    fn channel(&self, id: &ChannelId) -> Option<String> {
        (id.as_str() == "C1").then(|| String::from("help"))
    }

    fn group(&self, id: &str) -> Option<String> {
        (id == "S0OPS12345").then(|| String::from("ops"))
    }
}

fn rich(text: &str) -> Value {
    json!({"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": [{"type": "text", "text": text}]}]})
}

fn line(elements: Value) -> Value {
    json!({"blocks": [{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}]})
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": {"type": "mrkdwn", "text": text}})
}

fn check<T: std::fmt::Display>(rows: impl IntoIterator<Item = (T, String, &'static str)>) {
    let wrong: Vec<_> = rows
        .into_iter()
        .filter(|(_, found, expected)| found != expected)
        .map(|(input, found, expected)| format!("{input}\n  found    {found:?}\n  expected {expected:?}"))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn from_slack(rows: Vec<(Value, &'static str)>) {
    check(rows.into_iter().map(|(message, expected)| {
        let found = Doc::from_slack_message(&message).to_plain(&People);
        (message, found, expected)
    }));
}

fn from_zendesk(rows: Vec<(&'static str, &'static str)>) {
    check(rows.into_iter().map(|(html, expected)| {
        let doc = Doc::from_zendesk_account(Some(html), None, Some(ACCOUNT));
        (html, doc.to_mrkdwn(3000).join("\n-- part --\n"), expected)
    }));
}

#[test]
fn every_block_gives_all_its_words() {
    from_slack(vec![
        (
            json!({"text": "Order update", "blocks": [rich("Order 4711 is late"), section("Carrier: DHL")]}),
            "Order 4711 is late\n\nCarrier: DHL",
        ),
        (
            json!({"text": "This content can't be displayed.", "blocks": [section("Refund approved")]}),
            "Refund approved",
        ),
        (
            json!({"text": "This message contains interactive elements.", "blocks": [section("Approve?"),
                {"type": "actions", "elements": [{"type": "button", "text": {"type": "plain_text", "text": "Yes"}}]}]}),
            "Approve?\n\n[Yes]",
        ),
        (json!({"blocks": [{"type": "section", "text": "A", "fields": ["B"]}]}), "A\n\nB"),
        (
            json!({"blocks": [{"type": "video", "title": {"type": "plain_text", "text": "How to pack"},
                "description": {"type": "plain_text", "text": "Two minutes"}, "title_url": "https://v.test/1",
                "alt_text": "a hand", "video_url": "https://v.test/embed/1"}]}),
            "How to pack (https://v.test/1)\n\nTwo minutes",
        ),
        (
            json!({"blocks": [rich("celebrate"), {"type": "image", "alt_text": "a cat", "image_url": "https://x.test/c.png"}]}),
            "celebrate\n\n[image: a cat] (https://x.test/c.png)",
        ),
        (
            json!({"blocks": [{"type": "header", "text": {"type": "plain_text", "text": "Late :truck:"}},
                {"type": "context", "elements": [{"type": "mrkdwn", "text": "*by* Jo"}, {"type": "image", "alt_text": "logo"},
                {"type": "plain_text", "text": "today"}]}]}),
            "Late 🚚\n\nby Jo [image: logo] today",
        ),
        (
            json!({"blocks": [{"type": "markdown", "text": "## T **b** [l](https://x.test)\n\n- [x] *done*\n- ~~off~~ `c`"}]}),
            "T b l (https://x.test)\n\n- ☑ done\n- off c",
        ),
        (
            json!({"blocks": [{"type": "call", "call_id": "R1", "call": {"v1": {"display_name": "Stand-up",
                "join_url": "https://call.test/1"}}}]}),
            "Stand-up (https://call.test/1)",
        ),
        (
            json!({"blocks": [{"type": "file", "source": "remote", "file": {"name": "plan.pdf", "permalink": "https://f.test/1"}}]}),
            "[file: plan.pdf] (https://f.test/1)",
        ),
        (
            json!({"blocks": [{"type": "input", "label": {"type": "plain_text", "text": "Reason"},
                "element": {"type": "plain_text_input", "placeholder": {"type": "plain_text", "text": "why"}},
                "hint": {"type": "plain_text", "text": "be brief"}}]}),
            "Reason\n\n[why]\n\nbe brief",
        ),
        (
            json!({"blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": "Pick"}, "accessory": {"type": "checkboxes",
                "options": [{"text": {"type": "mrkdwn", "text": "One"}, "value": "1"},
                            {"text": {"type": "mrkdwn", "text": "Two"}, "value": "2",
                             "description": {"type": "mrkdwn", "text": "the better"}}],
                "initial_options": [{"text": {"type": "mrkdwn", "text": "Two"}, "value": "2"}]}}]}),
            "Pick\n\n☐ One\n☑ Two – the better",
        ),
        (
            json!({"blocks": [{"type": "card", "title": {"type": "plain_text", "text": "Invoice 7"},
                "body": {"type": "mrkdwn", "text": "*due* today"},
                "actions": [{"type": "button", "text": {"type": "plain_text", "text": "Pay"}}]}]}),
            "Invoice 7\n\ndue today\n\n[Pay]",
        ),
        (
            json!({"blocks": [{"type": "invented_2031", "headline": 3, "title": "Boxes", "items": 4,
                "elements": [{"type": "what", "text": "left"}, {"type": "what", "text": "right"}]}]}),
            "Boxes\n\nleft\n\nright",
        ),
    ]);
}

#[test]
fn a_person_s_text_makes_up_for_what_the_blocks_do_not_give() {
    let unknown = |more: Value| {
        json!([{"type": "rich_text", "elements": [{"type": "rich_text_section", "elements":
            [{"type": "text", "text": "Deliver to "}, more, {"type": "text", "text": " by noon"}]}]}])
    };
    let place = json!({"type": "place", "text": "12 Elm St"});
    let silent = json!({"type": "place", "place_id": "P1"});
    from_slack(vec![
        (json!({"text": "Deliver to 12 Elm St by noon", "blocks": unknown(place)}), "Deliver to 12 Elm St by noon"),
        (
            json!({"text": "Deliver to 12 Elm St by noon", "blocks": unknown(silent.clone())}),
            "Deliver to  by noon\n\nDeliver to 12 Elm St by noon",
        ),
        // Of an app's message the text is only the fallback.
        (
            json!({"bot_id": "B1", "text": "Deliver to 12 Elm St by noon", "blocks": unknown(silent)}),
            "Deliver to  by noon",
        ),
        (
            json!({"text": "see the order 99 too", "blocks": [rich("see the order")]}),
            "see the order\n\nsee the order 99 too",
        ),
        (json!({"bot_id": "B1", "text": "Summary", "blocks": [section("All is well")]}), "All is well"),
        (json!({"bot_id": "B1", "text": "Summary", "blocks": [{"type": "divider"}]}), "Summary"),
        // The same words, otherwise rendered.
        (
            json!({"text": "1. un*believ*able :truck: <@U1> <!date^1^{date}|Jan 1> <https://x.test|l>", "blocks": [
                {"type": "rich_text", "elements": [{"type": "rich_text_list", "style": "ordered", "elements": [
                    {"type": "rich_text_section", "elements": [{"type": "text", "text": "un"},
                    {"type": "text", "text": "believ", "style": {"bold": true}}, {"type": "text", "text": "able "},
                    {"type": "emoji", "name": "truck"}, {"type": "user", "user_id": "U1"},
                    {"type": "date", "timestamp": 1, "fallback": "1970"},
                    {"type": "link", "url": "https://x.test", "text": "l"}]}]}]}]}),
            "1. unbelievable 🚚@Ada1970l (https://x.test)",
        ),
    ]);
}

#[test]
fn what_hangs_under_an_attachment_arrives() {
    from_slack(vec![
        (
            json!({"attachments": [{"is_share": true, "author_name": "Quinn", "text": "", "files": [{"name": "label.png",
                "permalink": "https://f.test/l"}]}]}),
            "> Quinn\n>\n> [file: label.png] (https://f.test/l)",
        ),
        (json!({"attachments": [{"fields": [{"title": "", "value": "x"}]}]}), "> x"),
        (
            json!({"attachments": [{"fields": [{"title": "Size", "value": ""}, {"title": "Kind:", "value": "b"}]}]}),
            "> Size\n>\n> Kind: b",
        ),
        (json!({"attachments": [{"author_name": "Jira", "text": "t"}]}), "> Jira: t"),
        (
            json!({"attachments": [{"author_name": "Jira", "text": "t", "footer": "Sent by Cloud"}]}),
            "> Jira: t\n>\n> Sent by Cloud",
        ),
        (
            json!({"attachments": [{"fallback": "a chart of June", "image_url": "https://x.test/c.png"}]}),
            "> [image: a chart of June] (https://x.test/c.png)",
        ),
        (
            json!({"attachments": [{"text": "go?", "actions": [{"name": "a", "type": "button", "text": "Approve"}]}]}),
            "> go?\n>\n> [Approve]",
        ),
        (
            json!({"attachments": [{"blocks": [section("in a block"), {"type": "header", "text": {"type": "plain_text", "text": "H"}}]}]}),
            "> in a block\n>\n> H",
        ),
        (json!({"attachments": [{"text": "see :tada:"}]}), "> see 🎉"),
    ]);
}

#[test]
fn names_stand_where_ids_were() {
    from_slack(vec![
        (
            line(json!([{"type": "usergroup", "usergroup_id": "S0ABC1234"}, {"type": "text", "text": " "},
                {"type": "usergroup", "usergroup_id": "S0OPS12345"}])),
            "a group @ops",
        ),
        (json!({"text": "<#G0HIDDEN08|> <#C1> <!subteam^S0OPS12345>"}), "a private channel #help @ops"),
        (json!({"text": "<@U0GONE8888|kim> <@U1|old.name>"}), "@kim @Ada"),
    ]);
}

#[test]
fn files_are_called_by_what_says_most() {
    let rows = [
        (json!({"id": "F8", "mode": "tombstone"}), "a deleted file"),
        (json!({"id": "F8", "mode": "hidden_by_limit", "name": "x"}), "a file that Slack no longer shows"),
        (json!({"name": "-.txt", "title": "Untitled"}), "Untitled"),
        (json!({"name": "Untitled", "title": "Q3 plan"}), "Q3 plan"),
        (json!({"name": "report.pdf", "title": "report"}), "report.pdf"),
        (json!({"name": "/home/ben/log.txt", "title": "/home/ben/log.txt"}), "log.txt"),
        (json!({"name": "C:\\docs\\a.txt", "title": ""}), "a.txt"),
        (json!({"id": "F9"}), "a file"),
    ];
    check(rows.map(|(file, expected)| (file.to_string(), file_name(&file), expected)));
}

#[test]
fn emoji_are_characters() {
    from_slack(vec![
        (json!({"subtype": "me_message", "text": "waves :+1:"}), "waves 👍"),
        (
            json!({"text": ":wave::skin-tone-3: :truck::package: `:100:` 10:100:5 :party-parrot:"}),
            "👋🏼 🚚📦 :100: 10:100:5 :party-parrot:",
        ),
        (
            line(json!([{"type": "emoji", "name": "package"}, {"type": "emoji", "name": "wave", "skin_tone": 3}])),
            "📦👋🏼",
        ),
    ]);
}

#[test]
fn where_a_link_leads_that_cannot_be_one_is_said() {
    from_slack(vec![
        (line(json!([{"type": "link", "url": "tel:+4930999", "text": "front desk"}])), "front desk (+4930999)"),
        (json!({"text": "<tel:+4930999|+49 30 999> <sms:+491|text us> <tel:112>"}), "+49 30 999 text us (+491) 112"),
        (json!({"text": "<slack://open?id=1|open> <javascript:alert(1)|no>"}), "open (slack://open?id=1) no"),
    ]);
    from_zendesk(vec![
        ("<a href=\"tel:+4930123456\">our desk</a>", "our desk (+4930123456)"),
        ("<a href=\"tel:+4930123456\">+49 (30) 123 456</a>", "+49 (30) 123 456"),
        ("<a href='sms:+491?body=Hi'>text <b>us</b></a> now", "text *us* (sms:+491?body=Hi) now"),
        ("<a href='ftp://x.test/a'>files</a>", "files (ftp://x.test/a)"),
        ("<a href='data:text/html,x'>d</a><a href='#top'>up</a>", "dup"),
    ]);
}

#[test]
fn relative_addresses_lead_to_the_account() {
    from_zendesk(vec![
        ("<a href=\"/agent/tickets/1\" rel=\"ticket\">#1</a>", "<https://acme.zendesk.com/agent/tickets/1|#1>"),
        (
            "<img src=\"/attachments/token/abc/?name=label.png\">",
            "<https://acme.zendesk.com/attachments/token/abc/?name=label.png|[image]>",
        ),
        ("<a href='//cdn.test/x'>x</a>", "<https://cdn.test/x|x>"),
        ("<a href='www.acme.example/a'>shop</a>", "<http://www.acme.example/a|shop>"),
        ("<a href='hc/en-us'>help</a>", "<https://acme.zendesk.com/hc/en-us|help>"),
        ("<a href='日本語'>x</a>", "<https://acme.zendesk.com/日本語|x>"),
        ("<a href='aéé'>y</a>", "<https://acme.zendesk.com/aéé|y>"),
    ]);
}

#[test]
fn what_a_browser_hides_is_hidden() {
    let preheader = |style: &str| format!("<div style=\"{style}\">Preheader</div><p>Real</p>");
    for style in [
        "display:none",
        "DISPLAY : NONE !important",
        "visibility:hidden",
        "mso-hide:all",
        "max-height:0px;overflow:hidden",
        "font-size:0",
        "opacity:0",
        "height:0;overflow:hidden",
    ] {
        let doc = Doc::from_zendesk(Some(&preheader(style)), None);
        assert_eq!(doc.to_plain(&People), "Real", "{style}");
    }
    from_zendesk(vec![
        ("<p hidden>no<p>yes", "yes"),
        ("<div style='display:none'><div>a</div>b</div>c", "c"),
        ("<pre>a <span style='display:none'>b</span> c</pre><p>d</p>", "```\na  c\n```\nd"),
        ("<pre>a <span style='font-weight:bold'>b</span> c</pre><p>d</p>", "```\na b c\n```\nd"),
        ("<table><tr><td style='display:none'>no<td>a</td></tr><tr><td>b<td>c</tr></table>", "```\n  | a\nb | c\n```"),
        ("<td style='font-size:0px'><div style='font-size:13px'>kept</div></td>", "kept"),
        ("<div style='visibility:hidden'>no<span style='visibility:visible'>yes</span></div>", "yes"),
        ("<img style='display:none' src='https://x.test/p' alt='no'>a", "a"),
        ("<div style='opacity:0.9;max-height:100px;height:0'>kept</div>", "kept"),
        ("<ul><li style='display:none'>no<li>yes</ul>", "• yes"),
    ]);
}

#[test]
fn white_space_that_counts_is_kept() {
    from_zendesk(vec![
        ("<div style=\"white-space: pre-wrap\">one\ntwo  three</div>", "one\ntwo  three"),
        ("<div style=\"white-space: pre-line\">one\n  two  three</div>", "one\ntwo three"),
        (
            "<div style='white-space:pre-wrap'>a\n<span style='white-space:normal'>b\nc</span>\nd</div>e\nf",
            "a\nb c\nd\ne f",
        ),
        ("<div style='white-space:pre-wrap'>\n<p>a</p>\n<p>b</p>\n</div>", "a\n\nb"),
    ]);
}

#[test]
fn a_style_of_its_own_wins() {
    from_zendesk(vec![
        ("<b style=\"font-weight:normal\">a <span style=\"font-weight:700\">x</span></b>", "a *x*"),
        ("<b>a<span style='font-weight:400'>b</span>c</b>", "*a*\u{200b}b\u{200b}*c*"),
        ("<span style='font-style:italic;text-decoration:line-through'>x</span>y", "_~x~_\u{200b}y"),
        ("<p style='font-weight:bold'>a<p>b", "*a*\n\nb"),
    ]);
}

#[test]
fn position_says_something() {
    from_zendesk(vec![
        ("10<sup>6</sup> 10<sup>-3</sup> m<sup>2</sup> H<sub>2</sub>O", "10⁶ 10⁻³ m² H₂O"),
        ("1<sup>1</sup>/<sub>2</sub> <sup>3</sup>&frasl;<sub>4</sub>", "1 1/2 3/4"),
        ("the 1<sup>st</sup> of Acme<sup>TM</sup>, see<sup>[1]</sup>", "the 1st of AcmeTM, see[1]"),
        ("x<sup>n+1</sup> e<sup>iπ</sup> a<sub>max</sub> 2<sup>½</sup>", "xⁿ⁺¹ e^iπ a_max 2^½"),
        ("10<span style='vertical-align:super'>2</span>", "10²"),
        ("<ruby>漢<rp>(</rp><rt>kan</rt><rp>)</rp></ruby> <ruby>字<rt>ji</ruby>", "漢(kan) 字(ji)"),
    ]);
}

#[test]
fn items_keep_their_numbers() {
    from_zendesk(vec![
        ("<ol><li value=\"100\">hundredth</li></ol>", "100. hundredth"),
        ("<ol><li>a<li value=5>b<li>c</ol>", "1. a\n\n5. b\n6. c"),
        ("<ol reversed><li>a<li>b</ol>", "2. a\n1. b"),
        ("<ol type=a><li>x<li>y<ul><li>z</ul></ol>", "a. x\nb. y\n• z"),
        ("<ol start=-1><li>a<li>b</ol>", "-1. a\n0. b"),
        ("<ol><li style='list-style-type:upper-roman'>a<li style='list-style-type:upper-roman'>b</ol>", "I. a\nII. b"),
    ]);
}

#[test]
fn characters_of_html_5_and_emoji_in_images_arrive() {
    from_zendesk(vec![
        ("&check;&nbsp;&rarr;&NotEqualTilde;&bigstar;", "✓ →≂\u{338}★"),
        ("<img data-emoji=\"😀\" alt=\"😀\" src=\"https://fonts.gstatic.example/e\">", "😀"),
        ("<img class='emoji' alt='🎉' src='https://x.test/e.png'>!", "🎉!"),
    ]);
}
