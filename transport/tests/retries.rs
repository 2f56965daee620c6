//! Calls that must not happen twice, against a lobby that breaks connections: each carries a key of its own, and is made once more under
//! the same key when its connection broke before there was an answer.

use protocol::ids::{PlayerId, TicketId};
use protocol::lobby::{Guest, Mode, NewRoom, NewTicket, Ticket, TicketState};
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use transport::lobby::{LobbyClient, LobbyError};

/// One call as it arrived.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Heard {
    /// Method and path.
    what: String,
    key: Option<String>,
    body: String,
}

/// A lobby that breaks its first connections and then answers: status, further header lines, body.
struct Lobby {
    client: LobbyClient,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Lobby {
    async fn open(broken: usize, answer: impl Fn(&Heard) -> (u16, String, String) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let client = LobbyClient::new(&listener.local_addr().expect("bound").to_string()).expect("an address");
        let heard = Arc::new(Mutex::new(Vec::new()));
        let calls = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let mut socket = BufReader::new(socket);
                let call = read(&mut socket).await.expect("a whole call");
                let (status, head, body) = answer(&call);
                let count = {
                    let mut calls = calls.lock().expect("nobody panicked");
                    calls.push(call);
                    calls.len()
                };
                if count > broken {
                    let length = body.len();
                    let whole = format!("HTTP/1.1 {status} -\r\n{head}content-length: {length}\r\n\r\n{body}");
                    socket.write_all(whole.as_bytes()).await.expect("somebody listens");
                } else if count % 2 == 0 {
                    // Broken in the middle of an answer instead of before it.
                    let half = "HTTP/1.1 201 -\r\ncontent-length: 1000\r\n\r\n{";
                    socket.write_all(half.as_bytes()).await.expect("somebody listens");
                }
            }
        });
        Self { client, heard }
    }

    fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("nobody panicked").clone()
    }
}

async fn read(socket: &mut BufReader<TcpStream>) -> Option<Heard> {
    let (mut lines, mut body) = (Vec::new(), Vec::new());
    loop {
        let mut line = String::new();
        socket.read_line(&mut line).await.ok()?;
        match line.trim() {
            "" => break,
            line => lines.push(line.to_owned()),
        }
    }
    let field = |name: &str| lines.iter().find_map(|line| line.strip_prefix(name).map(str::to_owned));
    let length = field("content-length: ").map_or(0, |length| length.parse().expect("a number"));
    body.resize(length, 0);
    socket.read_exact(&mut body).await.ok()?;
    let what = lines.first()?.trim_end_matches(" HTTP/1.1").to_owned();
    Some(Heard { what, key: field("idempotency-key: "), body: String::from_utf8(body).expect("text") })
}

fn ada() -> Guest {
    Guest { player: PlayerId(1), name: "Ada".to_owned(), secret: "s3cret".to_owned() }
}

fn a_guest(_: &Heard) -> (u16, String, String) {
    (201, String::new(), serde_json::to_string(&ada()).expect("JSON"))
}

#[tokio::test]
async fn a_call_whose_answer_was_lost_is_made_once_more_under_the_same_key() {
    let lobby = Lobby::open(1, a_guest).await;
    assert_eq!(lobby.client.guest("Ada").await, Ok(ada()));
    let heard = lobby.heard();
    assert_eq!(heard.len(), 2);
    assert_eq!(heard[0], heard[1], "the very same call");
    let key = heard[0].key.as_deref().expect("a key");
    assert!(key.len() == 32 && key.bytes().all(|byte| byte.is_ascii_hexdigit()), "{key}");

    lobby.client.guest("Ada").await.expect("it answers now");
    assert_ne!(lobby.heard()[2].key, heard[0].key, "another call has another key");
}

#[tokio::test]
async fn whoever_breaks_twice_is_left_alone() {
    let lobby = Lobby::open(usize::MAX, a_guest).await;
    let said = lobby.client.open_room(&ada(), &NewRoom::default()).await.expect_err("nothing was answered");
    assert!(matches!(said, LobbyError::Cut { .. }), "{said}");
    assert!(said.to_string().ends_with("broke. Try again."), "{said}");
    assert_eq!(lobby.heard().len(), 2, "cut off before an answer, and in the middle of one");
}

#[tokio::test]
async fn what_can_be_repeated_anyhow_carries_no_key_and_a_refusal_is_an_answer() {
    let busy = r#"{"title":"Not available","status":503,"detail":"Busy."}"#;
    let lobby = Lobby::open(0, move |_| (503, String::new(), busy.to_owned())).await;
    assert!(lobby.client.rooms().await.is_err());
    assert!(lobby.client.open_party(&ada()).await.is_err());
    let keys: Vec<_> = lobby.heard().into_iter().map(|call| (call.what, call.key.is_some())).collect();
    assert_eq!(keys, [("GET /v1/rooms".to_owned(), false), ("POST /v1/parties".to_owned(), true)]);
}

#[tokio::test]
async fn whoever_waits_already_goes_on_with_the_ticket_that_they_have() {
    let ticket = Ticket {
        id: TicketId(7),
        version: 3,
        state: TicketState::Waiting,
        mode: Mode::Skirmish,
        players: Vec::new(),
        points: 1_000,
        waited_ms: 9_000,
        window_points: 100,
        expected_ms: None,
        bots_in_ms: None,
        waiting: 1,
        why: "Alone in the queue.".to_owned(),
        changed_ms: 0,
    };
    let present = serde_json::to_string(&ticket).expect("JSON");
    let lobby = Lobby::open(0, move |call| match call.what.as_str() {
        "POST /v1/tickets" => {
            let why = r#"{"title":"In the queue already","status":409,"detail":"You are looking already."}"#;
            (409, "location: /v1/tickets/7\r\n".to_owned(), why.to_owned())
        }
        _ => (200, String::new(), present.clone()),
    })
    .await;
    assert_eq!(lobby.client.open_ticket(&ada(), &NewTicket::default()).await, Ok(ticket));
    let asked: Vec<_> = lobby.heard().into_iter().map(|call| call.what).collect();
    assert_eq!(asked, ["POST /v1/tickets", "GET /v1/tickets/7"]);
}

#[tokio::test]
async fn whoever_leads_a_room_already_is_told_which() {
    let why = r#"{"title":"Room led","status":409,"detail":"You lead room 4 already."}"#;
    let lobby = Lobby::open(0, move |_| (409, "location: /v1/rooms/4\r\n".to_owned(), why.to_owned())).await;
    let said = lobby.client.open_room(&ada(), &NewRoom::default()).await.expect_err("it is refused");
    assert_eq!((said.room().map(|room| room.0), said.ticket(), said.status()), (Some(4), None, Some(409)));
    assert_eq!(said.to_string(), "You lead room 4 already.");
}
