//! One key pair: how it is made, sealed, published and used.

use anyhow::{Context as _, anyhow};
use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{DecodingKey, Header};
use serde::Serialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::seal::Sealer;
use super::signing_key;
use crate::config::tokens::Algorithm;

/// A key ready for use.
pub(super) struct KeyPair {
    pub(super) kid: String,
    pub(super) algorithm: Algorithm,
    private: PrivateKey,
    pub(super) verifying: DecodingKey,
    pub(super) public_jwk: Value,
    pub(super) signs_from: DateTime<Utc>,
    pub(super) published_until: Option<DateTime<Utc>>,
}

/// A private key, read once: the library of the tokens would read it at each signature, which costs half as much again.
enum PrivateKey {
    Es256(EcdsaKeyPair),
    EdDsa(Ed25519KeyPair),
    Rs256(RsaKeyPair),
}

impl PrivateKey {
    /// Reads PKCS#8.
    fn read(algorithm: Algorithm, der: &[u8]) -> anyhow::Result<Self> {
        let read = match algorithm {
            Algorithm::Es256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der).map(Self::Es256),
            Algorithm::EdDsa => Ed25519KeyPair::from_pkcs8(der).map(Self::EdDsa),
            Algorithm::Rs256 => RsaKeyPair::from_pkcs8(der).map(Self::Rs256),
        };
        read.map_err(|rejected| anyhow!("{rejected}"))
    }

    fn sign(&self, text: &[u8]) -> anyhow::Result<Vec<u8>> {
        Ok(match self {
            Self::Es256(pair) => pair.sign(&SystemRandom::new(), text)?.as_ref().to_vec(),
            Self::EdDsa(pair) => pair.sign(text).as_ref().to_vec(),
            Self::Rs256(pair) => {
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), text, &mut signature)?;
                signature
            }
        })
    }
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
        let jwk: Jwk = serde_json::from_str(&row.public_jwk)?;
        Ok(Self {
            kid: row.kid.clone(),
            algorithm,
            private: PrivateKey::read(algorithm, &private)?,
            verifying: DecodingKey::from_jwk(&jwk)?,
            public_jwk: serde_json::from_str(&row.public_jwk)?,
            signs_from: row.signs_from,
            published_until: row.published_until,
        })
    }

    /// Signs claims as a token of a media type, in the compact form (RFC 7515 section 7.1).
    pub(super) fn sign(&self, kind: &str, claims: &impl Serialize) -> anyhow::Result<String> {
        let header = Header {
            typ: Some(kind.to_owned()),
            kid: Some(self.kid.clone()),
            ..Header::new(jose(self.algorithm))
        };
        let mut token = text(&serde_json::to_vec(&header)?);
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(serde_json::to_vec(claims)?, &mut token);
        let signature = self.private.sign(token.as_bytes())?;
        token.push('.');
        URL_SAFE_NO_PAD.encode_string(signature, &mut token);
        Ok(token)
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

fn text(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use jsonwebtoken::Validation;
    use secrecy::SecretString;
    use serde_json::{Value, json};

    use super::{KeyPair, generate, jose};
    use crate::config::tokens::Algorithm;
    use crate::tokens::seal::Sealer;

    #[test]
    fn the_library_verifies_what_each_algorithm_signs() {
        let sealer = Sealer::new(&SecretString::from("no secret, but long enough for one")).unwrap();
        let now = DateTime::UNIX_EPOCH;
        for algorithm in Algorithm::ALL {
            let key = KeyPair::open(&generate(algorithm, 1, &sealer, now, now).unwrap(), &sealer).unwrap();
            let token = key.sign("at+jwt", &json!({"sub": "42"})).unwrap();
            let mut validation = Validation::new(jose(algorithm));
            validation.validate_exp = false;
            validation.required_spec_claims.clear();
            let read = jsonwebtoken::decode::<Value>(&token, &key.verifying, &validation).unwrap();
            assert_eq!(read.claims, json!({"sub": "42"}));
            assert_eq!(
                (read.header.typ.as_deref(), read.header.kid),
                (Some("at+jwt"), Some(key.kid))
            );
        }
    }
}
