//! Verifies an access token with jsonwebtoken (feature `aws_lc_rs`), and reqwest (feature `json`) to fetch the keys.

use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, Validation, decode, decode_header};
use serde::Deserialize;

/// What an application reads of a token; it says more.
#[derive(Deserialize)]
struct Employee {
    userid: String,
}

/// The claims of a good token.
fn employee(token: &str, keys: &JwkSet, issuer: &str, audience: &str) -> Result<Employee, Box<dyn std::error::Error>> {
    let header = decode_header(token)?;
    if header.typ.as_deref() != Some("at+jwt") {
        return Err("not an access token".into());
    }
    let kid = header.kid.ok_or("no kid")?;
    let key = keys.find(&kid).ok_or("an unknown key: fetch the keys again, once a minute at most")?;
    let mut validation = Validation::new(Algorithm::ES256);
    validation.set_issuer(&[issuer]);
    validation.set_audience(&[audience]);
    validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    Ok(decode(token, &DecodingKey::from_jwk(key)?, &validation)?.claims)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let issuer = std::env::var("SSO_URL")?;
    let audience = std::env::var("SSO_AUDIENCE").unwrap_or_else(|_| "default".to_owned());
    let token = std::env::args().nth(1).ok_or("which token?")?;
    // Keep them for five minutes.
    let keys: JwkSet = reqwest::get(format!("{issuer}/oauth2/jwks")).await?.json().await?;
    println!("{}", employee(&token, &keys, &issuer, &audience)?.userid);
    Ok(())
}
