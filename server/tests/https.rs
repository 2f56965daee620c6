//! The lobby over TLS: one port speaks both, nobody can hold it up with half a handshake, and browsers are led to where they have all wires.
//!
//! Flow: `lobby/bench.rs` starts a lobby with a certificate → these tests → `server::lobby`.

#[path = "lobby/bench.rs"]
#[allow(dead_code, reason = "shared with the lobby's own tests, which need more of it")]
mod bench;

use bench::{Answer, Server, parse};
use protocol::invite::InviteCode;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use server::lobby::Limits;
use std::io::{Read, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use transport::Site;
use webpki::anchor_from_trusted_cert;

/// The name in the certificate.
const NAME: &str = "play.example";

/// An authority that browsers know, and a site that it has signed.
fn signed() -> (CertificateDer<'static>, Site) {
    let mut authority = CertificateParams::new([]).unwrap();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new([NAME.to_owned()]).unwrap().signed_by(&key, &authority).unwrap();
    let root = authority.der().clone();
    let site = Site::from_pem(&leaf.pem(), &key.serialize_pem(), &[anchor_from_trusted_cert(&root).unwrap()]).unwrap();
    (root, site)
}

/// Connects as a browser does that knows the authority.
async fn connect(server: &Server, authority: &CertificateDer<'static>) -> TlsStream<TcpStream> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let connector = TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth()));
    let stream = TcpStream::connect(server.addr).await.unwrap();
    connector.connect(ServerName::try_from(NAME).unwrap(), stream).await.unwrap()
}

/// Sends a request over TLS and returns the answer; not its end, if it is an upgrade.
fn ask(server: &Server, authority: &CertificateDer<'static>, request: &str) -> Answer {
    server.runtime.block_on(async {
        let mut stream = connect(server, authority).await;
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut said = Vec::new();
        while stream.read_buf(&mut said).await.is_ok_and(|read| read > 0) {
            if said.starts_with(b"HTTP/1.1 101") && said.ends_with(b"\r\n\r\n") {
                break;
            }
        }
        parse(&String::from_utf8(said).unwrap())
    })
}

#[test]
fn one_port_speaks_both() {
    let (authority, site) = signed();
    let server = Server::with_site(site, Limits::default());
    assert_eq!(server.get("/healthz").status, 200);
    let health = "GET /healthz HTTP/1.1\r\nHost: play.example\r\nConnection: close\r\n\r\n";
    assert_eq!(ask(&server, &authority, health).status, 200);
    let upgrade = "GET /v1/link HTTP/1.1\r\nHost: play.example:8080\r\nOrigin: https://play.example:8080\r\n\
                   Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                   Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    assert_eq!(ask(&server, &authority, upgrade).status, 101, "a page's WebSocket");
    let foreign = upgrade.replace("https://play.example:8080", "https://evil.example");
    assert_eq!(ask(&server, &authority, &foreign).status, 403);
}

#[test]
fn nobody_waits_for_half_a_handshake() {
    let short = Duration::from_millis(300);
    let server = Server::with_site(signed().1, Limits { head: short, ..Limits::default() });
    // Nothing; the beginning of a handshake; a record that is none.
    for said in [&b""[..], b"\x16\x03\x01", b"\x16\x03\x01\x00\x05hello"] {
        let began = Instant::now();
        let mut stream = server.connect();
        stream.write_all(said).unwrap();
        let mut rest = Vec::new();
        // An alert may come first, or a reset.
        let _ = stream.read_to_end(&mut rest);
        assert!(rest.len() < 64, "{said:?} was answered with {} bytes", rest.len());
        assert!(began.elapsed() < Duration::from_secs(5), "{said:?} held for {:?}", began.elapsed());
    }
    assert_eq!(server.get("/healthz").status, 200);
}

#[test]
fn browsers_are_led_to_where_they_have_every_wire() {
    let (authority, site) = signed();
    let server = Server::with_site(site, Limits::default());
    let visit = |host: &str, more: &str| {
        server.raw(&format!("GET /?room=KM7-4QX HTTP/1.1\r\nHost: {host}\r\n{more}Connection: close\r\n\r\n"))
    };
    let led = visit("play.example:8080", "");
    assert_eq!((led.status, led.header("location")), (307, Some("https://play.example:8080/?room=KM7-4QX")));
    let whole = server.raw("GET http://play.example/?x=1 HTTP/1.1\r\nHost: play.example\r\nConnection: close\r\n\r\n");
    assert_eq!(whole.header("location"), Some("https://play.example/?x=1"), "an address in place of a path");
    assert_eq!(visit("192.0.2.7:8080", "").status, 200, "the certificate says nothing of this name");
    assert_eq!(visit("play.example", "X-Forwarded-Proto: https\r\n").status, 200, "a proxy speaks https for us");
    let secure = "GET /?room=KM7-4QX HTTP/1.1\r\nHost: play.example:8080\r\nConnection: close\r\n\r\n";
    assert_eq!(ask(&server, &authority, secure).status, 200, "it is there already");
    let own = Site::make_pem(vec![NAME.to_owned()]).unwrap();
    let server = Server::with_site(Site::from_pem(&own.0, &own.1, &[]).unwrap(), Limits::default());
    let stays = server.raw("GET / HTTP/1.1\r\nHost: play.example\r\nConnection: close\r\n\r\n");
    assert_eq!(stays.status, 200, "a browser would only warn there");
}

#[test]
fn a_grant_says_where_no_hash_is_needed() {
    let (_, site) = signed();
    let server = Server::with_site(site, Limits::default());
    let guest = server.guest("Ripley");
    let grant = server.post("/v1/rooms/1/seats", Some(&guest.secret), "{}");
    let grant: protocol::lobby::Grant = grant.json();
    assert_eq!(grant.endpoints.webtransport.signed_for, [NAME]);
    assert_eq!(grant.endpoints.webtransport.certificate_sha256, server.listeners.certificate_sha256());
    let code = InviteCode::from_random(1);
    assert_eq!(server.get(&format!("/join/{code}")).status, 200);
}
