//! The only loops: they know when, never what.
//!
//! A delivery is stored before it is answered ([`intake`]). A thread's events are handled one after the other by
//! whoever holds it ([`worker`]); what they decide is written in the transaction that marks them as handled. A
//! call is written down before it is made ([`deliver`]); its answer is one more event of the thread, handled in
//! the transaction that settles the call. So a crash at any point leaves either a row that is not done, or a
//! call that was begun: the first is done again and decides the same, the second is looked for before it is made
//! again.
//!
//! The vendors' budgets are kept ([`pace`]), with fair shares; where one is short, what waits anyway in a lane travels in
//! one call ([`bundle`]).
//!
//! What is next to do is held in memory ([`queue`]), read from the tables at start. Nothing waits for a timer
//! but what has to be tried again, what a budget does not allow yet, a reply until its order window has passed, the feed
//! ([`poll`]) and the bridged tickets that are read with it, catch-up with Slack ([`catch_up`]), and the sweep of old rows.
//!
//! A closed ticket is followed up once, by the thread that claims it; the others go where it went. A side conversation that
//! nobody knows is looked into before it becomes a thread: it may be a copy of an old one.
//!
//! What one life on a database did, a later one knows from the tables, unless the database was put back to an earlier
//! state; then what is not known to be done is looked for first ([`life`]).
//!
//! Races it allows for: a delivery that comes twice at once (unique keys); a message in a thread whose card is on
//! its way (held ten minutes); a nudge during a read of the same ticket (counted); the answer of a call and the
//! entry that it made, in either order.

pub mod bundle;
mod catch_up;
pub mod clock;
mod conclusions;
pub mod deliver;
pub mod erase;
mod follow_up;
mod gap;
mod gather;
mod gone;
pub mod health;
mod hidden;
pub mod intake;
mod late;
mod life;
mod looks;
mod merged;
pub mod outside;
mod owners;
pub mod pace;
pub mod park;
pub mod poll;
pub mod queue;
mod reach;
mod report;
pub mod retry;
mod run;
mod settings;
mod spent;
pub mod standing;
pub mod watch;
mod worker;

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use futures_util::FutureExt;
use tokio::sync::Notify;

use crate::bridge::ids::{ChannelId, ThreadId, TicketId, Ts};
use crate::bridge::{BridgedThread, Event, Place, Policy, Vendor, What};
use crate::store::{Commit, Store, StoreError};
use crate::telemetry::Metrics;
use clock::Clock;
pub use conclusions::Lasting;
use outside::Outside;
use pace::Budget;
use queue::{Item, Job, Queue};
pub use report::Report;
pub use settings::Settings;

/// How often old rows are swept.
const CLEAN_EVERY: Duration = Duration::from_secs(60);
/// How many jobs are taken at once.
const TAKE: usize = 256;
/// How many threads and links are kept in memory.
const REMEMBERED: usize = 20_000;
/// How many calls may wait with what they are to do in memory; the others read it when their turn comes.
const AT_HAND: usize = 2_000;

/// The durable shell around the pure core.
pub struct Engine {
    store: Arc<Store>,
    clock: Arc<dyn Clock>,
    outside: Arc<dyn Outside>,
    policy: Arc<Policy>,
    settings: Settings,
    metrics: Arc<Metrics>,
    life: life::Life,
    state: Mutex<State>,
    wake: Notify,
}

struct State {
    queue: Queue,
    stopping: bool,
    threads: HashMap<ThreadId, Arc<BridgedThread>>,
    links: HashMap<(ChannelId, Ts), Option<ThreadId>>,
    /// Threads of which a message was not kept while a card was on its way in their channel.
    passed_over: HashMap<(ChannelId, Ts), ()>,
    /// How many links were made; what was looked up before the last one may be out of date.
    linked: u64,
    random: fastrand::Rng,
    next_poll: i64,
    next_clean: i64,
    next_late: i64,
    late: late::Told,
    /// Tickets and people to whom something is being written, and by which call.
    gathering: HashMap<gather::Reader, i64>,
    missing: gone::Missing,
    conclusions: conclusions::Conclusions,
    health: health::Health,
    feed: poll::Feed,
    watched: watch::Watched,
    catch_up: catch_up::CatchUp,
}

impl Engine {
    /// Takes up what the last process left in the tables.
    ///
    /// # Errors
    /// The database failed: the caller should stop and say so.
    pub async fn start(
        store: Arc<Store>,
        clock: Arc<dyn Clock>,
        outside: Arc<dyn Outside>,
        policy: Policy,
        settings: Settings,
        metrics: Arc<Metrics>,
        seed: u64,
    ) -> Result<Arc<Engine>, StoreError> {
        let now = clock.now_ms();
        let remembered = store.settings().await?;
        let life = life::Life::begin(&store, &remembered, now).await?;
        let mut queue = Queue::new(settings.limits);
        spent::count(&store, queue.pace(), now).await?;
        let mut threads = HashMap::new();
        let waiting = store.waiting().await?;
        for row in waiting.calls {
            let thread_id = ThreadId::new(row.thread_id.clone());
            // What is said in Slack is counted by its channel, which the thread knows.
            let thread = match row.effect.act.vendor() {
                Vendor::Slack => with_place(&mut threads, &store, &policy, &thread_id).await?,
                Vendor::Zendesk => None,
            };
            if matches!(row.effect.act, crate::bridge::Act::PostCard)
                && let Some(Place::Posting { channel }) = thread.as_ref().map(|thread| &thread.place)
            {
                queue.card_begins(channel, row.decided_at);
            }
            queue.add_call(row.id, Item::stored(row, thread.as_deref(), life.other_until(), now));
        }
        for (ticket_id, _) in waiting.tickets {
            queue.add_ticket(TicketId(ticket_id), now);
        }
        let feed = poll::Feed::load(&remembered, &policy);
        let mut state = State {
            queue,
            stopping: false,
            threads,
            links: HashMap::new(),
            passed_over: HashMap::new(),
            linked: 0,
            random: fastrand::Rng::with_seed(seed),
            next_poll: now,
            next_clean: now,
            next_late: now,
            late: late::Told::default(),
            gathering: HashMap::new(),
            missing: gone::Missing::new(),
            conclusions: conclusions::Conclusions::load(store.conclusions().await?, now),
            health: health::Health::default(),
            feed,
            watched: watch::Watched::default(),
            catch_up: catch_up::CatchUp::load(&remembered, now),
        };
        for row in waiting.events {
            let thread_id = ThreadId::new(row.thread_id);
            let Ok(event) = serde_json::from_str::<Event>(&row.event_json) else {
                tracing::error!(
                    inbox.seq = row.seq,
                    thread.id = %thread_id,
                    "a stored event does not read and stays in the inbox; was the database written by another version?"
                );
                continue;
            };
            let key = match event.what {
                What::SlackMessage(_) => with_place(&mut state.threads, &store, &policy, &thread_id).await?,
                _ => None,
            };
            let key = key.as_ref().and_then(|thread| thread.link()).map(|(channel, ts)| (channel.clone(), ts.clone()));
            state.add_or_wait(&thread_id, key.as_ref(), row.seq, event, now);
        }
        if let Some(setting) = state.catch_up.unwritten() {
            store.commit(Commit { settings: vec![setting], ..Commit::default() }).await?;
        }
        Ok(Arc::new(Engine {
            store,
            clock,
            outside,
            policy: Arc::new(policy),
            settings,
            metrics,
            life,
            state: Mutex::new(state),
            wake: Notify::new(),
        }))
    }

    /// Takes the jobs that can be done now. Each must be given to [`Engine::run`].
    pub fn take(&self) -> Vec<Job> {
        let now = self.clock.now_ms();
        let missed = {
            let mut state = self.lock();
            let slack_held = state.queue.is_paused(Vendor::Slack);
            let (missed, back_by) = state.catch_up.notice(now, slack_held);
            if back_by > 0 {
                state.queue.clock_set_back(back_by);
            }
            missed
        };
        if let Some(why) = missed {
            self.missed(why);
        }
        let mut state = self.lock();
        if let Some(plan) = self.outside.plan() {
            state.queue.pace().learn(plan);
        }
        for (thread_id, work) in state.catch_up.go_on(now) {
            work.into_iter().for_each(|one| state.queue.add_work(&thread_id, one));
        }
        let mut jobs = state.queue.take(now, TAKE);
        if state.next_poll <= now {
            let free = state.queue.pace().when_read(&Budget::ZendeskFeed, now);
            if free <= now {
                state.next_poll = now + self.settings.poll_interval.as_millis() as i64;
                jobs.push(Job::Poll);
            } else {
                state.next_poll = free;
            }
        }
        if state.next_clean <= now {
            state.next_clean = now + CLEAN_EVERY.as_millis() as i64;
            jobs.push(Job::Clean);
        }
        if state.next_late <= now {
            state.next_late = now + late::LOOK_EVERY_MS;
            jobs.push(Job::Late);
        }
        let State { queue, catch_up, .. } = &mut *state;
        jobs.extend(catch_up.take(queue, now));
        jobs
    }

    /// Does a job and what follows from it at once, whatever becomes of it. A panic sets the thread aside and touches no
    /// other.
    pub async fn run(&self, job: Job) {
        let mut next = Some(job);
        while let Some(job) = next.take() {
            let done = AssertUnwindSafe(async {
                // Boxed, so that a job is moved about without the room that the largest of them needs.
                match &job {
                    Job::Handle(thread_id) => Box::pin(self.handle(thread_id)).await,
                    Job::Deliver(id) => return Box::pin(self.deliver(*id)).await,
                    Job::ReadTicket(ticket_id) => Box::pin(self.read_ticket(*ticket_id)).await,
                    Job::Poll => Box::pin(self.poll()).await,
                    Job::Clean => Box::pin(self.clean()).await,
                    Job::CatchUp => Box::pin(self.catch_up()).await,
                    Job::ReadBack(id) => Box::pin(self.read_back(*id)).await,
                    Job::Late => Box::pin(self.look_for_late()).await,
                }
                None
            })
            .catch_unwind()
            .await;
            match done {
                Ok(follows) => next = follows,
                Err(_) => self.set_aside(&job),
            }
        }
        self.wake.notify_one();
    }

    /// When the next job falls due, in milliseconds since 1970; the feed and the sweep not counted.
    pub fn next_due(&self) -> Option<i64> {
        let now = self.clock.now_ms();
        let State { queue, catch_up, .. } = &mut *self.lock();
        // Catch-up counts while somebody waits for it.
        let awaited = (catch_up.waiting() > 0).then(|| catch_up.due(queue, now)).filter(|due| *due < i64::MAX);
        queue.next_due(now).into_iter().chain(awaited).min()
    }

    /// Whether nothing waits and nothing is under way.
    pub fn is_idle(&self) -> bool {
        let state = self.lock();
        state.queue.is_idle() && state.catch_up.waiting() == 0
    }

    /// The database.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The metrics.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// The clock.
    pub fn clock(&self) -> &Arc<dyn Clock> {
        &self.clock
    }

    /// What the settings and the two accounts say.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    fn set_aside(&self, job: &Job) {
        let mut state = self.lock();
        let thread_id = match job {
            Job::Handle(thread_id) => Some(thread_id.clone()),
            Job::Deliver(id) => {
                state.gathering.retain(|_, gathering| gathering != id);
                let item = state.queue.item(*id).cloned();
                if let Some(item) = &item {
                    state.queue.end_calling(item.vendor);
                }
                state.queue.ask_for_themselves(*id);
                item.map(|item| item.thread_id)
            }
            Job::ReadTicket(ticket_id) => {
                state.queue.end_ticket(*ticket_id, None, false);
                None
            }
            Job::Poll => {
                state.feed.asking = false;
                None
            }
            Job::CatchUp => {
                state.catch_up.set_aside(None, self.clock.now_ms());
                None
            }
            Job::ReadBack(id) => {
                state.catch_up.set_aside(Some(*id), self.clock.now_ms());
                None
            }
            Job::Clean | Job::Late => None,
        };
        if let Some(thread_id) = &thread_id {
            state.threads.remove(thread_id);
            state.queue.poison(thread_id);
        }
        drop(state);
        tracing::error!(
            thread.id = thread_id.as_ref().map(ThreadId::as_str),
            ?job,
            "a defect in sidethread: this thread is set aside until the next start, nothing of it is lost; please report it"
        );
    }

    async fn clean(&self) {
        let now = self.clock.now_ms();
        self.lock().queue.forget(now);
        let commit = Commit {
            // While a card is on its way, what is held for it is not forgotten, however long it takes.
            forget_held_before: (!self.lock().queue.any_card_on_its_way()).then_some(now - intake::HELD_MS),
            blank_before: Some(now - self.settings.keep.as_millis() as i64),
            ..Default::default()
        };
        if let Err(error) = self.life.mark(&self.store, now, commit).await {
            tracing::warn!(error = %error, "old rows could not be swept; it is tried again in a minute");
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic while this lock is held would leave the queue half changed; the process must end then.
        self.state.lock().expect("the engine's lock is never poisoned")
    }
}

/// A thread that is taken up at start, from memory or from its row.
async fn with_place(
    threads: &mut HashMap<ThreadId, Arc<BridgedThread>>,
    store: &Store,
    policy: &Policy,
    thread_id: &ThreadId,
) -> Result<Option<Arc<BridgedThread>>, StoreError> {
    if let Some(known) = threads.get(thread_id) {
        return Ok(Some(known.clone()));
    }
    let Some(thread) = worker::read_thread(store, policy, thread_id).await? else { return Ok(None) };
    worker::make_room(threads);
    threads.insert(thread_id.clone(), thread.clone());
    Ok(Some(thread))
}
