//! Works out what has to be written so that the employees stored are those that DingTalk told of, and writes it.

use std::collections::{BTreeSet, HashMap};

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr};

use super::change::{Change, Changed};
use super::employee::{self, Model};
use super::mapped_grant;
use super::mapping::Grant;
use super::membership::{self, Membership};
use super::profile::Profile;
use super::roster::Roster;

/// What has to be written.
#[derive(Default)]
pub(super) struct Plan {
    /// Everybody told of.
    userids: Vec<String>,
    /// The rows of those who are known.
    rows: Vec<Model>,
    /// Their memberships as stored, by our id of the employee.
    memberships: HashMap<i64, Vec<Membership>>,
    /// Records whose userid has gone to another person.
    retired: Vec<i64>,
    /// Records of people who are here under another userid than before.
    renamed: Vec<(i64, String)>,
    /// Records of people who had left.
    returned: Vec<i64>,
    /// Rows to add.
    new: Vec<Profile>,
    /// Rows to bring up to date.
    changed: Vec<Profile>,
    /// Memberships to put in the place of those stored, by userid.
    placed: HashMap<String, Vec<Membership>>,
    /// Mapped grants likewise.
    granted: HashMap<String, BTreeSet<Grant>>,
    /// Who was stored anew after DingTalk was asked, which told something else of them: they stay as they are.
    pub(super) overtaken: Vec<String>,
    /// The same in words.
    pub(super) changes: Vec<Changed>,
}

impl Plan {
    /// Compares `profiles` with what is stored, whose rows are locked until the transaction ends. No userid may come
    /// twice.
    pub(super) async fn locked(
        transaction: &impl ConnectionTrait,
        roster: &Roster,
        profiles: &[&Profile],
    ) -> Result<Self, DbErr> {
        let told: BTreeSet<&str> = profiles.iter().map(|profile| profile.userid.as_str()).collect();
        let rows = employee::lock(transaction, &roster.corp_id, userids(profiles)).await?;
        Self::make(transaction, roster, profiles, rows, &|userid| told.contains(userid)).await
    }

    /// Compares `profiles` with their rows. A record under another userid is a person's former one only if
    /// `is_here` does not know that userid.
    pub(super) async fn make(
        db: &impl ConnectionTrait,
        roster: &Roster,
        profiles: &[&Profile],
        rows: Vec<Model>,
        is_here: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<Self, DbErr> {
        let mut plan = Self {
            userids: userids(profiles),
            ..Self::default()
        };
        let mut known: HashMap<String, Model> = rows.into_iter().map(|row| (row.userid.clone(), row)).collect();
        let mut matched = Vec::with_capacity(profiles.len());
        let mut strangers = Vec::new();
        for &profile in profiles {
            match known.remove(&profile.userid) {
                Some(row) if is_another(&row, profile) => {
                    plan.retired.push(row.id);
                    strangers.push(profile);
                }
                Some(row) => matched.push((profile, row)),
                None => strangers.push(profile),
            }
        }
        let mut former = former(db, roster, &strangers, is_here).await?;
        for profile in strangers {
            match profile.unionid.as_ref().and_then(|unionid| former.remove(unionid)) {
                Some(row) => {
                    plan.renamed.push((row.id, profile.userid.clone()));
                    matched.push((profile, row));
                }
                None => plan.add(roster, profile),
            }
        }
        let (matched, rows): (Vec<&Profile>, Vec<Model>) = matched.into_iter().unzip();
        let memberships = membership::by_employee(db, &rows).await?;
        let ids: Vec<i64> = rows.iter().map(|row| row.id).collect();
        let mut grants = roster.mapped_grants(db, &ids).await?;
        for (profile, row) in matched.into_iter().zip(&rows) {
            let memberships = memberships.get(&row.id).map_or(&[][..], Vec::as_slice);
            let grants = grants.remove(&row.id).unwrap_or_default();
            plan.compare(roster, profile, row, memberships, &grants);
        }
        Ok(Self {
            rows,
            memberships,
            ..plan
        })
    }

    /// Writes it, in the transaction in which it was made.
    pub(super) async fn write(
        &self,
        transaction: &impl ConnectionTrait,
        roster: &Roster,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        self.insert(transaction, roster, now).await?;
        self.change(transaction, roster, now).await?;
        let userids: BTreeSet<&String> = self.placed.keys().chain(self.granted.keys()).collect();
        if userids.is_empty() {
            return Ok(());
        }
        let ids = employee::ids(transaction, &roster.corp_id, userids.into_iter().cloned().collect()).await?;
        self.place(
            transaction,
            roster,
            ids.iter().map(|(id, userid)| (*id, userid.as_str())),
        )
        .await?;
        Ok(())
    }

    /// The first half: adds whoever is new.
    pub(super) async fn insert(
        &self,
        transaction: &impl ConnectionTrait,
        roster: &Roster,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        for id in &self.retired {
            // No userid of DingTalk's looks like this, so that nobody can be given it.
            employee::rename(transaction, *id, format!("left:{id}"), now).await?;
        }
        employee::upsert(transaction, &roster.corp_id, &self.new, now).await
    }

    /// The second half: everything else; answers the rows of everybody told of, and their memberships by our id of the
    /// employee.
    pub(super) async fn update(
        &mut self,
        transaction: &impl ConnectionTrait,
        roster: &Roster,
        now: DateTime<Utc>,
    ) -> Result<(Vec<Model>, HashMap<i64, Vec<Membership>>), DbErr> {
        let mut memberships = std::mem::take(&mut self.memberships);
        if self.changes.is_empty() {
            return Ok((std::mem::take(&mut self.rows), memberships));
        }
        self.change(transaction, roster, now).await?;
        let rows = employee::lock(transaction, &roster.corp_id, self.userids.clone()).await?;
        let ids = rows.iter().map(|row| (row.id, row.userid.as_str()));
        let placed = self.place(transaction, roster, ids).await?;
        memberships.extend(placed.into_iter().map(|(id, placed)| (id, placed.clone())));
        Ok((rows, memberships))
    }

    /// Brings rows up to date.
    async fn change(
        &self,
        transaction: &impl ConnectionTrait,
        roster: &Roster,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        for (id, userid) in &self.renamed {
            employee::rename(transaction, *id, userid.clone(), now).await?;
        }
        employee::set_left(transaction, &self.returned, None, now).await?;
        employee::upsert(transaction, &roster.corp_id, &self.changed, now).await
    }

    /// Stores memberships and mapped grants of employees, given our ids of them; answers the memberships.
    async fn place<'a>(
        &self,
        transaction: &impl ConnectionTrait,
        roster: &Roster,
        ids: impl Iterator<Item = (i64, &'a str)>,
    ) -> Result<Vec<(i64, &Vec<Membership>)>, DbErr> {
        let (mut placed, mut granted) = (Vec::new(), Vec::new());
        for (id, userid) in ids {
            placed.extend(self.placed.get(userid).map(|memberships| (id, memberships)));
            granted.extend(self.granted.get(userid).map(|grants| (id, grants)));
        }
        membership::replace(transaction, &roster.corp_id, &placed).await?;
        mapped_grant::replace(transaction, &granted).await?;
        Ok(placed)
    }

    fn add(&mut self, roster: &Roster, profile: &Profile) {
        let memberships = membership::completed(&profile.memberships, &[]);
        self.placed.insert(profile.userid.clone(), memberships);
        let grants = roster.mapping.grants(profile, &[]);
        if !grants.is_empty() {
            self.granted.insert(profile.userid.clone(), grants);
        }
        self.new.push(profile.clone());
        self.note(profile, Change::Joined);
    }

    fn compare(
        &mut self,
        roster: &Roster,
        profile: &Profile,
        row: &Model,
        memberships: &[Membership],
        grants: &[mapped_grant::Model],
    ) {
        // Whoever was read before they were found to have left is told of as they were then.
        if row.left_at.is_some_and(|left_at| profile.as_of <= left_at) {
            return;
        }
        let mut fields = row.differences(profile);
        if row.userid != profile.userid {
            fields.push("userid");
        }
        let told = membership::completed(&profile.memberships, memberships);
        let moved = told != memberships;
        if moved {
            fields.push("departments");
        }
        let brought = roster.mapping.regranted(profile, grants);
        if brought.is_some() {
            fields.push("roles");
        }
        if fields.is_empty() && row.left_at.is_none() {
            return;
        }
        if row.updated_at > profile.as_of && (row.left_at.is_none() || !profile.whole) {
            self.overtaken.push(profile.userid.clone());
            return;
        }
        let profile = row.complete(profile.clone());
        if moved {
            self.placed.insert(profile.userid.clone(), told);
        }
        if let Some(brought) = brought {
            self.granted.insert(profile.userid.clone(), brought);
        }
        if row.left_at.is_some() {
            self.returned.push(row.id);
            self.note(&profile, Change::Returned);
        } else {
            self.note(&profile, Change::Changed(fields));
        }
        self.changed.push(profile);
    }

    fn note(&mut self, profile: &Profile, change: Change) {
        self.changes.push(Changed {
            userid: profile.userid.clone(),
            name: profile.name.clone(),
            change,
        });
    }
}

fn userids(profiles: &[&Profile]) -> Vec<String> {
    profiles.iter().map(|profile| profile.userid.clone()).collect()
}

/// Whether the userid of somebody who left has been given to another person, who must not inherit their roles.
fn is_another(row: &Model, profile: &Profile) -> bool {
    let left = row.left_at.is_some_and(|left_at| profile.as_of > left_at);
    left && row.unionid.is_some() && profile.unionid.is_some() && row.unionid != profile.unionid
}

/// The records of people whose userid is not known, under the one that they had before. Where that userid is here as
/// well, it is another person's, whatever its unionid.
async fn former(
    db: &impl ConnectionTrait,
    roster: &Roster,
    strangers: &[&Profile],
    is_here: &(dyn Fn(&str) -> bool + Sync),
) -> Result<HashMap<String, Model>, DbErr> {
    let unionids: Vec<&str> = strangers
        .iter()
        .filter_map(|profile| profile.unionid.as_deref())
        .collect();
    let mut former = HashMap::new();
    if unionids.is_empty() {
        return Ok(former);
    }
    for row in employee::lock_persons(db, &roster.corp_id, &unionids).await? {
        if let Some(unionid) = row.unionid.clone().filter(|_| !is_here(&row.userid)) {
            former.entry(unionid).or_insert(row);
        }
    }
    Ok(former)
}
