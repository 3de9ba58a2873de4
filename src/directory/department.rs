//! The table of departments.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{QueryOrder as _, QuerySelect as _};

/// Most rows that one statement writes.
const CHUNK: usize = 500;

/// Most rows that one statement reads: all that it answers is in memory at once, in a form several times as large.
const PAGE: usize = 500;

/// A row of `departments`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "departments")]
pub struct Model {
    /// The company.
    #[sea_orm(primary_key, auto_increment = false)]
    pub corp_id: String,
    /// DingTalk's id; the root is 1.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: i64,
    /// Name as DingTalk has it.
    pub name: String,
    /// None for the root alone.
    pub parent_id: Option<i64>,
    /// The top-level branch.
    pub root_id: i64,
    /// The ids from the branch down to this one, as `/10/100/`.
    pub path: String,
    /// When this row last changed.
    pub updated_at: DateTime<Utc>,
}

/// No relations.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Every department of the company.
pub(super) async fn all(db: &impl ConnectionTrait, corp_id: &str) -> Result<Vec<Model>, DbErr> {
    let mut departments: Vec<Model> = Vec::new();
    loop {
        let mut page = Entity::find().filter(Column::CorpId.eq(corp_id));
        if let Some(last) = departments.last() {
            page = page.filter(Column::Id.gt(last.id));
        }
        let page = page.order_by_asc(Column::Id).limit(PAGE as u64).all(db).await?;
        let read = page.len();
        departments.extend(page);
        if read < PAGE {
            return Ok(departments);
        }
    }
}

/// Every department of the company, the row of the lowest id locked until the transaction ends where the database knows
/// such locks: a branch or a path follows from other rows, so that one writer works at a time. The lowest is the root's,
/// or another where the root is not to be seen.
pub(super) async fn lock_all(transaction: &impl ConnectionTrait, corp_id: &str) -> Result<Vec<Model>, DbErr> {
    loop {
        let locked = Entity::find()
            .filter(Column::CorpId.eq(corp_id))
            .order_by_asc(Column::Id)
            .limit(1)
            .lock_exclusive()
            .one(transaction)
            .await?;
        let rows = all(transaction, corp_id).await?;
        // Else another writer, who was waited for, has added a lower one or taken this one away.
        if locked.map(|row| row.id) == rows.first().map(|row| row.id) {
            return Ok(rows);
        }
    }
}

/// How many departments there are, and when one of them last changed: together they differ after every change.
pub(super) async fn version(db: &impl ConnectionTrait, corp_id: &str) -> Result<(i64, Option<DateTime<Utc>>), DbErr> {
    let version = Entity::find()
        .select_only()
        .column_as(Column::Id.count(), "count")
        .column_as(Column::UpdatedAt.max(), "updated_at")
        .filter(Column::CorpId.eq(corp_id))
        .into_tuple()
        .one(db)
        .await?;
    Ok(version.unwrap_or_default())
}

/// Forgets departments.
pub(super) async fn delete(db: &impl ConnectionTrait, corp_id: &str, ids: &[i64]) -> Result<(), DbErr> {
    for ids in ids.chunks(CHUNK) {
        Entity::delete_many()
            .filter(Column::CorpId.eq(corp_id))
            .filter(Column::Id.is_in(ids.iter().copied()))
            .exec(db)
            .await?;
    }
    Ok(())
}

/// Keeps departments as they are now.
pub(super) async fn upsert(db: &impl ConnectionTrait, mut departments: Vec<Model>) -> Result<(), DbErr> {
    // Sorted, so that two instances lock the rows in one order.
    departments.sort_by_key(|department| department.id);
    for departments in departments.chunks(CHUNK) {
        upsert_chunk(db, departments).await?;
    }
    Ok(())
}

async fn upsert_chunk(db: &impl ConnectionTrait, departments: &[Model]) -> Result<(), DbErr> {
    let rows = departments.iter().cloned().map(|department| ActiveModel {
        corp_id: Set(department.corp_id),
        id: Set(department.id),
        name: Set(department.name),
        parent_id: Set(department.parent_id),
        root_id: Set(department.root_id),
        path: Set(department.path),
        updated_at: Set(department.updated_at),
    });
    let changed = [
        Column::Name,
        Column::ParentId,
        Column::RootId,
        Column::Path,
        Column::UpdatedAt,
    ];
    Entity::insert_many(rows)
        .on_conflict(
            OnConflict::columns([Column::CorpId, Column::Id])
                .update_columns(changed)
                .to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    Ok(())
}
