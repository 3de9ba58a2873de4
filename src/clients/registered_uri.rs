//! URIs that a client registers: what may be registered, and how a presented one is compared.

use url::Url;

/// The longest URI that is registered.
const LONGEST: usize = 2048;

/// Why a URI cannot be registered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Empty, too long, or with characters that a URI has none of.
    #[error("is not 1 to 2048 visible ASCII characters")]
    Characters,
    /// Not absolute, or of a scheme that runs code or names no host.
    #[error("is not an absolute http, https or private-use (com.example.app:/…) URI")]
    Scheme,
    /// A fragment (RFC 6749 section 3.1.2).
    #[error("has a fragment")]
    Fragment,
    /// A user name or password before the host.
    #[error("names a user before the host")]
    UserInfo,
    /// Written otherwise than a browser would send it, as with `..` or capitals in the host.
    #[error("is not written as a browser would send it; that is how it is compared")]
    NotPlain,
}

/// Checks a URI to which browsers will be sent.
///
/// # Errors
/// [`UriError`].
pub fn check_redirect(text: &str) -> Result<(), UriError> {
    let url = parse(text)?;
    let web = matches!(url.scheme(), "http" | "https") && url.host_str().is_some_and(|host| !host.is_empty());
    // RFC 8252 section 7.1: a private-use scheme is a domain name turned round, so it has a dot.
    if web || url.scheme().contains('.') {
        Ok(())
    } else {
        Err(UriError::Scheme)
    }
}

/// Checks a URI that this service itself will call.
///
/// # Errors
/// [`UriError`].
pub fn check_called(text: &str) -> Result<(), UriError> {
    let url = parse(text)?;
    if matches!(url.scheme(), "http" | "https") {
        Ok(())
    } else {
        Err(UriError::Scheme)
    }
}

fn parse(text: &str) -> Result<Url, UriError> {
    if text.is_empty() || text.len() > LONGEST || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(UriError::Characters);
    }
    let url = Url::parse(text).map_err(|_fault| UriError::Scheme)?;
    if text.contains('#') {
        return Err(UriError::Fragment);
    }
    if !url.username().is_empty() || url.password().is_some() || authority(text).contains('@') {
        return Err(UriError::UserInfo);
    }
    // `https://host` is sent as `https://host/`; either may be registered, for clients compare by text too.
    if url.as_str() == text || url.as_str().strip_suffix('/') == Some(text) {
        Ok(url)
    } else {
        Err(UriError::NotPlain)
    }
}

fn authority(text: &str) -> &str {
    text.split_once("://")
        .and_then(|(_, rest)| rest.split(['/', '?', '\\']).next())
        .unwrap_or_default()
}

/// Whether a presented URI is a registered one: the same text, nothing cleverer (RFC 9700 section 2.1).
#[must_use]
pub fn is_registered(registered: &[String], presented: &str) -> bool {
    registered.iter().any(|uri| uri == presented)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;

    use super::{UriError, check_called, check_redirect, is_registered};

    #[rstest]
    #[case("https://app.example/cb")]
    #[case("https://app.example")]
    #[case("http://127.0.0.1:8080/cb?x=1")]
    #[case("com.example.app:/cb")]
    fn what_a_browser_can_be_sent_to_is_registered(#[case] uri: &str) {
        assert_eq!(check_redirect(uri), Ok(()));
    }

    #[rstest]
    #[case("", UriError::Characters)]
    #[case("/cb", UriError::Scheme)]
    #[case("javascript:alert(1)", UriError::Scheme)]
    #[case("data:text/html,x", UriError::Scheme)]
    #[case("https://app.example/cb#x", UriError::Fragment)]
    #[case("https://app.example/cb#", UriError::Fragment)]
    #[case("https://user@app.example/cb", UriError::UserInfo)]
    #[case("https://@app.example/cb", UriError::UserInfo)]
    #[case("https://app.example/a/../cb", UriError::NotPlain)]
    #[case("https://APP.example/cb", UriError::NotPlain)]
    #[case("https://app.example:443/cb", UriError::NotPlain)]
    #[case("https:\\\\app.example/cb", UriError::NotPlain)]
    #[case("https://app.example/c b", UriError::Characters)]
    fn what_could_be_read_in_two_ways_is_not(#[case] uri: &str, #[case] why: UriError) {
        assert_eq!(check_redirect(uri), Err(why));
        assert!(check_called(uri).is_err());
    }

    proptest! {
        #[test]
        fn only_the_very_text_is_registered(presented in ".{0,80}") {
            let registered = ["https://app.example/cb".to_owned()];
            prop_assert_eq!(is_registered(&registered, &presented), presented == "https://app.example/cb");
        }

        #[test]
        fn whatever_is_registered_leads_to_the_host_that_it_names(text in "https://[a-z@:/?#.\\\\]{0,40}") {
            if check_redirect(&text).is_ok() {
                let host = text.trim_start_matches("https://").split(['/', '?', ':']).next().unwrap().to_owned();
                let url = url::Url::parse(&text).unwrap();
                prop_assert_eq!(url.host_str(), Some(host.as_str()));
            }
        }
    }
}
