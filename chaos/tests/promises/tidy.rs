//! A file that nobody names would never run, and nobody would notice.

use std::collections::BTreeSet;
use std::path::Path;

#[test]
fn every_module_is_named_and_numbered() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/promises");
    let main = std::fs::read_to_string(folder.join("main.rs")).unwrap();
    let named: BTreeSet<&str> = main
        .lines()
        .filter_map(|line| line.strip_prefix("mod ")?.strip_suffix(';'))
        .collect();
    let found: BTreeSet<String> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|module| module != "main")
        .collect();
    assert_eq!(found, named.iter().map(|name| (*name).to_owned()).collect());
    let numbered = |name: &&str| {
        let digits = name.strip_prefix('p');
        digits.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    };
    let without: Vec<_> = named
        .iter()
        .filter(|name| !["tidy", "ownership"].contains(*name) && !numbered(name))
        .collect();
    assert!(without.is_empty(), "which promise? {without:?}");
}
