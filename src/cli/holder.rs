//! Who holds a port, as far as the kernel lets us see.

use procfs::net::{TcpNetEntry, TcpState, tcp, tcp6};
use procfs::process::{FDTarget, all_processes};

/// The program that listens on `port`, in words.
pub fn of_port(port: u16) -> Option<String> {
    let entries: Vec<TcpNetEntry> = [tcp(), tcp6()].into_iter().filter_map(Result::ok).flatten().collect();
    let socket = entries.iter().find(|entry| entry.state == TcpState::Listen && entry.local_address.port() == port)?;
    let process = all_processes().ok()?.filter_map(Result::ok).find(|process| {
        let mut descriptors = process.fd().into_iter().flatten().filter_map(Result::ok);
        descriptors.any(|descriptor| matches!(descriptor.target, FDTarget::Socket(inode) if inode == socket.inode))
    });
    Some(match process {
        Some(process) => {
            let name = process.stat().map_or_else(|_| String::from("a program"), |stat| stat.comm);
            format!("{name} (process {})", process.pid)
        }
        None => format!("a program of user {} (sudo ss -ltnp 'sport = :{port}' says which)", socket.uid),
    })
}
