//! Reads keys one by one, notes what is wrong with each, and what was given that nobody read.

use std::collections::BTreeSet;
use std::fmt::Display;
use std::io;
use std::ops::RangeInclusive;
use std::path::Path;
use std::str::FromStr;

use figment::value::{Num, Value};
use secrecy::SecretString;

use super::fault::{Fault, shown};
use super::layers::{Given, Layered};

/// The longest text that a setting may have, in bytes.
const LONGEST_TEXT: usize = 4096;
/// The longest list that a setting may have.
const LONGEST_LIST: usize = 1000;

/// How the text of a secret's file is had; the process reads the disk, a test does not.
pub(super) type ReadFile<'a> = &'a dyn Fn(&Path) -> io::Result<String>;

/// Turns text into a value, or says what is wrong with it.
type Check<T> = fn(&str) -> Result<T, &'static str>;

/// The fault is among the others already: the caller may go on to the next key, and let go at the end.
#[derive(Debug, Clone, Copy)]
pub(super) struct Noted;

/// A value, or a noted fault.
pub(super) type Read<T> = Result<T, Noted>;

/// The given settings while they are read.
pub(super) struct Reader<'a> {
    given: Layered,
    read: BTreeSet<String>,
    faults: Vec<Fault>,
    read_file: ReadFile<'a>,
}

impl<'a> Reader<'a> {
    /// Starts with what was given, and with what was already wrong with it.
    pub(super) fn new(given: Layered, faults: Vec<Fault>, read_file: ReadFile<'a>) -> Self {
        Self {
            given,
            read: BTreeSet::new(),
            faults,
            read_file,
        }
    }

    /// Notes a fault of the key.
    pub(super) fn fault(&mut self, key: &str, wrong: impl Into<String>, instead: impl Into<String>) -> Noted {
        let source = self.given.get(key).map(|given| given.source);
        self.faults.push(Fault::of_key(key, source, wrong, instead));
        Noted
    }

    /// A value that has to be there.
    pub(super) fn needed<T>(&mut self, key: &str, instead: &str, value: Read<Option<T>>) -> Read<T> {
        value?.ok_or_else(|| self.fault(key, "is not set", instead))
    }

    /// The names of the micro-apps that have a section.
    pub(super) fn apps(&self) -> BTreeSet<String> {
        let keys = self.given.keys().filter_map(|key| key.strip_prefix("apps."));
        keys.filter_map(|key| key.split_once('.'))
            .map(|(name, _)| name.to_owned())
            .collect()
    }

    /// One line of text; `""` is none.
    pub(super) fn text(&mut self, key: &str) -> Read<Option<String>> {
        self.read.insert(key.to_owned());
        let Some(given) = self.given.get(key) else {
            return Ok(None);
        };
        let Some(text) = as_text(&given.value) else {
            return Err(self.fault(key, "is not text", "write it in \"quotes\""));
        };
        if text.len() > LONGEST_TEXT || text.contains(|c: char| c.is_control()) {
            let wrong = format!("has line breaks, control characters or more than {LONGEST_TEXT} bytes");
            return Err(self.fault(key, wrong, "write one line of text"));
        }
        Ok(Some(text).filter(|text| !text.is_empty()))
    }

    /// Text that a checker turns into a value.
    pub(super) fn checked<T>(&mut self, key: &str, check: Check<T>, instead: &str) -> Read<Option<T>> {
        let text = self.text(key)?;
        self.verdict(key, text, check, instead)
    }

    /// Text without white space, of at most `longest` bytes: ids, keys, names.
    pub(super) fn word(&mut self, key: &str, longest: usize) -> Read<Option<String>> {
        let text = self.text(key)?;
        self.one_word(key, text, longest)
    }

    /// A secret, given as such or as the name of a file that holds it. The higher layer goes before the lower.
    pub(super) fn secret(&mut self, key: &str) -> Read<Option<String>> {
        let file_key = format!("{key}_file");
        let [direct, file] = [key, &file_key].map(|key| self.given.get(key).filter(|g| !is_empty(g)).map(|g| g.source));
        self.read.extend([key.to_owned(), file_key.clone()]);
        if file.is_some() && direct == file {
            return Err(self.fault(&file_key, format!("is given beside {key}"), "keep one of the two"));
        }
        if direct >= file {
            return self.text(key);
        }
        let Some(path) = self.text(&file_key)? else {
            return Ok(None);
        };
        let text = (self.read_file)(Path::new(&path)).map_err(|error| {
            let wrong = format!("names a file that cannot be read ({})", error.kind());
            self.fault(
                &file_key,
                wrong,
                "name a readable text file that holds nothing but the secret",
            )
        })?;
        match text.trim_end_matches(['\r', '\n']) {
            "" => Err(self.fault(&file_key, "names an empty file", "write the secret into it")),
            secret => Ok(Some(secret.to_owned())),
        }
    }

    /// A secret that a checker turns into its final form.
    pub(super) fn checked_secret<T>(&mut self, key: &str, check: Check<T>, instead: &str) -> Read<Option<T>> {
        let text = self.secret(key)?;
        self.verdict(key, text, check, instead)
    }

    /// A secret without white space, of at most `longest` bytes.
    pub(super) fn secret_word(&mut self, key: &str, longest: usize) -> Read<Option<SecretString>> {
        let text = self.secret(key)?;
        Ok(self.one_word(key, text, longest)?.map(SecretString::from))
    }

    /// A whole number of that range.
    pub(super) fn number<T>(&mut self, key: &str, range: RangeInclusive<T>) -> Read<T>
    where
        T: FromStr + PartialOrd + Display,
    {
        let text = self.text(key)?.unwrap_or_default();
        text.parse()
            .ok()
            .filter(|number| range.contains(number))
            .ok_or_else(|| {
                let instead = format!("write a whole number from {} to {}", range.start(), range.end());
                self.fault(key, "is not a whole number of its range", instead)
            })
    }

    /// One of a few words, whatever the case of their letters.
    pub(super) fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Read<T> {
        let text = self.text(key)?.unwrap_or_default();
        let choice = choices
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(&text))
            .map(|(_, value)| *value);
        choice.ok_or_else(|| {
            let names: Vec<_> = choices.iter().map(|(name, _)| *name).collect();
            self.fault(
                key,
                "is none of the words that it may be",
                format!("write {}", names.join(" or ")),
            )
        })
    }

    /// A list whose entries a checker turns into values; empty where it is not given. A faulty entry is named by its
    /// place.
    pub(super) fn list<T>(&mut self, key: &str, check: Check<T>, instead: &str) -> Read<Vec<T>> {
        self.read.insert(key.to_owned());
        let Some(given) = self.given.get(key) else {
            return Ok(Vec::new());
        };
        let entries: Option<Vec<String>> = match &given.value {
            Value::Array(_, values) => values.iter().map(as_text).collect(),
            value => as_text(value).map(|text| text.split(',').map(|entry| entry.trim().to_owned()).collect()),
        };
        let Some(mut entries) = entries else {
            return Err(self.fault(key, "is not a list of text", "write [\"a\", \"b\"] or \"a,b\""));
        };
        entries.retain(|entry| !entry.is_empty());
        if entries.len() > LONGEST_LIST {
            return Err(self.fault(key, format!("has more than {LONGEST_LIST} entries"), "write fewer"));
        }
        let mut values = Vec::with_capacity(entries.len());
        for (nth, entry) in entries.iter().enumerate() {
            match check(entry) {
                Ok(value) => values.push(value),
                Err(wrong) => _ = self.fault(key, format!("entry {} {wrong}", nth + 1), instead),
            }
        }
        if values.len() == entries.len() {
            Ok(values)
        } else {
            Err(Noted)
        }
    }

    /// Ends the reading: what was given and never read is unknown. All faults, if there are any.
    pub(super) fn finish(mut self) -> Vec<Fault> {
        for (key, given) in self.given.iter().filter(|(key, _)| !self.read.contains(*key)) {
            let section = key.rsplit_once('.').map_or("", |(section, _)| section);
            let siblings = self
                .read
                .iter()
                .filter_map(|known| known.strip_prefix(section)?.strip_prefix('.'));
            let siblings: Vec<_> = siblings
                .filter(|name| !name.contains('.') && !name.ends_with("_file"))
                .collect();
            let instead = if siblings.is_empty() {
                let sections: BTreeSet<_> = self.read.iter().filter_map(|key| key.split('.').next()).collect();
                format!("the sections are {} and apps", Vec::from_iter(sections).join(", "))
            } else {
                format!("[{}] has {}", shown(section), siblings.join(", "))
            };
            self.faults
                .push(Fault::of_key(key, Some(given.source), "is not a setting", instead));
        }
        self.faults
    }

    /// What a checker says of a text.
    fn verdict<T>(&mut self, key: &str, text: Option<String>, check: Check<T>, instead: &str) -> Read<Option<T>> {
        let verdict = text.map(|text| check(&text)).transpose();
        verdict.map_err(|wrong| self.fault(key, wrong, instead))
    }

    /// A text that has to be one word.
    fn one_word(&mut self, key: &str, text: Option<String>, longest: usize) -> Read<Option<String>> {
        let blank = |c: char| c.is_whitespace() || c.is_control();
        if text
            .as_ref()
            .is_some_and(|text| text.len() > longest || text.contains(blank))
        {
            let wrong = format!("has white space or more than {longest} bytes");
            return Err(self.fault(key, wrong, "copy it again, without blanks"));
        }
        Ok(text)
    }
}

/// Whether nothing but `""` was given.
fn is_empty(given: &Given) -> bool {
    given.value.as_str() == Some("")
}

/// Text, or a whole number as text: an agent id is often written without quotes.
fn as_text(value: &Value) -> Option<String> {
    match value {
        Value::String(_, text) => Some(text.clone()),
        Value::Num(_, Num::F32(_) | Num::F64(_)) => None,
        Value::Num(_, number) => number
            .to_i128()
            .map(|n| n.to_string())
            .or_else(|| number.to_u128().map(|n| n.to_string())),
        _ => None,
    }
}
