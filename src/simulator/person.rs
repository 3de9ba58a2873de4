//! A person as the simulator keeps them, and the two forms in which the address book shows them.

use serde::{Deserialize, Serialize};

/// What goes in front of an avatar's path; also what the app may read of a person.
#[derive(Debug, Clone, Copy)]
pub(super) struct View<'a> {
    /// Base URL of the simulator.
    pub(super) base: &'a str,
    /// The app has 企业员工手机号信息.
    pub(super) mobile: bool,
    /// The app has 邮箱等个人信息.
    pub(super) email: bool,
}

/// A role of the platform, as an administrator groups people.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Role {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) group_name: String,
}

/// A person. What is `None` is absent on the wire; what is an empty text is an empty text there.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "the fields are the platform's")]
pub(super) struct Person {
    pub(super) userid: String,
    pub(super) name: String,
    pub(super) dept_id_list: Vec<i64>,
    /// Made of the userid where it is not given.
    pub(super) unionid: Option<String>,
    pub(super) title: Option<String>,
    /// An address, or a path of the simulator.
    pub(super) avatar: Option<String>,
    pub(super) mobile: Option<String>,
    pub(super) hide_mobile: bool,
    pub(super) telephone: Option<String>,
    pub(super) job_number: Option<String>,
    pub(super) email: Option<String>,
    pub(super) org_email: Option<String>,
    pub(super) work_place: Option<String>,
    pub(super) remark: Option<String>,
    /// Text that is a JSON object: the company's own fields.
    pub(super) extension: Option<String>,
    /// Milliseconds since 1970.
    pub(super) hired_date: Option<i64>,
    pub(super) create_time: Option<String>,
    pub(super) manager_userid: Option<String>,
    #[serde(default = "yes")]
    pub(super) active: bool,
    pub(super) boss: bool,
    pub(super) senior: bool,
    /// 1 main administrator, 2 sub-administrator, 100 boss, 0 anybody else.
    pub(super) sys_level: i64,
    /// Leads every department that they are in.
    pub(super) leader: bool,
    /// Marked in `dept_position_list`.
    pub(super) main: Option<i64>,
    /// Place among the members of a department; beyond what a double holds exactly.
    #[serde(default = "last")]
    pub(super) order: i64,
    pub(super) role_list: Vec<Role>,
}

fn yes() -> bool {
    true
}

fn last() -> i64 {
    176_362_815_343_598_512
}

/// What both forms have in common.
#[derive(Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "the fields are the platform's")]
struct Common<'a> {
    userid: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    unionid: Option<&'a str>,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    avatar: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_code: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    mobile: Option<&'a str>,
    hide_mobile: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    telephone: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    job_number: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    org_email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    work_place: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    remark: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    extension: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hired_date: Option<i64>,
    dept_id_list: &'a [i64],
    active: bool,
    admin: bool,
    boss: bool,
    exclusive_account: bool,
}

#[derive(Serialize)]
struct Order {
    dept_id: i64,
    order: i64,
}

#[derive(Serialize)]
struct Leads {
    dept_id: i64,
    leader: bool,
}

#[derive(Serialize)]
struct Position {
    dept_id: i64,
    is_main: bool,
}

#[derive(Serialize)]
struct Nothing {}

#[derive(Serialize)]
struct Details<'a> {
    #[serde(flatten)]
    common: Common<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    create_time: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    manager_userid: Option<&'a str>,
    real_authed: bool,
    senior: bool,
    dept_order_list: Vec<Order>,
    leader_in_dept: Vec<Leads>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    dept_position_list: Vec<Position>,
    #[serde(skip_serializing_if = "<[Role]>::is_empty")]
    role_list: &'a [Role],
    union_emp_ext: Nothing,
}

#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    common: Common<'a>,
    dept_order: i64,
    leader: bool,
}

impl Person {
    /// The `result` of `user/get` (dingtalk-api, section 4.1).
    pub(super) fn details<'a>(&'a self, view: View<'a>) -> impl Serialize + 'a {
        let departments = self.dept_id_list.iter().copied();
        Details {
            common: self.common(view),
            create_time: self.create_time.as_deref(),
            manager_userid: self.manager_userid.as_deref(),
            real_authed: true,
            senior: self.senior,
            dept_order_list: departments
                .clone()
                .map(|dept_id| Order {
                    dept_id,
                    order: self.order,
                })
                .collect(),
            leader_in_dept: departments
                .clone()
                .map(|dept_id| Leads {
                    dept_id,
                    leader: self.leader,
                })
                .collect(),
            dept_position_list: match self.main {
                Some(main) => departments
                    .map(|dept_id| Position {
                        dept_id,
                        is_main: dept_id == main,
                    })
                    .collect(),
                None => Vec::new(),
            },
            role_list: &self.role_list,
            union_emp_ext: Nothing {},
        }
    }

    /// An item of `user/list` (section 4.3).
    pub(super) fn listed<'a>(&'a self, view: View<'a>) -> impl Serialize + 'a {
        Listed {
            common: self.common(view),
            dept_order: self.order,
            leader: self.leader,
        }
    }

    fn common<'a>(&'a self, view: View<'a>) -> Common<'a> {
        let personal = |text: &'a Option<String>| text.as_deref().filter(|_| view.email);
        let mobile = self.mobile.as_deref().filter(|_| view.mobile);
        Common {
            userid: &self.userid,
            unionid: self.unionid.as_deref(),
            name: &self.name,
            avatar: self.avatar_at(view.base),
            state_code: mobile.map(|_| "86"),
            mobile,
            hide_mobile: self.hide_mobile,
            telephone: self.telephone.as_deref(),
            job_number: self.job_number.as_deref(),
            title: self.title.as_deref(),
            email: personal(&self.email),
            org_email: personal(&self.org_email),
            work_place: personal(&self.work_place),
            remark: personal(&self.remark),
            extension: personal(&self.extension),
            hired_date: self.hired_date,
            dept_id_list: &self.dept_id_list,
            active: self.active,
            admin: self.is_admin(),
            boss: self.boss,
            exclusive_account: false,
        }
    }

    /// Whether they administer the company, in whole or in part.
    pub(super) fn is_admin(&self) -> bool {
        matches!(self.sys_level, 1 | 2)
    }

    /// The address of their picture, seen from outside.
    pub(super) fn avatar_at(&self, base: &str) -> Option<String> {
        let avatar = self.avatar.as_deref()?;
        Some(if avatar.starts_with('/') {
            format!("{base}{avatar}")
        } else {
            avatar.to_owned()
        })
    }

    /// Whether name, userid or title hold `query`.
    pub(super) fn answers_to(&self, query: &str) -> bool {
        self.name.contains(query)
            || self.userid.contains(query)
            || self.title.as_deref().is_some_and(|title| title.contains(query))
    }
}
