//! Who has asked too often: one account per address, which fills up with time and is paid from with every request.
//!
//! The table is bounded. Accounts that are full again say nothing and are forgotten first; if everybody in a full table is
//! busy, newcomers share one account, so that a flood from many addresses slows strangers down, not those already here. An
//! IPv6 customer has a whole /64, so that is what counts as one address.
//!
//! Flow: [`super::routes`] → here → `429 Too Many Requests`.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};
use transport::crowd::account_of;

/// Time between two searches for accounts to forget: a search looks at all of them.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
/// The account of those for whom there is no other. Nobody can connect from this address.
const STRANGERS: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// How fast an account fills, and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    /// Paid in per second.
    pub per_second: f64,
    /// Most that can be saved up.
    pub burst: f64,
}

/// The accounts of all addresses.
#[derive(Debug)]
pub(super) struct RateLimiter {
    rate: Rate,
    local: Rate,
    capacity: usize,
    accounts: BTreeMap<IpAddr, Account>,
    swept: Option<Instant>,
}

#[derive(Clone, Copy, Debug)]
struct Account {
    balance: f64,
    at: Instant,
}

impl RateLimiter {
    /// Returns a limiter that counts `capacity` addresses at the same time; this machine's own have the rate `local`.
    pub(super) fn new(rate: Rate, local: Rate, capacity: usize) -> Self {
        Self { rate, local, capacity, accounts: BTreeMap::new(), swept: None }
    }

    /// Takes `cost` from the account of `peer`.
    ///
    /// # Errors
    /// The time after which the account will hold enough; nothing was taken.
    pub(super) fn pay(&mut self, peer: IpAddr, cost: f64, now: Instant) -> Result<(), Duration> {
        let mut owner = account_of(peer);
        if self.accounts.len() >= self.capacity && !self.accounts.contains_key(&owner) {
            self.sweep(now);
            if self.accounts.len() >= self.capacity {
                owner = STRANGERS;
            }
        }
        let rate = self.rate_of(owner);
        let account = self.accounts.entry(owner).or_insert(Account { balance: rate.burst, at: now });
        *account = account.at(now, rate);
        if account.balance >= cost {
            account.balance -= cost;
            return Ok(());
        }
        let missing = cost - account.balance;
        Err(Duration::try_from_secs_f64(missing / rate.per_second).unwrap_or(Duration::MAX))
    }

    fn rate_of(&self, owner: IpAddr) -> Rate {
        if owner.is_loopback() { self.local } else { self.rate }
    }

    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now.saturating_duration_since(swept) < SWEEP_EVERY) {
            return;
        }
        self.swept = Some(now);
        let (rate, local) = (self.rate, self.local);
        self.accounts.retain(|owner, account| {
            let rate = if owner.is_loopback() { local } else { rate };
            account.at(now, rate).balance < rate.burst
        });
    }
}

impl Account {
    fn at(self, now: Instant, rate: Rate) -> Self {
        let waited = now.saturating_duration_since(self.at).as_secs_f64();
        Self { balance: (self.balance + waited * rate.per_second).min(rate.burst), at: now.max(self.at) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 2.0, burst: 4.0 };
    const LOCAL: Rate = Rate { per_second: 100.0, burst: 1_000.0 };

    fn ip(n: u8) -> IpAddr {
        IpAddr::from([203, 0, 113, n])
    }

    #[test]
    fn a_burst_is_followed_by_the_rate() {
        let mut limiter = RateLimiter::new(RATE, LOCAL, 10);
        let start = Instant::now();
        (0..4).for_each(|_| assert_eq!(limiter.pay(ip(1), 1.0, start), Ok(())));
        assert_eq!(limiter.pay(ip(1), 1.0, start), Err(Duration::from_millis(500)));
        assert_eq!(limiter.pay(ip(1), 3.0, start), Err(Duration::from_millis(1_500)));
        assert_eq!(limiter.pay(ip(2), 1.0, start), Ok(()), "others have their own account");
        assert_eq!(limiter.pay(ip(1), 1.0, start + Duration::from_millis(500)), Ok(()));
        assert!(limiter.pay(ip(1), 1.0, start + Duration::from_millis(500)).is_err());
        let later = start + Duration::from_secs(3_600);
        assert_eq!(limiter.pay(ip(1), 4.0, later), Ok(()));
        assert!(limiter.pay(ip(1), 1.0, later).is_err(), "an hour saves up no more than a burst");
        assert!(limiter.pay(ip(1), 1.0, start).is_err(), "a clock that steps back gives nothing");
    }

    #[test]
    fn this_machine_may_ask_more_often() {
        let mut limiter = RateLimiter::new(RATE, LOCAL, 10);
        let now = Instant::now();
        for local in ["127.0.0.1", "127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(
                limiter.pay(local.parse().expect("an address"), 400.0, now).is_ok(),
                local != "::ffff:127.0.0.1"
            );
        }
    }

    #[test]
    fn an_ipv6_customer_is_one_address() {
        let mut limiter = RateLimiter::new(RATE, LOCAL, 10);
        let now = Instant::now();
        let mut pay = |text: &str| limiter.pay(text.parse().expect("an address"), 4.0, now).is_ok();
        assert!(pay("2001:db8:0:1::1"));
        assert!(!pay("2001:db8:0:1:ffff::2"));
        assert!(pay("2001:db8:0:2::1"));
    }

    #[test]
    fn the_table_is_bounded_and_forgets_who_is_quiet() {
        let mut limiter = RateLimiter::new(RATE, LOCAL, 3);
        let start = Instant::now();
        (1..=3).for_each(|n| assert_eq!(limiter.pay(ip(n), 4.0, start), Ok(())));
        assert_eq!(limiter.pay(ip(4), 4.0, start), Ok(()), "strangers share one account");
        assert!(limiter.pay(ip(5), 1.0, start).is_err(), "and it is empty now");
        assert!(limiter.accounts.len() <= 4);
        let later = start + Duration::from_secs(10);
        assert_eq!(limiter.pay(ip(6), 4.0, later), Ok(()), "the others were forgotten");
        assert_eq!(limiter.accounts.len(), 1);
    }
}
