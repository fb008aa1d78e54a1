//! Where a song's bytes come from, and the view of it that the decoder reads.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Mutex, PoisonError};

use symphonia::core::io::MediaSource;

/// The bytes of one audio file, some of which may still be on their way.
///
/// Reads block until the bytes are there. What [`Self::canceller`] returns may be called from
/// any thread; from then on reads fail at once, also one that is blocked.
pub trait TrackSource: Read + Seek + Send + Sync + 'static {
    /// Length of the whole file. (bytes)
    fn byte_len(&self) -> u64;

    /// What ends all reading.
    fn canceller(&self) -> Box<dyn Fn() + Send + Sync>;
}

/// A cursor of its own on a shared source, so that a file can be opened again from its start.
///
/// Cursors take turns at the source; in practice only one reads at a time.
#[derive(Clone)]
pub(crate) struct SourceCursor {
    source: Arc<Mutex<Shared>>,
    position: u64,
    length: u64,
}

struct Shared {
    source: Box<dyn TrackSource>,
    /// Where the source stands, if known.
    position: Option<u64>,
}

impl SourceCursor {
    pub(crate) fn new(source: Box<dyn TrackSource>) -> Self {
        let length = source.byte_len();
        let source = Arc::new(Mutex::new(Shared { source, position: None }));
        Self { source, position: 0, length }
    }

    /// A second cursor at the file's start.
    pub(crate) fn rewound(&self) -> Self {
        Self { position: 0, ..self.clone() }
    }

    pub(crate) fn length(&self) -> u64 {
        self.length
    }
}

impl Read for SourceCursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut shared = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        if shared.position != Some(self.position) {
            shared.source.seek(SeekFrom::Start(self.position))?;
        }
        // After a failed read nobody knows where the source stands.
        shared.position = None;
        let count = shared.source.read(buffer)?;
        self.position += count as u64;
        shared.position = Some(self.position);
        Ok(count)
    }
}

impl Seek for SourceCursor {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(from_start) => Some(from_start),
            SeekFrom::Current(delta) => self.position.checked_add_signed(delta),
            SeekFrom::End(delta) => self.length.checked_add_signed(delta),
        };
        self.position = target.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl MediaSource for SourceCursor {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        Some(self.length)
    }
}

/// Whole files in memory and on disk are sources that never wait.
impl TrackSource for io::Cursor<Vec<u8>> {
    fn byte_len(&self) -> u64 {
        self.get_ref().len() as u64
    }

    fn canceller(&self) -> Box<dyn Fn() + Send + Sync> {
        Box::new(|| {})
    }
}

impl TrackSource for std::fs::File {
    fn byte_len(&self) -> u64 {
        self.metadata().map_or(0, |metadata| metadata.len())
    }

    fn canceller(&self) -> Box<dyn Fn() + Send + Sync> {
        Box::new(|| {})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_cursors_on_one_source_read_as_if_alone() {
        let mut first = SourceCursor::new(Box::new(io::Cursor::new((0..=255).collect())));
        let mut second = first.rewound();
        let mut bytes = [0; 3];
        first.read_exact(&mut bytes).unwrap();
        second.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes, [0, 1, 2]);
        first.read_exact(&mut bytes).unwrap();
        assert_eq!(bytes, [3, 4, 5]);
        second.seek(SeekFrom::End(-2)).unwrap();
        assert_eq!(second.read(&mut bytes).unwrap(), 2);
        assert_eq!(second.read(&mut bytes).unwrap(), 0);
        assert!(second.seek(SeekFrom::Current(-1_000)).is_err());
    }
}
