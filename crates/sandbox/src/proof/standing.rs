//! Which messages stand on the other side, with all of their words.
//!
//! A message stands there when each of its letters and digits does, in its order: so one that was split is not taken for
//! arrived as long as a part of it is missing. What both vendors write in their own way is not compared: addresses, mentions,
//! emoji, signs.

use std::collections::BTreeMap;

use crate::slack::said as in_slack;
use crate::zendesk::said as in_zendesk;

/// What a post's name begins with that holds several messages, each under a heading.
const BUNDLE: &str = "bundle:";
/// What those posts' names begin with that hold what was said before there was a thread.
const EARLIER: &str = "earlier/";
const POST: &str = "post:";
const HEADING: &str = "<!date^";

/// What stands in side conversations under headings that link a message of Slack: its channel and the digits of its `ts`,
/// and for each heading the words below it.
pub(super) struct Linked(BTreeMap<(String, String), Vec<String>>);

impl Linked {
    pub(super) fn of(texts: &[String]) -> Linked {
        let mut linked: BTreeMap<(String, String), Vec<String>> = BTreeMap::new();
        for text in texts {
            let mut under: Option<(String, String)> = None;
            for line in text.lines() {
                let sections = match linked_by(line) {
                    Some(of) => {
                        linked.entry(of.clone()).or_default().push(String::new());
                        under = Some(of);
                        continue;
                    }
                    None => under.as_ref().and_then(|of| linked.get_mut(of)),
                };
                if let Some(words) = sections.and_then(|sections| sections.last_mut()) {
                    words.push_str(&letters(line));
                }
            }
        }
        Linked(linked)
    }

    /// How often a message stands there, with one of the texts that it had.
    pub(super) fn count(&self, channel: &str, ts: &str, texts: &[String]) -> usize {
        let texts: Vec<String> = texts.iter().map(|text| own_words(text)).collect();
        self.under(channel, ts).iter().filter(|section| texts.iter().any(|text| holds(section, text))).count()
    }

    /// Which of the texts that a message had stands there: of several that might, the longest.
    pub(super) fn which(&self, channel: &str, ts: &str, texts: &[String]) -> Option<usize> {
        let stands = |text: &str| self.under(channel, ts).iter().any(|section| holds(section, text));
        let words = texts.iter().map(|text| own_words(text)).enumerate().filter(|(_, words)| stands(words));
        words.max_by_key(|(at, words)| (words.len(), std::cmp::Reverse(*at))).map(|(at, _)| at)
    }

    fn under(&self, channel: &str, ts: &str) -> &[String] {
        let digits = ts.chars().filter(char::is_ascii_digit).collect();
        self.0.get(&(channel.to_owned(), digits)).map(Vec::as_slice).unwrap_or_default()
    }
}

fn linked_by(line: &str) -> Option<(String, String)> {
    let link = line.strip_suffix("):")?.rsplit_once(" (")?.1;
    let (channel, rest) = link.split_once("/archives/")?.1.split_once("/p")?;
    Some((channel.to_owned(), rest.chars().take_while(char::is_ascii_digit).collect()))
}

/// What of a message stands in Slack.
#[derive(Default)]
struct Found {
    /// How often each of its parts does that has a post to itself.
    alone: BTreeMap<usize, usize>,
    /// How often all of it stands under a heading among others.
    headings: usize,
    /// Whether a part of it does.
    in_part: bool,
    as_card: usize,
    /// Its words, each piece with the number of the part that it begins with: one that was refused may be posted last.
    pieces: Vec<(usize, String)>,
}

/// The part of a post of several that stands under one heading.
struct Section {
    /// In seconds.
    at: i64,
    words: String,
}

/// How often each message of a side conversation, by its id, stands in Slack with all of its words. `cards` are the texts of
/// the cards that stand there, by side conversation.
pub(super) fn in_slack<'a>(
    said: &'a [in_zendesk::Said],
    posted: &[in_slack::Posted],
    cards: &BTreeMap<String, Vec<&str>>,
) -> BTreeMap<&'a str, usize> {
    let mut found: BTreeMap<&str, Found> = said.iter().map(|one| (one.id.as_str(), Found::default())).collect();
    for one in said.iter().filter(|one| one.is_first) {
        if let (Some(cards), Some(found)) = (cards.get(&one.side_conversation), found.get_mut(one.id.as_str())) {
            found.as_card = cards.len();
            found.pieces.extend(cards.iter().map(|card| (0, letters(card))));
        }
    }
    let mut sections: Vec<Section> = Vec::new();
    for post in posted {
        let what = post.name.split_once('/').map_or("", |(_, what)| what);
        let is_bundle = what.starts_with(BUNDLE);
        if !is_bundle && !what.starts_with(EARLIER) {
            if let Some((of, part)) = part_of(what)
                && let Some(found) = found.get_mut(of)
            {
                *found.alone.entry(part).or_default() += 1;
                found.pieces.push((part, letters(&post.text)));
            }
            continue;
        }
        let (before, mut own) = sections_of(&post.text);
        if let (false, Some(last)) = (is_bundle, sections.last_mut()) {
            // The end of a message whose beginning stands in the post before.
            last.words.push_str(&before);
        }
        // Later parts of a message that begins elsewhere have a heading as well.
        let continues = what.strip_prefix(BUNDLE).and_then(part_of).filter(|(_, part)| *part > 0);
        if let Some((found, part)) = continues.and_then(|(of, part)| Some((found.get_mut(of)?, part)))
            && !own.is_empty()
        {
            found.pieces.push((part, own.remove(0).words));
        }
        sections.append(&mut own);
    }
    share_out(said, sections, &mut found);
    let mut count = |one: &'a in_zendesk::Said| {
        let found = found.get_mut(one.id.as_str())?;
        found.pieces.sort_by_key(|(part, _)| *part);
        let words: String = found.pieces.iter().map(|(_, words)| words.as_str()).collect();
        let alone = found.alone.values().max().copied().unwrap_or_default();
        let begins_alone = alone.max(found.as_card).max(usize::from(found.in_part && found.headings == 0));
        let whole = holds(&words, &plain_words(&one.text));
        Some((one.id.as_str(), if whole { begins_alone + found.headings } else { 0 }))
    };
    said.iter().filter_map(&mut count).collect()
}

/// Whether a section may be of a message with these words.
type Fits<'a> = &'a dyn Fn(&str, &Section) -> bool;

/// Gives each section to the message it is of, by its words; what has no such message is a part of one of that time.
fn share_out(said: &[in_zendesk::Said], mut sections: Vec<Section>, found: &mut BTreeMap<&str, Found>) {
    let words: BTreeMap<&str, String> = said.iter().map(|one| (one.id.as_str(), plain_words(&one.text))).collect();
    let begins = |words: &str, section: &Section| !words.is_empty() && section.words.starts_with(words);
    let within = |words: &str, section: &Section| !words.is_empty() && holds(&section.words, words);
    let any = |_: &str, _: &Section| true;
    let fits: [(Fits<'_>, bool); 3] = [(&begins, true), (&within, true), (&any, false)];
    for (fits, is_whole) in fits {
        sections.retain_mut(|section| {
            let same_time = said.iter().filter(|one| one.at.div_euclid(1000) == section.at);
            let ids = same_time.map(|one| one.id.as_str()).filter(|id| fits(&words[id], section));
            let Some(id) = ids.min_by_key(|id| found.get(id).map_or(0, Found::times)) else { return true };
            if let Some(found) = found.get_mut(id) {
                found.headings += usize::from(is_whole);
                found.in_part |= !is_whole;
                found.pieces.push((0, std::mem::take(&mut section.words)));
            }
            false
        });
    }
}

impl Found {
    fn times(&self) -> usize {
        self.alone.values().max().copied().unwrap_or_default() + self.as_card + self.headings
    }
}

/// The message, and the number of the part of it, that a post's name says.
fn part_of(name: &str) -> Option<(&str, usize)> {
    let (of, part) = name.strip_prefix(POST)?.split_once('/')?;
    Some((of, part.split('|').next()?.parse().ok()?))
}

/// The words above the first heading, and what stands under each.
fn sections_of(text: &str) -> (String, Vec<Section>) {
    let (mut before, mut sections) = (String::new(), Vec::<Section>::new());
    for line in text.lines() {
        let time = line.split_once(HEADING).and_then(|(_, rest)| rest.split(['^', '|', '>']).next()?.parse().ok());
        match (time, sections.last_mut()) {
            (Some(at), _) => sections.push(Section { at, words: String::new() }),
            (None, Some(section)) => section.words.push_str(&letters(line)),
            (None, None) => before.push_str(&letters(line)),
        }
    }
    (before, sections)
}

/// Whether all of `words` stand in `text`, in their order.
fn holds(text: &str, words: &str) -> bool {
    let mut text = text.chars();
    words.chars().all(|wanted| text.any(|c| c == wanted))
}

/// The letters and digits of a text as it stands in Slack or on a ticket.
pub(super) fn letters(text: &str) -> String {
    let text = text.replace("&amp;", "&").replace("&lt;", "<").replace("&gt;", ">");
    text.chars().filter(|c| c.is_alphanumeric()).collect()
}

/// The letters and digits of what was said in a side conversation, less its addresses.
fn plain_words(text: &str) -> String {
    let words = text.split(char::is_whitespace).filter(|word| !word.contains("://"));
    words.flat_map(|word| word.chars()).filter(|c| c.is_alphanumeric()).collect()
}

/// The letters and digits of what was said in Slack, less what stands in angle brackets and the names of emoji.
fn own_words(text: &str) -> String {
    let mut words = String::new();
    let mut rest = text;
    while let Some(start) = rest.find('<') {
        words.push_str(&rest[..start]);
        let Some(end) = rest[start..].find('>') else { break };
        rest = &rest[start + end + 1..];
    }
    words.push_str(rest);
    let is_emoji =
        |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_+'-".contains(c));
    let pieces: Vec<&str> = words.split(':').collect();
    let last = pieces.len().saturating_sub(1);
    let kept = pieces.iter().enumerate().filter(|(at, piece)| *at == 0 || *at == last || !is_emoji(piece));
    let kept: Vec<&str> = kept.map(|(_, piece)| *piece).collect();
    letters(&kept.join(" "))
}
