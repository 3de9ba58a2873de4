//! Answers a web server that asks whether a request may pass (nginx `auth_request`, Caddy and Traefik forward auth).

pub mod http;
mod page;

use crate::authorize::Authorize;
use crate::directory::tree::Tree;
use crate::error::Error;
use crate::login::Login;
use crate::parameters::Parameters;
use crate::tokens::claims::Identity;
use crate::tokens::{Tokens, session};

/// Most requirements of a kind.
const MOST: usize = 32;

/// What answers the web server. Clones share everything.
#[derive(Clone)]
pub struct ForwardAuth {
    /// Whose tokens are good.
    pub tokens: Tokens,
    /// Who people are.
    pub login: Login,
    /// Where they sign in.
    pub authorize: Authorize,
}

/// What the address that the web server asks at demands of whoever may pass: of each kind given one.
#[derive(Debug, Default)]
pub(crate) struct Demand {
    roles: Vec<String>,
    power: Vec<String>,
    departments: Vec<i64>,
    audiences: Vec<String>,
    /// Where a browser is led back to after the sign-in.
    pub(crate) page: Option<String>,
}

impl Demand {
    /// Reads the demand; lists are comma separated.
    ///
    /// # Errors
    /// [`Error::InvalidRequest`] for what cannot be read: nobody passes by a demand that was misspelt.
    pub(crate) fn read(query: &[u8]) -> Result<Self, Error> {
        let wrong = |text: &str| Error::InvalidRequest(text.to_owned());
        let parameters = Parameters::read(query)?;
        let list = |name: &str| -> Result<Vec<String>, Error> {
            let Some(text) = parameters.get(name) else {
                return Ok(Vec::new());
            };
            let list: Vec<String> = text.split(',').map(|one| one.trim().to_owned()).collect();
            if list.len() > MOST || list.iter().any(String::is_empty) {
                return Err(wrong("a list of the demand cannot be read"));
            }
            Ok(list)
        };
        let known = ["role", "power", "department", "audience", "rd"];
        if parameters.names().any(|name| !known.contains(&name)) {
            return Err(wrong("role, power, department, audience and rd are understood"));
        }
        let departments = list("department")?
            .iter()
            .map(|id| {
                id.parse()
                    .map_err(|_fault| wrong("department: a number, as DingTalk has it"))
            })
            .collect::<Result<_, _>>()?;
        Ok(Self {
            roles: list("role")?,
            power: list("power")?,
            departments,
            audiences: list("audience")?,
            page: parameters.get("rd").map(str::to_owned),
        })
    }

    fn is_met(&self, identity: &Identity, audience: Option<&str>, tree: &Tree) -> bool {
        let one_of =
            |wanted: &[String], own: &[String]| wanted.is_empty() || own.iter().any(|one| wanted.contains(one));
        let somewhere = |own: &i64| self.departments.iter().any(|wanted| tree.is_within(*own, *wanted));
        one_of(&self.roles, &identity.roles)
            && one_of(&self.power, &identity.power)
            && (self.departments.is_empty() || identity.dept_ids.iter().any(somewhere))
            && (self.audiences.is_empty()
                || audience.is_some_and(|audience| self.audiences.iter().any(|wanted| wanted == audience)))
    }
}

impl ForwardAuth {
    /// The bearer of an access token, if they meet the demand. Nobody is asked.
    ///
    /// # Errors
    /// [`Error::InvalidToken`], [`Error::NotAllowed`], [`Error::Unavailable`].
    pub(crate) fn by_token(&self, token: &str, demand: &Demand) -> Result<Identity, Error> {
        let claims = self.tokens.verify(token)?;
        let identity = claims.identity.as_ref().ok_or(Error::InvalidToken(
            "this token is a client's own: it speaks of no employee",
        ))?;
        self.passed(identity, Some(&claims.aud), demand)
    }

    /// The owner of a browser that is signed in, if they meet the demand. Who they are is read again after two
    /// seconds.
    ///
    /// # Errors
    /// As [`Self::by_token`]; [`Error::EmployeeDisabled`].
    pub(crate) async fn by_browser(&self, session: &session::Model, demand: &Demand) -> Result<Identity, Error> {
        let person = self.login.person(&session.subject).await?;
        self.passed(&person.identity, None, demand)
    }

    fn passed(&self, identity: &Identity, audience: Option<&str>, demand: &Demand) -> Result<Identity, Error> {
        let tree = self.login.directory().departments.tree();
        if demand.is_met(identity, audience, &tree) {
            Ok(identity.clone())
        } else {
            Err(Error::NotAllowed)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Demand, MOST};

    #[test]
    fn a_demand_that_was_misspelt_lets_nobody_pass() {
        for wrong in [
            "roles=a",
            "role=a&role=b",
            "role=a,,b",
            "department=x",
            "department=1,",
            "Role=a",
        ] {
            assert!(Demand::read(wrong.as_bytes()).is_err(), "{wrong}");
        }
        let many = vec!["1"; MOST + 1].join(",");
        assert!(Demand::read(format!("department={many}").as_bytes()).is_err());
        let read = Demand::read(b"role=a,%20b&department=100").unwrap();
        assert_eq!(
            (read.roles, read.departments),
            (vec!["a".to_owned(), "b".to_owned()], vec![100])
        );
    }

    proptest! {
        #[test]
        fn no_demand_that_is_there_is_lost(query in "(role|power|department|audience|rd|x)=[a-z0-9,%& =]{0,30}") {
            let named = |name: &str| query.split('&').any(|pair| pair.strip_prefix(name).is_some_and(|rest| rest.len() > 1));
            if let Ok(read) = Demand::read(query.as_bytes()) {
                prop_assert_eq!(named("role"), !read.roles.is_empty());
                prop_assert_eq!(named("power"), !read.power.is_empty());
                prop_assert_eq!(named("department"), !read.departments.is_empty());
                prop_assert_eq!(named("audience"), !read.audiences.is_empty());
            }
        }

        #[test]
        fn no_query_makes_it_panic(query in proptest::collection::vec(any::<u8>(), 0..100)) {
            let _ = Demand::read(&query);
        }
    }
}
