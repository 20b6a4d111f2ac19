//! Connecting to a host that has several addresses: happy eyeballs (RFC 8305).

use std::fmt;
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use super::clock::{Clock, Sleep};
use super::host::Host;
use super::stream::TcpStream;
use crate::tcp::Connection;
use crate::wire::SeqNum;
use crate::wire::icmp::IcmpKind;

/// How long an attempt is alone before the next one starts beside it (RFC 8305 section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// One way to reach a host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempt {
    /// Our end, where it is settled.
    pub local: Option<SocketAddr>,
    /// The other.
    pub remote: SocketAddr,
}

/// How many transmissions of a SYN may meet a soft ICMP error before whoever connects gives up. TCP itself goes on until its
/// retransmissions are used up (RFC 9293 MUST-56), which takes minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience(pub Option<u32>);

/// An attempt was given up before TCP would have done so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GivenUp {
    /// What ICMP said last.
    pub kind: IcmpKind,
    /// Of how many transmissions of our SYN it said something of the kind.
    pub syns: u32,
}

impl fmt::Display for GivenUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, for each of {} SYNs; given up, though that may pass: try again later", self.kind, self.syns)
    }
}

impl std::error::Error for GivenUp {}

impl Patience {
    fn is_over(self, connection: &Connection) -> Option<io::Error> {
        let syns = connection.syns_in_trouble();
        let kind = connection.soft_error().filter(|_| self.0.is_some_and(|most| syns >= most))?;
        Some(io::Error::new(io::ErrorKind::HostUnreachable, GivenUp { kind, syns }))
    }
}

/// The first connection that comes about. Attempts start in order, each when the one before has failed or has taken too
/// long; the others are given up then. When all fail, the first failure is the result.
pub async fn connect(
    host: &Host,
    attempts: &[Attempt],
    isn: Option<SeqNum>,
    patience: Patience,
) -> io::Result<TcpStream> {
    let clock: Clock = host.clock().clone();
    let mut waiting = attempts.iter();
    let mut running: Vec<Pin<Box<dyn Future<Output = io::Result<TcpStream>> + Send + '_>>> = Vec::new();
    let mut failure: Option<io::Error> = None;
    let mut head_start: Option<Pin<Box<Sleep>>> = None;
    poll_fn(move |cx| {
        loop {
            let started = match head_start.as_mut().is_none_or(|sleep| sleep.as_mut().poll(cx).is_ready()) {
                true => waiting.next(),
                false => None,
            };
            if let Some(attempt) = started {
                running.push(Box::pin(async move {
                    let stream = TcpStream::start(host, attempt.local, attempt.remote, isn)?;
                    stream.established_unless(|connection| patience.is_over(connection)).await
                }));
                head_start = Some(Box::pin(clock.sleep(ATTEMPT_DELAY)));
            }
            let before = running.len();
            let mut connected = None;
            running.retain_mut(|attempt| match attempt.as_mut().poll(cx) {
                Poll::Pending => true,
                Poll::Ready(Ok(stream)) => {
                    connected.get_or_insert(stream);
                    false
                }
                Poll::Ready(Err(error)) => {
                    failure.get_or_insert(error);
                    false
                }
            });
            if let Some(stream) = connected {
                return Poll::Ready(Ok(stream));
            }
            if running.len() < before {
                // What failed was the reason to wait.
                head_start = None;
            }
            match (running.is_empty(), waiting.len() == 0) {
                (true, true) => {
                    let none = || io::Error::new(io::ErrorKind::AddrNotAvailable, "there is no address to connect to");
                    return Poll::Ready(Err(failure.take().unwrap_or_else(none)));
                }
                // All are under way: nothing more to start, whatever time it is.
                (false, true) => return Poll::Pending,
                // The newest one's head start has just begun, or still lasts.
                (false, false) if head_start.is_some() && started.is_none() => return Poll::Pending,
                _ => {}
            }
        }
    })
    .await
}
