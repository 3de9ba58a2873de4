//! Ends sessions within the caller's transaction, and notes which clients are to be told.

use chrono::{DateTime, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{Condition, ConnectionTrait, DbErr};

use super::logout_delivery;
use super::session::{self, Column, Kind, Model};
use crate::clients;

/// Most sessions that are ended by one statement.
const CHUNK: usize = 500;

/// Ends one session, and with a browser's those that clients got from it; answers all that were ended.
pub(super) async fn one(transaction: &impl ConnectionTrait, id: Uuid, now: DateTime<Utc>) -> Result<Vec<Uuid>, DbErr> {
    these(transaction, Condition::all().add(Column::Id.eq(id)), now).await
}

/// Ends every session of an employee. A client's own sessions have its id for a subject, which is no number.
pub(super) async fn of_subject(
    transaction: &impl ConnectionTrait,
    subject: &str,
    now: DateTime<Utc>,
) -> Result<Vec<Uuid>, DbErr> {
    these(transaction, Condition::all().add(Column::Subject.eq(subject)), now).await
}

/// Ends every session of a client.
pub(super) async fn of_client(
    transaction: &impl ConnectionTrait,
    client_id: &str,
    now: DateTime<Utc>,
) -> Result<Vec<Uuid>, DbErr> {
    these(transaction, Condition::all().add(Column::ClientId.eq(client_id)), now).await
}

async fn these(transaction: &impl ConnectionTrait, which: Condition, now: DateTime<Utc>) -> Result<Vec<Uuid>, DbErr> {
    let mut sessions = session::living(transaction, which).await?;
    let browsers: Vec<Uuid> = sessions
        .iter()
        .filter(|session| session.kind == Kind::Browser)
        .map(|session| session.id)
        .collect();
    for parents in browsers.chunks(CHUNK) {
        let children = Condition::all().add(Column::ParentId.is_in(parents.iter().copied()));
        sessions.extend(session::living(transaction, children).await?);
    }
    sessions.sort_by_key(|session| session.id);
    sessions.dedup_by_key(|session| session.id);
    let ids: Vec<Uuid> = sessions.iter().map(|session| session.id).collect();
    for ids in ids.chunks(CHUNK) {
        session::end(transaction, ids, now).await?;
    }
    note_deliveries(transaction, &sessions, now).await?;
    Ok(ids)
}

async fn note_deliveries(
    transaction: &impl ConnectionTrait,
    sessions: &[Model],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    // A client that acted for itself has signed nobody in.
    let of_people = || sessions.iter().filter(|session| session.parent_id.is_some());
    let mut ids: Vec<String> = of_people().filter_map(|session| session.client_id.clone()).collect();
    ids.sort();
    ids.dedup();
    if ids.is_empty() {
        return Ok(());
    }
    let hearing = clients::hearing_logouts(transaction, &ids).await?;
    let due = of_people().filter_map(|session| {
        let client_id = session.client_id.as_ref().filter(|id| hearing.contains(id))?;
        Some(logout_delivery::Model {
            id: Uuid::now_v7(),
            client_id: client_id.clone(),
            subject: session.subject.clone(),
            session: session.id,
            attempts: 0,
            created_at: now,
            due_at: now,
        })
    });
    let due: Vec<_> = due.collect();
    for due in due.chunks(CHUNK) {
        logout_delivery::insert(transaction, due.to_vec()).await?;
    }
    Ok(())
}
