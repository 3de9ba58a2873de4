//! Admits employees: brings what is stored of them in line with what DingTalk says.

use std::collections::HashMap;
use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbErr};

use super::employee::Employee;
use super::plan::Plan;
use super::profile::Profile;
use super::roster::Roster;

/// A statement that failed while somebody was admitted.
#[derive(Debug)]
pub enum AdmitError {
    /// Adding a new employee.
    Insert(DbErr),
    /// Bringing a known one up to date, or reading them.
    Update(DbErr),
}

impl AdmitError {
    /// The statement's failure.
    #[must_use]
    pub fn cause(&self) -> &DbErr {
        match self {
            Self::Insert(cause) | Self::Update(cause) => cause,
        }
    }
}

/// The way into the directory.
#[derive(Clone)]
pub struct Admission(Arc<Roster>);

impl Admission {
    pub(super) fn new(roster: Arc<Roster>) -> Self {
        Self(roster)
    }

    /// Admits employees within the caller's transaction: adds who is new, brings up to date who changed, takes back
    /// who had left, and answers each with what is known here of them. No userid may come twice.
    ///
    /// Somebody who left is taken back only by what DingTalk was asked for after it was found out that they left.
    ///
    /// # Errors
    /// [`AdmitError`]; the transaction must be given up then.
    pub async fn admit(
        &self,
        transaction: &impl ConnectionTrait,
        profiles: &[&Profile],
    ) -> Result<HashMap<String, Arc<Employee>>, AdmitError> {
        let roster = &*self.0;
        let mut plan = Plan::locked(transaction, roster, profiles)
            .await
            .map_err(AdmitError::Update)?;
        let now = roster.clock.now();
        plan.insert(transaction, roster, now)
            .await
            .map_err(AdmitError::Insert)?;
        let stored = plan.update(transaction, roster, now).await;
        let (rows, memberships) = stored.map_err(AdmitError::Update)?;
        let employees = roster.complete(transaction, rows, memberships).await;
        let employees = employees.map_err(AdmitError::Update)?;
        Ok(employees
            .into_iter()
            .map(|employee| (employee.userid.clone(), Arc::new(employee)))
            .collect())
    }
}
