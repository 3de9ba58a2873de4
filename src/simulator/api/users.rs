//! Members of the company, as `/topapi` shows them (dingtalk-api, sections 3 and 4).

use serde::Serialize;
use serde_json::json;

use crate::simulator::call::Call;
use crate::simulator::department::ROOT;
use crate::simulator::grants::AppIndex;
use crate::simulator::person::Person;
use crate::simulator::scope;
use crate::simulator::state::State;
use crate::simulator::wire::Said;

/// Members in one page at most.
const PAGE: i64 = 100;
/// In what order members come; `custom` is the order in which they came to the department.
const ORDERS: [&str; 5] = ["entry_asc", "entry_desc", "modify_asc", "modify_desc", "custom"];

pub(super) const NO_USER: Said = Said::Refused(60121, "找不到该用户");
pub(super) const USER_OUT_OF_RANGE: Said = Said::Refused(50002, "请求的员工userid不在授权范围内");
pub(super) const NO_DEPARTMENT: Said = Said::Refused(60003, "部门不存在");
pub(super) const DEPARTMENT_OUT_OF_RANGE: Said = Said::Refused(50004, "请求的部门id不在授权范围内");
pub(super) const BAD_PARAMETER: Said = Said::Refused(400_002, "无效的参数");

/// The member of a userid, if the app sees them.
pub(super) fn member<'a>(state: &'a State, app: AppIndex, userid: Option<&str>) -> Result<&'a Person, Said> {
    let userid = userid.ok_or(BAD_PARAMETER)?;
    if userid.len() > 64 {
        return Err(Said::Refused(33012, "无效的USERID"));
    }
    let person = state.company.person(userid).ok_or(NO_USER)?;
    if state.sees(app, person) {
        Ok(person)
    } else {
        Err(USER_OUT_OF_RANGE)
    }
}

/// A department of the given number, if the app sees it.
pub(super) fn department(state: &State, app: AppIndex, dept_id: Option<i64>) -> Result<i64, Said> {
    let dept_id = dept_id.ok_or(BAD_PARAMETER)?;
    if state.company.department(dept_id).is_none() {
        Err(NO_DEPARTMENT)
    } else if state.sees_department(app, dept_id) {
        Ok(dept_id)
    } else {
        Err(DEPARTMENT_OUT_OF_RANGE)
    }
}

/// Spends an auth code: whose it was, and who that is if they have not left since.
pub(super) fn signed_in<'a>(
    state: &'a mut State,
    app: AppIndex,
    call: &Call<'_>,
) -> Result<(String, Option<&'a Person>), Said> {
    let code = call.text("code").ok_or(Said::Refused(41026, "missing tmp_auth_code"))?;
    let now = state.now();
    let userid = state
        .grants
        .spend_auth_code(app, code, now)
        .ok_or(Said::Refused(40078, "不存在的临时授权码"))?;
    let person = state.company.person(&userid);
    if person.is_some_and(|person| !state.sees(app, person)) {
        return Err(Said::Refused(40079, "没有授权信息"));
    }
    Ok((userid, person))
}

fn said(answer: Result<Said, Said>) -> Said {
    answer.unwrap_or_else(|refused| refused)
}

/// `POST /topapi/v2/user/getuserinfo`.
pub(in crate::simulator) fn by_auth_code(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    #[derive(Serialize)]
    struct Shown<'a> {
        userid: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        unionid: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        associated_unionid: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<&'a str>,
        device_id: &'a str,
        sys: bool,
        sys_level: i64,
    }
    said(signed_in(state, app, call).map(|(userid, person)| {
        Said::result(&Shown {
            userid: &userid,
            unionid: person.and_then(|person| person.unionid.as_deref()),
            associated_unionid: person.filter(|person| !person.is_admin()).map(|_| ""),
            name: person.map(|person| person.name.as_str()),
            device_id: "b1d2c3e4f5a6",
            sys: person.is_some_and(Person::is_admin),
            sys_level: person.map_or(0, |person| person.sys_level),
        })
    }))
}

/// `POST /topapi/v2/user/get`.
pub(in crate::simulator) fn details(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    said(member(state, app, call.text("userid")).map(|person| Said::result(&person.details(state.view(app)))))
}

/// `POST /topapi/v2/user/getbymobile`.
pub(in crate::simulator) fn by_mobile(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    said(of_mobile(state, app, call).map(|person| Said::result(&json!({"userid": person.userid}))))
}

/// Who has the number of the call.
pub(super) fn of_mobile<'a>(state: &'a State, app: AppIndex, call: &Call<'_>) -> Result<&'a Person, Said> {
    let digits = |mobile: &&str| mobile.len() >= 7 && mobile.bytes().all(|byte| byte.is_ascii_digit());
    let mobile = call
        .text("mobile")
        .filter(digits)
        .ok_or(Said::Refused(40104, "无效的手机号码"))?;
    let person = state.company.by_mobile(mobile).ok_or(NO_USER)?;
    member(state, app, Some(&person.userid))
}

/// `POST /topapi/user/getbyunionid`.
pub(in crate::simulator) fn by_unionid(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    said(of_unionid(state, app, call).map(|person| Said::result(&json!({"contact_type": 0, "userid": person.userid}))))
}

/// Who in the company has the unionid of the call; whoever the app does not see is not found.
pub(super) fn of_unionid<'a>(state: &'a State, app: AppIndex, call: &Call<'_>) -> Result<&'a Person, Said> {
    let unionid = call.text("unionid").ok_or(BAD_PARAMETER)?;
    let person = state.company.by_unionid(unionid);
    person.filter(|person| state.sees(app, person)).ok_or(NO_USER)
}

/// A page of the members of a department.
struct Page<'a> {
    people: Vec<&'a Person>,
    next: Option<usize>,
}

/// The page that `cursor` and `size` name, both checked before; `whole` members in the order asked for.
fn page<'a>(state: &'a State, dept_id: i64, cursor: usize, size: usize, order: &str) -> Page<'a> {
    let members = state.company.members(dept_id);
    let next = cursor.saturating_add(size);
    let backwards = order.ends_with("_desc");
    let at = |index: usize| {
        let index = if backwards { members.len() - 1 - index } else { index };
        members.get(index).and_then(|userid| state.company.person(userid))
    };
    Page {
        people: (cursor..next.min(members.len())).filter_map(at).collect(),
        next: (next < members.len()).then_some(next),
    }
}

#[derive(Serialize)]
struct Paged<T> {
    has_more: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<usize>,
    list: Vec<T>,
}

impl<T> Paged<T> {
    fn of<'a>(page: Page<'a>, shown: impl Fn(&'a Person) -> T) -> Self {
        Self {
            has_more: page.next.is_some(),
            next_cursor: page.next,
            list: page.people.into_iter().map(shown).collect(),
        }
    }
}

/// Department, cursor, size and order of a call; the refusals of the two numbers differ by API.
fn asked_page<'a>(state: &'a State, app: AppIndex, call: &Call<'_>, refused: [Said; 2]) -> Result<Page<'a>, Said> {
    let [bad_cursor, bad_size] = refused;
    let dept_id = department(state, app, call.number("dept_id"))?;
    let cursor = call.number("cursor").and_then(|cursor| usize::try_from(cursor).ok());
    let cursor = cursor.ok_or(bad_cursor)?;
    let size = call.number("size").filter(|size| (1..=PAGE).contains(size));
    let size = size.and_then(|size| usize::try_from(size).ok()).ok_or(bad_size)?;
    let order = call.text("order_field").unwrap_or("custom");
    if !ORDERS.contains(&order) {
        return Err(Said::Refused(40035, "不合法的参数"));
    }
    Ok(page(state, dept_id, cursor, size, order))
}

/// `POST /topapi/v2/user/list`: direct members, with their details.
pub(in crate::simulator) fn list(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    let bad = || Said::Refused(40035, "不合法的参数");
    let view = state.view(app);
    said(
        asked_page(state, app, call, [bad(), bad()])
            .map(|page| Said::result(&Paged::of(page, |person| person.listed(view)))),
    )
}

/// `POST /topapi/user/listsimple`: direct members, userid and name.
pub(in crate::simulator) fn list_simple(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    let refused = [
        Said::Refused(40068, "不合法的偏移量"),
        Said::Refused(40069, "不合法的分页大小"),
    ];
    said(asked_page(state, app, call, refused).map(|page| {
        let shown = |person: &Person| json!({"userid": person.userid, "name": person.name});
        Said::result(&Paged::of(page, shown))
    }))
}

/// `POST /topapi/user/listid`: userids of the direct members.
pub(in crate::simulator) fn list_ids(state: &mut State, app: AppIndex, call: &Call<'_>) -> Said {
    said(
        department(state, app, call.number("dept_id"))
            .map(|dept_id| Said::result(&json!({"userid_list": state.company.members(dept_id)}))),
    )
}

/// `POST /topapi/user/count`.
pub(in crate::simulator) fn count(state: &mut State, _: AppIndex, call: &Call<'_>) -> Said {
    match call.flag("only_active") {
        Some(only_active) => Said::result(&json!({"count": headcount(state, only_active)})),
        None => BAD_PARAMETER,
    }
}

/// How many work here.
pub(super) fn headcount(state: &State, only_active: bool) -> usize {
    state
        .company
        .people()
        .filter(|person| person.active || !only_active)
        .count()
}

/// `POST /topapi/user/listadmin`.
pub(in crate::simulator) fn admins(state: &mut State, _: AppIndex, _: &Call<'_>) -> Said {
    let admins: Vec<_> = administrators(state)
        .map(|person| json!({"userid": person.userid, "sys_level": person.sys_level}))
        .collect();
    Said::result(&admins)
}

/// Who administers the company.
pub(super) fn administrators(state: &State) -> impl Iterator<Item = &Person> {
    state.company.people().filter(|person| person.is_admin())
}

/// `GET /auth/scopes`: what the app may see.
pub(in crate::simulator) fn scopes(state: &mut State, app: AppIndex, _: &Call<'_>) -> Said {
    let mut fields = vec!["userid", "name", "avatar", "title", "department", "jobnumber"];
    if state.may(app, scope::FIELD_MOBILE) {
        fields.push("mobile");
    }
    if state.may(app, scope::FIELD_EMAIL) {
        fields.extend(["email", "orgEmail", "workPlace", "remark", "extattr"]);
    }
    let range = state.apps.get(app).map(|app| &app.range);
    let departments: Vec<i64> = match range {
        Some(range) if range.is_everything() => vec![ROOT],
        Some(range) => range.departments.iter().copied().collect(),
        None => Vec::new(),
    };
    Said::Flat(json!({
        "auth_user_field": fields, "condition_field": [],
        "auth_org_scopes": {"authed_user": range.map(|range| &range.userids), "authed_dept": departments},
    }))
}
