//! The table of signing keys, their private halves sealed.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::QueryOrder as _;
use sea_orm::entity::prelude::*;

/// A row of `signing_keys`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "signing_keys")]
pub struct Model {
    /// Thumbprint of the public key (RFC 7638).
    #[sea_orm(primary_key, auto_increment = false)]
    pub kid: String,
    /// JOSE name of the algorithm.
    pub algorithm: String,
    /// The how-manieth key of its algorithm; unique, so that instances which start together make one.
    pub generation: i32,
    /// The public half as a JWK (RFC 7517).
    pub public_jwk: String,
    /// The private half, PKCS #8, sealed under the master key.
    pub sealed_private: String,
    /// When it was made.
    pub created_at: DateTime<Utc>,
    /// When it begins to sign.
    pub signs_from: DateTime<Utc>,
    /// When it leaves the key set; none while it signs.
    pub published_until: Option<DateTime<Utc>>,
}

/// No relations.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Every key, oldest first; in the same order wherever it is asked.
pub(super) async fn all(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .order_by_asc(Column::SignsFrom)
        .order_by_asc(Column::Generation)
        .order_by_asc(Column::Kid)
        .all(db)
        .await
}

/// Adds a key; fails where another of the same algorithm and generation exists.
pub(super) async fn insert(db: &impl ConnectionTrait, key: Model) -> Result<(), DbErr> {
    let row = ActiveModel {
        kid: Set(key.kid),
        algorithm: Set(key.algorithm),
        generation: Set(key.generation),
        public_jwk: Set(key.public_jwk),
        sealed_private: Set(key.sealed_private),
        created_at: Set(key.created_at),
        signs_from: Set(key.signs_from),
        published_until: Set(key.published_until),
    };
    Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// Says of all keys of an algorithm older than `generation` until when they stay published, where that is open.
pub(super) async fn publish_older_until(
    db: &impl ConnectionTrait,
    algorithm: &str,
    generation: i32,
    until: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::PublishedUntil, Expr::value(until))
        .filter(Column::Algorithm.eq(algorithm))
        .filter(Column::Generation.lt(generation))
        .filter(Column::PublishedUntil.is_null())
        .exec(db)
        .await?;
    Ok(())
}

/// Removes keys that have not been published since `before`.
pub(super) async fn delete_unpublished(db: &impl ConnectionTrait, before: DateTime<Utc>) -> Result<u64, DbErr> {
    let deleted = Entity::delete_many()
        .filter(Column::PublishedUntil.lt(before))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected)
}
