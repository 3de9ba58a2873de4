//! Reads one employee or department from DingTalk again, and stores what has become of them.

use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};

use super::change::Change;
use super::departments::Departments;
use super::employee;
use super::learning::Learning;
use super::leaving;
use super::plan::Plan;
use super::profile::Profile;
use super::roster::Roster;
use crate::config::app::DEFAULT_APP;
use crate::dingtalk::DingTalk;
use crate::dingtalk::error::DingTalkError;
use crate::dingtalk::ids::{DepartmentId, UserId};
use crate::error::Error;

/// The platform's code for a member who is not one of the company.
const NO_SUCH_USER: &str = "60121";
/// The platform's code for a department that is not there.
const NO_SUCH_DEPARTMENT: &str = "60003";
/// When to ask a platform again that did not answer.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// How often somebody or something is asked for that somebody else stores meanwhile.
const TRIES: usize = 4;

/// What has become of the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reread {
    /// Nothing, or nothing that may be told: it is outside the app's visible range.
    Unchanged,
    /// It is new or different.
    Changed,
    /// The employee left: marked so, and every session of theirs is ended in the database. Whoever holds the tokens
    /// calls all instances to look.
    Left,
    /// The employee had left and is back with the same record and roles.
    Returned,
    /// The department is no more.
    Gone,
}

/// Reads single objects again. Clones share everything.
#[derive(Clone)]
pub struct Rereading {
    roster: Arc<Roster>,
    dingtalk: DingTalk,
    departments: Departments,
    learning: Learning,
}

impl Rereading {
    pub(super) fn new(roster: Arc<Roster>, dingtalk: DingTalk, departments: Departments, learning: Learning) -> Self {
        Self {
            roster,
            dingtalk,
            departments,
            learning,
        }
    }

    /// Reads an employee again (`topapi/v2/user/get`). One whom the platform knows no more is marked left, and their
    /// sessions end in the same transaction. One outside the visible range has not left: nothing changes.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a text that is no userid; [`Error::DingTalkUnavailable`],
    /// [`Error::DingTalkAccessToken`] or [`Error::ProfileUnavailable`] when the platform does not tell, and
    /// [`Error::Unavailable`] when the database is away: then nothing has changed.
    pub async fn employee(&self, userid: &str) -> Result<Reread, Error> {
        let userid = UserId::new(userid).map_err(|fault| Error::InvalidRequest(fault.to_string()))?;
        for _ in 0..TRIES {
            match self.dingtalk.employee_profile(DEFAULT_APP, &userid).await {
                Ok(contact) => {
                    let profile = Profile::from(contact);
                    let places = profile.memberships.iter().map(|membership| membership.department_id);
                    self.learning.learn(DEFAULT_APP, places).await?;
                    if let Some(reread) = self.store(&profile).await? {
                        return Ok(reread);
                    }
                }
                Err(cause) if is_no_user(&cause) => return self.mark_left(userid.as_str()).await,
                Err(cause @ DingTalkError::OutsideRange { .. }) => {
                    tracing::warn!(userid = userid.as_str(), %cause, "an employee cannot be read again and stays as they are");
                    return Ok(Reread::Unchanged);
                }
                Err(cause) => return Err(unreadable(cause)),
            }
        }
        Err(overtaken())
    }

    /// Reads a department again (`topapi/v2/department/get`), and whatever ancestors of it are not known. Where it
    /// moved, everything below it moves along; one that the platform knows no more is forgotten.
    ///
    /// # Errors
    /// As for [`Self::employee`].
    pub async fn department(&self, id: i64) -> Result<Reread, Error> {
        for _ in 0..TRIES {
            let as_of = self.roster.clock.now();
            let written = match self.dingtalk.department(DEFAULT_APP, DepartmentId(id)).await {
                Ok(department) => self.departments.keep(DEFAULT_APP, department, as_of).await?,
                Err(cause) if is_no_department(&cause) => self.departments.forget(id).await?,
                Err(cause @ DingTalkError::OutsideRange { .. }) => {
                    tracing::warn!(department = id, %cause, "a department cannot be read again and stays as it is");
                    return Ok(Reread::Unchanged);
                }
                Err(cause) => return Err(unreadable(cause)),
            };
            // Somebody else has stored it meanwhile, and nobody can say who asked last.
            if written.overtaken.contains(&id) {
                continue;
            }
            return Ok(if !written.gone.is_empty() {
                Reread::Gone
            } else if written.changed.is_empty() {
                Reread::Unchanged
            } else {
                Reread::Changed
            });
        }
        Err(overtaken())
    }

    /// None if somebody else has stored them anew since DingTalk was asked, and nobody can say who asked last.
    async fn store(&self, profile: &Profile) -> Result<Option<Reread>, Error> {
        let roster = &*self.roster;
        let storing = roster.database.transact(async |transaction| {
            let plan = Plan::locked(transaction, roster, &[profile]).await?;
            if !plan.overtaken.is_empty() {
                return Ok(None);
            }
            let reread = match plan.changes.first().map(|changed| &changed.change) {
                None => Reread::Unchanged,
                Some(Change::Returned) => Reread::Returned,
                Some(_) => Reread::Changed,
            };
            plan.write(transaction, roster, roster.clock.now()).await?;
            Ok(Some(reread))
        });
        storing.await
    }

    async fn mark_left(&self, userid: &str) -> Result<Reread, Error> {
        let roster = &*self.roster;
        let marking = roster.database.transact(async |transaction| {
            let now = roster.clock.now();
            let rows = leaving::still_here(transaction, roster, vec![userid.to_owned()]).await?;
            let leavers: Vec<(employee::Model, DateTime<Utc>)> = rows.into_iter().map(|row| (row, now)).collect();
            leaving::mark(transaction, roster, &leavers).await?;
            Ok(!leavers.is_empty())
        });
        Ok(if marking.await? {
            Reread::Left
        } else {
            Reread::Unchanged
        })
    }
}

/// Whether the platform says that this is no member of the company; everything else is no leave.
pub(super) fn is_no_user(cause: &DingTalkError) -> bool {
    matches!(cause, DingTalkError::NotFound { code, .. } if code == NO_SUCH_USER)
}

/// Whether the platform says that there is no such department.
pub(super) fn is_no_department(cause: &DingTalkError) -> bool {
    matches!(cause, DingTalkError::NotFound { code, .. } if code == NO_SUCH_DEPARTMENT)
}

/// What a caller learns where others store the same again and again, by a clock that is ahead of ours: it is worth
/// another try later.
fn overtaken() -> Error {
    Error::Unavailable(anyhow::anyhow!("it was stored anew each time while DingTalk was asked"))
}

/// What a caller learns where the platform does not tell.
pub(super) fn unreadable(cause: DingTalkError) -> Error {
    match cause {
        DingTalkError::AppToken { .. } | DingTalkError::Permission { .. } => Error::DingTalkAccessToken(cause.into()),
        DingTalkError::Throttled { .. } | DingTalkError::Unavailable { .. } => Error::DingTalkUnavailable {
            retry_after: RETRY_AFTER,
            code_reusable: None,
            cause: cause.into(),
        },
        cause => Error::ProfileUnavailable(cause.into()),
    }
}
