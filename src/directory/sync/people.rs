//! The people that a sync has read, packed: there may be hundreds of thousands of them.

use std::borrow::Cow;
use std::hash::{BuildHasher as _, RandomState};

use chrono::DateTime;
use hashbrown::HashTable;
use serde::{Deserialize, Serialize};

use crate::directory::membership::ToldMembership;
use crate::directory::profile::Profile;

/// Bytes of a block, but for one whose only line is longer.
const BLOCK: usize = 256 * 1024;

/// Behind the userid in a line: no userid has it, nor does JSON.
const TAB: char = '\t';

/// People, each as a line: the userid, and a JSON array behind a tab. A piece of memory for everybody would cost as much
/// again for its place, and leave holes where those lie that were needed for a moment only.
#[derive(Debug, Default)]
pub(super) struct People {
    /// Where the lines are, found by the userid that each begins with.
    places: HashTable<Place>,
    hasher: RandomState,
    /// Lines, end to end. One that is written anew stays where it was, unread: few belong to several departments.
    blocks: Vec<String>,
}

/// Where a line is.
#[derive(Debug, Clone, Copy)]
struct Place {
    block: u32,
    start: u32,
    length: u32,
    /// Bytes of the userid.
    userid: u16,
    /// Whether they are stored as they were read.
    settled: bool,
}

impl People {
    pub(super) fn len(&self) -> usize {
        self.places.len()
    }

    pub(super) fn has(&self, userid: &str) -> bool {
        self.find(userid).is_some()
    }

    /// Somebody.
    ///
    /// # Errors
    /// When they cannot be read again.
    pub(super) fn get(&self, userid: &str) -> Result<Option<Profile>, serde_json::Error> {
        let place = self.find(userid);
        place.map(|place| read(line(&self.blocks, place))).transpose()
    }

    /// Notes that somebody is stored as they were read.
    pub(super) fn settle(&mut self, userid: &str) {
        let hash = self.hasher.hash_one(userid);
        let known = |place: &Place| id(&self.blocks, place) == userid;
        if let Some(place) = self.places.find_mut(hash, known) {
            place.settled = true;
        }
    }

    /// The userids of those who are not settled, in their order.
    pub(super) fn unsettled(&self) -> Vec<&str> {
        let unsettled = self.places.iter().filter(|place| !place.settled);
        let mut userids: Vec<&str> = unsettled.map(|place| id(&self.blocks, place)).collect();
        userids.sort_unstable();
        userids
    }

    /// Keeps somebody, in the place of whatever was kept of them, and not settled; answers the line.
    ///
    /// # Errors
    /// When they cannot be written down.
    pub(super) fn put(&mut self, profile: &Profile) -> Result<&str, serde_json::Error> {
        let written = serde_json::to_string(&Line::of(profile))?;
        let place = self.write(&profile.userid, &written).ok_or_else(too_much)?;
        let Self { places, hasher, blocks } = self;
        let hash = hasher.hash_one(&profile.userid);
        match places.find_mut(hash, |known| id(blocks, known) == profile.userid) {
            Some(known) => *known = place,
            None => _ = places.insert_unique(hash, place, |place| hasher.hash_one(id(blocks, place))),
        }
        Ok(line(blocks, &place))
    }

    /// Keeps whom a line tells of, as [`Self::put`] has answered it.
    ///
    /// # Errors
    /// When it is no such line.
    pub(super) fn recall(&mut self, line: &str) -> Result<(), serde_json::Error> {
        self.put(&read(line)?).map(drop)
    }

    fn find(&self, userid: &str) -> Option<&Place> {
        let hash = self.hasher.hash_one(userid);
        self.places.find(hash, |place| id(&self.blocks, place) == userid)
    }

    /// Writes a line behind the others; none where no place can be told any more, after a million gigabytes.
    fn write(&mut self, userid: &str, written: &str) -> Option<Place> {
        let length = userid.len() + TAB.len_utf8() + written.len();
        let full = |block: &String| block.len() + length > BLOCK;
        if self.blocks.last().is_none_or(full) {
            self.blocks.push(String::with_capacity(BLOCK.max(length)));
        }
        let number = self.blocks.len() - 1;
        let block = self.blocks.last_mut()?;
        let start = block.len();
        block.push_str(userid);
        block.push(TAB);
        block.push_str(written);
        Some(Place {
            block: number.try_into().ok()?,
            start: start.try_into().ok()?,
            length: length.try_into().ok()?,
            userid: userid.len().try_into().ok()?,
            settled: false,
        })
    }
}

/// The line at a place.
fn line<'a>(blocks: &'a [String], place: &Place) -> &'a str {
    let [start, length] = [place.start, place.length].map(|bytes| bytes as usize);
    let block = blocks.get(place.block as usize).map_or("", String::as_str);
    block.get(start..start + length).unwrap_or_default()
}

/// The userid at a place.
fn id<'a>(blocks: &'a [String], place: &Place) -> &'a str {
    line(blocks, place).get(..place.userid.into()).unwrap_or_default()
}

fn read(line: &str) -> Result<Profile, serde_json::Error> {
    let (userid, written) = line.split_once(TAB).ok_or_else(no_line)?;
    let written: Line = serde_json::from_str(written)?;
    written.profile(userid)
}

/// What a line says of somebody behind their userid: the members of a profile in their order.
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

fn no_line() -> serde_json::Error {
    serde::de::Error::custom("a line without a userid")
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
    fn everybody_is_read_as_they_were_last_kept() {
        let mut people = People::default();
        let long = profile("b", &"长".repeat(BLOCK));
        let mut lines = Vec::new();
        for kept in [&profile("c", "丙"), &long, &profile("a\"[", "甲"), &profile("c", "新")] {
            lines.push(people.put(kept).unwrap().to_owned());
        }
        let mut recalled = People::default();
        for line in lines {
            recalled.recall(&line).unwrap();
        }
        for people in [people, recalled] {
            assert_eq!(people.len(), 3);
            assert!(people.has("b") && !people.has("d"));
            assert_eq!(people.get("a\"[").unwrap(), Some(profile("a\"[", "甲")));
            assert_eq!(people.get("b").unwrap().as_ref(), Some(&long));
            assert_eq!(people.get("c").unwrap(), Some(profile("c", "新")));
            assert_eq!(people.get("d").unwrap(), None);
        }
    }

    #[test]
    fn who_is_settled_is_so_until_they_are_kept_anew() {
        let mut people = People::default();
        for userid in ["c", "b", "a"] {
            people.put(&profile(userid, "旧")).unwrap();
        }
        assert_eq!(people.unsettled(), ["a", "b", "c"]);
        for settled in ["a", "b", "d"] {
            people.settle(settled);
        }
        assert_eq!(people.unsettled(), ["c"]);
        people.put(&profile("b", "新")).unwrap();
        assert_eq!(people.unsettled(), ["b", "c"]);
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
