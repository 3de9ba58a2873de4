//! Reads employees whole: their row, where they belong, and what they may do.

use std::collections::{BTreeSet, HashMap};

use sea_orm::{ConnectionTrait, DbErr};

use super::employee::{self, Employee};
use super::mapped_grant;
use super::mapping::Mapping;
use super::membership::{self, Membership};
use super::role::{self, ADMIN, Role};
use super::role_grant;
use crate::clock::Clock;
use crate::database::{self, Database};
use crate::error::Error;

/// The employees of one company, and what everything that changes them leans on.
pub(super) struct Roster {
    pub(super) database: Database,
    pub(super) corp_id: String,
    /// The userids of the administrators named in the settings.
    pub(super) admins: Vec<String>,
    pub(super) mapping: Mapping,
    pub(super) clock: Clock,
}

impl Roster {
    /// Finds an employee by DingTalk's id.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub(super) async fn find(&self, userid: &str) -> Result<Option<Employee>, Error> {
        let reader = self.database.reader();
        database::within_limit(async {
            let row = employee::find(reader, &self.corp_id, userid).await?;
            self.completed(reader, row).await
        })
        .await
    }

    /// Finds an employee by our id.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub(super) async fn find_by_id(&self, id: i64) -> Result<Option<Employee>, Error> {
        let reader = self.database.reader();
        database::within_limit(async {
            let row = employee::find_by_id(reader, &self.corp_id, id).await?;
            self.completed(reader, row).await
        })
        .await
    }

    /// The mapped grants of some employees by our id of the employee; none where nothing in DingTalk brings a role.
    pub(super) async fn mapped_grants(
        &self,
        db: &impl ConnectionTrait,
        ids: &[i64],
    ) -> Result<HashMap<i64, Vec<mapped_grant::Model>>, DbErr> {
        if self.mapping.is_empty() {
            return Ok(HashMap::new());
        }
        mapped_grant::by_employee(db, ids).await
    }

    async fn completed(
        &self,
        db: &impl ConnectionTrait,
        row: Option<employee::Model>,
    ) -> Result<Option<Employee>, DbErr> {
        let rows: Vec<employee::Model> = row.into_iter().collect();
        let memberships = membership::by_employee(db, &rows).await?;
        Ok(self.complete(db, rows, memberships).await?.pop())
    }

    /// Adds memberships, which are known by our id of the employee, and roles to rows of employees.
    pub(super) async fn complete(
        &self,
        db: &impl ConnectionTrait,
        rows: Vec<employee::Model>,
        mut memberships: HashMap<i64, Vec<Membership>>,
    ) -> Result<Vec<Employee>, DbErr> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let grants = role_grant::of_employees(db, &ids).await?;
        let mapped = self.mapped_grants(db, &ids).await?;
        let roles: Vec<Role> = if grants.is_empty() && mapped.is_empty() {
            Vec::new()
        } else {
            let rows = role::all(db, &self.corp_id).await?;
            rows.into_iter().map(Role::from).collect()
        };
        Ok(rows
            .into_iter()
            .map(|row| {
                let mut held: BTreeSet<String> = grants
                    .iter()
                    .filter(|grant| grant.employee_id == row.id)
                    .map(|grant| grant.role.clone())
                    .collect();
                let mapped = mapped.get(&row.id).map_or(&[][..], Vec::as_slice);
                let brought = mapped.iter().filter(|grant| self.mapping.brings(grant));
                held.extend(brought.map(|grant| grant.role.clone()));
                if self.admins.contains(&row.userid) {
                    held.insert(ADMIN.to_owned());
                }
                let mut power: BTreeSet<String> = roles
                    .iter()
                    .filter(|role| held.contains(&role.name))
                    .flat_map(|role| role.power.clone())
                    .collect();
                if held.contains(ADMIN) {
                    power.insert(ADMIN.to_owned());
                }
                Employee {
                    id: row.id,
                    memberships: memberships.remove(&row.id).unwrap_or_default(),
                    userid: row.userid,
                    name: row.name,
                    avatar: row.avatar,
                    position: row.position,
                    disabled: row.disabled,
                    left_at: row.left_at,
                    roles: held.into_iter().collect(),
                    power: power.into_iter().collect(),
                }
            })
            .collect())
    }
}
