//! What the operator gets to see: the log, and how long a tick takes.
//!
//! The log goes to stderr and stays quiet about peers' faults (they are counted, not told). Tick times are kept exactly, for
//! the last minute, because that is short enough to sort and the tail is what players feel. Processor time and memory are read
//! from `/proc`, so they cost no dependency and are 0 on systems without it.
//!
//! Flow: the tick loop → [`TickMeter`] → [`crate::directory`] → `GET /healthz`.

use protocol::lobby::TickTimes;
use std::collections::VecDeque;
use std::io::IsTerminal;
use std::time::Duration;
use tracing_subscriber::EnvFilter;

/// Ticks that the meter remembers: 60 s of them.
const WINDOW_TICKS: usize = 3_600;
/// Ticks between two readings of the processor time: it is counted in steps of 10 ms, so more often says no more.
const CPU_EVERY_TICKS: u64 = 60;
/// Steps per second in `/proc/self/stat`: `USER_HZ`, which Linux has fixed at 100 for programs on every common machine.
const PROC_STEPS_PER_SECOND: u64 = 100;
/// What is logged if `RUST_LOG` does not say otherwise. The libraries below report every bad datagram as if it were our fault.
const DEFAULT_LOG: &str = "info,renetcode=off,renet=warn,bevy_renet=warn,quinn=warn,quinn_proto=warn,rustls=warn,hyper=warn,\
                           tungstenite=warn,web_transport_quinn=error,bevy_app=warn,bevy_ecs=warn";

/// Sends the log to stderr, filtered by `RUST_LOG`. A second call changes nothing.
pub fn start_log() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(DEFAULT_LOG));
    let colours = std::io::stderr().is_terminal();
    let log = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    // Fails only if a log was started before, as tests in one process do.
    let _ = log.try_init();
}

/// Remembers how long the work of each tick of the last minute took.
#[derive(Debug, Default)]
pub struct TickMeter {
    work_us: VecDeque<u32>,
    ticks: u64,
    cpu: VecDeque<(u64, Duration)>,
}

impl TickMeter {
    /// Notes that the work of one tick took `work`.
    pub fn record(&mut self, work: Duration) {
        self.record_with(work, process_cpu);
    }

    /// Returns the distribution over the last 60 s; zeros if nothing was recorded.
    pub fn times(&self) -> TickTimes {
        let mut sorted: Vec<u32> = self.work_us.iter().copied().collect();
        let total: u64 = sorted.iter().copied().map(u64::from).sum();
        let ms = |us: f64| us / 1_000.0;
        // Nearest rank: the smallest value that at least `share` of all do not exceed.
        let mut rank = |share: f64| {
            let at = ((sorted.len() as f64 * share).ceil() as usize).saturating_sub(1);
            if at < sorted.len() { f64::from(*sorted.select_nth_unstable(at).1) } else { 0.0 }
        };
        let (p50, p99, max) = (ms(rank(0.5)), ms(rank(0.99)), ms(rank(1.0)));
        let mean = ms(total as f64 / self.work_us.len().max(1) as f64);
        TickTimes { mean, p50, p99, max, cpu: self.cpu_per_tick_ms() }
    }

    /// Returns the work of the latest `count` ticks, or of fewer if there were fewer.
    pub fn latest(&self, count: usize) -> Vec<Duration> {
        let known = self.work_us.iter().rev().take(count);
        known.map(|us| Duration::from_micros(u64::from(*us))).collect()
    }

    fn record_with(&mut self, work: Duration, cpu: impl FnOnce() -> Option<Duration>) {
        if self.work_us.len() >= WINDOW_TICKS {
            self.work_us.pop_front();
        }
        self.work_us.push_back(u32::try_from(work.as_micros()).unwrap_or(u32::MAX));
        if self.ticks.is_multiple_of(CPU_EVERY_TICKS)
            && let Some(cpu) = cpu()
        {
            self.cpu.push_back((self.ticks, cpu));
            let oldest = self.ticks.saturating_sub(WINDOW_TICKS as u64);
            self.cpu.retain(|(tick, _)| *tick >= oldest);
        }
        self.ticks += 1;
    }

    fn cpu_per_tick_ms(&self) -> f64 {
        let (Some((from, before)), Some((to, after))) = (self.cpu.front(), self.cpu.back()) else { return 0.0 };
        let spent = after.saturating_sub(*before).as_secs_f64() * 1_000.0;
        spent / to.saturating_sub(*from).max(1) as f64
    }
}

/// Returns the processor time that all threads of this process have used, where the system tells.
pub fn process_cpu() -> Option<Duration> {
    parse_cpu(&std::fs::read_to_string("/proc/self/stat").ok()?)
}

/// Returns the resident memory of this process in bytes; 0 where the system does not tell.
pub fn memory_bytes() -> u64 {
    std::fs::read_to_string("/proc/self/status").ok().and_then(|status| parse_memory(&status)).unwrap_or(0)
}

/// Reads fields 14 and 15 (user and system time) of proc_pid_stat(5). The second field is the program's name in brackets and
/// may contain anything, so counting starts behind the last bracket.
fn parse_cpu(stat: &str) -> Option<Duration> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut times = fields.split_whitespace().skip(11).map(str::parse::<u64>);
    let steps = times.next()?.ok()?.checked_add(times.next()?.ok()?)?;
    Some(Duration::from_millis(steps.checked_mul(1_000 / PROC_STEPS_PER_SECOND)?))
}

/// Reads `VmRSS` of proc_pid_status(5), which is in KiB whatever the size of a page.
fn parse_memory(status: &str) -> Option<u64> {
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    resident.split_whitespace().next()?.parse::<u64>().ok()?.checked_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn us(us: u64) -> Duration {
        Duration::from_micros(us)
    }

    #[test]
    fn an_unused_meter_shows_zeros() {
        assert_eq!(TickMeter::default().times(), TickTimes::default());
    }

    #[test]
    fn the_distribution_is_exact() {
        let mut meter = TickMeter::default();
        (1..=100).for_each(|ms| meter.record_with(us(ms * 1_000), || None));
        let times = meter.times();
        assert_eq!((times.mean, times.p50, times.p99, times.max, times.cpu), (50.5, 50.0, 99.0, 100.0, 0.0));
        assert_eq!(meter.latest(2), [us(100_000), us(99_000)]);
        assert_eq!(meter.latest(1_000).len(), 100);
    }

    #[test]
    fn only_the_last_minute_counts() {
        let mut meter = TickMeter::default();
        meter.record_with(us(9_000_000), || None);
        (0..WINDOW_TICKS).for_each(|_| meter.record_with(us(2_000), || None));
        let times = meter.times();
        assert_eq!((times.mean, times.max), (2.0, 2.0));
        assert_eq!(meter.work_us.len(), WINDOW_TICKS);
    }

    #[test]
    fn processor_time_is_per_tick() {
        let mut meter = TickMeter::default();
        (0..20_000_u64).for_each(|tick| meter.record_with(us(1), || Some(us(tick * 3_000))));
        assert!((meter.times().cpu - 3.0).abs() < 1e-9, "{}", meter.times().cpu);
        assert!(meter.cpu.len() <= 62);
    }

    #[test]
    fn proc_files_are_read_as_documented() {
        let stat = "42 (a (strange) name) S 1 2 3 4 5 6 7 8 9 10 150 50 0 0 20 0 9 0 1 2 3";
        assert_eq!(parse_cpu(stat), Some(Duration::from_secs(2)));
        assert_eq!(parse_memory("Name:\tx\nVmRSS:\t    25 kB\nThreads:\t1\n"), Some(25 * 1_024));
        for broken in ["", "42", "42 (x) S 1 2", "42 (x) S 1 2 3 4 5 6 7 8 9 10 x y"] {
            assert_eq!(parse_cpu(broken), None, "{broken}");
            assert_eq!(parse_memory(broken), None, "{broken}");
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_has_memory_and_time() {
        assert!(memory_bytes() > 100_000);
        assert!(process_cpu().is_some());
    }
}
