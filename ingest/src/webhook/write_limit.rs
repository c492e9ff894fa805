//! A stream whose peer must take in time what is written to it.
//!
//! Hyper limits the time of a request's headers, and we that of its body, but nobody that of an
//! answer: a peer that sends requests and never reads would hold its connection for ever, once the
//! kernel's buffers are full.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// Fails with [`io::ErrorKind::TimedOut`] once a write has waited for `limit`. The time runs from
/// the first byte that the peer does not take until all is written, so that taking a byte now and
/// then does not prolong it.
pub(super) struct WriteLimited<S> {
    stream: S,
    limit: Duration,
    /// Runs while bytes wait to be taken.
    late: Option<Pin<Box<Sleep>>>,
}

impl<S> WriteLimited<S> {
    pub(super) fn new(stream: S, limit: Duration) -> Self {
        Self {
            stream,
            limit,
            late: None,
        }
    }

    /// `polled`, or an error where it waits for too long.
    fn in_time<T>(
        &mut self,
        cx: &mut Context<'_>,
        polled: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if polled.is_pending() {
            let limit = self.limit;
            let late = self.late.get_or_insert_with(|| Box::pin(sleep(limit)));
            ready!(late.as_mut().poll(cx));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        polled
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteLimited<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteLimited<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.in_time(cx, polled)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let polled = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.in_time(cx, polled)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    /// Hyper flushes when its own buffer is empty: all is written then.
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_flush(cx);
        if polled.is_ready() {
            self.late = None;
        }
        self.in_time(cx, polled)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = Pin::new(&mut self.stream).poll_shutdown(cx);
        self.in_time(cx, polled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::time::Instant;

    const LIMIT: Duration = Duration::from_secs(10);

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_given_up_after_the_limit() {
        let (ours, _theirs) = tokio::io::duplex(16);
        let mut ours = WriteLimited::new(ours, LIMIT);
        let began = Instant::now();
        let error = ours.write_all(&[0; 17]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert_eq!(began.elapsed(), LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_byte_now_and_then_does_not_prolong_it() {
        let (ours, mut theirs) = tokio::io::duplex(16);
        let mut ours = WriteLimited::new(ours, LIMIT);
        let began = Instant::now();
        let dripping = async {
            loop {
                tokio::time::sleep(LIMIT / 4).await;
                theirs.read_u8().await.unwrap();
            }
        };
        let error = tokio::select! {
            written = ours.write_all(&[0; 100]) => written.unwrap_err(),
            () = dripping => unreachable!("it never ends"),
        };
        assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() < 2 * LIMIT);
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_its_answers_in_time_may_stay() {
        let (ours, mut theirs) = tokio::io::duplex(16);
        let mut ours = WriteLimited::new(ours, LIMIT);
        let slow = async {
            let mut answer = [0; 40];
            for _ in 0..5 {
                tokio::time::sleep(LIMIT / 2).await;
                theirs.read_exact(&mut answer).await.unwrap();
            }
        };
        let answers = async {
            for _ in 0..5 {
                ours.write_all(&[1; 40]).await.unwrap();
                ours.flush().await.unwrap();
            }
        };
        tokio::join!(slow, answers);
    }
}
