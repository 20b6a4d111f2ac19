//! The example of a socket API: a threaded echo server and ten clients over a lossy simulated wire.

#[path = "../examples/echo_threads.rs"]
mod echo_threads;

mod support;

use support::deadline::{Deadline, LIMIT};

#[test]
fn ten_clients_get_their_own_words_back_from_a_threaded_server() {
    let _deadline = Deadline::or_fail(LIMIT);
    echo_threads::run().unwrap();
}

/// They were left waiting for ever.
#[test]
fn threads_that_wait_are_told_when_the_loop_ends() {
    use tcpkit::net::blocking::{Driver, TcpListener, TcpStream};
    let _deadline = Deadline::or_fail(LIMIT);
    let (runtime, client, server) = {
        let pair = support::Setup::default().build();
        (pair.runtime, pair.client, pair.server)
    };
    let listener = TcpListener::bind(&server, support::server_address(), 1).unwrap();
    let driver = Driver::start(runtime);
    let accepting = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::Write::write_all(&mut stream, b"!").unwrap();
        let failed = listener.accept().err().unwrap();
        drop(stream);
        failed.kind()
    });
    let stream = TcpStream::connect(&client, support::server_address()).unwrap();
    // Both ends are connected now, and what comes next is waiting for nothing.
    assert_eq!(std::io::Read::read(&mut &stream, &mut [0; 10]).unwrap(), 1);
    let reading = std::thread::spawn(move || std::io::Read::read(&mut &stream, &mut [0; 10]).unwrap_err().kind());
    driver.stop().unwrap();
    assert_eq!(accepting.join().unwrap(), std::io::ErrorKind::NetworkDown);
    assert_eq!(reading.join().unwrap(), std::io::ErrorKind::ConnectionAborted);
    assert!(TcpStream::connect(&client, support::server_address()).is_err());
}
