//! How a broker runs. Times are milliseconds since 1970.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::DataVersion;

/// Text by name (`KVTable.java`): figures of a broker, values of a name server.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KVTable {
    /// Which names there are depends on the release.
    pub table: BTreeMap<String, String>,
}

/// How far replicas are behind (`HARuntimeInfo.java`, 5.x).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HARuntimeInfo {
    /// Of a slave: the connection to its master.
    pub ha_client_runtime_info: HAClientRuntimeInfo,
    /// Of a master: the connections of its slaves.
    pub ha_connection_info: Vec<HAConnectionRuntimeInfo>,
    /// Slaves in sync.
    pub in_sync_slave_nums: i32,
    /// Whether it is a master.
    pub master: bool,
    /// One past the last byte of the log.
    pub master_commit_log_max_offset: i64,
}

/// The connection of a slave to its master (`HARuntimeInfo.HAClientRuntimeInfo`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HAClientRuntimeInfo {
    /// The last bytes that came.
    pub last_read_timestamp: i64,
    /// The last report to the master.
    pub last_write_timestamp: i64,
    /// `host:port`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub master_addr: Option<String>,
    /// What the master has on disk.
    pub master_flush_offset: i64,
    /// One past the last byte of the log here.
    pub max_offset: i64,
    /// Bytes a second.
    pub transferred_byte_in_second: i64,
}

/// The connection of one slave (`HARuntimeInfo.HAConnectionRuntimeInfo`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HAConnectionRuntimeInfo {
    /// `host:port`.
    pub addr: String,
    /// Bytes that the slave is behind.
    pub diff: i64,
    /// Whether that is little enough.
    pub in_sync: bool,
    /// What the slave has.
    pub slave_ack_offset: i64,
    /// What is being sent.
    pub transfer_from_where: i64,
    /// Bytes a second.
    pub transferred_byte_in_second: i64,
}

/// How many timer messages wait (`store/timer/TimerMetrics.java`, 5.x).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TimerMetrics {
    /// Which version of the table this is.
    pub data_version: DataVersion,
    /// By topic.
    pub timing_count: BTreeMap<String, TimerMetric>,
}

/// How many wait for one topic (`TimerMetrics.Metric`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct TimerMetric {
    /// So many.
    pub count: i64,
    /// The last change.
    pub time_stamp: i64,
}

/// The limits on reading cold data, and their use (`broker/coldctr/ColdDataCgCtrService.java`, 5.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ColdDataFlowCtrInfo {
    /// Bytes a second for a group without a limit of its own.
    pub cg_cold_read_threshold: i64,
    /// The limits of groups.
    pub config_table: BTreeMap<String, i64>,
    /// Bytes read.
    pub global_acc: i64,
    /// Bytes a second for all groups.
    pub global_cold_read_threshold: i64,
    /// The use by groups.
    pub runtime_table: BTreeMap<String, AccAndTimeStamp>,
}

/// How much a group has read (`broker/coldctr/AccAndTimeStamp.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AccAndTimeStamp {
    /// Bytes read.
    pub cold_acc: i64,
    /// Since when.
    pub create_time_mills: i64,
    /// The last read.
    pub last_cold_read_time_mills: i64,
}

/// Whether consume queues in RocksDB and in files agree (`common/CheckRocksdbCqWriteResult.java`, 5.3.1).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct CheckRocksdbCqWriteResult {
    /// In words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub check_result: Option<String>,
    /// 0: they agree; 1: they do not; 2: being checked; 3: the check failed.
    pub check_status: i32,
}
