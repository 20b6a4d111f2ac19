//! Writes what passes to a capture: interface `tcp` is what our TCP sent and received, interface `impaired` what
//! happened to packets between it and the wire.

use std::io;
use std::time::Duration;

use super::{Incident, Observer};
use crate::capture::{Direction, Record, Writer};
use crate::time::Time;
use crate::wire::Packet;
use crate::wire::packet::{ChecksumState, complete_checksum};

/// The names of the two interfaces.
pub const INTERFACES: [&str; 2] = ["tcp", "impaired"];
/// A capture on disk is never further behind than this, however busy the run.
const FLUSH_INTERVAL: Duration = Duration::from_millis(50);

/// The capture could not be written; found inside the `io::Error` that ended the run.
#[derive(Debug)]
pub struct CaptureError(pub io::Error);

impl CaptureError {
    fn wrap(error: io::Error) -> io::Error {
        io::Error::other(CaptureError(error))
    }
}

impl std::fmt::Display for CaptureError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cannot write the capture: {}", self.0)
    }
}

impl std::error::Error for CaptureError {}

/// An [`Observer`] that writes a capture.
pub struct Recorder {
    writer: Writer,
    flushed: Time,
}

impl Recorder {
    /// Records into `writer`, which has the interfaces [`INTERFACES`].
    pub fn new(writer: Writer) -> Self {
        Recorder { writer, flushed: Time::ZERO }
    }

    fn write(&mut self, record: &Record<'_>) -> io::Result<()> {
        self.writer.write(record).map_err(CaptureError::wrap)?;
        if record.time.since(self.flushed) >= FLUSH_INTERVAL {
            self.flushed = record.time;
            self.flush()?;
        }
        Ok(())
    }
}

impl Observer for Recorder {
    fn on_packet(&mut self, now: Time, direction: Direction, packet: &Packet, note: Option<&str>) -> io::Result<()> {
        let note = note.unwrap_or_default();
        let record = |bytes, comment| Record { time: now, interface: 0, direction: Some(direction), bytes, comment };
        if packet.meta.checksum == ChecksumState::Unfilled {
            let mut completed = packet.clone();
            complete_checksum(&mut completed);
            let comment = format!("{note}; checksum filled in here: the sender left it to hardware");
            return self.write(&record(&completed.bytes, &comment));
        }
        self.write(&record(&packet.bytes, note))
    }

    fn on_incident(&mut self, incident: &Incident) -> io::Result<()> {
        self.write(&Record {
            time: incident.time,
            interface: 1,
            direction: Some(incident.direction),
            bytes: &incident.packet.bytes,
            comment: &incident.comment,
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush().map_err(CaptureError::wrap)
    }
}

impl Drop for Recorder {
    fn drop(&mut self) {
        // Also on the way out of a panic: what was seen until then is what one wants to look at.
        let _ = self.writer.flush();
    }
}
