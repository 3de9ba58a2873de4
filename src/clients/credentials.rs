//! How a client says who it is at an endpoint of its own: by Basic, in the form, or by its id alone.

use actix_web::HttpRequest;
use actix_web::http::header::AUTHORIZATION;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::percent_decode_str;
use secrecy::SecretString;

use crate::error::{Error, OAuthError};

/// Longest `Authorization` header that is looked at.
const LONGEST_HEADER: usize = 1024;

/// What a client presents.
#[derive(Debug)]
pub struct Credentials {
    /// `client_id`.
    pub id: String,
    /// `client_secret`; none for a public client.
    pub secret: Option<SecretString>,
}

impl Credentials {
    /// Reads what a request presents: the header (RFC 6749 section 2.3.1), else the form's two fields. Both at once
    /// are refused.
    ///
    /// # Errors
    /// [`OAuthError::InvalidClient`] for none, [`Error::InvalidRequest`] for two kinds at once.
    pub fn of(request: &HttpRequest, form_id: Option<&str>, form_secret: Option<&str>) -> Result<Self, Error> {
        const NONE: Error = Error::oauth(
            OAuthError::InvalidClient,
            "the client must authenticate: client_secret_basic, client_secret_post, or its client_id if it is public",
        );
        let Some(header) = request.headers().get(AUTHORIZATION) else {
            let id = form_id.filter(|id| !id.is_empty()).ok_or(NONE)?;
            return Ok(Self {
                id: id.to_owned(),
                secret: form_secret.filter(|secret| !secret.is_empty()).map(SecretString::from),
            });
        };
        let (id, secret) = header
            .to_str()
            .ok()
            .filter(|text| text.len() <= LONGEST_HEADER)
            .and_then(basic)
            .ok_or(NONE)?;
        if form_secret.is_some() || form_id.is_some_and(|other| other != id) {
            return Err(Error::InvalidRequest(
                "the client authenticates in two ways at once; use one".to_owned(),
            ));
        }
        Ok(Self {
            id,
            secret: Some(SecretString::from(secret)),
        })
    }
}

/// Id and secret of a Basic header, each form-encoded within it (RFC 6749 section 2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim()).ok()?;
    let text = String::from_utf8(decoded).ok()?;
    let (id, secret) = text.split_once(':')?;
    Some((form_decoded(id)?, form_decoded(secret)?))
}

fn form_decoded(text: &str) -> Option<String> {
    let spaced = text.replace('+', " ");
    Some(percent_decode_str(&spaced).decode_utf8().ok()?.into_owned())
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use proptest::prelude::*;
    use secrecy::ExposeSecret as _;

    use super::{Credentials, STANDARD, basic};
    use base64::Engine as _;

    fn header(text: &str) -> actix_web::HttpRequest {
        TestRequest::default()
            .insert_header(("authorization", text))
            .to_http_request()
    }

    #[test]
    fn basic_is_form_encoded_inside() {
        let text = format!("Basic {}", STANDARD.encode("grafana%3A1:a%2Bb+c%25"));
        let read = Credentials::of(&header(&text), None, None).unwrap();
        assert_eq!(read.id, "grafana:1");
        assert_eq!(read.secret.unwrap().expose_secret(), "a+b c%");
    }

    #[test]
    fn two_ways_at_once_and_none_are_refused() {
        let text = format!("Basic {}", STANDARD.encode("a:b"));
        assert!(Credentials::of(&header(&text), Some("a"), Some("b")).is_err());
        assert!(Credentials::of(&header(&text), Some("other"), None).is_err());
        assert!(Credentials::of(&header(&text), Some("a"), None).is_ok());
        let bare = TestRequest::default().to_http_request();
        assert!(Credentials::of(&bare, None, Some("b")).is_err());
        assert!(Credentials::of(&bare, Some(""), None).is_err());
    }

    proptest! {
        #[test]
        fn no_header_makes_it_panic(text in "\\PC{0,60}", raw in proptest::collection::vec(any::<u8>(), 0..60)) {
            let _ = basic(&text);
            let _ = basic(&format!("Basic {}", STANDARD.encode(&raw)));
        }
    }
}
