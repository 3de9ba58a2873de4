//! The table of runs: when the directory was synced, how, and what came of it.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder as _, QuerySelect as _};
use serde::Serialize;

/// Who wanted it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "camelCase")]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))")]
pub enum Cause {
    /// It was time.
    #[sea_orm(string_value = "schedule")]
    Schedule,
    /// Somebody called the command.
    #[sea_orm(string_value = "command")]
    Command,
    /// DingTalk told of a change that concerns everything, or had nobody to tell for a while.
    #[sea_orm(string_value = "event")]
    Event,
}

/// How far it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "camelCase")]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))")]
pub enum State {
    /// Under way, or stopped without a word.
    #[sea_orm(string_value = "running")]
    Running,
    /// Everything is written.
    #[sea_orm(string_value = "done")]
    Done,
    /// Too many would have left: nothing is written.
    #[sea_orm(string_value = "stopped")]
    Stopped,
    /// Something failed; what was read is kept for an hour.
    #[sea_orm(string_value = "failed")]
    Failed,
}

/// What a sync has met and done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Counts {
    /// Departments that were read.
    pub departments: i32,
    /// Employees that were read.
    pub employees: i32,
    /// Of those, new ones.
    pub joined: i32,
    /// Of those, who had left.
    pub returned: i32,
    /// Of those, who are different now.
    pub changed: i32,
    /// Employees who left.
    pub left: i32,
    /// Departments that are new or different, also in their branch or path.
    pub departments_changed: i32,
    /// Departments that are no more.
    pub departments_gone: i32,
}

impl Counts {
    /// Of a sync that has read so much, and done nothing yet.
    pub(super) fn met(departments: usize, employees: usize) -> Self {
        Self {
            departments: count(departments),
            employees: count(employees),
            ..Self::default()
        }
    }
}

/// A length as it is stored.
pub(super) fn count(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}

/// A row of `sync_runs`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_runs")]
pub struct Model {
    /// Our id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The company.
    pub corp_id: String,
    /// Who wanted it.
    pub cause: Cause,
    /// How far it came.
    pub state: State,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// What failed, or nothing.
    pub failure: String,
    /// As in [`Counts`], this and the following.
    pub departments: i32,
    /// As in [`Counts`].
    pub employees: i32,
    /// As in [`Counts`].
    pub joined: i32,
    /// As in [`Counts`].
    pub returned: i32,
    /// As in [`Counts`].
    pub changed: i32,
    /// As in [`Counts`].
    pub left: i32,
    /// As in [`Counts`].
    pub departments_changed: i32,
    /// As in [`Counts`].
    pub departments_gone: i32,
}

/// No relations.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// A sync that was run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Run {
    /// Our id.
    pub id: Uuid,
    /// Who wanted it.
    pub cause: Cause,
    /// How far it came.
    pub state: State,
    /// When it began.
    pub started_at: DateTime<Utc>,
    /// When it ended.
    pub ended_at: Option<DateTime<Utc>>,
    /// What failed.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub failure: String,
    /// What it has met and done.
    #[serde(flatten)]
    pub counts: Counts,
}

impl From<Model> for Run {
    fn from(row: Model) -> Self {
        Self {
            id: row.id,
            cause: row.cause,
            state: row.state,
            started_at: row.started_at,
            ended_at: row.ended_at,
            failure: row.failure,
            counts: Counts {
                departments: row.departments,
                employees: row.employees,
                joined: row.joined,
                returned: row.returned,
                changed: row.changed,
                left: row.left,
                departments_changed: row.departments_changed,
                departments_gone: row.departments_gone,
            },
        }
    }
}

/// The last runs, the latest first.
pub(super) async fn latest(db: &impl ConnectionTrait, corp_id: &str, most: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::CorpId.eq(corp_id))
        .order_by_desc(Column::StartedAt)
        .order_by_desc(Column::Id)
        .limit(most)
        .all(db)
        .await
}

/// The last run that began at a moment or later and came to its end.
pub(super) async fn ended_since(
    db: &impl ConnectionTrait,
    corp_id: &str,
    moment: DateTime<Utc>,
) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::CorpId.eq(corp_id))
        .filter(Column::StartedAt.gte(moment))
        .filter(Column::State.is_in([State::Done, State::Stopped]))
        .order_by_desc(Column::StartedAt)
        .one(db)
        .await
}

/// Adds a run that begins.
pub(super) async fn insert(
    db: &impl ConnectionTrait,
    id: Uuid,
    corp_id: &str,
    cause: Cause,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(id),
        corp_id: Set(corp_id.to_owned()),
        cause: Set(cause),
        state: Set(State::Running),
        started_at: Set(now),
        ended_at: Set(None),
        failure: Set(String::new()),
        ..Default::default()
    };
    Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// Goes on with a run.
pub(super) async fn resume(db: &impl ConnectionTrait, id: Uuid) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(id),
        state: Set(State::Running),
        ended_at: Set(None),
        failure: Set(String::new()),
        ..Default::default()
    };
    Entity::update(row).exec(db).await?;
    Ok(())
}

/// Notes how a run ended.
pub(super) async fn end(
    db: &impl ConnectionTrait,
    id: Uuid,
    state: State,
    counts: Counts,
    failure: &str,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    let row = ActiveModel {
        id: Set(id),
        state: Set(state),
        ended_at: Set(Some(now)),
        failure: Set(failure.chars().take(1024).collect()),
        departments: Set(counts.departments),
        employees: Set(counts.employees),
        joined: Set(counts.joined),
        returned: Set(counts.returned),
        changed: Set(counts.changed),
        left: Set(counts.left),
        departments_changed: Set(counts.departments_changed),
        departments_gone: Set(counts.departments_gone),
        ..Default::default()
    };
    Entity::update(row).exec(db).await?;
    Ok(())
}

/// The ids of runs that began before a moment.
pub(super) async fn before(
    db: &impl ConnectionTrait,
    corp_id: &str,
    moment: DateTime<Utc>,
) -> Result<Vec<Uuid>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::CorpId.eq(corp_id))
        .filter(Column::StartedAt.lt(moment))
        .into_tuple()
        .all(db)
        .await
}

/// Forgets runs.
pub(super) async fn delete(db: &impl ConnectionTrait, ids: &[Uuid]) -> Result<(), DbErr> {
    Entity::delete_many()
        .filter(Column::Id.is_in(ids.iter().copied()))
        .exec(db)
        .await?;
    Ok(())
}
