//! The bridge itself: every connection of one page.

use std::collections::HashMap;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::connection::Connection;
use crate::description::{Candidate, ChannelConfig, ConnectionConfig, Description, SelectedPath};
use crate::error::BridgeError;
use crate::event::{ChannelId, ConnectionId, EventSink};
use crate::limits::MAX_CONNECTIONS;

/// How much one page may have open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at a time.
    pub connections: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections: MAX_CONNECTIONS }
    }
}

/// The WebRTC stack, seen from the page.
///
/// Cheap to clone; clones share everything. Every method that is `async` must be called inside a
/// tokio runtime, which then carries the connections. Calls about one connection take effect in
/// the order they are made only if each is awaited before the next.
#[derive(Clone)]
pub struct Bridge {
    registry: Arc<Mutex<Registry>>,
    limits: Limits,
    channel_ids: Arc<AtomicU32>,
}

#[derive(Default)]
struct Registry {
    connections: HashMap<ConnectionId, Arc<Connection>>,
    /// Being opened: counted, not yet named.
    opening: usize,
    last_id: ConnectionId,
    /// Counts page loads, so that what an earlier page began cannot land in a later one.
    page: u64,
}

impl Default for Bridge {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Bridge {
    /// A bridge without connections.
    pub fn new(limits: Limits) -> Self {
        Self { registry: Arc::default(), limits, channel_ids: Arc::new(AtomicU32::new(1)) }
    }

    /// Closes everything. A page calls this first, because the page before it could not.
    pub async fn reset(&self) {
        let old = {
            let mut registry = self.registry();
            registry.page += 1;
            std::mem::take(&mut registry.connections)
        };
        if !old.is_empty() {
            tracing::debug!(connections = old.len(), "closing what the page before left open");
        }
        futures_util::future::join_all(old.values().map(|connection| connection.close())).await;
    }

    /// Number of open connections.
    pub fn connections(&self) -> usize {
        self.registry().connections.len()
    }

    /// Opens a connection whose events go to `sink`.
    ///
    /// # Errors
    ///
    /// Too many are open, the page was reloaded meanwhile, or the system gave no socket.
    pub async fn open(
        &self,
        config: ConnectionConfig,
        sink: EventSink,
    ) -> Result<ConnectionId, BridgeError> {
        let page = {
            let mut registry = self.registry();
            if registry.connections.len() + registry.opening >= self.limits.connections {
                return Err(BridgeError::TooManyConnections(self.limits.connections));
            }
            registry.opening += 1;
            registry.page
        };
        let opening = Opening { bridge: self };
        let connection = Arc::new(Connection::open(config, sink, self.channel_ids.clone()).await?);
        let entered = {
            let mut registry = self.registry();
            (registry.page == page).then(|| {
                registry.last_id += 1;
                let id = registry.last_id;
                registry.connections.insert(id, Arc::clone(&connection));
                id
            })
        };
        // Only now: between the two it is counted twice, never not at all.
        drop(opening);
        match entered {
            Some(id) => Ok(id),
            None => {
                connection.close().await;
                Err(BridgeError::Reset)
            }
        }
    }

    /// Closes a connection, and with it every channel it has. Waiting calls return.
    ///
    /// # Errors
    ///
    /// There is no such connection.
    pub async fn close(&self, connection: ConnectionId) -> Result<(), BridgeError> {
        let taken = self.registry().connections.remove(&connection);
        taken.ok_or(BridgeError::UnknownConnection(connection))?.close().await;
        Ok(())
    }

    /// Makes a channel. It can be written to once its stream says
    /// [opened](crate::frame::FrameKind::Opened).
    ///
    /// # Errors
    ///
    /// No such connection, too many channels, a label that is too long, or the stack's refusal.
    pub async fn create_channel(
        &self,
        connection: ConnectionId,
        config: ChannelConfig,
    ) -> Result<ChannelId, BridgeError> {
        self.connection(connection)?.create_channel(config).await
    }

    /// Proposes a session.
    ///
    /// # Errors
    ///
    /// No such connection, or the stack's refusal.
    pub async fn create_offer(&self, connection: ConnectionId) -> Result<Description, BridgeError> {
        self.connection(connection)?.create_offer().await
    }

    /// Accepts the session the other side proposed.
    ///
    /// # Errors
    ///
    /// No such connection, or the stack's refusal.
    pub async fn create_answer(
        &self,
        connection: ConnectionId,
    ) -> Result<Description, BridgeError> {
        self.connection(connection)?.create_answer().await
    }

    /// Sets this side's description, starts looking for local addresses, and returns the
    /// description with those that are known already.
    ///
    /// # Errors
    ///
    /// No such connection, a description that is too long or malformed, or the stack's refusal.
    pub async fn set_local(
        &self,
        connection: ConnectionId,
        description: Description,
    ) -> Result<Option<Description>, BridgeError> {
        self.connection(connection)?.set_local(description).await
    }

    /// Sets the other side's description, and adds the candidates that came before it.
    ///
    /// # Errors
    ///
    /// No such connection, a description that is too long or malformed, or the stack's refusal.
    pub async fn set_remote(
        &self,
        connection: ConnectionId,
        description: Description,
    ) -> Result<(), BridgeError> {
        self.connection(connection)?.set_remote(description).await
    }

    /// Adds an address of the other side, keeping it if its description is not there yet.
    ///
    /// # Errors
    ///
    /// No such connection, too many early candidates, or a malformed one.
    pub async fn add_candidate(
        &self,
        connection: ConnectionId,
        candidate: Candidate,
    ) -> Result<(), BridgeError> {
        self.connection(connection)?.add_candidate(candidate).await
    }

    /// The pair of addresses in use; `None` until there is one.
    ///
    /// # Errors
    ///
    /// No such connection, or the stack's refusal.
    pub async fn selected_path(
        &self,
        connection: ConnectionId,
    ) -> Result<Option<SelectedPath>, BridgeError> {
        self.connection(connection)?.selected_path().await
    }

    /// Sends a batch of message [frames](crate::frame), and returns when the last of them has
    /// been taken over. That is the back-pressure: no more than
    /// [`SEND_BUFFER`](crate::limits::SEND_BUFFER) bytes wait inside.
    ///
    /// # Errors
    ///
    /// No such channel, a malformed or oversized batch, or a channel that is not open. Frames
    /// before the one at fault are sent.
    pub async fn send(
        &self,
        connection: ConnectionId,
        channel: ChannelId,
        batch: Vec<u8>,
    ) -> Result<(), BridgeError> {
        self.connection(connection)?.send(channel, batch).await
    }

    /// Waits until the channel has [frames](crate::frame), and returns all there are, up to
    /// [`MAX_BATCH`](crate::limits::MAX_BATCH) bytes. After a closed frame the channel is gone.
    ///
    /// A call that is dropped before it returns may take frames with it.
    ///
    /// # Errors
    ///
    /// No such channel, or another call is waiting on it.
    pub async fn receive(
        &self,
        connection: ConnectionId,
        channel: ChannelId,
    ) -> Result<Vec<u8>, BridgeError> {
        self.connection(connection)?.receive(channel).await
    }

    /// Starts closing a channel; its stream ends with a closed frame.
    ///
    /// # Errors
    ///
    /// No such channel, or the stack's refusal.
    pub async fn close_channel(
        &self,
        connection: ConnectionId,
        channel: ChannelId,
    ) -> Result<(), BridgeError> {
        self.connection(connection)?.close_channel(channel).await
    }

    fn connection(&self, id: ConnectionId) -> Result<Arc<Connection>, BridgeError> {
        self.registry().connections.get(&id).cloned().ok_or(BridgeError::UnknownConnection(id))
    }

    fn registry(&self) -> MutexGuard<'_, Registry> {
        // Nothing panics while holding it, so what is inside is whole in any case.
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Keeps a place in the count while a connection is opened, also if that call is dropped.
struct Opening<'a> {
    bridge: &'a Bridge,
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        self.bridge.registry().opening -= 1;
    }
}
