//! The wire of the front door: `/oauth2/authorize`, `/login`, `/oauth2/callback`, `/oauth2/logout`.

use actix_web::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HeaderValue, LOCATION, ORIGIN, REFERRER_POLICY, USER_AGENT,
};
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::Deserialize;
use serde_json::json;

use super::{Authorize, Next, pending};
use crate::dingtalk::ids::AuthCode;
use crate::error::Error;
use crate::http::{Body, ClientAddress, RawBody};
use crate::parameters::Parameters;
use crate::tokens::cookie::CookieForm;

/// The page inside DingTalk, with places for what it has to know.
const INSIDE_PAGE: &str = include_str!("../../static/sign-in.html");

/// The page that asks whether to sign out, and the one that says it is done.
const LOGOUT_PAGE: &str = include_str!("../../static/sign-out.html");

/// Mounts the routes together with what they lean on.
pub fn routes(authorize: Authorize, cookies: CookieForm) -> impl Fn(&mut ServiceConfig) + Clone {
    move |service| {
        service
            .app_data(Data::new(authorize.clone()))
            .app_data(Data::new(cookies.clone()))
            .service(authorize_by_query)
            .service(authorize_by_form)
            .service(enter)
            .service(inside_page)
            .service(outside_page)
            .service(redeem_inside)
            .service(callback)
            .service(log_out_by_query)
            .service(log_out_by_form);
    }
}

/// Authorizes an application in the browser (RFC 6749 section 4.1.1, OpenID Connect Core section 3.1.2).
#[utoipa::path(tag = "openid connect", params(
    ("response_type" = String, Query, description = "`code`"), ("client_id" = String, Query),
    ("redirect_uri" = String, Query), ("scope" = Option<String>, Query), ("state" = Option<String>, Query),
    ("nonce" = Option<String>, Query), ("code_challenge" = Option<String>, Query),
    ("code_challenge_method" = Option<String>, Query, description = "`S256`"),
    ("prompt" = Option<String>, Query, description = "`none` or `login`"), ("max_age" = Option<i64>, Query),
    ("id_token_hint" = Option<String>, Query, description = "only whom this ID token speaks of will do")),
    responses((status = 302, description = "to the application with `code` or `error`, or to the sign-in"),
        (status = 400, description = "1101: no such application or redirect URI"), (status = 503, description = "1117")))]
#[get("/oauth2/authorize")]
pub(crate) async fn authorize_by_query(
    request: HttpRequest,
    authorize: Data<Authorize>,
    cookies: Data<CookieForm>,
) -> Result<HttpResponse, Error> {
    let parameters = Parameters::read(request.query_string().as_bytes())?;
    authorized(&request, &authorize, &cookies, &parameters).await
}

/// The same by a form.
#[utoipa::path(tag = "openid connect", request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 302, description = "as by a query"), (status = 400, description = "1101"),
        (status = 503, description = "1117")))]
#[post("/oauth2/authorize")]
pub(crate) async fn authorize_by_form(
    request: HttpRequest,
    RawBody(body): RawBody,
    authorize: Data<Authorize>,
    cookies: Data<CookieForm>,
) -> Result<HttpResponse, Error> {
    let parameters = Parameters::read(&body)?;
    authorized(&request, &authorize, &cookies, &parameters).await
}

async fn authorized(
    request: &HttpRequest,
    authorize: &Authorize,
    cookies: &CookieForm,
    parameters: &Parameters,
) -> Result<HttpResponse, Error> {
    let session = cookies.session(request, authorize.tokens()).await?;
    let binding = binding(request, cookies);
    let next = authorize.authorize(parameters, session.as_deref(), &binding).await?;
    Ok(go(request, authorize, cookies, next, binding))
}

/// Signs a browser in and leads it to a page, as forward-auth does.
#[utoipa::path(tag = "forward-auth", params(("rd" = String, Query, description = "the page to go to")),
    responses((status = 302, description = "to the page, or to the sign-in"), (status = 400, description = "1101"),
        (status = 403, description = "1109"), (status = 503, description = "1117")))]
#[get("/login")]
pub(crate) async fn enter(
    request: HttpRequest,
    authorize: Data<Authorize>,
    cookies: Data<CookieForm>,
) -> Result<HttpResponse, Error> {
    let parameters = Parameters::read(request.query_string().as_bytes())?;
    let session = cookies.session(&request, authorize.tokens()).await?;
    let binding = binding(&request, &cookies);
    let next = authorize.enter(parameters.needed("rd")?, session.as_deref(), &binding)?;
    Ok(go(&request, &authorize, &cookies, next, binding))
}

/// What binds a sign-in that begins to its browser: what it has of others, or something new.
fn binding(request: &HttpRequest, cookies: &CookieForm) -> String {
    let known = cookies.bound(request).into_iter().next();
    known.unwrap_or_else(pending::random)
}

/// Sends a browser on. Inside DingTalk a page of ours fetches the auth code, elsewhere DingTalk's own page asks.
fn go(request: &HttpRequest, authorize: &Authorize, cookies: &CookieForm, next: Next, binding: String) -> HttpResponse {
    match next {
        Next::Go(location) => redirect(&location),
        Next::SignIn(state) => {
            let location = if is_inside_dingtalk(request) {
                authorize.inside_page(&state)
            } else {
                authorize.sign_in_page(&state)
            };
            let mut response = redirect(&location);
            // A cookie that cannot be written is one that the browser will not send back: it is told so then.
            let _ = response.add_cookie(&cookies.binding(binding));
            response
        }
    }
}

fn redirect(location: &str) -> HttpResponse {
    HttpResponse::Found()
        .insert_header((LOCATION, location))
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .finish()
}

fn is_inside_dingtalk(request: &HttpRequest) -> bool {
    request
        .headers()
        .get(USER_AGENT)
        .and_then(|agent| agent.to_str().ok())
        .is_some_and(|agent| agent.to_ascii_lowercase().contains("dingtalk"))
}

/// The page that signs in inside DingTalk, without a click.
#[utoipa::path(tag = "openid connect", params(("state" = String, Query)),
    responses((status = 200, description = "a page"), (status = 400, description = "1101"), (status = 503, description = "1117")))]
#[get("/login/dingtalk")]
pub(crate) async fn inside_page(
    request: HttpRequest,
    authorize: Data<Authorize>,
    cookies: Data<CookieForm>,
) -> Result<HttpResponse, Error> {
    let state = under_way(&request, &authorize, &cookies).await?;
    let (corp_id, app_key, script_url) = authorize.inside();
    let page = filled(
        INSIDE_PAGE,
        &[
            ("corp_id", corp_id),
            ("client_id", app_key),
            ("script_url", script_url.as_str()),
            ("state", &state),
        ],
    );
    let policy = format!(
        "default-src 'self'; script-src 'self' {}; base-uri 'none'; frame-ancestors 'none'",
        script_url.origin().ascii_serialization()
    );
    Ok(html(page, &policy))
}

/// DingTalk's own sign-in page for a sign-in under way, where the page inside DingTalk cannot help.
#[utoipa::path(tag = "openid connect", params(("state" = String, Query)),
    responses((status = 302, description = "to DingTalk"), (status = 400, description = "1101"), (status = 503, description = "1117")))]
#[get("/login/page")]
pub(crate) async fn outside_page(
    request: HttpRequest,
    authorize: Data<Authorize>,
    cookies: Data<CookieForm>,
) -> Result<HttpResponse, Error> {
    let state = under_way(&request, &authorize, &cookies).await?;
    Ok(redirect(&authorize.sign_in_page(&state)))
}

/// The `state` of a request, if its sign-in is under way in this very browser.
async fn under_way(request: &HttpRequest, authorize: &Authorize, cookies: &CookieForm) -> Result<String, Error> {
    let parameters = Parameters::read(request.query_string().as_bytes())?;
    let state = parameters.needed("state")?;
    if authorize.is_under_way(state, &cookies.bound(request)).await? {
        Ok(state.to_owned())
    } else {
        Err(Error::InvalidRequest(
            "no sign-in of this state is under way in this browser; start again".to_owned(),
        ))
    }
}

/// What the page inside DingTalk posts.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct InsideRequest {
    /// The auth code (免登授权码) that DingTalk gave the page.
    #[schema(value_type = String)]
    auth_code: AuthCode,
    /// The sign-in under way.
    state: String,
}

/// Redeems the auth code of the page inside DingTalk; answers where to go.
#[utoipa::path(tag = "openid connect", request_body = InsideRequest,
    responses((status = 200, description = "`location`, and the cookie"), (status = 400, description = "1101"),
        (status = 401, description = "1103"), (status = 403, description = "1105, 1113"), (status = 429, description = "1110"),
        (status = 500, description = "1106, 1107, 1108"), (status = 502, description = "1102, 1104"), (status = 503, description = "1112, 1117")))]
#[post("/login/code")]
pub(crate) async fn redeem_inside(
    request: HttpRequest,
    authorize: Data<Authorize>,
    cookies: Data<CookieForm>,
    ClientAddress(address): ClientAddress,
    Body(body): Body<InsideRequest>,
) -> Result<HttpResponse, Error> {
    let former = cookies.session(&request, authorize.tokens()).await?;
    let bindings = cookies.bound(&request);
    let outcome = authorize
        .come_back(
            &body.state,
            &bindings,
            &body.auth_code,
            true,
            address,
            former.as_deref(),
        )
        .await?;
    let mut response = HttpResponse::Ok();
    response.insert_header((CACHE_CONTROL, "no-store"));
    if let Some(session) = outcome.session {
        response.cookie(cookies.signed_in(authorize.tokens().cookie(session)));
    }
    Ok(response.json(json!({"location": outcome.location})))
}

/// Where DingTalk's own sign-in page sends the browser back to.
#[utoipa::path(tag = "openid connect",
    params(("state" = String, Query), ("authCode" = Option<String>, Query), ("code" = Option<String>, Query),
        ("error" = Option<String>, Query)),
    responses((status = 302, description = "to where the browser wanted to go"), (status = 400, description = "1101"),
        (status = 401, description = "1103"), (status = 403, description = "1105, 1113"), (status = 429, description = "1110"),
        (status = 500, description = "1106, 1107, 1108"), (status = 502, description = "1102, 1104"), (status = 503, description = "1112, 1117")))]
#[get("/oauth2/callback")]
pub(crate) async fn callback(
    request: HttpRequest,
    authorize: Data<Authorize>,
    cookies: Data<CookieForm>,
    ClientAddress(address): ClientAddress,
) -> Result<HttpResponse, Error> {
    let parameters = Parameters::read(request.query_string().as_bytes())?;
    let state = parameters.needed("state")?;
    let bindings = cookies.bound(&request);
    if parameters.get("error").is_some() {
        let location = authorize.come_back_refused(state, &bindings).await?;
        return Ok(redirect(&location));
    }
    // Both come nowadays, with the same value (dingtalk-api, section 6.1).
    let code = parameters
        .get("authCode")
        .map_or_else(|| parameters.needed("code"), Ok)?;
    let code = AuthCode::new(code).map_err(|fault| Error::InvalidRequest(format!("authCode: {fault}")))?;
    let former = cookies.session(&request, authorize.tokens()).await?;
    let outcome = authorize
        .come_back(state, &bindings, &code, false, address, former.as_deref())
        .await?;
    let mut response = redirect(&outcome.location);
    if let Some(session) = outcome.session {
        response
            .add_cookie(&cookies.signed_in(authorize.tokens().cookie(session)))
            .map_err(|fault| Error::Internal(fault.into()))?;
    }
    Ok(response)
}

/// Signs out at the wish of an application or of the person (OpenID Connect RP-Initiated Logout).
#[utoipa::path(tag = "openid connect",
    params(("id_token_hint" = Option<String>, Query), ("client_id" = Option<String>, Query),
        ("post_logout_redirect_uri" = Option<String>, Query), ("state" = Option<String>, Query)),
    responses((status = 302, description = "signed out, to the application"), (status = 200, description = "signed out, or asks first"),
        (status = 204, description = "signed out, to whoever wants no page"), (status = 400, description = "1101"),
        (status = 503, description = "1117")))]
#[get("/oauth2/logout")]
pub(crate) async fn log_out_by_query(
    request: HttpRequest,
    authorize: Data<Authorize>,
    cookies: Data<CookieForm>,
) -> Result<HttpResponse, Error> {
    let parameters = Parameters::read(request.query_string().as_bytes())?;
    log_out(&request, &authorize, &cookies, &parameters, false).await
}

/// The same by a form; the page that asks first posts it too.
#[utoipa::path(tag = "openid connect", request_body(content = String, content_type = "application/x-www-form-urlencoded"),
    responses((status = 302, description = "signed out, to the application"), (status = 200, description = "signed out, or asks first"),
        (status = 204, description = "signed out, to whoever wants no page"), (status = 400, description = "1101"),
        (status = 503, description = "1117")))]
#[post("/oauth2/logout")]
pub(crate) async fn log_out_by_form(
    request: HttpRequest,
    RawBody(body): RawBody,
    authorize: Data<Authorize>,
    cookies: Data<CookieForm>,
) -> Result<HttpResponse, Error> {
    let parameters = Parameters::read(&body)?;
    // A foreign site's form carries no cookie of ours (SameSite), and browsers say of which page a form was.
    let origin = request.headers().get(ORIGIN).map(|origin| origin.to_str());
    let ours = origin.is_none_or(|origin| origin.is_ok_and(|origin| authorize.is_own_origin(origin)));
    let confirmed = ours && parameters.get("confirmed").is_some();
    log_out(&request, &authorize, &cookies, &parameters, confirmed).await
}

async fn log_out(
    request: &HttpRequest,
    authorize: &Authorize,
    cookies: &CookieForm,
    parameters: &Parameters,
    confirmed: bool,
) -> Result<HttpResponse, Error> {
    // Without form-action: the form ends at an application, whose address may be of a scheme of its own.
    const POLICY: &str =
        "default-src 'none'; img-src 'self'; style-src 'self'; base-uri 'none'; frame-ancestors 'none'";
    let browser = cookies.session(request, authorize.tokens()).await?;
    let farewell = authorize.farewells().read(parameters, browser.as_deref()).await?;
    if browser.is_some() && !farewell.certain && !confirmed {
        let asked = ["post_logout_redirect_uri", "state"].map(|name| (name, parameters.get(name)));
        let hidden: String = std::iter::once(("client_id", farewell.client_id.as_deref()))
            .chain(asked)
            .filter_map(|(name, value)| Some((name, value?)))
            .fold(String::new(), |fields, (name, value)| {
                fields + &format!("<input type=\"hidden\" name=\"{name}\" value=\"{}\">", escaped(value))
            });
        let page = LOGOUT_PAGE
            .replace("{{class}}", "asking")
            .replace("{{hidden}}", &hidden);
        let mut response = html(page, POLICY);
        // With `no-referrer` the browser would not say of which page the form is.
        response
            .headers_mut()
            .insert(REFERRER_POLICY, HeaderValue::from_static("same-origin"));
        return Ok(response);
    }
    authorize.farewells().carry_out(&farewell).await?;
    let mut response = match &farewell.location {
        Some(location) => redirect(location),
        None if wants_html(request) => html(
            LOGOUT_PAGE.replace("{{class}}", "done").replace("{{hidden}}", ""),
            POLICY,
        ),
        None => HttpResponse::NoContent().finish(),
    };
    // A form of a foreign site brings no cookie, and shall not take it away either.
    if cookies.is_presented(request) {
        response
            .add_cookie(&cookies.signed_out())
            .map_err(|fault| Error::Internal(fault.into()))?;
    }
    Ok(response)
}

fn wants_html(request: &HttpRequest) -> bool {
    request
        .headers()
        .get(ACCEPT)
        .and_then(|accept| accept.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"))
}

fn html(page: String, policy: &str) -> HttpResponse {
    HttpResponse::Ok()
        .content_type("text/html; charset=utf-8")
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((REFERRER_POLICY, "no-referrer"))
        .insert_header((CONTENT_SECURITY_POLICY, policy))
        .body(page)
}

/// A page with its places filled.
fn filled(page: &str, places: &[(&str, &str)]) -> String {
    places.iter().fold(page.to_owned(), |page, (name, value)| {
        page.replace(&["{{", name, "}}"].concat(), &escaped(value))
    })
}

/// Text as the value of an attribute.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
