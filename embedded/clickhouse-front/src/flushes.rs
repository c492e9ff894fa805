//! Connections that tell when all that was written to them is on its way.
//!
//! An answer that fails midway must not end as a whole one does. A body that ends with an error
//! makes the server leave the connection, and with it what it had not sent yet: the marked error at
//! the answer's end above all. So such a body waits until the server has flushed the connection,
//! which it does each time it has nothing more to write.
//!
//! And connections that end when there are too many of them, but for the writer's: who reads, or
//! has not said yet who it is, may open connections as fast as it likes and takes only so many.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use futures_util::task::AtomicWaker;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// This many connections stay that are not the writer's. For each one more a reader's ends, the oldest;
/// else the oldest of those that have not said whose they are, if it had [`SAYS_WITHIN`] to do so: the
/// writer's own new connection is among them.
const GUESTS_MAX: usize = 256;
/// And this many in any case.
const GUESTS_MAX_EVER: usize = 4_096;
const SAYS_WITHIN: Duration = Duration::from_secs(1);

/// Listens for connections that tell of their flushes.
pub(crate) struct Listener {
    listener: TcpListener,
    /// Those that are not known to be the writer's, the oldest first.
    guests: VecDeque<Weak<Stay>>,
}

/// A client's connection.
pub(crate) struct Connection {
    stream: TcpStream,
    flushed: watch::Sender<()>,
    stay: Arc<Stay>,
}

/// How long a connection stays.
#[derive(Debug)]
struct Stay {
    began: Instant,
    is_the_writers: AtomicBool,
    is_a_readers: AtomicBool,
    has_ended: AtomicBool,
    /// Of the connection's task.
    task: AtomicWaker,
}

/// The flushes of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Flushes {
    flushed: watch::Receiver<()>,
    stay: Arc<Stay>,
}

impl Flushes {
    /// Waits for the next one; returns at once when the connection is gone.
    pub(crate) async fn next(&mut self) {
        self.flushed.mark_unchanged();
        // An error means that the connection is gone.
        let _ = self.flushed.changed().await;
    }

    /// The writer has shown its password here: the connection stays.
    pub(crate) fn are_the_writers(&self) {
        self.stay.is_the_writers.store(true, Ordering::Relaxed);
    }

    /// A reader has shown its password here: the connection makes room for others.
    pub(crate) fn are_a_readers(&self) {
        self.stay.is_a_readers.store(true, Ordering::Relaxed);
    }
}

impl Listener {
    /// Accepts what comes to `listener`.
    pub(crate) fn new(listener: TcpListener) -> Self {
        Self {
            listener,
            guests: VecDeque::with_capacity(GUESTS_MAX + 1),
        }
    }

    /// Takes one more guest in, and has the oldest ones go.
    fn take_in(&mut self) -> Arc<Stay> {
        let stay = Arc::new(Stay {
            began: Instant::now(),
            is_the_writers: AtomicBool::new(false),
            is_a_readers: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
            task: AtomicWaker::new(),
        });
        self.guests.push_back(Arc::downgrade(&stay));
        if self.guests.len() > GUESTS_MAX {
            self.guests.retain(|guest| {
                let guest = guest.upgrade();
                guest.is_some_and(|it| !it.is_the_writers.load(Ordering::Relaxed))
            });
        }
        while self.guests.len() > GUESTS_MAX {
            let Some(at) = self.to_end() else { break };
            if let Some(guest) = self.guests.remove(at).and_then(|it| it.upgrade()) {
                guest.has_ended.store(true, Ordering::Release);
                guest.task.wake();
            }
        }
        stay
    }

    /// Which of the guests makes room, if one has to.
    fn to_end(&self) -> Option<usize> {
        let is_a_readers = |stay: &Arc<Stay>| stay.is_a_readers.load(Ordering::Relaxed);
        let a_readers = self
            .guests
            .iter()
            .position(|guest| guest.upgrade().as_ref().is_none_or(is_a_readers));
        let oldest = self.guests.front()?.upgrade();
        let had_its_time = oldest.is_none_or(|it| it.began.elapsed() > SAYS_WITHIN);
        a_readers.or_else(|| (had_its_time || self.guests.len() > GUESTS_MAX_EVER).then_some(0))
    }
}

impl axum::serve::Listener for Listener {
    type Io = Connection;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = axum::serve::Listener::accept(&mut self.listener).await;
        // An answer's head and rows come apart: the rows would wait until the client has
        // acknowledged the head, which it puts off. Where it cannot be set, they do.
        let _ = stream.set_nodelay(true);
        let connection = Connection {
            stream,
            flushed: watch::Sender::new(()),
            stay: self.take_in(),
        };
        (connection, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.listener.local_addr()
    }
}

impl Connected<IncomingStream<'_, Listener>> for Flushes {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Self {
        Self {
            flushed: stream.io().flushed.subscribe(),
            stay: stream.io().stay.clone(),
        }
    }
}

impl Connection {
    /// Whether it has to go; its task is woken when it has.
    fn has_ended(&self, cx: &Context<'_>) -> bool {
        self.stay.task.register(cx.waker());
        self.stay.has_ended.load(Ordering::Acquire)
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.has_ended(cx) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if self.has_ended(cx) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if self.has_ended(cx) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.flushed.send_replace(());
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
