//! Deletes what may be very much, a bounded piece at a time.

use sea_orm::{ColumnTrait as _, Condition, EntityTrait, QueryFilter as _, QuerySelect as _, TryGetable, Value};

use super::{Database, padded};
use crate::error::Error;

/// Rows that one transaction deletes: far fewer than a database manages within the time limit.
const BATCH: u64 = 1024;

impl Database {
    /// Deletes the rows of a condition, found by their primary key, one transaction for each batch until none is left.
    /// However many came together, each transaction keeps its time limit, and others come in between.
    ///
    /// # Errors
    /// As for [`Self::transact`]; what was deleted before stays deleted.
    pub async fn delete_in_batches<E, K>(&self, key: E::Column, which: Condition) -> Result<(), Error>
    where
        E: EntityTrait,
        K: TryGetable + Into<Value> + Clone + Send,
    {
        loop {
            let which = which.clone();
            let deleting = self.transact(async |transaction| {
                let found = E::find().select_only().column(key).filter(which.clone()).limit(BATCH);
                let keys: Vec<K> = found.into_tuple().all(transaction).await?;
                let count = keys.len() as u64;
                if count > 0 {
                    // The condition once more: on a server, a row may have changed since.
                    let deleted = E::delete_many().filter(key.is_in(padded(keys))).filter(which);
                    deleted.exec(transaction).await?;
                }
                Ok(count)
            });
            if deleting.await? < BATCH {
                return Ok(());
            }
        }
    }
}
