//! What follow-up tickets are like.

use super::error::Fault;
use super::source::{Located, Source, Value};
use crate::bridge::follow_up::{Copied, PLACEHOLDERS, Rules, Template};

/// What an agent may give a ticket that is not done.
const STATUSES: [&str; 4] = ["new", "open", "pending", "hold"];
const LONGEST_TEMPLATE: usize = 4000;

pub(super) fn read(source: &mut Source) -> Option<Rules> {
    let status = source.text_or("followup.status", "open", status);
    let copy = copy(source);
    let template = source.optional("followup.template", template);
    Some(Rules { status: status?, copy: copy?, template: template?.unwrap_or_default() })
}

fn copy(source: &mut Source) -> Option<Vec<Copied>> {
    const KEY: &str = "followup.copy";
    let Some(Located { origin, value }) = source.take(KEY) else { return Some(Copied::ALL.to_vec()) };
    let Value::List(items) = value else {
        let reason = format!("must be a list, not {}", value.kind());
        source.fault(origin, KEY, reason, Some(r#"write it as in ["assignee", "tags"]"#.to_owned()));
        return None;
    };
    items.into_iter().map(|item| source.read_text(item, KEY, copied)).collect()
}

fn copied(text: &str) -> Result<Copied, Fault> {
    let known = Copied::ALL.into_iter().find(|known| known.as_str() == text);
    known.ok_or_else(|| {
        let names: Vec<&str> = Copied::ALL.iter().map(|known| known.as_str()).collect();
        Fault::new("cannot be copied", format!("choose from {}", names.join(", ")))
    })
}

fn status(text: &str) -> Result<String, Fault> {
    match STATUSES.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(Fault::new(
            "is not a status that a follow-up can have",
            format!("choose one of {}", STATUSES.join(", ")),
        )),
    }
}

fn template(text: &str) -> Result<Template, Fault> {
    if text.trim().is_empty() || text.chars().count() > LONGEST_TEMPLATE {
        let reason = format!("must have 1 to {LONGEST_TEMPLATE} characters");
        return Err(Fault::new(reason, "leave it out for the text that Sidethread has"));
    }
    Template::parse(text).map_err(|name| {
        let names: Vec<String> = PLACEHOLDERS.iter().map(|name| format!("{{{name}}}")).collect();
        Fault::new(format!("names {{{name}}}, which is not known"), format!("there are {}", names.join(", ")))
    })
}
