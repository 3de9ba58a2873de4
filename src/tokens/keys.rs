//! The keys in force: what signs, what verifies, what is published, and how one follows another.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context as _;
use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{DatabaseTransaction, DbErr};
use serde::Serialize;
use serde_json::{Value, json};

use super::key_pair::{self, KeyPair};
use super::seal::Sealer;
use super::signing_key;
use crate::config::tokens::Algorithm;
use crate::database::failure::is_duplicate;
use crate::database::{self, Database};
use crate::error::Error;

/// How long a key is published before it signs: readers keep the key set for five minutes, as it tells them, and
/// other instances read the table twice a minute.
const PUBLISHED_AHEAD: TimeDelta = TimeDelta::minutes(10);

/// How long a key stays published beyond the life of the last token that it signed, for readers' slow clocks.
const MARGIN: TimeDelta = TimeDelta::minutes(10);

/// All keys of the deployment, opened once and kept.
pub struct Keys {
    pairs: RwLock<Arc<Vec<KeyPair>>>,
}

impl Keys {
    /// Opens the keys of the database, and makes the first one of `algorithm` where there is none.
    pub(super) async fn open(
        database: &Database,
        sealer: &Arc<Sealer>,
        algorithm: Algorithm,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Self> {
        let keys = Self {
            pairs: RwLock::default(),
        };
        keys.reload(database, sealer).await?;
        keys.make_missing(database, sealer, &BTreeSet::from([algorithm]), now)
            .await?;
        Ok(keys)
    }

    /// Makes the first key of each of the algorithms that has none yet.
    pub(super) async fn make_missing(
        &self,
        database: &Database,
        sealer: &Arc<Sealer>,
        algorithms: &BTreeSet<Algorithm>,
        now: DateTime<Utc>,
    ) -> anyhow::Result<()> {
        for algorithm in algorithms {
            if self.signing(*algorithm, now).is_none() {
                let first = generate(*algorithm, 1, sealer, now, now).await?;
                store(database, &first, None).await?;
                self.reload(database, sealer).await?;
                self.signing(*algorithm, now)
                    .with_context(|| format!("there is no key that signs {}", algorithm.name()))?;
            }
        }
        Ok(())
    }

    /// Reads the table again: another instance may have added keys.
    pub(super) async fn reload(&self, database: &Database, sealer: &Arc<Sealer>) -> anyhow::Result<()> {
        let rows = database::within_limit(signing_key::all(database.reader()))
            .await
            .context("the signing keys cannot be read")?;
        let pairs = rows
            .iter()
            .map(|row| KeyPair::open(row, sealer))
            .collect::<anyhow::Result<Vec<_>>>()?;
        *self.pairs.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(pairs);
        Ok(())
    }

    /// The keys as they are now.
    pub(super) fn current(&self) -> Arc<Vec<KeyPair>> {
        Arc::clone(&self.pairs.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The place of the newest key of `algorithm` that signs at `now`; where all are still to come, as for an instance
    /// whose clock is behind that of the one that made the first, of the earliest.
    pub(super) fn signing(&self, algorithm: Algorithm, now: DateTime<Utc>) -> Option<(Arc<Vec<KeyPair>>, usize)> {
        let pairs = self.current();
        let place = pairs
            .iter()
            .rposition(|pair| pair.algorithm == algorithm && pair.signs_from <= now)
            .or_else(|| pairs.iter().position(|pair| pair.algorithm == algorithm))?;
        Some((pairs, place))
    }

    /// The published key set (RFC 7517 section 5), with what will sign soon and what signed lately.
    pub(super) fn jwks(&self, now: DateTime<Utc>) -> Value {
        let pairs = self.current();
        let published = pairs.iter().filter(|pair| pair.is_published(now));
        json!({"keys": published.map(|pair| pair.public_jwk.clone()).collect::<Vec<_>>()})
    }

    /// The algorithms whose newest key has been signing for `life`.
    pub(super) fn due(&self, now: DateTime<Utc>, life: TimeDelta) -> Vec<Algorithm> {
        let pairs = self.current();
        let newest = |algorithm: &Algorithm| pairs.iter().rfind(|pair| pair.algorithm == *algorithm);
        Algorithm::ALL
            .into_iter()
            .filter(|algorithm| newest(algorithm).is_some_and(|pair| pair.signs_from + life <= now))
            .collect()
    }
}

/// How a key stands.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KeyState {
    /// Thumbprint of the public key.
    pub kid: String,
    /// JOSE name of the algorithm.
    pub algorithm: String,
    /// `next`, `signs` or `verifies`.
    pub state: &'static str,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it begins to sign.
    pub signs_from: DateTime<Utc>,
    /// When it leaves the key set.
    pub published_until: Option<DateTime<Utc>>,
}

/// Every key that is published at `now`, oldest first.
///
/// # Errors
/// The database's.
pub async fn list(database: &Database, now: DateTime<Utc>) -> Result<Vec<KeyState>, DbErr> {
    let rows = signing_key::all(database.reader()).await?;
    let newest = |row: &signing_key::Model| {
        rows.iter()
            .filter(|other| other.algorithm == row.algorithm && other.signs_from <= now)
            .map(|other| other.generation)
            .max()
    };
    let states = rows
        .iter()
        .filter(|row| row.published_until.is_none_or(|until| now < until))
        .map(|row| KeyState {
            state: match newest(row) {
                _ if row.signs_from > now => "next",
                Some(newest) if newest == row.generation => "signs",
                _ => "verifies",
            },
            kid: row.kid.clone(),
            algorithm: row.algorithm.clone(),
            created_at: row.created_at,
            signs_from: row.signs_from,
            published_until: row.published_until,
        });
    Ok(states.collect())
}

/// The algorithms of which there is a key.
///
/// # Errors
/// The database's.
pub async fn algorithms_in_use(database: &Database) -> Result<Vec<Algorithm>, DbErr> {
    let rows = signing_key::all(database.reader()).await?;
    Ok(Algorithm::ALL
        .into_iter()
        .filter(|algorithm| rows.iter().any(|row| row.algorithm == algorithm.name()))
        .collect())
}

/// What came of asking for the next key of an algorithm.
#[derive(Debug)]
pub enum Rotation {
    /// It was made, and is published.
    Published(signing_key::Model),
    /// There is one already, published by somebody else just now or at most ten minutes ago, which signs from then on.
    Pending(DateTime<Utc>),
}

/// Makes the key that follows the newest one of an algorithm: it is published now and signs in ten minutes; those
/// before it stay published until all their tokens, which live for `token_life`, have ended. However many ask for it at
/// once, one is made.
///
/// # Errors
/// When there is no key to follow, or the database does not answer.
pub async fn rotate(
    database: &Database,
    sealer: &Arc<Sealer>,
    algorithm: Algorithm,
    token_life: TimeDelta,
    now: DateTime<Utc>,
) -> anyhow::Result<Rotation> {
    let newest = newest(database, algorithm).await?;
    if newest.signs_from > now {
        return Ok(Rotation::Pending(newest.signs_from));
    }
    let signs_from = now + PUBLISHED_AHEAD;
    let generation = newest.generation.saturating_add(1);
    let next = generate(algorithm, generation, sealer, now, signs_from).await?;
    if store(database, &next, Some(signs_from + token_life + MARGIN)).await? {
        return Ok(Rotation::Published(next));
    }
    let first = self::newest(database, algorithm).await?;
    Ok(Rotation::Pending(first.signs_from))
}

async fn newest(database: &Database, algorithm: Algorithm) -> anyhow::Result<signing_key::Model> {
    let rows = database::within_limit(signing_key::all(database.reader())).await?;
    rows.into_iter()
        .filter(|row| row.algorithm == algorithm.name())
        .max_by_key(|row| row.generation)
        .with_context(|| format!("there is no key of {} to follow", algorithm.name()))
}

/// Makes a key. One of RSA takes a while to find, which must not hold up a worker.
async fn generate(
    algorithm: Algorithm,
    generation: i32,
    sealer: &Arc<Sealer>,
    now: DateTime<Utc>,
    signs_from: DateTime<Utc>,
) -> anyhow::Result<signing_key::Model> {
    let sealer = Arc::clone(sealer);
    tokio::task::spawn_blocking(move || key_pair::generate(algorithm, generation, &sealer, now, signs_from)).await?
}

/// Stores a key and says until when the older ones of its algorithm stay published; answers whether it was the first of
/// its generation. Where another instance was faster, nothing is stored: the index over both lets one in.
async fn store(
    database: &Database,
    key: &signing_key::Model,
    older_until: Option<DateTime<Utc>>,
) -> Result<bool, Error> {
    database::within_tries(|| async {
        let transaction = database.begin().await?;
        match store_in(&transaction, key, older_until).await {
            Ok(()) => transaction.commit().await.map(|()| true),
            Err(cause) => {
                transaction.rollback().await?;
                if is_duplicate(&cause) { Ok(false) } else { Err(cause) }
            }
        }
    })
    .await
}

async fn store_in(
    transaction: &DatabaseTransaction,
    key: &signing_key::Model,
    older_until: Option<DateTime<Utc>>,
) -> Result<(), DbErr> {
    signing_key::insert(transaction, key.clone()).await?;
    if let Some(until) = older_until {
        signing_key::publish_older_until(transaction, &key.algorithm, key.generation, until).await?;
    }
    Ok(())
}
