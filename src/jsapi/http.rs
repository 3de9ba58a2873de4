//! `POST /v1/jsapi/config`: another signed config, for single-page apps.

use actix_web::http::header::CACHE_CONTROL;
use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpResponse, post};
use serde::Deserialize;

use super::{Jsapi, SignedConfig};
use crate::config::app::DEFAULT_APP;
use crate::error::Error;
use crate::http::Body;

/// Mounts the routes together with what they lean on.
pub fn routes(jsapi: Jsapi) -> impl Fn(&mut ServiceConfig) + Clone {
    move |service| {
        service.app_data(Data::new(jsapi.clone())).service(config);
    }
}

/// Which page is to be signed.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub(crate) struct ConfigRequest {
    /// `location.href` of the page.
    url: String,
    /// The micro-app; `default` if absent.
    app: Option<String>,
}

/// Signs a page of the app's origins for `dd.config`.
#[utoipa::path(tag = "micro-apps", request_body = ConfigRequest,
    responses((status = 200, body = SignedConfig), (status = 400, description = "1101"), (status = 403, description = "1109"),
        (status = 502, description = "1102, 1111"), (status = 503, description = "1112, 1117")))]
#[post("/v1/jsapi/config")]
pub(crate) async fn config(jsapi: Data<Jsapi>, Body(request): Body<ConfigRequest>) -> Result<HttpResponse, Error> {
    let app = request.app.as_deref().unwrap_or(DEFAULT_APP);
    let page = jsapi.page(app, &request.url)?;
    let signed = jsapi.config(app, page).await?;
    Ok(HttpResponse::Ok()
        .insert_header((CACHE_CONTROL, "no-store"))
        .json(signed))
}
