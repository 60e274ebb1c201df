//! The deque between the driver of a consumer, which fills it, and the workers, which empty it.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::{Notify, futures::OwnedNotified};

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
    ready: Arc<Notify>,
    /// Tells the driver that the deque is nearly dry.
    dry: Notify,
}

struct State<T, M> {
    todo: VecDeque<T>,
    done: Vec<M>,
    running: usize,
    /// Workers there are, and workers there should be: one too many ends when it comes for more.
    workers: usize,
    wanted: usize,
    /// The driver has been told that the deque is nearly dry and has not looked since.
    told: bool,
    closed: bool,
}

/// What somebody finds who does not wait.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Taken<T> {
    Item(T),
    /// Nothing is there, or as much is out as may be.
    Nothing,
    Closed,
}

/// What the driver sees when it looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Level {
    /// Waiting for a worker.
    pub(crate) waiting: usize,
    /// In a handler at this moment.
    pub(crate) running: usize,
    /// How many should wait, so that workers are busy between two looks.
    pub(crate) ahead: usize,
}

/// Items that wait for each worker, and at least.
const AHEAD: usize = 4;
const AHEAD_LEAST: usize = 128;

impl<T, M> WorkQueue<T, M> {
    /// For so many workers. The driver is woken when fewer items wait than there are workers.
    pub(crate) fn new(workers: usize) -> Self {
        let state = State {
            todo: VecDeque::new(),
            done: Vec::new(),
            running: 0,
            workers: 0,
            wanted: workers,
            told: false,
            closed: false,
        };
        Self { state: Mutex::new(state), ready: Arc::default(), dry: Notify::new() }
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
        let ahead = (AHEAD * state.wanted).max(AHEAD_LEAST);
        Level { waiting: state.todo.len(), running: state.running, ahead }
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

    /// Sets how many workers there should be. The answer is how many have to be started for it; those too many end by
    /// themselves.
    pub(crate) fn staff(&self, wanted: usize) -> usize {
        let mut state = self.state();
        state.wanted = wanted;
        let missing = wanted.saturating_sub(state.workers);
        state.workers += missing;
        missing
    }

    /// Hands in the marks of the previous item, if there was one, and waits for the next. `None` once the deque is
    /// closed, or when there are more workers than there should be. Called by workers.
    ///
    /// # Cancel safety
    ///
    /// The marks are handed in before the first wait; an item is taken only by a call that returns it.
    pub(crate) async fn next(&self, marks: Option<impl IntoIterator<Item = M>>) -> Option<T> {
        let mut marks = marks;
        loop {
            let (item, ends, pass_on, tell) = {
                let mut state = self.state();
                if let Some(marks) = marks.take() {
                    state.done.extend(marks);
                    state.running -= 1;
                }
                let ends = state.closed || state.workers > state.wanted;
                let item = if ends { None } else { state.todo.pop_front() };
                state.workers -= usize::from(ends);
                state.running += usize::from(item.is_some());
                (item, ends, !state.todo.is_empty() || state.closed, state.tell())
            };
            if pass_on {
                self.ready.notify_one();
            }
            if tell {
                self.dry.notify_one();
            }
            if item.is_some() || ends {
                return item;
            }
            self.ready.notified().await;
        }
    }

    /// Hands in marks of what is still being worked on.
    pub(crate) fn hand_in(&self, marks: impl IntoIterator<Item = M>) {
        let mut state = self.state();
        state.done.extend(marks);
        let tell = state.tell();
        drop(state);
        if tell {
            self.dry.notify_one();
        }
    }

    /// Takes an item without waiting, if less is out than there should be workers. It is to be
    /// [finished](Self::finish) by whoever has it.
    pub(crate) fn take(&self) -> Taken<T> {
        let mut state = self.state();
        if state.closed {
            return Taken::Closed;
        }
        if state.running >= state.wanted {
            return Taken::Nothing;
        }
        let taken = state.todo.pop_front();
        state.running += usize::from(taken.is_some());
        let tell = state.tell();
        drop(state);
        if tell {
            self.dry.notify_one();
        }
        taken.map_or(Taken::Nothing, Taken::Item)
    }

    /// Hands in the mark of an item that was [taken](Self::take).
    pub(crate) fn finish(&self, mark: M) {
        let mut state = self.state();
        state.done.push(mark);
        state.running -= 1;
        let tell = state.tell();
        drop(state);
        self.ready.notify_one();
        if tell {
            self.dry.notify_one();
        }
    }

    /// Resolves when there may be something to [take](Self::take).
    pub(crate) fn ready(&self) -> OwnedNotified {
        Arc::clone(&self.ready).notified_owned()
    }

    /// Lets every worker end after what it is doing; what still waits stays where it is.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.ready.notify_one();
    }
}

impl<T, M> State<T, M> {
    /// Whether the driver is to be told that the deque is nearly dry.
    fn tell(&mut self) -> bool {
        let tell = !self.told && self.todo.len() < self.wanted.max(1);
        self.told |= tell;
        tell
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const NO_MARKS: Option<[u32; 0]> = None;

    /// A deque with so many workers.
    fn staffed(workers: usize) -> WorkQueue<u32, u32> {
        let work = WorkQueue::new(workers);
        work.staff(workers);
        work
    }

    #[tokio::test]
    async fn a_mark_and_the_next_item_cross_in_one_step() {
        let work = staffed(1);
        work.push([1, 2]);
        assert_eq!(work.next(NO_MARKS).await, Some(1));
        assert_eq!(work.next(Some([10])).await, Some(2));
        let mut marks = Vec::new();
        assert_eq!(work.collect(&mut marks), Level { waiting: 0, running: 1, ahead: AHEAD_LEAST });
        assert_eq!(marks, [10]);
    }

    #[tokio::test]
    async fn every_worker_wakes_though_the_permit_is_one() {
        let work = Arc::new(staffed(8));
        let workers: Vec<_> = (0..8)
            .map(|_| {
                let work = Arc::clone(&work);
                async move {
                    let mut seen = 0;
                    let mut mark = None;
                    while let Some(item) = work.next(mark.take()).await {
                        seen += 1;
                        mark = Some([item]);
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
        let work = staffed(2);
        work.push([1, 2, 3]);
        assert_eq!(work.next(NO_MARKS).await, Some(1));
        assert!(!work.state().told, "two still wait");
        assert_eq!(work.next(Some([1])).await, Some(2));
        assert!(work.state().told);
        work.dry().await;
        work.collect(&mut Vec::new());
        assert!(!work.state().told);
    }

    #[tokio::test]
    async fn withdrawn_items_are_not_handed_out() {
        let work = staffed(1);
        work.push(0..6);
        assert_eq!(work.withdraw(|item| item % 2 == 0), [0, 2, 4]);
        assert_eq!(work.next(NO_MARKS).await, Some(1));
    }

    #[tokio::test]
    async fn a_worker_too_many_ends_when_it_comes_for_more() {
        let work = staffed(2);
        assert_eq!(work.staff(5), 3, "to be started");
        assert_eq!(work.staff(4), 0);
        work.push([1, 2]);
        assert_eq!(work.next(NO_MARKS).await, None, "five are one too many");
        assert_eq!(work.next(NO_MARKS).await, Some(1));
    }

    #[test]
    fn no_more_is_taken_than_there_would_be_workers() {
        let work = WorkQueue::<u32, u32>::new(1);
        work.push([1, 2]);
        assert_eq!(work.take(), Taken::Item(1));
        assert_eq!(work.take(), Taken::Nothing);
        work.finish(1);
        assert_eq!(work.take(), Taken::Item(2));
        work.close();
        assert_eq!(work.take(), Taken::Closed);
    }
}
