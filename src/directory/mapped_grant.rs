//! The table of mapped grants: roles that somebody holds for what they are in DingTalk, apart from those granted here.

use std::collections::{BTreeSet, HashMap};

use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;

/// What in DingTalk brings the role.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, EnumIter, DeriveActiveEnum)]
#[sea_orm(rs_type = "String", db_type = "String(StringLen::N(16))")]
pub enum Source {
    /// They administer the company there.
    #[sea_orm(string_value = "admin")]
    Admin,
    /// A label of theirs.
    #[sea_orm(string_value = "label")]
    Label,
}

/// A row of `mapped_grants`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "mapped_grants")]
pub struct Model {
    /// Our id of the employee.
    #[sea_orm(primary_key, auto_increment = false)]
    pub employee_id: i64,
    /// The role's name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub role: String,
    /// What brings it.
    #[sea_orm(primary_key, auto_increment = false)]
    pub source: Source,
}

/// No relations.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// Every mapped grant.
pub(super) async fn all(db: &impl ConnectionTrait) -> Result<Vec<Model>, DbErr> {
    Entity::find().all(db).await
}

/// The mapped grants of some employees, by our id of the employee.
pub(super) async fn by_employee(db: &impl ConnectionTrait, ids: &[i64]) -> Result<HashMap<i64, Vec<Model>>, DbErr> {
    let rows = Entity::find()
        .filter(Column::EmployeeId.is_in(ids.iter().copied()))
        .all(db)
        .await?;
    let mut grants: HashMap<i64, Vec<Model>> = HashMap::new();
    for grant in rows {
        grants.entry(grant.employee_id).or_default().push(grant);
    }
    Ok(grants)
}

/// Puts grants in the place of whatever these employees had.
pub(super) async fn replace(
    db: &impl ConnectionTrait,
    granted: &[(i64, &BTreeSet<(String, Source)>)],
) -> Result<(), DbErr> {
    if granted.is_empty() {
        return Ok(());
    }
    Entity::delete_many()
        .filter(Column::EmployeeId.is_in(granted.iter().map(|(employee_id, _)| *employee_id)))
        .exec(db)
        .await?;
    let rows = granted.iter().flat_map(|(employee_id, grants)| {
        grants.iter().map(|(role, source)| ActiveModel {
            employee_id: Set(*employee_id),
            role: Set(role.clone()),
            source: Set(*source),
        })
    });
    let rows: Vec<ActiveModel> = rows.collect();
    if !rows.is_empty() {
        Entity::insert_many(rows).exec_without_returning(db).await?;
    }
    Ok(())
}
