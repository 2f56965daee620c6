//! The doctor, held to its sentences: a healthy server, UDP blocked on the way, wrong ports, another version, an expired certificate.
//!
//! Flow: `lab doctor … --json` → findings → what a player would read.

mod common;

use common::{Server, alone, output_of};
use protocol::limits::PROTOCOL_VERSION;
use protocol::lobby::{
    Endpoints, Guest, HttpEndpoint, QuicEndpoint, TcpEndpoint, UdpEndpoint, WebsocketEndpoint, WebtransportEndpoint,
};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use transport::doctor::examine;
use transport::lobby::LobbyClient;
use transport::{CertificateTerm, ServerConfig};

/// What the doctor said.
struct Report {
    findings: Vec<Value>,
    succeeded: bool,
}

impl Report {
    fn on(server: &str) -> Self {
        let output = output_of("lab", &["doctor", server, "--json"]);
        let findings = serde_json::from_slice(&output.stdout).expect("a list of findings");
        Self { findings, succeeded: output.status.success() }
    }

    /// Returns verdict, sentence and advice about `what`.
    fn about(&self, what: &str) -> [&str; 3] {
        let finding = self.findings.iter().find(|finding| finding["what"] == what);
        let finding = finding.unwrap_or_else(|| panic!("nothing about {what}: {:#?}", self.findings));
        ["verdict", "sentence", "advice"].map(|part| finding[part].as_str().expect("text"))
    }

    /// Returns what was looked at and found to be so.
    fn all(&self, verdict: &str) -> Vec<&str> {
        let so = self.findings.iter().filter(|finding| finding["verdict"] == verdict);
        so.map(|finding| finding["what"].as_str().expect("text")).collect()
    }
}

/// A web server with fixed answers, for as long as the test runs.
fn web_server(answer: impl Fn(&str) -> String + Send + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let addr = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever only looks whether the port is open says nothing.
            let _ = serve(&stream, &answer);
        }
    });
    addr
}

fn serve(mut stream: &TcpStream, answer: &impl Fn(&str) -> String) -> std::io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut reader = BufReader::new(stream);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        lines.push(line.to_ascii_lowercase());
    }
    let length = lines.iter().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    reader.read_exact(&mut vec![0; length.unwrap_or_default()])?;
    let Some(path) = lines.first().and_then(|line| line.split(' ').nth(1)) else { return Ok(()) };
    let body = answer(path);
    let length = body.len();
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

#[test]
fn a_healthy_server_is_found_healthy() {
    let _turn = alone();
    let server = Server::start(&[]);
    let report = Report::on(&server.url());
    let mut good = report.all("good");
    // Two busy cores may make the link worse than it is.
    good.retain(|what| *what != "link");
    let expected = [
        "address",
        "lobby",
        "version",
        "clock",
        "public address",
        "udp",
        "quic",
        "websocket",
        "tcp",
        "http",
        "certificate",
        "this machine",
        "local network",
    ];
    assert_eq!(good, expected, "{:#?}", report.findings);
    assert!(report.succeeded);
    let address = server.address("http");
    let sentence = format!("A Crosswire server of version {} answers at {address}.", env!("CARGO_PKG_VERSION"));
    assert_eq!(report.about("lobby"), ["good", &sentence, ""]);
    assert_eq!(report.about("version")[1], format!("Both speak version {PROTOCOL_VERSION} of the protocol."));
    assert_eq!(report.about("public address")[1], "Players are sent to 127.0.0.1, where the lobby is.");
    assert_eq!(report.about("certificate")[1], "It is the promised one, and good for 12 days more.");

    let table = output_of("lab", &["doctor", &address]);
    let table = String::from_utf8(table.stdout).expect("text");
    assert!(table.starts_with("good  address         The machine at 127.0.0.1 can be reached.\n"), "{table}");
    assert!(!table.contains('\u{1b}'), "no colours: {table}");
}

#[cfg(target_os = "linux")]
#[test]
fn blocked_udp_is_told_with_the_port_to_open() {
    use lab::tun::{Side, Tunnel};
    use transport::Weather;

    let _turn = alone();
    let tunnel = match Tunnel::open(Weather::CALM) {
        Ok(tunnel) => tunnel,
        Err(sentence) => return eprintln!("skipped: {sentence}"),
    };
    tunnel.block_udp();
    let server = {
        let _inside = tunnel.enter(Side::Server).expect("a way in");
        Server::start_on("0.0.0.0:0", &[])
    };
    let port = |socket| server.address(socket).rsplit_once(':').map(|(_, port)| port.to_owned()).expect("a port");
    let _inside = tunnel.enter(Side::Client).expect("a way in");
    let report = Report::on(&format!("{}:{}", tunnel.addr(Side::Server), port("http")));
    for wire in ["udp", "quic"] {
        let port = port(wire);
        let sentence = format!("UDP is blocked on the way to port {port}: nothing comes back over {wire}.");
        let advice =
            format!("Let UDP port {port} through the host's firewall and router. Until then websocket is used.");
        assert_eq!(report.about(wire), ["warn", &sentence, &advice]);
    }
    for wire in ["websocket", "tcp", "http"] {
        assert_eq!(report.about(wire)[0], "good", "{:#?}", report.findings);
    }
    assert!(report.succeeded, "one can play: {:#?}", report.findings);
    assert_eq!(report.about("public address")[1], "Players are sent to 10.9.0.1, where the lobby is.");
}

#[test]
fn a_wrong_port_is_told_from_a_server_that_does_not_run() {
    let _turn = alone();
    let server = Server::start(&[]);
    let tcp = server.address("tcp");
    let port = tcp.rsplit_once(':').map(|(_, port)| port).expect("a port");
    let correct = "Correct the port: the lobby's is 8080 unless the host chose another.";
    let report = Report::on(&tcp);
    let sentence =
        format!("Port {port} of 127.0.0.1 is open, but another program answers there, not a Crosswire server.");
    assert_eq!(report.about("lobby"), ["bad", &sentence, correct]);
    assert!(!report.succeeded);

    let web = web_server(|_| "<h1>It works!</h1>".to_owned());
    let sentence = format!(
        "Port {} of 127.0.0.1 is open, but another web server answers there, not a Crosswire server.",
        web.port()
    );
    assert_eq!(Report::on(&web.to_string()).about("lobby"), ["bad", &sentence, correct]);

    let nobody = server.address("http");
    let port = nobody.rsplit_once(':').map(|(_, port)| port).expect("a port");
    drop(server);
    let report = Report::on(&nobody);
    let sentence = format!("The machine at 127.0.0.1 is there, but nothing listens on its port {port}.");
    let advice = "Start the server, or correct the port: the lobby's is 8080 unless the host chose another.";
    assert_eq!(report.about("lobby"), ["bad", &sentence, advice]);
}

#[test]
fn another_version_is_told_with_who_should_update() {
    let newer = PROTOCOL_VERSION + 1;
    let fake = web_server(move |_| json!({ "status": "ok", "version": "9.0.0", "protocol": newer }).to_string());
    let report = Report::on(&fake.to_string());
    let sentence =
        format!("The server speaks version {newer} of the protocol, this program version {PROTOCOL_VERSION}.");
    assert_eq!(report.about("version"), ["bad", &sentence, "Update the game on this machine."]);
    assert_eq!(report.about("lobby")[0], "good");
    assert_eq!(report.all("bad"), ["version"], "nothing else is to blame");
    assert!(!report.succeeded);
}

#[test]
fn whoever_is_known_already_does_not_become_one_more_guest() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&asked);
    let lobby = web_server(move |path| {
        heard.lock().expect("nobody panicked").push(path.to_owned());
        json!({ "status": "ok", "version": "0.1.0", "protocol": PROTOCOL_VERSION }).to_string()
    });
    let ada = Guest { player: protocol::PlayerId(1), name: "Ada".to_owned(), secret: "secret".to_owned() };
    let runtime = transport::runtime::runtime().expect("threads");
    runtime.block_on(async {
        let ask = move |lobby: LobbyClient, session| async move { lobby.endpoints(&ada, session).await };
        let mut findings = examine(runtime.handle(), &lobby.to_string(), ask);
        while let Some(finding) = findings.recv().await {
            // There are no addresses in what this lobby answers.
            if finding.what == "seat" {
                return;
            }
        }
        panic!("nobody asked for addresses");
    });
    let asked = asked.lock().expect("nobody panicked");
    assert!(asked.last().is_some_and(|path| path.starts_with("/v1/sessions/")), "{asked:?}");
    assert!(!asked.iter().any(|path| path == "/v1/guests"), "{asked:?}");
}

#[test]
fn an_expired_certificate_is_told_with_its_age() {
    let runtime = transport::runtime::runtime().expect("threads");
    let free = || "127.0.0.1:0".parse().expect("an address");
    let certificates = CertificateTerm { before: Duration::from_secs(3 * 3600), life: Duration::from_secs(3600) };
    let config = ServerConfig { certificates, ..ServerConfig::new(free(), free(), free()) };
    let (listeners, _transports) = transport::server::bind(config, runtime.handle()).expect("free ports");
    let endpoints = Endpoints {
        udp: UdpEndpoint { addr: listeners.udp_addr, token: vec![0] },
        quic: QuicEndpoint { addr: listeners.quic_addr, certificate_sha256: listeners.certificate_sha256() },
        websocket: WebsocketEndpoint { url: "ws://127.0.0.1:9/v1/link".to_owned() },
        tcp: TcpEndpoint { addr: listeners.tcp_addr },
        http: HttpEndpoint { url: "http://127.0.0.1:9/v1/link/http".to_owned() },
        webtransport: WebtransportEndpoint { url: String::new(), certificate_sha256: [0; 32], signed_for: Vec::new() },
        makes_weather: false,
    };
    let guest = Guest { player: protocol::PlayerId(1), name: "Doctor".to_owned(), secret: "secret".to_owned() };
    let lobby = web_server(move |path| match path {
        "/healthz" => json!({ "version": "0.1.0", "protocol": PROTOCOL_VERSION }).to_string(),
        "/v1/guests" => serde_json::to_string(&guest).expect("JSON"),
        _ => serde_json::to_string(&endpoints).expect("JSON"),
    });
    let report = Report::on(&lobby.to_string());
    let sentence = "The server's certificate expired 2 hours ago, so quic is refused.";
    let advice = "Restart the server, which makes a new one, and check both clocks.";
    assert_eq!(report.about("quic"), ["bad", sentence, advice]);
    assert!(!report.succeeded);
}
