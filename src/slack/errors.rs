//! What Slack's error codes mean for a call, in one table.
//!
//! Codes and reactions: <https://docs.slack.dev/reference/methods/chat.postMessage> and the pages of the other
//! methods.

use slack_morphism::errors::SlackClientError;

use crate::bridge::event::ChannelProblem;
use crate::engine::outside::CallError;
use crate::wire::WireError;

/// What is said of a call that Slack told to wait.
pub(super) const RATE_LIMITED: &str = "ratelimited";

/// What a code means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// Certainly not done; repeat later.
    Later,
    /// Slack says that such an answer may follow work that was done.
    Unknown,
    /// The app as a whole may not call.
    Paused(&'static str),
    /// The channel cannot be posted in.
    Channel(Closed),
    /// What it speaks of is not there, or not yet: reads lag behind writes.
    Missing(&'static str),
    /// It will not be done, and why.
    Refused(&'static str),
}

/// Why a channel cannot be posted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// There is none, or the app cannot see it.
    NotFound,
    /// It is archived.
    Archived,
    /// The app is not in it.
    NotMember,
    /// Posting is restricted.
    Restricted,
    /// It is shared, and that is not allowed.
    Shared,
}

impl From<Closed> for ChannelProblem {
    fn from(closed: Closed) -> Self {
        match closed {
            Closed::NotFound => ChannelProblem::NotFound,
            Closed::Archived => ChannelProblem::Archived,
            Closed::NotMember => ChannelProblem::NotMember,
            Closed::Restricted => ChannelProblem::Restricted,
            Closed::Shared => ChannelProblem::Shared,
        }
    }
}

const TOKEN: &str =
    "Slack does not accept the bot token any more: install the app again and put the new token into the settings.";
const SCOPE: &str =
    "Slack says that the app lacks a permission: compare its scopes with the manifest and install it again.";
const ACCESS: &str = "Slack does not let the app into this workspace: ask a workspace admin to approve it.";

/// Every code that the app reacts to; what is not here is refused with its code.
pub const TABLE: &[(&str, Meaning)] = &[
    ("ratelimited", Meaning::Later),
    ("rate_limited", Meaning::Later),
    ("message_limit_exceeded", Meaning::Later),
    ("service_unavailable", Meaning::Later),
    ("team_added_to_org", Meaning::Later),
    ("external_channel_migrating", Meaning::Later),
    ("internal_error", Meaning::Unknown),
    ("fatal_error", Meaning::Unknown),
    ("request_timeout", Meaning::Unknown),
    ("update_failed", Meaning::Unknown),
    ("token_revoked", Meaning::Paused(TOKEN)),
    ("account_inactive", Meaning::Paused(TOKEN)),
    ("invalid_auth", Meaning::Paused(TOKEN)),
    ("not_authed", Meaning::Paused(TOKEN)),
    ("token_expired", Meaning::Paused(TOKEN)),
    ("not_allowed_token_type", Meaning::Paused(TOKEN)),
    ("missing_scope", Meaning::Paused(SCOPE)),
    ("no_permission", Meaning::Paused(SCOPE)),
    ("org_login_required", Meaning::Paused(ACCESS)),
    ("two_factor_setup_required", Meaning::Paused(ACCESS)),
    ("accesslimited", Meaning::Paused(ACCESS)),
    ("app_access_restricted", Meaning::Paused(ACCESS)),
    ("team_access_not_granted", Meaning::Paused(ACCESS)),
    ("ekm_access_denied", Meaning::Paused(ACCESS)),
    ("channel_not_found", Meaning::Channel(Closed::NotFound)),
    ("is_archived", Meaning::Channel(Closed::Archived)),
    ("not_in_channel", Meaning::Channel(Closed::NotMember)),
    ("channel_is_limited_access", Meaning::Channel(Closed::Restricted)),
    ("restricted_action", Meaning::Channel(Closed::Restricted)),
    ("restricted_action_read_only_channel", Meaning::Channel(Closed::Restricted)),
    ("restricted_action_thread_only_channel", Meaning::Channel(Closed::Restricted)),
    ("restricted_action_non_threadable_channel", Meaning::Channel(Closed::Restricted)),
    ("posting_to_channel_denied", Meaning::Channel(Closed::Restricted)),
    ("slack_connect_file_link_sharing_blocked", Meaning::Channel(Closed::Shared)),
    ("restricted_action_thread_locked", Meaning::Refused("the Slack thread is locked.")),
    ("thread_not_found", Meaning::Missing("the Slack thread does not exist any more.")),
    ("cannot_reply_to_message", Meaning::Refused("Slack takes no answers to that message.")),
    ("message_not_found", Meaning::Missing("the Slack message does not exist any more.")),
    ("cant_update_message", Meaning::Refused("Slack does not let the app change that message.")),
    ("cant_delete_message", Meaning::Refused("Slack does not let the app delete that message.")),
    ("compliance_exports_prevent_deletion", Meaning::Refused("Slack does not let the app delete that message.")),
    ("edit_window_closed", Meaning::Refused("Slack does not let the app change so old a message.")),
    ("is_inactive", Meaning::Channel(Closed::Archived)),
    ("user_not_in_channel", Meaning::Refused("that person is not in the Slack channel.")),
    ("msg_too_long", Meaning::Refused("Slack found the message too long.")),
    ("msg_blocks_too_long", Meaning::Refused("Slack found the message too long.")),
    ("no_text", Meaning::Refused("Slack found no text in the message.")),
    ("invalid_blocks", Meaning::Refused("Slack could not read the message's layout.")),
    ("metadata_too_large", Meaning::Refused("Slack found the message's marker too large.")),
];

/// What a code means.
pub fn meaning(code: &str) -> Option<Meaning> {
    TABLE.iter().find(|(known, _)| *known == code).map(|(_, meaning)| *meaning)
}

/// Why a call to Slack gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SlackError {
    /// The channel cannot be posted in.
    Channel(ChannelProblem),
    /// Slack's own code, where the caller knows better than the table.
    Code(String),
    /// As for any vendor.
    Call(CallError),
}

impl SlackError {
    /// Reads an error of slack-morphism, whose texts hold whole bodies and must not be shown.
    pub fn read(error: &SlackClientError) -> SlackError {
        match error {
            SlackClientError::ApiError(api) => SlackError::Code(api.code.clone()),
            SlackClientError::RateLimitError(limit) => {
                SlackError::Call(CallError::Later { after: limit.retry_after, problem: RATE_LIMITED.to_owned() })
            }
            // A page of something on the way may stand for an answer that it has kept back.
            SlackClientError::HttpError(http) => {
                SlackError::Call(CallError::Unknown { problem: format!("HTTP {}", http.status_code.as_u16()) })
            }
            SlackClientError::HttpProtocolError(protocol) => {
                let wire = protocol.cause.as_ref().and_then(|cause| cause.downcast_ref::<WireError>());
                SlackError::Call(match wire {
                    Some(WireError::NotSent) => {
                        CallError::Later { after: None, problem: WireError::NotSent.to_string() }
                    }
                    Some(other) => CallError::Unknown { problem: other.to_string() },
                    None => CallError::Unknown { problem: "the answer is not in Slack's words".to_owned() },
                })
            }
            _ => SlackError::Call(CallError::Unknown { problem: "the answer is not Slack's".to_owned() }),
        }
    }

    /// As a [`CallError`]; a closed channel is refused with its reason.
    pub fn into_call_error(self) -> CallError {
        match self {
            SlackError::Call(error) => error,
            SlackError::Channel(problem) => {
                CallError::Refused { reason: format!("the Slack channel cannot be posted in ({problem:?}).") }
            }
            SlackError::Code(code) => match meaning(&code) {
                Some(Meaning::Later) => CallError::Later { after: None, problem: code },
                Some(Meaning::Unknown) => CallError::Unknown { problem: code },
                Some(Meaning::Paused(why)) => CallError::Paused { why: why.to_owned() },
                Some(Meaning::Channel(closed)) => SlackError::Channel(ChannelProblem::from(closed)).into_call_error(),
                Some(Meaning::Missing(reason)) => CallError::Missing { reason: reason.to_owned(), forbidden: false },
                Some(Meaning::Refused(reason)) => CallError::Refused { reason: reason.to_owned() },
                None => CallError::Refused { reason: format!("Slack refused it (`{code}`).") },
            },
        }
    }

    /// The closed channel that it tells of, if it does.
    pub fn channel_problem(&self) -> Option<ChannelProblem> {
        match self {
            SlackError::Channel(problem) => Some(problem.clone()),
            SlackError::Code(code) => match meaning(code) {
                Some(Meaning::Channel(closed)) => Some(closed.into()),
                _ => None,
            },
            SlackError::Call(_) => None,
        }
    }

    /// As the error of a read, which changed nothing: what is doubtful may simply be asked again.
    pub fn of_a_read(self) -> CallError {
        match self.into_call_error() {
            CallError::Unknown { problem } => CallError::Later { after: None, problem },
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_stands_once_and_maps_as_it_says() {
        for (i, (code, meaning)) in TABLE.iter().enumerate() {
            assert!(!TABLE[..i].iter().any(|(other, _)| other == code), "{code} stands twice");
            let error = SlackError::Code((*code).to_owned());
            assert_eq!(error.channel_problem().is_some(), matches!(meaning, Meaning::Channel(_)), "{code}");
            let call = error.into_call_error();
            let fits = match meaning {
                Meaning::Later => matches!(call, CallError::Later { .. }),
                Meaning::Unknown => matches!(call, CallError::Unknown { .. }),
                Meaning::Paused(_) => matches!(call, CallError::Paused { .. }),
                Meaning::Missing(_) => matches!(call, CallError::Missing { .. }),
                Meaning::Channel(_) | Meaning::Refused(_) => matches!(call, CallError::Refused { .. }),
            };
            assert!(fits, "{code}");
        }
    }

    #[test]
    fn an_unheard_of_code_is_refused_by_name() {
        let CallError::Refused { reason } = SlackError::Code("brand_new".into()).into_call_error() else { panic!() };
        assert!(reason.contains("brand_new"));
    }

    #[test]
    fn a_doubtful_read_is_only_late() {
        let error = SlackError::Code("fatal_error".into()).of_a_read();
        assert!(matches!(error, CallError::Later { .. }));
    }
}
