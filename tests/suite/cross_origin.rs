//! Pages of the allowed origins, and no others, call the service from their browser.

use reqwest::{Method, RequestBuilder};

use crate::harness::Harness;

/// What a browser asks before a page of `origin` may call.
pub(crate) fn preflight(sso: &Harness, origin: &str, method: &str) -> RequestBuilder {
    sso.request(Method::OPTIONS, "/v1/login")
        .header("origin", origin)
        .header("access-control-request-method", method)
}

#[tokio::test]
async fn a_page_of_an_allowed_origin_may_call_and_read_the_answer() {
    let sso = Harness::start().await;
    let asked = preflight(&sso, "https://page.example", "POST");
    let asked = asked.header("access-control-request-headers", "content-type,authorization");
    let allowed = sso.send(asked).await;
    assert_eq!(allowed.status, 200, "{allowed:?}");
    assert_eq!(allowed.header("access-control-allow-origin"), "https://page.example");
    assert_eq!(allowed.header("access-control-max-age"), "3600");
    for (name, values) in [
        ("access-control-allow-methods", ["GET", "POST"]),
        ("access-control-allow-headers", ["authorization", "content-type"]),
    ] {
        let mut told: Vec<String> = allowed.header(name).split(", ").map(str::to_owned).collect();
        told.sort_unstable();
        assert_eq!(told, values, "{name}");
    }
    let me = sso
        .request(Method::GET, "/v1/me")
        .header("origin", "https://page.example");
    let me = sso.send(me).await;
    assert_eq!(
        (me.status, me.header("access-control-allow-origin")),
        (401, "https://page.example")
    );
    for answer in [&allowed, &me] {
        assert_eq!(answer.header("vary").matches("Origin").count(), 1, "{answer:?}");
        assert!(
            answer.header("access-control-expose-headers").contains("x-request-id"),
            "{answer:?}"
        );
    }
}

#[tokio::test]
async fn a_page_of_a_foreign_origin_may_neither_call_nor_read() {
    let sso = Harness::start().await;
    let refused = sso.send(preflight(&sso, "https://evil.example", "POST")).await;
    assert_eq!((refused.status, refused.code()), (403, 1109), "{refused:?}");
    let me = sso
        .request(Method::GET, "/v1/me")
        .header("origin", "https://evil.example");
    for answer in [&refused, &sso.send(me).await] {
        assert_eq!(answer.header("access-control-allow-origin"), "", "{answer:?}");
    }
}
