//! What a page has instead of sockets: the browser's own ways to the network, behind the same [`crate::Link`] and the same calls.
//!
//! Files here stand in for others of the same name elsewhere in this crate, which need sockets. A page has one thread, and what the browser
//! gives it may not leave that thread. So these futures are wrapped to count as `Send`, which costs a check that never fails, and
//! everything above them is the same code as on the desktop.
//!
//! Flow: `dial.rs` -> `websocket.rs`, `webtransport.rs`, `http/client.rs` -> `caller.rs`; `lobby` -> `lobby.rs`; both -> [`fetch`].

pub(crate) mod fetch;
pub(crate) mod webtransport;

use wasm_bindgen::JsValue;

/// Returns what the browser says of an error, for the log.
pub(crate) fn words(error: &JsValue) -> String {
    js_sys::Error::try_from(error.clone()).map_or_else(|_| format!("{error:?}"), |error| String::from(error.message()))
}

/// Returns the scheme, host and port of the page that we are on, as `https://play.example:8443`.
pub fn origin() -> Option<String> {
    web_sys::window()?.location().origin().ok()
}

/// Returns the address of `path` at a host and port. At the page's own it has the page's scheme, for nothing else may be asked from a page
/// that came encrypted.
pub(crate) fn url(host: &str, port: u16, path: &str) -> String {
    let name = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let there = format!("{name}:{port}");
    let own = origin().filter(|origin| match origin.split_once("://") {
        Some(("https", at)) => at.eq_ignore_ascii_case(&there) || (port == 443 && at.eq_ignore_ascii_case(&name)),
        Some((_, at)) => at.eq_ignore_ascii_case(&there) || (port == 80 && at.eq_ignore_ascii_case(&name)),
        None => false,
    });
    own.map_or_else(|| format!("http://{there}{path}"), |own| format!("{own}{path}"))
}
