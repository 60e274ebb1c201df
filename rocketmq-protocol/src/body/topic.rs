//! How topics are configured.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{TopicQueueMappingDetail, TopicQueueMappingInfo, words::words};

/// Names of topics (`TopicList.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicList {
    /// A broker, if they are topics that servers have made for themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broker_addr: Option<String>,
    /// In no particular order.
    pub topic_list: Vec<String>,
}

/// A topic on one broker (`common/TopicConfig.java`, and `TopicConfigAndQueueMapping.java` with a mapping).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicConfig {
    /// `message.type` and the like, without signs (5.x).
    pub attributes: BTreeMap<String, String>,
    /// The mapping of a static topic, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mapping_detail: Option<TopicQueueMappingDetail>,
    /// Whether its queues are in an order of their own.
    pub order: bool,
    /// 4 to read, 2 to write, 1 to inherit.
    pub perm: i32,
    /// Queues that can be read.
    pub read_queue_nums: i32,
    /// Whether messages have one tag or several.
    pub topic_filter_type: TopicFilterType,
    /// Its name.
    pub topic_name: String,
    /// Of unit deployments.
    pub topic_sys_flag: i32,
    /// Queues that can be written.
    pub write_queue_nums: i32,
}

impl Default for TopicConfig {
    fn default() -> Self {
        Self {
            attributes: BTreeMap::new(),
            mapping_detail: None,
            order: false,
            perm: 6,
            read_queue_nums: 16,
            topic_filter_type: TopicFilterType::SingleTag,
            topic_name: String::new(),
            topic_sys_flag: 0,
            write_queue_nums: 16,
        }
    }
}

words! {
    /// Whether messages have one tag or several (`common/TopicFilterType.java`).
    pub enum TopicFilterType {
        /// One. What every client writes.
        #[default]
        SingleTag = "SINGLE_TAG",
        /// Several.
        MultiTag = "MULTI_TAG",
    }
}

/// Topics to be created or changed (`CreateTopicListRequestBody.java`, 5.3.0).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CreateTopicListRequestBody {
    /// They.
    pub topic_config_list: Vec<TopicConfig>,
}

/// Every topic of a broker (`TopicConfigSerializeWrapper.java`, and since 5.x `TopicConfigAndMappingSerializeWrapper.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TopicConfigSerializeWrapper {
    /// Which version of the table this is.
    pub data_version: DataVersion,
    /// Which version of the mappings this is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mapping_data_version: Option<DataVersion>,
    /// By name.
    pub topic_config_table: BTreeMap<String, TopicConfig>,
    /// The mappings of static topics.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub topic_queue_mapping_detail_map: BTreeMap<String, TopicQueueMappingDetail>,
    /// The same without where the queues have been.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub topic_queue_mapping_info_map: BTreeMap<String, TopicQueueMappingInfo>,
}

/// Which version of a table this is (`remoting/protocol/DataVersion.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DataVersion {
    /// How many changes there have been.
    pub counter: i64,
    /// The epoch of the broker's state machine (5.x).
    pub state_version: i64,
    /// The last change: milliseconds since 1970.
    pub timestamp: i64,
}
