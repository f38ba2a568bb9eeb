//! The right of the page: the workspace.

use serde_json::Value;

use super::message::{Directory, Message, line};
use super::mrkdwn::Names;
use super::{Choice, Place, list, names_by_id, people_who_write, shown_name, text};
use crate::Sandbox;
use crate::slack::SeenThread;

/// How many threads of a channel, and how many answers of a thread, are shown.
const MOST_THREADS: usize = 20;
const MOST_ANSWERS: usize = 60;

pub(super) struct Workspace {
    pub(super) place: Place,
    pub(super) people: Vec<Choice>,
    pub(super) channels: Vec<Row>,
    /// The person's own.
    pub(super) directs: Vec<Row>,
    pub(super) open: Option<Channel>,
}

pub(super) struct Row {
    pub(super) name: String,
    pub(super) marks: Vec<&'static str>,
    pub(super) href: String,
    pub(super) chosen: bool,
}

pub(super) struct Channel {
    /// With its `#`, or the people of a direct conversation.
    pub(super) name: String,
    pub(super) topic: String,
    /// What keeps the app or the person from something here.
    pub(super) remarks: Vec<String>,
    pub(super) person: String,
    /// The part of the channel before this one, and the one after it: how many threads, address.
    pub(super) earlier: Option<(usize, String)>,
    pub(super) later: Option<(usize, String)>,
    /// The last part, if that is not the one after this.
    pub(super) latest: Option<String>,
    pub(super) threads: Vec<Thread>,
    pub(super) command: Option<Answer>,
}

/// What became of a slash command.
pub(super) enum Answer {
    Waiting,
    Came(Box<Message>),
}

pub(super) struct Thread {
    pub(super) root: Message,
    /// How many answers are left out, and where to see them all.
    pub(super) earlier: Option<(usize, String)>,
    pub(super) answers: Vec<Message>,
    pub(super) can_be_answered: bool,
}

/// Where a channel is to be opened so that the thread of a message is seen: nothing, if it is seen as the place is.
pub(crate) fn to_see(sandbox: &Sandbox, place: &Place, ts: &str) -> Option<Place> {
    let root = sandbox.slack.root_of(&place.channel, ts)?;
    let is_seen = |until: Option<&str>| {
        let seen = sandbox.slack.threads_until(&place.channel, until, MOST_THREADS, 0);
        seen.threads.iter().any(|thread| text(&thread.root, "ts") == root)
    };
    let until = Some(place.until.as_str()).filter(|until| !until.is_empty());
    match () {
        () if is_seen(until) => None,
        () if is_seen(None) => Some(Place { until: String::new(), ..place.clone() }),
        () => Some(Place { until: root, ..place.clone() }),
    }
}

impl Workspace {
    pub(super) fn look(sandbox: &Sandbox, place: &Place, command: Option<u64>) -> Self {
        let all = sandbox.slack.channels();
        let (channels, directs): (Vec<&Value>, Vec<&Value>) = all.iter().partition(|one| !is_direct(one));
        let directory = directory(sandbox, place, &channels);
        let row = |channel: &Value| Row {
            name: shown(channel, place, &directory),
            marks: if is_direct(channel) { Vec::new() } else { marks(channel) },
            href: format!("{}#latest", place.with_channel(text(channel, "id"))),
            chosen: text(channel, "id") == place.channel,
        };
        let choice = |person: &Value| Choice {
            id: text(person, "id").to_owned(),
            name: match mark(person) {
                "" => shown_name(person),
                mark => format!("{} ({mark})", shown_name(person)),
            },
            chosen: text(person, "id") == place.person,
        };
        let chosen = all.iter().find(|channel| text(channel, "id") == place.channel);
        let mut rows: Vec<(usize, Row)> = channels.iter().map(|c| (order(sandbox, c), row(c))).collect();
        rows.sort_by_key(|(at, _)| *at);
        let own = directs.into_iter().filter(|direct| is_in(direct, &place.person));
        Workspace {
            place: place.clone(),
            people: people_who_write(sandbox).iter().map(choice).collect(),
            channels: rows.into_iter().map(|(_, row)| row).collect(),
            directs: own.map(row).collect(),
            open: chosen.map(|channel| Channel::look(sandbox, place, channel, &directory, command)),
        }
    }
}

impl Channel {
    fn look(sandbox: &Sandbox, place: &Place, channel: &Value, directory: &Directory, command: Option<u64>) -> Self {
        let person = directory.names.of_ids.get(&place.person).cloned().unwrap_or_default();
        let app = &directory.app_name;
        let remarks = [
            (!is_direct(channel) && channel["is_member"] != true)
                .then(|| format!("The app {app} is not in this channel.")),
            (channel["is_archived"] == true).then(|| "This channel is archived.".to_owned()),
            (channel["is_ext_shared"] == true).then(|| "This channel is shared with another firm.".to_owned()),
            (!is_in(channel, &place.person)).then(|| format!("{person} is not in this channel.")),
        ];
        let until = Some(place.until.as_str()).filter(|until| !until.is_empty());
        let mut seen = sandbox.slack.threads_until(&place.channel, until, MOST_THREADS, MOST_ANSWERS);
        if let Some(whole) = seen.threads.iter_mut().find(|thread| text(&thread.root, "ts") == place.whole) {
            whole.earlier = 0;
            whole.replies = sandbox.slack.thread(&place.channel, &place.whole).into_iter().skip(1).collect();
        }
        let part = |count: usize, until: &Option<String>| Some((count, place.with_until(until.as_ref()?)));
        let command = command.map(|id| match sandbox.slack.command_answer(id) {
            Some(mut answer) => {
                answer["bot_id"] = directory.app_bot_id.clone().into();
                Answer::Came(Box::new(Message::look(&answer, place, directory)))
            }
            None => Answer::Waiting,
        });
        Channel {
            name: shown(channel, place, directory),
            topic: line(text(&channel["topic"], "value"), directory),
            remarks: remarks.into_iter().flatten().collect(),
            person,
            earlier: part(seen.earlier, &seen.before),
            // The last part is the latest for good, and so has no end.
            later: match seen.later {
                0 => None,
                count if count <= MOST_THREADS => Some((count, place.with_until(""))),
                count => part(count, &seen.after),
            },
            latest: (seen.later > MOST_THREADS).then(|| place.with_until("")),
            threads: threads(sandbox, place, directory, seen.threads),
            command,
        }
    }
}

/// Threads in order, with what only the person sees among them.
fn threads(sandbox: &Sandbox, place: &Place, directory: &Directory, seen: Vec<SeenThread>) -> Vec<Thread> {
    let mut whispers = sandbox.slack.ephemerals(&place.person);
    whispers.retain(|whisper| text(whisper, "channel") == place.channel);
    let mut threads: Vec<(String, Thread)> = Vec::new();
    for SeenThread { root, earlier, mut replies } in seen {
        let ts = text(&root, "ts").to_owned();
        replies.extend(whispers.extract_if(.., |whisper| text(whisper, "thread_ts") == ts));
        replies.sort_by(|one, other| text(one, "ts").cmp(text(other, "ts")));
        let answers = replies.iter().map(|reply| Message::look(reply, place, directory)).collect();
        let earlier = (earlier > 0).then(|| (earlier, format!("{}#thread-{ts}", place.with_whole(&ts))));
        let thread = Thread { root: Message::look(&root, place, directory), earlier, answers, can_be_answered: true };
        threads.push((ts, thread));
    }
    let since = threads.first().map(|(ts, _)| ts.clone()).unwrap_or_default();
    for whisper in whispers.iter().filter(|whisper| text(whisper, "thread_ts").is_empty()) {
        let ts = text(whisper, "ts").to_owned();
        if ts >= since && place.until.is_empty() {
            let root = Message::look(whisper, place, directory);
            threads.push((ts, Thread { root, earlier: None, answers: Vec::new(), can_be_answered: false }));
        }
    }
    threads.sort_by(|(one, _), (other, _)| one.cmp(other));
    threads.into_iter().map(|(_, thread)| thread).collect()
}

fn is_direct(channel: &Value) -> bool {
    channel["is_im"] == true || channel["is_mpim"] == true
}

fn is_in(channel: &Value, person: &str) -> bool {
    list(channel, "members").iter().any(|member| *member == *person)
}

/// A channel's name with its `#`; for a direct conversation, the others in it.
fn shown(channel: &Value, place: &Place, directory: &Directory) -> String {
    if !is_direct(channel) {
        return format!("#{}", text(channel, "name"));
    }
    let others = list(channel, "members").iter().filter_map(Value::as_str).filter(|id| *id != place.person);
    let names: Vec<&str> = others.map(|id| directory.names.of_ids.get(id).map_or("somebody", String::as_str)).collect();
    if names.is_empty() { "yourself".to_owned() } else { names.join(", ") }
}

fn directory(sandbox: &Sandbox, place: &Place, channels: &[&Value]) -> Directory {
    let people = sandbox.slack.people();
    let options = sandbox.slack.options();
    let mut of_ids = names_by_id(&people, shown_name);
    of_ids.extend(channels.iter().map(|channel| (text(channel, "id").to_owned(), text(channel, "name").to_owned())));
    Directory {
        names: Names { of_ids, ..links(sandbox, place) },
        marks: people.iter().map(|person| (text(person, "id").to_owned(), mark(person))).collect(),
        app_bot_id: options.bot_id.clone(),
        app_name: options.bot_name.clone(),
    }
}

/// How links into the workspace lead into the page.
pub(super) fn links(sandbox: &Sandbox, place: &Place) -> Names {
    let mut keeps = format!("&person={}&agent={}&view=slack", place.person, place.agent);
    if let Some(ticket) = place.ticket {
        keeps.push_str(&format!("&ticket={ticket}"));
    }
    let archives = format!("https://{}.slack.com/archives/", sandbox.slack.options().team_domain);
    Names { archives, keeps, ..Names::default() }
}

fn mark(person: &Value) -> &'static str {
    match () {
        () if person["is_bot"] == true => "bot",
        () if person.get("is_stranger").is_some() => "other firm",
        () if person["is_restricted"] == true => "guest",
        () => "",
    }
}

fn marks(channel: &Value) -> Vec<&'static str> {
    let marks = [
        ("private", channel["is_private"] == true),
        ("shared", channel["is_ext_shared"] == true),
        ("archived", channel["is_archived"] == true),
        ("without the app", channel["is_member"] != true),
    ];
    marks.into_iter().filter(|(_, is)| *is).map(|(mark, _)| mark).collect()
}

/// As the world lists them; those made since come last.
fn order(sandbox: &Sandbox, channel: &Value) -> usize {
    let known = &sandbox.world.channels;
    known.iter().position(|one| one.id == text(channel, "id")).unwrap_or(known.len())
}
