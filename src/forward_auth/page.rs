//! The page that a browser asked the web server for, as the web server tells it.

use actix_web::HttpRequest;

use super::Demand;

/// nginx: the whole address. `auth_request` cannot write one into a query, for it escapes nothing there.
const ORIGINAL_URL: &str = "x-original-url";

/// Caddy and Traefik: scheme, host and path with its query, made anew for each question.
const FORWARDED: [&str; 3] = ["x-forwarded-proto", "x-forwarded-host", "x-forwarded-uri"];

/// Where a browser is to come back to after the sign-in. Whoever made it up gains nothing: it is still held against
/// the origins that browsers may be sent to.
pub(super) enum Page {
    /// Led to the sign-in by our own redirect, which Caddy and Traefik pass on.
    Redirected(String),
    /// Led there by nginx, to which any answer but 2xx, 401 and 403 is a failure: a 401 names the way.
    Named(String),
}

impl Page {
    /// The page of a request: `rd` of the configured address goes before what the headers say.
    pub(super) fn of(request: &HttpRequest, demand: &Demand) -> Option<Self> {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        if let Some(page) = &demand.page {
            return Some(Self::Redirected(page.clone()));
        }
        if let Some(url) = header(ORIGINAL_URL) {
            return Some(Self::Named(url.to_owned()));
        }
        let [scheme, host, uri] = FORWARDED.map(header);
        Some(Self::Redirected(format!("{}://{}{}", scheme?, host?, uri?)))
    }
}
