//! One HTTP request and its answer: the only place where the lobby's calls meet a socket. A page has
//! `browser/lobby.rs` instead.
//!
//! What a call costs is counted at the socket, so that the ways of being told can be compared by what they really take.
//!
//! Flow: [`super::LobbyClient`] → [`Wire::fetch`] → TCP → [`Answer`], whole or piece by piece.

use super::{Broken, Cost};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::header::HeaderMap;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use std::fmt;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

/// The way to one server.
pub(super) struct Wire {
    host: String,
    port: u16,
    /// What a server has to prove who it is with, where the address begins with https.
    tls: Option<TlsConnector>,
    /// A connection that waits for the next question.
    idle: Mutex<Option<Connection>>,
    counts: Arc<Counts>,
}

impl fmt::Debug for Wire {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Wire({}:{})", self.host, self.port)
    }
}

#[derive(Debug, Default)]
struct Counts {
    calls: AtomicU64,
    connections: AtomicU64,
    sent: AtomicU64,
    received: AtomicU64,
}

impl Wire {
    /// Returns the way to a host (an IPv6 address without brackets) and port; a `secure` one is encrypted, and ends at nobody else.
    pub(super) fn new(host: &str, port: u16, secure: bool) -> Self {
        let tls = secure.then(connector).flatten();
        Self { host: host.to_owned(), port, tls, idle: Mutex::default(), counts: Arc::default() }
    }

    pub(super) fn cost(&self) -> Cost {
        let counts = &self.counts;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Cost {
            calls: read(&counts.calls),
            connections: read(&counts.connections),
            sent: read(&counts.sent),
            received: read(&counts.received),
        }
    }

    /// Asks, and returns the answer as soon as its head is there. Dropping the call or the answer ends the connection.
    pub(super) async fn fetch(self: &Arc<Self>, request: Request<Bytes>, within: Duration) -> Result<Answer, Broken> {
        timeout(within, self.ask(request.map(Full::from))).await.unwrap_or(Err(Broken::Silent))
    }

    async fn ask(self: &Arc<Self>, request: Request<Full<Bytes>>) -> Result<Answer, Broken> {
        self.counts.calls.fetch_add(1, Ordering::Relaxed);
        // Only questions go over a connection that may just have ended: they can be asked twice.
        if request.method() == Method::GET
            && let Some(mut kept) = self.take_idle()
            && kept.sender.is_ready()
            && let Ok(response) = kept.sender.send_request(request.clone()).await
        {
            return Ok(self.answer(response, kept));
        }
        let mut connection = self.connect().await?;
        match connection.sender.send_request(request).await {
            Ok(response) => Ok(self.answer(response, connection)),
            Err(error) if error.is_parse() => Err(Broken::Strange),
            Err(_) => Err(Broken::Cut),
        }
    }

    async fn connect(&self) -> Result<Connection, Broken> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|_| Broken::Silent)?;
        // Failing to tune costs time, not the call.
        let _ = stream.set_nodelay(true);
        self.counts.connections.fetch_add(1, Ordering::Relaxed);
        let counted = Counted { stream, counts: Arc::clone(&self.counts) };
        let Some(tls) = &self.tls else { return speak(counted).await };
        let name = ServerName::try_from(self.host.clone()).map_err(|_| Broken::Untrusted)?;
        let encrypted = tls.connect(name, counted).await.map_err(|error| match error.kind() {
            // Whoever is there does not speak TLS, or is not whom we were sent to.
            io::ErrorKind::InvalidData => Broken::Untrusted,
            _ => Broken::Silent,
        })?;
        speak(encrypted).await
    }

    fn answer(self: &Arc<Self>, response: hyper::Response<Incoming>, connection: Connection) -> Answer {
        let (head, body) = response.into_parts();
        let body = Body { incoming: body, connection: Some(connection), wire: Arc::clone(self) };
        Answer { status: head.status.as_u16(), headers: head.headers, body }
    }

    fn take_idle(&self) -> Option<Connection> {
        self.idle().take()
    }

    fn idle(&self) -> std::sync::MutexGuard<'_, Option<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An open connection and the task that moves its bytes. Both end together.
#[derive(Debug)]
struct Connection {
    sender: SendRequest<Full<Bytes>>,
    task: JoinHandle<()>,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Starts to speak HTTP.
async fn speak<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S) -> Result<Connection, Broken> {
    let (sender, driver) = handshake(TokioIo::new(stream)).await.map_err(|_| Broken::Silent)?;
    // How it ends is learned by whoever waits for an answer.
    let task = tokio::spawn(async move { drop(driver.await) });
    Ok(Connection { sender, task })
}

/// Returns what trusts those that browsers trust.
fn connector() -> Option<TlsConnector> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    Some(TlsConnector::from(Arc::new(config.with_root_certificates(roots).with_no_client_auth())))
}

/// The head of an answer, and its body on the way.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    headers: HeaderMap,
    pub(super) body: Body,
}

impl Answer {
    /// Returns a field of the head, if it is there and readable.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Body {
    incoming: Incoming,
    connection: Option<Connection>,
    wire: Arc<Wire>,
}

impl Body {
    /// Waits for the next piece; none at the end. May be dropped while it waits.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Broken> {
        loop {
            match self.incoming.frame().await {
                Some(Ok(frame)) => {
                    if let Ok(piece) = frame.into_data() {
                        return Ok(Some(piece));
                    }
                }
                Some(Err(_)) => return Err(Broken::Cut),
                None => {
                    if let Some(connection) = self.connection.take() {
                        *self.wire.idle() = Some(connection);
                    }
                    return Ok(None);
                }
            }
        }
    }
}

/// A stream whose bytes are counted.
struct Counted {
    stream: TcpStream,
    counts: Arc<Counts>,
}

impl AsyncRead for Counted {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = ready!(Pin::new(&mut self.stream).poll_read(cx, buf));
        let bytes = buf.filled().len().saturating_sub(before);
        self.counts.received.fetch_add(bytes as u64, Ordering::Relaxed);
        Poll::Ready(read)
    }
}

impl AsyncWrite for Counted {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes));
        if let Ok(bytes) = written {
            self.counts.sent.fetch_add(bytes as u64, Ordering::Relaxed);
        }
        Poll::Ready(written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
