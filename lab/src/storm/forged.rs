//! What the server has signed, sealed or handed out, altered by one bit or one letter, and shown a second time: secrets, grants, connect
//! tokens, tickets, codes. Nothing of that may be accepted.
//!
//! Flow: lobby → something good → [`forge`] alters or repeats it → the server, which must say no → [`Forged`].

use super::nonsense::Nonsense;
use super::{Pass, Storm};
use protocol::lobby::{Grant, Guest, NewRoom, NewTicket};
use protocol::wire::Kind;
use protocol::wire::hello::{Hello, encode_hello};
use protocol::{Lane, Transport};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::{sleep, timeout};
use transport::lobby::LobbyError;
use transport::{Link, Offer, WireOptions, dial};

/// Time between two attempts of one kind.
const PAUSE: Duration = Duration::from_millis(250);
/// How long a link may take to be welcomed or refused.
const PATIENCE: Duration = Duration::from_secs(3);
/// Altered connect tokens that are tried at the same time.
const TOKENS_AT_ONCE: usize = 16;
/// The bytes of a connect token that the server seals or signs: end of life, nonce, and what only it can read. What lies around them is
/// for the client alone.
const SEALED_BYTES: std::ops::Range<usize> = 37..37 + 8 + 24 + 1_024;

/// What is forged, one player each.
#[derive(Clone, Copy, Debug)]
pub(super) enum Forgery {
    Secret,
    AlteredGrant,
    UsedGrant,
    AlteredToken,
    UsedToken,
    Ticket,
    Code,
}

impl Forgery {
    /// All of them.
    pub(super) const ALL: [Self; 7] = [
        Self::Secret,
        Self::AlteredGrant,
        Self::UsedGrant,
        Self::AlteredToken,
        Self::UsedToken,
        Self::Ticket,
        Self::Code,
    ];

    /// What the player is called who tries it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Secret => "Forge secret",
            Self::AlteredGrant => "Forge grant",
            Self::UsedGrant => "Reuse grant",
            Self::AlteredToken => "Forge token",
            Self::UsedToken => "Reuse token",
            Self::Ticket => "Forge ticket",
            Self::Code => "Forge code",
        }
    }
}

/// How often something forged was tried, and taken for good.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub struct Forged {
    /// Attempts.
    pub tried: u64,
    /// Of them, accepted. Anything but 0 is a hole.
    pub accepted: u64,
}

/// Everything that was tried, by what it was.
#[derive(Debug, Default)]
pub(super) struct Forgeries(Mutex<BTreeMap<&'static str, Forged>>);

impl Forgeries {
    fn note(&self, kind: &'static str, accepted: bool) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let forged = all.entry(kind).or_default();
        forged.tried += 1;
        forged.accepted += u64::from(accepted);
    }

    /// Returns everything so far.
    pub(super) fn all(&self) -> BTreeMap<&'static str, Forged> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Tries one kind of forgery until the storm is over.
pub(super) async fn forge(storm: Arc<Storm>, pass: Pass, forgery: Forgery) {
    let mut nonsense = Nonsense::new(storm.seed, 70 + forgery as u64);
    while !storm.over() {
        // Whoever cannot get something good at the moment has nothing to forge.
        let _ = attempt(&storm, &pass, forgery, &mut nonsense).await;
        sleep(PAUSE).await;
    }
}

async fn attempt(storm: &Storm, pass: &Pass, forgery: Forgery, nonsense: &mut Nonsense) -> Result<(), LobbyError> {
    let note = |kind, accepted| storm.forgeries.note(kind, accepted);
    let lobby = &storm.lobby;
    match forgery {
        Forgery::Secret => {
            for secret in wrong_secrets(&pass.guest.secret, nonsense) {
                note("altered secret", lobby.me(&Guest { secret, ..pass.guest.clone() }).await.is_ok());
            }
        }
        Forgery::AlteredGrant => {
            let mut grant = lobby.take_seat(&pass.guest, pass.room).await?;
            let at = nonsense.below(grant.proof.len());
            grant.proof[at] ^= 1 << nonsense.below(8);
            note("altered grant", enter(&grant, nonsense.one_of(&Transport::WIRES)).await.is_some());
        }
        Forgery::UsedGrant => {
            let grant = lobby.take_seat(&pass.guest, pass.room).await?;
            let Some(_owner) = enter(&grant, Transport::Tcp).await else { return Ok(()) };
            // Not over udp: there, the connect token has been made for one link anyway.
            let wire = nonsense.one_of(&[Transport::Tcp, Transport::Quic, Transport::Websocket]);
            note("grant used twice", enter(&grant, wire).await.is_some());
        }
        Forgery::AlteredToken => {
            let grant = lobby.take_seat(&pass.guest, pass.room).await?;
            // Several at once: a server does not answer them, so each is given up only after a while.
            let mut attempts = tokio::task::JoinSet::new();
            for _ in 0..TOKENS_AT_ONCE {
                let mut grant = grant.clone();
                let at = SEALED_BYTES.start + nonsense.below(SEALED_BYTES.len());
                grant.endpoints.udp.token[at] ^= 1 << nonsense.below(8);
                attempts.spawn(async move { open(&grant).await.is_some() });
            }
            attempts.join_all().await.into_iter().for_each(|accepted| note("altered connect token", accepted));
        }
        Forgery::UsedToken => {
            let grant = lobby.take_seat(&pass.guest, pass.room).await?;
            let Some(owner) = open(&grant).await else { return Ok(()) };
            note("connect token used twice", open(&grant).await.is_some());
            drop(owner);
            note("connect token used again", open(&grant).await.is_some());
        }
        Forgery::Ticket => {
            let wish = NewTicket { bots: false, ..NewTicket::default() };
            let ticket = lobby.open_ticket(&pass.guest, &wish).await?.id;
            let other = protocol::ids::TicketId(ticket.0 ^ 1 << nonsense.below(52));
            let stranger = &storm.stranger;
            note("altered ticket", lobby.ticket(&pass.guest, other).await.is_ok());
            note("somebody else's ticket", lobby.ticket(stranger, ticket).await.is_ok());
            note("somebody else's ticket", lobby.accept(stranger, ticket).await.is_ok());
            note("somebody else's ticket", lobby.cancel_ticket(stranger, ticket).await.is_ok());
            lobby.cancel_ticket(&pass.guest, ticket).await?;
            note("cancelled ticket", lobby.accept(&pass.guest, ticket).await.is_ok());
        }
        Forgery::Code => {
            let wish = NewRoom { private: true, bots: Some(0), ..NewRoom::default() };
            // Everybody leads one room at most, and one that could not be closed again must not be in the way of the next.
            let host = lobby.guest(forgery.name()).await?;
            let opened = lobby.open_room(&host, &wish).await?;
            let code = opened.invite.code;
            note("altered code", lobby.by_code(&altered_code(&code, nonsense)).await.is_ok());
            lobby.close_room(&host, opened.room.id).await?;
            note("code of a closed room", lobby.by_code(&code).await.is_ok());
        }
    }
    Ok(())
}

/// Returns `secret` with one letter exchanged, without its last letter, and with one more.
fn wrong_secrets(secret: &str, nonsense: &mut Nonsense) -> [String; 3] {
    let at = nonsense.below(secret.len());
    let exchanged = |(place, letter)| {
        if place != at {
            letter
        } else if letter == 'A' {
            'B'
        } else {
            'A'
        }
    };
    let shorter = secret.chars().take(secret.len().saturating_sub(1)).collect();
    [secret.chars().enumerate().map(exchanged).collect(), shorter, format!("{secret}A")]
}

/// Returns `code` with one letter exchanged for another that a code may have.
fn altered_code(code: &str, nonsense: &mut Nonsense) -> String {
    let at = nonsense.one_of(&[0, 1, 2, 4, 5, 6]);
    let exchanged = |(place, letter)| {
        if place != at {
            letter
        } else if letter == 'A' {
            'B'
        } else {
            'A'
        }
    };
    code.chars().enumerate().map(exchanged).collect()
}

/// Opens a link with the grant's connect token.
async fn open(grant: &Grant) -> Option<Link> {
    dial(Offer::over(Transport::Udp, grant.endpoints.clone(), WireOptions::default())).await.ok()
}

/// Opens a link and shows the grant's proof on it. Returns the link if that was welcome.
async fn enter(grant: &Grant, wire: Transport) -> Option<Link> {
    let link = dial(Offer::over(wire, grant.endpoints.clone(), WireOptions::default())).await.ok()?;
    link.send(Lane::Reliable, encode_hello(&Hello::Join { proof: grant.proof.clone() }).into()).ok()?;
    let welcomed = async {
        while let Some(inbound) = link.recv().await {
            if let Ok((Kind::Welcome, _)) = Kind::split(inbound.lane, &inbound.bytes) {
                return true;
            }
        }
        false
    };
    timeout(PATIENCE, welcomed).await.unwrap_or(false).then_some(link)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_altered_differs() {
        let mut nonsense = Nonsense::new(1, 1);
        for _ in 0..100 {
            for secret in wrong_secrets("ABCDE", &mut nonsense) {
                assert_ne!(secret, "ABCDE");
            }
            let code = altered_code("KMA-4QX", &mut nonsense);
            assert!(code != "KMA-4QX" && code.parse::<protocol::invite::InviteCode>().is_ok(), "{code}");
        }
    }
}
