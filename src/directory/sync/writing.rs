//! Writes departments, leavers, and whoever is not stored as they were read: in chunks by userid, each a transaction.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr};
use tokio::sync::watch;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

use super::lease::Lease;
use super::people::People;
use super::report::{Phase, Progress, SyncError};
use super::run::{Counts, count};
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

/// People in one transaction while others want to write: a login that comes in the middle waits for its end.
const CHUNK: usize = 100;
/// People in one transaction while nobody else does, and in one statement at the most: what SQLite needs to undo a
/// statement is in memory.
const LARGE_CHUNK: usize = 250;
/// People in one transaction while nobody else does and most are new. All of them have their places in the same parts of
/// the indexes, which are written once a transaction; it ends early as soon as somebody else wants to write.
const LARGEST_CHUNK: usize = 5_000;
/// No transaction goes on for longer.
const LONGEST: Duration = Duration::from_secs(1);
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
    /// Whether most people are not stored yet.
    pub(super) mostly_new: bool,
    pub(super) counts: Counts,
    /// What would change, where it only compares.
    pub(super) changes: Vec<SyncChange>,
}

/// What has to be read again, because it was stored anew while the sync was reading.
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
        let mut overtaken = Overtaken {
            departments: self.write_departments(snapshot, gone).await?,
            people: Vec::new(),
        };
        for leavers in leavers.chunks(CHUNK) {
            overtaken.people.extend(self.write_leavers(leavers).await?);
        }
        let calm = if self.mostly_new { LARGEST_CHUNK } else { LARGE_CHUNK };
        let unsettled = snapshot.people.unsettled();
        let (mut rest, mut most) = (&unsettled[..], CHUNK);
        while !rest.is_empty() {
            let (began, before) = (Instant::now(), self.roster.database.begun());
            let chunk = self.write_people(&snapshot.people, rest, most).await?;
            rest = rest.get(chunk.people..).unwrap_or_default();
            self.count(&chunk.changes);
            self.progress.send_modify(|progress| {
                progress.phase = Phase::Comparing;
                progress.compared += chunk.people;
            });
            overtaken.people.extend(chunk.overtaken);
            // The chunk itself is one.
            if self.roster.database.begun() > before + 1 {
                most = CHUNK;
                sleep(began.elapsed() * REST).await;
            } else {
                most = calm;
            }
        }
        Ok(overtaken)
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
                    if written.is_something() {
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
            for row in leaving::still_here(transaction, self.roster, userids.clone()).await? {
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

    /// Writes the first of some people in one transaction, at the most so many of them.
    async fn write_people(&mut self, people: &People, userids: &[&str], most: usize) -> Result<Chunk, SyncError> {
        let roster = self.roster;
        let userids = userids.get(..most).unwrap_or(userids);
        let Some((run, lease)) = self.run else {
            let userids = userids.get(..LARGE_CHUNK).unwrap_or(userids);
            let reader = roster.database.reader();
            let comparing = database::within_limit(async {
                let rows = employee::find_many(reader, &roster.corp_id, &owned(userids)).await?;
                plan(reader, roster, people, userids, rows).await
            });
            let plan = comparing.await?;
            self.changes.extend(plan.changes.iter().map(told));
            let mut chunk = Chunk::default();
            chunk.add(userids.len(), plan);
            return Ok(chunk);
        };
        let (database, notes) = (&roster.database, self.notes);
        let writing = database.transact(async |transaction| {
            if !lease.hold(transaction).await? {
                return Ok(None);
            }
            let (began, before) = (Instant::now(), database.begun());
            let notes = notes.then_some(run);
            let mut chunk = Chunk::default();
            for userids in userids.chunks(LARGE_CHUNK) {
                let plan = write_some(transaction, roster, people, userids, notes).await?;
                chunk.add(userids.len(), plan);
                if database.begun() > before || began.elapsed() > LONGEST {
                    break;
                }
            }
            Ok(Some(chunk))
        });
        writing.await?.ok_or(SyncError::Overtaken)
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

/// What was written of people in one transaction.
#[derive(Default)]
struct Chunk {
    /// How many of them there were.
    people: usize,
    changes: Vec<Changed>,
    /// Who was stored anew while the sync was reading.
    overtaken: Vec<String>,
}

impl Chunk {
    fn add(&mut self, people: usize, plan: Plan) {
        self.people += people;
        self.changes.extend(plan.changes);
        self.overtaken.extend(plan.overtaken);
    }
}

/// Writes some people within a transaction, with notes of it for a run where they are wanted.
async fn write_some(
    transaction: &impl ConnectionTrait,
    roster: &Roster,
    people: &People,
    userids: &[&str],
    notes: Option<Uuid>,
) -> Result<Plan, DbErr> {
    let rows = employee::lock(transaction, &roster.corp_id, owned(userids)).await?;
    let plan = plan(transaction, roster, people, userids, rows).await?;
    plan.write(transaction, roster, roster.clock.now()).await?;
    if let Some(run) = notes.filter(|_| !plan.changes.is_empty()) {
        let changes: Vec<SyncChange> = plan.changes.iter().map(told).collect();
        sync_change::insert(transaction, run, &changes).await?;
    }
    Ok(plan)
}

/// Works out what has to be written of some people whose rows are these.
async fn plan(
    db: &impl ConnectionTrait,
    roster: &Roster,
    people: &People,
    userids: &[&str],
    rows: Vec<employee::Model>,
) -> Result<Plan, DbErr> {
    let read = userids.iter().filter_map(|userid| people.get(userid).transpose());
    let profiles: Result<Vec<Profile>, _> = read.collect();
    let profiles = profiles.map_err(|cause| DbErr::Json(cause.to_string()))?;
    let profiles: Vec<&Profile> = profiles.iter().collect();
    Plan::make(db, roster, &profiles, rows, &|userid| people.has(userid)).await
}

fn owned(userids: &[&str]) -> Vec<String> {
    userids.iter().map(|userid| (*userid).to_owned()).collect()
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
