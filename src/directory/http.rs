//! The wire of the directory for business applications: `/v1/departments` and `/v1/employees`.

use actix_web::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use actix_web::web::{Data, Path, Query, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, get};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Directory;
use super::browse::Search;
use super::employee::Employee;
use super::reader::Reader;
use super::tree::{Named, Tree};
use crate::dingtalk::ids::UserId;
use crate::error::Error;

/// Entries of a page where nobody says how many.
const USUAL: u64 = 100;
/// Entries of a page at the most.
const MOST: u64 = 500;
/// Longest text that is searched for, in characters.
const LONGEST_QUERY: usize = 64;

/// Mounts the routes together with what they lean on.
pub fn routes(directory: Directory) -> impl Fn(&mut ServiceConfig) + Clone {
    move |service| {
        service
            .app_data(Data::new(directory.clone()))
            .service(list_departments)
            .service(show_department)
            .service(list_employees)
            .service(show_employee);
    }
}

/// Which page of departments.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct DepartmentsQuery {
    /// `nextCursor` of the page before.
    cursor: Option<i64>,
    /// Entries at the most, 1 to 500; 100 if absent.
    limit: Option<u64>,
}

/// Whom to look for, and which page of them.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct EmployeesQuery {
    /// Direct members of this department.
    department: Option<i64>,
    /// A part of the name or userid, 1 to 64 characters.
    query: Option<String>,
    /// `nextCursor` of the page before.
    cursor: Option<i64>,
    /// Entries at the most, 1 to 500; 100 if absent.
    limit: Option<u64>,
}

/// A department, and where it stands.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DepartmentAnswer {
    id: i64,
    name: String,
    parent_id: Option<i64>,
    root_id: Option<i64>,
    root_name: Option<String>,
    /// From the top-level branch down to the parent.
    path: Vec<Named>,
}

/// A page of departments, by id.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DepartmentsAnswer {
    departments: Vec<DepartmentAnswer>,
    /// Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<i64>,
}

/// Belonging to a department.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MembershipAnswer {
    id: i64,
    name: Option<String>,
    leader: bool,
}

/// An employee: no mobile, no e-mail.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StaffAnswer {
    id: i64,
    user_id: String,
    name: String,
    avatar: String,
    position: String,
    /// Whether they may not sign in here.
    disabled: bool,
    /// The main department.
    depart_id: Option<i64>,
    departments: Vec<MembershipAnswer>,
    roles: Vec<String>,
}

/// A page of employees, in an order that does not change.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EmployeesAnswer {
    employees: Vec<StaffAnswer>,
    /// Absent on the last page.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<i64>,
}

impl DepartmentAnswer {
    fn new(tree: &Tree, id: i64) -> Option<Self> {
        let place = tree.place(id);
        Some(Self {
            id,
            name: place.name?,
            parent_id: tree.parent_of(id),
            root_id: place.branch.as_ref().map(|branch| branch.id),
            root_name: place.branch.map(|branch| branch.name),
            path: place.path,
        })
    }
}

impl StaffAnswer {
    fn new(employee: Employee, tree: &Tree) -> Self {
        Self {
            depart_id: employee.main_department(),
            departments: employee
                .memberships
                .iter()
                .map(|membership| MembershipAnswer {
                    id: membership.department_id,
                    name: tree.name_of(membership.department_id).map(str::to_owned),
                    leader: membership.leader,
                })
                .collect(),
            id: employee.id,
            user_id: employee.userid,
            name: employee.name,
            avatar: employee.avatar,
            position: employee.position,
            disabled: employee.disabled,
            roles: employee.roles,
        }
    }
}

/// The company's departments, page by page.
#[utoipa::path(tag = "directory", security(("bearer" = [])), params(DepartmentsQuery),
    responses((status = 200, body = DepartmentsAnswer), (status = 304, description = "as the ETag says"),
        (status = 400, description = "1101"), (status = 401, description = "1114"), (status = 403, description = "1115"),
        (status = 503, description = "1117")))]
#[get("/v1/departments")]
pub(crate) async fn list_departments(
    request: HttpRequest,
    _: Reader,
    directory: Data<Directory>,
    query: Result<Query<DepartmentsQuery>, actix_web::Error>,
) -> Result<HttpResponse, Error> {
    let query = query.map_err(|_fault| unreadable())?.into_inner();
    let most = limit(query.limit)?;
    let tree = directory.departments.tree();
    let mut ids: Vec<i64> = tree
        .ids()
        .filter(|id| query.cursor.is_none_or(|after| *id > after))
        .collect();
    ids.sort_unstable();
    let (ids, next_cursor) = page(ids, most, |id| *id);
    let answer = DepartmentsAnswer {
        departments: ids
            .into_iter()
            .filter_map(|id| DepartmentAnswer::new(&tree, id))
            .collect(),
        next_cursor,
    };
    tagged(&request, &answer)
}

/// One department.
#[utoipa::path(tag = "directory", security(("bearer" = [])), params(("id" = i64, Path, description = "DingTalk's id")),
    responses((status = 200, body = DepartmentAnswer), (status = 304, description = "as the ETag says"),
        (status = 401, description = "1114"), (status = 403, description = "1115"), (status = 404, description = "1116"),
        (status = 503, description = "1117")))]
#[get("/v1/departments/{id}")]
pub(crate) async fn show_department(
    request: HttpRequest,
    _: Reader,
    directory: Data<Directory>,
    id: Path<String>,
) -> Result<HttpResponse, Error> {
    let id: i64 = id.parse().ok().ok_or(Error::NotFound)?;
    let answer = DepartmentAnswer::new(&directory.departments.tree(), id).ok_or(Error::NotFound)?;
    tagged(&request, &answer)
}

/// Employees of the company, page by page; who has left is not among them.
#[utoipa::path(tag = "directory", security(("bearer" = [])), params(EmployeesQuery),
    responses((status = 200, body = EmployeesAnswer), (status = 304, description = "as the ETag says"),
        (status = 400, description = "1101"), (status = 401, description = "1114"), (status = 403, description = "1115"),
        (status = 503, description = "1117")))]
#[get("/v1/employees")]
pub(crate) async fn list_employees(
    request: HttpRequest,
    _: Reader,
    directory: Data<Directory>,
    query: Result<Query<EmployeesQuery>, actix_web::Error>,
) -> Result<HttpResponse, Error> {
    let query = query.map_err(|_fault| unreadable())?.into_inner();
    let most = limit(query.limit)?;
    if let Some(text) = &query.query
        && (!(1..=LONGEST_QUERY).contains(&text.chars().count()) || text.chars().any(char::is_control))
    {
        return Err(Error::InvalidRequest(format!(
            "query is 1 to {LONGEST_QUERY} characters, none of them a control character"
        )));
    }
    let search = Search {
        department: query.department,
        query: query.query,
        after: query.cursor,
        // One more, to see whether another page follows.
        most: most + 1,
    };
    let found = directory.browse.employees(&search).await?;
    let (found, next_cursor) = page(found, most, |employee| employee.id);
    let tree = directory.departments.tree();
    let answer = EmployeesAnswer {
        employees: found
            .into_iter()
            .map(|employee| StaffAnswer::new(employee, &tree))
            .collect(),
        next_cursor,
    };
    tagged(&request, &answer)
}

/// One employee; who has left is not found.
#[utoipa::path(tag = "directory", security(("bearer" = [])), params(("userId" = String, Path, description = "DingTalk's userid")),
    responses((status = 200, body = StaffAnswer), (status = 304, description = "as the ETag says"),
        (status = 401, description = "1114"), (status = 403, description = "1115"), (status = 404, description = "1116"),
        (status = 503, description = "1117")))]
#[get("/v1/employees/{userId}")]
pub(crate) async fn show_employee(
    request: HttpRequest,
    _: Reader,
    directory: Data<Directory>,
    userid: Path<String>,
) -> Result<HttpResponse, Error> {
    let userid = UserId::new(userid.into_inner()).ok().ok_or(Error::NotFound)?;
    let found = directory.employee(userid.as_str()).await?;
    let found = found
        .filter(|employee| employee.left_at.is_none())
        .ok_or(Error::NotFound)?;
    tagged(&request, &StaffAnswer::new(found, &directory.departments.tree()))
}

fn unreadable() -> Error {
    Error::InvalidRequest("the query cannot be read: department, cursor and limit are numbers".to_owned())
}

fn limit(asked: Option<u64>) -> Result<u64, Error> {
    match asked.unwrap_or(USUAL) {
        limit @ 1..=MOST => Ok(limit),
        _ => Err(Error::InvalidRequest(format!("limit is 1 to {MOST}"))),
    }
}

/// Cuts a list to a page, with the cursor of the next one if there is more.
fn page<T>(mut found: Vec<T>, most: u64, key: impl Fn(&T) -> i64) -> (Vec<T>, Option<i64>) {
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let more = found.len() > most;
    found.truncate(most);
    let next = found.last().map(key).filter(|_| more);
    (found, next)
}

/// Answers with an entity tag, or 304 to whoever has just that already (RFC 9110 section 13.1.2).
fn tagged(request: &HttpRequest, answer: &impl Serialize) -> Result<HttpResponse, Error> {
    let body = serde_json::to_vec(answer).map_err(|cause| Error::Internal(cause.into()))?;
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(Sha256::digest(&body)));
    let known = request
        .headers()
        .get(IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let is_known = known.is_some_and(|known| {
        known
            .split(',')
            .map(|one| one.trim().trim_start_matches("W/"))
            .any(|one| one == "*" || one == tag)
    });
    let mut response = if is_known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((ETAG, tag))
        .insert_header((CACHE_CONTROL, "private, no-cache"));
    Ok(if is_known {
        response.finish()
    } else {
        response.content_type("application/json").body(body)
    })
}
