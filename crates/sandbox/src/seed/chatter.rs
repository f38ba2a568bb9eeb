//! What was said in the firm's Slack before.

use std::collections::BTreeMap;

use super::{Hands, World, id_of};
use crate::slack::FakeSlack;

struct Line {
    minutes_ago: i64,
    channel: &'static str,
    who: &'static str,
    /// `=name` begins a thread, `name` answers it.
    thread: &'static str,
    text: &'static str,
}

const fn line(
    minutes_ago: i64,
    channel: &'static str,
    who: &'static str,
    thread: &'static str,
    text: &'static str,
) -> Line {
    Line { minutes_ago, channel, who, thread, text }
}

/// Archived after its one line: nobody can write in an archived channel.
const ARCHIVED: &str = "old-warehouse";

/// `{domain}` stands for the domain of the channels' addresses, `{utc 190}` for a time of day; the times only fall.
const LINES: &[Line] = &[
    line(60_000, "old-warehouse", "zofia", "", "Last pallet is out. Everything else goes to #logistics from Monday."),
    line(4_400, "random", "oisin", "=cat", "The office cat in Porto has learnt to open the fridge. Send help."),
    line(
        4_396,
        "random",
        "marta",
        "cat",
        "He only does it when <@U0OISIN0001> leaves the cheese at the front :cheese_wedge:",
    ),
    line(4_200, "vip-escalations", "wanjiru", "", "Mrs O'Neill wrote again. I'll call her myself within the hour."),
    line(
        3_100,
        "acme-nordfreight",
        "ingrid",
        "=eta",
        "MV Halden is delayed: new ETA Rotterdam *Thursday 06:00*. Two of your containers are on it.",
    ),
    line(3_090, "acme-nordfreight", "zofia", "eta", "Thanks, Ingrid. Which two? We have three waiting."),
    line(3_071, "acme-nordfreight", "ingrid", "eta", "`NFRU 402 118-7` and `NFRU 402 121-1`"),
    line(2_950, "security", "etienne", "", "Rotated the keys of the label printer API. Old ones die on Friday."),
    line(1_700, "billing", "priya", "=psp", "The payment provider retried a batch last night. Expect double charges."),
    line(1_688, "billing", "thanhha", "psp", "How many are we talking about?"),
    line(1_670, "billing", "priya", "psp", "41 orders, list is in the drive. I refund them as tickets come in."),
    line(
        1_460,
        "support-engineering",
        "wanjiru",
        "",
        "Reminder: from this week agents can start a side conversation to *support-engineering@{domain}* in a ticket. \
         It shows up here as a thread; just answer in the thread.",
    ),
    line(1_420, "logistics", "zofia", "=scan", "Kraków scanner #3 is dead again, we scan by phone today"),
    line(1_411, "logistics", "thanhha", "scan", "Encore ? I'll order a new one, this is the _third_ time."),
    line(420, "oncall", "beacon", "=alert", "*checkout-api* 5xx rate is 4.2 % (threshold 1 %)"),
    line(414, "oncall", "priya", "alert", "Looking. A pool of database connections is full again."),
    line(391, "oncall", "priya", "alert", "Restarted two pods, rate is falling. Will write it up."),
    line(
        180,
        "support-engineering",
        "etienne",
        "=hook",
        "Anyone else seen webhooks of shop partners stop after the deploy? `order.shipped` is silent since {utc 190} UTC",
    ),
    line(171, "support-engineering", "priya", "hook", "Yes: the queue has 1,900 waiting. <@U0OISIN0001> can you look?"),
    line(166, "support-engineering", "oisin", "hook", "on it"),
    line(
        95,
        "logistics",
        "marta",
        "",
        "Customs in Lisbon want the commercial invoice again for AC-77120-PT. Who has it?",
    ),
    line(40, "support-engineering", "yusuf", "", "Label printer driver 2.4 is on the share, please update today."),
];

pub(super) fn tell(slack: &FakeSlack, hands: &Hands<'_>, world: &World, channel_domain: &str) {
    let mut threads: BTreeMap<&str, String> = BTreeMap::new();
    for line in LINES {
        hands.to_minutes_ago(line.minutes_ago);
        let (channel, who) = (id_of(&world.channels, line.channel), id_of(&world.people, line.who));
        let thread = threads.get(line.thread).map(String::as_str);
        let text = hands.filled(line.text).replace("{domain}", channel_domain);
        let said = slack.say(who, channel, thread, &text);
        if line.channel == ARCHIVED {
            let _ = slack.archive_channel(channel);
        }
        if let (Some(begun), Ok(ts)) = (line.thread.strip_prefix('='), said) {
            threads.insert(begun, ts);
        }
    }
}
