//! Whether an employee may be here: disabled, enabled, signed out.

use std::sync::Arc;

use super::employee;
use super::roster::Roster;
use crate::error::Error;
use crate::tokens;

/// What is decided here of an employee's standing, whatever DingTalk says of them.
#[derive(Clone)]
pub struct Standing(Arc<Roster>);

impl Standing {
    pub(super) fn new(roster: Arc<Roster>) -> Self {
        Self(roster)
    }

    /// Disables an employee and ends their sessions, or enables them again; answers how many sessions ended.
    ///
    /// # Errors
    /// [`Error::NotFound`] for nobody, [`Error::Unavailable`] when the database is away.
    pub async fn set_disabled(&self, userid: &str, disabled: bool) -> Result<usize, Error> {
        let employee = self.0.find(userid).await?.ok_or(Error::NotFound)?;
        let now = self.0.clock.now();
        let work = self.0.database.transact(async |transaction| {
            // The row first: a login that is under way has it locked, and its session is seen below.
            employee::set_disabled(transaction, employee.id, disabled, now).await?;
            if disabled {
                tokens::end_subject(transaction, &employee.id.to_string(), now).await
            } else {
                Ok(0)
            }
        });
        work.await
    }

    /// Ends every session of an employee; answers how many.
    ///
    /// # Errors
    /// [`Error::NotFound`] for nobody, [`Error::Unavailable`] when the database is away.
    pub async fn sign_out(&self, userid: &str) -> Result<usize, Error> {
        let employee = self.0.find(userid).await?.ok_or(Error::NotFound)?;
        let now = self.0.clock.now();
        let work = self
            .0
            .database
            .transact(async |transaction| tokens::end_subject(transaction, &employee.id.to_string(), now).await);
        work.await
    }
}
