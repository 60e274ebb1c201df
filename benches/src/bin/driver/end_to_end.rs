//! Sending and consuming at a fixed rate.

use std::{
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use rocketmq_client::{BoxError, Client, Delivery};
use tokio::time::{Instant, sleep, sleep_until};

use crate::{
    drain,
    job::{Job, number},
    report::{Mark, Report},
    send,
};

/// Open loop: a message is charged from when it was due, whatever kept its sender.
pub(crate) async fn run(job: Job) -> Result<Report<'static>, BoxError> {
    let job: &'static Job = Box::leak(Box::new(job));
    let all = job.warm + job.n;
    let arrivals: Arc<[OnceLock<Instant>]> = (0..all).map(|_| OnceLock::new()).collect();
    let repeated = Arc::new(AtomicU64::new(0));
    let client = Client::connect(&job.name_servers).await?;
    let (seen, again) = (Arc::clone(&arrivals), Arc::clone(&repeated));
    let consumer = drain::consumer(&client, job).start(move |delivery: Delivery| {
        if let Some(arrival) = seen.get(number(delivery.body()) as usize)
            && arrival.set(Instant::now()).is_err()
        {
            again.fetch_add(1, Relaxed);
        }
        async {}
    });
    let consumer = consumer.await?;
    let producer = send::producer(job).await?;
    while consumer.snapshot().await?.queues.is_empty() {
        sleep(Duration::from_millis(50)).await;
    }
    sleep(Duration::from_secs(2)).await;

    let start = Instant::now();
    let due = |number: u64| start + Duration::from_secs(number) / job.concurrency as u32;
    let mut begin = Mark::now()?;
    for number in 0..all {
        if number == job.warm {
            begin = Mark::now()?;
        }
        sleep_until(due(number)).await;
        producer.send(job.message(number)).await?;
    }
    let end = Mark::now()?;
    for _ in 0..50 {
        if arrivals.iter().all(|arrival| arrival.get().is_some()) {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    drop(consumer);
    let measured = (job.warm..).zip(arrivals.iter().skip(job.warm as usize));
    let latencies = measured.filter_map(|(number, at)| Some(*at.get()? - due(number)));
    let ok = arrivals.iter().filter(|arrival| arrival.get().is_some()).count() as u64;
    Ok(Report {
        job,
        messages: job.n,
        wall: Duration::from_secs(job.n) / job.concurrency as u32,
        cpu: begin.cpu_until(end),
        ok,
        lost: all - ok,
        repeated: repeated.load(Relaxed),
        latencies: latencies.collect(),
    })
}
