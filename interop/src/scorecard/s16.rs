//! S16: in each place of a batch one message is a bomb, is damaged, or says that it is what it is not. The others are delivered, and
//! the bad one is not passed over.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use rocketmq_client::{Client, Compression, Delivery, Message, Poison, StartFrom};
use rocketmq_mock::MockCluster;
use rocketmq_protocol::{
    header::SendMessageRequestHeaderV2,
    message::{SysFlag, compress},
};
use tokio::time::{Instant, sleep};

use super::{Trial, resident_mib};

const BATCH: u64 = 32;
/// What a bomb says that it is, before anybody has looked.
const GIB: usize = 1 << 30;

pub(super) async fn run(trial: &mut Trial) {
    let bombs = [
        ("zstd_1_gib", Compression::Zstd, zstd_bomb()),
        ("zlib_64_mib", Compression::Zlib, packed(Compression::Zlib)),
        ("lz4_64_mib", Compression::Lz4, packed(Compression::Lz4)),
        ("wrong_type", Compression::Zlib, zstd_bomb()),
        ("noise", Compression::Lz4, Bytes::from_static(b"\x04\x22\x4d\x18 and no more")),
    ];
    for (name, compression, body) in bombs {
        let sys_flag = SysFlag::COMPRESSED.with_compression_bits(compression.bits());
        if play(trial, name, Some((sys_flag, body))).await.is_none() {
            trial.require(false, format_args!("{name} could not be played"));
        }
    }
    if play(trial, "flipped_bits", None).await.is_none() {
        trial.require(false, "flipped bits could not be played");
    }
}

/// 32 KiB that inflate to a GiB: a frame of blocks each of which repeats one byte 128 Ki times.
fn zstd_bomb() -> Bytes {
    const BLOCK: usize = 128 << 10;
    // Magic, no content size, a window of 128 KiB.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];
    for nth in 1..=GIB / BLOCK {
        let header = (BLOCK as u32) << 3 | 1 << 1 | u32::from(nth == GIB / BLOCK);
        frame.extend_from_slice(header.to_le_bytes().get(..3).unwrap_or_default());
        frame.push(b'.');
    }
    frame.into()
}

fn packed(compression: Compression) -> Bytes {
    compress(compression, &vec![b'.'; GIB / 16], 5).unwrap_or_default()
}

/// A batch for each place of the bad one. It is handed over as it is, and said to be damaged.
async fn play(trial: &mut Trial, name: &str, bad: Option<(SysFlag, Bytes)>) -> Option<()> {
    let cluster = MockCluster::builder().topic("bombs", 1).start().await.ok()?;
    let client = Client::connect(cluster.name_server_list()).await.ok()?;
    let producer = client.producer("p").start().await.ok()?;
    let broker = cluster.broker_address("broker-a")?.to_string();
    for place in 0..BATCH {
        for nth in 0..BATCH {
            match &bad {
                Some((sys_flag, body)) if nth == place => {
                    let request = SendMessageRequestHeaderV2 {
                        producer_group: "p".into(),
                        topic: "bombs".into(),
                        sys_flag: sys_flag.0,
                        ..Default::default()
                    };
                    client.call_broker(&broker, &request, body.clone()).await.ok()?;
                }
                _ => drop(producer.send(Message::new("bombs", vec![b'.'; 64])).await.ok()?),
            }
        }
    }
    if bad.is_none() {
        for place in 0..BATCH {
            cluster.corrupt_body("broker-a", "bombs", 0, (place * BATCH + place).cast_signed());
        }
    }
    let before = resident_mib();
    let (whole, damaged) =
        (Arc::new(Mutex::new(BTreeSet::new())), Arc::new(Mutex::new(BTreeSet::new())));
    let (noted, surfaced) = (Arc::clone(&whole), Arc::clone(&damaged));
    let began = Instant::now();
    let consumer = client.push_consumer("g").subscribe("bombs", "*").start_from(StartFrom::First);
    let consumer = consumer.pull_batch(BATCH as u32).poison(Poison::HandOver);
    let consumer = consumer.start(move |delivery: Delivery| {
        let seen = if delivery.damage().is_some() { &surfaced } else { &noted };
        let offset = delivery.message().queue_offset;
        seen.lock().unwrap_or_else(PoisonError::into_inner).insert(offset);
        async {}
    });
    let consumer = consumer.await.ok()?;
    let count = |seen: &Mutex<BTreeSet<i64>>| {
        seen.lock().unwrap_or_else(PoisonError::into_inner).len() as u64
    };
    let mut peak = before;
    while count(&whole) + count(&damaged) < BATCH * BATCH
        && began.elapsed() < Duration::from_secs(20)
    {
        sleep(Duration::from_millis(2)).await;
        peak = peak.max(resident_mib());
    }
    trial.note(format!("{name}_ms_for_{BATCH}"), began.elapsed().as_millis() as u64);
    let expected = BATCH * (BATCH - 1);
    trial.at_most(
        format!("{name}_others_missing"),
        (expected - count(&whole).min(expected)) as f64,
        0.0,
    );
    trial.at_most(format!("{name}_not_surfaced"), (BATCH - count(&damaged).min(BATCH)) as f64, 0.0);
    trial.at_most(format!("{name}_memory_mib"), peak - before, 32.0);
    consumer.shutdown(Duration::from_secs(5)).await;
    client.shutdown(Duration::from_secs(5)).await;
    Some(())
}
