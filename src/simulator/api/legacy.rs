//! The address book as it was before 2021: flat answers to GET calls (dingtalk-api, sections 3.2, 4.2 and 5).

use std::fmt::Display;

use serde_json::{Map, Value, json};

use super::users::{
    BAD_PARAMETER, administrators, department as visible, headcount, member, of_mobile, of_unionid, signed_in,
};
use crate::simulator::call::Call;
use crate::simulator::department::{Department, ROOT};
use crate::simulator::grants::AppIndex;
use crate::simulator::person::Person;
use crate::simulator::state::State;
use crate::simulator::wire::Said;

/// Members in one page at most.
const PAGE: i64 = 100;

fn said(answer: Result<Value, Said>) -> Said {
    answer.map_or_else(|refused| refused, Said::Flat)
}

/// A map as these APIs write it: text that is no JSON.
fn notation<T: Display>(pairs: impl Iterator<Item = (i64, T)>) -> String {
    let pairs: Vec<String> = pairs.map(|(key, value)| format!("{key}:{value}")).collect();
    format!("{{{}}}", pairs.join(","))
}

/// `GET /user/getuserinfo`.
pub(in crate::simulator) fn by_auth_code(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    said(signed_in(state, app, call).map(|(userid, person)| {
        let mut shown = json!({
            "userid": userid, "deviceId": "b1d2c3e4f5a6", "is_sys": person.is_some_and(Person::is_admin),
            "sys_level": person.map_or(0, |person| person.sys_level),
        });
        if let (Some(person), Some(fields)) = (person, shown.as_object_mut()) {
            fields.insert("name".to_owned(), json!(person.name));
        }
        shown
    }))
}

/// `GET /user/get`.
pub(in crate::simulator) fn user(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    said(member(state, app, call.text("userid")).map(|person| shown(state, app, person)))
}

fn shown(state: &State, app: AppIndex, person: &Person) -> Value {
    let view = state.view(app);
    let departments = || person.dept_id_list.iter().copied();
    let text = |text: &Option<String>| text.clone().unwrap_or_default();
    let roles: Vec<Value> = person
        .role_list
        .iter()
        .map(|role| json!({"id": role.id, "name": role.name, "type": 0, "groupName": role.group_name}))
        .collect();
    let mut shown = json!({
        "userid": person.userid, "unionid": person.unionid, "name": person.name, "tel": text(&person.telephone),
        "active": person.active, "isAdmin": person.is_admin(), "isBoss": person.boss, "isSenior": person.senior,
        "isHide": person.hide_mobile, "realAuthed": true, "department": person.dept_id_list,
        "orderInDepts": notation(departments().map(|id| (id, person.order))),
        "isLeaderInDepts": notation(departments().map(|id| (id, person.leader))),
        "position": text(&person.title), "avatar": person.avatar_at(view.base).unwrap_or_default(),
        "jobnumber": text(&person.job_number), "managerUserid": text(&person.manager_userid),
        "roles": roles, "tags": {},
    });
    let Some(fields) = shown.as_object_mut() else {
        return shown;
    };
    let mut add = |name: &str, value: Value| fields.insert(name.to_owned(), value);
    if let Some(hired) = person.hired_date {
        add("hiredDate", json!(hired));
    }
    if let Some(mobile) = person.mobile.as_ref().filter(|_| view.mobile) {
        add("mobile", json!(mobile));
        add("stateCode", json!("86"));
    }
    if view.email {
        let own: Map<String, Value> = person
            .extension
            .as_deref()
            .and_then(|extension| serde_json::from_str(extension).ok())
            .unwrap_or_default();
        add("extattr", Value::Object(own));
        add("email", json!(text(&person.email)));
        add("orgEmail", json!(text(&person.org_email)));
        add("workPlace", json!(text(&person.work_place)));
        add("remark", json!(text(&person.remark)));
    }
    shown
}

/// `GET /user/get_by_mobile`.
pub(in crate::simulator) fn by_mobile(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    said(of_mobile(state, app, call).map(|person| json!({"userid": person.userid})))
}

/// `GET /user/getUseridByUnionid`.
pub(in crate::simulator) fn by_unionid(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    said(of_unionid(state, app, call).map(|person| json!({"contactType": 0, "userid": person.userid})))
}

/// The page of a department that a call names, and whether another follows; everybody where it names no page.
fn page<'a>(state: &'a State, app: AppIndex, call: &Call<'_>) -> Result<(Vec<&'a Person>, bool), Said> {
    let dept_id = visible(state, app, call.number("department_id"))?;
    let members = state.company.members(dept_id);
    let number = |name: &str, most: i64, otherwise: usize, refused: Said| match call.number(name) {
        None if call.has(name) => Err(refused),
        None => Ok(otherwise),
        Some(number) if (0..=most).contains(&number) => usize::try_from(number).or(Err(refused)),
        Some(_) => Err(refused),
    };
    let offset = number("offset", i64::MAX, 0, Said::Refused(40068, "不合法的偏移量"))?;
    let size = number("size", PAGE, members.len(), Said::Refused(40069, "不合法的分页大小"))?;
    let people: Vec<&Person> = members
        .iter()
        .skip(offset)
        .take(size)
        .filter_map(|userid| state.company.person(userid))
        .collect();
    let has_more = offset.saturating_add(size) < members.len();
    Ok((people, has_more))
}

/// `GET /user/simplelist`.
pub(in crate::simulator) fn simple_list(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    said(page(state, app, call).map(|(people, has_more)| {
        let shown = people
            .iter()
            .map(|person| json!({"userid": person.userid, "name": person.name}));
        json!({"hasMore": has_more, "userlist": shown.collect::<Vec<_>>()})
    }))
}

/// `GET /user/listbypage`, and its older name `/user/list`.
pub(in crate::simulator) fn list(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    said(page(state, app, call).map(|(people, has_more)| {
        let people: Vec<Value> = people.into_iter().map(|person| shown(state, app, person)).collect();
        json!({"hasMore": has_more, "userlist": people})
    }))
}

/// `GET /user/getDeptMember`.
pub(in crate::simulator) fn members(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    said(visible(state, app, call.number("deptId")).map(|dept_id| json!({"userIds": state.company.members(dept_id)})))
}

/// `GET /user/get_org_user_count`, where 0 leaves those out who have not activated their account.
pub(in crate::simulator) fn count(state: &mut State, _: AppIndex, call: &Call<'_>) -> Said {
    match call.number("onlyActive") {
        Some(with_inactive @ 0..=1) => Said::Flat(json!({"count": headcount(state, with_inactive == 0)})),
        _ => BAD_PARAMETER,
    }
}

/// `GET /user/get_admin`.
pub(in crate::simulator) fn admins(state: &mut State, _: AppIndex, _: &Call<'_>) -> Said {
    let admins: Vec<Value> = administrators(state)
        .map(|person| json!({"userid": person.userid, "sys_level": person.sys_level}))
        .collect();
    Said::Flat(json!({"admin_list": admins}))
}

/// `GET /department/get`.
pub(in crate::simulator) fn department(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    said(visible(state, app, call.number("id")).map(|dept_id| {
        let Some(department) = state.company.department(dept_id) else {
            return json!({});
        };
        let managers = &department.dept_manager_userid_list;
        let mut shown = json!({
            "id": department.dept_id, "name": department.name, "order": department.order, "createDeptGroup": true,
            "autoAddUser": true, "deptHiding": department.hide_dept, "deptPermits": "", "userPermits": "",
            "outerDept": false, "outerPermitDepts": "", "outerPermitUsers": "", "groupContainSubDept": false,
            "orgDeptOwner": managers.first().map_or("", String::as_str), "deptManagerUseridList": managers.join("|"),
            "sourceIdentifier": department.source_identifier.clone().unwrap_or_default(),
        });
        if let (Some(parent), Some(fields)) = (department.parent_id, shown.as_object_mut()) {
            fields.insert("parentid".to_owned(), json!(parent));
        }
        shown
    }))
}

/// `GET /department/list`: what is below, all levels with `fetch_child`.
pub(in crate::simulator) fn departments(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    let shown = |department: &Department| {
        json!({
            "id": department.dept_id, "name": department.name, "parentid": department.parent_id,
            "createDeptGroup": true, "autoAddUser": true,
        })
    };
    said(
        visible(state, app, Some(call.number("id").unwrap_or(ROOT))).map(|dept_id| {
            let all = call.flag("fetch_child") == Some(true);
            let below: Vec<Value> = if all {
                let within = |department: &&Department| {
                    department.dept_id != dept_id && state.company.upwards(department.dept_id).contains(&dept_id)
                };
                state.company.departments().filter(within).map(shown).collect()
            } else {
                state.company.children(dept_id).map(shown).collect()
            };
            json!({"department": below})
        }),
    )
}

/// `GET /department/list_ids`.
pub(in crate::simulator) fn department_ids(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    said(visible(state, app, call.number("id")).map(|dept_id| {
        let children = state.company.children(dept_id);
        let ids: Vec<i64> = children.map(|department| department.dept_id).collect();
        json!({"sub_dept_id_list": ids})
    }))
}

/// `GET /department/list_parent_depts_by_dept`.
pub(in crate::simulator) fn parents(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    said(visible(state, app, call.number("id")).map(|dept_id| json!({"parentIds": state.company.upwards(dept_id)})))
}

/// `GET /department/list_parent_depts`.
pub(in crate::simulator) fn parents_of_user(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    said(member(state, app, call.text("userId")).map(|person| {
        let ways = person
            .dept_id_list
            .iter()
            .map(|dept_id| state.company.upwards(*dept_id));
        json!({"department": ways.collect::<Vec<_>>()})
    }))
}
