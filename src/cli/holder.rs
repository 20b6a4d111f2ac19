//! Who holds a port, as far as the kernel lets us see.

use std::net::{IpAddr, SocketAddr};

use procfs::net::{TcpNetEntry, TcpState, tcp, tcp6};
use procfs::process::{FDTarget, all_processes};

/// The program that listens at `end`, in words.
pub fn of_listener(end: SocketAddr) -> Option<String> {
    find(end, |state| *state == TcpState::Listen)
}

/// A program that has connections at `end`, although nobody listens there any more, in words.
pub fn of_connections(end: SocketAddr) -> Option<String> {
    let over = [TcpState::Listen, TcpState::TimeWait, TcpState::Close, TcpState::NewSynRecv];
    // What the kernel chooses has none.
    find(end, |state| !over.contains(state)).filter(|_| end.port() != 0)
}

fn find(end: SocketAddr, is_wanted: impl Fn(&TcpState) -> bool) -> Option<String> {
    let entries: Vec<TcpNetEntry> = [tcp(), tcp6()].into_iter().filter_map(Result::ok).flatten().collect();
    let socket = entries.iter().find(|entry| {
        let (local, remote) = (entry.local_address, entry.remote_address);
        is_wanted(&entry.state) && local.port() == end.port() && overlap(local.ip(), end.ip()) && remote != local
    })?;
    let process = all_processes().ok()?.filter_map(Result::ok).find(|process| {
        let mut descriptors = process.fd().into_iter().flatten().filter_map(Result::ok);
        descriptors.any(|descriptor| matches!(descriptor.target, FDTarget::Socket(inode) if inode == socket.inode))
    });
    Some(match process {
        Some(process) => {
            let name = process.stat().map_or_else(|_| String::from("a program"), |stat| stat.comm);
            format!("{name} (process {})", process.pid)
        }
        None => format!("a program of user {} (sudo ss -tanp 'sport = :{}' says which)", socket.uid, end.port()),
    })
}

/// Whether two ends with these addresses can be reached by one packet.
fn overlap(a: IpAddr, b: IpAddr) -> bool {
    let (a, b) = (a.to_canonical(), b.to_canonical());
    a == b || a.is_unspecified() || b.is_unspecified()
}
