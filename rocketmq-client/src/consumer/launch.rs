//! Starting consumers: a machine, its driver, and workers of the right kind.

use std::{collections::HashMap, sync::Arc};

use rocketmq_consumer::{self as machine, Config, ConsumerGroup, Consumption, Model, Order};
use rocketmq_protocol::body::{ConsumeFromWhere, ConsumeType, MessageModel};
use rocketmq_remoting::{Mailbox, Tasks};
use tokio::{sync::mpsc, task::JoinSet};

use super::{
    Batch, BatchOutcome, Deliveries, Handler, IntoOutcome, Mode, PushConsumer, PushConsumerBuilder,
    StartFrom,
    answers::{Direct, PushAnswers},
    desk::{Desk, Pace},
    driver::{Driver, Introduction, Request, now},
    listeners::{Change, Listeners, PATIENCE},
    local_offsets::LocalOffsets,
    offset_store::{FileOffsets, OffsetStore},
    polls::Polls,
    push::Running,
    reporting::Reporter,
    requests::Requests,
    running_info::{Facts, Rates},
    telling::Teller,
    throttle::Throttle,
    work_queue::WorkQueue,
    workers::{self, Portion, Work},
};
use crate::{
    Client, Error,
    client::{Namespace, Role, registry::Signals},
    trace::Tracer,
};

/// Messages of an ordered queue that a worker takes at once, to handle one after the other.
const RUN: usize = 32;

impl<M: Mode> PushConsumerBuilder<M> {
    pub(super) async fn launch_singly<H>(mut self, handler: H) -> Result<PushConsumer, Error>
    where
        H: Handler,
        H::Output: IntoOutcome<M::Outcome>,
    {
        let (handler, desk) = (Arc::new(handler), self.prepared().await?);
        let (direct_handler, direct_desk) = (Arc::clone(&handler), Arc::clone(&desk));
        let direct: Direct = Arc::new(move |item| {
            let (handler, desk) = (Arc::clone(&direct_handler), Arc::clone(&direct_desk));
            Box::pin(async move { workers::consume_directly::<H, M>(&*handler, &desk, item).await })
        });
        if matches!(self.config.order, Order::Strict { .. }) {
            self.config.run = RUN;
            let worker =
                move |work| workers::in_turn::<H, M>(work, Arc::clone(&handler), Arc::clone(&desk));
            Ok(self.launch::<machine::Batch, _, _>(RUN, Some(direct), worker).await?.0)
        } else {
            let worker = move |work| {
                workers::one_by_one::<H, M>(work, Arc::clone(&handler), Arc::clone(&desk))
            };
            Ok(self.launch::<machine::Delivery, _, _>(1, Some(direct), worker).await?.0)
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
        let (handler, desk) = (Arc::new(handler), self.prepared().await?);
        let (direct_handler, direct_desk) = (Arc::clone(&handler), Arc::clone(&desk));
        let direct: Direct = Arc::new(move |item| {
            let (handler, desk) = (Arc::clone(&direct_handler), Arc::clone(&direct_desk));
            Box::pin(async move {
                workers::consume_batch_directly::<H, M>(&*handler, &desk, item).await
            })
        });
        let worker =
            move |work| workers::together::<H, M>(work, Arc::clone(&handler), Arc::clone(&desk));
        Ok(self.launch::<machine::Batch, _, _>(max, Some(direct), worker).await?.0)
    }

    pub(super) async fn launch_stream(mut self) -> Result<Deliveries<M>, Error> {
        let desk = self.prepared().await?;
        // Nobody works for a stream: its owner takes and settles.
        let nobody = |_| std::future::ready(());
        let (consumer, work) = self.launch::<machine::Delivery, _, _>(1, None, nobody).await?;
        Ok(Deliveries::new(work, desk, consumer))
    }

    /// What workers share, once all options are known.
    async fn prepared(&mut self) -> Result<Arc<Desk>, Error> {
        self.check()?;
        if let Some(options) = self.tracing.take() {
            let timeout = self.config.consume_timeout;
            let reporter =
                Reporter::start(&self.client, &self.config.group, timeout, options).await?;
            self.desk.reporter = Some(Arc::new(reporter));
        }
        Ok(Arc::new(self.desk.clone()))
    }

    async fn launch<P, W, Fut>(
        mut self,
        portion: usize,
        direct: Option<Direct>,
        worker: W,
    ) -> Result<(PushConsumer, Arc<Work<P>>), Error>
    where
        P: Portion,
        W: Fn(Arc<Work<P>>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let group = Arc::clone(&self.config.group);
        let namespace = self.client.core().namespace();
        namespace.wrap_names(&mut self.config);
        let wire_group = Arc::clone(&self.config.group);
        let requests = Requests { core: Arc::clone(self.client.core()), group: wire_group };
        requests.check(&self.config.subscriptions).await?;
        let work = Arc::new(WorkQueue::new(self.concurrency));
        let duty = Duty {
            work: Arc::clone(&work),
            portion,
            rate: self.rate,
            local: self.local_offsets().await?,
            direct: direct.filter(|_| self.direct_consumption),
            pace: Arc::clone(&self.desk.pace),
            concurrency: self.concurrency,
            listeners: std::mem::take(&mut self.listeners),
            tracer: self.desk.reporter.as_ref().map(|it| Arc::clone(it.tracer())),
        };
        self.config.listen = (!duty.listeners.is_empty()).then_some(PATIENCE);
        let tracer = duty.tracer.clone();
        let Driven { commands, tasks, .. } =
            drive(&self.client, self.config, ConsumeType::Passively, duty)?;
        let staff = staff(&tasks, &work, worker);
        staff(self.concurrency);
        let consumer =
            PushConsumer::new(requests, group, commands, tasks, staff, tracer, self.client);
        Ok((consumer, work))
    }

    /// Of a broadcasting consumer: what it has read so far.
    async fn local_offsets(&mut self) -> Result<Option<Arc<LocalOffsets>>, Error> {
        if self.config.model != Model::Broadcasting {
            return Ok(None);
        }
        let core = self.client.core();
        let beside_java = || default_store(&core.id, &self.config.group);
        let store = self.offset_store.take().unwrap_or_else(beside_java);
        Ok(Some(Arc::new(LocalOffsets::load(store, &core.tasks).await?)))
    }
}

/// Whom a driver works for.
struct Duty<P: Portion> {
    work: Arc<Work<P>>,
    /// Messages that workers take at once; 0 if nobody takes any but by polling.
    portion: usize,
    rate: Option<f64>,
    local: Option<Arc<LocalOffsets>>,
    direct: Option<Direct>,
    pace: Arc<Pace>,
    concurrency: usize,
    listeners: Listeners,
    tracer: Option<Arc<Tracer>>,
}

/// A group that is driven, and the way to its driver.
pub(super) struct Driven {
    pub(super) requests: Requests,
    pub(super) commands: mpsc::UnboundedSender<Request>,
    pub(super) tasks: Tasks,
}

/// Drives a group whose messages are polled.
pub(super) fn drive_polled(client: &Client, config: Config) -> Result<Driven, Error> {
    let work = Arc::new(WorkQueue::new(0));
    let duty = Duty::<machine::Delivery> {
        work,
        portion: 0,
        rate: None,
        local: None,
        direct: None,
        pace: Arc::default(),
        concurrency: 0,
        listeners: Listeners::default(),
        tracer: None,
    };
    drive(client, config, ConsumeType::Actively, duty)
}

fn drive<P: Portion>(
    client: &Client,
    config: Config,
    consume_type: ConsumeType,
    duty: Duty<P>,
) -> Result<Driven, Error> {
    let core = Arc::clone(client.core());
    let group = Arc::clone(&config.group);
    let introduction = Introduction {
        consume_from_where: match config.start_from {
            StartFrom::First => ConsumeFromWhere::FirstOffset,
            StartFrom::Timestamp(_) => ConsumeFromWhere::Timestamp,
            _ => ConsumeFromWhere::LastOffset,
        },
        message_model: match config.model {
            Model::Broadcasting => MessageModel::Broadcasting,
            _ => MessageModel::Clustering,
        },
        consume_type,
    };
    let name_servers = core.routes.name_servers().addresses().join(";");
    let facts = Facts::new(
        &config,
        &name_servers,
        consume_type,
        duty.concurrency,
        duty.portion,
        Arc::clone(&duty.pace),
    );
    let order = config.order;
    let counts_polled = config.consumption == Consumption::Vouched { automatic: true };
    let machine = ConsumerGroup::new(config, now())
        .map_err(|error| Error::invalid("options that cannot be used").with_source(error))?;
    let signals = Arc::<Signals>::default();
    core.registry.add_consumer(&group, &signals)?;
    let tasks = core.tasks.child("consumer");
    let (commands, received) = mpsc::unbounded_channel();
    let answers = PushAnswers { commands: commands.downgrade(), direct: duty.direct, order };
    core.registry.answer_by(&group, Arc::new(answers));
    let requests = Requests { core, group };
    let driver = Driver {
        machine,
        requests: requests.clone(),
        introduction,
        facts,
        changes: listen(&tasks, duty.listeners, &commands, requests.core.namespace()),
        teller: Teller::new(requests.clone()),
        rates: Rates::new(now().monotonic),
        local: duty.local,
        work: duty.work,
        portion: duty.portion,
        throttle: duty.rate.map(|rate| Throttle::new(now().monotonic, rate)),
        is_throttled: false,
        polls: Polls::new(commands.downgrade()),
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
    let running = Running {
        commands: commands.downgrade(),
        tasks: tasks.clone(),
        counts_polled,
        tracer: duty.tracer,
    };
    client.core().closers.add(Role::Consumer, running);
    Ok(Driven { requests, commands, tasks })
}

/// Where changes of queues are told, if somebody listens.
fn listen(
    tasks: &Tasks,
    listeners: Listeners,
    driver: &mpsc::UnboundedSender<Request>,
    namespace: &Namespace,
) -> Option<mpsc::UnboundedSender<Change>> {
    if listeners.is_empty() {
        return None;
    }
    let (changes, told) = mpsc::unbounded_channel();
    let telling = listeners.run(told, driver.downgrade(), namespace.clone());
    tasks.spawn("listeners", until_stopped(telling, tasks.clone()));
    Some(changes)
}

/// The file that a Java consumer of this group on this machine has beside it. Java's members have the name of their address alone
/// then, so that they are found again by the next process.
fn default_store(client_id: &str, group: &str) -> Arc<dyn OffsetStore> {
    let home = std::env::home_dir().unwrap_or_default();
    let (address, instance) = client_id.split_once('@').unwrap_or((client_id, ""));
    let instance = if instance.contains('#') { "DEFAULT" } else { instance };
    Arc::new(FileOffsets::beside_java(&home, &format!("{address}@{instance}"), group))
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
