//! From an address to the lobby behind it: name, port, version, clock, and the addresses that it hands out.
//!
//! Flow: [`super::examine`] → [`reach`] → [`Reached`] → `wires.rs`.

use super::greeting::{Said, seat};
use super::{Finding, Report};
use crate::dial::rough;
use crate::lobby::{LobbyClient, LobbyError};
use crate::quic::seconds_since_1970;
use crate::reach::Reach;
use protocol::SessionId;
use protocol::lobby::{Endpoints, Problem};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long a connection may take.
const PATIENCE: Duration = Duration::from_secs(4);
/// Difference between clocks that nobody notices.
const MOST_SKEW: Duration = Duration::from_secs(30);
/// A lobby that answers as one of ours.
pub(super) struct Reached {
    /// Where it is.
    pub(super) lobby: SocketAddr,
    /// Whom the tokens in [`Self::endpoints`] are for.
    pub(super) session: SessionId,
    /// What it hands out.
    pub(super) endpoints: Endpoints,
}

impl Reached {
    /// Returns the lobby's port.
    pub(super) const fn port(&self) -> u16 {
        self.lobby.port()
    }
}

/// Goes as far as it can get, and reports on every step.
pub(super) async fn reach<A>(
    server: &str,
    ask: impl FnOnce(LobbyClient, SessionId) -> A + Send,
    report: &Report,
) -> Option<Reached>
where
    A: Future<Output = Result<Endpoints, LobbyError>> + Send,
{
    let client = match LobbyClient::new(server) {
        Ok(client) => client,
        Err(sentence) => {
            report.add(Finding::bad("address", sentence, "Ask your friend for the address once more.")).await;
            return None;
        }
    };
    let lobby = match find(&client).await {
        Ok(lobby) => {
            report.add(Finding::good("address", format!("The machine at {} can be reached.", lobby.ip()))).await;
            lobby
        }
        Err(finding) => {
            report.add(*finding).await;
            return None;
        }
    };
    let answered = SystemTime::now();
    let (said, date) = match greet(&client, lobby).await {
        Ok(answer) => answer,
        Err(finding) => {
            report.add(*finding).await;
            return None;
        }
    };
    report
        .add(Finding::good("lobby", format!("A Crosswire server of version {} answers at {lobby}.", said.version)))
        .await;
    report.add(said.judge()).await;
    if let Some(theirs) = date {
        report.add(clocks(answered, theirs)).await;
    }
    if !said.is_ours() {
        return None;
    }
    let (session, endpoints) = seat(client, ask, report).await?;
    report.add(addresses(lobby, &endpoints)).await;
    Some(Reached { lobby, session, endpoints })
}

/// Finds the machine, and out of its addresses the first one whose port can be reached.
async fn find(client: &LobbyClient) -> Result<SocketAddr, Box<Finding>> {
    let authority = client.authority();
    let host = authority.rsplit_once(':').map_or(authority, |(host, _)| host);
    let looked_up = tokio::net::lookup_host(authority).await.map(Iterator::collect::<Vec<_>>).unwrap_or_default();
    let Some(first) = looked_up.first().copied() else {
        let sentence = format!("Nobody knows a machine called `{host}`.");
        return Err(Finding::bad("address", sentence, "Check the spelling, or ask for the IP address instead.").into());
    };
    let mut failure = None;
    for addr in &looked_up {
        let connected = timeout(PATIENCE, TcpStream::connect(addr)).await;
        match connected.unwrap_or_else(|_| Err(ErrorKind::TimedOut.into())) {
            Ok(_) => return Ok(*addr),
            Err(error) => failure = failure.or(Some(unreachable(*addr, &error))),
        }
    }
    Err(failure.unwrap_or_else(|| unreachable(first, &ErrorKind::TimedOut.into())).into())
}

fn unreachable(addr: SocketAddr, error: &io::Error) -> Finding {
    let (ip, port) = (addr.ip(), addr.port());
    match error.kind() {
        ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => Finding::bad(
            "lobby",
            format!("The machine at {ip} is there, but nothing listens on its port {port}."),
            "Start the server, or correct the port: the lobby's is 8080 unless the host chose another.",
        ),
        ErrorKind::NetworkUnreachable | ErrorKind::HostUnreachable => Finding::bad(
            "lobby",
            format!("There is no way from this machine to {ip}."),
            "Check that both are on the internet or on the same network, and the address itself.",
        ),
        _ => Finding::bad(
            "lobby",
            format!("Nothing comes back from {addr}."),
            format!("Check the address. If it is right, let TCP port {port} through the host's firewall and router."),
        ),
    }
}

/// Asks what answers there who it is. Also returns its time of day, if it tells.
async fn greet(client: &LobbyClient, lobby: SocketAddr) -> Result<(Said, Option<SystemTime>), Box<Finding>> {
    let strange = |who: &str| {
        let (ip, port) = (lobby.ip(), lobby.port());
        let sentence = format!("Port {port} of {ip} is open, but {who} answers there, not a Crosswire server.");
        let advice = "Correct the port: the lobby's is 8080 unless the host chose another.";
        Box::new(Finding::bad("lobby", sentence, advice))
    };
    let (said, date) = client.greet().await.map_err(|_| strange("another program"))?;
    if let Ok(said) = serde_json::from_slice(&said) {
        return Ok((said, date.as_deref().and_then(http_date)));
    }
    Err(match serde_json::from_slice::<Problem>(&said) {
        Ok(problem) => Finding::bad("lobby", problem.detail, "Try again in a moment.").into(),
        Err(_) => strange("another web server"),
    })
}

/// Compares clocks. The server told `theirs` when ours said `ours`.
fn clocks(ours: SystemTime, theirs: SystemTime) -> Finding {
    let (skew, which) = match ours.duration_since(theirs) {
        Ok(ahead) => (ahead, "ahead of"),
        Err(behind) => (behind.duration(), "behind"),
    };
    if skew > MOST_SKEW {
        let sentence = format!("This machine's clock is {} {which} the server's.", rough(skew));
        Finding::warn("clock", sentence, "Let both machines set their clocks by themselves, from the internet.")
    } else {
        Finding::good("clock", format!("The clocks agree to within {} s.", MOST_SKEW.as_secs()))
    }
}

/// Reads `Fri, 20 Nov 2026 16:22:21 GMT` (RFC 9110, section 5.6.7).
fn http_date(text: &str) -> Option<SystemTime> {
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let parts: Vec<_> = text.split_ascii_whitespace().collect();
    let [_, day, month, year, time, "GMT"] = parts[..] else { return None };
    let month = (1..).zip(MONTHS).find(|(_, name)| *name == month)?.0;
    let time: Vec<u64> = time.split(':').map_while(|part| part.parse().ok()).collect();
    let [hour, minute, second] = time[..] else { return None };
    let seconds = seconds_since_1970([year.parse().ok()?, month, day.parse().ok()?], [hour, minute, second])?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Compares where players are sent with where the lobby was reached.
fn addresses(lobby: SocketAddr, endpoints: &Endpoints) -> Finding {
    let (here, sent) = (lobby.ip().to_canonical(), endpoints.udp.addr.ip().to_canonical());
    let sentence = |why: &str| format!("The lobby was reached at {here}, but it sends players to {sent}, {why}.");
    let fix = format!("Start the server with --public-host {here}.");
    match (Reach::of(here), Reach::of(sent)) {
        _ if sent.is_unspecified() => Finding::bad("public address", sentence("which is no address"), fix),
        _ if here == sent => {
            Finding::good("public address", format!("Players are sent to {sent}, where the lobby is."))
        }
        (_, Reach::Loopback) => {
            Finding::bad("public address", sentence("which everybody's own machine is called"), fix)
        }
        (Reach::World, Reach::Nowhere | Reach::Link | Reach::Private | Reach::Shared) => {
            Finding::bad("public address", sentence("which means nothing outside its own network"), fix)
        }
        (Reach::Loopback | Reach::Link | Reach::Private | Reach::Shared, Reach::World) => Finding::warn(
            "public address",
            sentence("its public address"),
            "If the wires below fail, this router does not lead back in: use the public address, or start the server without --public-host.",
        ),
        _ => Finding::warn(
            "public address",
            sentence("another address"),
            "If the wires below fail, check --public-host.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;
    use protocol::lobby::{
        HttpEndpoint, QuicEndpoint, TcpEndpoint, UdpEndpoint, WebsocketEndpoint, WebtransportEndpoint,
    };

    fn judged(lobby: &str, sent: &str) -> Finding {
        let addr: SocketAddr = sent.parse().unwrap();
        let endpoints = Endpoints {
            udp: UdpEndpoint { addr, token: Vec::new() },
            quic: QuicEndpoint { addr, certificate_sha256: [0; 32] },
            websocket: WebsocketEndpoint { url: String::new() },
            tcp: TcpEndpoint { addr },
            http: HttpEndpoint { url: String::new() },
            webtransport: WebtransportEndpoint {
                url: String::new(),
                certificate_sha256: [0; 32],
                signed_for: Vec::new(),
            },
            makes_weather: false,
        };
        addresses(lobby.parse().unwrap(), &endpoints)
    }

    #[test]
    fn players_must_be_sent_where_the_lobby_is() {
        assert_eq!(judged("8.8.4.4:8080", "8.8.4.4:5000").verdict, Verdict::Good);
        assert_eq!(judged("[::ffff:10.0.0.3]:8080", "10.0.0.3:5000").verdict, Verdict::Good);
        let finding = judged("8.8.4.4:8080", "10.0.0.3:5000");
        assert_eq!(
            (finding.verdict, finding.sentence.as_str(), finding.advice.as_str()),
            (
                Verdict::Bad,
                "The lobby was reached at 8.8.4.4, but it sends players to 10.0.0.3, which means nothing outside its own network.",
                "Start the server with --public-host 8.8.4.4."
            )
        );
        assert!(judged("10.0.0.3:8080", "127.0.0.1:5000").sentence.ends_with("own machine is called."));
        assert!(judged("10.0.0.3:8080", "0.0.0.0:5000").sentence.ends_with("no address."));
        assert_eq!(judged("10.0.0.3:8080", "8.8.4.4:5000").verdict, Verdict::Warn);
        assert_eq!(judged("10.0.0.3:8080", "10.0.0.4:5000").verdict, Verdict::Warn);
    }

    #[test]
    fn clocks_are_compared() {
        let date = http_date("Fri, 20 Nov 2026 15:00:00 GMT").unwrap();
        assert_eq!(date.duration_since(UNIX_EPOCH).unwrap().as_secs(), 1_795_186_800);
        for wrong in ["", "Fri, 20 Nov 2026 15:00:00", "Fri, 20 Nov 2026 15:00 GMT", "Fri, 20 Abc 2026 15:00:00 GMT"] {
            assert_eq!(http_date(wrong), None, "{wrong}");
        }
        let skewed = |ours: SystemTime| clocks(ours, date);
        assert_eq!(skewed(date + Duration::from_secs(30)).verdict, Verdict::Good);
        let ahead = skewed(date + Duration::from_secs(7300));
        assert_eq!(ahead.sentence, "This machine's clock is 2 hours ahead of the server's.");
        let behind = skewed(date - Duration::from_secs(90));
        assert_eq!(behind.sentence, "This machine's clock is 1 minute behind the server's.");
    }
}
