//! One HTTP/1.1 connection of a client that makes one call after the other and is kept alive between them.
//!
//! Written by hand, because a link needs to know which connection it is on (there are two, no more), what has gone over it in bytes,
//! and because only the answers of a server of ours have to be understood: a status, a length and a body.
//!
//! Flow: `client.rs` -> [`Caller::call`] -> TCP.

use crate::stream::{OVERHEAD, tune_tcp};
use bytes::{Buf, Bytes, BytesMut};
use protocol::limits;
use std::io::{self, ErrorKind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// Longest head of an answer, bytes.
const MAX_HEAD: usize = 16 * 1024;
/// What is read at once, bytes.
const READ_CHUNK: usize = 8 * 1024;

/// A connection, or the intention to make one.
pub(super) struct Caller {
    host: String,
    port: u16,
    /// Lines that are the same in every head.
    lines: String,
    stream: Option<TcpStream>,
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: Bytes,
    /// Bytes on the wire, in and out, with an estimate of the headers below.
    pub(super) wire: (usize, usize),
}

/// What matters in the head of an answer.
#[derive(Debug, PartialEq, Eq)]
struct Head {
    status: u16,
    length: usize,
    /// The server wants to end the connection.
    last: bool,
}

impl Caller {
    pub(super) fn new(host: &str, port: u16) -> Self {
        let name = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
        Self { host: host.to_owned(), port, lines: format!("Host: {name}:{port}\r\n"), stream: None }
    }

    /// Returns another caller of the same server, which shows `bearer` with every call.
    pub(super) fn bearing(&self, bearer: &str) -> Self {
        let lines = format!("{}Authorization: Bearer {bearer}\r\n", self.lines);
        Self { host: self.host.clone(), port: self.port, lines, stream: None }
    }

    /// Uses the connection of `other`, if there is one.
    pub(super) fn on_connection_of(mut self, other: &mut Self) -> Self {
        self.stream = other.stream.take();
        self
    }

    /// Makes one call. May be dropped at any time, which costs the connection.
    ///
    /// A connection that the server has closed in the meantime is replaced, so a call may reach the server twice.
    pub(super) async fn call(&mut self, method: &str, path: &str, body: &[u8]) -> io::Result<Answer> {
        if let Some(stream) = self.stream.take() {
            match self.call_on(stream, method, path, body).await {
                Err(error) if is_an_end(&error) => {}
                done => return done,
            }
        }
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        // Failing to tune costs freshness, not the link.
        let _ = tune_tcp(&stream);
        self.call_on(stream, method, path, body).await
    }

    async fn call_on(&mut self, mut stream: TcpStream, method: &str, path: &str, body: &[u8]) -> io::Result<Answer> {
        let lines = &self.lines;
        let mut request =
            format!("{method} {path} HTTP/1.1\r\n{lines}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
        request.extend_from_slice(body);
        // In one piece, so that head and body share a segment.
        stream.write_all(&request).await?;

        let mut buffer = BytesMut::new();
        let end = loop {
            if let Some(at) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break at.saturating_add(4);
            }
            if buffer.len() > MAX_HEAD {
                return Err(strange("a head longer than any may be"));
            }
            read_more(&mut stream, &mut buffer).await?;
        };
        let head = read_head(buffer.get(..end).unwrap_or_default())?;
        let length = end.saturating_add(head.length);
        while buffer.len() < length {
            read_more(&mut stream, &mut buffer).await?;
        }
        let whole = buffer.len() == length;
        buffer.advance(end);
        buffer.truncate(head.length);
        if whole && !head.last {
            self.stream = Some(stream);
        }
        let wire = (length.saturating_add(OVERHEAD), request.len().saturating_add(OVERHEAD));
        Ok(Answer { status: head.status, body: buffer.freeze(), wire })
    }
}

async fn read_more(stream: &mut TcpStream, buffer: &mut BytesMut) -> io::Result<()> {
    buffer.reserve(READ_CHUNK);
    match stream.read_buf(buffer).await? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        _ => Ok(()),
    }
}

/// Whether the connection has ended, rather than the server said something strange.
fn is_an_end(error: &io::Error) -> bool {
    use ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, NotConnected, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | NotConnected | UnexpectedEof)
}

fn strange(what: &'static str) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, what)
}

fn read_head(head: &[u8]) -> io::Result<Head> {
    let text = std::str::from_utf8(head).map_err(|_| strange("a head that is no text"))?;
    let mut lines = text.split("\r\n");
    let status =
        lines.next().and_then(|line| line.strip_prefix("HTTP/1.1 ")).and_then(|line| line.get(..3)?.parse().ok());
    let status = status.ok_or_else(|| strange("not HTTP/1.1"))?;
    let (mut length, mut last) = (None, false);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            let claimed = value.parse().ok().filter(|length| *length <= limits::HTTP_BODY_BYTES);
            length = Some(claimed.ok_or_else(|| strange("a body longer than any may be"))?);
        } else if name.eq_ignore_ascii_case("connection") {
            last = value.eq_ignore_ascii_case("close");
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            return Err(strange("a body in chunks"));
        }
    }
    Ok(Head { status, length: length.ok_or_else(|| strange("a body without a length"))?, last })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_are_read_as_servers_write_them() {
        let read = |text: &str| read_head(text.as_bytes()).ok();
        let head = |status, length, last| Some(Head { status, length, last });
        assert_eq!(read("HTTP/1.1 200 OK\r\ncontent-length: 12\r\n\r\n"), head(200, 12, false));
        assert_eq!(read("HTTP/1.1 410 Gone\r\nContent-Length:0\r\nConnection: Close\r\n\r\n"), head(410, 0, true));
        for strange in [
            "HTTP/1.0 200 OK\r\ncontent-length: 1\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\ncontent-length: 999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
            "SSH-2.0\r\n\r\n",
            "\r\n\r\n",
        ] {
            assert_eq!(read(strange), None, "{strange}");
        }
    }
}
