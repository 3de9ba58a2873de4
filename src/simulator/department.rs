//! A department as the simulator keeps it, and the forms in which the address book shows it.

use serde::{Deserialize, Serialize};

/// The root of every company.
pub(super) const ROOT: i64 = 1;

/// A department.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Department {
    pub(super) dept_id: i64,
    pub(super) name: String,
    /// Absent for the root.
    pub(super) parent_id: Option<i64>,
    pub(super) order: i64,
    pub(super) hide_dept: bool,
    pub(super) code: Option<String>,
    pub(super) source_identifier: Option<String>,
    pub(super) dept_manager_userid_list: Vec<String>,
}

#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the fields are the platform's")]
struct Details<'a> {
    dept_id: i64,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    source_identifier: Option<&'a str>,
    order: i64,
    create_dept_group: bool,
    auto_add_user: bool,
    auto_approve_apply: bool,
    from_union_org: bool,
    group_contain_sub_dept: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    org_dept_owner: Option<&'a str>,
    dept_manager_userid_list: &'a [String],
    outer_dept: bool,
    outer_permit_depts: [i64; 0],
    outer_permit_users: [&'a str; 0],
    hide_dept: bool,
    dept_permits: [i64; 0],
    user_permits: [&'a str; 0],
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    member_count: usize,
}

#[derive(Serialize)]
struct Listed<'a> {
    dept_id: i64,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent_id: Option<i64>,
    create_dept_group: bool,
    auto_add_user: bool,
}

impl Department {
    /// The `result` of `department/get` (dingtalk-api, section 5).
    pub(super) fn details(&self, member_count: usize) -> impl Serialize + '_ {
        Details {
            dept_id: self.dept_id,
            name: &self.name,
            parent_id: self.parent_id,
            source_identifier: self.source_identifier.as_deref(),
            order: self.order,
            create_dept_group: true,
            auto_add_user: true,
            auto_approve_apply: false,
            from_union_org: false,
            group_contain_sub_dept: false,
            org_dept_owner: self.dept_manager_userid_list.first().map(String::as_str),
            dept_manager_userid_list: &self.dept_manager_userid_list,
            outer_dept: false,
            outer_permit_depts: [],
            outer_permit_users: [],
            hide_dept: self.hide_dept,
            dept_permits: [],
            user_permits: [],
            code: self.code.as_deref(),
            member_count,
        }
    }

    /// An item of `department/listsub`.
    pub(super) fn listed(&self) -> impl Serialize + '_ {
        Listed {
            dept_id: self.dept_id,
            name: &self.name,
            parent_id: self.parent_id,
            create_dept_group: true,
            auto_add_user: true,
        }
    }
}
