//! `[forward_auth]`: which protected pages a browser may be sent back to.

use url::Origin;

use super::check::{self, AN_ORIGIN};
use super::reader::{Read, Reader};

/// Which protected pages a browser may be sent back to.
#[derive(Debug, Clone)]
pub struct ForwardAuth {
    /// Their origins, beside those of the micro-apps.
    pub allowed_origins: Vec<Origin>,
}

/// Reads the section.
pub(super) fn read(r: &mut Reader<'_>) -> Read<ForwardAuth> {
    Ok(ForwardAuth {
        allowed_origins: r.list("forward_auth.allowed_origins", check::origin, AN_ORIGIN)?,
    })
}
