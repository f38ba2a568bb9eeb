//! Every call that the account answers, in one table: its name, its path, who may, and what does it.

use super::answer::{Ask, Outcome};
use super::world::World;
use super::{
    auth, conversation_calls, ends, feed, files, macros, people, search, ticket_calls, trials, triggers, webhooks,
};

/// One row of the table.
pub(super) struct Call {
    pub(super) name: &'static str,
    pub(super) method: &'static str,
    /// Below `api/v2/`; `{n}` is a number, `{s}` anything.
    pub(super) pattern: &'static str,
    pub(super) who: Who,
    pub(super) work: fn(&mut World, &Ask) -> Outcome,
}

/// Who may make a call.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    Anyone,
    Agents,
}

macro_rules! calls {
    ($($name:literal: $method:literal $pattern:literal, $who:ident, $work:path;)*) => {
        /// The names of the calls, as faults and the list of calls use them.
        pub const CALLS: &[&str] = &[$($name),*];

        pub(super) static TABLE: &[Call] = &[$(
            Call { name: $name, method: $method, pattern: $pattern, who: Who::$who, work: $work },
        )*];
    };
}

calls! {
    "POST oauth/tokens": "POST" "oauth/tokens", Anyone, auth::token;
    "GET users/me": "GET" "users/me", Anyone, people::me;
    "GET users": "GET" "users", Agents, people::list;
    "GET users/show_many": "GET" "users/show_many", Agents, people::show_many;
    "GET users/search": "GET" "users/search", Agents, people::search;
    "GET users/{id}": "GET" "users/{n}", Agents, people::show;
    "GET groups": "GET" "groups", Agents, people::groups;
    "GET groups/{id}": "GET" "groups/{n}", Agents, people::group;
    "GET organizations": "GET" "organizations", Agents, people::organizations;
    "GET organizations/{id}": "GET" "organizations/{n}", Agents, people::organization;
    "GET brands": "GET" "brands", Agents, people::brands;
    "GET account/settings": "GET" "account/settings", Agents, people::account_settings;
    "GET tickets": "GET" "tickets", Agents, ticket_calls::list;
    "GET tickets/show_many": "GET" "tickets/show_many", Agents, ticket_calls::show_many;
    "POST tickets": "POST" "tickets", Agents, ticket_calls::create;
    "GET tickets/{id}": "GET" "tickets/{n}", Agents, ticket_calls::show;
    "PUT tickets/{id}": "PUT" "tickets/{n}", Agents, ticket_calls::update;
    "DELETE tickets/{id}": "DELETE" "tickets/{n}", Agents, ends::delete;
    "POST tickets/{id}/merge": "POST" "tickets/{n}/merge", Agents, ends::merge;
    "GET deleted_tickets": "GET" "deleted_tickets", Agents, ends::deleted;
    "PUT deleted_tickets/{id}/restore": "PUT" "deleted_tickets/{n}/restore", Agents, ends::restore;
    "GET job_statuses/{id}": "GET" "job_statuses/{s}", Agents, ends::job;
    "GET search": "GET" "search", Agents, search::search;
    "GET triggers": "GET" "triggers", Agents, triggers::list;
    "GET triggers/active": "GET" "triggers/active", Agents, triggers::list;
    "GET triggers/search": "GET" "triggers/search", Agents, triggers::list;
    "GET triggers/definitions": "GET" "triggers/definitions", Agents, triggers::definitions;
    "POST triggers": "POST" "triggers", Agents, triggers::create;
    "GET triggers/{id}": "GET" "triggers/{n}", Agents, triggers::show;
    "PUT triggers/{id}": "PUT" "triggers/{n}", Agents, triggers::update;
    "DELETE triggers/{id}": "DELETE" "triggers/{n}", Agents, triggers::delete;
    "GET webhooks": "GET" "webhooks", Agents, webhooks::list;
    "POST webhooks": "POST" "webhooks", Agents, webhooks::create;
    "POST webhooks/test": "POST" "webhooks/test", Agents, trials::test;
    "GET webhooks/{id}": "GET" "webhooks/{s}", Agents, webhooks::show;
    "PUT webhooks/{id}": "PUT" "webhooks/{s}", Agents, webhooks::change;
    "PATCH webhooks/{id}": "PATCH" "webhooks/{s}", Agents, webhooks::change;
    "DELETE webhooks/{id}": "DELETE" "webhooks/{s}", Agents, webhooks::delete;
    "GET webhooks/{id}/signing_secret": "GET" "webhooks/{s}/signing_secret", Agents, webhooks::secret;
    "POST webhooks/{id}/signing_secret": "POST" "webhooks/{s}/signing_secret", Agents, webhooks::secret;
    "GET webhooks/{id}/invocations": "GET" "webhooks/{s}/invocations", Agents, webhooks::invocations;
    "GET webhooks/{id}/invocations/{id}/attempts":
        "GET" "webhooks/{s}/invocations/{s}/attempts", Agents, webhooks::attempts;
    "GET macros": "GET" "macros", Agents, macros::list;
    "GET macros/active": "GET" "macros/active", Agents, macros::list;
    "POST macros": "POST" "macros", Agents, macros::create;
    "GET macros/{id}": "GET" "macros/{n}", Agents, macros::show;
    "GET macros/{id}/apply": "GET" "macros/{n}/apply", Agents, macros::apply;
    "GET tickets/{id}/macros/{id}/apply": "GET" "tickets/{n}/macros/{n}/apply", Agents, macros::apply_to;
    "GET tickets/{id}/comments": "GET" "tickets/{n}/comments", Agents, ticket_calls::comments;
    "GET tickets/{id}/audits": "GET" "tickets/{n}/audits", Agents, ticket_calls::audits;
    "GET tickets/{id}/related": "GET" "tickets/{n}/related", Agents, ticket_calls::related;
    "GET tickets/{id}/tags": "GET" "tickets/{n}/tags", Agents, ticket_calls::tags;
    "POST tickets/{id}/tags": "POST" "tickets/{n}/tags", Agents, ticket_calls::set_tags;
    "PUT tickets/{id}/tags": "PUT" "tickets/{n}/tags", Agents, ticket_calls::add_tags;
    "DELETE tickets/{id}/tags": "DELETE" "tickets/{n}/tags", Agents, ticket_calls::remove_tags;
    "GET side_conversations/events": "GET" "tickets/side_conversations/events", Agents, feed::read;
    "POST side_conversations/attachments": "POST" "tickets/side_conversations/attachments", Agents, files::upload;
    "GET tickets/{id}/side_conversations":
        "GET" "tickets/{n}/side_conversations", Agents, conversation_calls::list;
    "POST …/side_conversations": "POST" "tickets/{n}/side_conversations", Agents, conversation_calls::create;
    "POST …/side_conversations/import":
        "POST" "tickets/{n}/side_conversations/import", Agents, conversation_calls::import;
    "GET tickets/{id}/side_conversations/{id}":
        "GET" "tickets/{n}/side_conversations/{s}", Agents, conversation_calls::show;
    "PUT …/side_conversations/{id}":
        "PUT" "tickets/{n}/side_conversations/{s}", Agents, conversation_calls::update;
    "GET …/events": "GET" "tickets/{n}/side_conversations/{s}/events", Agents, conversation_calls::events;
    "POST …/reply": "POST" "tickets/{n}/side_conversations/{s}/reply", Agents, conversation_calls::reply;
    "POST …/events/import":
        "POST" "tickets/{n}/side_conversations/{s}/events/import", Agents, conversation_calls::import_events;
    "GET …/attachments/{id}":
        "GET" "tickets/{n}/side_conversations/{s}/attachments/{s}/download/{s}", Agents, files::download;
}

/// The call that a method and a path below `api/v2/` name, with what stands in its placeholders.
pub(super) fn find(method: &str, path: &str) -> Option<(&'static Call, Vec<String>)> {
    // Clients call every path with and without `.json`; a file may be called so.
    let path = if path.contains("/download/") { path } else { path.strip_suffix(".json").unwrap_or(path) };
    let given: Vec<&str> = path.trim_end_matches('/').split('/').collect();
    TABLE.iter().filter(|call| call.method == method).find_map(|call| Some((call, matched(call.pattern, &given)?)))
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
