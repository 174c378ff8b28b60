//! GUARANTEES.md and SECURITY.md name the tests that hold them: each is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// What stands in backquotes on a page.
fn quoted(page: &str) -> impl Iterator<Item = &str> {
    page.split('`').skip(1).step_by(2)
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the crate is in the repository").to_owned()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What is wrong with a reference, if it is one.
fn missing(reference: &str) -> Option<String> {
    let root = root();
    if let Some((file, name)) = reference.split_once("::").filter(|(file, _)| is_path(file)) {
        let text = std::fs::read_to_string(root.join(format!("tests/tests/{file}.rs"))).unwrap_or_default();
        let there = text.contains(&format!("fn {name}(")) && text.contains("#[test]");
        return (!there).then(|| format!("no test {name} in tests/tests/{file}.rs"));
    }
    let (file, name) = reference.split_once(".test.mjs: \"")?;
    let text =
        std::fs::read_to_string(root.join(format!("tests/browser/{file}.test.mjs"))).unwrap_or_default();
    let name = name.trim_end_matches('"');
    (!text.contains(&format!("test(\"{name}\"")))
        .then(|| format!("no test {name:?} in tests/browser/{file}.test.mjs"))
}

fn is_path(file: &str) -> bool {
    file.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || "_/".contains(char))
}

fn references(page: &str) -> Vec<&str> {
    quoted(page).filter(|quoted| quoted.contains("::") || quoted.contains(".test.mjs: ")).collect()
}

#[test]
fn every_promise_names_tests_that_are_there() {
    let page = read(&root().join("GUARANTEES.md"));
    let mut numbers = BTreeSet::new();
    for row in page.lines().filter(|line| line.starts_with("| G")) {
        let number = row.split(' ').nth(1).expect("a number");
        assert!(numbers.insert(number), "{number} is there twice");
        let held = references(row);
        assert!(!held.is_empty(), "{number} is held by nothing");
        let missing: Vec<String> = held.into_iter().filter_map(missing).collect();
        assert!(missing.is_empty(), "{number}: {missing:?}");
    }
    assert!(numbers.len() >= 20, "{numbers:?}");
}

#[test]
fn every_attack_names_tests_that_are_there() {
    let page = read(&root().join("SECURITY.md"));
    let table = page.split("| attack |").nth(1).expect("the table of attacks");
    let rows: Vec<&str> = table.lines().filter(|line| line.starts_with("| ") && line.contains('`')).collect();
    for row in &rows {
        let held = references(row);
        assert!(!held.is_empty(), "no test: {row}");
        let missing: Vec<String> = held.into_iter().filter_map(missing).collect();
        assert!(missing.is_empty(), "{row}: {missing:?}");
    }
    assert!(rows.len() >= 30, "{} rows", rows.len());
}

#[test]
fn a_reference_to_nothing_is_found() {
    assert!(missing("model::a_shard_does_what_the_page_says").is_none());
    assert!(missing("model::what_is_not_there").is_some());
    assert!(missing("nowhere::a_shard_does_what_the_page_says").is_some());
    assert!(missing("plain.test.mjs: \"a page that is not there\"").is_some());
}
