//! Logins that wait for one commit: whatever has arrived while others ran is written in the next.

use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use sea_orm::DbErr;
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};

use crate::database::{self, Database, failure};
use crate::directory::Directory;
use crate::directory::admission::AdmitError;
use crate::directory::employee::Employee;
use crate::directory::profile::Profile;
use crate::error::Error;
use crate::tokens::{Tokens, session};

/// How many logins share a commit at most.
const BATCH: usize = 256;

/// With so many waiting the next commit begins at once, beside others where the database can use that: few large commits
/// cost less than many small ones.
const CROWD: usize = BATCH / 4;

/// After a commit of fewer than these the next begins as soon as there is a login.
const FEW: usize = 4;

/// After others the next waits for company, so long for each login of the last, unless a crowd waits already. Were each
/// begun at once, all of them would stay small, and cost a busy machine more than the logins themselves; where few come,
/// few are waited for.
const PAUSE: Duration = Duration::from_micros(150);

/// The longest such pause.
const LONGEST_PAUSE: Duration = Duration::from_millis(10);

/// How many logins may wait; beyond it callers wait to wait.
const QUEUE: usize = 4096;

/// How often a transaction that lost a deadlock is run again.
const TRIES: usize = 4;

/// What was stored of a login: no session for an employee who may not sign in.
pub(super) type Stored = (Arc<Employee>, Option<session::Model>);

/// What kind of session somebody gets.
#[derive(Debug, Clone)]
pub(super) enum Seat {
    /// Of the page of the micro-app of this name.
    MicroApp(String),
    /// Of a browser.
    Browser,
}

struct Job {
    profile: Profile,
    seat: Seat,
    reply: oneshot::Sender<Result<Stored, Error>>,
}

/// The way in to the task that has logins written.
#[derive(Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
    /// Told when a crowd waits. Of each login by itself the task hears only where it has nothing else to do: to be woken by
    /// every one costs a busy machine a change of threads each.
    crowded: Arc<Notify>,
}

#[derive(Clone)]
struct Desk {
    database: Database,
    directory: Directory,
    tokens: Tokens,
}

impl Writer {
    /// Starts the task; it ends when the last handle is gone.
    pub(super) fn start(database: Database, directory: Directory, tokens: Tokens) -> Self {
        let (jobs, waiting) = mpsc::channel(QUEUE);
        let crowded = Arc::new(Notify::new());
        let desk = Desk {
            database,
            directory,
            tokens,
        };
        tokio::spawn(desk.serve(waiting, Arc::clone(&crowded)));
        Self { jobs, crowded }
    }

    /// Stores one login; answers after its commit. Who waits too long, be it for the commit before, is not stored.
    pub(super) async fn store(&self, profile: Profile, seat: Seat) -> Result<Stored, Error> {
        let (reply, answer) = oneshot::channel();
        let job = Job { profile, seat, reply };
        let stored = async {
            self.jobs.send(job).await.ok()?;
            if self.jobs.max_capacity() - self.jobs.capacity() >= CROWD {
                self.crowded.notify_one();
            }
            answer.await.ok()
        };
        match timeout(database::WORK_TIMEOUT, stored).await {
            Ok(Some(stored)) => stored,
            Ok(None) => Err(Error::Unavailable(anyhow::anyhow!("the service is stopping"))),
            Err(elapsed) => Err(Error::Unavailable(
                anyhow::Error::new(elapsed).context("the database does not store logins in time"),
            )),
        }
    }
}

impl Desk {
    /// Gathers batches and has them written, as many at once as the database can use. Nobody is in two of them: they would
    /// wait for each other's rows, and of new employees in a circle.
    async fn serve(self, mut jobs: mpsc::Receiver<Job>, crowded: Arc<Notify>) {
        let writers = self.database.writers();
        let mut waiting: Vec<Job> = Vec::with_capacity(BATCH);
        let mut under_way = JoinSet::new();
        let mut busy: HashSet<String> = HashSet::new();
        let mut pause = pin!(sleep(Duration::ZERO));
        let mut pausing = false;
        loop {
            tokio::select! {
                received = jobs.recv_many(&mut waiting, BATCH), if under_way.is_empty() && !pausing => {
                    if received == 0 {
                        break;
                    }
                }
                Some(written) = under_way.join_next() => {
                    let written: Vec<String> = written.unwrap_or_default();
                    for userid in &written {
                        busy.remove(userid);
                    }
                    if under_way.is_empty() {
                        // Also of those whose task has panicked.
                        busy.clear();
                    }
                    let length = pause_after(written.len());
                    pausing = !length.is_zero();
                    pause.as_mut().reset(Instant::now() + length);
                }
                () = &mut pause, if pausing => pausing = false,
                () = crowded.notified(), if under_way.len() < writers => {}
            }
            while under_way.is_empty() && !pausing || under_way.len() < writers && waiting.len() + jobs.len() >= CROWD {
                while waiting.len() < BATCH
                    && let Ok(job) = jobs.try_recv()
                {
                    waiting.push(job);
                }
                let size = share(waiting.len());
                let free = waiting.extract_if(.., |job| !busy.contains(&job.profile.userid));
                let batch: Vec<Job> = free.take(size).collect();
                if batch.is_empty() {
                    break;
                }
                let userids: Vec<String> = batch.iter().map(|job| job.profile.userid.clone()).collect();
                busy.extend(userids.iter().cloned());
                let desk = self.clone();
                under_way.spawn(async move {
                    desk.write(batch).await;
                    userids
                });
            }
        }
        while under_way.join_next().await.is_some() {}
    }

    async fn write(&self, mut jobs: Vec<Job>) {
        // Whoever went away meanwhile gets no session.
        jobs.retain(|job| !job.reply.is_closed());
        if jobs.is_empty() {
            return;
        }
        match self.commit(&jobs).await {
            Ok(stored) => {
                for (job, stored) in jobs.into_iter().zip(stored) {
                    let _ = job.reply.send(Ok(stored));
                }
            }
            // One row that cannot be stored must not take the others with it.
            Err(cause) if jobs.len() > 1 && !failure::is_away(cause.cause()) => {
                for job in jobs {
                    let alone = self.commit(std::slice::from_ref(&job)).await;
                    let _ = job.reply.send(alone.map_err(fault).and_then(only));
                }
            }
            Err(cause) => {
                let text = format!("{:?}", cause.cause());
                let mut jobs = jobs.into_iter();
                if let Some(first) = jobs.next() {
                    let _ = first.reply.send(Err(fault(cause)));
                }
                for job in jobs {
                    let _ = job.reply.send(Err(Error::Unavailable(anyhow::anyhow!("{text}"))));
                }
            }
        }
    }

    async fn commit(&self, jobs: &[Job]) -> Result<Vec<Stored>, AdmitError> {
        let mut tries = 1;
        loop {
            let outcome = match timeout(database::WORK_TIMEOUT, self.transaction(jobs)).await {
                Ok(outcome) => outcome,
                Err(_) => Err(AdmitError::Update(DbErr::Conn(sea_orm::RuntimeErr::Internal(
                    "the database does not answer in time".to_owned(),
                )))),
            };
            match outcome {
                Err(cause) if failure::is_conflict(cause.cause()) && tries < TRIES => tries += 1,
                outcome => return outcome,
            }
        }
    }

    async fn transaction(&self, jobs: &[Job]) -> Result<Vec<Stored>, AdmitError> {
        let profiles: HashMap<&str, &Profile> = jobs
            .iter()
            .map(|job| (job.profile.userid.as_str(), &job.profile))
            .collect();
        let profiles: Vec<&Profile> = profiles.into_values().collect();
        let transaction = self.database.begin().await.map_err(AdmitError::Update)?;
        let employees = self.directory.admission.admit(&transaction, &profiles).await?;
        let stored: Vec<Stored> = jobs
            .iter()
            .filter_map(|job| employees.get(&job.profile.userid).map(|employee| (job, employee)))
            .map(|(job, employee)| {
                let session = employee.may_sign_in().then(|| {
                    let subject = employee.id.to_string();
                    match &job.seat {
                        Seat::MicroApp(app) => self.tokens.new_session(subject, app),
                        Seat::Browser => self.tokens.new_browser_session(subject),
                    }
                });
                (Arc::clone(employee), session)
            })
            .collect();
        if stored.len() != jobs.len() {
            return Err(AdmitError::Insert(DbErr::RecordNotInserted));
        }
        let sessions = stored.iter().filter_map(|(_, session)| session.clone()).collect();
        self.tokens
            .insert_sessions(&transaction, sessions)
            .await
            .map_err(AdmitError::Update)?;
        transaction.commit().await.map_err(AdmitError::Update)?;
        Ok(stored)
    }
}

/// How many of so many waiting share the next commit: all of a few, of a crowd a power of two, so that their statements
/// come in few shapes, for which a server keeps its plans.
fn share(waiting: usize) -> usize {
    if waiting < CROWD { waiting } else { 1 << waiting.ilog2() }
}

/// How long the next commit waits for company after one of so many logins.
fn pause_after(logins: usize) -> Duration {
    if logins < FEW {
        return Duration::ZERO;
    }
    let logins = u32::try_from(logins).unwrap_or(u32::MAX);
    PAUSE.saturating_mul(logins).min(LONGEST_PAUSE)
}

fn only(stored: Vec<Stored>) -> Result<Stored, Error> {
    stored
        .into_iter()
        .next()
        .ok_or_else(|| Error::Internal(anyhow::anyhow!("nothing was stored")))
}

fn fault(cause: AdmitError) -> Error {
    match cause {
        AdmitError::Insert(cause) | AdmitError::Update(cause) if failure::is_away(&cause) => {
            Error::Unavailable(cause.into())
        }
        AdmitError::Insert(cause) => Error::EmployeeNotInserted(cause.into()),
        AdmitError::Update(cause) => Error::EmployeeNotUpdated(cause.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{BATCH, FEW, LONGEST_PAUSE, PAUSE, pause_after};

    #[test]
    fn the_next_commit_waits_for_company_only_where_there_is_some_and_never_long() {
        assert_eq!(pause_after(FEW - 1), Duration::ZERO);
        assert_eq!(pause_after(30), 30 * PAUSE);
        assert_eq!(pause_after(BATCH), LONGEST_PAUSE);
    }
}
