//! The table of role grants: which employee holds which role.

use chrono::{DateTime, Utc};
use sea_orm::ActiveValue::Set;
use sea_orm::entity::prelude::*;
use sea_orm::sea_query::OnConflict;
use sea_orm::{QueryOrder as _, QuerySelect as _};

use crate::database;

/// A row of `role_grants`.
#[derive(Debug, Clone, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "role_grants")]
pub struct Model {
    /// Our id of the employee.
    #[sea_orm(primary_key, auto_increment = false)]
    pub employee_id: i64,
    /// The role's name.
    #[sea_orm(primary_key, auto_increment = false)]
    pub role: String,
    /// The company.
    pub corp_id: String,
    /// Since when.
    pub granted_at: DateTime<Utc>,
}

/// No relations.
#[derive(Debug, Clone, Copy, EnumIter, DeriveRelation)]
pub enum Relation {}

impl ActiveModelBehavior for ActiveModel {}

/// The grants of some employees, by role.
pub(super) async fn of_employees(db: &impl ConnectionTrait, ids: &[i64]) -> Result<Vec<Model>, DbErr> {
    Entity::find()
        .filter(Column::EmployeeId.is_in(database::padded(ids.to_vec())))
        .order_by_asc(Column::Role)
        .all(db)
        .await
}

/// Who holds what in a company: our id of the employee, and the role.
pub(super) async fn of_company(db: &impl ConnectionTrait, corp_id: &str) -> Result<Vec<(i64, String)>, DbErr> {
    Entity::find()
        .select_only()
        .columns([Column::EmployeeId, Column::Role])
        .filter(Column::CorpId.eq(corp_id))
        .into_tuple()
        .all(db)
        .await
}

/// Grants a role; false if the employee had it.
pub(super) async fn insert(db: &impl ConnectionTrait, grant: Model) -> Result<bool, DbErr> {
    if Entity::find_by_id((grant.employee_id, grant.role.clone()))
        .one(db)
        .await?
        .is_some()
    {
        return Ok(false);
    }
    let row = ActiveModel {
        employee_id: Set(grant.employee_id),
        role: Set(grant.role),
        corp_id: Set(grant.corp_id),
        granted_at: Set(grant.granted_at),
    };
    // Somebody else may grant the same at this moment: then it stays granted since when it is.
    let unchanged = Expr::col((Entity, Column::GrantedAt));
    Entity::insert(row)
        .on_conflict(
            OnConflict::columns([Column::EmployeeId, Column::Role])
                .value(Column::GrantedAt, unchanged)
                .to_owned(),
        )
        .exec_without_returning(db)
        .await?;
    Ok(true)
}

/// Takes a role back; false if the employee did not have it.
pub(super) async fn delete(db: &impl ConnectionTrait, employee_id: i64, role: &str) -> Result<bool, DbErr> {
    Ok(Entity::delete_by_id((employee_id, role.to_owned()))
        .exec(db)
        .await?
        .rows_affected
        == 1)
}
