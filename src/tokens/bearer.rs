//! The bearer of an access token, as a parameter: a handler that takes one cannot be reached without (RFC 6750).

use std::future::{Ready, ready};
use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::http::header::AUTHORIZATION;
use actix_web::web::Data;
use actix_web::{FromRequest, HttpRequest};

use super::Tokens;
use super::claims::AccessClaims;
use crate::error::Error;

/// Whoever presents a valid access token of ours in the `Authorization` header.
pub struct Bearer(pub Arc<AccessClaims>);

impl FromRequest for Bearer {
    type Error = Error;
    type Future = Ready<Result<Self, Error>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(bearer(request).map(Self))
    }
}

fn bearer(request: &HttpRequest) -> Result<Arc<AccessClaims>, Error> {
    const MISSING: Error = Error::InvalidToken("send the access token as: Authorization: Bearer <token>");
    let header = request
        .headers()
        .get(AUTHORIZATION)
        .ok_or(MISSING)?
        .to_str()
        .ok()
        .ok_or(MISSING)?;
    let (scheme, token) = header.split_once(' ').ok_or(MISSING)?;
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(MISSING);
    }
    let tokens = request.app_data::<Data<Tokens>>().ok_or(Error::NotFound)?;
    tokens.verify(token.trim())
}
