//! Parameters of a query or form, bounded, each at most once (RFC 6749 section 3.1).

use std::collections::HashMap;

use crate::error::Error;

/// The most bytes of a query or form that are read.
const LONGEST: usize = 16 * 1024;

/// Most parameters.
const MOST: usize = 64;

/// Parameters by name; an empty one counts as absent (RFC 6749 section 3.1).
#[derive(Debug, Default)]
pub struct Parameters(HashMap<String, String>);

impl Parameters {
    /// Reads a query or form.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for too much of it, or a parameter that is there twice.
    pub fn read(text: &[u8]) -> Result<Self, Error> {
        if text.len() > LONGEST {
            return Err(Error::InvalidRequest(format!(
                "the parameters are longer than {LONGEST} bytes"
            )));
        }
        let mut all = HashMap::new();
        for (name, value) in url::form_urlencoded::parse(text) {
            if all.len() >= MOST {
                return Err(Error::InvalidRequest(format!("there are more than {MOST} parameters")));
            }
            if all.insert(name.into_owned(), value.into_owned()).is_some() {
                return Err(Error::InvalidRequest("a parameter is there twice".to_owned()));
            }
        }
        all.retain(|_, value| !value.is_empty());
        Ok(Self(all))
    }

    /// A parameter, if it is there.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// The names of all that are there.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// A parameter that has to be there.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] when it is not.
    pub fn needed(&self, name: &str) -> Result<&str, Error> {
        self.get(name)
            .ok_or_else(|| Error::InvalidRequest(format!("{name} is missing")))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Parameters;

    #[test]
    fn twice_is_refused_and_empty_is_absent() {
        assert!(Parameters::read(b"a=1&a=2").is_err());
        assert!(Parameters::read(b"a=1&a=").is_err());
        let read = Parameters::read(b"a=&b=%E5%BC%A0+x").unwrap();
        assert_eq!((read.get("a"), read.get("b")), (None, Some("张 x")));
        assert!(Parameters::read(&b"x".repeat(20_000)).is_err());
    }

    proptest! {
        #[test]
        fn no_query_makes_it_panic(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Parameters::read(&text);
        }
    }
}
