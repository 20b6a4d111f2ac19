//! What `fetch` does with an answer as it comes: whether it is wanted, where it goes, how far it is.

use std::io::{self, IsTerminal};
use std::time::Duration;

use hyper::{StatusCode, header};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::args::{FetchArgs, Global};
use super::save::Output;
use crate::app::http::client::{Head, Sink};

/// Why a body is not taken, though nothing is wrong with the connection.
pub enum Stop {
    /// The server names another place.
    Redirect(String),
    /// With --fail.
    HttpError(StatusCode),
    /// Another part, or the whole, is what would come.
    NoRange(StatusCode),
    /// All of it is here already.
    Complete,
}

/// Writes the body, shows how far it is.
pub struct Saver<'a> {
    pub output: &'a mut Output,
    args: &'a FetchArgs,
    offset: u64,
    /// Bytes of the body so far.
    pub received: u64,
    bar: Option<ProgressBar>,
    /// What the server answered.
    pub status: Option<StatusCode>,
    stop: Option<Stop>,
}

impl<'a> Saver<'a> {
    pub fn new(output: &'a mut Output, global: &Global, args: &'a FetchArgs, offset: u64) -> Self {
        Saver { output, args, offset, received: 0, bar: bar(global), status: None, stop: None }
    }

    /// The transfer is over: the bar goes; why the body was not taken, if it was not.
    pub fn finish(self) -> Option<Stop> {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
        self.stop
    }

    fn refuse(&mut self, stop: Stop) -> io::Error {
        self.stop = Some(stop);
        io::Error::other("not wanted")
    }

    fn write_head(&mut self, head: &Head) -> io::Result<()> {
        let reason = head.status.canonical_reason().unwrap_or_default();
        let mut text = format!("HTTP/1.1 {} {reason}\r\n", head.status.as_u16()).into_bytes();
        for (name, value) in &head.headers {
            text.extend_from_slice(name.as_str().as_bytes());
            text.extend_from_slice(b": ");
            text.extend_from_slice(value.as_bytes());
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(b"\r\n");
        self.output.write(&text)
    }
}

impl Sink for Saver<'_> {
    fn on_head(&mut self, head: &Head) -> io::Result<()> {
        let status = head.status;
        self.status = Some(status);
        if self.args.location
            && status.is_redirection()
            && let Some(location) = head.headers.get(header::LOCATION).and_then(|value| value.to_str().ok())
        {
            let location = location.to_string();
            return Err(self.refuse(Stop::Redirect(location)));
        }
        if self.args.fail && (status.is_client_error() || status.is_server_error()) {
            return Err(self.refuse(Stop::HttpError(status)));
        }
        if self.offset > 0 {
            let complete = format!("bytes */{}", self.offset);
            let range = head.headers.get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
            if status == StatusCode::RANGE_NOT_SATISFIABLE && range == Some(complete.as_str()) {
                self.output.open(self.offset)?;
                return Err(self.refuse(Stop::Complete));
            }
            let here = range.is_some_and(|range| range.starts_with(&format!("bytes {}-", self.offset)));
            if status != StatusCode::PARTIAL_CONTENT || !here {
                return Err(self.refuse(Stop::NoRange(status)));
            }
        }
        if self.args.range.is_some() && status != StatusCode::PARTIAL_CONTENT && !self.args.head {
            return Err(self.refuse(Stop::NoRange(status)));
        }
        self.output.open(self.offset)?;
        if self.args.include || self.args.head {
            self.write_head(head)?;
        }
        if let (Some(bar), Some(length)) = (&self.bar, head.length) {
            bar.set_length(length);
        }
        Ok(())
    }

    fn on_body(&mut self, part: &[u8]) -> io::Result<()> {
        self.received += part.len() as u64;
        if let Some(bar) = &self.bar {
            bar.set_position(self.received);
            // Short transfers show nothing.
            if bar.is_hidden() && bar.elapsed() > Duration::from_secs(1) {
                bar.set_draw_target(ProgressDrawTarget::stderr());
            }
        }
        self.output.write(part)
    }
}

/// A progress bar, where there is a terminal for it and nothing else is printed there.
fn bar(global: &Global) -> Option<ProgressBar> {
    if global.quiet || global.verbose > 0 || !io::stderr().is_terminal() {
        return None;
    }
    let style = ProgressStyle::with_template("{bar:30} {bytes}/{total_bytes} {bytes_per_sec} ETA {eta}").ok()?;
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    Some(bar.with_style(style.progress_chars("=> ")))
}
