//! The seven stops of the tour: what is said, what there is to try, and how it is known that it was done.
//!
//! Flow: [`Facts`] (what is so in the match) → [`Progress::notice`] → [`super`].

use protocol::Transport;

/// What the tour needs to know of the match at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Facts {
    /// Seconds, rising.
    pub(crate) now: f64,
    /// The wire in use.
    pub(crate) driving: Option<Transport>,
    /// The network does something to packets.
    pub(crate) bad: bool,
    /// A cable is out.
    pub(crate) unplugged: bool,
    /// The protocol map is open.
    pub(crate) map: bool,
    /// The net graph is open.
    pub(crate) graph: bool,
    /// Prediction works.
    pub(crate) prediction: bool,
}

/// What the offered button does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Offer {
    /// Changes to this wire; with bad weather if told so.
    Fly(Transport, bool),
    /// Opens the protocol map.
    Map,
    /// Pulls the cable of the driving wire.
    Unplug,
    /// Opens the net graph and changes to another wire.
    Graph,
    /// Turns prediction off, or on again.
    Prediction,
}

/// One stop.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop {
    /// A name that stays in mind.
    pub(crate) title: &'static str,
    /// Two or three sentences.
    pub(crate) text: &'static str,
    /// What to do.
    pub(crate) task: &'static str,
    /// The keys for it.
    pub(crate) keys: &'static str,
    /// What the button says and does.
    pub(crate) offer: (&'static str, Offer),
}

/// A wire that a stop is about, what to do with it, and the keys for that.
type Try = (Transport, &'static str, &'static str);

/// The telephone line of TCP.
#[cfg(not(target_family = "wasm"))]
const LINE: Try = (Transport::Tcp, "Fly over tcp in bad weather for 5 s.", "4, F5");
/// The postcards of UDP.
#[cfg(not(target_family = "wasm"))]
const POSTCARD: Try = (Transport::Udp, "Stay in the bad weather and fly over udp for 5 s.", "1");
/// Both of them.
#[cfg(not(target_family = "wasm"))]
const BOTH: Try = (Transport::Quic, "Fly over quic for 5 s. Then try the blind test.", "2, B");
#[cfg(not(target_family = "wasm"))]
const CHANGE_KEYS: &str = "N, 1 to 5";

/// The telephone line of TCP, as a page has it.
#[cfg(target_family = "wasm")]
const LINE: Try = (Transport::Websocket, "Fly over websocket in bad weather for 5 s.", "2, F5");
/// The postcards of UDP, as a page has them.
#[cfg(target_family = "wasm")]
const POSTCARD: Try =
    (Transport::Webtransport, "Stay in it and fly over webtransport, whose datagrams are UDP, for 5 s.", "1");
/// Both of them, as a page has them.
#[cfg(target_family = "wasm")]
const BOTH: Try =
    (Transport::Webtransport, "Fly over webtransport, which is QUIC, for 5 s. Then the blind test.", "1, B");
#[cfg(target_family = "wasm")]
const CHANGE_KEYS: &str = "N, 1 to 3";

/// The stops, in order.
pub(crate) const STOPS: [Stop; 7] = [
    Stop {
        title: "HTTP is a letter",
        text: "You write, you wait, an answer comes. That is enough to find a match: the lobby has just seated you that way. \
               For sixty commands a second it would be too slow.",
        task: "Open the map: it shows what rides on what.",
        keys: "M",
        offer: ("Open the map", Offer::Map),
    },
    Stop {
        title: "TCP is a telephone line",
        text: "Every word arrives, and in order. When one is lost, all behind it wait until it has been said again: \
               everybody stands still, then jumps.",
        task: LINE.1,
        keys: LINE.2,
        offer: ("Show me", Offer::Fly(LINE.0, true)),
    },
    Stop {
        title: "UDP is a postcard",
        text: "Each one travels alone. Some get lost, but none waits for another, and in a fight only the newest picture counts. \
               The same weather hurts far less.",
        task: POSTCARD.1,
        keys: POSTCARD.2,
        offer: ("Show me", Offer::Fly(POSTCARD.0, true)),
    },
    Stop {
        title: "Age is what you feel",
        text: "Not the round trip but how old your picture is decides who shoots first. The graph draws that age for every wire; \
               each spike is a moment in which you flew blind.",
        task: "Open the net graph and change the wire once.",
        keys: CHANGE_KEYS,
        offer: ("Change the wire", Offer::Graph),
    },
    Stop {
        title: "Prediction hides the wire",
        text: "Your ship obeys at once because the client works out what the server will say. Without that you would steer \
               a ship that answers a round trip later.",
        task: "Turn prediction off and fly; then on again.",
        keys: "J, R",
        offer: ("Prediction off / on", Offer::Prediction),
    },
    Stop {
        title: "The seat outlives the wire",
        text: "Your seat belongs to a session, not to a connection. When the wire dies, another one takes over with score and speed kept, \
               in about a second.",
        task: "Pull the cable in use and fly on; then plug it in.",
        keys: "K, F7",
        offer: ("Pull this cable", Offer::Unplug),
    },
    Stop {
        title: "QUIC is both",
        text: "Telephone lines for what must arrive and postcards for what must be fresh, encrypted, in one connection. \
               That is why the web moves there.",
        task: BOTH.1,
        keys: BOTH.2,
        offer: ("Show me", Offer::Fly(BOTH.0, true)),
    },
];

/// What has been done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress {
    done: [bool; STOPS.len()],
    /// At which stop the things below were noted.
    stop: Option<usize>,
    /// Since when what is asked for has been so.
    since: Option<f64>,
    /// The wire at the start of the stop.
    first: Option<Transport>,
    /// The thing that has to be undone again was seen.
    halfway: bool,
}

impl Progress {
    /// Returns whether a stop was done.
    pub(crate) fn is_done(&self, stop: usize) -> bool {
        self.done.get(stop).copied().unwrap_or(false)
    }

    /// Looks whether what `stop` asks for has been done.
    pub(crate) fn notice(&mut self, stop: usize, facts: &Facts) {
        if self.stop != Some(stop) {
            (self.stop, self.since, self.first, self.halfway) = (Some(stop), None, facts.driving, false);
        }
        let done = match stop {
            0 => facts.map,
            1 => self.held(facts, facts.bad && facts.driving == Some(LINE.0)),
            2 => self.held(facts, facts.bad && facts.driving == Some(POSTCARD.0)),
            3 => {
                self.first = self.first.or(facts.driving);
                facts.graph && facts.driving.is_some() && facts.driving != self.first
            }
            4 => {
                self.halfway |= !facts.prediction;
                self.halfway && facts.prediction
            }
            5 => {
                // The wire that was pulled is no longer the one in use, or all are in again and one drives.
                self.first = if self.halfway { self.first } else { facts.driving };
                self.halfway |= facts.unplugged;
                self.halfway && facts.driving.is_some() && (facts.driving != self.first || !facts.unplugged)
            }
            _ => self.held(facts, facts.driving == Some(BOTH.0)),
        };
        if let Some(mark) = self.done.get_mut(stop) {
            *mark |= done;
        }
    }

    /// Returns whether something has been so for long enough to be felt.
    fn held(&mut self, facts: &Facts, so: bool) -> bool {
        if !so {
            self.since = None;
            return false;
        }
        facts.now - *self.since.get_or_insert(facts.now) >= FELT_SECONDS
    }
}

/// How long a wire is flown before it counts.
const FELT_SECONDS: f64 = 5.0;

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts { driving: Some(Transport::Udp), prediction: true, ..Facts::default() }
    }

    #[test]
    fn a_wire_must_be_flown_in_bad_weather_for_a_while() {
        let mut progress = Progress::default();
        let fly = |now, wire, bad| Facts { now, driving: Some(wire), bad, ..facts() };
        progress.notice(1, &fly(0.0, Transport::Tcp, true));
        progress.notice(1, &fly(4.0, Transport::Tcp, true));
        progress.notice(1, &fly(4.5, Transport::Tcp, false));
        progress.notice(1, &fly(5.5, Transport::Tcp, true));
        assert!(!progress.is_done(1), "the weather was calm in between");
        progress.notice(1, &fly(10.6, Transport::Tcp, true));
        assert!(progress.is_done(1) && !progress.is_done(2));
    }

    #[test]
    fn what_is_switched_off_must_come_on_again() {
        let mut progress = Progress::default();
        progress.notice(4, &facts());
        assert!(!progress.is_done(4));
        progress.notice(4, &Facts { prediction: false, ..facts() });
        assert!(!progress.is_done(4));
        progress.notice(4, &facts());
        assert!(progress.is_done(4));
    }

    #[test]
    fn a_pulled_cable_counts_once_another_wire_drives() {
        let mut progress = Progress::default();
        progress.notice(5, &facts());
        progress.notice(5, &Facts { unplugged: true, ..facts() });
        assert!(!progress.is_done(5));
        progress.notice(5, &Facts { unplugged: true, driving: None, ..facts() });
        assert!(!progress.is_done(5));
        progress.notice(5, &Facts { unplugged: true, driving: Some(Transport::Quic), ..facts() });
        assert!(progress.is_done(5));
    }

    #[test]
    fn the_graph_counts_with_a_switch_and_the_map_alone() {
        let mut progress = Progress::default();
        progress.notice(3, &Facts { graph: true, ..facts() });
        assert!(!progress.is_done(3));
        progress.notice(3, &Facts { graph: true, driving: Some(Transport::Quic), ..facts() });
        assert!(progress.is_done(3));
        progress.notice(0, &Facts { map: true, ..facts() });
        assert!(progress.is_done(0));
    }

    #[test]
    fn every_stop_is_short_enough_for_its_card() {
        for stop in STOPS {
            assert!(stop.text.len() <= 220, "{}: {}", stop.title, stop.text.len());
            let task = stop.task.len() + stop.keys.len();
            assert!(task <= 80, "{}: {task}", stop.title);
        }
    }
}
