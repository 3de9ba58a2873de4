//! What is held of a session outside: a refresh token or a browser's cookie; nothing of either is stored.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use super::seal::{Mark, Sealer};

const BODY: usize = 16 + 4;

/// Longest text that is looked at; ours have 73 characters.
const LONGEST: usize = 128;

/// A session at one generation, marked so that nobody else can write it. The successor of a generation can be
/// computed again, so that a repeated refresh gets the same answer, and a copied database holds nothing that could
/// be presented.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Handle {
    /// The session that it belongs to.
    pub(super) session: Uuid,
    /// How many refreshes went before; 0 for a cookie.
    pub(super) generation: i32,
}

impl Handle {
    /// The text that is held outside.
    pub(super) fn write(self, mark: Mark, sealer: &Sealer) -> String {
        let body = self.body();
        let code = sealer.code(mark, &body);
        [prefix(mark), &URL_SAFE_NO_PAD.encode([&body[..], &code].concat())].concat()
    }

    /// Reads what is presented; none unless every bit of it is ours and for this use.
    pub(super) fn read(text: &str, mark: Mark, sealer: &Sealer) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD
            .decode(text.strip_prefix(prefix(mark)).filter(|rest| rest.len() < LONGEST)?)
            .ok()?;
        let (body, code) = bytes.split_first_chunk::<BODY>()?;
        if !sealer.code_fits(mark, body, code) {
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

const fn prefix(mark: Mark) -> &'static str {
    match mark {
        Mark::RefreshToken => "rt_",
        Mark::BrowserCookie => "bs_",
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::SecretString;
    use uuid::Uuid;

    use super::Handle;
    use crate::tokens::seal::{Mark, Sealer};

    fn sealer() -> Sealer {
        Sealer::new(&SecretString::from("a master key for tests, long enough")).unwrap()
    }

    #[test]
    fn a_refresh_token_is_no_cookie_and_no_other_keys() {
        let handle = Handle {
            session: Uuid::new_v4(),
            generation: 7,
        };
        let text = handle.write(Mark::RefreshToken, &sealer());
        assert_eq!(Handle::read(&text, Mark::RefreshToken, &sealer()), Some(handle));
        let as_cookie = text.replacen("rt_", "bs_", 1);
        assert_eq!(Handle::read(&as_cookie, Mark::BrowserCookie, &sealer()), None);
        let other = Sealer::new(&SecretString::from("another master key, also long enough")).unwrap();
        assert_eq!(Handle::read(&text, Mark::RefreshToken, &other), None);
    }

    proptest! {
        #[test]
        fn whatever_is_presented_is_read_or_refused(text in "(rt_|bs_)?[A-Za-z0-9_=+/-]{0,100}") {
            prop_assert_eq!(Handle::read(&text, Mark::RefreshToken, &sealer()), None);
        }
    }
}
