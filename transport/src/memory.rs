//! The reference transport: two queues in one process. Read this one first.
//!
//! It does what every transport does and nothing else: take from one end's [`Driver`], deliver to the other's, close both.
//! It has no socket, no task and no clock: a message has arrived when [`Link::send`] returns. Tests of everything above a
//! link run on it, and the conformance suite compares the real transports with it.
//!
//! Flow: `link.rs` calls [`Cable::pump`] whenever one of the two ends was used; it moves bytes from `link/driver.rs` of the
//! one to `link/driver.rs` of the other.

use crate::link::{Closed, Driver, Link, Lost, Pump, link_pair};
use protocol::{Lane, Transport};
use std::sync::{Arc, Mutex, PoisonError};
use web_time::Instant;

/// What connects two ends.
pub struct Cable {
    /// Locked while bytes move: two ends may be used by two threads, and Reliable messages must stay in order.
    ends: Mutex<[Driver; 2]>,
}

/// Makes a link and returns both ends.
pub fn pair() -> (Link, Link) {
    let (a, b, _) = cable();
    (a, b)
}

/// Makes a link and returns both ends and the cable between them, for those who want to cut it.
pub fn cable() -> (Link, Link, Arc<Cable>) {
    let (a, a_driver) = link_pair(Transport::Memory, None, None);
    let (b, b_driver) = link_pair(Transport::Memory, None, None);
    let cable = Arc::new(Cable { ends: Mutex::new([a_driver, b_driver]) });
    let a = a.pumped_by(Arc::clone(&cable) as Arc<dyn Pump>);
    let b = b.pumped_by(Arc::clone(&cable) as Arc<dyn Pump>);
    (a, b, cable)
}

impl Cable {
    /// Ends the link as if the other process had died: nobody says goodbye.
    pub fn cut(&self) {
        for end in self.ends.lock().unwrap_or_else(PoisonError::into_inner).iter() {
            end.finish(Closed::Lost(Lost::Reset));
        }
    }
}

impl Pump for Cable {
    fn pump(&self) {
        let ends = self.ends.lock().unwrap_or_else(PoisonError::into_inner);
        let [a, b] = &*ends;
        carry(a, b);
        carry(b, a);
    }
}

/// Moves everything that can be moved from one end to the other.
fn carry(from: &Driver, to: &Driver) {
    let now = Instant::now();
    while to.has_room()
        && let Some(bytes) = from.take_reliable()
    {
        count(from, to, bytes.len());
        to.deliver(now, Lane::Reliable, bytes);
    }
    if let Some(bytes) = from.take_latest() {
        count(from, to, bytes.len());
        to.deliver(now, Lane::Latest, bytes);
    }
    // What was promised comes before the goodbye: an end that still has Reliable messages waits for its reader.
    if let Some(reason) = from.close_asked()
        && from.drained()
    {
        to.finish(Closed::ByPeer(reason));
        from.finish(Closed::ByUs(reason));
    }
}

fn count(from: &Driver, to: &Driver, bytes: usize) {
    from.add_wire(0, bytes);
    to.add_wire(bytes, 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use protocol::CloseReason;

    #[test]
    fn a_message_has_arrived_when_send_returns() {
        let (a, b) = pair();
        a.send(Lane::Reliable, Bytes::from_static(b"one")).unwrap();
        a.send(Lane::Latest, Bytes::from_static(b"two")).unwrap();
        assert_eq!(b.try_recv().unwrap().bytes, &b"one"[..]);
        assert_eq!(b.try_recv().unwrap().lane, Lane::Latest);
        assert_eq!(b.try_recv(), None);
    }

    #[test]
    fn a_close_comes_after_what_was_sent_before() {
        let (a, b) = pair();
        a.send(Lane::Reliable, Bytes::from_static(b"last words")).unwrap();
        a.close(CloseReason::Replaced);
        assert_eq!(a.closed(), Some(Closed::ByUs(CloseReason::Replaced)));
        assert_eq!(b.closed(), Some(Closed::ByPeer(CloseReason::Replaced)));
        assert_eq!(b.try_recv().unwrap().bytes, &b"last words"[..]);
    }

    #[test]
    fn a_dropped_end_is_done() {
        let (a, b) = pair();
        drop(a);
        assert_eq!(b.closed(), Some(Closed::ByPeer(CloseReason::Done)));
    }

    #[test]
    fn a_cut_cable_is_a_loss() {
        let (a, b, cable) = cable();
        cable.cut();
        assert_eq!(a.closed(), Some(Closed::Lost(Lost::Reset)));
        assert_eq!(b.closed(), Some(Closed::Lost(Lost::Reset)));
    }
}
