//! The command line: what an operator can choose, and one plain sentence for everything that cannot be.
//!
//! Every option has a default with which friends can play at once, so `server` alone is a complete command. Addresses may be
//! shortened to a port. Whatever needs the system (a host name, a folder) is looked up by a method, not while parsing, so
//! that `--help` never waits for a name server.
//!
//! Flow: `main` → here → [`crate::lobby`] and the rooms.

use clap::{Parser, Subcommand, ValueEnum};
use std::fmt::Display;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;

/// Places that a room may have.
pub const SEATS: RangeInclusive<u8> = 1..=game::MAX_SEATS as u8;
/// Bots that a room may have: one seat is left for somebody.
pub const BOTS: RangeInclusive<u8> = 0..=(game::MAX_SEATS - 1) as u8;
/// Length of a match in seconds: shorter is over before it began, longer than an hour is a match nobody ends.
pub const MATCH_SECONDS: RangeInclusive<u32> = 10..=3_600;
/// Kills that end a match early.
pub const SCORE_LIMIT: RangeInclusive<u16> = 1..=1_000;
/// Rooms that one server may keep open at once: more than two cores could simulate.
pub const MAX_ROOMS: RangeInclusive<u32> = 1..=256;
/// Requests per second that one address may make: fewer than one, and nobody could look at the list of rooms.
pub const REQUESTS_PER_SECOND: RangeInclusive<u32> = 1..=1_000_000;
/// Longest name of a room, characters.
pub const MAX_ROOM_NAME_CHARS: usize = 32;
/// Longest name of a map, characters.
pub const MAX_MAP_NAME_CHARS: usize = 32;
/// Snapshot rates that divide the 60 ticks of a second, so that every interval between snapshots is the same.
const SNAPSHOT_RATES: [u32; 3] = [20, 30, 60];
/// Longest host name (RFC 1035, section 2.3.4).
const MAX_HOST_CHARS: usize = 253;

/// Everything that an operator can choose.
#[derive(Clone, Debug, PartialEq, Eq, Parser)]
#[command(
    name = "server",
    version,
    about = "Hosts Crosswire: rooms with bots, reachable over UDP, QUIC, WebSocket, TCP and HTTP, and a lobby to find them.",
    after_help = "An ADDR is IP:PORT, or just a port. Port 0 picks a free one. Stop the server with Ctrl-C."
)]
pub struct Config {
    /// Where the lobby, WebSocket links and HTTP links listen (TCP).
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:8080", value_parser = listen_address)]
    pub http: SocketAddr,
    /// Where UDP links listen.
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:5000", value_parser = listen_address)]
    pub udp: SocketAddr,
    /// Where QUIC links listen (UDP).
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:5001", value_parser = listen_address)]
    pub quic: SocketAddr,
    /// Where bare TCP links listen.
    #[arg(long, value_name = "ADDR", default_value = "0.0.0.0:5002", value_parser = listen_address)]
    pub tcp: SocketAddr,
    /// Where console, metrics and webhooks listen (TCP) [default: with the lobby]. All of them ask for the operator's token.
    #[arg(long, value_name = "ADDR", value_parser = listen_address)]
    pub admin: Option<SocketAddr>,
    /// Certificate with its chain, PEM: the lobby then speaks https as well, on the same port. Read again whenever the file changes.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,
    /// Private key of --tls-cert, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,
    /// Speak https with a certificate that the server makes for itself: browsers warn once. It is kept in --data.
    #[arg(long, conflicts_with_all = ["tls_cert", "tls_key"])]
    pub tls_self_signed: bool,
    /// For whom this server makes weather (delay, loss, a pulled cable) if their game runs in a browser and cannot make it itself.
    #[arg(long, value_name = "WHOM", default_value = "local")]
    pub weather_relay: WeatherFor,
    /// Let webhooks call private addresses too, such as this machine and its neighbours.
    #[arg(long)]
    pub webhooks_to_private_networks: bool,
    /// Requests to the lobby per second that one address may make, 1 to 1000000, and several times as many at once [default: 20]. This
    /// machine itself may always make 5000 at least. Raise it where many players share an address, or to measure.
    #[arg(long, value_name = "N", value_parser = |s: &str| number(s, REQUESTS_PER_SECOND))]
    pub requests_per_second: Option<u32>,
    /// Name or IP that players reach this machine by, if it is not the address they connect to (behind a router, for example).
    #[arg(long, value_name = "HOST", value_parser = host_name)]
    pub public_host: Option<String>,
    /// Ask the router to let players from the internet in (UPnP). They are sent to its public address if --public-host names none; players
    /// on this network keep the address that they came by.
    #[arg(long)]
    pub upnp: bool,
    /// What to call this server in the lists of players on the same network [default: this machine's name].
    #[arg(long, value_name = "NAME", conflicts_with = "no_lan")]
    pub lan_name: Option<String>,
    /// Do not show up in the lists of players on the same network.
    #[arg(long)]
    pub no_lan: bool,
    /// Folder for players, results, the server's secret key and the operator's token. Without it, all of them are gone whenever the server stops.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Folder with maps and the like [default: `assets` here or beside the program].
    #[arg(long, value_name = "DIR")]
    pub assets: Option<PathBuf>,
    /// Map of the first room and of rooms that name none, without the file's ending.
    #[arg(long, value_name = "NAME", default_value = "crossfire", value_parser = map_name)]
    pub map: String,
    /// Places in a room, 1 to 64.
    #[arg(long, value_name = "N", default_value = "16", value_parser = |s: &str| number(s, SEATS))]
    pub seats: u8,
    /// Bots that fly in empty places of a room, 0 to 63.
    #[arg(long, value_name = "N", default_value = "4", value_parser = |s: &str| number(s, BOTS))]
    pub bots: u8,
    /// Length of a match in seconds, 10 to 3600.
    #[arg(long, value_name = "N", default_value = "180", value_parser = |s: &str| number(s, MATCH_SECONDS))]
    pub match_seconds: u32,
    /// Kills that end a match early, 1 to 1000.
    #[arg(long, value_name = "N", default_value = "20", value_parser = |s: &str| number(s, SCORE_LIMIT))]
    pub score_limit: u16,
    /// Rooms that may be open at once, 1 to 256. A quarter of them is kept for those whom the queue puts together.
    #[arg(long, value_name = "N", default_value = "32", value_parser = |s: &str| number(s, MAX_ROOMS))]
    pub max_rooms: u32,
    /// Snapshots per second for every player: 20, 30 or 60.
    #[arg(long, value_name = "N", default_value = "30", value_parser = snapshot_rate)]
    pub snapshot_hz: u32,
    /// Seed of the first room's bots and spawns, so that a match can be had again [default: another one each time].
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Something else to do than to serve.
    #[command(subcommand)]
    pub task: Option<Task>,
}

/// What the program can do instead of serving.
#[derive(Clone, Debug, PartialEq, Eq, Subcommand)]
pub enum Task {
    /// Dry run: plays the matchmaker with thousands of players in virtual time and prints waits and match quality.
    Matchmaking(crate::dry_run::Options),
}

/// For whom weather is made here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum WeatherFor {
    /// Players on this machine.
    Local,
    /// All players: every one of them may have some ports opened, which the system chooses.
    Everybody,
    /// Nobody.
    Nobody,
}

/// The name that players reach this machine by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicHost {
    /// As the operator wrote it: for addresses with a name in them.
    pub name: String,
    /// What it stood for at the start of the server: for addresses that need an IP.
    pub ip: IpAddr,
    /// Who knows of it.
    pub source: HostSource,
}

/// Where a [`PublicHost`] comes from, which decides who is sent there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostSource {
    /// `--public-host`: everybody is sent there, because the operator knows better (inside a container no address that is seen is of use).
    Operator,
    /// The router, asked by `--upnp`: whoever comes through it is sent there. Many routers do not lead back in from inside.
    Router,
}

impl WeatherFor {
    /// Returns whether somebody at that address is meant.
    pub fn is_for(self, player: IpAddr) -> bool {
        match self {
            Self::Everybody => true,
            Self::Local => player.to_canonical().is_loopback(),
            Self::Nobody => false,
        }
    }
}

impl Config {
    /// Looks up [`Config::public_host`] (waits for the name server).
    ///
    /// # Errors
    /// A sentence for the operator if it stands for no address.
    pub fn resolve_public_host(&self) -> Result<Option<PublicHost>, String> {
        self.public_host.as_deref().map(|name| PublicHost::resolve(name, self.udp.is_ipv6())).transpose()
    }
}

impl PublicHost {
    /// Looks up `name`, preferring IPv6 or IPv4 as asked.
    ///
    /// # Errors
    /// A sentence for the operator if it stands for no address.
    pub fn resolve(name: &str, prefer_ipv6: bool) -> Result<Self, String> {
        let found: Vec<_> = match name.parse::<IpAddr>() {
            Ok(ip) => vec![ip],
            Err(_) => (name, 0).to_socket_addrs().map(|all| all.map(|a| a.ip()).collect()).unwrap_or_default(),
        };
        let ip = found.iter().find(|ip| ip.is_ipv6() == prefer_ipv6).or(found.first()).ok_or_else(|| {
            format!("No address is known for `{name}`. Check the spelling of --public-host, or give an IP address.")
        })?;
        Ok(Self { name: name.to_owned(), ip: *ip, source: HostSource::Operator })
    }
}

/// Returns the sentence for an address that cannot be listened on; `flag` is the option that chose it.
pub fn cannot_listen(addr: SocketAddr, flag: &str, error: &io::Error) -> String {
    let why = match error.kind() {
        io::ErrorKind::AddrInUse => "the address is in use. Is another server running? Choose another".to_owned(),
        io::ErrorKind::AddrNotAvailable => "this machine does not have that address. Choose another".to_owned(),
        io::ErrorKind::PermissionDenied => "the system does not allow it. Choose a port above 1023".to_owned(),
        _ => format!("{error}. Choose another"),
    };
    format!("Cannot listen on {addr}: {why} with {flag}.")
}

/// Reads `IP:PORT`, `:PORT` or `PORT`.
fn listen_address(text: &str) -> Result<SocketAddr, String> {
    let port = text.strip_prefix(':').unwrap_or(text).parse::<u16>();
    port.map(|port| SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)))
        .or_else(|_| text.parse())
        .map_err(|_| "write IP:PORT, such as 0.0.0.0:8080, or just a port".to_owned())
}

fn host_name(text: &str) -> Result<String, String> {
    let name = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.'));
    let fits = (1..=MAX_HOST_CHARS).contains(&text.len());
    if fits && (name || text.parse::<IpAddr>().is_ok()) {
        return Ok(text.to_owned());
    }
    Err("write a name or an IP address alone, without http:// and without a port".to_owned())
}

fn map_name(text: &str) -> Result<String, String> {
    valid_map_name(text)
        .then(|| text.to_owned())
        .ok_or_else(|| "a map is named by its file, without folder and ending: letters, digits, - and _".to_owned())
}

/// Returns whether `name` can be the name of a map: nothing that could lead out of the folder with maps.
pub fn valid_map_name(name: &str) -> bool {
    (1..=MAX_MAP_NAME_CHARS).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

fn snapshot_rate(text: &str) -> Result<u32, String> {
    let rate = text.parse().ok().filter(|rate| SNAPSHOT_RATES.contains(rate));
    rate.ok_or_else(|| "choose 20, 30 or 60: the game has 60 ticks per second".to_owned())
}

fn number<T: FromStr + PartialOrd + Display>(text: &str, allowed: RangeInclusive<T>) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| allowed.contains(number));
    number.ok_or_else(|| format!("choose a number from {} to {}", allowed.start(), allowed.end()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    fn parse(line: &str) -> Result<Config, String> {
        Config::try_parse_from(std::iter::once("server").chain(line.split_whitespace())).map_err(|e| e.to_string())
    }

    #[test]
    fn a_bare_command_is_enough() {
        Config::command().debug_assert();
        let config = parse("").expect("the defaults are allowed");
        assert_eq!(config.http, "0.0.0.0:8080".parse().expect("an address"));
        assert_eq!((config.udp.port(), config.quic.port(), config.tcp.port()), (5000, 5001, 5002));
        assert_eq!((config.seats, config.bots, config.snapshot_hz), (16, 4, 30));
    }

    #[test]
    fn a_dry_run_is_another_task() {
        assert_eq!(parse("").expect("defaults").task, None);
        let task = parse("matchmaking --players 50 --seed 7").expect("a task").task;
        let wanted = crate::dry_run::Options { players: 50, seed: 7, ..Default::default() };
        assert_eq!(task, Some(Task::Matchmaking(wanted)), "the defaults are the same in both places");
        assert!(parse("matchmaking --no-answer 101").is_err());
    }

    #[test]
    fn a_certificate_comes_with_its_key() {
        assert!(parse("--tls-cert a.pem").is_err() && parse("--tls-key a.pem").is_err());
        assert!(parse("--tls-cert a.pem --tls-key b.pem").is_ok());
        assert!(parse("--tls-cert a.pem --tls-key b.pem --tls-self-signed").is_err());
    }

    #[test]
    fn addresses_may_be_just_a_port() {
        for (line, want) in [
            ("8081", "0.0.0.0:8081"),
            (":8081", "0.0.0.0:8081"),
            ("[::1]:0", "[::1]:0"),
            ("127.0.0.1:9", "127.0.0.1:9"),
        ] {
            assert_eq!(parse(&format!("--http {line}")).expect(line).http.to_string(), want);
        }
    }

    #[test]
    fn wrong_values_are_refused_in_words() {
        for (line, word) in [
            ("--http nowhere", "IP:PORT"),
            ("--http 1.2.3.4", "IP:PORT"),
            ("--udp 70000", "IP:PORT"),
            ("--snapshot-hz 25", "20, 30 or 60"),
            ("--snapshot-hz 10", "20, 30 or 60"),
            ("--seats 0", "1 to 64"),
            ("--seats 65", "1 to 64"),
            ("--bots 64", "0 to 63"),
            ("--match-seconds 9", "10 to 3600"),
            ("--score-limit 0", "1 to 1000"),
            ("--max-rooms 0", "1 to 256"),
            ("--requests-per-second 0", "1 to 1000000"),
            ("--map ../../etc/passwd", "without folder"),
            ("--public-host http://example.org", "without a port"),
            ("--public-host example.org:80", "without a port"),
        ] {
            let error = parse(line).expect_err(line);
            assert!(error.contains(word), "{line}: {error}");
        }
    }

    #[test]
    fn a_public_host_is_looked_up_once() {
        let config = parse("--public-host 203.0.113.9").expect("an address");
        let host = config.resolve_public_host().expect("needs no look-up").expect("given");
        assert_eq!((host.name.as_str(), host.ip.to_string().as_str()), ("203.0.113.9", "203.0.113.9"));
        assert_eq!(parse("").expect("defaults").resolve_public_host(), Ok(None));
        let error = PublicHost::resolve("nobody.invalid", false).expect_err("RFC 6761 keeps this name free");
        assert!(error.contains("nobody.invalid"), "{error}");
    }

    #[test]
    fn a_taken_address_is_told_in_one_sentence() {
        let addr = SocketAddr::from(([0, 0, 0, 0], 8080));
        assert_eq!(
            cannot_listen(addr, "--http", &io::ErrorKind::AddrInUse.into()),
            "Cannot listen on 0.0.0.0:8080: the address is in use. Is another server running? Choose another with --http."
        );
    }
}
