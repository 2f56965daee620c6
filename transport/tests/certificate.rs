//! The life of a `quic` certificate: one that has expired is refused in words, and a server replaces its own in good time.
//!
//! Flow: `transport::server::bind` with a short term -> `dial`.

use std::time::Duration;
use transport::{CertificateTerm, DialError, Offer, ServerConfig, dial};

fn config(certificates: CertificateTerm) -> ServerConfig {
    let free = || "127.0.0.1:0".parse().unwrap();
    ServerConfig { certificates, ..ServerConfig::new(free(), free(), free()) }
}

#[test]
fn an_expired_certificate_is_refused_with_its_age() {
    let runtime = transport::runtime::runtime().unwrap();
    let term = CertificateTerm { before: Duration::from_secs(3 * 24 * 3600), life: Duration::from_secs(24 * 3600) };
    let (listeners, _plugin) = transport::server::bind(config(term), runtime.handle()).unwrap();
    let offer = Offer::Quic { addr: listeners.quic_addr, certificate_sha256: listeners.certificate_sha256() };
    let refused = runtime.block_on(dial(offer)).unwrap_err();
    assert!(matches!(refused, DialError::Expired { .. }), "{refused:?}");
    let sentence = format!(
        "The certificate of the server at {} expired 2 days ago. Restart the server, and check both clocks.",
        listeners.quic_addr
    );
    assert_eq!(refused.to_string(), sentence);
}

#[test]
fn a_certificate_is_replaced_before_it_expires_and_open_links_go_on() {
    let runtime = transport::runtime::runtime().unwrap();
    let term = CertificateTerm { before: Duration::ZERO, life: Duration::from_secs(6) };
    let (listeners, _plugin) = transport::server::bind(config(term), runtime.handle()).unwrap();
    let first = listeners.certificate_sha256();
    let offer = |certificate_sha256| Offer::Quic { addr: listeners.quic_addr, certificate_sha256 };
    runtime.block_on(async {
        let link = dial(offer(first)).await.unwrap();
        let mut certificate = listeners.certificate.clone();
        tokio::time::timeout(Duration::from_secs(6), certificate.changed()).await.expect("in good time").unwrap();
        let second = *certificate.borrow();
        assert_ne!(first, second);
        let next = dial(offer(second)).await.expect("the new one is in use");
        let refused = dial(offer(first)).await.unwrap_err();
        assert!(matches!(refused, DialError::Certificate(_)), "{refused:?}");
        assert_eq!((link.closed(), next.closed()), (None, None));
    });
}
