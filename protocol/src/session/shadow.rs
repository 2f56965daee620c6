//! Links that carry a session's match along while another one drives, as the server sees them.
//!
//! Over each the client tells which command left just now, and the server answers every snapshot with a few bytes: the tick, where the
//! own ship was, and by how much the command beat its tick. So both ends know what each wire would have felt like, at the cost of a
//! few bytes, and a shadow can take over the drive at once, because it is open already.
//!
//! A *strand* is such a link over the wire that drives: whole snapshots travel over it, in turn with the driving link, so that a stream
//! which waits for a lost segment delays only its share of them.
//!
//! Flow: link → [`Shadows::heard`]; `session::server` → [`Shadows::show`] → link.

use super::Transmit;
use super::server::Beat;
use crate::ids::{Lane, LinkId};
use crate::limits::SHADOWS_PER_SESSION;
use crate::wire::hello::Refusal;
use crate::wire::shadow::{ShadowCommands, ShadowSnapshot};
use crate::wire::snapshot::Echo;
use game::{Point, Tick};
use web_time::Instant;

/// What the next snapshot over a link says about the commands that came over it.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Answer {
    stamp: Option<(u16, Instant)>,
    margin: Option<i16>,
}

impl Answer {
    /// Takes note of the newest stamp.
    pub(super) const fn stamped(&mut self, stamp: u16, arrived: Instant) {
        self.stamp = Some((stamp, arrived));
    }

    /// Takes note of the margin of a new command. The least one is told.
    pub(super) fn timed(&mut self, margin: i16) {
        self.margin = Some(self.margin.map_or(margin, |least| least.min(margin)));
    }

    /// Returns what is to be told at `now`, once.
    pub(super) fn take(&mut self, now: Instant) -> Option<Echo> {
        let (stamp, arrived) = self.stamp.take()?;
        let held = now.saturating_duration_since(arrived).as_micros() / 250;
        let margin = self.margin.take().unwrap_or(0);
        Some(Echo { stamp, held: u16::try_from(held).unwrap_or(u16::MAX), margin })
    }
}

#[derive(Clone, Copy, Debug)]
struct Shadow {
    link: LinkId,
    whole: bool,
    newest: Tick,
    answer: Answer,
}

/// The shadow links of one session.
#[derive(Debug, Default)]
pub(super) struct Shadows {
    links: Vec<Shadow>,
    /// Highest number of a wish that was granted, and which of the 64 up to it were.
    highest: u32,
    granted: u64,
    /// Snapshots that were sent whole.
    turn: usize,
}

impl Shadows {
    /// Grants the `number`th wish, once. Wishes over different wires overtake each other, so not only the highest may come.
    ///
    /// # Errors
    /// [`Refusal::KeyUsed`] if it was granted before or is 64 or more behind, [`Refusal::TooManyLinks`].
    pub(super) fn add(&mut self, link: LinkId, number: u32, whole: bool) -> Result<(), Refusal> {
        let (highest, granted) = match number.checked_sub(self.highest) {
            Some(ahead) => (number, self.granted.checked_shl(ahead).unwrap_or(0)),
            None => (self.highest, self.granted),
        };
        let bit = 1_u64.checked_shl(highest.saturating_sub(number)).unwrap_or(0);
        if number == 0 || bit == 0 || granted & bit != 0 {
            return Err(Refusal::KeyUsed);
        }
        if self.links.len() >= SHADOWS_PER_SESSION {
            return Err(Refusal::TooManyLinks);
        }
        (self.highest, self.granted) = (highest, granted | bit);
        self.links.push(Shadow { link, whole, newest: Tick(0), answer: Answer::default() });
        Ok(())
    }

    /// Takes note that `link` is gone, or drives. Returns whether it was one of them.
    pub(super) fn remove(&mut self, link: LinkId) -> bool {
        self.links.extract_if(.., |shadow| shadow.link == link).count() > 0
    }

    /// Returns whether any of them is a strand.
    pub(super) fn has_strands(&self) -> bool {
        self.links.iter().any(|shadow| shadow.whole)
    }

    /// Takes the strands out: the link that they belonged to does not drive any more.
    pub(super) fn take_strands(&mut self) -> Vec<LinkId> {
        self.links.extract_if(.., |shadow| shadow.whole).map(|shadow| shadow.link).collect()
    }

    /// Returns whether `link` is one of them.
    pub(super) fn contains(&self, link: LinkId) -> bool {
        self.links().any(|shadow| shadow == link)
    }

    /// Returns the links.
    pub(super) fn links(&self) -> impl Iterator<Item = LinkId> + '_ {
        self.links.iter().map(|shadow| shadow.link)
    }

    /// Returns over which link the next whole snapshot goes: `driving` and the strands take turns.
    pub(super) fn in_turn(&mut self, driving: LinkId) -> LinkId {
        let strands = self.links.iter().filter(|shadow| shadow.whole).map(|shadow| shadow.link);
        let all: Vec<LinkId> = std::iter::once(driving).chain(strands).collect();
        self.turn = self.turn.wrapping_add(1);
        self.turn.checked_rem(all.len()).and_then(|at| all.get(at)).copied().unwrap_or(driving)
    }

    /// Takes in what came over `link`. Returns whether it is one of them.
    pub(super) fn heard(&mut self, link: LinkId, commands: ShadowCommands, arrived: Instant, beat: Beat) -> bool {
        let Some(shadow) = self.links.iter_mut().find(|shadow| shadow.link == link) else { return false };
        if commands.newest > shadow.newest {
            shadow.newest = commands.newest;
            shadow.answer.stamped(commands.stamp, arrived);
            shadow.answer.timed(beat.margin(commands.newest, arrived));
        }
        true
    }

    /// Returns what every one of them that is no strand is to be told about `tick`, at whose end the own ship was at `own`.
    pub(super) fn show(&mut self, tick: Tick, own: Option<Point>, now: Instant) -> impl Iterator<Item = Transmit> + '_ {
        self.links.iter_mut().filter(|shadow| !shadow.whole).map(move |shadow| Transmit {
            link: shadow.link,
            lane: Lane::Latest,
            bytes: ShadowSnapshot { tick, echo: shadow.answer.take(now), own }.encode().into(),
        })
    }
}
