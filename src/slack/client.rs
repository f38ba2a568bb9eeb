//! Calls to Slack's Web API: who we are, where a channel is, and what stands in a thread.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use slack_morphism::{SlackApiToken, SlackClient as Morphism};

use super::connector::WireConnector;
use super::errors::{RATE_LIMITED, SlackError};
use super::people::{People, is_fresh};
use super::respond::Doors;
use super::surfaces::Homes;
use crate::bridge::event::ChannelProblem;
use crate::bridge::ids::{ChannelId, SlackUserId, TeamId};
use crate::bridge::route::ChannelRef;
use crate::engine::clock::Clock;
use crate::engine::outside::CallError;
use crate::engine::pace::Holds;
use crate::engine::retry::Schedule;
use crate::wire::Wire;

/// How long it holds that a channel is not shared with another firm, in milliseconds.
const SHARED_FRESH_MS: i64 = 60 * 1000;
/// How long it holds that Slack does not show a channel, in milliseconds: many threads of it may want to post, and that it
/// is open again is found by the first that opens it.
const CLOSED_FRESH_MS: i64 = 10 * 1000;

/// When a channel was looked at, in milliseconds since 1970, and whether another firm reads there.
type Looked = (i64, Result<bool, ChannelProblem>);

/// Who the app is in Slack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The workspace.
    pub team_id: TeamId,
    /// The workspace's address, with a slash at its end.
    pub url: String,
    /// The app's bot user.
    pub bot_user_id: SlackUserId,
    /// The app's bot.
    pub bot_id: Option<String>,
    /// The app.
    pub app_id: Option<String>,
}

/// What the client must know of the settings besides the account.
#[derive(Clone, Debug)]
pub struct House {
    /// Zendesk's address, without a slash at its end.
    pub zendesk_url: String,
    /// Who we are.
    pub identity: Identity,
    /// Where the operator is told.
    pub operator_channel: Option<ChannelRef>,
}

/// A client of Slack's Web API.
pub struct SlackClient {
    morphism: Morphism<WireConnector>,
    token: SlackApiToken,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) people: People,
    names: Mutex<HashMap<String, ChannelId>>,
    shared: Mutex<HashMap<ChannelId, Looked>>,
    pub(super) wire: Arc<dyn Wire>,
    pub(super) api_url: url::Url,
    pub(super) doors: Doors,
    pub(super) homes: Homes,
    /// Methods that Slack told to wait.
    held: Holds<String>,
    house: OnceLock<House>,
}

#[derive(Deserialize)]
struct AuthTest {
    url: String,
    team_id: String,
    user_id: String,
    #[serde(default)]
    bot_id: Option<String>,
    #[serde(default)]
    app_id: Option<String>,
    #[serde(default)]
    is_enterprise_install: bool,
}

/// A channel as `conversations.info` shows it.
#[derive(Clone, Debug, Deserialize)]
struct Channel {
    id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    name_normalized: Option<String>,
    #[serde(default)]
    is_archived: Option<bool>,
    #[serde(default)]
    is_ext_shared: Option<bool>,
    #[serde(default)]
    is_pending_ext_shared: Option<bool>,
    #[serde(default)]
    is_member: Option<bool>,
    #[serde(default)]
    is_private: Option<bool>,
    #[serde(default)]
    is_im: Option<bool>,
    #[serde(default)]
    is_mpim: Option<bool>,
}

impl Channel {
    fn is_shared_outside(&self) -> bool {
        self.is_ext_shared == Some(true) || self.is_pending_ext_shared == Some(true)
    }
}

fn unreadable() -> SlackError {
    SlackError::Call(CallError::Later { after: None, problem: "the answer does not read".to_owned() })
}

impl SlackClient {
    /// `api_url` as in the settings.
    pub fn new(wire: Arc<dyn Wire>, clock: Arc<dyn Clock>, api_url: &url::Url, token: SecretString) -> Self {
        // The connector holds the token, so that slack-morphism has none to print.
        let connector = WireConnector::new(wire.clone(), clock.clone(), api_url.as_str(), token);
        SlackClient {
            morphism: Morphism::new(connector),
            token: SlackApiToken::new(String::new().into()),
            clock,
            people: People::default(),
            names: Mutex::new(HashMap::new()),
            shared: Mutex::new(HashMap::new()),
            wire,
            api_url: api_url.clone(),
            doors: Doors::default(),
            homes: Homes::default(),
            held: Holds::default(),
            house: OnceLock::new(),
        }
    }

    /// Tells the client what it must know of the settings; before the first act.
    pub fn settle_in(&self, house: House) {
        // Told twice, it keeps what it was told first.
        let _ = self.house.set(house);
    }

    /// How long what Slack refuses for now, again and again, waits at the least; the first call holds.
    pub fn keep_to(&self, schedule: Schedule) {
        self.held.keep_to(schedule);
    }

    pub(super) fn house(&self) -> Result<&House, CallError> {
        self.house.get().ok_or_else(|| CallError::Later { after: None, problem: "not settled in".to_owned() })
    }

    /// Asks Slack who we are.
    ///
    /// # Errors
    /// `Paused` if the token is not accepted or the install is org-wide: nothing works until it is mended.
    pub async fn identify(&self) -> Result<Identity, CallError> {
        let answer = self.post::<_, AuthTest>("auth.test", &Value::Object(Default::default())).await;
        let test = answer.map_err(SlackError::of_a_read)?;
        if test.is_enterprise_install {
            return Err(CallError::Paused {
                why: "The app is installed for a whole Slack organisation, which is not supported: install it in one \
                      workspace instead."
                    .to_owned(),
            });
        }
        let mut app_id = test.app_id;
        if let (None, Some(bot_id)) = (&app_id, &test.bot_id) {
            let bot: Result<Value, SlackError> = self.get("bots.info", &[("bot", bot_id.as_str())]).await;
            app_id = bot.ok().and_then(|bot| bot["bot"]["app_id"].as_str().map(str::to_owned));
        }
        let mut url = test.url;
        if !url.ends_with('/') {
            url.push('/');
        }
        Ok(Identity {
            team_id: TeamId::new(test.team_id),
            url,
            bot_user_id: SlackUserId::new(test.user_id),
            bot_id: test.bot_id,
            app_id,
        })
    }

    /// Finds a channel and joins it if need be.
    pub(super) async fn open_channel(
        &self,
        channel: &ChannelRef,
        shared: bool,
    ) -> Result<Result<ChannelId, ChannelProblem>, SlackError> {
        let id = match channel {
            ChannelRef::Id(id) => Some(id.clone()),
            ChannelRef::Name(name) => self.channel_by_name(name).await?,
        };
        let Some(id) = id else { return Ok(Err(ChannelProblem::NotFound)) };
        let info: Result<Value, SlackError> = self.get("conversations.info", &[("channel", id.as_str())]).await;
        let found: Channel = match info {
            // What does not read might be shared with another firm.
            Ok(mut info) => serde_json::from_value(info["channel"].take()).map_err(|_| unreadable())?,
            Err(error) => {
                return match error.channel_problem() {
                    Some(problem) => {
                        self.forget_name_of(&id);
                        Ok(Err(problem))
                    }
                    None => Err(error),
                };
            }
        };
        if found.is_archived == Some(true) {
            self.forget_name_of(&id);
            return Ok(Err(ChannelProblem::Archived));
        }
        if found.is_shared_outside() && !shared {
            return Ok(Err(ChannelProblem::Shared));
        }
        // What was said of it while it was closed holds no longer.
        self.shared().retain(|known, (_, said)| known != &id || said.is_ok());
        if found.is_member == Some(true) {
            return Ok(Ok(id));
        }
        if found.is_private == Some(true) {
            return Ok(Err(ChannelProblem::NotMember));
        }
        let joined: Result<Value, SlackError> =
            self.post("conversations.join", &serde_json::json!({"channel": id.as_str()})).await;
        match joined {
            Ok(_) => Ok(Ok(id)),
            Err(SlackError::Code(code)) if code == "method_not_supported_for_channel_type" => {
                Ok(Err(ChannelProblem::NotMember))
            }
            // A workspace may forbid apps to join; that closes this channel, not the account.
            Err(SlackError::Code(code)) if matches!(code.as_str(), "missing_scope" | "no_permission") => {
                Ok(Err(ChannelProblem::NotMember))
            }
            Err(error) => match error.channel_problem() {
                Some(problem) => Ok(Err(problem)),
                None => Err(error),
            },
        }
    }

    /// Why the app cannot post in a channel, if it cannot; nobody sees that it looked.
    pub(super) async fn look_at(&self, id: &ChannelId) -> Result<Option<ChannelProblem>, SlackError> {
        let mut info: Value = self.get("conversations.info", &[("channel", id.as_str())]).await?;
        let found: Channel = serde_json::from_value(info["channel"].take()).map_err(|_| unreadable())?;
        let is_direct = found.is_im == Some(true) || found.is_mpim == Some(true);
        Ok(match &found {
            _ if found.is_archived == Some(true) => Some(ChannelProblem::Archived),
            _ if found.is_shared_outside() => Some(ChannelProblem::Shared),
            _ if is_direct || (found.is_private == Some(true) && found.is_member != Some(true)) => {
                Some(ChannelProblem::NotMember)
            }
            _ => None,
        })
    }

    /// Whether a channel is shared with another firm, as Slack said within the last minute.
    pub(super) async fn is_shared_outside(&self, id: &ChannelId) -> Result<bool, SlackError> {
        let now = self.clock.now_ms();
        let fresh =
            |(at, said): &Looked| is_fresh(*at, now, if said.is_ok() { SHARED_FRESH_MS } else { CLOSED_FRESH_MS });
        let looked = self.shared().get(id).cloned().filter(fresh);
        if let Some((_, said)) = looked {
            return said.map_err(SlackError::Channel);
        }
        let info: Result<Value, SlackError> = self.get("conversations.info", &[("channel", id.as_str())]).await;
        let said = match info {
            Ok(mut info) => {
                let channel: Channel = serde_json::from_value(info["channel"].take()).map_err(|_| unreadable())?;
                Ok(channel.is_shared_outside())
            }
            Err(error) => Err(error.channel_problem().ok_or(error)?),
        };
        let mut known = self.shared();
        known.retain(|_, looked| fresh(looked));
        // An event that came while Slack was being asked counts more than an answer that may be older.
        if let Some((at, Ok(true))) = known.get(id)
            && *at >= now
        {
            return Ok(true);
        }
        known.insert(id.clone(), (now, said.clone()));
        said.map_err(SlackError::Channel)
    }

    /// Slack says that another firm reads in a channel: that counts at once, for as long as a look does.
    pub fn channel_is_shared(&self, id: &ChannelId) {
        self.shared().insert(id.clone(), (self.clock.now_ms(), Ok(true)));
    }

    /// A channel is another than it was: whether it is shared is asked before the next words, and what it is called too.
    pub fn forget_channel(&self, id: &ChannelId) {
        self.forget_name_of(id);
        self.shared().remove(id);
    }

    fn shared(&self) -> std::sync::MutexGuard<'_, HashMap<ChannelId, Looked>> {
        self.shared.lock().expect("the channels' lock is never poisoned")
    }

    /// A channel's id by its name. Pages may be short or even empty while there are more.
    async fn channel_by_name(&self, name: &str) -> Result<Option<ChannelId>, SlackError> {
        if let Some(id) = self.names().get(name) {
            return Ok(Some(id.clone()));
        }
        let mut cursor = String::new();
        let mut archived = None;
        loop {
            let mut parameters =
                vec![("types", "public_channel,private_channel"), ("limit", "999"), ("exclude_archived", "false")];
            if !cursor.is_empty() {
                parameters.push(("cursor", &cursor));
            }
            let mut page: Value = self.get("conversations.list", &parameters).await?;
            let channels: Vec<Value> = match page["channels"].take() {
                Value::Array(channels) => channels,
                _ => Vec::new(),
            };
            for channel in channels {
                let Ok(channel) = serde_json::from_value::<Channel>(channel) else { continue };
                if channel.name != name && channel.name_normalized.as_deref() != Some(name) {
                    continue;
                }
                if channel.is_archived == Some(true) {
                    archived = Some(ChannelId::new(channel.id));
                } else {
                    let id = ChannelId::new(channel.id);
                    self.names().insert(name.to_owned(), id.clone());
                    return Ok(Some(id));
                }
            }
            cursor = page["response_metadata"]["next_cursor"].as_str().unwrap_or_default().to_owned();
            if cursor.is_empty() {
                return Ok(archived);
            }
        }
    }

    fn forget_name_of(&self, id: &ChannelId) {
        self.names().retain(|_, known| known != id);
    }

    fn names(&self) -> std::sync::MutexGuard<'_, HashMap<String, ChannelId>> {
        self.names.lock().expect("the names' lock is never poisoned")
    }

    /// Calls a method that takes JSON.
    pub(super) async fn post<RQ, RS>(&self, method: &str, request: &RQ) -> Result<RS, SlackError>
    where
        RQ: Serialize + Send + Sync,
        RS: for<'de> Deserialize<'de> + Send,
    {
        self.not_held(method)?;
        let session = self.morphism.open_session(&self.token);
        let answer = session.http_session_api.http_post(method, request, None).await;
        self.learn(method, answer.map_err(|error| SlackError::read(&error)))
    }

    /// Calls a method that takes a query; about a third of Slack's methods take no JSON.
    pub(super) async fn get<RS>(&self, method: &str, parameters: &[(&str, &str)]) -> Result<RS, SlackError>
    where
        RS: for<'de> Deserialize<'de> + Send,
    {
        self.not_held(method)?;
        let session = self.morphism.open_session(&self.token);
        let parameters: Vec<(&str, Option<&str>)> =
            parameters.iter().map(|(key, value)| (*key, Some(*value))).collect();
        let answer = session.http_session_api.http_get(method, &parameters, None).await;
        self.learn(method, answer.map_err(|error| SlackError::read(&error)))
    }

    /// A method that Slack told to wait is not called before its time, whoever asks for it.
    fn not_held(&self, method: &str) -> Result<(), SlackError> {
        match self.held.left(method, self.clock.now_ms()) {
            left @ Some(_) => Err(SlackError::Call(CallError::Later { after: left, problem: RATE_LIMITED.to_owned() })),
            None => Ok(()),
        }
    }

    /// Takes Slack's word to wait within bounds.
    fn learn<RS>(&self, method: &str, answer: Result<RS, SlackError>) -> Result<RS, SlackError> {
        match answer {
            Err(SlackError::Call(CallError::Later { after, problem })) if problem == RATE_LIMITED => {
                // Posts are counted by channel, and the engine keeps that count.
                let after = match method {
                    "chat.postMessage" => self.held.alone(after),
                    _ => self.held.hold(method.to_owned(), self.clock.now_ms(), after),
                };
                Err(SlackError::Call(CallError::Later { after: Some(after), problem }))
            }
            Err(error @ SlackError::Call(_)) => Err(error),
            answered => {
                self.held.answered(method);
                answered
            }
        }
    }
}
