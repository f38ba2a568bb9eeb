//! The right of the page: Slack.

use std::collections::BTreeMap;

use serde_json::Value;

use super::message::{Directory, Message, line};
use super::mrkdwn::Names;
use super::{Choice, Place, list, names_by_id, people_who_write, shown_name, text};
use crate::sandbox::Sandbox;

/// How many threads of a channel, and how many answers of a thread, are shown.
const MOST_THREADS: usize = 60;
const MOST_ANSWERS: usize = 200;

pub(super) struct Workspace {
    pub(super) people: Vec<Choice>,
    pub(super) channels: Vec<Row>,
    pub(super) open: Option<Channel>,
}

pub(super) struct Row {
    pub(super) name: String,
    pub(super) marks: Vec<&'static str>,
    pub(super) href: String,
    pub(super) chosen: bool,
}

pub(super) struct Channel {
    pub(super) name: String,
    pub(super) topic: String,
    /// What keeps the app or the person from something here.
    pub(super) remarks: Vec<String>,
    pub(super) person: String,
    pub(super) earlier: usize,
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
    pub(super) earlier: usize,
    pub(super) answers: Vec<Message>,
    pub(super) can_be_answered: bool,
}

impl Workspace {
    pub(super) fn look(sandbox: &Sandbox, place: &Place, command: Option<u64>) -> Self {
        let channels: Vec<Value> =
            sandbox.slack.channels().into_iter().filter(|channel| !text(channel, "name").is_empty()).collect();
        let row = |channel: &Value| Row {
            name: text(channel, "name").to_owned(),
            marks: marks(channel),
            href: place.with_channel(text(channel, "id")),
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
        let directory = directory(sandbox, place, &channels);
        let chosen = channels.iter().find(|channel| text(channel, "id") == place.channel);
        let mut rows: Vec<(usize, Row)> = channels.iter().map(|c| (order(sandbox, c), row(c))).collect();
        rows.sort_by_key(|(at, _)| *at);
        Workspace {
            people: people_who_write(sandbox).iter().map(choice).collect(),
            channels: rows.into_iter().map(|(_, row)| row).collect(),
            open: chosen.map(|channel| Channel::look(sandbox, place, channel, &directory, command)),
        }
    }
}

impl Channel {
    fn look(sandbox: &Sandbox, place: &Place, channel: &Value, directory: &Directory, command: Option<u64>) -> Self {
        let person = directory.names.of_ids.get(&place.person).cloned().unwrap_or_default();
        let is_member = list(channel, "members").iter().any(|member| *member == *place.person);
        let name = text(channel, "name");
        let app = &directory.app_name;
        let remarks = [
            (channel["is_member"] != true).then(|| format!("The app {app} is not in this channel.")),
            (channel["is_archived"] == true).then(|| "This channel is archived.".to_owned()),
            (channel["is_ext_shared"] == true).then(|| "This channel is shared with another firm.".to_owned()),
            (!is_member).then(|| format!("{person} is not in this channel.")),
        ];
        let mut threads = threads(sandbox, place, directory);
        let earlier = threads.len().saturating_sub(MOST_THREADS);
        let command = command.map(|id| match sandbox.slack.command_answer(id) {
            Some(mut answer) => {
                answer["bot_id"] = directory.app_bot_id.clone().into();
                Answer::Came(Box::new(Message::look(&answer, place, directory)))
            }
            None => Answer::Waiting,
        });
        Channel {
            name: name.to_owned(),
            topic: line(text(&channel["topic"], "value"), directory),
            remarks: remarks.into_iter().flatten().collect(),
            person,
            earlier,
            threads: threads.split_off(earlier),
            command,
        }
    }
}

/// The channel's threads in order, and among them what only the person sees.
fn threads(sandbox: &Sandbox, place: &Place, directory: &Directory) -> Vec<Thread> {
    let mut messages = sandbox.slack.messages(&place.channel);
    let whispered = sandbox.slack.ephemerals(&place.person);
    messages.extend(whispered.into_iter().filter(|message| text(message, "channel") == place.channel));
    messages.sort_by(|one, other| text(one, "ts").cmp(text(other, "ts")));
    let mut threads: Vec<Thread> = Vec::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for message in &messages {
        let (ts, root) = (text(message, "ts"), text(message, "thread_ts"));
        let shown = Message::look(message, place, directory);
        match places.get(root).filter(|_| root != ts).and_then(|at| threads.get_mut(*at)) {
            Some(thread) => thread.answers.push(shown),
            None => {
                places.insert(ts.to_owned(), threads.len());
                let can_be_answered = message["is_ephemeral"] != true;
                threads.push(Thread { root: shown, earlier: 0, answers: Vec::new(), can_be_answered });
            }
        }
    }
    for thread in &mut threads {
        thread.earlier = thread.answers.len().saturating_sub(MOST_ANSWERS);
        thread.answers.drain(..thread.earlier);
    }
    threads
}

fn directory(sandbox: &Sandbox, place: &Place, channels: &[Value]) -> Directory {
    let people = sandbox.slack.people();
    let options = sandbox.slack.options();
    let mut of_ids = names_by_id(&people, shown_name);
    of_ids.extend(names_by_id(channels, |channel| text(channel, "name").to_owned()));
    let mut keeps = format!("&person={}&agent={}", place.person, place.agent);
    if let Some(ticket) = place.ticket {
        keeps.push_str(&format!("&ticket={ticket}"));
    }
    Directory {
        names: Names { of_ids, archives: format!("https://{}.slack.com/archives/", options.team_domain), keeps },
        marks: people.iter().map(|person| (text(person, "id").to_owned(), mark(person))).collect(),
        app_bot_id: options.bot_id.clone(),
        app_name: options.bot_name.clone(),
    }
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
