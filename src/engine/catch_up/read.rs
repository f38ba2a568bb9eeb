//! What one call of a round reads, and what is taken from it.

use super::super::Engine;
use super::super::gap::Key;
use super::super::intake::Taken;
use super::super::outside::CallError;
use super::Step;
use crate::bridge::Vendor;
use crate::bridge::ids::{ChannelId, Ts};
use crate::store::{Commit, StoreError, Swept};
use crate::telemetry::Direction;

impl Engine {
    pub(super) async fn catch_up_step(&self, step: &Step) -> Result<(), CallError> {
        let failed = |error: StoreError| CallError::Later { after: None, problem: error.to_string() };
        match step {
            Step::Channel { channel, oldest, page } => {
                let read = self.outside.read_channel(channel, oldest, page).await;
                self.slack_said(read.as_ref().err());
                let read = match read {
                    Err(CallError::Refused { reason }) => {
                        self.lock().catch_up.gap.compared(channel);
                        return gone(channel, &reason);
                    }
                    other => other?,
                };
                let mut differing = Vec::new();
                let parents: Vec<&str> = read.threads.iter().map(|(thread_ts, _)| thread_ts.as_str()).collect();
                let swept = self.store.swept(channel.as_str(), &parents).await.map_err(failed)?;
                for (thread_ts, latest) in read.threads {
                    let Some(swept) = swept.get(thread_ts.as_str()) else { continue };
                    let from = swept.clone().unwrap_or_else(|| thread_ts.to_string());
                    if from.parse::<Ts>().is_ok_and(|from| from < latest) {
                        differing.push((thread_ts, from));
                    }
                }
                let mut state = self.lock();
                let catch_up = &mut state.catch_up;
                for (thread_ts, from) in differing {
                    let channel = channel.clone();
                    catch_up.gap.differs((channel.clone(), thread_ts.clone()));
                    catch_up.steps.push_back(Step::Thread { channel, thread_ts, from, page: String::new() });
                }
                match read.next {
                    Some(page) => {
                        let (channel, oldest) = (channel.clone(), oldest.clone());
                        catch_up.steps.push_front(Step::Channel { channel, oldest, page });
                    }
                    None => catch_up.gap.compared(channel),
                }
                Ok(())
            }
            Step::Thread { channel, thread_ts, from, page } => {
                let key = (channel.clone(), thread_ts.clone());
                let from = match from.is_empty() {
                    false => from.clone(),
                    true => {
                        let swept = self.store.swept(channel.as_str(), &[thread_ts.as_str()]).await.map_err(failed)?;
                        swept.into_values().flatten().next().unwrap_or_else(|| thread_ts.to_string())
                    }
                };
                let read = self.outside.read_replies(channel, thread_ts, &from, page).await;
                self.slack_said(read.as_ref().err());
                let read = match read {
                    Err(CallError::Refused { reason }) => {
                        self.read_through(&key);
                        return gone(channel, &reason);
                    }
                    other => other?,
                };
                // What comes live from here on is not handled between two of these, nor before those of the next page.
                self.lock().catch_up.gap.lacks(key.clone());
                for (message, what) in read.messages {
                    let taken = self.take_read_back(message, channel, thread_ts, what).await.map_err(failed)?;
                    if taken == Taken::Stored {
                        self.metrics.caught_up(Direction::from(Vendor::Slack));
                    }
                }
                if let Some(page) = read.next {
                    let (channel, thread_ts) = key;
                    self.lock().catch_up.steps.push_front(Step::Thread { channel, thread_ts, from, page });
                    return Ok(());
                }
                self.read_through(&key);
                if let Some(through) = read.through {
                    let swept = vec![Swept {
                        channel_id: channel.to_string(),
                        thread_ts: thread_ts.to_string(),
                        swept_ts: through.to_string(),
                    }];
                    self.store.commit(Commit { swept, ..Commit::default() }).await.map_err(failed)?;
                }
                Ok(())
            }
        }
    }

    fn slack_said(&self, error: Option<&CallError>) {
        match error {
            None => self.answers(Vendor::Slack, false),
            Some(error) => self.read_failed(Vendor::Slack, error),
        }
    }

    /// What waited for a thread goes on.
    fn read_through(&self, key: &Key) {
        let mut state = self.lock();
        if let Some((thread_id, work)) = state.catch_up.gap.read_through(key) {
            work.into_iter().for_each(|one| state.queue.add_work(&thread_id, one));
        }
    }
}

/// A channel or thread that cannot be read is left for the next round.
fn gone(channel: &ChannelId, reason: &str) -> Result<(), CallError> {
    tracing::warn!(slack.channel_id = %channel, reason, "a bridged channel cannot be read; it is asked again in the next round");
    Ok(())
}
