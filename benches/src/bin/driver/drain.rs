//! Draining a topic.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use rocketmq_client::{
    Batch, BoxError, Client, Delivery, PushConsumer, PushConsumerBuilder, StartFrom,
};
use tokio::{sync::Notify, time::timeout};

use crate::{
    job::{Job, number},
    report::{Mark, Report},
};

/// How long nothing new may arrive before the rest counts as lost.
const PATIENCE: Duration = Duration::from_secs(45);

pub(crate) async fn run(job: Job) -> Result<Report<'static>, BoxError> {
    let job: &'static Job = Box::leak(Box::new(job));
    let tally = Arc::new(Tally::new(job)?);
    let client = Client::connect(&job.name_servers).await?;
    if job.work == "lite" {
        tokio::select! {
            ended = poll(&client, job, &tally) => ended?,
            () = tally.wait() => {}
        }
        return tally.report(job);
    }
    let running = start(&client, job, &tally).await?;
    tally.wait().await;
    let report = tally.report(job)?;
    drop(running);
    Ok(report)
}

/// A push consumer of the kind that is asked for.
async fn start(client: &Client, job: &Job, tally: &Arc<Tally>) -> Result<PushConsumer, BoxError> {
    let seen = Arc::clone(tally);
    let consumer = consumer(client, job);
    let each = move |delivery: Delivery| {
        seen.add(&delivery);
        async {}
    };
    let running = match job.work.as_str() {
        "pushb" => {
            let seen = Arc::clone(tally);
            let together = move |batch: Batch| {
                batch.iter().for_each(|delivery| seen.add(&delivery));
                async {}
            };
            consumer.start_batch(32, together).await?
        }
        "orderly" => consumer.ordered().start(each).await?,
        "pop" => consumer.pop().start(each).await?,
        _ => consumer.start(each).await?,
    };
    Ok(running)
}

/// Polls for as long as it is wanted.
async fn poll(client: &Client, job: &Job, tally: &Tally) -> Result<(), BoxError> {
    let consumer = client.lite_pull_consumer(&*job.group).subscribe(&job.topic, "*");
    let consumer = consumer.start_from(StartFrom::First).start().await?;
    loop {
        for delivery in consumer.poll(PATIENCE).await? {
            tally.add(&delivery);
        }
    }
}

pub(crate) fn consumer(client: &Client, job: &Job) -> PushConsumerBuilder {
    client.push_consumer(&*job.group).subscribe(&job.topic, "*").start_from(StartFrom::First)
}

/// Which numbers have been seen.
struct Tally {
    n: u64,
    warm: u64,
    seen: Vec<AtomicU64>,
    distinct: AtomicU64,
    total: AtomicU64,
    marks: Mutex<[Mark; 2]>,
    progress: Notify,
}

impl Tally {
    fn new(job: &Job) -> Result<Self, BoxError> {
        Ok(Self {
            n: job.n,
            warm: job.warm,
            seen: (0..=job.n / 64).map(|_| AtomicU64::new(0)).collect(),
            distinct: AtomicU64::new(0),
            total: AtomicU64::new(0),
            marks: Mutex::new([Mark::now()?; 2]),
            progress: Notify::new(),
        })
    }

    fn add(&self, delivery: &Delivery) {
        let number = number(delivery.body());
        if number >= self.n {
            return;
        }
        self.total.fetch_add(1, Relaxed);
        let bit = 1 << (number % 64);
        if self.seen[(number / 64) as usize].fetch_or(bit, Relaxed) & bit != 0 {
            return;
        }
        let distinct = self.distinct.fetch_add(1, Relaxed) + 1;
        if distinct == self.warm {
            self.mark(0);
        }
        if distinct == self.n {
            self.mark(1);
            self.progress.notify_one();
        }
    }

    fn mark(&self, which: usize) {
        if let Ok(mark) = Mark::now() {
            self.marks.lock().unwrap_or_else(PoisonError::into_inner)[which] = mark;
        }
    }

    /// Waits for the last one, or until nothing has come for too long.
    async fn wait(&self) {
        let mut before = u64::MAX;
        while self.distinct.load(Relaxed) != before {
            before = self.distinct.load(Relaxed);
            if timeout(PATIENCE, self.progress.notified()).await.is_ok() {
                return;
            }
        }
        self.mark(1);
    }

    fn report(&self, job: &'static Job) -> Result<Report<'static>, BoxError> {
        let [begin, end] = *self.marks.lock().unwrap_or_else(PoisonError::into_inner);
        let (ok, total) = (self.distinct.load(Relaxed), self.total.load(Relaxed));
        Ok(Report {
            job,
            messages: ok.saturating_sub(self.warm),
            wall: end.at - begin.at,
            cpu: begin.cpu_until(end),
            ok,
            lost: self.n - ok,
            repeated: total - ok,
            latencies: Vec::new(),
        })
    }
}
