//! Batches of frames, the form in which bytes cross between the page and the bridge.
//!
//! A call between a webview and its host costs milliseconds whatever its size, so messages
//! travel many at a time. A batch is frames one after the other, with nothing between them:
//!
//! ```text
//! [kind u8] [length u32, little endian] [payload: `length` bytes]
//! ```
//!
//! | kind | name | payload | sent by |
//! |---|---|---|---|
//! | 0 | text | a message, UTF-8 | both |
//! | 1 | binary | a message | both |
//! | 2 | opened | empty | bridge |
//! | 3 | closed | empty, or what went wrong as UTF-8; the last frame of a channel | bridge |
//!
//! The other end of this format is `ui/src/rtc/frames.ts`.

use bytes::{Buf, BytesMut};

/// Bytes in front of each payload.
pub const HEADER: usize = 5;

/// What a frame carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FrameKind {
    /// A message of text.
    Text = 0,
    /// A message of bytes.
    Binary = 1,
    /// The channel may be written to from here on.
    Opened = 2,
    /// Nothing follows.
    Closed = 3,
}

/// Why a batch could not be taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FrameError {
    /// The first byte of a frame names no kind.
    #[error("frame of unknown kind {0}")]
    Kind(u8),
    /// The page sent a kind that only the bridge may send.
    #[error("frame of kind {0} goes the other way")]
    Direction(u8),
    /// A message of text is not UTF-8.
    #[error("text that is not utf-8")]
    Text,
    /// The batch ends inside a frame.
    #[error("frame of {claimed} bytes where {left} are left")]
    Cut {
        /// Length of header and payload. (bytes)
        claimed: usize,
        /// What the batch still held. (bytes)
        left: usize,
    },
}

impl TryFrom<u8> for FrameKind {
    type Error = FrameError;

    fn try_from(byte: u8) -> Result<Self, FrameError> {
        match byte {
            0 => Ok(Self::Text),
            1 => Ok(Self::Binary),
            2 => Ok(Self::Opened),
            3 => Ok(Self::Closed),
            other => Err(FrameError::Kind(other)),
        }
    }
}

/// Appends one frame to `batch`.
///
/// # Panics
///
/// If the payload is 4 GiB or longer; messages are bounded a long way below.
pub fn push(batch: &mut Vec<u8>, kind: FrameKind, payload: &[u8]) {
    let length = u32::try_from(payload.len()).expect("messages are shorter than 4 GiB");
    batch.reserve(HEADER + payload.len());
    batch.push(kind as u8);
    batch.extend_from_slice(&length.to_le_bytes());
    batch.extend_from_slice(payload);
}

/// Takes the first frame off `batch` without copying it; `None` when nothing is left.
///
/// # Errors
///
/// A kind that does not exist, or a batch that ends inside the frame. `batch` is then of no
/// further use.
pub fn pop(batch: &mut BytesMut) -> Result<Option<(FrameKind, BytesMut)>, FrameError> {
    if batch.is_empty() {
        return Ok(None);
    }
    let left = batch.len();
    let Some(&[kind, a, b, c, d]) = batch.first_chunk::<HEADER>() else {
        return Err(FrameError::Cut { claimed: HEADER, left });
    };
    let kind = FrameKind::try_from(kind)?;
    let length = u32::from_le_bytes([a, b, c, d]) as usize;
    let claimed = HEADER.saturating_add(length);
    if claimed > left {
        return Err(FrameError::Cut { claimed, left });
    }
    batch.advance(HEADER);
    Ok(Some((kind, batch.split_to(length))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_gives_back_the_frames_it_was_made_of() {
        let mut batch = Vec::new();
        push(&mut batch, FrameKind::Opened, b"");
        push(&mut batch, FrameKind::Text, "größer".as_bytes());
        push(&mut batch, FrameKind::Binary, &[7; 300]);
        push(&mut batch, FrameKind::Closed, b"gone");

        let mut batch = BytesMut::from(&batch[..]);
        let mut frames = Vec::new();
        while let Some((kind, payload)) = pop(&mut batch).unwrap() {
            frames.push((kind, payload.to_vec()));
        }
        assert_eq!(
            frames,
            [
                (FrameKind::Opened, vec![]),
                (FrameKind::Text, "größer".as_bytes().to_vec()),
                (FrameKind::Binary, vec![7; 300]),
                (FrameKind::Closed, b"gone".to_vec()),
            ]
        );
    }

    #[test]
    fn the_bytes_on_the_wire_are_as_documented() {
        let mut batch = Vec::new();
        push(&mut batch, FrameKind::Binary, &[0xAB, 0xCD]);
        assert_eq!(batch, [1, 2, 0, 0, 0, 0xAB, 0xCD]);
    }

    #[test]
    fn a_batch_that_ends_inside_a_frame_is_refused() {
        let mut whole = Vec::new();
        push(&mut whole, FrameKind::Binary, b"four");
        for cut in 1..whole.len() {
            let mut batch = BytesMut::from(&whole[..cut]);
            assert!(matches!(pop(&mut batch), Err(FrameError::Cut { .. })), "cut after {cut}");
        }
    }

    #[test]
    fn a_length_beyond_all_memory_is_refused() {
        let mut batch = BytesMut::from(&[1, 0xFF, 0xFF, 0xFF, 0xFF, 0][..]);
        assert!(matches!(pop(&mut batch), Err(FrameError::Cut { .. })));
    }

    #[test]
    fn a_kind_that_does_not_exist_is_refused() {
        let mut batch = BytesMut::from(&[9, 0, 0, 0, 0][..]);
        assert_eq!(pop(&mut batch), Err(FrameError::Kind(9)));
    }
}
