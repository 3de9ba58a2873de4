//! What happens to sessions and keys by itself: ended ones are learned of, keys follow one another, the old is forgotten.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::keys::{self, Keys, Rotation};
use super::seal::Sealer;
use super::verifier::Verifier;
use super::{authorization_code, session, signing_key};
use crate::cache::Cache;
use crate::clients::Clients;
use crate::clock::Clock;
use crate::config::tokens::{self, Algorithm};
use crate::database::{self, Database};

/// How often the ended sessions are read again: half of the two seconds within which they must be known.
const LOOK_EVERY: Duration = Duration::from_millis(900);

/// How long a call waits for others.
const CROWD: Duration = Duration::from_millis(20);

/// How often keys are looked after.
const KEYS_EVERY: TimeDelta = TimeDelta::seconds(27);

/// How often what is over is forgotten.
const SWEEP_EVERY: TimeDelta = TimeDelta::hours(1);

/// How long what is over is kept, for whoever asks what happened.
const KEPT_FOR: TimeDelta = TimeDelta::days(2);

/// The channel on which instances call one another to look. It carries no facts: those are read from the database.
const CHANNEL: &str = "sessions-ended";

/// The one that looks after things.
pub(super) struct Upkeep {
    pub(super) database: Database,
    pub(super) sealer: Arc<Sealer>,
    pub(super) cache: Cache,
    pub(super) clients: Clients,
    pub(super) keys: Arc<Keys>,
    pub(super) verifier: Arc<Verifier>,
    pub(super) settings: tokens::Tokens,
    pub(super) clock: Clock,
}

impl Upkeep {
    /// Calls all instances to look for ended sessions. With the cache away they look by themselves soon enough.
    pub(super) async fn call_to_look(&self) {
        if let Err(cause) = self.cache.publish(CHANNEL, b"").await {
            tracing::debug!(%cause, "the other instances will look for ended sessions by themselves");
        }
    }

    /// Works until told to stop. All goes side by side: what ended has to be known within two seconds, however long a key
    /// takes to be made or read, and keys have their time, however much is to be forgotten.
    pub(super) async fn run(&self, stop: CancellationToken) {
        let rest = async { tokio::join!(Box::pin(self.keep_keys()), Box::pin(self.forget())) };
        tokio::join!(self.follow_endings(&stop), stop.run_until_cancelled(rest));
    }

    async fn follow_endings(&self, stop: &CancellationToken) {
        let mut calls = self.cache.subscribe(CHANNEL).await.ok();
        let mut last = Some(self.clock.now());
        loop {
            let call = async {
                match &mut calls {
                    Some(calls) => calls.next().await.is_some(),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(LOOK_EVERY) => {}
                heard = call => {
                    if !heard {
                        calls = None;
                    }
                    // Calls that come in a crowd are answered by few looks.
                    sleep(CROWD).await;
                }
            }
            let now = self.clock.now();
            match self.learn(last).await {
                Ok(()) => last = Some(now),
                Err(cause) => {
                    tracing::warn!(%cause, "ended sessions cannot be read; known tokens stay in force for ten minutes at the most");
                }
            }
        }
    }

    async fn keep_keys(&self) {
        let mut looked_at = None;
        loop {
            if self.is_due(&mut looked_at, KEYS_EVERY)
                && let Err(cause) = self.look_after_keys().await
            {
                tracing::warn!(cause = format!("{cause:#}"), "the signing keys cannot be looked after");
            }
            sleep(LOOK_EVERY).await;
        }
    }

    async fn forget(&self) {
        let mut swept_at = None;
        loop {
            if self.is_due(&mut swept_at, SWEEP_EVERY)
                && let Err(cause) = self.sweep().await
            {
                tracing::warn!(%cause, "what is over cannot be forgotten");
            }
            sleep(LOOK_EVERY).await;
        }
    }

    /// Whether work that was begun at `last` is to be begun again, which is noted. A clock that was put back does not put
    /// the work off.
    fn is_due(&self, last: &mut Option<DateTime<Utc>>, every: TimeDelta) -> bool {
        let now = self.clock.now();
        let due = last.is_none_or(|last| (now - last).abs() >= every);
        if due {
            *last = Some(now);
        }
        due
    }

    /// Learns which sessions were ended since `last`, or while any token of theirs could live.
    pub(super) async fn learn(&self, last: Option<DateTime<Utc>>) -> anyhow::Result<()> {
        let now = self.clock.now();
        let since = self.verifier.revocations.read_from(now, last);
        let work = session::ended_since(self.database.reader(), since);
        let ended = tokio::time::timeout(database::WORK_TIMEOUT, work).await??;
        self.verifier.revocations.learn(ended, now);
        self.verifier.sees();
        Ok(())
    }

    /// Makes the first keys of algorithms that have none.
    pub(super) async fn make_keys(&self, algorithms: BTreeSet<Algorithm>) -> anyhow::Result<()> {
        self.keys
            .make_missing(&self.database, &self.sealer, &algorithms, self.clock.now())
            .await
    }

    async fn look_after_keys(&self) -> anyhow::Result<()> {
        self.keys.reload(&self.database, &self.sealer).await?;
        // ID tokens are signed with RS256, unless a client wants another.
        let mut needed = BTreeSet::from([self.settings.algorithm, Algorithm::Rs256]);
        needed.extend(self.clients.known().values().map(|client| client.id_token_algorithm()));
        self.make_keys(needed).await?;
        let Some(life) = self
            .settings
            .rotate_every
            .and_then(|life| TimeDelta::from_std(life).ok())
        else {
            return Ok(());
        };
        let now = self.clock.now();
        let token_life = TimeDelta::from_std(self.settings.access_ttl)?;
        for algorithm in self.keys.due(now, life) {
            let rotation = keys::rotate(&self.database, &self.sealer, algorithm, token_life, now).await?;
            if let Rotation::Published(_) = rotation {
                tracing::info!(algorithm = algorithm.name(), "the next signing key is published");
            }
            self.keys.reload(&self.database, &self.sealer).await?;
        }
        Ok(())
    }

    async fn sweep(&self) -> anyhow::Result<()> {
        let now = self.clock.now();
        let before = now - KEPT_FOR - TimeDelta::from_std(self.settings.access_ttl)?;
        // As long as a session may live, its ID token may come back as a hint.
        let longest = TimeDelta::from_std(self.settings.refresh_ttl.max(self.settings.browser_ttl))?;
        authorization_code::delete_ended(&self.database, before).await?;
        session::delete_over(&self.database, before).await?;
        let unpublished = self
            .database
            .transact(async |transaction| signing_key::delete_unpublished(transaction, now - longest).await);
        unpublished.await?;
        Ok(())
    }
}
