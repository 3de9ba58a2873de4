//! What DingTalk tells of reaches the directory: by callback and by stream, in order and once.

mod callback;
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
const PATIENCE: Duration = Duration::from_secs(20);
/// Within this of its event a leaver is out everywhere.
const SOON: Duration = Duration::from_secs(2);

/// A service to which the platform posts its events.
async fn with_callbacks() -> Harness {
    let sso = Harness::with(&[
        ("EVENTS__MODE", "http"),
        ("EVENTS__TOKEN", TOKEN),
        ("EVENTS__AES_KEY", AES_KEY),
    ])
    .await;
    subscribe(&sso, json!({})).await;
    sso
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
async fn employee(sso: &Harness, userid: &str) -> Option<Employee> {
    let found = sso.elsewhere().await.directory.employee(userid).await;
    found.expect("the directory")
}

/// Waits until something holds.
async fn until(what: &str, holds: impl AsyncFn() -> bool) {
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

/// Whether the access token is good at an instance.
async fn is_good(instance: &Harness, token: &str) -> bool {
    instance.me(token).await.status == 200
}

/// An employee with a session leaves, and comes back: what every way of hearing of it must bring about.
async fn leaving_and_returning(sso: &Harness) {
    let other = sso.second_instance().await;
    let entry = sso.log_in("user00007").await;
    let token = entry.text("token");
    sso.command(&["role", "set", "reporter", "report:read"]).await;
    sso.command(&["role", "grant", "user00007", "reporter"]).await;
    assert!(is_good(sso, &token).await && is_good(&other, &token).await);

    sso.company("employees/user00007/leave", json!({})).await;
    let begin = Instant::now();
    while is_good(sso, &token).await || is_good(&other, &token).await {
        assert!(begin.elapsed() < SOON, "still good");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(sso.refresh(&entry.text("refreshToken")).await.code(), 1114);
    let left = employee(sso, "user00007").await.expect("a record");
    assert!(left.left_at.is_some());

    sso.company("employees/user00007/rejoin", json!({})).await;
    until("the return is heard of", async || {
        employee(sso, "user00007")
            .await
            .is_some_and(|employee| employee.left_at.is_none())
    })
    .await;
    let back = sso.log_in("user00007").await;
    assert_eq!((back.status, &back.body["id"]), (200, &entry.body["id"]));
    assert_eq!(back.body["roles"], json!(["reporter"]));
    assert!(!is_good(&other, &token).await);
    other.stop().await;
}
