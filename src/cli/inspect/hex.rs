//! One frame taken apart, with its bytes.

use std::io::{self, Write};

use colored::Colorize;

use super::View;
use super::input::{Input, Stop};
use super::packets::Shown;
use crate::analysis::analyzer::{Analyzer, Packet};
use crate::analysis::filter::Subject;
use crate::analysis::segment::Checksum;
use crate::wire::options::options;

/// Prints frame `number`.
pub fn show(out: &mut dyn Write, number: u64, input: &mut Input, analyzer: &mut Analyzer) -> io::Result<View> {
    let mut found = false;
    let mut visit = |packet: &Packet<'_>| {
        if packet.segment.frame != number {
            return Ok(Stop::No);
        }
        found = true;
        print(out, packet)?;
        Ok(Stop::Yes)
    };
    input.read(analyzer, Some(number), Some(&mut visit))?;
    if !found {
        let frames = analyzer.totals().frames;
        let why = if number <= frames && number > 0 {
            format!("frame {number} holds no TCP segment")
        } else {
            format!("there is no frame {number}: the capture has {frames}, counted from 1")
        };
        return Ok(View::Missing(why));
    }
    out.flush()?;
    Ok(View::Done { serious: false })
}

fn print(out: &mut dyn Write, packet: &Packet<'_>) -> io::Result<()> {
    let shown = Shown(packet);
    let segment = packet.segment;
    let header = &segment.header;
    let (bytes, len) = packet.frame;
    let at = humantime::format_rfc3339_nanos(
        std::time::UNIX_EPOCH + std::time::Duration::from_nanos(segment.time.as_nanos()),
    );
    writeln!(
        out,
        "{} {at}, {len} bytes on the wire, {} captured",
        format!("frame {}:", segment.frame).bold(),
        bytes.len()
    )?;
    writeln!(out, "  layers   {}, TCP", packet.layers)?;
    writeln!(
        out,
        "  IP       {} > {}, ttl {}, id {}, {:?}{}",
        segment.src,
        segment.dst,
        segment.ttl,
        segment.ip_id,
        segment.ecn,
        if segment.dont_fragment { ", DF" } else { "" }
    )?;
    writeln!(
        out,
        "  ports    {} > {}, stream {}",
        header.src_port,
        header.dst_port,
        shown.stream().map_or_else(|| "-".into(), |stream| stream.to_string())
    )?;
    writeln!(out, "  seq      {} (relative {})", header.seq.0, shown.relative_seq().unwrap_or(0))?;
    writeln!(out, "  ack      {} (relative {})", header.ack.0, shown.relative_ack().unwrap_or(0))?;
    writeln!(
        out,
        "  flags    {}{}",
        header.flags,
        if segment.reserved == 0 { String::new() } else { format!(", reserved bits {:#x}", segment.reserved) }
    )?;
    writeln!(out, "  window   {} ({} bytes)", header.window, shown.window().unwrap_or(0))?;
    let checksum = match segment.checksum {
        Checksum::Good => "fits",
        Checksum::Bad => "does not fit",
        Checksum::Unfilled => "not filled in yet",
        Checksum::Unknown => "cannot be checked",
    };
    writeln!(out, "  checksum {checksum}; urgent pointer {}", header.urgent)?;
    for option in options(segment.option_bytes) {
        match option {
            Ok(option) => writeln!(out, "  option   {option:?}")?,
            Err(error) => writeln!(out, "  option   {error}")?,
        }
    }
    writeln!(out, "  payload  {} bytes, {} captured", segment.len, segment.payload.len())?;
    let states = &packet.connection.states;
    if let (Some(own), Some(peer)) = (states.state(packet.side), states.state(packet.side.other())) {
        writeln!(out, "  states   sender {own}, receiver {peer}")?;
    }
    let names: Vec<&str> = packet.verdict.marks.reported().names().collect();
    if !names.is_empty() {
        writeln!(out, "  analysis {}", names.join(", "))?;
    }
    for reason in super::packets::reasons(packet) {
        writeln!(out, "  because  {reason}")?;
    }
    dump(out, bytes)
}

/// Offset, sixteen bytes, and what of them is text.
fn dump(out: &mut dyn Write, bytes: &[u8]) -> io::Result<()> {
    for (line, row) in bytes.chunks(16).enumerate() {
        let pairs: Vec<String> = row.chunks(2).map(hex::encode).collect();
        let text: String = row
            .iter()
            .map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '.' })
            .collect();
        writeln!(out, "  {:06x}  {:<39}  {text}", line * 16, pairs.join(" "))?;
    }
    Ok(())
}
