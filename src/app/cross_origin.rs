//! Which pages may call us from their browser: those of the apps' origins and of the clients' redirect URIs.

use std::sync::Arc;

use actix_cors::{Cors, CorsError};
use actix_web::HttpResponse;
use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;

use crate::clients::Clients;
use crate::error::Error;

/// The pages that may call us, without cookies.
#[derive(Clone)]
pub(super) struct Callers {
    pub(super) origins: Arc<[String]>,
    pub(super) clients: Clients,
}

impl Callers {
    /// Goes around every request: lets these pages read what is answered.
    pub(super) fn answers(self) -> Cors {
        // A preflight is answered within, where whatever is refused gets the one error shape.
        self.rules().disable_preflight()
    }

    /// Answers preflights, wherever they go.
    pub(super) fn preflights(self) -> Cors {
        self.rules()
            .allowed_methods(["GET", "POST"])
            .allowed_headers(["authorization", "content-type"])
            .max_age(3600)
            .disable_vary_header()
    }

    fn rules(self) -> Cors {
        Cors::default()
            .allowed_origin_fn(move |origin, _| {
                self.origins
                    .iter()
                    .any(|allowed| allowed.as_bytes() == origin.as_bytes())
                    || self
                        .clients
                        .known()
                        .values()
                        .any(|client| client.is_of_origin(origin.as_bytes()))
            })
            .expose_headers(["retry-after", "x-request-id"])
            .block_on_origin_mismatch(false)
    }
}

/// Says in our words why a preflight is refused.
///
/// # Errors
/// Those of what lies within.
pub(super) async fn tell_refusal(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<impl MessageBody>, actix_web::Error> {
    let response = next.call(request).await?;
    let refusal = response
        .response()
        .error()
        .and_then(|error| error.as_error::<CorsError>());
    let error = match refusal {
        None => return Ok(response.map_into_left_body()),
        Some(CorsError::OriginNotAllowed) => Error::UrlNotAllowed,
        Some(other) => Error::InvalidRequest(other.to_string()),
    };
    Ok(response
        .into_response(HttpResponse::from_error(error))
        .map_into_right_body())
}
