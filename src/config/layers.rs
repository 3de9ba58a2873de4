//! The three layers of settings, each over the one before: built in, file, environment.

use std::collections::BTreeMap;

use figment::providers::{Format, Toml};
use figment::value::{Dict, Map, Tag, Value};
use figment::{Figment, Metadata, Profile, Provider};

use super::fault::{Fault, Source, shown};

/// The reference: every key with its meaning and default.
pub(super) const REFERENCE: &str = include_str!("default.toml");

/// A value and the layer that gave it.
#[derive(Debug)]
pub(super) struct Given {
    /// What was written.
    pub(super) value: Value,
    /// In which layer.
    pub(super) source: Source,
}

/// All that was given, by dotted key, the highest layer's word for each.
pub(super) type Layered = BTreeMap<String, Given>;

/// One layer: sections of keys, or (under `apps`) of sections of keys.
struct Layer {
    source: Source,
    dict: Dict,
}

impl Provider for Layer {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.source.name())
    }

    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Profile::Default.collect(self.dict.clone()))
    }
}

/// Lays the file's text and the environment over the reference.
///
/// # Errors
///
/// The file or the reference is not TOML; what is no key at all goes to `faults` instead.
pub(super) fn gather(file: Option<&str>, env: &[(String, String)], faults: &mut Vec<Fault>) -> Result<Layered, Fault> {
    let mut figment = Figment::from(Layer {
        source: Source::BuiltIn,
        dict: parsed(REFERENCE, Source::BuiltIn)?,
    });
    if let Some(text) = file {
        let dict = shaped(parsed(text, Source::File)?, faults);
        figment = figment.merge(Layer {
            source: Source::File,
            dict,
        });
    }
    figment = figment.merge(Layer {
        source: Source::Environment,
        dict: shaped(variables(env, faults), faults),
    });

    let mut layered = Layered::new();
    let merged = figment
        .find_value("")
        .ok()
        .and_then(Value::into_dict)
        .unwrap_or_default();
    for (section, value) in merged {
        let Value::Dict(_, keys) = value else { continue };
        for (key, value) in keys {
            match value {
                Value::Dict(_, inner) if section == "apps" => {
                    for (inner_key, value) in inner {
                        let source = source_of(&figment, value.tag());
                        layered.insert(format!("{section}.{key}.{inner_key}"), Given { value, source });
                    }
                }
                value => {
                    let source = source_of(&figment, value.tag());
                    layered.insert(format!("{section}.{key}"), Given { value, source });
                }
            }
        }
    }
    Ok(layered)
}

/// The layer whose provider a value came from.
fn source_of(figment: &Figment, tag: Tag) -> Source {
    let name = figment.get_metadata(tag).map(|metadata| metadata.name.as_ref());
    let above = [Source::File, Source::Environment];
    above
        .into_iter()
        .find(|source| name == Some(source.name()))
        .unwrap_or(Source::BuiltIn)
}

/// Reads TOML. Of the parser's words only the place is kept: the rest quotes the line, which may hold a secret.
fn parsed(text: &str, source: Source) -> Result<Dict, Fault> {
    Toml::from_str::<Dict>(text).map_err(|error| {
        let report = error.to_string();
        let place = report.lines().next().unwrap_or("TOML parse error");
        Fault::of(
            source.name(),
            place.to_owned(),
            "correct that line; text stands in \"quotes\", a key stands once",
        )
    })
}

/// Drops what has no place in a layer: keys outside of a section, micro-apps without a proper name.
fn shaped(mut dict: Dict, faults: &mut Vec<Fault>) -> Dict {
    dict.retain(|section, value| {
        let Value::Dict(_, keys) = value else {
            faults.push(Fault::of(
                &shown(section),
                "stands outside of any section",
                "move it under its [section]",
            ));
            return false;
        };
        if section == "apps" {
            keys.retain(|name, value| named_app(name, value, faults));
        }
        true
    });
    dict
}

/// Whether this is a section of a micro-app under a name that it may have.
fn named_app(name: &str, value: &Value, faults: &mut Vec<Fault>) -> bool {
    let (wrong, instead) = if !matches!(value, Value::Dict(..)) {
        ("is not a section of a micro-app", "write [apps.NAME] above its keys")
    } else if name == "default" {
        (
            "is the name of the micro-app under [dingtalk]",
            "set that one there, or choose another name",
        )
    } else if !(1..=32).contains(&name.len())
        || !name
            .bytes()
            .all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-'))
    {
        ("is not a name for a micro-app", "use 1 to 32 of a-z, 0-9, _ and -")
    } else {
        return true;
    };
    faults.push(Fault::of(&format!("apps.{name}"), wrong, instead));
    false
}

/// The environment as a layer, all of it text: only the getter of a key knows what is a number.
fn variables(env: &[(String, String)], faults: &mut Vec<Fault>) -> Dict {
    let mut sections = BTreeMap::<String, Dict>::new();
    let mut apps = BTreeMap::<String, Dict>::new();
    for (name, text) in env {
        let Some(key) = name.strip_prefix("SSO_").filter(|key| !of_kubernetes(key)) else {
            continue;
        };
        let Some((section, rest)) = key.split_once("__").filter(|_| name.to_uppercase() == *name) else {
            let instead = "write SSO_SECTION__KEY in capitals with two underscores, as in SSO_HTTP__LISTEN";
            faults.push(Fault::of(name, "is not the name of a setting", instead));
            continue;
        };
        let (section, value) = (section.to_lowercase(), Value::from(text.clone()));
        // The key of a micro-app stands after the last double underscore: its name may hold one.
        match rest.rsplit_once("__") {
            Some((app, key)) if section == "apps" => {
                apps.entry(app.to_lowercase())
                    .or_default()
                    .insert(key.to_lowercase(), value);
            }
            _ => {
                sections.entry(section).or_default().insert(rest.to_lowercase(), value);
            }
        }
    }
    if !apps.is_empty() {
        let apps = apps.into_iter().map(|(name, keys)| (name, Value::from(keys)));
        sections.entry("apps".to_owned()).or_default().extend(apps);
    }
    sections
        .into_iter()
        .map(|(name, keys)| (name, Value::from(keys)))
        .collect()
}

/// Variables that Kubernetes sets in every pod beside a service named `sso`; they are not ours.
fn of_kubernetes(key: &str) -> bool {
    let tail = key.strip_prefix("SERVICE_").unwrap_or(key);
    key == "SERVICE_HOST" || tail == "PORT" || (tail.starts_with("PORT_") && !tail.contains("__"))
}
