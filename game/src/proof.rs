//! One long match that anybody can play again, and the number that comes out of it: proof that two builds have the same rules.
//!
//! Four bots fly on a map for as many ticks as are asked for, and the state is hashed every ten thousand. The tests compare the number of
//! this build with [`MILLION_TICKS`], and the number of a build for browsers with both.
//!
//! Flow: tests, the page of the game → [`checksum_after`] → [`Arena`], [`Bot`] → [`Fnv`].

use crate::checksum::Fnv;
use crate::{Arena, Bot, Commands, Map, Rules, SeatId};
use std::sync::Arc;

/// What [`checksum_after`] returns for a million ticks (4 hours and 38 minutes) on Crossfire.
///
/// It changes with every change of the rules, of a bot or of the map; it must not change with anything else. When it has to,
/// take the new number from the failing test and say in the commit what changed the game.
pub const MILLION_TICKS: u64 = 0x4551_C84B_88C8_8BE4;

/// Ticks between two hashes.
const HASH_EVERY: u32 = 10_000;
/// Bots that fly.
const BOTS: u8 = 4;
/// Seed of everything random.
const SEED: u64 = 0xC055_F12E;

/// Plays the match on `map` and returns its hash. A million ticks take some seconds.
pub fn checksum_after(map: Arc<Map>, ticks: u32) -> u64 {
    let mut arena = Arena::new(Arc::clone(&map), Rules::default(), SEED);
    let seats: Vec<SeatId> = (0..BOTS).map(SeatId).collect();
    seats.iter().for_each(|seat| arena.join(*seat));
    let skill = |seat: u8| f32::from(seat % 4) / 3.0;
    let mut bots: Vec<Bot> = (0..BOTS).map(|seat| Bot::new(SEED ^ u64::from(seat), skill(seat))).collect();
    let (mut hash, mut events) = (Fnv::default(), Vec::new());
    for tick in 1..=ticks {
        let mut commands = Commands::default();
        for (seat, bot) in seats.iter().zip(&mut bots) {
            commands.set(*seat, bot.fly(&arena.view(Some(*seat)), &map));
        }
        events.clear();
        arena.step(&commands, &mut events);
        if tick % HASH_EVERY == 0 {
            hash.u64(arena.checksum());
        }
    }
    hash.finish()
}
