//! The calls that were made, how fast they came, and the faults that they are to meet.

use std::collections::BTreeMap;

use serde::Serialize;

use super::fault::{Fault, Kind};

/// Stands for every path.
const ANY: &str = "*";

/// How fast calls of a path came.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(super) struct Rate {
    /// The most within one second of the clock.
    most_per_second: u64,
    #[serde(skip)]
    second: i64,
    #[serde(skip)]
    in_second: u64,
}

impl Rate {
    fn count(&mut self, now: i64) -> u64 {
        if self.second != now {
            self.second = now;
            self.in_second = 0;
        }
        self.in_second += 1;
        self.most_per_second = self.most_per_second.max(self.in_second);
        self.in_second
    }
}

#[derive(Debug, Default)]
struct Path {
    calls: u64,
    rate: Rate,
}

/// Counts and faults.
#[derive(Debug, Default)]
pub(super) struct Traffic {
    paths: BTreeMap<String, Path>,
    all: Rate,
    faults: Vec<Fault>,
    /// More calls of one path in one second than this are throttled.
    limit_per_second: Option<u64>,
}

impl Traffic {
    /// Counts a call; answers which of its second it is.
    pub(super) fn count(&mut self, path: &str, now: i64) -> u64 {
        self.all.count(now);
        if !self.paths.contains_key(path) {
            self.paths.insert(path.to_owned(), Path::default());
        }
        self.paths.get_mut(path).map_or(0, |counted| {
            counted.calls += 1;
            counted.rate.count(now)
        })
    }

    /// Counts a call; the fault that it meets, if any.
    pub(super) fn call(&mut self, path: &str, now: i64) -> Option<Fault> {
        let in_second = self.count(path, now);
        if self.limit_per_second.is_some_and(|limit| in_second > limit) {
            return Some(Fault::once(path, Kind::AppQps));
        }
        let at = self
            .faults
            .iter()
            .position(|fault| fault.path == path || fault.path == ANY)?;
        let fault = self.faults.get_mut(at)?;
        if fault.after > 0 {
            fault.after -= 1;
            return None;
        }
        let met = fault.clone();
        if fault.is_used_up() {
            self.faults.remove(at);
        }
        Some(met)
    }

    /// How often each path was called.
    pub(super) fn counts(&self) -> BTreeMap<&str, u64> {
        self.paths
            .iter()
            .map(|(path, counted)| (path.as_str(), counted.calls))
            .collect()
    }

    /// How fast calls came: of each path, and of all under `*`.
    pub(super) fn rates(&self) -> BTreeMap<&str, Rate> {
        let paths = self.paths.iter().map(|(path, counted)| (path.as_str(), counted.rate));
        paths.chain([(ANY, self.all)]).collect()
    }

    /// Throttles from now on, or no more.
    pub(super) fn limit(&mut self, per_second: Option<u64>) {
        self.limit_per_second = per_second;
    }

    /// Shows a fault from now on.
    pub(super) fn add_fault(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    /// Ends all faults.
    pub(super) fn clear_faults(&mut self) {
        self.faults.clear();
    }
}
