//! Roles and their table: a name, and what it allows.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::QueryOrder as _;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;

/// The role of the administrators named in the settings, and what it allows.
pub const ADMIN: &str = "admin";

/// A role of the company.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Role {
    /// Its name.
    pub name: String,
    /// What it allows.
    pub power: Vec<String>,
}

/// A row of `roles`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "roles")]
pub struct Model {
    /// The company.
    #[sea_orm(primary_key, auto_increment = false)]
    pub corp_id: String,
    /// The role's name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub name: String,
    /// What it allows, separated by spaces, as scopes are (RFC 6749 section 3.3).
    pub power: String,
    /// When it was last set.
    pub updated_at: DateTime<Utc>,
}

/// No relations.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl Role {
    /// The role of the administrators, which is in no table.
    #[must_use]
    pub fn admin() -> Self {
        Self {
            name: ADMIN.to_owned(),
            power: vec![ADMIN.to_owned()],
        }
    }
}

impl From<Model> for Role {
    fn from(row: Model) -> Self {
        Self {
            name: row.name,
            power: row.power.split_whitespace().map(str::to_owned).collect(),
        }
    }
}

/// Every role of the company by name.
pub(super) async fn all(db: &impl ConnectionTrait, corp_id: &str) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::CorpId.eq(corp_id))
        .order_by_asc(Column::Name)
        .all(db)
        .await
}

/// Says what a role allows, whether it is new or not.
pub(super) async fn upsert(db: &impl ConnectionTrait, role: Model) -> Result<(), DbErr> {
    let row = ActiveModel {
        corp_id: Set(role.corp_id),
        name: Set(role.name),
        power: Set(role.power),
        updated_at: Set(role.updated_at),
    };
    let conflict = OnConflict::columns([Column::CorpId, Column::Name])
        .update_columns([Column::Power, Column::UpdatedAt])
        .to_owned();
    Entity::insert(row)
        .on_conflict(conflict)
        .exec_without_returning(db)
        .await?;
    Ok(())
}
