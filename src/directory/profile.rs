//! What DingTalk says of an employee.

use chrono::{DateTime, Utc};

use super::membership::ToldMembership;
use super::text::bounded;
use crate::dingtalk::contacts::{AuthCodeUser, ContactUser, Label};
use crate::dingtalk::ids::DepartmentId;

/// More departments than anybody belongs to.
const MAX_DEPARTMENTS: usize = 64;
/// More labels than anybody has.
const MAX_LABELS: usize = 256;

/// What DingTalk says of an employee, in bounds that every database keeps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Profile {
    /// DingTalk's id within the company.
    pub userid: String,
    /// DingTalk's id across companies.
    pub unionid: Option<String>,
    /// Full name.
    pub name: String,
    /// Address of the picture, or nothing.
    pub avatar: String,
    /// Job title, or nothing.
    pub position: String,
    /// Departments in DingTalk's order.
    pub memberships: Vec<ToldMembership>,
    /// Whether they administer the company in DingTalk; none where nothing was said.
    pub admin: Option<bool>,
    /// Their labels in DingTalk; none where nothing was said.
    pub labels: Option<Vec<String>>,
    /// Whether this is their own record, and not an item of a list that somebody else may have overtaken.
    pub whole: bool,
    /// When DingTalk was asked: whatever happened later may be missing here.
    pub as_of: DateTime<Utc>,
}

impl Profile {
    /// Fills what the address book hides with what the exchange of an auth code has told of the same person.
    #[must_use]
    pub fn completed_by(mut self, user: AuthCodeUser) -> Self {
        if self.unionid.is_none() {
            self.unionid = user.unionid.map(|id| bounded(id.as_str(), 128));
        }
        if self.name.is_empty() {
            self.name = user.name.map(|name| bounded(name, 255)).unwrap_or_default();
        }
        self
    }

    /// A member as a page of `department`'s members tells of them: main department, labels and leadership elsewhere
    /// are usually not said there.
    #[must_use]
    pub fn listed(contact: ContactUser, department: DepartmentId) -> Self {
        let positions = !contact.dept_position_list.is_empty();
        let labels = Some(labels(&contact.role_list)).filter(|labels| !labels.is_empty());
        let leader = contact.leader;
        let own = Self::from(contact);
        let memberships = own.memberships.into_iter().map(|membership| ToldMembership {
            main: membership.main.filter(|_| positions),
            leader: leader.filter(|_| membership.department_id == department.0),
            ..membership
        });
        Self {
            memberships: memberships.collect(),
            labels,
            whole: false,
            ..own
        }
    }
}

fn labels(labels: &[Label]) -> Vec<String> {
    let named = labels.iter().filter(|label| !label.name.is_empty());
    named.take(MAX_LABELS).map(|label| bounded(&label.name, 255)).collect()
}

impl From<ContactUser> for Profile {
    fn from(contact: ContactUser) -> Self {
        let main = contact.main_department();
        let mut memberships: Vec<ToldMembership> = Vec::new();
        for id in contact.dept_id_list.iter().copied().take(MAX_DEPARTMENTS) {
            if memberships.iter().all(|known| known.department_id != id.0) {
                memberships.push(ToldMembership {
                    department_id: id.0,
                    main: Some(main == Some(id)),
                    leader: Some(contact.leads(id)),
                });
            }
        }
        Self {
            userid: contact.userid.as_str().to_owned(),
            unionid: contact.unionid.map(|id| bounded(id.as_str(), 128)),
            name: bounded(contact.name.unwrap_or_default(), 255),
            avatar: bounded(contact.avatar.unwrap_or_default(), 1024),
            position: bounded(contact.title.unwrap_or_default(), 255),
            memberships,
            admin: contact.admin,
            labels: Some(labels(&contact.role_list)),
            whole: true,
            as_of: contact.as_of,
        }
    }
}
