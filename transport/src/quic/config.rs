//! How quinn is set up on both ends: every default that is meant for file transfer is replaced.
//!
//! Flow: `quic.rs` -> here -> quinn.

use super::certificate::{Certificate, Pinned, Shown};
use super::webtransport;
use crate::Timing;
use crate::site::Site;
use protocol::limits;
use quinn::congestion::BbrConfig;
use quinn::crypto::rustls::{QuicClientConfig, QuicServerConfig};
use quinn::{ClientConfig, IdleTimeout, ServerConfig, TransportConfig, VarInt};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::version::TLS13;
use std::sync::Arc;

/// Name and version of what runs on top of QUIC: other versions are refused in the handshake.
pub(super) const ALPN: &[u8] = b"crosswire/1";
/// Unsent datagrams that quinn holds, bytes: three of the largest. The oldest goes first.
const DATAGRAM_SEND_BYTES: usize = 4 * 1024;
/// Unread datagrams that quinn holds, bytes.
const DATAGRAM_RECEIVE_BYTES: usize = 64 * 1024;
/// Bytes of the one stream that may be on their way: one message of the largest size.
const STREAM_WINDOW: u32 = limits::MAX_RELIABLE_BYTES as u32;
/// Bytes of the whole connection that may be on their way.
const CONNECTION_WINDOW: u32 = 2 * STREAM_WINDOW;
/// Bytes that quinn buffers for one connection that nobody has accepted yet, and for all of them.
const INCOMING_BYTES: u64 = 16 * 1024;
const ALL_INCOMING_BYTES: u64 = 1024 * 1024;

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// Returns the server's configuration.
pub(super) fn server(certificate: Certificate, site: Option<Site>, timing: &Timing) -> Result<ServerConfig, Failure> {
    let provider = rustls::crypto::ring::default_provider();
    let own = CertifiedKey::from_der(vec![certificate.chain], certificate.key, &provider)?;
    let mut tls = rustls::ServerConfig::builder_with_provider(Arc::new(provider))
        .with_protocol_versions(&[&TLS13])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Papers { own: Arc::new(own), site }));
    tls.alpn_protocols = vec![ALPN.to_vec(), webtransport::ALPN.to_vec()];
    // No early data: it can be replayed.
    tls.max_early_data_size = 0;
    let mut config = ServerConfig::with_crypto(Arc::new(QuicServerConfig::try_from(tls)?));
    config
        .transport_config(Arc::new(transport(timing)?))
        .max_incoming(limits::MAX_HANDSHAKES)
        .incoming_buffer_size(INCOMING_BYTES)
        .incoming_buffer_size_total(ALL_INCOMING_BYTES);
    Ok(config)
}

/// Which certificate is shown to whom.
#[derive(Debug)]
struct Papers {
    /// Trusted by its hash.
    own: Arc<CertifiedKey>,
    /// Trusted under its names, by browsers.
    site: Option<Site>,
}

impl ResolvesServerCert for Papers {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let browser = hello.alpn().is_some_and(|mut spoken| spoken.any(|one| one == webtransport::ALPN));
        let site = self.site.as_ref().filter(|_| browser);
        let signed = site.and_then(|site| site.for_name(hello.server_name()?));
        signed.or_else(|| Some(Arc::clone(&self.own)))
    }
}

/// Returns a client's configuration, and where it is told what was wrong with the certificate that was shown.
pub(super) fn client(sha256: [u8; 32], alpn: &[u8], timing: &Timing) -> Result<(ClientConfig, Shown), Failure> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let shown = Shown::default();
    let pinned = Pinned::new(sha256, Arc::clone(&provider), shown.clone());
    let mut tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(pinned))
        .with_no_client_auth();
    tls.alpn_protocols = vec![alpn.to_vec()];
    let mut config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls)?));
    config.transport_config(Arc::new(transport(timing)?));
    Ok((config, shown))
}

fn transport(timing: &Timing) -> Result<TransportConfig, Failure> {
    let mut config = TransportConfig::default();
    config
        .max_concurrent_bidi_streams(VarInt::from_u32(webtransport::BIDI_STREAMS))
        .max_concurrent_uni_streams(VarInt::from_u32(webtransport::UNI_STREAMS))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW))
        .send_window(u64::from(CONNECTION_WINDOW))
        .datagram_receive_buffer_size(Some(DATAGRAM_RECEIVE_BYTES))
        .datagram_send_buffer_size(DATAGRAM_SEND_BYTES)
        .congestion_controller_factory(Arc::new(BbrConfig::default()))
        .keep_alive_interval(Some(timing.keep_alive))
        .max_idle_timeout(Some(IdleTimeout::try_from(timing.silence)?));
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::quic::certificate::CertificateTerm;
    use crate::site::tests::signed_site;
    use quinn::Endpoint;
    use rustls::RootCertStore;
    use rustls::pki_types::CertificateDer;
    use std::net::{Ipv4Addr, SocketAddr};

    /// Shakes hands as a browser does, who trusts `authority` and knows no hash.
    async fn trusts(server: SocketAddr, name: &str, alpn: &[u8], authority: &CertificateDer<'static>) -> bool {
        let mut roots = RootCertStore::empty();
        roots.add(authority.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider).with_protocol_versions(&[&TLS13]).unwrap();
        let mut tls = tls.with_root_certificates(roots).with_no_client_auth();
        tls.alpn_protocols = vec![alpn.to_vec()];
        let config = ClientConfig::new(Arc::new(QuicClientConfig::try_from(tls).unwrap()));
        let endpoint = Endpoint::client((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        endpoint.connect_with(config, server, name).unwrap().await.is_ok()
    }

    #[tokio::test]
    async fn browsers_see_the_sites_certificate_under_its_names_and_nobody_else_does() {
        let (authority, site) = signed_site();
        let own = Certificate::generate(CertificateTerm::default()).unwrap();
        let timing = Timing::default();
        let config = server(own, Some(site), &timing).unwrap();
        let endpoint = Endpoint::server(config, (Ipv4Addr::LOCALHOST, 0).into()).unwrap();
        let address = endpoint.local_addr().unwrap();
        tokio::spawn(async move {
            while let Some(incoming) = endpoint.accept().await {
                tokio::spawn(async move { drop(incoming.await) });
            }
        });
        assert!(trusts(address, "play.example", webtransport::ALPN, &authority).await);
        assert!(!trusts(address, "else.example", webtransport::ALPN, &authority).await, "it speaks for its names only");
        assert!(!trusts(address, "play.example", ALPN, &authority).await, "desktop clients know the other one's hash");
    }
}
