//! The control paths of events: who is told, what is told, and how it went.

use actix_web::HttpResponse;
use actix_web::web::{self, Json, ServiceConfig};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::callback::Subscription;
use super::stream::{Order, system};
use super::told::Told;
use super::{registration, stream};
use crate::simulator::grants::random;
use crate::simulator::state::{Shared, lock};

/// Mounts `/_/events…` and `/_/stream…`, the WebSocket, and what of the old API calls back while it is asked.
pub(in crate::simulator) fn routes(service: &mut ServiceConfig) {
    service
        .route("/_/events", web::get().to(tallies))
        .route("/_/events", web::post().to(tell))
        .route("/_/events/subscription", web::put().to(subscribe))
        .route("/_/events/subscription", web::delete().to(unsubscribe))
        .route("/_/events/hold", web::post().to(hold))
        .route("/_/events/release", web::post().to(release))
        .route("/_/stream/{order}", web::post().to(order))
        .route("/connect", web::get().to(stream::connect))
        .route("/call_back/register_call_back", web::to(registration::register))
        .route("/call_back/update_call_back", web::to(registration::register));
}

/// An event that no change of the company stands behind; it may be told several times.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Untrue {
    event_type: String,
    #[serde(default)]
    fields: Map<String, Value>,
    #[serde(default)]
    copies: Option<usize>,
}

async fn tallies(state: Shared) -> HttpResponse {
    let outbox = &lock(&state).outbox;
    HttpResponse::Ok().json(json!({
        "callback": outbox.pushes.tally, "callback_open": outbox.pushes.open(),
        "stream": outbox.stream.tally, "stream_open": outbox.stream.open(),
        "stream_connections": outbox.stream.connected(),
    }))
}

async fn tell(state: Shared, untrue: Json<Untrue>) -> HttpResponse {
    let Untrue {
        event_type,
        fields,
        copies,
    } = untrue.into_inner();
    let mut state = lock(&state);
    let now_ms = state.clock.unix_millis();
    let born_ms = state.outbox.next_ms(now_ms);
    let told = Told::new(&event_type, born_ms, fields);
    for _ in 0..copies.unwrap_or(1) {
        state.outbox.post(&told, now_ms);
    }
    HttpResponse::Ok().json(json!({"eventId": told.id}))
}

async fn subscribe(state: Shared, subscription: Json<Subscription>) -> HttpResponse {
    lock(&state).outbox.pushes.subscription = Some(subscription.into_inner());
    HttpResponse::NoContent().finish()
}

async fn unsubscribe(state: Shared) -> HttpResponse {
    lock(&state).outbox.pushes.subscription = None;
    HttpResponse::NoContent().finish()
}

async fn hold(state: Shared) -> HttpResponse {
    lock(&state).outbox.pushes.hold();
    HttpResponse::NoContent().finish()
}

async fn release(state: Shared) -> HttpResponse {
    lock(&state).outbox.pushes.release();
    HttpResponse::NoContent().finish()
}

async fn order(state: Shared, order: web::Path<String>) -> HttpResponse {
    let stream = &mut lock(&state).outbox.stream;
    match order.as_str() {
        "ping" => stream.order(|| Order::Frame(system("ping", &json!({"opaque": random()})))),
        "disconnect" => stream.order(|| Order::Disconnect),
        "drop" => stream.order(|| Order::Drop),
        "freeze" => stream.freeze(),
        _ => return HttpResponse::NotFound().json(json!({"error": "ping, disconnect, drop or freeze"})),
    }
    HttpResponse::NoContent().finish()
}
