//! Whoever may read the directory, as a parameter: a handler that takes one cannot be reached without.

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;

use crate::error::Error;
use crate::tokens::bearer::Bearer;

/// The scope that reading the directory needs.
pub const SCOPE: &str = "directory:read";

/// A business application whose access token has the scope `directory:read`.
pub struct Reader;

impl FromRequest for Reader {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self, Error>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let bearer = Bearer::from_request(request, payload);
        Box::pin(async move {
            let Bearer(claims) = bearer.await?;
            if claims.has_scope(SCOPE) {
                Ok(Self)
            } else {
                Err(Error::NotAllowed)
            }
        })
    }
}
