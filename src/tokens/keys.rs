//! The keys in force: what signs, what verifies, and what is published.

use std::sync::{Arc, PoisonError, RwLock};

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use super::key_pair::{self, KeyPair};
use super::seal::Sealer;
use super::signing_key;
use crate::config::tokens::Algorithm;
use crate::database::Database;

/// All keys of the deployment, opened once and kept.
pub(super) struct Keys {
    pairs: RwLock<Arc<Vec<KeyPair>>>,
}

impl Keys {
    /// Opens the keys of the database, and makes the first one of `algorithm` where there is none.
    pub(super) async fn open(
        database: &Database,
        sealer: &Sealer,
        algorithm: Algorithm,
        now: DateTime<Utc>,
    ) -> anyhow::Result<Self> {
        let rows = signing_key::all(database.reader())
            .await
            .context("the signing keys cannot be read")?;
        if !rows.iter().any(|row| row.algorithm == key_pair::name(algorithm)) {
            let first = key_pair::generate(algorithm, 1, sealer, now)?;
            let transaction = database.begin().await?;
            // Who comes second fails at the unique index, and reads the key of who came first.
            match signing_key::insert(&transaction, first).await {
                Ok(()) => transaction.commit().await?,
                Err(_) => transaction.rollback().await?,
            }
        }
        let keys = Self {
            pairs: RwLock::default(),
        };
        keys.reload(database, sealer).await?;
        keys.signing(algorithm, now).context("there is no key that signs")?;
        Ok(keys)
    }

    /// Reads the table again: another instance may have added keys.
    pub(super) async fn reload(&self, database: &Database, sealer: &Sealer) -> anyhow::Result<()> {
        let rows = signing_key::all(database.reader()).await?;
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

    /// The place of the newest key of `algorithm` that signs at `now`.
    pub(super) fn signing(&self, algorithm: Algorithm, now: DateTime<Utc>) -> Option<(Arc<Vec<KeyPair>>, usize)> {
        let pairs = self.current();
        let place = pairs
            .iter()
            .rposition(|pair| pair.algorithm == algorithm && pair.signs_from <= now)?;
        Some((pairs, place))
    }

    /// The published key set (RFC 7517 section 5).
    pub(super) fn jwks(&self) -> Value {
        json!({"keys": self.current().iter().map(|pair| pair.public_jwk.clone()).collect::<Vec<_>>()})
    }
}
