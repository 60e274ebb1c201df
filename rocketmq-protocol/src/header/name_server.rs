//! Questions to a name server: routes, clusters, key-value configuration.

use super::{EmptyHeader, TopicFields};
use crate::Text;

super::headers! {
    /// Asks who serves a topic; the answer is a [`TopicRouteData`](crate::body::TopicRouteData) body
    /// (`namesrv/GetRouteInfoRequestHeader.java`).
    GetRouteInfoRequestHeader: GET_ROUTEINFO_BY_TOPIC -> EmptyHeader [SUCCESS] {
        topic: Text = "topic",
        /// Whether only strictly valid JSON will do.
        accept_standard_json_only: Option<bool> = "acceptStandardJsonOnly",
        ..shared: TopicFields,
    }

    /// Asks for every cluster and broker; the answer is a [`ClusterInfo`](crate::body::ClusterInfo) body.
    GetBrokerClusterInfoRequestHeader: GET_BROKER_CLUSTER_INFO -> EmptyHeader [SUCCESS] {}

    /// Asks for the addresses that share a broker name (`GetBrokerMemberGroupRequestHeader.java`).
    GetBrokerMemberGroupRequestHeader: GET_BROKER_MEMBER_GROUP -> EmptyHeader [SUCCESS] {
        cluster_name: Text = "clusterName",
        broker_name: Text = "brokerName",
    }

    /// Lists every topic.
    GetAllTopicListFromNameserverRequestHeader: GET_ALL_TOPIC_LIST_FROM_NAMESERVER -> EmptyHeader [SUCCESS] {}

    /// Lists the topics of a cluster; none for a cluster that nobody knows (`GetTopicsByClusterRequestHeader.java`).
    GetTopicsByClusterRequestHeader: GET_TOPICS_BY_CLUSTER -> EmptyHeader [SUCCESS] {
        cluster: Text = "cluster",
    }

    /// Lists the topics that servers have made for themselves.
    GetSystemTopicListFromNsRequestHeader: GET_SYSTEM_TOPIC_LIST_FROM_NS -> EmptyHeader [SUCCESS] {}

    /// Lists the topics of unit deployments.
    GetUnitTopicListRequestHeader: GET_UNIT_TOPIC_LIST -> EmptyHeader [SUCCESS] {}

    /// Lists the topics with subscriptions of unit deployments.
    GetHasUnitSubTopicListRequestHeader: GET_HAS_UNIT_SUB_TOPIC_LIST -> EmptyHeader [SUCCESS] {}

    /// Lists the topics that are of no unit, but have subscriptions of units.
    GetHasUnitSubUnunitTopicListRequestHeader: GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST -> EmptyHeader [SUCCESS] {}

    /// Adds a topic with the route in the body (`namesrv/RegisterTopicRequestHeader.java`).
    RegisterTopicRequestHeader: REGISTER_TOPIC_IN_NAMESRV -> EmptyHeader [SUCCESS] {
        topic: Text = "topic",
        ..shared: TopicFields,
    }

    /// Forgets a topic. To be sent to every name server (`namesrv/DeleteTopicFromNamesrvRequestHeader.java`).
    DeleteTopicFromNamesrvRequestHeader: DELETE_TOPIC_IN_NAMESRV -> EmptyHeader [SUCCESS] {
        topic: Text = "topic",
        /// The cluster to forget it in; every one if absent.
        cluster_name: Option<Text> = "clusterName",
        ..shared: TopicFields,
    }

    /// Takes the right to write from every topic of a broker (`namesrv/WipeWritePermOfBrokerRequestHeader.java`).
    WipeWritePermOfBrokerRequestHeader: WIPE_WRITE_PERM_OF_BROKER -> WipeWritePermOfBrokerResponseHeader [SUCCESS] {
        broker_name: Text = "brokerName",
    }

    /// How many topics have lost it (`namesrv/WipeWritePermOfBrokerResponseHeader.java`).
    WipeWritePermOfBrokerResponseHeader {
        wipe_topic_count: i32 = "wipeTopicCount",
    }

    /// Gives the right to write back (`namesrv/AddWritePermOfBrokerRequestHeader.java`).
    AddWritePermOfBrokerRequestHeader: ADD_WRITE_PERM_OF_BROKER -> AddWritePermOfBrokerResponseHeader [SUCCESS] {
        broker_name: Text = "brokerName",
    }

    /// How many topics have it again (`namesrv/AddWritePermOfBrokerResponseHeader.java`).
    AddWritePermOfBrokerResponseHeader {
        add_topic_count: i32 = "addTopicCount",
    }

    /// Reads a value; `QUERY_NOT_FOUND` where there is none (`namesrv/GetKVConfigRequestHeader.java`).
    GetKVConfigRequestHeader: GET_KV_CONFIG -> GetKVConfigResponseHeader [SUCCESS] {
        namespace: Text = "namespace",
        key: Text = "key",
    }

    /// The value (`namesrv/GetKVConfigResponseHeader.java`).
    GetKVConfigResponseHeader {
        value: Option<Text> = "value",
    }

    /// Stores a value (`namesrv/PutKVConfigRequestHeader.java`).
    PutKVConfigRequestHeader: PUT_KV_CONFIG -> EmptyHeader [SUCCESS] {
        namespace: Text = "namespace",
        key: Text = "key",
        value: Text = "value",
    }

    /// Removes a value (`namesrv/DeleteKVConfigRequestHeader.java`).
    DeleteKVConfigRequestHeader: DELETE_KV_CONFIG -> EmptyHeader [SUCCESS] {
        namespace: Text = "namespace",
        key: Text = "key",
    }

    /// Reads every value of a namespace; `QUERY_NOT_FOUND` where there are none (`namesrv/GetKVListByNamespaceRequestHeader.java`).
    GetKVListByNamespaceRequestHeader: GET_KVLIST_BY_NAMESPACE -> EmptyHeader [SUCCESS] {
        namespace: Text = "namespace",
    }

    /// Changes options of the name server: properties text in the body.
    UpdateNamesrvConfigRequestHeader: UPDATE_NAMESRV_CONFIG -> EmptyHeader [SUCCESS] {}

    /// Reads the options of the name server: properties text in the answer's body.
    GetNamesrvConfigRequestHeader: GET_NAMESRV_CONFIG -> EmptyHeader [SUCCESS] {}
}
