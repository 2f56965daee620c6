//! Who can reach an address: this machine, one cable, one house, one provider's customers, or the world.
//!
//! There is one answer for everybody: where a webhook may lead, whether a router has a way out, which address a player is sent to, and
//! what the doctor says. It follows the registries of special-purpose addresses (RFC 6890, kept up to date by IANA) and RFC 6598 for what
//! providers share among their customers. Where a range is doubtful it is [`Reach::Nowhere`], because to be wrong in that direction refuses
//! something, and in the other it opens a door.
//!
//! Flow: [`crate::doctor`], the server's webhooks, UPnP and grants → [`Reach::of`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// From where an address can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// From nowhere that could be relied on: no address at all, one of many, or one that is set aside for documents, measurements,
    /// tunnels and the future.
    Nowhere,
    /// From the machine itself.
    Loopback,
    /// From the same cable or radio: link-local.
    Link,
    /// From its own network.
    Private,
    /// From the network of a provider that shares its addresses among customers (RFC 6598), or of a private overlay that borrows them.
    Shared,
    /// From everywhere.
    World,
}

impl Reach {
    /// Returns who can reach `ip`. An IPv4 address inside an IPv6 one counts as what it is.
    pub fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => of_v4(ip),
            IpAddr::V6(ip) => of_v6(ip),
        }
    }
}

fn of_v4(ip: Ipv4Addr) -> Reach {
    match ip.octets() {
        [127, ..] => Reach::Loopback,
        [169, 254, ..] => Reach::Link,
        [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Reach::Private,
        [100, 64..=127, ..] => Reach::Shared,
        // This network, protocol assignments, documentation (three), 6to4 relays, benchmarks, multicast and what is reserved behind it.
        [0, ..]
        | [192, 0, 0 | 2, _]
        | [198, 51, 100, _]
        | [203, 0, 113, _]
        | [192, 88, 99, _]
        | [198, 18 | 19, ..]
        | [224..=255, ..] => Reach::Nowhere,
        _ => Reach::World,
    }
}

/// Of all IPv6 addresses for the world only 2000::/3 is handed out.
fn of_v6(ip: Ipv6Addr) -> Reach {
    match ip.segments() {
        [0, 0, 0, 0, 0, 0, 0, 1] => Reach::Loopback,
        [0xfe80..=0xfebf, ..] => Reach::Link,
        [0xfc00..=0xfdff, ..] => Reach::Private,
        // 2001::/23 (Teredo and the like), 2001:db8::/32 and 3fff::/20 (documentation), 2002::/16 (6to4, holds an IPv4 address).
        [0x2001, 0..=0x01ff | 0x0db8, ..] | [0x2002, ..] | [0x3fff, 0..=0x0fff, ..] => Reach::Nowhere,
        [0x2000..=0x3fff, ..] => Reach::World,
        _ => Reach::Nowhere,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_range_is_known_to_its_edges() {
        let table = [
            (Reach::Loopback, "127.0.0.0 127.255.255.255 ::1 ::ffff:127.0.0.1"),
            (Reach::Link, "169.254.0.0 169.254.169.254 169.254.255.255 fe80::1 febf::1 ::ffff:169.254.1.1"),
            (
                Reach::Private,
                "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255 192.168.0.0 192.168.255.255 fc00::1 fdff::1 ::ffff:192.168.1.2",
            ),
            (Reach::Shared, "100.64.0.0 100.127.255.255 ::ffff:100.64.0.1"),
            (
                Reach::Nowhere,
                "0.0.0.0 0.255.255.255 192.0.0.1 192.0.2.1 192.88.99.1 198.18.0.0 198.19.255.255 198.51.100.7 203.0.113.7 224.0.0.251 \
                 240.0.0.1 255.255.255.255 :: ::2 ::ffff:0.0.0.0 64:ff9b::808:808 64:ff9b:1::1 100::1 2001::1 2001:1ff::1 2001:db8::1 \
                 2002:808:808::1 3fff:fff::1 4000::1 5f00::1 fec0::1 ff02::fb",
            ),
            (
                Reach::World,
                "1.0.0.0 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0 169.253.0.1 169.255.0.1 172.15.0.1 \
                 172.32.0.1 192.0.1.1 192.167.0.1 192.169.0.1 198.17.0.1 198.20.0.1 223.255.255.255 ::ffff:8.8.8.8 2000::1 2001:200::1 \
                 2001:4860:4860::8888 2003::1 2a00:1450::1 3ffe::1 3fff:1000::1",
            ),
        ];
        for (reach, texts) in table {
            for text in texts.split_whitespace() {
                assert_eq!(Reach::of(text.parse().unwrap()), reach, "{text}");
            }
        }
    }
}
