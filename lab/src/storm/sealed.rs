//! Nonsense from somebody with a valid connect token: sealed payloads that netcode lets through.
//!
//! Whoever has been let in gets one layer deeper than any stranger, so this speaks netcode itself and seals what our own client
//! never would: payloads of unknown kinds, renet packets with numbers out of every range, messages of the game after an accident.
//!
//! Flow: lobby → connect token → renetcode's client → [`super::nonsense`], sealed → the server's `udp` port.

use super::nonsense::Nonsense;
use super::tally::Port;
use super::{Pass, Storm};
use renetcode::{ClientAuthentication, ConnectToken, NetcodeClient};
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

/// Time between two connections.
const PAUSE: Duration = Duration::from_millis(60);
/// How long a connection may take.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(1);
/// Payloads per connection. A server closes it long before.
const PAYLOADS: usize = 30;
/// Largest payload that netcode seals.
const MAX_PAYLOAD: usize = 1_200;
/// First bytes of payloads that mean something: renet's kinds and our own.
const KINDS: [u8; 9] = [0, 0, 0, 1, 2, 4, 0x10, 0x10, 0x12];
/// What this is called in the report.
const KIND: &str = "sealed";

/// Connects and throws, again and again, until the storm is over.
pub(super) fn throw(storm: &Storm, pass: &Pass) {
    let mut nonsense = Nonsense::new(storm.seed, 30);
    while !storm.over() {
        let opened =
            storm.runtime.block_on(storm.grant(pass)).and_then(|grant| connect(storm, &grant.endpoints.udp.token));
        storm.tally.connection(Port::Udp, KIND, opened.is_some());
        if let Some((socket, mut netcode)) = opened {
            // Half of them break every rule at once, half stay well-formed long enough to get deeper.
            let wild = nonsense.below(2) == 0;
            for _ in 0..PAYLOADS {
                let payload = payload(&mut nonsense, wild);
                if let Ok((to, packet)) = netcode.generate_payload_packet(&payload)
                    && socket.send_to(packet, to).is_ok()
                {
                    storm.tally.piece(Port::Udp, KIND, packet.len());
                }
            }
        }
        std::thread::sleep(PAUSE);
    }
}

fn connect(storm: &Storm, token: &[u8]) -> Option<(UdpSocket, NetcodeClient)> {
    let mut token = ConnectToken::read(&mut &*token).ok()?;
    token.server_addresses = [None; 32];
    token.server_addresses[0] = Some(storm.endpoints.udp.addr);
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).ok()?;
    socket.set_read_timeout(Some(Duration::from_millis(10))).ok()?;
    let mut netcode = NetcodeClient::new(Duration::ZERO, ClientAuthentication::Secure { connect_token: token }).ok()?;
    let started = Instant::now();
    let mut before = started;
    let mut buffer = [0; 2_048];
    while !netcode.is_connected() {
        if netcode.is_disconnected() || started.elapsed() > HANDSHAKE_DEADLINE {
            return None;
        }
        let now = Instant::now();
        if let Some((packet, to)) = netcode.update(now - before) {
            socket.send_to(packet, to).ok()?;
        }
        before = now;
        if let Ok((length, from)) = socket.recv_from(&mut buffer)
            && from == storm.endpoints.udp.addr
            && transport::guard::datagram_ok(&buffer[..length])
        {
            netcode.process_packet(&mut buffer[..length]);
        }
    }
    Some((socket, netcode))
}

fn payload(nonsense: &mut Nonsense, wild: bool) -> Vec<u8> {
    let mut payload = match nonsense.below(4) {
        0 if wild => nonsense.bytes(MAX_PAYLOAD),
        1 if wild => {
            let mut payload = vec![nonsense.one_of(&KINDS)];
            payload.extend(nonsense.bytes(100));
            payload
        }
        2 => {
            let mut payload = vec![0x10];
            payload.extend(nonsense.broken_message().1);
            payload
        }
        _ => renet(nonsense, wild),
    };
    payload.truncate(MAX_PAYLOAD);
    payload
}

/// Returns a renet packet with a few messages, in good order except for what `wild` does to it.
fn renet(nonsense: &mut Nonsense, wild: bool) -> Vec<u8> {
    let count = nonsense.below(4) as u8 + 1;
    let mut packet = vec![0, nonsense.below(64) as u8, 0, 0, count];
    for _ in 0..count {
        let body = nonsense.bytes(60);
        // Numbers below 64 take one byte.
        packet.push(nonsense.below(64) as u8);
        packet.push(body.len().min(60) as u8);
        packet.extend(body);
    }
    if wild { nonsense.mutated(&packet) } else { packet }
}
