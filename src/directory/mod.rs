//! Who works here, and where: employees, departments, memberships and roles.

pub mod department;
pub mod employee;
pub mod membership;
pub mod role;
pub mod role_grant;
pub mod tree;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use crate::clock::Clock;
use crate::database::{self, Database};
use crate::dingtalk::DingTalk;
use crate::dingtalk::error::DingTalkError;
use crate::dingtalk::ids::DepartmentId;
use crate::error::Error;
use crate::tokens;
use tree::{Node, Place, Tree};

/// The role of the administrators named in the settings, and what it allows.
pub const ADMIN: &str = "admin";

/// The deepest chain that is followed up at the platform.
const MAX_DEPTH: usize = 64;

/// The longest that a login waits for departments that are not known yet.
const LEARN_FOR: Duration = Duration::from_secs(5);

/// The directory of one company. Clones share everything.
#[derive(Clone)]
pub struct Directory(Arc<House>);

struct House {
    database: Database,
    dingtalk: DingTalk,
    corp_id: String,
    admins: Vec<String>,
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

/// What DingTalk says of an employee, bounded.
#[derive(Debug, Clone)]
pub struct Profile {
    /// DingTalk's id within the company.
    pub userid: String,
    /// DingTalk's id across companies.
    pub unionid: Option<String>,
    /// Full name.
    pub name: String,
    /// Address of the picture, or nothing.
    pub avatar: String,
    /// Job title, or nothing.
    pub position: String,
    /// Departments in DingTalk's order.
    pub memberships: Vec<Membership>,
}

/// Belonging to one department.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Membership {
    /// DingTalk's id of the department.
    pub department_id: i64,
    /// Whether it is the main one.
    pub main: bool,
    /// Whether the employee leads it.
    pub leader: bool,
}

/// An employee as this service knows them.
#[derive(Debug, Clone)]
pub struct Employee {
    /// Our id.
    pub id: i64,
    /// DingTalk's id within the company.
    pub userid: String,
    /// Full name.
    pub name: String,
    /// Address of the picture, or nothing.
    pub avatar: String,
    /// Job title, or nothing.
    pub position: String,
    /// Disabled here.
    pub disabled: bool,
    /// When the employee left the company.
    pub left_at: Option<DateTime<Utc>>,
    /// Departments in DingTalk's order.
    pub memberships: Vec<Membership>,
    /// Roles granted here.
    pub roles: Vec<String>,
    /// What those allow.
    pub power: Vec<String>,
}

impl Employee {
    /// Whether the employee may sign in.
    #[must_use]
    pub fn may_sign_in(&self) -> bool {
        !self.disabled && self.left_at.is_none()
    }

    /// The main department: the one marked so, else the first.
    #[must_use]
    pub fn main_department(&self) -> Option<i64> {
        let main = self
            .memberships
            .iter()
            .find(|membership| membership.main)
            .or(self.memberships.first());
        main.map(|membership| membership.department_id)
    }
}

/// A statement that failed while somebody was admitted.
#[derive(Debug)]
pub enum AdmitError {
    /// Adding a new employee.
    Insert(DbErr),
    /// Bringing a known one up to date, or reading them.
    Update(DbErr),
}

impl AdmitError {
    /// The statement's failure.
    #[must_use]
    pub fn cause(&self) -> &DbErr {
        match self {
            Self::Insert(cause) | Self::Update(cause) => cause,
        }
    }
}

impl Directory {
    /// Reads the departments that are known.
    ///
    /// # Errors
    /// When the database does not answer.
    pub async fn open(
        database: Database,
        dingtalk: DingTalk,
        corp_id: String,
        admins: Vec<String>,
        clock: Clock,
    ) -> anyhow::Result<Self> {
        let directory = Self(Arc::new(House {
            database,
            dingtalk,
            corp_id,
            admins,
            clock,
            tree: RwLock::default(),
            learning: Mutex::default(),
            storing: AtomicBool::new(false),
        }));
        directory.reload().await?;
        Ok(directory)
    }

    /// The company.
    #[must_use]
    pub fn corp_id(&self) -> &str {
        &self.0.corp_id
    }

    /// The departments as they are known now.
    #[must_use]
    pub fn tree(&self) -> Arc<Tree> {
        Arc::clone(&self.0.tree.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Admits employees within the caller's transaction: adds who is new, brings up to date who changed, and answers
    /// each with what is known here of them. No userid may come twice.
    ///
    /// # Errors
    /// [`AdmitError`]; the transaction must be given up then.
    pub async fn admit(
        &self,
        transaction: &impl ConnectionTrait,
        profiles: &[Profile],
    ) -> Result<HashMap<String, Employee>, AdmitError> {
        let house = &*self.0;
        let now = house.clock.now();
        let userids: Vec<String> = profiles.iter().map(|profile| profile.userid.clone()).collect();
        let mut rows = employee::lock(transaction, &house.corp_id, &userids)
            .await
            .map_err(AdmitError::Update)?;
        let known: HashMap<&str, &employee::Model> = rows.iter().map(|row| (row.userid.as_str(), row)).collect();
        let (mut new, mut changed) = (Vec::new(), Vec::new());
        for profile in profiles {
            match known.get(profile.userid.as_str()) {
                None => new.push(facts(profile)),
                Some(row) if differs(row, profile) => changed.push(facts(profile)),
                Some(_) => {}
            }
        }
        if !new.is_empty() || !changed.is_empty() {
            employee::upsert(transaction, &house.corp_id, new, now)
                .await
                .map_err(AdmitError::Insert)?;
            employee::upsert(transaction, &house.corp_id, changed, now)
                .await
                .map_err(AdmitError::Update)?;
            rows = employee::lock(transaction, &house.corp_id, &userids)
                .await
                .map_err(AdmitError::Update)?;
        }
        self.place(transaction, profiles, &rows)
            .await
            .map_err(AdmitError::Update)?;
        let employees = self.complete(transaction, rows).await.map_err(AdmitError::Update)?;
        Ok(employees
            .into_iter()
            .map(|employee| (employee.userid.clone(), employee))
            .collect())
    }

    /// Fetches departments that are not known yet, with their ancestors, and keeps them: one login at a time, for
    /// most wait for the same ones. What the platform does not give in time is left out with a warning: no login
    /// fails for it, and the next one asks again.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn learn_departments(&self, app: &str, ids: impl IntoIterator<Item = i64>) -> Result<(), Error> {
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
        let fetch = self.fetch_departments(app, &incomplete, &mut grown, &mut learned);
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
    async fn fetch_departments(
        &self,
        app: &str,
        ids: &BTreeSet<i64>,
        grown: &mut Tree,
        learned: &mut BTreeSet<i64>,
    ) -> bool {
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

    /// Where a department stands.
    #[must_use]
    pub fn place_of(&self, id: i64) -> Place {
        let place = self.tree().place(id);
        if place.broken {
            tracing::warn!(
                department = id,
                "the chain of parents is broken: its branch is not known"
            );
        }
        place
    }

    /// Finds an employee by our id.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn employee_by_id(&self, id: i64) -> Result<Option<Employee>, Error> {
        let reader = self.0.database.reader();
        database::within_limit(async {
            let row = employee::find_by_id(reader, &self.0.corp_id, id).await?;
            Ok(self.complete(reader, row.into_iter().collect()).await?.pop())
        })
        .await
    }

    /// Finds an employee by DingTalk's id.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn employee(&self, userid: &str) -> Result<Option<Employee>, Error> {
        let reader = self.0.database.reader();
        database::within_limit(async {
            let row = employee::find(reader, &self.0.corp_id, userid).await?;
            Ok(self.complete(reader, row.into_iter().collect()).await?.pop())
        })
        .await
    }

    /// Disables an employee and ends their sessions, or enables them again; answers how many sessions ended.
    ///
    /// # Errors
    /// [`Error::NotFound`] for nobody, [`Error::Unavailable`] when the database is away.
    pub async fn set_disabled(&self, userid: &str, disabled: bool) -> Result<u64, Error> {
        let employee = self.employee(userid).await?.ok_or(Error::NotFound)?;
        let now = self.0.clock.now();
        database::within_limit(async {
            let transaction = self.0.database.begin().await?;
            // The row first: a login that is under way has it locked, and its session is seen below.
            employee::set_disabled(&transaction, employee.id, disabled, now).await?;
            let ended = if disabled {
                tokens::end_subject(&transaction, &employee.id.to_string(), now).await?
            } else {
                0
            };
            transaction.commit().await?;
            Ok(ended)
        })
        .await
    }

    /// Ends every session of an employee; answers how many.
    ///
    /// # Errors
    /// [`Error::NotFound`] for nobody, [`Error::Unavailable`] when the database is away.
    pub async fn sign_out(&self, userid: &str) -> Result<u64, Error> {
        let employee = self.employee(userid).await?.ok_or(Error::NotFound)?;
        let now = self.0.clock.now();
        database::within_limit(async {
            let transaction = self.0.database.begin().await?;
            let ended = tokens::end_subject(&transaction, &employee.id.to_string(), now).await?;
            transaction.commit().await?;
            Ok(ended)
        })
        .await
    }

    /// Every role with what it allows.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn roles(&self) -> Result<Vec<role::Model>, Error> {
        database::within_limit(role::all(self.0.database.reader(), &self.0.corp_id)).await
    }

    /// Says what a role allows.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a name or power that cannot be written, [`Error::Unavailable`].
    pub async fn set_role(&self, name: &str, power: &[String]) -> Result<(), Error> {
        let fits = |text: &String| !text.is_empty() && text.len() <= 64 && text.chars().all(|c| c.is_ascii_graphic());
        let joined = power.join(" ");
        if !fits(&name.to_owned()) || name == ADMIN || !power.iter().all(fits) || joined.len() > 4096 {
            return Err(Error::InvalidRequest(format!(
                "a role's name and each power is 1 to 64 visible ASCII characters, and `{ADMIN}` is set by itself"
            )));
        }
        let row = role::Model {
            corp_id: self.0.corp_id.clone(),
            name: name.to_owned(),
            power: joined,
            updated_at: self.0.clock.now(),
        };
        database::within_limit(async {
            let transaction = self.0.database.begin().await?;
            role::upsert(&transaction, row).await?;
            transaction.commit().await
        })
        .await
    }

    /// Grants a role to an employee, or takes it back; false if nothing changed.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown employee or role, [`Error::Unavailable`].
    pub async fn grant_role(&self, userid: &str, name: &str, granted: bool) -> Result<bool, Error> {
        let employee = self.employee(userid).await?.ok_or(Error::NotFound)?;
        if granted && name != ADMIN && !self.roles().await?.iter().any(|role| role.name == name) {
            return Err(Error::NotFound);
        }
        let grant = role_grant::Model {
            employee_id: employee.id,
            role: name.to_owned(),
            corp_id: self.0.corp_id.clone(),
            granted_at: self.0.clock.now(),
        };
        database::within_limit(async {
            let transaction = self.0.database.begin().await?;
            let changed = if granted {
                role_grant::insert(&transaction, grant).await?
            } else {
                role_grant::delete(&transaction, employee.id, name).await?
            };
            transaction.commit().await?;
            Ok(changed)
        })
        .await
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

    async fn place(
        &self,
        transaction: &impl ConnectionTrait,
        profiles: &[Profile],
        rows: &[employee::Model],
    ) -> Result<(), DbErr> {
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let mut stored: HashMap<i64, Vec<Membership>> = HashMap::new();
        for row in membership::of_employees(transaction, &ids).await? {
            stored.entry(row.employee_id).or_default().push(from_row(&row));
        }
        let told: HashMap<&str, &Profile> = profiles
            .iter()
            .map(|profile| (profile.userid.as_str(), profile))
            .collect();
        let (mut moved, mut now) = (Vec::new(), Vec::new());
        for row in rows {
            let Some(profile) = told.get(row.userid.as_str()) else {
                continue;
            };
            if stored.get(&row.id).map_or(&[][..], Vec::as_slice) == profile.memberships {
                continue;
            }
            moved.push(row.id);
            now.extend(
                (0..)
                    .zip(&profile.memberships)
                    .map(|(rank, membership)| membership::Model {
                        employee_id: row.id,
                        department_id: membership.department_id,
                        corp_id: self.0.corp_id.clone(),
                        rank,
                        main: membership.main,
                        leader: membership.leader,
                    }),
            );
        }
        membership::replace(transaction, &moved, now).await
    }

    /// Adds memberships and roles to rows of employees.
    async fn complete(&self, db: &impl ConnectionTrait, rows: Vec<employee::Model>) -> Result<Vec<Employee>, DbErr> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let memberships = membership::of_employees(db, &ids).await?;
        let grants = role_grant::of_employees(db, &ids).await?;
        let roles = if grants.is_empty() {
            Vec::new()
        } else {
            role::all(db, &self.0.corp_id).await?
        };
        Ok(rows
            .into_iter()
            .map(|row| {
                let mut held: BTreeSet<String> = grants
                    .iter()
                    .filter(|grant| grant.employee_id == row.id)
                    .map(|grant| grant.role.clone())
                    .collect();
                if self.0.admins.contains(&row.userid) {
                    held.insert(ADMIN.to_owned());
                }
                let mut power: BTreeSet<String> = roles
                    .iter()
                    .filter(|role| held.contains(&role.name))
                    .flat_map(|role| role.power.split_whitespace().map(str::to_owned))
                    .collect();
                if held.contains(ADMIN) {
                    power.insert(ADMIN.to_owned());
                }
                let own = memberships.iter().filter(|membership| membership.employee_id == row.id);
                Employee {
                    id: row.id,
                    memberships: own.map(from_row).collect(),
                    userid: row.userid,
                    name: row.name,
                    avatar: row.avatar,
                    position: row.position,
                    disabled: row.disabled,
                    left_at: row.left_at,
                    roles: held.into_iter().collect(),
                    power: power.into_iter().collect(),
                }
            })
            .collect())
    }
}

fn from_row(row: &membership::Model) -> Membership {
    Membership {
        department_id: row.department_id,
        main: row.main,
        leader: row.leader,
    }
}

fn facts(profile: &Profile) -> employee::Facts {
    employee::Facts {
        userid: profile.userid.clone(),
        unionid: profile.unionid.clone(),
        name: profile.name.clone(),
        avatar: profile.avatar.clone(),
        position: profile.position.clone(),
    }
}

fn differs(row: &employee::Model, profile: &Profile) -> bool {
    row.unionid != profile.unionid
        || row.name != profile.name
        || row.avatar != profile.avatar
        || row.position != profile.position
}

/// Text that every database stores: without control characters (PostgreSQL refuses NUL), cut to `characters`.
#[must_use]
pub fn bounded(text: impl AsRef<str>, characters: usize) -> String {
    text.as_ref()
        .chars()
        .filter(|character| !character.is_control())
        .take(characters)
        .collect()
}
