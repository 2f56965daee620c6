//! What lets a player take a seat: the sealed proof, the resume key, and where to dial.
//!
//! A grant is made without asking anybody: the room believes the seal, so the lobby needs no memory of it. Addresses are those
//! that the asker can evidently reach: the one that its own connection came in on, unless the operator named a public one. One that was
//! learnt from the router is for those who come in from outside, and for invite links, which are for friends elsewhere.
//! A netcode token always names the address that the socket is bound to, whoever asks, because the server looks for it there;
//! [`UdpEndpoint::addr`] is where the datagrams really go.
//!
//! Flow: [`super::routes`] → here → JSON → a transport's dial → the rooms' attach.

use super::auth::Caller;
use super::keys::Keys;
use super::problem::Refusal;
use crate::config::{HostSource, PublicHost, WeatherFor};
use protocol::grant::{LinkIdentity, Proof, ResumeKey, Sealer, UnixMillis};
use protocol::ids::{RoomId, SessionId};
use protocol::invite::InviteCode;
use protocol::limits::GRANT_LIFETIME;
use protocol::lobby::{
    Endpoints, Grant, HttpEndpoint, Invite, QuicEndpoint, TcpEndpoint, UdpEndpoint, WebsocketEndpoint,
    WebtransportEndpoint,
};
use std::net::{IpAddr, SocketAddr};
use std::time::SystemTime;
use tokio::sync::watch;
use transport::udp::connect_token;
use transport::{Listeners, Reach, Site, Timing};

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
    /// The name that players reach this machine by, if the operator gave one or the router knows one.
    pub public_host: Option<PublicHost>,
    /// What the lobby speaks TLS with, if it does.
    pub site: Option<Site>,
    /// For whom weather is made here.
    pub weather: WeatherFor,
}

impl Wires {
    /// Returns the wires of a server whose lobby has the address `http`.
    /// Weather is made for this machine.
    pub fn new(http: SocketAddr, listeners: &Listeners, public_host: Option<PublicHost>, site: Option<Site>) -> Self {
        let Listeners { udp_addr, quic_addr, tcp_addr, .. } = *listeners;
        let certificate = listeners.certificate.clone();
        let (udp, quic, tcp, weather) = (udp_addr, quic_addr, tcp_addr, WeatherFor::Local);
        Self { http, udp, quic, tcp, certificate, public_host, site, weather }
    }

    /// Returns whether browsers that dial `host` trust the lobby's certificate by themselves.
    pub(super) fn are_signed_for(&self, host: &str) -> bool {
        self.site.as_ref().is_some_and(|site| site.is_signed_for(host))
    }
}

/// Both ends of the connection that somebody asks on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asker {
    /// Theirs.
    pub(super) remote: IpAddr,
    /// Ours, as they have reached it.
    pub(super) local: IpAddr,
    /// Whether a proxy asks for them: where they are themselves is not known.
    pub(super) proxied: bool,
}

impl Asker {
    /// Returns whether weather is made for them. A door of the relays is for one address, so whoever comes through a proxy has none.
    pub(super) fn gets_weather(self, for_whom: WeatherFor) -> bool {
        !self.proxied && for_whom.is_for(self.remote)
    }

    /// Returns whether they have come in through a router that maps its public address to us. Whoever has reached a public address of
    /// our own needs no other. Addresses that a provider shares among its customers are outside, unless we have such a one ourselves.
    fn is_outside(self) -> bool {
        match (Reach::of(self.remote), Reach::of(self.local)) {
            (_, Reach::World) => false,
            (Reach::World, _) => true,
            (Reach::Shared, local) => local != Reach::Shared,
            _ => false,
        }
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

    /// Returns what `caller`, who asks as `asker`, needs to take a seat in `room`, or to watch it.
    pub(super) fn grant(&self, caller: &Caller, room: RoomId, spectate: bool, asker: Asker) -> Result<Grant, Refusal> {
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
            endpoints: self.endpoints(LinkIdentity { player: caller.player, session }, asker)?,
        })
    }

    /// Returns where to dial, with a netcode token for one link of `identity`. Whether the session is theirs, the room decides.
    pub(super) fn endpoints(&self, identity: LinkIdentity, asker: Asker) -> Result<Endpoints, Refusal> {
        let Wires { http, udp, quic, tcp, .. } = self.wires;
        let certificate_sha256 = *self.wires.certificate.borrow();
        let Self { netcode_key, timing, .. } = self;
        let minted = connect_token(netcode_key, &[udp], &identity.to_user_data(), timing);
        let token = minted.map_err(|error| {
            tracing::error!("{error}");
            Refusal::Internal
        })?;
        let public = self.public_for(asker);
        let name = self.name(public, asker);
        let reachable = |bound: SocketAddr| SocketAddr::new(reachable(bound.ip(), public, asker), bound.port());
        Ok(Endpoints {
            udp: UdpEndpoint { addr: reachable(udp), token },
            quic: QuicEndpoint { addr: reachable(quic), certificate_sha256 },
            websocket: WebsocketEndpoint { url: format!("ws://{name}:{}/v1/link", http.port()) },
            http: HttpEndpoint { url: format!("http://{name}:{}{}", http.port(), transport::http::PATH) },
            webtransport: WebtransportEndpoint {
                url: format!("https://{name}:{}{}", quic.port(), transport::websocket::PATH),
                certificate_sha256,
                signed_for: self.wires.site.as_ref().map(Site::signed_for).unwrap_or_default(),
            },
            tcp: TcpEndpoint { addr: reachable(tcp) },
            makes_weather: asker.gets_weather(self.wires.weather),
        })
    }

    /// Returns where the wires end.
    pub(super) fn wires(&self) -> &Wires {
        &self.wires
    }

    /// Returns how friends, who may be anywhere, get into the room of `code`.
    pub(super) fn invite(&self, code: InviteCode, asker: Asker) -> Invite {
        Invite { code: code.to_string(), link: self.link(code, self.wires.public_host.as_ref(), asker) }
    }

    /// Returns the link by which the asker, and maybe nobody else, gets into the room of `code`.
    pub(super) fn own_link(&self, code: InviteCode, asker: Asker) -> String {
        self.link(code, self.public_for(asker), asker)
    }

    fn link(&self, code: InviteCode, public: Option<&PublicHost>, asker: Asker) -> String {
        let name = self.name(public, asker);
        let scheme = if self.wires.are_signed_for(&name) { "https" } else { "http" };
        format!("{scheme}://{name}:{}/join/{code}", self.wires.http.port())
    }

    /// Returns the public host if the asker is to be sent there.
    fn public_for(&self, asker: Asker) -> Option<&PublicHost> {
        self.wires.public_host.as_ref().filter(|public| match public.source {
            HostSource::Operator => true,
            HostSource::Router => asker.is_outside(),
        })
    }

    /// Returns what stands for this machine in a URL.
    fn name(&self, public: Option<&PublicHost>, asker: Asker) -> String {
        match public {
            Some(public) if public.name.parse::<IpAddr>().is_err() => public.name.clone(),
            _ => in_url(reachable(self.wires.http.ip(), public, asker)),
        }
    }
}

/// Returns the address at which the asker reaches a socket that is bound to `bound`.
fn reachable(bound: IpAddr, public: Option<&PublicHost>, asker: Asker) -> IpAddr {
    match public {
        Some(public) => public.ip,
        None if bound.is_unspecified() => asker.local.to_canonical(),
        None => bound,
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
            site: None,
            weather: WeatherFor::Local,
        }
    }

    fn asker(remote: &str, local: &str) -> Asker {
        Asker { remote: remote.parse().expect("an address"), local: local.parse().expect("an address"), proxied: false }
    }

    fn public(name: &str, ip: &str, source: HostSource) -> Option<PublicHost> {
        Some(PublicHost { name: name.into(), ip: ip.parse().expect("an address"), source })
    }

    fn endpoints(wires: Wires, asker: Asker) -> Endpoints {
        let granter = Granter::new(&Keys::temporary(), wires);
        let identity = LinkIdentity { player: PlayerId(1), session: SessionId(2) };
        granter.endpoints(identity, asker).expect("nothing to go wrong")
    }

    #[test]
    fn addresses_are_those_that_the_asker_has_reached() {
        let found = endpoints(wires(), asker("::ffff:10.0.0.9", "::ffff:10.0.0.3"));
        assert_eq!(found.udp.addr, addr("10.0.0.3:5000"));
        assert_eq!(found.quic.addr, addr("192.0.2.7:5001"), "bound to one address, so nowhere else");
        assert_eq!(found.websocket.url, "ws://10.0.0.3:8080/v1/link");
        assert_eq!(found.tcp.addr, addr("10.0.0.3:5002"));
        assert_eq!(found.http.url, "http://10.0.0.3:8080/v1/link/http");
        let any = Wires { http: addr("[::]:8080"), udp: addr("[::]:5000"), ..wires() };
        let found = endpoints(any, asker("2001:db8::9", "2001:db8::5"));
        assert_eq!(found.udp.addr, addr("[2001:db8::5]:5000"));
        assert_eq!(found.websocket.url, "ws://[2001:db8::5]:8080/v1/link");
    }

    #[test]
    fn a_public_host_wins() {
        for remote in ["8.8.8.8", "10.0.0.9", "127.0.0.1", "fe80::1"] {
            let public_host = public("arena.example", "203.0.113.1", HostSource::Operator);
            let found = endpoints(Wires { public_host, ..wires() }, asker(remote, "10.0.0.3"));
            assert_eq!((found.udp.addr, found.quic.addr), (addr("203.0.113.1:5000"), addr("203.0.113.1:5001")));
            assert_eq!(found.websocket.url, "ws://arena.example:8080/v1/link", "{remote}");
        }
    }

    #[test]
    fn the_routers_address_is_for_those_who_come_through_it_and_for_invite_links() {
        let wires = || Wires { public_host: public("8.8.4.4", "8.8.4.4", HostSource::Router), ..wires() };
        let code = InviteCode::from_random(5);
        let granter = Granter::new(&Keys::temporary(), wires());
        for (remote, local, sent) in [
            ("9.9.9.9", "192.168.1.5", "8.8.4.4"),
            ("::ffff:9.9.9.9", "::ffff:192.168.1.5", "8.8.4.4"),
            ("192.168.1.9", "192.168.1.5", "192.168.1.5"),
            ("::ffff:192.168.1.9", "::ffff:192.168.1.5", "192.168.1.5"),
            ("127.0.0.1", "127.0.0.1", "127.0.0.1"),
            ("169.254.3.3", "169.254.3.4", "169.254.3.4"),
            ("fd00::9", "fd00::5", "[fd00::5]"),
            // A neighbour behind the same provider comes through the router, a machine of the same overlay does not.
            ("100.64.0.9", "192.168.1.5", "8.8.4.4"),
            ("100.64.0.9", "100.64.0.5", "100.64.0.5"),
            // Whoever comes over IPv6 has not met the router's map, and may have no IPv4 at all.
            ("2a00:1450::9", "2a00:1450::5", "[2a00:1450::5]"),
        ] {
            let asker = asker(remote, local);
            let found = endpoints(wires(), asker);
            assert_eq!(found.tcp.addr, addr(&format!("{sent}:5002")), "{remote} at {local}");
            assert_eq!(found.http.url, format!("http://{sent}:8080/v1/link/http"));
            assert_eq!(granter.own_link(code, asker), format!("http://{sent}:8080/join/{code}"));
            assert_eq!(
                granter.invite(code, asker).link,
                format!("http://8.8.4.4:8080/join/{code}"),
                "for friends elsewhere"
            );
        }
    }

    #[test]
    fn the_room_opens_what_was_sealed_for_this_run_only() {
        let keys = Keys::temporary();
        let caller = Caller { player: PlayerId(5), name: "Ripley".into(), secret: [0; 32] };
        let asker = asker("127.0.0.1", "127.0.0.1");
        let grant = Granter::new(&keys, wires()).grant(&caller, RoomId(3), false, asker).expect("nothing to go wrong");
        let proof = keys.sealer().open(&grant.proof, now()).expect("sealed just now");
        assert_eq!((proof.player, proof.name.as_str(), proof.room), (PlayerId(5), "Ripley", RoomId(3)));
        assert_eq!((proof.session, proof.resume_key.0), (grant.session, grant.resume_key));
        assert!(Keys::temporary().sealer().open(&grant.proof, now()).is_err());
    }
}
