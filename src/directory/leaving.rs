//! Marks employees as left, and ends whatever they are signed in to.

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr};

use super::employee::{self, Model};
use super::roster::Roster;
use crate::tokens;

/// The rows of those who are still here, locked until the transaction ends: a login that is under way has its own
/// locked, and its session is seen by [`mark`].
pub(super) async fn still_here(
    transaction: &impl ConnectionTrait,
    roster: &Roster,
    userids: Vec<String>,
) -> Result<Vec<Model>, DbErr> {
    let mut rows = employee::lock(transaction, &roster.corp_id, userids).await?;
    rows.retain(|row| row.left_at.is_none());
    Ok(rows)
}

/// Marks them, each from the moment on at which it was known, and ends their sessions in the same transaction.
pub(super) async fn mark(
    transaction: &impl ConnectionTrait,
    roster: &Roster,
    leavers: &[(Model, DateTime<Utc>)],
) -> Result<(), DbErr> {
    let now = roster.clock.now();
    for (row, left_at) in leavers {
        employee::set_left(transaction, &[row.id], Some(*left_at), now).await?;
        let sessions = tokens::end_subject(transaction, &row.id.to_string(), now).await?;
        tracing::info!(userid = row.userid, sessions, "an employee has left");
    }
    Ok(())
}
