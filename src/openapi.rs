//! The OpenAPI document of everything that is served.

use std::collections::HashMap;
use std::sync::LazyLock;

use actix_web::web::Bytes;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Content, PathItem, Ref, RefOr, Response};
use utoipa::{Modify, OpenApi};

use crate::error::Error;
use crate::http::ErrorAnswer;
use crate::{authorize, directory, events, exchange, forward_auth, health, jsapi, login, tokens};

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
        authorize::http::authorize_by_query,
        authorize::http::authorize_by_form,
        authorize::http::enter,
        authorize::http::inside_page,
        authorize::http::outside_page,
        authorize::http::redeem_inside,
        authorize::http::callback,
        authorize::http::log_out_by_query,
        authorize::http::log_out_by_form,
        exchange::http::token,
        exchange::http::userinfo_by_get,
        exchange::http::userinfo_by_post,
        exchange::http::introspect,
        exchange::http::revoke,
        forward_auth::http::verify,
        health::live,
        health::ready,
    ),
    components(schemas(ErrorAnswer)),
    modifiers(&Bearer, &Failures)
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

/// Every failure has the one shape; and where a call may fail, it may fail in a way that nobody foresaw.
struct Failures;

impl Modify for Failures {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let items = document.paths.paths.values_mut();
        for operation in items.flat_map(|item| [&mut item.get, &mut item.post]).flatten() {
            let responses = &mut operation.responses.responses;
            let is_failure = |status: &str| status >= "400";
            if responses.keys().any(|status| is_failure(status)) {
                responses
                    .entry("500".to_owned())
                    .or_insert_with(|| Response::new("1108").into());
            }
            for (status, response) in responses {
                if let RefOr::T(response) = response
                    && is_failure(status)
                    && response.content.is_empty()
                {
                    let shape = Content::new(Some(Ref::from_schema_name("ErrorAnswer")));
                    response.content.insert("application/json".to_owned(), shape.into());
                }
            }
        }
    }
}

/// The document.
#[must_use]
pub fn document() -> utoipa::openapi::OpenApi {
    Document::openapi()
}

/// What serving takes of the document, which itself is many times larger; made when it is first asked for.
pub struct Served(LazyLock<Written>);

/// The document as it is served.
struct Written {
    json: serde_json::Result<Bytes>,
    methods: HashMap<String, String>,
}

impl Default for Served {
    fn default() -> Self {
        Self(LazyLock::new(Written::new))
    }
}

impl Served {
    /// The document, written.
    ///
    /// # Errors
    /// [`Error::Internal`] when it cannot be written as JSON.
    pub fn json(&self) -> Result<Bytes, Error> {
        match &self.0.json {
            Ok(json) => Ok(json.clone()),
            Err(fault) => Err(Error::Internal(anyhow::anyhow!("the OpenAPI document: {fault}"))),
        }
    }

    /// The methods that a path is served for, as `Allow` writes them. Files and pages, which are not in the document,
    /// are only read.
    #[must_use]
    pub fn methods_of(&self, path: &str) -> &str {
        self.0.methods.get(path).map_or("GET, HEAD", String::as_str)
    }
}

impl Written {
    fn new() -> Self {
        let document = document();
        let methods = |item: &PathItem| {
            let methods = [
                ("GET, HEAD", &item.get),
                ("POST", &item.post),
                ("PUT", &item.put),
                ("DELETE", &item.delete),
            ];
            let served = methods.iter().filter(|(_, operation)| operation.is_some());
            served.map(|(method, _)| *method).collect::<Vec<_>>().join(", ")
        };
        let paths = document.paths.paths.iter();
        Self {
            json: serde_json::to_vec(&document).map(Bytes::from),
            methods: paths.map(|(path, item)| (path.clone(), methods(item))).collect(),
        }
    }
}
