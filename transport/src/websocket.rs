//! The `websocket` transport: both lanes as binary frames over the lobby's own TCP port.
//!
//! It goes wherever HTTP goes, and pays for it: TCP delivers everything in order, so one lost packet delays all that
//! follows. What can be done against that is done here: no Nagle, small kernel buffers, and a Latest message that has not
//! yet been written is replaced by a newer one.
//!
//! ```text
//! binary frame: 00 | Reliable message     01 | Latest message
//! close frame:  4000 + the code of a CloseReason; 1003 after a text frame
//! ping:         8 bytes of our own clock, for the round trip
//! ```
//!
//! Flow: `lib.rs` [`dial`]; or HTTP server -> `websocket/upgrade.rs` -> [`accept`] -> `server.rs`; then [`drive`]:
//! `link/driver.rs` <-> tungstenite.

mod upgrade;

pub use crate::frames::websocket::PATH;
pub(crate) use upgrade::origin_ok;
pub use upgrade::{Refusal, upgrade_response};

use crate::frames::websocket::{LATEST, RELIABLE, code_of, frame_header, reason_of_code};
use crate::link::{Closed, Driver, Link, Lost, link_pair};
use crate::server::LinkSender;
use crate::stream::{OVERHEAD, Pulse, discard, linger, tune_tcp};
use crate::{DialError, Timing};
use bytes::{BufMut, Bytes, BytesMut};
use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use protocol::{CloseReason, Lane, Transport, limits};
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::time::Instant;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message, error::ProtocolError, http::Uri};
use tracing::debug;

/// Largest frame: a message and its lane.
const MAX_FRAME: usize = limits::MAX_RELIABLE_BYTES + 1;
/// What tungstenite reads at once, allocated per link.
const READ_BUFFER: usize = 8 * 1024;
/// What tungstenite may hold unwritten: one frame and the answers to pings.
const WRITE_BUFFER: usize = MAX_FRAME + 4 * 1024;
/// The violation that has a close code of its own.
const TEXT_FRAME: &str = "a text frame, where only binary ones belong";

/// Opens a link at a `ws://` address.
pub(crate) async fn dial(url: &str, timing: Timing) -> Result<Link, DialError> {
    timeout(timing.handshake, open(url, timing))
        .await
        .unwrap_or_else(|_| Err(DialError::no_answer(Transport::Websocket, url, timing.handshake)))
}

async fn open(url: &str, timing: Timing) -> Result<Link, DialError> {
    let uri: Uri = url.parse().map_err(|_| DialError::address(url))?;
    let (Some("ws"), Some(host)) = (uri.scheme_str(), uri.host()) else { return Err(DialError::address(url)) };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let tcp = TcpStream::connect((host, uri.port_u16().unwrap_or(80))).await.map_err(|e| match e.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::ConnectionReset => {
            DialError::refused(Transport::Websocket, url)
        }
        _ => DialError::Local(e),
    })?;
    // Failing to tune costs freshness, not the game.
    let _ = tune_tcp(&tcp);
    let peer = tcp.peer_addr().ok();
    let (stream, _) =
        tokio_tungstenite::client_async_with_config(uri, tcp, Some(config())).await.map_err(|e| match e {
            Error::Http(response) => DialError::http(url, response.status().as_u16()),
            Error::Io(e) if e.kind() != io::ErrorKind::ConnectionReset => DialError::Local(e),
            _ => DialError::refused(Transport::Websocket, url),
        })?;
    let (link, driver) = link_pair(Transport::Websocket, peer, None);
    tokio::spawn(drive(stream, driver, timing));
    Ok(link)
}

/// Takes over a connection after the upgrade, hands the link to the game and moves its bytes until it ends.
pub async fn accept<S>(stream: S, peer: SocketAddr, links: &LinkSender)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let stream = WebSocketStream::from_raw_socket(stream, Role::Server, Some(config())).await;
    let (link, driver) = link_pair(Transport::Websocket, Some(peer), None);
    debug!("{:?} accepted over websocket from {peer}", driver.id());
    if links.send(link).is_ok() {
        drive(stream, driver, *links.timing()).await;
    }
}

fn config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_BUFFER)
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME))
}

/// Moves bytes until the link ends.
async fn drive<S>(stream: WebSocketStream<S>, driver: Driver, timing: Timing)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (mut sink, mut stream) = stream.split();
    let pulse = Pulse::new();
    let end = tokio::select! {
        end = read(&driver, &mut stream, &pulse) => end,
        end = write(&driver, &mut sink, &pulse, &timing) => end,
        lost = pulse.watch(&timing) => Closed::Lost(lost),
        reason = linger(&driver, &timing) => Closed::ByUs(reason),
    };
    debug!("{:?} over websocket ended: {end}", driver.id());
    driver.finish(end);
    let said = match end {
        Closed::Violation(TEXT_FRAME) => CloseCode::Unsupported,
        Closed::Violation(_) => close_code(CloseReason::Violation),
        Closed::ByUs(reason) => close_code(reason),
        Closed::ByPeer(_) | Closed::Lost(_) => close_code(CloseReason::Done),
    };
    // After a close of the peer this flushes the answer; after one of ours it does nothing.
    let _ = timeout(timing.linger, sink.send(close_frame(said))).await;
    let _ = timeout(timing.linger, sink.close()).await;
    if let (Closed::Violation(_), Ok(stream)) = (end, sink.reunite(stream)) {
        let _ = timeout(timing.linger, discard(stream.into_inner())).await;
    }
}

async fn read<S>(driver: &Driver, stream: &mut SplitStream<WebSocketStream<S>>, pulse: &Pulse) -> Closed
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    loop {
        pulse.wait_for_room(driver).await;
        let message = match stream.next().await {
            Some(Ok(message)) => message,
            Some(Err(error)) => return failed(&error),
            None => return Closed::Lost(Lost::Reset),
        };
        let at = Instant::now();
        pulse.hear();
        match message {
            Message::Binary(frame) => {
                driver.add_wire(frame.len().saturating_add(frame_header(frame.len())).saturating_add(OVERHEAD), 0);
                match frame.first() {
                    Some(&RELIABLE) => driver.deliver(at, Lane::Reliable, frame.slice(1..)),
                    Some(&LATEST) if frame.len() <= limits::MAX_LATEST_BYTES.saturating_add(1) => {
                        driver.deliver(at, Lane::Latest, frame.slice(1..));
                    }
                    _ => return Closed::Violation("a frame of an unknown kind"),
                }
            }
            Message::Text(_) => return Closed::Violation(TEXT_FRAME),
            Message::Pong(payload) => {
                if let Some(sent) = payload.first_chunk::<8>() {
                    driver.set_rtt(pulse.since(u64::from_le_bytes(*sent)));
                }
            }
            Message::Close(frame) => return Closed::ByPeer(reason_of(frame.as_ref())),
            Message::Ping(_) | Message::Frame(_) => {}
        }
    }
}

async fn write<S>(
    driver: &Driver,
    sink: &mut SplitSink<WebSocketStream<S>, Message>,
    pulse: &Pulse,
    timing: &Timing,
) -> Closed
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut ping = tokio::time::interval(timing.keep_alive);
    ping.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            message = driver.latest() => frame(LATEST, &message),
            message = driver.reliable() => match message {
                Some(message) => frame(RELIABLE, &message),
                None => break,
            },
            _ = ping.tick() => Message::Ping(Bytes::copy_from_slice(&pulse.now().to_le_bytes())),
        };
        let length = message.len();
        pulse.begin_write();
        if sink.send(message).await.is_err() {
            // The reader finds out why.
            return pending().await;
        }
        pulse.end_write();
        driver.add_wire(0, length.saturating_add(frame_header(length)).saturating_add(OVERHEAD));
    }
    let reason = driver.closing().await;
    let _ = sink.send(close_frame(close_code(reason))).await;
    // The reader sees the answer.
    pending().await
}

fn frame(lane: u8, message: &Bytes) -> Message {
    let mut frame = BytesMut::with_capacity(message.len().saturating_add(1));
    frame.put_u8(lane);
    frame.put_slice(message);
    Message::Binary(frame.freeze())
}

fn close_code(reason: CloseReason) -> CloseCode {
    CloseCode::from(code_of(reason))
}

fn close_frame(code: CloseCode) -> Message {
    Message::Close(Some(CloseFrame { code, reason: "".into() }))
}

fn reason_of(frame: Option<&CloseFrame>) -> CloseReason {
    frame.map_or(CloseReason::Done, |frame| reason_of_code(u16::from(frame.code)))
}

fn failed(error: &Error) -> Closed {
    match error {
        Error::Capacity(_) => Closed::Violation("a frame longer than any may be"),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Closed::Lost(Lost::Reset),
        Error::Protocol(_) | Error::Utf8(_) => Closed::Violation("not valid WebSocket"),
        _ => Closed::Lost(Lost::Reset),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_survives_the_close_frame() {
        for reason in CloseReason::ALL {
            let frame = CloseFrame { code: close_code(reason), reason: "".into() };
            assert_eq!(reason_of(Some(&frame)), reason);
        }
        assert_eq!(reason_of(None), CloseReason::Done);
        let protocol = CloseFrame { code: CloseCode::Unsupported, reason: "".into() };
        assert_eq!(reason_of(Some(&protocol)), CloseReason::Violation);
    }
}
