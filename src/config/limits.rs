//! `[limits]`: bounds on what strangers may do.

use super::reader::{Read, Reader};

/// Bounds on what strangers may do.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Rejected auth codes a minute and source address, over all instances.
    pub rejected_codes_per_minute: u32,
}

/// Reads the section.
pub(super) fn read(r: &mut Reader<'_>) -> Read<Limits> {
    Ok(Limits {
        rejected_codes_per_minute: r.number("limits.rejected_codes_per_minute", 1..=1_000_000)?,
    })
}
