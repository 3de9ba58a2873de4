//! The URL of a page as its front end sends it, and as it is signed.

use std::borrow::Cow;

use url::{Origin, Url};

use crate::error::Error;

/// The longest URL that is taken.
const MAX_BYTES: usize = 4096;

/// The URL of a page that may be signed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageUrl(String);

impl PageUrl {
    /// The text to sign.
    #[must_use]
    pub fn signed_text(&self) -> &str {
        &self.0
    }

    /// The same, kept.
    #[must_use]
    pub fn into_signed_text(self) -> String {
        self.0
    }
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
    /// A host or port that a browser would have written in another way.
    #[error("its host and port are not written as in location.href")]
    Authority,
    /// A page of another origin.
    #[error("its origin is not among those allowed")]
    Foreign,
}

impl PageUrlError {
    /// How a request is answered that has sent such a URL as this parameter.
    #[must_use]
    pub fn answer(self, parameter: &str) -> Error {
        match self {
            Self::Foreign => Error::UrlNotAllowed,
            fault => Error::InvalidRequest(format!("{parameter}: {fault}")),
        }
    }
}

/// The origins of which pages are taken, each as a browser writes it.
#[derive(Debug)]
pub struct Origins(Vec<String>);

impl FromIterator<Origin> for Origins {
    fn from_iter<I: IntoIterator<Item = Origin>>(origins: I) -> Self {
        let written = origins.into_iter().map(|origin| origin.ascii_serialization());
        Self(written.collect())
    }
}

impl Origins {
    /// Reads what the front end sent, if the page is of one of these: same scheme, host and port. The signed text keeps
    /// scheme, authority and path as they came; the fragment is dropped and the query decoded once (dingtalk-api,
    /// section 2.3). Bytes of the query that are not UTF-8 become U+FFFD, and a `%` without two hex digits stays: the
    /// form decoding of the URL standard, by which the platform reads such a URL too.
    ///
    /// # Errors
    /// [`PageUrlError`] for a foreign page, and for whatever could be read in two ways.
    pub fn page(&self, text: &str) -> Result<PageUrl, PageUrlError> {
        if text.is_empty() || text.len() > MAX_BYTES {
            return Err(PageUrlError::Length);
        }
        let never_shown = |letter: char| match letter {
            '\\' => true,
            _ if letter.is_ascii_graphic() => false,
            _ => letter.is_whitespace() || letter.is_control(),
        };
        if text.contains(never_shown) {
            return Err(PageUrlError::Character);
        }
        let (scheme, rest) = text.split_once("://").ok_or(PageUrlError::NotAPage)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let before_path = text.get(..scheme.len() + "://".len() + authority.len()).unwrap_or(text);
        let is_allowed = |origin: &str| self.0.iter().any(|allowed| allowed == origin);
        // Nearly all are written as a browser writes them, and then there is nothing to find out.
        if !is_allowed(before_path) && !is_allowed(&origin_of(scheme, authority, before_path)?) {
            return Err(PageUrlError::Foreign);
        }
        let shown = text.split('#').next().unwrap_or_default();
        let signed = match shown.split_once('?') {
            Some((page, query)) => [page, &decode(query)].join("?"),
            None => shown.to_owned(),
        };
        Ok(PageUrl(signed))
    }
}

/// The origin, as a browser writes it, of whatever begins with this scheme and authority. What follows them is a path, a
/// query or a fragment: nothing in it is an error or moves the origin.
fn origin_of(scheme: &str, authority: &str, before_path: &str) -> Result<String, PageUrlError> {
    let is_web = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    if !is_web || authority.is_empty() {
        return Err(PageUrlError::NotAPage);
    }
    if authority.contains('@') {
        return Err(PageUrlError::UserInfo);
    }
    let url = Url::parse(before_path).map_err(|_fault| PageUrlError::NotAPage)?;
    if !is_plain(authority, url.host_str().unwrap_or_default()) {
        return Err(PageUrlError::Authority);
    }
    Ok(url.origin().ascii_serialization())
}

/// Whether an authority says just what the parser made of it, but for capitals: no number for an address, no escapes,
/// no letters beyond ASCII (a browser shows `xn--…`), no empty or padded port.
fn is_plain(authority: &str, host: &str) -> bool {
    let port = match authority.split_at_checked(host.len()) {
        Some((written, port)) if written.eq_ignore_ascii_case(host) => port,
        _ => return false,
    };
    port.is_empty()
        || port
            .strip_prefix(':')
            .is_some_and(|port| port.parse::<u16>().is_ok_and(|n| n.to_string() == port))
}

/// Decodes once, form style.
fn decode(query: &str) -> Cow<'_, str> {
    if !query.contains(['%', '+']) {
        return Cow::Borrowed(query);
    }
    let hex = |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16));
    let mut decoded = Vec::with_capacity(query.len());
    let mut rest = query.as_bytes();
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
    Cow::Owned(String::from_utf8_lossy(&decoded).into_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rstest::rstest;
    use url::Url;

    use super::{MAX_BYTES, Origins, PageUrl, PageUrlError};

    /// Reads a URL where pages of this origin are taken.
    fn read(origin: &str, text: &str) -> Result<PageUrl, PageUrlError> {
        Origins::from_iter([Url::parse(origin).unwrap().origin()]).page(text)
    }

    #[test]
    fn the_published_example_is_signed_as_published() {
        let page = read(
            "https://abc.com",
            "https://abc.com?url=http%3A%2F%2Fabc.com%2Fsomewhere&a=1",
        )
        .unwrap();
        assert_eq!(page.signed_text(), "https://abc.com?url=http://abc.com/somewhere&a=1");
    }

    #[rstest]
    #[case("https://ok.example", "https://ok.example")]
    #[case("https://ok.example/?", "https://ok.example/?")]
    #[case("https://ok.example/a?b=1#c?d", "https://ok.example/a?b=1")]
    #[case("https://ok.example/#/route?x=%20", "https://ok.example/")]
    #[case(
        "https://ok.example/%E5%A4%A7/a+b/../c?q=a+b%2Bc",
        "https://ok.example/%E5%A4%A7/a+b/../c?q=a b+c"
    )]
    #[case(
        "https://ok.example/?q=%25E5&r=%E5%A4%A7&s=大",
        "https://ok.example/?q=%E5&r=大&s=大"
    )]
    #[case("https://ok.example/?a?b=%23c", "https://ok.example/?a?b=#c")]
    #[case("https://ok.example/?broken=%zz&cut=%e", "https://ok.example/?broken=%zz&cut=%e")]
    #[case("https://ok.example/?gbk=%C4%E3", "https://ok.example/?gbk=\u{fffd}\u{fffd}")]
    #[case("https://ok.example:443/", "https://ok.example:443/")]
    #[case("HTTPS://OK.Example/A", "HTTPS://OK.Example/A")]
    fn only_the_query_is_decoded_and_only_once(#[case] sent: &str, #[case] signed: &str) {
        assert_eq!(read("https://ok.example", sent).unwrap().signed_text(), signed);
    }

    #[rstest]
    #[case("https://xn--fsqu00a.example/", "https://xn--fsqu00a.example")]
    #[case("http://127.0.0.1:8080/", "http://127.0.0.1:8080")]
    #[case("http://[::1]:8080/", "http://[::1]:8080")]
    #[case("https://OK.example:443/", "https://ok.example")]
    fn the_origin_is_what_a_browser_says(#[case] sent: &str, #[case] origin: &str) {
        assert!(read(origin, sent).is_ok());
    }

    #[rstest]
    #[case("https://ok.example.evil.example/")]
    #[case("https://evil.example/https://ok.example")]
    #[case("https://evil.example/#https://ok.example")]
    #[case("https://evil.example?https://ok.example/")]
    #[case("https://ok.example:444/")]
    #[case("https://ok.example./")]
    #[case("https://xn--k-0tb.example/")]
    #[case("http://ok.example/")]
    #[case("http://ok.example:443/")]
    fn another_page_is_not_of_an_allowed_origin(#[case] sent: &str) {
        assert_eq!(read("https://ok.example", sent), Err(PageUrlError::Foreign));
    }

    #[rstest]
    #[case("", PageUrlError::Length)]
    #[case("//ok.example/", PageUrlError::NotAPage)]
    #[case("https:ok.example/", PageUrlError::NotAPage)]
    #[case("https:/ok.example/", PageUrlError::NotAPage)]
    #[case("https:///ok.example/", PageUrlError::NotAPage)]
    #[case("javascript:alert(1)", PageUrlError::NotAPage)]
    #[case("javascript://ok.example/%0aalert(1)", PageUrlError::NotAPage)]
    #[case("file://ok.example/", PageUrlError::NotAPage)]
    #[case("blob:https://ok.example/1", PageUrlError::NotAPage)]
    #[case("https://ok.example:99999/", PageUrlError::NotAPage)]
    #[case("https://ok.example@evil.example/", PageUrlError::UserInfo)]
    #[case("https://@ok.example/", PageUrlError::UserInfo)]
    #[case("https:\\\\ok.example/", PageUrlError::Character)]
    #[case("https://ok.example\\@evil.example/", PageUrlError::Character)]
    #[case("https://ok.\texample/", PageUrlError::Character)]
    #[case("ht\ntps://ok.example/", PageUrlError::Character)]
    #[case(" https://ok.example/", PageUrlError::Character)]
    #[case("https://ok.example/\u{3000}", PageUrlError::Character)]
    #[case("https://ok%2Eexample/", PageUrlError::Authority)]
    #[case("https://ok。example/", PageUrlError::Authority)]
    #[case("https://ｏｋ.example/", PageUrlError::Authority)]
    #[case("https://o\u{ad}k.example/", PageUrlError::Authority)]
    #[case("https://例子.example/", PageUrlError::Authority)]
    #[case("https://2130706433/", PageUrlError::Authority)]
    #[case("https://0x7f.1/", PageUrlError::Authority)]
    #[case("https://[0:0::1]/", PageUrlError::Authority)]
    #[case("https://ok.example:/", PageUrlError::Authority)]
    #[case("https://ok.example:0443/", PageUrlError::Authority)]
    fn what_could_be_read_in_two_ways_is_refused(#[case] sent: &str, #[case] fault: PageUrlError) {
        assert_eq!(read("https://ok.example", sent), Err(fault));
    }

    #[test]
    fn the_length_is_bounded() {
        let longest = format!("https://ok.example/{}", "a".repeat(MAX_BYTES - 19));
        assert!(read("https://ok.example", &longest).is_ok());
        assert_eq!(
            read("https://ok.example", &format!("{longest}a")),
            Err(PageUrlError::Length)
        );
    }

    proptest! {
        #[test]
        fn no_page_is_foreign_to_the_origin_that_a_browser_sees(
            text in "((https?|HTTP)://)?[a-zB.]{0,3}[a-z@:/?#%.\\\\ +0-9\\[\\]\u{ff4f}]{0,30}",
        ) {
            if let Ok(seen) = Url::parse(&text) && seen.origin().is_tuple() {
                let page = read(&seen.origin().ascii_serialization(), &text);
                prop_assert_ne!(&page, &Err(PageUrlError::Foreign));
                if let Ok(page) = page {
                    prop_assert!(seen.username().is_empty() && seen.password().is_none());
                    prop_assert!(!page.signed_text().is_empty());
                }
            }
        }

        #[test]
        fn whatever_is_taken_is_of_the_allowed_origin_as_a_browser_sees_it(
            text in "(https?|HTTPS)://[a-c.]{1,2}(:(80|443|81))?[/?#@:a]{0,3}",
            origin in "https?://[a-c]{1,2}(:(80|443|81))?",
        ) {
            let allowed = Url::parse(&origin).unwrap().origin();
            if read(&origin, &text).is_ok() {
                prop_assert_eq!(Url::parse(&text).unwrap().origin(), allowed);
            }
        }

        #[test]
        fn no_text_whatsoever_makes_it_panic(text in any::<String>(), query in any::<String>()) {
            let _ = read("https://ok.example", &text);
            let _ = read("https://ok.example", &format!("https://ok.example/?{query}"));
        }
    }
}
