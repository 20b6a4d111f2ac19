//! Where to fetch from.

use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use hyper::Uri;

use super::exit::{Exit, Failure};
use crate::net::Attempt;

/// A target as the user named it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A server of our own at the other end of a simulated wire, with what it serves.
    Sim(PathBuf),
    /// Another host.
    Host(HostTarget),
}

/// Another host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostTarget {
    /// Name or address.
    pub host: String,
    /// Port, when it is named.
    pub port: Option<u16>,
    /// What to ask it for: path and query.
    pub path: String,
    /// The target says by itself that no HTTP is spoken.
    pub raw: bool,
}

impl Target {
    /// Reads a target: `sim:PATH`, a URL, `host`, `host:port`, `[v6]:port`, each with an optional port behind.
    pub fn parse(text: &str, port: Option<u16>) -> Result<Target, Failure> {
        let wrong = |why: &str| Failure::new(Exit::Usage, format!("'{text}' is no target: {why}"));
        if let Some(path) = text.strip_prefix("sim:") {
            return Ok(Target::Sim(path.into()));
        }
        let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
        let raw = match scheme {
            "" | "http" => false,
            "tcp" => true,
            "https" => return Err(wrong("there is no TLS here yet; write http://, or tcp:// for bytes alone")),
            other => return Err(wrong(&format!("'{other}://' is not spoken here; write http:// or tcp://"))),
        };
        let (rest, zone) = without_zone(rest);
        let uri: Uri = format!("http://{rest}")
            .parse()
            .map_err(|_| wrong("write a URL, host, host:port, [v6]:port or sim:PATH"))?;
        let authority = uri.authority().ok_or_else(|| wrong("the host is missing"))?;
        if authority.host().is_empty() {
            return Err(wrong("the host is missing"));
        }
        if authority.as_str().contains('@') {
            return Err(wrong("user and password in a URL are not supported"));
        }
        // The parser lets ports through that are none, and says then that there is no port.
        let after = authority.as_str().rsplit(']').next().unwrap_or_default().rsplit_once(':');
        if let Some((_, port)) = after.filter(|(_, port)| !port.is_empty() && !matches!(port.parse::<u16>(), Ok(1..))) {
            return Err(wrong(&format!("'{port}' is no port; ports are 1 to 65535")));
        }
        if let (Some(named), Some(port)) = (authority.port_u16(), port) {
            return Err(wrong(&format!("it names port {named}, and {port} stands beside it")));
        }
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let host = authority.host().trim_matches(['[', ']']);
        Ok(Target::Host(HostTarget {
            host: zone.map_or_else(|| host.into(), |zone| format!("{host}%{zone}")),
            port: authority.port_u16().or(port),
            path: if path.is_empty() { "/".into() } else { path.into() },
            raw,
        }))
    }
}

impl HostTarget {
    /// Where a Location header leads from here (RFC 3986 section 5.2).
    pub fn redirected(&self, location: &str) -> Result<Target, Failure> {
        let scheme_end = location.find(|c: char| !c.is_ascii_alphanumeric() && !"+-.".contains(c));
        let has_scheme = location.starts_with(|c: char| c.is_ascii_alphabetic())
            && scheme_end.is_some_and(|end| location[end..].starts_with(':'));
        if has_scheme {
            return Target::parse(location, None);
        }
        if location.starts_with("//") {
            return Target::parse(&format!("http:{location}"), None);
        }
        let (here, _) = self.path.split_once('?').unwrap_or((&self.path, ""));
        let path = match location.chars().next() {
            Some('/') => location.to_string(),
            Some('?') => format!("{here}{location}"),
            _ => format!("{}/{location}", here.rsplit_once('/').map_or("", |(folder, _)| folder)),
        };
        let path = without_dots(path.split('#').next().unwrap_or_default());
        Ok(Target::Host(HostTarget { path, ..self.clone() }))
    }

    /// The host's addresses that `speaks` allows, in the order in which they are tried: as the system's resolver sorts
    /// them (RFC 6724), the families in turn (RFC 8305 section 4).
    pub fn resolve(&self, default_port: u16, speaks: impl Fn(IpAddr) -> bool) -> Result<Vec<SocketAddr>, Failure> {
        let port = self.port.unwrap_or(default_port);
        let addresses: Vec<SocketAddr> = (self.host.as_str(), port)
            .to_socket_addrs()
            .map_err(|error| Failure::new(Exit::NameNotFound, format!("cannot find host '{}': {error}", self.host)))?
            .map(|address| match address.ip().to_canonical() {
                // "This host" is where the kernel takes it for as well.
                ip if ip.is_unspecified() && ip.is_ipv4() => (Ipv4Addr::LOCALHOST, address.port()).into(),
                ip if ip.is_unspecified() => (Ipv6Addr::LOCALHOST, address.port()).into(),
                // An IPv4 address in IPv6 clothes.
                IpAddr::V4(v4) => (v4, address.port()).into(),
                IpAddr::V6(_) => address,
            })
            .collect();
        let allowed: Vec<SocketAddr> = addresses.iter().copied().filter(|address| speaks(address.ip())).collect();
        if allowed.is_empty() {
            let (family, flag) =
                if addresses.iter().any(SocketAddr::is_ipv4) { ("IPv4", "-6") } else { ("IPv6", "-4") };
            let message = match addresses.is_empty() {
                true => format!("'{}' has no address", self.host),
                false => format!("'{}' has {family} addresses only, and {flag} excludes those", self.host),
            };
            return Err(Failure::new(Exit::NameNotFound, message));
        }
        Ok(in_turn(&allowed))
    }

    /// Host and port as messages have them.
    pub fn name(&self, attempts: &[Attempt]) -> String {
        let port = attempts.first().map_or(0, |attempt| attempt.remote.port());
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.clone() };
        format!("{host}:{port}")
    }

    /// Host and port as HTTP's Host header has them (RFC 9110 section 7.2).
    pub fn authority(&self) -> String {
        // A zone is of no use to anybody else (RFC 6874 section 1).
        let host = self.host.split('%').next().unwrap_or_default();
        let host = if host.contains(':') { format!("[{host}]") } else { host.into() };
        match self.port.filter(|port| *port != 80) {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }
}

/// An IPv6 address that stands alone in brackets, as a URL has it, and any zone (`fe80::1%eth0`; RFC 6874 writes the
/// percent sign as `%25`) beside it.
fn without_zone(rest: &str) -> (String, Option<String>) {
    let bare = rest.split('%').next().is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    let rest = if bare { format!("[{rest}]") } else { rest.into() };
    let inside = rest.strip_prefix('[').and_then(|inside| inside.split_once(']'));
    let Some(((address, zone), after)) = inside.and_then(|(inside, after)| Some((inside.split_once('%')?, after)))
    else {
        return (rest, None);
    };
    let zone = zone.strip_prefix("25").filter(|zone| !zone.is_empty()).unwrap_or(zone);
    (format!("[{address}]{after}"), Some(zone.into()))
}

/// The families in turn, beginning with that of the first.
fn in_turn(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_v4 = addresses.first().is_some_and(SocketAddr::is_ipv4);
    let (mut these, mut those): (VecDeque<_>, VecDeque<_>) =
        addresses.iter().partition(|address| address.is_ipv4() == first_v4);
    let mut sorted = Vec::new();
    while let Some(address) = these.pop_front() {
        sorted.push(address);
        std::mem::swap(&mut these, &mut those);
        if these.is_empty() {
            std::mem::swap(&mut these, &mut those);
        }
    }
    sorted
}

/// A path without `.` and `..` segments (RFC 3986 section 5.2.4).
fn without_dots(path: &str) -> String {
    let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    for (index, segment) in segments.iter().enumerate() {
        let last = index + 1 == segments.len();
        match *segment {
            "." | ".." => {
                if *segment == ".." {
                    kept.pop();
                }
                if last {
                    kept.push("");
                }
            }
            segment => kept.push(segment),
        }
    }
    let query = query.map_or_else(String::new, |query| format!("?{query}"));
    format!("/{}{query}", kept.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str, port: Option<u16>) -> (String, Option<u16>, String, bool) {
        match Target::parse(text, port).unwrap() {
            Target::Host(target) => (target.host, target.port, target.path, target.raw),
            target => panic!("{target:?}"),
        }
    }

    #[test]
    fn targets_as_people_write_them() {
        assert_eq!(host("host", None), ("host".into(), None, "/".into(), false));
        assert_eq!(host("host", Some(81)), ("host".into(), Some(81), "/".into(), false));
        assert_eq!(host("host:8080", None), ("host".into(), Some(8080), "/".into(), false));
        assert_eq!(host("http://h/a/b?c=d", None), ("h".into(), None, "/a/b?c=d".into(), false));
        assert_eq!(host("tcp://192.0.2.1:9", None), ("192.0.2.1".into(), Some(9), "/".into(), true));
        assert_eq!(host("[2001:db8::1]:80", None), ("2001:db8::1".into(), Some(80), "/".into(), false));
        assert_eq!(host("::1", Some(8080)), ("::1".into(), Some(8080), "/".into(), false));
        assert_eq!(host("fe80::1%eth0", None), ("fe80::1%eth0".into(), None, "/".into(), false));
        assert_eq!(host("http://[fe80::1%25eth0]:81/x", None), ("fe80::1%eth0".into(), Some(81), "/x".into(), false));
        assert_eq!(host("http://h/a[%20].txt", None), ("h".into(), None, "/a[%20].txt".into(), false));
        assert_eq!(Target::parse("sim:a/b", None).unwrap(), Target::Sim("a/b".into()));
    }

    #[test]
    fn a_zone_is_not_told_to_the_server() {
        let Target::Host(target) = Target::parse("[fe80::1%eth0]:81", None).unwrap() else { panic!() };
        assert_eq!(target.authority(), "[fe80::1]:81");
    }

    #[test]
    fn families_are_tried_in_turn_beginning_with_the_first() {
        let address = |text: &str| text.parse::<SocketAddr>().unwrap();
        let [a6, b6, c6] = ["[2001:db8::a]:1", "[2001:db8::b]:1", "[2001:db8::c]:1"].map(address);
        let [a4, b4] = ["192.0.2.1:1", "192.0.2.2:1"].map(address);
        assert_eq!(in_turn(&[a6, b6, c6, a4, b4]), [a6, a4, b6, b4, c6]);
        assert_eq!(in_turn(&[a4, a6]), [a4, a6]);
        assert_eq!(in_turn(&[]), []);
    }

    #[test]
    fn redirects_lead_where_rfc_3986_says() {
        let Target::Host(here) = Target::parse("http://host:81/a/b?c", None).unwrap() else { panic!() };
        let led = |location: &str| match here.redirected(location).unwrap() {
            Target::Host(target) => format!("{} {:?} {}", target.host, target.port, target.path),
            target => panic!("{target:?}"),
        };
        assert_eq!(led("/login?next=http://h/"), "host Some(81) /login?next=http://h/");
        assert_eq!(led("x.html#top"), "host Some(81) /a/x.html");
        assert_eq!(led("../x/./y"), "host Some(81) /x/y");
        assert_eq!(led(".."), "host Some(81) /");
        assert_eq!(led("?d"), "host Some(81) /a/b?d");
        assert_eq!(led("//other/z"), "other None /z");
        assert_eq!(led("http://other:82/"), "other Some(82) /");
    }

    #[test]
    fn what_is_no_target_says_why() {
        let why = |text: &str| Target::parse(text, None).unwrap_err().message;
        assert!(why("https://host/").contains("no TLS here yet"));
        assert!(why("ftp://host/").contains("not spoken here"));
        assert!(why("host:99999").contains("'99999' is no port"));
        assert!(why("http://host:http/").contains("'http' is no port"));
        assert!(why("host:0").contains("'0' is no port"));
        let twice = Target::parse("host:81", Some(82)).unwrap_err();
        assert!(twice.message.contains("it names port 81, and 82 stands beside it"), "{}", twice.message);
        assert!(why("a b").contains("write a URL"));
        assert!(why("http://u:p@host/").contains("password"));
    }
}
