//! The page's end of `webtransport`: one stream with a preamble, and datagrams, as `quic.rs` has them.
//!
//! A browser says no more than that a connection was not opened, whether the certificate was another one or nobody answered; and it has
//! WebTransport only on pages that are a secure context (https, or this very machine).
//!
//! Flow: `dial.rs` -> [`dial`] -> [`drive`]: `link/driver.rs` <-> browser.

use super::words;
use crate::frames::{self, Decoder, Frame, PREAMBLE};
use crate::link::{Closed, Driver, Link, Lost, link_pair};
use crate::runtime::{self, sleep, timeout};
use crate::stream::linger;
use crate::{DialError, Timing};
use bytes::Bytes;
use protocol::{CloseReason, Lane, Transport, limits};
use send_wrapper::SendWrapper;
use std::future::pending;
use std::time::Duration;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_time::Instant;
use xwt_web::core::endpoint::{Connect, connect::Connecting};
use xwt_web::core::session::datagram::{Receive, Send};
use xwt_web::core::session::stream::{OpenBi, OpeningBi};
use xwt_web::core::stream::{Read, Write};
use xwt_web::web_wt_sys::WebTransportCloseInfo;
use xwt_web::{
    CertificateHash, CongestionControl, Endpoint, HashAlgorithm, RecvStream, SendStream, Session, WebTransportOptions,
};

/// Time between a datagram and its copy, as on the desktop.
const COPY_PAUSE: Duration = Duration::from_millis(1);
/// Bytes read from the stream at once.
const READ_CHUNK: usize = 16 * 1024;
/// How long a datagram may wait in the browser before it is thrown away, milliseconds: three ticks.
const STALE_MS: f64 = 50.0;

/// Returns whether this page has WebTransport.
pub(crate) fn is_there() -> bool {
    let name = JsValue::from_str("WebTransport");
    js_sys::Reflect::has(&js_sys::global(), &name).unwrap_or(false)
}

/// Returns whether the browser takes this page for a secure context.
pub(crate) fn is_secure() -> bool {
    let said = js_sys::Reflect::get(&js_sys::global(), &JsValue::from_str("isSecureContext"));
    said.is_ok_and(|said| said.is_truthy())
}

/// Opens a link at an `https://` address to a server whose certificate has this hash; none stands for one that the browser trusts by itself.
pub(crate) async fn dial(url: &str, certificate_sha256: Option<[u8; 32]>, timing: Timing) -> Result<Link, DialError> {
    if !is_there() {
        return Err(if is_secure() { DialError::Unknown } else { DialError::Insecure });
    }
    // One future that never leaves this thread.
    SendWrapper::new(open(url, certificate_sha256, timing)).await
}

async fn open(url: &str, certificate_sha256: Option<[u8; 32]>, timing: Timing) -> Result<Link, DialError> {
    let hash =
        certificate_sha256.map(|hash| CertificateHash { algorithm: HashAlgorithm::Sha256, value: hash.to_vec() });
    let options = WebTransportOptions {
        congestion_control: CongestionControl::LowLatency,
        require_unreliable: true,
        server_certificate_hashes: hash.into_iter().collect(),
        ..WebTransportOptions::default()
    };
    let opening = async {
        let connecting = Endpoint { options: options.to_js() }.connect(url).await?;
        let session = connecting.wait_connect().await?;
        session.transport_ref().datagrams().set_option_outgoing_max_age(Some(STALE_MS));
        let Ok((mut send, recv)) = session.open_bi().await?.wait_bi().await;
        let _ = write_all(&mut send, PREAMBLE).await;
        Ok::<_, xwt_web::Error>((session, send, recv))
    };
    let (session, send, recv) = match timeout(timing.handshake, SendWrapper::new(opening)).await {
        Ok(Ok(opened)) => opened,
        Ok(Err(error)) => {
            tracing::debug!("{url}: {}", words(&error.0));
            let place = url.trim_start_matches("https://").split('/').next().unwrap_or_default();
            return Err(DialError::Browser(place.to_owned()));
        }
        Err(_) => return Err(DialError::no_answer(Transport::Webtransport, url, timing.handshake)),
    };
    let (link, driver) = link_pair(Transport::Webtransport, None, None);
    runtime::spawn(SendWrapper::new(drive(session, send, recv, driver, timing)));
    Ok(link)
}

/// Moves bytes until the link ends.
async fn drive(session: Session, send: SendStream, recv: RecvStream, driver: Driver, timing: Timing) {
    let end = tokio::select! {
        end = read_stream(&driver, recv) => end,
        end = read_datagrams(&driver, &session) => end,
        end = write_stream(&driver, send) => end,
        end = write_datagrams(&driver, &session) => end,
        end = closed(&session) => end,
        reason = linger(&driver, &timing) => Closed::ByUs(reason),
    };
    tracing::debug!("{:?} over webtransport ended: {end}", driver.id());
    driver.finish(end);
    let said = match end {
        Closed::ByUs(reason) => reason,
        Closed::Violation(_) => CloseReason::Violation,
        Closed::ByPeer(_) | Closed::Lost(_) => CloseReason::Done,
    };
    let info = js_sys::Object::new();
    let _ = js_sys::Reflect::set(&info, &JsValue::from_str("closeCode"), &JsValue::from(said.code()));
    session.transport_ref().close_with_info(info.unchecked_ref::<WebTransportCloseInfo>());
}

async fn read_stream(driver: &Driver, mut recv: RecvStream) -> Closed {
    let mut decoder = Decoder::default();
    let mut chunk = vec![0; READ_CHUNK];
    loop {
        loop {
            // Whoever does not read must not be sent to: QUIC's window then fills, and the peer waits.
            driver.room().await;
            match decoder.next() {
                Ok(Some(Frame::Message(bytes))) => {
                    driver.add_wire(bytes.len().saturating_add(OVERHEAD), 0);
                    driver.deliver(Instant::now(), Lane::Reliable, bytes);
                }
                Ok(Some(Frame::Goodbye(reason))) => return Closed::ByPeer(reason),
                Ok(None) => break,
                Err(frames::Oversize) => return Closed::Violation("a message longer than any may be"),
            }
        }
        // How the connection ended is known elsewhere.
        let Ok(read) = recv.read(&mut chunk).await else { return pending().await };
        decoder.push(chunk.get(..read.get()).unwrap_or_default());
    }
}

async fn read_datagrams(driver: &Driver, session: &Session) -> Closed {
    loop {
        match session.receive_datagram().await {
            Ok(bytes) if bytes.len() <= limits::MAX_LATEST_BYTES => {
                driver.add_wire(bytes.len().saturating_add(OVERHEAD), 0);
                driver.deliver(Instant::now(), Lane::Latest, bytes.into());
            }
            Ok(_) => return Closed::Violation("a datagram longer than any may be"),
            Err(_) => return pending().await,
        }
    }
}

async fn write_stream(driver: &Driver, mut send: SendStream) -> Closed {
    while let Some(message) = driver.reliable().await {
        let sent = [Bytes::copy_from_slice(&frames::header(&message)), message].concat();
        driver.add_wire(0, sent.len().saturating_add(OVERHEAD));
        if write_all(&mut send, &sent).await.is_err() {
            return pending().await;
        }
    }
    // In the stream the goodbye comes after every message. The other end then closes, or we do when it has lingered.
    let reason = driver.closing().await;
    let _ = write_all(&mut send, &frames::goodbye(reason)).await;
    pending().await
}

async fn write_all(send: &mut SendStream, mut bytes: &[u8]) -> Result<(), xwt_web::StreamWriteError> {
    while !bytes.is_empty() {
        let written = send.write(bytes).await?;
        bytes = bytes.get(written.get()..).unwrap_or_default();
    }
    Ok(())
}

async fn write_datagrams(driver: &Driver, session: &Session) -> Closed {
    loop {
        let message = driver.latest().await;
        driver.add_wire(0, message.len().saturating_add(OVERHEAD));
        // It may be too long for a path that has just become narrow. A newer one comes soon.
        let _ = session.send_datagram(&message).await;
        if driver.twice() {
            sleep(COPY_PAUSE).await;
            driver.add_wire(0, message.len().saturating_add(OVERHEAD));
            let _ = session.send_datagram(&message).await;
        }
    }
}

/// Waits until the session is over.
async fn closed(session: &Session) -> Closed {
    match JsFuture::from(session.transport_ref().closed()).await {
        Ok(info) => {
            let code = js_sys::Reflect::get(&info, &JsValue::from_str("closeCode")).ok().and_then(|code| code.as_f64());
            // A code of ours is a small whole number.
            Closed::ByPeer(frames::reason_of(code.unwrap_or_default() as u8))
        }
        Err(_) => Closed::Lost(Lost::Reset),
    }
}

/// Headers of a QUIC packet and what is below it, bytes: IPv4's 20, UDP's 8, QUIC's own and its seal. An estimate, for the browser does not
/// say.
const OVERHEAD: usize = 28 + 29;
