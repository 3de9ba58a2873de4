//! What the front end learns of an employee.

use serde::Serialize;

use crate::directory::Directory;
use crate::directory::employee::Employee;
use crate::directory::tree::Named;

/// A department of the employee.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DepartmentAnswer {
    id: i64,
    name: Option<String>,
    root_id: Option<i64>,
    root_name: Option<String>,
    leader: bool,
    path: Vec<Named>,
}

/// Who the employee is, and where they stand.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EmployeeAnswer<'a> {
    id: i64,
    user_id: &'a str,
    name: &'a str,
    avatar: &'a str,
    position: &'a str,
    power: &'a [String],
    roles: &'a [String],
    depart_id: Option<i64>,
    depart_name: Option<String>,
    depart_root_id: Option<i64>,
    depart_root_name: Option<String>,
    departments: Vec<DepartmentAnswer>,
    company: Option<String>,
}

impl<'a> EmployeeAnswer<'a> {
    pub(super) fn new(employee: &'a Employee, directory: &Directory) -> Self {
        let main = employee.main_department();
        let departments: Vec<DepartmentAnswer> = employee
            .memberships
            .iter()
            .map(|membership| {
                let place = directory.departments.place(membership.department_id);
                DepartmentAnswer {
                    id: membership.department_id,
                    name: place.name,
                    root_id: place.branch.as_ref().map(|branch| branch.id),
                    root_name: place.branch.map(|branch| branch.name),
                    leader: membership.leader,
                    path: place.path,
                }
            })
            .collect();
        let chief = departments.iter().find(|department| Some(department.id) == main);
        Self {
            id: employee.id,
            user_id: &employee.userid,
            name: &employee.name,
            avatar: &employee.avatar,
            position: &employee.position,
            power: &employee.power,
            roles: &employee.roles,
            depart_id: main,
            depart_name: chief.and_then(|department| department.name.clone()),
            depart_root_id: chief.and_then(|department| department.root_id),
            depart_root_name: chief.and_then(|department| department.root_name.clone()),
            departments,
            company: directory.departments.tree().company().map(str::to_owned),
        }
    }
}
