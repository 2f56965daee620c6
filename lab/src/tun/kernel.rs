//! What the link asks of Linux: namespaces, TUN devices, waiting to the microsecond, precedence. All unsafe code of the bench is here.
//!
//! A network namespace without a name lives as long as a thread is in it or a descriptor leads to it, and a TUN device as long as
//! its descriptor. So nothing has to be tidied up, however the process ends.
//!
//! Flow: `link.rs`, `router.rs` -> [`Namespace`], [`Device`], [`wait`] -> system calls.

#![allow(unsafe_code, reason = "libc's calls; each block says why it is sound")]

use std::ffi::{CStr, c_short, c_ulong};
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::time::Duration;

/// The largest packet, bytes: what an Ethernet carries.
pub(super) const MTU: u16 = 1_500;
/// The name of each TUN device; there is one in each namespace.
const NAME: &CStr = c"weather";
/// Where TUN devices come from.
const TUN: &str = "/dev/net/tun";
/// How urgent precise threads are among those of the real-time class: the least, which is above everything that is not of it.
const PRIORITY: i32 = 1;

/// A network namespace.
#[derive(Debug)]
pub(super) struct Namespace(File);

/// A TUN device: the end of a link at which the packets are read and written by hand.
#[derive(Debug)]
pub(super) struct Device(File);

impl Namespace {
    /// Returns the namespace of the current thread.
    pub(super) fn current() -> io::Result<Self> {
        File::open("/proc/thread-self/ns/net").map(Self)
    }

    /// Moves the current thread into a new namespace, with a loopback that works, and returns it.
    pub(super) fn unshare() -> io::Result<Self> {
        // SAFETY: takes no pointer. The flag concerns the network of this thread only, not the descriptors that Rust shares between
        // threads; sockets that exist stay where they were made.
        check(unsafe { libc::unshare(libc::CLONE_NEWNET) })?;
        set_flags(&socket()?, c"lo", libc::IFF_UP)?;
        Self::current()
    }

    /// Moves the current thread into this namespace.
    pub(super) fn join(&self) -> io::Result<()> {
        // SAFETY: takes no pointer; the descriptor is open for as long as `self` lives, and the flag makes sure of its kind.
        check(unsafe { libc::setns(self.0.as_raw_fd(), libc::CLONE_NEWNET) })
    }
}

impl Device {
    /// Makes a device in the namespace of the current thread, with an address in a network of 256.
    pub(super) fn open(address: Ipv4Addr) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(TUN)?;
        let mut request = named(NAME);
        request.ifr_ifru.ifru_flags = (libc::IFF_TUN | libc::IFF_NO_PI) as c_short;
        control(&file, libc::TUNSETIFF as c_ulong, &mut request)?;
        let socket = socket()?;
        for (order, address) in [(libc::SIOCSIFADDR, address), (libc::SIOCSIFNETMASK, Ipv4Addr::new(255, 255, 255, 0))]
        {
            let mut request = named(NAME);
            request.ifr_ifru.ifru_addr = socket_address(address);
            control(&socket, order as c_ulong, &mut request)?;
        }
        let mut request = named(NAME);
        request.ifr_ifru.ifru_mtu = i32::from(MTU);
        control(&socket, libc::SIOCSIFMTU as c_ulong, &mut request)?;
        set_flags(&socket, NAME, libc::IFF_UP)?;
        Ok(Self(file))
    }

    /// Reads one packet; [`io::ErrorKind::WouldBlock`] if there is none.
    pub(super) fn read(&self, packet: &mut [u8]) -> io::Result<usize> {
        (&self.0).read(packet)
    }

    /// Writes one packet.
    pub(super) fn write(&self, packet: &[u8]) -> io::Result<()> {
        (&self.0).write_all(packet)
    }
}

impl std::os::fd::AsFd for Device {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Waits until one of the descriptors can be read or has ended, for at most `time`, or for ever.
pub(super) fn wait(descriptors: [BorrowedFd<'_>; 3], time: Option<Duration>) -> io::Result<()> {
    let mut polled = descriptors.map(|fd| libc::pollfd { fd: fd.as_raw_fd(), events: libc::POLLIN, revents: 0 });
    let time = time.map(|time| libc::timespec {
        tv_sec: time.as_secs() as libc::time_t,
        tv_nsec: time.subsec_nanos() as libc::c_long,
    });
    let pointer = time.as_ref().map_or(std::ptr::null(), std::ptr::from_ref);
    // SAFETY: the array and the time outlive the call, the count is the array's, and no signal mask is given.
    check(unsafe { libc::ppoll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, pointer, std::ptr::null()) })
}

/// Gives the current thread precedence over all that is not urgent, and timers without slack. Returns whether it got both.
pub(super) fn hurry() -> bool {
    let parameters = libc::sched_param { sched_priority: PRIORITY };
    // SAFETY: both concern this thread alone (0 is the caller); the parameters outlive the call.
    unsafe {
        let punctual = libc::prctl(libc::PR_SET_TIMERSLACK, 1_u64) == 0;
        // Programs that are started from here begin as everybody else does.
        libc::sched_setscheduler(0, libc::SCHED_FIFO | libc::SCHED_RESET_ON_FORK, &raw const parameters) == 0
            && punctual
    }
}

/// Switches a device on in the namespace of `socket`.
fn set_flags(socket: &UdpSocket, name: &CStr, flags: i32) -> io::Result<()> {
    let mut request = named(name);
    request.ifr_ifru.ifru_flags = flags as c_short;
    control(socket, libc::SIOCSIFFLAGS as c_ulong, &mut request)
}

/// Returns a socket of the present namespace, to give orders over; it needs no address that works.
fn socket() -> io::Result<UdpSocket> {
    UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))
}

/// Returns a request about a device.
fn named(name: &CStr) -> libc::ifreq {
    // SAFETY: the struct consists of numbers and of a union of numbers and of a pointer that no order here uses; zero is valid for all.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(name.to_bytes()).take(libc::IFNAMSIZ - 1) {
        *to = from.cast_signed() as libc::c_char;
    }
    request
}

fn socket_address(address: Ipv4Addr) -> libc::sockaddr {
    let [a, b, c, d] = address.octets().map(|octet| octet as libc::c_char);
    // As in sockaddr_in: two bytes of port, then the address.
    libc::sockaddr {
        sa_family: libc::AF_INET as libc::sa_family_t,
        sa_data: [0, 0, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0],
    }
}

fn control(file: &impl AsRawFd, order: c_ulong, request: &mut libc::ifreq) -> io::Result<()> {
    // SAFETY: every order used here reads and writes one `ifreq`, which outlives the call.
    check(unsafe { libc::ioctl(file.as_raw_fd(), order, std::ptr::from_mut(request)) })
}

fn check(result: i32) -> io::Result<()> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}
