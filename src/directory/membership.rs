//! Memberships and their table: who belongs to which department.

use std::collections::HashMap;

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::{QueryOrder as _, QuerySelect as _};

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

/// Belonging to one department, as DingTalk tells it: a page of members says less than a member's own record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToldMembership {
    /// DingTalk's id of the department.
    pub department_id: i64,
    /// Whether it is the main one; none where nothing was said.
    pub main: Option<bool>,
    /// Whether the employee leads it; none where nothing was said.
    pub leader: Option<bool>,
}

/// What is told, completed by what is `stored` of the same employee. Everybody belongs somewhere: where no department
/// is told, the list was hidden from us and the stored one stays.
pub(super) fn completed(told: &[ToldMembership], stored: &[Membership]) -> Vec<Membership> {
    if told.is_empty() {
        return stored.to_vec();
    }
    let known = |id: i64| stored.iter().find(|membership| membership.department_id == id);
    let silent = told.iter().all(|membership| membership.main.is_none());
    let kept = told
        .iter()
        .map(|membership| membership.department_id)
        .find(|id| known(*id).is_some_and(|stored| stored.main));
    let main = if silent {
        kept.or(told.first().map(|membership| membership.department_id))
    } else {
        None
    };
    told.iter()
        .map(|membership| Membership {
            department_id: membership.department_id,
            main: membership.main.unwrap_or(main == Some(membership.department_id)),
            leader: membership
                .leader
                .unwrap_or_else(|| known(membership.department_id).is_some_and(|stored| stored.leader)),
        })
        .collect()
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

/// The memberships of some employees by our id of the employee, each employee's in DingTalk's order.
pub(super) async fn by_employee(
    db: &impl ConnectionTrait,
    of: &[employee::Model],
) -> Result<HashMap<i64, Vec<Membership>>, DbErr> {
    if of.is_empty() {
        return Ok(HashMap::new());
    }
    let ids = database::padded(of.iter().map(|row| row.id).collect());
    let rows: Vec<Row> = columns()
        .filter(Column::EmployeeId.is_in(ids))
        .order_by_asc(Column::Rank)
        .into_tuple()
        .all(db)
        .await?;
    Ok(gathered(rows))
}

/// The same of all employees whose ids lie behind `after` and not behind `last`.
pub(super) async fn within(
    db: &impl ConnectionTrait,
    after: i64,
    last: i64,
) -> Result<HashMap<i64, Vec<Membership>>, DbErr> {
    let rows: Vec<Row> = columns()
        .filter(Column::EmployeeId.gt(after))
        .filter(Column::EmployeeId.lte(last))
        .order_by_asc(Column::EmployeeId)
        .order_by_asc(Column::Rank)
        .into_tuple()
        .all(db)
        .await?;
    Ok(gathered(rows))
}

/// A membership with our id of the employee: the columns of [`columns`], in their order.
type Row = (i64, i64, bool, bool);

fn columns() -> Select<Entity> {
    Entity::find()
        .select_only()
        .columns([Column::EmployeeId, Column::DepartmentId, Column::Main, Column::Leader])
}

fn gathered(rows: Vec<Row>) -> HashMap<i64, Vec<Membership>> {
    let mut memberships: HashMap<i64, Vec<Membership>> = HashMap::new();
    for (employee_id, department_id, main, leader) in rows {
        memberships.entry(employee_id).or_default().push(Membership {
            department_id,
            main,
            leader,
        });
    }
    memberships
}

/// Puts memberships in the place of whatever these employees had.
pub(super) async fn replace(
    db: &impl ConnectionTrait,
    corp_id: &str,
    placed: &[(i64, &Vec<Membership>)],
) -> Result<(), DbErr> {
    if placed.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = placed.iter().map(|(employee_id, _)| *employee_id).collect();
    Entity::delete_many()
        .filter(Column::EmployeeId.is_in(ids))
        .exec(db)
        .await?;
    let rows = placed.iter().flat_map(|(employee_id, memberships)| {
        (0..).zip(*memberships).map(move |(rank, membership)| ActiveModel {
            employee_id: Set(*employee_id),
            department_id: Set(membership.department_id),
            corp_id: Set(corp_id.to_owned()),
            rank: Set(rank),
            main: Set(membership.main),
            leader: Set(membership.leader),
        })
    });
    let rows: Vec<ActiveModel> = rows.collect();
    if !rows.is_empty() {
        Entity::insert_many(rows).exec_without_returning(db).await?;
    }
    Ok(())
}
