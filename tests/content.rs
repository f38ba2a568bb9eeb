//! The content model from outside: tables of input and output, and what must hold for any input.

use proptest::prelude::*;
use serde_json::{Value, json};
use sidethread::bridge::content::{Block, Doc, Inline, Names, Style, escape_html, escape_mrkdwn, text_hash};
use sidethread::bridge::ids::{ChannelId, SlackUserId};

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
    for (html, expected) in table {
        assert_eq!(mrkdwn(&from_html(html)), expected, "{html}");
    }
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
        ("<tel:123|call>", String::from("<p>call</p>")),
        ("<@U1> <@U9|nine>", String::from("<p>@Ada &lt;Lovelace&gt; @U9</p>")),
        ("<#C1> <#C2|ops> <#C3>", String::from("<p>#help #ops #C3</p>")),
        ("<!subteam^S1|@team> <!subteam^S2>", String::from("<p>@team @S2</p>")),
        ("<!here> <!channel|channel>", String::from("<p>@here @channel</p>")),
        ("<!date^1392734382^{date}|Feb 18>", String::from("<p>Feb 18</p>")),
        ("<!date^1^{date}^https://x.test|Feb 18>", format!("<p>{}</p>", link("https://x.test", "Feb 18"))),
        ("<!new^1|label>", String::from("<p>label</p>")),
        ("open < end", String::from("<p>open &lt; end</p>")),
        (":wave: hi", String::from("<p>:wave: hi</p>")),
        ("&gt; q1\n&gt; q2\nafter", String::from("<blockquote><p>q1<br>&nbsp;q2</p></blockquote><p>after</p>")),
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
    for (text, expected) in table {
        let expected = expected.replace("<br>&nbsp;q2", "<br>&nbsp;q2");
        assert_eq!(Doc::from_slack(text, None, None).to_html(&People), expected, "{text}");
    }
}
