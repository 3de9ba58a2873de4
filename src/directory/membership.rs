//! Memberships and their table: who belongs to which department.

use std::collections::HashMap;

use sea_orm::ActiveValue::Set;
use sea_orm::QueryOrder as _;
use sea_orm::entity::prelude::*;

use super::employee;
use crate::database;

/// Belonging to one department.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// DingTalk's id of the department.
    pub department_id: i64,
    /// Whether it is the main one.
    pub main: bool,
    /// Whether the employee leads it.
    pub leader: bool,
}

/// A row of `memberships`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "memberships")]
pub struct Model {
    /// Our id of the employee.
    #[sea_orm(primary_key, auto_increment = false)]
    pub employee_id: i64,
    /// DingTalk's id of the department.
    #[sea_orm(primary_key, auto_increment = false)]
    pub department_id: i64,
    /// The company.
    pub corp_id: String,
    /// Place in DingTalk's own list, from 0.
    pub rank: i32,
    /// Whether it is the main one.
    pub main: bool,
    /// Whether the employee leads it.
    pub leader: bool,
}

/// No relations.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

impl From<&Model> for Membership {
    fn from(row: &Model) -> Self {
        Self {
            department_id: row.department_id,
            main: row.main,
            leader: row.leader,
        }
    }
}

/// The memberships of some employees by our id of the employee, each employee's in DingTalk's order.
pub(super) async fn by_employee(
    db: &impl ConnectionTrait,
    of: &[employee::Model],
) -> Result<HashMap<i64, Vec<Membership>>, DbErr> {
    let mut memberships: HashMap<i64, Vec<Membership>> = HashMap::new();
    if of.is_empty() {
        return Ok(memberships);
    }
    let rows = Entity::find()
        .filter(Column::EmployeeId.is_in(database::padded(of.iter().map(|row| row.id).collect())))
        .order_by_asc(Column::Rank)
        .all(db)
        .await?;
    for row in rows {
        memberships
            .entry(row.employee_id)
            .or_default()
            .push(Membership::from(&row));
    }
    Ok(memberships)
}

/// Puts `now` in the place of whatever memberships these employees had.
pub(super) async fn replace(db: &impl ConnectionTrait, ids: &[i64], now: Vec<Model>) -> Result<(), DbErr> {
    if !ids.is_empty() {
        Entity::delete_many()
            .filter(Column::EmployeeId.is_in(ids.iter().copied()))
            .exec(db)
            .await?;
    }
    if now.is_empty() {
        return Ok(());
    }
    let rows = now.into_iter().map(|membership| ActiveModel {
        employee_id: Set(membership.employee_id),
        department_id: Set(membership.department_id),
        corp_id: Set(membership.corp_id),
        rank: Set(membership.rank),
        main: Set(membership.main),
        leader: Set(membership.leader),
    });
    Entity::insert_many(rows).exec_without_returning(db).await?;
    Ok(())
}
