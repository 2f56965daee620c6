//! Connect tokens: what lets a client in over `udp`, and only it, once.
//!
//! A token names the server's addresses, carries the keys of one connection and, sealed for the server, 256 bytes that say
//! who the player is. Its `client_id` is random: a player who comes back after a crash must not have to wait until the
//! server has given up the link that went before.
//!
//! Flow: the server's lobby -> [`connect_token`] -> `Offer::Udp` -> [`read`] -> `udp/client.rs`.

use crate::Timing;
use crate::link::Identity;
use protocol::limits;
use renetcode::ConnectToken;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{SystemTime, UNIX_EPOCH};

/// Addresses that a token can hold. netcode's number.
const MAX_ADDRESSES: usize = 32;

/// Why no token could be minted, or none could be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// What was offered is not a token of this version. The lobby's fault, or that of whoever changed it on the way.
    #[error("the ticket for UDP cannot be read")]
    Malformed,
    /// Our own fault: no address, or too many.
    #[error("the ticket for UDP needs between 1 and {MAX_ADDRESSES} addresses")]
    NoAddress,
    /// Our own fault: the keys could not seal it.
    #[error("the ticket for UDP could not be sealed: {0}")]
    Sealing(String),
}

/// Mints a connect token for one link.
///
/// - `key` is the server's netcode key;
/// - `addresses` are where the client shall try, in this order. At least one must be in the server's `udp_public`;
/// - `identity` comes out of [`crate::Link::identity`] on the server, authenticated.
pub fn connect_token(
    key: &[u8; 32],
    addresses: &[SocketAddr],
    identity: &Identity,
    timing: &Timing,
) -> Result<Vec<u8>, TokenError> {
    if addresses.is_empty() || addresses.len() > MAX_ADDRESSES {
        return Err(TokenError::NoAddress);
    }
    // A clock before 1970 makes a token that has expired, which the server refuses: no reason to fail here.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let token = ConnectToken::generate(
        now,
        limits::NETCODE_PROTOCOL_ID,
        limits::GRANT_LIFETIME.as_secs(),
        rand::random(),
        silence_seconds(timing),
        addresses.to_vec(),
        Some(identity),
        key,
    )
    .map_err(|e| TokenError::Sealing(e.to_string()))?;
    let mut bytes = Vec::with_capacity(TOKEN_BYTES);
    token.write(&mut bytes).map_err(|e| TokenError::Sealing(e.to_string()))?;
    Ok(bytes)
}

/// A token with one address takes about this many bytes.
const TOKEN_BYTES: usize = 1_200;

/// netcode counts silence in whole seconds.
fn silence_seconds(timing: &Timing) -> i32 {
    i32::try_from(timing.silence.as_secs().max(1)).unwrap_or(i32::MAX)
}

/// Reads a token, and checks everything on which `renetcode`'s client would stumble.
pub(super) fn read(bytes: &[u8]) -> Result<ConnectToken, TokenError> {
    let token = ConnectToken::read(&mut &*bytes).map_err(|_| TokenError::Malformed)?;
    let sound = token.protocol_id == limits::NETCODE_PROTOCOL_ID
        && token.expire_timestamp > token.create_timestamp
        && token.timeout_seconds > 0
        && token.server_addresses.first().is_some_and(Option::is_some);
    if sound { Ok(token) } else { Err(TokenError::Malformed) }
}

/// Returns the first address of a token, as it is to be dialled.
pub(crate) fn first_address(bytes: &[u8]) -> Result<SocketAddr, TokenError> {
    let token = read(bytes)?;
    token.server_addresses.iter().flatten().next().copied().map(reachable).ok_or(TokenError::NoAddress)
}

/// Returns the address to dial for one that stands in a token. A server bound to "everywhere" on this machine is here.
pub(super) fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, address.port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn address() -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], 5000))
    }

    #[test]
    fn two_tokens_never_share_a_client_id() {
        let mint = || connect_token(&[1; 32], &[address()], &[0; 256], &Timing::default()).unwrap();
        let (a, b) = (read(&mint()).unwrap(), read(&mint()).unwrap());
        assert_ne!(a.client_id, b.client_id);
        assert_eq!(a.server_addresses[0], Some(address()));
        assert_eq!(a.expire_timestamp - a.create_timestamp, limits::GRANT_LIFETIME.as_secs());
    }

    #[test]
    fn a_token_needs_an_address() {
        let minted = connect_token(&[1; 32], &[], &[0; 256], &Timing::default());
        assert!(matches!(minted, Err(TokenError::NoAddress)));
    }

    #[test]
    fn everywhere_is_dialled_as_here() {
        assert_eq!(reachable(SocketAddr::from(([0, 0, 0, 0], 7))), SocketAddr::from(([127, 0, 0, 1], 7)));
        assert_eq!(reachable(address()), address());
    }

    proptest! {
        #[test]
        fn no_bytes_make_reading_panic(bytes in prop::collection::vec(any::<u8>(), 0..1_500)) {
            let _ = read(&bytes);
        }

        #[test]
        fn no_altered_token_makes_reading_panic(at in 0_usize..1_200, to in any::<u8>()) {
            let mut bytes = connect_token(&[1; 32], &[address()], &[0; 256], &Timing::default()).unwrap();
            if let Some(byte) = bytes.get_mut(at) {
                *byte = to;
            }
            let _ = read(&bytes);
        }
    }
}
