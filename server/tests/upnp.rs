//! `--upnp` against a small router of our own: what is opened, what is said, and that everything is given back.
//!
//! Flow: [`open`] → SSDP and SOAP over loopback → [`Router`].

use server::upnp::{Ports, open};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const PORTS: Ports = Ports { tcp: [8080, 5002], udp: [5000, 5001] };
const SERVICE: &str = "urn:schemas-upnp-org:service:WANIPConnection:1";

/// A router with a table of open ports, such as `TCP 8080 127.0.0.1:8080 3600`.
struct Router {
    search: SocketAddr,
    open: Arc<Mutex<BTreeSet<String>>>,
}

impl Router {
    /// Starts one with this address outside, which refuses to open `refused`.
    fn start(outside: &'static str, refused: Option<u16>) -> Self {
        let ssdp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let http = TcpListener::bind("127.0.0.1:0").unwrap();
        let (search, here) = (ssdp.local_addr().unwrap(), http.local_addr().unwrap());
        std::thread::spawn(move || {
            let mut question = [0; 1024];
            while let Ok((_, from)) = ssdp.recv_from(&mut question) {
                let answer = format!("HTTP/1.1 200 OK\r\nST: {SERVICE}\r\nLOCATION: http://{here}/device.xml\r\n\r\n");
                ssdp.send_to(answer.as_bytes(), from).unwrap();
            }
        });
        let open = Arc::<Mutex<BTreeSet<String>>>::default();
        let table = Arc::clone(&open);
        std::thread::spawn(move || {
            for stream in http.incoming().flatten() {
                let _ = answer(&stream, outside, refused, &table);
            }
        });
        Self { search, open }
    }

    fn open(&self) -> Vec<String> {
        self.open.lock().unwrap().iter().cloned().collect()
    }
}

fn answer(
    mut stream: &TcpStream,
    outside: &str,
    refused: Option<u16>,
    table: &Mutex<BTreeSet<String>>,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut head = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        head.push(line.to_ascii_lowercase());
    }
    let length = head.iter().find_map(|line| line.strip_prefix("content-length:")?.trim().parse().ok());
    let mut body = vec![0; length.unwrap_or_default()];
    reader.read_exact(&mut body)?;
    let body = String::from_utf8_lossy(&body).into_owned();
    let field = |name: &str| {
        let (_, rest) = body.split_once(&format!("<{name}>")).unwrap_or_default();
        rest.split_once('<').map_or("", |(value, _)| value).to_owned()
    };
    let called =
        |action: &str| head.iter().any(|line| line.starts_with("soapaction") && line.contains(&action.to_lowercase()));
    let soap = |body: String| {
        format!(
            "<s:Envelope xmlns:s=\"http://schemas.xmlsoap.org/soap/envelope/\"><s:Body>{body}</s:Body></s:Envelope>"
        )
    };
    let done = |action: &str| soap(format!("<u:{action}Response xmlns:u=\"{SERVICE}\"></u:{action}Response>"));
    let (protocol, port) = (field("NewProtocol"), field("NewExternalPort"));
    let entry = format!("{protocol} {port} ");
    let answer = if head[0].contains("/device.xml") {
        format!(
            "<root><device><serviceList><service><serviceType>{SERVICE}</serviceType><SCPDURL>/actions.xml</SCPDURL>\
             <controlURL>/control</controlURL></service></serviceList></device></root>"
        )
    } else if head[0].contains("/actions.xml") {
        actions()
    } else if called("GetExternalIPAddress") {
        soap(format!(
            "<u:GetExternalIPAddressResponse xmlns:u=\"{SERVICE}\"><NewExternalIPAddress>{outside}</NewExternalIPAddress>\
             </u:GetExternalIPAddressResponse>"
        ))
    } else if called("AddPortMapping") && refused.is_some_and(|refused| port == refused.to_string()) {
        soap(
            "<s:Fault><detail><UPnPError><errorCode>718</errorCode><errorDescription>Conflict</errorDescription>\
             </UPnPError></detail></s:Fault>"
                .to_owned(),
        )
    } else if called("AddPortMapping") {
        let inside = format!("{}:{}", field("NewInternalClient"), field("NewInternalPort"));
        table.lock().unwrap().insert(format!("{entry}{inside} {}", field("NewLeaseDuration")));
        done("AddPortMapping")
    } else {
        table.lock().unwrap().retain(|open| !open.starts_with(&entry));
        done("DeletePortMapping")
    };
    write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{answer}", answer.len())
}

fn actions() -> String {
    let action = |name: &str, arguments: &[&str]| {
        let list: String = arguments
            .iter()
            .map(|name| format!("<argument><name>{name}</name><direction>in</direction></argument>"))
            .collect();
        format!("<action><name>{name}</name><argumentList>{list}</argumentList></action>")
    };
    let add = [
        "NewRemoteHost",
        "NewExternalPort",
        "NewProtocol",
        "NewInternalPort",
        "NewInternalClient",
        "NewEnabled",
        "NewPortMappingDescription",
        "NewLeaseDuration",
    ];
    let delete = ["NewRemoteHost", "NewExternalPort", "NewProtocol"];
    let list = [action("AddPortMapping", &add), action("DeletePortMapping", &delete)].concat();
    format!("<scpd><actionList>{list}</actionList></scpd>")
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

#[test]
fn ports_are_opened_with_a_lease_and_given_back() {
    let router = Router::start("8.8.4.4", None);
    runtime().block_on(async {
        let forwarded = open(PORTS, Some(router.search)).await.unwrap();
        assert_eq!(forwarded.public.to_string(), "8.8.4.4");
        let opened = router.open();
        assert_eq!(
            opened,
            [
                "TCP 5002 127.0.0.1:5002 3600",
                "TCP 8080 127.0.0.1:8080 3600",
                "UDP 5000 127.0.0.1:5000 3600",
                "UDP 5001 127.0.0.1:5001 3600"
            ]
        );
        forwarded.give_back().await;
        assert_eq!(router.open(), [""; 0]);
    });
}

#[test]
fn a_refused_port_leaves_nothing_open_and_is_told() {
    let router = Router::start("8.8.4.4", Some(5001));
    let error = runtime().block_on(open(PORTS, Some(router.search))).unwrap_err();
    assert!(error.starts_with("The router refused to open a port ("), "{error}");
    assert!(
        error.ends_with(
            "Forward TCP ports 8080 and 5002 and UDP ports 5000 and 5001 to this machine in the router's settings, then start the \
             server with --public-host."
        ),
        "{error}"
    );
    assert_eq!(router.open(), [""; 0]);
}

#[test]
fn no_router_and_one_behind_another_are_told_apart() {
    let nobody = UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent = nobody.local_addr().unwrap();
    let began = std::time::Instant::now();
    let error = runtime().block_on(open(PORTS, Some(silent))).unwrap_err();
    assert!(error.starts_with("No router on this network opens ports when asked (UPnP is off or missing)."), "{error}");
    assert!(began.elapsed() < Duration::from_secs(8));
    let router = Router::start("100.64.9.1", None);
    let error = runtime().block_on(open(PORTS, Some(router.search))).unwrap_err();
    assert!(error.contains("your provider has another router in between"), "{error}");
    assert_eq!(router.open(), [""; 0]);
}
