//! What DingTalk tells of departments, and what that changes.

use chrono::{DateTime, Utc};

use super::department;
use super::tree::Node;

/// What DingTalk tells of a department.
pub(super) struct Told {
    pub(super) node: Node,
    /// When it was asked.
    pub(super) as_of: DateTime<Utc>,
}

/// What was written, or would be.
#[derive(Default)]
pub(super) struct Written {
    pub(super) changed: Vec<DepartmentChange>,
    pub(super) gone: Vec<i64>,
    /// Stored anew after DingTalk was asked, and told of differently: to be asked again.
    pub(super) overtaken: Vec<i64>,
    /// All departments as they are stored now.
    pub(super) rows: Vec<department::Model>,
}

impl Written {
    /// Whether anything was to be stored.
    pub(super) fn is_something(&self) -> bool {
        !self.changed.is_empty() || !self.gone.is_empty()
    }
}

/// A department that is new or different.
pub(super) struct DepartmentChange {
    pub(super) id: i64,
    pub(super) name: String,
    /// What differs; none where it is new.
    pub(super) fields: Option<Vec<&'static str>>,
}

impl DepartmentChange {
    pub(super) fn new(former: Option<&department::Model>, row: &department::Model) -> Self {
        let fields = former.map(|former| {
            let columns = [
                ("name", former.name == row.name),
                ("parent", former.parent_id == row.parent_id),
                ("branch", former.root_id == row.root_id),
                ("path", former.path == row.path),
            ];
            let differing = columns.into_iter().filter(|(_, same)| !same);
            differing.map(|(column, _)| column).collect()
        });
        Self {
            id: row.id,
            name: row.name.clone(),
            fields,
        }
    }
}
