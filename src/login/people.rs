//! Who a subject is, as it was known a moment ago: asked for at every validation, read from the database seldom.

use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_web::web::Bytes;
use moka::sync::Cache as Known;

use super::answer::EmployeeAnswer;
use crate::directory::Directory;
use crate::directory::employee::Employee;
use crate::error::Error;
use crate::tokens::claims::Identity;

/// How long an answer is used again: the most that a change of profile or role takes to show.
const FRESH_FOR: Duration = Duration::from_secs(2);

/// How long it is used while the database is away: the token is still judged at every use.
const AWAY_FOR: Duration = Duration::from_mins(10);

/// How many people are remembered.
const KNOWN: u64 = 10_000;

/// Somebody who may be here.
pub(crate) struct Person {
    /// What tokens say of them.
    pub(crate) identity: Identity,
    /// Address of their picture, or nothing.
    pub(crate) picture: String,
    /// The body of `/v1/me`.
    pub(crate) answer: Bytes,
}

/// The people of the company.
pub(super) struct People {
    directory: Directory,
    known: Known<Box<str>, Seen>,
}

/// Somebody as they were when they were last read.
#[derive(Clone)]
struct Seen {
    person: Arc<Person>,
    read_at: Instant,
    /// When the database was last asked for them, whether it answered or not.
    asked_at: Instant,
}

impl People {
    pub(super) fn new(directory: Directory) -> Self {
        Self {
            directory,
            known: Known::builder().max_capacity(KNOWN).time_to_live(AWAY_FOR).build(),
        }
    }

    /// The person that a subject is.
    ///
    /// # Errors
    /// [`Error::InvalidToken`] for nobody, [`Error::EmployeeDisabled`], [`Error::Unavailable`].
    pub(super) async fn get(&self, subject: &str) -> Result<Arc<Person>, Error> {
        let known = self.known.get(subject);
        if let Some(seen) = &known {
            if seen.asked_at.elapsed() < FRESH_FOR {
                return Ok(Arc::clone(&seen.person));
            }
            // Whoever comes meanwhile does not wait for the database as well.
            self.show_on(subject, seen.clone());
        }
        match (self.read(subject).await, known) {
            (Err(Error::Unavailable(cause)), Some(seen)) if seen.read_at.elapsed() < AWAY_FOR => {
                tracing::warn!(%cause, "the database is away: an answer of before is given");
                let person = Arc::clone(&seen.person);
                self.show_on(subject, seen);
                Ok(person)
            }
            (Err(error), _) => {
                self.known.invalidate(subject);
                Err(error)
            }
            (person, _) => person,
        }
    }

    /// Answers with the same for a while, without asking again.
    fn show_on(&self, subject: &str, seen: Seen) {
        let asked_at = Instant::now();
        self.known.insert(subject.into(), Seen { asked_at, ..seen });
    }

    /// The same, as it is in the database right now.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub(super) async fn read(&self, subject: &str) -> Result<Arc<Person>, Error> {
        const NOBODY: Error = Error::InvalidToken("the token speaks of nobody known here");
        let id = subject.parse().ok().ok_or(NOBODY)?;
        let employee = self.directory.employee_by_id(id).await?.ok_or(NOBODY)?;
        if !employee.may_sign_in() {
            return Err(Error::EmployeeDisabled);
        }
        let answer = EmployeeAnswer::new(&employee, &self.directory);
        let answer = serde_json::to_vec(&answer).map_err(|cause| Error::Internal(cause.into()))?;
        let person = Arc::new(Person {
            identity: self.identity(&employee),
            answer: answer.into(),
            picture: employee.avatar,
        });
        let now = Instant::now();
        let seen = Seen {
            person: Arc::clone(&person),
            read_at: now,
            asked_at: now,
        };
        self.known.insert(subject.into(), seen);
        Ok(person)
    }

    /// What tokens say of an employee.
    pub(super) fn identity(&self, employee: &Employee) -> Identity {
        let main = employee.main_department();
        Identity {
            userid: employee.userid.clone(),
            name: employee.name.clone(),
            corp_id: self.directory.corp_id().to_owned(),
            dept_id: main,
            dept_root_id: main.and_then(|id| self.directory.departments.tree().branch_of(id)),
            dept_ids: employee
                .memberships
                .iter()
                .map(|membership| membership.department_id)
                .collect(),
            roles: employee.roles.clone(),
            power: employee.power.clone(),
        }
    }
}
