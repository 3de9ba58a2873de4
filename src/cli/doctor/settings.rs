//! What the settings alone tell: whether they are in order, and what is unwise in them.

use std::path::Path;

use url::Url;

use super::finding::Finding;
use crate::config::events::EventsMode;
use crate::config::{Purpose, Settings};
use crate::dingtalk::envelope::Envelopes;

/// Reads the settings as `serve` would. Where something is missing, all that can do without goes on: faulty values
/// alone leave no settings.
pub(super) fn read(file: Option<&Path>) -> (Vec<Finding>, Option<Settings>) {
    const CHECK: &str = "settings";
    match Settings::load(file, Purpose::Serve) {
        Ok(settings) => (vec![Finding::ok(CHECK, "in order")], Some(settings)),
        Err(faults) => {
            let lines = faults.to_string();
            let findings = lines.lines().map(|line| Finding::fault(CHECK, line)).collect();
            (findings, Settings::load(file, Purpose::Demo).ok())
        }
    }
}

/// Judges values that can be used, but may not do what is meant.
pub(super) fn examine(settings: &Settings) -> Vec<Finding> {
    vec![
        public_url(&settings.http.public_url),
        origins(settings),
        events(settings),
    ]
}

fn public_url(url: &Url) -> Finding {
    const CHECK: &str = "public address";
    if url.scheme() == "https" {
        return Finding::ok(CHECK, url);
    }
    Finding::warning(
        CHECK,
        format!("{url} is not https"),
        "set http.public_url to the https address in front of this service; plain http is for trying out",
    )
}

fn origins(settings: &Settings) -> Finding {
    const CHECK: &str = "page origins";
    let mut all: Vec<String> = settings
        .apps
        .values()
        .flat_map(|app| app.allowed_origins.iter().map(url::Origin::ascii_serialization))
        .collect();
    all.sort_unstable();
    all.dedup();
    let plain: Vec<&str> = all
        .iter()
        .map(String::as_str)
        .filter(|origin| !origin.starts_with("https://"))
        .collect();
    if all.is_empty() {
        Finding::skipped(CHECK, "the settings of a micro-app")
    } else if plain.is_empty() {
        Finding::ok(CHECK, all.join(", "))
    } else {
        Finding::warning(
            CHECK,
            format!("{} not https", plain.join(", ")),
            "serve the pages by https and name them so in allowed_origins: what they get is as good as a password",
        )
    }
}

fn events(settings: &Settings) -> Finding {
    const CHECK: &str = "events";
    let events = &settings.events;
    match events.mode {
        EventsMode::Off => return Finding::ok(CHECK, "off: leavers are noticed at their next sign-in or sync"),
        EventsMode::Stream => return Finding::ok(CHECK, "by Stream mode, which needs no key of its own"),
        EventsMode::Http => {}
    }
    let keys = events.token.clone().zip(events.aes_key.as_ref());
    if keys.is_none_or(|(token, key)| Envelopes::new(token, key, Vec::new()).is_err()) {
        return Finding::failed(
            CHECK,
            "token or aes_key of the callback cannot be used",
            "copy both again from 事件订阅 in the developer console: the key has 43 characters",
        );
    }
    let known = settings.apps.values().map(|app| app.app_key.as_str());
    let known: Vec<&str> = known.chain([settings.dingtalk.corp_id.as_str()]).collect();
    match &events.owner_key {
        Some(owner) if !known.contains(&owner.as_str()) => Finding::warning(
            CHECK,
            "events.owner_key is neither the corp id nor an app key",
            "set it to one of them, or leave it out: then either is accepted",
        ),
        _ => Finding::ok(CHECK, "by callback; token and aes_key have the right form"),
    }
}
