//! The table of changes: what each run changed, for whom, and why.

use sea_orm::ActiveValue::Set;
use sea_orm::QueryOrder as _;
use sea_orm::entity::prelude::*;
use serde::Serialize;

/// What it happened to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "camelCase")]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))")]
pub enum Kind {
    /// An employee.
    #[sea_orm(string_value = "employee")]
    Employee,
    /// A department.
    #[sea_orm(string_value = "department")]
    Department,
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, EnumIter, DeriveActiveEnum)]
#[serde(rename_all = "camelCase")]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))")]
pub enum What {
    /// New.
    #[sea_orm(string_value = "joined")]
    Joined,
    /// Back after having left.
    #[sea_orm(string_value = "returned")]
    Returned,
    /// Different.
    #[sea_orm(string_value = "changed")]
    Changed,
    /// Left, or no more.
    #[sea_orm(string_value = "left")]
    Left,
}

/// A row of `sync_changes`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sync_changes")]
pub struct Model {
    /// The run.
    #[sea_orm(primary_key, auto_increment = false)]
    pub run_id: Uuid,
    /// What it happened to.
    #[sea_orm(primary_key, auto_increment = false)]
    pub kind: Kind,
    /// The userid, or the department's id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub subject: String,
    /// The name as it is now.
    pub name: String,
    /// What happened.
    pub change: What,
    /// The fields, or the reason.
    pub detail: String,
}

/// No relations.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What a sync changed or would change, for whom and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SyncChange {
    /// What it happened to.
    pub kind: Kind,
    /// The userid, or the department's id.
    pub subject: String,
    /// The name as it is now.
    pub name: String,
    /// What happened.
    pub change: What,
    /// The fields that differ, or the reason.
    pub detail: String,
}

impl From<Model> for SyncChange {
    fn from(row: Model) -> Self {
        Self {
            kind: row.kind,
            subject: row.subject,
            name: row.name,
            change: row.change,
            detail: row.detail,
        }
    }
}

/// Notes changes of a run. One that a stopped run has noted already is not noted twice.
pub(super) async fn insert(db: &impl ConnectionTrait, run_id: Uuid, changes: &[SyncChange]) -> Result<(), DbErr> {
    const CHUNK: usize = 500;
    for changes in changes.chunks(CHUNK) {
        for kind in [Kind::Employee, Kind::Department] {
            let subjects = changes
                .iter()
                .filter(|change| change.kind == kind)
                .map(|change| change.subject.as_str());
            Entity::delete_many()
                .filter(Column::RunId.eq(run_id))
                .filter(Column::Kind.eq(kind))
                .filter(Column::Subject.is_in(subjects))
                .exec(db)
                .await?;
        }
        let rows = changes.iter().cloned().map(|change| ActiveModel {
            run_id: Set(run_id),
            kind: Set(change.kind),
            subject: Set(change.subject),
            name: Set(change.name),
            change: Set(change.change),
            detail: Set(change.detail),
        });
        Entity::insert_many(rows).exec_without_returning(db).await?;
    }
    Ok(())
}

/// What a run changed.
pub(super) async fn of_run(db: &impl ConnectionTrait, run_id: Uuid) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::RunId.eq(run_id))
        .order_by_asc(Column::Kind)
        .order_by_asc(Column::Subject)
        .all(db)
        .await
}

/// Forgets what runs changed.
pub(super) async fn delete(db: &impl ConnectionTrait, run_ids: &[Uuid]) -> Result<(), DbErr> {
    Entity::delete_many()
        .filter(Column::RunId.is_in(run_ids.iter().copied()))
        .exec(db)
        .await?;
    Ok(())
}
