//! The server's certificate and how a client knows that it is the right one.
//!
//! A player must never see a certificate. So the server makes one for itself at every start, the lobby hands out its
//! SHA-256, and the client accepts exactly that certificate and nothing else: there is no authority to ask and no way to
//! skip the check. The signature that proves possession of the key is still verified. The life of 13 days and the kind of
//! key are what browsers demand of a certificate that is trusted by its hash.
//!
//! Flow: `server.rs` -> [`Certificate::generate`] -> `quic.rs` server; `Offer::Quic` -> [`Pinned`] -> `quic.rs` client.

use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The name in the certificate. Nothing depends on it.
pub(super) const SERVER_NAME: &str = "localhost";
/// Browsers accept at most 14 days.
const LIFE: Duration = Duration::from_secs(13 * 24 * 3600);
/// Clocks of friends differ.
const LEEWAY: Duration = Duration::from_secs(3600);

/// A certificate, its key, and its hash.
pub(crate) struct Certificate {
    pub(super) chain: CertificateDer<'static>,
    pub(super) key: PrivateKeyDer<'static>,
    /// SHA-256 of the certificate.
    pub(crate) sha256: [u8; 32],
}

impl Certificate {
    /// Makes a new one.
    pub(crate) fn generate() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::new([SERVER_NAME.to_owned()])?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, "Crosswire");
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let epoch = rcgen::date_time_ymd(1970, 1, 1);
        let start = now.saturating_sub(LEEWAY);
        params.not_before = epoch.checked_add(start.try_into().unwrap_or_default()).unwrap_or(epoch);
        params.not_after = params.not_before.checked_add(LIFE.try_into().unwrap_or_default()).unwrap_or(epoch);
        let chain = params.self_signed(&key)?.der().clone();
        let sha256 = Sha256::digest(&chain).into();
        Ok(Self { chain, key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(), sha256 })
    }
}

/// Accepts one certificate.
#[derive(Debug)]
pub(super) struct Pinned {
    sha256: [u8; 32],
    provider: Arc<CryptoProvider>,
    /// Set when another certificate was shown, so that the player can be told so.
    pub(super) another: Arc<AtomicBool>,
}

impl Pinned {
    pub(super) fn new(sha256: [u8; 32], provider: Arc<CryptoProvider>) -> Self {
        Self { sha256, provider, another: Arc::default() }
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown: [u8; 32] = Sha256::digest(end_entity).into();
        if shown == self.sha256 {
            return Ok(ServerCertVerified::assertion());
        }
        self.another.store(true, Ordering::Relaxed);
        Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // QUIC is TLS 1.3 only.
        Err(Error::PeerMisbehaved(PeerMisbehaved::SignedHandshakeWithUnadvertisedSigScheme))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(pinned: &Pinned, certificate: &Certificate) -> Result<ServerCertVerified, Error> {
        let name = ServerName::try_from(SERVER_NAME).unwrap();
        pinned.verify_server_cert(&certificate.chain, &[], &name, &[], UnixTime::now())
    }

    #[test]
    fn only_the_pinned_certificate_is_accepted() {
        let (ours, other) = (Certificate::generate().unwrap(), Certificate::generate().unwrap());
        let pinned = Pinned::new(ours.sha256, Arc::new(rustls::crypto::ring::default_provider()));
        assert!(judge(&pinned, &ours).is_ok());
        assert!(!pinned.another.load(Ordering::Relaxed));
        assert!(judge(&pinned, &other).is_err());
        assert!(pinned.another.load(Ordering::Relaxed));
    }

    #[test]
    fn one_flipped_bit_is_another_certificate() {
        let mut certificate = Certificate::generate().unwrap();
        let pinned = Pinned::new(certificate.sha256, Arc::new(rustls::crypto::ring::default_provider()));
        let mut der = certificate.chain.to_vec();
        let last = der.len() - 1;
        der[last] ^= 1;
        certificate.chain = der.into();
        assert!(judge(&pinned, &certificate).is_err());
    }
}
