//! The secrets that the firm's Slack and Zendesk share with the bridge.

use aws_lc_rs::hmac;
use serde::{Deserialize, Serialize};

use crate::{slack, zendesk};

/// What the bridge needs to know to work with the firm.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credentials {
    /// The app's bot token.
    pub slack_bot_token: String,
    /// Signs what Slack sends.
    pub slack_signing_secret: String,
    /// The OAuth client's name.
    pub zendesk_client_id: String,
    /// Its secret.
    pub zendesk_client_secret: String,
    /// Signs what Zendesk sends.
    pub zendesk_webhook_secret: String,
    /// `support@<this>` reaches the channel `#support`.
    pub channel_domain: String,
    zendesk_access_token: String,
    zendesk_api_token: String,
}

impl Credentials {
    /// Secrets that nobody has had.
    ///
    /// # Panics
    /// If the system gives no random numbers.
    pub fn fresh() -> Self {
        Self::of(|bytes| aws_lc_rs::rand::fill(bytes).expect("the system gives random numbers"))
    }

    /// The same secrets each time; for tests.
    pub fn of_seed(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        Self::of(move |bytes| random.fill(bytes))
    }

    fn of(mut fill: impl FnMut(&mut [u8])) -> Self {
        let mut secret = |bytes: usize| {
            let mut drawn = vec![0; bytes];
            fill(&mut drawn);
            drawn.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
        };
        Credentials {
            slack_bot_token: format!("xoxb-sandbox-{}", secret(16)),
            slack_signing_secret: secret(16),
            zendesk_client_id: "sidethread_sandbox".to_owned(),
            zendesk_client_secret: secret(32),
            zendesk_webhook_secret: secret(24),
            channel_domain: "slack.acme.example".to_owned(),
            zendesk_access_token: secret(32),
            zendesk_api_token: secret(20),
        }
    }

    /// The secrets, each with what it is called.
    pub(crate) fn named(&self) -> [(&'static str, &str); 6] {
        [
            ("of the bot", &self.slack_bot_token),
            ("of Slack's signatures", &self.slack_signing_secret),
            ("of the client", &self.zendesk_client_secret),
            ("of Zendesk's signatures", &self.zendesk_webhook_secret),
            ("of the app", &self.zendesk_access_token),
            ("of the API", &self.zendesk_api_token),
        ]
    }

    pub(crate) fn slack_options(&self, base_url: &str) -> slack::Options {
        slack::Options {
            team_id: "T0ACMEACME1".into(),
            team_name: "Acme".into(),
            team_domain: "acme".into(),
            bot_token: self.slack_bot_token.clone(),
            signing_secret: self.slack_signing_secret.clone(),
            base_url: base_url.to_owned(),
            limits: true,
            ..slack::Options::default()
        }
    }

    pub(crate) fn zendesk_options(&self, base_url: &str) -> zendesk::Options {
        zendesk::Options {
            base_url: format!("{base_url}/zendesk"),
            oauth_client_id: self.zendesk_client_id.clone(),
            oauth_client_secret: self.zendesk_client_secret.clone(),
            access_token: self.zendesk_access_token.clone(),
            api_token: self.zendesk_api_token.clone(),
            app_user_email: "sidethread@acme.example".into(),
            webhook_secret: self.zendesk_webhook_secret.clone(),
            ..zendesk::Options::default()
        }
    }
}

/// As many letters and digits as `chance` has, up to 64, that nobody finds out who knows it but not the secret: a
/// firm's seed gives its chances and is no secret.
pub(crate) fn drawn(secret: &str, chance: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA512, secret.as_bytes()), chance.as_bytes());
    tag.as_ref().iter().take(chance.len()).map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()
}
