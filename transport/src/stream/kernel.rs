//! How a TCP socket is set up for a game, and how it is closed with the last word heard.
//!
//! A kernel that is left alone serves throughput: it merges small segments (Nagle) and fills large buffers with what is old by the time
//! it leaves. Both are put right here, once for everybody.
//!
//! Flow: `websocket.rs`, `tcp.rs`, `http/`, the lobby's accept loop and the weather's relay -> here -> socket.

use std::io;
use std::pin::Pin;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;

/// The kernel's send buffer, bytes. Whatever is in it can no longer be replaced by something newer.
const SEND_BUFFER: usize = 32 * 1024;
/// The kernel's receive buffer, bytes. Left to itself it grows to megabytes for a session that does not read.
const RECEIVE_BUFFER: usize = 128 * 1024;
/// Unsent bytes above which the kernel does not ask for more.
const UNSENT: u32 = 8 * 1024;
/// Reads of up to 4 KiB that are thrown away after a violation, so that its reason arrives: a few messages' worth.
const DISCARDS: usize = 64;

/// Sets up a TCP connection for a game: call it right after `accept` or `connect`.
///
/// # Errors
/// What the system says. It costs freshness, not the connection.
pub fn tune_tcp(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let socket = socket2::SockRef::from(stream);
    socket.set_send_buffer_size(SEND_BUFFER)?;
    socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    #[cfg(any(target_os = "android", target_os = "linux"))]
    socket.set_tcp_notsent_lowat(UNSENT)?;
    Ok(())
}

/// Reads and forgets, until the other end is done or has sent too much. A socket that is closed with bytes unread resets the
/// connection, and the reset overtakes our reason.
pub(crate) async fn discard<S: AsyncRead + Unpin>(mut stream: S) {
    let mut scratch = [0; 4 * 1024];
    for _ in 0..DISCARDS {
        let mut buffer = ReadBuf::new(&mut scratch);
        let read = std::future::poll_fn(|context| Pin::new(&mut stream).poll_read(context, &mut buffer)).await;
        if read.is_err() || buffer.filled().is_empty() {
            return;
        }
    }
}
