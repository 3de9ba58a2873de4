//! Several instances over one database and one cache: what one does, the others know.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use crate::harness::{Harness, PAGE};
use crate::surroundings::{given, skip};

/// Within this time whoever is out is out everywhere (product.md, the first page).
const OUT_WITHIN: Duration = Duration::from_secs(2);

/// Waits until an instance refuses a token; fails when it takes too long.
async fn is_refused_in_time(instance: &Harness, token: &str) {
    let began = Instant::now();
    while instance.me(token).await.code() != 1114 {
        assert!(began.elapsed() < OUT_WITHIN, "the token is still good");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn who_is_disabled_is_out_at_every_instance_within_two_seconds() {
    let one = Harness::start().await;
    let other = one.second_instance().await;
    let first = one.log_in("manager01").await.text("token");
    let second = other.log_in("manager01").await.text("token");
    // Either token is known at either instance.
    for (instance, token) in [(&one, &first), (&one, &second), (&other, &first), (&other, &second)] {
        assert_eq!(instance.me(token).await.status, 200);
    }
    one.command(&["employee", "disable", "manager01"]).await;
    tokio::join!(
        is_refused_in_time(&one, &second),
        is_refused_in_time(&one, &first),
        is_refused_in_time(&other, &first),
        is_refused_in_time(&other, &second),
    );
}

#[tokio::test]
async fn a_logout_at_one_instance_is_known_at_the_other() {
    let one = Harness::start().await;
    let other = one.second_instance().await;
    let token = one.log_in("manager01").await.text("token");
    assert_eq!(other.me(&token).await.status, 200);
    assert_eq!(one.log_out(&token).await.status, 204);
    assert_eq!(one.me(&token).await.code(), 1114);
    is_refused_in_time(&other, &token).await;
}

#[tokio::test]
async fn a_refresh_token_replayed_at_another_instance_ends_its_family() {
    let one = Harness::start().await;
    let other = one.second_instance().await;
    let first = one.log_in("manager01").await.text("refreshToken");
    let second = one.refresh(&first).await;
    assert_eq!(second.status, 200);
    let repeated = other.refresh(&first).await;
    assert_eq!(repeated.text("refreshToken"), second.text("refreshToken"));
    assert_eq!(one.me(&second.text("token")).await.status, 200);
    one.advance_s(11);
    assert_eq!(other.refresh(&first).await.code(), 1114);
    assert_eq!(one.refresh(&second.text("refreshToken")).await.code(), 1114);
    is_refused_in_time(&one, &second.text("token")).await;
}

#[tokio::test]
async fn a_key_made_at_one_instance_verifies_at_the_other() {
    let one = Harness::start().await;
    let other = one.second_instance().await;
    let token = other.log_in("manager01").await.text("token");
    assert_eq!(one.me(&token).await.status, 200);
    // Keys of other algorithms may still be on their way from one to the other; the one that signed is at both.
    let kid = jsonwebtoken::decode_header(&token).expect("a header").kid;
    for sso in [&one, &other] {
        let published = sso.get("/oauth2/jwks", "").await.body;
        let kids = published["keys"].as_array().expect("keys").iter();
        assert!(
            kids.map(|key| &key["kid"])
                .any(|known| known.as_str() == kid.as_deref())
        );
    }
}

#[tokio::test]
async fn rejected_codes_are_counted_over_all_instances() {
    if given("TEST_CACHE_URL").is_none() {
        return skip("without a shared cache each instance counts alone");
    }
    let one = Harness::with(&[
        ("LIMITS__REJECTED_CODES_PER_MINUTE", "4"),
        ("HTTP__TRUSTED_PROXIES", "127.0.0.1"),
    ])
    .await;
    let other = one.second_instance().await;
    // A network of this test's own: the counters of other tests are in the same Redis.
    let address = format!("2001:db8:{:x}:{:x}::1", rand::random::<u16>(), rand::random::<u16>());
    let mut codes = Vec::new();
    for number in 0..3 {
        for instance in [&one, &other] {
            let body = json!({"authCode": format!("unknown{number}"), "url": PAGE}).to_string();
            let request = instance.request(Method::POST, "/v1/login").body(body);
            let answer = instance.send(request.header("x-forwarded-for", &address)).await;
            codes.push(answer.code());
        }
    }
    assert_eq!(codes, [1103, 1103, 1103, 1103, 1110, 1110]);
}

#[tokio::test]
async fn a_thousand_first_logins_over_two_instances_fetch_one_token_and_one_ticket() {
    if given("TEST_CACHE_URL").is_none() {
        return skip("without a shared cache each instance fetches for itself");
    }
    let one = Harness::with(&[("DINGTALK__TIMEOUT_MS", "30000")]).await;
    let other = one.second_instance().await;
    let userids: Vec<String> = (0..1000).map(|number| format!("user{:05}", number % 299 + 1)).collect();
    let mut codes = Vec::new();
    for userid in &userids {
        codes.push(one.auth_code(userid).await);
    }
    let entries = join_all((0..).zip(&codes).map(|(number, code)| {
        let instance = if number % 2 == 0 { &one } else { &other };
        instance.redeem(code)
    }))
    .await;
    let mut people = HashSet::new();
    for (userid, entry) in userids.iter().zip(&entries) {
        assert_eq!(entry.status, 200, "{entry:?}");
        assert_eq!(&entry.text("userId"), userid);
        people.insert((entry.body["id"].as_i64(), userid));
    }
    assert_eq!(people.len(), 299);
    assert_eq!(one.store().await.rows_of_everything().await[0], 299);
    assert_eq!(one.calls("/v1.0/oauth2/accessToken").await, 1);
    assert_eq!(one.calls("/v1.0/oauth2/jsapiTickets").await, 1);
}
