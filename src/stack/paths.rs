//! What the paths to other hosts carry, as ICMP errors told (RFC 1191 section 3, RFC 8201 section 5.2).
//!
//! It is kept for each destination, so that the next connection begins with what an earlier one learned. A connection that
//! is open learns from errors about its own segments alone: each quotes what that connection has in flight, and one that
//! another believes must not make it send again.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use crate::time::Time;
use crate::wire::icmp;

/// RFC 1191 section 6.3, RFC 8201 section 4: after ten minutes without an error the path may have grown, and is tried anew.
const LIFETIME: Duration = Duration::from_secs(600);
/// Destinations remembered at most. Only errors that quote what is in flight get here, so an honest host needs few.
const MOST: usize = 1024;

/// The destinations whose path carries less than our link.
#[derive(Debug, Default)]
pub struct Paths {
    known: HashMap<IpAddr, Path>,
}

#[derive(Clone, Copy, Debug)]
struct Path {
    mtu: u32,
    /// When an error last said so.
    at: Time,
}

impl Path {
    fn is_fresh(&self, now: Time) -> bool {
        now.since(self.at) < LIFETIME
    }
}

impl Paths {
    /// A packet to `destination` was too big for a link that carries `mtu` bytes. A path that is known to be smaller stays
    /// so until that is forgotten.
    pub fn on_too_big(&mut self, now: Time, destination: IpAddr, mtu: u32) {
        let mtu = mtu.max(icmp::least_mtu(destination.is_ipv4()));
        if self.mtu(now, destination).is_some_and(|known| known < mtu) {
            return;
        }
        if self.known.len() >= MOST && !self.known.contains_key(&destination) {
            self.make_room(now);
        }
        self.known.insert(destination, Path { mtu, at: now });
    }

    /// What the path to `destination` carries, if that is known.
    pub fn mtu(&self, now: Time, destination: IpAddr) -> Option<u32> {
        self.known.get(&destination).filter(|path| path.is_fresh(now)).map(|path| path.mtu)
    }

    /// Forgets what is too old, or the oldest.
    fn make_room(&mut self, now: Time) {
        self.known.retain(|_, path| path.is_fresh(now));
        if self.known.len() >= MOST {
            // By address where times are equal: the same inputs give the same outputs.
            let oldest =
                self.known.iter().min_by_key(|(address, path)| (path.at, **address)).map(|(address, _)| *address);
            self.known.retain(|address, _| Some(*address) != oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Time {
        Time::ZERO + Duration::from_secs(seconds)
    }

    #[test]
    fn a_path_never_grows_for_ten_minutes_after_the_last_error_and_is_forgotten_then() {
        let mut paths = Paths::default();
        let (v4, v6): (IpAddr, IpAddr) = ("192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap());
        assert_eq!(paths.mtu(at(0), v4), None);
        paths.on_too_big(at(0), v4, 1400);
        paths.on_too_big(at(0), v6, 1300);
        // Larger is no news, and does not make the old last longer; the same again does, and smaller counts at once.
        paths.on_too_big(at(100), v4, 1450);
        assert_eq!((paths.mtu(at(599), v4), paths.mtu(at(600), v4)), (Some(1400), None));
        paths.on_too_big(at(300), v4, 1400);
        assert_eq!((paths.mtu(at(899), v4), paths.mtu(at(900), v4)), (Some(1400), None));
        paths.on_too_big(at(400), v4, 600);
        assert_eq!((paths.mtu(at(999), v4), paths.mtu(at(1000), v4)), (Some(600), None));
        assert_eq!((paths.mtu(at(599), v6), paths.mtu(at(600), v6)), (Some(1300), None));
        // What was forgotten counts no more.
        paths.on_too_big(at(1000), v4, 1450);
        assert_eq!(paths.mtu(at(1000), v4), Some(1450));
    }

    #[test]
    fn no_path_carries_less_than_its_ip_version_asks_for() {
        let mut paths = Paths::default();
        for (address, mtu, kept) in [("192.0.2.7", 0, 576), ("192.0.2.8", 577, 577), ("2001:db8::7", 1279, 1280)] {
            let address = address.parse().unwrap();
            paths.on_too_big(at(0), address, mtu);
            assert_eq!(paths.mtu(at(0), address), Some(kept), "{address}");
        }
    }

    #[test]
    fn the_oldest_gives_way_when_there_are_too_many() {
        let mut paths = Paths::default();
        let address = |n: u32| IpAddr::from((0x0a00_0000 + n).to_be_bytes());
        for n in 0..MOST as u32 + 10 {
            paths.on_too_big(at(u64::from(n) / 4), address(n), 1000);
        }
        assert_eq!(paths.known.len(), MOST);
        assert_eq!(paths.mtu(at(300), address(9)), None);
        assert_eq!(paths.mtu(at(300), address(10)), Some(1000));
    }
}
