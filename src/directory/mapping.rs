//! Which roles of ours somebody holds for what they are in DingTalk: an administrator there, or somebody with a label.

use std::collections::BTreeSet;

use super::mapped_grant::{Model, Source};
use super::profile::Profile;
use crate::config::directory::Directory;

/// A role with what in DingTalk brings it.
pub(super) type Grant = (String, Source);

/// What the settings say of it.
pub(super) struct Mapping {
    admin_role: Option<String>,
    label_roles: Vec<(String, String)>,
}

impl Mapping {
    pub(super) fn new(settings: &Directory) -> Self {
        Self {
            admin_role: settings.admin_role.clone(),
            label_roles: settings.label_roles.clone(),
        }
    }

    /// Whether nothing in DingTalk brings a role.
    pub(super) fn is_empty(&self) -> bool {
        self.admin_role.is_none() && self.label_roles.is_empty()
    }

    /// Whether the settings still let that source bring that role.
    pub(super) fn brings(&self, grant: &Model) -> bool {
        match grant.source {
            Source::Admin => self.admin_role.as_ref() == Some(&grant.role),
            Source::Label => self.label_roles.iter().any(|(_, role)| *role == grant.role),
        }
    }

    /// What somebody holds now, if it is something else than is stored.
    pub(super) fn regranted(&self, profile: &Profile, stored: &[Model]) -> Option<BTreeSet<Grant>> {
        if self.is_empty() {
            return None;
        }
        let held: BTreeSet<Grant> = stored.iter().map(|grant| (grant.role.clone(), grant.source)).collect();
        Some(self.grants(profile, stored)).filter(|brought| *brought != held)
    }

    /// What somebody holds now; where the profile is silent, what they held of it before.
    pub(super) fn grants(&self, profile: &Profile, stored: &[Model]) -> BTreeSet<Grant> {
        let kept = |source: Source| {
            let held = stored
                .iter()
                .filter(move |grant| grant.source == source && self.brings(grant));
            held.map(move |grant| (grant.role.clone(), source)).collect::<Vec<_>>()
        };
        let as_admin = match profile.admin {
            Some(true) => self
                .admin_role
                .iter()
                .map(|role| (role.clone(), Source::Admin))
                .collect(),
            Some(false) => Vec::new(),
            None => kept(Source::Admin),
        };
        let by_label = match &profile.labels {
            Some(labels) => self
                .label_roles
                .iter()
                .filter(|(label, _)| labels.contains(label))
                .map(|(_, role)| (role.clone(), Source::Label))
                .collect(),
            None => kept(Source::Label),
        };
        as_admin.into_iter().chain(by_label).collect()
    }
}
