//! Which pieces are held: one bit a piece, first piece in the highest bit (BEP 3).

/// A set of pieces of one torrent.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Bitfield {
    bits: Vec<u8>,
    pieces: u32,
    held: u32,
}

impl Bitfield {
    pub(crate) fn empty(pieces: u32) -> Self {
        Self { bits: vec![0; (pieces as usize).div_ceil(8)], pieces, held: 0 }
    }

    pub(crate) fn full(pieces: u32) -> Self {
        let mut field = Self::empty(pieces);
        (0..pieces).for_each(|index| {
            field.insert(index);
        });
        field
    }

    /// False for pieces the torrent does not have.
    pub(crate) fn holds(&self, index: u32) -> bool {
        self.bits.get(index as usize / 8).is_some_and(|byte| byte & mask(index) != 0)
    }

    /// Adds a piece; true if it was missing. The caller has checked that it exists.
    pub(crate) fn insert(&mut self, index: u32) -> bool {
        debug_assert!(index < self.pieces, "piece {index} of {}", self.pieces);
        if self.holds(index) {
            return false;
        }
        self.bits[index as usize / 8] |= mask(index);
        self.held += 1;
        true
    }

    /// Takes a piece out; true if it was held.
    pub(crate) fn remove(&mut self, index: u32) -> bool {
        if !self.holds(index) {
            return false;
        }
        self.bits[index as usize / 8] &= !mask(index);
        self.held -= 1;
        true
    }

    pub(crate) fn is_full(&self) -> bool {
        self.held == self.pieces
    }

    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        self.bits.clone()
    }
}

fn mask(index: u32) -> u8 {
    0x80 >> (index % 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_piece_is_the_highest_bit_and_spare_bits_stay_zero() {
        let mut field = Bitfield::empty(10);
        assert!(field.insert(0) && field.insert(9));
        assert!(!field.insert(9), "a second insert changes nothing");
        assert_eq!(field.to_bytes(), [0b1000_0000, 0b0100_0000]);
        assert_eq!(Bitfield::full(10).to_bytes(), [0xff, 0b1100_0000]);
    }

    #[test]
    fn pieces_can_be_lost_again() {
        let mut field = Bitfield::full(3);
        assert!(field.is_full());
        assert!(field.remove(1) && !field.remove(1));
        assert!(!field.is_full() && !field.holds(1) && !field.holds(1_000_000));
    }
}
