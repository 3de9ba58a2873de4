//! Keeps one secret of the platform at hand: in the process, in the shared cache, fetched by one caller at a time.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared};
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use crate::clock::Clock;

use super::error::{CodeSpent, DingTalkError};
use super::kept::{Kept, Lent};
use super::vault::Vault;

/// How long a second refusal in a row is answered from memory.
const REFUSAL_HOLDS: TimeDelta = TimeDelta::seconds(1);
/// How long to wait after an attempt to renew ahead of need.
const AHEAD_PAUSE_MS: i64 = 10_000;
/// Pauses while another instance fetches: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(160));

/// Asks the platform for the secret, once.
pub(super) type Fetch = Box<dyn Fn() -> BoxFuture<'static, Result<Lent, DingTalkError>> + Send + Sync>;
/// One fetch in progress, which any number of callers await.
type Flight<Kind> = Shared<BoxFuture<'static, Outcome<Kind>>>;
type Outcome<Kind> = Result<Arc<Kept<Kind>>, DingTalkError>;

/// What a keeper needs to know.
pub(super) struct Plan {
    /// Where it lies in the shared cache: names kind, app key and a digest of secret and hosts.
    pub(super) key: String,
    /// How long one fetch may take at most.
    pub(super) patience: Duration,
    /// The age at which the platform ends a secret, however often it was prolonged.
    pub(super) absolute: Option<TimeDelta>,
    /// How to get a new one.
    pub(super) fetch: Fetch,
}

/// The keeper of one secret. Clones keep the same one.
pub(super) struct Keeper<Kind>(Arc<Inner<Kind>>);

impl<Kind> Clone for Keeper<Kind> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

struct Inner<Kind> {
    plan: Plan,
    vault: Option<Vault>,
    clock: Clock,
    /// What is in use; also kept when it has grown old, to know a prolonged one by it.
    current: RwLock<Option<Arc<Kept<Kind>>>>,
    desk: Mutex<Desk<Kind>>,
    /// Not before this (milliseconds since 1970) is renewed ahead again.
    ahead_not_before: AtomicI64,
}

struct Desk<Kind> {
    flight: Option<Flight<Kind>>,
    /// The one that the platform rejected last: never taken from the shared cache again.
    rejected: Option<Arc<Kept<Kind>>>,
    refusals: u32,
    refused: Option<(DateTime<Utc>, DingTalkError)>,
}

impl<Kind: 'static> Keeper<Kind> {
    /// Without a vault every instance keeps a secret of its own.
    pub(super) fn new(plan: Plan, vault: Option<Vault>, clock: Clock) -> Self {
        let desk = Mutex::new(Desk {
            flight: None,
            rejected: None,
            refusals: 0,
            refused: None,
        });
        Self(Arc::new(Inner {
            plan,
            vault,
            clock,
            current: RwLock::default(),
            desk,
            ahead_not_before: AtomicI64::new(i64::MIN),
        }))
    }

    /// What is at hand and may be used: no I/O and no waiting. In its last minutes another is fetched meanwhile.
    pub(super) fn known(&self) -> Option<Arc<Kept<Kind>>> {
        let now = self.0.clock.now();
        let kept = self.current().filter(|kept| kept.is_fresh(now))?;
        if kept.is_ageing(now) {
            self.renew_ahead(now);
        }
        Some(kept)
    }

    /// What may be used, fetched if need be; of all that wait one fetches.
    pub(super) async fn get(&self) -> Outcome<Kind> {
        match self.known() {
            Some(kept) => Ok(kept),
            None => self.board(false)?.await,
        }
    }

    /// The platform rejects `kept`: it is dropped if it is still the one in use. Of many callers that held it the
    /// first does so, and the late ones do not drop what was fetched since.
    pub(super) fn reject(&self, kept: &Arc<Kept<Kind>>) {
        let mut desk = self.desk();
        let mut current = self.0.current.write().unwrap_or_else(PoisonError::into_inner);
        if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, kept)) {
            desk.rejected = current.take();
        }
    }

    fn current(&self) -> Option<Arc<Kept<Kind>>> {
        self.0.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn desk(&self) -> MutexGuard<'_, Desk<Kind>> {
        self.0.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn renew_ahead(&self, now: DateTime<Utc>) {
        let now_ms = now.timestamp_millis();
        let not_before = self.0.ahead_not_before.load(Ordering::Relaxed);
        let next = now_ms + AHEAD_PAUSE_MS;
        let mine = now_ms >= not_before
            && self
                .0
                .ahead_not_before
                .compare_exchange(not_before, next, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if !mine || tokio::runtime::Handle::try_current().is_err() {
            return;
        }
        if let Ok(flight) = self.board(true) {
            tokio::spawn(async move {
                if let Err(error) = flight.await {
                    tracing::warn!(%error, "a secret of DingTalk could not be renewed ahead of its end; trying on");
                }
            });
        }
    }

    /// The fetch in progress, or a new one. `ahead`: what is at hand is still good.
    fn board(&self, ahead: bool) -> Result<Flight<Kind>, DingTalkError> {
        let mut desk = self.desk();
        if let Some(flight) = &desk.flight {
            return Ok(flight.clone());
        }
        let now = self.0.clock.now();
        // Whoever was slow to get here finds what the fetch before has brought.
        if let Some(kept) = self
            .current()
            .filter(|kept| kept.is_fresh(now) && !(ahead && kept.is_ageing(now)))
        {
            return Ok(std::future::ready(Ok(kept)).boxed().shared());
        }
        if let Some((_, error)) = desk.refused.as_ref().filter(|(until, _)| now < *until) {
            return Err(error.clone());
        }
        // On its own, so that a caller who goes away does not end it for the others.
        let (keeper, handle) = (self.clone(), tokio::spawn(self.clone().fly(ahead)));
        let flight = async move {
            handle.await.unwrap_or_else(|_| {
                keeper.desk().flight = None;
                let detail = "the fetch was broken off".to_owned();
                Err(DingTalkError::Unavailable {
                    code_spent: CodeSpent::No,
                    detail,
                })
            })
        };
        Ok(desk.flight.insert(flight.boxed().shared()).clone())
    }

    async fn fly(self, ahead: bool) -> Outcome<Kind> {
        let outcome = self.obtain(ahead).await;
        let mut desk = self.desk();
        match &outcome {
            Ok(kept) => {
                *self.0.current.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(kept));
                (desk.refusals, desk.refused) = (0, None);
            }
            // A wrong secret is not tried at full speed. The first refusal may be a hiccup, though.
            Err(error @ DingTalkError::AppToken { .. }) => {
                desk.refusals = desk.refusals.saturating_add(1);
                if desk.refusals > 1 {
                    desk.refused = Some((self.0.clock.now() + REFUSAL_HOLDS, error.clone()));
                }
            }
            Err(_) => {}
        }
        desk.flight = None;
        outcome
    }

    /// From the shared cache, or from the platform by whoever holds the lease. With the cache away: from the platform.
    async fn obtain(&self, ahead: bool) -> Outcome<Kind> {
        let Inner { plan, vault, .. } = &*self.0;
        let Some(vault) = vault else {
            return self.fetch().await;
        };
        let mark = Uuid::new_v4();
        let began = Instant::now();
        let mut pause = PAUSES.0;
        loop {
            match self.shared(vault, ahead).await {
                Ok(None) => {}
                Ok(Some(kept)) => return Ok(kept),
                Err(()) => return self.fetch().await,
            }
            match vault
                .lease(&plan.key, mark, plan.patience + Duration::from_secs(2))
                .await
            {
                Ok(true) => {
                    // The holder before may have come home between the look and the lease.
                    let outcome = match self.shared(vault, ahead).await {
                        Ok(Some(kept)) => Ok(kept),
                        Ok(None) | Err(()) => self.fetch().await,
                    };
                    if let Err(error) = vault.release(&plan.key, mark).await {
                        tracing::debug!(%error, "a lease was left to run out");
                    }
                    return outcome;
                }
                Ok(false) if began.elapsed() < plan.patience => {}
                Ok(false) | Err(_) => return self.fetch().await,
            }
            sleep(pause).await;
            pause = PAUSES.1.min(pause * 2);
        }
    }

    /// What the shared cache has and may be used; an error when it is away.
    async fn shared(&self, vault: &Vault, ahead: bool) -> Result<Option<Arc<Kept<Kind>>>, ()> {
        let Inner { plan, clock, .. } = &*self.0;
        let bytes = vault.get(&plan.key).await.map_err(|error| {
            tracing::warn!(%error, "going on without the shared cache");
        })?;
        let now = clock.now();
        let rejected = self.desk().rejected.clone();
        let kept = bytes.and_then(|bytes| Kept::from_bytes(&bytes)).filter(|kept| {
            kept.is_fresh(now)
                && !(ahead && kept.is_ageing(now))
                && rejected.is_none_or(|rejected| rejected.reveal() != kept.reveal())
        });
        Ok(kept.map(Arc::new))
    }

    async fn fetch(&self) -> Outcome<Kind> {
        let Inner { plan, vault, clock, .. } = &*self.0;
        // From before the request: it must not be held for longer-lived than it is.
        let now = clock.now();
        let lent = (plan.fetch)().await?;
        let former = self.current();
        let kept =
            Kept::new(lent, now, former.as_deref(), plan.absolute).ok_or_else(|| DingTalkError::Unavailable {
                code_spent: CodeSpent::No,
                detail: "what it gives can be no token or ticket".to_owned(),
            })?;
        let ttl = (kept.over_at() - now).to_std().unwrap_or_default();
        if let Some(vault) = vault
            && let Err(error) = vault.set(&plan.key, &kept.to_bytes(), ttl).await
        {
            tracing::warn!(error = %format!("{error:#}"), "the other instances will have to fetch for themselves");
        }
        Ok(Arc::new(kept))
    }
}
