//! Files, retries and versions over real HTTP on loopback.
//!
//! Flow: `lobby/bench.rs` starts a lobby → these tests → `server::lobby`.

#[path = "lobby/bench.rs"]
#[allow(dead_code, reason = "shared with the lobby's own tests, which need more of it")]
mod bench;

use bench::{Answer, Server, read_answer};
use protocol::lobby::{FileInfo, FileList, Guest, OpenedRoom};
use std::io::Write;
use std::time::{Duration, Instant};

/// Asks for `path` with more lines in the head.
fn ask(server: &Server, method: &str, path: &str, lines: &str, body: &str) -> Answer {
    let length = body.len();
    let mut stream = server.connect();
    let kind = if body.is_empty() { "" } else { "Content-Type: application/json\r\n" };
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{lines}{kind}Content-Length: {length}\r\n\r\n{body}"
    );
    stream.write_all(head.as_bytes()).unwrap();
    read_answer(stream)
}

fn a_map(server: &Server) -> FileInfo {
    let list: FileList = server.get("/v1/files").json();
    list.files.into_iter().find(|file| file.name == "maps/crossfire.map").expect("it is offered")
}

#[test]
fn a_file_comes_whole_and_in_parts() {
    let server = Server::start();
    let FileInfo { sha256, bytes, .. } = a_map(&server);
    let path = format!("/v1/files/{sha256}");
    let whole = server.get(&path);
    assert_eq!((whole.status, whole.body.len() as u64), (200, bytes));
    assert_eq!(whole.header("content-length"), Some(bytes.to_string().as_str()));
    assert_eq!(whole.header("etag"), Some(format!("\"{sha256}\"").as_str()));
    assert!(whole.header("cache-control").is_some_and(|value| value.contains("immutable")), "{whole:?}");

    let (first, rest) = whole.body.split_at(100);
    let part = ask(&server, "GET", &path, "Range: bytes=100-\r\n", "");
    assert_eq!((part.status, part.body.as_str()), (206, rest));
    assert_eq!(part.header("content-range"), Some(format!("bytes 100-{}/{bytes}", bytes - 1).as_str()));
    let part = ask(&server, "GET", &path, "Range: bytes=0-99\r\n", "");
    assert_eq!((part.status, part.body.as_str()), (206, first));
    let beyond = ask(&server, "GET", &path, &format!("Range: bytes={bytes}-\r\n"), "");
    assert_eq!((beyond.status, beyond.header("content-range")), (416, Some(format!("bytes */{bytes}").as_str())));
    beyond.problem();
    let several = ask(&server, "GET", &path, "Range: bytes=0-1,5-6\r\n", "");
    assert_eq!((several.status, several.body.len() as u64), (200, bytes));
    let other = ask(&server, "GET", &path, "Range: bytes=100-\r\nIf-Range: \"another\"\r\n", "");
    assert_eq!((other.status, other.body.len() as u64), (200, bytes), "a part of another version is of no use");

    let known = ask(&server, "GET", &path, &format!("If-None-Match: \"{sha256}\"\r\n"), "");
    assert_eq!((known.status, known.body.as_str()), (304, ""));
    let head = ask(&server, "HEAD", &path, "", "");
    assert_eq!((head.status, head.body.as_str()), (200, ""));
    assert_eq!(head.header("content-length"), Some(bytes.to_string().as_str()));
    for nothing in [format!("/v1/files/{}", "0".repeat(64)), "/v1/files/..%2f..%2fetc%2fpasswd".to_owned()] {
        let answer = server.get(&nothing);
        assert_eq!(answer.status, 404, "{answer:?}");
        answer.problem();
    }
}

#[test]
fn a_retry_with_a_key_does_nothing_twice() {
    let server = Server::start();
    let body = r#"{"name":"Ripley"}"#;
    let key = "Idempotency-Key: 8e03978e-40d5-43e8-bc93-6894a57f9324\r\n";
    let first = ask(&server, "POST", "/v1/guests", key, body);
    assert_eq!((first.status, first.header("idempotency-replayed")), (201, None), "{first:?}");
    let again = ask(&server, "POST", "/v1/guests", key, body);
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")));
    assert_eq!(again.json::<Guest>(), first.json::<Guest>());
    let other = ask(&server, "POST", "/v1/guests", key, r#"{"name":"Newt"}"#);
    assert_eq!((other.status, other.problem().title.as_str()), (422, "Key used before"));
    assert_eq!(ask(&server, "POST", "/v1/guests", &key.replace("8e", "\u{1}"), body).status, 400);

    let bearer = format!("Authorization: Bearer {}\r\n{key}", first.json::<Guest>().secret);
    let opened = ask(&server, "POST", "/v1/rooms", &bearer, "{}");
    assert_eq!(opened.status, 201, "another path, another request: {opened:?}");
    let reopened: OpenedRoom = ask(&server, "POST", "/v1/rooms", &bearer, "{}").json();
    assert_eq!(reopened, opened.json());
    let refused = ask(&server, "POST", "/v1/guests", "Idempotency-Key: other\r\n", r#"{"name":"x"}"#);
    assert_eq!(refused.status, 422);
    let mended = ask(&server, "POST", "/v1/guests", "Idempotency-Key: other\r\n", body);
    assert_eq!(mended.status, 201, "what was refused can be tried again");
}

#[test]
fn the_list_of_rooms_can_be_waited_for() {
    let server = Server::start();
    let list = server.get("/v1/rooms");
    let tag = format!("If-None-Match: {}\r\n", list.header("etag").expect("a version"));
    let same = ask(&server, "GET", "/v1/rooms", &tag, "");
    assert_eq!((same.status, same.body.as_str(), same.header("etag")), (304, "", list.header("etag")));
    let began = Instant::now();
    assert_eq!(ask(&server, "GET", "/v1/rooms?wait=1", &tag, "").status, 304);
    assert!(began.elapsed() >= Duration::from_secs(1));
    std::thread::scope(|scope| {
        let began = Instant::now();
        let waiting = scope.spawn(|| ask(&server, "GET", "/v1/rooms?wait=25", &tag, ""));
        std::thread::sleep(Duration::from_millis(200));
        let guest = server.guest("Ripley");
        assert_eq!(server.post("/v1/rooms", Some(&guest.secret), "{}").status, 201);
        let told = waiting.join().unwrap();
        assert_eq!(told.status, 200, "{told:?}");
        assert_ne!(told.header("etag"), list.header("etag"));
        assert!(began.elapsed() < Duration::from_secs(10), "told when it happened, not at the end");
    });
    assert_eq!(server.get("/v1/rooms?wait=26").status, 422);
    assert_eq!(server.get("/v1/rooms?free=perhaps").status, 400);
}

#[test]
fn the_documentation_is_served_without_any_outside_help() {
    let server = Server::start();
    let document = server.get("/v1/openapi.json");
    assert_eq!(document.header("content-type"), Some("application/json"));
    assert!(document.json::<serde_json::Value>()["paths"]["/v1/rooms"]["get"].is_object());
    assert_eq!(server.get("/docs").status, 308);
    let page = server.get("/docs/");
    assert!(page.status == 200 && page.body.contains("swagger-ui-bundle.js"), "{}", page.head);
    let policy = page.header("content-security-policy").expect("its own");
    assert!(policy.contains("script-src 'self'") && policy.contains("default-src 'none'"), "{policy}");
    assert!(!page.body.contains("https://"), "nothing from outside");
    let script = server.get("/docs/swagger-initializer.js");
    assert!(script.status == 200 && script.body.contains("/v1/openapi.json"), "{}", script.head);
    assert_eq!(server.get("/docs/nothing.js").status, 404);
}
