//! The people that a sync has read, packed: there may be hundreds of thousands of them.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};

use crate::directory::profile::Profile;

/// Bytes of a block, but for one whose only line is longer.
const BLOCK: usize = 256 * 1024;

/// People by their userid, each as a line of JSON. A line of its own for everybody would cost as much again for its place
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
        self.places.get(userid).map(|place| self.read(*place)).transpose()
    }

    /// Some people by userid, from behind `after` on.
    ///
    /// # Errors
    /// When somebody cannot be read again.
    pub(super) fn after(&self, after: Option<&str>, most: usize) -> Result<Vec<Profile>, serde_json::Error> {
        let from = after.map_or(Unbounded, Excluded);
        let some = self.places.range::<str, _>((from, Unbounded)).take(most);
        some.map(|(_, place)| self.read(*place)).collect()
    }

    /// Keeps somebody, in the place of whatever was kept of them.
    ///
    /// # Errors
    /// When they cannot be written down.
    pub(super) fn put(&mut self, profile: &Profile) -> Result<(), serde_json::Error> {
        let line = serde_json::to_string(profile)?;
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

    fn read(&self, place: Place) -> Result<Profile, serde_json::Error> {
        let [start, length] = [place.start, place.length].map(|bytes| bytes as usize);
        let block = self.blocks.get(place.block as usize).map_or("", String::as_str);
        serde_json::from_str(block.get(start..start + length).unwrap_or_default())
    }
}

fn too_much() -> serde_json::Error {
    serde::ser::Error::custom("there is no room for more people")
}
