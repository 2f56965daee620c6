//! `Debug` without secrets: what lands in a log or a failed test must not let its reader in.
//!
//! Flow: the types of [`super`] that hold a secret → `veiled_debug` → logs.

/// Implements `Debug` for a struct with the fields of the first list alone; those of the second are left out and shown as `..`. A field
/// that is in neither list does not compile, so that nobody adds a secret without a thought.
macro_rules! veiled_debug {
    ($name:ident { $($shown:ident),* } without $($hidden:ident),+) => {
        impl std::fmt::Debug for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let Self { $($shown,)* $($hidden: _),+ } = self;
                f.debug_struct(stringify!($name))$(.field(stringify!($shown), $shown))*.finish_non_exhaustive()
            }
        }
    };
}

pub(super) use veiled_debug;

#[cfg(test)]
mod tests {
    use crate::ids::{PlayerId, RoomId, SessionId};
    use crate::lobby::{
        Endpoints, Grant, Guest, HttpEndpoint, HttpLink, NewRoom, QuicEndpoint, RoomChange, SeatWish, TcpEndpoint,
        UdpEndpoint, Webhook, WebhookCreated, WebsocketEndpoint, WebtransportEndpoint,
    };
    use std::fmt::Debug;

    /// What `Debug` shows of `value`, which has `secret` in it.
    fn shown(value: &impl Debug, secret: &str) -> String {
        let (flat, tall) = (format!("{value:?}"), format!("{value:#?}"));
        assert!(!flat.contains(secret) && !tall.contains(secret), "{flat}");
        flat
    }

    #[test]
    fn secrets_are_not_shown() {
        let secret = "sesame".to_owned();
        let guest = Guest { player: PlayerId(7), name: "Ripley".into(), secret: secret.clone() };
        assert_eq!(shown(&guest, &secret), r#"Guest { player: PlayerId(7), name: "Ripley", .. }"#);
        let webhook = Webhook { id: 3, url: "http://x/".into(), events: Vec::new(), created_ms: 5 };
        assert!(shown(&WebhookCreated { webhook, secret: secret.clone() }, &secret).contains("http://x/"));
        let password = Some(secret.clone());
        let room = NewRoom { name: Some("Dock".into()), password: password.clone(), ..NewRoom::default() };
        assert!(shown(&room, &secret).contains("Dock"));
        let change = RoomChange { bots: Some(9), password: password.clone(), ..RoomChange::default() };
        assert!(shown(&change, &secret).contains("bots: Some(9)"));
        assert_eq!(shown(&SeatWish { password, spectate: true }, &secret), "SeatWish { spectate: true, .. }");
        let link = HttpLink { link: 8, bearer: secret.clone() };
        assert_eq!(shown(&link, &secret), "HttpLink { link: 8, .. }");
    }

    #[test]
    fn a_grant_shows_neither_its_keys_nor_its_tokens() {
        let addr = "192.0.2.1:5000".parse().unwrap();
        let grant = Grant {
            session: SessionId(1),
            room: RoomId(2),
            expires_in_s: 30,
            proof: vec![201; 3],
            resume_key: [202; 32],
            endpoints: Endpoints {
                udp: UdpEndpoint { addr, token: vec![203; 3] },
                quic: QuicEndpoint { addr, certificate_sha256: [0; 32] },
                websocket: WebsocketEndpoint { url: String::new() },
                tcp: TcpEndpoint { addr },
                http: HttpEndpoint { url: String::new() },
                webtransport: WebtransportEndpoint {
                    url: String::new(),
                    certificate_sha256: [0; 32],
                    signed_for: Vec::new(),
                },
                makes_weather: false,
            },
        };
        let text = format!("{grant:?}");
        assert!(text.contains("192.0.2.1:5000"), "{text}");
        for secret in ["201", "202", "203"] {
            assert!(!text.contains(secret), "{text}");
        }
    }
}
