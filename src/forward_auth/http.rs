//! `GET /auth/verify`: 200 with who it is, 401, 403, or for a browser the way to the sign-in.

use actix_web::http::header::{ACCEPT, CACHE_CONTROL, HeaderName, HeaderValue, LOCATION, REFERRER_POLICY};
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, get};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::page::Page;
use super::{Demand, ForwardAuth};
use crate::error::Error;
use crate::tokens::bearer;
use crate::tokens::claims::Identity;
use crate::tokens::cookie::CookieForm;

/// What does not go as it is into a header that lists names: everything beyond plain ASCII, and what separates.
const NOT_PLAIN: &AsciiSet = &CONTROLS.add(b' ').add(b'%').add(b',').add(b'"').add(b'\\').add(b';');

/// Mounts the route together with what it leans on.
pub fn routes(forward_auth: ForwardAuth, cookies: CookieForm) -> impl Fn(&mut ServiceConfig) + Clone {
    move |service| {
        service
            .app_data(Data::new(forward_auth.clone()))
            .app_data(Data::new(cookies.clone()))
            .service(verify);
    }
}

/// Whether the request that a web server has before it may pass: by bearer token or by the browser's cookie.
#[utoipa::path(tag = "forward-auth", security(("bearer" = [])), params(
    ("role" = Option<String>, Query, description = "one of these roles, comma separated"),
    ("power" = Option<String>, Query, description = "one of these powers"),
    ("department" = Option<String>, Query, description = "in or below one of these departments"),
    ("audience" = Option<String>, Query, description = "a bearer token of one of these audiences"),
    ("rd" = Option<String>, Query, description = "where a browser is led back to after the sign-in")),
    responses((status = 200, description = "Remote-User, Remote-Name (percent-encoded UTF-8), Remote-Groups"),
        (status = 302, description = "a browser with `rd`, or X-Forwarded-Proto, -Host and -Uri: to the sign-in"),
        (status = 400, description = "1101"),
        (status = 401, description = "1114; for a browser with X-Original-URL, the way to the sign-in is in Location"),
        (status = 403, description = "1115"), (status = 503, description = "1117")))]
#[get("/auth/verify")]
pub(crate) async fn verify(
    request: HttpRequest,
    forward_auth: Data<ForwardAuth>,
    cookies: Data<CookieForm>,
) -> Result<HttpResponse, Error> {
    let demand = Demand::read(request.query_string().as_bytes())?;
    let identity = match verdict(&request, &forward_auth, &cookies, &demand).await {
        Ok(identity) => identity,
        Err(error @ (Error::InvalidToken(_) | Error::MissingToken(_) | Error::EmployeeDisabled)) => {
            let page = is_browser(&request).then(|| Page::of(&request, &demand)).flatten();
            let to_sign_in = page.and_then(|page| to_sign_in(&forward_auth, page));
            return to_sign_in.ok_or_else(|| as_401(error));
        }
        Err(error) => return Err(error),
    };
    // All three are always there, so that the web server puts ours in the place of whatever the client sent.
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header(header("remote-user", &identity.userid)?)
        .insert_header(header("remote-name", &identity.name)?)
        .insert_header(groups(&identity.roles)?)
        .finish())
}

async fn verdict(
    request: &HttpRequest,
    forward_auth: &ForwardAuth,
    cookies: &CookieForm,
    demand: &Demand,
) -> Result<Identity, Error> {
    // The protected application may use another scheme for itself: then the cookie speaks.
    if let Some(token) = bearer::presented(request) {
        return forward_auth.by_token(token, demand);
    }
    match cookies.session(request, &forward_auth.tokens).await? {
        Some(session) => forward_auth.by_browser(&session, demand).await,
        None => Err(Error::MissingToken(
            "neither a bearer token nor a browser that is signed in",
        )),
    }
}

/// Somebody who may not be here any more is nobody to a web server.
fn as_401(error: Error) -> Error {
    match error {
        Error::EmployeeDisabled => Error::InvalidToken("this employee may not sign in"),
        error => error,
    }
}

/// The way to the sign-in; none for a page that is not of ours.
fn to_sign_in(forward_auth: &ForwardAuth, page: Page) -> Option<HttpResponse> {
    let (mut response, page) = match page {
        Page::Redirected(page) => (HttpResponse::Found(), page),
        // Of this answer nginx reads status and headers alone.
        Page::Named(page) => (HttpResponse::Unauthorized(), page),
    };
    let location = forward_auth.authorize.way_to(&page)?;
    Some(
        response
            .insert_header((LOCATION, location))
            .insert_header((CACHE_CONTROL, "no-store"))
            .insert_header((REFERRER_POLICY, "no-referrer"))
            .finish(),
    )
}

fn is_browser(request: &HttpRequest) -> bool {
    request
        .headers()
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

fn header(name: &'static str, text: &str) -> Result<(HeaderName, HeaderValue), Error> {
    value(name, &utf8_percent_encode(text, NOT_PLAIN).to_string())
}

fn groups(roles: &[String]) -> Result<(HeaderName, HeaderValue), Error> {
    let roles: Vec<String> = roles
        .iter()
        .map(|role| utf8_percent_encode(role, NOT_PLAIN).to_string())
        .collect();
    value("remote-groups", &roles.join(","))
}

fn value(name: &'static str, text: &str) -> Result<(HeaderName, HeaderValue), Error> {
    let value = HeaderValue::from_str(text).map_err(|fault| Error::Internal(fault.into()))?;
    Ok((HeaderName::from_static(name), value))
}
