//! Pictures of people who never were: the end of their name on a colour of its own.

use super::html::escaped;

const COLOURS: [&str; 6] = ["#3a7bfd", "#16a085", "#e67e22", "#8e5bd6", "#d64b6a", "#2d9cdb"];

/// An SVG of a person's name.
pub(super) fn picture(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let end: String = letters.iter().skip(letters.len().saturating_sub(2)).collect();
    let sum: usize = letters
        .iter()
        .filter_map(|letter| usize::try_from(u32::from(*letter)).ok())
        .sum();
    let colour = COLOURS.get(sum % COLOURS.len()).copied().unwrap_or("#3a7bfd");
    let end = escaped(&end);
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 96 96"><rect width="96" height="96" rx="14" fill="{colour}"/><text x="48" y="60" font-family="sans-serif" font-size="32" fill="#fff" text-anchor="middle">{end}</text></svg>"##
    )
}
