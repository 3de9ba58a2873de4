//! `[tokens]`: the tokens that we issue.

use std::time::Duration;

use url::Url;

use super::check::{self, A_URL};
use super::reader::{Read, Reader};

/// The tokens that we issue.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// `iss` of every token.
    pub issuer: String,
    /// Life of an access token.
    pub access_ttl: Duration,
    /// Life of a refresh token, counted anew at each refresh.
    pub refresh_ttl: Duration,
    /// Life of a browser's sign-in, after which it is asked again.
    pub browser_ttl: Duration,
    /// Signature of access tokens.
    pub algorithm: Algorithm,
    /// How long a signing key signs before another takes its place; none: until `key rotate` is run.
    pub rotate_every: Option<Duration>,
    /// Domain of our session cookie; none: the host of `public_url` alone.
    pub cookie_domain: Option<String>,
}

/// Signature algorithms, by their JOSE names (RFC 7518, RFC 8037).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// ECDSA on P-256 with SHA-256.
    Es256,
    /// Ed25519.
    EdDsa,
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
}

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Es256, Self::EdDsa, Self::Rs256];

    /// The JOSE name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::EdDsa => "EdDSA",
            Self::Rs256 => "RS256",
        }
    }

    /// The algorithm of that JOSE name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }
}

/// Reads the section.
pub(super) fn read(r: &mut Reader<'_>, public_url: Read<&Url>) -> Read<Tokens> {
    let issuer = r.checked("tokens.issuer", check::issuer, A_URL);
    let access_ttl_s = r.number("tokens.access_ttl_s", 60..=86_400);
    let refresh_ttl_s = r.number("tokens.refresh_ttl_s", access_ttl_s.unwrap_or(60)..=31_536_000);
    let browser_ttl_s = r.number("tokens.browser_ttl_s", 300..=31_536_000);
    let algorithm = r.choice(
        "tokens.algorithm",
        &Algorithm::ALL.map(|algorithm| (algorithm.name(), algorithm)),
    );
    let rotate_every_days: Read<u64> = r.number("tokens.rotate_every_days", 0..=3650);
    let cookie_domain = r.word("tokens.cookie_domain", 253);
    let public_url = public_url?;
    let cookie_domain = cookie_domain?.map(|domain| domain.trim_start_matches('.').to_ascii_lowercase());
    if let Some(domain) = &cookie_domain
        && !check::covers(domain, public_url.host_str().unwrap_or_default())
    {
        let instead = "write that host, or a domain above it as in example.com";
        return Err(r.fault(
            "tokens.cookie_domain",
            "does not cover the host of http.public_url",
            instead,
        ));
    }
    Ok(Tokens {
        issuer: issuer?.unwrap_or_else(|| public_url.as_str().trim_end_matches('/').to_owned()),
        access_ttl: Duration::from_secs(access_ttl_s?),
        refresh_ttl: Duration::from_secs(refresh_ttl_s?),
        browser_ttl: Duration::from_secs(browser_ttl_s?),
        algorithm: algorithm?,
        rotate_every: Some(rotate_every_days?)
            .filter(|days| *days > 0)
            .map(|days| Duration::from_hours(24 * days)),
        cookie_domain,
    })
}
