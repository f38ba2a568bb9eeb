//! The people of the firm's Zendesk, and how their tickets' past is told.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Hands;
use super::stories::{STORIES, Story};
use crate::zendesk::{FakeZendesk, TicketChange, TicketSpec, UserSpec};

struct Person {
    handle: &'static str,
    name: &'static str,
    email: &'static str,
    role: &'static str,
    organization: &'static str,
    locale: &'static str,
}

const fn agent(handle: &'static str, name: &'static str, email: &'static str, role: &'static str) -> Person {
    Person { handle, name, email, role, organization: "", locale: "en-US" }
}

const fn customer(
    handle: &'static str,
    name: &'static str,
    email: &'static str,
    organization: &'static str,
    locale: &'static str,
) -> Person {
    Person { handle, name, email, role: "end-user", organization, locale }
}

/// Marta and Wanjiru have the same addresses in Slack.
const PEOPLE: &[Person] = &[
    agent("marta", "Marta Figueiredo", "marta@acme.example", "agent"),
    agent("wanjiru", "Wanjiru Kamau", "wanjiru@acme.example", "admin"),
    agent("lukas", "Lukas Brandt", "lukas@acme.example", "agent"),
    agent("aicha", "Aïcha Benali", "aicha@acme.example", "agent"),
    agent(SUSPENDED, "Tom Reyes", "tom@acme.example", "agent"),
    customer("ana", "Ana Beatriz Moreira", "anabeatriz@correio.example", "", "pt"),
    customer("jeanluc", "Jean-Luc Fontaine", "jl.fontaine@fontaine-optique.example", "Fontaine Optique", "fr"),
    customer("piotr", "Piotr Zieliński", "piotr.zielinski@poczta.example", "", "pl"),
    customer("margaret", "Margaret O'Neill", "margaret@oneill-daughters.example", "O'Neill & Daughters", "en-IE"),
    customer("kwame", "Kwame Asante", "kwame.asante@mail.example", "", "en-US"),
    customer("sofia", "Sofía Herrera", "sofia.herrera@mail.example", "", "es"),
    customer("haruka", "Haruka Tanaka", "tanaka@kissaten-audio.example", "Kissaten Audio", "ja"),
    customer("liwei", "Li Wei", "li.wei@brightcell.example", "Brightcell Shenzhen", "en-US"),
];

const SUSPENDED: &str = "tom";
/// Beside the one that every account begins with, Support.
const GROUPS: [&str; 3] = ["Logistics", "Billing", "VIP desk"];

/// Handles and names to ids.
pub(super) struct Desk {
    users: BTreeMap<&'static str, i64>,
    groups: BTreeMap<String, i64>,
}

impl Desk {
    pub(super) fn furnish(zendesk: &FakeZendesk) -> Self {
        let mut groups: BTreeMap<String, i64> =
            GROUPS.into_iter().map(|name| (name.to_owned(), zendesk.add_group(name))).collect();
        let named = |group: &Value| Some((group["name"].as_str()?.to_owned(), group["id"].as_i64()?));
        groups.extend(zendesk.groups().iter().filter_map(named));
        let mut organizations: BTreeMap<&str, i64> = BTreeMap::new();
        let mut users = BTreeMap::new();
        for person in PEOPLE {
            let named = Some(person.organization).filter(|name| !name.is_empty());
            let organization_id =
                named.map(|name| *organizations.entry(name).or_insert_with(|| zendesk.add_organization(name)));
            let spec = UserSpec {
                name: person.name.into(),
                email: Some(person.email.into()),
                role: person.role.into(),
                suspended: person.handle == SUSPENDED,
                organization_id,
                locale: Some(person.locale.into()),
                ..UserSpec::default()
            };
            users.insert(person.handle, zendesk.add_user(spec));
        }
        Desk { users, groups }
    }

    pub(super) fn agents(&self) -> Vec<(i64, String)> {
        let working = PEOPLE.iter().filter(|person| person.role != "end-user" && person.handle != SUSPENDED);
        working.map(|person| (self.user(person.handle), person.name.to_owned())).collect()
    }

    /// Tells every ticket's story; the tickets' numbers.
    pub(super) fn tell(&self, zendesk: &FakeZendesk, hands: &Hands<'_>) -> Vec<i64> {
        STORIES.iter().map(|story| self.tell_one(zendesk, hands, story)).collect()
    }

    fn tell_one(&self, zendesk: &FakeZendesk, hands: &Hands<'_>, story: &Story) -> i64 {
        hands.to_minutes_ago(story.minutes_ago);
        let ticket = zendesk.add_ticket(TicketSpec {
            subject: hands.filled(story.subject),
            description: hands.filled(story.description),
            requester_id: self.user(story.customer),
            assignee_id: self.users.get(story.assignee).copied(),
            group_id: self.groups.get(story.group).copied(),
            priority: Some(story.priority).filter(|priority| !priority.is_empty()).map(String::from),
            status: if story.status == "new" { "new".into() } else { "open".into() },
            tags: story.tags.iter().map(|tag| (*tag).to_owned()).collect(),
            ..TicketSpec::default()
        });
        for (minutes_ago, who, public, text) in story.comments {
            hands.to_minutes_ago(*minutes_ago);
            zendesk.add_comment(ticket, self.user(who), text, *public);
        }
        if let Some(side) = &story.side_conversation {
            hands.to_minutes_ago(side.minutes_ago);
            let agent = self.user(side.agent);
            let begun = zendesk.desk_start(agent, ticket, &[side.to], side.subject, side.message);
            if let Ok(id) = begun {
                hands.to_minutes_ago(side.answered_minutes_ago);
                zendesk.reply_by_mail(side.to, &id, side.answer);
                if side.done {
                    zendesk.set_state(agent, &id, "closed");
                }
            }
        }
        if !matches!(story.status, "new" | "open") {
            zendesk.set_ticket(ticket, TicketChange { status: Some(story.status.into()), ..TicketChange::default() });
        }
        ticket
    }

    fn user(&self, handle: &str) -> i64 {
        self.users.get(handle).copied().unwrap_or_default()
    }
}
