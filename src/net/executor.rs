//! Tasks on one thread, woken from any.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Wake, Waker};

use super::bell::Bell;

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Runs tasks in the order in which they were woken.
pub(super) struct Executor {
    tasks: Vec<Option<(Task, Arc<Ticket>)>>,
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
    woken: VecDeque<Arc<Ticket>>,
    born: Vec<Task>,
}

/// What a waker wakes.
struct Ticket {
    index: usize,
    /// It stands in the queue already.
    queued: AtomicBool,
    queue: Arc<Queue>,
}

impl Ticket {
    fn new(index: usize, queue: &Arc<Queue>) -> Arc<Self> {
        Arc::new(Ticket { index, queued: AtomicBool::new(false), queue: queue.clone() })
    }
}

/// The index that stands for the future that the loop itself polls.
const MAIN: usize = usize::MAX;

impl Wake for Ticket {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.queue.state().woken.push_back(self.clone());
            self.queue.bell.ring();
        }
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
        let main = Ticket::new(MAIN, &queue);
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
        for ticket in woken {
            // From here on it may be woken again, also by what it is about to do.
            ticket.queued.store(false, Ordering::Release);
            if ticket.index == MAIN {
                main = true;
            } else {
                self.poll(ticket);
            }
        }
        for task in born {
            let index = self.free.pop().unwrap_or(self.tasks.len());
            let ticket = Ticket::new(index, &self.queue);
            let entry = Some((task, ticket.clone()));
            match self.tasks.get_mut(index) {
                Some(space) => *space = entry,
                None => self.tasks.push(entry),
            }
            self.poll(ticket);
        }
        main
    }

    fn poll(&mut self, ticket: Arc<Ticket>) {
        let index = ticket.index;
        // A task may be woken after it has ended, when its place belongs to another.
        let Some(Some((task, current))) = self.tasks.get_mut(index) else { return };
        if !Arc::ptr_eq(current, &ticket) {
            return;
        }
        let waker: Waker = ticket.into();
        if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
            self.tasks[index] = None;
            self.free.push(index);
        }
    }
}
