//! Who may do what: one function decides, for every button, form and command.
//!
//! Whatever changes something on a person's word takes a [`Permit`], and only [`permit`] makes one. So an action that
//! nobody checked does not compile. Whatever a person can press is an [`Action`]: a button is made from one and read back
//! as one, so a button that is no action does not exist.
//!
//! The rules:
//!
//! - Only full members of the app's own workspace act. Guests, people of another firm, bots and deactivated accounts read
//!   and write in their channels, and press nothing.
//! - For some actions the settings ask for more: the member has to be an agent in Zendesk.
//! - The operator, who gives orders on the machine itself, may try again what was not delivered.

use serde::{Deserialize, Serialize};

use super::event::{Person, Standing};

/// Something that a person can ask the app to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Action {
    /// Mark a side conversation as done.
    Done,
    /// Reopen a side conversation.
    Reopen,
    /// Let a thread go on in the ticket into which its own was merged.
    ContinueOn,
    /// Try again what was not delivered.
    Retry,
    /// List the side conversations of a channel.
    List,
    /// Start a side conversation.
    Start,
    /// Start a side conversation that goes to people by e-mail.
    Email,
    /// See a ticket's comments, internal ones too, and send them to Slack.
    Comments,
}

impl Action {
    /// All of them.
    pub const ALL: [Action; 8] = [
        Action::Done,
        Action::Reopen,
        Action::ContinueOn,
        Action::Retry,
        Action::List,
        Action::Start,
        Action::Email,
        Action::Comments,
    ];

    /// The word for logs, and for Slack's `action_id`.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Done => "mark_done",
            Action::Reopen => "reopen",
            Action::ContinueOn => "continue_on",
            Action::Retry => "retry",
            Action::List => "list",
            Action::Start => "start",
            Action::Email => "email",
            Action::Comments => "comments",
        }
    }

    /// The action of this word.
    pub fn named(word: &str) -> Option<Action> {
        Action::ALL.into_iter().find(|action| action.as_str() == word)
    }
}

/// What kind of person somebody is, for the rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A full member of the app's own workspace who is an agent in Zendesk.
    Agent,
    /// A full member of the app's own workspace.
    Member,
    /// A guest of the app's own workspace.
    Guest,
    /// Somebody of another firm, through Slack Connect.
    OtherFirm,
    /// A bot.
    Bot,
    /// A deactivated account.
    Deactivated,
    /// Whoever gives orders on the machine itself.
    Operator,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 7] =
        [Kind::Agent, Kind::Member, Kind::Guest, Kind::OtherFirm, Kind::Bot, Kind::Deactivated, Kind::Operator];

    /// The kind of somebody in Slack. Only a full member can be an agent: nobody else's address is believed.
    pub fn of(person: &Person) -> Kind {
        match person.standing {
            Standing::Member if person.agent => Kind::Agent,
            Standing::Member => Kind::Member,
            Standing::Guest => Kind::Guest,
            Standing::Stranger => Kind::OtherFirm,
            Standing::Bot => Kind::Bot,
            Standing::Gone => Kind::Deactivated,
        }
    }
}

/// Who of the full members may do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Among {
    /// Every full member of the app's own workspace.
    Anyone,
    /// Those who are agents in Zendesk.
    Agents,
}

/// What the settings say about who may do what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Permissions {
    /// Who starts side conversations.
    pub start: Among,
    /// Who starts side conversations that go to people by e-mail.
    pub email: Among,
    /// Who marks side conversations as done, reopens them, and lets them go on after a merge.
    pub done: Among,
    /// Who sees a ticket's comments and sends them to Slack.
    pub comments: Among,
}

impl Default for Permissions {
    fn default() -> Self {
        Permissions { start: Among::Agents, email: Among::Agents, done: Among::Anyone, comments: Among::Agents }
    }
}

impl Permissions {
    /// Who of the full members may do this.
    pub fn among(&self, action: Action) -> Among {
        match action {
            Action::Done | Action::Reopen | Action::ContinueOn => self.done,
            // Words that their author meant to send, and what stands in the channel anyway.
            Action::Retry | Action::List => Among::Anyone,
            Action::Start => self.start,
            Action::Email => self.email,
            Action::Comments => self.comments,
        }
    }
}

/// That somebody may do something. Only [`permit`] makes one.
#[derive(Debug, PartialEq, Eq)]
pub struct Permit {
    action: Action,
}

impl Permit {
    /// What they may do.
    pub fn action(&self) -> Action {
        self.action
    }
}

/// That somebody may not do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Who.
    pub kind: Kind,
    /// What.
    pub action: Action,
    /// Who may do it.
    pub among: Among,
}

/// Decides whether this kind of person may do this.
///
/// # Errors
/// They may not: whoever asked is told so ([`super::notice::refused`]).
pub fn permit(permissions: &Permissions, kind: Kind, action: Action) -> Result<Permit, Refusal> {
    let among = permissions.among(action);
    let may = match kind {
        Kind::Agent => true,
        Kind::Member => among == Among::Anyone,
        Kind::Operator => action == Action::Retry,
        Kind::Guest | Kind::OtherFirm | Kind::Bot | Kind::Deactivated => false,
    };
    if may { Ok(Permit { action }) } else { Err(Refusal { kind, action, among }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of each action: whether an agent may, a member, a guest, another firm's person, a bot, a deactivated account, the
    /// operator. Under the settings as they are without a word.
    fn row(action: Action) -> [bool; 7] {
        let (yes, no) = (true, false);
        match action {
            Action::Done => [yes, yes, no, no, no, no, no],
            Action::Reopen => [yes, yes, no, no, no, no, no],
            Action::ContinueOn => [yes, yes, no, no, no, no, no],
            Action::Retry => [yes, yes, no, no, no, no, yes],
            Action::List => [yes, yes, no, no, no, no, no],
            Action::Start => [yes, no, no, no, no, no, no],
            Action::Email => [yes, no, no, no, no, no, no],
            Action::Comments => [yes, no, no, no, no, no, no],
        }
    }

    #[test]
    fn every_action_by_every_kind_of_person() {
        for action in Action::ALL {
            for (kind, may) in Kind::ALL.into_iter().zip(row(action)) {
                let said = permit(&Permissions::default(), kind, action);
                assert_eq!(said.is_ok(), may, "{action:?} by {kind:?}");
                match said {
                    Ok(permit) => assert_eq!(permit.action(), action),
                    Err(refusal) => assert_eq!((refusal.kind, refusal.action), (kind, action)),
                }
            }
        }
    }

    #[test]
    fn no_setting_lets_anybody_act_but_full_members_and_the_operator() {
        for among in [Among::Anyone, Among::Agents] {
            let permissions = Permissions { start: among, email: among, done: among, comments: among };
            for action in Action::ALL {
                let may = |kind| permit(&permissions, kind, action).is_ok();
                assert!(may(Kind::Agent), "{action:?}");
                assert_eq!(may(Kind::Member), permissions.among(action) == Among::Anyone, "{action:?}");
                for kind in [Kind::Guest, Kind::OtherFirm, Kind::Bot, Kind::Deactivated] {
                    assert!(!may(kind), "{action:?} by {kind:?}");
                }
                assert_eq!(may(Kind::Operator), action == Action::Retry, "{action:?}");
            }
        }
    }

    #[test]
    fn only_a_full_member_can_be_an_agent() {
        for standing in [Standing::Guest, Standing::Stranger, Standing::Bot, Standing::Gone] {
            let person = Person { name: "Zoe".into(), standing, agent: true, firm: None };
            assert_ne!(Kind::of(&person), Kind::Agent);
        }
        let member = |agent| Person { name: "Zoe".into(), standing: Standing::Member, agent, firm: None };
        assert_eq!((Kind::of(&member(true)), Kind::of(&member(false))), (Kind::Agent, Kind::Member));
    }

    #[test]
    fn each_action_has_a_word_of_its_own() {
        for action in Action::ALL {
            assert_eq!(Action::named(action.as_str()), Some(action));
        }
        assert_eq!(Action::named("open_in_zendesk"), None);
    }
}
