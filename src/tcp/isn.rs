//! Initial sequence numbers and timestamp offsets that outsiders cannot guess (RFC 6528, RFC 7323 section 5.4).

use std::hash::Hasher;
use std::net::SocketAddr;

use siphasher::sip::SipHasher24;

use crate::time::Time;
use crate::wire::SeqNum;

/// The secret behind the numbers: from the operating system, in a simulation from the seed.
#[derive(Clone, Copy)]
pub struct Secret(pub [u64; 2]);

impl Secret {
    /// ISN = M + F(local, remote, secret), where M counts 4-microsecond ticks (RFC 6528 section 3).
    pub fn isn(&self, local: SocketAddr, remote: SocketAddr, now: Time) -> SeqNum {
        let ticks = (now.as_nanos() / 4_000) as u32;
        SeqNum(self.hash(Purpose::Isn, local, remote) as u32) + ticks
    }

    /// Where a connection's timestamp clock starts.
    pub fn timestamp_offset(&self, local: SocketAddr, remote: SocketAddr) -> u32 {
        self.hash(Purpose::Timestamp, local, remote) as u32
    }

    /// Where the search for a free port starts for connections to `remote` (RFC 6056 section 3.3.3).
    pub fn port_offset(&self, local: std::net::IpAddr, remote: SocketAddr) -> u32 {
        self.hash(Purpose::Port, SocketAddr::new(local, 0), remote) as u32
    }

    fn hash(&self, purpose: Purpose, local: SocketAddr, remote: SocketAddr) -> u64 {
        let [k0, k1] = self.0;
        let mut hasher = SipHasher24::new_with_keys(k0, k1);
        hasher.write_u8(purpose as u8);
        for end in [local, remote] {
            match end.ip() {
                std::net::IpAddr::V4(v4) => hasher.write(&v4.octets()),
                std::net::IpAddr::V6(v6) => hasher.write(&v6.octets()),
            }
            hasher.write_u16(end.port());
        }
        hasher.finish()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

enum Purpose {
    Isn,
    Timestamp,
    Port,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn numbers_advance_with_time_and_differ_between_connections_and_secrets() {
        let (a, b): (SocketAddr, SocketAddr) = ("192.0.2.1:1".parse().unwrap(), "192.0.2.2:2".parse().unwrap());
        let secret = Secret([1, 2]);
        let first = secret.isn(a, b, Time::ZERO);
        assert_eq!(secret.isn(a, b, Time::ZERO + Duration::from_micros(40)) - first, 10);
        assert_ne!(secret.isn(b, a, Time::ZERO), first);
        assert_ne!(Secret([1, 3]).isn(a, b, Time::ZERO), first);
        assert_ne!(secret.timestamp_offset(a, b), first.0);
    }
}
