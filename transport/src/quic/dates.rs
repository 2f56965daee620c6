//! From when until when a certificate is good, read from its DER (RFC 5280, section 4.1).
//!
//! ```text
//! SEQUENCE { SEQUENCE { [0] version, serial, algorithm, issuer, SEQUENCE { notBefore, notAfter }, … } … }
//! ```
//!
//! Flow: the certificate that a server has shown → [`Validity::read`] → [`super::certificate`], the doctor.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

const SEQUENCE: u8 = 0x30;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const DAY: u64 = 24 * 3600;

/// From when until when a certificate is good.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Validity {
    /// Not before this.
    pub from: SystemTime,
    /// Not after this.
    pub until: SystemTime,
}

impl Validity {
    /// Reads it from a certificate. None if that is not one, or says a time before 1970.
    pub(crate) fn read(certificate: &[u8]) -> Option<Self> {
        let mut certificate = Der(certificate).enter(SEQUENCE)?;
        let mut signed = certificate.enter(SEQUENCE)?;
        // Version, serial number, algorithm, issuer.
        for _ in 0..4 {
            signed.next()?;
        }
        let mut validity = signed.enter(SEQUENCE)?;
        Some(Self { from: time(validity.next()?)?, until: time(validity.next()?)? })
    }

    /// Returns for how long it has not been good any more at `now`; none while it is.
    pub fn expired_since(&self, now: SystemTime) -> Option<Duration> {
        now.duration_since(self.until).ok().filter(|since| !since.is_zero())
    }

    /// Returns how long it takes until it is good at `now`; none if it is already.
    pub fn good_in(&self, now: SystemTime) -> Option<Duration> {
        self.from.duration_since(now).ok().filter(|wait| !wait.is_zero())
    }
}

/// What is still to be read.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// Takes one value: its tag and content.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (tag, rest) = self.0.split_first()?;
        let (first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7F => (usize::from(*first), rest),
            0x81..=0x83 => {
                let (bytes, rest) = rest.split_at_checked(usize::from(first & 0x7F))?;
                (bytes.iter().fold(0, |length: usize, byte| length << 8 | usize::from(*byte)), rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((*tag, content))
    }

    fn enter(&mut self, tag: u8) -> Option<Self> {
        self.next().filter(|(found, _)| *found == tag).map(|(_, content)| Self(content))
    }
}

/// Reads `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`.
fn time((tag, text): (u8, &[u8])) -> Option<SystemTime> {
    let digits = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (century, digits) = match tag {
        UTC_TIME => (None, digits),
        GENERALIZED_TIME => (Some(digits.get(..2)?.parse::<u64>().ok()?), digits.get(2..)?),
        _ => return None,
    };
    if digits.len() != 12 || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let pair = |at: usize| digits.get(at..at.saturating_add(2)).and_then(|pair| pair.parse::<u64>().ok());
    let short = pair(0)?;
    // RFC 5280: two digits of 50 and above are of the century before.
    let century = century.unwrap_or(if short < 50 { 20 } else { 19 });
    let year = century.saturating_mul(100).saturating_add(short);
    let seconds = seconds_since_1970([year, pair(2)?, pair(4)?], [pair(6)?, pair(8)?, pair(10)?])?;
    UNIX_EPOCH.checked_add(Duration::from_secs(seconds))
}

/// Returns the seconds from 1970 until a date (year, month, day) and a time of day (hour, minute, second), both in UTC.
pub(crate) fn seconds_since_1970([year, month, day]: [u64; 3], time: [u64; 3]) -> Option<u64> {
    let [hour, minute, second] = time;
    let seconds = [(days(year, month, day)?, DAY), (hour, 3600), (minute, 60), (second, 1)];
    Some(seconds.iter().map(|(count, each)| count.saturating_mul(*each)).sum())
}

/// Returns the days from 1970 until a date.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let leap = |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    let years: u64 = (1970..year).map(|year| if leap(year) { 366 } else { 365 }).sum();
    let length = |month| match month {
        2 => {
            if leap(year) {
                29
            } else {
                28
            }
        }
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    };
    let months: u64 = (1..month).map(length).sum();
    Some(years.saturating_add(months).saturating_add(day).saturating_sub(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn unix(tag: u8, text: &str) -> Option<u64> {
        time((tag, text.as_bytes())).map(|time| time.duration_since(UNIX_EPOCH).unwrap().as_secs())
    }

    #[test]
    fn dates_are_read() {
        // As `date -u -d … +%s` says.
        assert_eq!(unix(UTC_TIME, "700101000000Z"), Some(0));
        assert_eq!(unix(UTC_TIME, "240229123456Z"), Some(1_709_210_096));
        assert_eq!(unix(UTC_TIME, "261120150000Z"), Some(1_795_186_800));
        assert_eq!(unix(GENERALIZED_TIME, "21000301000000Z"), Some(4_107_542_400));
        for wrong in ["", "Z", "261120150000", "261320150000Z", "2611201500Z", "26112015000xZ", "690101000000Z"] {
            assert_eq!(unix(UTC_TIME, wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_time_is_before_within_or_after() {
        let at = |seconds| UNIX_EPOCH + Duration::from_secs(seconds);
        let validity = Validity { from: at(100), until: at(200) };
        assert_eq!((validity.good_in(at(40)), validity.expired_since(at(40))), (Some(Duration::from_secs(60)), None));
        assert_eq!((validity.good_in(at(150)), validity.expired_since(at(150))), (None, None));
        assert_eq!((validity.good_in(at(207)), validity.expired_since(at(207))), (None, Some(Duration::from_secs(7))));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = Validity::read(&bytes);
            let _ = time((UTC_TIME, &bytes));
            let _ = time((GENERALIZED_TIME, &bytes));
        }
    }
}
