//! The people that a sync has read, packed: there may be hundreds of thousands of them.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use chrono::DateTime;
use serde::{Deserialize, Serialize};

use crate::directory::membership::ToldMembership;
use crate::directory::profile::Profile;

/// Bytes of a block, but for one whose only line is longer.
const BLOCK: usize = 256 * 1024;

/// People by their userid, each as a line: a JSON array. A line of its own for everybody would cost as much again for its place
/// in memory, and leave holes where those lie that were needed for a moment only.
#[derive(Debug, Default)]
pub(super) struct People {
    places: BTreeMap<Box<str>, Place>,
    /// Lines, end to end. One that is written anew stays where it was, unread: few belong to several departments.
    blocks: Vec<String>,
}

/// Where a line is.
#[derive(Debug, Clone, Copy)]
struct Place {
    block: u32,
    start: u32,
    length: u32,
}

impl People {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn has(&self, userid: &str) -> bool {
        self.places.contains_key(userid)
    }

    /// Somebody.
    ///
    /// # Errors
    /// When they cannot be read again.
    pub(super) fn get(&self, userid: &str) -> Result<Option<Profile>, serde_json::Error> {
        let place = self.places.get(userid);
        place.map(|place| self.read(userid, *place)).transpose()
    }

    /// Some people by userid, from behind `after` on.
    ///
    /// # Errors
    /// When somebody cannot be read again.
    pub(super) fn after(&self, after: Option<&str>, most: usize) -> Result<Vec<Profile>, serde_json::Error> {
        let from = after.map_or(Unbounded, Excluded);
        let some = self.places.range::<str, _>((from, Unbounded)).take(most);
        some.map(|(userid, place)| self.read(userid, *place)).collect()
    }

    /// Keeps somebody, in the place of whatever was kept of them.
    ///
    /// # Errors
    /// When they cannot be written down.
    pub(super) fn put(&mut self, profile: &Profile) -> Result<(), serde_json::Error> {
        let line = serde_json::to_string(&Line::of(profile))?;
        let place = self.keep(&line).ok_or_else(too_much)?;
        match self.places.get_mut(&*profile.userid) {
            Some(known) => *known = place,
            None => _ = self.places.insert(profile.userid.as_str().into(), place),
        }
        Ok(())
    }

    /// Writes a line behind the others; none where no place can be told any more, after a million gigabytes.
    fn keep(&mut self, line: &str) -> Option<Place> {
        let full = |block: &String| block.len() + line.len() > BLOCK;
        if self.blocks.last().is_none_or(full) {
            self.blocks.push(String::with_capacity(BLOCK.max(line.len())));
        }
        let number = self.blocks.len() - 1;
        let block = self.blocks.last_mut()?;
        let start = block.len();
        block.push_str(line);
        Some(Place {
            block: number.try_into().ok()?,
            start: start.try_into().ok()?,
            length: line.len().try_into().ok()?,
        })
    }

    fn read(&self, userid: &str, place: Place) -> Result<Profile, serde_json::Error> {
        let [start, length] = [place.start, place.length].map(|bytes| bytes as usize);
        let block = self.blocks.get(place.block as usize).map_or("", String::as_str);
        let line: Line = serde_json::from_str(block.get(start..start + length).unwrap_or_default())?;
        line.profile(userid)
    }
}

/// What a line says of somebody, without the userid, under which it is found: the members of a profile in their order.
#[derive(Serialize, Deserialize)]
struct Line<'a>(
    #[serde(borrow)] Option<Cow<'a, str>>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    #[serde(borrow)] Cow<'a, str>,
    Vec<(i64, Option<bool>, Option<bool>)>,
    Option<bool>,
    Option<Cow<'a, [String]>>,
    bool,
    i64,
);

impl<'a> Line<'a> {
    fn of(profile: &'a Profile) -> Self {
        let memberships = profile.memberships.iter();
        Self(
            profile.unionid.as_deref().map(Cow::from),
            Cow::from(&profile.name),
            Cow::from(&profile.avatar),
            Cow::from(&profile.position),
            memberships
                .map(|told| (told.department_id, told.main, told.leader))
                .collect(),
            profile.admin,
            profile.labels.as_deref().map(Cow::from),
            profile.whole,
            profile.as_of.timestamp_millis(),
        )
    }

    fn profile(self, userid: &str) -> Result<Profile, serde_json::Error> {
        let Self(unionid, name, avatar, position, memberships, admin, labels, whole, as_of) = self;
        let memberships = memberships
            .into_iter()
            .map(|(department_id, main, leader)| ToldMembership {
                department_id,
                main,
                leader,
            });
        Ok(Profile {
            userid: userid.to_owned(),
            unionid: unionid.map(Cow::into_owned),
            name: name.into_owned(),
            avatar: avatar.into_owned(),
            position: position.into_owned(),
            memberships: memberships.collect(),
            admin,
            labels: labels.map(Cow::into_owned),
            whole,
            as_of: DateTime::from_timestamp_millis(as_of).ok_or_else(too_late)?,
        })
    }
}

fn too_much() -> serde_json::Error {
    serde::ser::Error::custom("there is no room for more people")
}

fn too_late() -> serde_json::Error {
    serde::de::Error::custom("there is no such moment")
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::{BLOCK, People};
    use crate::directory::membership::ToldMembership;
    use crate::directory::profile::Profile;

    fn profile(userid: &str, name: &str) -> Profile {
        let place = |department_id, main, leader| ToldMembership {
            department_id,
            main,
            leader,
        };
        Profile {
            userid: userid.to_owned(),
            unionid: Some("union \"1\"".to_owned()),
            name: name.to_owned(),
            avatar: String::new(),
            position: "总经理".to_owned(),
            memberships: vec![place(1, None, Some(true)), place(i64::MAX, Some(false), None)],
            admin: Some(true),
            labels: Some(vec!["财务".to_owned()]),
            whole: false,
            as_of: DateTime::from_timestamp_millis(1_790_000_000_123).unwrap(),
        }
    }

    #[test]
    fn everybody_is_read_as_they_were_last_kept_in_the_order_of_their_userids() {
        let mut people = People::default();
        let long = profile("b", &"长".repeat(BLOCK));
        for kept in [&profile("c", "丙"), &long, &profile("a", "甲"), &profile("c", "新")] {
            people.put(kept).unwrap();
        }
        assert_eq!(people.len(), 3);
        assert!(people.has("b") && !people.has("d"));
        assert_eq!(people.get("c").unwrap(), Some(profile("c", "新")));
        assert_eq!(people.get("d").unwrap(), None);
        assert_eq!(people.after(None, 2).unwrap(), [profile("a", "甲"), long]);
        assert_eq!(people.after(Some("b"), 2).unwrap(), [profile("c", "新")]);
    }

    #[test]
    fn what_was_not_said_of_somebody_stays_unsaid() {
        let silent = Profile {
            unionid: None,
            memberships: Vec::new(),
            admin: None,
            labels: None,
            ..profile("a", "")
        };
        let mut people = People::default();
        people.put(&silent).unwrap();
        assert_eq!(people.get("a").unwrap(), Some(silent));
    }
}
