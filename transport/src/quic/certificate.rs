//! The server's certificate and how a client knows that it is the right one.
//!
//! A player must never see a certificate. So the server makes one for itself at every start, the lobby hands out its
//! SHA-256, and the client accepts exactly that certificate and nothing else: there is no authority to ask and no way to
//! skip the check. The signature that proves possession of the key is still verified. The life of 13 days and the kind of
//! key are what browsers demand of a certificate that is trusted by its hash; a client refuses one that has expired, and a server
//! makes a new one in good time. One that is not good *yet* is accepted: the hash already says whose it is, and only a clock is wrong.
//!
//! Flow: `server.rs` -> [`Certificate::generate`] -> `quic.rs` server; `Offer::Quic` -> [`Pinned`] -> `quic.rs` client.

use super::dates::Validity;
use rcgen::{CertificateParams, DistinguishedName, DnType, KeyPair, PKCS_ECDSA_P256_SHA256};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, PeerMisbehaved, SignatureScheme};
use sha2::{Digest, Sha256};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The name in the certificate. Nothing depends on it.
pub(super) const SERVER_NAME: &str = "localhost";
/// Browsers accept at most 14 days.
const LIFE: Duration = Duration::from_secs(13 * 24 * 3600);
/// Clocks of friends differ.
const LEEWAY: Duration = Duration::from_secs(3600);
/// How often a server looks whether it needs a new certificate; more often if one does not live long.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// For how long a server's certificates are good. Usually the default; tests shorten it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CertificateTerm {
    /// How long before it is made a certificate begins to be good, because clocks differ.
    pub before: Duration,
    /// From then on, how long it is good. If that is shorter than [`Self::before`], it has expired when it is made.
    pub life: Duration,
}

impl Default for CertificateTerm {
    fn default() -> Self {
        Self { before: LEEWAY, life: LIFE }
    }
}

impl CertificateTerm {
    /// Returns how long a new certificate is used: half of the time that it is good. It is shown no longer than that, and whoever was
    /// told of it asks again.
    pub(super) fn in_use(&self) -> Duration {
        self.life.saturating_sub(self.before).checked_div(2).unwrap_or_default()
    }

    /// Returns how often to look whether that time has passed.
    pub(super) fn look_every(&self) -> Duration {
        self.in_use().checked_div(4).unwrap_or_default().clamp(Duration::from_millis(100), LOOK_EVERY)
    }
}

/// A certificate, its key, and its hash.
pub(crate) struct Certificate {
    pub(super) chain: CertificateDer<'static>,
    pub(super) key: PrivateKeyDer<'static>,
    /// SHA-256 of the certificate.
    pub(crate) sha256: [u8; 32],
}

impl Certificate {
    /// Makes a new one.
    pub(crate) fn generate(term: CertificateTerm) -> Result<Self, rcgen::Error> {
        let (made, key) = self_made(vec![SERVER_NAME.to_owned()], term.before, term.life)?;
        let chain = made.der().clone();
        let sha256 = Sha256::digest(&chain).into();
        Ok(Self { chain, key: PrivatePkcs8KeyDer::from(key.serialize_der()).into(), sha256 })
    }
}

/// Makes a certificate under these names and IP addresses, which nobody else has signed: good for `life`, which began `before`.
pub(crate) fn self_made(
    names: Vec<String>,
    before: Duration,
    life: Duration,
) -> Result<(rcgen::Certificate, KeyPair), rcgen::Error> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "Crosswire");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let start = now.saturating_sub(before);
    params.not_before = epoch.checked_add(start.try_into().unwrap_or_default()).unwrap_or(epoch);
    params.not_after = params.not_before.checked_add(life.try_into().unwrap_or_default()).unwrap_or(epoch);
    Ok((params.self_signed(&key)?, key))
}

/// Accepts one certificate.
#[derive(Debug)]
pub(super) struct Pinned {
    sha256: [u8; 32],
    provider: Arc<CryptoProvider>,
    shown: Shown,
}

/// What was wrong with the certificate that was shown, so that the player can be told.
#[derive(Clone, Debug, Default)]
pub(super) struct Shown(Arc<Mutex<Option<Wrong>>>);

/// What is wrong with a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It is not the one that was promised.
    Another,
    /// It has not been good for so long.
    Expired(Duration),
}

impl Shown {
    /// Returns what was wrong.
    pub(super) fn wrong(&self) -> Option<Wrong> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn note(&self, wrong: Wrong) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(wrong);
    }
}

impl Pinned {
    pub(super) fn new(sha256: [u8; 32], provider: Arc<CryptoProvider>, shown: Shown) -> Self {
        Self { sha256, provider, shown }
    }
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown: [u8; 32] = Sha256::digest(end_entity).into();
        if shown != self.sha256 {
            self.shown.note(Wrong::Another);
            return Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure));
        }
        let now = UNIX_EPOCH.checked_add(Duration::from_secs(now.as_secs())).unwrap_or(UNIX_EPOCH);
        if let Some(since) = Validity::read(end_entity).and_then(|validity| validity.expired_since(now)) {
            self.shown.note(Wrong::Expired(since));
            return Err(Error::InvalidCertificate(CertificateError::Expired));
        }
        Ok(ServerCertVerified::assertion())
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

    const HOUR: Duration = Duration::from_secs(3600);

    fn generate() -> Certificate {
        Certificate::generate(CertificateTerm::default()).unwrap()
    }

    fn pinned(sha256: [u8; 32]) -> Pinned {
        Pinned::new(sha256, Arc::new(rustls::crypto::ring::default_provider()), Shown::default())
    }

    fn judge_at(pinned: &Pinned, certificate: &Certificate, now: UnixTime) -> Result<ServerCertVerified, Error> {
        let name = ServerName::try_from(SERVER_NAME).unwrap();
        pinned.verify_server_cert(&certificate.chain, &[], &name, &[], now)
    }

    fn judge(pinned: &Pinned, certificate: &Certificate) -> Result<ServerCertVerified, Error> {
        judge_at(pinned, certificate, UnixTime::now())
    }

    #[test]
    fn only_the_pinned_certificate_is_accepted() {
        let (ours, other) = (generate(), generate());
        let pinned = pinned(ours.sha256);
        assert!(judge(&pinned, &ours).is_ok());
        assert_eq!(pinned.shown.wrong(), None);
        assert!(judge(&pinned, &other).is_err());
        assert_eq!(pinned.shown.wrong(), Some(Wrong::Another));
    }

    #[test]
    fn one_flipped_bit_is_another_certificate() {
        let mut certificate = generate();
        let pinned = pinned(certificate.sha256);
        let mut der = certificate.chain.to_vec();
        let last = der.len() - 1;
        der[last] ^= 1;
        certificate.chain = der.into();
        assert!(judge(&pinned, &certificate).is_err());
    }

    #[test]
    fn a_certificate_is_good_until_its_last_second() {
        let certificate = generate();
        let validity = Validity::read(&certificate.chain).unwrap();
        assert_eq!(validity.until.duration_since(validity.from).unwrap(), LIFE);
        let early = SystemTime::now().duration_since(validity.from).unwrap();
        assert!((LEEWAY..LEEWAY + HOUR).contains(&early), "{early:?}");
        let at = |time: SystemTime| UnixTime::since_unix_epoch(time.duration_since(UNIX_EPOCH).unwrap());
        let pinned = pinned(certificate.sha256);
        assert!(judge_at(&pinned, &certificate, at(validity.until)).is_ok());
        assert!(judge_at(&pinned, &certificate, at(validity.from - HOUR)).is_ok(), "only a clock is wrong");
        assert!(judge_at(&pinned, &certificate, at(validity.until + HOUR)).is_err());
        assert_eq!(pinned.shown.wrong(), Some(Wrong::Expired(HOUR)));
    }

    #[test]
    fn a_certificate_is_replaced_long_before_it_expires() {
        let usual = CertificateTerm::default();
        assert!(usual.in_use() + 6 * 24 * HOUR < usual.life);
        assert_eq!(usual.look_every(), LOOK_EVERY);
        let short = CertificateTerm { before: Duration::ZERO, life: Duration::from_secs(8) };
        assert_eq!((short.in_use(), short.look_every()), (Duration::from_secs(4), Duration::from_secs(1)));
    }
}
