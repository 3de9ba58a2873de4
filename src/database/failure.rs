//! What a failed statement means: the database is away, the transaction lost, or the statement is wrong.

use sea_orm::sqlx::error::DatabaseError;
use sea_orm::sqlx::mysql::MySqlDatabaseError;
use sea_orm::{DbErr, RuntimeErr, SqlErr};

use crate::error::Error;

/// MySQL's number for a lock that was not given in time.
const LOCK_WAIT_TIMEOUT: u16 = 1205;

/// MySQL's number for a row that changed between its reading and its locking.
const RECORD_CHANGED: u16 = 1020;

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

/// Whether a row was not added because there is one like it: somebody else was faster.
#[must_use]
pub fn is_duplicate(error: &DbErr) -> bool {
    matches!(error.sql_err(), Some(SqlErr::UniqueConstraintViolation(_)))
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
