//! How browsers come back from a sign-in: doubled, too late, without success, at another instance.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use super::application::Application;
use super::browser::{Browser, SESSION, page_code, parameter};
use crate::harness::Harness;

/// A browser that an application has sent to sign in, and the `state` with which it comes back.
pub(super) async fn asked_to_sign_in(mut browser: Browser) -> (Harness, Browser, String) {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let state = browser.asked_to_sign_in(&sso, &app.authorize(&[])).await;
    (sso, browser, state)
}

/// The same outside DingTalk, with the code that it comes back with.
pub(super) async fn about_to_come_back() -> (Harness, Browser, String, String) {
    let (sso, browser, state) = asked_to_sign_in(Browser::outside()).await;
    let code = page_code(&sso, "manager01").await;
    (sso, browser, state, code)
}

/// Has the platform take its time for the next code.
async fn delay_redemption(sso: &Harness) {
    let delay = json!({"path": "/v1.0/oauth2/userAccessToken", "kind": "delay", "times": 1, "delay_ms": 400});
    sso.company("faults", delay).await;
}

#[tokio::test]
async fn a_doubled_return_goes_where_the_first_one_went() {
    let (sso, mut browser, state, code) = about_to_come_back().await;
    let first = browser.come_back(&sso, &state, &code).await;
    let cookie = browser.cookies[SESSION].clone();
    let second = browser.come_back(&sso, &state, &code).await;
    assert_eq!(first.sent_to(), second.sent_to());
    assert_eq!(browser.cookies[SESSION], cookie);
    assert_eq!(sso.calls("/v1.0/oauth2/userAccessToken").await, 1);
    let stranger = Browser::outside().come_back(&sso, &state, &code).await;
    assert_eq!((stranger.status, stranger.location), (400, None));
    sso.advance_s(61);
    let late = browser.come_back(&sso, &state, &code).await;
    assert_eq!((late.status, late.location), (400, None));
}

#[tokio::test]
async fn a_return_that_is_doubled_while_the_first_is_under_way_gets_what_that_gets() {
    let (sso, browser, state, code) = about_to_come_back().await;
    delay_redemption(&sso).await;
    let (mut one, mut other) = (browser.clone(), browser);
    let (first, second) = tokio::join!(one.come_back(&sso, &state, &code), other.come_back(&sso, &state, &code));
    assert!(parameter(first.sent_to(), "code").is_some());
    assert_eq!(first.sent_to(), second.sent_to());
    // The browser keeps the cookie of the answer that it shows.
    assert_eq!(one.cookies[SESSION], other.cookies[SESSION]);
    assert_eq!(sso.calls("/v1.0/oauth2/userAccessToken").await, 1);
}

#[tokio::test]
async fn a_browser_that_lets_go_of_its_return_finds_it_done_when_it_comes_again() {
    let (sso, mut browser, state, code) = about_to_come_back().await;
    delay_redemption(&sso).await;
    let mut gone = browser.clone();
    let first = gone.come_back(&sso, &state, &code);
    let gave_up = timeout(Duration::from_millis(150), first).await;
    assert!(gave_up.is_err(), "it is under way");
    let back = browser.come_back(&sso, &state, &code).await;
    assert!(parameter(back.sent_to(), "code").is_some());
    assert!(browser.cookies.contains_key(SESSION));
    assert_eq!(sso.calls("/v1.0/oauth2/userAccessToken").await, 1);
}

#[tokio::test]
async fn a_return_that_fails_sends_no_code_twice() {
    let (sso, mut browser, state, code) = about_to_come_back().await;
    sso.fault("/v1.0/contact/users/me", "app_qps").await;
    let (mut one, mut other) = (browser.clone(), browser.clone());
    let pages = tokio::join!(one.come_back(&sso, &state, &code), other.come_back(&sso, &state, &code));
    let mut codes = [pages.0.code(), pages.1.code()];
    codes.sort_unstable();
    assert_eq!(codes, [1101, 1112]);
    let failed = if pages.0.code() == 1112 { pages.0 } else { pages.1 };
    assert!(failed.text.contains("with a new code"), "{failed:?}");
    assert_eq!(browser.come_back(&sso, &state, &code).await.code(), 1101);
    assert_eq!(sso.calls("/v1.0/oauth2/userAccessToken").await, 1);
}

#[tokio::test]
async fn nothing_is_kept_of_those_who_send_too_many_wrong_codes() {
    let limits = [
        ("LIMITS__REJECTED_CODES_PER_MINUTE", "1"),
        ("HTTP__TRUSTED_PROXIES", "127.0.0.1"),
    ];
    let sso = Harness::with(&limits).await;
    let app = Application::added(&sso, "app", &[]).await;
    // A network of this test's own: the counters of other tests are in the same Redis.
    let address = format!("2001:db8:{:x}:{:x}::1", rand::random::<u16>(), rand::random::<u16>());
    let mut browser = Browser::outside();
    for codes in [[1103, 1101], [1110, 1110]] {
        let state = browser.asked_to_sign_in(&sso, &app.authorize(&[])).await;
        for code in codes {
            let path = format!("/oauth2/callback?state={state}&code=wrong");
            let request = sso.request(reqwest::Method::GET, &path);
            let page = browser.send(request.header("x-forwarded-for", &address)).await;
            assert_eq!(page.code(), code, "{page:?}");
        }
    }
}

#[tokio::test]
async fn a_sign_in_ends_at_an_instance_that_knows_nothing_of_its_beginning() {
    let sso = Harness::start().await;
    // Unless the tests are given a Redis, each has a cache of its own.
    let other = sso.second_instance().await;
    let app = Application::added(&sso, "app", &[]).await;
    let (mut inside, mut outside) = (Browser::inside(), Browser::outside());
    let state = inside.asked_to_sign_in(&sso, &app.authorize(&[])).await;
    let code = sso.auth_code("manager01").await;
    assert_eq!(inside.post_code(&other, &state, &code).await.status, 200);
    let state = outside.asked_to_sign_in(&sso, &app.authorize(&[])).await;
    let code = page_code(&sso, "manager01").await;
    let back = outside.come_back(&other, &state, &code).await;
    assert!(parameter(back.sent_to(), "code").is_some());
}

#[tokio::test]
async fn the_longest_request_finds_its_way_through_the_sign_in() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let (state, nonce) = ("s".repeat(2048), "n".repeat(512));
    let path = app.authorize(&[("state", &state), ("nonce", &nonce)]);
    let back = Browser::outside().sign_in(&sso, &path, "manager01").await;
    assert_eq!(parameter(&back, "state"), Some(state));
    // What takes more room when it is written down is refused before anybody signs in.
    let path = app.authorize(&[("state", &"\u{1}".repeat(2048))]);
    let page = Browser::outside().get(&sso, &path).await;
    assert_eq!(
        (page.status, page.code(), &page.location),
        (400, 1101, &None),
        "{page:?}"
    );
}

#[tokio::test]
async fn where_an_auth_code_is_refused_the_other_way_stays_open() {
    let (sso, mut browser, state) = asked_to_sign_in(Browser::inside()).await;
    assert_eq!(browser.post_code(&sso, &state, "no-such-code").await.code(), 1103);
    let page = browser.get(&sso, &format!("/login/page?state={state}")).await;
    assert_eq!(page.sent_to().host_str(), Some("login.dingtalk.com"));
    let code = page_code(&sso, "manager01").await;
    let back = browser.come_back(&sso, &state, &code).await;
    assert!(parameter(back.sent_to(), "code").is_some());
}

#[tokio::test]
async fn a_sign_in_that_takes_too_long_starts_again() {
    let (sso, mut browser, state) = asked_to_sign_in(Browser::outside()).await;
    sso.advance_s(601);
    let code = page_code(&sso, "manager01").await;
    assert_eq!(browser.come_back(&sso, &state, &code).await.code(), 1101);
    for state in ["", "x", &"A".repeat(100)] {
        assert_eq!(browser.come_back(&sso, state, &code).await.status, 400);
    }
}
