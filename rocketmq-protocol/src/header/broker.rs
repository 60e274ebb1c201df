//! Running a broker: its options, its figures, its housekeeping.

use super::EmptyHeader;
use crate::Text;

super::headers! {
    /// Reads the options of a broker: properties text in the answer's body.
    GetBrokerConfigRequestHeader: GET_BROKER_CONFIG -> GetBrokerConfigResponseHeader [SUCCESS] {}

    /// Which version of the options that is (`GetBrokerConfigResponseHeader.java`).
    GetBrokerConfigResponseHeader {
        /// A [`DataVersion`](crate::body::DataVersion) as JSON.
        version: Text = "version",
    }

    /// Changes options of a broker: properties text in the body.
    UpdateBrokerConfigRequestHeader: UPDATE_BROKER_CONFIG -> EmptyHeader [SUCCESS] {}

    /// Reads a table of figures about a running broker.
    GetBrokerRuntimeInfoRequestHeader: GET_BROKER_RUNTIME_INFO -> EmptyHeader [SUCCESS] {}

    /// How far replicas are behind (5.x).
    GetBrokerHaStatusRequestHeader: GET_BROKER_HA_STATUS -> EmptyHeader [SUCCESS] {}

    /// Reads the offsets of every group.
    GetAllConsumerOffsetRequestHeader: GET_ALL_CONSUMER_OFFSET -> EmptyHeader [SUCCESS] {}

    /// Reads how far each delay level has come.
    GetAllDelayOffsetRequestHeader: GET_ALL_DELAY_OFFSET -> EmptyHeader [SUCCESS] {}

    /// Reads how far timers have come (5.x).
    GetTimerCheckPointRequestHeader: GET_TIMER_CHECK_POINT -> EmptyHeader [SUCCESS] {}

    /// Reads how many timer messages wait, by topic (5.x).
    GetTimerMetricsRequestHeader: GET_TIMER_METRICS -> EmptyHeader [SUCCESS] {}

    /// Switches between the two timer stores (5.4.0).
    SwitchTimerEngineRequestHeader: SWITCH_TIMER_ENGINE -> EmptyHeader [SUCCESS] {
        /// `F`: the file wheel; `R`: the RocksDB timeline.
        engine_type: Option<Text> = "E_T",
    }

    /// Removes consume queues whose messages are gone.
    CleanExpiredConsumequeueRequestHeader: CLEAN_EXPIRED_CONSUMEQUEUE -> EmptyHeader [SUCCESS] {}

    /// Removes expired files of the commit log.
    DeleteExpiredCommitlogRequestHeader: DELETE_EXPIRED_COMMITLOG -> EmptyHeader [SUCCESS] {}

    /// Limits how fast groups may read cold data: properties text in the body (5.1).
    UpdateColdDataFlowCtrConfigRequestHeader: UPDATE_COLD_DATA_FLOW_CTR_CONFIG -> EmptyHeader [SUCCESS] {}

    /// Lifts the limit of the group whose name is the body (5.1).
    RemoveColdDataFlowCtrConfigRequestHeader: REMOVE_COLD_DATA_FLOW_CTR_CONFIG -> EmptyHeader [SUCCESS] {}

    /// Reads the limits on cold data and their use (5.1).
    GetColdDataFlowCtrInfoRequestHeader: GET_COLD_DATA_FLOW_CTR_INFO -> EmptyHeader [SUCCESS] {}

    /// How the commit log is read ahead (5.1).
    SetCommitlogReadModeRequestHeader: SET_COMMITLOG_READ_MODE -> EmptyHeader [SUCCESS] {
        /// 0: as it comes; 1: at random.
        read_ahead_mode: Option<i32> = "READ_AHEAD_MODE",
    }

    /// Compares the consume queues in RocksDB with those in files (`CheckRocksdbCqWriteProgressRequestHeader.java`, 5.3.1).
    CheckRocksdbCqWriteProgressRequestHeader: CHECK_ROCKSDB_CQ_WRITE_PROGRESS -> EmptyHeader [SUCCESS] {
        topic: Text = "topic",
        /// Milliseconds since 1970.
        check_store_time: Option<i64> = "checkStoreTime",
    }

    /// Writes tables in RocksDB to files of JSON (`ExportRocksDBConfigToJsonRequestHeader.java`, 5.3.3).
    ExportRocksDBConfigToJsonRequestHeader: EXPORT_ROCKSDB_CONFIG_TO_JSON -> EmptyHeader [SUCCESS] {
        /// `topics`, `subscriptionGroups`, `consumerOffsets`, joined by semicolons.
        config_type: Text = "configType",
    }

    /// Moves the state of POP back from RocksDB to files (5.3.2).
    PopRollbackRequestHeader: POP_ROLLBACK -> EmptyHeader [SUCCESS] {}

    /// Starts a broker in a container (`AddBrokerRequestHeader.java`).
    AddBrokerRequestHeader: ADD_BROKER -> EmptyHeader [SUCCESS] {
        config_path: Option<Text> = "configPath",
    }

    /// Stops a broker in a container (`RemoveBrokerRequestHeader.java`).
    RemoveBrokerRequestHeader: REMOVE_BROKER -> EmptyHeader [SUCCESS] {
        broker_name: Text = "brokerName",
        broker_cluster_name: Text = "brokerClusterName",
        broker_id: i64 = "brokerId",
    }

    /// Sets the flush offset of a master (`ResetMasterFlushOffsetHeader.java`).
    ResetMasterFlushOffsetHeader: RESET_MASTER_FLUSH_OFFSET -> EmptyHeader [SUCCESS] {
        master_flush_offset: i64 = "masterFlushOffset",
    }
}
