//! A real link: two network namespaces, a TUN device in each, and a router between them that makes the weather.
//!
//! The kernel's own TCP, UDP and ICMP run in both namespaces as on two machines, with 1,500-byte packets; whatever they send is real
//! packets, and those meet the very model that the relays of `transport::weather` put datagrams through. What repeats and stalls is
//! the kernel, not a model of it.
//!
//! ```text
//! client's namespace                  this process                server's namespace
//! 10.9.0.2, TUN device ── up ──▶ router thread, weather ──▶ TUN device, 10.9.0.1
//!                      ◀─ down ─                        ◀──
//! ```
//!
//! Needs Linux and root. Several links can be open at the same time; each has the same addresses in namespaces of its own.
//!
//! Flow: [`Tunnel::open`] -> `kernel.rs`, `router.rs`; [`Tunnel::enter`] -> the caller's sockets.

use super::kernel::{self, Device, Namespace};
use super::router::{self, Desk, Router};
use super::{Side, Traffic};
use crate::report::Percentiles;
use std::io;
use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr, TcpStream};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use tokio::runtime::{Builder, Runtime};
use transport::weather::{Direction, Weather};

/// A link between two network namespaces. It goes with the last of: this, threads that are inside, sockets and programs made there.
pub struct Tunnel {
    server: Arc<Namespace>,
    client: Arc<Namespace>,
    desk: Arc<Mutex<Desk>>,
    bell: Option<UnixStream>,
    router: Option<JoinHandle<()>>,
}

/// Being inside a namespace. The thread returns to where it was when this is dropped; drop several in the reverse order.
pub struct Inside {
    home: Namespace,
    /// Namespaces are a matter of threads, so this must not change its thread.
    stays: PhantomData<*const ()>,
}

impl Tunnel {
    /// Opens a link with that weather.
    ///
    /// # Errors
    /// A sentence: not root, no TUN devices, or the kernel refused.
    pub fn open(weather: Weather) -> Result<Self, String> {
        let (server, at_server) = end(Side::Server).map_err(|error| refusal(&error))?;
        let (client, at_client) = end(Side::Client).map_err(|error| refusal(&error))?;
        let desk = Arc::<Mutex<Desk>>::default();
        let (bell, rings) = UnixStream::pair().map_err(|error| refusal(&error))?;
        bell.set_nonblocking(true).map_err(|error| refusal(&error))?;
        let router = Router::new(at_server, at_client, desk.clone(), rings).map_err(|error| refusal(&error))?;
        let thread = thread::Builder::new().name("tun router".to_owned()).spawn(move || router.run());
        let tunnel = Self {
            server: Arc::new(server),
            client: Arc::new(client),
            desk,
            bell: Some(bell),
            router: Some(thread.map_err(|error| refusal(&error))?),
        };
        tunnel.set(weather);
        Ok(tunnel)
    }

    /// Changes the weather for all that is sent from now on. Chance and the timetable of outages begin again at the seed, so that the
    /// same traffic after the same call meets the same fate. What is on its way arrives as it would have; it can be overtaken.
    pub fn set(&self, weather: Weather) {
        router::at(&self.desk).next = Some(weather);
        if let Some(bell) = &self.bell {
            // A bell that cannot be rung any further is ringing.
            let _ = io::Write::write(&mut &*bell, &[1]);
        }
    }

    /// Lets no UDP through any more, in either direction, as some firewalls do: nothing comes back, not even a refusal.
    pub fn block_udp(&self) {
        router::at(&self.desk).udp_blocked = true;
    }

    /// Moves the current thread into a namespace until what is returned is dropped. Sockets belong to the namespace in which they
    /// were made, wherever they are used; threads and programs begin in the namespace of the thread that starts them.
    ///
    /// # Errors
    /// A sentence, if the kernel refuses.
    pub fn enter(&self, side: Side) -> Result<Inside, String> {
        let home = Namespace::current().map_err(|error| refusal(&error))?;
        self.namespace(side).join().map_err(|error| refusal(&error))?;
        Ok(Inside { home, stays: PhantomData })
    }

    /// Makes a runtime whose threads all live in a namespace. `Runtime::block_on` runs its future on the calling thread, which has
    /// to [`Self::enter`] first if that future makes sockets; what is spawned is inside in any case.
    ///
    /// # Errors
    /// A sentence, if no threads can be had or the kernel refuses.
    pub fn runtime(&self, side: Side, threads: usize) -> Result<Runtime, String> {
        // What the kernel refuses here it would refuse to every thread.
        let _inside = self.enter(side)?;
        let namespace = self.namespace(side).clone();
        let join = move || {
            namespace.join().unwrap_or_else(|error| panic!("a thread of the runtime is not let in: {error}"));
        };
        let builder =
            Builder::new_multi_thread().worker_threads(threads.max(1)).on_thread_start(join).enable_all().build();
        builder.map_err(|error| refusal(&error))
    }

    /// Starts a program in a namespace. While it runs, the namespace stays; end it like any other child.
    ///
    /// # Errors
    /// A sentence, if it cannot be started.
    pub fn spawn(&self, side: Side, command: &mut Command) -> Result<Child, String> {
        let _inside = self.enter(side)?;
        command.spawn().map_err(|error| format!("{}: {error}", command.get_program().to_string_lossy()))
    }

    /// Chooses who paces a connection (`reno`, `cubic`, `bbr`), if anybody is named, and returns who does.
    ///
    /// # Errors
    /// A sentence: the kernel does not have that one, or this is no TCP connection of the link.
    pub fn pace(&self, stream: &TcpStream, name: Option<&str>) -> Result<String, String> {
        let socket = socket2::SockRef::from(stream);
        if let Some(name) = name {
            let set = socket.set_tcp_congestion(name.as_bytes());
            set.map_err(|error| format!("This kernel does not pace connections with `{name}`: {error}."))?;
        }
        let name = socket.tcp_congestion().map_err(|error| refusal(&error))?;
        Ok(String::from_utf8_lossy(&name).trim_end_matches('\0').to_owned())
    }

    /// Returns the address of one end.
    pub const fn addr(&self, side: Side) -> IpAddr {
        IpAddr::V4(address(side))
    }

    /// Returns what has been carried in one direction so far, in all weathers.
    pub fn traffic(&self, direction: Direction) -> Traffic {
        router::at(&self.desk).traffic[router::lane(direction)]
    }

    /// Returns by how much packets were handed out later than they were due since the last call, and forgets it.
    pub fn take_lateness(&self) -> Percentiles {
        std::mem::take(&mut router::at(&self.desk).late).percentiles()
    }

    const fn namespace(&self, side: Side) -> &Arc<Namespace> {
        match side {
            Side::Server => &self.server,
            Side::Client => &self.client,
        }
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        self.bell = None;
        if let Some(router) = self.router.take() {
            // A router that has panicked has said so.
            let _ = router.join();
        }
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        // A thread that goes on in the wrong namespace would talk to nobody, or to the wrong one.
        self.home.join().unwrap_or_else(|error| panic!("the way out of the namespace is closed: {error}"));
    }
}

/// Makes one end of the link, on a thread of its own, so that nobody else has to move.
fn end(side: Side) -> io::Result<(Namespace, Device)> {
    let make = move || {
        let namespace = Namespace::unshare()?;
        Ok((namespace, Device::open(address(side))?))
    };
    thread::Builder::new().spawn(make)?.join().unwrap_or_else(|_| Err(io::Error::other("the thread panicked")))
}

const fn address(side: Side) -> Ipv4Addr {
    match side {
        Side::Server => Ipv4Addr::new(10, 9, 0, 1),
        Side::Client => Ipv4Addr::new(10, 9, 0, 2),
    }
}

fn refusal(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            "The real link needs root, because it makes network namespaces; run it with sudo.".to_owned()
        }
        io::ErrorKind::NotFound => {
            "The real link needs TUN devices, and this kernel shows none; try `modprobe tun` first.".to_owned()
        }
        _ => format!("The kernel refused the real link: {error}."),
    }
}

/// Gives the current thread precedence over everything that is not urgent, and timers without slack, so that it measures the link
/// and not who else was busy. Returns whether the kernel agreed. Threads and programs that it starts begin as everybody else.
pub fn hurry() -> bool {
    kernel::hurry()
}
