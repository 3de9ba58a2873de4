//! The published keys and the discovery documents (RFC 7517, RFC 8414, OpenID Connect Discovery).

use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpResponse, get};
use serde_json::json;

use super::Tokens;
use crate::clients::application::GRANTS;
use crate::config::tokens::Algorithm;

/// Mounts the routes together with what they lean on.
pub fn routes(tokens: Tokens) -> impl Fn(&mut ServiceConfig) + Clone {
    move |service| {
        service
            .app_data(Data::new(tokens.clone()))
            .service(jwks)
            .service(openid_configuration)
            .service(oauth_authorization_server);
    }
}

/// The public signing keys (RFC 7517).
#[utoipa::path(tag = "tokens", responses((status = 200, description = "JSON Web Key Set")))]
#[get("/oauth2/jwks")]
pub(crate) async fn jwks(tokens: Data<Tokens>) -> HttpResponse {
    HttpResponse::Ok()
        .insert_header(("cache-control", "public, max-age=300"))
        .insert_header(("access-control-allow-origin", "*"))
        .json(tokens.jwks())
}

/// Where readers find issuer and keys (OpenID Connect Discovery).
#[utoipa::path(tag = "tokens", responses((status = 200, description = "provider metadata")))]
#[get("/.well-known/openid-configuration")]
pub(crate) async fn openid_configuration(tokens: Data<Tokens>) -> HttpResponse {
    metadata(&tokens)
}

/// The same for OAuth 2.0 readers (RFC 8414).
#[utoipa::path(tag = "tokens", responses((status = 200, description = "authorization server metadata")))]
#[get("/.well-known/oauth-authorization-server")]
pub(crate) async fn oauth_authorization_server(tokens: Data<Tokens>) -> HttpResponse {
    metadata(&tokens)
}

/// What this service does, by the names of both registries.
fn metadata(tokens: &Tokens) -> HttpResponse {
    let issuer = tokens.issuer();
    let at = |path: &str| format!("{issuer}{path}");
    let by_secret = ["client_secret_basic", "client_secret_post"];
    let algorithms = Algorithm::ALL.map(Algorithm::name);
    HttpResponse::Ok()
        .insert_header(("cache-control", "public, max-age=300"))
        .insert_header(("access-control-allow-origin", "*"))
        .json(json!({
            "issuer": issuer,
            "authorization_endpoint": at("/oauth2/authorize"),
            "token_endpoint": at("/oauth2/token"),
            "userinfo_endpoint": at("/oauth2/userinfo"),
            "jwks_uri": at("/oauth2/jwks"),
            "introspection_endpoint": at("/oauth2/introspect"),
            "revocation_endpoint": at("/oauth2/revoke"),
            "end_session_endpoint": at("/oauth2/logout"),
            "service_documentation": at("/docs/"),
            "scopes_supported": ["openid", "profile", "roles", "directory:read"],
            "response_types_supported": ["code"],
            "response_modes_supported": ["query"],
            "grant_types_supported": GRANTS,
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": algorithms,
            "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            "introspection_endpoint_auth_methods_supported": by_secret,
            "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
            "code_challenge_methods_supported": ["S256"],
            "prompt_values_supported": ["none", "login", "consent", "select_account"],
            "claims_supported": ["iss", "sub", "aud", "exp", "iat", "auth_time", "nonce", "at_hash", "sid", "name",
                "preferred_username", "picture", "userid", "corp_id", "dept_id", "dept_root_id", "dept_ids", "roles",
                "groups", "power"],
            "authorization_response_iss_parameter_supported": true,
            "backchannel_logout_supported": true,
            "backchannel_logout_session_supported": true,
            "claims_parameter_supported": false,
            "request_parameter_supported": false,
            "request_uri_parameter_supported": false,
            "ui_locales_supported": ["zh-CN", "en"],
        }))
}
