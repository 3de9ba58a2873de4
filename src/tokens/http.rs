//! The published keys and the discovery documents (RFC 7517, RFC 8414, OpenID Connect Discovery).

use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpResponse, get};
use serde_json::json;

use super::Tokens;

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

/// Says only what this service does; the document grows with it.
fn metadata(tokens: &Tokens) -> HttpResponse {
    let issuer = tokens.issuer();
    HttpResponse::Ok()
        .insert_header(("cache-control", "public, max-age=300"))
        .json(json!({
            "issuer": issuer,
            "jwks_uri": format!("{issuer}/oauth2/jwks"),
            "response_types_supported": [],
            "subject_types_supported": ["public"],
        }))
}
