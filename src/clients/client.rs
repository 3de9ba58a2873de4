//! The table of clients: the business applications that trust our tokens.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder as _, QuerySelect as _};

/// A row of `clients`. Lists are separated by spaces, as scopes are (RFC 6749 section 3.3).
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "clients")]
pub struct Model {
    /// The company.
    #[sea_orm(primary_key, auto_increment = false)]
    pub corp_id: String,
    /// `client_id`.
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Digest of its secret; none for a public client.
    pub secret_digest: Option<String>,
    /// Digest of the secret before, while that is still good.
    pub former_secret_digest: Option<String>,
    /// Until when the secret before is good.
    pub former_secret_until: Option<DateTime<Utc>>,
    /// Where authorization responses may go.
    pub redirect_uris: String,
    /// Where a browser may go after a logout.
    pub post_logout_redirect_uris: String,
    /// Where logout tokens go.
    pub backchannel_logout_uri: Option<String>,
    /// Grants that it may use.
    pub grants: String,
    /// Scopes that it may have.
    pub scopes: String,
    /// JOSE name of the algorithm that signs its ID tokens.
    pub id_token_algorithm: String,
    /// Roles of which an employee needs one; empty: none is needed.
    pub required_roles: String,
    /// Departments in one of which, or below, an employee has to be; empty: anywhere.
    pub required_departments: String,
    /// When it was added.
    pub created_at: DateTime<Utc>,
    /// When it last changed.
    pub updated_at: DateTime<Utc>,
}

/// No relations.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Every client of the company by id.
pub(super) async fn all(db: &impl ConnectionTrait, corp_id: &str) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::CorpId.eq(corp_id))
        .order_by_asc(Column::Id)
        .all(db)
        .await
}

/// Finds one client.
pub(super) async fn find(db: &impl ConnectionTrait, corp_id: &str, id: &str) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id((corp_id.to_owned(), id.to_owned())).one(db).await
}

/// Adds a client; fails where its id is taken.
pub(super) async fn insert(db: &impl ConnectionTrait, client: Model) -> Result<(), DbErr> {
    let row = ActiveModel {
        corp_id: Set(client.corp_id),
        id: Set(client.id),
        name: Set(client.name),
        secret_digest: Set(client.secret_digest),
        former_secret_digest: Set(client.former_secret_digest),
        former_secret_until: Set(client.former_secret_until),
        redirect_uris: Set(client.redirect_uris),
        post_logout_redirect_uris: Set(client.post_logout_redirect_uris),
        backchannel_logout_uri: Set(client.backchannel_logout_uri),
        grants: Set(client.grants),
        scopes: Set(client.scopes),
        id_token_algorithm: Set(client.id_token_algorithm),
        required_roles: Set(client.required_roles),
        required_departments: Set(client.required_departments),
        created_at: Set(client.created_at),
        updated_at: Set(client.updated_at),
    };
    Entity::insert(row).exec_without_returning(db).await?;
    Ok(())
}

/// Puts a new secret in the place of the present one, which stays good until `former_until`. True if exactly that
/// secret was still the present one, so that two rotations at once do not lose one of theirs.
pub(super) async fn replace_secret(
    db: &impl ConnectionTrait,
    client: &Model,
    digest: String,
    former_until: DateTime<Utc>,
    now: DateTime<Utc>,
) -> Result<bool, DbErr> {
    let replaced = Entity::update_many()
        .col_expr(Column::SecretDigest, Expr::value(digest))
        .col_expr(Column::FormerSecretDigest, Expr::value(client.secret_digest.clone()))
        .col_expr(Column::FormerSecretUntil, Expr::value(former_until))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::CorpId.eq(&client.corp_id))
        .filter(Column::Id.eq(&client.id))
        .filter(Column::SecretDigest.eq(client.secret_digest.clone()))
        .exec(db)
        .await?;
    Ok(replaced.rows_affected == 1)
}

/// Removes a client; false if there was none.
pub(super) async fn delete(db: &impl ConnectionTrait, corp_id: &str, id: &str) -> Result<bool, DbErr> {
    let deleted = Entity::delete_by_id((corp_id.to_owned(), id.to_owned()))
        .exec(db)
        .await?;
    Ok(deleted.rows_affected == 1)
}

/// Those of `ids` that want to hear of logouts.
pub(super) async fn hearing_logouts(db: &impl ConnectionTrait, ids: &[String]) -> Result<Vec<String>, DbErr> {
    Entity::find()
        .select_only()
        .column(Column::Id)
        .filter(Column::Id.is_in(ids))
        .filter(Column::BackchannelLogoutUri.is_not_null())
        .into_tuple()
        .all(db)
        .await
}
