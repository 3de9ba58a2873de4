//! Who may use a client: where it asks for roles or departments, one of each has to be met.

use crate::clients::application::Application;
use crate::directory::tree::Tree;
use crate::tokens::claims::Identity;

/// Whether a person may use a client.
pub(super) fn is_met(client: &Application, identity: &Identity, tree: &Tree) -> bool {
    let roles = &client.required_roles;
    let departments = &client.required_departments;
    (roles.is_empty() || identity.roles.iter().any(|role| roles.contains(role)))
        && (departments.is_empty()
            || identity
                .dept_ids
                .iter()
                .any(|own| departments.iter().any(|wanted| tree.is_within(*own, *wanted))))
}
