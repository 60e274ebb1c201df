//! Consumer groups on a broker: creating, changing, listing, removing.

use super::{EmptyHeader, RpcFields, TopicFields};
use crate::Text;

super::headers! {
    /// Creates or changes the group in the body.
    UpdateAndCreateSubscriptionGroupRequestHeader: UPDATE_AND_CREATE_SUBSCRIPTIONGROUP -> EmptyHeader [SUCCESS] {}

    /// Creates or changes the groups in the body (5.3.1).
    UpdateAndCreateSubscriptionGroupListRequestHeader: UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST -> EmptyHeader [SUCCESS] {}

    /// Removes a group from a broker. One that nobody knows is no error (`DeleteSubscriptionGroupRequestHeader.java`).
    DeleteSubscriptionGroupRequestHeader: DELETE_SUBSCRIPTIONGROUP -> EmptyHeader [SUCCESS] {
        group_name: Text = "groupName",
        /// Whether its offsets go too, for 5.x brokers.
        clean_offset: Option<bool> = "cleanOffset",
        /// The same for 4.9.x brokers.
        remove_offset: Option<bool> = "removeOffset",
        ..shared: RpcFields,
    }

    /// Reads how a group is configured. May create it, where groups are created on demand
    /// (`GetSubscriptionGroupConfigRequestHeader.java`).
    GetSubscriptionGroupConfigRequestHeader: GET_SUBSCRIPTIONGROUP_CONFIG -> EmptyHeader [SUCCESS] {
        group: Text = "group",
        ..shared: RpcFields,
    }

    /// Reads how every group is configured (`GetAllSubscriptionGroupRequestHeader.java`). Without fields it is all of them;
    /// with them a page (5.4.0).
    GetAllSubscriptionGroupRequestHeader: GET_ALL_SUBSCRIPTIONGROUP_CONFIG -> GetAllSubscriptionGroupResponseHeader [SUCCESS] {
        /// How many to skip.
        group_seq: Option<i32> = "groupSeq",
        /// The version of the table that the pages before were of.
        data_version: Option<Text> = "dataVersion",
        /// How many at most.
        max_group_num: Option<i32> = "maxGroupNum",
    }

    /// How many there are; brokers before 5.4.0 do not say (`GetAllSubscriptionGroupResponseHeader.java`).
    GetAllSubscriptionGroupResponseHeader {
        total_group_num: Option<i32> = "totalGroupNum",
    }

    /// Reads, and with `readable` changes, whether a group may read a topic (`UpdateGroupForbiddenRequestHeader.java`).
    UpdateGroupForbiddenRequestHeader: UPDATE_AND_GET_GROUP_FORBIDDEN -> EmptyHeader [SUCCESS] {
        group: Text = "group",
        topic: Text = "topic",
        readable: Option<bool> = "readable",
        ..shared: TopicFields,
    }

    /// Copies the offsets of one group to another (`CloneGroupOffsetRequestHeader.java`).
    CloneGroupOffsetRequestHeader: CLONE_GROUP_OFFSET -> EmptyHeader [SUCCESS] {
        src_group: Text = "srcGroup",
        dest_group: Text = "destGroup",
        /// Every topic if absent.
        topic: Option<Text> = "topic",
        offline: Option<bool> = "offline",
        ..shared: RpcFields,
    }

    /// Which groups pull and which pop; in the body (`broker/processor/QueryAssignmentProcessor.java`).
    SetMessageRequestModeRequestHeader: SET_MESSAGE_REQUEST_MODE -> EmptyHeader [SUCCESS] {}

    /// Reads that of every group.
    GetAllMessageRequestModeRequestHeader: GET_ALL_MESSAGE_REQUEST_MODE -> EmptyHeader [SUCCESS] {}
}
