//! `[directory]`: how the company's directory follows DingTalk.

use std::time::Duration;

use super::check;
use super::reader::{Read, Reader};

/// How the company's directory follows DingTalk.
#[derive(Debug, Clone)]
pub struct Directory {
    /// Calls of a sync in one second at the most.
    pub calls_per_second: u32,
    /// After so long it is read as a whole again; none: only `sync` does it.
    pub sync_every: Option<Duration>,
    /// The role that administrators of the company in DingTalk hold here.
    pub admin_role: Option<String>,
    /// Labels (角色) of DingTalk with the role that each brings.
    pub label_roles: Vec<(String, String)>,
}

/// Reads the section.
pub(super) fn read(r: &mut Reader<'_>) -> Read<Directory> {
    const A_ROLE: &str = "write 1 to 64 visible ASCII characters";
    const A_LABEL: &str = "write 标签=role, the label as DingTalk shows it and a role of `role list`";
    let calls_per_second = r.number("directory.calls_per_second", 1..=100_000);
    let every = r.number("directory.sync_every_s", 0..=2_592_000);
    let admin_role = r.checked("directory.admin_role", check::role, A_ROLE);
    let label_roles = r.list("directory.label_roles", check::label_role, A_LABEL);
    Ok(Directory {
        calls_per_second: calls_per_second?,
        sync_every: Some(every?).filter(|every| *every > 0).map(Duration::from_secs),
        admin_role: admin_role?,
        label_roles: label_roles?,
    })
}
