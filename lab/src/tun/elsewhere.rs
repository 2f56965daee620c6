//! The real link where there is none: everything but Linux. It refuses in one sentence.
//!
//! Flow: [`Tunnel::open`] -> a refusal.

use super::{Side, Traffic};
use crate::report::Percentiles;
use std::net::{IpAddr, TcpStream};
use std::process::{Child, Command};
use tokio::runtime::Runtime;
use transport::weather::{Direction, Weather};

/// A link between two network namespaces; there is none on this system.
pub enum Tunnel {}

/// Being inside a namespace; there is none on this system.
pub enum Inside {}

impl Tunnel {
    /// Refuses.
    ///
    /// # Errors
    /// A sentence, always.
    pub fn open(_weather: Weather) -> Result<Self, String> {
        Err("The real link needs Linux, because it is made of network namespaces and TUN devices.".to_owned())
    }

    /// Cannot be called.
    pub fn set(&self, _weather: Weather) {
        match *self {}
    }

    /// Cannot be called.
    pub fn block_udp(&self) {
        match *self {}
    }

    /// Cannot be called.
    ///
    /// # Errors
    /// None.
    pub fn enter(&self, _side: Side) -> Result<Inside, String> {
        match *self {}
    }

    /// Cannot be called.
    ///
    /// # Errors
    /// None.
    pub fn runtime(&self, _side: Side, _threads: usize) -> Result<Runtime, String> {
        match *self {}
    }

    /// Cannot be called.
    ///
    /// # Errors
    /// None.
    pub fn spawn(&self, _side: Side, _command: &mut Command) -> Result<Child, String> {
        match *self {}
    }

    /// Cannot be called.
    ///
    /// # Errors
    /// None.
    pub fn pace(&self, _stream: &TcpStream, _name: Option<&str>) -> Result<String, String> {
        match *self {}
    }

    /// Cannot be called.
    pub const fn addr(&self, _side: Side) -> IpAddr {
        match *self {}
    }

    /// Cannot be called.
    pub fn traffic(&self, _direction: Direction) -> Traffic {
        match *self {}
    }

    /// Cannot be called.
    pub fn take_lateness(&self) -> Percentiles {
        match *self {}
    }
}

/// Does nothing and says so.
pub const fn hurry() -> bool {
    false
}
