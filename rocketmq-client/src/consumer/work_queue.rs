//! The deque between the driver of a consumer, which fills it, and the workers, which empty it.

use std::{
    collections::VecDeque,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

/// Work for the handlers on its way out, marks of what became of it on their way back.
///
/// One lock round carries both, so a worker that settles a message and takes the next pays for one. The driver is
/// woken when the deque is nearly dry, not for each message: it then collects every mark at once, which may free
/// room for pulling, and fills the deque again. Marks that nobody collects yet wait for the driver's next look, which
/// its own timers bound.
pub(crate) struct WorkQueue<T, M> {
    state: Mutex<State<T, M>>,
    /// Tells workers that there is something to do. `Notify` keeps one permit however often it is told, so whoever
    /// leaves work behind passes the baton on.
    ready: Notify,
    /// Tells the driver that the deque is nearly dry.
    dry: Notify,
    low_water: usize,
}

struct State<T, M> {
    todo: VecDeque<T>,
    done: Vec<M>,
    running: usize,
    /// The driver has been told that the deque is nearly dry and has not looked since.
    told: bool,
    closed: bool,
}

/// What the driver sees when it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level {
    /// Waiting for a worker.
    pub(crate) waiting: usize,
    /// In a handler at this moment.
    pub(crate) running: usize,
}

impl<T, M> WorkQueue<T, M> {
    /// `low_water`: the driver is woken when fewer than this many items wait.
    pub(crate) fn new(low_water: usize) -> Self {
        let state = State {
            todo: VecDeque::new(),
            done: Vec::new(),
            running: 0,
            told: false,
            closed: false,
        };
        Self {
            state: Mutex::new(state),
            ready: Notify::new(),
            dry: Notify::new(),
            low_water: low_water.max(1),
        }
    }

    // A worker that panics does so outside this lock; what it guards is whole in any case.
    fn state(&self) -> MutexGuard<'_, State<T, M>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds work. Called by the driver.
    pub(crate) fn push(&self, items: impl IntoIterator<Item = T>) {
        let mut state = self.state();
        state.todo.extend(items);
        state.told = false;
        drop(state);
        self.ready.notify_one();
    }

    /// Moves every mark into `into`. Called by the driver.
    pub(crate) fn collect(&self, into: &mut Vec<M>) -> Level {
        let mut state = self.state();
        into.append(&mut state.done);
        state.told = false;
        Level { waiting: state.todo.len(), running: state.running }
    }

    /// Takes back the waiting items for which `unwanted` holds. Called by the driver when a queue moves away.
    pub(crate) fn withdraw(&self, mut unwanted: impl FnMut(&T) -> bool) -> Vec<T> {
        let mut state = self.state();
        let (gone, kept): (VecDeque<T>, VecDeque<T>) =
            state.todo.drain(..).partition(|item| unwanted(item));
        state.todo = kept;
        gone.into()
    }

    /// Resolves when the deque is nearly dry and somebody has taken or settled something since the last look.
    ///
    /// # Cancel safety
    ///
    /// Safe: the permit is kept until somebody waits again.
    pub(crate) async fn dry(&self) {
        self.dry.notified().await;
    }

    /// Hands in the mark of the previous item, if there was one, and waits for the next. `None` once the deque is
    /// closed. Called by workers.
    ///
    /// # Cancel safety
    ///
    /// The mark is handed in before the first wait; an item is taken only by a call that returns it.
    pub(crate) async fn next(&self, mark: Option<M>) -> Option<T> {
        let mut mark = mark;
        loop {
            let (item, pass_on, tell) = {
                let mut state = self.state();
                if let Some(mark) = mark.take() {
                    state.done.push(mark);
                    state.running -= 1;
                }
                let item = if state.closed { None } else { state.todo.pop_front() };
                state.running += usize::from(item.is_some());
                let tell = !state.told && state.todo.len() < self.low_water;
                state.told |= tell;
                (item, !state.todo.is_empty() || state.closed, tell)
            };
            if pass_on {
                self.ready.notify_one();
            }
            if tell {
                self.dry.notify_one();
            }
            if item.is_some() || self.state().closed {
                return item;
            }
            self.ready.notified().await;
        }
    }

    /// Lets every worker end after what it is doing; what still waits stays where it is.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.ready.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[tokio::test]
    async fn a_mark_and_the_next_item_cross_in_one_step() {
        let work = WorkQueue::<u32, u32>::new(1);
        work.push([1, 2]);
        assert_eq!(work.next(None).await, Some(1));
        assert_eq!(work.next(Some(10)).await, Some(2));
        let mut marks = Vec::new();
        assert_eq!(work.collect(&mut marks), Level { waiting: 0, running: 1 });
        assert_eq!(marks, [10]);
    }

    #[tokio::test]
    async fn every_worker_wakes_though_the_permit_is_one() {
        let work = Arc::new(WorkQueue::<u32, u32>::new(1));
        let workers: Vec<_> = (0..8)
            .map(|_| {
                let work = Arc::clone(&work);
                async move {
                    let mut seen = 0;
                    let mut mark = None;
                    while let Some(item) = work.next(mark.take()).await {
                        seen += 1;
                        mark = Some(item);
                        tokio::task::yield_now().await;
                    }
                    seen
                }
            })
            .collect();
        let mut set = tokio::task::JoinSet::new();
        for worker in workers {
            set.spawn(worker);
        }
        work.push(0..800);
        let mut marks = Vec::new();
        while marks.len() < 800 {
            work.dry().await;
            work.collect(&mut marks);
        }
        work.close();
        let seen: u32 = set.join_all().await.into_iter().sum();
        assert_eq!(seen, 800);
    }

    #[tokio::test]
    async fn the_driver_is_told_once_per_look() {
        let work = WorkQueue::<u32, u32>::new(2);
        work.push([1, 2, 3]);
        assert_eq!(work.next(None).await, Some(1));
        assert!(!work.state().told, "two still wait");
        assert_eq!(work.next(Some(1)).await, Some(2));
        assert!(work.state().told);
        work.dry().await;
        work.collect(&mut Vec::new());
        assert!(!work.state().told);
    }

    #[tokio::test]
    async fn withdrawn_items_are_not_handed_out() {
        let work = WorkQueue::<u32, u32>::new(1);
        work.push(0..6);
        assert_eq!(work.withdraw(|item| item % 2 == 0), [0, 2, 4]);
        assert_eq!(work.next(None).await, Some(1));
    }
}
