//! Addresses to which browsers are sent: none but those that were registered or allowed, however one is written.

use proptest::prelude::*;

use super::application::Application;
use super::browser::{Browser, parameter};
use super::random;
use crate::harness::Harness;

#[tokio::test]
async fn a_redirect_uri_that_only_looks_like_the_registered_one_is_sent_nowhere() {
    let sso = Harness::start().await;
    let second = ["--redirect-uri", "https://app.example:8443/in?x=1"];
    let app = Application::added(&sso, "app", &second).await;
    let mut browser = Browser::outside();
    app.tokens(&sso, &mut browser, "manager01").await;
    for wrong in [
        "https://app.example/cb/",
        "https://app.example/cb/more",
        "https://app.example/c",
        "https://app.example/cb?x=1",
        "https://app.example/cb?",
        "https://app.example/cb#x",
        "https://app.example/cb#",
        "https://app.example/CB",
        "https://APP.example/cb",
        "HTTPS://app.example/cb",
        "http://app.example/cb",
        "https://app.example:443/cb",
        "https://app.example:444/cb",
        "https://app.example./cb",
        "https://app.example.evil.example/cb",
        "https://evil.example/cb",
        "https://evil.example\\@app.example/cb",
        "https://app.example@evil.example/cb",
        "https://user:pass@app.example/cb",
        "https://app.example/x/../cb",
        "https://app.example/./cb",
        "https://app.example//cb",
        "https://app.example/%63b",
        "https://app.example%2Fcb",
        "https://app.example/cb%2F..",
        "https://app.example/cb\u{0}",
        " https://app.example/cb",
        "https://app.example/cb https://evil.example/",
        "//app.example/cb",
        "/cb",
        "javascript:alert(1)",
        "https://app.example:8443/in",
        "https://app.example:8443/in?x=2",
        "https://app.example:8443/in?x=1&y=1",
    ] {
        for prompt in ["", "none", "login"] {
            let page = browser
                .get(&sso, &app.authorize(&[("redirect_uri", wrong), ("prompt", prompt)]))
                .await;
            assert_eq!((page.status, page.code()), (400, 1101), "{wrong}: {page:?}");
            assert_eq!(page.location, None, "{wrong}");
        }
    }
    let missing = browser.get(&sso, &app.authorize(&[("redirect_uri", "")])).await;
    assert_eq!((missing.status, missing.location), (400, None));
    let good = browser
        .get(
            &sso,
            &app.authorize(&[("redirect_uri", "https://app.example:8443/in?x=1")]),
        )
        .await;
    assert!(
        good.sent_to()
            .as_str()
            .starts_with("https://app.example:8443/in?x=1&code=")
    );
}

#[tokio::test]
async fn an_unknown_application_or_a_doubled_parameter_is_sent_nowhere() {
    let sso = Harness::start().await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut browser = Browser::outside();
    let good = app.authorize(&[]);
    for doubled in [
        "redirect_uri=https%3A%2F%2Fevil.example%2F",
        "client_id=app",
        "state=other",
        "scope=openid",
        "redirect%5Furi=https%3A%2F%2Fapp.example%2Fcb",
    ] {
        let page = browser.get(&sso, &format!("{good}&{doubled}")).await;
        assert_eq!(
            (page.status, page.code(), page.location),
            (400, 1101, None),
            "{doubled}"
        );
    }
    for id in ["nobody", "APP", "app ", "12345", "a/b", "%00", "' OR 1=1 --"] {
        let page = browser.get(&sso, &app.authorize(&[("client_id", id)])).await;
        assert_eq!((page.status, page.code(), page.location), (400, 1101, None), "{id}");
    }
    let endless = "x".repeat(3000);
    let page = browser.get(&sso, &app.authorize(&[("state", &endless)])).await;
    assert_eq!((page.status, page.location), (400, None));
    let page = browser.get(&sso, &app.authorize(&[("nonce", &endless)])).await;
    assert_eq!(parameter(page.sent_to(), "error").as_deref(), Some("invalid_request"));
    let form = vec![("x", "y".repeat(20_000))];
    let page = browser
        .send(sso.request(reqwest::Method::POST, "/oauth2/authorize").form(&form))
        .await;
    assert_eq!((page.status, page.code(), page.location), (400, 1101, None));
}

#[tokio::test]
async fn a_page_that_only_looks_like_an_allowed_one_is_not_led_to() {
    let sso = Harness::with(&[("FORWARD_AUTH__ALLOWED_ORIGINS", "https://wiki.example")]).await;
    let app = Application::added(&sso, "app", &[]).await;
    let mut signed_in = Browser::outside();
    app.tokens(&sso, &mut signed_in, "manager01").await;
    for wrong in [
        "//evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "/\n/evil.example",
        "https:evil.example",
        "https:/evil.example",
        "https:///evil.example",
        "https://evil.example",
        "https://evil.example/https://wiki.example",
        "https://wiki.example@evil.example/",
        "https://wiki.example:pass@evil.example/",
        "https://evil.example\\@wiki.example/",
        "https://wiki.example.evil.example/",
        "https://evilwiki.example/",
        "https://wiki.example:8443/",
        "http://wiki.example/",
        "https://wiki.example./",
        "https://wiki。example/",
        "https://app.example/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "",
    ] {
        let query: String = url::form_urlencoded::byte_serialize(wrong.as_bytes()).collect();
        for browser in [&mut signed_in, &mut Browser::outside()] {
            let page = browser.get(&sso, &format!("/login?rd={query}")).await;
            assert!([400, 403].contains(&page.status), "{wrong}: {page:?}");
            assert_eq!(page.location, None, "{wrong}");
        }
        let page = Browser::outside().get(&sso, &format!("/auth/verify?rd={query}")).await;
        assert_eq!((page.status, page.location), (401, None), "{wrong}");
    }
    for (right, there) in [
        ("https://wiki.example/a?b=c#d", "https://wiki.example/a?b=c#d"),
        ("https://page.example/app", "https://page.example/app"),
        ("/docs/", "https://sso.example/docs/"),
        // A browser's path in Chinese, decoded as every parameter is.
        (
            "https://wiki.example/大?q=小",
            "https://wiki.example/%E5%A4%A7?q=%E5%B0%8F",
        ),
    ] {
        let query: String = url::form_urlencoded::byte_serialize(right.as_bytes()).collect();
        let page = signed_in.get(&sso, &format!("/login?rd={query}")).await;
        assert_eq!(page.sent_to().as_str(), there);
        let mut other = Browser::inside();
        assert_eq!(
            other
                .sign_in(&sso, &format!("/login?rd={query}"), "manager01")
                .await
                .as_str(),
            there
        );
    }
}

#[tokio::test]
async fn after_a_logout_a_browser_is_led_to_registered_pages_alone() {
    let sso = Harness::start().await;
    let registered = ["--post-logout-redirect-uri", "https://app.example/bye"];
    let app = Application::added(&sso, "app", &registered).await;
    let other = Application::added(&sso, "other", &[]).await;
    let mut browser = Browser::outside();
    let tokens = app.tokens(&sso, &mut browser, "manager01").await;
    let hint = tokens.text("id_token");
    let others = other.tokens(&sso, &mut browser, "manager01").await.text("id_token");
    for wrong in [
        "https://app.example/bye/",
        "https://app.example/bye?x",
        "https://app.example/bye#x",
        "https://app.example/cb",
        "https://app.example.evil.example/bye",
        "https://app.example@evil.example/bye",
        "//app.example/bye",
        "javascript:alert(1)",
    ] {
        let query: String = url::form_urlencoded::byte_serialize(wrong.as_bytes()).collect();
        let path = format!("/oauth2/logout?id_token_hint={hint}&post_logout_redirect_uri={query}");
        let page = browser.get(&sso, &path).await;
        assert_eq!((page.status, page.code(), page.location), (400, 1101, None), "{wrong}");
    }
    let there = "https%3A%2F%2Fapp.example%2Fbye";
    for (what, path) in [
        (
            "nobody asks",
            format!("/oauth2/logout?post_logout_redirect_uri={there}"),
        ),
        (
            "another's page",
            format!("/oauth2/logout?id_token_hint={others}&post_logout_redirect_uri={there}"),
        ),
        (
            "two applications",
            format!("/oauth2/logout?id_token_hint={others}&client_id=app&post_logout_redirect_uri={there}"),
        ),
    ] {
        let page = browser.get(&sso, &path).await;
        assert_eq!((page.status, page.code(), page.location), (400, 1101, None), "{what}");
    }
    assert!(
        app.is_active(&sso, &tokens.text("access_token")).await,
        "nothing has ended"
    );
}

#[test]
fn whatever_is_asked_for_a_browser_goes_to_the_application_or_to_the_sign_in() {
    let runtime = random::runtime();
    let sso = runtime.block_on(Harness::start());
    let app = runtime.block_on(Application::added(&sso, "app", &[]));
    let name =
        "(response_type|client_id|redirect_uri|scope|state|nonce|code_challenge|prompt|max_age|request|[a-z]{1,5})";
    let value = "(code|app|https%3A%2F%2Fapp.example%2Fcb|https%3A%2F%2Fevil.example|none|login|S256|[ -~]{0,12})";
    let pairs = proptest::collection::vec((name, value), 0..6);
    let outcome = random::runner().run(&(pairs, any::<bool>()), |(pairs, over_a_good_one)| {
        let own: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={value}")).collect();
        // A fragment never reaches a server.
        let own = own.join("&").replace('#', "%23");
        let path = if over_a_good_one {
            format!("{}&{own}", app.authorize(&[]))
        } else {
            format!("/oauth2/authorize?{own}")
        };
        let page = runtime.block_on(Browser::outside().get(&sso, &path));
        if let Some(to) = &page.location {
            prop_assert_eq!(page.status, 302);
            prop_assert!(
                ["app.example", "login.dingtalk.com"].contains(&to.host_str().unwrap_or_default()),
                "{}",
                to
            );
        } else {
            prop_assert_eq!(page.code(), 1101, "{}", path);
        }
        Ok(())
    });
    outcome.expect("nobody is led astray");
}
