//! What the tests share: the shipped maps, views made at random, simulated links and a whole virtual world.
//!
//! Nothing in here opens a socket, sleeps or reads the time more than once: the one `Instant` that virtual time starts from.

#![allow(dead_code, reason = "each test file uses another part of it")]

pub(crate) mod link;
pub(crate) mod netcode;
pub(crate) mod oracle;
pub(crate) mod player;
pub(crate) mod room;
pub(crate) mod views;
pub(crate) mod world;

use game::Map;
use std::path::PathBuf;
use std::sync::Arc;

/// Returns a shipped map by the name of its file without the ending.
pub(crate) fn shipped(name: &str) -> Arc<Map> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../assets/maps").join(format!("{name}.map"));
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    Arc::new(Map::parse(name, &text).unwrap())
}

/// Runs `check` for every seed below `seeds`, or below what the environment variable `SEEDS` says, on all cores. A failure names its
/// seed.
pub(crate) fn for_seeds(seeds: u64, check: impl Fn(u64) + Sync) {
    let seeds = std::env::var("SEEDS").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(seeds);
    let next = std::sync::atomic::AtomicU64::new(0);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                    if seed >= seeds {
                        return;
                    }
                    let one = std::panic::AssertUnwindSafe(|| check(seed));
                    assert!(std::panic::catch_unwind(one).is_ok(), "seed {seed} fails, see above");
                }
            });
        }
    });
}
