//! Carries what the fake vendors send to the bridge, and tells them what became of it.
//!
//! Parcels are started in the order in which they fell due and travel side by side, as the vendors' own do: a
//! slow one holds up no other. Whatever happens to a carriage, its parcel is settled, so the vendor's retries run.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::post::{Now, Parcel, Receipt, Sender};

const POLL: Duration = Duration::from_millis(10);
const MOST_IN_FLIGHT: usize = 64;
/// The time within which Slack wants an answer, and a little; Zendesk waits longer.
const PATIENCE: Duration = Duration::from_millis(3_200);

/// A way to the bridge.
#[async_trait]
pub trait Carry: Send + Sync {
    /// Brings one parcel there and says what it was answered.
    async fn carry(&self, parcel: &Parcel) -> Receipt;
}

/// Carries what the senders have until it is stopped.
pub async fn run(senders: Vec<Arc<dyn Sender>>, carry: Arc<dyn Carry>, now: Now, stop: CancellationToken) {
    let mut in_flight = JoinSet::new();
    let mut waiting = std::collections::VecDeque::new();
    loop {
        for sender in &senders {
            if sender.next_due().is_some_and(|due| due <= now()) {
                waiting.extend(sender.take_due().into_iter().map(|parcel| Unsettled::new(sender.clone(), parcel)));
            }
        }
        while in_flight.len() < MOST_IN_FLIGHT
            && let Some(unsettled) = waiting.pop_front()
        {
            let carry = carry.clone();
            in_flight.spawn(async move { unsettled.carry(&*carry).await });
        }
        tokio::select! {
            () = stop.cancelled() => return,
            _ = in_flight.join_next(), if !in_flight.is_empty() => {}
            () = tokio::time::sleep(POLL) => {}
        }
    }
}

/// Carries what is due at this moment, one parcel after the other; how many there were.
pub async fn carry_once(senders: &[Arc<dyn Sender>], carry: &dyn Carry) -> usize {
    let mut carried = 0;
    for sender in senders {
        for parcel in sender.take_due() {
            Unsettled::new(sender.clone(), parcel).carry(carry).await;
            carried += 1;
        }
    }
    carried
}

/// A parcel on its way, which is settled as failed if its carriage is broken off.
struct Unsettled {
    sender: Arc<dyn Sender>,
    parcel: Parcel,
    receipt: Option<Receipt>,
}

impl Unsettled {
    fn new(sender: Arc<dyn Sender>, parcel: Parcel) -> Self {
        Unsettled { sender, parcel, receipt: None }
    }

    async fn carry(mut self, carry: &dyn Carry) {
        self.receipt = Some(carry.carry(&self.parcel).await);
    }
}

impl Drop for Unsettled {
    fn drop(&mut self) {
        self.sender.settle(self.parcel.id, self.receipt.take().unwrap_or(Receipt::Failed));
    }
}

/// Over the network.
pub struct OverHttp {
    client: reqwest::Client,
    base_url: String,
}

impl OverHttp {
    /// To the bridge at `base_url`. The client should use no proxy, lest one is asked for 127.0.0.1.
    pub fn new(client: reqwest::Client, base_url: &str) -> Self {
        OverHttp { client, base_url: base_url.trim_end_matches('/').to_owned() }
    }

    async fn post(&self, parcel: &Parcel) -> Result<Receipt, reqwest::Error> {
        let url = format!("{}{}", self.base_url, parcel.path);
        let mut request = self.client.post(url).timeout(PATIENCE).body(parcel.body.clone());
        for (name, value) in &parcel.headers {
            request = request.header(name, value);
        }
        let response = request.send().await?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let body = response.bytes().await?.to_vec();
        Ok(Receipt::Answered { status, retry_after, body })
    }
}

#[async_trait]
impl Carry for OverHttp {
    async fn carry(&self, parcel: &Parcel) -> Receipt {
        self.post(parcel).await.unwrap_or(Receipt::Failed)
    }
}
