//! The OpenAPI document of everything that is served.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::{directory, events, health, jsapi, login, tokens};

#[derive(OpenApi)]
#[openapi(
    info(title = "dingtalk-sso", description = "Single sign-on for a company's DingTalk micro-apps"),
    paths(
        login::http::log_in,
        login::http::me,
        login::http::refresh,
        login::http::log_out,
        jsapi::http::config,
        directory::http::list_departments,
        directory::http::show_department,
        directory::http::list_employees,
        directory::http::show_employee,
        events::http::receive,
        tokens::http::jwks,
        tokens::http::openid_configuration,
        tokens::http::oauth_authorization_server,
        health::live,
        health::ready,
    ),
    modifiers(&Bearer)
)]
struct Document;

struct Bearer;

impl Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .build();
        document
            .components
            .get_or_insert_default()
            .add_security_scheme("bearer", SecurityScheme::Http(scheme));
    }
}

/// The document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}
