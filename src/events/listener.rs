//! Holds the one connection of Stream mode that a deployment has, and keeps what comes over it.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::inbox::{Inbox, Way};
use super::notice::Notice;
use crate::cache::Cache;
use crate::cache::error::CacheError;
use crate::clock::Clock;
use crate::config::app::DEFAULT_APP;
use crate::dingtalk::DingTalk;
use crate::dingtalk::stream::{Connection, Heard, StreamEvent};

/// How long the right lasts by itself, and how often it is renewed.
const LEASE_FOR: Duration = Duration::from_secs(15);
const RENEW_EVERY: TimeDelta = TimeDelta::seconds(4);
/// How often an instance that is not connected looks whether it may be.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How often the connection is looked after.
const TICK: Duration = Duration::from_millis(500);
/// How often the platform is asked for a sign of life, and after how long a silence the connection is given up.
const PING_EVERY: TimeDelta = TimeDelta::seconds(25);
const LONGEST_SILENCE: TimeDelta = TimeDelta::seconds(75);
/// Whoever was deaf for longer has everything read again: what came meanwhile may not come again. Within it, the
/// platform repeats what nobody acknowledged.
pub(super) const LONGEST_GAP: TimeDelta = TimeDelta::seconds(30);
/// How long it is remembered when the last connection was heard.
const HEARD_FOR: Duration = Duration::from_hours(24 * 7);
/// Pauses between attempts to connect: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(500), Duration::from_mins(1));
/// A connection that lasted so long was a good one: the pauses begin anew.
const GOOD_AFTER: Duration = Duration::from_secs(10);

/// What this instance has to do with the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum StreamState {
    /// It is trying to connect.
    Connecting,
    /// It holds the connection.
    Connected,
    /// Another instance holds it.
    Elsewhere,
}

impl StreamState {
    /// The word for it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Connecting => "connecting",
            Self::Connected => "connected",
            Self::Elsewhere => "held by another instance",
        }
    }
}

/// The listener of one instance.
pub(super) struct Listener {
    dingtalk: DingTalk,
    inbox: Inbox,
    cache: Cache,
    clock: Clock,
    /// Tells instances apart.
    mark: Uuid,
    /// Where in the cache the right to be connected lies, and when the last connection was heard.
    lease: String,
    heard: String,
    state: watch::Sender<StreamState>,
}

/// Why a connection is over.
enum Over {
    /// The service stops.
    Stopped,
    /// Another instance has the right to be connected.
    Lost,
    /// The platform closes it and wants another.
    Asked(Box<Connection>),
    /// It broke, or nothing was heard for too long.
    Broken(String),
}

impl Listener {
    /// `deployment` tells it apart from others that share the cache.
    pub(super) fn new(dingtalk: DingTalk, inbox: Inbox, cache: Cache, clock: Clock, deployment: &str) -> Self {
        Self {
            lease: format!("stream:{deployment}:lease"),
            heard: format!("stream:{deployment}:heard"),
            dingtalk,
            inbox,
            cache,
            clock,
            mark: Uuid::new_v4(),
            state: watch::Sender::new(StreamState::Connecting),
        }
    }

    /// Follows what this instance has to do with the stream.
    pub(super) fn state(&self) -> watch::Receiver<StreamState> {
        self.state.subscribe()
    }

    /// Listens until told to stop.
    pub(super) async fn run(self, stop: CancellationToken) {
        Box::pin(self.listen(&stop)).await;
        if let Err(cause) = self.cache.release(&self.lease, self.mark.as_bytes()).await {
            tracing::debug!(%cause, "the right to be connected runs out by itself");
        }
    }

    async fn listen(&self, stop: &CancellationToken) {
        let mut pause = PAUSES.0;
        let mut former = None::<Box<Connection>>;
        loop {
            if !self.may_connect().await {
                self.state.send_replace(StreamState::Elsewhere);
                if stop.run_until_cancelled(sleep(LOOK_EVERY)).await.is_none() {
                    return;
                }
                continue;
            }
            self.state.send_replace(StreamState::Connecting);
            let began = Instant::now();
            let connecting = Box::pin(self.dingtalk.connect_stream(DEFAULT_APP));
            match stop.run_until_cancelled(connecting).await {
                None => return,
                Some(Ok(connection)) => {
                    if let Some(former) = former.take() {
                        former.close().await;
                    }
                    self.state.send_replace(StreamState::Connected);
                    metrics::gauge!("stream_connected").set(1.0);
                    tracing::info!("connected: events come over the stream");
                    let over = self.serve(connection, stop).await;
                    metrics::gauge!("stream_connected").set(0.0);
                    match over {
                        Over::Stopped => return,
                        Over::Lost => {
                            tracing::info!("another instance holds the stream now");
                            continue;
                        }
                        Over::Asked(connection) => {
                            former = Some(connection);
                            if began.elapsed() >= GOOD_AFTER {
                                continue;
                            }
                        }
                        Over::Broken(reason) => tracing::warn!(reason, "the stream broke; connecting again"),
                    }
                }
                Some(Err(cause)) => tracing::warn!(%cause, "the stream cannot be opened; trying again"),
            }
            if began.elapsed() >= GOOD_AFTER {
                pause = PAUSES.0;
            }
            // Jitter, so that deployments which were cut off together do not come back together.
            let paused = sleep(rand::random_range(pause / 2..pause));
            if stop.run_until_cancelled(paused).await.is_none() {
                return;
            }
            pause = PAUSES.1.min(pause * 2);
        }
    }

    /// Serves a connection until it is over.
    async fn serve(&self, mut connection: Connection, stop: &CancellationToken) -> Over {
        let began = self.clock.now();
        let (mut heard_at, mut pinged_at, mut renewed_at) = (began, began, began);
        let mut gap_told = self.tell_gap(began).await;
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let heard = tokio::select! {
                () = stop.cancelled() => {
                    connection.close().await;
                    return Over::Stopped;
                }
                heard = connection.hear() => heard,
                _ = ticks.tick() => {
                    let now = self.clock.now();
                    if now - heard_at > LONGEST_SILENCE {
                        return Over::Broken(format!("nothing was heard for {} s", (now - heard_at).num_seconds()));
                    }
                    if now - renewed_at >= RENEW_EVERY {
                        renewed_at = now;
                        if !self.may_connect().await {
                            connection.close().await;
                            return Over::Lost;
                        }
                        gap_told = gap_told || self.tell_gap(began).await;
                        if gap_told {
                            self.note_heard(heard_at).await;
                        }
                    }
                    if now - pinged_at >= PING_EVERY {
                        pinged_at = now;
                        if let Err(fault) = connection.ping().await {
                            return Over::Broken(fault.to_string());
                        }
                    }
                    continue;
                }
            };
            heard_at = self.clock.now();
            let answered = match heard {
                Heard::Event(event) => {
                    let stored = self.store(&event).await;
                    connection.acknowledge(&event, stored).await
                }
                Heard::Question(question) => connection.answer(question).await,
                Heard::Disconnect(reason) => {
                    tracing::info!(reason, "the platform wants another connection");
                    return Over::Asked(Box::new(connection));
                }
                Heard::Life => Ok(()),
                Heard::Gone(reason) => return Over::Broken(reason),
            };
            if let Err(fault) = answered {
                return Over::Broken(fault.to_string());
            }
        }
    }

    /// Keeps an event; false if it is to come again.
    async fn store(&self, event: &StreamEvent) -> bool {
        let notice = Notice::from_stream(
            &event.event_type,
            event.event_id.clone(),
            &event.data,
            &event.message_id,
        );
        match self.inbox.store(&[notice], Way::Stream).await {
            Ok(_new) => true,
            Err(cause) => {
                tracing::warn!(%cause, "an event cannot be stored; the platform is asked to send it again");
                false
            }
        }
    }

    /// Whether this instance may be connected: it has the right, renews it or gets it now. With the cache away every
    /// instance may: that events come twice does no harm.
    async fn may_connect(&self) -> bool {
        self.hold().await.unwrap_or_else(|cause| {
            tracing::warn!(%cause, "without the cache every instance holds a connection of its own");
            true
        })
    }

    async fn hold(&self) -> Result<bool, CacheError> {
        let mark = self.mark.as_bytes();
        match self.cache.get(&self.lease).await? {
            Some(holder) if holder == mark => {
                self.cache.set(&self.lease, mark, LEASE_FOR).await?;
                Ok(true)
            }
            Some(_) => Ok(false),
            None => self.cache.add(&self.lease, mark, LEASE_FOR).await,
        }
    }

    /// Has everything read again if nobody listened for a while. False if that could not be said.
    async fn tell_gap(&self, now: DateTime<Utc>) -> bool {
        let heard = self.cache.get(&self.heard).await.ok().flatten();
        let heard = heard.and_then(|bytes| String::from_utf8(bytes).ok()?.parse().ok());
        let heard = heard.and_then(DateTime::from_timestamp_millis);
        if heard.is_some_and(|heard| now - heard <= LONGEST_GAP) {
            return true;
        }
        let deaf_s = heard.map(|heard| (now - heard).num_seconds());
        tracing::info!(deaf_s, "nobody listened for a while: a sync closes the gap");
        let notice = Notice::of_gap(now.timestamp_millis().to_string());
        match self.inbox.store(&[notice], Way::Stream).await {
            Ok(_new) => {
                self.note_heard(now).await;
                true
            }
            Err(cause) => {
                tracing::warn!(%cause, "the sync that closes the gap is asked for later");
                false
            }
        }
    }

    async fn note_heard(&self, at: DateTime<Utc>) {
        let at = at.timestamp_millis().to_string();
        if let Err(cause) = self.cache.set(&self.heard, at.as_bytes(), HEARD_FOR).await {
            tracing::debug!(%cause, "the next connection will take this one for a gap");
        }
    }
}
