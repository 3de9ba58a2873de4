//! A client's secret: 256 bits of randomness, kept as a digest, compared in constant time.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

/// Longest secret that is looked at; ours have 46 characters.
const LONGEST: usize = 256;

/// A new secret. What is random through and through needs no slow hash: there is nothing to guess.
pub(super) fn new() -> SecretString {
    let bytes: [u8; 32] = rand::random();
    SecretString::from(["cs_", &URL_SAFE_NO_PAD.encode(bytes)].concat())
}

/// What is kept of a secret.
pub(super) fn digest(secret: &SecretString) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(secret.expose_secret()))
}

/// Whether `secret` is the one of which `digest` was kept.
pub(super) fn fits(secret: &SecretString, kept: &str) -> bool {
    secret.expose_secret().len() <= LONGEST && bool::from(digest(secret).as_bytes().ct_eq(kept.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::{digest, fits, new};
    use secrecy::{ExposeSecret as _, SecretString};

    #[test]
    fn a_secret_fits_its_own_digest_alone() {
        let (one, other) = (new(), new());
        assert!(fits(&one, &digest(&one)));
        assert!(!fits(&other, &digest(&one)));
        assert!(!digest(&one).contains(one.expose_secret()));
        assert!(!fits(&SecretString::from(""), ""));
    }
}
