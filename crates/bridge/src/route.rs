//! Which Slack channel a side conversation belongs to, judged by its recipients.

use serde::{Deserialize, Serialize};

use super::event::Participant;

/// A channel as a person wrote it in the settings or in an address.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum ChannelRef {
    /// `C…` or `G…`.
    Id(super::ids::ChannelId),
    /// A channel's name, lower case, without `#`.
    Name(String),
}

/// One recipient that a route takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecipientPattern {
    /// This very address, lower case. It only names a channel: it is nobody who reads.
    Exact(String),
    /// Every address of this domain, lower case, written `*@domain`.
    Domain(String),
    /// Every address, written `*`.
    Any,
}

/// What happens to a reply when somebody outside the firm would read it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutsidePolicy {
    /// The reply stays in Slack, and the thread is told.
    #[default]
    Never,
    /// The reply goes to them as well.
    Send,
}

/// One `[[routes]]` entry of the settings.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// A short name for logs.
    pub name: String,
    /// Any of these makes the route match.
    pub recipients: Vec<RecipientPattern>,
    /// Where the thread is made.
    pub channel: ChannelRef,
    /// Whether replies may reach people outside the firm.
    pub outside: OutsidePolicy,
    /// Whether the channel may be shared with another firm (Slack Connect).
    pub shared: bool,
}

/// What the recipients say about where a side conversation belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Choice {
    /// It is not for Slack, or Zendesk itself carries it elsewhere.
    LeaveAlone,
    /// It belongs to this channel.
    Channel {
        /// What was chosen.
        target: Target,
        /// How many further channels its recipients name.
        others: usize,
    },
}

/// The channel of a side conversation and the rules that hold there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Target {
    /// Where.
    pub channel: ChannelRef,
    /// The route that chose it; none if an address of `channel_domain` did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Whether replies may reach people outside the firm.
    #[serde(default)]
    pub outside: OutsidePolicy,
    /// Whether the channel may be shared with another firm.
    #[serde(default)]
    pub shared: bool,
}

impl Target {
    /// Takes the rules that the settings have for it at present: what was allowed once is not allowed for ever.
    pub fn obey(&mut self, routes: &[Route]) {
        let route = self.route.as_ref().and_then(|name| routes.iter().find(|route| route.name == *name));
        self.outside = route.map_or(OutsidePolicy::Never, |route| route.outside);
        self.shared = route.is_some_and(|route| route.shared);
    }
}

/// Chooses by the recipients of a message: the first route that takes one of them, else the first address
/// of `channel_domain`.
pub fn choose(routes: &[Route], channel_domain: Option<&str>, recipients: &[Participant]) -> Choice {
    if recipients.iter().any(|recipient| recipient.elsewhere) {
        return Choice::LeaveAlone;
    }
    let emails: Vec<String> =
        recipients.iter().filter_map(|r| r.email.as_deref()).map(|email| email.to_lowercase()).collect();
    let takes = |pattern: &RecipientPattern, email: &str| match pattern {
        RecipientPattern::Exact(address) => address == email,
        RecipientPattern::Domain(domain) => email.rsplit_once('@').is_some_and(|(_, d)| d == domain),
        RecipientPattern::Any => true,
    };
    let of_domain = |email: &str| -> Option<ChannelRef> {
        let (name, domain) = email.rsplit_once('@')?;
        (Some(domain) == channel_domain && !name.is_empty()).then(|| ChannelRef::Name(name.to_owned()))
    };
    let by_route = routes
        .iter()
        .find(|route| route.recipients.iter().any(|pattern| emails.iter().any(|email| takes(pattern, email))))
        .map(|route| Target {
            channel: route.channel.clone(),
            route: Some(route.name.clone()),
            outside: route.outside,
            shared: route.shared,
        });
    let by_domain = || {
        emails.iter().find_map(|email| of_domain(email)).map(|channel| Target {
            channel,
            route: None,
            outside: OutsidePolicy::Never,
            shared: false,
        })
    };
    let Some(target) = by_route.or_else(by_domain) else { return Choice::LeaveAlone };

    let mut named: Vec<ChannelRef> = Vec::new();
    for email in &emails {
        let exact = routes
            .iter()
            .find(|route| route.recipients.contains(&RecipientPattern::Exact(email.clone())))
            .map(|route| route.channel.clone());
        if let Some(channel) = exact.or_else(|| of_domain(email))
            && channel != target.channel
            && !named.contains(&channel)
        {
            named.push(channel);
        }
    }
    Choice::Channel { target, others: named.len() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::ChannelId;

    fn to(emails: &[&str]) -> Vec<Participant> {
        emails.iter().map(|e| Participant { email: Some((*e).into()), ..Default::default() }).collect()
    }

    fn route(recipients: Vec<RecipientPattern>, channel: &str) -> Route {
        Route {
            name: channel.into(),
            recipients,
            channel: ChannelRef::Id(ChannelId::new(channel)),
            outside: OutsidePolicy::Send,
            shared: true,
        }
    }

    fn chosen(choice: Choice) -> (ChannelRef, usize) {
        match choice {
            Choice::Channel { target, others } => (target.channel, others),
            Choice::LeaveAlone => panic!("left alone"),
        }
    }

    #[test]
    fn routes_come_before_the_domain_and_the_first_wins() {
        let routes = [
            route(vec![RecipientPattern::Exact("logistics@acme.example".into())], "C1"),
            route(vec![RecipientPattern::Domain("acme.example".into())], "C2"),
        ];
        let domain = Some("slack.acme.example");
        assert_eq!(
            chosen(choose(&routes, domain, &to(&["Logistics@acme.example"]))),
            (ChannelRef::Id(ChannelId::new("C1")), 0)
        );
        assert_eq!(
            chosen(choose(&routes, domain, &to(&["x@acme.example"]))),
            (ChannelRef::Id(ChannelId::new("C2")), 0)
        );
        assert_eq!(
            chosen(choose(&routes, domain, &to(&["eng-oncall@slack.acme.example"]))),
            (ChannelRef::Name("eng-oncall".into()), 0)
        );
        assert_eq!(choose(&routes, domain, &to(&["joe@elsewhere.example"])), Choice::LeaveAlone);
        assert_eq!(choose(&routes, domain, &[]), Choice::LeaveAlone);
    }

    #[test]
    fn a_second_channel_is_counted_and_the_first_taken() {
        let choice =
            choose(&[], Some("slack.acme.example"), &to(&["eng@slack.acme.example", "ops@slack.acme.example"]));
        assert_eq!(chosen(choice), (ChannelRef::Name("eng".into()), 1));
    }

    #[test]
    fn what_zendesk_carries_elsewhere_is_left_alone() {
        let mut recipients = to(&["eng@slack.acme.example"]);
        recipients.push(Participant { elsewhere: true, ..Default::default() });
        assert_eq!(choose(&[], Some("slack.acme.example"), &recipients), Choice::LeaveAlone);
    }
}
