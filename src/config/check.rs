//! Turns the text of a setting into a value, or says what is wrong with the text.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use ipnet::IpNet;
use secrecy::SecretString;
use tracing_subscriber::EnvFilter;
use url::{Origin, Url};

/// How to write a URL, said where one is wrong.
pub(super) const A_URL: &str = "write http://HOST or https://HOST, with a port or path where needed";
/// How to write an origin, said where one is wrong.
pub(super) const AN_ORIGIN: &str = "write https://HOST or https://HOST:PORT, nothing behind it";

/// What is wrong, as the middle of a sentence.
type Checked<T> = Result<T, &'static str>;

/// An address and port to bind.
pub(super) fn socket(text: &str) -> Checked<SocketAddr> {
    text.parse().map_err(|_ignored| "is not an IP address and a port")
}

/// A network, or an address as the network of itself.
pub(super) fn network(text: &str) -> Checked<IpNet> {
    let network = text
        .parse()
        .or_else(|_not_a_network| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_ignored| "is neither an IP address nor a network")
}

/// A URL to put paths behind.
pub(super) fn base_url(text: &str) -> Checked<Url> {
    const WRONG: &str = "is not a URL of http or https";
    let written = lower_scheme(text).ok_or(WRONG)?;
    // The parser drops or turns what these are; a setting is taken as written or not at all.
    if written.contains(|c: char| c.is_whitespace() || c.is_control() || c == '\\') {
        return Err("is a URL with white space or a backslash in it");
    }
    if written.contains(['?', '#']) {
        return Err("is a URL with a query or fragment");
    }
    if written
        .split('/')
        .next()
        .is_none_or(|authority| authority.is_empty() || authority.contains('@'))
    {
        return Err("is a URL without a host, or with a user name in it");
    }
    Url::parse(text).map_err(|_ignored| WRONG)
}

/// An exact origin.
pub(super) fn origin(text: &str) -> Checked<Origin> {
    const WRONG: &str = "is not an origin";
    let authority = lower_scheme(text).ok_or(WRONG)?;
    if authority.contains('*') {
        return Err("is a pattern: each origin has to be named");
    }
    let junk = |c: char| c.is_whitespace() || c.is_control() || matches!(c, '/' | '\\' | '?' | '#' | '@' | '%');
    if authority.is_empty() || authority.ends_with(':') || authority.contains(junk) {
        return Err("has more than scheme, host and port");
    }
    Url::parse(text).map(|url| url.origin()).map_err(|_ignored| WRONG)
}

/// What follows `http://` or `https://`, written just so.
fn lower_scheme(text: &str) -> Option<&str> {
    text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))
}

/// The database: one of three kinds. `postgresql://` is the same as `postgres://`, and comes out as the latter.
pub(super) fn database(text: &str) -> Checked<String> {
    if text
        .strip_prefix("sqlite:")
        .is_some_and(|file| !file.trim_start_matches('/').is_empty())
    {
        return Ok(text.to_owned());
    }
    let text = match text.strip_prefix("postgresql://") {
        Some(rest) => format!("postgres://{rest}"),
        None => text.to_owned(),
    };
    server(&text, &["postgres", "mysql"])?;
    Ok(text)
}

/// The cache: this process or a server.
pub(super) fn cache(text: &str) -> Checked<String> {
    if text != "memory:" {
        server(text, &["redis", "rediss"])?;
    }
    Ok(text.to_owned())
}

/// A URL of a server of one of these schemes. A `#` in a password would cut the URL off.
fn server(text: &str, schemes: &[&str]) -> Checked<()> {
    let url = Url::parse(text).map_err(|_ignored| "is not a URL that can be read")?;
    if !schemes.contains(&url.scheme()) {
        return Err("is not of a kind that is known");
    }
    if url.fragment().is_some() {
        return Err("has a #, which a password has to write as %23");
    }
    if !url.has_host() {
        return Err("names no host");
    }
    Ok(())
}

/// The 43 characters that stand for the 32 bytes of a callback's AES key (base64 less its one `=`).
pub(super) fn aes_key(text: &str) -> Checked<SecretString> {
    let base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/');
    if text.len() == 43 && text.bytes().all(base64) {
        Ok(text.into())
    } else {
        Err("is not an AES key of 43 characters")
    }
}

/// What the signing keys are encrypted with.
pub(super) fn master_key(text: &str) -> Checked<SecretString> {
    if text.chars().count() >= 32 {
        Ok(text.into())
    } else {
        Err("is shorter than 32 characters")
    }
}

/// `iss` of our tokens: a URL, kept as it is written, for it is compared character by character.
pub(super) fn issuer(text: &str) -> Checked<String> {
    base_url(text).map(|_url| text.to_owned())
}

/// A userid of DingTalk.
pub(super) fn userid(text: &str) -> Checked<String> {
    if text.len() > 64 || text.contains(|c: char| c.is_whitespace() || c.is_control()) {
        return Err("is not a userid");
    }
    Ok(text.to_owned())
}

/// A name of a role of ours.
pub(super) fn role(text: &str) -> Checked<String> {
    if text.len() > 64 || !text.chars().all(|c| c.is_ascii_graphic()) {
        return Err("is not the name of a role");
    }
    Ok(text.to_owned())
}

/// A label of DingTalk's and the role that it brings.
pub(super) fn label_role(text: &str) -> Checked<(String, String)> {
    let (label, role_name) = text.rsplit_once('=').ok_or("has no = between label and role")?;
    let label = label.trim();
    if label.is_empty() || role_name.trim().is_empty() {
        return Err("has an empty label or role");
    }
    role(role_name.trim()).map(|role| (label.to_owned(), role))
}

/// Filter directives of a log.
pub(super) fn log_filter(text: &str) -> Checked<String> {
    EnvFilter::builder()
        .parse(text)
        .map_err(|_ignored| "is not a log filter")?;
    Ok(text.to_owned())
}

/// Whether a cookie of that domain comes back to that host: the host itself or a domain above it (RFC 6265
/// section 5.1.3), which has to have a dot, for browsers take no cookie for `com`.
pub(super) fn covers(domain: &str, host: &str) -> bool {
    let above = host.strip_suffix(domain).is_some_and(|sub| sub.ends_with('.'));
    domain == host || (above && domain.contains('.') && host.parse::<IpAddr>().is_err())
}

/// The URL by which a browser on this machine reaches a listener.
pub(super) fn local_url(listen: SocketAddr) -> Checked<Url> {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    base_url(&format!("http://{}", SocketAddr::new(ip, listen.port())))
}
