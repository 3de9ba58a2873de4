//! The wire of applications: `/oauth2/token`, `/oauth2/userinfo`, `/oauth2/introspect`, `/oauth2/revoke`.

use std::sync::Arc;

use actix_web::http::header::{CACHE_CONTROL, CONTENT_TYPE, PRAGMA};
use actix_web::web::{Bytes, Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, get, post};

use super::{Exchange, TokenResponse};
use crate::clients::application::Application;
use crate::clients::credentials::Credentials;
use crate::error::{Error, OAuthError};
use crate::http::RawBody;
use crate::parameters::Parameters;
use crate::tokens::bearer::Bearer;

/// Mounts the routes together with what they lean on.
pub fn routes(exchange: Exchange) -> impl Fn(&mut ServiceConfig) + Clone {
    move |service| {
        service
            .app_data(Data::new(exchange.clone()))
            .service(token)
            .service(userinfo_by_get)
            .service(userinfo_by_post)
            .service(introspect)
            .service(revoke);
    }
}

/// A form of an application that has proved who it is.
async fn form(
    request: &HttpRequest,
    body: &Bytes,
    exchange: &Exchange,
) -> Result<(Parameters, Arc<Application>), Error> {
    let is_form = request
        .headers()
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
    if !is_form {
        return Err(Error::InvalidRequest(
            "send a form: Content-Type: application/x-www-form-urlencoded".to_owned(),
        ));
    }
    let form = Parameters::read(body)?;
    let credentials = Credentials::of(request, form.get("client_id"), form.get("client_secret"))?;
    let client = exchange.client(&credentials).await?;
    Ok((form, client))
}

/// The same of an application that can keep a secret: what others' tokens say is not for everybody.
async fn confidential_form(
    request: &HttpRequest,
    body: &Bytes,
    exchange: &Exchange,
) -> Result<(Parameters, Arc<Application>), Error> {
    let (form, client) = form(request, body, exchange).await?;
    if client.is_public() {
        return Err(Error::oauth(
            OAuthError::InvalidClient,
            "a public application cannot prove who it is, and may not ask this",
        ));
    }
    Ok((form, client))
}

/// Exchanges a code, a refresh token or the application's own credentials for tokens (RFC 6749 section 3.2).
#[utoipa::path(tag = "openid connect",
    request_body(content = String, content_type = "application/x-www-form-urlencoded",
        description = "grant_type with code, redirect_uri and code_verifier, with refresh_token, or alone"),
    responses((status = 200, body = TokenResponse), (status = 400, description = "1101, 1121 to 1125"),
        (status = 401, description = "1120"), (status = 503, description = "1117")))]
#[post("/oauth2/token")]
pub(crate) async fn token(
    request: HttpRequest,
    RawBody(body): RawBody,
    exchange: Data<Exchange>,
) -> Result<HttpResponse, Error> {
    let (form, client) = form(&request, &body, &exchange).await?;
    let answer = exchange.grant(&client, &form).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .insert_header((PRAGMA, "no-cache"))
        .json(answer))
}

/// Who the bearer is (OpenID Connect Core section 5.3).
#[utoipa::path(tag = "openid connect", security(("bearer" = [])),
    responses((status = 200, description = "claims by scope"), (status = 401, description = "1114"),
        (status = 403, description = "1105, 1115"), (status = 503, description = "1117")))]
#[get("/oauth2/userinfo")]
pub(crate) async fn userinfo_by_get(exchange: Data<Exchange>, bearer: Bearer) -> Result<HttpResponse, Error> {
    userinfo(&exchange, &bearer).await
}

/// The same by POST.
#[utoipa::path(tag = "openid connect", security(("bearer" = [])),
    responses((status = 200, description = "claims by scope"), (status = 401, description = "1114"),
        (status = 403, description = "1105, 1115"), (status = 503, description = "1117")))]
#[post("/oauth2/userinfo")]
pub(crate) async fn userinfo_by_post(exchange: Data<Exchange>, bearer: Bearer) -> Result<HttpResponse, Error> {
    userinfo(&exchange, &bearer).await
}

async fn userinfo(exchange: &Exchange, Bearer(claims): &Bearer) -> Result<HttpResponse, Error> {
    let profile = exchange.userinfo(claims).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(profile))
}

/// Whether a token is good, and what it says (RFC 7662).
#[utoipa::path(tag = "tokens",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "token"),
    responses((status = 200, description = "`active`, and the claims"), (status = 400, description = "1101"),
        (status = 401, description = "1120"), (status = 503, description = "1117")))]
#[post("/oauth2/introspect")]
pub(crate) async fn introspect(
    request: HttpRequest,
    RawBody(body): RawBody,
    exchange: Data<Exchange>,
) -> Result<HttpResponse, Error> {
    let (form, client) = confidential_form(&request, &body, &exchange).await?;
    let answer = exchange.introspect(&client, form.needed("token")?).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(answer))
}

/// Ends the session of a token (RFC 7009). A token that is not good is answered alike.
#[utoipa::path(tag = "tokens",
    request_body(content = String, content_type = "application/x-www-form-urlencoded", description = "token"),
    responses((status = 200, description = "ended, or nothing to end"), (status = 400, description = "1101"),
        (status = 401, description = "1120"), (status = 503, description = "1117")))]
#[post("/oauth2/revoke")]
pub(crate) async fn revoke(
    request: HttpRequest,
    RawBody(body): RawBody,
    exchange: Data<Exchange>,
) -> Result<HttpResponse, Error> {
    let (form, client) = form(&request, &body, &exchange).await?;
    exchange.revoke(&client, form.needed("token")?).await?;
    Ok(HttpResponse::Ok().insert_header((CACHE_CONTROL, "no-store")).finish())
}
