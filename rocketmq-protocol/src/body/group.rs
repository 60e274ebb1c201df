//! Who is in a group.

use serde::{Deserialize, Serialize};

/// The client ids of the members of a group (`GetConsumerListByGroupResponseBody.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConsumerIds {
    /// In no particular order.
    pub consumer_id_list: Vec<String>,
}

/// Names of groups (`GroupList.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GroupList {
    /// In no particular order.
    pub group_list: Vec<String>,
}
