//! testdata/requirements.toml: every MUST has a script or a test, or a reason; what it names is there.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// What `status` may be.
const STATUS: [&str; 3] = ["done", "deviates", "n/a"];

struct Requirement {
    id: String,
    level: String,
    status: String,
    why: Option<String>,
    scripts: BTreeSet<String>,
    tests: Vec<String>,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_path_buf()
}

fn requirements() -> Vec<Requirement> {
    let text = fs::read_to_string(root().join("testdata/requirements.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let all = table["requirement"].as_array().unwrap();
    let word = |entry: &toml::Value, name: &str| entry.get(name).map(|value| value.as_str().unwrap().to_owned());
    let list = |entry: &toml::Value, name: &str| -> Vec<String> {
        let values = entry.get(name).and_then(|value| value.as_array()).cloned().unwrap_or_default();
        values.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
    };
    all.iter()
        .map(|entry| Requirement {
            id: word(entry, "id").unwrap(),
            level: word(entry, "level").unwrap(),
            status: word(entry, "status").unwrap(),
            why: word(entry, "why"),
            scripts: list(entry, "scripts").into_iter().collect(),
            tests: list(entry, "tests"),
        })
        .collect()
}

/// Every script with the ids that its head says it checks.
fn scripts() -> BTreeMap<String, BTreeSet<String>> {
    let mut all = BTreeMap::new();
    let folder = root().join("testdata/scripts");
    for topic in fs::read_dir(&folder).unwrap() {
        let topic = topic.unwrap();
        for script in fs::read_dir(topic.path()).unwrap() {
            let path = script.unwrap().path();
            let name = path.strip_prefix(&folder).unwrap().with_extension("").display().to_string();
            let text = fs::read_to_string(&path).unwrap();
            let head = text.lines().take_while(|line| line.starts_with("//"));
            let ids = head.filter_map(|line| line.strip_prefix("// Checks:")).flat_map(str::split_whitespace);
            assert!(text.starts_with("// RFC "), "{name} does not begin with the clause that it checks");
            all.insert(name, ids.map(str::to_owned).collect());
        }
    }
    all
}

#[test]
fn every_requirement_is_shown_or_has_a_reason() {
    let all = requirements();
    let mut ids = BTreeSet::new();
    let mut counts: BTreeMap<(String, String), usize> = BTreeMap::new();
    for requirement in &all {
        let id = &requirement.id;
        assert!(ids.insert(id.clone()), "{id} stands there twice");
        assert!(STATUS.contains(&requirement.status.as_str()), "{id}: status {}", requirement.status);
        let shown = !requirement.scripts.is_empty() || !requirement.tests.is_empty();
        match requirement.status.as_str() {
            "done" => assert!(shown, "{id} ({}) is done, says the table, and nothing shows it", requirement.level),
            _ => assert!(requirement.why.as_ref().is_some_and(|why| why.len() > 10), "{id} needs a reason"),
        }
        *counts.entry((requirement.level.clone(), requirement.status.clone())).or_default() += 1;
    }
    // Appendix B of RFC 9293 has 69 of the first and 31 of the second kind.
    for (label, count) in [("MUST", 69), ("SHLD", 31)] {
        for number in 1..=count {
            assert!(ids.contains(&format!("RFC9293-{label}-{number}")), "RFC9293-{label}-{number} is missing");
        }
    }
    println!("{} requirements: {counts:?}", all.len());
}

#[test]
fn the_table_and_the_scripts_agree() {
    let scripts = scripts();
    let all = requirements();
    for requirement in &all {
        for script in &requirement.scripts {
            let checks =
                scripts.get(script).unwrap_or_else(|| panic!("{}: there is no script {script}", requirement.id));
            assert!(checks.contains(&requirement.id), "{script} does not say that it checks {}", requirement.id);
        }
    }
    for (script, checks) in &scripts {
        for id in checks {
            let found = all.iter().find(|requirement| requirement.id == *id);
            let requirement = found.unwrap_or_else(|| panic!("{script} checks {id}, which is not in the table"));
            assert!(requirement.scripts.contains(script), "the table does not say that {script} checks {id}");
        }
    }
}

#[test]
fn tests_that_the_table_names_exist() {
    for requirement in requirements() {
        for test in &requirement.tests {
            let (module, function) = test.rsplit_once("::").unwrap();
            let module = module.trim_end_matches("::tests").replace("::", "/");
            let candidates =
                [format!("src/{module}.rs"), format!("src/{module}/tests.rs"), format!("src/{module}/mod.rs")];
            let found = candidates.iter().filter_map(|path| fs::read_to_string(root().join(path)).ok());
            let wanted = format!("fn {function}(");
            assert!(found.into_iter().any(|text| text.contains(&wanted)), "{}: there is no {test}", requirement.id);
        }
    }
}
