//! Real links, opened as a client opens them, over which nonsense comes: before the greeting, instead of it, and after a good one.
//!
//! Flow: lobby → grant → [`transport::dial`] → [`super::nonsense`] → [`transport::Link::send`].

use super::nonsense::Nonsense;
use super::tally::Port;
use super::{Pass, Storm};
use bytes::Bytes;
use protocol::lobby::Grant;
use protocol::wire::hello::{Hello, encode_hello};
use protocol::{Lane, Transport};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use transport::{Link, Offer, WireOptions, dial};

/// Time between two links of one wire.
const PAUSE: Duration = Duration::from_millis(70);
/// Links of one wire at once: far fewer than handshakes that a server has in flight.
const AT_ONCE: usize = 24;
/// How long a link is kept open after everything was said.
const PATIENCE: Duration = Duration::from_millis(600);
/// How long a silent link is kept: longer than a server waits for a greeting.
const SILENCE: Duration = Duration::from_millis(3_600);

/// What somebody does with a link.
#[derive(Clone, Copy)]
enum Manner {
    /// Says nonsense instead of hello.
    Stranger,
    /// Says nothing.
    Silent,
    /// Says a hello that went wrong.
    Garbled,
    /// Says hello and then nonsense.
    Insider,
    /// Says hello and then more than anybody may.
    Flooder,
}

const MANNERS: [Manner; 8] = [
    Manner::Stranger,
    Manner::Stranger,
    Manner::Garbled,
    Manner::Garbled,
    Manner::Insider,
    Manner::Insider,
    Manner::Flooder,
    Manner::Silent,
];

impl Manner {
    const fn name(self) -> &'static str {
        match self {
            Self::Stranger => "nonsense for hello",
            Self::Silent => "silent link",
            Self::Garbled => "garbled hello",
            Self::Insider => "hello, nonsense",
            Self::Flooder => "hello, flood",
        }
    }
}

/// Opens link after link over `wire` until the storm is over.
pub(super) async fn over(storm: Arc<Storm>, wire: Transport, pass: Pass) {
    let mut nonsense = Nonsense::new(storm.seed, 40 + u64::from(wire.code()));
    let mut visits = JoinSet::new();
    while !storm.over() {
        let manner = nonsense.one_of(&MANNERS);
        if let Some(grant) = storm.grant(&pass).await {
            let script = script(&mut nonsense, manner, &grant);
            visits.spawn(visit(
                Arc::clone(&storm),
                Offer::over(wire, grant.endpoints, WireOptions::default()),
                manner,
                script,
            ));
        }
        if visits.len() >= AT_ONCE {
            visits.join_next().await;
        }
        sleep(PAUSE).await;
    }
    while visits.join_next().await.is_some() {}
}

/// Writes down everything that will be said, so that it depends on the seed and the grant alone.
fn script(nonsense: &mut Nonsense, manner: Manner, grant: &Grant) -> Vec<(Lane, Vec<u8>)> {
    let hello = encode_hello(&Hello::Join { proof: grant.proof.clone() });
    let lines = match manner {
        Manner::Silent => 0,
        Manner::Garbled => 1,
        Manner::Stranger => nonsense.below(20) + 1,
        Manner::Insider => 40,
        Manner::Flooder => 600,
    };
    let mut script = Vec::with_capacity(lines + 1);
    match manner {
        Manner::Insider | Manner::Flooder => script.push((Lane::Reliable, hello.clone())),
        Manner::Garbled => script.push((Lane::Reliable, nonsense.mutated(&hello))),
        Manner::Stranger | Manner::Silent => {}
    }
    for _ in 0..lines {
        let line = if matches!(manner, Manner::Flooder) { nonsense.message() } else { nonsense.broken_message() };
        script.push(line);
    }
    script
}

async fn visit(storm: Arc<Storm>, offer: Offer, manner: Manner, script: Vec<(Lane, Vec<u8>)>) {
    let port = match offer.transport() {
        Transport::Quic | Transport::Webtransport => Port::Quic,
        Transport::Websocket | Transport::Http => Port::Http,
        Transport::Tcp => Port::Tcp,
        Transport::Udp | Transport::Memory => Port::Udp,
    };
    let link = dial(offer).await;
    storm.tally.connection(port, manner.name(), link.is_ok());
    let Ok(link) = link else { return };
    for (at, (lane, message)) in script.into_iter().enumerate() {
        let length = message.len();
        if link.send(lane, Bytes::from(message)).is_err() {
            break;
        }
        storm.tally.piece(port, manner.name(), length);
        // A newer Latest message replaces an unsent one; a pause lets it out. The flood has none.
        if at == 0 || (at % 4 == 0 && !matches!(manner, Manner::Flooder)) {
            sleep(Duration::from_millis(2)).await;
        }
    }
    let patience = if matches!(manner, Manner::Silent) { SILENCE } else { PATIENCE };
    let _ = timeout(patience, listen(&link)).await;
}

async fn listen(link: &Link) {
    while link.recv().await.is_some() {}
}
