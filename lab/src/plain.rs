//! HTTP on a bare socket, for what no library would send, and for thousands of connections that must weigh nothing.
//!
//! Flow: [`crate::crowd`], [`crate::storm`] → [`enter`], [`head`] ↔ the lobby.

use std::io;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(10);
/// Small: what is measured is the server's memory, but both live on one machine.
const BUFFER: usize = 2_048;

/// The head of an answer.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// 0 if there was none to be read.
    pub status: u16,
    /// Bytes that follow.
    pub length: usize,
    /// The version of what follows.
    pub tag: Option<String>,
}

/// Connects to `address`, a host and a port.
pub(crate) async fn enter(address: &str) -> io::Result<BufReader<TcpStream>> {
    let stream = timeout(CONNECT, TcpStream::connect(address)).await??;
    Ok(BufReader::with_capacity(BUFFER, stream))
}

/// Reads the head of an answer.
pub(crate) async fn head(stream: &mut BufReader<TcpStream>) -> io::Result<Head> {
    let (mut head, mut line) = (Head::default(), String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = line.trim_end();
        if text.is_empty() {
            return Ok(head);
        }
        head.note(text)?;
    }
}

/// Reads an answer to its end.
pub(crate) async fn answer(stream: &mut BufReader<TcpStream>) -> io::Result<(Head, Vec<u8>)> {
    let head = head(stream).await?;
    let mut body = vec![0; head.length];
    stream.read_exact(&mut body).await?;
    Ok((head, body))
}

impl Head {
    fn note(&mut self, text: &str) -> io::Result<()> {
        if let Some(rest) = text.strip_prefix("HTTP/1.1 ") {
            self.status = rest.get(..3).and_then(|digits| digits.parse().ok()).unwrap_or(0);
        }
        let Some((name, value)) = text.split_once(": ") else { return Ok(()) };
        if name.eq_ignore_ascii_case("content-length") {
            self.length = value.parse().map_err(io::Error::other)?;
        } else if name.eq_ignore_ascii_case("etag") {
            self.tag = Some(value.to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_tells_status_length_and_version() {
        let mut head = Head::default();
        for line in ["HTTP/1.1 200 OK", "Content-Length: 12", "etag: \"7\"", "no colon"] {
            head.note(line).expect(line);
        }
        assert_eq!(head, Head { status: 200, length: 12, tag: Some("\"7\"".to_owned()) });
        assert!(head.note("content-length: many").is_err());
    }
}
