//! Static topics: queues that keep their numbers while they move from broker to broker.
//!
//! A queue of such a topic is called by the name of a broker that does not exist, and this says which one holds it.

use std::{collections::BTreeMap, sync::Arc};

use rocketmq_protocol::body::TopicQueueMappingInfo;

use crate::MessageQueue;

/// What broker names of static topics begin with (`common/MixAll.java`, `LOGICAL_QUEUE_MOCK_BROKER_PREFIX`).
pub const LOGICAL_BROKER_PREFIX: &str = "__syslo__";
/// Where a queue lies that no broker holds.
const NOWHERE: &str = "__syslo__none__";

/// No topic has more queues than this; a larger number is a damaged answer.
const QUEUES_MAX: i32 = 65_536;

/// The queues of a static topic, and the broker that holds each
/// (`client/impl/factory/MQClientInstance.java`, `topicRouteData2EndpointsForStaticTopic`).
///
/// Brokers may disagree for a moment about who holds a queue: of each scope the newest epoch counts.
pub(crate) fn endpoints(
    topic: &Arc<str>,
    mappings: &BTreeMap<String, TopicQueueMappingInfo>,
) -> BTreeMap<MessageQueue, Arc<str>> {
    let mut newest_first: Vec<_> = mappings.iter().collect();
    newest_first.sort_by_key(|(_, info)| std::cmp::Reverse(info.epoch));
    let mut held = BTreeMap::new();
    let mut scopes: BTreeMap<&str, (i64, i32)> = BTreeMap::new();
    for (broker_name, info) in newest_first {
        let (epoch, total) = scopes.entry(&info.scope).or_insert((info.epoch, 0));
        if info.epoch == *epoch {
            *total = info.total_queues.max(*total);
        }
        for queue_id in info.curr_id_map.keys() {
            let queue = logical_queue(topic, &info.scope, *queue_id);
            held.entry(queue).or_insert_with(|| broker_name.as_str().into());
        }
    }
    for (scope, (_, total)) in scopes {
        for queue_id in 0..total.min(QUEUES_MAX) {
            held.entry(logical_queue(topic, scope, queue_id)).or_insert_with(|| NOWHERE.into());
        }
    }
    held
}

fn logical_queue(topic: &Arc<str>, scope: &str, queue_id: i32) -> MessageQueue {
    MessageQueue::new(Arc::clone(topic), format!("{LOGICAL_BROKER_PREFIX}{scope}"), queue_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(epoch: i64, total: i32, held: &[i32]) -> TopicQueueMappingInfo {
        TopicQueueMappingInfo {
            scope: "__global__".into(),
            epoch,
            total_queues: total,
            curr_id_map: held.iter().map(|id| (*id, 0)).collect(),
            ..TopicQueueMappingInfo::default()
        }
    }

    #[test]
    fn the_newest_word_about_a_queue_counts() {
        let mappings = BTreeMap::from([
            ("a".to_owned(), info(1, 2, &[0, 1])),
            ("b".to_owned(), info(2, 4, &[1, 2])),
        ]);
        let held = endpoints(&"t".into(), &mappings);
        let shown: Vec<_> = held.iter().map(|(queue, at)| format!("{queue} {at}")).collect();
        assert_eq!(
            shown,
            [
                "t/__syslo____global__/0 a",
                "t/__syslo____global__/1 b",
                "t/__syslo____global__/2 b",
                "t/__syslo____global__/3 __syslo__none__",
            ]
        );
    }
}
