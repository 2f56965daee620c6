//! The page's end of `websocket`: the same frames as in `websocket.rs`, over the browser's own WebSocket.
//!
//! The browser answers pings by itself and lets a page neither send any nor see what the kernel holds. It does say how much of what it was
//! given has not left yet, and as long as that is something, a Latest message waits here, where a newer one can replace it.
//!
//! Flow: `dial.rs` -> [`dial`] -> [`drive`]: `link/driver.rs` <-> browser.

pub use crate::frames::websocket::PATH;

use crate::frames::websocket::{LATEST, RELIABLE, code_of, frame_header, reason_of_code};
use crate::link::{Closed, Driver, Link, Lost, link_pair};
use crate::runtime::{self, sleep, timeout};
use crate::stream::{OVERHEAD, linger};
use crate::{DialError, Timing};
use bytes::{BufMut, Bytes, BytesMut};
use js_sys::{ArrayBuffer, Uint8Array};
use protocol::{CloseReason, Lane, Transport, limits};
use send_wrapper::SendWrapper;
use std::cell::{Cell, RefCell};
use std::future::pending;
use std::rc::Rc;
use std::time::Duration;
use tokio::sync::Notify;
use wasm_bindgen::JsCast;
use wasm_bindgen::prelude::Closure;
use web_sys::{BinaryType, CloseEvent, Event, MessageEvent, WebSocket};
use web_time::Instant;

/// How often to look whether what was given to the browser has left.
const LOOK_PAUSE: Duration = Duration::from_millis(4);

/// Opens a link at a `ws://` or `wss://` address.
pub(crate) async fn dial(url: &str, timing: Timing) -> Result<Link, DialError> {
    let socket = Socket::open(url).ok_or_else(|| DialError::address(url))?;
    let opened = timeout(timing.handshake, socket.opened()).await;
    match opened {
        Ok(true) => {}
        Ok(false) => return Err(DialError::refused(Transport::Websocket, url)),
        Err(_) => return Err(DialError::no_answer(Transport::Websocket, url, timing.handshake)),
    }
    let (link, driver) = link_pair(Transport::Websocket, None, None);
    runtime::spawn(drive(socket, driver, timing));
    Ok(link)
}

/// The browser's socket, and what it has told us.
struct Socket {
    socket: SendWrapper<WebSocket>,
    told: SendWrapper<Rc<Told>>,
    // Dropping them would leave the browser with nobody to call.
    _message: SendWrapper<Closure<dyn FnMut(MessageEvent)>>,
    _open: SendWrapper<Closure<dyn FnMut(Event)>>,
    _close: SendWrapper<Closure<dyn FnMut(CloseEvent)>>,
}

#[derive(Default)]
struct Told {
    open: Cell<bool>,
    /// Messages with the moment in which they came; none in the place of one that is no binary frame.
    messages: RefCell<Vec<(Instant, Option<Bytes>)>>,
    closed: Cell<Option<u16>>,
    news: Notify,
}

impl Socket {
    fn open(url: &str) -> Option<Self> {
        let socket = WebSocket::new(url).ok()?;
        socket.set_binary_type(BinaryType::Arraybuffer);
        let told = Rc::new(Told::default());
        let (hearing, opening, closing) = (told.clone(), told.clone(), told.clone());
        let message = Closure::<dyn FnMut(MessageEvent)>::new(move |event: MessageEvent| {
            let bytes = event.data().dyn_into::<ArrayBuffer>().ok();
            let bytes = bytes.map(|buffer| Bytes::from(Uint8Array::new(&buffer).to_vec()));
            hearing.messages.borrow_mut().push((Instant::now(), bytes));
            hearing.news.notify_one();
        });
        let open = Closure::<dyn FnMut(Event)>::new(move |_| {
            opening.open.set(true);
            opening.news.notify_one();
        });
        let close = Closure::<dyn FnMut(CloseEvent)>::new(move |event: CloseEvent| {
            closing.closed.set(Some(event.code()));
            closing.news.notify_one();
        });
        socket.set_onmessage(Some(message.as_ref().unchecked_ref()));
        socket.set_onopen(Some(open.as_ref().unchecked_ref()));
        socket.set_onclose(Some(close.as_ref().unchecked_ref()));
        Some(Self {
            socket: SendWrapper::new(socket),
            told: SendWrapper::new(told),
            _message: SendWrapper::new(message),
            _open: SendWrapper::new(open),
            _close: SendWrapper::new(close),
        })
    }

    /// Waits until the browser says that it is open, or that it will not be.
    async fn opened(&self) -> bool {
        loop {
            if self.told.open.get() {
                return true;
            }
            if self.told.closed.get().is_some() {
                return false;
            }
            SendWrapper::new(self.told.news.notified()).await;
        }
    }

    /// Gives the browser a frame, and tells its bytes on the wire. None when the socket is ending: the browser would write that on its
    /// console for every frame, and throw the frame away.
    fn send(&self, lane: u8, message: &Bytes) -> Option<usize> {
        if self.socket.ready_state() != WebSocket::OPEN {
            return None;
        }
        let mut frame = BytesMut::with_capacity(message.len().saturating_add(1));
        frame.put_u8(lane);
        frame.put_slice(message);
        self.socket.send_with_u8_array(&frame).ok()?;
        Some(frame.len().saturating_add(frame_header(frame.len())).saturating_add(OVERHEAD))
    }

    /// Waits until everything has left.
    async fn drained(&self) {
        while self.socket.buffered_amount() > 0 {
            sleep(LOOK_PAUSE).await;
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        self.socket.set_onmessage(None);
        self.socket.set_onopen(None);
        self.socket.set_onclose(None);
        let _ = self.socket.close();
    }
}

/// Moves bytes until the link ends.
async fn drive(socket: Socket, driver: Driver, timing: Timing) {
    let end = tokio::select! {
        end = read(&driver, &socket) => end,
        end = write_reliable(&driver, &socket) => end,
        end = write_latest(&driver, &socket) => end,
        reason = linger(&driver, &timing) => Closed::ByUs(reason),
    };
    tracing::debug!("{:?} over websocket ended: {end}", driver.id());
    driver.finish(end);
    let said = match end {
        Closed::ByUs(reason) => reason,
        Closed::Violation(_) => CloseReason::Violation,
        Closed::ByPeer(_) | Closed::Lost(_) => CloseReason::Done,
    };
    let _ = socket.socket.close_with_code(code_of(said));
}

async fn read(driver: &Driver, socket: &Socket) -> Closed {
    loop {
        let messages = socket.told.messages.take();
        for (at, frame) in messages {
            let Some(frame) = frame else { return Closed::Violation("a text frame, where only binary ones belong") };
            driver.add_wire(frame.len().saturating_add(frame_header(frame.len())).saturating_add(OVERHEAD), 0);
            match frame.first() {
                // The browser goes on reading, so whoever does not is too slow.
                Some(&RELIABLE) if !driver.has_room() => return Closed::Lost(Lost::SlowReader),
                Some(&RELIABLE) if frame.len() <= limits::MAX_RELIABLE_BYTES.saturating_add(1) => {
                    driver.deliver(at, Lane::Reliable, frame.slice(1..));
                }
                Some(&LATEST) if frame.len() <= limits::MAX_LATEST_BYTES.saturating_add(1) => {
                    driver.deliver(at, Lane::Latest, frame.slice(1..));
                }
                _ => return Closed::Violation("a frame of an unknown kind, or longer than any may be"),
            }
        }
        if let Some(code) = socket.told.closed.get() {
            return ended(code);
        }
        SendWrapper::new(socket.told.news.notified()).await;
    }
}

async fn write_reliable(driver: &Driver, socket: &Socket) -> Closed {
    while let Some(message) = driver.reliable().await {
        // The browser holds whatever it is given; what waits is bounded on our side only.
        socket.drained().await;
        // The reader finds out why it is ending.
        let Some(sent) = socket.send(RELIABLE, &message) else { return pending().await };
        driver.add_wire(0, sent);
    }
    let reason = driver.closing().await;
    socket.drained().await;
    Closed::ByUs(reason)
}

async fn write_latest(driver: &Driver, socket: &Socket) -> Closed {
    loop {
        socket.drained().await;
        let message = driver.latest().await;
        // What has arrived in the meantime is newer.
        let message = driver.take_latest().unwrap_or(message);
        // Here too.
        let Some(sent) = socket.send(LATEST, &message) else { return pending().await };
        driver.add_wire(0, sent);
    }
}

fn ended(code: u16) -> Closed {
    match code {
        // The browser's own word for a connection that was cut off (RFC 6455, 7.1.5).
        1006 => Closed::Lost(Lost::Reset),
        code => Closed::ByPeer(reason_of_code(code)),
    }
}
