//! The departments of the company: known from our table, learned from DingTalk one by one.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use sea_orm::DbErr;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::department;
use super::text::bounded;
use super::tree::{Node, Place, Tree};
use crate::clock::Clock;
use crate::database::{self, Database};
use crate::dingtalk::DingTalk;
use crate::dingtalk::error::DingTalkError;
use crate::dingtalk::ids::DepartmentId;
use crate::error::Error;

/// The deepest chain that is followed up at the platform.
const MAX_DEPTH: usize = 64;

/// The longest that a login waits for departments that are not known yet.
const LEARN_FOR: Duration = Duration::from_secs(5);

/// The departments of one company. Clones share everything.
#[derive(Clone)]
pub struct Departments(Arc<House>);

struct House {
    database: Database,
    dingtalk: DingTalk,
    corp_id: String,
    clock: Clock,
    tree: RwLock<Arc<Tree>>,
    learning: Mutex<Learning>,
    /// Whether the one login that is learning has come to the database.
    storing: AtomicBool,
}

/// The last attempt to learn of departments that did not succeed.
#[derive(Default)]
struct Learning {
    lacking: Option<(Instant, Lacking)>,
}

/// What was lacking.
#[derive(Clone, Copy)]
enum Lacking {
    /// The platform gave none.
    Departments,
    /// The database was away.
    Database,
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
            clock,
            tree: RwLock::default(),
            learning: Mutex::default(),
            storing: AtomicBool::new(false),
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

    /// Fetches departments that are not known yet, with their ancestors, and keeps them: one login at a time, for
    /// most wait for the same ones. What the platform does not give in time is left out with a warning: no login
    /// fails for it, and the next one asks again.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn learn(&self, app: &str, ids: impl IntoIterator<Item = i64>) -> Result<(), Error> {
        const SLOW: &str = "DingTalk gives departments too slowly: a login goes on without some of them";
        let tree = self.tree();
        let mut incomplete: BTreeSet<i64> = ids.into_iter().filter(|id| tree.missing(*id).is_some()).collect();
        if incomplete.is_empty() {
            return Ok(());
        }
        let began = Instant::now();
        let Ok(mut learning) = timeout_at(began + LEARN_FOR, self.0.learning.lock()).await else {
            if self.0.storing.load(Ordering::Relaxed) {
                return Err(Error::Unavailable(anyhow::anyhow!(
                    "the database does not store departments in time"
                )));
            }
            tracing::warn!(SLOW);
            return Ok(());
        };
        // What went wrong while this login waited would go wrong again.
        match learning.lacking {
            Some((since, Lacking::Departments)) if since > began => return Ok(()),
            Some((since, Lacking::Database)) if since > began => {
                return Err(Error::Unavailable(anyhow::anyhow!("as for the login before this one")));
            }
            _ => {}
        }
        let tree = self.tree();
        incomplete.retain(|id| tree.missing(*id).is_some());
        let mut grown = (*tree).clone();
        let mut learned = BTreeSet::new();
        let fetch = self.fetch(app, &incomplete, &mut grown, &mut learned);
        let whole = timeout_at(began + LEARN_FOR, fetch).await.unwrap_or_else(|_elapsed| {
            tracing::warn!(SLOW);
            false
        });
        if !whole {
            learning.lacking = Some((Instant::now(), Lacking::Departments));
        }
        if learned.is_empty() {
            return Ok(());
        }
        // Those below a department that was missing have another path now.
        for id in incomplete.into_iter().filter(|id| grown.contains(*id)) {
            learned.insert(id);
            learned.extend(grown.place(id).path.iter().map(|up| up.id));
        }
        self.0.storing.store(true, Ordering::Relaxed);
        let kept = self.keep(&grown, &learned).await;
        self.0.storing.store(false, Ordering::Relaxed);
        match kept {
            Err(cause @ Error::Unavailable(_)) => {
                learning.lacking = Some((Instant::now(), Lacking::Database));
                Err(cause)
            }
            Err(cause) => {
                tracing::warn!(%cause, "departments cannot be stored; they are read again at the next login");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    /// Fetches whatever is missing above `ids`; false where the platform gives no departments at all.
    async fn fetch(&self, app: &str, ids: &BTreeSet<i64>, grown: &mut Tree, learned: &mut BTreeSet<i64>) -> bool {
        for id in ids {
            for _ in 0..MAX_DEPTH {
                let Some(missing) = grown.missing(*id) else {
                    break;
                };
                match self.0.dingtalk.department(app, DepartmentId(missing)).await {
                    Ok(department) => {
                        let node = Node {
                            name: bounded(department.name, 255),
                            parent_id: department.parent_id.map(|parent| parent.0),
                        };
                        grown.insert(missing, node);
                        learned.insert(missing);
                    }
                    Err(cause) => {
                        tracing::warn!(department = missing, %cause, "the department cannot be read from DingTalk");
                        if !matches!(
                            cause,
                            DingTalkError::NotFound { .. } | DingTalkError::OutsideRange { .. }
                        ) {
                            return false;
                        }
                        break;
                    }
                }
            }
        }
        true
    }

    /// Reads the departments again.
    ///
    /// # Errors
    /// The database's.
    pub async fn reload(&self) -> Result<(), DbErr> {
        let mut tree = Tree::default();
        for row in department::all(self.0.database.reader(), &self.0.corp_id).await? {
            tree.insert(
                row.id,
                Node {
                    name: row.name,
                    parent_id: row.parent_id,
                },
            );
        }
        *self.0.tree.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(tree);
        Ok(())
    }

    async fn keep(&self, grown: &Tree, learned: &BTreeSet<i64>) -> Result<(), Error> {
        let now = self.0.clock.now();
        let rows = learned.iter().map(|id| {
            let place = grown.place(*id);
            department::Model {
                corp_id: self.0.corp_id.clone(),
                id: *id,
                name: place.name.unwrap_or_default(),
                parent_id: grown.parent_of(*id),
                root_id: place.branch.map_or(*id, |branch| branch.id),
                path: bounded(
                    place
                        .path
                        .iter()
                        .fold("/".to_owned(), |path, up| format!("{path}{}/", up.id)),
                    1024,
                ),
                updated_at: now,
            }
        });
        let rows = rows.collect();
        database::within_limit(async {
            let transaction = self.0.database.begin().await?;
            department::upsert(&transaction, rows).await?;
            transaction.commit().await?;
            self.reload().await
        })
        .await
    }
}
