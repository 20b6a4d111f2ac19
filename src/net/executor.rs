//! Tasks on one thread, woken from any.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

use super::bell::Bell;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs tasks in the order in which they were woken.
pub(super) struct Executor {
    tasks: Vec<Option<Task>>,
    free: Vec<usize>,
    queue: Arc<Queue>,
    main: Arc<Ticket>,
}

/// Starts tasks; can be cloned into them.
#[derive(Clone)]
pub struct Spawner(Arc<Queue>);

struct Queue {
    state: Mutex<State>,
    bell: Bell,
}

#[derive(Default)]
struct State {
    woken: VecDeque<usize>,
    born: Vec<Task>,
}

/// What a waker wakes.
struct Ticket {
    index: usize,
    queue: Arc<Queue>,
}

/// The index that stands for the future that the loop itself polls.
const MAIN: usize = usize::MAX;

impl Wake for Ticket {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        let mut state = self.queue.state();
        if !state.woken.contains(&self.index) {
            state.woken.push_back(self.index);
        }
        drop(state);
        self.queue.bell.ring();
    }
}

impl Queue {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Spawner {
    /// Starts a task.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.0.state().born.push(Box::pin(task));
        self.0.bell.ring();
    }
}

impl Executor {
    pub fn new(bell: Bell) -> Self {
        let queue = Arc::new(Queue { state: Mutex::default(), bell });
        let main = Arc::new(Ticket { index: MAIN, queue: queue.clone() });
        Executor { tasks: Vec::new(), free: Vec::new(), queue, main }
    }

    pub fn spawner(&self) -> Spawner {
        Spawner(self.queue.clone())
    }

    /// The waker for the future that the loop itself polls.
    pub fn main_waker(&self) -> Waker {
        self.main.clone().into()
    }

    /// Whether anything waits to be run.
    pub fn has_work(&self) -> bool {
        let state = self.queue.state();
        !state.woken.is_empty() || !state.born.is_empty()
    }

    /// Runs every task that is woken now, once. True when the main future is among them.
    pub fn run(&mut self) -> bool {
        let (woken, born) = {
            let mut state = self.queue.state();
            (std::mem::take(&mut state.woken), std::mem::take(&mut state.born))
        };
        let mut main = false;
        for index in woken {
            if index == MAIN {
                main = true;
            } else {
                self.poll(index);
            }
        }
        for task in born {
            let index = self.free.pop().unwrap_or(self.tasks.len());
            match self.tasks.get_mut(index) {
                Some(space) => *space = Some(task),
                None => self.tasks.push(Some(task)),
            }
            self.poll(index);
        }
        main
    }

    fn poll(&mut self, index: usize) {
        // A task may be woken after it has ended.
        let Some(Some(task)) = self.tasks.get_mut(index) else { return };
        let waker: Waker = Arc::new(Ticket { index, queue: self.queue.clone() }).into();
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            self.tasks[index] = None;
            self.free.push(index);
        }
    }
}
