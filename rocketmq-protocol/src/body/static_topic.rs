//! Static topics: queues that keep their number when they move to another broker (5.x).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Which queues of a static topic a broker holds (`remoting/protocol/statictopic/TopicQueueMappingInfo.java`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicQueueMappingInfo {
    /// The broker.
    pub bname: String,
    /// The number on the broker of each queue of the topic.
    pub curr_id_map: BTreeMap<i32, i32>,
    /// Whether the broker has still to make it known.
    pub dirty: bool,
    /// Grows with each change.
    pub epoch: i64,
    /// Where each queue has been, oldest place first. Not in routes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hosted_queues: Option<BTreeMap<i32, Vec<LogicQueueMappingItem>>>,
    /// What the broker names of static topics are made of.
    pub scope: String,
    /// The topic.
    pub topic: String,
    /// How many queues the topic has.
    pub total_queues: i32,
}

/// The same with where each queue has been (`TopicQueueMappingDetail.java`).
pub type TopicQueueMappingDetail = TopicQueueMappingInfo;

impl Default for TopicQueueMappingInfo {
    fn default() -> Self {
        Self {
            bname: String::new(),
            curr_id_map: BTreeMap::new(),
            dirty: false,
            epoch: 0,
            hosted_queues: None,
            scope: "__global__".to_owned(),
            topic: String::new(),
            total_queues: 0,
        }
    }
}

/// One place of a queue (`LogicQueueMappingItem.java`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct LogicQueueMappingItem {
    /// The broker.
    pub bname: String,
    /// The first offset there that is not of the queue any more; -1 while it is the place.
    pub end_offset: i64,
    /// The number of this place.
    #[serde(rename = "gen")]
    pub generation: i32,
    /// The offset in the topic of the first message here; -1 if not known yet.
    pub logic_offset: i64,
    /// The number of the queue on the broker.
    pub queue_id: i32,
    /// The first offset there.
    pub start_offset: i64,
    /// Milliseconds since 1970; -1 while it is the place.
    pub time_of_end: i64,
    /// Milliseconds since 1970; -1 if not known.
    pub time_of_start: i64,
}

impl Default for LogicQueueMappingItem {
    fn default() -> Self {
        Self {
            bname: String::new(),
            end_offset: -1,
            generation: 0,
            logic_offset: 0,
            queue_id: 0,
            start_offset: 0,
            time_of_end: -1,
            time_of_start: -1,
        }
    }
}
