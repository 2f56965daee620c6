//! The client's end of the `udp` transport: one task and one socket per link.
//!
//! The task sleeps until the socket has something, the session sends something or a timer is due, so that hundreds of links
//! in one process cost what their traffic costs. What the session sends leaves at once.
//!
//! Flow: `lib.rs` [`dial`] -> [`Wire`] handshake -> [`Task::run`]: socket -> `guard.rs` -> renetcode -> `udp/flow.rs` ->
//! `link/driver.rs`, and back.

use super::flow::{Channel, Flow};
use super::{
    CLOSE, FAREWELLS, Farewell, HEARING, Leaving, Payload, RESEND, channels, overhead, socket, tell_apart, token,
};
use crate::link::{Closed, Driver, Link, Lost, link_pair};
use crate::{DialError, Timing, guard};
use bevy_renet::renet::RenetClient;
use bytes::Bytes;
use protocol::{CloseReason, Lane, Transport, limits};
use renetcode::{ClientAuthentication, ConnectToken, DisconnectReason, NetcodeClient};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::UdpSocket;
use tokio::time::{sleep, timeout};

/// Timers are looked at this often while something waits for an acknowledgement or an answer.
const BUSY_TICK: Duration = Duration::from_millis(20);
/// And this often otherwise: netcode wants to say every 250 ms that we live.
const IDLE_TICK: Duration = Duration::from_millis(120);
/// Datagrams handled before the rest of the task gets its turn.
const READ_BUDGET: usize = 256;
/// Room for one datagram; netcode's are at most 1,400 bytes.
const READ_BUFFER: usize = 2_048;
/// Longest wait before renet repeats, however slow the handshake was: most of that may have been a lost packet.
const MAX_RESEND: Duration = Duration::from_millis(300);
/// Silence after which "nobody listens there" is believed. A forged one must not end a link that works.
const REFUSED_AFTER: Duration = Duration::from_millis(500);
/// Times that the server is told that we hear it, one per busy tick, while nothing comes back.
const MAX_HEARING: u8 = 100;

/// Opens a link with `token`, at `server` or else at the addresses that stand in the token, one after the other.
pub(crate) async fn dial(token: &[u8], server: Option<SocketAddr>, timing: Timing) -> Result<Link, DialError> {
    let token = token::read(token)?;
    let addresses = match server {
        Some(server) => vec![server],
        None => token.server_addresses.iter().flatten().copied().map(token::reachable).collect(),
    };
    let share = timing.handshake.checked_div(u32::try_from(addresses.len()).unwrap_or(u32::MAX)).unwrap_or_default();
    let mut failure = DialError::Token(token::TokenError::NoAddress);
    for address in addresses {
        match timeout(share, open(&token, address, timing)).await {
            Ok(Ok(link)) => return Ok(link),
            Ok(Err(error)) => failure = error,
            Err(_) => failure = DialError::no_answer(Transport::Udp, address, share),
        }
    }
    Err(failure)
}

async fn open(token: &ConnectToken, server: SocketAddr, timing: Timing) -> Result<Link, DialError> {
    let started = Instant::now();
    let socket = socket::connect(server).await.map_err(DialError::Local)?;
    let mut token = token.clone();
    token.server_addresses = [None; 32];
    if let Some(first) = token.server_addresses.first_mut() {
        *first = Some(server);
    }
    // The client's clock only measures how long the token lasts from now on, so any start will do.
    let netcode = NetcodeClient::new(Duration::ZERO, ClientAuthentication::Secure { connect_token: token })
        .map_err(|_| DialError::Token(token::TokenError::Malformed))?;
    let mut wire = Wire {
        socket,
        netcode,
        server,
        clock: started,
        buffer: vec![0; READ_BUFFER],
        received: 0,
        sent: 0,
        refused: false,
    };

    let mut early = Vec::new();
    while !wire.netcode.is_connected() {
        wire.advance(Instant::now());
        tokio::select! {
            ready = wire.socket.readable() => ready.map_err(DialError::Local)?,
            () = sleep(BUSY_TICK) => {}
        }
        loop {
            match wire.receive() {
                Ok(Some(payload)) => early.push((Instant::now(), payload)),
                Ok(None) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if socket::is_about_a_peer(&e) => wire.refused = true,
                Err(e) => return Err(DialError::Local(e)),
            }
        }
        if wire.refused {
            return Err(DialError::refused(Transport::Udp, server));
        }
        match wire.netcode.disconnect_reason() {
            None => {}
            Some(DisconnectReason::ConnectionDenied) => return Err(DialError::full(Transport::Udp, server)),
            Some(_) => return Err(DialError::no_answer(Transport::Udp, server, started.elapsed())),
        }
    }

    // The handshake took two round trips, so this is a little more than one.
    let resend = started.elapsed().mul_f32(0.7).clamp(RESEND, MAX_RESEND);
    let mut renet = RenetClient::new(channels(resend));
    renet.set_connected();
    let (link, driver) = link_pair(Transport::Udp, Some(server), None);
    let task = Task {
        wire,
        renet,
        flow: Flow::default(),
        driver,
        timing,
        renet_clock: Instant::now(),
        heard: false,
        hearing: 0,
        farewell: None,
        scratch: Vec::new(),
    };
    tokio::spawn(task.run(early));
    Ok(link)
}

/// Socket and netcode: whole payloads in and out.
struct Wire {
    socket: UdpSocket,
    netcode: NetcodeClient,
    server: SocketAddr,
    clock: Instant,
    buffer: Vec<u8>,
    received: usize,
    sent: usize,
    /// Whether the server's machine has answered that nobody listens there. Linux says so at the next datagram we send.
    refused: bool,
}

impl Wire {
    /// Moves netcode's clock on and sends what it wants to send.
    fn advance(&mut self, now: Instant) {
        if self.netcode.is_disconnected() {
            return;
        }
        let passed = now.saturating_duration_since(self.clock);
        self.clock = now;
        if let Some((packet, _)) = self.netcode.update(passed) {
            match self.socket.try_send(packet) {
                Ok(sent) => self.sent = self.sent.saturating_add(sent).saturating_add(overhead(&self.server)),
                Err(e) => self.refused |= socket::is_about_a_peer(&e),
            }
        }
    }

    /// Reads one datagram. `None` is one that carries no payload or is not netcode's.
    fn receive(&mut self) -> io::Result<Option<Bytes>> {
        let length = self.socket.try_recv(&mut self.buffer)?;
        self.received = self.received.saturating_add(length).saturating_add(overhead(&self.server));
        let Some(datagram) = self.buffer.get_mut(..length) else { return Ok(None) };
        if !guard::datagram_ok(datagram) || guard::is_request(datagram) {
            return Ok(None);
        }
        Ok(self.netcode.process_packet(datagram).map(Bytes::copy_from_slice))
    }

    fn send(&mut self, payload: &[u8]) {
        if let Ok((_, packet)) = self.netcode.generate_payload_packet(payload) {
            // What cannot be sent is lost, as it might be on the way.
            match self.socket.try_send(packet) {
                Ok(sent) => self.sent = self.sent.saturating_add(sent).saturating_add(overhead(&self.server)),
                Err(e) => self.refused |= socket::is_about_a_peer(&e),
            }
        }
    }

    fn disconnect(&mut self) {
        if let Ok((_, packet)) = self.netcode.disconnect() {
            for _ in 0..FAREWELLS {
                let _ = self.socket.try_send(packet);
            }
        }
    }
}

struct Task {
    wire: Wire,
    renet: RenetClient,
    flow: Flow,
    driver: Driver,
    timing: Timing,
    renet_clock: Instant,
    /// Whether the server has sent a payload: then it knows that we hear it.
    heard: bool,
    hearing: u8,
    farewell: Option<Farewell>,
    scratch: Vec<u8>,
}

impl Task {
    async fn run(mut self, early: Vec<(Instant, Bytes)>) {
        let mut end = None;
        for (at, payload) in early {
            end = end.or(self.ingest(at, payload).err());
        }
        loop {
            self.advance(Instant::now());
            end = end.or_else(|| self.read().err());
            end = end.or_else(|| self.write(Instant::now()));
            if let Some(end) = end {
                self.wire.disconnect();
                self.driver.finish(end);
                return;
            }
            tokio::select! {
                ready = self.wire.socket.readable() => {
                    if ready.is_err() {
                        sleep(BUSY_TICK).await;
                    }
                }
                () = self.driver.woken() => {}
                () = sleep(self.pause()) => {}
            }
        }
    }

    fn pause(&self) -> Duration {
        let waits = !self.flow.drained(&self.renet) || self.farewell.is_some() || self.says_hearing();
        if waits { BUSY_TICK } else { IDLE_TICK }
    }

    fn says_hearing(&self) -> bool {
        !self.heard && self.hearing < MAX_HEARING
    }

    fn advance(&mut self, now: Instant) {
        self.wire.advance(now);
        self.renet.update(now.saturating_duration_since(self.renet_clock));
        self.renet_clock = now;
    }

    fn read(&mut self) -> Result<(), Closed> {
        for _ in 0..READ_BUDGET {
            match self.wire.receive() {
                Ok(Some(payload)) => self.ingest(Instant::now(), payload)?,
                Ok(None) => {}
                Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                Err(e) if socket::is_about_a_peer(&e) => self.wire.refused = true,
                Err(_) => return Err(Closed::Lost(Lost::Reset)),
            }
        }
        if std::mem::take(&mut self.wire.refused) && self.wire.netcode.time_since_last_received_packet() > REFUSED_AFTER
        {
            return Err(Closed::Lost(Lost::Reset));
        }
        // The session may have made room for what renet still holds.
        self.flow.pull(&mut self.renet, &self.driver, Instant::now()).map_err(Closed::Violation)?;
        match self.wire.netcode.disconnect_reason() {
            None => {}
            Some(DisconnectReason::ConnectionTimedOut) => return Err(Closed::Lost(Lost::TimedOut)),
            Some(_) => return Err(Closed::ByPeer(CloseReason::Done)),
        }
        if self.wire.netcode.time_since_last_received_packet() > self.timing.silence {
            return Err(Closed::Lost(Lost::TimedOut));
        }
        if self.renet.failed() {
            return Err(Closed::Violation("renet could not use what it was sent"));
        }
        Ok(())
    }

    fn ingest(&mut self, at: Instant, payload: Bytes) -> Result<(), Closed> {
        self.heard = true;
        match tell_apart(payload) {
            Payload::Latest(bytes) => self.driver.deliver(at, Lane::Latest, bytes),
            Payload::Renet(payload) => {
                if !self.flow.admit(&mut self.renet, &payload) {
                    return Err(Closed::Violation("a renet packet of a kind that is never sent"));
                }
                self.flow.pull(&mut self.renet, &self.driver, at).map_err(Closed::Violation)?;
                if let Some(rtt) = Channel::rtt(&self.renet) {
                    self.driver.set_rtt(rtt);
                }
            }
            Payload::Close(reason) => return Err(Closed::ByPeer(reason)),
            Payload::Hearing => {}
            Payload::Unknown => return Err(Closed::Violation("a payload of an unknown kind")),
        }
        Ok(())
    }

    fn write(&mut self, now: Instant) -> Option<Closed> {
        if let Some(message) = self.driver.take_latest() {
            let payload = super::latest_payload(&mut self.scratch, &message);
            self.wire.send(payload);
        }
        self.flow.push(&mut self.renet, &self.driver);
        for packet in self.flow.packets(&mut self.renet, now) {
            self.wire.send(&packet);
        }
        if self.says_hearing() {
            self.hearing = self.hearing.saturating_add(1);
            self.wire.send(&[HEARING]);
        }
        self.driver.add_wire(std::mem::take(&mut self.wire.received), std::mem::take(&mut self.wire.sent));
        self.leave(now)
    }

    fn leave(&mut self, now: Instant) -> Option<Closed> {
        let reason = self.driver.close_asked()?;
        let ready = self.driver.hurried() || (self.driver.drained() && self.flow.drained(&self.renet));
        let farewell = self.farewell.get_or_insert_with(|| Farewell::new(now));
        match farewell.step(now, ready, &self.timing) {
            Leaving::Wait => None,
            Leaving::Say => {
                self.wire.send(&[CLOSE, reason.code()]);
                None
            }
            Leaving::Over => Some(Closed::ByUs(reason)),
        }
    }
}

/// A Latest message with our prefix and netcode's header and tag stays below the smallest path MTU of IPv6.
const _: () = assert!(limits::MAX_LATEST_BYTES + 1 + 25 + 48 <= 1_280);
