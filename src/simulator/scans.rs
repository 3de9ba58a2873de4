//! The QR pictures that are open: what was asked for with each, and what came of it.

use std::collections::HashMap;

use url::Url;

use super::grants::{AppIndex, CODE_S, random};

/// More pictures than this are not kept open.
const MOST: usize = 10_000;

/// What a page asks of DingTalk (section 6.1).
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) app: AppIndex,
    pub(super) redirect_uri: Url,
    pub(super) state: Option<String>,
    /// Scope `corpid` is among those asked for.
    pub(super) corpid: bool,
}

#[derive(Debug)]
struct Scan {
    asked: Asked,
    /// Where the browser that shows the picture goes on.
    outcome: Option<Url>,
    over_at: i64,
}

/// Open pictures by their id.
#[derive(Debug, Default)]
pub(super) struct Scans {
    open: HashMap<String, Scan>,
}

impl Scans {
    /// Opens a picture; answers its id.
    pub(super) fn open(&mut self, asked: Asked, now: i64) -> String {
        if self.open.len() >= MOST {
            self.open.retain(|_, scan| scan.over_at > now);
        }
        if self.open.len() >= MOST {
            self.open.clear();
        }
        let id = random();
        self.open.insert(
            id.clone(),
            Scan {
                asked,
                outcome: None,
                over_at: now + CODE_S,
            },
        );
        id
    }

    /// What was asked for, while the picture is open and nobody has decided.
    pub(super) fn asked(&self, id: &str, now: i64) -> Option<&Asked> {
        self.open
            .get(id)
            .filter(|scan| scan.over_at > now && scan.outcome.is_none())
            .map(|scan| &scan.asked)
    }

    /// Somebody has decided.
    pub(super) fn decide(&mut self, id: &str, outcome: Url) {
        if let Some(scan) = self.open.get_mut(id) {
            scan.outcome = Some(outcome);
        }
    }

    /// Where to go on, once somebody has decided.
    pub(super) fn outcome(&self, id: &str) -> Option<&Url> {
        self.open.get(id)?.outcome.as_ref()
    }
}
