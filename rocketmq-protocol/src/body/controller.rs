//! What controllers know of replicas (5.x).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::BrokerMemberGroup;

/// The replicas of several brokers (`BrokerReplicasInfo.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct BrokerReplicasInfo {
    /// By broker name.
    pub replicas_info_table: BTreeMap<String, ReplicasInfo>,
}

/// The replicas of one broker (`BrokerReplicasInfo.ReplicasInfo`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicasInfo {
    /// Those in sync.
    pub in_sync_replicas: Vec<ReplicaIdentity>,
    /// The master.
    pub master_address: String,
    /// The master.
    pub master_broker_id: i64,
    /// How many masters there have been.
    pub master_epoch: i32,
    /// Those behind.
    pub not_in_sync_replicas: Vec<ReplicaIdentity>,
    /// How often the set has changed.
    pub sync_state_set_epoch: i32,
}

/// One replica (`BrokerReplicasInfo.ReplicaIdentity`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReplicaIdentity {
    /// Whether the controller hears from it.
    pub alive: bool,
    /// `host:port`.
    pub broker_address: String,
    /// Its number.
    pub broker_id: i64,
    /// The name that it shares.
    pub broker_name: String,
}

/// Who was elected (`ElectMasterResponseBody.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ElectMasterResponseBody {
    /// The replicas.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub broker_member_group: Option<BrokerMemberGroup>,
    /// The numbers of those in sync.
    pub sync_state_set: Vec<i64>,
}

/// The epochs of a broker's log (`EpochEntryCache.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EpochEntryCache {
    /// The broker.
    pub broker_id: i64,
    /// The name that it shares.
    pub broker_name: String,
    /// Its cluster.
    pub cluster_name: String,
    /// Oldest first.
    pub epoch_list: Vec<EpochEntry>,
    /// One past the last byte of the log.
    pub max_offset: i64,
}

/// One epoch (`remoting/protocol/EpochEntry.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EpochEntry {
    /// One past its last byte; `i64::MAX` while it goes on.
    pub end_offset: i64,
    /// Its number.
    pub epoch: i32,
    /// Its first byte.
    pub start_offset: i64,
}
