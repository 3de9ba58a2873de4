//! The table of logout tokens that are still to be delivered to clients.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder as _, QuerySelect as _};

/// A row of `logout_deliveries`; it is gone when the client has answered, or will not any more.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "logout_deliveries")]
pub struct Model {
    /// Its id.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// The client that is to be told.
    pub client_id: String,
    /// Who was signed out.
    pub subject: String,
    /// The client's session that has ended.
    pub session: Uuid,
    /// How often it was tried.
    pub attempts: i32,
    /// When the session ended.
    pub created_at: DateTime<Utc>,
    /// When it is to be tried next.
    pub due_at: DateTime<Utc>,
}

/// No relations.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Adds deliveries.
pub(super) async fn insert(db: &impl ConnectionTrait, deliveries: Vec<Model>) -> Result<(), DbErr> {
    if deliveries.is_empty() {
        return Ok(());
    }
    let rows = deliveries.into_iter().map(|delivery| ActiveModel {
        id: Set(delivery.id),
        client_id: Set(delivery.client_id),
        subject: Set(delivery.subject),
        session: Set(delivery.session),
        attempts: Set(delivery.attempts),
        created_at: Set(delivery.created_at),
        due_at: Set(delivery.due_at),
    });
    Entity::insert_many(rows).exec_without_returning(db).await?;
    Ok(())
}

/// The deliveries that are due: new ones before those of clients that have not answered so far, which must not hold up
/// the others.
pub(super) async fn due(db: &impl ConnectionTrait, now: DateTime<Utc>, most: u64) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::DueAt.lte(now))
        .order_by_asc(Column::Attempts)
        .order_by_asc(Column::DueAt)
        .limit(most)
        .all(db)
        .await
}

/// Takes an attempt for this instance until `until`, where nobody else has done so.
pub(super) async fn claim(db: &impl ConnectionTrait, delivery: &Model, until: DateTime<Utc>) -> Result<bool, DbErr> {
    let claimed = Entity::update_many()
        .col_expr(Column::Attempts, Expr::value(delivery.attempts.saturating_add(1)))
        .col_expr(Column::DueAt, Expr::value(until))
        .filter(Column::Id.eq(delivery.id))
        .filter(Column::Attempts.eq(delivery.attempts))
        .exec(db)
        .await?;
    Ok(claimed.rows_affected == 1)
}

/// The client has not taken it: it is due again at `next`.
pub(super) async fn put_off(db: &impl ConnectionTrait, id: Uuid, next: DateTime<Utc>) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::DueAt, Expr::value(next))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}

/// The client has answered, or will not be asked any more.
pub(super) async fn delete(db: &impl ConnectionTrait, id: Uuid) -> Result<(), DbErr> {
    Entity::delete_by_id(id).exec(db).await?;
    Ok(())
}
