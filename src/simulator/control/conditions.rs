//! The conditions under which calls are made: permissions, visible range, limits, faults; and how many calls came.

use std::collections::{BTreeMap, BTreeSet};

use actix_web::HttpResponse;
use actix_web::web::{Json, Query};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::simulator::apps::{App, VisibleRange};
use crate::simulator::fault::Fault;
use crate::simulator::scope;
use crate::simulator::state::{Shared, State, lock};

/// Which app; the default one if it is not said.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct OfApp {
    app_key: Option<String>,
}

/// What an app may see from now on; the whole company if nothing is named.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Range {
    app_key: Option<String>,
    #[serde(default)]
    departments: Vec<i64>,
    #[serde(default)]
    userids: BTreeSet<String>,
}

/// Calls of one path in a second beyond which they are throttled; absent for no limit.
#[derive(Deserialize)]
pub(super) struct Limit {
    per_second: Option<u64>,
}

fn app<'a>(state: &'a mut State, app_key: Option<&str>) -> Option<&'a mut App> {
    let index = state.app_index(app_key)?;
    state.apps.get_mut(index)
}

fn no_app() -> HttpResponse {
    HttpResponse::NotFound().json(json!({"error": "no such app"}))
}

/// Every permission, and whether the app has it.
pub(super) async fn permissions(state: Shared, of: Query<OfApp>) -> HttpResponse {
    let mut state = lock(&state);
    let Some(app) = app(&mut state, of.app_key.as_deref()) else {
        return no_app();
    };
    let shown: BTreeMap<&str, bool> = scope::ALL.iter().map(|scope| (*scope, app.may(scope))).collect();
    HttpResponse::Ok().json(shown)
}

/// Grants what is `true` and takes what is `false`; what is not named stays.
pub(super) async fn switch_permissions(state: Shared, switches: Json<Map<String, Value>>) -> HttpResponse {
    let mut switches = switches.into_inner();
    let app_key = switches.remove("appKey");
    let mut state = lock(&state);
    let Some(app) = app(&mut state, app_key.as_ref().and_then(Value::as_str)) else {
        return no_app();
    };
    let wrong = |(name, on): &(&String, &Value)| !scope::ALL.contains(&name.as_str()) || !on.is_boolean();
    if let Some((name, _)) = switches.iter().find(wrong) {
        return HttpResponse::BadRequest().json(json!({"error": format!("{name} is not a permission to switch")}));
    }
    for (name, on) in switches {
        if on == json!(true) {
            app.withheld.remove(&name);
        } else {
            app.withheld.insert(name);
        }
    }
    HttpResponse::NoContent().finish()
}

pub(super) async fn visible_range(state: Shared, of: Query<OfApp>) -> HttpResponse {
    match app(&mut lock(&state), of.app_key.as_deref()) {
        Some(app) => HttpResponse::Ok().json(&app.range),
        None => no_app(),
    }
}

pub(super) async fn set_visible_range(state: Shared, range: Json<Range>) -> HttpResponse {
    let range = range.into_inner();
    let seen = if range.userids.is_empty() {
        VisibleRange::of(&range.departments)
    } else {
        VisibleRange {
            departments: range.departments.into_iter().collect(),
            userids: range.userids,
        }
    };
    match app(&mut lock(&state), range.app_key.as_deref()) {
        Some(app) => {
            app.range = seen;
            HttpResponse::NoContent().finish()
        }
        None => no_app(),
    }
}

pub(super) async fn calls(state: Shared) -> HttpResponse {
    HttpResponse::Ok().json(lock(&state).traffic.counts())
}

pub(super) async fn rates(state: Shared) -> HttpResponse {
    HttpResponse::Ok().json(lock(&state).traffic.rates())
}

pub(super) async fn limit_rate(state: Shared, limit: Json<Limit>) -> HttpResponse {
    lock(&state).traffic.limit(limit.per_second);
    HttpResponse::NoContent().finish()
}

pub(super) async fn add_fault(state: Shared, fault: Json<Fault>) -> HttpResponse {
    lock(&state).traffic.add_fault(fault.into_inner());
    HttpResponse::NoContent().finish()
}

pub(super) async fn clear_faults(state: Shared) -> HttpResponse {
    lock(&state).traffic.clear_faults();
    HttpResponse::NoContent().finish()
}
