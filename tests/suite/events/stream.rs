//! Stream mode: events over a connection that the service opens and keeps.

use std::time::Duration;

use dingtalk_sso::events::event::State;
use reqwest::Method;
use serde_json::{Value, json};

use super::{employee, stored, tallies, until, until_connected, until_settled, with_stream};
use crate::harness::Harness;
use crate::surroundings::{is_for_several_instances, skip};

/// Somebody's title changes, and the service hears of it.
async fn hears(sso: &Harness, title: &str) {
    sso.company("employees/user00005", json!({"title": title})).await;
    until("the new title is heard of", async || {
        let found = employee(sso, "user00005").await;
        found.is_some_and(|employee| employee.position == title)
    })
    .await;
}

/// The word of the instance for what it has to do with the stream.
async fn health(instance: &Harness) -> Value {
    let answer = instance.send(instance.request(Method::GET, "/health/ready")).await;
    answer.body["stream"].clone()
}

#[tokio::test]
async fn an_event_is_acknowledged_once_it_is_stored_and_a_ping_with_what_it_brought() {
    let sso = with_stream().await;
    hears(&sso, "one").await;
    sso.company("stream/ping", json!({})).await;
    until("all is acknowledged", async || {
        let tally = tallies(&sso).await;
        tally["stream_open"] == json!(0) && tally["stream"]["last_pong"]["opaque"].is_string()
    })
    .await;
    let tally = tallies(&sso).await;
    assert_eq!(
        (&tally["stream"]["sent"], &tally["stream"]["acknowledged"]),
        (&json!(1), &json!(1))
    );
    // The first connection of all asks for a sync, beside the event.
    let rows = stored(&sso).await;
    let types: Vec<&str> = rows.iter().map(|row| row.event_type.as_str()).collect();
    assert_eq!(types, ["stream_gap", "user_modify_org"]);
}

#[tokio::test]
async fn a_connection_that_is_closed_or_lost_is_followed_by_another() {
    let sso = with_stream().await;
    hears(&sso, "one").await;
    for (number, order) in [(2, "disconnect"), (3, "drop")] {
        sso.company(&format!("stream/{order}"), json!({})).await;
        until("another is opened", async || {
            tallies(&sso).await["stream"]["opened"] == json!(number)
        })
        .await;
        until_connected(&sso).await;
        hears(&sso, order).await;
    }
    let gaps = stored(&sso).await;
    let gaps = gaps.iter().filter(|row| row.event_type == "stream_gap").count();
    assert_eq!(gaps, 1, "a short break is no gap");
}

#[tokio::test]
async fn a_connection_gone_silent_is_given_up_and_the_gap_is_closed_by_a_sync() {
    let sso = with_stream().await;
    until_settled(&sso, 1).await;
    sso.company("stream/freeze", json!({})).await;
    sso.company("employees/user00005", json!({"title": "unheard"})).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(stored(&sso).await.len(), 1);
    sso.advance_s(80);
    until("another is opened", async || {
        tallies(&sso).await["stream"]["opened"] == json!(2)
    })
    .await;
    // What was not acknowledged comes again to whoever listens, and a sync is asked for.
    until_settled(&sso, 3).await;
    let found = employee(&sso, "user00005").await.expect("a record");
    assert_eq!(found.position, "unheard");
    let gaps = stored(&sso).await;
    let gaps = gaps
        .iter()
        .filter(|row| row.event_type == "stream_gap" && row.state == State::Handled);
    assert_eq!(gaps.count(), 2);
}

#[tokio::test]
async fn instances_that_share_a_cache_hold_one_connection_and_take_over_from_one_another() {
    let sso = with_stream().await;
    if !is_for_several_instances() {
        skip("each instance has a cache of its own");
        return;
    }
    let other = sso.second_instance().await;
    until("the other one stands by", async || {
        health(&other).await == json!("held by another instance")
    })
    .await;
    assert_eq!(health(&sso).await, json!("connected"));
    assert_eq!(tallies(&sso).await["stream"]["opened"], json!(1));
    sso.stop().await;
    until("the other one takes over", async || {
        health(&other).await == json!("connected")
    })
    .await;
    other.stop().await;
}

#[tokio::test]
async fn a_connection_that_cannot_be_opened_is_tried_again() {
    let sso = with_stream().await;
    let path = "/v1.0/gateway/connections/open";
    sso.company("faults", json!({"path": path, "kind": "http500", "times": 2}))
        .await;
    sso.company("stream/drop", json!({})).await;
    until("it connects in the end", async || {
        tallies(&sso).await["stream"]["opened"] == json!(2)
    })
    .await;
    assert!(sso.calls(path).await >= 4);
    hears(&sso, "again").await;
}
