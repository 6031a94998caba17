//! Who may know whom, over `cargo metadata`. The table is house.md's: a crate that reaches for a
//! room it has no business in breaks this test before it breaks the design.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use serde_json::Value;

/// What a crate may depend on, of ours. Tests may use more, see [`dev_dependencies`].
const MAY_KNOW: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("agent", &["domain"]),
    ("models", &["domain", "agent"]),
    ("local-model", &["domain", "agent"]),
    ("tools", &["domain", "agent"]),
    ("store", &["domain"]),
    ("bus", &["domain"]),
    ("server", &["domain", "agent"]),
    (
        "testkit",
        &[
            "domain", "agent", "models", "tools", "store", "bus", "server",
        ],
    ),
    ("chaos", &["agent", "testkit"]),
    ("bench", &["testkit"]),
    (
        "rejoinder",
        &[
            "domain",
            "agent",
            "models",
            "local-model",
            "tools",
            "store",
            "bus",
            "server",
        ],
    ),
];

/// Libraries that a room must not bring in, and why.
const NEVER: &[(&str, &[&str], &str)] = &[
    (
        "domain",
        &["tokio", "sqlx", "axum", "reqwest", "hyper"],
        "the nouns do no I/O",
    ),
    (
        "agent",
        &["sqlx", "axum", "reqwest", "hyper"],
        "the agent acts through its ports",
    ),
    (
        "server",
        &["sqlx", "reqwest"],
        "the server has the store's ports, and calls nobody",
    ),
    (
        "store",
        &["axum", "reqwest"],
        "the store knows the database only",
    ),
    (
        "tools",
        &["sqlx", "axum"],
        "tools get their effects from the driver",
    ),
    (
        "models",
        &["sqlx", "axum"],
        "models answer, they keep nothing",
    ),
];

struct Dependency {
    /// As in the table for ours, the package's name otherwise.
    name: String,
    ours: bool,
    dev: bool,
}

struct Workspace {
    crates: BTreeMap<String, Vec<Dependency>>,
    default_members: BTreeSet<String>,
    root: PathBuf,
}

fn short(package: &str) -> String {
    package
        .strip_prefix("rejoinder-")
        .unwrap_or(package)
        .to_owned()
}

fn workspace() -> Workspace {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        // The root: asked from a crate, cargo names that crate as the only default member.
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
    let mut crates = BTreeMap::new();
    let mut names_by_id = BTreeMap::new();
    for package in metadata["packages"].as_array().unwrap() {
        let name = short(package["name"].as_str().unwrap());
        names_by_id.insert(package["id"].as_str().unwrap().to_owned(), name.clone());
        let dependencies = package["dependencies"]
            .as_array()
            .unwrap()
            .iter()
            .map(|dependency| {
                let ours = dependency["path"].is_string();
                let name = dependency["name"].as_str().unwrap();
                Dependency {
                    name: if ours { short(name) } else { name.to_owned() },
                    ours,
                    dev: dependency["kind"] == "dev",
                }
            });
        crates.insert(name, dependencies.collect());
    }
    let default_members = metadata["workspace_default_members"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| names_by_id[id.as_str().unwrap()].clone())
        .collect();
    let root = metadata["workspace_root"].as_str().unwrap().into();
    Workspace {
        crates,
        default_members,
        root,
    }
}

#[test]
fn every_crate_is_in_the_table() {
    let workspace = workspace();
    let found: BTreeSet<&str> = workspace.crates.keys().map(String::as_str).collect();
    let known: BTreeSet<&str> = MAY_KNOW.iter().map(|(name, _)| *name).collect();
    assert_eq!(found, known);
    for entry in std::fs::read_dir(workspace.root.join("crates")).unwrap() {
        let folder = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            known.contains(folder.as_str()),
            "crates/{folder} is no member"
        );
    }
}

#[test]
fn crates_know_only_whom_they_may() {
    let workspace = workspace();
    for (name, allowed) in MAY_KNOW {
        for dependency in workspace.crates[*name].iter().filter(|d| d.ours && !d.dev) {
            assert!(
                allowed.contains(&dependency.name.as_str()),
                "{name} must not depend on {}: house rules, \"Who may know whom\"",
                dependency.name
            );
        }
    }
}

#[test]
fn rooms_stay_free_of_what_is_not_theirs() {
    let workspace = workspace();
    for (name, banned, why) in NEVER {
        for dependency in workspace.crates[*name].iter().filter(|d| !d.dev) {
            let found = &dependency.name;
            assert!(
                !banned.contains(&found.as_str()),
                "{name} depends on {found}: {why}"
            );
        }
    }
}

/// Tests may use the testkit; chaos and bench are some as a whole. Nobody may reach `rejoinder`.
#[test]
fn dev_dependencies() {
    let workspace = workspace();
    for (name, dependencies) in &workspace.crates {
        for dependency in dependencies.iter().filter(|d| d.ours) {
            let other = dependency.name.as_str();
            assert_ne!(other, "rejoinder", "{name} depends on the binary");
            if other == "testkit" && !["chaos", "bench"].contains(&name.as_str()) {
                assert!(dependency.dev, "{name}: testkit is a dev-dependency");
            }
        }
    }
}

/// The C++ engine, the tests that kill and the load generator stay out of everyday builds.
#[test]
fn everyday_builds_leave_out_what_takes_minutes() {
    let workspace = workspace();
    let mut expected: BTreeSet<String> = MAY_KNOW
        .iter()
        .map(|(name, _)| (*name).to_owned())
        .collect();
    expected.remove("local-model");
    expected.remove("chaos");
    expected.remove("bench");
    assert_eq!(workspace.default_members, expected);
}
