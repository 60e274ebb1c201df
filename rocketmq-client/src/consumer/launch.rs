//! Starting push consumers: a machine, its driver, and workers of the right kind.

use std::{collections::HashMap, sync::Arc};

use rocketmq_consumer::{self as machine, ConsumerGroup, Model, Order};
use rocketmq_protocol::body::{ConsumeFromWhere, MessageModel};
use rocketmq_remoting::{Mailbox, Tasks};
use tokio::{sync::mpsc, task::JoinSet};

use super::{
    Batch, BatchOutcome, Deliveries, Handler, IntoOutcome, Mode, PushConsumer, PushConsumerBuilder,
    StartFrom,
    driver::{Driver, Introduction, now},
    push::Running,
    requests::Requests,
    throttle::Throttle,
    work_queue::WorkQueue,
    workers::{self, Portion, Work},
};
use crate::{
    Error,
    client::{Role, registry::Signals},
};

/// Messages of an ordered queue that a worker takes at once, to handle one after the other.
const RUN: usize = 32;

impl<M: Mode> PushConsumerBuilder<M> {
    pub(super) async fn launch_singly<H>(mut self, handler: H) -> Result<PushConsumer, Error>
    where
        H: Handler,
        H::Output: IntoOutcome<M::Outcome>,
    {
        let (handler, desk) = (Arc::new(handler), Arc::new(self.desk.clone()));
        if matches!(self.config.order, Order::Strict { .. }) {
            self.config.run = RUN;
            let worker =
                move |work| workers::in_turn::<H, M>(work, Arc::clone(&handler), Arc::clone(&desk));
            Ok(self.launch::<machine::Batch, _, _>(RUN, worker).await?.0)
        } else {
            let worker = move |work| {
                workers::one_by_one::<H, M>(work, Arc::clone(&handler), Arc::clone(&desk))
            };
            Ok(self.launch::<machine::Delivery, _, _>(1, worker).await?.0)
        }
    }

    pub(super) async fn launch_batches<H>(
        mut self,
        max: usize,
        handler: H,
    ) -> Result<PushConsumer, Error>
    where
        H: Handler<Batch>,
        H::Output: IntoOutcome<BatchOutcome<M::Outcome>>,
    {
        if !(1..=1_024).contains(&max) {
            let text = format!("batches of {max} messages: there may be 1 to 1024");
            return Err(Error::invalid(text));
        }
        self.config.run = max;
        let (handler, desk) = (Arc::new(handler), Arc::new(self.desk.clone()));
        let worker =
            move |work| workers::together::<H, M>(work, Arc::clone(&handler), Arc::clone(&desk));
        Ok(self.launch::<machine::Batch, _, _>(max, worker).await?.0)
    }

    pub(super) async fn launch_stream(self) -> Result<Deliveries<M>, Error> {
        let desk = Arc::new(self.desk.clone());
        // Nobody works for a stream: its owner takes and settles.
        let nobody = |_| std::future::ready(());
        let (consumer, work) = self.launch::<machine::Delivery, _, _>(1, nobody).await?;
        Ok(Deliveries::new(work, desk, consumer))
    }

    async fn launch<P, W, Fut>(
        mut self,
        portion: usize,
        worker: W,
    ) -> Result<(PushConsumer, Arc<Work<P>>), Error>
    where
        P: Portion,
        W: Fn(Arc<Work<P>>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.check()?;
        let core = Arc::clone(self.client.core());
        let group = Arc::clone(&self.config.group);
        let introduction = Introduction {
            consume_from_where: match self.config.start_from {
                StartFrom::First => ConsumeFromWhere::FirstOffset,
                StartFrom::Timestamp(_) => ConsumeFromWhere::Timestamp,
                _ => ConsumeFromWhere::LastOffset,
            },
            message_model: match self.config.model {
                Model::Broadcasting => MessageModel::Broadcasting,
                _ => MessageModel::Clustering,
            },
        };
        let machine = ConsumerGroup::new(self.config, now())
            .map_err(|error| Error::invalid("options that cannot be used").with_source(error))?;
        let signals = Arc::<Signals>::default();
        core.registry.add_consumer(&group, &signals)?;
        let tasks = core.tasks.child("consumer");
        let work = Arc::new(WorkQueue::new(self.concurrency));
        let staff = staff(&tasks, &work, worker);
        staff(self.concurrency);
        let (commands, received) = mpsc::unbounded_channel();
        let driver = Driver {
            machine,
            requests: Requests { core, group: Arc::clone(&group) },
            introduction,
            work: Arc::clone(&work),
            portion,
            throttle: self.rate.map(|rate| Throttle::new(now().monotonic, rate)),
            is_throttled: false,
            signals,
            commands: received,
            mailbox: Mailbox::new(),
            pulls: HashMap::new(),
            questions: JoinSet::new(),
            marks: Vec::new(),
            closing: Vec::new(),
            report: None,
        };
        tasks.spawn("driver", until_stopped(driver.run(), tasks.clone()));
        let running = Running { commands: commands.downgrade(), tasks: tasks.clone() };
        self.client.core().closers.add(Role::Consumer, running);
        Ok((PushConsumer::new(self.client, group, commands, tasks, staff), work))
    }
}

/// What sets the number of workers.
pub(super) type Staff = Arc<dyn Fn(usize) + Send + Sync>;

fn staff<P, W, Fut>(tasks: &Tasks, work: &Arc<Work<P>>, worker: W) -> Staff
where
    P: Portion,
    W: Fn(Arc<Work<P>>) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = ()> + Send + 'static,
{
    let (tasks, work) = (tasks.clone(), Arc::clone(work));
    Arc::new(move |wanted| {
        for _ in 0..work.staff(wanted) {
            tasks.spawn("worker", until_stopped(worker(Arc::clone(&work)), tasks.clone()));
        }
    })
}

/// Whoever stops the tasks has waited long enough: even a handler is cut off where it awaits.
async fn until_stopped(work: impl Future<Output = ()>, tasks: Tasks) {
    tokio::select! {
        () = work => {}
        () = tasks.cancelled() => {}
    }
}
