//! What the app believes for now and goes by: kept with the time since when, shown while it lasts, tried again, and told to
//! the operator once it has lasted ten minutes, as is its end.
//!
//! One answer may be chance, so nothing follows from it for good. What a thread believes of its ticket and its channel stands
//! in the thread, and is noted here in the transaction that changes it; so is what the app believes as a whole. That a vendor
//! is held lives in memory, and is noted here when it is looked at, every ten seconds.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use super::Engine;
use super::hidden::REMEMBERED_MS;
use crate::bridge::conclusion::{About, Conclusion};
use crate::bridge::event::{Event, What};
use crate::bridge::ids::{ThreadId, TicketId};
use crate::bridge::thread::time;
use crate::bridge::{BridgedThread, Vendor, notice};
use crate::store::{Commit, ConclusionRow, ConclusionWrite, StoreError, Turn};

/// How long something lasts before the operator is told, in milliseconds.
const TOLD_AFTER_MS: i64 = 10 * 60 * 1000;
/// How long until what is concluded is tried again: the first time, at most, and after a day, in milliseconds.
const AGAIN_FIRST_MS: i64 = 10 * 1000;
const AGAIN_MOST_MS: i64 = 5 * 60 * 1000;
const AGAIN_LATER_MS: i64 = 60 * 60 * 1000;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;
/// A longer wait than this is shown to the operator, in milliseconds.
pub(super) const LONG_WAIT_MS: i64 = 60 * 60 * 1000;

/// When something is tried again that has been tried so often since it was concluded, in milliseconds from the last try.
pub(super) fn again_ms(tries: u32) -> i64 {
    AGAIN_FIRST_MS.saturating_mul(1 << tries.min(20)).min(AGAIN_MOST_MS)
}

type Key = (About, String);

/// What is believed.
#[derive(Debug, Default)]
pub(super) struct Conclusions {
    known: BTreeMap<Key, Known>,
    /// What each thread goes by.
    held: HashMap<String, Vec<Key>>,
    /// Vendors that ask to be left alone for long, and until when, in milliseconds since 1970.
    waits: BTreeMap<Vendor, i64>,
}

#[derive(Debug)]
struct Known {
    why: String,
    since_ms: i64,
    told: bool,
    holders: BTreeSet<String>,
    tries: u32,
    next_try_ms: i64,
}

/// Something that lasts.
#[derive(Clone, Debug, serde::Serialize)]
pub struct Lasting {
    /// The kind of thing it is about.
    pub about: &'static str,
    /// Which ticket, channel or vendor.
    pub subject: String,
    /// Why.
    pub why: String,
    /// Since when, in milliseconds since 1970.
    pub since_ms: i64,
}

impl Conclusions {
    pub(super) fn load(rows: Vec<ConclusionRow>, now: i64) -> Conclusions {
        let mut conclusions = Conclusions::default();
        for row in rows {
            let Some(about) = About::read(&row.about) else { continue };
            conclusions.hold((about, row.subject), row.why, row.holder, row.since_at, now, (row.told, row.over));
        }
        conclusions
    }

    fn hold(&mut self, key: Key, why: String, holder: String, since: i64, now: i64, (told, over): (bool, bool)) {
        let known = self.known.entry(key.clone()).or_insert_with(|| Known {
            why: why.clone(),
            since_ms: since,
            told,
            holders: BTreeSet::new(),
            tries: 0,
            next_try_ms: now + AGAIN_FIRST_MS,
        });
        known.told |= told;
        known.since_ms = known.since_ms.min(since);
        if over {
            return;
        }
        known.why = why;
        if known.holders.insert(holder.clone()) && !holder.is_empty() {
            self.held.entry(holder).or_default().push(key);
        }
    }

    /// What has to be written so that it is known what a thread goes by.
    pub(super) fn of_thread(&self, thread: &BridgedThread, now: i64) -> Vec<ConclusionWrite> {
        let believed = thread.conclusions();
        let held = self.held.get(thread.id.as_str()).map(Vec::as_slice).unwrap_or_default();
        if believed.is_empty() && held.is_empty() {
            return Vec::new();
        }
        let write = |key: (About, &str), why: &str, turn| ConclusionWrite {
            about: key.0.as_str(),
            subject: key.1.to_owned(),
            holder: thread.id.to_string(),
            why: why.to_owned(),
            at: now,
            turn,
        };
        let over = held.iter().filter(|key| !believed.iter().any(|one| one.about == key.0 && one.subject == key.1));
        let over = over.map(|key| write((key.0, &key.1), "", Turn::Ends));
        let new = believed.iter().filter(|one| {
            let known = self.known.get(&(one.about, one.subject.clone()));
            known.is_none_or(|known| !known.holders.contains(thread.id.as_str()) || known.why != one.why)
        });
        over.chain(new.map(|one| write((one.about, &one.subject), &one.why, Turn::Begins))).collect()
    }

    /// Takes what was written.
    pub(super) fn apply(&mut self, writes: Vec<ConclusionWrite>) {
        for write in writes {
            let Some(about) = About::read(write.about) else { continue };
            let key = (about, write.subject);
            match write.turn {
                Turn::Begins => self.hold(key, write.why, write.holder, write.at, write.at, (false, false)),
                Turn::Ends => {
                    if let Some(keys) = self.held.get_mut(&write.holder) {
                        keys.retain(|one| *one != key);
                        if keys.is_empty() {
                            self.held.remove(&write.holder);
                        }
                    }
                    if let Some(known) = self.known.get_mut(&key) {
                        known.holders.remove(&write.holder);
                        if known.holders.is_empty() && !known.told {
                            self.known.remove(&key);
                        }
                    }
                }
                Turn::Told => {
                    if let Some(known) = self.known.get_mut(&key) {
                        known.told = true;
                    }
                }
                Turn::Forgotten => {
                    self.known.remove(&key);
                }
            }
        }
    }

    /// What lasts.
    pub(super) fn lasting(&self) -> impl Iterator<Item = Lasting> {
        self.known.iter().filter(|(_, known)| !known.holders.is_empty()).map(|((about, subject), known)| Lasting {
            about: about.as_str(),
            subject: subject.clone(),
            why: known.why.clone(),
            since_ms: known.since_ms,
        })
    }

    fn since(&self, about: About, subject: &str) -> Option<i64> {
        let known = self.known.get(&(about, subject.to_owned()))?;
        (!known.holders.is_empty()).then_some(known.since_ms)
    }

    /// Since when a vendor is held, in milliseconds since 1970, once that is noted.
    pub(super) fn vendor_since(&self, vendor: Vendor) -> Option<i64> {
        self.since(About::Vendor, vendor.as_str())
    }

    pub(super) fn is_lasting(&self, about: About, subject: &str) -> bool {
        self.since(about, subject).is_some()
    }

    /// Notes that a vendor asks to be left alone until a time, in milliseconds since 1970.
    pub(super) fn asked_to_wait(&mut self, vendor: Vendor, until: i64) {
        let known = self.waits.entry(vendor).or_insert(until);
        *known = (*known).max(until);
    }

    /// The tickets out of reach that are to be asked for again.
    fn tickets_to_try(&mut self, now: i64) -> Vec<TicketId> {
        let mut tickets = Vec::new();
        for ((about, subject), known) in &mut self.known {
            let Some(ticket_id) = Conclusion::ticket(*about, subject) else { continue };
            // A time far ahead is of a clock that has been set back since.
            let due = known.next_try_ms <= now || known.next_try_ms > now + AGAIN_LATER_MS;
            if known.holders.is_empty() || !due {
                continue;
            }
            known.tries += 1;
            let wait = if now - known.since_ms > DAY_MS { AGAIN_LATER_MS } else { again_ms(known.tries) };
            known.next_try_ms = now + wait;
            tickets.push(ticket_id);
        }
        tickets
    }
}

impl Engine {
    /// The app as a whole goes by something from now on, or no longer.
    pub(super) async fn conclude(&self, about: About, subject: &str, why: Option<String>) -> Result<(), StoreError> {
        let is_known = self.lock().conclusions.is_lasting(about, subject);
        if is_known == why.is_some() {
            return Ok(());
        }
        let write = ConclusionWrite {
            about: about.as_str(),
            subject: subject.to_owned(),
            holder: String::new(),
            turn: if why.is_some() { Turn::Begins } else { Turn::Ends },
            why: why.unwrap_or_default(),
            at: self.clock.now_ms(),
        };
        self.write_conclusions(vec![write]).await
    }

    async fn write_conclusions(&self, writes: Vec<ConclusionWrite>) -> Result<(), StoreError> {
        if writes.is_empty() {
            return Ok(());
        }
        self.store.commit(Commit { conclusions: writes.clone(), ..Commit::default() }).await?;
        self.lock().conclusions.apply(writes);
        Ok(())
    }

    /// Tries again what was concluded of tickets, and tells the operator of what has lasted and of what is over.
    pub(super) async fn look_at_conclusions(&self) {
        if let Err(error) = self.note_vendors().await {
            tracing::warn!(error = %error, "how the vendors stand could not be stored; it is tried again in ten seconds");
        }
        if let Err(error) = self.tell_operator().await {
            tracing::warn!(error = %error, "what the operator is to be told could not be stored; it is tried again in ten seconds");
        }
        if let Err(error) = self.forget_old_seconds().await {
            tracing::warn!(error = %error, "what is a day old could not be forgotten; it is tried again in ten seconds");
        }
        let now = self.clock.now_ms();
        let mut state = self.lock();
        for ticket_id in state.conclusions.tickets_to_try(now) {
            state.queue.add_ticket(ticket_id, now);
        }
    }

    /// Notes which vendors are held, take no messages, or ask to be left alone for long.
    async fn note_vendors(&self) -> Result<(), StoreError> {
        let now = self.clock.now_ms();
        let mut writes = Vec::new();
        {
            let mut state = self.lock();
            let mut held: BTreeMap<Vendor, String> = state.queue.paused().into_iter().collect();
            for (vendor, problem) in state.health.takes_nothing() {
                held.entry(vendor).or_insert_with(|| notice::takes_nothing(vendor, problem));
            }
            state.conclusions.waits.retain(|_, until| *until > now);
            for vendor in [Vendor::Slack, Vendor::Zendesk] {
                let heard = state.health.has_answered(vendor);
                let waits = state
                    .conclusions
                    .waits
                    .get(&vendor)
                    .map(|until| notice::asks_to_wait(notice::named(vendor), &time(*until).1));
                for (about, why, may_end) in
                    [(About::Vendor, held.get(&vendor).cloned(), heard), (About::Wait, waits, true)]
                {
                    let lasts = state.conclusions.is_lasting(about, vendor.as_str());
                    // A process that has just started knows nothing yet of a vendor that was held before.
                    if lasts != why.is_some() && (why.is_some() || may_end) {
                        writes.push(ConclusionWrite {
                            about: about.as_str(),
                            subject: vendor.as_str().to_owned(),
                            holder: String::new(),
                            turn: if why.is_some() { Turn::Begins } else { Turn::Ends },
                            why: why.unwrap_or_default(),
                            at: now,
                        });
                    }
                }
            }
        }
        self.write_conclusions(writes).await
    }

    /// Of a second that is more than a day old nobody reads anything again: what stands in it is bridged when it is touched.
    async fn forget_old_seconds(&self) -> Result<(), StoreError> {
        let now = self.clock.now_ms();
        let mut writes = Vec::new();
        for ((about, subject), known) in &self.lock().conclusions.known {
            if *about == About::Hidden && now - known.since_ms > REMEMBERED_MS {
                writes.extend([Turn::Ends, Turn::Forgotten].map(|turn| ConclusionWrite {
                    about: about.as_str(),
                    subject: subject.clone(),
                    holder: String::new(),
                    why: String::new(),
                    at: now,
                    turn,
                }));
            }
        }
        self.write_conclusions(writes).await
    }

    async fn tell_operator(&self) -> Result<(), StoreError> {
        let now = self.clock.now_ms();
        let mut events = Vec::new();
        let mut writes = Vec::new();
        {
            let state = self.lock();
            for ((about, subject), known) in &state.conclusions.known {
                let (lasts, key) =
                    (!known.holders.is_empty(), format!("{}:{subject}:{}", about.as_str(), known.since_ms));
                let at_once = matches!(about, About::Wait | About::Hidden);
                let has_lasted = at_once || now - known.since_ms >= TOLD_AFTER_MS;
                let (seconds, fallback) = time(known.since_ms);
                let since = format!("<!date^{seconds}^{{date_short_pretty}} {{time}}|{fallback}>");
                let (turn, what) = match (lasts, known.told) {
                    (true, false) if has_lasted => {
                        let text = notice::lasts(*about, subject, &known.why, &since);
                        if *about != About::Vendor {
                            // That a vendor is held is said in the log when it begins.
                            tracing::error!(
                                about = about.as_str(),
                                subject,
                                why = known.why,
                                "this has lasted; it is tried again by itself"
                            );
                        }
                        (Turn::Told, What::Operator { about: key, text })
                    }
                    (false, true) => {
                        tracing::info!(about = about.as_str(), subject, "this is over");
                        let text = notice::lasts_no_more(*about, subject);
                        (Turn::Forgotten, What::Operator { about: format!("{key}:over"), text })
                    }
                    _ => continue,
                };
                writes.push(ConclusionWrite {
                    about: about.as_str(),
                    subject: subject.clone(),
                    holder: String::new(),
                    why: String::new(),
                    at: now,
                    turn,
                });
                let What::Operator { about: key, .. } = &what else { continue };
                let key = format!("operator:{key}");
                events.push((key, ThreadId::new(BridgedThread::OPERATOR), Arc::new(Event { at_ms: now, what })));
            }
        }
        if writes.is_empty() {
            return Ok(());
        }
        if !self.policy.operator {
            events.clear();
        }
        self.commit_events("engine", events, Commit { conclusions: writes.clone(), ..Commit::default() }).await?;
        self.lock().conclusions.apply(writes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_concluded_is_tried_again_within_ten_seconds_and_then_every_few_minutes() {
        let waits: Vec<i64> = (0..8).map(|tries| again_ms(tries) / 1000).collect();
        assert_eq!(waits, [10, 20, 40, 80, 160, 300, 300, 300]);
    }
}
