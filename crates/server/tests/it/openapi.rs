//! The published document is the one that this source makes.

#[test]
fn the_document_in_docs_is_up_to_date() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");
    let published = std::fs::read_to_string(path).unwrap();
    assert!(
        published == server::openapi_json(),
        "docs/openapi.json has drifted: `make gen` writes it again"
    );
}
