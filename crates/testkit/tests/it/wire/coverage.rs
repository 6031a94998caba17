//! Nothing that the documented types allow is missing from the pages.

use std::collections::BTreeSet;

use serde_json::Value;
use server::operations::OPERATIONS;
use testkit::golden::folder;

use super::PAGES;

fn page(name: &str) -> String {
    std::fs::read_to_string(folder().join(name)).unwrap()
}

#[test]
fn no_page_is_left_over_or_missing() {
    let kept: BTreeSet<String> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(kept, PAGES.iter().map(|name| (*name).to_owned()).collect());
}

/// Every word of these types, under the member that carries it.
#[test]
fn every_frame_and_state_is_on_the_page_of_frames() {
    let document = folder().join("../openapi.json");
    let document: Value =
        serde_json::from_str(&std::fs::read_to_string(document).unwrap()).unwrap();
    let frames = page("frames.md");
    for (schema, member) in [
        ("FrameType", "type"),
        ("ConnectionStatus", "status"),
        ("MessageStatus", "status"),
        ("RunState", "state"),
        ("CallState", "state"),
        ("TypingState", "state"),
        ("DeltaChannel", "channel"),
        ("Decision", "decision"),
    ] {
        let words = document["components"]["schemas"][schema]["enum"].as_array();
        let words = words.unwrap_or_else(|| panic!("{schema} is not documented"));
        for word in words {
            let shown = format!("\"{member}\": {word}");
            assert!(frames.contains(&shown), "{schema}: {shown} is on no page");
        }
    }
    for op in OPERATIONS.iter().filter(|op| op.method == "WS") {
        let sent = format!("\"type\": \"{}\"", op.path);
        let client = frames.split("Client:").skip(1);
        let shown = client.filter_map(|block| block.split("```").nth(1));
        assert!(
            shown.into_iter().any(|json| json.contains(&sent)),
            "no client sends {sent}"
        );
    }
}
