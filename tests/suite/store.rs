//! The database past the service: to see what is stored, and to break it.

use sea_orm::{
    ConnectOptions, ConnectionTrait as _, Database, DatabaseBackend, DatabaseConnection, Statement, TryGetable,
};

/// One connection to the database of one test.
pub(crate) struct Store(DatabaseConnection);

/// What a broken table refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refuses {
    Insert,
    Update,
}

impl Store {
    /// Opens another connection than the service's.
    pub(crate) async fn open(url: &str) -> Self {
        let mut options = ConnectOptions::new(url);
        // What it locks it must be able to unlock.
        options.max_connections(1).sqlx_logging(false);
        Self(Database::connect(options).await.expect("the database"))
    }

    /// Runs a statement.
    pub(crate) async fn execute(&self, sql: &str) {
        self.0.execute_unprepared(sql).await.expect(sql);
    }

    /// The first column of every row.
    pub(crate) async fn column<T: TryGetable>(&self, sql: &str) -> Vec<T> {
        let statement = Statement::from_string(self.0.get_database_backend(), sql);
        let rows = self.0.query_all_raw(statement).await.expect(sql);
        rows.iter().map(|row| row.try_get_by_index(0).expect(sql)).collect()
    }

    /// How many rows a table has.
    pub(crate) async fn count(&self, table: &str) -> i64 {
        let counts = self.column(&format!("SELECT COUNT(*) FROM {table}")).await;
        counts.first().copied().unwrap_or_default()
    }

    /// How many rows there are of all that a login stores.
    pub(crate) async fn rows_of_everything(&self) -> [i64; 3] {
        [
            self.count("employees").await,
            self.count("memberships").await,
            self.count("sessions").await,
        ]
    }

    /// Keeps everybody else from a table; with SQLite from writing at all.
    pub(crate) async fn lock_table(&self, table: &str) {
        match self.0.get_database_backend() {
            DatabaseBackend::Postgres => self.execute(&format!("BEGIN; LOCK TABLE {table}")).await,
            DatabaseBackend::MySql => self.execute(&format!("LOCK TABLES {table} WRITE")).await,
            _ => self.execute("BEGIN IMMEDIATE").await,
        }
    }

    /// Ends what [`Self::lock_table`] began.
    pub(crate) async fn unlock_tables(&self) {
        match self.0.get_database_backend() {
            DatabaseBackend::MySql => self.execute("UNLOCK TABLES").await,
            _ => self.execute("ROLLBACK").await,
        }
    }

    /// Makes the database refuse to write to a table.
    pub(crate) async fn break_table(&self, table: &str, refuses: Refuses) {
        let event = match refuses {
            Refuses::Insert => "INSERT",
            Refuses::Update => "UPDATE",
        };
        let head = format!("CREATE TRIGGER refused BEFORE {event} ON {table}");
        match self.0.get_database_backend() {
            DatabaseBackend::Postgres => {
                self.execute(
                    "CREATE OR REPLACE FUNCTION refuse() RETURNS trigger AS 'BEGIN RAISE EXCEPTION ''refused''; END' LANGUAGE plpgsql",
                )
                .await;
                self.execute(&format!("{head} FOR EACH ROW EXECUTE FUNCTION refuse()"))
                    .await;
            }
            DatabaseBackend::MySql => {
                self.execute(&format!(
                    "{head} FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'refused'"
                ))
                .await;
            }
            _ => {
                self.execute(&format!("{head} BEGIN SELECT RAISE(ABORT, 'refused'); END"))
                    .await;
            }
        }
    }

    /// Mends what [`Self::break_table`] broke.
    pub(crate) async fn mend_table(&self, table: &str) {
        let of_table = if self.0.get_database_backend() == DatabaseBackend::Postgres {
            format!(" ON {table}")
        } else {
            String::new()
        };
        self.execute(&format!("DROP TRIGGER refused{of_table}")).await;
    }
}
