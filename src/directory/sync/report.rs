//! What a sync tells while it runs, and at its end.

use serde::Serialize;
use uuid::Uuid;

use super::run::{Counts, State};
use super::sync_change::SyncChange;
use crate::error::Error;

/// How far a sync is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    /// What it does.
    pub phase: Phase,
    /// Departments that are found.
    pub departments: usize,
    /// Of those, the ones that are read.
    pub departments_read: usize,
    /// Employees that are found.
    pub employees: usize,
    /// Of those, the ones that are compared with what is stored.
    pub compared: usize,
}

/// What a sync does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Phase {
    /// Asks the platform for every department and member.
    #[default]
    Reading,
    /// Asks it for those who are missing, one by one.
    Confirming,
    /// Compares with what is stored, and writes what differs.
    Comparing,
}

/// What came of a sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The run in the history; none for one that only looked.
    pub run: Option<Uuid>,
    /// Whether it stopped because too many would have left: nothing is written then.
    pub stopped: bool,
    /// What it has met and done, or would do.
    #[serde(flatten)]
    pub counts: Counts,
    /// Every change, where it only looked; else whoever would have left, where it stopped.
    pub changes: Vec<SyncChange>,
}

/// Why a sync did not come to its end. What is stored of departments and employees is as it was, or part of the way to
/// what DingTalk says now; the next run goes on.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// Another instance syncs.
    #[error("another sync is running")]
    Busy,
    /// Another instance has done just now what was wanted, and it ended like this.
    #[error("another sync has just done it")]
    Done(State),
    /// Another instance took over, because this one was not heard of for too long.
    #[error("another instance has taken this sync over")]
    Overtaken,
    /// The platform or the database did not do its part.
    #[error("{}", words(.0))]
    Failed(Error),
}

/// Not as its source: the words tell of it and of its own.
impl From<Error> for SyncError {
    fn from(error: Error) -> Self {
        Self::Failed(error)
    }
}

fn words(error: &Error) -> String {
    // Its cause begins with the same words.
    if let Error::DingTalkUnavailable { cause, .. } = error {
        return format!("{cause}; try again in a moment");
    }
    match std::error::Error::source(error) {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}
