//! [`LocalOffsets`]: the offsets of a broadcasting consumer, which no broker keeps.

use std::sync::{Arc, Mutex, PoisonError};

use rocketmq_consumer::{Action, Failure, Input, Stored};
use rocketmq_remoting::Tasks;

use super::offset_store::{OffsetStore, Offsets};
use crate::Error;

/// What memory says counts; the store follows. Queues that are not read at the moment keep their offsets: a broker that is away
/// for a while does not have everything read again.
pub(super) struct LocalOffsets {
    known: Mutex<Offsets>,
    store: Arc<dyn OffsetStore>,
    /// One saves at a time, and always all there is.
    saving: tokio::sync::Mutex<()>,
    tasks: Tasks,
}

impl LocalOffsets {
    pub(super) async fn load(store: Arc<dyn OffsetStore>, tasks: &Tasks) -> Result<Self, Error> {
        let loading = Arc::clone(&store);
        let loaded = tasks.spawn_blocking(move || loading.load()).await;
        let unreadable = "offsets that cannot be loaded";
        let loaded = loaded.map_err(|panic| Error::invalid(unreadable).with_source(panic))?;
        let known = loaded.map_err(|error| Error::invalid(unreadable).with_source(error))?;
        let (known, saving) = (Mutex::new(known), tokio::sync::Mutex::default());
        Ok(Self { known, store, saving, tasks: tasks.clone() })
    }

    /// Whether this is a question that brokers would be asked otherwise.
    pub(super) fn knows(action: &Action) -> bool {
        matches!(action, Action::QueryStoredOffset { .. } | Action::Commit { .. })
    }

    /// The answer to a question that it [knows](Self::knows).
    pub(super) fn answer(
        self: &Arc<Self>,
        question: Action,
    ) -> impl Future<Output = Input> + Send + use<> {
        let offsets = Arc::clone(self);
        async move {
            match question {
                Action::Commit { commit, offsets: moved, .. } => {
                    let epochs: Vec<_> = moved.iter().map(|offset| offset.epoch).collect();
                    let moved = moved.into_iter().map(|offset| (offset.queue, offset.offset));
                    let saved = offsets.save(moved).await;
                    let failed = if saved { Vec::new() } else { epochs };
                    let failed = failed.into_iter().map(|epoch| (epoch, Failure::Unanswered));
                    Input::Committed { commit, failed: failed.collect() }
                }
                Action::QueryStoredOffset { queue, epoch, .. } => {
                    let known = offsets.known.lock().unwrap_or_else(PoisonError::into_inner);
                    let stored = known.get(&queue).map_or(Stored::Never, |at| Stored::At(*at));
                    Input::StoredOffset { epoch, answer: Ok(stored) }
                }
                _ => Input::Unregistered,
            }
        }
    }

    async fn save(&self, moved: impl IntoIterator<Item = (crate::MessageQueue, i64)>) -> bool {
        let saving = self.saving.lock().await;
        let all = {
            let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
            known.extend(moved);
            known.clone()
        };
        let store = Arc::clone(&self.store);
        let saved = self.tasks.spawn_blocking(move || store.save(&all)).await;
        drop(saving);
        match saved {
            Ok(Ok(())) => true,
            Ok(Err(cause)) => {
                tracing::warn!(%cause, "offsets could not be saved");
                false
            }
            Err(panic) => {
                tracing::error!(%panic, "offsets could not be saved");
                false
            }
        }
    }
}
