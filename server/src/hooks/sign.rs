//! Signatures as Standard Webhooks wants them (<https://www.standardwebhooks.com>), so that a receiver can use a library that exists.
//!
//! ```text
//! webhook-id: msg_5d0c31aa_42
//! webhook-timestamp: 1779998400
//! webhook-signature: v1,base64( HMAC-SHA256(key, id ‖ "." ‖ timestamp ‖ "." ‖ body) )
//! ```
//!
//! The time is signed too, so that what was once overheard cannot be played back later.
//!
//! Flow: [`super::worker`] → here → [`super::send`].

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Bytes of a key.
pub(super) const KEY_BYTES: usize = 32;

/// Returns a key as it is told to the operator, once.
pub(super) fn told(key: &[u8; KEY_BYTES]) -> String {
    format!("whsec_{}", STANDARD.encode(key))
}

/// Returns the signature of a message that is sent at `timestamp` (Unix seconds).
pub(super) fn signature(key: &[u8; KEY_BYTES], id: &str, timestamp: u64, body: &str) -> String {
    // HMAC pads its key with zeros to the block of the hash (RFC 2104), which is 64 bytes for SHA-256.
    let mut block = [0; 64];
    block.iter_mut().zip(key).for_each(|(to, from)| *to = *from);
    let mut mac = <Hmac<Sha256> as Mac>::new(&block.into());
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the standard's own documentation and libraries.
    #[test]
    fn the_standards_own_example_comes_out() {
        let raw = STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").expect("base64");
        let mut key = [0; KEY_BYTES];
        key.iter_mut().zip(raw).for_each(|(to, from)| *to = from);
        let signed = signature(&key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        assert_eq!(signed, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn every_part_is_signed() {
        let base = signature(&[1; KEY_BYTES], "msg_1", 2, "{}");
        assert_ne!(base, signature(&[2; KEY_BYTES], "msg_1", 2, "{}"));
        assert_ne!(base, signature(&[1; KEY_BYTES], "msg_2", 2, "{}"));
        assert_ne!(base, signature(&[1; KEY_BYTES], "msg_1", 3, "{}"));
        assert_ne!(base, signature(&[1; KEY_BYTES], "msg_1", 2, "{ }"));
        assert_eq!(told(&[0; KEY_BYTES]).len(), "whsec_".len() + 44);
    }
}
