//! The simulated company: everybody and every department, found without a search.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::department::{Department, ROOT};
use super::person::Person;

/// A chain of parents longer than this is a circle.
const DEEPEST: usize = 64;

/// People and departments, with what they are looked up by.
#[derive(Debug, Default)]
pub(super) struct Company {
    departments: BTreeMap<i64, Department>,
    people: BTreeMap<String, Person>,
    left: HashMap<String, Person>,
    outsiders: BTreeMap<String, Person>,
    /// Direct members of a department, in the order in which they came.
    members: HashMap<i64, Vec<String>>,
    children: HashMap<i64, BTreeSet<i64>>,
    by_unionid: HashMap<String, String>,
    by_mobile: HashMap<String, String>,
}

impl Company {
    /// Its name.
    pub(super) fn name(&self) -> &str {
        self.departments.get(&ROOT).map_or("", |root| &root.name)
    }

    pub(super) fn person(&self, userid: &str) -> Option<&Person> {
        self.people.get(userid)
    }

    /// Everybody, by userid.
    pub(super) fn people(&self) -> impl ExactSizeIterator<Item = &Person> {
        self.people.values()
    }

    pub(super) fn by_unionid(&self, unionid: &str) -> Option<&Person> {
        self.people.get(self.by_unionid.get(unionid)?)
    }

    pub(super) fn by_mobile(&self, mobile: &str) -> Option<&Person> {
        self.people.get(self.by_mobile.get(mobile)?)
    }

    /// People with a DingTalk account who work elsewhere.
    pub(super) fn outsiders(&self) -> impl Iterator<Item = &Person> {
        self.outsiders.values()
    }

    /// Somebody of this company or of another.
    pub(super) fn anybody(&self, userid: &str) -> Option<&Person> {
        self.people.get(userid).or_else(|| self.outsiders.get(userid))
    }

    /// The same by unionid. Whoever left is a person still.
    pub(super) fn anybody_by_unionid(&self, unionid: &str) -> Option<&Person> {
        let elsewhere = || self.outsiders.values().chain(self.left.values());
        self.by_unionid(unionid)
            .or_else(|| elsewhere().find(|person| person.unionid.as_deref() == Some(unionid)))
    }

    pub(super) fn department(&self, dept_id: i64) -> Option<&Department> {
        self.departments.get(&dept_id)
    }

    pub(super) fn departments(&self) -> impl ExactSizeIterator<Item = &Department> {
        self.departments.values()
    }

    /// The departments directly below.
    pub(super) fn children(&self, dept_id: i64) -> impl Iterator<Item = &Department> {
        let below = self.children.get(&dept_id).into_iter().flatten();
        below.filter_map(|id| self.departments.get(id))
    }

    /// Userids of the direct members.
    pub(super) fn members(&self, dept_id: i64) -> &[String] {
        self.members.get(&dept_id).map_or(&[], Vec::as_slice)
    }

    /// A department and those above it, up to the root or to where the chain breaks.
    pub(super) fn upwards(&self, dept_id: i64) -> Vec<i64> {
        let mut way = vec![dept_id];
        let mut above = self.parent(dept_id);
        while let Some(id) = above.filter(|id| way.len() < DEEPEST && !way.contains(id)) {
            way.push(id);
            above = self.parent(id);
        }
        way
    }

    fn parent(&self, dept_id: i64) -> Option<i64> {
        self.departments.get(&dept_id)?.parent_id
    }

    /// A person comes, or is replaced; answers whether they are new.
    pub(super) fn put_person(&mut self, mut person: Person) -> bool {
        let userid = person.userid.clone();
        let unionid = person.unionid.get_or_insert_with(|| format!("union{userid}iE")).clone();
        let mobile = person.mobile.clone();
        self.left.remove(&userid);
        let departments = person.dept_id_list.clone();
        let before = self.people.insert(userid.clone(), person);
        let moved = before.as_ref().is_none_or(|before| before.dept_id_list != departments);
        if let Some(before) = &before {
            self.forget(before, moved);
        }
        if moved {
            for dept_id in departments {
                self.members.entry(dept_id).or_default().push(userid.clone());
            }
        }
        if let Some(mobile) = mobile {
            self.by_mobile.insert(mobile, userid.clone());
        }
        self.by_unionid.insert(unionid, userid);
        before.is_none()
    }

    /// Takes somebody out of the indexes.
    fn forget(&mut self, person: &Person, moved: bool) {
        let theirs = |index: &mut HashMap<String, String>, key: Option<&String>| {
            if let Some(key) = key
                && index.get(key) == Some(&person.userid)
            {
                index.remove(key);
            }
        };
        theirs(&mut self.by_unionid, person.unionid.as_ref());
        theirs(&mut self.by_mobile, person.mobile.as_ref());
        for dept_id in person.dept_id_list.iter().filter(|_| moved) {
            if let Some(members) = self.members.get_mut(dept_id) {
                members.retain(|member| *member != person.userid);
            }
        }
    }

    /// Somebody leaves; answers whether they were here.
    pub(super) fn leave(&mut self, userid: &str) -> bool {
        let Some(person) = self.people.remove(userid) else {
            return false;
        };
        self.forget(&person, true);
        self.left.insert(person.userid.clone(), person);
        true
    }

    /// Somebody who left, as they were.
    pub(super) fn who_left(&self, userid: &str) -> Option<&Person> {
        self.left.get(userid)
    }

    /// Somebody of another company.
    pub(super) fn put_outsider(&mut self, person: Person) {
        self.outsiders.insert(person.userid.clone(), person);
    }

    /// A department comes, or is replaced; answers whether it is new.
    pub(super) fn put_department(&mut self, department: Department) -> bool {
        let before = self.remove_department(department.dept_id);
        if let Some(parent) = department.parent_id {
            self.children.entry(parent).or_default().insert(department.dept_id);
        }
        self.departments.insert(department.dept_id, department);
        !before
    }

    /// A department goes, its members and those below it keep pointing to it; answers whether it was there.
    pub(super) fn remove_department(&mut self, dept_id: i64) -> bool {
        let Some(department) = self.departments.remove(&dept_id) else {
            return false;
        };
        if let Some(siblings) = department.parent_id.and_then(|parent| self.children.get_mut(&parent)) {
            siblings.remove(&dept_id);
        }
        true
    }
}
