//! What operators ask controllers.

use super::EmptyHeader;
use crate::Text;

super::headers! {
    /// Who leads the controllers?
    GetMetaDataRequestHeader: CONTROLLER_GET_METADATA_INFO -> GetMetaDataResponseHeader [SUCCESS] {}

    /// The leader and its peers (`controller/GetMetaDataResponseHeader.java`).
    GetMetaDataResponseHeader {
        group: Option<Text> = "group",
        controller_leader_id: Option<Text> = "controllerLeaderId",
        controller_leader_address: Option<Text> = "controllerLeaderAddress",
        /// Whether it is the one that was asked.
        is_leader: Option<bool> = "isLeader",
        /// `id:host:port`, joined by semicolons.
        peers: Option<Text> = "peers",
    }

    /// Which replicas of the brokers in the body are in sync?
    GetSyncStateDataRequestHeader: CONTROLLER_GET_SYNC_STATE_DATA -> EmptyHeader [SUCCESS] {}

    /// The epochs of a broker's log; a broker answers this.
    GetBrokerEpochCacheRequestHeader: GET_BROKER_EPOCH_CACHE -> EmptyHeader [SUCCESS] {}

    /// Has a controller elect a master (`controller/ElectMasterRequestHeader.java`).
    ElectMasterRequestHeader: CONTROLLER_ELECT_MASTER -> ElectMasterResponseHeader [SUCCESS] {
        cluster_name: Text = "clusterName",
        broker_name: Text = "brokerName",
        broker_id: i64 = "brokerId",
        /// Whether it has to be that one.
        designate_elect: bool = "designateElect",
        /// Milliseconds since 1970.
        invoke_time: Option<i64> = "invokeTime",
    }

    /// Who was elected (`controller/ElectMasterResponseHeader.java`).
    ElectMasterResponseHeader {
        master_broker_id: Option<i64> = "masterBrokerId",
        master_address: Option<Text> = "masterAddress",
        master_epoch: Option<i32> = "masterEpoch",
        sync_state_set_epoch: Option<i32> = "syncStateSetEpoch",
    }

    /// Removes a broker from a controller (`controller/admin/CleanControllerBrokerDataRequestHeader.java`).
    CleanControllerBrokerDataRequestHeader: CLEAN_BROKER_DATA -> EmptyHeader [SUCCESS] {
        cluster_name: Option<Text> = "clusterName",
        broker_name: Text = "brokerName",
        /// Broker ids, joined by semicolons; all of them if absent.
        broker_controller_ids_to_clean: Option<Text> = "brokerControllerIdsToClean",
        /// Whether a living broker may go too.
        is_clean_living_broker: Option<bool> = "isCleanLivingBroker",
        /// Milliseconds since 1970.
        invoke_time: Option<i64> = "invokeTime",
    }

    /// Changes options of a controller: properties text in the body.
    UpdateControllerConfigRequestHeader: UPDATE_CONTROLLER_CONFIG -> EmptyHeader [SUCCESS] {}

    /// Reads the options of a controller: properties text in the answer's body.
    GetControllerConfigRequestHeader: GET_CONTROLLER_CONFIG -> EmptyHeader [SUCCESS] {}
}
