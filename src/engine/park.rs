//! What is parked waits for a person, who has it tried again or gives it up.
//!
//! A wish is an event of the thread like any other, so the core stays the judge: whether the effect is parked is read
//! while the thread is in this one pair of hands, so that a wish that comes twice finds nothing the second time.

use std::borrow::Cow;
use std::sync::Arc;

use super::Engine;
use super::queue::Work;
use crate::bridge::event::{Answer, Asks, Event, Late, Press, Unpark, What, Wish};
use crate::bridge::ids::{EffectId, ThreadId};
use crate::bridge::{Act, Effect};
use crate::store::{Commit, StoreError};

/// What came of a wish about something parked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wished {
    /// It is stored, and will be seen to.
    Stored,
    /// Nothing of that number is parked.
    NotParked,
    /// What it was to do is no longer kept, so it can only be given up.
    Blank,
}

impl Engine {
    /// Has the parked outbox row `outbox_id` tried again, as the "Retry" button does: it goes back to its place in its
    /// lane with a fresh schedule, and is looked for first where it may have been done.
    ///
    /// # Errors
    /// The wish is not stored.
    pub async fn retry_parked(&self, outbox_id: i64) -> Result<Wished, StoreError> {
        self.unpark(outbox_id, Wish::Retry).await
    }

    /// Gives the parked outbox row `outbox_id` up: it is never sent, and its notice says so.
    ///
    /// # Errors
    /// The wish is not stored.
    pub async fn drop_parked(&self, outbox_id: i64) -> Result<Wished, StoreError> {
        self.unpark(outbox_id, Wish::Drop).await
    }

    async fn unpark(&self, outbox_id: i64, wish: Wish) -> Result<Wished, StoreError> {
        let Some(parked) = self.store.parked_call(outbox_id).await? else { return Ok(Wished::NotParked) };
        if parked.blank && wish == Wish::Retry {
            return Ok(Wished::Blank);
        }
        let now = self.clock.now_ms();
        let unpark = Unpark {
            effect: EffectId::new(parked.effect_id),
            wish,
            by: None,
            notice: parked.notice.and_then(|ts| ts.parse().ok()),
            parked: None,
            blank: false,
        };
        let word = match wish {
            Wish::Retry => "retry",
            Wish::Drop => "drop",
        };
        let event = Arc::new(Event { at_ms: now, what: What::Unpark(unpark) });
        let events = vec![(format!("{word}:{outbox_id}:{now}"), ThreadId::new(parked.thread_id), event)];
        self.commit_events("engine", events, Commit::default()).await?;
        Ok(Wished::Stored)
    }

    /// The work, with what is so of the calls that it speaks of: whether one is parked, whether one waits.
    pub(super) async fn with_what_is_so<'a>(
        &self,
        thread_id: &ThreadId,
        work: &'a [Work],
    ) -> Result<Cow<'a, [Work]>, StoreError> {
        let asks = |one: &Work| match one {
            Work::Event { event, .. } | Work::Arrived { event, .. } => {
                matches!(event.what, What::Unpark(_) | What::Late(_))
            }
            Work::Answer { effect, answer, .. } => retry_of(effect, answer).is_some(),
        };
        if !work.iter().any(asks) {
            return Ok(Cow::Borrowed(work));
        }
        let mut known = work.to_vec();
        let mut answered = Vec::new();
        for one in &mut known {
            let event = match one {
                Work::Event { event, .. } | Work::Arrived { event, .. } => event,
                Work::Answer { id, effect, answer, .. } => {
                    answered.push(*id);
                    if let Some(press) = retry_of(effect, answer) {
                        let press = self.with_what_is_parked(thread_id, press).await?;
                        *effect = Arc::new(Effect { act: Act::AskWho { press }, ..effect.as_ref().clone() });
                    }
                    continue;
                }
            };
            let what = match &event.what {
                What::Unpark(unpark) => {
                    let parked = self.store.parked_effect(thread_id.as_str(), unpark.effect.as_str()).await?;
                    let blank = matches!(parked, Some(None));
                    What::Unpark(Unpark { parked: parked.flatten().map(Box::new), blank, ..unpark.clone() })
                }
                What::Late(late) => {
                    let waits = !answered.contains(&late.outbox_id) && self.lock().queue.item(late.outbox_id).is_some();
                    What::Late(Late { waits, ..late.clone() })
                }
                _ => continue,
            };
            *event = Arc::new(Event { at_ms: event.at_ms, what });
        }
        Ok(Cow::Owned(known))
    }

    async fn with_what_is_parked(&self, thread_id: &ThreadId, press: &Press) -> Result<Press, StoreError> {
        let mut press = press.clone();
        if let Asks::Retry { effect, parked, blank, .. } = &mut press.asks {
            let found = self.store.parked_effect(thread_id.as_str(), effect.as_str()).await?;
            *blank = matches!(found, Some(None));
            *parked = found.flatten().map(Box::new);
        }
        Ok(press)
    }
}

/// The press of "Retry" of which it is now known who pressed.
fn retry_of<'a>(effect: &'a Effect, answer: &Answer) -> Option<&'a Press> {
    match (&effect.act, answer) {
        (Act::AskWho { press }, Answer::Person(_)) if matches!(press.asks, Asks::Retry { .. }) => Some(press),
        _ => None,
    }
}
