//! The sealed envelope of a callback: signed with SHA-1, encrypted with AES-256-CBC (dingtalk-api, section 9.3).

use std::fmt::Write as _;

use aes::Aes256;
use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use rand::RngExt as _;
use rand::distr::Alphanumeric;
use secrecy::{ExposeSecret as _, SecretBox, SecretString};
use sha1::{Digest as _, Sha1};
use subtle::ConstantTimeEq as _;

/// Bytes of the AES key.
const KEY: usize = 32;
/// Bytes of the initialisation vector: the first of the key.
const IV: usize = 16;
/// The text is filled up to a multiple of this, twice AES's own block.
const BLOCK: usize = 32;
/// Random bytes in front, and the length after them.
const RANDOM: usize = 16;
const LENGTH: usize = 4;

/// A key typed by hand leaves the two spare bits of its 43rd character set, and platforms differ in the padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The AES key of the settings is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("events.aes_key is not the 43 characters that stand for 32 bytes")]
pub struct InvalidKey;

/// Why an envelope was not opened. For the log alone: whoever sent it learns nothing of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotOurs {
    /// Signed with another token, or changed on its way.
    #[error("its signature does not fit: is events.token the one of the subscription?")]
    Signature,
    /// Encrypted with another key, cut or damaged.
    #[error("it does not open: is events.aes_key the one of the subscription?")]
    Key,
    /// Sealed for another app or company.
    #[error("it is sealed for another owner: see events.owner_key")]
    Owner,
}

/// A sealed envelope, as query and body of a callback carry it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sealed {
    /// Lower-case hex of the SHA-1 over token, timestamp, nonce and `encrypt`.
    pub signature: String,
    /// When it was sealed: milliseconds since 1970, from some senders seconds.
    pub timestamp: String,
    /// Random text.
    pub nonce: String,
    /// Base64 of what is sealed.
    pub encrypt: String,
}

/// What was in an envelope.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The message.
    pub text: String,
    /// Whom it was sealed for; an answer is sealed for the same.
    pub owner: String,
}

/// Signs, seals and opens the envelopes of one subscription.
pub struct Envelopes {
    token: SecretString,
    key: SecretBox<[u8; KEY]>,
    owners: Vec<String>,
}

impl Envelopes {
    /// Takes token and AES key of the subscription, and whom envelopes may be sealed for.
    ///
    /// # Errors
    /// [`InvalidKey`].
    pub fn new(token: SecretString, aes_key: &SecretString, owners: Vec<String>) -> Result<Self, InvalidKey> {
        let bytes = LENIENT
            .decode(aes_key.expose_secret())
            .map_err(|_not_base64| InvalidKey)?;
        let key: [u8; KEY] = bytes.try_into().map_err(|_length| InvalidKey)?;
        Ok(Self {
            token,
            key: SecretBox::new(Box::new(key)),
            owners,
        })
    }

    /// Opens an envelope. Nothing is decrypted before its signature was found right, in constant time.
    ///
    /// # Errors
    /// [`NotOurs`].
    pub fn open(&self, sealed: &Sealed) -> Result<Opened, NotOurs> {
        let expected = self.signature(&sealed.timestamp, &sealed.nonce, &sealed.encrypt);
        if !bool::from(expected.as_bytes().ct_eq(sealed.signature.as_bytes())) {
            return Err(NotOurs::Signature);
        }
        let base64: Vec<u8> = sealed
            .encrypt
            .bytes()
            .filter(|byte| !byte.is_ascii_whitespace())
            .collect();
        let bytes = LENIENT.decode(base64).map_err(|_not_base64| NotOurs::Key)?;
        if bytes.is_empty() || !bytes.len().is_multiple_of(BLOCK) {
            return Err(NotOurs::Key);
        }
        let key = self.key.expose_secret();
        let decryptor = cbc::Decryptor::<Aes256>::new_from_slices(key, first(key)).map_err(|_length| NotOurs::Key)?;
        let plain = decryptor
            .decrypt_padded_vec::<NoPadding>(&bytes)
            .map_err(|_length| NotOurs::Key)?;
        let (text, owner) = parts(&plain).ok_or(NotOurs::Key)?;
        let owner = self.owners.iter().find(|known| known.as_bytes() == owner);
        Ok(Opened {
            text: text.to_owned(),
            owner: owner.ok_or(NotOurs::Owner)?.clone(),
        })
    }

    /// Seals `text` for `owner`.
    #[must_use]
    pub fn seal(&self, text: &str, owner: &str, timestamp: String) -> Sealed {
        // Text, as the platform's own: there are libraries that read the whole of it as UTF-8.
        self.sign(self.encrypt(text, owner, &random()), timestamp)
    }

    /// Signs what is sealed already.
    #[must_use]
    pub fn sign(&self, encrypt: String, timestamp: String) -> Sealed {
        let nonce = random();
        Sealed {
            signature: self.signature(&timestamp, &nonce, &encrypt),
            timestamp,
            nonce,
            encrypt,
        }
    }

    fn encrypt(&self, text: &str, owner: &str, filler: &str) -> String {
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes();
        let mut plain = [filler.as_bytes(), &length, text.as_bytes(), owner.as_bytes()].concat();
        let fill = BLOCK - plain.len() % BLOCK;
        plain.extend(std::iter::repeat_n(u8::try_from(fill).unwrap_or_default(), fill));
        let key = self.key.expose_secret();
        // Fails for a key or vector of another length alone, which the types rule out.
        let sealed = cbc::Encryptor::<Aes256>::new_from_slices(key, first(key))
            .map(|encryptor| encryptor.encrypt_padded_vec::<NoPadding>(&plain));
        LENIENT.encode(sealed.unwrap_or_default())
    }

    fn signature(&self, timestamp: &str, nonce: &str, encrypt: &str) -> String {
        let mut parts = [self.token.expose_secret(), timestamp, nonce, encrypt].map(str::as_bytes);
        parts.sort_unstable();
        let digest = Sha1::digest(parts.concat());
        digest.iter().fold(String::with_capacity(40), |mut hex, byte| {
            // Writing into memory does not fail.
            let _ = write!(hex, "{byte:02x}");
            hex
        })
    }
}

fn random() -> String {
    let letters = rand::rng().sample_iter(Alphanumeric).take(RANDOM);
    letters.map(char::from).collect()
}

fn first(key: &[u8; KEY]) -> &[u8] {
    key.get(..IV).unwrap_or_default()
}

/// Message and owner of what was decrypted: random, length, message, owner, padding.
fn parts(plain: &[u8]) -> Option<(&str, &[u8])> {
    let fill = usize::from(*plain.last()?);
    let (plain, padding) = plain.split_at_checked(plain.len().checked_sub(fill)?)?;
    if !(1..=BLOCK).contains(&fill) || padding.iter().any(|byte| usize::from(*byte) != fill) {
        return None;
    }
    let (length, rest) = plain.get(RANDOM..)?.split_first_chunk::<LENGTH>()?;
    let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
    let (text, owner) = rest.split_at_checked(length)?;
    Some((str::from_utf8(text).ok()?, owner))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop, proptest};

    use super::{Envelopes, InvalidKey, NotOurs, Sealed};

    const HAND_TYPED: &str = "1234567890123456789012345678901234567890123";

    fn envelopes(aes_key: &str, owner: &str) -> Envelopes {
        Envelopes::new("123456".into(), &aes_key.into(), vec![owner.to_owned()]).unwrap()
    }

    /// The two published vectors (dingtalk-api, section 9.4): keys, envelope, message, random.
    fn vectors() -> [(Envelopes, Sealed, &'static str, &'static str, &'static str); 2] {
        let sealed = |signature: &str, timestamp: &str, nonce: &str, encrypt: &str| Sealed {
            signature: signature.to_owned(),
            timestamp: timestamp.to_owned(),
            nonce: nonce.to_owned(),
            encrypt: encrypt.to_owned(),
        };
        [
            (
                envelopes("4g5j64qlyl3zvetqxz5jiocdr586fn2zvjpa8zls3ij", "suite4xxxxxxxxxxxxxxx"),
                sealed(
                    "5a65ceeef9aab2d149439f82dc191dd6c5cbe2c0",
                    "1445827045067",
                    "nEXhMP4r",
                    "1a3NBxmCFwkCJvfoQ7WhJHB+iX3qHPsc9JbaDznE1i03peOk1LaOQoRz3+nlyGNhwmwJ3vDMG+OzrHMeiZI7gTRWVdUBmfxj\
                     Z8Ej23JVYa9VrYeJ5as7XM/ZpulX8NEQis44w53h1qAgnC3PRzM7Zc/D6Ibr0rgUathB6zRHP8PYrfgnNOS9PhSBdHlegK+A\
                     GGanfwjXuQ9+0pZcy0w9lQ==",
                ),
                r#"{"EventType":"check_create_suite_url","Random":"LPIdSnlF","TestSuiteKey":"suite4xxxxxxxxxxxxxxx"}"#,
                "suite4xxxxxxxxxxxxxxx",
                "hU3bEfGZZewzhG5a",
            ),
            (
                envelopes(HAND_TYPED, "dingsnotzck6pm5veliw"),
                sealed(
                    "9a95a004dd16f5c307e849b994173f76aa26e5eb",
                    "1614767836",
                    "A7Co0cJLMzIDtMMI",
                    "YvkvaGe4hQxd3VxRmEty0dVlnCOAqwf56xwTRHDHoOURqhalbmBJQk5FNcRk42Gl5T0YQXZNwpwWSm1xAFJ5ZA==",
                ),
                "success",
                "dingsnotzck6pm5veliw",
                "dICkEDLj0eb6yAbc",
            ),
        ]
    }

    #[test]
    fn published_envelopes_open_and_are_sealed_again_to_the_letter() {
        for (keys, sealed, text, owner, random) in vectors() {
            let opened = keys.open(&sealed).unwrap();
            assert_eq!((opened.text.as_str(), opened.owner.as_str()), (text, owner));
            assert_eq!(keys.encrypt(text, owner, random), sealed.encrypt);
            assert_eq!(
                keys.signature(&sealed.timestamp, &sealed.nonce, &sealed.encrypt),
                sealed.signature
            );
        }
    }

    #[test]
    fn line_breaks_in_what_is_sealed_do_no_harm() {
        let [(keys, sealed, text, ..), _] = vectors();
        let (first, second) = sealed.encrypt.split_at(76);
        let encrypt = format!("{first}\n{second}\r\n");
        let broken = Sealed {
            signature: keys.signature(&sealed.timestamp, &sealed.nonce, &encrypt),
            encrypt,
            ..sealed
        };
        assert_eq!(keys.open(&broken).unwrap().text, text);
    }

    #[test]
    fn what_is_not_ours_stays_closed() {
        let [_, (keys, sealed, ..)] = vectors();
        let resigned = |encrypt: &str| Sealed {
            signature: keys.signature(&sealed.timestamp, &sealed.nonce, encrypt),
            encrypt: encrypt.to_owned(),
            ..sealed.clone()
        };
        let upper = Sealed {
            signature: sealed.signature.to_uppercase(),
            ..sealed.clone()
        };
        assert_eq!(keys.open(&upper), Err(NotOurs::Signature));
        let later = Sealed {
            timestamp: "1614767837".to_owned(),
            ..sealed.clone()
        };
        assert_eq!(keys.open(&later), Err(NotOurs::Signature));
        for damaged in [
            "",
            "=",
            "success",
            "YvkvaGe4hQxd3VxRmEty0dVlnCOAqwf56xwTRHDHoOU=",
            sealed.encrypt.split_at(60).0,
        ] {
            assert_eq!(keys.open(&resigned(damaged)), Err(NotOurs::Key), "{damaged}");
        }
        assert_eq!(
            envelopes("4g5j64qlyl3zvetqxz5jiocdr586fn2zvjpa8zls3ij", "dingsnotzck6pm5veliw").open(&sealed),
            Err(NotOurs::Key)
        );
        assert_eq!(
            envelopes(HAND_TYPED, "dingsnotzck6pm5veli").open(&sealed),
            Err(NotOurs::Owner)
        );
        assert_eq!(envelopes(HAND_TYPED, "").open(&sealed), Err(NotOurs::Owner));
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        for wrong in ["", "short", HAND_TYPED.split_at(1).1, &format!("{HAND_TYPED}45")] {
            let made = Envelopes::new("t".into(), &wrong.into(), Vec::new());
            assert_eq!(made.err(), Some(InvalidKey), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn whatever_is_sealed_opens_again(text: String, owner in "[a-z0-9]{0,80}", timestamp in "[0-9]{10,13}") {
            let keys = envelopes(HAND_TYPED, &owner);
            let opened = keys.open(&keys.seal(&text, &owner, timestamp)).unwrap();
            assert_eq!((opened.text, opened.owner), (text, owner));
        }

        #[test]
        fn whatever_is_signed_is_opened_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200), encrypt: String) {
            let keys = envelopes(HAND_TYPED, "owner");
            for encrypt in [base64::Engine::encode(&super::LENIENT, &bytes), encrypt] {
                let signature = keys.signature("1", "n", &encrypt);
                let sealed = Sealed { signature, timestamp: "1".to_owned(), nonce: "n".to_owned(), encrypt };
                let _ = keys.open(&sealed);
            }
        }

        #[test]
        fn no_changed_byte_passes(at in 0_usize..64, bit in 0_u8..8) {
            let keys = envelopes(HAND_TYPED, "owner");
            let mut plain = keys.encrypt("success", "owner", "dICkEDLj0eb6yAbc").into_bytes();
            let place = at % plain.len();
            plain[place] ^= 1 << bit;
            let encrypt = String::from_utf8_lossy(&plain).into_owned();
            let honest = keys.seal("success", "owner", "1".to_owned());
            let changed = Sealed { encrypt, ..honest };
            assert_eq!(keys.open(&changed), Err(NotOurs::Signature));
        }
    }
}
