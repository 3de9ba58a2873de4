//! The table of sessions: one a login, each a family of refresh tokens.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue::Set, QuerySelect as _};

/// How long the holder of the last used refresh token may repeat itself (product.md section 5).
const REPEAT_WINDOW: TimeDelta = TimeDelta::seconds(10);

/// A row of `sessions`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    /// `sid` of its tokens.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// `sub` of its tokens.
    pub subject: String,
    /// `aud` of its tokens.
    pub audience: String,
    /// How often it was refreshed.
    pub generation: i32,
    /// When the login was.
    pub created_at: DateTime<Utc>,
    /// When it was last refreshed.
    pub refreshed_at: DateTime<Utc>,
    /// When its refresh token ends.
    pub expires_at: DateTime<Utc>,
    /// When it was ended, by logout or from above.
    pub ended_at: Option<DateTime<Utc>>,
}

/// No relations.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What became of a refresh.
#[derive(Debug)]
pub(super) enum Rotation {
    /// This caller used the token; the session is one generation on.
    Rotated(Model),
    /// The same token again within ten seconds: the same answer is due.
    Repeated(Model),
    /// An old token: somebody has a copy.
    Replayed(Model),
    /// Ended, expired or never there.
    Gone,
}

/// Adds sessions, all at once.
pub(super) async fn insert(db: &impl ConnectionTrait, sessions: Vec<Model>) -> Result<(), DbErr> {
    if sessions.is_empty() {
        return Ok(());
    }
    let rows = sessions.into_iter().map(|session| ActiveModel {
        id: Set(session.id),
        subject: Set(session.subject),
        audience: Set(session.audience),
        generation: Set(session.generation),
        created_at: Set(session.created_at),
        refreshed_at: Set(session.refreshed_at),
        expires_at: Set(session.expires_at),
        ended_at: Set(session.ended_at),
    });
    Entity::insert_many(rows).exec_without_returning(db).await?;
    Ok(())
}

/// Uses a refresh token: of any number of callers with the same one, one rotates.
pub(super) async fn rotate(
    db: &impl ConnectionTrait,
    id: Uuid,
    generation: i32,
    now: DateTime<Utc>,
    life: TimeDelta,
) -> Result<Rotation, DbErr> {
    let used = Entity::update_many()
        .col_expr(Column::Generation, Expr::value(generation.saturating_add(1)))
        .col_expr(Column::RefreshedAt, Expr::value(now))
        .col_expr(Column::ExpiresAt, Expr::value(now + life))
        .filter(Column::Id.eq(id))
        .filter(Column::Generation.eq(generation))
        .filter(Column::EndedAt.is_null())
        .filter(Column::ExpiresAt.gt(now))
        .exec(db)
        .await?;
    let Some(session) = Entity::find_by_id(id).one(db).await? else {
        return Ok(Rotation::Gone);
    };
    if session.ended_at.is_some() || session.expires_at <= now {
        return Ok(Rotation::Gone);
    }
    Ok(match session.generation.saturating_sub(generation) {
        _ if used.rows_affected == 1 => Rotation::Rotated(session),
        1 if now - session.refreshed_at <= REPEAT_WINDOW => Rotation::Repeated(session),
        _ => Rotation::Replayed(session),
    })
}

/// Ends one session; true if it was not ended yet.
pub(super) async fn end(db: &impl ConnectionTrait, id: Uuid, now: DateTime<Utc>) -> Result<bool, DbErr> {
    let ended = Entity::update_many()
        .col_expr(Column::EndedAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .filter(Column::EndedAt.is_null())
        .exec(db)
        .await?;
    Ok(ended.rows_affected == 1)
}

/// Ends every session of a subject; answers how many.
pub(super) async fn end_of_subject(db: &impl ConnectionTrait, subject: &str, now: DateTime<Utc>) -> Result<u64, DbErr> {
    let ended = Entity::update_many()
        .col_expr(Column::EndedAt, Expr::value(now))
        .filter(Column::Subject.eq(subject))
        .filter(Column::EndedAt.is_null())
        .exec(db)
        .await?;
    Ok(ended.rows_affected)
}

/// The sessions that were ended at `since` or later, with the moment.
pub(super) async fn ended_since(
    db: &impl ConnectionTrait,
    since: DateTime<Utc>,
) -> Result<Vec<(Uuid, DateTime<Utc>)>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .column(Column::EndedAt)
        .filter(Column::EndedAt.gte(since))
        .into_tuple()
        .all(db)
        .await
}
