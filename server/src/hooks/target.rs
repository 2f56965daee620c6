//! Where a webhook may lead: `http` or `https`, and not into the operator's own network unless they say so.
//!
//! A server that calls any address it is given can be used to reach what only it can reach: the router's page, a database, the
//! cloud's metadata. So the addresses that a name stands for are looked at twice: when it is registered, and again at each call,
//! by the resolver whose answer is dialled. A name that points elsewhere in the meantime gains nothing.
//!
//! Flow: `POST /v1/webhooks` → [`Target::parse`] → [`Gate::look_up`]; [`super::send`] → [`Gate`] as its resolver.

use super::limits::MAX_WEBHOOK_URL;
use axum::http::Uri;

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use transport::Reach;
use ureq::config::Config;
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

/// An address that may be called, as far as can be seen without looking anything up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    host: String,
    port: u16,
}

impl Target {
    /// Reads `url`.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub(super) fn parse(url: &str) -> Result<Self, String> {
        if url.len() > MAX_WEBHOOK_URL {
            return Err(format!("An address may have {MAX_WEBHOOK_URL} characters at most."));
        }
        let wrong = || "Write the address as https://host/path, or with http://.".to_owned();
        let uri = url.parse::<Uri>().map_err(|_| wrong())?;
        let usual_port = match uri.scheme_str() {
            Some("https") => 443,
            Some("http") => 80,
            _ => return Err(wrong()),
        };
        let authority = uri.authority().ok_or_else(wrong)?;
        if authority.as_str().contains('@') {
            return Err("Leave user name and password out of the address; deliveries are signed instead.".to_owned());
        }
        // A number that is no port (70000) would silently become the usual one.
        let port = match authority.as_str().strip_prefix(authority.host()) {
            Some("") => usual_port,
            Some(rest) => rest.strip_prefix(':').and_then(|port| port.parse().ok()).ok_or_else(wrong)?,
            None => return Err(wrong()),
        };
        let host = authority.host().trim_matches(['[', ']']).to_owned();
        if host.is_empty() || port == 0 {
            return Err(wrong());
        }
        Ok(Self { host, port })
    }
}

/// Decides which addresses may be called.
#[derive(Clone, Copy, Debug)]
pub(super) struct Gate {
    /// Everything may, as the operator has said.
    pub(super) open: bool,
}

impl Gate {
    /// Looks up `target` and checks all that it stands for. Waits for the name server: not for an async task.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub(super) fn look_up(self, target: &Target) -> Result<(), String> {
        let found: Vec<SocketAddr> = (target.host.as_str(), target.port)
            .to_socket_addrs()
            .map_err(|_| format!("No address is known for `{}`. Check the spelling.", target.host))?
            .collect();
        self.check(&found)
    }

    fn check(self, addrs: &[SocketAddr]) -> Result<(), String> {
        match addrs.iter().find(|addr| !self.open && !is_public(addr.ip())) {
            Some(addr) => Err(format!(
                "{} is not an address of the public internet. Start the server with --webhooks-to-private-networks to allow it.",
                addr.ip()
            )),
            None => Ok(()),
        }
    }
}

impl Resolver for Gate {
    fn resolve(&self, uri: &Uri, config: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let found = DefaultResolver::default().resolve(uri, config, timeout)?;
        self.check(&found).map_err(|sentence| ureq::Error::Io(io::Error::other(sentence)))?;
        Ok(found)
    }
}

/// Returns whether `ip` is one that anybody on the internet could be reached by.
fn is_public(ip: IpAddr) -> bool {
    Reach::of(ip) == Reach::World
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_plain_web_addresses_are_read() {
        for (url, host, port) in [
            ("https://example.org/hooks?x=1", "example.org", 443),
            ("http://example.org", "example.org", 80),
            ("http://203.0.113.9:8080/", "203.0.113.9", 8080),
            ("http://[2001:db8::1]:8080/", "2001:db8::1", 8080),
            ("http://[::1]/", "::1", 80),
        ] {
            assert_eq!(Target::parse(url), Ok(Target { host: host.into(), port }), "{url}");
        }
        let long = format!("http://example.org/{}", "x".repeat(MAX_WEBHOOK_URL));
        for (url, word) in [
            ("", "https://"),
            ("example.org/x", "https://"),
            ("ftp://example.org/", "https://"),
            ("file:///etc/passwd", "https://"),
            ("gopher://example.org/", "https://"),
            ("http://", "https://"),
            ("http:///path", "https://"),
            ("http://example.org:70000/", "https://"),
            ("http://example.org:0/", "https://"),
            ("http://user:secret@example.org/", "password"),
            ("http://user@example.org/", "password"),
            ("http://exa mple.org/", "https://"),
            (long.as_str(), "characters"),
        ] {
            let error = Target::parse(url).expect_err(url);
            assert!(error.contains(word) && error.ends_with('.'), "{url}: {error}");
        }
    }

    #[test]
    fn private_and_special_addresses_are_known() {
        let private = "0.0.0.0 10.1.2.3 127.0.0.1 100.64.0.1 100.127.255.255 169.254.169.254 172.16.0.1 172.31.255.255 192.0.0.1 \
                       192.0.2.1 192.88.99.1 192.168.1.1 198.18.0.1 198.19.255.255 198.51.100.7 203.0.113.7 224.0.0.251 240.0.0.1 \
                       255.255.255.255 :: ::1 ::ffff:10.0.0.1 ::ffff:127.0.0.1 64:ff9b::a00:1 64:ff9b:1::1 100::1 2001::1 2001:2::1 \
                       2001:10::1 2001:db8::1 2002:a00:1::1 3fff::1 5f00::1 fc00::1 fd12:3456::1 fe80::1 fec0::1 ff02::fb";
        for text in private.split_whitespace() {
            assert!(!is_public(text.parse().expect(text)), "{text}");
        }
        let public = "1.1.1.1 8.8.8.8 9.9.9.9 100.63.255.255 100.128.0.0 172.15.0.1 172.32.0.1 192.0.1.1 198.17.0.1 198.20.0.1 \
                      223.255.255.255 ::ffff:8.8.8.8 2001:200::1 2001:4860:4860::8888 2606:4700::1111 2a00:1450::1";
        for text in public.split_whitespace() {
            assert!(is_public(text.parse().expect(text)), "{text}");
        }
    }

    #[test]
    fn a_name_for_this_machine_is_refused_unless_allowed() {
        for url in ["http://localhost/", "http://127.0.0.1/", "http://[::1]/", "http://0x7f.1/", "http://2130706433/"] {
            let target = Target::parse(url).expect(url);
            let error = Gate { open: false }.look_up(&target).expect_err(url);
            assert!(error.ends_with('.'), "{url}: {error}");
        }
        let here = Target::parse("http://127.0.0.1/").expect("an address");
        assert_eq!(Gate { open: true }.look_up(&here), Ok(()));
    }

    #[test]
    fn one_private_address_among_public_ones_is_enough_to_refuse() {
        let addrs = ["8.8.8.8:80", "10.0.0.1:80"].map(|text| text.parse().expect(text));
        assert!(Gate { open: false }.check(&addrs).is_err());
        assert!(Gate { open: false }.check(&addrs[..1]).is_ok());
        assert!(Gate { open: true }.check(&addrs).is_ok());
    }
}
