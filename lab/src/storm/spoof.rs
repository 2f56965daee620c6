//! Datagrams that claim to come from somebody who is connected: in a player's name at the server, and in the server's at players.
//!
//! That is what anybody can do who guesses an address, since UDP's sender is only written on the envelope. It takes a raw socket,
//! which systems give to administrators only; without it this part is left out and the report says so. Linux over IPv4 only.
//!
//! Flow: `/proc/net/udp` → [`players`]; [`super::nonsense`] → [`envelope`] → raw socket → the server's and the players' sockets.

use super::Storm;
use super::nonsense::Nonsense;
use super::tally::Port;
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::collections::BTreeSet;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::time::Duration;

/// Time between two bursts.
const BURST_EVERY: Duration = Duration::from_millis(10);
/// Datagrams per burst: 1,500 per second, all players together; a server takes 15,000 from each before it drops any.
const BURST: usize = 15;
/// Longest datagram that is thrown.
const MAX_DATAGRAM: usize = 1_500;
/// Protocol number of raw IP: the header is ours (raw(7)).
const RAW_IP: i32 = 255;
/// Length of an IPv4 header without options, and of a UDP header.
const HEADERS: usize = 20 + 8;

/// Local UDP ports of players, by wire.
#[derive(Debug, Default)]
pub(super) struct Players {
    udp: Vec<u16>,
    quic: Vec<u16>,
}

/// Returns the UDP ports of this process. Call it when nobody but players has any.
pub(super) fn players(server_udp: SocketAddr) -> Players {
    let own: BTreeSet<String> = own_sockets().collect();
    let table = std::fs::read_to_string("/proc/net/udp").unwrap_or_default();
    let mut players = Players::default();
    for (local, remote, _) in table.lines().filter_map(parse_line).filter(|(_, _, inode)| own.contains(*inode)) {
        // A `udp` link's socket hears its server only; QUIC's hear everybody.
        match remote {
            remote if remote == server_udp.port() => players.udp.push(local),
            0 => players.quic.push(local),
            _ => {}
        }
    }
    players
}

/// Returns the inodes of this process's sockets (proc_pid_fd(5)).
fn own_sockets() -> impl Iterator<Item = String> {
    let open = std::fs::read_dir("/proc/self/fd").into_iter().flatten().flatten();
    let targets = open.filter_map(|entry| std::fs::read_link(entry.path()).ok());
    targets.filter_map(|target| {
        let name = target.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
        Some(name.to_owned())
    })
}

/// Returns local port, remote port and inode of a line of `/proc/net/udp`.
fn parse_line(line: &str) -> Option<(u16, u16, &str)> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let port = |field: &str| u16::from_str_radix(field.rsplit_once(':')?.1, 16).ok();
    Some((port(fields.get(1)?)?, port(fields.get(2)?)?, *fields.get(9)?))
}

/// Throws in others' names until the storm is over.
pub(super) fn in_others_names(storm: &Storm, players: &Players) {
    let (SocketAddr::V4(udp), SocketAddr::V4(quic)) = (storm.endpoints.udp.addr, storm.endpoints.quic.addr) else {
        return storm.note("Datagrams in others' names were left out: they need IPv4.");
    };
    let raw = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::from(RAW_IP)));
    let Ok(raw) = raw.and_then(|raw| raw.set_header_included_v4(true).map(|()| raw)) else {
        return storm.note("Datagrams in others' names were left out: raw sockets need an administrator's rights.");
    };
    if players.udp.is_empty() && players.quic.is_empty() {
        return storm.note("Datagrams in others' names were left out: the players' ports could not be found.");
    }
    let mut nonsense = Nonsense::new(storm.seed, 20);
    let player = |port| SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    while !storm.over() {
        for _ in 0..BURST {
            let over_udp = !players.udp.is_empty() && (players.quic.is_empty() || nonsense.below(3) > 0);
            let (server, port, ports) =
                if over_udp { (udp, Port::Udp, &players.udp) } else { (quic, Port::Quic, &players.quic) };
            let honest = player(ports[nonsense.below(ports.len())]);
            let mut datagram = match (nonsense.below(5), over_udp) {
                (0, _) => nonsense.datagram(),
                (_, true) => nonsense.netcode(),
                (_, false) => nonsense.quic(),
            };
            datagram.truncate(MAX_DATAGRAM);
            let (from, to, at, kind) = match nonsense.below(3) {
                0 => (server, honest, Port::Players, "in the server's name"),
                _ => (honest, server, port, "in a player's name"),
            };
            if raw.send_to(&envelope(from, to, &datagram), &SockAddr::from(to)).is_ok() {
                storm.tally.piece(at, kind, datagram.len());
            }
        }
        std::thread::sleep(BURST_EVERY);
    }
}

/// Puts a datagram into IPv4 and UDP headers. The kernel fills in IP's checksum; UDP's may be absent (RFC 768).
fn envelope(from: SocketAddrV4, to: SocketAddrV4, datagram: &[u8]) -> Vec<u8> {
    let total = (HEADERS + datagram.len()) as u16;
    let udp_length = (8 + datagram.len()) as u16;
    let mut packet = Vec::with_capacity(HEADERS + datagram.len());
    packet.extend([0x45, 0]);
    packet.extend(total.to_be_bytes());
    packet.extend([0, 0, 0, 0, 64, 17, 0, 0]);
    packet.extend(from.ip().octets());
    packet.extend(to.ip().octets());
    packet.extend(from.port().to_be_bytes());
    packet.extend(to.port().to_be_bytes());
    packet.extend(udp_length.to_be_bytes());
    packet.extend([0, 0]);
    packet.extend(datagram);
    packet
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_sockets_is_read_as_documented() {
        let line =
            "  412: 00000000:C350 0100007F:1388 01 00000000:00000000 00:00000000 00000000     0        0 78123 2 0 0";
        assert_eq!(parse_line(line), Some((50_000, 5_000, "78123")));
        assert_eq!(parse_line("  sl  local_address rem_address   st"), None);
    }

    #[test]
    fn an_envelope_says_how_long_it_is() {
        let from = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 1);
        let packet = envelope(from, SocketAddrV4::new(Ipv4Addr::LOCALHOST, 2), &[7; 100]);
        assert_eq!((packet.len(), &packet[2..4], &packet[24..26]), (128, &[0, 128][..], &[0, 108][..]));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn a_socket_of_this_process_is_found() {
        let server = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let player = std::net::UdpSocket::bind("127.0.0.1:0").expect("a free port");
        let address = server.local_addr().expect("bound");
        player.connect(address).expect("loopback");
        let port = player.local_addr().expect("bound").port();
        assert!(players(address).udp.contains(&port));
    }
}
