//! What the OpenAPI document promises: that it is about these very routes, and that the copy in the repository is this very document.
//!
//! Flow: [`super::described`] → here ↔ `docs/openapi.json`.

use super::{described, link, written};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;

const METHODS: [&str; 5] = ["get", "put", "post", "delete", "patch"];

fn document() -> (String, Value) {
    let (_, document) = described(link::routes(), true).split_for_parts();
    let text = written(document);
    let json = serde_json::from_str(&text).expect("JSON");
    (text, json)
}

/// Every operation: its path, method and description.
fn operations(document: &Value) -> Vec<(&str, &str, &Value)> {
    let paths = document["paths"].as_object().expect("paths");
    let all = paths.iter().flat_map(|(path, item)| METHODS.map(|method| (path.as_str(), method, &item[method])));
    all.filter(|(.., operation)| !operation.is_null()).collect()
}

#[test]
fn every_route_is_described_and_every_description_has_its_route() {
    let (router, _) = described(link::routes(), true).split_for_parts();
    let router: axum::Router<_> = router.merge(link::calls());
    // A router shows its paths in no other way: `RouteId(3): "/v1/rooms"`.
    let shown = format!("{router:?}");
    let paths = shown.split('"').filter(|text| text.starts_with('/'));
    let routed: BTreeSet<_> = paths.filter(|path| !path.contains("__private__axum_fallback")).collect();
    let (_, document) = document();
    let described: BTreeSet<_> = operations(&document).into_iter().map(|(path, ..)| path).collect();
    assert_eq!(routed, described);
    assert!(described.len() > 10 && described.contains("/v1/rooms"), "{described:?}");
}

#[test]
fn every_operation_says_what_it_is_and_how_it_refuses() {
    let (_, document) = document();
    assert!(document["openapi"].as_str().is_some_and(|version| version.starts_with("3.1.")));
    let declared = document["tags"].as_array().expect("tags").iter().filter_map(|tag| tag["name"].as_str());
    let tags: BTreeSet<_> = declared.collect();
    let mut names = BTreeSet::new();
    for (path, method, operation) in operations(&document) {
        let name = operation["operationId"].as_str().expect("an id");
        assert!(names.insert(name), "{method} {path}: another operation is called {name}");
        assert!(operation["summary"].as_str().is_some_and(|summary| !summary.is_empty()), "{method} {path}");
        let told = operation["responses"].as_object().expect("responses").values();
        assert!(told.into_iter().all(|response| response["description"].is_string()), "{method} {path}");
        let tag = operation["tags"][0].as_str().expect("a tag");
        assert!(tags.contains(tag), "{method} {path}: {tag}");
        for status in ["400", "401", "404", "405", "413", "422", "429", "500", "503"] {
            let content = &operation["responses"][status]["content"];
            // What a person opens in a browser is refused by a page.
            let said = content["application/problem+json"]["schema"].is_object() || content["text/html"].is_object();
            assert!(said, "{method} {path}: {status}");
        }
        assert!(operation["responses"]["429"]["headers"]["Retry-After"].is_object(), "{method} {path}");
    }
}

#[test]
fn the_copy_in_the_repository_is_the_same() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/openapi.json");
    let (text, _) = document();
    let text = format!("{text}\n");
    if std::env::var_os("OPENAPI").is_some_and(|value| value == "write") {
        std::fs::write(&path, &text).expect("the repository is writable");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == text,
        "docs/openapi.json is out of date. Renew it: OPENAPI=write cargo test -p server --lib routes"
    );
}
