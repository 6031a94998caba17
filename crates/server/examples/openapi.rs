//! Prints the API's document: `cargo run -p rejoinder-server --example openapi > docs/openapi.json`.

fn main() {
    print!("{}", server::openapi_json());
}
