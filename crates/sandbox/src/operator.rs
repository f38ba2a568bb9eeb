//! The bridge's operator, as the page is one: asks at the admin listener, wherever the bridge's process is.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;

/// For how long an answer is good enough: several windows look at once.
const FRESH: Duration = Duration::from_millis(250);
const PATIENCE: Duration = Duration::from_secs(2);
const ADMIN_HEADER: &str = "sidethread-admin";

type Address = Arc<dyn Fn() -> String + Send + Sync>;

/// Where the bridge is asked what it is doing; clones share it.
#[derive(Clone, Default)]
pub struct Operator {
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    admin: Mutex<Option<(Address, reqwest::Client)>>,
    /// What it told when it last answered.
    last: Mutex<Option<Arc<Value>>>,
    /// When it was last asked, and what it said; nothing, if it did not answer.
    told: tokio::sync::Mutex<Option<(Instant, Option<Arc<Value>>)>>,
}

impl Operator {
    /// The admin listener is where `base_url` says, without a slash at its end; a restart may change it. The client
    /// should use no proxy.
    pub fn is_at(&self, base_url: impl Fn() -> String + Send + Sync + 'static, client: reqwest::Client) {
        let known: Option<(Address, _)> = Some((Arc::new(base_url), client));
        *self.shared.admin.lock().unwrap_or_else(PoisonError::into_inner) = known;
    }

    /// What it told when it last answered.
    pub fn told_last(&self) -> Option<Arc<Value>> {
        self.shared.last.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is under way; nothing, if the bridge does not answer.
    pub async fn lanes(&self) -> Option<Arc<Value>> {
        let mut told = self.shared.told.lock().await;
        if let Some((at, lanes)) = &*told
            && at.elapsed() < FRESH
        {
            return lanes.clone();
        }
        let lanes = self.ask().await.map(Arc::new);
        if lanes.is_some() {
            self.shared.last.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&lanes);
        }
        *told = Some((Instant::now(), lanes.clone()));
        lanes
    }

    /// The same as it is at this instant, and not as it was a moment ago.
    pub async fn lanes_at_once(&self) -> Option<Arc<Value>> {
        *self.shared.told.lock().await = None;
        self.lanes().await
    }

    /// Asks for another try of a parked call.
    ///
    /// # Errors
    /// It is not parked, or the bridge does not answer; a sentence.
    pub async fn retry(&self, id: i64) -> Result<(), String> {
        let silent = || "The bridge does not answer, so nothing was asked of it.".to_owned();
        let Some((admin, client)) = self.admin() else { return Err(silent()) };
        let request = client.post(format!("{admin}/parked/{id}/retry")).header(ADMIN_HEADER, "1").timeout(PATIENCE);
        let answer = request.send().await.map_err(|_| silent())?;
        *self.shared.told.lock().await = None;
        match answer.status().is_success() {
            true => Ok(()),
            false => Err(format!("The bridge did not take this: call {id} is no longer parked.")),
        }
    }

    async fn ask(&self) -> Option<Value> {
        let (admin, client) = self.admin()?;
        let request = client.get(format!("{admin}/lanes")).header(ADMIN_HEADER, "1").timeout(PATIENCE);
        let answer = request.send().await.ok().filter(|answer| answer.status().is_success())?;
        serde_json::from_slice(&answer.bytes().await.ok()?).ok()
    }

    fn admin(&self) -> Option<(String, reqwest::Client)> {
        let known = self.shared.admin.lock().unwrap_or_else(PoisonError::into_inner).clone();
        known.map(|(address, client)| (address(), client)).filter(|(address, _)| !address.is_empty())
    }
}
