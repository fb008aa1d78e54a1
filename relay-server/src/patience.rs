//! A connection that gives up on a reader who takes nothing.
//!
//! HTTP has no rule against a client that asks for a large file and never reads it; neither
//! would a member's socket ever report one. Here a write that gets nowhere for long enough
//! fails, whatever is spoken on top.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// A stream whose writes fail after getting nowhere for `patience`.
pub(crate) struct Patient<S> {
    stream: S,
    patience: Duration,
    /// Runs while a write waits; a connection that is read costs no timer.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl<S> Patient<S> {
    /// Waits this long for a reader.
    pub(crate) fn new(stream: S, patience: Duration) -> Self {
        Self { stream, patience, waiting: None }
    }

    /// Passes a write's outcome on, unless it has waited too long.
    fn bounded<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.waiting = None;
            return written;
        }
        let patience = self.patience;
        let waiting = self.waiting.get_or_insert_with(|| Box::pin(sleep(patience)));
        ready!(waiting.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the other side reads nothing")))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Patient<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.bounded(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, parts);
        self.bounded(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.bounded(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.bounded(context, shut)
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Patient<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::{Instant, interval, timeout};

    use super::*;

    /// Far longer than any wait here.
    const DEADLINE: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn a_reader_that_takes_nothing_is_given_up() {
        let patience = Duration::from_millis(50);
        let (near, _far) = duplex(16);
        let mut near = Patient::new(near, patience);
        let began = Instant::now();
        let written = timeout(DEADLINE, near.write_all(&[0; 64])).await.expect("it gives up");
        let failed = written.expect_err("nobody reads");
        assert_eq!(failed.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= patience);
    }

    #[tokio::test]
    async fn a_reader_that_takes_a_little_now_and_then_is_waited_for() {
        let patience = Duration::from_secs(2);
        let (near, mut far) = duplex(16);
        let mut near = Patient::new(near, patience);
        let began = Instant::now();
        let reading = async {
            let mut now_and_then = interval(patience / 10);
            let mut taken = [0; 4];
            for _ in 0..16 {
                now_and_then.tick().await;
                far.read_exact(&mut taken).await.expect("written");
            }
        };
        let (written, ()) = tokio::join!(near.write_all(&[0; 64]), reading);
        written.expect("it took longer than it may, but never without a byte");
        assert!(began.elapsed() > patience / 2, "the reader was slow");
    }
}
