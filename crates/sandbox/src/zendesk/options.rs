//! What one fake account is like, and a switch for every vendor fact that nobody has confirmed.

/// How the account is reached, who may, and how it reaches the bridge.
#[derive(Clone, Debug)]
pub struct Options {
    /// Begins every address in an answer: `url`, `next_page`, `content_url`.
    pub base_url: String,
    /// The account's number, as its webhooks tell it.
    pub account_id: i64,
    /// The name of the one OAuth client.
    pub oauth_client_id: String,
    /// Its secret.
    pub oauth_client_secret: String,
    /// A bearer token of the app user that never ends.
    pub access_token: String,
    /// The e-mail address of the app user, an admin who is there from the start.
    pub app_user_email: String,
    /// The account's API token, for `email/token:TOKEN`.
    pub api_token: String,
    /// Where on the bridge the trigger's webhook posts.
    pub webhook_path: String,
    /// The webhook's signing secret, used as it is shown.
    pub webhook_secret: String,
    /// Whether rate limits refuse calls; they are counted in any case.
    pub limits: bool,
    /// What the account does where the vendor's pages are silent.
    pub unconfirmed: Unconfirmed,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            base_url: "http://127.0.0.1:8080/zendesk".into(),
            account_id: 12_514_403,
            oauth_client_id: "sandbox_client".into(),
            oauth_client_secret: "sandbox-client-secret".into(),
            access_token: "sandbox-access-token".into(),
            app_user_email: "bridge@example.com".into(),
            api_token: "sandbox-api-token".into(),
            webhook_path: "/zendesk/webhook".into(),
            webhook_secret: "c2FuZGJveC1zaWduaW5nLXNlY3JldC0wMDAwMDAwMDE=".into(),
            limits: true,
            unconfirmed: Unconfirmed::default(),
        }
    }
}

/// One switch for every fact about Zendesk that is not confirmed; the default is the best guess.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unconfirmed {
    /// `message.external_ids` come back on events; else they come back empty.
    pub external_ids_echoed: bool,
    /// A reply to a side conversation that is done opens it again, with an `update` event of its own.
    pub reply_reopens: bool,
    /// The answer to a reply carries the `event` beside the `side_conversation`.
    pub reply_answer_has_event: bool,
    /// Events made through the API say `via: api`; else they have no `via`.
    pub via_of_api: bool,
    /// What the API does fires the triggers and moves the ticket's `updated_at`.
    pub api_fires_trigger: bool,
    /// The feed answers 400 to a `start_time` within the last 60 seconds.
    pub young_start_time_refused: bool,
    /// The last page's `end_time` is the second of its last row; else it is the present, past rows that show late.
    pub inclusive_end_time: bool,
    /// The feed's last page too has a `next_page`; else it is null there.
    pub feed_always_has_next_page: bool,
    /// What becomes of a reply through the API when the ticket is closed.
    pub reply_on_closed: ReplyOnClosed,
    /// The automatic follow-up holds the same side conversation (same ids and `external_ids`, tied by an
    /// `add-entity` event); else it holds a copy with ids of its own and without `external_ids`.
    pub follow_up_keeps_ids: bool,
    /// When a read of a closed ticket names its follow-ups (`followup_ids`).
    pub follow_ups_named: Named,
    /// A closed ticket still names a follow-up that was deleted.
    pub deleted_follow_ups_named: bool,
    /// The status of the answer to a reply, 200 or 201.
    pub reply_status: u16,
    /// The answer to an attachment's upload is wrapped in `attachment`; else its fields are at the top.
    pub attachment_wrapped: bool,
}

impl Default for Unconfirmed {
    fn default() -> Self {
        Unconfirmed {
            external_ids_echoed: true,
            reply_reopens: false,
            reply_answer_has_event: false,
            via_of_api: true,
            api_fires_trigger: true,
            young_start_time_refused: false,
            inclusive_end_time: false,
            feed_always_has_next_page: false,
            reply_on_closed: ReplyOnClosed::Accepted,
            follow_up_keeps_ids: false,
            follow_ups_named: Named::AtOnce,
            deleted_follow_ups_named: true,
            reply_status: 200,
            attachment_wrapped: false,
        }
    }
}

/// When a closed ticket names its follow-ups to whoever reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// As soon as they are made.
    AtOnce,
    /// So many seconds later.
    After(u32),
    /// Not at all: they are found by their own `via` and `external_id` alone.
    Never,
}

/// What becomes of a reply through the API when the ticket is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplyOnClosed {
    /// It is added to the side conversation, and nothing else happens.
    Accepted,
    /// It is refused with this status.
    Refused(u16),
    /// It is added, and Zendesk makes a follow-up ticket that holds the side conversation.
    FollowUp,
}
