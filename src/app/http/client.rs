//! One HTTP/1.1 request and its answer.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use hyper::{HeaderMap, Request, Response, StatusCode};

use super::server::into_io;
use super::wire::Wire;
use crate::net::TcpStream;
use crate::tcp::CloseReason;

/// What comes back, as it comes.
pub trait Sink {
    /// The status and the headers, and how long the body is to be, when that is known. An error ends the transfer.
    fn on_head(&mut self, head: &Head) -> io::Result<()>;

    /// A part of the body.
    fn on_body(&mut self, part: &[u8]) -> io::Result<()>;
}

/// The answer's head.
#[derive(Clone, Debug)]
pub struct Head {
    /// Status.
    pub status: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Bytes that the body is to have, when the server says so.
    pub length: Option<u64>,
}

/// Why a request failed.
#[derive(Debug)]
pub enum FetchError {
    /// The peer closed without a word.
    EmptyReply,
    /// What came back is not HTTP.
    NotHttp(io::Error),
    /// The connection ended inside the body.
    Short {
        /// Bytes of the body that came.
        had: u64,
        /// Bytes that were promised, when the server said.
        promised: Option<u64>,
        /// How it ended.
        error: io::Error,
    },
    /// The connection failed.
    Connection(io::Error),
    /// The sink does not want more.
    Sink(io::Error),
}

/// Sends `request` over `stream` and hands the answer to `sink`. Bytes of the body that came.
///
/// The answer counts whenever it comes: before the request, while that is being sent, or from a server that resets the
/// connection behind it. Once the server refuses, the rest of the request is not sent (RFC 9112 section 9.5); the
/// connection is then good for nothing but closing.
pub async fn fetch<B>(stream: &TcpStream, request: Request<B>, sink: &mut dyn Sink) -> Result<u64, FetchError>
where
    B: Body + 'static,
    B::Data: Send,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    stream.set_nodelay(true);
    let enough = AtomicBool::new(false);
    let (mut sender, mut connection) = hyper::client::conn::http1::handshake(Wire::new(stream, &enough))
        .await
        .map_err(|error| FetchError::Connection(into_io(error)))?;
    let exchange = async {
        let response = sender.send_request(request).await.map_err(|error| head_error(stream, error))?;
        let wanted = response.status().is_success();
        enough.store(!wanted, Ordering::Release);
        let had = receive(response, sink).await?;
        // Without its sender, hyper's connection ends with what it is doing.
        drop(sender);
        Ok((had, wanted))
    };
    let mut exchange = std::pin::pin!(exchange);
    // hyper's connection does the work; the exchange only waits for it. Closing is left to who has the stream.
    let mut driving = true;
    let mut drive = |cx: &mut Context<'_>| {
        driving = driving && Pin::new(&mut connection).poll(cx).is_pending();
        driving
    };
    let (had, wanted) = poll_fn(|cx| {
        drive(cx);
        match exchange.as_mut().poll(cx) {
            // What is to be sent, or the end of the connection, may be news for the other.
            Poll::Pending if !drive(cx) => exchange.as_mut().poll(cx),
            outcome => outcome,
        }
    })
    .await?;
    if wanted {
        // A server that takes a request may have answered before it has all of it.
        poll_fn(|cx| match drive(cx) && stream.report().ended.is_none() {
            true => Poll::Pending,
            false => Poll::Ready(()),
        })
        .await;
    }
    Ok(had)
}

fn head_error(stream: &TcpStream, error: hyper::Error) -> FetchError {
    let parse = error.is_parse();
    let ended = error.is_incomplete_message();
    // What hyper calls canceled is a connection that ended under it.
    let why = stream.report().ended.filter(|reason| *reason != CloseReason::Done).map(io::Error::from);
    let error = why.unwrap_or_else(|| into_io(error));
    if ended && stream.report().stats.bytes_in == 0 {
        FetchError::EmptyReply
    } else if parse || ended {
        FetchError::NotHttp(error)
    } else {
        FetchError::Connection(error)
    }
}

async fn receive(response: Response<Incoming>, sink: &mut dyn Sink) -> Result<u64, FetchError> {
    let promised = response.body().size_hint().exact();
    let (parts, mut body) = response.into_parts();
    let head = Head { status: parts.status, headers: parts.headers, length: promised };
    sink.on_head(&head).map_err(FetchError::Sink)?;
    let mut had = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| FetchError::Short { had, promised, error: into_io(error) })?;
        if let Some(part) = frame.data_ref() {
            had += part.len() as u64;
            sink.on_body(part).map_err(FetchError::Sink)?;
        }
    }
    Ok(had)
}
