//! Who holds a port, as far as the kernel lets us see.

use std::net::{IpAddr, SocketAddr};

use procfs::net::{TcpNetEntry, TcpState, tcp, tcp6};
use procfs::process::{FDTarget, all_processes};

/// The program that listens at one of `ends`, in words.
pub fn of_listener(ends: &[SocketAddr]) -> Option<String> {
    find(ends, |state| *state == TcpState::Listen)
}

/// A program that has connections at one of `ends`, although nobody listens there any more, in words.
pub fn of_connections(ends: &[SocketAddr]) -> Option<String> {
    let over = [TcpState::Listen, TcpState::TimeWait, TcpState::Close, TcpState::NewSynRecv];
    find(ends, |state| !over.contains(state))
}

fn find(ends: &[SocketAddr], is_wanted: impl Fn(&TcpState) -> bool) -> Option<String> {
    if ends.iter().all(|end| end.port() == 0) {
        // What the kernel chooses is nobody's, and reading its tables takes milliseconds.
        return None;
    }
    let entries: Vec<TcpNetEntry> = [tcp(), tcp6()].into_iter().filter_map(Result::ok).flatten().collect();
    let socket = entries.iter().find(|entry| {
        let local = entry.local_address;
        let meets = |end: &SocketAddr| local.port() == end.port() && overlap(local.ip(), end.ip());
        is_wanted(&entry.state) && ends.iter().any(meets)
    })?;
    let port = socket.local_address.port();
    let process = all_processes().ok()?.filter_map(Result::ok).find(|process| {
        let mut descriptors = process.fd().into_iter().flatten().filter_map(Result::ok);
        descriptors.any(|descriptor| matches!(descriptor.target, FDTarget::Socket(inode) if inode == socket.inode))
    });
    Some(match process {
        Some(process) => {
            let name = process.stat().map_or_else(|_| String::from("a program"), |stat| stat.comm);
            format!("{name} (process {})", process.pid)
        }
        None => format!("a program of user {} (sudo ss -tanp 'sport = :{port}' says which)", socket.uid),
    })
}

/// Whether two ends with these addresses can be reached by one packet.
fn overlap(a: IpAddr, b: IpAddr) -> bool {
    let (a, b) = (a.to_canonical(), b.to_canonical());
    a == b || a.is_unspecified() || b.is_unspecified()
}
