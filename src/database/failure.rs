//! What a failed statement means: the database is away, the transaction lost, or the statement is wrong.

use sea_orm::{DbErr, RuntimeErr};

use crate::error::Error;

/// Whether the failure is the database's absence, and not a statement of ours.
#[must_use]
pub fn is_away(error: &DbErr) -> bool {
    match error {
        DbErr::ConnectionAcquire(_) | DbErr::Conn(_) => true,
        DbErr::Exec(RuntimeErr::SqlxError(cause)) | DbErr::Query(RuntimeErr::SqlxError(cause)) => match &**cause {
            sea_orm::sqlx::Error::Database(cause) => cause.code().is_some_and(|code| {
                // PostgreSQL's classes 08 and 53 and 57P0x (connection lost, too many, shutting down), SQLite's full
                // disk and lost lock (5 busy, 13 full), MySQL's 1040, 1053, 1205.
                code.starts_with("08")
                    || code.starts_with("53")
                    || code.starts_with("57P0")
                    || matches!(&*code, "5" | "13" | "261" | "517" | "1040" | "1053" | "1205")
            }),
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
    cause
        .as_database_error()
        .and_then(sea_orm::sqlx::error::DatabaseError::code)
        .is_some_and(|code| matches!(&*code, "40001" | "40P01" | "1213" | "1020"))
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
