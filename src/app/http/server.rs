//! Files and folders over HTTP/1.1.

use std::convert::Infallible;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{self, HeaderValue};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};

use crate::app::server::{Notice, Tell};
use crate::net::{Clock, HyperTimer, TcpStream};

use super::site::Found;
pub use super::site::Site;

/// How long a connection may stay without a complete request: a browser's spare connection is not kept for ever.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Answers requests on `stream` until the peer has no more.
pub async fn converse(stream: &TcpStream, site: &Site, clock: &Clock, tell: &Tell) -> io::Result<()> {
    // Answers are written whole; waiting for company (RFC 9293 section 3.7.4) would only delay their ends.
    stream.set_nodelay(true);
    let service = service_fn(|request: Request<Incoming>| {
        let response = answer(site, &request);
        tell(Notice::Request {
            peer: stream.peer_addr(),
            what: format!("{} {}", request.method(), request.uri()),
            status: response.status().as_u16(),
            bytes: response.body().size_hint().exact(),
        });
        std::future::ready(Ok::<_, Infallible>(response))
    });
    // A client has 30 s for its request. Across a simulated wire that may be bad on purpose, it has for ever.
    let patience = (!clock.is_virtual()).then_some(REQUEST_TIMEOUT);
    hyper::server::conn::http1::Builder::new()
        .header_read_timeout(patience)
        // The date would make two runs of a simulation differ.
        .auto_date_header(!clock.is_virtual())
        // A client may close its side as soon as it has asked.
        .half_close(true)
        .timer(HyperTimer(clock.clone()))
        .serve_connection(stream, service)
        .await
        .map_err(into_io)
}

/// hyper's error as what it comes from, where that is known.
pub(super) fn into_io(error: hyper::Error) -> io::Error {
    let source = std::error::Error::source(&error).and_then(|source| source.downcast_ref::<io::Error>());
    let kind = match source {
        Some(source) => source.kind(),
        None if error.is_incomplete_message() => io::ErrorKind::UnexpectedEof,
        None if error.is_timeout() => io::ErrorKind::TimedOut,
        None if error.is_parse() => io::ErrorKind::InvalidData,
        None => io::ErrorKind::Other,
    };
    match source {
        Some(source) => io::Error::new(kind, source.to_string()),
        None => io::Error::new(kind, error),
    }
}

fn answer(site: &Site, request: &Request<Incoming>) -> Response<FileBody> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD are served here\n");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let path = request.uri().path();
    match site.find(path) {
        Ok(Found::File(file)) => send_file(&file, request.headers().get(header::RANGE)),
        Ok(Found::Listing(names)) => listing(path, &names),
        Ok(Found::Redirect) => {
            let mut response = text(StatusCode::MOVED_PERMANENTLY, "this is a folder\n");
            if let Ok(location) = HeaderValue::from_str(&format!("{path}/")) {
                response.headers_mut().insert(header::LOCATION, location);
            }
            response
        }
        Ok(Found::Nothing) => text(StatusCode::NOT_FOUND, "there is nothing here\n"),
        Err(error) => text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n")),
    }
}

fn text(status: StatusCode, body: &str) -> Response<FileBody> {
    page(status, "text/plain; charset=utf-8", body)
}

fn page(status: StatusCode, kind: &'static str, body: &str) -> Response<FileBody> {
    let mut response = Response::new(FileBody::from(Bytes::copy_from_slice(body.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn listing(path: &str, names: &[String]) -> Response<FileBody> {
    let escape = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;");
    let mut html =
        format!("<!DOCTYPE html>\n<meta charset=\"utf-8\">\n<title>{0}</title>\n<h1>{0}</h1>\n<ul>\n", escape(path));
    for name in names {
        let href: String = name
            .bytes()
            .map(|byte| match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                    char::from(byte).to_string()
                }
                _ => format!("%{byte:02X}"),
            })
            .collect();
        html += &format!("<li><a href=\"./{href}\">{}</a></li>\n", escape(name));
    }
    html += "</ul>\n";
    page(StatusCode::OK, "text/html; charset=utf-8", &html)
}

fn send_file(path: &Path, range: Option<&HeaderValue>) -> Response<FileBody> {
    let opened = File::open(path).and_then(|file| Ok((file.metadata()?.len(), file)));
    let (length, mut file) = match opened {
        Ok(opened) => opened,
        Err(error) => return text(StatusCode::FORBIDDEN, &format!("{error}\n")),
    };
    let mut kind = mime_guess::from_path(path).first_or_octet_stream().to_string();
    if kind.starts_with("text/") {
        kind += "; charset=utf-8";
    }
    let asked = range.and_then(|value| value.to_str().ok()).map_or(Asked::All, |value| parse_range(value, length));
    let (status, start, left) = match asked {
        Asked::All => (StatusCode::OK, 0, length),
        Asked::Part(start, end) => (StatusCode::PARTIAL_CONTENT, start, end - start),
        Asked::Impossible => {
            let mut response = text(StatusCode::RANGE_NOT_SATISFIABLE, "that range lies outside of the file\n");
            insert(&mut response, header::CONTENT_RANGE, &format!("bytes */{length}"));
            return response;
        }
    };
    if let Err(error) = file.seek(SeekFrom::Start(start)) {
        return text(StatusCode::INTERNAL_SERVER_ERROR, &format!("{error}\n"));
    }
    let mut response = Response::new(FileBody { file: Some(file), ready: Bytes::new(), left });
    *response.status_mut() = status;
    insert(&mut response, header::CONTENT_TYPE, &kind);
    insert(&mut response, header::ACCEPT_RANGES, "bytes");
    if status == StatusCode::PARTIAL_CONTENT {
        insert(&mut response, header::CONTENT_RANGE, &format!("bytes {start}-{}/{length}", start + left - 1));
    }
    response
}

fn insert(response: &mut Response<FileBody>, name: header::HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

/// What part of a file is asked for.
#[derive(Debug, PartialEq, Eq)]
enum Asked {
    All,
    /// From, and up to but not including.
    Part(u64, u64),
    Impossible,
}

/// A single byte range (RFC 9110 section 14.1.2). Several, or what cannot be read, mean the whole file.
fn parse_range(value: &str, length: u64) -> Asked {
    let Some((first, last)) = value.strip_prefix("bytes=").and_then(|range| range.trim().split_once('-')) else {
        return Asked::All;
    };
    match (first.trim().parse::<u64>(), last.trim().parse::<u64>()) {
        (Ok(first), _) if first >= length => Asked::Impossible,
        (Ok(first), Ok(last)) if last >= first => Asked::Part(first, (last.saturating_add(1)).min(length)),
        (Ok(first), Err(_)) if last.trim().is_empty() => Asked::Part(first, length),
        (Err(_), Ok(0)) if first.is_empty() => Asked::Impossible,
        (Err(_), Ok(suffix)) if first.is_empty() && length > 0 => Asked::Part(length.saturating_sub(suffix), length),
        _ => Asked::All,
    }
}

/// A body that reads its file as it is sent.
struct FileBody {
    file: Option<File>,
    ready: Bytes,
    left: u64,
}

impl From<Bytes> for FileBody {
    fn from(ready: Bytes) -> Self {
        FileBody { left: ready.len() as u64, file: None, ready }
    }
}

impl Body for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut part = std::mem::take(&mut self.ready);
        let most = self.left.min(64 << 10) as usize;
        if let Some(file) = &mut self.file {
            let mut buffer = vec![0; most];
            let len = file.read(&mut buffer)?;
            buffer.truncate(len);
            part = buffer.into();
        }
        if part.is_empty() {
            // The file shrank while it was sent; the promised length cannot be kept.
            return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into())));
        }
        self.left -= part.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(part))))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_as_rfc_9110_section_14_1_2_has_them() {
        let table = [
            ("bytes=0-0", Asked::Part(0, 1)),
            ("bytes=5-", Asked::Part(5, 10)),
            ("bytes=-3", Asked::Part(7, 10)),
            ("bytes=-30", Asked::Part(0, 10)),
            ("bytes=2-99", Asked::Part(2, 10)),
            ("bytes=10-", Asked::Impossible),
            ("bytes=-0", Asked::Impossible),
            ("bytes=5-2", Asked::All),
            ("bytes=0-1,3-4", Asked::All),
            ("lines=0-1", Asked::All),
        ];
        for (value, asked) in table {
            assert_eq!(parse_range(value, 10), asked, "{value}");
        }
    }
}
