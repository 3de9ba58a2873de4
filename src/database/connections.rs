//! Connections to each of the three kinds of database, as each of them wants to be set up.

use std::num::NonZero;
use std::time::Duration;

use anyhow::Context as _;
use futures_util::TryFutureExt as _;
use sea_orm::sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sea_orm::sqlx::{ConnectOptions as _, Connection, Executor as _};
use sea_orm::{ConnectOptions, DatabaseConnection, SqlxSqliteConnector};

/// How long a caller waits for a connection.
pub(super) const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// How long a connection that is given back may take to answer.
const RELEASE_TIMEOUT: Duration = Duration::from_secs(3);

/// Readers of SQLite on a machine with however many processors.
const MOST_READERS: u32 = 8;

/// What a reader of SQLite keeps of the file for itself: below zero it counts KiB.
const READER_CACHE: &str = "-256";

/// Pages of the log of SQLite, 4 KiB each, after which a commit brings them into the file: those that were written again
/// and again meanwhile only once.
const CHECKPOINT_PAGES: &str = "4000";

/// What every transaction at PostgreSQL is, whatever the server's default: said once a connection, not at each.
const POSTGRES_TRANSACTIONS: &str =
    "SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE";

/// The same at MySQL.
const MYSQL_TRANSACTIONS: &str = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED, READ WRITE";

/// Opens connections to a server, so many at the most.
pub(super) async fn of_server(url: &str, most: u32) -> anyhow::Result<DatabaseConnection> {
    let mut options = ConnectOptions::new(url.to_owned());
    options
        .max_connections(most)
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
    sea_orm::Database::connect(options)
        .await
        .context("the database does not answer")
}

/// Opens a file of SQLite, made with its folder when it is missing: answers its one writing connection, and its readers,
/// so many at the most.
pub(super) async fn of_sqlite(url: &str, readers: u32) -> anyhow::Result<(DatabaseConnection, DatabaseConnection)> {
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
        // What a statement of many rows needs to undo itself would otherwise go to a file, made anew for each commit of
        // logins.
        .pragma("temp_store", "MEMORY")
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
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
        // What several of them read is kept once, by the system.
        pool(readers.clamp(1, most_readers())).connect_lazy_with(options.pragma("cache_size", READER_CACHE))
    };
    Ok((
        SqlxSqliteConnector::from_sqlx_sqlite_pool(writer),
        SqlxSqliteConnector::from_sqlx_sqlite_pool(reader),
    ))
}

/// How many readers of SQLite can be busy at once. Each is a thread with memory of its own, and what more of them read
/// would wait for a processor.
fn most_readers() -> u32 {
    let processors = std::thread::available_parallelism().map_or(1, NonZero::get);
    u32::try_from(processors).map_or(MOST_READERS, |processors| {
        processors.saturating_add(1).min(MOST_READERS)
    })
}

/// Whether a connection that is given back answers. The pool itself waits for that without end, and a server that was
/// replaced, or a network that drops, would take the connections away one by one until none was left.
async fn still_answers(connection: &mut impl Connection) -> Result<bool, sea_orm::sqlx::Error> {
    match tokio::time::timeout(RELEASE_TIMEOUT, connection.ping()).await {
        Ok(answer) => answer.map(|()| true),
        Err(_) => Err(sea_orm::sqlx::Error::PoolTimedOut),
    }
}
