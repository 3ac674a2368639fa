//! Connections that can be cut, over pipes in memory or over anything else.

use hyper_util::rt::TokioIo;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, DuplexStream, ReadBuf};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use tonic::transport::server::Connected;
use tonic::transport::{Channel, Endpoint, Uri};

/// Bytes that a pipe holds.
const PIPE: usize = 1 << 20;

type Accepted = io::Result<Breakable<DuplexStream>>;

/// All connections of one fake.
#[derive(Debug, Default)]
pub(super) struct Connections {
    /// Cancelled to cut what is connected now; then replaced.
    token: Mutex<CancellationToken>,
    refusing: AtomicBool,
    accept: Mutex<Option<mpsc::UnboundedSender<Accepted>>>,
}

impl Connections {
    /// Where the server takes connections in memory from.
    pub(super) fn incoming(&self) -> UnboundedReceiverStream<Accepted> {
        let (sender, receiver) = mpsc::unbounded_channel();
        *self.accept.lock().unwrap_or_else(PoisonError::into_inner) = Some(sender);
        UnboundedReceiverStream::new(receiver)
    }

    /// A client's channel over pipes in memory. Connects, and connects again, like one over a socket.
    pub(super) fn channel(self: &Arc<Self>) -> Channel {
        let connections = self.clone();
        Endpoint::from_static("http://localhost").connect_with_connector_lazy(tower::service_fn(
            move |_: Uri| {
                let connected = connections.connect();
                async move { connected.map(TokioIo::new) }
            },
        ))
    }

    fn connect(&self) -> io::Result<DuplexStream> {
        let refused = || io::Error::from(io::ErrorKind::ConnectionRefused);
        if self.refusing.load(Ordering::Relaxed) {
            return Err(refused());
        }
        let (ours, theirs) = tokio::io::duplex(PIPE);
        let accept = self.accept.lock().unwrap_or_else(PoisonError::into_inner);
        let accept = accept.as_ref().ok_or_else(refused)?;
        accept.send(Ok(self.breakable(theirs))).map_err(|_| refused())?;
        Ok(ours)
    }

    /// Makes a connection one that [`Connections::cut`] cuts.
    pub(super) fn breakable<T>(&self, stream: T) -> Breakable<T> {
        let token = self.token.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Breakable {
            stream,
            cut: Box::pin(token.cancelled_owned()),
            is_cut: false,
        }
    }

    pub(super) fn cut(&self) {
        let mut token = self.token.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut *token).cancel();
    }

    pub(super) fn refuse(&self, refusing: bool) {
        self.refusing.store(refusing, Ordering::Relaxed);
    }
}

/// The server's end of a connection.
pub(super) struct Breakable<T> {
    stream: T,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    is_cut: bool,
}

impl<T> Breakable<T> {
    /// An error once the connection is cut; else wakes the task when it is.
    fn check(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        self.is_cut |= !self.is_cut && self.cut.as_mut().poll(context).is_ready();
        if self.is_cut {
            Err(io::ErrorKind::ConnectionReset.into())
        } else {
            Ok(())
        }
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Breakable<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Breakable<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.check(context)?;
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

impl<T> Connected for Breakable<T> {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}
