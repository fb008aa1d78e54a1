//! What can go wrong, in words a log can show.

use crate::event::{ChannelId, ConnectionId};

/// Why a call on the [`Bridge`](crate::Bridge) had no effect.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BridgeError {
    /// The connection was closed, or belonged to a page that has been reloaded since.
    #[error("there is no connection {0}")]
    UnknownConnection(ConnectionId),
    /// The channel was closed, or belongs to another connection.
    #[error("there is no channel {0}")]
    UnknownChannel(ChannelId),
    /// The page was reloaded while this connection was being opened.
    #[error("the page was reloaded")]
    Reset,
    /// [`limits::MAX_CONNECTIONS`](crate::limits::MAX_CONNECTIONS) are open.
    #[error("{0} connections are open, which is the limit")]
    TooManyConnections(usize),
    /// [`limits::MAX_CHANNELS`](crate::limits::MAX_CHANNELS) are open on this connection.
    #[error("{0} channels are open on this connection, which is the limit")]
    TooManyChannels(usize),
    /// More candidates came before the description than are kept.
    #[error("{0} candidates came before their description, which is the limit")]
    TooManyCandidates(usize),
    /// Another `receive` is waiting on this channel; the order of two would be undefined.
    #[error("channel {0} is being read already")]
    AlreadyReading(ChannelId),
    /// A text or message is longer than its limit.
    #[error("{what} is {length} bytes long, {limit} at most")]
    TooLong {
        /// What was too long.
        what: &'static str,
        /// How long it was. (bytes)
        length: usize,
        /// How long it may be. (bytes)
        limit: usize,
    },
    /// A batch is not a sequence of whole frames.
    #[error("malformed batch: {0}")]
    Frame(#[from] crate::frame::FrameError),
    /// The kind of description does not fit this call.
    #[error("a description of kind {0} has no place here")]
    DescriptionKind(&'static str),
    /// The WebRTC stack refused.
    #[error("{action}: {source}")]
    Stack {
        /// What was tried.
        action: &'static str,
        /// What it answered.
        source: webrtc::error::Error,
    },
}

/// Names what was tried when the stack refuses it.
pub(crate) trait During<T> {
    fn during(self, action: &'static str) -> Result<T, BridgeError>;
}

impl<T> During<T> for Result<T, webrtc::error::Error> {
    fn during(self, action: &'static str) -> Result<T, BridgeError> {
        self.map_err(|source| BridgeError::Stack { action, source })
    }
}

/// Refuses what is longer than `limit` bytes.
pub(crate) fn check_length(
    what: &'static str,
    length: usize,
    limit: usize,
) -> Result<(), BridgeError> {
    if length > limit { Err(BridgeError::TooLong { what, length, limit }) } else { Ok(()) }
}
