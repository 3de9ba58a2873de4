//! What may not be lost: one handle to SQLite, PostgreSQL or MySQL, and what is particular to each.

mod batches;
mod connections;
pub mod failure;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use migrations::Migrator;
use sea_orm::{
    ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr, SqliteTransactionMode, Statement,
    TransactionOptions, TransactionTrait,
};
use sea_orm_migration::MigratorTrait as _;
use secrecy::ExposeSecret as _;

use crate::config;
use crate::error::Error;
use connections::ACQUIRE_TIMEOUT;

/// A piece of work that takes longer is given up: the server is there, but does not answer.
pub const WORK_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a transaction that loses deadlocks is run.
const TRIES: u32 = 4;

/// The most writers of a server: more do not make it faster, and keep connections from those who read.
const MAX_WRITERS: usize = 4;

/// The advisory lock that a change of the schema holds; any number that nobody else uses.
const SCHEMA_LOCK: &str = "7305914225";

/// A handle to the one database of a deployment.
///
/// SQLite has one writer by nature, so it gets one writing connection beside its readers: who waits, waits in our
/// queue and not in SQLite's, where nobody is served in order.
#[derive(Debug, Clone)]
pub struct Database {
    writer: DatabaseConnection,
    reader: DatabaseConnection,
    writers: usize,
    begun: Arc<AtomicU64>,
}

impl Database {
    /// Opens the database; for SQLite the file and its folder are made when they are missing.
    ///
    /// # Errors
    /// When the address cannot be understood or nobody answers there.
    pub async fn open(settings: &config::database::Database) -> anyhow::Result<Self> {
        let url = settings.url.expose_secret();
        if url.starts_with("sqlite:") {
            let (writer, reader) = connections::of_sqlite(url, settings.max_connections).await?;
            return Ok(Self {
                writer,
                reader,
                writers: 1,
                begun: Arc::default(),
            });
        }
        let connections = settings.max_connections.max(2);
        let connection = connections::of_server(url, connections).await?;
        Ok(Self {
            writer: connection.clone(),
            reader: connection,
            writers: usize::try_from(connections / 2)?.min(MAX_WRITERS),
            begun: Arc::default(),
        })
    }

    /// Where to read outside of a transaction.
    #[must_use]
    pub fn reader(&self) -> &DatabaseConnection {
        &self.reader
    }

    /// How many transactions it pays to have under way at once.
    #[must_use]
    pub fn writers(&self) -> usize {
        self.writers
    }

    /// How many transactions were asked for so far: whoever writes much sees by it whether others want to.
    #[must_use]
    pub fn begun(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Which of the three it is.
    #[must_use]
    pub fn backend(&self) -> DatabaseBackend {
        self.writer.get_database_backend()
    }

    /// Begins a transaction that writes. SQLite takes its lock at once; a deferred one fails when it comes to write.
    /// The servers read what others have committed, so that a row waited for is read as it is afterwards.
    ///
    /// # Errors
    /// When no connection can be had in time.
    pub async fn begin(&self) -> Result<DatabaseTransaction, DbErr> {
        self.begun.fetch_add(1, Ordering::Relaxed);
        self.writer
            .begin_with_options(TransactionOptions {
                isolation_level: None,
                access_mode: None,
                sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            })
            .await
    }

    /// Runs `work` in a transaction of [`Self::begin`] and commits it, within the time limit. What loses a deadlock is
    /// run again from its beginning, since nothing of it was kept.
    ///
    /// # Errors
    /// The work's own, or [`Error::Unavailable`] when the database is away or takes too long.
    pub async fn transact<T>(
        &self,
        work: impl AsyncFnOnce(&DatabaseTransaction) -> Result<T, DbErr> + Clone,
    ) -> Result<T, Error> {
        // A clone for each run: a future that borrowed the work could not be proved to be `Send`, and tasks write too.
        within_tries(|| async {
            let transaction = self.begin().await?;
            match work.clone()(&transaction).await {
                Ok(done) => transaction.commit().await.map(|()| done),
                Err(cause) => {
                    transaction.rollback().await?;
                    Err(cause)
                }
            }
        })
        .await
    }

    /// Whether the database answers.
    ///
    /// # Errors
    /// When it does not, or not in time.
    pub async fn ping(&self) -> anyhow::Result<()> {
        tokio::time::timeout(ACQUIRE_TIMEOUT, self.reader.execute_unprepared("SELECT 1"))
            .await
            .context("the database does not answer in time")??;
        Ok(())
    }

    /// Applies pending migrations under a lock, so that instances which start together do it once.
    ///
    /// # Errors
    /// When a step fails; with PostgreSQL and SQLite nothing of the run is kept then.
    pub async fn migrate_up(&self, steps: Option<u32>) -> Result<(), DbErr> {
        let transaction = self.lock_schema().await?;
        let before = Migrator::get_applied_migrations(&transaction).await?.len();
        Migrator::up(&transaction, steps).await?;
        let after = Migrator::get_applied_migrations(&transaction).await?.len();
        self.unlock_schema(transaction).await?;
        if after > before {
            tracing::info!(
                applied = after - before,
                step = after,
                "the schema was brought up to date"
            );
        }
        Ok(())
    }

    /// Takes back the last `steps` migrations; answers how many there were.
    ///
    /// # Errors
    /// As for [`Self::migrate_up`].
    pub async fn migrate_down(&self, steps: u32) -> Result<usize, DbErr> {
        let transaction = self.lock_schema().await?;
        let before = Migrator::get_applied_migrations(&transaction).await?.len();
        Migrator::down(&transaction, Some(steps)).await?;
        let after = Migrator::get_applied_migrations(&transaction).await?.len();
        self.unlock_schema(transaction).await?;
        Ok(before - after)
    }

    /// Makes sure that no migration of this program is pending.
    ///
    /// # Errors
    /// When one is, in words that say what to do.
    pub async fn expect_schema(&self) -> anyhow::Result<()> {
        // A newer program's schema is not told step by step; it goes on serving this one while instances are replaced.
        let steps = self.migrations().await.unwrap_or_default();
        let pending = steps.iter().filter(|(_, applied)| !applied).count();
        anyhow::ensure!(
            pending == 0,
            "the schema lacks {pending} of its steps: run `dingtalk-sso migrate up`"
        );
        Ok(())
    }

    /// Every migration by name, and whether it is applied. Changes nothing.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn migrations(&self) -> Result<Vec<(String, bool)>, DbErr> {
        let all = Migrator::get_migration_with_status_read_only(&self.reader).await?;
        Ok(all
            .iter()
            .map(|step| {
                (
                    step.name().to_owned(),
                    step.status() == sea_orm_migration::MigrationStatus::Applied,
                )
            })
            .collect())
    }

    /// Makes sure that this service may write, by a statement that changes nothing.
    ///
    /// # Errors
    /// When it may not: a replica, a read-only file, a user without the right, a schema that is not there.
    pub async fn try_write(&self) -> Result<(), DbErr> {
        let transaction = self.begin().await?;
        transaction
            .execute_unprepared("UPDATE seaql_migrations SET applied_at = applied_at WHERE 1 = 0")
            .await?;
        transaction.rollback().await
    }

    /// The time at the database server; none for SQLite, which has no other than ours.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn time(&self) -> Result<Option<DateTime<Utc>>, DbErr> {
        let sql = match self.backend() {
            DatabaseBackend::Postgres => "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS bigint) AS ms",
            DatabaseBackend::MySql => "SELECT CAST(UNIX_TIMESTAMP(NOW(3)) * 1000 AS SIGNED) AS ms",
            _ => return Ok(None),
        };
        let row = self
            .reader
            .query_one_raw(Statement::from_string(self.backend(), sql))
            .await?;
        let ms: Option<i64> = row.map(|row| row.try_get("", "ms")).transpose()?;
        Ok(ms.and_then(DateTime::from_timestamp_millis))
    }

    /// Closes all connections, so that the last write-ahead log of SQLite is folded in.
    pub async fn close(self) {
        let _ = self.writer.close().await;
        let _ = self.reader.close().await;
    }

    async fn lock_schema(&self) -> Result<DatabaseTransaction, DbErr> {
        let transaction = self.begin().await?;
        match self.backend() {
            DatabaseBackend::Postgres => {
                transaction
                    .execute_unprepared(&format!("SELECT pg_advisory_xact_lock({SCHEMA_LOCK})"))
                    .await?;
            }
            DatabaseBackend::MySql => {
                let sql = format!("SELECT GET_LOCK('dingtalk-sso-{SCHEMA_LOCK}', 60) AS held");
                let row = transaction
                    .query_one_raw(Statement::from_string(DatabaseBackend::MySql, sql))
                    .await?;
                let held: Option<i64> = row.and_then(|row| row.try_get("", "held").ok());
                if held != Some(1) {
                    return Err(DbErr::Custom(
                        "another instance holds the lock on the schema for a minute".into(),
                    ));
                }
            }
            _ => {}
        }
        Ok(transaction)
    }

    async fn unlock_schema(&self, transaction: DatabaseTransaction) -> Result<(), DbErr> {
        if self.backend() == DatabaseBackend::MySql {
            transaction
                .execute_unprepared(&format!("DO RELEASE_LOCK('dingtalk-sso-{SCHEMA_LOCK}')"))
                .await?;
        }
        transaction.commit().await
    }
}

/// Repeats the last value until there are a power of two of them. A list of values in a statement then comes in few
/// lengths, and a server can keep what it has worked out for each.
#[must_use]
pub fn padded<T: Clone>(mut values: Vec<T>) -> Vec<T> {
    if let Some(last) = values.last().cloned() {
        values.resize(values.len().next_power_of_two(), last);
    }
    values
}

/// Runs a transaction within its time limit, and again when it lost a deadlock.
///
/// # Errors
/// As for [`within_limit`].
pub async fn within_tries<T, F: Future<Output = Result<T, DbErr>>>(work: impl Fn() -> F) -> Result<T, Error> {
    within_limit(async {
        let mut tries = 1;
        loop {
            match work().await {
                Err(cause) if failure::is_conflict(&cause) && tries < TRIES => tries += 1,
                outcome => return outcome,
            }
        }
    })
    .await
}

/// Gives work with the database its time limit.
///
/// # Errors
/// The work's own, or [`Error::Unavailable`] when it takes too long.
pub async fn within_limit<T>(work: impl Future<Output = Result<T, DbErr>>) -> Result<T, Error> {
    match tokio::time::timeout(WORK_TIMEOUT, work).await {
        Ok(done) => done.map_err(failure::fault),
        Err(elapsed) => Err(Error::Unavailable(
            anyhow::Error::new(elapsed).context("the database does not answer in time"),
        )),
    }
}
