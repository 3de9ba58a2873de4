//! The wire of a login and of what follows it: `/v1/login`, `/v1/me`, `/v1/token/refresh`, `/v1/logout`.

use actix_web::http::header::{CACHE_CONTROL, USER_AGENT};
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, get, post};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::answer::EmployeeAnswer;
use super::coalesce::Call;
use super::{Entry, Login};
use crate::config::app::DEFAULT_APP;
use crate::dingtalk::ids::AuthCode;
use crate::error::Error;
use crate::http::{Body, ClientAddress};
use crate::jsapi::SignedConfig;
use crate::tokens::TokenPair;
use crate::tokens::bearer::Bearer;

/// Longest part of a user agent that tells clients apart.
const USER_AGENT_BYTES: usize = 256;

/// Mounts the routes together with what they lean on.
pub fn routes(login: Login) -> impl Fn(&mut ServiceConfig) + Clone {
    move |service| {
        service
            .app_data(Data::new(login.clone()))
            .service(log_in)
            .service(me)
            .service(refresh)
            .service(log_out);
    }
}

/// What a micro-app's page posts.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct LoginRequest {
    /// The auth code (免登授权码) that DingTalk gave the page.
    auth_code: AuthCodeText,
    /// `location.href` of the page.
    url: String,
    /// The micro-app; `default` if absent.
    app: Option<String>,
}

/// An auth code as it arrives; never shown.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(transparent)]
struct AuthCodeText(String);

impl std::fmt::Debug for AuthCodeText {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AuthCodeText(…)")
    }
}

/// An access token with its refresh token.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TokenAnswer {
    token: String,
    token_over_at: i64,
    refresh_token: String,
    refresh_token_over_at: i64,
}

/// The answer to a login.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub(crate) struct LoginAnswer<'a> {
    #[serde(flatten)]
    employee: EmployeeAnswer<'a>,
    #[serde(flatten)]
    tokens: TokenAnswer,
    config: SignedConfig,
}

impl From<TokenPair> for TokenAnswer {
    fn from(pair: TokenPair) -> Self {
        Self {
            token: pair.access_token,
            token_over_at: pair.access_over_at,
            refresh_token: pair.refresh_token,
            refresh_token_over_at: pair.refresh_over_at,
        }
    }
}

/// Signs an employee in by the auth code of their page.
#[utoipa::path(tag = "micro-apps", request_body = LoginRequest,
    responses((status = 200, body = LoginAnswer), (status = 400, description = "1101"), (status = 401, description = "1103"),
        (status = 403, description = "1105, 1109, 1113"), (status = 429, description = "1110"), (status = 502, description = "1102, 1104, 1111"),
        (status = 500, description = "1106, 1107, 1108"), (status = 503, description = "1112, 1117")))]
#[post("/v1/login")]
pub(crate) async fn log_in(
    request: HttpRequest,
    login: Data<Login>,
    ClientAddress(address): ClientAddress,
    Body(body): Body<LoginRequest>,
) -> Result<HttpResponse, Error> {
    let app = body.app.unwrap_or_else(|| DEFAULT_APP.to_owned());
    let page = login.jsapi().page(&app, &body.url)?;
    let digest = Sha256::new()
        .chain_update(&app)
        .chain_update([0])
        .chain_update(&body.auth_code.0)
        .chain_update([0])
        .chain_update(page.signed_text())
        .finalize();
    let code = AuthCode::new(body.auth_code.0).map_err(|fault| Error::InvalidRequest(format!("authCode: {fault}")))?;
    let user_agent = request
        .headers()
        .get(USER_AGENT)
        .map(actix_web::http::header::HeaderValue::as_bytes)
        .unwrap_or_default();
    let user_agent = user_agent
        .get(..user_agent.len().min(USER_AGENT_BYTES))
        .unwrap_or_default();
    let call = Call {
        address,
        user_agent: String::from_utf8_lossy(user_agent).into_owned(),
        digest: digest.into(),
    };
    let Entry {
        employee,
        tokens,
        config,
    } = login.with_auth_code(app, code, page, call).await?;
    let answer = LoginAnswer {
        employee: EmployeeAnswer::new(&employee, login.directory()),
        tokens: tokens.into(),
        config,
    };
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(answer))
}

/// The employee of the bearer token.
#[utoipa::path(tag = "micro-apps", security(("bearer" = [])),
    responses((status = 200, body = EmployeeAnswer), (status = 401, description = "1114"), (status = 403, description = "1105"),
        (status = 503, description = "1117")))]
#[get("/v1/me")]
pub(crate) async fn me(login: Data<Login>, Bearer(claims): Bearer) -> Result<HttpResponse, Error> {
    let body = login.me(&claims).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .content_type("application/json")
        .body(body))
}

/// What is posted for a new pair.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RefreshRequest {
    /// The refresh token, good once.
    refresh_token: String,
}

/// Exchanges a refresh token for a new pair.
#[utoipa::path(tag = "micro-apps", request_body = RefreshRequest,
    responses((status = 200, body = TokenAnswer), (status = 400, description = "1101"), (status = 401, description = "1114"),
        (status = 403, description = "1105"), (status = 503, description = "1117")))]
#[post("/v1/token/refresh")]
pub(crate) async fn refresh(login: Data<Login>, Body(request): Body<RefreshRequest>) -> Result<HttpResponse, Error> {
    let pair = login.refresh(&request.refresh_token).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(TokenAnswer::from(pair)))
}

/// Ends the session of the bearer token.
#[utoipa::path(tag = "micro-apps", security(("bearer" = [])),
    responses((status = 204, description = "ended"), (status = 401, description = "1114"), (status = 503, description = "1117")))]
#[post("/v1/logout")]
pub(crate) async fn log_out(login: Data<Login>, Bearer(claims): Bearer) -> Result<HttpResponse, Error> {
    login.log_out(&claims).await?;
    Ok(HttpResponse::NoContent().finish())
}
