//! Whoever leaves or is disabled is out of every application, browser and protected page, at every instance, and comes
//! back as the same person.

use serde_json::{Value, json};

use super::application::Application;
use super::browser::{Browser, SESSION, parameter};
use super::doors::Doors;
use super::jwt;
use crate::events::{employee, until, with_callbacks, with_stream};
use crate::harness::Harness;

const PERSON: &str = "user00007";

/// Signs the person in everywhere, has them go and come back, and looks at every door of two instances.
async fn go_and_come_back(sso: &Harness, go: impl AsyncFn(), come_back: impl AsyncFn()) {
    let other = sso.second_instance().await;
    sso.log_in(PERSON).await;
    sso.command(&["role", "set", "reporter", "report:read"]).await;
    sso.command(&["role", "grant", PERSON, "reporter"]).await;
    let doors = Doors::opened(sso, PERSON).await;
    for at in [sso, &other] {
        doors.are_open(at).await;
    }
    go().await;
    doors.shut_in_time([sso, &other]).await;
    come_back().await;
    for at in [&other, sso] {
        let entry = at.log_in(PERSON).await;
        assert_eq!(
            (entry.status, &entry.body["id"]),
            (200, &doors.entry.body["id"]),
            "{entry:?}"
        );
        assert_eq!(entry.body["roles"], json!(["reporter"]));
    }
    let tokens = doors.app.tokens(&other, &mut Browser::outside(), PERSON).await;
    let [before, after] = [&doors.tokens, &tokens].map(|tokens| jwt::parts(&tokens.text("access_token")).1);
    assert_eq!((&before["sub"], &before["roles"]), (&after["sub"], &after["roles"]));
    assert!(doors.app.is_active(sso, &tokens.text("access_token")).await);
    for at in [sso, &other] {
        doors.are_shut(at).await;
    }
    other.stop().await;
}

async fn in_company(sso: &Harness, what: &str) {
    let answer = sso.company(&format!("employees/{PERSON}/{what}"), json!({})).await;
    assert_eq!(answer, Value::Null, "{what}");
}

/// Comes back, and waits until DingTalk's event has brought it here.
async fn rejoin(sso: &Harness) {
    in_company(sso, "rejoin").await;
    until("the return is heard of", async || {
        employee(sso, PERSON)
            .await
            .is_some_and(|employee| employee.left_at.is_none())
    })
    .await;
}

/// Has the person leave the company and come back, of which DingTalk tells by itself.
async fn leave_and_rejoin(sso: &Harness) {
    go_and_come_back(sso, async || in_company(sso, "leave").await, async || rejoin(sso).await).await;
}

#[tokio::test]
async fn whoever_leaves_is_out_at_every_door_two_seconds_after_the_callback() {
    leave_and_rejoin(&with_callbacks().await).await;
}

#[tokio::test]
async fn whoever_leaves_is_out_at_every_door_two_seconds_after_the_stream_told() {
    leave_and_rejoin(&with_stream().await).await;
}

#[tokio::test]
async fn whoever_a_sync_finds_gone_is_out_at_every_door_within_two_seconds() {
    let sso = Harness::start().await;
    let sync = async |what: &str| {
        in_company(&sso, what).await;
        sso.command(&["sync"]).await;
    };
    go_and_come_back(&sso, async || sync("leave").await, async || sync("rejoin").await).await;
}

#[tokio::test]
async fn whoever_is_disabled_is_out_at_every_door_within_two_seconds() {
    let sso = Harness::start().await;
    let employee = async |what: &str| {
        sso.command(&["employee", what, PERSON]).await;
    };
    go_and_come_back(
        &sso,
        async || employee("disable").await,
        async || employee("enable").await,
    )
    .await;
}

#[tokio::test]
async fn whoever_is_disabled_comes_in_by_no_way() {
    let sso = Harness::start().await;
    let other = sso.second_instance().await;
    let app = Application::added(&sso, "app", &[]).await;
    let unredeemed = app.code(&sso, &mut Browser::outside(), "manager01").await;
    sso.command(&["employee", "disable", "manager01"]).await;
    assert_eq!(app.redeem(&other, &unredeemed).await.text("error"), "invalid_grant");
    let refused = other.log_in("manager01").await;
    assert_eq!((refused.status, refused.code()), (403, 1105));
    let mut browser = Browser::outside();
    let back = browser.sign_in(&other, &app.authorize(&[]), "manager01").await;
    assert_eq!(parameter(&back, "error").as_deref(), Some("access_denied"));
    let mut browser = Browser::inside();
    let state = browser.asked_to_sign_in(&other, "/login?rd=/docs/").await;
    let code = other.auth_code("manager01").await;
    let page = browser.post_code(&other, &state, &code).await;
    assert_eq!((page.status, page.code()), (403, 1105));
    assert!(!browser.cookies.contains_key(SESSION));
}
