//! The platform's side of the sealed envelope. Written apart from the service's, so that the two can disagree.

use std::fmt::Write as _;

use aes::Aes256;
use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use cbc::cipher::block_padding::NoPadding;
use cbc::cipher::{BlockModeDecrypt as _, BlockModeEncrypt as _, KeyIvInit as _};
use sha1::{Digest as _, Sha1};

use crate::simulator::grants::random;

/// The last character of a key may say more than it should.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true),
);

/// The 32 bytes that 43 characters stand for.
pub(super) fn key(aes_key: &str) -> Option<Vec<u8>> {
    let key = BASE64.decode(format!("{aes_key}=")).ok()?;
    (key.len() == 32).then_some(key)
}

/// Random, length, message, owner, padding; encrypted and in base64.
pub(super) fn seal(key: &[u8], message: &str, owner: &str) -> Option<String> {
    let mut plain = random().into_bytes();
    plain.truncate(16);
    plain.extend(u32::try_from(message.len()).ok()?.to_be_bytes());
    plain.extend(message.bytes());
    plain.extend(owner.bytes());
    let missing = 32 - plain.len() % 32;
    for _ in 0..missing {
        plain.push(u8::try_from(missing).ok()?);
    }
    let encryptor = cbc::Encryptor::<Aes256>::new_from_slices(key, key.get(..16)?).ok()?;
    Some(BASE64.encode(encryptor.encrypt_padded_vec::<NoPadding>(&plain)))
}

/// The message, if the envelope was sealed for `owner`.
pub(super) fn open(key: &[u8], encrypt: &str, owner: &str) -> Option<String> {
    let bytes = BASE64.decode(encrypt).ok()?;
    let decryptor = cbc::Decryptor::<Aes256>::new_from_slices(key, key.get(..16)?).ok()?;
    let plain = decryptor.decrypt_padded_vec::<NoPadding>(&bytes).ok()?;
    let padding = usize::from(*plain.last()?);
    let plain = plain.get(..plain.len().checked_sub(padding)?)?;
    let length = u32::from_be_bytes(plain.get(16..20)?.try_into().ok()?);
    let end = usize::try_from(length).ok()?.checked_add(20)?;
    let message = String::from_utf8(plain.get(20..end)?.to_vec()).ok()?;
    (plain.get(end..)? == owner.as_bytes()).then_some(message)
}

/// Lower-case hex of the SHA-1 over the sorted parts.
pub(super) fn signature(token: &str, timestamp: &str, nonce: &str, encrypt: &str) -> String {
    let mut parts = [token, timestamp, nonce, encrypt];
    parts.sort_unstable();
    let mut hex = String::new();
    for byte in Sha1::digest(parts.concat()) {
        // Writing into memory does not fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}
