//! What happens to packets.

use std::time::Duration;

use clap::Args;

use crate::cli::units;
use crate::link::bottleneck::Rate;
use crate::link::impair::{Impairments, Spec};

/// What happens to packets.
#[derive(Debug, Args)]
#[command(next_help_heading = "What happens to packets (SPEC: 5%, #3,7-9, every:10 or burst:1%,30%; before it any of \
                               in: out: data: ack: syn: fin: rst: retransmit: first:)")]
pub struct ImpairArgs {
    /// Drop packets
    #[arg(long, value_name = "SPEC")]
    pub drop: Vec<Spec>,
    /// Let packets arrive twice
    #[arg(long, value_name = "SPEC")]
    pub duplicate: Vec<Spec>,
    /// Flip a bit of packets, behind the IP header (or in it, with ip: before the SPEC)
    #[arg(long, value_name = "SPEC")]
    pub corrupt: Vec<Spec>,
    /// Hold packets back until later ones have passed, or 100 ms
    #[arg(long, value_name = "SPEC")]
    pub reorder: Vec<Spec>,
    /// How many packets pass one that is held back
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..))]
    pub reorder_gap: u32,
    /// Let packets take this much longer each way, more or less by the second duration; in a simulation, the latency
    #[arg(long, value_name = "DUR[~DUR]", value_parser = units::delay)]
    pub delay: Option<(Duration, Duration)>,
    /// Let packets pass at this rate each way
    #[arg(long, value_name = "RATE", value_parser = units::rate)]
    pub link_rate: Option<Rate>,
    /// Let this many packets wait for their turn
    #[arg(long, value_name = "PACKETS")]
    pub queue: Option<usize>,
    /// Draw chances (and in a simulation everything) from this number; printed when not given
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
}

impl ImpairArgs {
    /// The rules, without what a simulated wire does itself: latency, rate and queue.
    pub fn rules(&self) -> Impairments {
        let on = |specs: &[Spec]| specs.iter().filter(|spec| !spec.is_off()).cloned().collect();
        Impairments {
            drop: on(&self.drop),
            corrupt: on(&self.corrupt),
            duplicate: on(&self.duplicate),
            reorder: on(&self.reorder),
            reorder_gap: self.reorder_gap,
            ..Impairments::default()
        }
    }

    /// All of it, for a real link.
    pub fn all(&self) -> Impairments {
        let (delay, jitter) = self.delay.unwrap_or_default();
        let default = Impairments::default();
        Impairments {
            delay,
            jitter,
            rate: self.link_rate.unwrap_or(default.rate),
            queue: self.queue.unwrap_or(default.queue),
            ..self.rules()
        }
    }
}
