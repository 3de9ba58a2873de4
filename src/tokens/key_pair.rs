//! One key pair: how it is made, sealed, published and used.

use anyhow::{Context as _, anyhow};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{DecodingKey, EncodingKey};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::seal::Sealer;
use super::signing_key;
use crate::config::tokens::Algorithm;

/// A key ready for use.
pub(super) struct KeyPair {
    pub(super) kid: String,
    pub(super) algorithm: Algorithm,
    pub(super) signing: EncodingKey,
    pub(super) verifying: DecodingKey,
    pub(super) public_jwk: Value,
    pub(super) signs_from: DateTime<Utc>,
    pub(super) published_until: Option<DateTime<Utc>>,
}

impl KeyPair {
    /// Opens a row of the table.
    pub(super) fn open(row: &signing_key::Model, sealer: &Sealer) -> anyhow::Result<Self> {
        let algorithm = Algorithm::named(&row.algorithm)
            .with_context(|| format!("a signing key of the unknown algorithm {}", row.algorithm))?;
        let private = sealer.open_sealed(&row.kid, &row.sealed_private).with_context(|| {
            format!(
                "the signing key {} does not open: is secrets.master_key the same?",
                row.kid
            )
        })?;
        let signing = match algorithm {
            Algorithm::Es256 => EncodingKey::from_ec_der(&private),
            Algorithm::EdDsa => EncodingKey::from_ed_der(&private),
            // The library's reader of DER wants PKCS #1, its reader of PEM takes what is kept here, PKCS #8.
            Algorithm::Rs256 => EncodingKey::from_rsa_pem(pem(&private).as_bytes())?,
        };
        let jwk: Jwk = serde_json::from_str(&row.public_jwk)?;
        Ok(Self {
            kid: row.kid.clone(),
            algorithm,
            signing,
            verifying: DecodingKey::from_jwk(&jwk)?,
            public_jwk: serde_json::from_str(&row.public_jwk)?,
            signs_from: row.signs_from,
            published_until: row.published_until,
        })
    }

    /// Whether readers are told of it, and its tokens taken, at `now`.
    pub(super) fn is_published(&self, now: DateTime<Utc>) -> bool {
        self.published_until.is_none_or(|until| now < until)
    }
}

/// Makes a key and seals it.
pub(super) fn generate(
    algorithm: Algorithm,
    generation: i32,
    sealer: &Sealer,
    now: DateTime<Utc>,
    signs_from: DateTime<Utc>,
) -> anyhow::Result<signing_key::Model> {
    let (private, mut jwk) = match algorithm {
        Algorithm::Es256 => {
            let private = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new())?;
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private.as_ref())
                .map_err(|rejected| anyhow!("{rejected}"))?;
            let point = pair.public_key().as_ref();
            let (x, y) = point
                .get(1..)
                .and_then(|xy| xy.split_at_checked(32))
                .context("an uncompressed point")?;
            (
                private.as_ref().to_vec(),
                json!({"crv": "P-256", "kty": "EC", "x": text(x), "y": text(y)}),
            )
        }
        Algorithm::EdDsa => {
            let private = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new())?;
            let pair = Ed25519KeyPair::from_pkcs8(private.as_ref()).map_err(|rejected| anyhow!("{rejected}"))?;
            (
                private.as_ref().to_vec(),
                json!({"crv": "Ed25519", "kty": "OKP", "x": text(pair.public_key().as_ref())}),
            )
        }
        Algorithm::Rs256 => {
            let pair = RsaKeyPair::generate(aws_lc_rs::rsa::KeySize::Rsa2048)?;
            let private: aws_lc_rs::encoding::Pkcs8V1Der<'_> = pair.as_der()?;
            let public = pair.public_key();
            let (e, n) = (public.exponent(), public.modulus());
            (
                private.as_ref().to_vec(),
                json!({
                    "e": text(e.big_endian_without_leading_zero()),
                    "kty": "RSA",
                    "n": text(n.big_endian_without_leading_zero()),
                }),
            )
        }
    };
    // RFC 7638: the required members alone, in lexical order, which is how serde_json keeps them.
    let kid = text(&Sha256::digest(jwk.to_string()));
    if let Some(members) = jwk.as_object_mut() {
        members.insert("kid".into(), json!(kid));
        members.insert("alg".into(), json!(algorithm.name()));
        members.insert("use".into(), json!("sig"));
    }
    Ok(signing_key::Model {
        algorithm: algorithm.name().to_owned(),
        generation,
        public_jwk: jwk.to_string(),
        sealed_private: sealer.seal(&kid, &private)?,
        kid,
        created_at: now,
        signs_from,
        published_until: None,
    })
}

/// The algorithm, as the library spells it.
pub(super) const fn jose(algorithm: Algorithm) -> jsonwebtoken::Algorithm {
    match algorithm {
        Algorithm::Es256 => jsonwebtoken::Algorithm::ES256,
        Algorithm::EdDsa => jsonwebtoken::Algorithm::EdDSA,
        Algorithm::Rs256 => jsonwebtoken::Algorithm::RS256,
    }
}

/// A private key of PKCS #8 as RFC 7468 section 10 writes it.
fn pem(private: &[u8]) -> String {
    let encoded = STANDARD.encode(private);
    format!("-----BEGIN PRIVATE KEY-----\n{encoded}\n-----END PRIVATE KEY-----\n")
}

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use jsonwebtoken::{Header, Validation, decode, encode};
    use rstest::rstest;
    use secrecy::SecretString;
    use serde_json::{Value, json};

    use super::{KeyPair, Sealer, generate, jose};
    use crate::config::tokens::Algorithm;

    #[rstest]
    #[case(Algorithm::Es256)]
    #[case(Algorithm::EdDsa)]
    #[case(Algorithm::Rs256)]
    fn a_key_that_was_kept_signs_what_its_published_half_verifies(#[case] algorithm: Algorithm) {
        let sealer = Sealer::new(&SecretString::from("a master key of the tests, 32 or more")).unwrap();
        let then = DateTime::UNIX_EPOCH;
        let row = generate(algorithm, 1, &sealer, then, then).unwrap();
        let pair = KeyPair::open(&row, &sealer).unwrap();
        let claims = json!({"sub": "42", "exp": 4_102_444_800_i64});
        let token = encode(&Header::new(jose(algorithm)), &claims, &pair.signing).unwrap();
        let read = decode::<Value>(&token, &pair.verifying, &Validation::new(jose(algorithm))).unwrap();
        assert_eq!(read.claims, claims);
    }
}
