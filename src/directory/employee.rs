//! Employees and their table.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{QueryOrder as _, QuerySelect as _};

use super::membership::Membership;
use super::profile::Profile;
use crate::database;

/// The most ids in one statement: SQLite takes few more values, and [`database::padded`] makes a power of two of them.
const IDS_AT_ONCE: usize = 16_384;

/// An employee as this service knows them.
#[derive(Debug, Clone)]
pub struct Employee {
    /// Our id.
    pub id: i64,
    /// DingTalk's id within the company.
    pub userid: String,
    /// Full name.
    pub name: String,
    /// Address of the picture, or nothing.
    pub avatar: String,
    /// Job title, or nothing.
    pub position: String,
    /// Disabled here.
    pub disabled: bool,
    /// When the employee left the company.
    pub left_at: Option<DateTime<Utc>>,
    /// Departments in DingTalk's order.
    pub memberships: Vec<Membership>,
    /// Roles granted here.
    pub roles: Vec<String>,
    /// What those allow.
    pub power: Vec<String>,
}

impl Employee {
    /// Whether the employee may sign in.
    #[must_use]
    pub fn may_sign_in(&self) -> bool {
        !self.disabled && self.left_at.is_none()
    }

    /// The main department: the one marked so, else the first.
    #[must_use]
    pub fn main_department(&self) -> Option<i64> {
        let main = self
            .memberships
            .iter()
            .find(|membership| membership.main)
            .or(self.memberships.first());
        main.map(|membership| membership.department_id)
    }
}

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

impl Model {
    /// Completes a profile by what is stored. Every member has a name and a unionid, so that one without is one whose
    /// fields are hidden from us; picture and position are absent where nobody has filled them in, and follow.
    pub(super) fn complete(&self, mut profile: Profile) -> Profile {
        if profile.unionid.is_none() {
            profile.unionid.clone_from(&self.unionid);
        }
        if profile.name.is_empty() {
            profile.name.clone_from(&self.name);
        }
        profile
    }

    /// The columns of which DingTalk says something else than is stored here; memberships are stored apart.
    pub(super) fn differences(&self, profile: &Profile) -> Vec<&'static str> {
        differences(
            self.unionid.as_ref(),
            [&self.name, &self.avatar, &self.position],
            profile,
        )
    }
}

/// The columns of which a profile says something else; a hidden unionid or name says nothing, as in [`Model::complete`].
fn differences(
    unionid: Option<&String>,
    [name, avatar, position]: [&String; 3],
    profile: &Profile,
) -> Vec<&'static str> {
    let columns = [
        (
            "unionid",
            profile.unionid.is_none() || profile.unionid.as_ref() == unionid,
        ),
        ("name", profile.name.is_empty() || profile.name == *name),
        ("avatar", profile.avatar == *avatar),
        ("position", profile.position == *position),
    ];
    let different = columns.into_iter().filter(|(_, same)| !same);
    different.map(|(column, _)| column).collect()
}

/// Somebody who is here, by what DingTalk tells of them: a whole company is read so.
#[derive(Debug)]
pub(super) struct Here {
    pub(super) id: i64,
    pub(super) corp_id: String,
    pub(super) userid: String,
    unionid: Option<String>,
    pub(super) name: String,
    avatar: String,
    position: String,
}

impl Here {
    /// Whether DingTalk says nothing else than is stored.
    pub(super) fn is_as_told(&self, profile: &Profile) -> bool {
        let stored = [&self.name, &self.avatar, &self.position];
        differences(self.unionid.as_ref(), stored, profile).is_empty()
    }
}

/// The rows of some userids, locked until the transaction ends where the database knows such locks: nobody
/// disables an employee between this and the session that is about to be stored.
pub(super) async fn lock(
    transaction: &impl ConnectionTrait,
    corp_id: &str,
    userids: Vec<String>,
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::CorpId.eq(corp_id))
        .filter(Column::Userid.is_in(database::padded(userids)))
        .order_by_asc(Column::Userid)
        .lock_exclusive()
        .all(transaction)
        .await
}

/// The rows of some userids.
pub(super) async fn find_many(
    db: &impl ConnectionTrait,
    corp_id: &str,
    userids: &[String],
) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::CorpId.eq(corp_id))
        .filter(Column::Userid.is_in(userids))
        .all(db)
        .await
}

/// The columns of [`Here`], in their order.
type HereRow = (i64, String, String, Option<String>, String, String, String);

/// Those who have not left, of whatever company, by our id, from behind `after` on: if one company were asked for, a
/// database would rather gather and sort it anew for every call.
pub(super) async fn here_after(db: &impl ConnectionTrait, after: i64, most: u64) -> Result<Vec<Here>, DbErr> {
    let rows: Vec<HereRow> = Entity::find()
        .select_only()
        .columns([
            Column::Id,
            Column::CorpId,
            Column::Userid,
            Column::Unionid,
            Column::Name,
            Column::Avatar,
            Column::Position,
        ])
        .filter(Column::LeftAt.is_null())
        .filter(Column::Id.gt(after))
        .order_by_asc(Column::Id)
        .limit(most)
        .into_tuple()
        .all(db)
        .await?;
    let here = |(id, corp_id, userid, unionid, name, avatar, position)| Here {
        id,
        corp_id,
        userid,
        unionid,
        name,
        avatar,
        position,
    };
    Ok(rows.into_iter().map(here).collect())
}

/// Our ids of some userids.
pub(super) async fn ids(
    db: &impl ConnectionTrait,
    corp_id: &str,
    userids: Vec<String>,
) -> Result<Vec<(i64, String)>, DbErr> {
    Entity::find()
        .select_only()
        .columns([Column::Id, Column::Userid])
        .filter(Column::CorpId.eq(corp_id))
        .filter(Column::Userid.is_in(database::padded(userids)))
        .into_tuple()
        .all(db)
        .await
}

/// The rows of some persons, locked likewise; who left last comes first. They are asked for in the order of the index
/// by which they are found: for another order SQLite goes through the whole company.
pub(super) async fn lock_persons(
    transaction: &impl ConnectionTrait,
    corp_id: &str,
    unionids: &[&str],
) -> Result<Vec<Model>, DbErr> {
    let mut rows = Entity::find()
        .filter(Column::CorpId.eq(corp_id))
        .filter(Column::Unionid.is_in(unionids.iter().copied()))
        .order_by_asc(Column::Unionid)
        .lock_exclusive()
        .all(transaction)
        .await?;
    rows.sort_by_key(|row| std::cmp::Reverse(row.left_at));
    Ok(rows)
}

/// Finds one employee by DingTalk's id.
pub(super) async fn find(db: &impl ConnectionTrait, corp_id: &str, userid: &str) -> Result<Option<Model>, DbErr> {
    Entity::find()
        .filter(Column::CorpId.eq(corp_id))
        .filter(Column::Userid.eq(userid))
        .one(db)
        .await
}

/// The userids of those of these employees who have not left, by our id.
pub(super) async fn userids(
    db: &impl ConnectionTrait,
    corp_id: &str,
    ids: Vec<i64>,
) -> Result<HashMap<i64, String>, DbErr> {
    let mut userids = HashMap::new();
    for some in ids.chunks(IDS_AT_ONCE) {
        let rows: Vec<(i64, String)> = Entity::find()
            .select_only()
            .columns([Column::Id, Column::Userid])
            .filter(Column::CorpId.eq(corp_id))
            .filter(Column::Id.is_in(database::padded(some.to_vec())))
            .filter(Column::LeftAt.is_null())
            .into_tuple()
            .all(db)
            .await?;
        userids.extend(rows);
    }
    Ok(userids)
}

/// Finds one employee by our id.
pub(super) async fn find_by_id(db: &impl ConnectionTrait, corp_id: &str, id: i64) -> Result<Option<Model>, DbErr> {
    Entity::find_by_id(id).filter(Column::CorpId.eq(corp_id)).one(db).await
}

/// Adds employees or brings them up to date; the facts of this service stay.
pub(super) async fn upsert(
    db: &impl ConnectionTrait,
    corp_id: &str,
    profiles: &[Profile],
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    if profiles.is_empty() {
        return Ok(());
    }
    // Sorted, so that two instances lock the rows in one order.
    let mut profiles: Vec<&Profile> = profiles.iter().collect();
    profiles.sort_by(|one, other| one.userid.cmp(&other.userid));
    let rows = profiles.into_iter().map(|profile| ActiveModel {
        corp_id: Set(corp_id.to_owned()),
        userid: Set(profile.userid.clone()),
        unionid: Set(profile.unionid.clone()),
        name: Set(profile.name.clone()),
        avatar: Set(profile.avatar.clone()),
        position: Set(profile.position.clone()),
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

/// Marks employees as left, or as here again.
pub(super) async fn set_left(
    db: &impl ConnectionTrait,
    ids: &[i64],
    left_at: Option<DateTime<Utc>>,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    if ids.is_empty() {
        return Ok(());
    }
    Entity::update_many()
        .col_expr(Column::LeftAt, Expr::value(left_at))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Id.is_in(ids.iter().copied()))
        .exec(db)
        .await?;
    Ok(())
}

/// Gives the record of an employee another userid.
pub(super) async fn rename(
    db: &impl ConnectionTrait,
    id: i64,
    userid: String,
    now: DateTime<Utc>,
) -> Result<(), DbErr> {
    Entity::update_many()
        .col_expr(Column::Userid, Expr::value(userid))
        .col_expr(Column::UpdatedAt, Expr::value(now))
        .filter(Column::Id.eq(id))
        .exec(db)
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
