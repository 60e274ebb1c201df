//! Being a member of a group: idle, or coming and going.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering::Relaxed},
    },
    time::Duration,
};

use rocketmq_client::{
    Allocate, AllocateError, Averagely, BoxError, Client, Delivery, MessageQueue, PushConsumer,
    Share,
};
use tokio::{io::AsyncReadExt, time::sleep};

use crate::{
    drain,
    job::{Job, unix_millis},
    report::{Mark, Report},
};

/// Shares out as usual, and keeps how many queues of the topic that gave us.
#[derive(Debug)]
struct Watched {
    topic: String,
    held: Arc<AtomicUsize>,
    prints: bool,
}

impl Allocate for Watched {
    fn name(&self) -> &str {
        Averagely.name()
    }

    fn allocate(&self, share: &Share<'_>) -> Result<Vec<MessageQueue>, AllocateError> {
        let mine = Averagely.allocate(share)?;
        let is_ours = |queue: &MessageQueue| *queue.topic == *self.topic;
        if share.queues().iter().any(is_ours) {
            let held = mine.len();
            if self.held.swap(held, Relaxed) != held && self.prints {
                println!("{{\"held\":{held},\"t\":{}}}", unix_millis());
            }
        }
        Ok(mine)
    }
}

async fn join(job: &Job, prints: bool) -> Result<(PushConsumer, Arc<AtomicUsize>), BoxError> {
    let client = Client::connect(&job.name_servers).await?;
    let held = Arc::new(AtomicUsize::new(usize::MAX));
    let strategy = Watched { topic: job.topic.clone(), held: Arc::clone(&held), prints };
    let consumer = drain::consumer(&client, job).strategy(strategy);
    Ok((consumer.start(|_: Delivery| async {}).await?, held))
}

pub(crate) async fn idle(job: Job) -> Result<Report<'static>, BoxError> {
    let job: &'static Job = Box::leak(Box::new(job));
    let (consumer, held) = join(job, false).await?;
    while matches!(held.load(Relaxed), 0 | usize::MAX) {
        sleep(Duration::from_millis(50)).await;
    }
    sleep(Duration::from_secs(5)).await;
    let begin = Mark::now()?;
    sleep(Duration::from_secs(job.n)).await;
    let end = Mark::now()?;
    drop(consumer);
    Ok(Report {
        job,
        messages: job.n,
        wall: end.at - begin.at,
        cpu: begin.cpu_until(end),
        ok: held.load(Relaxed) as u64,
        lost: 0,
        repeated: 0,
        latencies: Vec::new(),
    })
}

pub(crate) async fn until_stdin_ends(job: Job) -> Result<(), BoxError> {
    let (consumer, _) = join(&job, true).await?;
    tokio::io::stdin().read_to_end(&mut Vec::new()).await?;
    consumer.shutdown(Duration::from_secs(30)).await;
    Ok(())
}
