//! The table of authorization codes: each is redeemed once, and it is remembered for which session.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::Condition;
use sea_orm::entity::prelude::*;
use sha2::{Digest as _, Sha256};

use crate::database::Database;
use crate::error::Error;

/// A row of `authorization_codes`. The code itself is not kept.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "authorization_codes")]
pub struct Model {
    /// SHA-256 of the code.
    #[sea_orm(primary_key, auto_increment = false)]
    pub digest: String,
    /// The client that it was given to.
    pub client_id: String,
    /// The browser's session that stands behind it.
    pub browser_session: Uuid,
    /// The redirect URI that it was sent to.
    pub redirect_uri: String,
    /// What was granted.
    pub scope: String,
    /// The client's nonce, for the ID token.
    pub nonce: Option<String>,
    /// The S256 challenge (RFC 7636).
    pub code_challenge: Option<String>,
    /// When it ends.
    pub expires_at: DateTime<Utc>,
    /// The session that it was redeemed for.
    pub redeemed_for: Option<Uuid>,
}

/// No relations.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What is kept of a code.
pub(super) fn digest(code: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(code))
}

/// Adds a code.
pub(super) async fn insert(db: &impl ConnectionTrait, code: Model) -> Result<(), DbErr> {
    let row = ActiveModel {
        digest: Set(code.digest),
        client_id: Set(code.client_id),
        browser_session: Set(code.browser_session),
        redirect_uri: Set(code.redirect_uri),
        scope: Set(code.scope),
        nonce: Set(code.nonce),
        code_challenge: Set(code.code_challenge),
        expires_at: Set(code.expires_at),
        redeemed_for: Set(code.redeemed_for),
    };
    Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// Finds a code by its digest.
pub(super) async fn find(db: &impl ConnectionTrait, digest: &str) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(digest.to_owned()).one(db).await
}

/// Redeems a code: of any number of callers one does.
pub(super) async fn redeem(
    db: &impl ConnectionTrait,
    digest: &str,
    session: Uuid,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let redeemed = Entity::update_many()
        .col_expr(Column::RedeemedFor, Expr::value(session))
        .filter(Column::Digest.eq(digest))
        .filter(Column::RedeemedFor.is_null())
        .filter(Column::ExpiresAt.gt(now))
        .exec(db)
        .await?;
    Ok(redeemed.rows_affected == 1)
}

/// Forgets codes that ended before a moment.
pub(super) async fn delete_ended(database: &Database, before: DateTime<Utc>) -> Result<(), Error> {
    let ended = Condition::all().add(Column::ExpiresAt.lt(before));
    database
        .delete_in_batches::<Entity, String>(Column::Digest, ended)
        .await
}
