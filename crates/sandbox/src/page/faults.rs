//! The switches for what can be made to go wrong.

use serde_json::{Value, json};

use crate::faults::Rule;
use crate::kinds::{EVENTS, KINDS, Kind, unit};
use crate::{Sandbox, slack, zendesk};

/// One kind of fault, with what is on of it.
pub(super) struct Switch {
    pub(super) name: &'static str,
    pub(super) title: &'static str,
    pub(super) says: &'static str,
    /// Its parameter: name, unit, least, most, and what is proposed.
    pub(super) parameter: Option<(&'static str, &'static str, u64, u64, u64)>,
    /// The rules that are on, each in a line.
    pub(super) on: Vec<String>,
    /// What it can strike; a vendor's call each, the first being all of them.
    pub(super) calls: Vec<(&'static str, Vec<String>)>,
}

pub(super) fn switches(sandbox: &Sandbox) -> Vec<Switch> {
    let of_slack = sandbox.slack.faults().list();
    let of_zendesk = sandbox.zendesk.faults().list();
    let switch = |kind: &'static Kind| {
        let mut on = shown(kind, "Slack", &of_slack);
        on.extend(shown(kind, "Zendesk", &of_zendesk));
        let parameter = kind.parameter.map(|(name, least, most)| {
            let proposed = match name {
                "ms" => 2_000,
                "status" => 503,
                _ => 10,
            };
            (name, unit(name), least, most, proposed)
        });
        let of = |vendor: &'static str, known: Vec<&'static str>| {
            let fits = known.into_iter().filter(|call| kind.strikes(vendor, call)).map(str::to_owned);
            (vendor, fits.collect::<Vec<String>>())
        };
        let calls = vec![of("slack", slack::calls()), of("zendesk", zendesk::CALLS.to_vec())];
        let calls = calls.into_iter().filter(|(vendor, _)| kind.is_of(vendor)).collect();
        Switch { name: kind.name, title: kind.title, says: kind.says, parameter, on, calls }
    };
    KINDS.iter().map(switch).collect()
}

/// The rules of a kind, in words.
fn shown(kind: &Kind, vendor: &str, rules: &[Rule]) -> Vec<String> {
    let described = rules.iter().map(|rule| (rule, json!(rule)));
    let of_kind = described.filter(|(_, described)| described["fault"] == kind.name);
    of_kind
        .map(|(rule, described)| {
            let call = match rule.call.as_str() {
                "*" => "every call",
                EVENTS => "deliveries",
                call => call,
            };
            let mut words = format!("{vendor}: {call}");
            if let Some((name, ..)) = kind.parameter {
                let value = described.get(name).and_then(Value::as_u64).unwrap_or_default();
                words.push_str(&match name {
                    "status" => format!(", status {value}"),
                    name if value == 1 => format!(", 1 {}", unit(name).trim_end_matches('s')),
                    name => format!(", {value} {}", unit(name)),
                });
            }
            words.extend(rule.percent.map(|percent| format!(", in {percent} of 100 cases")));
            words.extend(rule.times.map(|times| format!(", {times} more time{}", if times == 1 { "" } else { "s" })));
            words
        })
        .collect()
}
