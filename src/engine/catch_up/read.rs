//! What one call of catch-up reads, and what is taken from it.

use super::super::Engine;
use super::super::gap::Key;
use super::super::intake::Taken;
use super::super::outside::CallError;
use super::super::pace::Budget;
use super::reads::{Step, Turns, Urgency};
use crate::bridge::Vendor;
use crate::bridge::ids::{ChannelId, Ts};
use crate::store::{Commit, StoreError, Swept};
use crate::telemetry::Direction;

/// What a call came to.
enum Read {
    /// All was read; a thread up to this message.
    Through(Option<Ts>),
    /// There is another page.
    More(Step),
}

impl Engine {
    /// Makes a read that was taken.
    pub(in super::super) async fn read_back(&self, id: u64) {
        let Some(step) = self.lock().catch_up.reads.step(id).cloned() else { return };
        let read = match &step {
            Step::Channel { channel, oldest, page } => self.read_channel(channel, oldest, page).await,
            Step::Thread { channel, thread_ts, from, page } => {
                self.read_thread(&(channel.clone(), thread_ts.clone()), from, page).await
            }
        };
        match read {
            Ok(Read::More(next)) => {
                let mut state = self.lock();
                if !state.catch_up.reads.go_on(id, next) {
                    state.catch_up.read_anew(&step);
                }
            }
            Ok(Read::Through(through)) => {
                self.read_to_its_end(id, &step);
                if let (Some((channel, thread_ts)), Some(through)) = (step.key(), through) {
                    self.note_swept(&channel, &thread_ts, &through).await;
                }
            }
            // Reads lag behind writes: only what stays missing is gone.
            Err(CallError::Missing { reason, .. }) if self.stays_missing(id) => {
                let (Step::Channel { channel, .. } | Step::Thread { channel, .. }) = &step;
                gone(channel, &reason);
                self.read_to_its_end(id, &step);
            }
            Err(error) => {
                tracing::warn!(problem = %error, "Slack could not be asked for what was missed; it is tried again");
                if let CallError::Later { after, .. } = error {
                    self.hold_budget(&Budget::SlackMethod(step.method()), after);
                }
                let now = self.clock.now_ms();
                self.lock().catch_up.reads.failed(id, now);
            }
        }
        self.after_a_read().await;
    }

    fn stays_missing(&self, id: u64) -> bool {
        let lag = self.settings.slack_read_lag.as_millis() as i64;
        let since = self.lock().catch_up.reads.failing_since(id);
        since.is_some_and(|since| self.clock.now_ms() - since >= lag)
    }

    /// What waited for a thread goes on, unless a gap has ended since the read began.
    fn read_to_its_end(&self, id: u64, step: &Step) {
        let mut state = self.lock();
        let catch_up = &mut state.catch_up;
        if !catch_up.reads.done(id) {
            return catch_up.read_anew(step);
        }
        match step {
            Step::Channel { channel, .. } => catch_up.gap.compared(channel),
            Step::Thread { channel, thread_ts, .. } => {
                if let Some((thread_id, work)) = catch_up.gap.read_through(&(channel.clone(), thread_ts.clone())) {
                    work.into_iter().for_each(|one| state.queue.add_work(&thread_id, one));
                }
            }
        }
    }

    async fn note_swept(&self, channel: &ChannelId, thread_ts: &Ts, through: &Ts) {
        let swept = vec![Swept {
            channel_id: channel.to_string(),
            thread_ts: thread_ts.to_string(),
            swept_ts: through.to_string(),
        }];
        if let Err(error) = self.store.commit(Commit { swept, ..Commit::default() }).await {
            tracing::warn!(error = %error, "how far a thread was read could not be written; it is read again");
        }
    }

    async fn read_channel(&self, channel: &ChannelId, oldest: &str, page: &str) -> Result<Read, CallError> {
        let read = self.outside.read_channel(channel, oldest, page).await;
        self.slack_said(read.as_ref().err());
        let read = match read {
            Err(CallError::Refused { reason }) => {
                gone(channel, &reason);
                return Ok(Read::Through(None));
            }
            other => other?,
        };
        let parents: Vec<&str> = read.threads.iter().map(|(thread_ts, _)| thread_ts.as_str()).collect();
        let swept = self.store.swept(channel.as_str(), &parents).await.map_err(failed)?;
        let mut longer = Vec::new();
        for (thread_ts, latest) in read.threads {
            let Some(swept) = swept.get(thread_ts.as_str()) else { continue };
            let from = swept.clone().unwrap_or_else(|| thread_ts.to_string());
            if from.parse::<Ts>().is_ok_and(|from| from < latest) {
                longer.push((thread_ts, latest, from));
            }
        }
        let newest: Vec<&str> = longer.iter().map(|(_, latest, _)| latest.as_str()).collect();
        let heard = self.store.heard_of(channel.as_str(), &newest).await.map_err(failed)?;
        let mut state = self.lock();
        for (thread_ts, latest, from) in longer {
            let key = (channel.clone(), thread_ts.clone());
            let lacks = state.catch_up.lacks_words(&key, heard.get(latest.as_str()).copied());
            if lacks {
                state.catch_up.gap.differs(key);
            }
            let step = Step::Thread { channel: channel.clone(), thread_ts, from, page: String::new() };
            let urgency = if lacks { Urgency::Lacking } else { Urgency::Unsure };
            state.catch_up.reads.add(step, urgency, Turns { round: true, older: false });
        }
        Ok(match read.next {
            Some(page) => Read::More(Step::Channel { channel: channel.clone(), oldest: oldest.to_owned(), page }),
            None => Read::Through(None),
        })
    }

    async fn read_thread(&self, key: &Key, from: &str, page: &str) -> Result<Read, CallError> {
        let (channel, thread_ts) = key;
        let from = match from.is_empty() {
            false => from.to_owned(),
            true => {
                let swept = self.store.swept(channel.as_str(), &[thread_ts.as_str()]).await.map_err(failed)?;
                swept.into_values().flatten().next().unwrap_or_else(|| thread_ts.to_string())
            }
        };
        let read = self.outside.read_replies(channel, thread_ts, &from, page).await;
        self.slack_said(read.as_ref().err());
        let read = match read {
            Err(CallError::Refused { reason }) => {
                gone(channel, &reason);
                return Ok(Read::Through(None));
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
        Ok(match read.next {
            Some(page) => {
                Read::More(Step::Thread { channel: channel.clone(), thread_ts: thread_ts.clone(), from, page })
            }
            None => Read::Through(read.through),
        })
    }

    fn slack_said(&self, error: Option<&CallError>) {
        match error {
            // That it is refused is an answer as well.
            None | Some(CallError::Refused { .. } | CallError::Missing { .. }) => {
                self.lock().catch_up.reads.answered();
                if error.is_none() {
                    self.answers(Vendor::Slack, false);
                }
            }
            Some(error) => self.read_failed(Vendor::Slack, error),
        }
    }
}

impl super::CatchUp {
    /// Whether a thread whose newest message was heard of at `heard_at` (milliseconds since 1970), or never, lacks words for
    /// which somebody waits. What was heard before the gap tells that nothing was written in it, unless it waits itself.
    fn lacks_words(&self, key: &Key, heard_at: Option<i64>) -> bool {
        self.gap.is_awaited(key) || heard_at.is_none_or(|heard_at| heard_at >= self.heard_until)
    }

    /// What was read began before a gap ended, so a thread for which somebody waits is read once more.
    fn read_anew(&mut self, step: &Step) {
        if let Some(key) = step.key().filter(|key| self.gap.is_awaited(key)) {
            self.reads.add(Step::thread(key), Urgency::Lacking, Turns::default());
        }
    }
}

fn failed(error: StoreError) -> CallError {
    CallError::Later { after: None, problem: error.to_string() }
}

/// A channel or thread that cannot be read is left for the next round.
fn gone(channel: &ChannelId, reason: &str) {
    tracing::warn!(slack.channel_id = %channel, reason, "a bridged channel cannot be read; it is asked again in the next round");
}
