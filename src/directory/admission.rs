//! Admits employees: brings what is stored of them in line with what DingTalk says.

use std::collections::HashMap;
use std::sync::Arc;

use sea_orm::{ConnectionTrait, DbErr};

use super::employee::{self, Employee};
use super::membership::{self, Membership};
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

    /// Admits employees within the caller's transaction: adds who is new, brings up to date who changed, and answers
    /// each with what is known here of them. No userid may come twice.
    ///
    /// # Errors
    /// [`AdmitError`]; the transaction must be given up then.
    pub async fn admit(
        &self,
        transaction: &impl ConnectionTrait,
        profiles: &[&Profile],
    ) -> Result<HashMap<String, Employee>, AdmitError> {
        let roster = &*self.0;
        let now = roster.clock.now();
        let userids: Vec<String> = profiles.iter().map(|profile| profile.userid.clone()).collect();
        let mut rows = employee::lock(transaction, &roster.corp_id, &userids)
            .await
            .map_err(AdmitError::Update)?;
        let known: HashMap<&str, &employee::Model> = rows.iter().map(|row| (row.userid.as_str(), row)).collect();
        let (mut new, mut changed) = (Vec::new(), Vec::new());
        for &profile in profiles {
            match known.get(profile.userid.as_str()) {
                None => new.push(profile),
                Some(row) if row.differs_from(profile) => changed.push(profile),
                Some(_) => {}
            }
        }
        if !new.is_empty() || !changed.is_empty() {
            employee::upsert(transaction, &roster.corp_id, new, now)
                .await
                .map_err(AdmitError::Insert)?;
            employee::upsert(transaction, &roster.corp_id, changed, now)
                .await
                .map_err(AdmitError::Update)?;
            rows = employee::lock(transaction, &roster.corp_id, &userids)
                .await
                .map_err(AdmitError::Update)?;
        }
        let memberships = place(transaction, &roster.corp_id, profiles, &rows)
            .await
            .map_err(AdmitError::Update)?;
        let employees = roster
            .complete(transaction, rows, memberships)
            .await
            .map_err(AdmitError::Update)?;
        Ok(employees
            .into_iter()
            .map(|employee| (employee.userid.clone(), employee))
            .collect())
    }
}

/// Puts the memberships of the profiles in the place of those stored, where they differ; answers them by our id of the
/// employee.
async fn place(
    transaction: &impl ConnectionTrait,
    corp_id: &str,
    profiles: &[&Profile],
    rows: &[employee::Model],
) -> Result<HashMap<i64, Vec<Membership>>, DbErr> {
    let mut stored = membership::by_employee(transaction, rows).await?;
    let told: HashMap<&str, &Profile> = profiles
        .iter()
        .map(|profile| (profile.userid.as_str(), *profile))
        .collect();
    let (mut moved, mut now) = (Vec::new(), Vec::new());
    for row in rows {
        let Some(profile) = told.get(row.userid.as_str()) else {
            continue;
        };
        let stored = stored.entry(row.id).or_default();
        if *stored == profile.memberships {
            continue;
        }
        moved.push(row.id);
        now.extend(
            (0..)
                .zip(&profile.memberships)
                .map(|(rank, membership)| membership::Model {
                    employee_id: row.id,
                    department_id: membership.department_id,
                    corp_id: corp_id.to_owned(),
                    rank,
                    main: membership.main,
                    leader: membership.leader,
                }),
        );
        stored.clone_from(&profile.memberships);
    }
    membership::replace(transaction, &moved, now).await?;
    Ok(stored)
}
