//! The router between the two namespaces: one thread that reads packets from either device, lets the weather have them, and writes
//! at the other one what has arrived.
//!
//! It sleeps until a packet comes or is due, with precedence over everything that is not urgent, and notes how late it was itself:
//! a measurement over a link whose router was late measures the router.
//!
//! Flow: device -> [`Router::run`] -> [`transport::weather::datagram::Datagrams`] -> the other device.

use super::Traffic;
use super::kernel::{self, Device, MTU};
use crate::report::Times;
use bytes::Bytes;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;
use transport::weather::datagram::Datagrams;
use transport::weather::{Direction, Sky, Weather};

/// Packets read from one device before the other one gets its turn.
const READ_BUDGET: usize = 64;
/// The first half byte of an IPv4 packet. Nothing else is carried: what namespaces say unasked in IPv6 would use up chance.
const IPV4: u8 = 4;
/// Where an IPv4 packet says what it carries, and what stands there for UDP.
const CARRIES: usize = 9;
const UDP: u8 = 17;

/// What the router shares with the link.
#[derive(Default)]
pub(super) struct Desk {
    /// Weather that is to begin.
    pub(super) next: Option<Weather>,
    /// Somebody on the way lets no UDP through.
    pub(super) udp_blocked: bool,
    /// What has been carried.
    pub(super) traffic: [Traffic; 2],
    /// By how much packets were handed out later than they were due.
    pub(super) late: Times,
}

/// The thread's own.
pub(super) struct Router {
    lanes: [Lane; 2],
    desk: Arc<Mutex<Desk>>,
    /// Something to read: there is something on the desk. Its end: the link is gone.
    bell: UnixStream,
}

/// One direction.
struct Lane {
    from: Arc<Device>,
    to: Arc<Device>,
    direction: Direction,
    /// The present weather, and those before it for as long as packets are on their way in them.
    weather: VecDeque<Datagrams>,
}

/// Looks at the desk. Poisoning is ignored: it is whole at each step.
pub(super) fn at(desk: &Mutex<Desk>) -> MutexGuard<'_, Desk> {
    desk.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Returns the place of a direction among lanes and traffic.
pub(super) const fn lane(direction: Direction) -> usize {
    match direction {
        Direction::Up => 0,
        Direction::Down => 1,
    }
}

impl Router {
    /// Makes a router between two devices.
    ///
    /// # Errors
    /// The bell cannot be made not to block.
    pub(super) fn new(server: Device, client: Device, desk: Arc<Mutex<Desk>>, bell: UnixStream) -> io::Result<Self> {
        bell.set_nonblocking(true)?;
        let (server, client) = (Arc::new(server), Arc::new(client));
        let lane = |from: &Arc<Device>, to: &Arc<Device>, direction| Lane {
            from: from.clone(),
            to: to.clone(),
            direction,
            weather: VecDeque::new(),
        };
        let lanes = [lane(&client, &server, Direction::Up), lane(&server, &client, Direction::Down)];
        Ok(Self { lanes, desk, bell })
    }

    /// Routes until the link is gone.
    pub(super) fn run(mut self) {
        kernel::hurry();
        let mut packet = vec![0; usize::from(MTU)];
        while self.answer_bell() {
            let mut desk = at(&self.desk);
            let wake = self.lanes.iter_mut().filter_map(|lane| {
                lane.take_in(&mut packet, desk.udp_blocked);
                lane.hand_out(&mut desk);
                lane.next_due()
            });
            let wake = wake.min();
            drop(desk);
            let time = wake.map(|due| due.saturating_duration_since(Instant::now()));
            let [up, down] = &self.lanes;
            // An interrupted wait is a short one.
            let _ = kernel::wait([up.from.as_fd(), down.from.as_fd(), self.bell.as_fd()], time);
        }
    }

    /// Takes what is on the desk if the bell has rung. Returns whether the link is still there.
    fn answer_bell(&mut self) -> bool {
        let mut rings = [0; 16];
        match self.bell.read(&mut rings) {
            Ok(0) => return false,
            Ok(_) => {}
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
        if let Some(weather) = at(&self.desk).next.take() {
            let began = Instant::now();
            for lane in &mut self.lanes {
                let sky = Sky::over(&weather, lane.direction, began);
                lane.weather.push_front(Datagrams::new(weather.seed, lane.direction, sky));
            }
        }
        true
    }
}

impl Lane {
    /// Takes what has come in. Whatever enters before the first weather is lost, as on a cable that is not yet in.
    fn take_in(&mut self, packet: &mut [u8], udp_blocked: bool) {
        for _ in 0..READ_BUDGET {
            let Ok(length) = self.from.read(packet) else { return };
            let carried = packet.get(..length).filter(|p| p.first().is_some_and(|first| first >> 4 == IPV4));
            let carried = carried.filter(|p| !(udp_blocked && p.get(CARRIES) == Some(&UDP)));
            if let (Some(packet), Some(weather)) = (carried, self.weather.front_mut()) {
                weather.send_packet(Instant::now(), Bytes::copy_from_slice(packet));
            }
        }
    }

    fn hand_out(&mut self, desk: &mut Desk) {
        let traffic = &mut desk.traffic[lane(self.direction)];
        let mut bytes = 0_u64;
        for weather in &mut self.weather {
            while let Some(due) = weather.next_due() {
                let now = Instant::now();
                let Some(packet) = weather.poll(now) else { break };
                desk.late.add(now.saturating_duration_since(due));
                bytes = bytes.saturating_add(packet.len() as u64);
                // A device that is full loses packets, as any queue does.
                let _ = self.to.write(&packet);
            }
            traffic.packets.add(&weather.take_counts());
        }
        traffic.bytes = traffic.bytes.saturating_add(bytes);
        let mut newest = true;
        self.weather.retain(|weather| std::mem::take(&mut newest) || weather.held().0 > 0);
    }

    fn next_due(&self) -> Option<Instant> {
        self.weather.iter().filter_map(Datagrams::next_due).min()
    }
}
