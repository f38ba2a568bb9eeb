//! Looks for what may have been done already. One look answers for all messages of a lane that are in doubt, as many
//! are after a restored backup or a long absence; what it found of them holds when their turn comes.

use super::Engine;
use super::outside::{Call, CallError};
use crate::bridge::facts::Travels;
use crate::bridge::{Act, Answer};

impl Engine {
    pub(super) async fn find_with_others(
        &self,
        id: i64,
        call: &Call<'_>,
        now: i64,
        lag_ms: i64,
    ) -> Result<Option<Answer>, CallError> {
        let alike = |act: &Act| act.facts().travels != Travels::Alone;
        let mut others = match alike(&call.effect.act) {
            true => self.lock().queue.doubtful_beside(id),
            false => Vec::new(),
        };
        others.retain(|(_, item)| item.effect.as_ref().is_some_and(|effect| alike(&effect.act)));
        let of_others = others.iter().filter_map(|(_, item)| {
            let first_attempt_ms = item.maybe_since_ms.or(item.first_attempt_ms).unwrap_or(now);
            Some(Call {
                thread: call.thread,
                card: None,
                effect: item.effect.as_deref()?,
                with: &[],
                first_attempt_ms,
                believed: false,
            })
        });
        let first = Call { ..*call };
        let calls: Vec<Call<'_>> = std::iter::once(first).chain(of_others).collect();
        let mut found = self.within_deadline(self.outside.find(&calls)).await?.into_iter();
        let first = found.next().flatten();
        let mut state = self.lock();
        for ((other, _), found) in others.iter().zip(found) {
            state.queue.looked_for(*other, found, now, lag_ms);
        }
        Ok(first)
    }
}
