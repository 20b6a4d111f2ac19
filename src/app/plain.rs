//! The protocols without a protocol.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use crate::net::TcpStream;

/// Sends `source` to its end.
pub async fn send_all(stream: &TcpStream, source: &mut (dyn Read + Send)) -> io::Result<u64> {
    let mut buffer = vec![0; 64 << 10];
    let mut sent = 0;
    loop {
        match source.read(&mut buffer)? {
            0 => return Ok(sent),
            len => {
                stream.write_all(&buffer[..len]).await?;
                sent += len as u64;
            }
        }
    }
}

/// Sends a file as it stands.
pub async fn send_file(stream: &TcpStream, path: &Path) -> io::Result<u64> {
    send_all(stream, &mut File::open(path)?).await
}

/// Sends back whatever comes, until the peer closes (RFC 862).
pub async fn echo(stream: &TcpStream) -> io::Result<u64> {
    let mut buffer = vec![0; 64 << 10];
    let mut echoed = 0;
    loop {
        match stream.read(&mut buffer).await? {
            0 => return Ok(echoed),
            len => {
                stream.write_all(&buffer[..len]).await?;
                echoed += len as u64;
            }
        }
    }
}

/// Throws away whatever comes, until the peer closes (RFC 863).
pub async fn discard(stream: &TcpStream) -> io::Result<u64> {
    let mut discarded = 0;
    loop {
        match stream.read_with(|bytes| bytes.len()).await? {
            0 => return Ok(discarded),
            len => discarded += len as u64,
        }
    }
}

/// Whether a file is a complete HTTP response, to be sent as it stands.
pub fn is_verbatim_response(path: &Path) -> io::Result<bool> {
    let mut start = [0; 7];
    let mut file = File::open(path)?;
    Ok(file.read_exact(&mut start).is_ok() && &start == b"HTTP/1.")
}
