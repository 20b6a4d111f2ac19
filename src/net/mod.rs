//! Streams and listeners over a stack, and the loop that moves packets, tasks and time.
//!
//! ```text
//! packets in -> stack.on_packet -> wake tasks -> run tasks until idle -> stack.poll_transmit -> packets out
//!      ^                                                                                           |
//!      +------------------- wait for the next packet or the nearest deadline <--------------------+
//! ```
//!
//! Waiting is `ppoll` on a real link; in a simulation it sets the clock forward.
//!
//! | file        | subject |
//! |-------------|---------|
//! | `runtime`   | the loop above |
//! | `host`      | a stack that streams, listeners and the loop share |
//! | `stream`    | [`TcpStream`]: futures-io's and hyper's traits |
//! | `connect`   | connecting to a host with several addresses (RFC 8305) |
//! | `listener`  | [`TcpListener`] |
//! | `clock`     | real and virtual time, sleeping, hyper's timer |
//! | `executor`  | tasks on one thread |
//! | `bell`      | how other threads wake the loop |
//! | `blocking`  | the same streams for threads, with `std::io`'s traits |

mod bell;
pub mod blocking;
mod clock;
mod connect;
mod executor;
mod host;
mod listener;
mod runtime;
mod stream;

pub use clock::{Clock, HyperTimer, SIM_EPOCH, Sleep};
pub use connect::{Attempt, GivenUp, Patience, connect};
pub use executor::Spawner;
pub use host::Host;
pub use listener::TcpListener;
pub use runtime::{Incidents, Runtime, Stalled};
pub use stream::{Report, TcpStream};
