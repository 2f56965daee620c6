//! Every wire is dialled as a client dials it, and says hello with a session that does not exist. Whatever the server answers has come
//! all the way back.
//!
//! Flow: [`super::lobby::Reached`] → [`dial_all`] → [`try_wire`] → [`judge`] → findings.

use super::lobby::Reached;
use super::{Finding, Report};
use crate::dial::rough;
use crate::runtime::timeout;
use crate::{DialError, Link, Offer, WireOptions, dial};
#[cfg(not(target_family = "wasm"))]
use crate::{Timing, quic};
use bytes::Bytes;
use futures_util::future::join_all;
use protocol::ids::Epoch;
use protocol::limits::HANDSHAKE_DEADLINE;
use protocol::wire::Kind;
use protocol::wire::hello::{Hello, Refusal, Resume, decode_refusal, encode_hello};
use protocol::{CloseReason, Lane, SessionId, Transport};
#[cfg(not(target_family = "wasm"))]
use std::time::SystemTime;
use web_time::{Duration, Instant};

/// What became of one wire.
#[derive(Debug)]
enum Outcome {
    /// The server answered a hello within this time.
    Answered(Duration),
    /// The server answered that it is of another version.
    Version(u16),
    /// The link opened, and then nothing more came.
    Silent,
    /// The link could not be opened.
    Failed(DialError),
}

/// Dials every wire at the same time and reports on each.
pub(super) async fn dial_all(reached: &Reached, report: &Report) {
    let dialling = Transport::WIRES.map(|wire| async move {
        let offer = Offer::over(wire, reached.endpoints.clone(), WireOptions::default());
        (wire, try_wire(offer, reached.session).await)
    });
    let mut outcomes = join_all(dialling).await;
    outcomes.sort_by_key(|(wire, _)| wire.code());
    let works =
        |wire: &Transport| outcomes.iter().any(|(w, outcome)| w == wire && matches!(outcome, Outcome::Answered(_)));
    let best = Transport::RACE.into_iter().find(works).or_else(|| Transport::WIRES.into_iter().find(works));
    for (wire, outcome) in &outcomes {
        report.add(judge(*wire, outcome, port(*wire, reached), best)).await;
    }
    #[cfg(not(target_family = "wasm"))]
    certificate(reached, report).await;
}

/// Looks for how long the server's certificate is good. What is wrong with it the wire has said already.
#[cfg(not(target_family = "wasm"))]
async fn certificate(reached: &Reached, report: &Report) {
    let quic = &reached.endpoints.quic;
    let certificate = quic::validity(quic.addr, quic.certificate_sha256, Timing::default()).await;
    if let Ok(Some(validity)) = certificate {
        let now = SystemTime::now();
        let left = validity.until.duration_since(now).unwrap_or_default();
        report
            .add(match validity.good_in(now) {
                Some(wait) => Finding::warn(
                    "certificate",
                    format!("By this machine's clock the server's certificate begins to be good in {}.", rough(wait)),
                    "Set this machine's clock: it is behind.",
                ),
                None => {
                    Finding::good("certificate", format!("It is the promised one, and good for {} more.", rough(left)))
                }
            })
            .await;
    }
}

async fn try_wire(offer: Offer, session: SessionId) -> Outcome {
    let began = Instant::now();
    let link = match dial(offer).await {
        Ok(link) => link,
        Err(error) => return Outcome::Failed(error),
    };
    let resume = Resume { session, epoch: Epoch(2), key_proof: [0; 32], events_seen: 0 };
    let hello = Bytes::from(encode_hello(&Hello::Resume(resume)));
    let heard = async {
        link.send(Lane::Reliable, hello).ok()?;
        answer(&link).await
    };
    let outcome = match timeout(HANDSHAKE_DEADLINE, heard).await {
        Ok(Some(Refused { version: Some(version) })) => Outcome::Version(version),
        Ok(Some(_)) => Outcome::Answered(began.elapsed()),
        Ok(None) | Err(_) => Outcome::Silent,
    };
    link.close(CloseReason::Done);
    outcome
}

/// The server's answer; with its version if that is why.
struct Refused {
    version: Option<u16>,
}

async fn answer(link: &Link) -> Option<Refused> {
    loop {
        let message = link.recv().await?.bytes;
        let Some((kind, body)) = message.split_first() else { continue };
        if *kind != Kind::Refusal as u8 {
            continue;
        }
        let version = match (decode_refusal(body), body) {
            (Ok(Refusal::Version), [_, low, high]) => Some(u16::from_le_bytes([*low, *high])),
            _ => None,
        };
        return Some(Refused { version });
    }
}

/// Returns the port that has to be let through for a wire.
fn port(wire: Transport, reached: &Reached) -> u16 {
    let endpoints = &reached.endpoints;
    match wire {
        Transport::Udp | Transport::Memory => endpoints.udp.addr.port(),
        Transport::Quic | Transport::Webtransport => endpoints.quic.addr.port(),
        Transport::Tcp => endpoints.tcp.addr.port(),
        Transport::Websocket | Transport::Http => reached.port(),
    }
}

/// Returns what is said of a wire; `best` is the best one that works.
fn judge(wire: Transport, outcome: &Outcome, port: u16, best: Option<Transport>) -> Finding {
    let name = wire.name();
    let below = if wire.is_of_datagrams() { "UDP" } else { "TCP" };
    let open = format!("Let {below} port {port} through the host's firewall and router.");
    let (sentence, advice) = match outcome {
        Outcome::Answered(time) => {
            return Finding::good(name, format!("The server answered over {name} within {} ms.", time.as_millis()));
        }
        Outcome::Version(theirs) => {
            let ours = protocol::limits::PROTOCOL_VERSION;
            let sentence =
                format!("Over {name} the server answers that it speaks version {theirs}, this program version {ours}.");
            return Finding::bad(name, sentence, "Update the older one.");
        }
        Outcome::Failed(DialError::NoAnswer { .. }) if below == "UDP" => {
            (format!("UDP is blocked on the way to port {port}: nothing comes back over {name}."), open)
        }
        Outcome::Failed(DialError::NoAnswer { .. }) => {
            (format!("TCP is blocked on the way to port {port}: nothing comes back over {name}."), open)
        }
        Outcome::Failed(DialError::Expired { since, .. }) => (
            format!("The server's certificate expired {} ago, so {name} is refused.", rough(*since)),
            "Restart the server, which makes a new one, and check both clocks.".to_owned(),
        ),
        Outcome::Failed(DialError::Certificate(_)) => (
            format!("The certificate that answers over {name} is not the one that the lobby promised."),
            "Restart the server. If that does not help, somebody sits between: do not play there.".to_owned(),
        ),
        Outcome::Failed(DialError::Refused { .. }) => (
            format!("Nobody listens on {below} port {port} for {name}."),
            "Restart the server, and check its ports.".to_owned(),
        ),
        // What to do about it stands at the page.
        #[cfg(target_family = "wasm")]
        Outcome::Failed(error @ DialError::Insecure) => (error.to_string(), String::new()),
        Outcome::Failed(error) => (error.to_string(), open),
        Outcome::Silent => (format!("A connection over {name} opens, but then nothing comes back."), open),
    };
    match best {
        Some(best) => Finding::warn(name, sentence, format!("{advice} Until then {best} is used.").trim_start()),
        None => Finding::bad(name, sentence, advice),
    }
}
