//! The address book of the platform: who redeems a code, people and departments.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use url::Url;

use super::attempts::Does;
use super::caller::Caller;
use super::error::DingTalkError;
use super::ids::{AuthCode, DepartmentId, UnionId, UserId};
use super::lenient;
use super::refusal::{Wrapped, Zero};
use super::transport::Endpoint;

/// Members in one page, the platform's most.
const PAGE: u32 = 100;
/// Names come in this language where the company keeps several.
const LANGUAGE: &str = "zh_CN";

/// Whose code it was.
#[derive(Debug, Clone, Deserialize)]
pub struct AuthCodeUser {
    /// The member of the company.
    pub userid: UserId,
    /// The person over all companies.
    #[serde(default, deserialize_with = "lenient::parsed")]
    pub unionid: Option<UnionId>,
    /// Their name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: Option<String>,
}

/// A member as the address book has them. What permissions hide or nobody has filled in is absent.
#[derive(Debug, Clone, Deserialize)]
pub struct ContactUser {
    /// The member of the company.
    pub userid: UserId,
    /// The person over all companies.
    #[serde(default, deserialize_with = "lenient::parsed")]
    pub unionid: Option<UnionId>,
    /// Their name.
    #[serde(default, deserialize_with = "lenient::text")]
    pub name: Option<String>,
    /// Address of their picture; absent where they kept the default one.
    #[serde(default, deserialize_with = "lenient::text")]
    pub avatar: Option<String>,
    /// Their position (职位).
    #[serde(default, deserialize_with = "lenient::text")]
    pub title: Option<String>,
    /// Their job number (工号).
    #[serde(default, deserialize_with = "lenient::text")]
    pub job_number: Option<String>,
    /// Whom they report to.
    #[serde(default, deserialize_with = "lenient::parsed")]
    pub manager_userid: Option<UserId>,
    /// Whether they have joined with their account.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub active: Option<bool>,
    /// Departments that they belong to directly.
    #[serde(default, deserialize_with = "lenient::numbered_list")]
    pub dept_id_list: Vec<DepartmentId>,
    /// Where they lead.
    #[serde(default, deserialize_with = "lenient::list")]
    pub leader_in_dept: Vec<Leadership>,
    /// Whether they lead the department of whose members this is a page.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub leader: Option<bool>,
    /// Whether they administer the company, in whole or in part.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub admin: Option<bool>,
    /// Their labels (角色); pages of members do not carry them.
    #[serde(default, deserialize_with = "lenient::list")]
    pub role_list: Vec<Label>,
    /// Their positions by department; one may be marked as the main one.
    #[serde(default, deserialize_with = "lenient::list")]
    pub dept_position_list: Vec<DepartmentPosition>,
    /// When they were asked for: whatever happened later may be missing here.
    #[serde(skip)]
    pub as_of: DateTime<Utc>,
}

impl ContactUser {
    /// The main department: the one marked so, else the first of the list.
    #[must_use]
    pub fn main_department(&self) -> Option<DepartmentId> {
        let marked = self
            .dept_position_list
            .iter()
            .find(|position| position.is_main == Some(true));
        let marked = marked.and_then(|position| position.dept_id);
        marked
            .filter(|id| self.dept_id_list.contains(id))
            .or_else(|| self.dept_id_list.first().copied())
    }

    /// Whether they lead `department`.
    #[must_use]
    pub fn leads(&self, department: DepartmentId) -> bool {
        self.leader_in_dept
            .iter()
            .any(|one| one.dept_id == Some(department) && one.leader == Some(true))
    }
}

/// Whether somebody leads a department.
#[derive(Debug, Clone, Deserialize)]
pub struct Leadership {
    /// The department.
    #[serde(default, deserialize_with = "lenient::numbered")]
    pub dept_id: Option<DepartmentId>,
    /// Whether they lead it.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub leader: Option<bool>,
}

/// A label (角色) of the company.
#[derive(Debug, Clone, Deserialize)]
pub struct Label {
    /// Its name.
    #[serde(default, deserialize_with = "lenient::words")]
    pub name: String,
}

/// Somebody's position in a department.
#[derive(Debug, Clone, Deserialize)]
pub struct DepartmentPosition {
    /// The department.
    #[serde(default, deserialize_with = "lenient::numbered")]
    pub dept_id: Option<DepartmentId>,
    /// Whether it is their main one.
    #[serde(default, deserialize_with = "lenient::flag")]
    pub is_main: Option<bool>,
    /// Their position in it.
    #[serde(default, deserialize_with = "lenient::text")]
    pub title: Option<String>,
}

/// A department as the address book has it.
#[derive(Debug, Clone, Deserialize)]
pub struct ContactDepartment {
    /// The department.
    #[serde(rename = "dept_id")]
    pub id: DepartmentId,
    /// Its name; empty where the platform gives none.
    #[serde(default, deserialize_with = "lenient::words")]
    pub name: String,
    /// The department above; absent for the root.
    #[serde(default, deserialize_with = "lenient::numbered")]
    pub parent_id: Option<DepartmentId>,
    /// Its place among its siblings.
    #[serde(default, deserialize_with = "lenient::number")]
    pub order: Option<i64>,
}

/// A page of the direct members of a department.
#[derive(Debug, Clone, Deserialize)]
pub struct MembersPage {
    /// The members.
    #[serde(default, deserialize_with = "lenient::list")]
    pub list: Vec<ContactUser>,
    /// Whether another page follows.
    pub has_more: bool,
    /// Where that one begins.
    #[serde(default)]
    pub next_cursor: Option<u64>,
}

/// What of the company the app may see.
#[derive(Debug, Clone, Deserialize)]
pub struct AuthScopes {
    #[serde(rename = "errcode")]
    _success: Zero,
    /// Fields of a member that it may read.
    #[serde(default, deserialize_with = "lenient::list")]
    pub auth_user_field: Vec<String>,
    /// Its visible range.
    #[serde(default)]
    pub auth_org_scopes: VisibleRange,
}

/// The visible range of an app.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct VisibleRange {
    /// Members by themselves.
    #[serde(default, deserialize_with = "lenient::list")]
    pub authed_user: Vec<UserId>,
    /// Departments with all below them; the root means the whole company.
    #[serde(default, deserialize_with = "lenient::numbered_list")]
    pub authed_dept: Vec<DepartmentId>,
}

#[derive(Serialize)]
struct ByCode<'a> {
    code: &'a str,
}

#[derive(Serialize)]
struct ByUser<'a> {
    userid: &'a UserId,
    language: &'static str,
}

#[derive(Serialize)]
struct ByDepartment {
    dept_id: DepartmentId,
    language: &'static str,
}

#[derive(Serialize)]
struct MembersOf {
    dept_id: DepartmentId,
    cursor: u64,
    size: u32,
    language: &'static str,
}

/// The calls of the address book, their addresses made once.
pub(super) struct Contacts {
    user_by_code: Endpoint,
    user: Endpoint,
    department: Endpoint,
    children: Endpoint,
    members: Endpoint,
    scopes: Endpoint,
}

impl Contacts {
    pub(super) fn new(oapi: &Url) -> Result<Self, url::ParseError> {
        Ok(Self {
            user_by_code: Endpoint::old(oapi, "/topapi/v2/user/getuserinfo")?,
            user: Endpoint::old(oapi, "/topapi/v2/user/get")?,
            department: Endpoint::old(oapi, "/topapi/v2/department/get")?,
            children: Endpoint::old(oapi, "/topapi/v2/department/listsub")?,
            members: Endpoint::old(oapi, "/topapi/v2/user/list")?,
            scopes: Endpoint::old(oapi, "/auth/scopes")?,
        })
    }

    pub(super) async fn user_by_code(&self, by: &Caller, code: &AuthCode) -> Result<AuthCodeUser, DingTalkError> {
        let body = json(&ByCode { code: code.reveal() })?;
        unwrapped(
            by.call(&self.user_by_code, Some(&body), code.reveal(), Does::RedeemCode)
                .await,
        )
    }

    pub(super) async fn user(&self, by: &Caller, userid: &UserId) -> Result<ContactUser, DingTalkError> {
        let body = json(&ByUser {
            userid,
            language: LANGUAGE,
        })?;
        unwrapped(by.call(&self.user, Some(&body), "", Does::Read).await)
    }

    pub(super) async fn department(&self, by: &Caller, id: DepartmentId) -> Result<ContactDepartment, DingTalkError> {
        let body = json(&ByDepartment {
            dept_id: id,
            language: LANGUAGE,
        })?;
        unwrapped(by.call(&self.department, Some(&body), "", Does::Read).await)
    }

    pub(super) async fn children(
        &self,
        by: &Caller,
        id: DepartmentId,
    ) -> Result<Vec<ContactDepartment>, DingTalkError> {
        let body = json(&ByDepartment {
            dept_id: id,
            language: LANGUAGE,
        })?;
        unwrapped(by.call(&self.children, Some(&body), "", Does::Read).await)
    }

    pub(super) async fn members(
        &self,
        by: &Caller,
        id: DepartmentId,
        cursor: u64,
    ) -> Result<MembersPage, DingTalkError> {
        let body = json(&MembersOf {
            dept_id: id,
            cursor,
            size: PAGE,
            language: LANGUAGE,
        })?;
        unwrapped(by.call(&self.members, Some(&body), "", Does::Read).await)
    }

    pub(super) async fn scopes(&self, by: &Caller) -> Result<AuthScopes, DingTalkError> {
        by.call(&self.scopes, None, "", Does::Read).await
    }
}

fn unwrapped<T>(answer: Result<Wrapped<T>, DingTalkError>) -> Result<T, DingTalkError> {
    answer.map(|answer| answer.result)
}

pub(super) fn json(body: &impl Serialize) -> Result<Vec<u8>, DingTalkError> {
    serde_json::to_vec(body).map_err(|error| DingTalkError::Other {
        code: "unwritable".to_owned(),
        text: error.to_string(),
    })
}
