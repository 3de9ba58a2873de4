//! What may not be lost: one handle to SQLite, PostgreSQL or MySQL, and what is particular to each.

use std::time::Duration;

use anyhow::Context as _;
use chrono::{DateTime, Utc};
use futures_util::TryFutureExt as _;
use migrations::Migrator;
use sea_orm::sqlx::error::DatabaseError;
use sea_orm::sqlx::mysql::MySqlDatabaseError;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::sqlx::{ConnectOptions as _, Connection, Executor as _};
use sea_orm::{
    ConnectOptions, ConnectionTrait, DatabaseBackend, DatabaseConnection, DatabaseTransaction, DbErr, RuntimeErr,
    SqliteTransactionMode, SqlxSqliteConnector, Statement, TransactionOptions, TransactionTrait,
};
use sea_orm_migration::MigratorTrait as _;
use secrecy::ExposeSecret as _;

use crate::config;
use crate::error::Error;

/// How long a caller waits for a connection, and how long one piece of work may take.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a connection that is given back may take to answer.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(3);

/// A piece of work that takes longer is given up: the server is there, but does not answer.
pub const WORK_TIMEOUT: Duration = Duration::from_secs(5);

/// How often a transaction that loses deadlocks is run.
const TRIES: u32 = 4;
/// The most writers of a server: more do not make it faster, and keep connections from those who read.
const MAX_WRITERS: usize = 4;

/// What every transaction at PostgreSQL is, whatever the server's default: said once a connection, not at each.
const POSTGRES_TRANSACTIONS: &str =
    "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE";

/// The same at MySQL.
const MYSQL_TRANSACTIONS: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE";

/// MySQL's number for a lock that was not given in time.
const LOCK_WAIT_TIMEOUT: u16 = 1205;

/// MySQL's number for a row that changed between its reading and its locking.
const RECORD_CHANGED: u16 = 1020;

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
}

impl Database {
    /// Opens the database; for SQLite the file and its folder are made when they are missing.
    ///
    /// # Errors
    /// When the address cannot be understood or nobody answers there.
    pub async fn open(settings: &config::database::Database) -> anyhow::Result<Self> {
        let url = settings.url.expose_secret();
        if url.starts_with("sqlite:") {
            return open_sqlite(url, settings.max_connections).await;
        }
        let connections = settings.max_connections.max(2);
        let mut options = ConnectOptions::new(url.to_owned());
        options
            .max_connections(connections)
            .min_connections(1)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(Duration::from_mins(5))
            .sqlx_logging(false)
            .map_sqlx_postgres_pool_opts(|pool| {
                pool.after_connect(|connection, _| Box::pin(connection.execute(POSTGRES_TRANSACTIONS).map_ok(drop)))
                    .after_release(|connection, _| Box::pin(still_answers(connection)))
            })
            .map_sqlx_mysql_pool_opts(|pool| {
                pool.after_connect(|connection, _| Box::pin(connection.execute(MYSQL_TRANSACTIONS).map_ok(drop)))
                    .after_release(|connection, _| Box::pin(still_answers(connection)))
            });
        let connection = sea_orm::Database::connect(options)
            .await
            .context("the database does not answer")?;
        Ok(Self {
            writer: connection.clone(),
            reader: connection,
            writers: usize::try_from(connections / 2)?.min(MAX_WRITERS),
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
    pub async fn transact<T>(&self, work: impl AsyncFn(&DatabaseTransaction) -> Result<T, DbErr>) -> Result<T, Error> {
        within_tries(|| async {
            let transaction = self.begin().await?;
            match work(&transaction).await {
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

    /// Takes back the last `steps` migrations.
    ///
    /// # Errors
    /// As for [`Self::migrate_up`].
    pub async fn migrate_down(&self, steps: u32) -> Result<(), DbErr> {
        let transaction = self.lock_schema().await?;
        Migrator::down(&transaction, Some(steps)).await?;
        self.unlock_schema(transaction).await
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

/// Whether a connection that is given back answers. The pool itself waits for that without end, and a server that was
/// replaced, or a network that drops, would take the connections away one by one until none was left.
async fn still_answers(connection: &mut impl Connection) -> Result<bool, sea_orm::sqlx::Error> {
    match tokio::time::timeout(RELEASE_TIMEOUT, connection.ping()).await {
        Ok(answer) => answer.map(|()| true),
        Err(_) => Err(sea_orm::sqlx::Error::PoolTimedOut),
    }
}

async fn open_sqlite(url: &str, readers: u32) -> anyhow::Result<Database> {
    let options: SqliteConnectOptions = url.parse().context("the address of the SQLite database")?;
    let in_memory = url.contains(":memory:");
    if !in_memory
        && let Some(folder) = options
            .get_filename()
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
    {
        std::fs::create_dir_all(folder).with_context(|| format!("the folder {} cannot be made", folder.display()))?;
    }
    let options = options
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .busy_timeout(ACQUIRE_TIMEOUT)
        .foreign_keys(true)
        .disable_statement_logging();
    let pool = |connections: u32| {
        SqlitePoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .idle_timeout(None)
            .max_lifetime(None)
    };
    let writer = pool(1)
        .connect_with(options.clone())
        .await
        .context("the SQLite database cannot be opened")?;
    let reader = if in_memory {
        writer.clone()
    } else {
        pool(readers.clamp(1, 8)).connect_lazy_with(options)
    };
    Ok(Database {
        writer: SqlxSqliteConnector::from_sqlx_sqlite_pool(writer),
        reader: SqlxSqliteConnector::from_sqlx_sqlite_pool(reader),
        writers: 1,
    })
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

/// Whether the failure is the database's absence, and not a statement of ours.
#[must_use]
pub fn is_away(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause)) => match &**cause {
            sea_orm::sqlx::Error::Database(cause) => {
                cause.code().is_some_and(|code| {
                    // The classes 08 (connection lost or refused) of both servers, PostgreSQL's 53 and 57P0x (too many,
                    // shutting down), SQLite's full disk and lost lock (5 busy, 13 full).
                    code.starts_with("08")
                        || code.starts_with("53")
                        || code.starts_with("57P0")
                        || matches!(&*code, "5" | "13" | "261" | "517")
                }) || mysql_number(&**cause) == Some(LOCK_WAIT_TIMEOUT)
            }
            sea_orm::sqlx::Error::Io(_)
            | sea_orm::sqlx::Error::Tls(_)
            | sea_orm::sqlx::Error::Protocol(_)
            | sea_orm::sqlx::Error::PoolTimedOut
            | sea_orm::sqlx::Error::PoolClosed
            | sea_orm::sqlx::Error::WorkerCrashed => true,
            _ => false,
        },
        _ => false,
    }
}

/// Whether the same transaction may simply be run again: a deadlock or a serialisation that lost.
#[must_use]
pub fn is_conflict(error: &DbErr) -> bool {
    let (DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause))) = error else {
        return false;
    };
    cause.as_database_error().is_some_and(|cause| {
        let class = cause.code();
        class.is_some_and(|code| matches!(&*code, "40001" | "40P01")) || mysql_number(cause) == Some(RECORD_CHANGED)
    })
}

/// MySQL's own number of a failure, for which its SQLSTATE is a general one (HY000).
fn mysql_number(cause: &dyn DatabaseError) -> Option<u16> {
    Some(cause.try_downcast_ref::<MySqlDatabaseError>()?.number())
}

/// What a caller learns of a failed statement.
#[must_use]
pub fn fault(error: DbErr) -> Error {
    if is_away(&error) {
        Error::Unavailable(error.into())
    } else {
        Error::Internal(error.into())
    }
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
                Err(cause) if is_conflict(&cause) && tries < TRIES => tries += 1,
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
        Ok(done) => done.map_err(fault),
        Err(elapsed) => Err(Error::Unavailable(
            anyhow::Error::new(elapsed).context("the database does not answer in time"),
        )),
    }
}
