//! Bytes from a file or a pipe, for tasks: read where they are asked for, or on a thread that may wait for them.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

const CHUNK: usize = 64 << 10;
/// Chunks read ahead at most.
const AHEAD: usize = 4;

/// Where bytes to send come from.
pub enum Input {
    /// Read at once. For files, and for simulations: their time stands still meanwhile.
    Direct(Box<dyn Read + Send>),
    /// Read on a thread, so that a pipe which stays empty does not hold up what else there is to do.
    Threaded(Feed),
}

/// The reading end of a thread that reads.
pub struct Feed(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    taken: Condvar,
}

#[derive(Default)]
struct State {
    chunks: VecDeque<io::Result<Vec<u8>>>,
    waker: Option<Waker>,
}

impl Input {
    /// Reads `source` on a thread.
    pub fn threaded(mut source: Box<dyn Read + Send>) -> Input {
        let shared = Arc::new(Shared::default());
        let feed = shared.clone();
        // The thread ends with its source, or with the process.
        std::thread::spawn(move || {
            loop {
                let chunk = read_chunk(&mut *source);
                let last = !matches!(&chunk, Ok(chunk) if !chunk.is_empty());
                feed.push(chunk);
                if last {
                    break;
                }
            }
        });
        Input::Threaded(Feed(shared))
    }

    /// The next bytes; none at the end.
    pub async fn next(&mut self) -> io::Result<Vec<u8>> {
        match self {
            Input::Direct(source) => read_chunk(&mut **source),
            Input::Threaded(Feed(shared)) => {
                poll_fn(|cx| {
                    let mut state = shared.state();
                    match state.chunks.pop_front() {
                        Some(chunk) => {
                            shared.taken.notify_one();
                            Poll::Ready(chunk)
                        }
                        None => {
                            state.waker = Some(cx.waker().clone());
                            Poll::Pending
                        }
                    }
                })
                .await
            }
        }
    }
}

impl Shared {
    fn push(&self, chunk: io::Result<Vec<u8>>) {
        let mut state = self.state();
        while state.chunks.len() >= AHEAD {
            state = self.taken.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.chunks.push_back(chunk);
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn read_chunk(source: &mut dyn Read) -> io::Result<Vec<u8>> {
    let mut chunk = vec![0; CHUNK];
    loop {
        match source.read(&mut chunk) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => {
                chunk.truncate(result?);
                return Ok(chunk);
            }
        }
    }
}
