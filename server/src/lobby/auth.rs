//! Guests: how a player is known without an account and without a database.
//!
//! The secret that a guest gets is the guest: id and name, and a code over both that only this server can make. So guests stay
//! valid over restarts, cost no memory, and cannot be guessed or changed. It travels as a bearer in a header, never as a cookie
//! or in a URL, so no other web page can use it.
//!
//! ```text
//! base64url( player: u64 LE | name: 2..=16 ASCII | HMAC-SHA256(secret of the server, "crosswire guest" | player | name) )
//! ```
//!
//! Flow: `POST /v1/guests` → [`issue`] → client → `Authorization: Bearer` → [`Caller`] → [`super::routes`].

use super::keys::Keys;
use super::problem::Refusal;
use super::routes::Shared;
use axum::extract::FromRequestParts;
use axum::http::{header, request::Parts};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use hmac::Mac;
use protocol::ids::PlayerId;
use protocol::lobby::Guest;
use protocol::names::valid_name;
use std::sync::Arc;

const ID_BYTES: usize = 8;
const CODE_BYTES: usize = 32;

/// Somebody who has proved who they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// Which player.
    pub player: PlayerId,
    /// The name that others see.
    pub name: String,
}

/// Makes a new guest. `name` must be valid.
pub(super) fn issue(keys: &Keys, player: PlayerId, name: &str) -> Guest {
    let code = keys.guest_mac(player.0, name).finalize().into_bytes();
    let secret = URL_SAFE_NO_PAD.encode([&player.0.to_le_bytes(), name.as_bytes(), &code].concat());
    Guest { player, name: name.to_owned(), secret }
}

/// Returns who has `secret`, or none if this server did not issue it. Takes the same time for every wrong code.
pub(super) fn recognise(keys: &Keys, secret: &str) -> Option<Caller> {
    let bytes = URL_SAFE_NO_PAD.decode(secret).ok()?;
    let (id, rest) = bytes.split_first_chunk::<ID_BYTES>()?;
    let (name, code) = rest.split_last_chunk::<CODE_BYTES>()?;
    let player = PlayerId(u64::from_le_bytes(*id));
    let name = std::str::from_utf8(name).ok().filter(|name| valid_name(name))?;
    keys.guest_mac(player.0, name).verify_slice(code).ok()?;
    Some(Caller { player, name: name.to_owned() })
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
        recognise(&shared.keys, secret.trim()).ok_or(Refusal::Unauthorized)
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

    #[test]
    fn a_guest_is_recognised_by_the_same_server_only() {
        let keys = Keys::temporary();
        let guest = issue(&keys, PlayerId(7), "Ripley");
        assert_eq!(recognise(&keys, &guest.secret), Some(Caller { player: PlayerId(7), name: "Ripley".into() }));
        assert_eq!(recognise(&Keys::temporary(), &guest.secret), None);
    }

    #[test]
    fn no_altered_secret_is_accepted() {
        let keys = Keys::temporary();
        let bytes = URL_SAFE_NO_PAD.decode(issue(&keys, PlayerId(7), "Ripley").secret).expect("we encoded it");
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut altered = bytes.clone();
                altered[at] ^= 1 << bit;
                assert_eq!(recognise(&keys, &URL_SAFE_NO_PAD.encode(altered)), None, "byte {at}, bit {bit}");
            }
        }
        for end in 0..bytes.len() {
            assert_eq!(recognise(&keys, &URL_SAFE_NO_PAD.encode(&bytes[..end])), None, "cut to {end}");
        }
        for nonsense in ["", "=", "é", "AAAA", &"A".repeat(10_000)] {
            assert_eq!(recognise(&keys, nonsense), None);
        }
    }
}
