//! What waits to be sent to one connection: bounded, and with a say about what happens when
//! the other side does not read.
//!
//! The owner of a swarm (or of the tracker) holds the [`Outbox`], the connection's writer the
//! [`OutboxReader`]. Neither ever waits for the other.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use axum::extract::ws::Utf8Bytes;
use tokio::sync::{mpsc, oneshot};

use crate::limits::Limits;
use crate::socket::Goodbye;

/// Where messages for one connection are put.
pub(crate) struct Outbox {
    items: mpsc::Sender<Vec<Utf8Bytes>>,
    waiting: Arc<AtomicUsize>,
    goodbye: oneshot::Sender<Goodbye>,
    most_bytes: usize,
}

/// Where the connection's writer takes them out.
pub(crate) struct OutboxReader {
    items: mpsc::Receiver<Vec<Utf8Bytes>>,
    waiting: Arc<AtomicUsize>,
    goodbye: oneshot::Receiver<Goodbye>,
    opened: VecDeque<Utf8Bytes>,
}

/// The connection reads too slowly; the message was not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

/// A new queue within `limits`.
pub(crate) fn outbox(limits: &Limits) -> (Outbox, OutboxReader) {
    let (items, items_out) = mpsc::channel(limits.queue_messages.max(1));
    let (goodbye, goodbye_out) = oneshot::channel();
    let waiting = Arc::new(AtomicUsize::new(0));
    (
        Outbox { items, waiting: waiting.clone(), goodbye, most_bytes: limits.queue_bytes },
        OutboxReader { items: items_out, waiting, goodbye: goodbye_out, opened: VecDeque::new() },
    )
}

impl Outbox {
    /// Queues a message that must arrive.
    ///
    /// # Errors
    ///
    /// [`Full`]: the connection can not be kept, because it would miss something.
    pub(crate) fn push(&self, frame: Utf8Bytes) -> Result<(), Full> {
        self.push_together(vec![frame])
    }

    /// Queues messages that belong together as one. An empty queue takes them whatever their
    /// length, so that a swarm's whole state can always be told to one who keeps up.
    ///
    /// # Errors
    ///
    /// As for [`Self::push`].
    pub(crate) fn push_together(&self, frames: Vec<Utf8Bytes>) -> Result<(), Full> {
        let length = total(&frames);
        let waiting = self.waiting.load(Ordering::Relaxed);
        if waiting > 0 && waiting + length > self.most_bytes {
            return Err(Full);
        }
        // Counted first, so that the reader never subtracts what is not there yet.
        self.waiting.fetch_add(length, Ordering::Relaxed);
        match self.items.try_send(frames) {
            Ok(()) => Ok(()),
            // The connection is ending; its own task says so.
            Err(mpsc::error::TrySendError::Closed(_)) => Ok(()),
            Err(mpsc::error::TrySendError::Full(_)) => {
                self.waiting.fetch_sub(length, Ordering::Relaxed);
                Err(Full)
            }
        }
    }

    /// Queues a message that can be replaced by a later summary, while less than half of the
    /// queue is in use: the other half is kept for what must arrive.
    ///
    /// # Errors
    ///
    /// [`Full`]: a summary is owed.
    pub(crate) fn push_droppable(&self, frame: Utf8Bytes) -> Result<(), Full> {
        let busy = self.items.capacity() < self.items.max_capacity() / 2
            || self.waiting.load(Ordering::Relaxed) > self.most_bytes / 2;
        if busy { Err(Full) } else { self.push(frame) }
    }

    /// True when everything queued was taken out.
    pub(crate) fn is_drained(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) == 0
    }

    /// True when the connection has ended.
    pub(crate) fn is_closed(&self) -> bool {
        self.items.is_closed()
    }

    /// Ends the connection with `goodbye`, without sending what still waits.
    pub(crate) fn hang_up(self, goodbye: Goodbye) {
        // A connection that is gone needs no goodbye.
        let _ = self.goodbye.send(goodbye);
    }
}

impl OutboxReader {
    /// The next message in order, or how to part once the outbox hangs up or is dropped.
    /// Nothing is lost when the returned future is dropped.
    pub(crate) async fn next(&mut self) -> Result<Utf8Bytes, Goodbye> {
        loop {
            if let Some(frame) = self.opened.pop_front() {
                self.waiting.fetch_sub(frame.len(), Ordering::Relaxed);
                return Ok(frame);
            }
            tokio::select! {
                biased;
                goodbye = &mut self.goodbye => return Err(goodbye.unwrap_or(Goodbye::DONE)),
                items = self.items.recv() => match items {
                    Some(frames) => self.opened = frames.into(),
                    None => return Err(Goodbye::DONE),
                },
            }
        }
    }

    /// Resolves when the outbox hangs up, even while a message is on its way.
    pub(crate) async fn hung_up(&mut self) -> Goodbye {
        (&mut self.goodbye).await.unwrap_or(Goodbye::DONE)
    }
}

fn total(frames: &[Utf8Bytes]) -> usize {
    frames.iter().map(|frame| frame.len()).sum()
}
