//! Sign-ins belong to the browser that began them: login CSRF, session fixation.

use std::collections::BTreeMap;

use serde_json::json;

use super::application::Application;
use super::browser::{Browser, SESSION, page_code, parameter, path_of};
use super::returns::{about_to_come_back, asked_to_sign_in};
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
    let (sso, mut attacker, state) = asked_to_sign_in(Browser::inside()).await;
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
    let (sso, mut browser, state, code) = about_to_come_back().await;
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

#[tokio::test]
async fn tabs_that_were_opened_at_once_can_all_be_signed_in_by() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let path = app.authorize(&[]);
    // Each is sent before the answer to another has brought a cookie.
    let mut tabs = [Browser::outside(), Browser::outside(), Browser::outside()];
    let mut states = Vec::new();
    let mut browser = Browser::outside();
    for tab in &mut tabs {
        states.push(tab.asked_to_sign_in(&sso, &path).await);
        browser.cookies.extend(tab.cookies.clone());
    }
    let held = browser.cookies.clone();
    states.push(browser.asked_to_sign_in(&sso, &path).await);
    assert_eq!(browser.cookies, held, "a later one needs no cookie of its own");
    for state in states {
        let code = page_code(&sso, "user00001").await;
        let back = browser.come_back(&sso, &state, &code).await;
        assert!(parameter(back.sent_to(), "code").is_some(), "{back:?}");
    }
}

#[tokio::test]
async fn a_cookie_that_a_neighbouring_host_writes_by_another_spelling_is_not_ours() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let path = app.authorize(&[]);
    let mut attacker = Browser::outside();
    let state = attacker.asked_to_sign_in(&sso, &path).await;
    // Browsers keep a neighbour from writing a cookie whose name begins with `__Host-`, and from no other.
    let planted = |cookies: &BTreeMap<String, String>| {
        let spelt = |(name, value): (&String, &String)| (name.replacen("__Host-", "%5F%5FHost-", 1), value.clone());
        cookies.iter().map(spelt).collect::<BTreeMap<String, String>>()
    };
    let mut victim = Browser::outside();
    victim.cookies = planted(&attacker.cookies);
    let code = page_code(&sso, "user00001").await;
    let page = victim.come_back(&sso, &state, &code).await;
    assert_eq!((page.status, page.code()), (400, 1101), "{page:?}");
    attacker.come_back(&sso, &state, &code).await;
    assert!(attacker.cookies.contains_key(SESSION));
    victim.cookies = planted(&attacker.cookies);
    victim.asked_to_sign_in(&sso, &path).await;
}
