//! Opens modals and publishes the Home tab.

use std::collections::HashMap;
use std::sync::Mutex;

use serde_json::{Value, json};

use super::client::SlackClient;
use super::errors::SlackError;
use super::people::is_fresh;
use super::views;
use crate::bridge::ids::SlackUserId;
use crate::engine::outside::CallError;

/// How long a Home that was published is not published again to the same person, in milliseconds.
const SHOWN_MS: i64 = 60 * 60 * 1000;
/// How long a Home that is being published, or could not be, is not tried again for the same person, in milliseconds.
const TRIED_MS: i64 = 3 * 1000;
/// How many people are remembered.
const PEOPLE: usize = 10_000;

/// To whom the Home was published: when it was last tried, in milliseconds since 1970, and whether it is there. It says the
/// same to everybody until the app is upgraded, which starts a new process.
#[derive(Default)]
pub(super) struct Homes(Mutex<HashMap<SlackUserId, (i64, bool)>>);

impl Homes {
    /// Whether it is to be published to somebody now; if so, that counts as tried.
    fn begin(&self, user: &SlackUserId, now: i64) -> bool {
        let fresh = |(at, shown): &(i64, bool)| is_fresh(*at, now, if *shown { SHOWN_MS } else { TRIED_MS });
        let mut known = self.0.lock().expect("the homes' lock is never poisoned");
        if known.get(user).is_some_and(fresh) {
            return false;
        }
        if known.len() >= PEOPLE {
            known.retain(|_, entry| fresh(entry));
        }
        if known.len() >= PEOPLE {
            // Whoever was shown it longest ago may be shown it again early.
            let oldest = known.iter().min_by_key(|(_, (at, _))| *at).map(|(user, _)| user.clone());
            oldest.map(|user| known.remove(&user));
        }
        known.insert(user.clone(), (now, false));
        true
    }

    fn shown(&self, user: &SlackUserId) {
        if let Some((_, shown)) = self.0.lock().expect("the homes' lock is never poisoned").get_mut(user) {
            *shown = true;
        }
    }
}

impl SlackClient {
    /// Opens a modal. `trigger_id` is good for three seconds and one view.
    /// <https://docs.slack.dev/reference/methods/views.open>
    ///
    /// # Errors
    /// Slack did not open it. Trying again is of no use.
    pub async fn open_view(&self, trigger_id: &str, view: &Value) -> Result<(), CallError> {
        let request = json!({"trigger_id": trigger_id, "view": view});
        self.post::<_, Value>("views.open", &request).await.map(drop).map_err(SlackError::into_call_error)
    }

    /// Publishes the Home to somebody who opens it, unless it stands there already.
    /// <https://docs.slack.dev/reference/methods/views.publish>
    ///
    /// # Errors
    /// Slack did not take it; the next opening tries again.
    pub async fn show_home(&self, user: &SlackUserId) -> Result<(), CallError> {
        if !self.homes.begin(user, self.clock.now_ms()) {
            return Ok(());
        }
        let request = json!({"user_id": user.as_str(), "view": views::home()});
        self.post::<_, Value>("views.publish", &request).await.map_err(SlackError::into_call_error)?;
        self.homes.shown(user);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn person(n: usize) -> SlackUserId {
        SlackUserId::new(format!("U{n}"))
    }

    #[test]
    fn it_is_tried_every_three_seconds_and_shown_once_an_hour() {
        let (homes, ana) = (Homes::default(), person(1));
        assert!(homes.begin(&ana, 0) && !homes.begin(&ana, 2_999) && homes.begin(&ana, 3_000));
        homes.shown(&ana);
        assert!(!homes.begin(&ana, 3_602_999) && homes.begin(&person(2), 4_000) && homes.begin(&ana, 3_603_000));
    }

    #[test]
    fn it_remembers_no_more_people_than_it_should() {
        let homes = Homes::default();
        for n in 0..=PEOPLE {
            assert!(homes.begin(&person(n), n as i64 / 10));
            homes.shown(&person(n));
        }
        assert_eq!(homes.0.lock().unwrap().len(), PEOPLE);
        assert!(!homes.begin(&person(PEOPLE), 2_000), "the newest is still known");
    }
}
