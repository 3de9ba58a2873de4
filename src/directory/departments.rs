//! The departments of the company: known from our table, and stored there as DingTalk tells of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use sea_orm::{ConnectionTrait, DbErr};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::department;
use super::department_change::{DepartmentChange, Told, Written};
use super::hidden::Hidden;
use super::text::bounded;
use super::tree::{Node, Place, Tree};
use crate::clock::Clock;
use crate::database::{self, Database};
use crate::dingtalk::DingTalk;
use crate::dingtalk::contacts::ContactDepartment;
use crate::dingtalk::error::DingTalkError;
use crate::dingtalk::ids::DepartmentId;
use crate::error::Error;

/// The deepest chain that is followed up at the platform.
const MAX_DEPTH: usize = 64;

/// How often it is looked for what other instances have stored.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The departments of one company. Clones share everything.
#[derive(Clone)]
pub struct Departments(Arc<House>);

struct House {
    database: Database,
    dingtalk: DingTalk,
    corp_id: String,
    clock: Clock,
    tree: RwLock<Arc<Tree>>,
    /// Whether to read the rows again, whatever their version: of two transactions that end together, what the elder has
    /// read may be shown last.
    unsettled: AtomicBool,
    hidden: Hidden,
}

impl Departments {
    /// Reads the departments that are known.
    pub(super) async fn open(
        database: Database,
        dingtalk: DingTalk,
        corp_id: String,
        clock: Clock,
    ) -> Result<Self, DbErr> {
        let departments = Self(Arc::new(House {
            database,
            dingtalk,
            corp_id,
            hidden: Hidden::new(clock.clone()),
            clock,
            tree: RwLock::default(),
            unsettled: AtomicBool::default(),
        }));
        departments.reload().await?;
        Ok(departments)
    }

    /// The departments as they are known now.
    #[must_use]
    pub fn tree(&self) -> Arc<Tree> {
        Arc::clone(&self.0.tree.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Where a department stands.
    #[must_use]
    pub fn place(&self, id: i64) -> Place {
        let place = self.tree().place(id);
        if place.broken {
            tracing::warn!(
                department = id,
                "the chain of parents is broken: its branch is not known"
            );
        }
        place
    }

    /// Stores a department as it was read, with those of its ancestors that are not known.
    pub(super) async fn keep(
        &self,
        app: &str,
        department: ContactDepartment,
        as_of: DateTime<Utc>,
    ) -> Result<Written, Error> {
        let id = department.id.0;
        let node = node(department);
        let mut tree = (*self.tree()).clone();
        tree.insert(id, node.clone());
        let mut told = BTreeMap::from([(id, Told { node, as_of })]);
        self.ask_upwards(app, id, &mut tree, &mut told).await;
        self.write(&told, &[]).await
    }

    /// Forgets a department.
    pub(super) async fn forget(&self, id: i64) -> Result<Written, Error> {
        self.write(&BTreeMap::new(), &[id]).await
    }

    /// Reads the departments again.
    ///
    /// # Errors
    /// The database's.
    pub async fn reload(&self) -> Result<(), DbErr> {
        let rows = department::all(self.0.database.reader(), &self.0.corp_id).await?;
        self.show(&rows);
        Ok(())
    }

    /// Follows what other instances store, until told to stop.
    pub async fn follow(self, stop: CancellationToken) {
        let mut seen = None;
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(LOOK_EVERY) => {}
            }
            // The version first: what is stored between the two reads is read again.
            let look = async {
                let unsettled = self.0.unsettled.swap(false, Ordering::SeqCst);
                let version = department::version(self.0.database.reader(), &self.0.corp_id).await?;
                if unsettled || seen != Some(version) {
                    self.reload().await?;
                }
                Ok(version)
            };
            match database::within_limit(look).await {
                Ok(version) => seen = Some(version),
                Err(cause) => {
                    self.0.unsettled.store(true, Ordering::SeqCst);
                    tracing::debug!(%cause, "departments of other instances cannot be read yet");
                }
            }
        }
    }

    /// What an app has to ask for on the way up from a department, itself included; none where it was told a moment ago
    /// that it does not see it.
    pub(super) fn lacking(&self, app: &str, tree: &Tree, id: i64) -> Option<i64> {
        tree.missing(id)
            .filter(|missing| !self.0.hidden.is_hidden(app, *missing))
    }

    /// Asks for whatever is lacking on the way up from a department, itself included; false where the platform gives
    /// no departments at all.
    pub(super) async fn ask_upwards(
        &self,
        app: &str,
        id: i64,
        tree: &mut Tree,
        told: &mut BTreeMap<i64, Told>,
    ) -> bool {
        for _ in 0..MAX_DEPTH {
            let Some(missing) = self.lacking(app, tree, id) else {
                break;
            };
            let as_of = self.0.clock.now();
            match self.0.dingtalk.department(app, DepartmentId(missing)).await {
                Ok(department) => {
                    let node = node(department);
                    tree.insert(missing, node.clone());
                    told.insert(missing, Told { node, as_of });
                }
                Err(cause) => {
                    tracing::warn!(department = missing, %cause, "the department cannot be read from DingTalk");
                    let hidden = matches!(cause, DingTalkError::OutsideRange { .. });
                    if hidden {
                        self.0.hidden.note(app, missing);
                    }
                    return hidden || matches!(cause, DingTalkError::NotFound { .. });
                }
            }
        }
        true
    }

    /// Stores what was told and what is gone, and with it the branch and path of every department that depends on it.
    pub(super) async fn write(&self, told: &BTreeMap<i64, Told>, gone: &[i64]) -> Result<Written, Error> {
        let writing = self
            .0
            .database
            .transact(async |transaction| self.write_in(transaction, told, gone).await);
        let written = writing.await?;
        self.show_written(&written);
        Ok(written)
    }

    /// Works out what writing would do.
    pub(super) async fn compare(&self, told: &BTreeMap<i64, Told>, gone: &[i64]) -> Result<Written, Error> {
        database::within_tries(|| async {
            let transaction = self.0.database.begin().await?;
            Ok(self.plan(&transaction, told, gone).await?.0)
        })
        .await
    }

    /// As [`Self::write`], in a transaction of the caller's, who has it shown once that is committed.
    pub(super) async fn write_in(
        &self,
        transaction: &impl ConnectionTrait,
        told: &BTreeMap<i64, Told>,
        gone: &[i64],
    ) -> Result<Written, DbErr> {
        let (mut written, rows) = self.plan(transaction, told, gone).await?;
        if written.is_something() {
            department::upsert(transaction, rows).await?;
            department::delete(transaction, &self.0.corp_id, &written.gone).await?;
            written.rows = department::all(transaction, &self.0.corp_id).await?;
        }
        Ok(written)
    }

    /// Shows what is stored once that is committed: where another instance has told of the same before, nothing was
    /// written and all the same something is new here.
    pub(super) fn show_written(&self, written: &Written) {
        self.show(&written.rows);
        self.0.unsettled.store(true, Ordering::SeqCst);
    }

    /// Works out what has to be written, and the rows for it.
    async fn plan(
        &self,
        transaction: &impl ConnectionTrait,
        told: &BTreeMap<i64, Told>,
        gone: &[i64],
    ) -> Result<(Written, Vec<department::Model>), DbErr> {
        let house = &*self.0;
        let stored = department::lock_all(transaction, &house.corp_id).await?;
        let known: HashMap<i64, &department::Model> = stored.iter().map(|row| (row.id, row)).collect();
        let mut tree = grown(&stored);
        let mut written = Written::default();
        for (id, told) in told {
            let mut node = told.node.clone();
            if let Some(row) = known.get(id) {
                // A name that the platform does not give is hidden from us, and stays.
                if node.name.is_empty() {
                    node.name.clone_from(&row.name);
                }
                let differs = row.name != node.name || row.parent_id != node.parent_id;
                if differs && row.updated_at > told.as_of {
                    written.overtaken.push(*id);
                    continue;
                }
            }
            tree.insert(*id, node);
        }
        for id in gone.iter().filter(|id| known.contains_key(*id)) {
            tree.remove(*id);
            written.gone.push(*id);
        }
        // Later than every other change, so that whoever looks for changes sees this one.
        let last = stored.iter().map(|row| row.updated_at).max();
        let now = last.map_or(house.clock.now(), |last| {
            house.clock.now().max(last + TimeDelta::milliseconds(1))
        });
        let mut rows = Vec::new();
        for id in tree.ids() {
            let former = known.get(&id).copied();
            let row = self.row(&tree, id, former.map_or(now, |row| row.updated_at));
            if former != Some(&row) {
                written.changed.push(DepartmentChange::new(former, &row));
                rows.push(department::Model { updated_at: now, ..row });
            }
        }
        written.rows = stored;
        Ok((written, rows))
    }

    fn row(&self, tree: &Tree, id: i64, updated_at: DateTime<Utc>) -> department::Model {
        let place = tree.place(id);
        let path = place
            .path
            .iter()
            .fold("/".to_owned(), |path, up| format!("{path}{}/", up.id));
        department::Model {
            corp_id: self.0.corp_id.clone(),
            id,
            name: place.name.unwrap_or_default(),
            parent_id: tree.parent_of(id),
            root_id: place.branch.map_or(id, |branch| branch.id),
            path: bounded(path, 1024),
            updated_at,
        }
    }

    fn show(&self, rows: &[department::Model]) {
        *self.0.tree.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(grown(rows));
    }
}

fn grown(rows: &[department::Model]) -> Tree {
    let mut tree = Tree::default();
    for row in rows {
        let node = Node {
            name: row.name.clone(),
            parent_id: row.parent_id,
        };
        tree.insert(row.id, node);
    }
    tree
}

pub(super) fn node(department: ContactDepartment) -> Node {
    Node {
        name: bounded(department.name, 255),
        parent_id: department.parent_id.map(|parent| parent.0),
    }
}
