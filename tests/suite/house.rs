//! The walls of the house: no room uses one on its own floor or above.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn arrows_between_rooms_run_down() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let table = fs::read_to_string(source.join("lib.rs")).expect("lib.rs");
    let mut floors = HashMap::new();
    for line in table.lines().filter_map(|line| line.strip_prefix("//! | ")) {
        let mut cells = line.split('|').map(str::trim);
        if let (Some(Ok(floor)), Some(rooms)) = (cells.next().map(str::parse::<u8>), cells.next()) {
            floors.extend(rooms.split(", ").map(|room| (room.to_owned(), floor)));
        }
    }
    let mut files = Vec::new();
    sources(&source, &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let inner = file.strip_prefix(&source).expect("inside");
        let room = inner
            .iter()
            .next()
            .expect("a room")
            .to_string_lossy()
            .replace(".rs", "");
        if room == "lib" || room == "main" {
            continue;
        }
        let floor = *floors
            .get(&room)
            .unwrap_or_else(|| panic!("{room} is not in the floor table"));
        let text = fs::read_to_string(&file).expect("a source");
        assert!(text.starts_with("//! "), "{} has no caption", inner.display());
        for used in text.split("crate::").skip(1) {
            let list = used
                .strip_prefix('{')
                .map_or(used, |list| list.split('}').next().unwrap_or_default());
            let names = if used.starts_with('{') {
                list.split(", ").collect()
            } else {
                vec![list]
            };
            for name in names {
                let name: String = name
                    .trim()
                    .chars()
                    .take_while(|c| c.is_alphanumeric() || *c == '_')
                    .collect();
                if name != room && floors.get(&name).is_some_and(|below| *below >= floor) {
                    wrong.push(format!("{} ({floor}) uses {name}", inner.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
