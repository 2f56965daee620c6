//! The way to the server and what is around: round trips, this machine's address, servers on the same network.
//!
//! Flow: [`super::examine`] → here → findings.

use super::Finding;
use crate::lan::LanServer;
use crate::reach::Reach;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{interval, timeout};

/// Connections that are opened to measure the way.
const PROBES: u32 = 20;
/// Time between two.
const PROBE_EVERY: Duration = Duration::from_millis(50);
/// How long one may take. A lost packet is repeated after a second, so what takes longer was lost once.
const PROBE_PATIENCE: Duration = Duration::from_millis(900);
/// Round trip up to which nobody complains.
const GOOD_ROUND_TRIP: Duration = Duration::from_millis(120);
/// Jitter up to which nobody complains.
const GOOD_JITTER: Duration = Duration::from_millis(30);

/// Measures the way for a second, by opening connections: that takes one round trip each, and the server does nothing for it.
pub(super) async fn link(lobby: SocketAddr) -> Finding {
    let mut pace = interval(PROBE_EVERY);
    let mut probes = tokio::task::JoinSet::new();
    for _ in 0..PROBES {
        pace.tick().await;
        probes.spawn(async move {
            let began = Instant::now();
            timeout(PROBE_PATIENCE, TcpStream::connect(lobby))
                .await
                .is_ok_and(|done| done.is_ok())
                .then(|| began.elapsed())
        });
    }
    let mut times: Vec<_> = probes.join_all().await.into_iter().flatten().collect();
    times.sort_unstable();
    weather(&times, PROBES)
}

/// Judges sorted round trips of so many probes.
fn weather(times: &[Duration], probes: u32) -> Finding {
    let at = |share: usize| times.get(times.len().saturating_mul(share).checked_div(100).unwrap_or_default()).copied();
    let lost = probes.saturating_sub(u32::try_from(times.len()).unwrap_or(u32::MAX));
    let (Some(middle), Some(late)) = (at(50), at(95).or(times.last().copied())) else {
        return Finding::bad(
            "link",
            format!("None of {probes} probes came back."),
            "Check this machine's network, then run this again.",
        );
    };
    let jitter = late.saturating_sub(middle);
    let lost_words = if lost == 0 { "nothing" } else { &format!("{lost}") };
    let ms = |time: Duration| format!("{:.1} ms", time.as_secs_f64() * 1e3);
    let sentence = format!("Round trip {}, jitter {}, {lost_words} of {probes} probes lost.", ms(middle), ms(jitter));
    if lost > 0 || jitter > GOOD_JITTER {
        Finding::warn("link", sentence, "Use a cable instead of Wi-Fi, and stop downloads on this network.")
    } else if middle > GOOD_ROUND_TRIP {
        Finding::warn("link", sentence, "Play on a server that is nearer.")
    } else {
        Finding::good("link", sentence)
    }
}

/// Tells this machine's address on the way to the server, and what that means for whoever wants to host.
pub(super) async fn this_machine(lobby: SocketAddr) -> Finding {
    match local_address(lobby).await {
        Some(ip) => describe(ip, lobby.ip()),
        None => Finding::warn("this machine", "This machine has no address on the way there.", "Check its network."),
    }
}

fn describe(ip: IpAddr, server: IpAddr) -> Finding {
    let sentence = match (Reach::of(ip), Reach::of(server)) {
        (Reach::Loopback, _) => "The server runs on this very machine.".to_owned(),
        (Reach::World, _) => {
            format!("This machine is {ip}, which the whole internet can reach if its firewall allows.")
        }
        (_, Reach::World) => {
            format!("This machine is {ip}, behind a router: it can play, and needs --upnp to host for the internet.")
        }
        _ => format!("This machine is {ip}: friends on the same network reach it by that."),
    };
    Finding::good("this machine", sentence)
}

/// Returns the address with which this machine would send to `to`. Nothing is sent.
async fn local_address(to: SocketAddr) -> Option<IpAddr> {
    let any: IpAddr = if to.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).await.ok()?;
    socket.connect(to).await.ok()?;
    socket.local_addr().ok().map(|addr| addr.ip())
}

/// Tells which servers are on the same network.
pub(super) fn others(servers: &[LanServer]) -> Finding {
    let names: Vec<_> = servers.iter().map(|server| format!("{} at {}", server.name, server.addr)).collect();
    let sentence = match names.len() {
        0 => "No server shows up on this network.".to_owned(),
        1 => format!("One server shows up on this network: {}.", names.concat()),
        count => format!("{count} servers show up on this network: {}.", names.join(", ")),
    };
    Finding::good("local network", sentence)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_host_is_told_who_can_reach_this_machine() {
        for (here, server, word) in [
            ("127.0.0.1", "127.0.0.1", "this very machine"),
            ("192.168.1.2", "8.8.8.8", "behind a router"),
            ("100.64.0.1", "8.8.8.8", "behind a router"),
            ("192.168.1.2", "192.168.1.9", "friends on the same network"),
            ("fe80::1", "fe80::2", "friends on the same network"),
            ("100.64.0.1", "100.64.0.2", "friends on the same network"),
            ("2a00:1450::1", "2a00:1450::2", "the whole internet"),
        ] {
            let finding = describe(here.parse().unwrap(), server.parse().unwrap());
            assert!(finding.sentence.contains(word), "{here} {server}: {}", finding.sentence);
        }
    }

    #[test]
    fn the_way_is_told_in_figures() {
        let ms = |ms| Duration::from_millis(ms);
        let judged = |times: &[u64]| weather(&times.iter().map(|time| ms(*time)).collect::<Vec<_>>(), 20);
        let fine = judged(&[12; 20]);
        assert_eq!(fine.sentence, "Round trip 12.0 ms, jitter 0.0 ms, nothing of 20 probes lost.");
        assert_eq!(fine.verdict, Verdict::Good);
        let lossy = judged(&[12; 17]);
        assert_eq!(
            (lossy.sentence.as_str(), lossy.verdict),
            ("Round trip 12.0 ms, jitter 0.0 ms, 3 of 20 probes lost.", Verdict::Warn)
        );
        assert_eq!(judged(&[180; 20]).advice, "Play on a server that is nearer.");
        assert_eq!(judged(&[&[10; 18][..], &[90, 90]].concat()).verdict, Verdict::Warn);
        assert_eq!(judged(&[]).verdict, Verdict::Bad);
    }
}
