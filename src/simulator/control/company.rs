//! Joiners, leavers, moves and everything else that an administrator of the company does.

use actix_web::HttpResponse;
use actix_web::web::{Json, Path, Query};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::simulator::avatar;
use crate::simulator::change::{Change, Unchanged};
use crate::simulator::department::Department;
use crate::simulator::person::Person;
use crate::simulator::state::{Shared, State, lock};

#[derive(Deserialize)]
pub(super) struct Search {
    query: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize)]
pub(super) struct Move {
    dept_id_list: Vec<i64>,
}

#[derive(Deserialize)]
pub(super) struct After {
    #[serde(default)]
    after: u64,
}

fn change(state: &Shared, change: Change) -> HttpResponse {
    match lock(state).change(change) {
        Ok(()) => HttpResponse::NoContent().finish(),
        Err(Unchanged::Unknown) => HttpResponse::NotFound().json(json!({"error": "no such person or department"})),
        Err(Unchanged::Malformed(text)) => HttpResponse::BadRequest().json(json!({"error": text})),
    }
}

pub(super) async fn overview(state: Shared) -> HttpResponse {
    let state = lock(&state);
    let app = state.apps.first().map(|app| &app.credentials);
    HttpResponse::Ok().json(json!({
        "corpId": state.corp_id,
        "companyName": state.company.name(),
        "appKey": app.map(|app| &app.app_key),
        "agentId": app.map(|app| &app.agent_id),
        "people": state.company.people().len(),
        "departments": state.company.departments().len(),
    }))
}

/// A person as a list shows them to a human.
fn shown(state: &State, person: &Person) -> Value {
    let departments: Vec<&str> = person
        .dept_id_list
        .iter()
        .filter_map(|id| state.company.department(*id))
        .map(|department| department.name.as_str())
        .collect();
    let avatar = person.avatar_at(&state.base).filter(|avatar| !avatar.is_empty());
    json!({"userid": person.userid, "name": person.name, "title": person.title, "avatar": avatar,
           "departments": departments})
}

pub(super) async fn employees(state: Shared, search: Query<Search>) -> HttpResponse {
    let state = lock(&state);
    let query = search.query.as_deref().unwrap_or_default();
    let found: Vec<Value> = state
        .company
        .people()
        .filter(|person| person.answers_to(query))
        .take(search.limit.unwrap_or(usize::MAX))
        .map(|person| shown(&state, person))
        .collect();
    HttpResponse::Ok().json(found)
}

/// Everything that is kept of somebody.
pub(super) async fn employee(state: Shared, userid: Path<String>) -> HttpResponse {
    match lock(&state).company.person(&userid) {
        Some(person) => HttpResponse::Ok().json(person),
        None => HttpResponse::NotFound().json(json!({"error": "no such employee"})),
    }
}

pub(super) async fn admit(state: Shared, person: Json<Person>) -> HttpResponse {
    change(&state, Change::Admit(Box::new(person.into_inner())))
}

pub(super) async fn alter(state: Shared, userid: Path<String>, fields: Json<Map<String, Value>>) -> HttpResponse {
    change(&state, Change::Alter(userid.into_inner(), fields.into_inner()))
}

pub(super) async fn leave(state: Shared, userid: Path<String>) -> HttpResponse {
    change(&state, Change::Leave(userid.into_inner()))
}

pub(super) async fn rejoin(state: Shared, userid: Path<String>) -> HttpResponse {
    change(&state, Change::Rejoin(userid.into_inner()))
}

pub(super) async fn move_to(state: Shared, userid: Path<String>, to: Json<Move>) -> HttpResponse {
    let fields = Map::from_iter([("dept_id_list".to_owned(), json!(to.dept_id_list))]);
    change(&state, Change::Alter(userid.into_inner(), fields))
}

pub(super) async fn departments(state: Shared) -> HttpResponse {
    let state = lock(&state);
    HttpResponse::Ok().json(state.company.departments().collect::<Vec<_>>())
}

pub(super) async fn found(state: Shared, department: Json<Department>) -> HttpResponse {
    change(&state, Change::Found(department.into_inner()))
}

pub(super) async fn reshape(state: Shared, dept_id: Path<i64>, fields: Json<Map<String, Value>>) -> HttpResponse {
    change(&state, Change::Reshape(dept_id.into_inner(), fields.into_inner()))
}

pub(super) async fn dissolve(state: Shared, dept_id: Path<i64>) -> HttpResponse {
    change(&state, Change::Dissolve(dept_id.into_inner()))
}

pub(super) async fn changes(state: Shared, query: Query<After>) -> HttpResponse {
    let state = lock(&state);
    HttpResponse::Ok().json(state.events.after(query.after).collect::<Vec<_>>())
}

pub(super) async fn avatar(state: Shared, userid: Path<String>) -> HttpResponse {
    match lock(&state).company.anybody(&userid) {
        Some(person) => HttpResponse::Ok()
            .content_type("image/svg+xml")
            .body(avatar::picture(&person.name)),
        None => HttpResponse::NotFound().finish(),
    }
}
