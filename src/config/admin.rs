//! `[admin]`: who may administer.

use super::check;
use super::reader::{Read, Reader};

/// Who may administer.
#[derive(Debug, Clone)]
pub struct Admin {
    /// Employees who are administrators from the start.
    pub userids: Vec<String>,
}

/// Reads the section.
pub(super) fn read(r: &mut Reader<'_>) -> Read<Admin> {
    const INSTEAD: &str = "write userids as DingTalk's admin console shows them";
    Ok(Admin {
        userids: r.list("admin.userids", check::userid, INSTEAD)?,
    })
}
