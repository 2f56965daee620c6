//! What the transports over TCP share: how a socket is set up, and who notices that the other end is gone.
//!
//! A kernel that is left alone serves throughput: it merges small segments (Nagle), fills large buffers with what is old by the time it
//! leaves, and takes a quarter of an hour to believe that nobody is there. All three are put right here, once for everybody.
//!
//! Flow: `websocket.rs`, `tcp.rs`, `http/`, the lobby's accept loop and the weather's relay -> here -> socket.

use crate::Timing;
use crate::link::{Driver, Lost};
use protocol::CloseReason;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncRead, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::sleep;

/// The kernel's send buffer, bytes. Whatever is in it can no longer be replaced by something newer.
const SEND_BUFFER: usize = 32 * 1024;
/// The kernel's receive buffer, bytes. Left to itself it grows to megabytes for a session that does not read.
const RECEIVE_BUFFER: usize = 128 * 1024;
/// Unsent bytes above which the kernel does not ask for more.
const UNSENT: u32 = 8 * 1024;
/// Headers of a TCP segment, bytes: IPv4's 20, TCP's 20 and its timestamps.
pub(crate) const OVERHEAD: usize = 52;
/// Reads of up to 4 KiB that are thrown away after a violation, so that its reason arrives: a few messages' worth.
const DISCARDS: usize = 64;
/// How often silence is looked for.
pub(crate) const WATCH_PAUSE: Duration = Duration::from_millis(200);

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

/// What those who read, write and watch one link tell each other.
pub(crate) struct Pulse {
    start: Instant,
    /// When something last came, or when we last let anything come; microseconds since the start.
    heard: AtomicU64,
    /// When the write in progress began; zero if there is none.
    writing: AtomicU64,
    /// Whether we do not read, because the session does not.
    waiting: AtomicBool,
}

impl Pulse {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            heard: AtomicU64::new(0),
            writing: AtomicU64::new(0),
            waiting: AtomicBool::new(false),
        }
    }

    /// Returns the time on this link's own clock, microseconds, never zero.
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX).max(1)
    }

    /// Notes that something came.
    pub(crate) fn hear(&self) {
        self.heard.store(self.now(), Ordering::Relaxed);
    }

    /// Returns how long ago `moment` was, a time on this link's own clock.
    pub(crate) fn since(&self, moment: u64) -> Duration {
        Duration::from_micros(self.now().saturating_sub(moment))
    }

    /// Notes that a write begins.
    pub(crate) fn begin_write(&self) {
        self.writing.store(self.now(), Ordering::Relaxed);
    }

    /// Notes that the write has been done.
    pub(crate) fn end_write(&self) {
        self.writing.store(0, Ordering::Relaxed);
    }

    /// Returns whether a write was broken off, so that nothing sensible can follow it.
    pub(crate) fn is_writing(&self) -> bool {
        self.writing.load(Ordering::Relaxed) > 0
    }

    /// Waits until the session reads. Whoever does not read must not be sent to: TCP's window then fills, and the peer waits.
    pub(crate) async fn wait_for_room(&self, driver: &Driver) {
        if !driver.has_room() {
            let _held = self.held();
            driver.room().await;
        }
    }

    /// Notes that we let nothing come until the guard is dropped.
    pub(crate) fn held(&self) -> HeldBack<'_> {
        self.waiting.store(true, Ordering::Relaxed);
        HeldBack(self)
    }

    /// Returns why the link is lost, if nothing has come, or nothing could be written, for longer than `silence`.
    pub(crate) fn lost_after(&self, silence: Duration) -> Option<Lost> {
        let silent = self.since(self.heard.load(Ordering::Relaxed)) > silence;
        if silent && !self.waiting.load(Ordering::Relaxed) {
            return Some(Lost::TimedOut);
        }
        let writing = self.writing.load(Ordering::Relaxed);
        (writing > 0 && self.since(writing) > silence).then_some(Lost::SlowReader)
    }

    /// Returns when the link is lost.
    pub(crate) async fn watch(&self, timing: &Timing) -> Lost {
        loop {
            sleep(WATCH_PAUSE).await;
            if let Some(lost) = self.lost_after(timing.silence) {
                return lost;
            }
        }
    }
}

/// For as long as it is kept, the silence of the other end is our own doing.
pub(crate) struct HeldBack<'a>(&'a Pulse);

impl Drop for HeldBack<'_> {
    fn drop(&mut self) {
        self.0.hear();
        self.0.waiting.store(false, Ordering::Relaxed);
    }
}

/// Returns when a close that was asked for has taken long enough, or at once if it is in a hurry.
pub(crate) async fn linger(driver: &Driver, timing: &Timing) -> CloseReason {
    let reason = driver.closing().await;
    if !driver.hurried() {
        sleep(timing.linger).await;
    }
    reason
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
