//! What is wrong with the settings, in words that an administrator can act on.

use std::fmt;

/// Where a value came from; the later go before the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Source {
    /// The reference.
    BuiltIn,
    /// The file of `--config`.
    File,
    /// Variables of the process.
    Environment,
}

impl Source {
    /// As a report calls it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::BuiltIn => "the built-in defaults",
            Self::File => "the settings file",
            Self::Environment => "the environment",
        }
    }
}

/// One thing that is wrong. It never holds a value: any value may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The key, as in `http.listen`; or what else is at fault, as in `--config`.
    key: String,
    /// The environment variable that sets the key.
    variable: Option<String>,
    /// Where the faulty value came from, where there is one.
    source: Option<Source>,
    /// What is wrong.
    wrong: String,
    /// What to write instead.
    instead: String,
}

impl Fault {
    /// A fault of the key, which the environment may set too.
    pub(super) fn of_key(
        key: &str,
        source: Option<Source>,
        wrong: impl Into<String>,
        instead: impl Into<String>,
    ) -> Self {
        Self {
            variable: Some(variable(key)),
            source,
            ..Self::of(key, wrong, instead)
        }
    }

    /// A fault of something that is not a key.
    pub(super) fn of(what: &str, wrong: impl Into<String>, instead: impl Into<String>) -> Self {
        Self {
            key: shown(what),
            variable: None,
            source: None,
            wrong: wrong.into(),
            instead: instead.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        if let Some(variable) = &self.variable {
            write!(f, " ({variable})")?;
        }
        if let Some(source) = self.source.filter(|source| *source > Source::BuiltIn) {
            write!(f, " in {}", source.name())?;
        }
        write!(f, ": {}; {}", self.wrong, self.instead)
    }
}

/// Everything that is wrong, one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub(super) Vec<Fault>);

impl Faults {
    /// How many there are; at least one.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (nth, fault) in self.0.iter().enumerate() {
            if nth > 0 {
                f.write_str("\n")?;
            }
            fault.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// The environment variable of a key: `apps.web.app_key` is `SSO_APPS__WEB__APP_KEY`.
fn variable(key: &str) -> String {
    shown(&format!("SSO_{}", key.to_uppercase().replace('.', "__")))
}

/// A name somebody wrote, fit for one line of a report.
pub(super) fn shown(name: &str) -> String {
    let mut text: String = name.chars().take(80).flat_map(char::escape_debug).collect();
    if name.chars().nth(80).is_some() {
        text.push('…');
    }
    text
}
