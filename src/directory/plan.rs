//! Works out what has to be written so that the employees stored are those that DingTalk told of, and writes it.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use sea_orm::{ConnectionTrait, DbErr};

use super::change::{Change, Changed};
use super::employee::{self, Model};
use super::membership::{self, Membership};
use super::profile::Profile;

/// What has to be written.
#[derive(Default)]
pub(super) struct Plan {
    /// Everybody told of.
    userids: Vec<String>,
    /// The rows of those who are known.
    rows: Vec<Model>,
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
    /// The same in words.
    pub(super) changes: Vec<Changed>,
}

impl Plan {
    /// Compares `profiles` with what is stored, whose rows are locked until the transaction ends. No userid may come
    /// twice.
    pub(super) async fn make(
        transaction: &impl ConnectionTrait,
        corp_id: &str,
        profiles: &[Profile],
    ) -> Result<Self, DbErr> {
        let mut plan = Self::default();
        let userids: Vec<String> = profiles.iter().map(|profile| profile.userid.clone()).collect();
        let rows = employee::lock(transaction, corp_id, &userids).await?;
        let mut known: HashMap<String, Model> = rows.into_iter().map(|row| (row.userid.clone(), row)).collect();
        let mut matched = Vec::with_capacity(profiles.len());
        let mut strangers = Vec::new();
        for profile in profiles {
            match known.remove(&profile.userid) {
                Some(row) if is_another(&row, profile) => {
                    plan.retired.push(row.id);
                    strangers.push(profile);
                }
                Some(row) => matched.push((profile, row)),
                None => strangers.push(profile),
            }
        }
        let mut former = former(transaction, corp_id, &userids, &strangers).await?;
        for profile in strangers {
            match profile.unionid.as_ref().and_then(|unionid| former.remove(unionid)) {
                Some(row) => {
                    plan.renamed.push((row.id, profile.userid.clone()));
                    matched.push((profile, row));
                }
                None => plan.add(profile),
            }
        }
        let ids: Vec<i64> = matched.iter().map(|(_, row)| row.id).collect();
        let mut stored: HashMap<i64, Vec<Membership>> = HashMap::new();
        for row in membership::of_employees(transaction, &ids).await? {
            stored.entry(row.employee_id).or_default().push(Membership::from(&row));
        }
        for (profile, row) in matched {
            plan.compare(profile, &row, &stored.remove(&row.id).unwrap_or_default());
            plan.rows.push(row);
        }
        plan.userids = userids;
        Ok(plan)
    }

    /// Writes it, in the transaction in which it was made.
    pub(super) async fn write(
        &self,
        transaction: &impl ConnectionTrait,
        corp_id: &str,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        self.insert(transaction, corp_id, now).await?;
        self.update(transaction, corp_id, now).await.map(|_rows| ())
    }

    /// The first half: adds whoever is new.
    pub(super) async fn insert(
        &self,
        transaction: &impl ConnectionTrait,
        corp_id: &str,
        now: DateTime<Utc>,
    ) -> Result<(), DbErr> {
        for id in &self.retired {
            // No userid of DingTalk's looks like this, so that nobody can be given it.
            employee::rename(transaction, *id, format!("left:{id}"), now).await?;
        }
        employee::upsert(transaction, corp_id, &self.new, now).await
    }

    /// The second half: everything else; answers the rows of everybody told of.
    pub(super) async fn update(
        &self,
        transaction: &impl ConnectionTrait,
        corp_id: &str,
        now: DateTime<Utc>,
    ) -> Result<Vec<Model>, DbErr> {
        if self.changes.is_empty() {
            return Ok(self.rows.clone());
        }
        for (id, userid) in &self.renamed {
            employee::rename(transaction, *id, userid.clone(), now).await?;
        }
        employee::set_left(transaction, &self.returned, None, now).await?;
        employee::upsert(transaction, corp_id, &self.changed, now).await?;
        let rows = employee::lock(transaction, corp_id, &self.userids).await?;
        let placed = rows
            .iter()
            .filter_map(|row| Some((row.id, self.placed.get(&row.userid)?)));
        membership::replace(transaction, corp_id, placed.collect()).await?;
        Ok(rows)
    }

    fn add(&mut self, profile: &Profile) {
        let memberships = membership::completed(&profile.memberships, &[]);
        self.placed.insert(profile.userid.clone(), memberships);
        self.new.push(profile.clone());
        self.note(profile, Change::Joined);
    }

    fn compare(&mut self, profile: &Profile, row: &Model, stored: &[Membership]) {
        // Whoever was read before they were found to have left is told of as they were then.
        if row.left_at.is_some_and(|left_at| profile.as_of <= left_at) {
            return;
        }
        let profile = row.complete(profile.clone());
        let memberships = membership::completed(&profile.memberships, stored);
        let mut fields = row.differences(&profile);
        if row.userid != profile.userid {
            fields.push("userid");
        }
        if memberships != stored {
            fields.push("departments");
            self.placed.insert(profile.userid.clone(), memberships);
        }
        if row.left_at.is_some() {
            self.returned.push(row.id);
            self.note(&profile, Change::Returned);
        } else if fields.is_empty() {
            return;
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

/// Whether the userid of somebody who left has been given to another person, who must not inherit their roles.
fn is_another(row: &Model, profile: &Profile) -> bool {
    let left = row.left_at.is_some_and(|left_at| profile.as_of > left_at);
    left && row.unionid.is_some() && profile.unionid.is_some() && row.unionid != profile.unionid
}

/// The records of people whose userid is not known, under the one that they had before. A record whose own userid is
/// told of as well is another person's, whatever its unionid.
async fn former(
    transaction: &impl ConnectionTrait,
    corp_id: &str,
    userids: &[String],
    strangers: &[&Profile],
) -> Result<HashMap<String, Model>, DbErr> {
    let unionids: Vec<&str> = strangers
        .iter()
        .filter_map(|profile| profile.unionid.as_deref())
        .collect();
    let mut former = HashMap::new();
    if unionids.is_empty() {
        return Ok(former);
    }
    for row in employee::lock_persons(transaction, corp_id, &unionids).await? {
        if let Some(unionid) = row.unionid.clone().filter(|_| !userids.contains(&row.userid)) {
            former.entry(unionid).or_insert(row);
        }
    }
    Ok(former)
}
