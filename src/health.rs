//! Whether this instance lives, and whether it can serve.

use std::sync::Arc;

use actix_web::web::{Data, ServiceConfig};
use actix_web::{HttpResponse, get};
use serde_json::json;

use crate::cache::Cache;
use crate::database::Database;

/// What must be there to serve.
#[derive(Clone)]
pub struct Health {
    /// What may not be lost.
    pub database: Database,
    /// What may.
    pub cache: Cache,
    /// Tells of what else there is to know, and does not keep from serving: part, and in a word how it is.
    pub notes: Arc<[Note]>,
}

/// A part with how it is.
pub type Note = (&'static str, Box<dyn Fn() -> &'static str + Send + Sync>);

/// Mounts the routes together with what they lean on.
pub fn routes(health: Health) -> impl Fn(&mut ServiceConfig) + Clone {
    move |service| {
        service.app_data(Data::new(health.clone())).service(live).service(ready);
    }
}

/// The process answers.
#[utoipa::path(tag = "operations", responses((status = 200, body = BTreeMap<String, String>, description = "alive")))]
#[get("/health/live")]
pub(crate) async fn live() -> HttpResponse {
    HttpResponse::Ok().json(json!({"status": "ok"}))
}

/// Database and cache answer too; says which does not.
#[utoipa::path(tag = "operations",
    responses((status = 200, body = BTreeMap<String, String>, description = "ready"),
        (status = 503, body = BTreeMap<String, String>, description = "not ready")))]
#[get("/health/ready")]
pub(crate) async fn ready(health: Data<Health>) -> HttpResponse {
    let (database, cache) = tokio::join!(health.database.ping(), health.cache.ping());
    let word = |up: bool| if up { "ok" } else { "away" };
    let mut body = json!({
        "status": word(database.is_ok() && cache.is_ok()),
        "database": word(database.is_ok()),
        "cache": word(cache.is_ok()),
    });
    if let Some(parts) = body.as_object_mut() {
        parts.extend(
            health
                .notes
                .iter()
                .map(|(part, how)| ((*part).to_owned(), json!(how()))),
        );
    }
    if let Err(cause) = &database {
        tracing::warn!(%cause, "not ready: the database");
    }
    if let Err(cause) = &cache {
        tracing::warn!(%cause, "not ready: the cache");
    }
    if database.is_ok() && cache.is_ok() {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::ServiceUnavailable().json(body)
    }
}
