//! The form of a refresh token: a session, a generation and a message code; nothing of it is stored.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::seal::Sealer;

const PREFIX: &str = "rt_";
const BODY: usize = 16 + 4;

/// One member of a family. The successor of a generation can be computed again, so that a repeated refresh gets
/// the same answer, and a copied database holds nothing that could be presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RefreshToken {
    /// The session whose family this is.
    pub(super) session: Uuid,
    /// How many refreshes went before.
    pub(super) generation: i32,
}

impl RefreshToken {
    /// The text that the client keeps.
    pub(super) fn write(self, sealer: &Sealer) -> String {
        let body = self.body();
        let code = sealer.refresh_code(&body);
        [PREFIX, &URL_SAFE_NO_PAD.encode([&body[..], &code].concat())].concat()
    }

    /// Reads what a client presents; none unless every bit of it is ours.
    pub(super) fn read(text: &str, sealer: &Sealer) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD
            .decode(text.strip_prefix(PREFIX).filter(|rest| rest.len() < 128)?)
            .ok()?;
        let (body, code) = bytes.split_first_chunk::<BODY>()?;
        if !sealer.refresh_code_fits(body, code) {
            return None;
        }
        let (session, generation) = body.split_first_chunk::<16>()?;
        Some(Self {
            session: Uuid::from_bytes(*session),
            generation: i32::from_be_bytes(generation.try_into().ok()?),
        })
    }

    fn body(self) -> [u8; BODY] {
        let mut body = [0; BODY];
        let (session, generation) = body.split_at_mut(16);
        session.copy_from_slice(self.session.as_bytes());
        generation.copy_from_slice(&self.generation.to_be_bytes());
        body
    }
}
