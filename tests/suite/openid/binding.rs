//! Sign-ins belong to the browser that began them: login CSRF, session fixation, doubled returns.

use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use super::application::Application;
use super::browser::{Browser, SESSION, page_code, parameter, path_of};
use crate::harness::Harness;

#[tokio::test]
async fn nobody_can_finish_a_sign_in_in_another_browser() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let (mut attacker, mut victim) = (Browser::outside(), Browser::outside());
    let path = app.authorize(&[]);
    let state = attacker.asked_to_sign_in(&sso, &path).await;
    let own = victim.asked_to_sign_in(&sso, &path).await;
    let code = page_code(&sso, "user00001").await;
    let calls = sso.calls("/v1.0/oauth2/userAccessToken").await;
    for browser in [&mut victim, &mut Browser::outside()] {
        let before = browser.cookies.clone();
        let page = browser.come_back(&sso, &state, &code).await;
        assert_eq!(
            (page.status, page.code(), &page.location),
            (400, 1101, &None),
            "{page:?}"
        );
        assert_eq!(browser.cookies, before);
    }
    assert_eq!(
        sso.calls("/v1.0/oauth2/userAccessToken").await,
        calls,
        "the code was not spent"
    );
    // Neither attempt has used up anybody's sign-in.
    let back = attacker.come_back(&sso, &state, &code).await;
    assert!(parameter(back.sent_to(), "code").is_some());
    let code = page_code(&sso, "manager01").await;
    let back = victim.come_back(&sso, &own, &code).await;
    assert!(parameter(back.sent_to(), "code").is_some());
}

#[tokio::test]
async fn a_foreign_page_cannot_post_its_auth_code() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut attacker = Browser::inside();
    let state = attacker.asked_to_sign_in(&sso, &app.authorize(&[])).await;
    let code = sso.auth_code("user00001").await;
    let calls = sso.calls("/topapi/v2/user/getuserinfo").await;
    // A foreign page's request brings no cookie of ours (SameSite=Lax).
    let mut victim = Browser::inside();
    let page = victim.post_code(&sso, &state, &code).await;
    assert_eq!((page.status, page.code()), (400, 1101));
    assert!(victim.cookies.is_empty() && page.headers.get("access-control-allow-credentials").is_none());
    for broken in [
        json!({"authCode": code}),
        json!({"state": state}),
        json!([]),
        json!({"authCode": "", "state": state}),
    ] {
        let request = sso
            .request(reqwest::Method::POST, "/login/code")
            .body(broken.to_string());
        assert_eq!(attacker.send(request).await.code(), 1101);
    }
    assert_eq!(
        sso.calls("/topapi/v2/user/getuserinfo").await,
        calls,
        "nothing was spent"
    );
    assert_eq!(attacker.post_code(&sso, &state, &code).await.status, 200);
}

#[tokio::test]
async fn a_cookie_from_before_the_sign_in_is_not_the_one_after() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut attacker = Browser::outside();
    let attackers = app.tokens(&sso, &mut attacker, "user00001").await;
    let planted = attacker.cookies[SESSION].clone();
    let mut victim = Browser::outside();
    victim.cookies.insert(SESSION.to_owned(), planted.clone());
    victim
        .sign_in(&sso, &app.authorize(&[("prompt", "login")]), "manager01")
        .await;
    assert_ne!(victim.cookies[SESSION], planted);
    // The planted session has ended together with what came of it, for another person signed in.
    let page = attacker.get(&sso, &app.authorize(&[("prompt", "none")])).await;
    assert_eq!(parameter(page.sent_to(), "error").as_deref(), Some("login_required"));
    assert!(!app.is_active(&sso, &attackers.text("access_token")).await);
    for nonsense in [
        "x",
        "bs_",
        &"A".repeat(300),
        "bs_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        let mut browser = Browser::outside();
        browser.cookies.insert(SESSION.to_owned(), nonsense.to_owned());
        browser.sign_in(&sso, &app.authorize(&[]), "manager01").await;
        assert_ne!(browser.cookies[SESSION], nonsense);
    }
}

#[tokio::test]
async fn the_cookie_is_for_this_host_alone_and_no_script_reads_it() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut browser = Browser::outside();
    let state = browser.asked_to_sign_in(&sso, &app.authorize(&[])).await;
    let code = page_code(&sso, "manager01").await;
    let page = browser.come_back(&sso, &state, &code).await;
    let cookie = page
        .headers
        .get("set-cookie")
        .and_then(|cookie| cookie.to_str().ok())
        .expect("a cookie");
    for word in [SESSION, "HttpOnly", "Secure", "SameSite=Lax", "Path=/", "Max-Age=43200"] {
        assert!(cookie.contains(word), "{word}: {cookie}");
    }
    assert!(!cookie.contains("Domain"), "{cookie}");
    assert_eq!(page.headers["referrer-policy"], "no-referrer");
    assert_eq!(page.headers["cache-control"], "no-store");
}

#[tokio::test]
async fn a_doubled_return_goes_where_the_first_one_went() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut browser = Browser::outside();
    let state = browser.asked_to_sign_in(&sso, &app.authorize(&[])).await;
    let code = page_code(&sso, "manager01").await;
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
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut browser = Browser::outside();
    let state = browser.asked_to_sign_in(&sso, &app.authorize(&[])).await;
    let code = page_code(&sso, "manager01").await;
    let slow = json!({"path": "/v1.0/oauth2/userAccessToken", "kind": "delay", "times": 1, "delay_ms": 400});
    sso.company("faults", slow).await;
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
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut browser = Browser::outside();
    let state = browser.asked_to_sign_in(&sso, &app.authorize(&[])).await;
    let code = page_code(&sso, "manager01").await;
    let slow = json!({"path": "/v1.0/oauth2/userAccessToken", "kind": "delay", "times": 1, "delay_ms": 400});
    sso.company("faults", slow).await;
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
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut browser = Browser::outside();
    let state = browser.asked_to_sign_in(&sso, &app.authorize(&[])).await;
    let code = page_code(&sso, "manager01").await;
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
    // An address of this test's own: the counters of other tests are in the same Redis.
    let address = format!("2001:db8::{:x}:{:x}", rand::random::<u16>(), rand::random::<u16>());
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
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut browser = Browser::inside();
    let state = browser.asked_to_sign_in(&sso, &app.authorize(&[])).await;
    assert_eq!(browser.post_code(&sso, &state, "no-such-code").await.code(), 1103);
    let page = browser.get(&sso, &format!("/login/page?state={state}")).await;
    assert_eq!(page.sent_to().host_str(), Some("login.dingtalk.com"));
    let code = page_code(&sso, "manager01").await;
    let back = browser.come_back(&sso, &state, &code).await;
    assert!(parameter(back.sent_to(), "code").is_some());
}

#[tokio::test]
async fn a_sign_in_that_takes_too_long_starts_again() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut browser = Browser::outside();
    let state = browser.asked_to_sign_in(&sso, &app.authorize(&[])).await;
    sso.advance_s(601);
    let code = page_code(&sso, "manager01").await;
    assert_eq!(browser.come_back(&sso, &state, &code).await.code(), 1101);
    for state in ["", "x", &"A".repeat(100)] {
        assert_eq!(browser.come_back(&sso, state, &code).await.status, 400);
    }
}

#[tokio::test]
async fn the_page_inside_dingtalk_is_shown_for_a_sign_in_of_this_browser_alone() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut browser = Browser::inside();
    let first = browser.get(&sso, &app.authorize(&[])).await;
    let path = path_of(first.sent_to());
    let page = browser.get(&sso, &path).await;
    let state = parameter(first.sent_to(), "state").expect("a state");
    assert!(page.status == 200 && page.text.contains(&state), "{page:?}");
    let policy = page.headers["content-security-policy"].to_str().expect("a policy");
    assert!(policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'self'"));
    assert_eq!(Browser::inside().get(&sso, &path).await.code(), 1101);
    // Where the code cannot be had, the other way is open.
    let page = browser.get(&sso, &format!("/login/page?state={state}")).await;
    assert_eq!(page.sent_to().host_str(), Some("login.dingtalk.com"));
}

#[tokio::test]
async fn behind_a_path_the_pages_stay_below_it() {
    let sso = Harness::with(&[("HTTP__PUBLIC_URL", "https://corp.example/sso/")]).await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut browser = Browser::inside();
    let page = browser.get(&sso, &app.authorize(&[])).await;
    let state = parameter(page.sent_to(), "state").expect("a state");
    assert_eq!(page.headers["location"], format!("/sso/login/dingtalk?state={state}"));
    let sign_in = browser.get(&sso, &format!("/login/dingtalk?state={state}")).await;
    let sign_out = browser.get(&sso, "/oauth2/logout").await;
    for page in [sign_in, sign_out] {
        assert_eq!(page.status, 200, "{page:?}");
        for link in ["href", "src", "action"].map(|name| format!("{name}=\"/")) {
            assert!(!page.text.contains(&link), "{link}: {}", page.text);
        }
    }
}
