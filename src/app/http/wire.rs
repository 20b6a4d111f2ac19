//! A connection as hyper's client is to see it, so that an answer counts whenever it comes.
//!
//! hyper takes what comes before it has a request to send for a mistake, and a request that cannot be sent for the end
//! of the exchange. A server may speak first, though, and one that refuses a request answers while that is still being
//! sent, and may then reset the connection (RFC 9112 sections 9.5 and 9.6). So reading begins with the first write, and
//! it is reading that says how a connection ends: TCP hands over what arrived before it tells of the reset.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};

use crate::net::TcpStream;

/// What hyper reads from and writes to.
pub(super) struct Wire<'a> {
    stream: &'a TcpStream,
    /// Set once no more of the request is wanted.
    enough: &'a AtomicBool,
    /// The request is on its way.
    asked: bool,
    /// Who wanted to read before.
    reader: Option<Waker>,
}

impl<'a> Wire<'a> {
    pub fn new(stream: &'a TcpStream, enough: &'a AtomicBool) -> Self {
        Wire { stream, enough, asked: false, reader: None }
    }
}

impl hyper::rt::Read for Wire<'_> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        cursor: hyper::rt::ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.asked {
            self.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Pin::new(&mut self.stream).poll_read(cx, cursor)
    }
}

impl hyper::rt::Write for Wire<'_> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.asked = true;
        if let Some(reader) = self.reader.take() {
            reader.wake();
        }
        if self.enough.load(Ordering::Acquire) {
            return Poll::Pending;
        }
        match Pin::new(&mut self.stream).poll_write(cx, data) {
            // Whoever reads is woken by the end of the connection, so nobody waits here for ever.
            Poll::Ready(Err(_)) if self.stream.report().ended.is_some() => Poll::Pending,
            outcome => outcome,
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // All is written. Closing is left to who has the stream.
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Arc;
    use std::sync::atomic::AtomicUsize;
    use std::task::Wake;

    use hyper::rt::{Read, ReadBuf, Write};

    use super::*;
    use crate::link::sim::{WireConfig, wire};
    use crate::net::{Runtime, TcpStream};
    use crate::stack::HostConfig;
    use crate::tcp::{Config, Secret};

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    #[test]
    fn who_wants_to_read_before_the_request_is_woken_by_it() {
        let mut runtime = Runtime::new_virtual();
        let config = HostConfig {
            addresses: vec![Ipv4Addr::new(192, 0, 2, 1).into()],
            owns_addresses: true,
            mtu: 1500,
            ttl: 64,
            tcp: Config::default(),
            isn: None,
            secret: Secret([1, 2]),
            annotate: false,
        };
        let host = runtime.attach(config, Box::new(wire(WireConfig::default()).0), Vec::new());
        let stream = TcpStream::start(&host, None, "192.0.2.2:80".parse().unwrap(), None).unwrap();
        let enough = AtomicBool::new(false);
        let mut tested = Wire::new(&stream, &enough);
        let woken = Arc::new(Woken::default());
        let (early, late) = (Waker::from(woken.clone()), Waker::noop());
        let mut space = [0; 10];
        let mut buffer = ReadBuf::new(&mut space);
        assert!(Pin::new(&mut tested).poll_read(&mut Context::from_waker(&early), buffer.unfilled()).is_pending());
        assert_eq!(woken.0.load(Ordering::Relaxed), 0);
        let written = Pin::new(&mut tested).poll_write(&mut Context::from_waker(late), b"GET /");
        assert!(matches!(written, Poll::Ready(Ok(5))), "{written:?}");
        assert_eq!(woken.0.load(Ordering::Relaxed), 1);
    }
}
