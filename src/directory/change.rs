//! What became of somebody when DingTalk was read again.

/// What became of an employee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// Not known before.
    Joined,
    /// Marked as left before, and here again with the same record.
    Returned,
    /// Known, and different in these fields.
    Changed(Vec<&'static str>),
}

/// Whom it happened to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Changed {
    pub(super) userid: String,
    pub(super) name: String,
    pub(super) change: Change,
}
