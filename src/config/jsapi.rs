//! `[jsapi]`: how pages are signed, and which.

use url::{Origin, Url};

use super::check::{self, A_URL, AN_ORIGIN};
use super::reader::{Read, Reader};

/// How pages are signed.
#[derive(Debug, Clone)]
pub struct Jsapi {
    /// The digest of `dd.config`'s signature.
    pub digest: Digest,
    /// Address of DingTalk's own JSAPI script, for the sign-in page inside DingTalk.
    pub script_url: Url,
}

/// Digest of the `dd.config` signature; both are seen in the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digest {
    /// SHA-1, as the original documentation has it.
    Sha1,
    /// SHA-256, as the current sample has it.
    Sha256,
}

/// Reads the origins of a micro-app that names none of its own: without any, that of the service.
pub(super) fn origins(r: &mut Reader<'_>, public_url: Read<&Url>) -> Read<Vec<Origin>> {
    let origins = r.list("jsapi.allowed_origins", check::origin, AN_ORIGIN)?;
    if origins.is_empty() {
        Ok(vec![public_url?.origin()])
    } else {
        Ok(origins)
    }
}

/// Reads the rest of the section.
pub(super) fn read(r: &mut Reader<'_>) -> Read<Jsapi> {
    let digest = r.choice("jsapi.digest", &[("sha1", Digest::Sha1), ("sha256", Digest::Sha256)]);
    let script_url = r.checked("jsapi.script_url", check::base_url, A_URL);
    let script_url = r.needed("jsapi.script_url", A_URL, script_url);
    Ok(Jsapi {
        digest: digest?,
        script_url: script_url?,
    })
}
