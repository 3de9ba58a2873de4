//! The table of events: what DingTalk told us of, one row for each object that it concerns.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::QuerySelect as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, OnConflict};
use sea_orm::{Condition, QueryOrder as _};

use crate::database::Database;
use crate::error::Error;

/// Most rows of one statement.
const CHUNK: usize = 500;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))")]
pub enum State {
    /// Its object is still to be read again.
    #[sea_orm(string_value = "waiting")]
    Waiting,
    /// Its object was read after it came.
    #[sea_orm(string_value = "handled")]
    Handled,
    /// Given up after many attempts.
    #[sea_orm(string_value = "failed")]
    Failed,
}

/// A row of `events`. What the event said beyond type and object is not kept: the object is read again.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "events")]
pub struct Model {
    /// Counts in the order of arrival.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The company.
    pub corp_id: String,
    /// The same for every delivery of the same event.
    pub dedupe_key: String,
    /// What is to be read again, as `user:ID`, `dept:ID` or `company`.
    pub object: String,
    /// The platform's name of the event.
    pub event_type: String,
    /// What became of it.
    pub state: State,
    /// How often reading its object was tried without success.
    pub attempts: i32,
    /// Why the last attempt failed, or nothing.
    pub fault: String,
    /// When it came.
    pub received_at: DateTime<Utc>,
    /// When it was handled or given up.
    pub settled_at: Option<DateTime<Utc>>,
}

/// No relations.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What is to be stored of an arrival.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Arrival {
    pub(super) dedupe_key: String,
    pub(super) object: String,
    pub(super) event_type: String,
}

/// Those of the keys that were stored before.
pub(super) async fn known(db: &impl ConnectionTrait, keys: &[String]) -> Result<Vec<String>, DbErr> {
    let mut known = Vec::new();
    for keys in keys.chunks(CHUNK) {
        let rows: Vec<String> = Entity::find()
            .select_only()
            .column(Column::DedupeKey)
            .filter(Column::DedupeKey.is_in(keys))
            .into_tuple()
            .all(db)
            .await?;
        known.extend(rows);
    }
    Ok(known)
}

/// Stores arrivals; one that another instance has stored meanwhile stays as it is.
pub(super) async fn insert(
    db: &impl ConnectionTrait,
    corp_id: &str,
    arrivals: &[Arrival],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    for arrivals in arrivals.chunks(CHUNK) {
        let rows = arrivals.iter().map(|arrival| ActiveModel {
            corp_id: Set(corp_id.to_owned()),
            dedupe_key: Set(arrival.dedupe_key.clone()),
            object: Set(arrival.object.clone()),
            event_type: Set(arrival.event_type.clone()),
            state: Set(State::Waiting),
            attempts: Set(0),
            fault: Set(String::new()),
            received_at: Set(now),
            settled_at: Set(None),
            ..Default::default()
        });
        let unchanged = Expr::col((Entity, Column::ReceivedAt));
        Entity::insert_many(rows)
            .on_conflict(
                OnConflict::column(Column::DedupeKey)
                    .value(Column::ReceivedAt, unchanged)
                    .to_owned(),
            )
            .exec_without_returning(db)
            .await?;
    }
    Ok(())
}

/// What waits for an object, oldest first.
pub(super) async fn waiting(
    db: &impl ConnectionTrait,
    corp_id: &str,
    object: &str,
    most: u64,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(of_object(corp_id, object, State::Waiting))
        .order_by_asc(Column::Id)
        .limit(most)
        .all(db)
        .await
}

/// Whether something waits for an object that came after the event of an id.
pub(super) async fn waits_after(
    db: &impl ConnectionTrait,
    corp_id: &str,
    object: &str,
    id: i64,
) -> Result<bool, DbErr> {
    let later = Entity::find()
        .filter(of_object(corp_id, object, State::Waiting))
        .filter(Column::Id.gt(id));
    Ok(later.one(db).await?.is_some())
}

/// Notes what became of events.
pub(super) async fn settle(
    db: &impl ConnectionTrait,
    ids: &[i64],
    state: State,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    for ids in ids.chunks(CHUNK) {
        Entity::update_many()
            .col_expr(Column::State, Expr::value(state))
            .col_expr(Column::SettledAt, Expr::value(now))
            .filter(Column::Id.is_in(ids.iter().copied()))
            .exec(db)
            .await?;
    }
    Ok(())
}

/// Notes an attempt that failed.
pub(super) async fn note_failure(db: &impl ConnectionTrait, ids: &[i64], fault: &str) -> Result<(), DbErr> {
    for ids in ids.chunks(CHUNK) {
        Entity::update_many()
            .col_expr(Column::Attempts, Expr::col(Column::Attempts).add(1))
            .col_expr(Column::Fault, Expr::value(fault))
            .filter(Column::Id.is_in(ids.iter().copied()))
            .exec(db)
            .await?;
    }
    Ok(())
}

/// Events that were given up, or that wait after a failed attempt; oldest first.
pub(super) async fn troubled(db: &impl ConnectionTrait, corp_id: &str, most: u64) -> Result<Vec<Model>, DbErr> {
    let trying = Condition::all()
        .add(Column::State.eq(State::Waiting))
        .add(Column::Attempts.gt(0));
    Entity::find()
        .filter(Column::CorpId.eq(corp_id))
        .filter(Condition::any().add(Column::State.eq(State::Failed)).add(trying))
        .order_by_asc(Column::Id)
        .limit(most)
        .all(db)
        .await
}

/// The objects of events that were given up, in order.
pub(super) async fn failed_objects(db: &impl ConnectionTrait, corp_id: &str) -> Result<Vec<String>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::Object)
        .distinct()
        .filter(Column::CorpId.eq(corp_id))
        .filter(Column::State.eq(State::Failed))
        .order_by_asc(Column::Object)
        .into_tuple()
        .all(db)
        .await
}

/// The events of these objects that were given up wait again, as if they came now.
pub(super) async fn revive(
    db: &impl ConnectionTrait,
    corp_id: &str,
    objects: &[String],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    for objects in objects.chunks(CHUNK) {
        Entity::update_many()
            .col_expr(Column::State, Expr::value(State::Waiting))
            .col_expr(Column::Attempts, Expr::value(0))
            .col_expr(Column::ReceivedAt, Expr::value(now))
            .col_expr(Column::SettledAt, Expr::value(None::<DateTime<Utc>>))
            .filter(Column::CorpId.eq(corp_id))
            .filter(Column::Object.is_in(objects))
            .filter(Column::State.eq(State::Failed))
            .exec(db)
            .await?;
    }
    Ok(())
}

/// Forgets events that were settled before a moment.
pub(super) async fn delete_settled(database: &Database, state: State, before: DateTime<Utc>) -> Result<(), Error> {
    let settled = Condition::all()
        .add(Column::State.eq(state))
        .add(Column::SettledAt.lt(before));
    database.delete_in_batches::<Entity, i64>(Column::Id, settled).await
}

fn of_object(corp_id: &str, object: &str, state: State) -> Condition {
    Condition::all()
        .add(Column::CorpId.eq(corp_id))
        .add(Column::Object.eq(object))
        .add(Column::State.eq(state))
}
