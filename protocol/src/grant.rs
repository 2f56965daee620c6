//! Proofs and keys: how a room knows that the lobby sent somebody, and that a new link belongs to an old session.
//!
//! A **proof** is sealed with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) under a key that lobby and rooms share. It says who may
//! take a seat where, for which audience and until when. It is good once: [`UsedProofs`] remembers it until it has expired.
//!
//! A **resume key** is a ratchet. The lobby hands out the key of epoch 1; the key of every later epoch is
//! `HMAC-SHA256(previous key, "crosswire resume")`, computed by both ends and never sent. To attach a link at epoch *e* the client
//! sends `HMAC-SHA256(key of e, "crosswire attach" ‖ session ‖ e ‖ transport)`. The server then moves to the key of *e*: older ones
//! are dead, cannot be computed backwards, and an attempt that was lost on the way costs nothing but a number.
//!
//! Flow: `server::lobby` seals → client carries → `server::rooms` opens ([`Sealer::open`], [`ResumeKey::verify`]).

use crate::ids::{Epoch, PlayerId, RoomId, SessionId, Transport};
use crate::limits::{CLOCK_LEEWAY, GRANT_LIFETIME};
use crate::names::valid_name;
use crate::wire::hello::Shadow;
use crate::wire::plain;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, Mac};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use std::collections::BTreeMap;
use std::fmt;
use thiserror::Error;

const NONCE_BYTES: usize = 24;
const PURPOSE: &[u8] = b"crosswire grant 2";

/// Milliseconds since 1970, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UnixMillis(pub u64);

/// What a proof says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// Names this proof; random.
    pub id: u64,
    /// Who may enter.
    pub player: PlayerId,
    /// The name that others see.
    pub name: String,
    /// Where.
    pub room: RoomId,
    /// Only to watch.
    pub spectate: bool,
    /// As which session.
    pub session: SessionId,
    /// Key of epoch 1.
    pub resume_key: ResumeKey,
    /// When it was sealed.
    pub issued: UnixMillis,
}

/// Why a proof is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum ProofError {
    /// It was not sealed with this key for this audience, or was changed on the way.
    #[error("the proof was altered or belongs to another server")]
    Altered,
    /// It is older than [`GRANT_LIFETIME`].
    #[error("the proof has expired")]
    Expired,
    /// It comes from the future by more than [`CLOCK_LEEWAY`].
    #[error("the proof is from the future; the clocks of lobby and room disagree")]
    Future,
    /// It was used before.
    #[error("the proof was used before")]
    Used,
}

/// Seals and opens proofs for one audience.
#[derive(Clone)]
pub struct Sealer {
    cipher: XChaCha20Poly1305,
    context: Vec<u8>,
}

impl Sealer {
    /// Returns a sealer for `audience`, the name of the game server that proofs are for.
    pub fn new(key: &[u8; 32], audience: &str) -> Self {
        let context = [PURPOSE, audience.as_bytes()].concat();
        Self { cipher: XChaCha20Poly1305::new(key.into()), context }
    }

    /// Returns the sealed proof: 24 bytes of nonce, then ciphertext and tag. `nonce` must be random and never repeat.
    pub fn seal(&self, proof: &Proof, nonce: [u8; NONCE_BYTES]) -> Vec<u8> {
        let plain = plain::encode(proof);
        let payload = Payload { msg: &plain, aad: &self.context };
        // The cipher fails only on messages of 256 GiB; an empty seal would then be refused by `open`.
        let sealed = self.cipher.encrypt(XNonce::from_slice(&nonce), payload).unwrap_or_default();
        [nonce.as_slice(), &sealed].concat()
    }

    /// Opens a proof at the time `now`. Does not check whether it was used before: see [`UsedProofs`].
    ///
    /// # Errors
    /// [`ProofError::Altered`], [`ProofError::Expired`] or [`ProofError::Future`]; always the sender's fault.
    pub fn open(&self, sealed: &[u8], now: UnixMillis) -> Result<Proof, ProofError> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES).ok_or(ProofError::Altered)?;
        let payload = Payload { msg: sealed, aad: &self.context };
        let opened = self.cipher.decrypt(XNonce::from_slice(nonce), payload).map_err(|_| ProofError::Altered)?;
        let proof: Proof = plain::decode(&opened).map_err(|_| ProofError::Altered)?;
        if !valid_name(&proof.name) {
            return Err(ProofError::Altered);
        }
        if proof.issued.0 > now.0.saturating_add(CLOCK_LEEWAY.as_millis() as u64) {
            return Err(ProofError::Future);
        }
        if now.0 > proof.expires().0.saturating_add(CLOCK_LEEWAY.as_millis() as u64) {
            return Err(ProofError::Expired);
        }
        Ok(proof)
    }
}

impl Proof {
    /// Returns when it stops being good, leeway not counted.
    pub fn expires(&self) -> UnixMillis {
        UnixMillis(self.issued.0.saturating_add(GRANT_LIFETIME.as_millis() as u64))
    }
}

/// Proofs that were used and have not expired yet.
#[derive(Debug, Default)]
pub struct UsedProofs {
    until: BTreeMap<u64, UnixMillis>,
}

impl UsedProofs {
    /// Marks `proof` as used.
    ///
    /// # Errors
    /// [`ProofError::Used`] if it was used before.
    pub fn redeem(&mut self, proof: &Proof, now: UnixMillis) -> Result<(), ProofError> {
        let leeway = CLOCK_LEEWAY.as_millis() as u64;
        self.until.retain(|_, until| until.0 >= now.0);
        let until = UnixMillis(proof.expires().0.saturating_add(leeway.saturating_mul(2)));
        match self.until.insert(proof.id, until) {
            None => Ok(()),
            Some(_) => Err(ProofError::Used),
        }
    }
}

/// Key of one epoch. Deliberately without a readable `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeKey(pub [u8; 32]);

impl fmt::Debug for ResumeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResumeKey(secret)")
    }
}

impl ResumeKey {
    /// Returns the key `epochs` later.
    #[must_use]
    pub fn advanced(&self, epochs: u32) -> Self {
        (0..epochs).fold(self.clone(), |key, _| Self(key.mac(&[b"crosswire resume"]).finalize().into_bytes().into()))
    }

    /// Returns the proof that the holder of this key wants to attach a link of `transport` at `epoch`.
    pub fn prove(&self, session: SessionId, epoch: Epoch, transport: Transport) -> [u8; 32] {
        self.attach_mac(session, epoch, transport).finalize().into_bytes().into()
    }

    /// Returns whether `proof` was made with this key, in constant time.
    pub fn verify(&self, session: SessionId, epoch: Epoch, transport: Transport, proof: &[u8; 32]) -> bool {
        self.attach_mac(session, epoch, transport).verify_slice(proof).is_ok()
    }

    fn attach_mac(&self, session: SessionId, epoch: Epoch, transport: Transport) -> Hmac<Sha256> {
        self.mac(&[b"crosswire attach", &session.0.to_le_bytes(), &epoch.0.to_le_bytes(), &[transport.code()]])
    }

    /// Returns the proof that the holder of this key has said `shadow` on a link of `transport`, its own `key_proof` aside.
    pub fn prove_shadow(&self, shadow: &Shadow, transport: Transport) -> [u8; 32] {
        self.shadow_mac(shadow, transport).finalize().into_bytes().into()
    }

    /// Returns whether the `key_proof` of `shadow` was made with this key, in constant time.
    pub fn verify_shadow(&self, shadow: &Shadow, transport: Transport) -> bool {
        self.shadow_mac(shadow, transport).verify_slice(&shadow.key_proof).is_ok()
    }

    fn shadow_mac(&self, shadow: &Shadow, transport: Transport) -> Hmac<Sha256> {
        let (session, epoch) = (shadow.session.0.to_le_bytes(), shadow.epoch.0.to_le_bytes());
        let (number, kind) = (shadow.number.to_le_bytes(), [u8::from(shadow.whole), transport.code()]);
        self.mac(&[b"crosswire shadow", &session, &epoch, &number, &kind])
    }

    fn mac(&self, parts: &[&[u8]]) -> Hmac<Sha256> {
        // HMAC pads its key with zeros to the block of the hash (RFC 2104), which is 64 bytes for SHA-256.
        let mut block = [0; 64];
        block.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        let mut mac = <Hmac<Sha256> as Mac>::new(&block.into());
        parts.iter().for_each(|part| mac.update(part));
        mac
    }
}

/// The 256 bytes of user data in a netcode connect token: whose link this will be. The token is sealed, so they are authentic.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkIdentity {
    /// The player that the lobby knows.
    pub player: PlayerId,
    /// The session that the token was minted for.
    pub session: SessionId,
}

impl LinkIdentity {
    /// Returns the user data of a token for this identity.
    pub fn to_user_data(self) -> [u8; 256] {
        let mut data = [0; 256];
        let ids = self.player.0.to_le_bytes().into_iter().chain(self.session.0.to_le_bytes());
        data.iter_mut().zip(ids).for_each(|(to, from)| *to = from);
        data
    }

    /// Reads the user data of a token.
    pub fn from_user_data(data: &[u8; 256]) -> Self {
        let id = |at: usize| {
            let bytes = data.iter().skip(at).take(8);
            bytes.rev().fold(0_u64, |id, byte| id << 8 | u64::from(*byte))
        };
        Self { player: PlayerId(id(0)), session: SessionId(id(8)) }
    }
}
