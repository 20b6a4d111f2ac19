//! Ephemeral ports (RFC 6056 section 3.3.3, algorithm 3): hard to guess, and rarely used again soon.

use std::net::{IpAddr, SocketAddr};

use super::Stack;

/// The dynamic ports of RFC 6335 section 6.
const FIRST: u16 = 49_152;
const COUNT: u16 = u16::MAX - FIRST + 1;

impl Stack {
    /// A local port that is free towards `remote`.
    pub(super) fn ephemeral_port(&mut self, local: IpAddr, remote: SocketAddr) -> Option<u16> {
        let offset = self.config.secret.port_offset(local, remote) % u32::from(COUNT);
        for _ in 0..COUNT {
            let port = FIRST + ((offset + u32::from(self.ports_taken)) % u32::from(COUNT)) as u16;
            self.ports_taken = self.ports_taken.wrapping_add(1) % COUNT;
            let address = SocketAddr::new(local, port);
            if !self.by_addresses.contains_key(&(address, remote)) && self.listener_at(address).is_none() {
                return Some(port);
            }
        }
        None
    }
}
