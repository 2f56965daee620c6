//! What travels over a shadow link: the match in a compact form, enough to see what this wire would have felt like.
//!
//! ```text
//! bits  8 | 32     | 16                     commands: the tick of the newest command that left at this moment, and when
//!      0x82 newest   stamp
//!
//! bits  8 | 32   | 1    | 16    | 16   | 12     | 1   | 16 | 16       snapshot: a tick, the echo of `snapshot`, and where the
//!      0x92 tick   echo   stamp   held   margin   own   x    y        own ship was
//! ```
//!
//! *margin* tells by how much the command would have beaten its tick, had it come over this wire. Without echo its three fields are
//! absent, without own ship its two.
//!
//! Flow: `session::client` → [`ShadowCommands`] → link → `session::shadow` → [`ShadowSnapshot`] → link → `session::client`.

use super::reader::BitReader;
use super::snapshot::{Echo, read_point, write_point};
use super::writer::BitWriter;
use super::{DecodeError, Kind};
use game::{Point, Tick};

/// What a client sends over a shadow link at every command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShadowCommands {
    /// Tick of the newest command.
    pub newest: Tick,
    /// The sender's clock, quarter milliseconds, wrapping.
    pub stamp: u16,
}

/// What the server sends over a shadow link at every snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShadowSnapshot {
    /// The tick whose end this describes.
    pub tick: Tick,
    /// Answer to the newest stamp that came over this link.
    pub echo: Option<Echo>,
    /// Where the own ship was.
    pub own: Option<Point>,
}

impl ShadowCommands {
    /// Returns the message as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = BitWriter::starting_with(Kind::ShadowCommands as u8);
        w.bits(self.newest.0, 32);
        w.bits(u32::from(self.stamp), 16);
        w.finish()
    }

    /// Reads the body.
    ///
    /// # Errors
    /// If it is cut short or goes on behind its end.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = BitReader::new(body);
        let commands = Self { newest: Tick(r.bits(32)?), stamp: r.bits(16)? as u16 };
        r.finish()?;
        Ok(commands)
    }
}

impl ShadowSnapshot {
    /// Returns the message as bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut w = BitWriter::starting_with(Kind::ShadowSnapshot as u8);
        w.bits(self.tick.0, 32);
        Echo::write(self.echo, &mut w);
        if w.flag(self.own.is_some())
            && let Some(own) = self.own
        {
            write_point(&mut w, own);
        }
        w.finish()
    }

    /// Reads the body.
    ///
    /// # Errors
    /// If it is cut short or goes on behind its end.
    pub fn decode(body: &[u8]) -> Result<Self, DecodeError> {
        let mut r = BitReader::new(body);
        let tick = Tick(r.bits(32)?);
        let echo = Echo::read(&mut r)?;
        let own = if r.flag()? { Some(read_point(&mut r)?) } else { None };
        r.finish()?;
        Ok(Self { tick, echo, own })
    }
}
