//! The server's end of the `udp` transport: two Bevy systems around renetcode and renet.
//!
//! renetcode and renet know no socket. [`poll`] feeds them what the read task has queued, within a budget per update and
//! per peer, and [`flush`] sends what they and the sessions have. The order of the checks is that of `docs/PROTOCOL.md`:
//! budget, shape, known link or a stranger's budget, then keys and the replay window (renetcode), then the payload.
//!
//! Flow: `udp/socket.rs` -> [`poll`] -> `guard.rs` -> renetcode -> `udp/flow.rs` -> `link/driver.rs`; and
//! `link/driver.rs` -> [`flush`] -> `udp/flow.rs` -> renetcode -> socket.

use super::flow::{Channel, Flow, OfServer};
use super::socket::{self, Datagram, QUEUE};
use super::{CLOSE, FAREWELLS, Farewell, Leaving, Payload, RESEND, channels, overhead, tell_apart};
use crate::Timing;
use crate::counters::Counters;
use crate::guard::{self, Sources};
use crate::link::{Closed, Driver, Lost, link_pair};
use bevy::prelude::{Commands, ResMut, Resource};
use bevy_renet::RenetServer;
use protocol::{CloseReason, Lane, Transport, limits};
use renetcode::{NetcodeServer, ServerAuthentication, ServerConfig, ServerResult};
use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::task::AbortHandle;
use tracing::debug;

/// Datagrams handled per update. What exceeds it waits in the queue for the next one.
const RECEIVE_BUDGET: usize = 4_096;
/// Datagrams of one peer handled per update: a second's worth, and a burst of Reliable pieces.
const PEER_BUDGET: u32 = 256;
/// Links that one server holds. renetcode's limit.
const MAX_LINKS: usize = 1_024;

/// The server's socket and everybody who is connected through it.
#[derive(Resource)]
pub(crate) struct UdpHost {
    wire: Wire,
    netcode: NetcodeServer,
    peers: HashMap<u64, Peer>,
    by_address: HashMap<SocketAddr, u64>,
    queue: mpsc::Receiver<Datagram>,
    sources: Sources,
    counters: Arc<Counters>,
    timing: Timing,
    clock: Instant,
    reader: AbortHandle,
}

/// The way out: a handle to the socket that never waits.
struct Wire {
    socket: UdpSocket,
    scratch: Vec<u8>,
}

struct Peer {
    address: SocketAddr,
    driver: Driver,
    flow: Flow,
    /// Whether the client is known to hear us. Until then we send it no payload: that would keep netcode from repeating
    /// the answer that it may have missed.
    hears: bool,
    budget: u32,
    farewell: Option<Farewell>,
    end: Option<Closed>,
}

impl Wire {
    /// Sends a datagram, or loses it as the network might. Returns the bytes on the wire.
    fn transmit(&self, packet: &[u8], to: &SocketAddr) -> usize {
        match self.socket.send_to(packet, to) {
            Ok(sent) => sent.saturating_add(overhead(to)),
            Err(_) => 0,
        }
    }

    /// Seals a payload for a peer and sends it.
    fn send(&self, netcode: &mut NetcodeServer, id: u64, payload: &[u8]) -> usize {
        match netcode.generate_payload_packet(id, payload) {
            Ok((to, packet)) => self.transmit(packet, &to),
            Err(_) => 0,
        }
    }
}

impl UdpHost {
    /// Starts to read from `socket`, on `runtime`.
    pub(crate) fn new(
        socket: UdpSocket,
        public: Vec<SocketAddr>,
        key: [u8; 32],
        timing: Timing,
        counters: Arc<Counters>,
        runtime: &Handle,
    ) -> std::io::Result<Self> {
        let _inside = runtime.enter();
        let reading = Arc::new(tokio::net::UdpSocket::from_std(socket.try_clone()?)?);
        let (sender, queue) = mpsc::channel(QUEUE);
        let reader = runtime.spawn(socket::read_loop(reading, sender, Arc::clone(&counters))).abort_handle();
        let netcode = NetcodeServer::new(ServerConfig {
            // Wall clock once, to compare with the expiry of tokens; from here on it only moves with the monotonic one.
            current_time: SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default(),
            max_clients: MAX_LINKS,
            protocol_id: limits::NETCODE_PROTOCOL_ID,
            public_addresses: public,
            authentication: ServerAuthentication::Secure { private_key: key },
        });
        Ok(Self {
            wire: Wire { socket, scratch: Vec::new() },
            netcode,
            peers: HashMap::new(),
            by_address: HashMap::new(),
            queue,
            sources: Sources::default(),
            counters,
            timing,
            clock: Instant::now(),
            reader,
        })
    }
}

impl Drop for UdpHost {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

/// Returns the renet half of the server.
pub(crate) fn renet() -> RenetServer {
    RenetServer::new(channels(RESEND))
}

/// Handles what has arrived, in [`crate::LinkSystems::Poll`].
pub(crate) fn poll(mut commands: Commands, mut host: ResMut<UdpHost>, mut renet: ResMut<RenetServer>) {
    let host = &mut *host;
    let now = Instant::now();
    host.netcode.update(now.saturating_duration_since(host.clock));
    host.clock = now;
    for peer in host.peers.values_mut() {
        peer.budget = PEER_BUDGET;
    }
    for _ in 0..RECEIVE_BUDGET {
        let Ok(datagram) = host.queue.try_recv() else { break };
        host.receive(datagram, &mut renet, &mut commands);
    }
    for (id, peer) in &mut host.peers {
        let mut channel = OfServer { server: &mut renet, id: *id };
        // The session may have made room for what renet still holds.
        if let Err(what) = peer.flow.pull(&mut channel, &peer.driver, now) {
            peer.end.get_or_insert(Closed::Violation(what));
        }
        if channel.failed() {
            peer.end.get_or_insert(Closed::Violation("renet could not use what it was sent"));
        }
        let sent = match host.netcode.update_client(*id) {
            ServerResult::PacketToSend { addr, payload } => host.wire.transmit(payload, &addr),
            ServerResult::ClientDisconnected { addr, payload, .. } => {
                peer.end.get_or_insert(Closed::Lost(Lost::TimedOut));
                payload.map_or(0, |packet| host.wire.transmit(packet, &addr))
            }
            _ => 0,
        };
        peer.driver.add_wire(0, sent);
    }
    host.bury(&mut renet);
}

/// Sends what is to be sent, in [`crate::LinkSystems::Flush`].
pub(crate) fn flush(mut host: ResMut<UdpHost>, mut renet: ResMut<RenetServer>) {
    let host = &mut *host;
    let now = Instant::now();
    for (id, peer) in &mut host.peers {
        let mut channel = OfServer { server: &mut renet, id: *id };
        let mut sent = 0_usize;
        if peer.hears {
            if let Some(message) = peer.driver.take_latest() {
                let mut scratch = std::mem::take(&mut host.wire.scratch);
                let payload = super::latest_payload(&mut scratch, &message);
                for _ in 0..if peer.driver.twice() { 2 } else { 1 } {
                    sent = sent.saturating_add(host.wire.send(&mut host.netcode, *id, payload));
                }
                host.wire.scratch = scratch;
            }
            peer.flow.push(&mut channel, &peer.driver);
            for packet in peer.flow.packets(&mut channel, now) {
                sent = sent.saturating_add(host.wire.send(&mut host.netcode, *id, &packet));
            }
        }
        if let Some(reason) = peer.driver.close_asked() {
            let ready = peer.driver.hurried() || (peer.driver.drained() && peer.flow.drained(&channel));
            let farewell = peer.farewell.get_or_insert_with(|| Farewell::new(now));
            match farewell.step(now, ready, &host.timing) {
                Leaving::Wait => {}
                Leaving::Say => {
                    let goodbye = [CLOSE, reason.code()];
                    sent = sent.saturating_add(host.wire.send(&mut host.netcode, *id, &goodbye));
                }
                Leaving::Over => {
                    peer.end.get_or_insert(Closed::ByUs(reason));
                }
            }
        }
        peer.driver.add_wire(0, sent);
    }
    host.bury(&mut renet);
}

impl UdpHost {
    fn receive(&mut self, mut datagram: Datagram, renet: &mut RenetServer, commands: &mut Commands) {
        let length = datagram.bytes.len();
        let counters = Arc::clone(&self.counters);
        if !guard::datagram_ok(&datagram.bytes) {
            return Counters::count(&counters.udp_malformed);
        }
        if let Some(peer) = self.by_address.get(&datagram.from).and_then(|id| self.peers.get_mut(id)) {
            // A request proves nothing about its sender, and renetcode would take it as a sign of life.
            if guard::is_request(&datagram.bytes) {
                return Counters::count(&counters.udp_strangers);
            }
            let Some(left) = peer.budget.checked_sub(1) else { return Counters::count(&counters.udp_peer_flood) };
            peer.budget = left;
            peer.driver.add_wire(length.saturating_add(overhead(&datagram.from)), 0);
        } else if !guard::opens_connection(&datagram.bytes) {
            return Counters::count(&counters.udp_strangers);
        } else if !self.sources.allow(datagram.from.ip(), datagram.at) {
            return Counters::count(&counters.udp_throttled);
        }
        // The guard is meant to make a panic impossible in there. Should it fail, one link pays for it, not everybody's.
        let from = datagram.from;
        let ingested = catch_unwind(AssertUnwindSafe(|| self.ingest(&mut datagram, renet, commands)));
        if ingested.is_err() {
            Counters::count(&counters.peer_panics);
            if let Some(peer) = self.by_address.get(&from).and_then(|id| self.peers.get_mut(id)) {
                peer.end.get_or_insert(Closed::Violation("a datagram that could not be handled"));
            }
        }
    }

    fn ingest(&mut self, datagram: &mut Datagram, renet: &mut RenetServer, commands: &mut Commands) {
        match self.netcode.process_packet(datagram.from, &mut datagram.bytes) {
            ServerResult::None => {}
            ServerResult::PacketToSend { addr, payload } => {
                self.wire.transmit(payload, &addr);
            }
            ServerResult::ClientConnected { client_id, addr, user_data, payload } => {
                let sent = self.wire.transmit(payload, &addr);
                renet.add_connection(client_id);
                let (link, driver) = link_pair(Transport::Udp, Some(addr), Some(user_data));
                driver.add_wire(0, sent);
                debug!("{:?} accepted over udp from {addr}", driver.id());
                let peer = Peer {
                    address: addr,
                    driver,
                    flow: Flow::default(),
                    hears: false,
                    budget: PEER_BUDGET,
                    farewell: None,
                    end: None,
                };
                self.peers.insert(client_id, peer);
                self.by_address.insert(addr, client_id);
                commands.spawn(link);
            }
            ServerResult::Payload { client_id, payload } => {
                if let Some(peer) = self.peers.get_mut(&client_id)
                    && peer.end.is_none()
                    && !peer.take(client_id, payload, datagram.at, renet)
                {
                    Counters::count(&self.counters.udp_violations);
                    peer.end = Some(Closed::Violation("a payload that is never sent"));
                }
            }
            ServerResult::ClientDisconnected { client_id, .. } => {
                if let Some(peer) = self.peers.get_mut(&client_id) {
                    peer.end.get_or_insert(Closed::ByPeer(CloseReason::Done));
                }
            }
        }
    }

    /// Ends the links that are over.
    fn bury(&mut self, renet: &mut RenetServer) {
        let Self { peers, by_address, netcode, wire, .. } = self;
        peers.retain(|id, peer| {
            let Some(end) = peer.end else { return true };
            if let Closed::Violation(_) = end {
                wire.send(netcode, *id, &[CLOSE, CloseReason::Violation.code()]);
            }
            if let ServerResult::ClientDisconnected { addr, payload: Some(packet), .. } = netcode.disconnect(*id) {
                for _ in 0..FAREWELLS {
                    wire.transmit(packet, &addr);
                }
            }
            renet.remove_connection(*id);
            by_address.remove(&peer.address);
            peer.driver.finish(end);
            debug!("{:?} over udp ended: {end}", peer.driver.id());
            false
        });
    }
}

impl Peer {
    /// Takes an authenticated payload. Returns whether it is one that a client of ours sends.
    fn take(&mut self, id: u64, payload: &[u8], at: Instant, renet: &mut RenetServer) -> bool {
        self.hears = true;
        match tell_apart(bytes::Bytes::copy_from_slice(payload)) {
            Payload::Close(reason) => self.end = Some(Closed::ByPeer(reason)),
            Payload::Hearing => {}
            Payload::Latest(bytes) => self.driver.deliver(at, Lane::Latest, bytes),
            Payload::Renet(payload) => {
                let mut channel = OfServer { server: renet, id };
                if !self.flow.admit(&mut channel, &payload) {
                    return false;
                }
                if let Err(what) = self.flow.pull(&mut channel, &self.driver, at) {
                    self.end = Some(Closed::Violation(what));
                }
                if let Some(rtt) = channel.rtt() {
                    self.driver.set_rtt(rtt);
                }
            }
            Payload::Unknown => return false,
        }
        true
    }
}
