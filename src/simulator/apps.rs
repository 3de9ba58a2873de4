//! The micro-apps of the company: their credentials, and what each may call and see.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::company::Company;
use super::department::ROOT;
use super::person::Person;

/// A micro-app's credentials.
#[derive(Debug, Clone)]
pub struct MicroApp {
    /// Its AppKey, as `OAuth2` client id too.
    pub app_key: String,
    /// Its `AppSecret`.
    pub app_secret: String,
    /// Its `AgentId`.
    pub agent_id: String,
}

/// What an app may see of the company.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct VisibleRange {
    /// Departments with all below them; the root means everybody.
    #[serde(default)]
    pub(super) departments: BTreeSet<i64>,
    /// People by themselves.
    #[serde(default)]
    pub(super) userids: BTreeSet<String>,
}

impl VisibleRange {
    /// These departments, or the whole company where none is named.
    pub(super) fn of(departments: &[i64]) -> Self {
        let departments = if departments.is_empty() { &[ROOT] } else { departments };
        Self {
            departments: departments.iter().copied().collect(),
            userids: BTreeSet::new(),
        }
    }

    pub(super) fn is_everything(&self) -> bool {
        self.departments.contains(&ROOT)
    }

    pub(super) fn holds_department(&self, dept_id: i64, company: &Company) -> bool {
        self.is_everything() || company.upwards(dept_id).iter().any(|id| self.departments.contains(id))
    }

    pub(super) fn holds_person(&self, person: &Person, company: &Company) -> bool {
        self.is_everything()
            || self.userids.contains(&person.userid)
            || person
                .dept_id_list
                .iter()
                .any(|dept_id| self.holds_department(*dept_id, company))
    }
}

/// An app as the platform knows it.
#[derive(Debug)]
pub(super) struct App {
    pub(super) credentials: MicroApp,
    pub(super) range: VisibleRange,
    /// Permissions that it does not have, by their scope; all others were granted.
    pub(super) withheld: BTreeSet<String>,
}

impl App {
    /// Whether it has the permission.
    pub(super) fn may(&self, scope: &str) -> bool {
        !self.withheld.contains(scope)
    }
}
