//! What DingTalk tells of reaches the directory: by callback and by stream, in order and once.

mod callback;
mod company;
mod failed;
mod proof;
mod stream;

use std::time::{Duration, Instant};

use dingtalk_sso::directory::employee::Employee;
use dingtalk_sso::events::event;
use reqwest::Method;
use sea_orm::{EntityTrait as _, QueryOrder as _};
use serde_json::{Value, json};

use crate::harness::Harness;

/// Token and key of the subscription: the key as somebody typed it.
const TOKEN: &str = "a-token";
const AES_KEY: &str = "1234567890123456789012345678901234567890123";
/// Longest wait for what happens by itself.
const PATIENCE: Duration = Duration::from_mins(1);

/// A service to which the platform posts its events.
pub(crate) async fn with_callbacks() -> Harness {
    with_callbacks_and(&[]).await
}

/// The same, with further settings.
pub(crate) async fn with_callbacks_and(more: &[(&str, &str)]) -> Harness {
    let http = [
        ("EVENTS__MODE", "http"),
        ("EVENTS__TOKEN", TOKEN),
        ("EVENTS__AES_KEY", AES_KEY),
    ];
    let sso = Harness::with(&[&http[..], more].concat()).await;
    subscribe(&sso, json!({})).await;
    sso
}

/// A service that listens to the stream.
pub(crate) async fn with_stream() -> Harness {
    let sso = Harness::with(&[("EVENTS__MODE", "stream")]).await;
    until_connected(&sso).await;
    sso
}

async fn until_connected(sso: &Harness) {
    until("there is a connection", async || {
        tallies(sso).await["stream_connections"] == json!(1)
    })
    .await;
}

/// Has an event told that no change of the company stands behind.
pub(crate) async fn tell(sso: &Harness, event_type: &str, fields: Value) {
    sso.company("events", json!({"event_type": event_type, "fields": fields}))
        .await;
}

/// Lets something happen of which nobody is told.
pub(crate) async fn unheard(sso: &Harness, happens: impl AsyncFn()) {
    sso.control(Method::DELETE, "events/subscription", &json!({})).await;
    happens().await;
    subscribe(sso, json!({})).await;
}

/// Subscribes in the developer console, with something particular.
async fn subscribe(sso: &Harness, particular: Value) {
    let mut subscription = json!({"url": sso.url("/dingtalk/events"), "token": TOKEN, "aes_key": AES_KEY});
    if let (Some(all), Value::Object(more)) = (subscription.as_object_mut(), particular) {
        all.extend(more);
    }
    sso.control(Method::PUT, "events/subscription", &subscription).await;
}

/// How the events went, as the platform sees it.
async fn tallies(sso: &Harness) -> Value {
    sso.simulated("events").await
}

/// Every event that is stored, in the order of arrival.
async fn stored(sso: &Harness) -> Vec<event::Model> {
    let database = sso.elsewhere().await.database;
    let rows = event::Entity::find().order_by_asc(event::Column::Id);
    rows.all(database.reader()).await.expect("the events")
}

/// The employee, as every instance finds them in the database.
pub(crate) async fn employee(sso: &Harness, userid: &str) -> Option<Employee> {
    let found = sso.elsewhere().await.directory.employee(userid).await;
    found.expect("the directory")
}

/// Waits until something holds.
pub(crate) async fn until(what: &str, holds: impl AsyncFn() -> bool) {
    let begin = Instant::now();
    while !holds().await {
        assert!(begin.elapsed() < PATIENCE, "waited in vain: {what}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// Waits until nothing waits to be worked off.
async fn until_settled(sso: &Harness, events: usize) {
    until("all events are settled", async || {
        let rows = stored(sso).await;
        rows.len() >= events && rows.iter().all(|row| row.state != event::State::Waiting)
    })
    .await;
}
