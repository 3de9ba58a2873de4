//! The file of the master key that is made beside an SQLite database: whole or not there, and never replaced.

use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use aws_lc_rs::rand;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use uuid::Uuid;

use crate::config;

/// The fewest characters of a master key.
const SHORTEST: usize = 32;

/// Where the file of a database is; none for a server, or for a database in memory.
pub(super) fn beside(database: &config::database::Database) -> Option<PathBuf> {
    Some(database.file()?.with_extension("master-key"))
}

/// The master key of the file, where it exists.
///
/// # Errors
/// When the file cannot be read, or holds no key. It is not replaced then: what was sealed under the key would be lost.
pub(super) fn read(file: &Path) -> anyhow::Result<Option<SecretString>> {
    let text = match fs::read_to_string(file) {
        Ok(text) => text,
        Err(cause) if cause.kind() == ErrorKind::NotFound => return Ok(None),
        Err(cause) => return Err(cause).with_context(|| format!("{} cannot be read", file.display())),
    };
    match text.trim() {
        "" => bail!(
            "the master key {} is empty; put the saved file back, or delete it if this database has never been used: then \
             a new key is made, which opens nothing of before",
            file.display()
        ),
        key if key.len() < SHORTEST => bail!("{} holds no master key: {SHORTEST} characters or more", file.display()),
        key => Ok(Some(SecretString::from(key))),
    }
}

/// Makes a master key and keeps it (mode 0600). Of several who make one at once, all get the key of the first.
///
/// # Errors
/// When it cannot be kept.
pub(super) fn make(file: &Path) -> anyhow::Result<SecretString> {
    let key = random()?;
    let draft = file.with_extension(format!("master-key.{}", Uuid::new_v4().simple()));
    let kept = write(&draft, &key).and_then(|()| place(&draft, file));
    // It may never have been, or be in its place already.
    let _ = fs::remove_file(&draft);
    match kept {
        Ok(()) => Ok(key),
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists => {
            read(file)?.with_context(|| format!("{} has just gone", file.display()))
        }
        Err(cause) => Err(cause).with_context(|| format!("the master key {} cannot be made", file.display())),
    }
}

/// A new master key.
///
/// # Errors
/// When the machine has no randomness to give.
pub(super) fn random() -> anyhow::Result<SecretString> {
    let mut bytes = [0; 32];
    rand::fill(&mut bytes).context("randomness")?;
    Ok(SecretString::from(URL_SAFE_NO_PAD.encode(bytes)))
}

fn write(draft: &Path, key: &SecretString) -> io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut handle = options.open(draft)?;
    handle.write_all(key.expose_secret().as_bytes())?;
    handle.sync_all()
}

/// Gives what is written its place, all at once, so that no crash leaves a part of it there; replaces nothing.
fn place(draft: &Path, file: &Path) -> io::Result<()> {
    match fs::hard_link(draft, file) {
        // Some file systems know no links.
        Err(cause) if cause.kind() != ErrorKind::AlreadyExists && !file.try_exists()? => fs::rename(draft, file)?,
        linked => linked?,
    }
    #[cfg(unix)]
    {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        fs::File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use secrecy::ExposeSecret as _;
    use tempfile::TempDir;

    use super::{make, read};

    #[test]
    fn a_key_is_kept_whole_and_found_again() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("sso.master-key");
        assert!(read(&file).unwrap().is_none());
        let key = make(&file).unwrap();
        assert_eq!(read(&file).unwrap().unwrap().expose_secret(), key.expose_secret());
        assert_eq!(key.expose_secret().len(), 43);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "nothing else is left");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn a_key_that_is_there_is_never_replaced() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("sso.master-key");
        let first = make(&file).unwrap();
        assert_eq!(make(&file).unwrap().expose_secret(), first.expose_secret());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_without_a_key_is_told_and_left_as_it_is() {
        let folder = TempDir::new().unwrap();
        let file = folder.path().join("sso.master-key");
        for (text, told) in [("", "is empty"), ("\n", "is empty"), ("short", "32 characters or more")] {
            fs::write(&file, text).unwrap();
            for refused in [read(&file).map(drop), make(&file).map(drop)] {
                let refused = refused.unwrap_err().to_string();
                assert!(
                    refused.contains(told) && refused.contains("sso.master-key"),
                    "{refused}"
                );
            }
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
    }
}
