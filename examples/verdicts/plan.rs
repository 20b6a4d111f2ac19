//! What is to be done in one run: the path, the two ends, the firewall, and what becomes of the capture afterwards.

use serde::{Deserialize, Serialize};

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum End {
    /// Who opens.
    Client,
    /// Who is asked.
    Server,
}

impl End {
    /// Both, the client first.
    pub const BOTH: [End; 2] = [End::Client, End::Server];

    /// As file names and tables say it.
    pub fn name(self) -> &'static str {
        match self {
            End::Client => "client",
            End::Server => "server",
        }
    }
}

/// What is done to packets that go one way.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Way {
    /// One-way delay, in microseconds.
    pub delay_us: u64,
    /// Bits a second; 0 for no limit.
    pub rate: u64,
    /// Bytes that wait before the bottleneck; more are dropped.
    pub queue: u64,
    /// Share of segments with data that are lost.
    pub loss: f64,
    /// Share of segments without data that are lost, the handshake aside.
    pub ack_loss: f64,
    /// Losses that come together.
    pub burst: Option<Burst>,
    /// Segments that others pass.
    pub reorder: Option<Reorder>,
    /// Share of segments with data that arrive twice.
    pub duplicate: f64,
    /// Share of segments with data of which a bit is flipped.
    pub corrupt: f64,
    /// No larger IP packet passes.
    pub largest: Option<usize>,
    /// Whether ICMP tells of those.
    pub says_too_big: bool,
    /// So many packets with SYN are lost, the first ones.
    pub lose_syns: u32,
    /// A token bucket without a queue.
    pub policer: Option<Policer>,
    /// Nothing moves for a while.
    pub freeze: Option<Freeze>,
    /// TCP options overwritten.
    pub strip: Option<Strip>,
}

/// The Gilbert-Elliott model: a good state without loss, and a bad one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Burst {
    /// From good to bad, at each packet.
    pub enter: f64,
    /// From bad to good.
    pub leave: f64,
    /// Loss while bad.
    pub loss: f64,
}

/// Packets held back, so that others pass.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Reorder {
    /// So many of all with data.
    pub share: f64,
    /// For so long.
    pub hold_us: u64,
}

/// What exceeds it is dropped at once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Policer {
    /// Bits a second.
    pub rate: u64,
    /// The bucket, in bytes.
    pub burst: u64,
}

/// The way stands still, and what came meanwhile leaves in order afterwards.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Freeze {
    /// Once so many payload bytes have passed.
    pub after_bytes: u64,
    /// For so long.
    pub for_ms: u64,
}

/// Options overwritten with no-operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strip {
    /// Timestamps of everything but SYN and SYN-ACK.
    TimestampsLater,
    /// Window scale of SYN or SYN-ACK.
    WindowScale,
    /// SACK-permitted of SYN or SYN-ACK.
    Sack,
    /// Timestamps of SYN or SYN-ACK.
    Timestamps,
}

/// The path between the ends.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Path {
    /// From the client to the server.
    pub up: Way,
    /// From the server to the client.
    pub down: Way,
    /// A box that ends or forgets connections.
    pub trouble: Option<Trouble>,
    /// Of everything drawn while it runs.
    pub seed: u64,
}

/// What a box in the middle does to a connection.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    /// Nothing passes any more once so many payload bytes have passed, either way.
    CutAfterBytes(u64),
    /// Nothing passes any more so long after the first packet.
    CutAfterMs(u64),
    /// The connection is forgotten after so long without a packet; what comes then is dropped, or reset.
    Forget {
        /// Idle time.
        after_ms: u64,
        /// Whether the box answers with RST.
        resets: bool,
    },
    /// Resets go to both ends once so many payload bytes have passed, with this time to live; nothing passes later.
    Reset {
        /// Payload bytes.
        after_bytes: u64,
        /// Time to live of the resets.
        ttl: u8,
    },
    /// SYNs are answered by ICMP, destination unreachable, with this code of ICMP version 4 (1 host, 3 port, 13 filtered).
    Unreachable(u8),
}

/// What an end does once connected.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Writes so many bytes, in one call where they fit the socket.
    Send(u64),
    /// Reads so many bytes.
    Receive(u64),
    /// Reads until the peer closes.
    ReceiveAll,
    /// Does nothing for so many milliseconds.
    Pause(u64),
    /// Writes `bytes` in pieces, `every_ms` apart.
    Trickle {
        /// In all.
        bytes: u64,
        /// At a time.
        piece: u64,
        /// Between them.
        every_ms: u64,
    },
    /// Reads `bytes` in pieces, `every_ms` apart.
    Sip {
        /// In all.
        bytes: u64,
        /// At a time.
        piece: u64,
        /// Between them.
        every_ms: u64,
    },
    /// Closes its sending side.
    Shutdown,
    /// Ends the connection with a reset (SO_LINGER 0).
    Reset,
    /// The steps, so many times over.
    Repeat(u32, Vec<Step>),
}

/// A real socket, and what is done with it.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Endpoint {
    /// Congestion control; that of the kernel when empty.
    pub congestion: String,
    /// SO_RCVBUF, before the connection opens.
    pub receive_buffer: Option<usize>,
    /// SO_SNDBUF.
    pub send_buffer: Option<usize>,
    /// TCP_NODELAY.
    pub no_delay: bool,
    /// Keep-alive: idle seconds, seconds between probes, probes.
    pub keep_alive: Option<(u64, u64, u32)>,
    /// A server that listens; a client always connects.
    pub listens: bool,
    /// How long a client tries to connect.
    pub connect_ms: u64,
    /// How long it waits for anything later.
    pub patience_ms: u64,
    /// What is done.
    pub steps: Vec<Step>,
    /// net.ipv4 sysctls of its namespace.
    pub sysctls: Vec<(String, String)>,
    /// Rules of an nftables input chain in its namespace, behind the place of capture.
    pub input_rules: Vec<String>,
}

/// What is made of a clean capture afterwards.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Artefact {
    /// Every frame twice, so many microseconds apart.
    Copies {
        /// Between the two.
        gap_us: u64,
        /// IPv4 identifications become 0.
        no_id: bool,
        /// The copy has passed a router.
        routed: bool,
    },
    /// Only what one end sent.
    OneDirection(End),
    /// The first share of frames is not there.
    Midway(f64),
    /// Frames are cut to so many bytes.
    Cut(usize),
    /// A share of the segments with data is not in the capture.
    Missing(f64),
    /// What one end sent has times that are too late; sorted by time, or as captured.
    Late {
        /// Whose frames.
        of: End,
        /// By so much.
        by_us: u64,
        /// Sorted by the wrong times.
        sorted: bool,
    },
    /// TCP checksums of one end are all the same.
    Checksums(End, u16),
    /// A VLAN tag on what one end sent.
    Vlan(End, u16),
}

/// One run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// The name in the table of causes.
    pub cause: String,
    /// IPv6 instead of IPv4.
    pub v6: bool,
    /// Who sends the data that the cause is about.
    pub sender: End,
    /// Where the evidence can be seen.
    pub evidence: Vec<End>,
    /// Where a capture is kept at all.
    pub keep: Vec<End>,
    /// A direct wire with offloads, instead of the path.
    pub direct: bool,
    /// The path.
    pub path: Path,
    /// Who opens.
    pub client: Endpoint,
    /// Who is asked.
    pub server: Endpoint,
    /// How much is kept of a frame.
    pub snaplen: u32,
    /// How long captures go on when the client is done.
    pub linger_ms: u64,
    /// Made of the captures afterwards.
    pub artefact: Option<Artefact>,
    /// What a reader of the label should know.
    pub said: String,
}
