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
    const MISSING: Error = Error::MissingToken("send the access token as: Authorization: Bearer <token>");
    let token = presented(request).ok_or(MISSING)?;
    let tokens = request.app_data::<Data<Tokens>>().ok_or(Error::NotFound)?;
    tokens.verify(token)
}

/// The token that a request presents by the scheme `Bearer`; none where it has another or no `Authorization` header.
#[must_use]
pub fn presented(request: &HttpRequest) -> Option<&str> {
    read(request.headers().get(AUTHORIZATION)?.to_str().ok()?)
}

/// The token of a header's text (RFC 6750 section 2.1).
fn read(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::read;

    #[test]
    fn the_scheme_is_read_in_any_case_and_no_other_is() {
        assert_eq!(read("Bearer a.b.c"), Some("a.b.c"));
        assert_eq!(read("bEARER  a.b.c "), Some("a.b.c"));
        for other in ["Basic a.b.c", "Bearera.b.c", "Bearer", "", " Bearer a.b.c"] {
            assert_eq!(read(other), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_read_stands_behind_the_scheme(header in "(Bearer|bearer|Basic)?[ \t]{0,2}\\PC{0,40}") {
            if let Some(token) = read(&header) {
                prop_assert!(header.ends_with(token) || header.trim_end().ends_with(token));
                prop_assert!(header.to_ascii_lowercase().starts_with("bearer "));
            }
        }
    }
}
