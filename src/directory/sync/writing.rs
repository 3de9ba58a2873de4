//! Compares what was read with what is stored, and writes what differs: in chunks by userid, each a transaction.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::lease::Lease;
use super::report::{Phase, Progress, SyncError};
use super::run::Counts;
use super::snapshot::Snapshot;
use super::sync_change::{self, Kind, SyncChange, What};
use crate::database;
use crate::directory::change::{Change, Changed};
use crate::directory::department_change::{Told, Written};
use crate::directory::departments::Departments;
use crate::directory::plan::Plan;
use crate::directory::profile::Profile;
use crate::directory::roster::Roster;
use crate::directory::tree::Node;
use crate::directory::{employee, leaving};
use crate::error::Error;

/// People in one transaction while others want to write: a login that comes in the middle waits for its end.
const CHUNK: usize = 100;
/// People in one transaction while nobody else does.
const LARGE_CHUNK: usize = 500;
/// So many times as long as a chunk took it rests after it, if others want to write as well: most of them then meet
/// no chunk at all.
const REST: u32 = 2;

/// The one that writes, or only compares.
pub(super) struct Writing<'a> {
    pub(super) roster: &'a Roster,
    pub(super) departments: &'a Departments,
    pub(super) progress: &'a watch::Sender<Progress>,
    /// Under which run and lease it writes; none where it only compares.
    pub(super) run: Option<(Uuid, &'a Lease)>,
    /// Whether changes are noted beyond their count: not for the first people ever.
    pub(super) notes: bool,
    pub(super) counts: Counts,
    /// What would change, where it only compares.
    pub(super) changes: Vec<SyncChange>,
}

/// What has to be read again, because it was stored anew while the sync was reading.
#[derive(Default)]
pub(super) struct Overtaken {
    pub(super) departments: Vec<i64>,
    pub(super) people: Vec<String>,
}

impl Writing<'_> {
    /// Writes all that differs: departments first, then leavers, then everybody else.
    pub(super) async fn write(
        &mut self,
        snapshot: &Snapshot,
        gone: &[i64],
        leavers: &[(String, String, DateTime<Utc>)],
    ) -> Result<Overtaken, SyncError> {
        let mut overtaken = Overtaken::default();
        self.counts.departments = count(snapshot.departments.len());
        self.counts.employees = count(snapshot.people.len());
        overtaken.departments = self.write_departments(snapshot, gone).await?;
        for leavers in leavers.chunks(CHUNK) {
            overtaken.people.extend(self.write_leavers(leavers).await?);
        }
        let (mut after, mut size): (Option<String>, usize) = (None, CHUNK);
        loop {
            let profiles = snapshot
                .people
                .after(after.as_deref(), size)
                .map_err(|cause| Error::Internal(cause.into()))?;
            let Some(last) = profiles.last() else {
                return Ok(overtaken);
            };
            after = Some(last.userid.clone());
            let (began, before) = (Instant::now(), self.roster.database.begun());
            overtaken.people.extend(self.write_people(snapshot, &profiles).await?);
            self.progress.send_modify(|progress| {
                progress.phase = Phase::Comparing;
                progress.compared += profiles.len();
            });
            // The chunk itself is one.
            if self.roster.database.begun() > before + 1 {
                size = CHUNK;
                sleep(began.elapsed() * REST).await;
            } else {
                size = LARGE_CHUNK;
            }
        }
    }

    async fn write_departments(&mut self, snapshot: &Snapshot, gone: &[i64]) -> Result<Vec<i64>, SyncError> {
        let told: BTreeMap<i64, Told> = snapshot
            .departments
            .iter()
            .map(|(id, found)| {
                let node = Node {
                    name: found.name.clone(),
                    parent_id: found.parent_id,
                };
                (
                    *id,
                    Told {
                        node,
                        as_of: found.as_of,
                    },
                )
            })
            .collect();
        let written = match self.run {
            None => {
                let written = self.departments.compare(&told, gone).await?;
                self.changes.extend(of_departments(&written));
                written
            }
            Some((run, lease)) => {
                let writing = self.roster.database.transact(async |transaction| {
                    if !lease.hold(transaction).await? {
                        return Ok(None);
                    }
                    let written = self.departments.write_in(transaction, &told, gone).await?;
                    if written.rows.is_some() {
                        sync_change::insert(transaction, run, &of_departments(&written)).await?;
                    }
                    Ok(Some(written))
                });
                let written = writing.await?.ok_or(SyncError::Overtaken)?;
                self.departments.show_written(&written);
                written
            }
        };
        self.counts.departments_changed += count(written.changed.len());
        self.counts.departments_gone += count(written.gone.len());
        Ok(written.overtaken)
    }

    /// Answers who was overtaken: stored anew after DingTalk said that they had left.
    async fn write_leavers(&mut self, leavers: &[(String, String, DateTime<Utc>)]) -> Result<Vec<String>, SyncError> {
        let Some((run, lease)) = self.run else {
            self.counts.left += count(leavers.len());
            self.changes
                .extend(leavers.iter().map(|(userid, name, _)| left(userid, name)));
            return Ok(Vec::new());
        };
        let userids: Vec<String> = leavers.iter().map(|(userid, ..)| userid.clone()).collect();
        let since: HashMap<&str, DateTime<Utc>> =
            leavers.iter().map(|(userid, _, at)| (userid.as_str(), *at)).collect();
        let marking = self.roster.database.transact(async |transaction| {
            if !lease.hold(transaction).await? {
                return Ok(None);
            }
            let (mut leavers, mut overtaken) = (Vec::new(), Vec::new());
            for row in leaving::still_here(transaction, self.roster, &userids).await? {
                match since.get(row.userid.as_str()) {
                    Some(left_at) if row.updated_at <= *left_at => leavers.push((row, *left_at)),
                    _ => overtaken.push(row.userid),
                }
            }
            leaving::mark(transaction, self.roster, &leavers).await?;
            let changes: Vec<SyncChange> = leavers.iter().map(|(row, _)| left(&row.userid, &row.name)).collect();
            if !changes.is_empty() {
                sync_change::insert(transaction, run, &changes).await?;
            }
            Ok(Some((changes.len(), overtaken)))
        });
        let (marked, overtaken) = marking.await?.ok_or(SyncError::Overtaken)?;
        self.counts.left += count(marked);
        Ok(overtaken)
    }

    /// Answers who was overtaken. Most chunks do not differ, and are only read.
    async fn write_people(&mut self, snapshot: &Snapshot, profiles: &[Profile]) -> Result<Vec<String>, SyncError> {
        let profiles: Vec<&Profile> = profiles.iter().collect();
        let roster = self.roster;
        let userids: Vec<String> = profiles.iter().map(|profile| profile.userid.clone()).collect();
        let is_here = |userid: &str| snapshot.people.has(userid);
        let reader = roster.database.reader();
        let plan = database::within_limit(async {
            let rows = employee::find_many(reader, &roster.corp_id, &userids).await?;
            Plan::make(reader, roster, &profiles, rows, &is_here).await
        })
        .await?;
        let Some((run, lease)) = self.run else {
            self.count(&plan.changes);
            self.changes.extend(plan.changes.iter().map(told));
            return Ok(plan.overtaken);
        };
        if plan.changes.is_empty() {
            return Ok(plan.overtaken);
        }
        let notes = self.notes;
        let written = roster.database.transact(async |transaction| {
            if !lease.hold(transaction).await? {
                return Ok(None);
            }
            let rows = employee::lock(transaction, &roster.corp_id, &userids).await?;
            let mut plan = Plan::make(transaction, roster, &profiles, rows, &is_here).await?;
            plan.write(transaction, roster, roster.clock.now()).await?;
            let changes: Vec<SyncChange> = plan.changes.iter().map(told).collect();
            if notes && !changes.is_empty() {
                sync_change::insert(transaction, run, &changes).await?;
            }
            Ok(Some(plan))
        });
        let plan = written.await?.ok_or(SyncError::Overtaken)?;
        self.count(&plan.changes);
        Ok(plan.overtaken)
    }

    fn count(&mut self, changes: &[Changed]) {
        for changed in changes {
            let counter = match changed.change {
                Change::Joined => &mut self.counts.joined,
                Change::Returned => &mut self.counts.returned,
                Change::Changed(_) => &mut self.counts.changed,
            };
            *counter += 1;
        }
    }
}

/// What was written of departments, in words.
fn of_departments(written: &Written) -> Vec<SyncChange> {
    let different = written.changed.iter().map(|change| SyncChange {
        kind: Kind::Department,
        subject: change.id.to_string(),
        name: change.name.clone(),
        change: change.fields.as_ref().map_or(What::Joined, |_| What::Changed),
        detail: change.fields.as_deref().unwrap_or_default().join(", "),
    });
    let forgotten = written.gone.iter().map(|id| SyncChange {
        kind: Kind::Department,
        subject: id.to_string(),
        name: String::new(),
        change: What::Left,
        detail: "60003: DingTalk does not know it any more".to_owned(),
    });
    different.chain(forgotten).collect()
}

/// A leave in words.
pub(super) fn left(userid: &str, name: &str) -> SyncChange {
    SyncChange {
        kind: Kind::Employee,
        subject: userid.to_owned(),
        name: name.to_owned(),
        change: What::Left,
        detail: "60121: DingTalk does not know this userid any more".to_owned(),
    }
}

fn told(changed: &Changed) -> SyncChange {
    let (change, detail) = match &changed.change {
        Change::Joined => (What::Joined, "new in DingTalk".to_owned()),
        Change::Returned => (What::Returned, "in DingTalk again".to_owned()),
        Change::Changed(fields) => (What::Changed, fields.join(", ")),
    };
    SyncChange {
        kind: Kind::Employee,
        subject: changed.userid.clone(),
        name: changed.name.clone(),
        change,
        detail,
    }
}

fn count(length: usize) -> i32 {
    i32::try_from(length).unwrap_or(i32::MAX)
}
