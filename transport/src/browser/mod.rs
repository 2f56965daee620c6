//! What a page has instead of sockets: the browser's own ways to the network, behind the same [`crate::Link`] and the same calls.
//!
//! Files here stand in for others of the same name elsewhere in this crate, which need sockets. A page has one thread, and what the browser
//! gives it may not leave that thread. So these futures are wrapped to count as `Send`, which costs a check that never fails, and
//! everything above them is the same code as on the desktop.
//!
//! Flow: `dial.rs` -> [`at_page`]; -> `websocket.rs`, `webtransport.rs`, `http/client.rs` -> `caller.rs`; `lobby` -> `lobby.rs`; both -> [`fetch`].

pub(crate) mod fetch;
pub(crate) mod weather;
pub(crate) mod webtransport;

use crate::Offer;
use crate::dial::parts;
use wasm_bindgen::JsValue;

/// Returns what the browser says of an error, for the log.
pub(crate) fn words(error: &JsValue) -> String {
    js_sys::Error::try_from(error.clone()).map_or_else(|_| format!("{error:?}"), |error| String::from(error.message()))
}

/// Where the page came from, which is where its lobby is: a browser lets a page ask nobody else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// Whether it came over https. Then nothing may be asked without.
    pub secure: bool,
    /// Name or address, an IPv6 one in brackets.
    pub host: String,
    /// Port, also where the address of the page leaves it out.
    pub port: u16,
}

impl Page {
    /// Returns the page that we are on.
    pub fn here() -> Option<Self> {
        let location = web_sys::window()?.location();
        let secure = location.protocol().ok()? == "https:";
        let usual = if secure { 443 } else { 80 };
        let port = location.port().ok()?.parse().unwrap_or(usual);
        Some(Self { secure, host: location.hostname().ok()?, port })
    }
}

/// Returns a host as it stands in an address.
pub(crate) fn in_url(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}

/// Returns the address of `path` at a host and port, in the page's own scheme.
pub(crate) fn url(host: &str, port: u16, path: &str) -> String {
    let host = in_url(host);
    let secure = Page::here().is_some_and(|page| page.secure);
    format!("{}://{host}:{port}{path}", if secure { "https" } else { "http" })
}

/// Returns the way to the server as the page has come: the lobby names the address that it was reached at, but to a browser `localhost`,
/// `127.0.0.1` and a name that a proxy answers to are three places, and only the page's own may be asked.
pub(crate) fn at_page(offer: Offer) -> Offer {
    let Some(Page { secure, host, port }) = Page::here() else { return offer };
    match offer {
        Offer::Websocket { url } => {
            let scheme = if secure { "wss" } else { "ws" };
            let path = parts(&url, "ws").map(|(.., path)| path).unwrap_or_default();
            Offer::Websocket { url: format!("{scheme}://{host}:{port}{path}") }
        }
        Offer::Http { url, mode } => {
            let path = parts(&url, "http").map(|(.., path)| path).unwrap_or_default();
            Offer::Http { url: format!("http://{host}:{port}{path}"), mode }
        }
        Offer::Webtransport { url, certificate_sha256, signed_for } => {
            let (reached, port, path) = parts(&url, "https").unwrap_or_default();
            // A browser asks IPv6 first for this name and gives up where nobody answers in UDP.
            let host = if host == "localhost" { in_url(&reached) } else { host };
            Offer::Webtransport { url: format!("https://{host}:{port}{path}"), certificate_sha256, signed_for }
        }
        other => other,
    }
}
