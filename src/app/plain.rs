//! The protocols without a protocol.

use std::fs::File;
use std::future::poll_fn;
use std::io::{self, Read};
use std::path::Path;
use std::task::Poll;

use super::input::Input;
use crate::net::TcpStream;

/// Sends a file as it stands.
pub async fn send_file(stream: &TcpStream, path: &Path) -> io::Result<()> {
    let mut input = Input::Direct(Box::new(File::open(path)?));
    loop {
        let chunk = input.next().await?;
        if chunk.is_empty() {
            return Ok(());
        }
        stream.write_all(&chunk).await?;
    }
}

/// Why an exchange failed.
#[derive(Debug)]
pub enum ExchangeError {
    /// What was to be sent could not be read.
    Input(io::Error),
    /// What came could not be written.
    Output(io::Error),
    /// The connection failed.
    Connection(io::Error),
}

/// Sends `input`, closes our side at its end, and gives what comes to `take`, both at once, until the peer closes.
pub async fn exchange(
    stream: &TcpStream,
    mut input: Input,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> Result<(), ExchangeError> {
    let sending = async {
        loop {
            let chunk = input.next().await.map_err(ExchangeError::Input)?;
            if chunk.is_empty() {
                stream.shutdown();
                return Ok(());
            }
            if stream.write_all(&chunk).await.is_err() {
                // The receiving half says why.
                return Ok(());
            }
        }
    };
    let receiving = async {
        loop {
            let mut written = Ok(());
            let taken = stream.read_with(|bytes| {
                written = take(bytes);
                bytes.len()
            });
            let taken = taken.await.map_err(ExchangeError::Connection)?;
            written.map_err(ExchangeError::Output)?;
            if taken == 0 {
                return Ok(());
            }
        }
    };
    let (mut sending, mut receiving) = (Some(Box::pin(sending)), std::pin::pin!(receiving));
    poll_fn(move |cx| {
        if let Some(future) = &mut sending
            && let Poll::Ready(result) = future.as_mut().poll(cx)
        {
            sending = None;
            if let Err(error) = result {
                return Poll::Ready(Err(error));
            }
        }
        receiving.as_mut().poll(cx)
    })
    .await
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
