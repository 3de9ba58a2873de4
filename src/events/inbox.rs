//! Keeps what arrives, before anybody is told that it did.

use std::sync::Arc;

use sea_orm::DbErr;
use tokio::sync::Notify;

use super::event::{self, Arrival};
use super::event_object;
use super::notice::Notice;
use crate::clock::Clock;
use crate::database::{self, Database};
use crate::error::Error;

/// The way by which an event came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// DingTalk posted it.
    Callback,
    /// Over the WebSocket.
    Stream,
    /// Out of the platform's list of failed callbacks.
    FailedList,
}

impl Way {
    const fn name(self) -> &'static str {
        match self {
            Self::Callback => "callback",
            Self::Stream => "stream",
            Self::FailedList => "failed list",
        }
    }
}

/// The inbox of one company. Clones share everything.
#[derive(Clone)]
pub struct Inbox {
    database: Database,
    corp_id: String,
    clock: Clock,
    news: Arc<Notify>,
}

impl Inbox {
    /// The inbox of a company.
    #[must_use]
    pub fn new(database: Database, corp_id: String, clock: Clock) -> Self {
        Self {
            database,
            corp_id,
            clock,
            news: Arc::default(),
        }
    }

    /// Stores what is new of these; answers how much that was. What came before is left as it is, and what does not
    /// concern us is only counted.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away: then nothing was stored.
    pub async fn store(&self, notices: &[Notice], way: Way) -> Result<usize, Error> {
        for notice in notices {
            let name = if notice.objects.is_empty() {
                tracing::debug!(event = notice.event_type, "an event that does not concern us");
                "other"
            } else {
                &notice.event_type
            };
            metrics::counter!("events_received_total", "type" => name.to_owned(), "way" => way.name()).increment(1);
        }
        let mut arrivals: Vec<Arrival> = notices
            .iter()
            .flat_map(|notice| notice.arrivals(&self.corp_id))
            .collect();
        if arrivals.is_empty() {
            return Ok(0);
        }
        // In one order on every instance, so that two do not wait for one another.
        arrivals.sort_by(|one, other| one.dedupe_key.cmp(&other.dedupe_key));
        arrivals.dedup_by(|one, other| one.dedupe_key == other.dedupe_key);
        let new = database::within_tries(|| self.store_new(arrivals.clone())).await?;
        if new > 0 {
            self.news.notify_one();
        }
        Ok(new)
    }

    /// The events that were given up, or that wait after an attempt without success; oldest first, `most` at the most.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn troubled(&self, most: u64) -> Result<Vec<event::Model>, Error> {
        database::within_limit(event::troubled(self.database.reader(), &self.corp_id, most)).await
    }

    /// Has the events that were given up tried again; answers of how many people and departments.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn retry_failed(&self) -> Result<usize, Error> {
        let reviving = self.database.transact(async |transaction| {
            let now = self.clock.now();
            let objects = event::failed_objects(transaction, &self.corp_id).await?;
            event_object::enlist(transaction, &self.corp_id, &objects, now).await?;
            event::revive(transaction, &self.corp_id, &objects, now).await?;
            Ok(objects.len())
        });
        reviving.await
    }

    /// Waits until something new has come on this instance.
    pub(super) async fn news(&self) {
        self.news.notified().await;
    }

    async fn store_new(&self, mut arrivals: Vec<Arrival>) -> Result<usize, DbErr> {
        let keys: Vec<String> = arrivals.iter().map(|arrival| arrival.dedupe_key.clone()).collect();
        // The platform repeats itself: what is known costs a look and no write.
        let known = event::known(self.database.reader(), &keys).await?;
        arrivals.retain(|arrival| !known.contains(&arrival.dedupe_key));
        if arrivals.is_empty() {
            return Ok(0);
        }
        self.insert(&arrivals).await?;
        Ok(arrivals.len())
    }

    async fn insert(&self, arrivals: &[Arrival]) -> Result<(), DbErr> {
        let now = self.clock.now();
        let mut objects: Vec<String> = arrivals.iter().map(|arrival| arrival.object.clone()).collect();
        objects.sort();
        objects.dedup();
        let transaction = self.database.begin().await?;
        event_object::enlist(&transaction, &self.corp_id, &objects, now).await?;
        event::insert(&transaction, &self.corp_id, arrivals, now).await?;
        transaction.commit().await
    }
}
