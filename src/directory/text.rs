//! Text in bounds that every database keeps.

/// Text that every database stores: without control characters (PostgreSQL refuses NUL), cut to `characters`.
pub(super) fn bounded(text: impl AsRef<str>, characters: usize) -> String {
    text.as_ref()
        .chars()
        .filter(|character| !character.is_control())
        .take(characters)
        .collect()
}
