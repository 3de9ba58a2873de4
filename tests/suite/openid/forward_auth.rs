//! What a web server is told of a request that it has before it.

use reqwest::{Method, RequestBuilder};

use super::application::Application;
use super::browser::{Browser, SESSION};
use crate::harness::Harness;

async fn signed_in(sso: &Harness) -> (String, String) {
    let app = Application::added(sso, "app", &[]).await;
    let mut browser = Browser::outside();
    let tokens = app.tokens(sso, &mut browser, "manager01").await;
    (
        tokens.text("access_token"),
        format!("{SESSION}={}", browser.cookies[SESSION]),
    )
}

fn verify(sso: &Harness, query: &str) -> RequestBuilder {
    sso.request(Method::GET, &format!("/auth/verify{query}"))
}

#[tokio::test]
async fn a_web_server_is_told_who_it_is_whatever_the_client_claims() {
    let sso = Harness::start().await;
    let (token, cookie) = signed_in(&sso).await;
    for request in [
        verify(&sso, "").bearer_auth(&token),
        verify(&sso, "").header("cookie", &cookie),
    ] {
        let claimed = request
            .header("remote-user", "boss")
            .header("remote-groups", "admins")
            .header("remote-name", "Boss")
            .header("x-forwarded-user", "boss");
        let answer = sso.send(claimed).await;
        assert_eq!((answer.status, answer.header("cache-control")), (200, "no-store"));
        assert_eq!(
            (
                answer.header("remote-user"),
                answer.header("remote-name"),
                answer.header("remote-groups")
            ),
            ("manager01", "%E5%BC%A0%E4%B8%89", "")
        );
        // An empty header takes the place of the client's; one that is missing would let it pass.
        for name in ["remote-user", "remote-name", "remote-groups"] {
            assert!(answer.has(name), "{name}");
        }
    }
    for claimed in [
        ("remote-user", "manager01"),
        ("authorization", "Basic bWFuYWdlcjAxOng="),
        ("cookie", "x=y"),
    ] {
        let answer = sso.send(verify(&sso, "").header(claimed.0, claimed.1)).await;
        assert_eq!((answer.status, answer.code()), (401, 1114), "{claimed:?}");
        assert!(!answer.has("remote-user"));
    }
    let other_scheme = verify(&sso, "")
        .header("authorization", "Basic eDp5")
        .header("cookie", &cookie);
    assert_eq!(sso.send(other_scheme).await.status, 200, "the application's own scheme");
    let bad_token = verify(&sso, "").bearer_auth("a.b.c").header("cookie", &cookie);
    assert_eq!(
        sso.send(bad_token).await.status,
        401,
        "a token that is presented has to be good"
    );
}

#[tokio::test]
async fn the_configured_address_may_demand_more() {
    let sso = Harness::start().await;
    let (token, cookie) = signed_in(&sso).await;
    for (query, by_token, by_cookie) in [
        ("?audience=app", 200, 403),
        ("?audience=other,app", 200, 403),
        ("?audience=other", 403, 403),
        ("?audience=ap", 403, 403),
        ("?department=10", 200, 200),
        ("?department=11,999", 403, 403),
        ("?role=reporter", 403, 403),
        ("?power=report:read", 403, 403),
        ("?roles=reporter", 400, 400),
        ("?role=", 200, 200),
        ("?role=a&role=b", 400, 400),
        ("?department=x", 400, 400),
    ] {
        let answer = sso.send(verify(&sso, query).bearer_auth(&token)).await;
        assert_eq!(answer.status, by_token, "{query} by a token: {answer:?}");
        let answer = sso.send(verify(&sso, query).header("cookie", &cookie)).await;
        assert_eq!(answer.status, by_cookie, "{query} by a browser: {answer:?}");
        assert_eq!(answer.has("remote-user"), by_cookie == 200);
    }
}

#[tokio::test]
async fn a_browser_that_nobody_signed_in_is_led_to_the_sign_in_and_back() {
    let sso = Harness::with(&[("FORWARD_AUTH__ALLOWED_ORIGINS", "https://wiki.example")]).await;
    let mut browser = Browser::outside();
    let page = browser
        .get(&sso, "/auth/verify?rd=https%3A%2F%2Fwiki.example%2Fa%3Fb%3Dc")
        .await;
    let to = page.sent_to().clone();
    assert_eq!(page.status, 302);
    assert_eq!(
        to.as_str(),
        "https://sso.example/login?rd=https%3A%2F%2Fwiki.example%2Fa%3Fb%3Dc"
    );
    let back = browser.sign_in(&sso, &super::browser::path_of(&to), "manager01").await;
    assert_eq!(back.as_str(), "https://wiki.example/a?b=c");
    let page = browser.get(&sso, "/auth/verify?rd=https%3A%2F%2Fwiki.example%2F").await;
    assert_eq!(page.status, 200);
    // A program is not led about.
    let answer = sso.send(verify(&sso, "?rd=https%3A%2F%2Fwiki.example%2F")).await;
    assert_eq!((answer.status, answer.has("location")), (401, false));
}
