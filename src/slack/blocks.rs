//! What the app shows in Slack: the card and the notices, as Block Kit.

use slack_morphism::blocks::{
    SlackActionBlockElement, SlackActionsBlock, SlackBlock, SlackBlockButtonElement, SlackBlockButtonStyle,
    SlackBlockMarkDownText, SlackBlockPlainTextOnly, SlackContextBlock, SlackContextBlockElement, SlackSectionBlock,
};
use url::Url;

use crate::bridge::content::escape_mrkdwn;
use crate::bridge::event::{State, Ticket};
use crate::bridge::ids::TicketId;
use crate::bridge::notice;
use crate::bridge::permit::Action;
use crate::bridge::thread::time;
use crate::bridge::{BridgedThread, Card, EffectId};

/// The action of the button "Open in Zendesk", which is a link.
const OPEN_IN_ZENDESK: &str = "open_in_zendesk";
/// The longest subject that is shown whole; the ticket has the rest. A section takes 3,000 characters.
const SUBJECT_LIMIT: usize = 1000;

/// The card, and the text that stands for it in notifications.
pub fn card(thread: &BridgedThread, card: &Card, ticket_url: &str) -> (String, Vec<SlackBlock>) {
    let subject = match thread.subject.trim() {
        "" => ticket(thread, card).subject.as_deref().unwrap_or("(no subject)"),
        subject => subject,
    };
    let subject: String = escape_mrkdwn(&subject.split_whitespace().collect::<Vec<_>>().join(" "));
    let subject = if subject.chars().count() > SUBJECT_LIMIT {
        format!("{}…", subject.chars().take(SUBJECT_LIMIT).collect::<String>())
    } else {
        subject
    };
    let asker = escape_mrkdwn(&card.asker);
    let mut blocks = vec![section(format!("*{subject}*")), context(facts(thread, card, ticket_url))];
    let (seconds, shown) = time(card.written_at_ms);
    blocks.push(section(notice::asks(&asker, seconds, &shown, &card.text)));
    let readers: Vec<(String, bool)> = thread.readers.iter().map(|r| (r.name.clone(), r.outside)).collect();
    let outside = thread.target.as_ref().map(|target| target.outside).unwrap_or_default();
    blocks.push(context(notice::readers_line(&readers, outside)));
    let (seconds, shown) = time(thread.state_updated_at_ms);
    let by = thread.state_by.as_deref().map(|name| (name, seconds, shown.as_str()));
    blocks.push(context(notice::state_line(thread.state, by)));
    blocks.push(actions(vec![state_button(thread.state, thread), link_button(ticket_url)]));
    (format!("{asker} asks: {subject} (ticket #{})", thread.ticket_id), blocks)
}

/// What is under a notice.
#[derive(Clone, Copy, Debug)]
pub enum Under<'a> {
    /// Nothing.
    Nothing,
    /// The button "Reopen".
    Reopen,
    /// The button "Retry", which names the effect that it tries again.
    Retry(&'a EffectId),
    /// The button "Continue on #456", which names that ticket.
    ContinueOn(TicketId),
}

impl<'a> Under<'a> {
    /// The button "Retry", if there is something to try again.
    pub fn retry(effect: Option<&'a EffectId>) -> Under<'a> {
        effect.map_or(Under::Nothing, Under::Retry)
    }
}

/// A notice of the app, with a button under it or without.
pub fn notice(thread: &BridgedThread, text: &str, under: Under<'_>) -> Vec<SlackBlock> {
    let button = match under {
        Under::Nothing => None,
        Under::Reopen => Some(state_button(State::Closed, thread)),
        Under::Retry(effect) => Some(button(Action::Retry, notice::RETRY, effect.to_string())),
        Under::ContinueOn(ticket) => Some(button(Action::ContinueOn, &notice::continue_on(ticket), ticket.to_string())),
    };
    let mut blocks = vec![section(text.to_owned())];
    blocks.extend(button.map(|button| actions(vec![button])));
    blocks
}

/// The ticket as it was last read.
fn ticket<'a>(thread: &'a BridgedThread, card: &'a Card) -> &'a Ticket {
    thread.ticket.as_ref().unwrap_or(&card.ticket)
}

fn facts(thread: &BridgedThread, card: &Card, ticket_url: &str) -> String {
    let ticket = ticket(thread, card);
    let mut facts = vec![format!("<{ticket_url}|Ticket #{}>", thread.ticket_id)];
    if let Some((before, merged)) = thread.came_from()
        && let Some(tickets_url) = ticket_url.strip_suffix(&thread.ticket_id.to_string())
    {
        facts.push(format!("<{tickets_url}{before}|{}>", notice::came_from(before, merged)));
    }
    let shown = [
        ("Requester", &ticket.requester),
        ("Priority", &ticket.priority),
        ("Status", &ticket.status),
        ("Assignee", &ticket.assignee),
    ];
    for (name, value) in shown {
        if let Some(value) = value {
            let value: String = value.chars().take(80).collect();
            facts.push(format!("{name}: {}", escape_mrkdwn(&value)));
        }
    }
    facts.join("  ·  ")
}

/// The button that ends this state.
fn state_button(state: State, thread: &BridgedThread) -> SlackActionBlockElement {
    match state {
        State::Open => button(Action::Done, notice::MARK_AS_DONE, thread.id.to_string()),
        State::Closed => button(Action::Reopen, notice::REOPEN, thread.id.to_string()),
    }
}

/// A button that asks for something; what is read of it when it is pressed passes [`crate::bridge::permit`].
fn button(action: Action, label: &str, value: String) -> SlackActionBlockElement {
    SlackBlockButtonElement::new(plain(label))
        .with_action_id(action.as_str().into())
        .with_value(value)
        .opt_style((action == Action::Done).then_some(SlackBlockButtonStyle::Primary))
        .into()
}

fn link_button(url: &str) -> SlackActionBlockElement {
    SlackBlockButtonElement::new(plain(notice::OPEN_IN_ZENDESK))
        .with_action_id(OPEN_IN_ZENDESK.into())
        .opt_url(Url::parse(url).ok())
        .into()
}

fn plain(text: &str) -> SlackBlockPlainTextOnly {
    SlackBlockPlainTextOnly::from(text)
}

pub(super) fn section(text: String) -> SlackBlock {
    SlackSectionBlock::new().with_text(markdown(text).into()).into()
}

pub(super) fn context(text: String) -> SlackBlock {
    SlackContextBlock::new(vec![SlackContextBlockElement::MarkDown(markdown(text))]).into()
}

fn actions(elements: Vec<SlackActionBlockElement>) -> SlackBlock {
    SlackActionsBlock::new(elements).into()
}

/// `verbatim` keeps Slack from making links and mentions of what only looks like them.
fn markdown(text: String) -> SlackBlockMarkDownText {
    SlackBlockMarkDownText::new(text).with_verbatim(true)
}
