//! Every example of a `rejoinder.toml` that the documentation gives is one with which a server
//! starts.

use std::path::{Path, PathBuf};

use crate::support::{Operator, text};

const BEGIN: &str = "```toml";
const END: &str = "```";
const VARIABLE: &str = "{env:";

struct Example {
    /// `docs/page.md:26`
    place: String,
    text: String,
}

fn pages() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let docs = std::fs::read_dir(root.join("docs")).unwrap();
    let mut pages: Vec<PathBuf> = docs
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "md"))
        .collect();
    pages.push(root.join("README.md"));
    pages.sort();
    pages
}

fn examples(page: &Path) -> Vec<Example> {
    let text = std::fs::read_to_string(page).unwrap();
    let mut lines = text.lines().zip(1..);
    let mut found = Vec::new();
    while let Some((_, line)) = lines.find(|(line, _)| line.trim() == BEGIN) {
        let inside = lines.by_ref().take_while(|(line, _)| line.trim() != END);
        let name = page.file_name().unwrap().to_string_lossy();
        found.push(Example {
            place: format!("{name}:{line}"),
            text: inside.map(|(line, _)| format!("{line}\n")).collect(),
        });
    }
    found
}

/// The variables that an example takes secrets from.
fn variables(example: &str) -> impl Iterator<Item = &str> {
    let after = example.split(VARIABLE).skip(1);
    after.map(|rest| rest.split('}').next().unwrap())
}

#[test]
fn every_example_of_the_documentation_starts_a_server() {
    let all: Vec<Example> = pages().iter().flat_map(|page| examples(page)).collect();
    for page in ["README.md", "adding-a-tool.md"] {
        let there = all.iter().any(|example| example.place.starts_with(page));
        assert!(there, "no example in {page}: this test looks in vain");
    }
    for Example { place, text: said } in all {
        let mut operator = Operator::new();
        for name in variables(&said) {
            operator.set(name, "of-the-example");
        }
        operator.config_file(&said);
        let shown = operator.run(&["config", "show"]);
        assert!(shown.status.success(), "{place}: {}", text(&shown));
        // What only a start compares: the model that is chosen and the providers, for example.
        assert_eq!(operator.serve(&[]).stop(), Some(0), "{place}");
    }
}
