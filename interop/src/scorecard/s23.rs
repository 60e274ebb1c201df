//! S23: a broadcasting consumer is killed at any moment, again and again, and its file is damaged. It goes on where the file says,
//! never behind what it has not read, or says that it cannot.

use std::{fs, path::Path, time::Duration};

use rocketmq_client::{Client, Delivery, FileOffsets, OffsetStore, StartFrom};
use rocketmq_mock::MockCluster;
use tokio::time::sleep;

use super::{
    Trial,
    field::{Field, judge, producers},
};
use crate::player::Way;

pub(super) async fn run(trial: &mut Trial) {
    let home = std::env::temp_dir().join(format!("broadcasting-{}", std::process::id()));
    if fs::create_dir_all(&home).is_err() || kill(trial, &home).await.is_none() {
        trial.require(false, "the mock or the members did not start");
    }
    if damage(trial, &home).await.is_none() {
        trial.require(false, "the file could not be damaged");
    }
    let _ = fs::remove_dir_all(home);
}

async fn kill(trial: &mut Trial, home: &Path) -> Option<()> {
    let cluster = MockCluster::builder().topic("told-to-all", 4).start().await.ok()?;
    let mut field = Field::new(&cluster.name_server_list(), "told-to-all");
    let file = home.join("offsets.json");
    let part = field.consume(Way::Broadcast(file.clone()), 0);
    let (client, producers) = producers(&field.name_servers, 1).await?;
    let load = field.load(&producers, 300);
    let rounds = trial.times(500);
    let (mut fell, mut ahead, mut unreadable) = (0, 0, 0);
    let mut before = Vec::new();
    for _ in 0..rounds {
        let member = field.join(&part)?;
        let seen = field.ledger.distinct();
        let moved = || field.ledger.distinct() > seen;
        field.reaches(Duration::from_secs(5), moved).await;
        sleep(Duration::from_millis(trial.chance.u64(..150))).await;
        member.kill().await;
        let Ok(offsets) = FileOffsets::new(&file).load() else {
            unreadable += 1;
            continue;
        };
        let offsets: Vec<_> =
            offsets.into_iter().map(|(queue, at)| (queue.to_string(), at)).collect();
        let was = |queue: &String| before.iter().find(|(name, _)| name == queue).map(|(_, at)| *at);
        fell +=
            offsets.iter().filter(|(queue, at)| was(queue).is_some_and(|was| *at < was)).count();
        // What the file has passed has been in a handler, for handlers write before they end.
        for (queue, at) in &offsets {
            let words = field.words();
            let of_queue = words.iter().filter(|(_, word)| word.queue == *queue);
            let last = of_queue.map(|(_, word)| word.offset + 1).max();
            ahead += usize::from(last.unwrap_or_default() < *at);
        }
        before = offsets;
    }
    load.stop().await;
    let member = field.join(&part)?;
    let (verdict, _) = field.settle(Duration::from_secs(30)).await;
    judge(trial, &verdict);
    trial.note("kills", rounds);
    trial.at_most("offsets_that_fell", f64::from(fell as u32), 0.0);
    trial.at_most("offsets_ahead_of_handlers", f64::from(ahead as u32), 0.0);
    trial.at_most("unreadable_files", f64::from(unreadable), 0.0);
    member.leave().await;
    client.shutdown(Duration::from_secs(5)).await;
    Some(())
}

/// Every cut, and some flipped bits: the consumer starts with what was saved, or says that it cannot.
async fn damage(trial: &mut Trial, home: &Path) -> Option<()> {
    let cluster = MockCluster::builder().topic("damaged", 2).start().await.ok()?;
    let client = Client::connect(cluster.name_server_list()).await.ok()?;
    let good = fs::read(home.join("offsets.json")).ok()?;
    let saved = FileOffsets::new(home.join("offsets.json")).load().ok()?;
    let cuts = (0..good.len()).map(|end| good.get(..end).unwrap_or_default().to_vec());
    let flips: Vec<_> = (0..200)
        .map(|_| {
            let mut bytes = good.clone();
            if let Some(byte) = bytes.get_mut(trial.chance.usize(..good.len())) {
                *byte ^= 1 << trial.chance.u8(..8);
            }
            bytes
        })
        .collect();
    let foreign = [b"{}".to_vec(), b"[]".to_vec(), b"\0\0\0\0".to_vec(), b"PK\x03\x04".to_vec()];
    let (mut refused, mut believed, mut wrong) = (0, 0, 0);
    for (nth, bytes) in cuts.chain(flips).chain(foreign).enumerate() {
        let file = home.join(format!("damaged-{nth}.json"));
        fs::write(&file, &bytes).ok()?;
        match FileOffsets::new(&file).load() {
            Err(_) => refused += 1,
            Ok(offsets) if offsets == saved => believed += 1,
            Ok(_) => wrong += 1,
        }
        let _ = fs::remove_file(file);
    }
    let file = home.join("cut.json");
    fs::write(&file, good.get(..good.len() / 2)?).ok()?;
    let consumer = client.push_consumer("damaged").subscribe("damaged", "*").broadcasting();
    let consumer = consumer.offset_store(FileOffsets::new(&file)).start_from(StartFrom::First);
    let started = consumer.start(|_: Delivery| async {}).await;
    trial.require(started.is_err(), "a consumer starts with half a file");
    trial.note("damaged_refused", refused);
    trial.note("damaged_read_as_saved", believed);
    trial.at_most("damaged_read_as_something_else", f64::from(wrong), 0.0);
    client.shutdown(Duration::from_secs(5)).await;
    Some(())
}
