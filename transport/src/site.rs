//! The certificate of a lobby that speaks https, given by the operator or made here.
//!
//! A certificate that a public authority has signed speaks for WebTransport as well, under the names that it covers, so that pages need
//! no hash there. Any other one gets a page its secure context, and no more: browsers take WebTransport without a hash only from public
//! authorities, so the certificate of `quic`, which is trusted by its hash, goes on speaking for it.
//!
//! Authorities renew certificates every few weeks, so the files are read again whenever they change, and nobody who plays notices.
//!
//! Flow: `--tls-cert`, `--tls-key`, `--tls-self-signed` -> [`Site`] -> lobby's accept loop; `quic/config.rs` -> [`Site::for_name`].

use crate::quic::{Validity, self_made};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, TrustAnchor, UnixTime};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, SystemTime};
use std::{fmt, fs, io};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{info, warn};
use webpki::{EndEntityCert, KeyUsage};

/// How often it is looked whether the files have changed.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// The first byte of a TLS connection: a record with a handshake (RFC 8446, 5.1). No method of HTTP begins with it.
const HANDSHAKE: u8 = 22;
/// How long a certificate that we make ourselves is good: the most that browsers take of any.
const SELF_MADE_LIFE: Duration = Duration::from_secs(397 * 24 * 3600);

/// Where a certificate with its chain, and its key, are: both PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SiteFiles {
    /// The certificate, then those of whoever signed it.
    pub certificate: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Speaks TLS with a certificate that can be replaced. Clones are the same.
#[derive(Clone)]
pub struct Site {
    shown: Arc<Shown>,
    acceptor: TlsAcceptor,
}

/// What is shown at present.
#[derive(Debug)]
struct Shown(RwLock<Loaded>);

#[derive(Clone, Debug)]
struct Loaded {
    key: Arc<CertifiedKey>,
    validity: Option<Validity>,
    /// Names under which browsers trust it by themselves while it is good.
    names: Vec<String>,
    /// When its files had last been written before they were read; none if it is from no files.
    written: Option<[SystemTime; 2]>,
}

impl Site {
    /// Reads a certificate and its key.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn open(files: &SiteFiles) -> Result<Self, String> {
        Self::of(Loaded::read(files)?)
    }

    /// Takes a certificate with its chain, and its key, both PEM, and those whom browsers trust to sign such.
    ///
    /// # Errors
    /// A sentence for the operator.
    pub fn from_pem(certificate: &str, key: &str, authorities: &[TrustAnchor<'_>]) -> Result<Self, String> {
        Self::of(Loaded::parse(certificate.as_bytes(), key.as_bytes(), authorities)?)
    }

    /// Makes a certificate that nobody else has signed, good for 397 days under these names and IP addresses. Returns it and its key, both
    /// PEM.
    ///
    /// # Errors
    /// A sentence for the operator, if one of the names cannot be one.
    pub fn make_pem(names: Vec<String>) -> Result<(String, String), String> {
        let made = self_made(names, Duration::from_secs(3600), SELF_MADE_LIFE);
        let (certificate, key) = made.map_err(|error| format!("No certificate could be made: {error}."))?;
        Ok((certificate.pem(), key.serialize_pem()))
    }

    fn of(loaded: Loaded) -> Result<Self, String> {
        let shown = Arc::new(Shown(RwLock::new(loaded)));
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(|error| format!("TLS could not be set up: {error}."))?;
        let mut config = config.with_no_client_auth().with_cert_resolver(Arc::clone(&shown) as Arc<_>);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self { shown, acceptor: TlsAcceptor::from(Arc::new(config)) })
    }

    /// Shakes hands with somebody who speaks TLS.
    ///
    /// # Errors
    /// Whatever they did wrong, or that they are gone.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<TlsStream<S>> {
        self.acceptor.accept(stream).await
    }

    /// Returns whether a connection that begins with this byte is TLS; otherwise it is HTTP as it is.
    pub fn is_tls(first: u8) -> bool {
        first == HANDSHAKE
    }

    /// Returns the names, some of them as `*.example.org`, under which browsers trust the certificate by themselves: none unless a public
    /// authority has signed it.
    pub fn signed_for(&self) -> Vec<String> {
        self.shown.read(|loaded| loaded.names_at(SystemTime::now()).to_vec())
    }

    /// Returns whether browsers trust the certificate by themselves under the name `host`.
    pub fn is_signed_for(&self, host: &str) -> bool {
        self.for_name(host).is_some()
    }

    /// Returns for how long the certificate is still good: zero if it has expired.
    pub fn good_for(&self, now: SystemTime) -> Duration {
        let validity = self.shown.read(|loaded| loaded.validity);
        validity.and_then(|validity| validity.until.duration_since(now).ok()).unwrap_or_default()
    }

    /// Returns the certificate if browsers trust it by themselves under that name.
    pub(crate) fn for_name(&self, host: &str) -> Option<Arc<CertifiedKey>> {
        self.shown.read(|loaded| {
            let names = loaded.names_at(SystemTime::now());
            let signed = names.iter().any(|name| protocol::lobby::covers(name, host));
            signed.then(|| Arc::clone(&loaded.key))
        })
    }

    /// Reads the files again whenever they change, for ever. What cannot be used is told once, and the certificate before it stays.
    pub async fn follow(&self, files: &SiteFiles) {
        let mut told = None;
        loop {
            sleep(LOOK_EVERY).await;
            let failed = self.look(files).err();
            if let Some(sentence) = failed.as_ref().filter(|sentence| told.as_ref() != Some(*sentence)) {
                warn!("{sentence} The certificate before it stays.");
            }
            told = failed;
        }
    }

    /// Reads the files again if they have changed since they were read. Until that succeeds every look tries: rights to read a file may
    /// change without the file.
    fn look(&self, files: &SiteFiles) -> Result<(), String> {
        let found = written(files);
        // While they are being replaced one of them may not be there.
        if found.is_some() && found != self.shown.read(|loaded| loaded.written) {
            self.shown.replace(Loaded::read(files)?);
            info!("the certificate of the site was read anew");
        }
        Ok(())
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The key must not reach a log.
        write!(f, "Site {{ signed_for: {:?} }}", self.signed_for())
    }
}

impl Shown {
    /// Poisoning is ignored: what is shown is whole at each step.
    fn read<T>(&self, look: impl FnOnce(&Loaded) -> T) -> T {
        look(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, loaded: Loaded) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = loaded;
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.read(|loaded| Arc::clone(&loaded.key)))
    }
}

impl Loaded {
    fn read(files: &SiteFiles) -> Result<Self, String> {
        let read = |path: &Path| fs::read(path).map_err(|error| format!("Cannot read `{}`: {error}.", path.display()));
        let written = written(files);
        let (certificate, key) = (read(&files.certificate)?, read(&files.key)?);
        let loaded = Self::parse(&certificate, &key, webpki_roots::TLS_SERVER_ROOTS);
        let loaded = loaded.map(|loaded| Self { written, ..loaded });
        loaded.map_err(|why| format!("`{}` and `{}`: {why}", files.certificate.display(), files.key.display()))
    }

    /// Returns the names under which browsers trust it by themselves: none once it has expired.
    fn names_at(&self, now: SystemTime) -> &[String] {
        let expired = self.validity.is_some_and(|validity| validity.expired_since(now).is_some());
        if expired { &[] } else { &self.names }
    }

    fn parse(certificate: &[u8], key: &[u8], authorities: &[TrustAnchor<'_>]) -> Result<Self, String> {
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(certificate).collect();
        let chain = chain.ok().filter(|chain| !chain.is_empty());
        let chain = chain
            .ok_or("there is no certificate in PEM form (a text that begins with -----BEGIN CERTIFICATE-----).")?;
        let key = PrivateKeyDer::from_pem_slice(key);
        let key =
            key.map_err(|_| "there is no private key in PEM form (a text such as -----BEGIN PRIVATE KEY-----).")?;
        let provider = rustls::crypto::ring::default_provider();
        let names = public_names(&chain, authorities);
        let validity = chain.first().and_then(|leaf| Validity::read(leaf));
        if let Some(since) = validity.and_then(|validity| validity.expired_since(SystemTime::now())) {
            warn!("the certificate of the site expired {} ago; browsers will refuse it", crate::dial::rough(since));
        }
        let key = CertifiedKey::from_der(chain, key, &provider).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => "the key does not belong to the certificate.".to_owned(),
            error => format!("the certificate cannot be used: {error}."),
        })?;
        Ok(Self { key: Arc::new(key), validity, names, written: None })
    }
}

/// Returns the names that a chain covers if it leads to one of `authorities` now; none otherwise.
fn public_names(chain: &[CertificateDer<'_>], authorities: &[TrustAnchor<'_>]) -> Vec<String> {
    let Some((leaf, signers)) = chain.split_first() else { return Vec::new() };
    let Ok(leaf) = EndEntityCert::try_from(leaf) else { return Vec::new() };
    let algorithms = webpki::ALL_VERIFICATION_ALGS;
    let usage = KeyUsage::server_auth();
    match leaf.verify_for_usage(algorithms, authorities, signers, UnixTime::now(), usage, None, None) {
        Ok(_) => leaf.valid_dns_names().map(str::to_ascii_lowercase).collect(),
        Err(_) => Vec::new(),
    }
}

/// Returns when the files were last written; none while one of them is not there.
fn written(files: &SiteFiles) -> Option<[SystemTime; 2]> {
    let at = |path: &Path| fs::metadata(path).and_then(|found| found.modified()).ok();
    Some([at(&files.certificate)?, at(&files.key)?])
}

#[cfg(test)]
pub(crate) mod tests;
