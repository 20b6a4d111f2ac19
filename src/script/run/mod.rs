//! Running a script: time, packets in and out, calls, and the first difference.
//!
//! | file       | subject |
//! |------------|---------|
//! | `world`    | our host under virtual time |
//! | `flow`     | a connection as the script counts and as it is on the wire |
//! | `packets`  | the notation's packets into bytes and back |
//! | `compare`  | a packet that left against the line that expects it |
//! | `render`   | packets in the notation |
//! | `mismatch` | what a run came to |
//! | `runner`   | event after event, and time |
//! | `traffic`  | packets in and out |
//! | `dialogue` | calls, commands and code |
//! | `telling`  | the exchange so far, and the first difference |

mod compare;
mod dialogue;
mod flow;
mod mismatch;
mod packets;
mod render;
mod runner;
mod telling;
mod traffic;
mod world;

pub use compare::Difference;
pub use mismatch::{Line, Mismatch, Report};
pub use packets::Segment;
pub use render::segment as render;
pub use runner::run;
pub use world::World;

use super::settings::{IpVersion, Profile};

/// How to run a script: what the caller says comes before what the script says.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The profile.
    pub profile: Option<Profile>,
    /// The address family.
    pub ip_version: Option<IpVersion>,
    /// The initial sequence number of ours; the peer's begin there, too.
    pub isn: Option<u32>,
    /// The largest IP packet that our link carries, in bytes.
    pub mtu: Option<u32>,
    /// Leave out commands that are not known, rather than refuse the script.
    pub ignore_commands: bool,
    /// Keep the exchange in [`Report::lines`].
    pub trace: bool,
}
