//! How many connections each address has open: for every accept loop over TCP.
//!
//! Flow: `tcp.rs`, the lobby's accept loop -> [`Crowd::enter`] -> [`Counted`], kept for as long as the connection counts.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Returns what counts as one address: an IPv4 address, or the /64 of an IPv6 address, since that is what a customer has.
pub fn account_of(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(v6) if !v6.is_loopback() => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX))),
        canonical => canonical,
    }
}

/// Counts the open connections of every address. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Crowd(Arc<Mutex<BTreeMap<IpAddr, usize>>>);

/// One connection that is counted until this is dropped.
#[derive(Debug)]
pub struct Counted(Crowd, IpAddr);

impl Crowd {
    /// Counts one more connection of `peer`, or none if it has `most`. This machine has no limit, so that a local swarm can join.
    pub fn enter(&self, peer: IpAddr, most: usize) -> Option<Counted> {
        let owner = account_of(peer);
        let mut open = self.open();
        let count = open.entry(owner).or_default();
        if *count >= most && !owner.is_loopback() {
            return None;
        }
        *count = count.saturating_add(1);
        Some(Counted(self.clone(), owner))
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<IpAddr, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut open = self.0.open();
        if let Some(count) = open.get_mut(&self.1) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                open.remove(&self.1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_limited_number_of_places() {
        let crowd = Crowd::default();
        let peer = IpAddr::from([203, 0, 113, 1]);
        let first = crowd.enter(peer, 2);
        let second = crowd.enter(peer, 2);
        assert!(first.is_some() && second.is_some() && crowd.enter(peer, 2).is_none());
        assert!(crowd.enter(IpAddr::from([203, 0, 113, 2]), 2).is_some());
        drop(first);
        let third = crowd.enter(peer, 2);
        assert!(third.is_some());
        drop((second, third));
        let locals: Vec<_> = (0..10).map(|_| crowd.enter(IpAddr::from([127, 0, 0, 1]), 2)).collect();
        assert!(locals.iter().all(Option::is_some));
        drop(locals);
        assert!(crowd.open().is_empty(), "nobody is left, so nothing is remembered");
    }

    #[test]
    fn a_customer_with_many_ipv6_addresses_is_one() {
        let crowd = Crowd::default();
        let enter = |address: &str| crowd.enter(address.parse().unwrap(), 1);
        let first = enter("2001:db8:0:1::1");
        assert!(first.is_some() && enter("2001:db8:0:1:ffff::2").is_none());
        assert!(enter("2001:db8:0:2::1").is_some());
        let mapped = enter("::ffff:203.0.113.1");
        assert!(mapped.is_some() && enter("203.0.113.1").is_none(), "the same address, written twice");
    }
}
