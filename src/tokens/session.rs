//! The table of sessions: of a micro-app, of a browser, or of a client; those with refresh tokens are their families.

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::{ExprTrait as _, SimpleExpr};
use sea_orm::{ActiveValue::Set, Condition, QueryOrder as _, QuerySelect as _};

use crate::database::Database;
use crate::error::Error;

/// How long the holder of the last used refresh token may repeat itself (product.md section 5).
const REPEAT_WINDOW: TimeDelta = TimeDelta::seconds(10);

/// Whose session it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))")]
pub enum Kind {
    /// Of a micro-app's page, which signed in by an auth code.
    #[sea_orm(string_value = "micro_app")]
    MicroApp,
    /// Of a browser, which holds a cookie: the sign-in from which clients get theirs.
    #[sea_orm(string_value = "browser")]
    Browser,
    /// Of a client, for a person or for itself.
    #[sea_orm(string_value = "client")]
    Client,
}

/// A row of `sessions`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "sessions")]
pub struct Model {
    /// `sid` of its tokens.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    /// Whose it is.
    pub kind: Kind,
    /// `sub` of its tokens.
    pub subject: String,
    /// `aud` of its tokens: a micro-app's name, or the client's id.
    pub audience: String,
    /// The client, where it is a client's.
    pub client_id: Option<String>,
    /// The browser's session from which a client's came.
    pub parent_id: Option<Uuid>,
    /// What a client may do with it, separated by spaces.
    pub scope: String,
    /// How often it was refreshed.
    pub generation: i32,
    /// When it began.
    pub created_at: DateTime<Utc>,
    /// When the person last proved who they are, where that was not when it began.
    pub authenticated_at: Option<DateTime<Utc>>,
    /// When it was last refreshed.
    pub refreshed_at: DateTime<Utc>,
    /// When its refresh token or cookie ends.
    pub expires_at: DateTime<Utc>,
    /// When it was ended, by logout or from above.
    pub ended_at: Option<DateTime<Utc>>,
}

/// No relations.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Model {
    /// Whether it is neither ended nor over.
    pub(super) fn lives(&self, now: DateTime<Utc>) -> bool {
        self.ended_at.is_none() && now < self.expires_at
    }
}

/// Who presents a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder<'a> {
    /// A micro-app's page.
    MicroApp,
    /// A client that has proved who it is.
    Client(&'a str),
}

impl Holder<'_> {
    fn condition(self) -> SimpleExpr {
        match self {
            Self::MicroApp => Column::Kind.eq(Kind::MicroApp),
            Self::Client(id) => Column::Kind.eq(Kind::Client).and(Column::ClientId.eq(id)),
        }
    }

    /// Whether the session is this holder's.
    pub(super) fn holds(self, session: &Model) -> bool {
        match self {
            Self::MicroApp => session.kind == Kind::MicroApp,
            Self::Client(id) => session.kind == Kind::Client && session.client_id.as_deref() == Some(id),
        }
    }
}

/// What became of a refresh.
#[derive(Debug)]
pub(super) enum Rotation {
    /// This caller used the token; the session is one generation on.
    Rotated(Model),
    /// The same token again within ten seconds: the same answer is due.
    Repeated(Model),
    /// An old token: somebody has a copy.
    Replayed(Model),
    /// Ended, expired, another's or never there.
    Gone,
}

/// Adds sessions, all at once.
pub(super) async fn insert(db: &impl ConnectionTrait, sessions: Vec<Model>) -> Result<(), DbErr> {
    if sessions.is_empty() {
        return Ok(());
    }
    let rows = sessions.into_iter().map(|session| ActiveModel {
        id: Set(session.id),
        kind: Set(session.kind),
        subject: Set(session.subject),
        audience: Set(session.audience),
        client_id: Set(session.client_id),
        parent_id: Set(session.parent_id),
        scope: Set(session.scope),
        generation: Set(session.generation),
        created_at: Set(session.created_at),
        authenticated_at: Set(session.authenticated_at),
        refreshed_at: Set(session.refreshed_at),
        expires_at: Set(session.expires_at),
        ended_at: Set(session.ended_at),
    });
    Entity::insert_many(rows).exec_without_returning(db).await?;
    Ok(())
}

/// Finds a session.
pub(super) async fn find(db: &impl ConnectionTrait, id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).one(db).await
}

/// Finds a session and keeps it from being ended by others until the transaction is over, where the database knows
/// such locks.
pub(super) async fn lock(transaction: &impl ConnectionTrait, id: Uuid) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).lock_exclusive().one(transaction).await
}

/// Uses a refresh token: of any number of callers with the same one, one rotates.
pub(super) async fn rotate(
    db: &impl ConnectionTrait,
    id: Uuid,
    generation: i32,
    holder: Holder<'_>,
    now: DateTime<Utc>,
    life: TimeDelta,
) -> Result<Rotation, DbErr> {
    let used = Entity::update_many()
        .col_expr(Column::Generation, Expr::value(generation.saturating_add(1)))
        .col_expr(Column::RefreshedAt, Expr::value(now))
        .col_expr(Column::ExpiresAt, Expr::value(now + life))
        .filter(Column::Id.eq(id))
        .filter(holder.condition())
        .filter(Column::Generation.eq(generation))
        .filter(Column::EndedAt.is_null())
        .filter(Column::ExpiresAt.gt(now))
        .exec(db)
        .await?;
    let Some(session) = find(db, id).await?.filter(|session| holder.holds(session)) else {
        return Ok(Rotation::Gone);
    };
    if !session.lives(now) {
        return Ok(Rotation::Gone);
    }
    Ok(match session.generation.saturating_sub(generation) {
        _ if used.rows_affected == 1 => Rotation::Rotated(session),
        1 if now - session.refreshed_at <= REPEAT_WINDOW => Rotation::Repeated(session),
        _ => Rotation::Replayed(session),
    })
}

/// The living sessions of a condition, locked where the database knows such locks, and in one order, so that those who
/// end the same sessions wait for one another.
pub(super) async fn living(transaction: &impl ConnectionTrait, which: Condition) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(which)
        .filter(Column::EndedAt.is_null())
        .order_by_asc(Column::Id)
        .lock_exclusive()
        .all(transaction)
        .await
}

/// Ends sessions.
pub(super) async fn end(transaction: &impl ConnectionTrait, ids: &[Uuid], now: DateTime<Utc>) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::EndedAt, Expr::value(now))
        .filter(Column::Id.is_in(ids.iter().copied()))
        .filter(Column::EndedAt.is_null())
        .exec(transaction)
        .await?;
    Ok(())
}

/// Gives the clients' sessions of one browser session to another: the same person has signed in again.
pub(super) async fn adopt(transaction: &impl ConnectionTrait, from: Uuid, to: Uuid) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::ParentId, Expr::value(to))
        .filter(Column::ParentId.eq(from))
        .exec(transaction)
        .await?;
    Ok(())
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

/// Forgets sessions that were over before a moment: nothing of theirs is good any more.
pub(super) async fn delete_over(database: &Database, before: DateTime<Utc>) -> Result<(), Error> {
    let over = Condition::any()
        .add(Column::EndedAt.lt(before))
        .add(Column::ExpiresAt.lt(before));
    database.delete_in_batches::<Entity, Uuid>(Column::Id, over).await
}
