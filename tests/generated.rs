//! Man pages and completions are those of the command line as it is now.

use std::fs;
use std::path::Path;

#[test]
fn man_pages_and_completions_are_current() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let update = std::env::var_os("TCPKIT_UPDATE").is_some();
    let generated = tcpkit::cli::manual::generated();
    for (name, text) in &generated {
        let path = root.join(name);
        if update {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
        }
        let committed = fs::read(&path).unwrap_or_default();
        assert!(
            committed == *text,
            "{} is not current; run TCPKIT_UPDATE=1 cargo test --test generated and commit what changes",
            name.display()
        );
    }
    for folder in ["man", "completions"] {
        for entry in fs::read_dir(root.join(folder)).unwrap() {
            let name = Path::new(folder).join(entry.unwrap().file_name());
            assert!(generated.iter().any(|(known, _)| *known == name), "{} is not generated any more", name.display());
        }
    }
}
