//! The table of objects that events wait for: each is worked on by one instance at a time.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{Condition, QueryOrder as _, QuerySelect as _};

/// Most rows of one statement.
const CHUNK: usize = 500;

/// A row of `event_objects`; it is there as long as events wait for the object.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "event_objects")]
pub struct Model {
    /// The company.
    #[sea_orm(primary_key, auto_increment = false)]
    pub corp_id: String,
    /// The object, as in `events`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub object: String,
    /// When it is to be worked on.
    pub due_at: DateTime<Utc>,
    /// The claim of whoever works on it.
    pub lease: Option<Uuid>,
    /// When that claim ends by itself.
    pub leased_until: Option<DateTime<Utc>>,
}

/// No relations.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Puts objects on the list, due at once: one that waits after a failed attempt too, for who knows what has happened
/// since. One that is there already is locked until the transaction ends: whoever takes it off meanwhile sees the
/// events that came with it.
pub(super) async fn enlist(
    db: &impl ConnectionTrait,
    corp_id: &str,
    objects: &[String],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    for objects in objects.chunks(CHUNK) {
        let rows = objects.iter().map(|object| ActiveModel {
            corp_id: Set(corp_id.to_owned()),
            object: Set(object.clone()),
            due_at: Set(now),
            lease: Set(None),
            leased_until: Set(None),
        });
        Entity::insert_many(rows)
            .on_conflict(
                OnConflict::columns([Column::CorpId, Column::Object])
                    .update_column(Column::DueAt)
                    .to_owned(),
            )
            .exec_without_returning(db)
            .await?;
    }
    Ok(())
}

/// The objects that nobody works on and that are due, longest first.
pub(super) async fn due(
    db: &impl ConnectionTrait,
    corp_id: &str,
    now: DateTime<Utc>,
    most: u64,
) -> Result<Vec<String>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::Object)
        .filter(Column::CorpId.eq(corp_id))
        .filter(Column::DueAt.lte(now))
        .filter(is_free(now))
        .order_by_asc(Column::DueAt)
        .limit(most)
        .into_tuple()
        .all(db)
        .await
}

/// Claims an object: of several instances one gets it.
pub(super) async fn claim(
    db: &impl ConnectionTrait,
    corp_id: &str,
    object: &str,
    lease: Uuid,
    now: DateTime<Utc>,
    until: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let claimed = Entity::update_many()
        .col_expr(Column::Lease, Expr::value(lease))
        .col_expr(Column::LeasedUntil, Expr::value(until))
        .filter(Column::CorpId.eq(corp_id))
        .filter(Column::Object.eq(object))
        .filter(Column::DueAt.lte(now))
        .filter(is_free(now))
        .exec(db)
        .await?;
    Ok(claimed.rows_affected == 1)
}

/// Gives a claim back; the object is due at `due_at`. False if the claim has ended and is another's.
pub(super) async fn give_back(
    db: &impl ConnectionTrait,
    corp_id: &str,
    object: &str,
    lease: Uuid,
    due_at: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let given = Entity::update_many()
        .col_expr(Column::Lease, Expr::value(None::<Uuid>))
        .col_expr(Column::LeasedUntil, Expr::value(None::<DateTime<Utc>>))
        .col_expr(Column::DueAt, Expr::value(due_at))
        .filter(Column::CorpId.eq(corp_id))
        .filter(Column::Object.eq(object))
        .filter(Column::Lease.eq(lease))
        .exec(db)
        .await?;
    Ok(given.rows_affected == 1)
}

/// An object is due at once, whoever works on it.
pub(super) async fn hasten(
    db: &impl ConnectionTrait,
    corp_id: &str,
    object: &str,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(now))
        .filter(Column::CorpId.eq(corp_id))
        .filter(Column::Object.eq(object))
        .exec(db)
        .await?;
    Ok(())
}

/// Takes an object off the list: nothing waits for it.
pub(super) async fn strike(db: &impl ConnectionTrait, corp_id: &str, object: &str) -> Result<(), DbErr> {
    Entity::delete_many()
        .filter(Column::CorpId.eq(corp_id))
        .filter(Column::Object.eq(object))
        .exec(db)
        .await?;
    Ok(())
}

fn is_free(now: DateTime<Utc>) -> Condition {
    Condition::any()
        .add(Column::LeasedUntil.is_null())
        .add(Column::LeasedUntil.lte(now))
}
