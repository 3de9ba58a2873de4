//! The old registration API, and what the platform could not deliver.

use serde_json::{Value, json};

use super::{employee, stored, subscribe, tallies, until, until_settled, with_callbacks};
use crate::harness::Harness;

async fn shown(sso: &Harness) -> Value {
    serde_json::from_str(&sso.command(&["callback", "show", "--json"]).await).expect("JSON")
}

#[tokio::test]
async fn a_callback_is_registered_shown_changed_and_removed() {
    let sso = with_callbacks().await;
    let url = sso.url("/dingtalk/events");
    assert_eq!(shown(&sso).await, Value::Null);
    assert!(
        sso.command(&["callback", "show"])
            .await
            .contains("Nothing is registered")
    );

    sso.command(&["callback", "register", "--url", &url]).await;
    let registered = shown(&sso).await;
    assert_eq!(
        (
            &registered["url"],
            &registered["tokenAsInSettings"],
            &registered["aesKeyAsInSettings"]
        ),
        (&json!(url), &json!(true), &json!(true))
    );
    assert!(
        registered["events"]
            .as_array()
            .is_some_and(|events| events.contains(&json!("user_leave_org")))
    );

    let twice = sso.refused(&["callback", "register", "--url", &url]).await;
    assert!(twice.contains("71006"), "{twice}");
    sso.command(&["callback", "update", "--url", &url, "--event", "user_leave_org"])
        .await;
    assert_eq!(shown(&sso).await["events"], json!(["user_leave_org"]));
    let nowhere = sso
        .refused(&["callback", "update", "--url", "http://127.0.0.1:9/"])
        .await;
    assert!(nowhere.contains("71012"), "{nowhere}");

    sso.log_in("user00006").await;
    sso.company("employees/user00006/leave", json!({})).await;
    until("the registered callback is called", async || {
        employee(&sso, "user00006")
            .await
            .is_some_and(|employee| employee.left_at.is_some())
    })
    .await;

    sso.command(&["callback", "remove"]).await;
    assert_eq!(shown(&sso).await, Value::Null);
}

#[tokio::test]
async fn what_the_platform_could_not_deliver_is_fed_in_once() {
    let sso = with_callbacks().await;
    sso.log_in("user00008").await;
    subscribe(&sso, json!({"url": "http://127.0.0.1:9/"})).await;
    sso.company("employees/user00008", json!({"title": "unheard"})).await;
    sso.company("employees/user00009/leave", json!({})).await;
    for (pushes, pause) in [(2, 10), (4, 30), (6, 180)] {
        until("it was tried", async || {
            tallies(&sso).await["callback"]["pushes"] == json!(pushes)
        })
        .await;
        sso.advance_s(pause);
    }
    assert_eq!(tallies(&sso).await["callback"]["failed"], json!(2));
    assert_eq!(stored(&sso).await, []);

    let fed_in: Value = serde_json::from_str(&sso.command(&["callback", "failed", "--json"]).await).expect("JSON");
    assert_eq!(fed_in["fedIn"], json!({"listed": 2, "new": 2}));
    until_settled(&sso, 2).await;
    let found = employee(&sso, "user00008").await.expect("a record");
    assert_eq!(found.position, "unheard");
    let shown: Value = serde_json::from_str(&sso.command(&["callback", "failed", "--json"]).await).expect("JSON");
    assert_eq!(
        shown,
        json!({"fedIn": {"listed": 0, "new": 0}, "retried": 0, "events": []})
    );
}
