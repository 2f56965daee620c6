//! Web pages of this server: one file each, nothing from elsewhere, and nothing in them runs but what we wrote.
//!
//! The rule that says so (`Content-Security-Policy`) names the one script and the one style of a page by their hash, so that text which
//! a player chose could not become a script even if a page forgot to treat it as text.
//!
//! Flow: `assets/web` → [`Page`] → `GET /`, `GET /console` → a browser.

use axum::http::{HeaderValue, header};
use axum::response::{Html, IntoResponse, Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// Marks what is only for a listener that also serves the operator.
const OPERATOR_PART: (&str, &str) = ("<!--operator-->", "<!--/operator-->");

/// Marks what is only for a server without the game for browsers.
const UNBUILT_PART: (&str, &str) = ("<!--unbuilt-->", "<!--/unbuilt-->");

/// Where the wires of the game may end, as far as a policy can say without knowing the machine's name.
const WIRES: &str = "http: ws: https: wss:";

/// What a friend sees who opens the address that they were given, where the game was not built for browsers.
pub(super) static LANDING: LazyLock<Page> =
    LazyLock::new(|| Page::new(include_str!("../../../assets/web/landing.html")));
/// The same where the operator has a listener of their own.
pub(super) static PUBLIC_LANDING: LazyLock<Page> = LazyLock::new(|| LANDING.without(OPERATOR_PART));
/// What this is, where the game itself is on the first page.
pub(super) static ABOUT: LazyLock<Page> = LazyLock::new(|| LANDING.without(UNBUILT_PART));
/// The same where the operator has a listener of their own.
pub(super) static PUBLIC_ABOUT: LazyLock<Page> = LazyLock::new(|| ABOUT.without(OPERATOR_PART));
/// The operator's console.
pub(super) static CONSOLE: LazyLock<Page> =
    LazyLock::new(|| Page::new(include_str!("../../../assets/web/console.html")));

/// A page and the rule that it comes with.
#[derive(Debug)]
pub(super) struct Page {
    html: String,
    policy: HeaderValue,
}

impl Page {
    fn new(html: &str) -> Self {
        let source = |tag| inside(html, tag).map(hash).unwrap_or("'none'".to_owned());
        let rest = format!("script-src {}; style-src {}; connect-src 'self'", source("script"), source("style"));
        Self::with(html, &rest)
    }

    /// The page of the game: it runs scripts of this server, WebAssembly, and dials every wire that a browser has.
    pub(super) fn of_game(html: &str) -> Self {
        let style = inside(html, "style").map_or("'none'".to_owned(), hash);
        let rest = format!("script-src 'self' 'wasm-unsafe-eval'; style-src {style}; connect-src 'self' {WIRES}");
        Self::with(html, &rest)
    }

    /// Returns the page as an answer to somebody who knows this machine as `host`: the wires of the game end there, at several ports.
    /// `over_ipv6` says how they came.
    pub(super) fn answer_at(&self, host: Option<&str>, over_ipv6: bool) -> Response {
        let mut response = self.answer();
        // What cannot be written into a rule, such as an IPv6 address, leaves it as wide as it is.
        let name =
            |host: &&str| !host.is_empty() && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b));
        if let Some(host) = host.filter(name) {
            let mut wires = format!("http://{host}:* ws://{host}:* https://{host}:* wss://{host}:*");
            if host.eq_ignore_ascii_case("localhost") {
                // Where the page dials WebTransport instead: the address in the grant.
                wires.push_str(if over_ipv6 { " https:" } else { " https://127.0.0.1:*" });
            }
            let policy = self.policy.to_str().unwrap_or_default().replace(WIRES, &wires);
            if let Ok(policy) = HeaderValue::from_str(&policy) {
                response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
            }
        }
        response
    }

    fn with(html: &str, rules: &str) -> Self {
        let policy = format!(
            "default-src 'none'; {rules}; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        );
        let policy = HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"));
        Self { html: html.to_owned(), policy }
    }

    /// Returns the page without a part of it.
    fn without(&self, part: (&str, &str)) -> Self {
        let (html, mut page) = (self.html.as_str(), Self { html: self.html.clone(), policy: self.policy.clone() });
        if let Some((before, rest)) = html.split_once(part.0)
            && let Some((_, after)) = rest.split_once(part.1)
        {
            page.html = format!("{before}{after}");
        }
        page
    }

    /// Returns the page as an answer.
    pub(super) fn answer(&self) -> Response {
        ([(header::CONTENT_SECURITY_POLICY, self.policy.clone())], Html(self.html.clone())).into_response()
    }
}

fn inside<'a>(html: &'a str, tag: &str) -> Option<&'a str> {
    let (_, rest) = html.split_once(&format!("<{tag}>"))?;
    rest.split_once(&format!("</{tag}>")).map(|(inside, _)| inside)
}

fn hash(text: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_bring_everything_with_them() {
        for page in [&*LANDING, &*CONSOLE] {
            let policy = page.policy.to_str().expect("ASCII");
            assert_eq!(policy.matches("'sha256-").count(), 2, "{policy}");
            for tag in ["<script", "<style"] {
                assert_eq!(page.html.matches(tag).count(), 1, "one {tag}");
            }
            for foreign in [
                "src=\"http",
                "href=\"http",
                "url(h",
                "url(/",
                "url(\"",
                "@import",
                " style=\"",
                " onclick=",
                "innerHTML",
            ] {
                assert!(!page.html.contains(foreign), "{foreign}");
            }
        }
    }

    #[test]
    fn the_game_dials_the_machine_that_it_came_from() {
        let page = Page::of_game("<style>body{}</style>");
        let policy = |host| {
            let answer = page.answer_at(host, false);
            let policy = answer.headers()[header::CONTENT_SECURITY_POLICY].to_str().expect("ASCII");
            policy.split("; ").find_map(|rule| rule.strip_prefix("connect-src ")).expect("a rule").to_owned()
        };
        let wires = "'self' http://play.example:* ws://play.example:* https://play.example:* wss://play.example:*";
        assert_eq!(policy(Some("play.example")), wires);
        assert!(policy(Some("localhost")).ends_with(" https://127.0.0.1:*"));
        let over_ipv6 = page.answer_at(Some("localhost"), true);
        let rules = over_ipv6.headers()[header::CONTENT_SECURITY_POLICY].to_str().expect("ASCII");
        assert!(rules.contains(" https:;"), "a rule cannot name [::1]: {rules}");
        for other in [None, Some("[::1]"), Some(""), Some("a; script-src *")] {
            assert_eq!(policy(other), format!("'self' {WIRES}"), "{other:?}");
        }
    }

    #[test]
    fn players_are_not_sent_to_a_console_that_is_elsewhere() {
        assert!(LANDING.html.contains("/console"));
        assert!(!PUBLIC_LANDING.html.contains("/console"));
        assert_eq!(LANDING.policy, PUBLIC_LANDING.policy);
        assert!(LANDING.html.contains("make web") && PUBLIC_LANDING.html.contains("make web"));
        assert!(!ABOUT.html.contains("make web") && ABOUT.html.contains("/console"));
        assert!(!PUBLIC_ABOUT.html.contains("make web") && !PUBLIC_ABOUT.html.contains("/console"));
    }
}
