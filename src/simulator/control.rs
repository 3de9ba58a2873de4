//! The control paths: what a test or the demo page does to the simulated company.

use std::fmt::Write as _;
use std::sync::{Mutex, MutexGuard, PoisonError};

use actix_web::web::{Data, Json, Path, Query, ServiceConfig};
use actix_web::{HttpResponse, web};
use serde::Deserialize;
use serde_json::{Value, json};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;

use super::company::{Department, Person};
use super::state::{Fault, State};

/// Mounts `/_/…`.
pub(super) fn routes(service: &mut ServiceConfig) {
    service
        .route("/_/auth-codes", web::post().to(auth_code))
        .route("/_/employees", web::get().to(employees))
        .route("/_/employees", web::post().to(add_employee))
        .route("/_/employees/{userid}/leave", web::post().to(leave))
        .route("/_/employees/{userid}/move", web::post().to(move_to))
        .route("/_/departments", web::post().to(add_department))
        .route("/_/company", web::get().to(company))
        .route("/_/calls", web::get().to(calls))
        .route("/_/faults", web::post().to(add_fault))
        .route("/_/faults", web::delete().to(clear_faults))
        .route("/_/tokens/invalidate", web::post().to(invalidate_token))
        .route("/_/jsapi/verify", web::post().to(verify));
}

/// Mounts what the demo's page needs of them, under `/demo/…`.
pub(super) fn demo_routes(service: &mut ServiceConfig) {
    service
        .route("/demo/auth-codes", web::post().to(auth_code))
        .route("/demo/employees", web::get().to(employees))
        .route("/demo/company", web::get().to(company))
        .route("/demo/jsapi/verify", web::post().to(verify));
}

type Shared = Data<Mutex<State>>;

fn lock(state: &Shared) -> MutexGuard<'_, State> {
    state.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Deserialize)]
struct Who {
    userid: String,
}

#[derive(Deserialize)]
struct Search {
    query: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
struct Move {
    dept_id_list: Vec<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Signed {
    url: String,
    nonce_str: String,
    time_stamp: Value,
    signature: String,
}

async fn auth_code(state: Shared, who: Json<Who>) -> HttpResponse {
    match lock(&state).auth_code(&who.userid) {
        Some(code) => HttpResponse::Ok().json(json!({"code": code})),
        None => HttpResponse::NotFound().json(json!({"error": "no such employee"})),
    }
}

async fn employees(state: Shared, search: Query<Search>) -> HttpResponse {
    let state = lock(&state);
    let query = search.query.as_deref().unwrap_or_default();
    let shown = |person: &Person| {
        let departments: Vec<&str> = person
            .dept_id_list
            .iter()
            .filter_map(|id| state.company.departments.get(id))
            .map(|department| department.name.as_str())
            .collect();
        json!({"userid": person.userid, "name": person.name, "title": person.title, "avatar": person.avatar,
               "departments": departments})
    };
    let found = state.company.people.values().filter(|person| {
        person.name.contains(query)
            || person.userid.contains(query)
            || person.title.as_deref().is_some_and(|title| title.contains(query))
    });
    let found: Vec<Value> = found.take(search.limit.unwrap_or(usize::MAX)).map(shown).collect();
    HttpResponse::Ok().json(found)
}

async fn add_employee(state: Shared, person: Json<Person>) -> HttpResponse {
    let person = person.into_inner();
    lock(&state).company.people.insert(person.userid.clone(), person);
    HttpResponse::NoContent().finish()
}

async fn leave(state: Shared, userid: Path<String>) -> HttpResponse {
    lock(&state).company.people.remove(&*userid);
    HttpResponse::NoContent().finish()
}

async fn move_to(state: Shared, userid: Path<String>, to: Json<Move>) -> HttpResponse {
    match lock(&state).company.people.get_mut(&*userid) {
        Some(person) => {
            person.dept_id_list = to.into_inner().dept_id_list;
            HttpResponse::NoContent().finish()
        }
        None => HttpResponse::NotFound().finish(),
    }
}

async fn add_department(state: Shared, department: Json<Department>) -> HttpResponse {
    let department = department.into_inner();
    lock(&state).company.departments.insert(department.dept_id, department);
    HttpResponse::NoContent().finish()
}

async fn company(state: Shared) -> HttpResponse {
    let state = lock(&state);
    let name = state.company.departments.get(&1).map(|root| root.name.as_str());
    HttpResponse::Ok().json(json!({
        "corpId": state.options.corp_id,
        "companyName": name,
        "appKey": state.options.app_key,
        "agentId": state.options.agent_id,
        "people": state.company.people.len(),
        "departments": state.company.departments.len(),
    }))
}

async fn calls(state: Shared) -> HttpResponse {
    HttpResponse::Ok().json(&lock(&state).calls)
}

async fn add_fault(state: Shared, fault: Json<Fault>) -> HttpResponse {
    lock(&state).add_fault(fault.into_inner());
    HttpResponse::NoContent().finish()
}

async fn clear_faults(state: Shared) -> HttpResponse {
    lock(&state).clear_faults();
    HttpResponse::NoContent().finish()
}

async fn invalidate_token(state: Shared) -> HttpResponse {
    lock(&state).invalidate_token();
    HttpResponse::NoContent().finish()
}

/// Checks a `dd.config` as the client does: the URL as the web view shows it, its query decoded once. Written
/// apart from the signer, so that the two can disagree.
async fn verify(state: Shared, signed: Json<Signed>) -> HttpResponse {
    let Signed {
        url,
        nonce_str,
        time_stamp,
        signature,
    } = signed.into_inner();
    let time = time_stamp
        .as_str()
        .map_or_else(|| time_stamp.to_string(), str::to_owned);
    let page = url.split('#').next().unwrap_or_default();
    let shown = match page.split_once('?') {
        Some((page, query)) => {
            let pairs = query.split('&').map(|pair| {
                let decoded: Vec<String> = url::form_urlencoded::parse(pair.as_bytes())
                    .map(|(key, value)| {
                        if pair.contains('=') {
                            format!("{key}={value}")
                        } else {
                            key.into_owned()
                        }
                    })
                    .collect();
                decoded.concat()
            });
            format!("{page}?{}", pairs.collect::<Vec<_>>().join("&"))
        }
        None => page.to_owned(),
    };
    let ticket = lock(&state).living_ticket().unwrap_or_default().to_owned();
    let text = format!("jsapi_ticket={ticket}&noncestr={nonce_str}&timestamp={time}&url={shown}");
    let hex = |bytes: &[u8]| {
        bytes.iter().fold(String::new(), |mut text, byte| {
            let _ = write!(text, "{byte:02x}");
            text
        })
    };
    let digest = if hex(&Sha1::digest(&text)) == signature {
        Some("sha1")
    } else if hex(&Sha256::digest(&text)) == signature {
        Some("sha256")
    } else {
        None
    };
    HttpResponse::Ok().json(match digest {
        Some(digest) => json!({"ok": true, "digest": digest}),
        None => json!({"ok": false, "errorCode": 3, "errorMessage": format!(
            "权限校验失败 Code:52013 - Message: 签名校验失败,nonce:[{nonce_str}],timestamp:[{time}],url:[{shown}],ticketList:[{ticket}]"
        )}),
    })
}
