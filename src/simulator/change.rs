//! Every change of the company, named as the platform's events name it: the one way in which it changes.

use std::collections::VecDeque;

use serde::Serialize;
use serde_json::{Map, Value};

use super::company::Company;
use super::department::{Department, ROOT};
use super::person::Person;

/// So many of the last changes are remembered.
const REMEMBERED: usize = 10_000;

/// What an administrator does to the company.
#[derive(Debug)]
pub(super) enum Change {
    /// Somebody comes, or is replaced.
    Admit(Box<Person>),
    /// Fields of somebody change; `null` takes one away.
    Alter(String, Map<String, Value>),
    Leave(String),
    /// Somebody who left comes back, the same person.
    Rejoin(String),
    /// A department comes, or is replaced.
    Found(Department),
    /// Fields of a department change.
    Reshape(i64, Map<String, Value>),
    Dissolve(i64),
}

/// Why a change is not made.
#[derive(Debug)]
pub(super) enum Unchanged {
    /// There is no such person or department.
    Unknown,
    /// The fields make none.
    Malformed(String),
}

/// A change that was made, as the platform would tell it.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Event {
    /// Counts from 1 since the start.
    number: u64,
    /// Milliseconds since 1970.
    at_ms: i64,
    #[serde(rename = "event_type")]
    pub(super) kind: &'static str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) userids: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) dept_ids: Vec<i64>,
}

/// The last changes, the oldest first.
#[derive(Debug, Default)]
pub(super) struct Events {
    last: VecDeque<Event>,
    number: u64,
}

impl Events {
    /// Changes `company` and remembers that.
    pub(super) fn make(&mut self, change: Change, company: &mut Company, now_ms: i64) -> Result<(), Unchanged> {
        let (kind, userids, dept_ids) = change.apply(company)?;
        self.number += 1;
        if self.last.len() == REMEMBERED {
            self.last.pop_front();
        }
        self.last.push_back(Event {
            number: self.number,
            at_ms: now_ms,
            kind,
            userids,
            dept_ids,
        });
        Ok(())
    }

    /// The last one.
    pub(super) fn last(&self) -> Option<&Event> {
        self.last.back()
    }

    /// Those that came after number `seen`.
    pub(super) fn after(&self, seen: u64) -> impl Iterator<Item = &Event> {
        self.last.iter().filter(move |event| event.number > seen)
    }
}

type Told = (&'static str, Vec<String>, Vec<i64>);

impl Change {
    fn apply(self, company: &mut Company) -> Result<Told, Unchanged> {
        match self {
            Self::Admit(person) => admit(*person, company),
            Self::Alter(userid, fields) => {
                let person = company.person(&userid).ok_or(Unchanged::Unknown)?;
                let altered: Person = overlaid(person, fields)?;
                if altered.userid != userid {
                    return Err(Unchanged::Malformed("a userid never changes".to_owned()));
                }
                admit(altered, company)
            }
            Self::Leave(userid) if company.leave(&userid) => Ok(("user_leave_org", vec![userid], Vec::new())),
            Self::Rejoin(userid) => {
                let person = company.who_left(&userid).cloned().ok_or(Unchanged::Unknown)?;
                admit(person, company)
            }
            Self::Found(department) => found(department, company),
            Self::Reshape(dept_id, fields) => {
                let department = company.department(dept_id).ok_or(Unchanged::Unknown)?;
                let reshaped: Department = overlaid(department, fields)?;
                if reshaped.dept_id != dept_id {
                    return Err(Unchanged::Malformed("a dept_id never changes".to_owned()));
                }
                found(reshaped, company)
            }
            Self::Dissolve(ROOT) => Err(Unchanged::Malformed("the root stays".to_owned())),
            Self::Dissolve(dept_id) if company.remove_department(dept_id) => {
                Ok(("org_dept_remove", Vec::new(), vec![dept_id]))
            }
            Self::Leave(_) | Self::Dissolve(_) => Err(Unchanged::Unknown),
        }
    }
}

fn admit(person: Person, company: &mut Company) -> Result<Told, Unchanged> {
    if person.userid.is_empty() {
        return Err(Unchanged::Malformed("userid is missing".to_owned()));
    }
    let userids = vec![person.userid.clone()];
    let event_type = if company.put_person(person) {
        "user_add_org"
    } else {
        "user_modify_org"
    };
    Ok((event_type, userids, Vec::new()))
}

fn found(department: Department, company: &mut Company) -> Result<Told, Unchanged> {
    let dept_id = department.dept_id;
    if dept_id < ROOT {
        return Err(Unchanged::Malformed("dept_id is missing".to_owned()));
    }
    let event_type = if company.put_department(department) {
        "org_dept_create"
    } else {
        "org_dept_modify"
    };
    Ok((event_type, Vec::new(), vec![dept_id]))
}

fn overlaid<T: Serialize + serde::de::DeserializeOwned>(old: &T, fields: Map<String, Value>) -> Result<T, Unchanged> {
    let malformed = |error: serde_json::Error| Unchanged::Malformed(error.to_string());
    let mut whole = serde_json::to_value(old).map_err(malformed)?;
    if let Some(whole) = whole.as_object_mut() {
        for (name, value) in fields {
            if value.is_null() {
                whole.remove(&name);
            } else {
                whole.insert(name, value);
            }
        }
    }
    serde_json::from_value(whole).map_err(malformed)
}
