//! Accepting connections and telling how each went.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use super::http::server::{self as http, Site};
use super::{DRAIN, plain};
use crate::net::{Clock, Report, Spawner, TcpListener, TcpStream};

/// What a server does with each connection.
#[derive(Clone, Debug)]
pub enum Service {
    /// Files over HTTP/1.1.
    Http(Site),
    /// A file as it stands, at once, no request awaited.
    Raw(PathBuf),
    /// Sends back what comes.
    Echo,
    /// Throws away what comes.
    Discard,
}

/// What is worth telling about a server.
#[derive(Debug)]
pub enum Notice {
    /// A request was answered.
    Request {
        /// Who asked.
        peer: std::net::SocketAddr,
        /// What for: method and path.
        what: String,
        /// The status.
        status: u16,
        /// Bytes of the body, when the length is known.
        bytes: Option<u64>,
    },
    /// A connection is over.
    Done {
        /// What happened on it.
        report: Box<Report>,
        /// What went wrong, if anything.
        error: Option<io::Error>,
    },
}

/// Where notices go.
pub type Tell = Arc<dyn Fn(Notice) + Send + Sync>;

/// Serves every connection of `listener`, each in a task of its own; ends after `limit` connections.
pub async fn serve(
    listener: TcpListener,
    service: Service,
    clock: Clock,
    spawner: Spawner,
    limit: Option<u64>,
    tell: Tell,
) -> io::Result<()> {
    let (done, wait) = Pending::new();
    let mut accepted = 0;
    while limit.is_none_or(|limit| accepted < limit) {
        let stream = listener.accept().await?;
        accepted += 1;
        let (service, clock, tell, done) = (service.clone(), clock.clone(), tell.clone(), done.clone());
        spawner.spawn(async move {
            let error = converse(&stream, &service, &clock, &tell).await.err();
            stream.finish(DRAIN).await;
            tell(Notice::Done { report: Box::new(stream.report()), error });
            drop(done);
        });
    }
    // Whoever comes now is refused, and not left waiting for a server that is about to end.
    drop(listener);
    drop(done);
    wait.await;
    Ok(())
}

async fn converse(stream: &TcpStream, service: &Service, clock: &Clock, tell: &Tell) -> io::Result<()> {
    match service {
        Service::Http(site) => http::converse(stream, site, clock, tell).await,
        Service::Raw(path) => plain::send_file(stream, path).await.map(drop),
        Service::Echo => plain::echo(stream).await.map(drop),
        Service::Discard => plain::discard(stream).await.map(drop),
    }
}

/// A future that is ready when every clone of its other half is gone.
struct Pending(Arc<std::sync::Mutex<Option<std::task::Waker>>>);

/// The other half of [`Pending`].
#[derive(Clone)]
struct Holder(#[expect(dead_code, reason = "being there is what it does")] Arc<Alarm>);

struct Alarm(Arc<std::sync::Mutex<Option<std::task::Waker>>>);

impl Pending {
    fn new() -> (Holder, Pending) {
        let waker = Arc::new(std::sync::Mutex::new(None));
        (Holder(Arc::new(Alarm(waker.clone()))), Pending(waker))
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        if let Ok(mut waker) = self.0.lock()
            && let Some(waker) = waker.take()
        {
            waker.wake();
        }
    }
}

impl Future for Pending {
    type Output = ();

    fn poll(self: std::pin::Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<()> {
        if let Ok(mut waker) = self.0.lock() {
            *waker = Some(cx.waker().clone());
        }
        // The alarm holds the other reference.
        match Arc::strong_count(&self.0) {
            1 => std::task::Poll::Ready(()),
            _ => std::task::Poll::Pending,
        }
    }
}
