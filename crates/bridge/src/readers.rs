//! Who reads a reply: computed when it is sent, so that no word leaves the house by accident.
//!
//! Zendesk makes every unknown address an end user, so having a user says nothing; only the role does. While a
//! role is not known nothing may be sent: the caller asks for it first and treats a failure as "later".

use super::event::{Participant, Reader};
use super::ids::ZendeskUserId;
use super::route::{OutsidePolicy, RecipientPattern, Route};

/// Somebody who would get a reply, and what Zendesk says of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Who.
    pub participant: Participant,
    /// What Zendesk says of them.
    pub account: Account,
}

/// What Zendesk says of somebody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Account {
    /// An agent or an admin.
    Staff,
    /// Anybody else.
    Outside,
    /// Suspended or deleted: Zendesk takes nothing for them.
    Refused,
}

/// What is to be done with a reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Audience {
    /// It may go.
    Send {
        /// To whom.
        to: Vec<Participant>,
        /// Who reads it, for the card.
        readers: Vec<Reader>,
        /// The names of those for whom Zendesk takes nothing.
        left_out: Vec<String>,
    },
    /// It stays in Slack.
    Withhold {
        /// The names of those outside who would have read it.
        outsiders: Vec<String>,
        /// Everyone who would have read it, for the card.
        readers: Vec<Reader>,
    },
    /// Nobody is left to send it to.
    Nobody {
        /// The names of those for whom Zendesk takes nothing.
        left_out: Vec<String>,
    },
}

/// Whether this address only names a channel, so that nobody reads there.
pub fn names_a_channel(routes: &[Route], channel_domain: Option<&str>, email: &str) -> bool {
    let email = email.to_lowercase();
    let in_domain = channel_domain.is_some_and(|domain| email.rsplit_once('@').is_some_and(|(_, d)| d == domain));
    in_domain
        || routes.iter().flat_map(|route| &route.recipients).any(|pattern| match pattern {
            RecipientPattern::Exact(address) => *address == email,
            RecipientPattern::Domain(_) | RecipientPattern::Any => false,
        })
}

/// Everyone who takes part except the app's own user and addresses that name a channel.
pub fn people(
    participants: &[Participant],
    app_user: ZendeskUserId,
    routes: &[Route],
    channel_domain: Option<&str>,
) -> Vec<Participant> {
    let mut people: Vec<Participant> = Vec::new();
    for participant in participants {
        let names_a_channel =
            participant.email.as_deref().is_some_and(|email| names_a_channel(routes, channel_domain, email));
        let nobody = participant.user_id.is_none() && participant.email.is_none();
        let ours = participant.user_id == Some(app_user);
        let again = people.iter().any(|p| {
            (p.user_id.is_some() && p.user_id == participant.user_id)
                || (p.email.is_some() && p.email == participant.email)
        });
        if !(names_a_channel || nobody || ours || again || participant.elsewhere) {
            people.push(participant.clone());
        }
    }
    people
}

/// Decides who gets a reply.
pub fn audience(candidates: &[Candidate], outside: OutsidePolicy) -> Audience {
    let named = |c: &Candidate| name_of(&c.participant);
    let left_out: Vec<String> = candidates.iter().filter(|c| c.account == Account::Refused).map(named).collect();
    let outsiders: Vec<String> = candidates.iter().filter(|c| c.account == Account::Outside).map(named).collect();
    if !outsiders.is_empty() && outside == OutsidePolicy::Never {
        return Audience::Withhold { outsiders, readers: readers(candidates) };
    }
    let takers: Vec<&Candidate> = candidates.iter().filter(|c| c.account != Account::Refused).collect();
    if takers.is_empty() {
        return Audience::Nobody { left_out };
    }
    Audience::Send {
        to: takers.iter().map(|c| c.participant.clone()).collect(),
        readers: readers(candidates),
        left_out,
    }
}

/// The readers to show on the card.
pub fn readers(candidates: &[Candidate]) -> Vec<Reader> {
    candidates
        .iter()
        .filter(|c| c.account != Account::Refused)
        .map(|c| Reader { name: name_of(&c.participant), outside: c.account == Account::Outside })
        .collect()
}

/// The name of a participant, or the address where Zendesk knows no name.
fn name_of(participant: &Participant) -> String {
    participant.shown().or(participant.email.as_deref()).unwrap_or("somebody without a name").to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ChannelId;
    use crate::route::ChannelRef;

    fn person(id: i64, email: &str) -> Participant {
        Participant {
            user_id: Some(ZendeskUserId(id)),
            email: Some(email.into()),
            name: Some(format!("P{id}")),
            ..Default::default()
        }
    }

    fn route(recipients: Vec<RecipientPattern>) -> Route {
        Route {
            name: "r".into(),
            recipients,
            channel: ChannelRef::Id(ChannelId::new("C1")),
            outside: OutsidePolicy::Never,
            shared: false,
        }
    }

    #[test]
    fn an_exact_address_and_the_domain_name_a_channel_but_a_pattern_names_people() {
        let routes = [
            route(vec![RecipientPattern::Exact("logistics@acme.example".into())]),
            route(vec![RecipientPattern::Domain("partner.example".into()), RecipientPattern::Any]),
        ];
        let domain = Some("slack.acme.example");
        assert!(names_a_channel(&routes, domain, "Logistics@acme.example"));
        assert!(names_a_channel(&routes, domain, "eng@slack.acme.example"));
        assert!(!names_a_channel(&routes, domain, "joe@partner.example"));
        assert!(!names_a_channel(&routes, domain, "eng@notslack.acme.example"));
        assert!(!names_a_channel(&routes, None, "eng@slack.acme.example"));
    }

    #[test]
    fn the_app_and_channel_addresses_are_nobody() {
        let routes = [route(vec![RecipientPattern::Exact("logistics@acme.example".into())])];
        let all = [person(1, "ana@acme.example"), person(9, "app@acme.example"), person(2, "logistics@acme.example")];
        let left = people(&all, ZendeskUserId(9), &routes, None);
        assert_eq!(left, [person(1, "ana@acme.example")]);
    }

    #[test]
    fn one_outsider_withholds_unless_the_route_sends() {
        let candidates = [
            Candidate { participant: person(1, "a@x"), account: Account::Staff },
            Candidate { participant: person(2, "b@y"), account: Account::Outside },
        ];
        assert!(matches!(
            audience(&candidates, OutsidePolicy::Never),
            Audience::Withhold { outsiders, readers } if outsiders == ["P2"] && readers.len() == 2
        ));
        assert!(matches!(audience(&candidates, OutsidePolicy::Send), Audience::Send { to, .. } if to.len() == 2));
    }

    #[test]
    fn the_refused_are_left_out_and_named() {
        let candidates = [
            Candidate { participant: person(1, "a@x"), account: Account::Staff },
            Candidate { participant: person(2, "b@y"), account: Account::Refused },
        ];
        assert!(matches!(
            audience(&candidates, OutsidePolicy::Never),
            Audience::Send { to, left_out, .. } if to.len() == 1 && left_out == ["P2"]
        ));
        assert!(matches!(audience(&candidates[1..], OutsidePolicy::Never), Audience::Nobody { .. }));
    }
}
