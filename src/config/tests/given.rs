//! Settings that a test gives: a file, variables, and files with secrets.

use std::io;
use std::path::Path;

use crate::config::fault::Faults;
use crate::config::{Purpose, Settings};

/// A master key.
pub(super) const KEY: &str = "0123456789abcdef0123456789abcdef";

fn read_file(path: &Path) -> io::Result<String> {
    match path.to_str() {
        Some("/secret") => Ok("from-a-file\r\n".to_owned()),
        Some("/other") => Ok("from-another-file\n".to_owned()),
        Some("/blank") => Ok("\n".to_owned()),
        _ => Err(io::ErrorKind::NotFound.into()),
    }
}

/// What a file and variables make of the settings for a purpose.
pub(super) fn load(file: &str, env: &[(&str, &str)], purpose: Purpose) -> Result<Settings, Faults> {
    let env: Vec<_> = env
        .iter()
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect();
    Settings::from_sources(Some(file), &env, purpose, &read_file)
}

/// Complete settings for `serve`, with these variables beside or over them.
pub(super) fn serve(file: &str, env: &[(&str, &str)]) -> Result<Settings, Faults> {
    let mut all = vec![
        ("SSO_DINGTALK__CORP_ID", "dingcorp"),
        ("SSO_DINGTALK__APP_KEY", "dingkey"),
        ("SSO_DINGTALK__APP_SECRET", "the-app-secret"),
        ("SSO_DINGTALK__AGENT_ID", "77001"),
    ];
    all.retain(|(name, _)| !env.iter().any(|(other, _)| other.trim_end_matches("_FILE") == *name));
    all.extend(env);
    load(file, &all, Purpose::Serve)
}

/// The report of settings that have to be refused.
pub(super) fn report(settings: Result<Settings, Faults>) -> String {
    settings.expect_err("these settings are at fault").to_string()
}
