//! Connections that tell when all that was written to them is on its way.
//!
//! An answer that fails midway must not end as a whole one does. A body that ends with an error
//! makes the server leave the connection, and with it what it had not sent yet: the marked error at
//! the answer's end above all. So such a body waits until the server has flushed the connection,
//! which it does each time it has nothing more to write.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::extract::connect_info::Connected;
use axum::serve::IncomingStream;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Listens for connections that tell of their flushes.
pub(crate) struct Listener(pub(crate) TcpListener);

/// A client's connection.
pub(crate) struct Connection {
    stream: TcpStream,
    flushed: watch::Sender<()>,
}

/// The flushes of one connection.
#[derive(Clone, Debug)]
pub(crate) struct Flushes(watch::Receiver<()>);

impl Flushes {
    /// Waits for the next one; returns at once when the connection is gone.
    pub(crate) async fn next(&mut self) {
        self.0.mark_unchanged();
        // An error means that the connection is gone.
        let _ = self.0.changed().await;
    }
}

impl axum::serve::Listener for Listener {
    type Io = Connection;
    type Addr = std::net::SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        let (stream, address) = axum::serve::Listener::accept(&mut self.0).await;
        let connection = Connection {
            stream,
            flushed: watch::Sender::new(()),
        };
        (connection, address)
    }

    fn local_addr(&self) -> io::Result<Self::Addr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, Listener>> for Flushes {
    fn connect_info(stream: IncomingStream<'_, Listener>) -> Self {
        Self(stream.io().flushed.subscribe())
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
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
