//! The list that the matrix walks is all there is.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use reqwest::Method;
use serde_json::json;
use server::operations::OPERATIONS;
use testkit::client::PASSWORD;

use super::things;
use super::world::World;
use crate::support::raw;

/// Paths that belong to nobody and are therefore not in the list: the published document.
const DOCUMENT: &[&str] = &["/docs", "/docs.css", "/openapi.json"];

#[tokio::test]
async fn a_path_has_the_methods_of_the_list_and_no_others() {
    let mut paths: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for op in OPERATIONS.iter().filter(|op| op.method != "WS") {
        paths.entry(op.path).or_default().insert(op.method);
    }
    let world = World::all().await.remove(0);
    for (pattern, listed) in &paths {
        let ids = things::kinds(pattern)
            .into_iter()
            .map(|kind| (kind, "1".to_owned()));
        let path = things::fill(pattern, &ids.collect());
        for method in [
            "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "MADE-UP",
        ] {
            if listed.contains(method) {
                continue;
            }
            let name = Method::from_bytes(method.as_bytes()).unwrap();
            let answer = raw(&world.admin, name, &path, &[], "").await;
            assert_eq!(
                answer.status(),
                405,
                "{method} {pattern} is answered and not listed"
            );
            let allow = answer.headers()["allow"]
                .to_str()
                .unwrap()
                .split(',')
                .map(str::trim);
            let allowed: BTreeSet<_> = allow.filter(|method| *method != "HEAD").collect();
            assert_eq!(&allowed, listed, "{pattern}");
        }
    }
}

/// A route that is added past the document would be in no list. The one place where that is done
/// serves the document itself.
#[test]
fn no_route_is_added_past_the_document() {
    let mut elsewhere = Vec::new();
    walk(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut |file, source| {
            for word in [".route(", ".nest(", ".route_service(", ".nest_service("] {
                for line in source.lines().filter(|line| line.contains(word)) {
                    let known = DOCUMENT
                        .iter()
                        .any(|path| line.contains(&format!("\"{path}\"")));
                    if !(known && file.ends_with("routes/operator/docs.rs")) {
                        elsewhere.push(format!("{}: {}", file.display(), line.trim()));
                    }
                }
            }
        },
    );
    assert_eq!(
        elsewhere,
        Vec::<String>::new(),
        "use `routes!`, which also documents it"
    );
}

fn walk(folder: &Path, visit: &mut impl FnMut(&Path, &str)) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, visit);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            visit(&path, &std::fs::read_to_string(&path).unwrap());
        }
    }
}

/// There are no API keys yet. When they come, each scope is an actor of the matrix: see `actors`.
#[test]
fn access_tokens_are_the_only_credentials_so_far() {
    let document = server::openapi();
    let schemes = document["components"]["securitySchemes"]
        .as_object()
        .unwrap();
    let schemes: Vec<_> = schemes.keys().collect();
    assert_eq!(
        schemes,
        ["access_token"],
        "teach actors.rs the new credential"
    );
    let keys = OPERATIONS.iter().filter(|op| op.resource.contains("key"));
    assert_eq!(keys.count(), 0, "teach actors.rs the scopes of API keys");
}

#[tokio::test]
async fn a_deleted_accounts_id_is_never_given_again() {
    for mut world in World::all().await {
        let (_, oldest, _) = world.account().await;
        let mut seen = BTreeSet::from([oldest]);
        for round in 0..3 {
            let (newest, id, _) = world.account().await;
            assert!(seen.insert(id), "{id} was given twice");
            world.delete(&newest).await;
            // An id that lives in memory only would be forgotten now.
            if round == 1 {
                world = world.restart().await;
            }
        }
        let body = json!({ "email": "last@example.org", "password": PASSWORD, "full_name": "L" });
        let added = world.admin.post("/admin/users", body).await.expect(201);
        let last = added["id"].as_i64().unwrap();
        assert!(seen.iter().all(|id| *id < last), "{last} after {seen:?}");
    }
}
