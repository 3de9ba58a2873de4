//! Tokens as others read and forge them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use dingtalk_sso::config::{Purpose, Settings};
use dingtalk_sso::tokens::seal::Sealer;
use jsonwebtoken::jwk::JwkSet;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde_json::{Value, json};

use super::browser::SSO;
use crate::harness::Harness;

/// Reads a token by the published keys alone, as a relying party does.
pub(super) async fn read(sso: &Harness, token: &str, audience: &str) -> (Header, Value) {
    let set = sso.get("/oauth2/jwks", "").await.body;
    let set: JwkSet = serde_json::from_value(set).expect("a key set");
    let header = jsonwebtoken::decode_header(token).expect("a header");
    let kid = header.kid.as_deref().expect("a kid");
    let key = DecodingKey::from_jwk(set.find(kid).expect("the key")).expect("a key");
    let mut validation = Validation::new(header.alg);
    validation.set_audience(&[audience]);
    validation.set_issuer(&[SSO]);
    let read = jsonwebtoken::decode::<Value>(token, &key, &validation).expect("a good signature");
    (header, read.claims)
}

/// Header and claims as they stand there, unverified.
pub(super) fn parts(token: &str) -> (Value, Value) {
    let part = |at| {
        let text: &str = token.split('.').nth(at).expect("a part");
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).expect("base64url")).expect("JSON")
    };
    (part(0), part(1))
}

/// A token of these parts with whatever stands for its signature.
pub(super) fn written(header: &Value, claims: &Value, signature: &[u8]) -> String {
    let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    format!(
        "{}.{}.{}",
        text(header.to_string().as_bytes()),
        text(claims.to_string().as_bytes()),
        text(signature)
    )
}

/// A key of a forger's own, with its public half.
pub(super) struct ForeignKey {
    signing: EncodingKey,
    pub(super) jwk: Value,
}

impl ForeignKey {
    pub(super) fn new() -> Self {
        use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
        let rng = aws_lc_rs::rand::SystemRandom::new();
        let private = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &rng).expect("a key");
        let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, private.as_ref()).expect("a pair");
        let point = pair.public_key().as_ref();
        let text = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        Self {
            signing: EncodingKey::from_ec_der(private.as_ref()),
            jwk: json!({"kty": "EC", "crv": "P-256", "alg": "ES256", "x": text(&point[1..33]), "y": text(&point[33..])}),
        }
    }

    /// Signs whatever it is told, under whatever header.
    pub(super) fn sign(&self, header: &Value, claims: &Value) -> String {
        let unsigned = written(header, claims, &[]);
        let message = unsigned.trim_end_matches('.');
        let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &self.signing, Algorithm::ES256);
        format!("{message}.{}", signature.expect("a signature"))
    }
}

/// The service's own key of an algorithm, as somebody has it who has both the database and the master key.
pub(super) async fn own_key(sso: &Harness) -> (String, ForeignKey) {
    let read_file = |path: &std::path::Path| std::fs::read_to_string(path);
    let settings = Settings::from_sources(None, sso.env(), Purpose::Keys, &read_file).expect("settings");
    let sealer = Sealer::open(&settings.secrets, &settings.database).expect("a sealer");
    let store = sso.store().await;
    let of = |column: &str| format!("SELECT {column} FROM signing_keys WHERE algorithm = 'ES256'");
    let kid = store.column::<String>(&of("kid")).await.remove(0);
    let kept = store.column::<String>(&of("sealed_private")).await.remove(0);
    let private = sealer.open_sealed(&kid, &kept).expect("a private key");
    let key = ForeignKey {
        signing: EncodingKey::from_ec_der(&private),
        jwk: Value::Null,
    };
    (kid, key)
}
