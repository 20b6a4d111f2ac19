//! A listening address.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::task::{Context, Poll};

use super::host::Host;
use super::stream::TcpStream;

/// Accepts connections. Dropping it stops listening; connections that nobody accepted are reset.
pub struct TcpListener {
    host: Host,
    address: SocketAddr,
}

impl TcpListener {
    /// Listens at `address`; the unspecified address stands for all of the host's. At most `backlog` handshakes
    /// and unaccepted connections are kept.
    pub fn bind(host: &Host, address: SocketAddr, backlog: usize) -> io::Result<TcpListener> {
        host.call(|stack, _| stack.listen(address, backlog))?;
        Ok(TcpListener { host: host.clone(), address })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// The next connection.
    pub async fn accept(&self) -> io::Result<TcpStream> {
        poll_fn(|cx| self.poll_accept(cx)).await
    }

    /// The next connection, when there is one.
    pub fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<TcpStream>> {
        let accepted = self.host.poll(|inner, _| {
            let accepted = inner.stack.accept(self.address);
            match accepted {
                None if inner.abandoned => Err(io::ErrorKind::NetworkDown),
                None => {
                    inner.register_accept(self.address, cx.waker());
                    Ok(None)
                }
                accepted => Ok(accepted),
            }
        });
        match accepted {
            Ok(Some(id)) => Poll::Ready(Ok(TcpStream::new(self.host.clone(), id))),
            Ok(None) => Poll::Pending,
            Err(kind) => Poll::Ready(Err(kind.into())),
        }
    }
}

impl Drop for TcpListener {
    fn drop(&mut self) {
        self.host.call(|stack, _| stack.unlisten(self.address));
    }
}
