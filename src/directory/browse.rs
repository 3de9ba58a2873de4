//! Looks through the directory page by page: employees by department and by what they are called.

use std::sync::Arc;

use sea_orm::entity::prelude::*;
use sea_orm::sea_query::LikeExpr;
use sea_orm::{Condition, QueryOrder as _, QuerySelect as _, QueryTrait as _};

use super::employee::{Column, Employee, Entity};
use super::membership;
use super::roster::Roster;
use crate::database;
use crate::error::Error;

/// Whom to look for.
#[derive(Debug, Clone, Default)]
pub struct Search {
    /// Direct members of this department.
    pub department: Option<i64>,
    /// A part of the name, or of the userid.
    pub query: Option<String>,
    /// Behind the employee of this id.
    pub after: Option<i64>,
    /// How many at the most.
    pub most: u64,
}

/// The way to look through the directory.
#[derive(Clone)]
pub struct Browse(Arc<Roster>);

impl Browse {
    pub(super) fn new(roster: Arc<Roster>) -> Self {
        Self(roster)
    }

    /// Employees who have not left, by our id: that order never changes, so that a page which is read later neither
    /// repeats nor misses anybody who is here all the while.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn employees(&self, search: &Search) -> Result<Vec<Employee>, Error> {
        let roster = &*self.0;
        let reader = roster.database.reader();
        let mut query = Entity::find()
            .filter(Column::CorpId.eq(roster.corp_id.as_str()))
            .filter(Column::LeftAt.is_null())
            .order_by_asc(Column::Id)
            .limit(search.most);
        if let Some(after) = search.after {
            query = query.filter(Column::Id.gt(after));
        }
        if let Some(department) = search.department {
            let members = membership::Entity::find()
                .select_only()
                .column(membership::Column::EmployeeId)
                .filter(membership::Column::CorpId.eq(roster.corp_id.as_str()))
                .filter(membership::Column::DepartmentId.eq(department))
                .into_query();
            query = query.filter(Column::Id.in_subquery(members));
        }
        if let Some(text) = &search.query {
            let part = || LikeExpr::new(pattern(text)).escape('!');
            let either = Condition::any()
                .add(Column::Name.like(part()))
                .add(Column::Userid.like(part()));
            query = query.filter(either);
        }
        database::within_limit(async {
            let rows = query.all(reader).await?;
            let memberships = membership::by_employee(reader, &rows).await?;
            roster.complete(reader, rows, memberships).await
        })
        .await
    }
}

/// Finds `text` anywhere, whatever stands in it.
fn pattern(text: &str) -> String {
    let escaped = text.replace('!', "!!").replace('%', "!%").replace('_', "!_");
    format!("%{escaped}%")
}
