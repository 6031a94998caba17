//! SECURITY.md names a test per line. A name that leads nowhere would be worse than none.

use std::path::Path;

#[test]
fn every_test_named_in_security_md_exists() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("SECURITY.md")).unwrap();
    let mut named = 0;
    for (file, function) in page.split('`').filter_map(|text| text.split_once("::")) {
        let source = std::fs::read_to_string(root.join(file))
            .unwrap_or_else(|error| panic!("{file}: {error}"));
        let found = ["fn", "def"]
            .iter()
            .any(|word| source.contains(&format!("{word} {function}(")));
        assert!(found, "{file} has no {function}");
        named += 1;
    }
    assert!(named > 30, "{named}");
}
