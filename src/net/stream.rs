//! A connection as a stream of bytes.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use super::host::{Host, Interest};
use crate::stack::ConnId;
use crate::tcp::rto::Samples;
use crate::tcp::{CloseReason, Connection, State, Stats};
use crate::wire::SeqNum;

/// A TCP connection. Dropping it closes it in the background; unread data turns that into a reset.
pub struct TcpStream {
    host: Host,
    id: ConnId,
}

/// What a connection has done so far, for summaries.
#[derive(Clone, Debug)]
pub struct Report {
    /// Our end.
    pub local: SocketAddr,
    /// The other end.
    pub remote: SocketAddr,
    /// State now.
    pub state: State,
    /// Why it ended, once it has.
    pub ended: Option<CloseReason>,
    /// Counters.
    pub stats: Stats,
    /// Round-trip times.
    pub rtt: Samples,
    /// RTO now.
    pub rto: Duration,
    /// Both ends agreed on SACK, timestamps, ECN.
    pub agreed: (bool, bool, bool),
    /// cwnd in bytes.
    pub cwnd: u32,
}

impl Report {
    fn of(connection: &Connection) -> Self {
        Report {
            local: connection.local(),
            remote: connection.remote(),
            state: connection.state(),
            ended: connection.ended(),
            stats: *connection.stats(),
            rtt: connection.rto().samples(),
            rto: connection.rto().current(),
            agreed: connection.agreed(),
            cwnd: connection.cwnd(),
        }
    }
}

impl TcpStream {
    pub(super) fn new(host: Host, id: ConnId) -> Self {
        TcpStream { host, id }
    }

    /// Opens a connection; ready when it is established or has failed.
    pub async fn connect(host: &Host, remote: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::start(host, None, remote, None)?.established().await
    }

    /// Begins to open a connection from `local`, where port 0 means any; `isn` fixes the initial sequence number.
    pub fn start(
        host: &Host,
        local: Option<SocketAddr>,
        remote: SocketAddr,
        isn: Option<SeqNum>,
    ) -> io::Result<TcpStream> {
        let id = host.poll(|inner, now| match inner.abandoned {
            true => Err(io::Error::from(io::ErrorKind::NetworkDown)),
            false => Ok(inner.stack.connect(now, local, remote, isn)?),
        })?;
        Ok(TcpStream::new(host.clone(), id))
    }

    /// Waits until the connection is established.
    pub async fn established(self) -> io::Result<TcpStream> {
        self.established_unless(|_| None).await
    }

    /// The same, unless `hopeless` finds a reason to wait no longer; it is asked whenever something happens.
    pub(super) async fn established_unless(
        self,
        hopeless: impl Fn(&Connection) -> Option<io::Error>,
    ) -> io::Result<TcpStream> {
        poll_fn(|cx| {
            self.poll(cx, Interest::Write, |connection| match (connection.state(), connection.ended()) {
                (_, Some(reason)) => Poll::Ready(Err(io::Error::from(reason))),
                (State::SynSent | State::SynReceived | State::Listen, None) => match hopeless(connection) {
                    Some(error) => Poll::Ready(Err(error)),
                    None => Poll::Pending,
                },
                _ => Poll::Ready(Ok(())),
            })
        })
        .await?;
        // The acknowledgment that ends the handshake leaves before anything that could carry it, as it does where
        // connecting is a call of its own; who looks at a capture expects three segments.
        let mut seen = false;
        poll_fn(|cx| match std::mem::replace(&mut seen, true) {
            true => Poll::Ready(()),
            false => {
                cx.waker().wake_by_ref();
                Poll::Pending
            }
        })
        .await;
        Ok(self)
    }

    /// Our address.
    pub fn local_addr(&self) -> SocketAddr {
        self.look(|connection| connection.local())
    }

    /// The peer's address.
    pub fn peer_addr(&self) -> SocketAddr {
        self.look(|connection| connection.remote())
    }

    /// What has happened so far.
    pub fn report(&self) -> Report {
        self.look(Report::of)
    }

    /// Turns Nagle's algorithm off (true) or on.
    pub fn set_nodelay(&self, on: bool) {
        self.host.call(|stack, _| stack.with(self.id, |connection| connection.set_nagle(!on)));
    }

    /// Sends with this differentiated services codepoint, 0 to 63, from now on (RFC 9293 MUST-48).
    pub fn set_dscp(&self, dscp: u8) {
        self.host.call(|stack, _| stack.with(self.id, |connection| connection.set_dscp(dscp)));
    }

    /// Closes our side: a FIN follows what was written. Reading goes on.
    pub fn shutdown(&self) {
        self.host.call(|stack, _| stack.with(self.id, Connection::shutdown));
    }

    /// Ends the connection at once; the peer gets a RST.
    pub fn abort(&self) {
        self.host.call(|stack, _| stack.with(self.id, Connection::abort));
    }

    /// Waits until both sides have closed, or the connection has ended in another way.
    pub async fn finished(&self) -> CloseReason {
        poll_fn(|cx| {
            self.poll(cx, Interest::End, |connection| match connection.ended() {
                Some(reason) => Poll::Ready(reason),
                None => Poll::Pending,
            })
        })
        .await
    }

    /// Ends a connection so that the peer gets everything: closes our side, reads and discards until all that we sent
    /// is acknowledged, then until the peer closes or `patience` has passed. Unread input would turn the tail of what
    /// we sent into a reset. How long the first part lasts is for TCP's own timeouts to say.
    pub async fn finish(&self, patience: Duration) {
        self.shutdown();
        let clock = self.host.clock().clone();
        let mut given_up = None;
        let mut closed = std::pin::pin!(async {
            while let Ok(1..) = self.read_with(|bytes| bytes.len()).await {}
            self.finished().await
        });
        let drained = poll_fn(|cx| {
            if closed.as_mut().poll(cx).is_ready() {
                return Poll::Ready(true);
            }
            let delivered = self.poll(cx, Interest::End, |connection| match connection.all_acknowledged() {
                true => Poll::Ready(()),
                false => Poll::Pending,
            });
            if delivered.is_pending() {
                return Poll::Pending;
            }
            let sleep = given_up.get_or_insert_with(|| Box::pin(clock.sleep(patience)));
            sleep.as_mut().poll(cx).map(|()| false)
        })
        .await;
        if !drained {
            self.discard();
        }
    }

    fn discard(&self) {
        self.host.call(|stack, now| {
            stack.with(self.id, |connection| {
                let readable = connection.readable();
                connection.consume(now, readable);
            })
        });
    }

    /// Waits for data and gives it to `take`, which says how much it took. 0 means that the peer has closed.
    pub async fn read_with(&self, mut take: impl FnMut(&[u8]) -> usize) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read_with(cx, &mut take)).await
    }

    /// Reads what there is, at most a buffer full.
    pub async fn read(&self, buffer: &mut [u8]) -> io::Result<usize> {
        poll_fn(|cx| self.poll_read_into(cx, buffer)).await
    }

    /// Writes all of `data`.
    pub async fn write_all(&self, data: &[u8]) -> io::Result<()> {
        let mut written = 0;
        while written < data.len() {
            written += poll_fn(|cx| self.poll_write_from(cx, &data[written..])).await?;
        }
        Ok(())
    }

    pub(super) fn poll_read_into(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut filled = 0;
        self.poll_read_with(cx, &mut |bytes| {
            let len = bytes.len().min(buffer.len() - filled);
            buffer[filled..filled + len].copy_from_slice(&bytes[..len]);
            filled += len;
            len
        })
    }

    fn poll_read_with(&self, cx: &mut Context<'_>, take: &mut dyn FnMut(&[u8]) -> usize) -> Poll<io::Result<usize>> {
        self.host.poll(|inner, now| {
            let outcome = inner.stack.with(self.id, |connection| {
                let (first, second) = connection.peek();
                let mut taken = 0;
                if !first.is_empty() {
                    taken = take(first);
                    if taken == first.len() && !second.is_empty() {
                        taken += take(second);
                    }
                    connection.consume(now, taken);
                } else if !connection.at_end() {
                    connection.receivable()?;
                    if connection.ended().is_none() {
                        return Ok(None);
                    }
                }
                Ok(Some(taken))
            });
            match outcome {
                Some(Ok(None)) => {
                    inner.register(self.id, Interest::Read, cx.waker());
                    Poll::Pending
                }
                Some(Ok(Some(taken))) => Poll::Ready(Ok(taken)),
                Some(Err(error)) => Poll::Ready(Err(crate::tcp::CallError::into(error))),
                None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
            }
        })
    }

    pub(super) fn poll_write_from(&self, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.host.poll(|inner, _| match inner.stack.with(self.id, |connection| connection.send(data)) {
            Some(Ok(0)) if !data.is_empty() => {
                inner.register(self.id, Interest::Write, cx.waker());
                Poll::Pending
            }
            Some(Ok(taken)) => Poll::Ready(Ok(taken)),
            Some(Err(error)) => Poll::Ready(Err(error.into())),
            None => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        })
    }

    fn poll<T>(&self, cx: &mut Context<'_>, interest: Interest, look: impl FnOnce(&Connection) -> Poll<T>) -> Poll<T> {
        self.host.poll(|inner, _| {
            let Some(connection) = inner.stack.connection(self.id) else { return Poll::Pending };
            let outcome = look(connection);
            if outcome.is_pending() {
                inner.register(self.id, interest, cx.waker());
            }
            outcome
        })
    }

    #[expect(clippy::expect_used, reason = "the stack keeps a connection until its stream lets go of it")]
    fn look<T>(&self, look: impl FnOnce(&Connection) -> T) -> T {
        self.host.inspect(|stack| look(stack.connection(self.id).expect("a stream's connection exists")))
    }
}

impl Drop for TcpStream {
    fn drop(&mut self) {
        self.host.poll(|inner, now| {
            inner.stack.release(now, self.id);
            inner.unregister(self.id);
        });
    }
}

impl futures_io::AsyncRead for TcpStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        self.poll_read_into(cx, buffer)
    }
}

impl futures_io::AsyncWrite for TcpStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_from(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shutdown();
        Poll::Ready(Ok(()))
    }
}

/// By reference, so that whoever lends the stream to hyper still has it for its end.
impl hyper::rt::Read for &TcpStream {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut cursor: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        self.poll_read_with(cx, &mut |bytes| {
            let len = bytes.len().min(cursor.remaining());
            cursor.put_slice(&bytes[..len]);
            len
        })
        .map_ok(drop)
    }
}

impl hyper::rt::Write for &TcpStream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_from(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.shutdown();
        Poll::Ready(Ok(()))
    }
}
