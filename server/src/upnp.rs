//! `--upnp`: asks the router to let players in, and tells the address by which they come (UPnP Internet Gateway Device).
//!
//! The ports are leased, renewed at half of the time, and given back when the server stops. Outside they have the same numbers as
//! inside, because the lobby tells players the numbers that it listens on.
//!
//! Flow: `main` → [`open`] → router; [`Forwarded`] renews and gives back.

use igd_next::aio::Gateway;
use igd_next::aio::tokio::{Tokio, search_gateway};
use igd_next::{AddPortError, PortMappingProtocol, SearchOptions};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tracing::warn;
use transport::Reach;

/// For how long a port is leased: a server that was killed does not leave its ports open for ever.
const LEASE: Duration = Duration::from_secs(3600);
/// How long a router may take to answer the search.
const SEARCH: Duration = Duration::from_secs(4);
/// How long giving the ports back may take.
const GIVE_BACK: Duration = Duration::from_secs(3);
/// What the router shows its owner.
const DESCRIPTION: &str = "Crosswire";

/// The ports that players need.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ports {
    /// The lobby's, and that of the `tcp` wire.
    pub tcp: [u16; 2],
    /// Those of the `udp` and the `quic` wire.
    pub udp: [u16; 2],
}

impl Ports {
    fn all(&self) -> impl Iterator<Item = (PortMappingProtocol, u16)> + '_ {
        let tcp = self.tcp.iter().map(|port| (PortMappingProtocol::TCP, *port));
        tcp.chain(self.udp.iter().map(|port| (PortMappingProtocol::UDP, *port)))
    }

    /// Returns what to do by hand instead.
    fn by_hand(&self) -> String {
        let [http, tcp] = self.tcp;
        let [udp, quic] = self.udp;
        format!(
            "Forward TCP ports {http} and {tcp} and UDP ports {udp} and {quic} to this machine in the router's settings, then start \
             the server with --public-host."
        )
    }
}

/// Ports that a router has opened. They are renewed until [`Self::give_back`].
#[derive(Debug)]
pub struct Forwarded {
    /// The router's address on the internet.
    pub public: IpAddr,
    stop: oneshot::Sender<()>,
    renewing: JoinHandle<()>,
}

impl Forwarded {
    /// Gives the ports back. Takes a few seconds at most.
    pub async fn give_back(self) {
        let Self { stop, renewing, .. } = self;
        // If the task has ended, nobody is there to be stopped.
        let _ = stop.send(());
        let _ = tokio::time::timeout(GIVE_BACK, renewing).await;
    }
}

/// Looks for a router, at `router` or else on the whole network, and has it open `ports`. Must be called inside a tokio runtime.
///
/// # Errors
/// A sentence for the operator, with what to do by hand. Nothing remains open then.
pub async fn open(ports: Ports, router: Option<SocketAddr>) -> Result<Forwarded, String> {
    let failed = |what: &str| format!("{what} {}", ports.by_hand());
    let mut search = SearchOptions::default();
    search.timeout = Some(SEARCH);
    if let Some(router) = router {
        (search.broadcast_address, search.allowed_gateway_ips) = (router, vec![router.ip()]);
    }
    let gateway = search_gateway(search).await;
    let gateway =
        gateway.map_err(|_| failed("No router on this network opens ports when asked (UPnP is off or missing)."))?;
    let public = gateway.get_external_ip().await;
    let public = public.map_err(|error| failed(&format!("The router does not tell its public address ({error}).")))?;
    if Reach::of(public) != Reach::World {
        return Err(format!(
            "The router's own address, {public}, is none of the public internet: it is offline, or your provider has another router \
             in between. Ask the provider for a public address, or play on a rented server."
        ));
    }
    let here = address_towards(gateway.addr).await.map_err(|error| failed(&format!("{error}.")))?;
    if let Err(error) = map_all(&gateway, here, &ports).await {
        unmap_all(&gateway, &ports).await;
        return Err(failed(&format!("The router refused to open a port ({error}).")));
    }
    let (stop, stopped) = oneshot::channel();
    let renewing = tokio::spawn(renew(gateway, here, ports, stopped));
    Ok(Forwarded { public, stop, renewing })
}

async fn renew(gateway: Gateway<Tokio>, here: IpAddr, ports: Ports, mut stopped: oneshot::Receiver<()>) {
    loop {
        match tokio::time::timeout(LEASE / 2, &mut stopped).await {
            Ok(_) => return unmap_all(&gateway, &ports).await,
            Err(_) => {
                if let Err(error) = map_all(&gateway, here, &ports).await {
                    warn!("the router did not renew a port ({error}); it is asked again in half an hour");
                }
            }
        }
    }
}

async fn map_all(gateway: &Gateway<Tokio>, here: IpAddr, ports: &Ports) -> Result<(), AddPortError> {
    for (protocol, port) in ports.all() {
        let inside = SocketAddr::new(here, port);
        match gateway.add_port(protocol, port, inside, LEASE.as_secs() as u32, DESCRIPTION).await {
            // Some routers know no leases.
            Err(AddPortError::OnlyPermanentLeasesSupported) => {
                gateway.add_port(protocol, port, inside, 0, DESCRIPTION).await?;
            }
            done => done?,
        }
    }
    Ok(())
}

async fn unmap_all(gateway: &Gateway<Tokio>, ports: &Ports) {
    for (protocol, port) in ports.all() {
        // One that is not open need not be closed; the others end with their lease.
        let _ = gateway.remove_port(protocol, port).await;
    }
}

/// Returns this machine's address on the router's network. Nothing is sent.
async fn address_towards(router: SocketAddr) -> std::io::Result<IpAddr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    socket.connect(router).await?;
    Ok(socket.local_addr()?.ip())
}
