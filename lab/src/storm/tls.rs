//! Nonsense for TLS at the lobby's port, which takes for TLS whatever begins like it: first messages after accidents, records that are
//! none, handshakes that stop half-way, and good handshakes with nonsense behind them.
//!
//! The good parts are a real client's, since nothing else gets as far as the parts behind. Where the server speaks no TLS it gets all
//! this as HTTP.
//!
//! Flow: rustls, [`super::nonsense`] → TCP → the server's lobby.

use super::Storm;
use super::nonsense::Nonsense;
use super::tally::Port;
use super::web::visit;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

/// A record with a handshake, and the version that all records have (RFC 8446, 5.1).
const HANDSHAKE: u8 = 22;
const VERSION: [u8; 2] = [3, 3];
/// Kinds of records: change of cipher, alert, handshake, data, heartbeat, and two that are none.
const KINDS: [u8; 7] = [20, 21, HANDSHAKE, 23, 24, 0, 255];
/// Lengths that a record may claim: none, the most that one may have, one more, the largest number (RFC 8446, 5.2).
const CLAIMS: [u16; 5] = [0, 1, 16_640, 16_641, u16::MAX];
/// Most bytes of one piece of nonsense, and of an answer that is read at once.
const MOST: usize = 4_000;

/// What somebody does with a connection.
#[derive(Clone, Copy)]
enum Manner {
    Hello,
    HalfHello,
    Records,
    HalfWay,
    Inside,
    Behind,
}

const MANNERS: [Manner; 6] =
    [Manner::Hello, Manner::HalfHello, Manner::Records, Manner::HalfWay, Manner::Inside, Manner::Behind];

impl Manner {
    const fn name(self) -> &'static str {
        match self {
            Self::Hello => "tls hello",
            Self::HalfHello => "tls half a hello",
            Self::Records => "tls records",
            Self::HalfWay => "tls half-way",
            Self::Inside => "tls nonsense inside",
            Self::Behind => "tls nonsense behind",
        }
    }
}

/// Throws until the storm is over.
pub(super) fn throw(storm: &Storm) {
    let Ok(config) = config() else {
        return storm.note("TLS is left out: it could not be set up.");
    };
    visit(storm, 51, (&MANNERS, Manner::name), |nonsense, manner, stream| {
        // That the other end has had enough is what usually happens here.
        let _ = speak(storm, &config, nonsense, manner, stream);
    });
}

fn speak(
    storm: &Storm,
    config: &Arc<ClientConfig>,
    nonsense: &mut Nonsense,
    manner: Manner,
    stream: &mut TcpStream,
) -> std::io::Result<()> {
    let name = ServerName::IpAddress(storm.http.ip().into());
    let mut client = ClientConnection::new(Arc::clone(config), name).map_err(std::io::Error::other)?;
    let say = |stream: &mut TcpStream, bytes: &[u8]| {
        storm.tally.piece(Port::Http, manner.name(), bytes.len());
        stream.write_all(bytes)
    };
    match manner {
        Manner::Hello | Manner::HalfHello => {
            let hello = said(&mut client)?;
            let half = nonsense.below(hello.len() - 1) + 1;
            let mut bytes =
                if matches!(manner, Manner::Hello) { nonsense.mutated(&hello) } else { hello[..half].to_vec() };
            if let Some(first) = bytes.first_mut() {
                *first = HANDSHAKE;
            }
            say(stream, &bytes)
        }
        Manner::Records => (0..nonsense.below(8) + 1).try_for_each(|index| {
            let kind = if index == 0 { HANDSHAKE } else { nonsense.one_of(&KINDS) };
            say(stream, &record(nonsense, kind))
        }),
        Manner::HalfWay => {
            say(stream, &said(&mut client)?)?;
            // What the server says to it has come, or the connection is closed.
            let came = stream.read(&mut [0; MOST])?;
            storm.tally.answer(Port::Http, manner.name(), came);
            let kind = nonsense.one_of(&KINDS);
            say(stream, &record(nonsense, kind))
        }
        Manner::Inside | Manner::Behind => {
            while client.is_handshaking() {
                client.complete_io(stream)?;
            }
            let inside = match manner {
                Manner::Inside => nonsense.bytes(MOST),
                _ => b"POST /v1/guests HTTP/1.1\r\nContent-Length: 100\r\n\r\n{".to_vec(),
            };
            client.writer().write_all(&inside)?;
            say(stream, &said(&mut client)?)?;
            if matches!(manner, Manner::Behind) {
                let bytes = nonsense.bytes(MOST);
                say(stream, &bytes)?;
            }
            client.read_tls(stream)?;
            let state = client.process_new_packets().map_err(std::io::Error::other)?;
            storm.tally.answer(Port::Http, manner.name(), state.plaintext_bytes_to_read());
            Ok(())
        }
    }
}

/// Returns what the client has to say.
fn said(client: &mut ClientConnection) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut bytes)?;
    }
    Ok(bytes)
}

/// Returns a record of that kind that claims some length, with as many bytes or with others.
fn record(nonsense: &mut Nonsense, kind: u8) -> Vec<u8> {
    let body = nonsense.bytes(300);
    let claimed = match nonsense.below(3) {
        0 => nonsense.one_of(&CLAIMS),
        _ => body.len() as u16,
    };
    [&[kind][..], &VERSION, &claimed.to_be_bytes(), &body].concat()
}

fn config() -> Result<Arc<ClientConfig>, Error> {
    let config =
        ClientConfig::builder_with_provider(Arc::new(default_provider())).with_safe_default_protocol_versions()?;
    Ok(Arc::new(config.dangerous().with_custom_certificate_verifier(Arc::new(Anybody)).with_no_client_auth()))
}

/// Takes whoever is there for the server: nothing is entrusted to it.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        default_provider().signature_verification_algorithms.supported_schemes()
    }
}
