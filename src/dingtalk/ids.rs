//! What the platform calls people, companies and departments, and the code that stands for a sign-in.

use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};

/// A text that cannot be the id or code it is taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be 1 to {longest} characters, none of them blank or a control character")]
pub struct InvalidId {
    /// What it was taken for.
    what: &'static str,
    /// The most characters that it may have.
    longest: usize,
}

/// Longest user id, in characters as our columns count them; the platform's own limit is 64.
const LONGEST_USER_ID: usize = 64;
/// Longest union id, in characters as our column counts them.
const LONGEST_UNION_ID: usize = 128;
/// Longest auth code; those seen have 32.
const LONGEST_CODE: usize = 128;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $longest:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Takes `text` for such an id.
            ///
            /// # Errors
            /// [`InvalidId`] if it is empty, too long, or holds blanks or control characters.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
                let text = text.into();
                let right = !text.is_empty()
                    && text.chars().count() <= $longest
                    && !text.chars().any(|letter| letter.is_control() || letter.is_whitespace());
                if right { Ok(Self(text)) } else { Err(InvalidId { what: $what, longest: $longest }) }
            }

            /// The id as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id! {
    /// A member of one company (userid): unique in that company alone.
    UserId, "a user id", LONGEST_USER_ID
}
text_id! {
    /// A person over all companies, as one developer sees them (unionid).
    UnionId, "a union id", LONGEST_UNION_ID
}

/// A department of the company.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct DepartmentId(pub i64);

impl DepartmentId {
    /// The company itself.
    pub const ROOT: Self = Self(1);
}

impl From<i64> for DepartmentId {
    fn from(id: i64) -> Self {
        Self(id)
    }
}

impl fmt::Display for DepartmentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The code (免登授权码) that a page got from the client: good once and for five minutes, and a secret until then.
#[derive(Debug, Clone, Deserialize)]
#[serde(try_from = "String")]
pub struct AuthCode(SecretString);

impl AuthCode {
    /// Takes `text` for a code.
    ///
    /// # Errors
    /// [`InvalidId`] unless it is 1 to 128 visible ASCII characters.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidId> {
        let text = text.into();
        let right = (1..=LONGEST_CODE).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        if right {
            Ok(Self(SecretString::from(text)))
        } else {
            Err(InvalidId {
                what: "an auth code",
                longest: LONGEST_CODE,
            })
        }
    }

    /// The code itself, for the platform alone.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.0.expose_secret()
    }
}

impl TryFrom<String> for AuthCode {
    type Error = InvalidId;

    fn try_from(text: String) -> Result<Self, InvalidId> {
        Self::new(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_auth_code_is_bounded_and_never_shown() {
        let code = AuthCode::new("b2db9e1e7b8fdc09").unwrap();
        assert!(!format!("{code:?}").contains("b2db"));
        let longest = "x".repeat(128);
        assert_eq!(AuthCode::new(longest.clone()).unwrap().reveal(), longest);
        for wrong in ["", " ", "with blank", "line\nbreak", "免登", "nul\0", &"x".repeat(129)] {
            assert!(AuthCode::new(wrong).is_err(), "{wrong:?}");
        }
        assert!(serde_json::from_str::<AuthCode>("\"\"").is_err());
    }

    #[test]
    fn ids_travel_as_plain_text_and_numbers() {
        let userid: UserId = serde_json::from_str("\"manager01\"").unwrap();
        assert_eq!(
            (userid.as_str(), userid.to_string().as_str()),
            ("manager01", "manager01")
        );
        assert_eq!(
            serde_json::to_string(&(userid, DepartmentId(919_684_607))).unwrap(),
            r#"["manager01",919684607]"#
        );
        assert!(UserId::new("").is_err() && UserId::new("a\tb").is_err());
    }

    #[test]
    fn ids_are_as_long_as_their_columns_hold_counted_in_characters() {
        for letter in ["x", "张"] {
            assert!(UserId::new(letter.repeat(64)).is_ok() && UserId::new(letter.repeat(65)).is_err());
            assert!(UnionId::new(letter.repeat(128)).is_ok() && UnionId::new(letter.repeat(129)).is_err());
        }
    }
}
