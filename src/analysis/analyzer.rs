//! From frames to connections: the whole of the analysis, one frame at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::connection::{Address, Connection, IcmpNote};
use super::dissect::{Dissector, Found, FragmentCounts, Layers, Other};
use super::findings::{self, CaptureFacts, Collection, Unread};
use super::loss::Judgement;
use super::segment::{Checksum, Segment, Side};
use super::sequence::{Before, Verdict};
use super::states::Illegal;
use super::streams::{Part, Streams};
use super::truth::Truth;
use crate::capture::read::Frame;
use crate::time::Time;

/// A TCP segment with all that is known of it, for who wants to see each.
pub struct Packet<'a> {
    /// The segment.
    pub segment: &'a Segment<'a>,
    /// Its connection, after it.
    pub connection: &'a Connection,
    /// Its sender.
    pub side: Side,
    /// What the sequence analysis says.
    pub verdict: Verdict,
    /// What was known before, to give reasons from; `None` for what was not judged.
    pub before: Option<Before>,
    /// What it did that TCP forbids.
    pub illegal: Option<Illegal>,
    /// Since the segment before it in its connection, in nanoseconds.
    pub since_last: u64,
    /// What was passed on the way to it.
    pub layers: Layers,
    /// Nanoseconds since the first frame of the capture.
    pub relative: u64,
    /// The whole frame as captured, and its length on the wire.
    pub frame: (&'a [u8], u32),
}

/// What a capture holds, in numbers.
#[derive(Clone, Debug, Default)]
pub struct Totals {
    /// Frames read.
    pub frames: u64,
    /// Bytes of them on the wire.
    pub bytes: u64,
    /// TCP segments.
    pub segments: u64,
    /// Payload bytes of these.
    pub payload: u64,
    /// Time of the first frame and of the latest.
    pub span: Option<(Time, Time)>,
    /// Frames without a segment, by what they are.
    pub others: BTreeMap<String, u64>,
    /// Those of them in which there may have been a segment all the same.
    pub unread: Unread,
    /// Fragments of datagrams that were not completed, or not yet.
    pub incomplete: u64,
    /// Segments of which too little was captured to say anything.
    pub unreadable: u64,
    /// Fragments that were counted as waiting, and whose datagram was completed.
    joined: u64,
}

/// Pairs of hosts with a tunnel between them that are remembered.
const MAX_HIDDEN: usize = 4096;

/// Analyses frames.
pub struct Analyzer {
    dissector: Dissector,
    streams: Streams,
    totals: Totals,
    facts: CaptureFacts,
    truth: Truth,
    /// Hosts between which something passed in a tunnel that is not opened, the lower address first.
    hidden: BTreeSet<(IpAddr, IpAddr)>,
}

impl Analyzer {
    /// An analysis of at most `most` connections at a time.
    pub fn new(most: usize) -> Self {
        Analyzer {
            dissector: Dissector::new(),
            streams: Streams::new(most),
            totals: Totals::default(),
            facts: CaptureFacts::default(),
            truth: Truth::default(),
            hidden: BTreeSet::new(),
        }
    }

    /// Takes in a frame. `impaired` says that it tells of an impairment rather than of a connection.
    #[inline]
    pub fn on_frame(&mut self, frame: &Frame<'_>, impaired: bool, visit: Option<&mut dyn FnMut(&Packet<'_>)>) {
        self.totals.frames += 1;
        self.totals.bytes += u64::from(frame.original_len);
        let number = self.totals.frames;
        let latest = self.totals.span.map_or(Time::ZERO, |(_, latest)| latest);
        let time = frame.time.unwrap_or(latest);
        let (first, _) = *self.totals.span.get_or_insert((time, time));
        if time < latest {
            self.facts.backwards.0 += 1;
            self.facts.backwards.1.get_or_insert(number);
            self.facts.backwards.2 = self.facts.backwards.2.max(latest.since(time).as_nanos() as u64);
        } else {
            self.totals.span = Some((first, time));
        }
        let cut = (frame.bytes.len() as u64) < u64::from(frame.original_len);
        self.facts.cut += u64::from(cut);
        let found = self.dissector.frame(frame.link.0, number, time, frame.bytes, frame.original_len);
        if impaired {
            let comment = frame.comment_text().unwrap_or_default();
            let segment = match &found {
                Found::Tcp(tcp) => Some(&tcp.segment),
                _ => None,
            };
            return self.truth.on_incident(&comment, segment);
        }
        let (tcp, icmp) = match found {
            Found::Tcp(tcp) => (tcp, None),
            Found::IcmpError(error) => (error.quoted, Some((error.kind, error.from))),
            Found::Other(other) => return self.pass(other),
        };
        let segment = &tcp.segment;
        if icmp.is_none() {
            if segment.options_cut || (!cut && tcp.is_cut()) {
                self.facts.on_cut(&tcp, frame.bytes.len(), cut);
            }
            self.totals.segments += 1;
            self.totals.payload += u64::from(segment.len);
            if segment.checksum == Checksum::Unfilled {
                self.facts.unfilled.0 += 1;
                self.facts.unfilled.1.get_or_insert(number);
            }
        }
        let relative = time.since(first).as_nanos() as u64;
        let packet = |connection, side, verdict, before, illegal, since_last| Packet {
            segment,
            connection,
            side,
            verdict,
            before,
            illegal,
            since_last,
            layers: tcp.layers,
            relative,
            frame: (frame.bytes, frame.original_len),
        };
        if !tcp.readable() {
            // Ports alone are no part of a stream; but an error may quote no more.
            self.totals.unreadable += u64::from(icmp.is_none());
            let source = Address { ip: segment.src, port: segment.header.src_port };
            let target = Address { ip: segment.dst, port: segment.header.dst_port };
            if let (Some((what, from)), Some(connection)) = (icmp, self.streams.find(source, target)) {
                connection.on_icmp(IcmpNote { frame: number, from, what });
            }
            if let Some(visit) = visit {
                visit(&packet(&Connection::new(u32::MAX, segment), Side::A, Verdict::default(), None, None, 0));
            }
            return self.settle();
        }
        let place = self.streams.place(segment);
        let since_last = place.connection.relative(time).since(place.connection.last.1).as_nanos() as u64;
        let before = (visit.is_some() && tcp.length_known).then(|| place.connection.before(place.side));
        if let Some((what, from)) = icmp {
            place.connection.on_icmp(IcmpNote { frame: number, from, what });
        }
        let (verdict, illegal) = if tcp.length_known {
            place.connection.on_segment(place.side, segment, place.reused)
        } else {
            if icmp.is_none() {
                place.connection.sequence.set_bases(place.side, segment);
            }
            place.connection.judgement = Judgement::Plain;
            (Verdict::default(), None)
        };
        self.truth.on_segment(segment, place.connection.judgement);
        if let Some(visit) = visit {
            visit(&packet(place.connection, place.side, verdict, before, illegal, since_last));
        }
        self.settle();
    }

    /// Counts a frame without a segment.
    #[cold]
    fn pass(&mut self, other: Other) {
        self.totals.pass(&other);
        if let Other::Tunnel { from, to, .. } = other
            && self.hidden.len() < MAX_HIDDEN
        {
            self.hidden.insert((from.min(to), from.max(to)));
        }
        self.settle();
    }

    /// Fragments that waited for this frame belong to a whole datagram now.
    #[inline]
    fn settle(&mut self) {
        if self.dissector.reassembled().is_some() {
            self.totals.count_fragments(self.dissector.fragment_counts().joined);
        }
    }

    /// Whether something passed between two hosts in a tunnel that is not opened: then a part of what they say to each
    /// other may be in it, and what seems lost may not be.
    pub fn is_hidden(&self, one: IpAddr, other: IpAddr) -> bool {
        self.hidden.contains(&(one.min(other), one.max(other)))
    }

    /// The totals so far.
    pub fn totals(&self) -> &Totals {
        &self.totals
    }

    /// The connections so far.
    pub fn streams(&self) -> &Streams {
        &self.streams
    }

    /// What was done to packets by the capture's own word, and what of it was found.
    pub fn truth(&self) -> &Truth {
        &self.truth
    }

    /// What became of IP fragments.
    pub fn fragments(&self) -> FragmentCounts {
        self.dissector.fragment_counts()
    }

    /// The datagram that the last frame completed, with its payload.
    pub fn reassembled(&self) -> Option<(super::dissect::Reassembled, &[u8])> {
        self.dissector.reassembled()
    }

    /// Collects what there is to find. `dropped` are the frames that the capturing program says it missed.
    pub fn conclude(&self, dropped: u64) -> Collection {
        let mut collection = Collection::default();
        let end = self.totals.span.map_or(Time::ZERO, |(_, end)| end);
        let mut facts = CaptureFacts {
            frames: self.totals.frames,
            segments: self.totals.segments,
            dropped,
            unreadable: self.totals.unreadable,
            incomplete: self.totals.incomplete,
            unread: self.totals.unread.clone(),
            merged: (self.streams.merged().connections, self.streams.merged().packets),
            unanswered: self.streams.digests().filter(|(_, digest)| digest.unanswered).count() as u64
                + self.streams.merged().unanswered,
            ..self.facts.clone()
        };
        for (_, digest) in self.streams.digests() {
            facts.connections += 1;
            match digest.part {
                Some(Part::OneDirection) => facts.one_direction += 1,
                Some(Part::NoBeginning) => facts.midstream += 1,
                None => {}
            }
        }
        self.streams.for_each_remarkable(|connection| {
            let mut found = findings::of_connection(connection, end);
            // What seems lost may be in the tunnel that was not opened.
            let [one, other] = connection.ends;
            if self.is_hidden(one.ip, other.ip) {
                found.retain(|finding| !findings::UNCERTAIN_IN_PART.contains(&finding.kind));
            } else {
                for side in [Side::A, Side::B] {
                    facts.note_sender(connection, side);
                }
            }
            if self.truth.is_told() {
                findings::know(&mut found, connection, &self.truth);
            }
            found.into_iter().for_each(|finding| collection.add(finding));
        });
        findings::of_capture(&facts).into_iter().for_each(|finding| collection.add(finding));
        collection
    }
}

impl Totals {
    fn pass(&mut self, other: &Other) {
        self.incomplete += u64::from(matches!(other, Other::Fragment));
        let name = match other {
            Other::Malformed(_) => "malformed".to_owned(),
            Other::Cut { .. } => "cut before TCP".to_owned(),
            other => other.to_string(),
        };
        if other.is_unread() {
            self.unread.add(&name, other);
        }
        if self.others.len() < 256 || self.others.contains_key(&name) {
            *self.others.entry(name).or_default() += 1;
        }
    }

    /// Moves fragments that belong to a whole datagram now, `joined` in all, away from those that wait.
    fn count_fragments(&mut self, joined: u64) {
        let moved = joined.saturating_sub(self.joined).min(self.incomplete);
        self.joined = joined;
        if moved == 0 {
            return;
        }
        self.incomplete -= moved;
        let waiting = Other::Fragment.to_string();
        match self.others.get_mut(&waiting) {
            Some(count) if *count > moved => *count -= moved,
            _ => drop(self.others.remove(&waiting)),
        }
        *self.others.entry("fragment of a whole datagram".into()).or_default() += moved;
    }
}
