//! `/side-convo`: what people may type after it, and what they read then.
//!
//! [`parse`] is total: whatever is typed is a command or a [`Mistake`], and a mistake names what was probably meant. The
//! first word decides: a ticket begins a side conversation, one of [`WORDS`] is a command, anything else is a mistake.
//! Slack offers no commands inside threads, so a command names its thread by its ticket or by a link to it.

use super::content::escape_mrkdwn;
use super::event::State;
use super::ids::{ChannelId, TicketId, Ts};

/// The command as Slack knows it.
const COMMAND: &str = "/side-convo";
/// A start as it may be typed.
pub const EXAMPLE: &str = "/side-convo 35436 Where is this parcel?";
/// What shows all that may be typed.
pub const HELP: &str = "/side-convo help";
/// What names a ticket, in mrkdwn.
pub const TICKET: &str = "`35436`, `#35436` or its address";
/// The first words that are commands.
pub const WORDS: &[&str] = &["done", "reopen", "list", "link-me", "help"];
/// What people type who mean one of them.
const ALSO: &[(&str, &str)] = &[
    ("close", "done"),
    ("closed", "done"),
    ("finish", "done"),
    ("resolve", "done"),
    ("solve", "done"),
    ("open", "reopen"),
    ("ls", "list"),
    ("show", "list"),
    ("mine", "list mine"),
    ("login", "link-me"),
    ("connect", "link-me"),
    ("?", "help"),
];
/// What stands before a ticket although nothing needs to.
const BEFORE_A_TICKET: &[&str] = &["start", "new", "ask", "create", "begin", "ticket"];
/// How much of what was typed a mistake shows, in characters.
const SHOWN: usize = 60;
/// The longest number that names a ticket, in digits.
const DIGITS: usize = 15;

/// What somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// What the app does.
    Help,
    /// Side conversations.
    List(Listing),
    /// Mark a side conversation as done, or reopen it.
    SetState {
        /// Which of the two.
        state: State,
        /// Which side conversation.
        which: Which,
    },
    /// Be known as somebody in Zendesk.
    LinkMe,
    /// Start a side conversation.
    Start {
        /// On this ticket; none was typed where the form is asked for as a whole.
        ticket_id: Option<TicketId>,
        /// The message in Slack's mrkdwn, as it was typed; empty where the form is asked for.
        text: String,
    },
    /// None of these.
    Mistake(Mistake),
}

/// Which side conversations a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// The open ones of this channel.
    Open,
    /// Those of this channel that are done.
    Done,
    /// The open ones that the person started or wrote in, wherever they are.
    Mine,
}

/// Which side conversation a command means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Which {
    /// The one of this channel, if there is one.
    Here,
    /// The one of this ticket.
    Ticket(TicketId),
    /// The one of the thread in which this message stands.
    Thread {
        /// The channel.
        channel: ChannelId,
        /// The thread's parent.
        ts: Ts,
    },
}

/// What was typed and cannot be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mistake {
    /// Something else was probably meant.
    Meant {
        /// What was typed.
        typed: String,
        /// What stands after the command then.
        meant: String,
    },
    /// It begins with neither a ticket nor a command.
    NoTicket {
        /// What was typed.
        typed: String,
    },
    /// A number that no ticket has.
    NoNumber {
        /// What was typed.
        typed: String,
    },
    /// It names a ticket of another Zendesk account.
    OtherAccount,
    /// `list` of something unheard of.
    NoList {
        /// What was typed after it.
        typed: String,
    },
    /// `done` or `reopen` of something that is neither a ticket nor a link to a thread.
    NoThread {
        /// Which of the two.
        state: State,
        /// What was typed after it.
        typed: String,
    },
}

/// An address of the web, in its parts.
struct Address<'a> {
    /// With the port, if it names one.
    host: &'a str,
    /// Without the slash at its beginning.
    path: &'a str,
    /// What stands after the question mark.
    query: &'a str,
}

impl<'a> Address<'a> {
    fn read(text: &'a str) -> Option<Address<'a>> {
        let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
        let rest = rest.split('#').next().unwrap_or(rest);
        let (whole, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (host, path) = whole.split_once('/').unwrap_or((whole, ""));
        Some(Address { host, path, query })
    }
}

/// What a word says of a ticket.
enum Named {
    Ticket(TicketId),
    OtherAccount,
    TooLong,
    Nothing,
}

/// Reads what was typed after `/side-convo`. `zendesk_url` is the account's address without a slash at its end.
pub fn parse(text: &str, zendesk_url: &str) -> Command {
    let text = text.trim();
    let (first, rest) = split(text);
    let word = first.to_lowercase();
    match word.as_str() {
        "" => return Command::Start { ticket_id: None, text: String::new() },
        "help" => return Command::Help,
        "link-me" => return Command::LinkMe,
        "list" => return list_of(rest),
        "done" => return set_state(State::Closed, rest, zendesk_url),
        "reopen" => return set_state(State::Open, rest, zendesk_url),
        _ => {}
    }
    match ticket(first, zendesk_url) {
        Named::Ticket(ticket_id) => Command::Start { ticket_id: Some(ticket_id), text: rest.to_owned() },
        Named::OtherAccount => Command::Mistake(Mistake::OtherAccount),
        Named::TooLong => Command::Mistake(Mistake::NoNumber { typed: shown(first) }),
        Named::Nothing => Command::Mistake(mistake(text, &word, rest, zendesk_url)),
    }
}

fn list_of(rest: &str) -> Command {
    match rest.to_lowercase().as_str() {
        "" | "open" => Command::List(Listing::Open),
        "done" | "closed" => Command::List(Listing::Done),
        "mine" | "my" | "me" => Command::List(Listing::Mine),
        _ => Command::Mistake(Mistake::NoList { typed: shown(rest) }),
    }
}

fn set_state(state: State, rest: &str, zendesk_url: &str) -> Command {
    let which = match rest {
        "" => Which::Here,
        rest => match (ticket(rest, zendesk_url), thread(rest)) {
            (Named::Ticket(ticket_id), _) => Which::Ticket(ticket_id),
            (Named::OtherAccount, None) => return Command::Mistake(Mistake::OtherAccount),
            (_, Some((channel, ts))) => Which::Thread { channel, ts },
            _ => return Command::Mistake(Mistake::NoThread { state, typed: shown(rest) }),
        },
    };
    Command::SetState { state, which }
}

/// What was meant by something that begins with neither a ticket nor a command.
fn mistake(text: &str, word: &str, rest: &str, zendesk_url: &str) -> Mistake {
    let meant = |meant: String| Mistake::Meant { typed: shown(text), meant };
    let names_ticket = |text: &str| matches!(ticket(split(text).0, zendesk_url), Named::Ticket(_));
    if BEFORE_A_TICKET.contains(&word) && names_ticket(rest) {
        return meant(shown(rest));
    }
    // Whoever writes a sentence means to ask something, however its first word begins.
    let is_short = rest.is_empty() || names_ticket(rest) || thread(rest).is_some() || !rest.contains(' ');
    let known = ALSO.iter().find(|(typed, _)| *typed == word).map(|(_, meant)| *meant);
    match known.or_else(|| nearest(word)).filter(|_| is_short) {
        Some(near) if rest.is_empty() => meant(near.to_owned()),
        Some(near) => meant(format!("{near} {}", shown(rest))),
        None => Mistake::NoTicket { typed: shown(text) },
    }
}

/// The first word and what follows it.
fn split(text: &str) -> (&str, &str) {
    match text.split_once(char::is_whitespace) {
        Some((first, rest)) => (first, rest.trim()),
        None => (text, ""),
    }
}

/// An address as Slack hands it on: alone, or in angle brackets with or without a text.
fn bare(word: &str) -> &str {
    let inner = word.strip_prefix('<').and_then(|word| word.strip_suffix('>'));
    inner.map_or(word, |inner| inner.split('|').next().unwrap_or(inner))
}

/// The ticket that a word names: its number, with `#` or without, or its address.
fn ticket(word: &str, zendesk_url: &str) -> Named {
    let word = bare(word.trim_end_matches([':', ',', ';']));
    let number = word.strip_prefix('#').unwrap_or(word);
    if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) {
        return match number.parse() {
            Ok(id) if id > 0 && number.len() <= DIGITS => Named::Ticket(TicketId(id)),
            _ => Named::TooLong,
        };
    }
    let Some(url) = Address::read(word) else { return Named::Nothing };
    let mut segments = url.path.split('/');
    let of_ticket = |segment: &str| matches!(segment, "tickets" | "requests");
    if !segments.by_ref().any(of_ticket) {
        return Named::Nothing;
    }
    let number = segments.next().map(|segment| segment.trim_end_matches(".json"));
    let Some(id) = number.and_then(|number| number.parse().ok()).filter(|id| *id > 0) else { return Named::Nothing };
    match Address::read(zendesk_url).is_some_and(|ours| ours.host.eq_ignore_ascii_case(url.host)) {
        true => Named::Ticket(TicketId(id)),
        false => Named::OtherAccount,
    }
}

/// The thread in which the message stands whose address this is.
fn thread(word: &str) -> Option<(ChannelId, Ts)> {
    // A client may escape the address once more.
    let word = bare(word).replace("&amp;", "&");
    let url = Address::read(&word)?;
    let mut segments = url.path.split('/').skip_while(|segment| *segment != "archives").skip(1);
    let (channel, message) = (segments.next()?, segments.next()?);
    let parent = url.query.split('&').find_map(|pair| pair.strip_prefix("thread_ts=")).map(str::to_owned);
    let digits = message.strip_prefix('p').filter(|digits| digits.is_ascii());
    let of_message = || digits.and_then(|digits| Some(format!("{}.{}", digits.get(..10)?, digits.get(10..)?)));
    let ts = parent.or_else(of_message)?.parse().ok()?;
    Some((ChannelId::new(channel), ts))
}

/// The command that a word most likely is, written in a hurry.
fn nearest(word: &str) -> Option<&'static str> {
    let far = |known: &str| if known.len() <= 4 { 1 } else { 2 };
    let near = WORDS.iter().map(|known| (distance(word, known), *known));
    let near = near.filter(|(distance, known)| *distance <= far(known)).min().map(|(_, known)| known);
    near.or_else(|| WORDS.iter().find(|known| word.len() >= 3 && known.starts_with(word)).copied())
}

/// How many letters have to be added, left out, changed or exchanged with their neighbour to make one word of another.
fn distance(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    let mut rows: Vec<Vec<usize>> = vec![(0..=other.len()).collect()];
    for i in 1..=one.len() {
        let mut row = vec![i];
        for j in 1..=other.len() {
            let changed = usize::from(one[i - 1] != other[j - 1]);
            let mut least = (rows[i - 1][j] + 1).min(row[j - 1] + 1).min(rows[i - 1][j - 1] + changed);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[one.len()][other.len()]
}

/// What was typed, in one line of moderate length that may stand between back-ticks.
fn shown(typed: &str) -> String {
    super::notice::short(&typed.replace('`', "'"), SHOWN)
}

/// The answer to `/side-convo help`.
pub fn help() -> String {
    format!(
        "Sidethread joins Zendesk side conversations and Slack threads.\n\
         • An agent starts a side conversation in a ticket and sends it to a channel; it appears there as a thread.\n\
         • What you answer *in the thread* goes to the ticket. What you write in the channel stays in Slack.\n\
         • “Mark as done” and “Reopen” under the first message do the same as in Zendesk.\n\
         *What you can type* (a ticket is {TICKET})\n{}\n\
         Slack takes no commands inside threads, so please type them in the channel.",
        commands()
    )
}

/// The commands that work, a line of mrkdwn each.
pub fn commands() -> String {
    format!(
        "• `{EXAMPLE}` starts a side conversation on that ticket, in the channel where you type it.\n\
         • `{COMMAND} list` shows the open side conversations of the channel; `list done` those that are done; `list mine` \
         the open ones that you started or wrote in.\n\
         • `{COMMAND} done` and `{COMMAND} reopen` mark the side conversation of the channel as done and reopen it; add a \
         ticket or a link to the thread to say which.\n\
         • `{COMMAND} link-me` says as whom you are known in Zendesk."
    )
}

/// The answer to a mistake.
pub fn say(mistake: &Mistake) -> String {
    let see = format!("`{COMMAND} help` shows all that works here.");
    match mistake {
        Mistake::Meant { typed, meant } => {
            format!("`{COMMAND} {typed}` is not something I know. Did you mean `{COMMAND} {meant}`?")
        }
        Mistake::NoTicket { typed } => format!(
            "Please begin with the number of the ticket, as in `{COMMAND} 35436 {typed}`. Nothing was sent. {see}"
        ),
        Mistake::NoNumber { typed } => format!("`{typed}` is not the number of a ticket. Nothing was sent. {see}"),
        Mistake::OtherAccount => {
            "That address belongs to another Zendesk account than the one this app works with. Nothing was sent; please \
             use the number of a ticket of your own account."
                .to_owned()
        }
        Mistake::NoList { typed } => format!(
            "There is no list of `{typed}`. You can type `{COMMAND} list`, `{COMMAND} list done` or `{COMMAND} list mine`."
        ),
        Mistake::NoThread { state, typed } => {
            let word = word(*state);
            format!(
                "`{typed}` is neither a ticket nor a link to a thread, so nothing was changed. You can type `{COMMAND} \
                 {word}`, `{COMMAND} {word} 35436`, or `{COMMAND} {word}` and a link to the thread (“Copy link” on one of \
                 its messages)."
            )
        }
    }
}

/// The word that sets this state.
fn word(state: State) -> &'static str {
    match state {
        State::Closed => "done",
        State::Open => "reopen",
    }
}

/// One line of `/side-convo list`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The side conversation's subject, if whoever asks may read it.
    pub subject: Option<String>,
    /// The thread's address in Slack.
    pub permalink: String,
    /// The ticket's number.
    pub ticket_id: TicketId,
    /// The ticket's address in Zendesk.
    pub ticket_url: String,
}

/// The answer to `/side-convo list`; `more` are left out.
pub fn list(listing: Listing, shown: &[Listed], more: usize) -> String {
    let count = shown.len() + more;
    if count == 0 {
        return match listing {
            Listing::Open => "No side conversation is open in this channel.",
            Listing::Done => "No side conversation of this channel is marked as done.",
            Listing::Mine => "No side conversation is open that you started or wrote in.",
        }
        .to_owned();
    }
    let (many, are) = if count == 1 {
        ("1 side conversation".to_owned(), "is")
    } else {
        (format!("{count} side conversations"), "are")
    };
    let mut lines = vec![match listing {
        Listing::Open => format!("{many} {are} open in this channel:"),
        Listing::Done => format!("{many} of this channel {are} marked as done:"),
        Listing::Mine => format!("{many} {are} open that you started or wrote in:"),
    }];
    for one in shown {
        lines.push(format!("• {} · <{}|ticket #{}>", linked(one), one.ticket_url, one.ticket_id));
    }
    if more > 0 {
        lines.push(format!("… and {more} older ones."));
    }
    lines.join("\n")
}

/// A thread as a link under its subject.
pub fn linked(one: &Listed) -> String {
    let subject = match one.subject.as_deref().map(str::trim) {
        None => "thread".to_owned(),
        Some("") => "(no subject)".to_owned(),
        Some(subject) => escape_mrkdwn(subject).replace('|', "¦"),
    };
    format!("<{}|{subject}>", one.permalink)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZENDESK: &str = "https://acme.zendesk.com";

    fn start(ticket: i64, text: &str) -> Command {
        Command::Start { ticket_id: Some(TicketId(ticket)), text: text.into() }
    }

    fn done(which: Which) -> Command {
        Command::SetState { state: State::Closed, which }
    }

    fn meant(typed: &str, meant: &str) -> Command {
        Command::Mistake(Mistake::Meant { typed: typed.into(), meant: meant.into() })
    }

    fn at(ts: &str) -> Which {
        Which::Thread { channel: ChannelId::new("C1"), ts: ts.parse().unwrap() }
    }

    #[test]
    fn what_is_typed_is_read_kindly() {
        let table: Vec<(&str, Command)> = vec![
            ("", Command::Start { ticket_id: None, text: String::new() }),
            ("  HELP ", Command::Help),
            ("help me please", Command::Help),
            ("link-me", Command::LinkMe),
            ("list", Command::List(Listing::Open)),
            ("List Open", Command::List(Listing::Open)),
            ("list done", Command::List(Listing::Done)),
            ("list mine", Command::List(Listing::Mine)),
            ("list yours", Command::Mistake(Mistake::NoList { typed: "yours".into() })),
            ("35436", start(35436, "")),
            ("#35436 Where is this parcel?", start(35436, "Where is this parcel?")),
            ("35436: Where  is it?\nPlease.", start(35436, "Where  is it?\nPlease.")),
            ("35436\nWhere?", start(35436, "Where?")),
            ("https://acme.zendesk.com/agent/tickets/35436 Where?", start(35436, "Where?")),
            ("<https://acme.zendesk.com/agent/tickets/35436|#35436> Where?", start(35436, "Where?")),
            ("<https://acme.zendesk.com/agent/tickets/35436/events?x=1> W", start(35436, "W")),
            ("https://acme.zendesk.com/api/v2/tickets/35436.json W", start(35436, "W")),
            ("https://acme.zendesk.com/hc/en-gb/requests/35436 W", start(35436, "W")),
            ("https://evil.example/agent/tickets/35436 W", Command::Mistake(Mistake::OtherAccount)),
            ("0 W", Command::Mistake(Mistake::NoNumber { typed: "0".into() })),
            ("9999999999999999999 W", Command::Mistake(Mistake::NoNumber { typed: "9999999999999999999".into() })),
            ("done", done(Which::Here)),
            ("done #35436", done(Which::Ticket(TicketId(35436)))),
            ("DONE <https://acme.slack.com/archives/C1/p1766458031859009>", done(at("1766458031.859009"))),
            (
                "done https://acme.slack.com/archives/C1/p1766458031859009?thread_ts=1766458030.000100&amp;cid=C1",
                done(at("1766458030.000100")),
            ),
            ("reopen", Command::SetState { state: State::Open, which: Which::Here }),
            ("done soon", Command::Mistake(Mistake::NoThread { state: State::Closed, typed: "soon".into() })),
            ("dnoe", meant("dnoe", "done")),
            ("dnoe 35436", meant("dnoe 35436", "done 35436")),
            ("don", meant("don", "done")),
            ("close", meant("close", "done")),
            ("repoen", meant("repoen", "reopen")),
            ("lsit mine", meant("lsit mine", "list mine")),
            ("mine", meant("mine", "list mine")),
            ("hlep", meant("hlep", "help")),
            ("linkme", meant("linkme", "link-me")),
            ("link", meant("link", "link-me")),
            ("start 35436 Where?", meant("start 35436 Where?", "35436 Where?")),
            ("Where is it?", Command::Mistake(Mistake::NoTicket { typed: "Where is it?".into() })),
            (
                "Done with this, or not?",
                Command::Mistake(Mistake::NoThread { state: State::Closed, typed: "with this, or not?".into() }),
            ),
            ("Lust for life in here", Command::Mistake(Mistake::NoTicket { typed: "Lust for life in here".into() })),
            ("<@U1> 35436", Command::Mistake(Mistake::NoTicket { typed: "<@U1> 35436".into() })),
        ];
        for (typed, expected) in table {
            assert_eq!(parse(typed, ZENDESK), expected, "{typed:?}");
        }
    }

    #[test]
    fn every_command_is_in_the_help_and_every_mistake_says_what_to_type() {
        for word in WORDS {
            assert!(*word == "help" || help().contains(word), "{word}");
        }
        for typed in ["dnoe", "Where is it?", "0", "list x", "done x", "reopen x"] {
            let Command::Mistake(mistake) = parse(typed, ZENDESK) else { panic!("{typed}") };
            assert!(say(&mistake).contains("`/side-convo "), "{typed}: {}", say(&mistake));
        }
        let Command::Mistake(mistake) = parse("dnoe", ZENDESK) else { panic!() };
        assert!(say(&mistake).ends_with("Did you mean `/side-convo done`?"));
    }

    #[test]
    fn nothing_that_is_typed_is_too_much() {
        for typed in ["<", "<>", "<|>", "#", "p", "`", "https://", "done https://a/archives/C1/pé", "\u{0}"] {
            parse(typed, ZENDESK);
            parse(&typed.repeat(3000), ZENDESK);
        }
    }
}
