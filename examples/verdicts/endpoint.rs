//! One end: a socket of the kernel, and the steps of a plan.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

use super::label::Outcome;
use super::plan::{End, Endpoint, Step};

/// How long a server waits for somebody to come.
const UNTIL_ASKED: Duration = Duration::from_secs(40);

/// Plays one end to its end and prints what became of it, as JSON.
pub fn run(end: End, address: &str, spec: &str) -> Result<(), Box<dyn Error + Send + Sync>> {
    let spec: Endpoint = serde_json::from_str(spec)?;
    let mut outcome = Outcome::default();
    if let Err(error) = play(end, address.parse()?, &spec, &mut outcome) {
        outcome.error = Some(error.to_string());
    }
    println!("{}", serde_json::to_string(&outcome)?);
    Ok(())
}

fn play(end: End, address: SocketAddr, spec: &Endpoint, outcome: &mut Outcome) -> io::Result<()> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    prepare(&socket, spec)?;
    let mut stream: TcpStream = match end {
        End::Client => {
            socket.connect_timeout(&address.into(), Duration::from_millis(spec.connect_ms.max(1)))?;
            socket.into()
        }
        End::Server => {
            socket.set_reuse_address(true)?;
            socket.bind(&address.into())?;
            if !spec.listens {
                println!("ready");
                io::stdout().flush()?;
                std::thread::sleep(Duration::from_secs(1));
                return Ok(());
            }
            socket.listen(8)?;
            println!("ready");
            io::stdout().flush()?;
            socket.set_read_timeout(Some(UNTIL_ASKED))?;
            socket.accept()?.0.into()
        }
    };
    stream.set_nodelay(spec.no_delay)?;
    let patience = Some(Duration::from_millis(spec.patience_ms.max(1)));
    stream.set_read_timeout(patience)?;
    stream.set_write_timeout(patience)?;
    if let Some((idle, interval, probes)) = spec.keep_alive {
        let times = TcpKeepalive::new().with_time(Duration::from_secs(idle));
        let times = times.with_interval(Duration::from_secs(interval)).with_retries(probes);
        SockRef::from(&stream).set_tcp_keepalive(&times)?;
    }
    steps(&mut stream, &spec.steps, outcome)
}

fn prepare(socket: &Socket, spec: &Endpoint) -> io::Result<()> {
    if !spec.congestion.is_empty() {
        socket.set_tcp_congestion(spec.congestion.as_bytes())?;
    }
    if let Some(size) = spec.receive_buffer {
        socket.set_recv_buffer_size(size)?;
    }
    if let Some(size) = spec.send_buffer {
        socket.set_send_buffer_size(size)?;
    }
    Ok(())
}

fn steps(stream: &mut TcpStream, list: &[Step], outcome: &mut Outcome) -> io::Result<()> {
    for step in list {
        match step {
            Step::Send(bytes) => send(stream, *bytes, outcome)?,
            Step::Receive(bytes) => receive(stream, *bytes, outcome)?,
            Step::ReceiveAll => receive(stream, u64::MAX, outcome)?,
            Step::Pause(ms) => std::thread::sleep(Duration::from_millis(*ms)),
            Step::Trickle { bytes, piece, every_ms } => paced(*bytes, *piece, *every_ms, |n| send(stream, n, outcome))?,
            Step::Sip { bytes, piece, every_ms } => paced(*bytes, *piece, *every_ms, |n| receive(stream, n, outcome))?,
            Step::Shutdown => stream.shutdown(Shutdown::Write)?,
            Step::Reset => {
                SockRef::from(&*stream).set_linger(Some(Duration::ZERO))?;
                return Err(io::Error::other("reset, as planned"));
            }
            Step::Repeat(times, inner) => (0..*times).try_for_each(|_| steps(stream, inner, outcome))?,
        }
    }
    Ok(())
}

/// Does `each` with pieces of `bytes`, at fixed times.
fn paced(bytes: u64, piece: u64, every_ms: u64, mut each: impl FnMut(u64) -> io::Result<()>) -> io::Result<()> {
    let (begun, mut left, mut count) = (Instant::now(), bytes, 0);
    while left > 0 {
        let now = piece.clamp(1, left);
        each(now)?;
        left -= now;
        count += 1;
        let due = Duration::from_millis(every_ms * count);
        std::thread::sleep(due.saturating_sub(begun.elapsed()));
    }
    Ok(())
}

fn send(stream: &mut TcpStream, bytes: u64, outcome: &mut Outcome) -> io::Result<()> {
    const LINE: &[u8] = b"a line of text, as many a server sends them; and then again one that is much the same\r\n";
    let block: Vec<u8> = LINE.iter().copied().cycle().take((1 << 16).min(bytes) as usize).collect();
    let mut left = bytes;
    while left > 0 {
        let now = left.min(block.len() as u64) as usize;
        stream.write_all(&block[..now])?;
        left -= now as u64;
        outcome.sent += now as u64;
    }
    Ok(())
}

fn receive(stream: &mut TcpStream, bytes: u64, outcome: &mut Outcome) -> io::Result<()> {
    let mut buffer = vec![0; 1 << 16];
    let mut left = bytes;
    while left > 0 {
        let most = left.min(buffer.len() as u64) as usize;
        match stream.read(&mut buffer[..most])? {
            0 if bytes == u64::MAX => return Ok(()),
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            count => {
                left -= count as u64;
                outcome.received += count as u64;
            }
        }
    }
    Ok(())
}
