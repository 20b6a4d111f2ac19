//! The rooms of the house: arrows run down only, and the core is without clock, I/O and chance.

use std::fs;
use std::path::{Path, PathBuf};

/// Each room with the rooms it may know.
const ROOMS: &[(&str, &[&str])] = &[
    ("wire", &["time"]),
    ("capture", &["time"]),
    ("link", &["wire", "capture", "time", "random"]),
    ("tcp", &["wire", "time"]),
    ("stack", &["tcp", "wire", "time"]),
    ("script", &["stack", "tcp", "link", "capture", "wire", "time"]),
    ("analysis", &["capture", "tcp", "wire", "time"]),
    ("net", &["stack", "tcp", "link", "capture", "wire", "time"]),
    ("app", &["net", "tcp", "wire", "time"]),
];

fn sources(room: &str) -> Vec<(PathBuf, String)> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let mut folders = vec![src.join(room)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty());
    found
}

/// The part of a file that is not tests.
fn code(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap()
}

#[test]
fn a_room_knows_only_rooms_below_it() {
    for (room, below) in ROOMS {
        for (path, text) in sources(room) {
            if path.iter().any(|part| part == "tests" || part == "tests.rs") {
                continue;
            }
            for rest in code(&text).match_indices("crate::").map(|(at, found)| &text[at + found.len()..]) {
                let other: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                assert!(
                    other == *room || below.contains(&other.as_str()),
                    "{} knows crate::{other}, which is not below {room}",
                    path.display()
                );
            }
        }
    }
}

#[test]
fn the_core_reads_no_clock_does_no_io_and_draws_no_chance() {
    let forbidden = [
        "Instant::now",
        "SystemTime",
        "std::fs",
        "std::thread",
        "TcpStream",
        "UdpSocket",
        "getrandom",
        "thread_rng",
        "println!",
    ];
    for room in ["wire", "tcp", "stack"] {
        for (path, text) in sources(room) {
            if path.iter().any(|part| part == "tests") {
                continue;
            }
            for word in forbidden {
                assert!(!code(&text).contains(word), "{} has {word}", path.display());
            }
        }
    }
}

#[test]
fn unsafe_code_is_in_one_module_and_every_use_says_why_it_is_sound() {
    for room in ["app", "capture", "cli", "link", "net", "script", "stack", "tcp", "wire"] {
        for (path, text) in sources(room) {
            let lines: Vec<&str> = text.lines().collect();
            for (number, _) in lines.iter().enumerate().filter(|(_, line)| line.contains("unsafe {")) {
                assert!(
                    path.parent().is_some_and(|folder| folder.ends_with("src/link/sys")),
                    "{}:{} is unsafe",
                    path.display(),
                    number + 1
                );
                let before = &lines[number.saturating_sub(4)..=number];
                assert!(
                    before.iter().any(|line| line.contains("SAFETY:")),
                    "{}:{} does not say why it is sound",
                    path.display(),
                    number + 1
                );
            }
        }
    }
}
