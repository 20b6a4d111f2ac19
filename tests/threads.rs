//! The example of a socket API: a threaded echo server and ten clients over a lossy simulated wire.

#[path = "../examples/echo_threads.rs"]
mod echo_threads;

#[test]
fn ten_clients_get_their_own_words_back_from_a_threaded_server() {
    echo_threads::run().unwrap();
}
