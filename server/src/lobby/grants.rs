//! What lets a player take a seat: the sealed proof, the resume key, and where to dial.
//!
//! A grant is made without asking anybody: the room believes the seal, so the lobby needs no memory of it. Addresses are those
//! that the asker can evidently reach: the one that its own connection came in on, unless the operator named a public one.
//! A netcode token always names the address that the socket is bound to, whoever asks, because the server looks for it there;
//! [`UdpEndpoint::addr`] is where the datagrams really go.
//!
//! Flow: [`super::routes`] → here → JSON → a transport's dial → the rooms' attach.

use super::auth::Caller;
use super::keys::Keys;
use super::problem::Refusal;
use crate::config::PublicHost;
use protocol::grant::{LinkIdentity, Proof, ResumeKey, Sealer, UnixMillis};
use protocol::ids::{RoomId, SessionId};
use protocol::invite::InviteCode;
use protocol::limits::GRANT_LIFETIME;
use protocol::lobby::{
    Endpoints, Grant, HttpEndpoint, Invite, QuicEndpoint, TcpEndpoint, UdpEndpoint, WebsocketEndpoint,
};
use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;
use tokio::sync::watch;
use transport::udp::connect_token;
use transport::{Listeners, Timing};

/// Where this server's wires end, and how to reach them from outside.
#[derive(Clone, Debug)]
pub struct Wires {
    /// Where the lobby and its WebSocket and HTTP links listen.
    pub http: SocketAddr,
    /// Where the UDP socket is bound.
    pub udp: SocketAddr,
    /// Where the QUIC socket is bound.
    pub quic: SocketAddr,
    /// Where the TCP socket is bound.
    pub tcp: SocketAddr,
    /// SHA-256 of the present QUIC certificate.
    pub certificate: watch::Receiver<[u8; 32]>,
    /// The name that players reach this machine by, if the operator gave one.
    pub public_host: Option<PublicHost>,
}

impl Wires {
    /// Returns the wires of a server whose lobby has the address `http`.
    pub fn new(http: SocketAddr, listeners: &Listeners, public_host: Option<PublicHost>) -> Self {
        let Listeners { udp_addr, quic_addr, tcp_addr, .. } = *listeners;
        let certificate = listeners.certificate.clone();
        Self { http, udp: udp_addr, quic: quic_addr, tcp: tcp_addr, certificate, public_host }
    }
}

/// Makes grants.
pub(super) struct Granter {
    sealer: Sealer,
    netcode_key: [u8; 32],
    timing: Timing,
    wires: Wires,
}

impl Granter {
    pub(super) fn new(keys: &Keys, wires: Wires) -> Self {
        Self { sealer: keys.sealer(), netcode_key: keys.netcode_key(), timing: Timing::default(), wires }
    }

    /// Returns what `caller`, whose connection came in on `local`, needs to take a seat in `room`, or to watch it.
    pub(super) fn grant(&self, caller: &Caller, room: RoomId, spectate: bool, local: IpAddr) -> Result<Grant, Refusal> {
        let session = SessionId::from_random(rand::random());
        let resume_key = ResumeKey(rand::random());
        let proof = Proof {
            id: rand::random(),
            player: caller.player,
            name: caller.name.clone(),
            room,
            spectate,
            session,
            resume_key: resume_key.clone(),
            issued: now(),
        };
        Ok(Grant {
            session,
            room,
            expires_in_s: u32::try_from(GRANT_LIFETIME.as_secs()).unwrap_or(u32::MAX),
            proof: self.sealer.seal(&proof, rand::random()),
            resume_key: resume_key.0,
            endpoints: self.endpoints(LinkIdentity { player: caller.player, session }, local)?,
        })
    }

    /// Returns where to dial, with a netcode token for one link of `identity`. Whether the session is theirs, the room decides.
    pub(super) fn endpoints(&self, identity: LinkIdentity, local: IpAddr) -> Result<Endpoints, Refusal> {
        let Wires { http, udp, quic, tcp, .. } = self.wires;
        let certificate_sha256 = *self.wires.certificate.borrow();
        let Self { netcode_key, timing, .. } = self;
        let minted = connect_token(netcode_key, &[udp], &identity.to_user_data(), timing);
        let token = minted.map_err(|error| {
            tracing::error!("{error}");
            Refusal::Internal
        })?;
        let name = self.name_for(local);
        Ok(Endpoints {
            udp: UdpEndpoint { addr: (self.reachable(udp.ip(), local), udp.port()).into(), token },
            quic: QuicEndpoint { addr: (self.reachable(quic.ip(), local), quic.port()).into(), certificate_sha256 },
            websocket: WebsocketEndpoint { url: format!("ws://{name}:{}/v1/link", http.port()) },
            http: HttpEndpoint { url: format!("http://{name}:{}{}", http.port(), transport::http::PATH) },
            tcp: TcpEndpoint { addr: (self.reachable(tcp.ip(), local), tcp.port()).into() },
        })
    }

    /// Returns how friends get into the room of `code`, by the name or address that an asker on `local` knows us by.
    pub(super) fn invite(&self, code: InviteCode, local: IpAddr) -> Invite {
        let link = format!("http://{}:{}/join/{code}", self.name_for(local), self.wires.http.port());
        Invite { code: code.to_string(), link }
    }

    /// Returns what stands for this machine in a URL.
    fn name_for(&self, local: IpAddr) -> String {
        match &self.wires.public_host {
            Some(public) if public.name.parse::<IpAddr>().is_err() => public.name.clone(),
            _ => in_url(self.reachable(self.wires.http.ip(), local)),
        }
    }

    /// Returns the address at which a socket bound to `bound` is reached by somebody who has reached `local`.
    fn reachable(&self, bound: IpAddr, local: IpAddr) -> IpAddr {
        match &self.wires.public_host {
            Some(public) => public.ip,
            None if bound.is_unspecified() => local.to_canonical(),
            None => bound,
        }
    }
}

fn in_url(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

/// Returns the time of day. A clock before 1970 counts as 1970: every grant is then refused as expired, which is safe.
fn now() -> UnixMillis {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    UnixMillis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::ids::PlayerId;

    fn addr(text: &str) -> SocketAddr {
        text.parse().expect("an address")
    }

    fn wires() -> Wires {
        Wires {
            http: addr("0.0.0.0:8080"),
            udp: addr("0.0.0.0:5000"),
            quic: addr("192.0.2.7:5001"),
            tcp: addr("0.0.0.0:5002"),
            certificate: watch::channel([9; 32]).1,
            public_host: None,
        }
    }

    fn endpoints(wires: Wires, local: &str) -> Endpoints {
        let granter = Granter::new(&Keys::temporary(), wires);
        let identity = LinkIdentity { player: PlayerId(1), session: SessionId(2) };
        granter.endpoints(identity, local.parse().expect("an address")).expect("nothing to go wrong")
    }

    #[test]
    fn addresses_are_those_that_the_asker_has_reached() {
        let found = endpoints(wires(), "::ffff:10.0.0.3");
        assert_eq!(found.udp.addr, addr("10.0.0.3:5000"));
        assert_eq!(found.quic.addr, addr("192.0.2.7:5001"), "bound to one address, so nowhere else");
        assert_eq!(found.websocket.url, "ws://10.0.0.3:8080/v1/link");
        assert_eq!(found.tcp.addr, addr("10.0.0.3:5002"));
        assert_eq!(found.http.url, "http://10.0.0.3:8080/v1/link/http");
        let found = endpoints(Wires { http: addr("[::]:8080"), udp: addr("[::]:5000"), ..wires() }, "2001:db8::5");
        assert_eq!(found.udp.addr, addr("[2001:db8::5]:5000"));
        assert_eq!(found.websocket.url, "ws://[2001:db8::5]:8080/v1/link");
    }

    #[test]
    fn a_public_host_wins() {
        let public_host =
            Some(PublicHost { name: "arena.example".into(), ip: "203.0.113.1".parse().expect("an address") });
        let found = endpoints(Wires { public_host, ..wires() }, "10.0.0.3");
        assert_eq!((found.udp.addr, found.quic.addr), (addr("203.0.113.1:5000"), addr("203.0.113.1:5001")));
        assert_eq!(found.websocket.url, "ws://arena.example:8080/v1/link");
    }

    #[test]
    fn the_room_opens_what_was_sealed_for_this_run_only() {
        let keys = Keys::temporary();
        let caller = Caller { player: PlayerId(5), name: "Ripley".into(), secret: [0; 32] };
        let local = "127.0.0.1".parse().expect("an address");
        let grant = Granter::new(&keys, wires()).grant(&caller, RoomId(3), false, local).expect("nothing to go wrong");
        let proof = keys.sealer().open(&grant.proof, now()).expect("sealed just now");
        assert_eq!((proof.player, proof.name.as_str(), proof.room), (PlayerId(5), "Ripley", RoomId(3)));
        assert_eq!((proof.session, proof.resume_key.0), (grant.session, grant.resume_key));
        assert!(Keys::temporary().sealer().open(&grant.proof, now()).is_err());
    }
}
