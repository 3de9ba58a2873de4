//! The files of `static/`, which are inside the binary.

use actix_web::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, ETAG, IF_NONE_MATCH};
use actix_web::web::{Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, get};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rust_embed::RustEmbed;

use crate::error::Error;

/// Our pages load nothing from elsewhere, but for pictures of employees.
const POLICY: &str = "default-src 'self'; img-src 'self' data: http: https:; base-uri 'none'; frame-ancestors 'self'";

#[derive(RustEmbed)]
#[folder = "static/"]
struct Files;

/// Mounts `/static/…`.
pub(super) fn routes(service: &mut ServiceConfig) {
    service.service(file);
}

/// Mounts the demo micro-app's page at the root.
pub(super) fn demo_page(service: &mut ServiceConfig) {
    service.service(index);
}

#[get("/static/{path:.*}")]
async fn file(request: HttpRequest, path: Path<String>) -> Result<HttpResponse, Error> {
    answer(&request, &path)
}

#[get("/")]
async fn index(request: HttpRequest) -> Result<HttpResponse, Error> {
    answer(&request, "index.html")
}

fn answer(request: &HttpRequest, path: &str) -> Result<HttpResponse, Error> {
    let embedded = Files::get(path).ok_or(Error::NotFound)?;
    let tag = format!("\"{}\"", URL_SAFE_NO_PAD.encode(embedded.metadata.sha256_hash()));
    let known = request
        .headers()
        .get(IF_NONE_MATCH)
        .is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if known {
        HttpResponse::NotModified()
    } else {
        HttpResponse::Ok()
    };
    response
        .insert_header((ETAG, tag))
        .insert_header((CACHE_CONTROL, "no-cache"))
        .insert_header((CONTENT_SECURITY_POLICY, POLICY))
        .content_type(embedded.metadata.mimetype());
    Ok(if known {
        response.finish()
    } else {
        response.body(embedded.data.into_owned())
    })
}
