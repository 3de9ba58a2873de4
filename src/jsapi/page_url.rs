//! The URL of a page as its front end sends it, and as it is signed.

use std::borrow::Cow;

use url::{Origin, Url};

/// The longest URL that is taken.
const MAX_BYTES: usize = 4096;

/// A page's URL: its origin for the check, its text for the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageUrl {
    origin: Origin,
    signed: String,
}

/// Why a URL is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PageUrlError {
    /// Empty or beyond 4096 bytes.
    #[error("send location.href, 1 to 4096 bytes")]
    Length,
    /// A character that a browser never shows in `location.href`.
    #[error("it holds white space, a control character or a backslash")]
    Character,
    /// Not a URL of a web page.
    #[error("it is not an http or https URL with a host")]
    NotAPage,
    /// A user name or password before the host.
    #[error("it names a user before the host")]
    UserInfo,
}

impl PageUrl {
    /// Reads what the front end sent. The signed text keeps scheme, authority and path as they came; the fragment is
    /// dropped and the query decoded once (dingtalk-api, section 2.3). A query that does not decode to UTF-8 is
    /// kept as it came: a web view cannot show it decoded either.
    ///
    /// # Errors
    /// [`PageUrlError`] for whatever could be read in two ways.
    pub fn parse(text: &str) -> Result<Self, PageUrlError> {
        if text.is_empty() || text.len() > MAX_BYTES {
            return Err(PageUrlError::Length);
        }
        if text
            .chars()
            .any(|character| character.is_whitespace() || character.is_control() || character == '\\')
        {
            return Err(PageUrlError::Character);
        }
        let (scheme, rest) = text.split_once("://").ok_or(PageUrlError::NotAPage)?;
        if !(scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"))
            || rest.starts_with(['/', '?', '#'])
        {
            return Err(PageUrlError::NotAPage);
        }
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(PageUrlError::UserInfo);
        }
        let url = Url::parse(text).map_err(|_fault| PageUrlError::NotAPage)?;
        let shown = text.split('#').next().unwrap_or_default();
        let signed = match shown.split_once('?') {
            Some((page, query)) => format!("{page}?{}", decode(query)),
            None => shown.to_owned(),
        };
        Ok(Self {
            origin: url.origin(),
            signed,
        })
    }

    /// The text to sign.
    #[must_use]
    pub fn signed_text(&self) -> &str {
        &self.signed
    }

    /// Whether the page is of one of `origins`: same scheme, host and port.
    #[must_use]
    pub fn allowed(&self, origins: &[Origin]) -> bool {
        origins.contains(&self.origin)
    }
}

/// Decodes once, form style.
fn decode(query: &str) -> Cow<'_, str> {
    if !query.contains(['%', '+']) {
        return Cow::Borrowed(query);
    }
    let hex = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let bytes = query.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        match (first, hex(after.first()), hex(after.get(1))) {
            (b'%', Some(high), Some(low)) => {
                decoded.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
                rest = after.get(2..).unwrap_or_default();
            }
            (b'+', ..) => decoded.push(b' '),
            _ => decoded.push(*first),
        }
    }
    String::from_utf8(decoded).map_or(Cow::Borrowed(query), Cow::Owned)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use url::Url;

    use super::PageUrl;

    #[test]
    fn the_published_example_is_signed_as_published() {
        let page = PageUrl::parse("https://abc.com?url=http%3A%2F%2Fabc.com%2Fsomewhere&a=1").unwrap();
        assert_eq!(page.signed_text(), "https://abc.com?url=http://abc.com/somewhere&a=1");
    }

    #[rstest]
    #[case("https://ok.example/a?b=1#c", "https://ok.example/a?b=1")]
    #[case("https://ok.example/%E5%A4%A7?q=a+b%2Bc", "https://ok.example/%E5%A4%A7?q=a b+c")]
    #[case("https://ok.example:443/", "https://ok.example:443/")]
    #[case("https://ok.example/?broken=%zz&cut=%e", "https://ok.example/?broken=%zz&cut=%e")]
    fn only_the_query_is_decoded_and_only_once(#[case] sent: &str, #[case] signed: &str) {
        assert_eq!(PageUrl::parse(sent).unwrap().signed_text(), signed);
    }

    #[rstest]
    #[case("https://ok.example@evil.example/")]
    #[case("https://ok.example.evil.example/")]
    #[case("https://ok.example:444/")]
    #[case("http://ok.example/")]
    #[case("//ok.example/")]
    #[case("https:ok.example/")]
    #[case("https:///ok.example/")]
    #[case("https:\\\\ok.example/")]
    #[case("https://evil.example\\@ok.example/")]
    #[case("https://evil.example/#https://ok.example")]
    #[case("javascript:alert(1)//https://ok.example")]
    #[case("https://ok.\texample/")]
    #[case("")]
    fn a_hostile_url_is_never_of_an_allowed_origin(#[case] sent: &str) {
        let allowed = [Url::parse("https://ok.example").unwrap().origin()];
        assert!(!PageUrl::parse(sent).is_ok_and(|page| page.allowed(&allowed)), "{sent}");
    }

    proptest! {
        #[test]
        fn whatever_is_taken_has_the_origin_that_a_browser_sees(text in "(https?://)?[a-z@:/?#%.\\\\ +0-9]{0,40}") {
            if let Ok(page) = PageUrl::parse(&text) {
                let seen = Url::parse(&text).unwrap();
                prop_assert!(page.allowed(&[seen.origin()]));
                prop_assert!(seen.username().is_empty() && seen.password().is_none());
            }
        }
    }
}
