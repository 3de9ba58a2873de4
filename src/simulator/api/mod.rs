//! What the platform's APIs answer, by what they are about.

pub(super) mod app_tokens;
pub(super) mod departments;
pub(super) mod legacy;
pub(super) mod search;
pub(super) mod user_tokens;
pub(super) mod users;
