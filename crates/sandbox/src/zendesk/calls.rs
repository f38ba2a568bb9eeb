//! Every call that the account answers, in one table: its name, its path, who may, and what does it.

use super::answer::{Ask, Outcome};
use super::world::World;
use super::{
    auth, conversation_calls, ends, exports, feed, files, macros, people, search, ticket_calls, trials, triggers,
    webhooks,
};

/// One row of the table.
pub(super) struct Call {
    /// Begins with the method.
    pub(super) name: &'static str,
    /// Below `api/v2/`; `{n}` is a number, `{s}` anything.
    pub(super) pattern: &'static str,
    pub(super) who: Who,
    pub(super) work: fn(&mut World, &Ask) -> Outcome,
}

impl Call {
    pub(super) fn method(&self) -> &'static str {
        self.name.split(' ').next().unwrap_or_default()
    }
}

/// Who may make a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Anyone,
    Agents,
}

macro_rules! calls {
    ($($name:literal: $pattern:literal, $who:ident, $work:path;)*) => {
        /// The names of the calls, as faults and the list of calls use them.
        pub const CALLS: &[&str] = &[$($name),*];

        pub(super) static TABLE: &[Call] = &[$(
            Call { name: $name, pattern: $pattern, who: Who::$who, work: $work },
        )*];
    };
}

calls! {
    "POST oauth/tokens": "oauth/tokens", Anyone, auth::token;
    "GET users/me": "users/me", Anyone, people::me;
    "GET users": "users", Agents, people::list;
    "GET users/show_many": "users/show_many", Agents, people::show_many;
    "GET users/search": "users/search", Agents, people::search;
    "GET users/{id}": "users/{n}", Agents, people::show;
    "GET groups": "groups", Agents, people::groups;
    "GET groups/{id}": "groups/{n}", Agents, people::group;
    "GET organizations": "organizations", Agents, people::organizations;
    "GET organizations/{id}": "organizations/{n}", Agents, people::organization;
    "GET brands": "brands", Agents, people::brands;
    "GET account/settings": "account/settings", Agents, people::account_settings;
    "GET tickets": "tickets", Agents, ticket_calls::list;
    "GET tickets/show_many": "tickets/show_many", Agents, ticket_calls::show_many;
    "POST tickets": "tickets", Agents, ticket_calls::create;
    "GET tickets/{id}": "tickets/{n}", Agents, ticket_calls::show;
    "PUT tickets/{id}": "tickets/{n}", Agents, ticket_calls::update;
    "DELETE tickets/{id}": "tickets/{n}", Agents, ends::delete;
    "POST tickets/{id}/merge": "tickets/{n}/merge", Agents, ends::merge;
    "GET deleted_tickets": "deleted_tickets", Agents, ends::deleted;
    "PUT deleted_tickets/{id}/restore": "deleted_tickets/{n}/restore", Agents, ends::restore;
    "GET job_statuses/{id}": "job_statuses/{s}", Agents, ends::job;
    "GET search": "search", Agents, search::search;
    "GET triggers": "triggers", Agents, triggers::list;
    "GET triggers/active": "triggers/active", Agents, triggers::list;
    "GET triggers/search": "triggers/search", Agents, triggers::list;
    "GET triggers/definitions": "triggers/definitions", Agents, triggers::definitions;
    "POST triggers": "triggers", Agents, triggers::create;
    "GET triggers/{id}": "triggers/{n}", Agents, triggers::show;
    "PUT triggers/{id}": "triggers/{n}", Agents, triggers::update;
    "DELETE triggers/{id}": "triggers/{n}", Agents, triggers::delete;
    "GET webhooks": "webhooks", Agents, webhooks::list;
    "POST webhooks": "webhooks", Agents, webhooks::create;
    "POST webhooks/test": "webhooks/test", Agents, trials::test;
    "GET webhooks/{id}": "webhooks/{s}", Agents, webhooks::show;
    "PUT webhooks/{id}": "webhooks/{s}", Agents, webhooks::change;
    "PATCH webhooks/{id}": "webhooks/{s}", Agents, webhooks::change;
    "DELETE webhooks/{id}": "webhooks/{s}", Agents, webhooks::delete;
    "GET webhooks/{id}/signing_secret": "webhooks/{s}/signing_secret", Agents, webhooks::secret;
    "POST webhooks/{id}/signing_secret": "webhooks/{s}/signing_secret", Agents, webhooks::secret;
    "GET webhooks/{id}/invocations": "webhooks/{s}/invocations", Agents, webhooks::invocations;
    "GET webhooks/{id}/invocations/{id}/attempts":
        "webhooks/{s}/invocations/{s}/attempts", Agents, webhooks::attempts;
    "GET macros": "macros", Agents, macros::list;
    "GET macros/active": "macros/active", Agents, macros::list;
    "POST macros": "macros", Agents, macros::create;
    "GET macros/{id}": "macros/{n}", Agents, macros::show;
    "GET macros/{id}/apply": "macros/{n}/apply", Agents, macros::apply;
    "GET tickets/{id}/macros/{id}/apply": "tickets/{n}/macros/{n}/apply", Agents, macros::apply_to;
    "GET tickets/{id}/comments": "tickets/{n}/comments", Agents, ticket_calls::comments;
    "GET tickets/{id}/audits": "tickets/{n}/audits", Agents, ticket_calls::audits;
    "GET tickets/{id}/related": "tickets/{n}/related", Agents, ticket_calls::related;
    "GET tickets/{id}/tags": "tickets/{n}/tags", Agents, ticket_calls::tags;
    "POST tickets/{id}/tags": "tickets/{n}/tags", Agents, ticket_calls::set_tags;
    "PUT tickets/{id}/tags": "tickets/{n}/tags", Agents, ticket_calls::add_tags;
    "DELETE tickets/{id}/tags": "tickets/{n}/tags", Agents, ticket_calls::remove_tags;
    "GET incremental/tickets/cursor": "incremental/tickets/cursor", Agents, exports::tickets;
    "GET side_conversations/events": "tickets/side_conversations/events", Agents, feed::read;
    "POST side_conversations/attachments": "tickets/side_conversations/attachments", Agents, files::upload;
    "GET tickets/{id}/side_conversations":
        "tickets/{n}/side_conversations", Agents, conversation_calls::list;
    "POST …/side_conversations": "tickets/{n}/side_conversations", Agents, conversation_calls::create;
    "POST …/side_conversations/import":
        "tickets/{n}/side_conversations/import", Agents, conversation_calls::import;
    "GET tickets/{id}/side_conversations/{id}":
        "tickets/{n}/side_conversations/{s}", Agents, conversation_calls::show;
    "PUT …/side_conversations/{id}":
        "tickets/{n}/side_conversations/{s}", Agents, conversation_calls::update;
    "GET …/events": "tickets/{n}/side_conversations/{s}/events", Agents, conversation_calls::events;
    "POST …/reply": "tickets/{n}/side_conversations/{s}/reply", Agents, conversation_calls::reply;
    "POST …/events/import":
        "tickets/{n}/side_conversations/{s}/events/import", Agents, conversation_calls::import_events;
    "GET …/attachments/{id}":
        "tickets/{n}/side_conversations/{s}/attachments/{s}/download/{s}", Agents, files::download;
}

/// The call that a method and a path below `api/v2/` name, with what stands in its placeholders.
pub(super) fn find(method: &str, path: &str) -> Option<(&'static Call, Vec<String>)> {
    // Clients call every path with and without `.json`; a file may be called so.
    let path = if path.contains("/download/") { path } else { path.strip_suffix(".json").unwrap_or(path) };
    let given: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    TABLE.iter().filter(|call| call.method() == method).find_map(|call| Some((call, matched(call.pattern, &given)?)))
}

fn matched(pattern: &str, given: &[&str]) -> Option<Vec<String>> {
    let mut params = Vec::new();
    let mut rest = given.iter();
    for part in pattern.split('/') {
        let found = rest.next()?;
        match part {
            "{n}" if found.parse::<i64>().is_ok() => params.push((*found).to_owned()),
            "{s}" if !found.is_empty() => params.push((*found).to_owned()),
            _ if part == *found => {}
            _ => return None,
        }
    }
    rest.next().is_none().then_some(params)
}
