//! Who is where in the lab: addresses that are kept for documentation (RFC 5737, RFC 3849).

/// The client's.
pub const CLIENT: &str = "198.51.100.1";
/// The server's.
pub const SERVER: &str = "198.51.100.2";
/// Of the box that sends ICMP.
pub const ROUTER: &str = "198.51.100.254";
/// The client's.
pub const CLIENT_V6: &str = "2001:db8:1::1";
/// The server's.
pub const SERVER_V6: &str = "2001:db8:1::2";
/// Of the box that sends ICMP.
pub const ROUTER_V6: &str = "2001:db8:1::ff";
/// Where the server listens.
pub const PORT: u16 = 8080;
/// Of the client's device.
pub const CLIENT_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
/// Of the server's device.
pub const SERVER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 2];
