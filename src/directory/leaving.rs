//! Marks employees as left, and ends whatever they are signed in to.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr};

use super::employee::{self, Model};
use super::roster::Roster;
use crate::tokens;

/// Marks those who are still here, each from the moment on at which it was known, and ends their sessions in the same
/// transaction; answers their rows.
pub(super) async fn mark(
    transaction: &impl ConnectionTrait,
    roster: &Roster,
    leavers: &[(String, DateTime<Utc>)],
) -> Result<Vec<Model>, DbErr> {
    let now = roster.clock.now();
    let userids: Vec<String> = leavers.iter().map(|(userid, _)| userid.clone()).collect();
    let since: HashMap<&str, DateTime<Utc>> = leavers.iter().map(|(userid, at)| (userid.as_str(), *at)).collect();
    // The rows first: a login that is under way has its own locked, and its session is seen below.
    let mut rows = employee::lock(transaction, &roster.corp_id, &userids).await?;
    rows.retain(|row| row.left_at.is_none());
    for row in &rows {
        let left_at = since.get(row.userid.as_str()).copied().unwrap_or(now);
        employee::set_left(transaction, &[row.id], Some(left_at), now).await?;
        let sessions = tokens::end_subject(transaction, &row.id.to_string(), now).await?;
        tracing::info!(userid = row.userid, sessions, "an employee has left");
    }
    Ok(rows)
}
