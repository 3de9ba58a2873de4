//! The table of employees.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{QueryOrder as _, QuerySelect as _};

/// A row of `employees`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "employees")]
pub struct Model {
    /// Our id, the subject of tokens.
    #[sea_orm(primary_key)]
    pub id: i64,
    /// The company.
    pub corp_id: String,
    /// DingTalk's id within the company.
    pub userid: String,
    /// DingTalk's id across the developer's companies.
    pub unionid: Option<String>,
    /// Full name.
    pub name: String,
    /// Address of the picture, or nothing.
    pub avatar: String,
    /// Job title, or nothing.
    pub position: String,
    /// Disabled here, by an administrator.
    pub disabled: bool,
    /// When the employee left the company.
    pub left_at: Option<DateTime<Utc>>,
    /// When first seen.
    pub created_at: DateTime<Utc>,
    /// When last changed.
    pub updated_at: DateTime<Utc>,
}

/// No relations.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// What DingTalk says of one employee; the rest of the row is ours.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) userid: String,
    pub(super) unionid: Option<String>,
    pub(super) name: String,
    pub(super) avatar: String,
    pub(super) position: String,
}

/// The rows of some userids, locked until the transaction ends where the database knows such locks: nobody
/// disables an employee between this and the session that is about to be stored.
pub(super) async fn lock(
    transaction: &impl ConnectionTrait,
    corp_id: &str,
    userids: &[String],
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::CorpId.eq(corp_id))
        .filter(Column::Userid.is_in(userids))
        .order_by_asc(Column::Userid)
        .lock_exclusive()
        .all(transaction)
        .await
}

/// Finds one employee by DingTalk's id.
pub(super) async fn find(db: &impl ConnectionTrait, corp_id: &str, userid: &str) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::CorpId.eq(corp_id))
        .filter(Column::Userid.eq(userid))
        .one(db)
        .await
}

/// Finds one employee by our id.
pub(super) async fn find_by_id(db: &impl ConnectionTrait, corp_id: &str, id: i64) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).filter(Column::CorpId.eq(corp_id)).one(db).await
}

/// Adds employees or brings them up to date; the facts of this service stay.
pub(super) async fn upsert(
    db: &impl ConnectionTrait,
    corp_id: &str,
    mut facts: Vec<Facts>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    if facts.is_empty() {
        return Ok(());
    }
    facts.sort_by(|one, other| one.userid.cmp(&other.userid));
    let rows = facts.into_iter().map(|facts| ActiveModel {
        corp_id: Set(corp_id.to_owned()),
        userid: Set(facts.userid),
        unionid: Set(facts.unionid),
        name: Set(facts.name),
        avatar: Set(facts.avatar),
        position: Set(facts.position),
        disabled: Set(false),
        left_at: Set(None),
        created_at: Set(now),
        updated_at: Set(now),
        ..Default::default()
    });
    let changed = [
        Column::Unionid,
        Column::Name,
        Column::Avatar,
        Column::Position,
        Column::UpdatedAt,
    ];
    Entity::insert_many(rows)
        .on_conflict(
            OnConflict::columns([Column::CorpId, Column::Userid])
                .update_columns(changed)
                .to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    Ok(())
}

/// Disables or enables an employee.
pub(super) async fn set_disabled(
    db: &impl ConnectionTrait,
    id: i64,
    disabled: bool,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Disabled, Expr::value(disabled))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .exec(db)
        .await?;
    Ok(())
}
