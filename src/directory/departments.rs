//! The departments of the company: known from our table, learned from DingTalk one by one.

use std::collections::BTreeSet;
use std::sync::{Arc, PoisonError, RwLock};

use sea_orm::DbErr;

use super::department;
use super::text::bounded;
use super::tree::{self, Node, Place, Tree};
use crate::clock::Clock;
use crate::database::{self, Database};
use crate::dingtalk::DingTalk;
use crate::dingtalk::ids::DepartmentId;
use crate::error::Error;

/// The deepest chain that is followed up at the platform.
const MAX_DEPTH: usize = 64;

/// The departments of one company. Clones share everything.
#[derive(Clone)]
pub struct Departments(Arc<House>);

struct House {
    database: Database,
    dingtalk: DingTalk,
    corp_id: String,
    clock: Clock,
    tree: RwLock<Arc<Tree>>,
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

    /// Fetches departments that are not known yet, with their ancestors, and keeps them. What the platform does not
    /// give is left out with a warning: no login fails for it.
    pub async fn learn(&self, app: &str, ids: impl IntoIterator<Item = i64>) {
        let tree = self.tree();
        let unknown: BTreeSet<i64> = ids.into_iter().filter(|id| !tree.contains(*id)).collect();
        if unknown.is_empty() {
            return;
        }
        let mut grown = (*tree).clone();
        let mut learned = BTreeSet::new();
        for id in unknown {
            let mut next = Some(id);
            for _ in 0..MAX_DEPTH {
                let Some(id) = next.filter(|id| !grown.contains(*id)) else {
                    break;
                };
                match self.0.dingtalk.department(app, DepartmentId(id)).await {
                    Ok(department) => {
                        let parent_id = department.parent_id.map(|parent| parent.0);
                        grown.insert(
                            id,
                            Node {
                                name: bounded(department.name, 255),
                                parent_id,
                            },
                        );
                        learned.insert(id);
                        next = parent_id.or((id != tree::ROOT).then_some(tree::ROOT));
                    }
                    Err(cause) => {
                        tracing::warn!(department = id, %cause, "the department cannot be read from DingTalk");
                        break;
                    }
                }
            }
        }
        if let Err(cause) = self.keep(&grown, &learned).await {
            tracing::warn!(%cause, "departments cannot be stored; they are read again at the next login");
        }
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
