//! What a sync has read so far: every step of the reading, and the company that the steps add up to.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::people::People;
use crate::directory::membership::ToldMembership;
use crate::directory::profile::Profile;

/// One step of the reading. Steps can be written down, and added up again after a stop.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Step {
    /// A department is there.
    #[serde(rename = "f")]
    Found {
        id: i64,
        name: String,
        parent_id: Option<i64>,
        #[serde(with = "chrono::serde::ts_milliseconds")]
        as_of: DateTime<Utc>,
    },
    /// All departments right below it are found.
    #[serde(rename = "x")]
    Expanded(i64),
    /// An employee is there; this is written down as the line by which they are kept.
    #[serde(skip)]
    Member(Profile),
    /// The members of a department are read up to this cursor, or to their end.
    #[serde(rename = "p")]
    Read { department: i64, next: Option<u64> },
    /// A department is no more, though it was found a moment ago.
    #[serde(rename = "g")]
    Gone(i64),
}

/// A department, and how far it is read.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) name: String,
    pub(super) parent_id: Option<i64>,
    pub(super) as_of: DateTime<Utc>,
    expanded: bool,
    next: Option<u64>,
}

impl Found {
    fn is_read(&self) -> bool {
        self.expanded && self.next.is_none()
    }
}

/// A call that is still to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Work {
    /// What is right below the department.
    Children(i64),
    /// Its members from a cursor on.
    Members(i64, u64),
}

/// The company as it was read.
#[derive(Debug, Default)]
pub(super) struct Snapshot {
    pub(super) departments: BTreeMap<i64, Found>,
    pub(super) people: People,
    /// Departments of which everything is read; counted along, for there are thousands and it is asked for often.
    departments_read: usize,
}

impl Snapshot {
    /// Takes a step; answers the line by which it is recalled.
    ///
    /// # Errors
    /// When somebody cannot be written down, or read again.
    pub(super) fn take(&mut self, step: Step) -> Result<Cow<'_, str>, serde_json::Error> {
        match step {
            Step::Member(profile) => self.see(profile).map(Cow::Borrowed),
            step => {
                let line = serde_json::to_string(&step)?;
                self.apply(step)?;
                Ok(Cow::Owned(line))
            }
        }
    }

    /// Takes a step that was written down.
    ///
    /// # Errors
    /// When it is no such line.
    pub(super) fn recall(&mut self, line: &str) -> Result<(), serde_json::Error> {
        if line.starts_with('{') && !line.contains('\t') {
            self.apply(serde_json::from_str(line)?)
        } else {
            self.people.recall(line)
        }
    }

    fn apply(&mut self, step: Step) -> Result<(), serde_json::Error> {
        match step {
            Step::Found {
                id,
                name,
                parent_id,
                as_of,
            } => {
                let found = self.departments.entry(id).or_insert(Found {
                    name: String::new(),
                    parent_id: None,
                    as_of,
                    expanded: false,
                    next: Some(0),
                });
                // One that moves meanwhile is met under both parents: what was told last counts.
                if found.as_of <= as_of {
                    *found = Found {
                        name,
                        parent_id,
                        as_of,
                        ..*found
                    };
                }
            }
            Step::Expanded(id) => self.note(id, |found| found.expanded = true),
            Step::Member(profile) => _ = self.see(profile)?,
            Step::Read { department, next } => self.note(department, |found| found.next = next),
            Step::Gone(id) => {
                let gone = self.departments.remove(&id);
                self.departments_read -= usize::from(gone.is_some_and(|gone| gone.is_read()));
            }
        }
        Ok(())
    }

    /// Everything that is not read yet.
    pub(super) fn work(&self) -> Vec<Work> {
        let mut work = Vec::new();
        for (id, found) in &self.departments {
            if !found.expanded {
                work.push(Work::Children(*id));
            }
            work.extend(found.next.map(|cursor| Work::Members(*id, cursor)));
        }
        work
    }

    /// Departments of which everything is read.
    pub(super) fn departments_read(&self) -> usize {
        self.departments_read
    }

    fn note(&mut self, id: i64, note: impl FnOnce(&mut Found)) {
        if let Some(found) = self.departments.get_mut(&id) {
            let before = found.is_read();
            note(found);
            if !before && found.is_read() {
                self.departments_read += 1;
            }
        }
    }

    /// Whoever belongs to several departments is met several times: what was told last counts, and whether they lead
    /// a department is told by that department's page alone.
    fn see(&mut self, profile: Profile) -> Result<&str, serde_json::Error> {
        let profile = match self.people.get(&profile.userid)? {
            Some(earlier) if earlier.as_of <= profile.as_of => merged(profile, &earlier),
            Some(later) => merged(later, &profile),
            None => profile,
        };
        self.people.put(&profile)
    }
}

fn merged(later: Profile, earlier: &Profile) -> Profile {
    let leads = |id: i64| {
        let same = |membership: &&ToldMembership| membership.department_id == id;
        earlier
            .memberships
            .iter()
            .find(same)
            .and_then(|membership| membership.leader)
    };
    let memberships = later.memberships.iter().map(|membership| ToldMembership {
        leader: membership.leader.or_else(|| leads(membership.department_id)),
        ..membership.clone()
    });
    Profile {
        memberships: memberships.collect(),
        ..later
    }
}
