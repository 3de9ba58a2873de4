//! Departments of the company, as `/topapi` shows them (dingtalk-api, section 5).

use serde_json::json;

use super::users::{department, member};
use crate::simulator::call::Call;
use crate::simulator::department::{Department, ROOT};
use crate::simulator::grants::AppIndex;
use crate::simulator::state::State;
use crate::simulator::wire::Said;

/// The department of a call; the root where none is named and the API allows that.
fn named(state: &State, app: AppIndex, call: &Call<'_>, or_root: bool) -> Result<i64, Said> {
    let given = call.number("dept_id");
    let unnamed = or_root && !call.has("dept_id");
    department(state, app, given.or(unnamed.then_some(ROOT)))
}

fn said(answer: Result<Said, Said>) -> Said {
    answer.unwrap_or_else(|refused| refused)
}

/// `POST /topapi/v2/department/get`.
pub(in crate::simulator) fn details(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    said(named(state, app, call, false).map(|dept_id| {
        let members = state.company.members(dept_id).len();
        let department = state.company.department(dept_id);
        Said::result(&department.map(|department| department.details(members)))
    }))
}

/// `POST /topapi/v2/department/listsub`: one level below.
pub(in crate::simulator) fn list_sub(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    said(named(state, app, call, true).map(|dept_id| {
        let below: Vec<_> = state.company.children(dept_id).map(Department::listed).collect();
        Said::result(&below)
    }))
}

/// `POST /topapi/v2/department/listsubid`.
pub(in crate::simulator) fn list_sub_ids(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    said(named(state, app, call, false).map(|dept_id| {
        let children = state.company.children(dept_id);
        let ids: Vec<i64> = children.map(|department| department.dept_id).collect();
        Said::result(&json!({"dept_id_list": ids}))
    }))
}

/// `POST /topapi/v2/department/listparentbydept`: from the department itself to the root.
pub(in crate::simulator) fn parents(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    said(
        named(state, app, call, false)
            .map(|dept_id| Said::result(&json!({"parent_id_list": state.company.upwards(dept_id)}))),
    )
}

/// `POST /topapi/v2/department/listparentbyuser`: one way to the root for each department of theirs.
pub(in crate::simulator) fn parents_of_user(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    said(member(state, app, call.text("userid")).map(|person| {
        let ways: Vec<_> = person
            .dept_id_list
            .iter()
            .map(|dept_id| json!({"parent_dept_id_list": state.company.upwards(*dept_id)}))
            .collect();
        Said::result(&json!({"parent_list": ways}))
    }))
}
