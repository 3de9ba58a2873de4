//! Works events off: in order for each object, once, however many instances there are and whenever one dies.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::claims::{Claim, Claims};
use super::event::Model;
use super::handler::{Handler, Outcome};
use super::inbox::Inbox;
use super::listener::LONGEST_GAP;
use super::notice::{GAP, Object};
use crate::clock::Clock;
use crate::error::Error;

/// Objects that one instance works on at once.
const AT_ONCE: usize = 8;
/// How often is looked for objects whose time has come, or whose worker has died. New events are told at once.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long one attempt may take.
const LIMIT: Duration = Duration::from_secs(20);
/// The longest pause between two attempts.
const LONGEST_PAUSE: TimeDelta = TimeDelta::minutes(10);
/// How long an event is tried; the next sync brings what it would have.
const PATIENCE: TimeDelta = TimeDelta::hours(24);
/// The pause before it is looked again whether a sync has come to its end.
const UNTIL_SYNCED: TimeDelta = TimeDelta::seconds(2);
/// How often the old is forgotten.
const SWEEP_EVERY: Duration = Duration::from_hours(1);
/// How long attempts under way are waited for when the service stops. Others are made again by whoever comes next.
const DRAIN: Duration = Duration::from_secs(5);

/// One instance's worker. Clones share everything.
#[derive(Clone)]
pub(super) struct Worker {
    pub(super) claims: Claims,
    pub(super) inbox: Inbox,
    pub(super) handler: Handler,
    pub(super) clock: Clock,
}

impl Worker {
    /// Works until told to stop. What is old is forgotten beside it: no event waits for that.
    pub(super) async fn run(self, stop: CancellationToken) {
        tokio::join!(self.work_events_off(&stop), stop.run_until_cancelled(self.forget()));
    }

    async fn forget(&self) {
        loop {
            if let Err(cause) = self.claims.sweep().await {
                tracing::warn!(%cause, "old events cannot be forgotten for now");
            }
            sleep(SWEEP_EVERY).await;
        }
    }

    async fn work_events_off(&self, stop: &CancellationToken) {
        let mut attempts = JoinSet::new();
        loop {
            let free = AT_ONCE.saturating_sub(attempts.len());
            if free > 0 {
                match self.claims.take(free).await {
                    Ok(claims) => {
                        for claim in claims {
                            attempts.spawn(self.clone().attempt(claim));
                        }
                    }
                    Err(cause) => tracing::warn!(%cause, "events cannot be worked off for now"),
                }
            }
            let full = attempts.len() == AT_ONCE;
            tokio::select! {
                () = stop.cancelled() => break,
                Some(_) = attempts.join_next() => {}
                () = self.inbox.news(), if !full => {}
                () = sleep(LOOK_EVERY), if !full => {}
            }
        }
        // What is not done then goes to whoever is there when its claim has ended.
        let _ = timeout(DRAIN, async { while attempts.join_next().await.is_some() {} }).await;
    }

    async fn attempt(self, claim: Claim) {
        if let Err(cause) = self.work_on(&claim).await {
            tracing::warn!(%cause, "an event waits until its claim has ended");
        }
    }

    async fn work_on(&self, claim: &Claim) -> Result<(), Error> {
        let events = self.claims.events(claim).await?;
        let outcome = match (Object::of_key(&claim.object), events.iter().map(since).max()) {
            (Some(object), Some(since)) => match timeout(LIMIT, self.handler.handle(&object, since)).await {
                Ok(outcome) => outcome.map_err(|error| describe(&error)),
                Err(_elapsed) => Err(format!("it took longer than {} s", LIMIT.as_secs())),
            },
            _ => Ok(Outcome::Done("nothing to do")),
        };
        match outcome {
            Ok(Outcome::Done(outcome)) => self.settle(claim, &events, outcome).await,
            Ok(Outcome::Later) => self.claims.postpone(claim, UNTIL_SYNCED).await,
            Err(fault) => self.put_off(claim, &events, &fault).await,
        }
    }

    async fn settle(&self, claim: &Claim, events: &[Model], outcome: &'static str) -> Result<(), Error> {
        let mine = self.claims.settle(claim, &ids(events)).await?;
        let now = self.clock.now();
        if !mine {
            tracing::warn!("an event was worked on for so long that another instance took it over");
            return Ok(());
        }
        for event in events {
            let waited = (now - event.received_at).to_std().unwrap_or_default();
            metrics::counter!("events_handled_total", "outcome" => outcome).increment(1);
            metrics::histogram!("event_wait_seconds").record(waited.as_secs_f64());
            let waited_ms = u64::try_from(waited.as_millis()).unwrap_or(u64::MAX);
            tracing::info!(
                target: "event",
                id = event.id,
                event = event.event_type,
                outcome,
                waited_ms,
                attempts = event.attempts + 1,
            );
        }
        Ok(())
    }

    /// The object could not be read: its events wait longer each time, and after a day no more.
    async fn put_off(&self, claim: &Claim, events: &[Model], fault: &str) -> Result<(), Error> {
        let now = self.clock.now();
        let tried = events.iter().map(|event| event.attempts).max().unwrap_or_default();
        let pause = TimeDelta::seconds(1_i64 << tried.clamp(0, 10)).min(LONGEST_PAUSE);
        let over: Vec<i64> = events
            .iter()
            .filter(|event| now - event.received_at >= PATIENCE)
            .map(|event| event.id)
            .collect();
        self.claims.put_off(claim, &ids(events), &over, fault, pause).await?;
        for event in events {
            let given_up = over.contains(&event.id);
            metrics::counter!("event_faults_total", "given_up" => given_up.to_string()).increment(1);
            tracing::warn!(
                target: "event",
                id = event.id,
                event = event.event_type,
                fault,
                given_up,
                attempts = event.attempts + 1,
                again_in_s = pause.num_seconds(),
            );
        }
        Ok(())
    }
}

/// Whatever is read from then on shows what the event tells of. A gap counts from a little before its end: the platform
/// repeats what came last.
fn since(event: &Model) -> DateTime<Utc> {
    if event.event_type == GAP {
        event.received_at - LONGEST_GAP
    } else {
        event.received_at
    }
}

fn ids(events: &[Model]) -> Vec<i64> {
    events.iter().map(|event| event.id).collect()
}

/// A failure with its causes, in bounds.
fn describe(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text.chars().filter(|letter| !letter.is_control()).take(300).collect()
}
