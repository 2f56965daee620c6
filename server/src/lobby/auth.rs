//! Guests: how a player is known without an account. A secret of 256 random bits is made at the first visit; whoever has it is that
//! player, and only its hash is stored. It travels as a bearer in a header, never as a cookie or in a URL, so no other web page can
//! use it.
//!
//! A guest who comes often is not looked up often: the last few thousand are kept in memory.
//!
//! Flow: `POST /v1/guests` → [`Guests::admit`] → client → `Authorization: Bearer` → [`Caller`] → [`super::routes`].

use super::problem::Refusal;
use super::routes::Shared;
use crate::events::unix_ms;
use crate::store::players::{self, SecretHash};
use crate::store::{Store, StoreError};
use axum::extract::FromRequestParts;
use axum::http::{header, request::Parts};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use protocol::ids::PlayerId;
use protocol::lobby::Guest;
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Bytes of a secret.
const SECRET_BYTES: usize = 32;
/// Guests that are kept in memory without having been seen for long; at most twice as many are, which are about 2 MiB.
const KEPT_GUESTS: usize = 8_192;

/// Somebody who has proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// Which player.
    pub player: PlayerId,
    /// The name that others see.
    pub name: String,
    /// What they have proved it with.
    pub secret: SecretHash,
}

/// Who is known here.
pub(super) struct Guests {
    store: Store,
    recent: Mutex<Recent>,
}

/// Those seen lately, in two halves: when the young one is full it becomes the old one, and whoever is still there is forgotten.
#[derive(Default)]
struct Recent {
    young: HashMap<SecretHash, (PlayerId, String)>,
    old: HashMap<SecretHash, (PlayerId, String)>,
    /// Rises with every change of a name: what was read before one may be wrong after it.
    renames: u64,
}

impl Guests {
    pub(super) fn new(store: Store) -> Self {
        Self { store, recent: Mutex::default() }
    }

    /// Makes a new guest. `name` must be valid. Returns after the disk has confirmed it.
    pub(super) async fn admit(&self, name: &str) -> Result<Guest, StoreError> {
        let (player, secret) = (PlayerId::from_random(rand::random()), rand::random::<[u8; SECRET_BYTES]>());
        let (hash, stored) = (hash(&secret), name.to_owned());
        let create = move |transaction: &_| players::create(transaction, player, &stored, &hash, unix_ms());
        self.store.write(move |transaction| create(transaction)).await?;
        self.recent().keep(hash, player, name);
        Ok(Guest { player, name: name.to_owned(), secret: URL_SAFE_NO_PAD.encode(secret) })
    }

    /// Returns who has `secret`, or none if this server did not issue it.
    pub(super) async fn recognise(&self, secret: &str) -> Result<Option<Caller>, StoreError> {
        let Some(bytes) = decode(secret) else { return Ok(None) };
        let secret = hash(&bytes);
        let renames = {
            let mut recent = self.recent();
            if let Some((player, name)) = recent.find(&secret) {
                return Ok(Some(Caller { player, name, secret }));
            }
            recent.renames
        };
        let found = self.store.read(move |connection| players::by_secret(connection, &secret)).await?;
        let Some((player, name)) = found else { return Ok(None) };
        let mut recent = self.recent();
        if recent.renames == renames {
            recent.keep(secret, player, &name);
        }
        Ok(Some(Caller { player, name, secret }))
    }

    /// Gives `caller` another name, which must be valid. Returns after the disk has confirmed it.
    pub(super) async fn rename(&self, caller: &Caller, name: &str) -> Result<(), StoreError> {
        let (player, stored) = (caller.player, name.to_owned());
        let renamed = self.store.write(move |transaction| players::rename(transaction, player, &stored)).await;
        let mut recent = self.recent();
        // Forgotten rather than changed: of two at the same moment the store knows which was last, and after an error what is true.
        recent.forget(&caller.secret);
        renamed.map(drop)
    }

    fn recent(&self) -> MutexGuard<'_, Recent> {
        self.recent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Recent {
    fn find(&mut self, secret: &SecretHash) -> Option<(PlayerId, String)> {
        if let Some((player, name)) = self.old.remove(secret) {
            self.keep(*secret, player, &name);
        }
        self.young.get(secret).cloned()
    }

    fn keep(&mut self, secret: SecretHash, player: PlayerId, name: &str) {
        if self.young.len() >= KEPT_GUESTS {
            self.old = take(&mut self.young);
        }
        self.young.insert(secret, (player, name.to_owned()));
    }

    fn forget(&mut self, secret: &SecretHash) {
        self.renames += 1;
        self.young.remove(secret);
        self.old.remove(secret);
    }
}

fn decode(secret: &str) -> Option<[u8; SECRET_BYTES]> {
    let mut bytes = [0; SECRET_BYTES];
    let length = URL_SAFE_NO_PAD.decode_slice(secret, &mut bytes).ok()?;
    (length == SECRET_BYTES).then_some(bytes)
}

fn hash(secret: &[u8; SECRET_BYTES]) -> SecretHash {
    Sha256::digest(secret).into()
}

impl FromRequestParts<Arc<Shared>> for Caller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Refusal> {
        let mut lines = parts.headers.get_all(header::AUTHORIZATION).iter();
        // Two identities in one request are none.
        let (Some(line), None) = (lines.next(), lines.next()) else { return Err(Refusal::Unauthorized) };
        let (scheme, secret) = line.to_str().ok().and_then(|line| line.split_once(' ')).ok_or(Refusal::Unauthorized)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(Refusal::Unauthorized);
        }
        shared.guests.recognise(secret.trim()).await?.ok_or(Refusal::Unauthorized)
    }
}

/// Whoever asks: known, or nobody in particular. A bearer that is not ours is still refused.
#[derive(Clone, Debug)]
pub(super) struct Visitor(pub(super) Option<Caller>);

impl FromRequestParts<Arc<Shared>> for Visitor {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, shared: &Arc<Shared>) -> Result<Self, Refusal> {
        if !parts.headers.contains_key(header::AUTHORIZATION) {
            return Ok(Self(None));
        }
        Caller::from_request_parts(parts, shared).await.map(|caller| Self(Some(caller)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server() -> Guests {
        Guests::new(Store::open(None).expect("memory"))
    }

    #[tokio::test]
    async fn a_guest_is_recognised_by_the_same_store_only() {
        let (here, there) = (server(), server());
        let guest = here.admit("Ripley").await.expect("room for one");
        let caller = here.recognise(&guest.secret).await.expect("readable").expect("known");
        assert_eq!((caller.player, caller.name.as_str()), (guest.player, "Ripley"));
        assert_eq!(there.recognise(&guest.secret).await, Ok(None));
        let restarted = Guests::new(here.store.clone());
        assert_eq!(restarted.recognise(&guest.secret).await, Ok(Some(caller)), "it was not only in memory");
        let stored: i64 = here
            .store
            .read(move |connection| {
                let sql = "SELECT count(*) FROM players WHERE instr(secret_sha256, ?) OR instr(name, ?)";
                connection.query_row(sql, [&guest.secret, &guest.secret], |row| row.get(0))
            })
            .await
            .expect("readable");
        assert_eq!(stored, 0, "the secret itself is not stored");
    }

    #[tokio::test]
    async fn no_altered_secret_is_accepted() {
        let guests = server();
        let secret = guests.admit("Ripley").await.expect("room for one").secret;
        let bytes = URL_SAFE_NO_PAD.decode(&secret).expect("we encoded it");
        for at in 0..bytes.len() {
            let mut altered = bytes.clone();
            altered[at] ^= 1 << (at % 8);
            assert_eq!(guests.recognise(&URL_SAFE_NO_PAD.encode(altered)).await, Ok(None), "byte {at}");
            assert_eq!(guests.recognise(&URL_SAFE_NO_PAD.encode(&bytes[..at])).await, Ok(None), "cut to {at}");
        }
        for nonsense in ["", "=", "é", "AAAA", &"A".repeat(10_000), &format!("{secret}A"), &format!("{secret}=")] {
            assert_eq!(guests.recognise(nonsense).await, Ok(None));
        }
    }

    #[tokio::test]
    async fn another_name_is_seen_at_once_and_kept() {
        let guests = server();
        let guest = guests.admit("Ripley").await.expect("room for one");
        let caller = guests.recognise(&guest.secret).await.expect("readable").expect("known");
        guests.rename(&caller, "Ellen").await.expect("room for it");
        let renamed = guests.recognise(&guest.secret).await.expect("readable").expect("known");
        assert_eq!((renamed.player, renamed.name.as_str()), (guest.player, "Ellen"));
    }

    #[test]
    fn those_who_come_often_are_kept_and_the_others_forgotten() {
        let mut recent = Recent::default();
        let secret = |number: usize| -> SecretHash { Sha256::digest(number.to_le_bytes()).into() };
        for number in 0..3 * KEPT_GUESTS {
            recent.keep(secret(number), PlayerId(number as u64), "Somebody");
            assert_eq!(recent.find(&secret(0)).map(|(player, _)| player), Some(PlayerId(0)));
        }
        assert!(recent.young.len() + recent.old.len() <= 2 * KEPT_GUESTS);
        assert_eq!(recent.find(&secret(1)), None);
    }
}
