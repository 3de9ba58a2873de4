//! What the process offers: its environment and the disk.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use super::fault::Fault;

/// The text of the settings file, where one is named, and the environment.
type Sources = (Option<String>, Vec<(String, String)>);

/// The text of the settings file and the environment.
///
/// # Errors
///
/// What of them cannot be read. It is told alone, for it would make much else look as if it were not set.
pub(super) fn sources(file: Option<&Path>) -> Result<Sources, Vec<Fault>> {
    let mut faults = Vec::new();
    let text = file.and_then(|path| match read_text(path) {
        Ok(text) => Some(text),
        Err(error) => {
            let wrong = format!("names a file that cannot be read ({})", error.kind());
            faults.push(Fault::of("--config", wrong, "name a readable TOML file in UTF-8"));
            None
        }
    });
    let mut env = Vec::new();
    for (name, value) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        match value.into_string() {
            Ok(value) => env.push((name, value)),
            Err(_) if name.starts_with("SSO_") => faults.push(Fault::of(&name, "is not UTF-8", "write it in UTF-8")),
            Err(_) => {}
        }
    }
    if faults.is_empty() {
        Ok((text, env))
    } else {
        Err(faults)
    }
}

/// A text file of at most a mebibyte.
pub(super) fn read_text(path: &Path) -> io::Result<String> {
    const LONGEST: u64 = 1 << 20;
    let mut text = String::new();
    File::open(path)?.take(LONGEST + 1).read_to_string(&mut text)?;
    if text.len() as u64 > LONGEST {
        Err(io::ErrorKind::FileTooLarge.into())
    } else {
        Ok(text)
    }
}
