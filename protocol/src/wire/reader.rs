//! Reads bits, lowest first. The only place that looks at raw positions; every read is checked against the end.
//!
//! Flow: link → here → [`super::command`], [`super::snapshot`].

use super::DecodeError;

/// A position in a row of bits.
#[derive(Clone, Debug)]
pub struct BitReader<'a> {
    rest: &'a [u8],
    partial: u64,
    held: u32,
}

impl<'a> BitReader<'a> {
    /// Returns a reader at the first bit of `bytes`.
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, partial: 0, held: 0 }
    }

    /// Reads `bits` (0 to 32) bits.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if fewer are left.
    pub fn bits(&mut self, bits: u32) -> Result<u32, DecodeError> {
        let bits = bits.min(32);
        while self.held < bits {
            let (byte, rest) = self.rest.split_first().ok_or(DecodeError::Truncated)?;
            self.partial |= u64::from(*byte) << self.held;
            self.held = self.held.wrapping_add(8);
            self.rest = rest;
        }
        let value = self.partial & (1_u64 << bits).wrapping_sub(1);
        self.partial >>= bits;
        self.held = self.held.wrapping_sub(bits);
        Ok(value as u32)
    }

    /// Reads one bit.
    ///
    /// # Errors
    /// As [`Self::bits`].
    pub fn flag(&mut self) -> Result<bool, DecodeError> {
        Ok(self.bits(1)? == 1)
    }

    /// Reads a number in zigzag form.
    ///
    /// # Errors
    /// As [`Self::bits`].
    pub fn signed(&mut self, bits: u32) -> Result<i32, DecodeError> {
        let value = self.bits(bits)?;
        Ok((value >> 1) as i32 ^ 0_i32.wrapping_sub((value & 1) as i32))
    }

    /// Ends the reading.
    ///
    /// # Errors
    /// [`DecodeError::Trailing`] if a whole byte is left or the filling bits are not zero.
    pub fn finish(self) -> Result<(), DecodeError> {
        if self.rest.is_empty() && self.partial == 0 { Ok(()) } else { Err(DecodeError::Trailing) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::writer::BitWriter;
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_written_is_read(parts in prop::collection::vec((any::<u32>(), 0_u32..=32, any::<i16>()), 0..50)) {
            let mut writer = BitWriter::default();
            for (value, bits, signed) in &parts {
                writer.bits(*value, *bits);
                writer.signed(i32::from(*signed), 17);
            }
            let bytes = writer.finish();
            let mut reader = BitReader::new(&bytes);
            for (value, bits, signed) in &parts {
                let mask = (1_u64 << bits) - 1;
                prop_assert_eq!(u64::from(reader.bits(*bits).unwrap()), u64::from(*value) & mask);
                prop_assert_eq!(reader.signed(17).unwrap(), i32::from(*signed));
            }
            prop_assert_eq!(reader.finish(), Ok(()));
        }

        #[test]
        fn no_read_goes_past_the_end(bytes in prop::collection::vec(any::<u8>(), 0..8), widths in prop::collection::vec(0_u32..=40, 0..20)) {
            let mut reader = BitReader::new(&bytes);
            let mut left = bytes.len() as u32 * 8;
            for width in widths {
                let width = width.min(32);
                prop_assert_eq!(reader.bits(width).is_ok(), width <= left);
                if width > left { break; }
                left -= width;
            }
        }
    }
}
