//! One data channel: batches out, batches in.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::FutureExt;
use webrtc::data_channel::{DataChannel, DataChannelEvent, RTCDataChannelMessage};

use crate::error::{BridgeError, During, check_length};
use crate::event::ChannelId;
use crate::frame::{self, FrameError, FrameKind};
use crate::limits::{MAX_BATCH, MAX_MESSAGE};
use crate::runtime::ConnectionRuntime;

/// How long a closing channel waits for the other side to confirm what was sent.
const DRAIN_PATIENCE: Duration = Duration::from_secs(5);

/// How often it looks. The stack tells nobody when the last byte is confirmed.
const DRAIN_CHECK: Duration = Duration::from_millis(10);

pub(crate) struct Channel {
    id: ChannelId,
    stack: Arc<dyn DataChannel>,
    /// Held while a batch is collected: what is read must come out in one order.
    reader: tokio::sync::Mutex<Reader>,
    /// Held while a batch is handed over, for the same reason.
    writer: tokio::sync::Mutex<()>,
    runtime: Arc<ConnectionRuntime>,
}

#[derive(Default)]
struct Reader {
    /// A message that did not fit into the previous batch.
    held_over: Option<RTCDataChannelMessage>,
    ended: bool,
}

/// What one read brought.
pub(crate) struct Received {
    pub(crate) batch: Vec<u8>,
    /// The batch ends with the channel's last frame.
    pub(crate) ended: bool,
}

impl Channel {
    pub(crate) fn new(
        id: ChannelId,
        stack: Arc<dyn DataChannel>,
        runtime: Arc<ConnectionRuntime>,
    ) -> Self {
        Self {
            id,
            stack,
            reader: tokio::sync::Mutex::default(),
            writer: tokio::sync::Mutex::default(),
            runtime,
        }
    }

    /// Hands every message of `batch` to the stack, waiting for room.
    ///
    /// Messages are cut out of the batch, not copied.
    pub(crate) async fn send(&self, batch: Vec<u8>) -> Result<(), BridgeError> {
        check_length("the batch", batch.len(), MAX_BATCH)?;
        let _order = self.writer.lock().await;
        let mut batch = BytesMut::from(Bytes::from(batch));
        while let Some((kind, payload)) = frame::pop(&mut batch)? {
            check_length("the message", payload.len(), MAX_MESSAGE)?;
            match kind {
                FrameKind::Binary => self.stack.send(payload).await.during("send")?,
                FrameKind::Text => {
                    let text = std::str::from_utf8(&payload)
                        .map_err(|_| BridgeError::Frame(FrameError::Text))?;
                    self.stack.send_text(text).await.during("send")?;
                }
                FrameKind::Opened | FrameKind::Closed => {
                    return Err(BridgeError::Frame(FrameError::Direction(kind as u8)));
                }
            }
        }
        Ok(())
    }

    /// Waits until something happened, then returns everything that has happened so far.
    ///
    /// The queue behind this is the stack's own, and it is bounded: while nobody reads, the
    /// stack stops taking from SCTP, the receive window closes and the other side waits.
    pub(crate) async fn receive(&self) -> Result<Received, BridgeError> {
        let mut reader =
            self.reader.try_lock().map_err(|_| BridgeError::AlreadyReading(self.id))?;
        let mut batch = Vec::new();
        if let Some(message) = reader.held_over.take() {
            push_message(&mut batch, &message);
        }
        while !reader.ended {
            let next = if batch.is_empty() {
                self.stack.poll().await
            } else {
                match self.stack.poll().now_or_never() {
                    Some(event) => event,
                    None => break,
                }
            };
            match next {
                Some(DataChannelEvent::OnOpen) => {
                    self.runtime.relax();
                    frame::push(&mut batch, FrameKind::Opened, b"");
                }
                Some(DataChannelEvent::OnMessage(message)) => {
                    if !batch.is_empty()
                        && batch.len() + frame::HEADER + message.data.len()
                            > MAX_BATCH - frame::HEADER
                    {
                        reader.held_over = Some(message);
                        break;
                    }
                    push_message(&mut batch, &message);
                }
                Some(DataChannelEvent::OnClose) | None => reader.ended = true,
                Some(_) => {}
            }
        }
        if reader.ended {
            frame::push(&mut batch, FrameKind::Closed, b"");
        }
        Ok(Received { batch, ended: reader.ended })
    }

    /// Starts closing; the closed frame follows in the channel's stream.
    ///
    /// The stack drops what it has not sent when it closes a channel, where W3C has it sent
    /// first. So this waits until the other side has everything, for a while.
    pub(crate) async fn close(&self) -> Result<(), BridgeError> {
        let _order = self.writer.lock().await;
        let drained = async {
            while self.stack.outstanding_bytes().await.is_ok_and(|bytes| bytes > 0) {
                tokio::time::sleep(DRAIN_CHECK).await;
            }
        };
        if tokio::time::timeout(DRAIN_PATIENCE, drained).await.is_err() {
            tracing::debug!("closed a channel whose last messages nobody confirmed");
        }
        self.stack.close().await.during("close the channel")
    }
}

fn push_message(batch: &mut Vec<u8>, message: &RTCDataChannelMessage) {
    let kind = if message.is_string { FrameKind::Text } else { FrameKind::Binary };
    frame::push(batch, kind, &message.data);
}
