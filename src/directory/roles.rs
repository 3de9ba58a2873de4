//! What roles allow, and who holds them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::role::{self, ADMIN, Role};
use super::roster::Roster;
use super::{employee, mapped_grant, role_grant};
use crate::database;
use crate::error::Error;

/// The roles of one company.
#[derive(Clone)]
pub struct Roles(Arc<Roster>);

impl Roles {
    pub(super) fn new(roster: Arc<Roster>) -> Self {
        Self(roster)
    }

    /// Every role with what it allows.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn all(&self) -> Result<Vec<Role>, Error> {
        let rows = database::within_limit(role::all(self.0.database.reader(), &self.0.corp_id)).await?;
        Ok(rows.into_iter().map(Role::from).collect())
    }

    /// Who holds each role, by DingTalk's userid: whoever it was granted here, whoever has it for what they are in
    /// DingTalk, and the administrators of the settings. Those who have left are not among them.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn holders(&self) -> Result<BTreeMap<String, BTreeSet<String>>, Error> {
        database::within_limit(async {
            let db = self.0.database.reader();
            let mut granted = role_grant::of_company(db, &self.0.corp_id).await?;
            let mapped = mapped_grant::all(db).await?;
            let brought = mapped.into_iter().filter(|grant| self.0.mapping.brings(grant));
            granted.extend(brought.map(|grant| (grant.employee_id, grant.role)));
            let ids: BTreeSet<i64> = granted.iter().map(|(id, _)| *id).collect();
            let userids = employee::userids(db, &self.0.corp_id, ids.into_iter().collect()).await?;
            let mut holders: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
            for (id, role) in granted {
                if let Some(userid) = userids.get(&id) {
                    holders.entry(role).or_default().insert(userid.clone());
                }
            }
            let known = employee::find_many(db, &self.0.corp_id, &self.0.admins).await?;
            let has_left = |userid: &String| known.iter().any(|row| row.userid == *userid && row.left_at.is_some());
            for admin in self.0.admins.iter().filter(|userid| !has_left(userid)) {
                holders.entry(ADMIN.to_owned()).or_default().insert(admin.clone());
            }
            Ok(holders)
        })
        .await
    }

    /// Whether there is a role of this name; `admin` is always there.
    ///
    /// # Errors
    /// [`Error::Unavailable`] when the database is away.
    pub async fn exists(&self, name: &str) -> Result<bool, Error> {
        Ok(name == ADMIN || self.all().await?.iter().any(|role| role.name == name))
    }

    /// Says what a role allows.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for a name or power that cannot be written, [`Error::Unavailable`].
    pub async fn set(&self, name: &str, power: &[String]) -> Result<(), Error> {
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
        self.0
            .database
            .transact(async |transaction| role::upsert(transaction, row.clone()).await)
            .await
    }

    /// Grants a role to an employee, or takes it back; false if nothing changed.
    ///
    /// # Errors
    /// [`Error::NotFound`] for an unknown employee or role, [`Error::Unavailable`].
    pub async fn grant(&self, userid: &str, name: &str, granted: bool) -> Result<bool, Error> {
        let employee = self.0.find(userid).await?.ok_or(Error::NotFound)?;
        if granted && !self.exists(name).await? {
            return Err(Error::NotFound);
        }
        let grant = role_grant::Model {
            employee_id: employee.id,
            role: name.to_owned(),
            corp_id: self.0.corp_id.clone(),
            granted_at: self.0.clock.now(),
        };
        let changing = self.0.database.transact(async |transaction| {
            if granted {
                role_grant::insert(transaction, grant.clone()).await
            } else {
                role_grant::delete(transaction, employee.id, name).await
            }
        });
        changing.await
    }
}
