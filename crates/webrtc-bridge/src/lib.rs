//! WebRTC data channels for a webview that has none.
//!
//! The web page keeps its usual `RTCPeerConnection`: a stand-in written in TypeScript
//! (`ui/src/rtc`) whose every call arrives here as one call on [`Bridge`]. Media, statistics
//! beyond the selected path, and renegotiation of anything but data channels are absent on purpose:
//! WebTorrent needs none of them.
//!
//! There is no Tauri type here. The app wraps each method in a command; the tests drive the same
//! methods over a socket, with the same stand-in running in a real browser.
//!
//! Three rules shape the crate:
//!
//! - **The page names nothing.** Ids are handed out here and never used twice, so a call that a
//!   reloaded page left behind meets [`BridgeError::UnknownConnection`], never somebody else's
//!   connection.
//! - **Everything about a channel comes in one stream.** Opened, messages, closed: all are
//!   [frames](frame) in the order they happened, and the page pulls them with
//!   [`Bridge::receive`]. A page that stops pulling stops its peer, through SCTP's own receive
//!   window.
//! - **Nothing grows without bound.** Each bound is in [`limits`], with its reason.
//!
//! Start reading at [`Bridge`], then `connection.rs` (negotiation) and `channel.rs` (bytes).

mod addresses;
mod bridge;
mod channel;
mod connection;
mod description;
mod error;
mod event;
pub mod frame;
pub mod limits;
mod runtime;

pub use bridge::{Bridge, Limits};
pub use description::{
    Candidate, ChannelConfig, ConnectionConfig, Description, DescriptionKind, IceServer, PathEnd,
    SelectedPath, Urls,
};
pub use error::BridgeError;
pub use event::{ChannelId, ConnectionEvent, ConnectionId, EventSink};
