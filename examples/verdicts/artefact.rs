//! Captures made worse: what taps, snapshot lengths, offloads and several interfaces do to a clean one.

use std::error::Error;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::time::Duration;

use pcap_file::pcap::{PcapHeader, PcapPacket, PcapTsResolution, PcapWriter};
use pcap_file::{DataLink, Endianness};
use tcpkit::capture::read::Reader;
use tcpkit::random::Random;

use super::frames;
use super::plan::{Artefact, End};

type Fallible<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// A frame on its own.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Nanoseconds since 1970.
    pub time: u64,
    /// On the wire.
    pub len: u32,
    /// What was kept.
    pub bytes: Vec<u8>,
}

/// Every frame of a capture.
pub fn read(path: &Path) -> Fallible<Vec<Kept>> {
    let mut reader = Reader::new(Box::new(File::open(path)?))?;
    let mut frames = Vec::new();
    while let Some(frame) = reader.next()? {
        let time = frame.time.map_or(0, |time| time.as_nanos());
        frames.push(Kept { time, len: frame.original_len, bytes: frame.bytes.to_vec() });
    }
    Ok(frames)
}

/// Writes Ethernet frames in the given order.
pub fn write(path: &Path, frames: &[Kept], snaplen: u32) -> Fallible<()> {
    let header = PcapHeader {
        datalink: DataLink::ETHERNET,
        snaplen,
        ts_resolution: PcapTsResolution::NanoSecond,
        endianness: Endianness::Little,
        ..PcapHeader::default()
    };
    let mut writer = PcapWriter::with_header(BufWriter::new(File::create(path)?), header)?;
    for frame in frames {
        let time = Duration::from_nanos(frame.time);
        writer.write_packet(&PcapPacket::new(time, frame.len, &frame.bytes)?)?;
    }
    writer.flush()?;
    Ok(())
}

/// Makes the capture at `path` what `artefact` says; the number of frames it touched.
pub fn apply(path: &Path, artefact: Artefact, seed: u64) -> Fallible<u64> {
    let frames = read(path)?;
    let snaplen = if let Artefact::Cut(len) = artefact { len as u32 } else { 262_144 };
    let (frames, touched) = changed(frames, artefact, &mut Random::new(seed));
    write(path, &frames, snaplen)?;
    Ok(touched)
}

fn changed(mut frames: Vec<Kept>, artefact: Artefact, random: &mut Random) -> (Vec<Kept>, u64) {
    let mut touched = 0;
    match artefact {
        Artefact::Copies { gap_us, no_id, routed } => {
            let mut all = Vec::with_capacity(frames.len() * 2);
            for mut frame in frames {
                if no_id && frame.bytes[12..14] == [8, 0] {
                    frame.bytes[18..20].fill(0);
                    header_checksum(&mut frame.bytes);
                }
                let mut copy = frame.clone();
                copy.time += gap_us * 1000 + random.below(2000);
                if routed {
                    pass_router(&mut copy.bytes);
                }
                touched += 1;
                all.extend([frame, copy]);
            }
            all.sort_by_key(|frame| frame.time);
            frames = all;
        }
        Artefact::OneDirection(end) => {
            let before = frames.len();
            frames.retain(|frame| sent_by(&frame.bytes) == Some(end));
            touched = (before - frames.len()) as u64;
        }
        Artefact::Midway(share) => {
            touched = (frames.len() as f64 * share) as u64;
            // Not before the handshake is over.
            frames.drain(..(touched.max(3) as usize).min(frames.len()));
        }
        Artefact::Cut(len) => {
            for frame in &mut frames {
                touched += u64::from(frame.bytes.len() > len);
                frame.bytes.truncate(len);
            }
        }
        Artefact::Missing(share) => {
            let data = |frame: &Kept| frames::places(&frame.bytes).is_some_and(|places| places.len() > 0);
            let last = frames.iter().rposition(data).unwrap_or(0);
            let mut at = 0;
            frames.retain(|frame| {
                at += 1;
                // The very last data would leave a hole that nothing shows.
                let lost = data(frame) && at <= last && random.chance(share);
                touched += u64::from(lost);
                !lost
            });
        }
        Artefact::Late { of, by_us, sorted } => {
            for frame in &mut frames {
                if sent_by(&frame.bytes) == Some(of) {
                    frame.time += by_us * 1000;
                    touched += 1;
                }
            }
            if sorted {
                frames.sort_by_key(|frame| frame.time);
            }
        }
        Artefact::Checksums(end, value) => {
            for frame in frames.iter_mut().filter(|frame| sent_by(&frame.bytes) == Some(end)) {
                if let Some(places) = frames::places(&frame.bytes) {
                    frame.bytes[places.tcp + 16..places.tcp + 18].copy_from_slice(&value.to_be_bytes());
                    touched += 1;
                }
            }
        }
        Artefact::Vlan(end, tag) => {
            for frame in frames.iter_mut().filter(|frame| sent_by(&frame.bytes) == Some(end)) {
                let [high, low] = tag.to_be_bytes();
                frame.bytes.splice(12..12, [0x81, 0x00, high, low]);
                frame.len += 4;
                touched += 1;
            }
        }
    }
    (frames, touched)
}

/// By its address in the lab.
fn sent_by(frame: &[u8]) -> Option<End> {
    match frame.get(6..12)? {
        mac if mac == super::addresses::CLIENT_MAC => Some(End::Client),
        mac if mac == super::addresses::SERVER_MAC => Some(End::Server),
        _ => None,
    }
}

/// Other addresses of the link, a lower time to live.
fn pass_router(frame: &mut [u8]) {
    // Which end it is from stays visible to the other artefacts, which are never combined with this one.
    frame[0] = 6;
    frame[6] = 6;
    if frame[12..14] == [8, 0] {
        frame[22] -= 1;
        header_checksum(frame);
    } else {
        frame[21] -= 1;
    }
}

fn header_checksum(frame: &mut [u8]) {
    let end = 14 + usize::from(frame[14] & 15) * 4;
    frame[24..26].fill(0);
    let sum = tcpkit::wire::checksum::of(&frame[14..end]);
    frame[24..26].copy_from_slice(&sum.to_be_bytes());
}
