//! Reads the company from the platform: every department, every member, many calls at once within their budget.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::stream::{self, FuturesUnordered, StreamExt as _};
use tokio::sync::watch;
use tokio::time::{interval, sleep};
use tokio_util::task::AbortOnDropHandle;

use super::pace::Pace;
use super::report::{Phase, Progress, SyncError};
use super::snapshot::{Snapshot, Step, Work};
use super::stage::Stages;
use crate::clock::Clock;
use crate::config::app::DEFAULT_APP;
use crate::dingtalk::DingTalk;
use crate::dingtalk::error::{CodeSpent, DingTalkError};
use crate::dingtalk::ids::{DepartmentId, UserId};
use crate::directory::departments::node;
use crate::directory::profile::Profile;
use crate::directory::reread::{is_no_department, is_no_user, unreadable};
use crate::error::Error;

/// Calls that are under way at once.
const IN_FLIGHT: usize = 16;
/// How often a call is repeated while the platform throttles: half a minute at the slowest pace, with the pauses.
const PATIENCE: u32 = 12;
/// How often a call is repeated that the platform did not answer.
const REPEATS: u32 = 2;
/// The pause before that, doubled each time.
const PAUSE: Duration = Duration::from_millis(500);
/// After so long what was read is stored, however little it is.
const STORE_EVERY: Duration = Duration::from_secs(2);

/// The one that reads.
pub(super) struct Reading<'a> {
    pub(super) dingtalk: &'a DingTalk,
    pub(super) pace: &'a Pace,
    pub(super) clock: &'a Clock,
    pub(super) progress: &'a watch::Sender<Progress>,
}

/// What the platform says of somebody or something that a reading did not meet.
pub(super) enum Missing<T> {
    /// It is no more, as was known then.
    Gone(DateTime<Utc>),
    /// It is there all the same.
    There(Box<T>),
    /// It is outside the visible range: nobody can say.
    Hidden,
}

impl Reading<'_> {
    /// Reads everything that `snapshot` does not have yet. Where it fails, what was read is in the stages.
    pub(super) async fn read(&self, snapshot: &mut Snapshot, stages: &mut Option<Stages<'_>>) -> Result<(), SyncError> {
        let outcome = self.walk(snapshot, stages).await;
        if let Some(stages) = stages {
            stages.flush().await?;
        }
        outcome
    }

    async fn walk(&self, snapshot: &mut Snapshot, stages: &mut Option<Stages<'_>>) -> Result<(), SyncError> {
        for step in self.begin().await? {
            take(snapshot, stages, step).await?;
        }
        let mut waiting: VecDeque<Work> = snapshot.work().into();
        let mut calls = FuturesUnordered::new();
        let mut store = interval(STORE_EVERY);
        loop {
            while calls.len() < IN_FLIGHT
                && let Some(work) = waiting.pop_front()
            {
                calls.push(self.work(work));
            }
            let steps = tokio::select! {
                steps = calls.next() => match steps {
                    Some(steps) => steps.map_err(failed)?,
                    None => return Ok(()),
                },
                stored = stored(stages) => {
                    stored?;
                    continue;
                }
                _ = store.tick() => {
                    if let Some(stages) = stages {
                        stages.begin().await?;
                    }
                    continue;
                }
            };
            for step in steps {
                match &step {
                    Step::Found { id, .. } if !snapshot.departments.contains_key(id) => {
                        waiting.extend([Work::Children(*id), Work::Members(*id, 0)]);
                    }
                    Step::Read {
                        department,
                        next: Some(next),
                    } => waiting.push_front(Work::Members(*department, *next)),
                    _ => {}
                }
                take(snapshot, stages, step).await?;
            }
            self.progress.send_modify(|progress| {
                progress.phase = Phase::Reading;
                progress.departments = snapshot.departments.len();
                progress.departments_read = snapshot.departments_read();
                progress.employees = snapshot.people.len();
            });
        }
    }

    /// Where the visible range begins: the root, or the departments and members that the app may see.
    async fn begin(&self) -> Result<Vec<Step>, SyncError> {
        let range = self.repeated(|| self.dingtalk.auth_scopes(DEFAULT_APP)).await;
        let range = range.map_err(failed)?.auth_org_scopes;
        let departments: BTreeSet<DepartmentId> = range.authed_dept.into_iter().collect();
        let mut steps = Vec::new();
        for id in departments {
            // The range may name one that is no more.
            if let Missing::There(step) = self.confirm_department(id.0).await? {
                steps.push(*step);
            }
        }
        for userid in &range.authed_user {
            if let Missing::There(profile) = self.ask_for_person(userid).await.map_err(failed)? {
                steps.push(Step::Member(*profile));
            }
        }
        Ok(steps)
    }

    async fn work(&self, work: Work) -> Result<Vec<Step>, DingTalkError> {
        let (id, steps) = match work {
            Work::Children(id) => {
                let call = || beside(children(self.dingtalk.clone(), id, self.clock.now()));
                (id, self.repeated(call).await)
            }
            Work::Members(id, cursor) => {
                let call = || beside(members(self.dingtalk.clone(), id, cursor));
                (id, self.repeated(call).await)
            }
        };
        match steps {
            Err(cause) if is_no_department(&cause) => Ok(vec![Step::Gone(id)]),
            Err(cause @ DingTalkError::OutsideRange { .. }) => {
                tracing::warn!(department = id, %cause, "a department cannot be read; its members stay as they are");
                Ok(vec![
                    Step::Expanded(id),
                    Step::Read {
                        department: id,
                        next: None,
                    },
                ])
            }
            steps => steps,
        }
    }

    /// Asks for people whom the reading did not meet; `enough` says when no more need be asked for.
    pub(super) async fn confirm_people(
        &self,
        missing: Vec<(String, String)>,
        enough: usize,
    ) -> Result<Vec<(String, String, Missing<Profile>)>, SyncError> {
        let asked = missing.into_iter().map(|(userid, name)| async move {
            let id = UserId::new(userid.clone()).map_err(|fault| Error::Internal(fault.into()))?;
            let found = self.ask_for_person(&id).await.map_err(unreadable)?;
            Ok::<_, Error>((userid, name, found))
        });
        let mut answers = stream::iter(asked).buffer_unordered(IN_FLIGHT);
        let (mut found, mut gone) = (Vec::new(), 0);
        while let Some(answer) = answers.next().await {
            let answer = answer?;
            gone += usize::from(matches!(answer.2, Missing::Gone(_)));
            found.push(answer);
            if gone > enough {
                break;
            }
        }
        found.sort_by(|one, other| one.0.cmp(&other.0));
        Ok(found)
    }

    /// Asks for a department by itself.
    pub(super) async fn confirm_department(&self, id: i64) -> Result<Missing<Step>, SyncError> {
        let as_of = self.clock.now();
        let found = self
            .repeated(|| self.dingtalk.department(DEFAULT_APP, DepartmentId(id)))
            .await;
        match found {
            Ok(department) => {
                let node = node(department);
                Ok(Missing::There(Box::new(Step::Found {
                    id,
                    name: node.name,
                    parent_id: node.parent_id,
                    as_of,
                })))
            }
            Err(cause) if is_no_department(&cause) => Ok(Missing::Gone(self.clock.now())),
            Err(DingTalkError::OutsideRange { .. }) => Ok(Missing::Hidden),
            Err(cause) => Err(failed(cause)),
        }
    }

    async fn ask_for_person(&self, userid: &UserId) -> Result<Missing<Profile>, DingTalkError> {
        let found = self
            .repeated(|| self.dingtalk.employee_profile(DEFAULT_APP, userid))
            .await;
        match found {
            Ok(contact) => Ok(Missing::There(Box::new(Profile::from(contact)))),
            Err(cause) if is_no_user(&cause) => Ok(Missing::Gone(self.clock.now())),
            Err(cause @ DingTalkError::OutsideRange { .. }) => {
                tracing::warn!(userid = userid.as_str(), %cause, "an employee cannot be read and stays as they are");
                Ok(Missing::Hidden)
            }
            Err(cause) => Err(cause),
        }
    }

    /// Makes a call in its turn, and again where that may help.
    async fn repeated<T, F: Future<Output = Result<T, DingTalkError>>>(
        &self,
        call: impl Fn() -> F,
    ) -> Result<T, DingTalkError> {
        let (mut throttled, mut repeats) = (0, 0);
        loop {
            self.pace.turn().await;
            match call().await {
                Ok(answer) => {
                    self.pace.went_well();
                    return Ok(answer);
                }
                Err(cause @ DingTalkError::Throttled { .. }) if throttled < PATIENCE => {
                    tracing::info!(%cause, "the sync slows down");
                    throttled += 1;
                    self.pace.slow_down();
                }
                Err(DingTalkError::Unavailable { .. }) if repeats < REPEATS => {
                    sleep(PAUSE * 2_u32.pow(repeats)).await;
                    repeats += 1;
                }
                Err(cause) => return Err(cause),
            }
        }
    }
}

/// Makes a call beside the others, where another core is free: much of it is reading what was answered.
async fn beside(
    call: impl Future<Output = Result<Vec<Step>, DingTalkError>> + Send + 'static,
) -> Result<Vec<Step>, DingTalkError> {
    let made = AbortOnDropHandle::new(tokio::spawn(call)).await;
    made.unwrap_or_else(|cause| {
        Err(DingTalkError::Unavailable {
            code_spent: CodeSpent::No,
            detail: cause.to_string(),
        })
    })
}

async fn children(dingtalk: DingTalk, id: i64, as_of: DateTime<Utc>) -> Result<Vec<Step>, DingTalkError> {
    let children = dingtalk.sub_departments(DEFAULT_APP, DepartmentId(id)).await?;
    let mut steps: Vec<Step> = children
        .into_iter()
        .map(|child| {
            let child_id = child.id.0;
            let node = node(child);
            Step::Found {
                id: child_id,
                name: node.name,
                parent_id: node.parent_id.or(Some(id)),
                as_of,
            }
        })
        .collect();
    steps.push(Step::Expanded(id));
    Ok(steps)
}

async fn members(dingtalk: DingTalk, id: i64, cursor: u64) -> Result<Vec<Step>, DingTalkError> {
    let department = DepartmentId(id);
    let page = dingtalk.department_members(DEFAULT_APP, department, cursor).await?;
    let next = match page.next_cursor.filter(|_| page.has_more) {
        // A page that does not lead on is no success: what follows it would count as gone.
        Some(next) if next <= cursor => return Err(no_next_page()),
        None if page.has_more => return Err(no_next_page()),
        next => next,
    };
    let members = page.list.into_iter();
    let mut steps: Vec<Step> = members
        .map(|contact| Step::Member(Profile::listed(contact, department)))
        .collect();
    steps.push(Step::Read { department: id, next });
    Ok(steps)
}

/// Takes a step and writes it down.
pub(super) async fn take(
    snapshot: &mut Snapshot,
    stages: &mut Option<Stages<'_>>,
    step: Step,
) -> Result<(), SyncError> {
    let line = snapshot.take(step).map_err(|cause| Error::Internal(cause.into()))?;
    if let Some(stages) = stages {
        stages.add(&line).await?;
    }
    Ok(())
}

/// Waits until a stage that is being stored is; for ever where none is.
async fn stored(stages: &mut Option<Stages<'_>>) -> Result<(), SyncError> {
    match stages {
        Some(stages) if stages.is_storing() => stages.stored().await,
        _ => std::future::pending().await,
    }
}

fn failed(cause: DingTalkError) -> SyncError {
    SyncError::Failed(unreadable(cause))
}

fn no_next_page() -> DingTalkError {
    DingTalkError::Unavailable {
        code_spent: CodeSpent::No,
        detail: "a page of members says that more follow, but not where".to_owned(),
    }
}
