//! `[log]`: what is logged, and how.

use super::check;
use super::reader::{Read, Reader};

const A_FILTER: &str = "write a level, or directives as in info,sqlx=warn";

/// What is logged, and how.
#[derive(Debug, Clone)]
pub struct Log {
    /// `text` for people, `json` for machines.
    pub format: LogFormat,
    /// Filter directives, as in `info` or `dingtalk_sso=debug,sqlx=warn`.
    pub filter: String,
}

/// Forms of a log line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// Reads the section.
pub(super) fn read(r: &mut Reader<'_>) -> Read<Log> {
    let format = r.choice("log.format", &[("text", LogFormat::Text), ("json", LogFormat::Json)]);
    let filter = r.checked("log.filter", check::log_filter, A_FILTER);
    let filter = r.needed("log.filter", A_FILTER, filter);
    Ok(Log {
        format: format?,
        filter: filter?,
    })
}
