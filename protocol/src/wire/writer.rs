//! Writes bits, lowest first: the first bit written is bit 0 of byte 0.
//!
//! Flow: [`super::command`], [`super::snapshot`] → here → link.

/// Bytes that a message rarely exceeds: a snapshot of a full room takes a few hundred.
const USUAL_BYTES: usize = 256;

/// A growing row of bits.
#[derive(Clone, Debug, Default)]
pub struct BitWriter {
    bytes: Vec<u8>,
    partial: u64,
    filled: u32,
}

impl BitWriter {
    /// Returns a writer that begins with the whole byte `first`.
    pub fn starting_with(first: u8) -> Self {
        let mut bytes = Vec::with_capacity(USUAL_BYTES);
        bytes.push(first);
        Self { bytes, ..Self::default() }
    }

    /// Writes the low `bits` (0 to 32) bits of `value`.
    pub fn bits(&mut self, value: u32, bits: u32) {
        let bits = bits.min(32);
        let mask = (1_u64 << bits).wrapping_sub(1);
        self.partial |= (u64::from(value) & mask) << self.filled;
        self.filled = self.filled.wrapping_add(bits);
        while self.filled >= 8 {
            self.bytes.push(self.partial as u8);
            self.partial >>= 8;
            self.filled = self.filled.wrapping_sub(8);
        }
    }

    /// Writes one bit and returns it.
    pub fn flag(&mut self, value: bool) -> bool {
        self.bits(u32::from(value), 1);
        value
    }

    /// Writes `value` in zigzag form (0, −1, 1, −2, …) with `bits` bits.
    pub fn signed(&mut self, value: i32, bits: u32) {
        self.bits(zigzag(value), bits);
    }

    /// Returns the number of bits written.
    pub fn len_bits(&self) -> usize {
        self.bytes.len().saturating_mul(8).saturating_add(self.filled as usize)
    }

    /// Returns the bytes; the last one is filled up with zeros.
    pub fn finish(mut self) -> Vec<u8> {
        if self.filled > 0 {
            self.bytes.push(self.partial as u8);
        }
        self.bytes
    }
}

/// Returns 0, 1, 2, 3, 4 … for 0, −1, 1, −2, 2 …
pub const fn zigzag(value: i32) -> u32 {
    ((value << 1) ^ (value >> 31)) as u32
}

/// Returns whether `value` fits `bits` bits in zigzag form.
pub const fn fits(value: i32, bits: u32) -> bool {
    (zigzag(value) as u64) >> bits == 0
}
