//! Whoever moves, or holds other roles, has other claims in the next token, and other doors are open to them.

use reqwest::Method;
use serde_json::{Value, json};

use super::application::Application;
use super::browser::Browser;
use super::jwt;
use crate::answer::Answer;
use crate::events::{employee, tell, unheard, until, with_callbacks, with_callbacks_and};
use crate::harness::Harness;

/// The claims of the access token in an answer of `/v1/…` or of `/oauth2/token`.
fn claims(answer: &Answer) -> Value {
    assert_eq!(answer.status, 200, "{answer:?}");
    let token = [answer.text("token"), answer.text("access_token")].concat();
    jwt::parts(&token).1
}

/// Whether forward-auth lets a token pass that must meet a demand.
async fn passes(sso: &Harness, demand: &str, token: &str) -> (u16, i64) {
    let answer = sso.get(&format!("/auth/verify?{demand}"), token).await;
    (answer.status, answer.code())
}

#[tokio::test]
async fn a_move_shows_in_the_claims_of_the_next_token() {
    let sso = with_callbacks().await;
    let app = Application::added(&sso, "app", &[]).await;
    let entry = sso.log_in("user00007").await;
    let tokens = app.tokens(&sso, &mut Browser::outside(), "user00007").await;
    let before = claims(&entry);
    sso.company("employees/user00007/move", json!({"dept_id_list": [200, 301]}))
        .await;
    until("the move is heard of", async || {
        let found = employee(&sso, "user00007").await.expect("a record");
        let places: Vec<i64> = found
            .memberships
            .iter()
            .map(|membership| membership.department_id)
            .collect();
        places == [200, 301]
    })
    .await;
    let moved = sso.refresh(&entry.text("refreshToken")).await;
    let by_app = app.refresh(&sso, &tokens.text("refresh_token")).await;
    for after in [claims(&moved), claims(&by_app)] {
        assert_eq!((&after["dept_id"], &after["dept_root_id"]), (&json!(200), &json!(20)));
        assert_eq!(after["dept_ids"], json!([200, 301]));
        assert_eq!((&after["sub"], &after["userid"]), (&before["sub"], &before["userid"]));
    }
    let (old, new) = (entry.text("token"), moved.text("token"));
    // What a token says it says to its end.
    assert_eq!(passes(&sso, "department=20", &old).await, (403, 1115));
    assert_eq!(passes(&sso, "department=20", &new).await, (200, 0));
    assert_eq!(sso.me(&new).await.body["departRootName"], "上海分公司");

    // Their department goes to another branch, and they along with it.
    sso.control(Method::PATCH, "departments/200", &json!({"parent_id": 30}))
        .await;
    until("the branch is another", async || {
        sso.me(&new).await.body["departRootId"] == 30
    })
    .await;
    let again = sso.refresh(&moved.text("refreshToken")).await;
    assert_eq!(claims(&again)["dept_root_id"], 30);
}

#[tokio::test]
async fn roles_that_dingtalk_brings_show_in_the_next_token_and_open_what_they_are_for() {
    let mapped = [
        ("DIRECTORY__ADMIN_ROLE", "boss"),
        ("DIRECTORY__LABEL_ROLES", "财务=finance"),
    ];
    let sso = with_callbacks_and(&mapped).await;
    sso.command(&["role", "set", "finance", "pay:approve"]).await;
    sso.command(&["role", "set", "boss", "all:see"]).await;
    let mut entry = sso.log_in("user00007").await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut tokens = app.tokens(&sso, &mut Browser::outside(), "user00007").await;
    assert_eq!(claims(&entry)["roles"], json!([]));
    let label = json!([{"id": 7, "name": "财务", "group_name": "职务"}]);
    // What is changed at DingTalk, the event that tells of it, and which roles and power are held then.
    let changes = [
        (
            "label_user_change",
            "userIdList",
            json!({"role_list": label}),
            json!(["finance"]),
            "pay:approve",
        ),
        (
            "org_admin_add",
            "userId",
            json!({"sys_level": 2}),
            json!(["boss", "finance"]),
            "all:see",
        ),
    ];
    for (event_type, names, fields, roles, power) in changes {
        let demand = format!("power={power}");
        unheard(&sso, async || {
            sso.company("employees/user00007", fields.clone()).await;
        })
        .await;
        assert_eq!(passes(&sso, &demand, &entry.text("token")).await, (403, 1115));
        tell(&sso, event_type, json!({names: ["user00007"]})).await;
        until("the roles are heard of", async || {
            employee(&sso, "user00007")
                .await
                .is_some_and(|found| json!(found.roles) == roles)
        })
        .await;
        assert_eq!(passes(&sso, &demand, &entry.text("token")).await, (403, 1115));
        entry = sso.refresh(&entry.text("refreshToken")).await;
        tokens = app.refresh(&sso, &tokens.text("refresh_token")).await;
        for (answer, token) in [(&entry, entry.text("token")), (&tokens, tokens.text("access_token"))] {
            assert_eq!(claims(answer)["roles"], roles);
            assert_eq!(passes(&sso, &demand, &token).await, (200, 0));
        }
    }
    // Taken away at DingTalk, it is no more.
    sso.company("employees/user00007", json!({"role_list": [], "sys_level": 0}))
        .await;
    until("the roles are gone", async || {
        employee(&sso, "user00007")
            .await
            .is_some_and(|found| found.roles.is_empty())
    })
    .await;
    let last = sso.refresh(&entry.text("refreshToken")).await;
    assert_eq!(
        (&claims(&last)["roles"], &claims(&last)["power"]),
        (&json!([]), &json!([]))
    );
    assert_eq!(
        passes(&sso, "power=pay:approve", &last.text("token")).await,
        (403, 1115)
    );
}
