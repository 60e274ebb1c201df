//! Access control of 4.x brokers, which 5.3.3 has given up.

use super::EmptyHeader;
use crate::Text;

super::headers! {
    /// Adds or changes an account (`CreateAccessConfigRequestHeader.java`).
    CreateAccessConfigRequestHeader: UPDATE_AND_CREATE_ACL_CONFIG -> EmptyHeader [SUCCESS] {
        access_key: Text = "accessKey",
        secret_key: Option<Text> = "secretKey",
        white_remote_address: Option<Text> = "whiteRemoteAddress",
        admin: Option<bool> = "admin",
        /// `DENY`, `PUB`, `SUB`, `PUB|SUB`.
        default_topic_perm: Option<Text> = "defaultTopicPerm",
        default_group_perm: Option<Text> = "defaultGroupPerm",
        /// `topic=PUB`, joined by commas.
        topic_perms: Option<Text> = "topicPerms",
        /// `group=SUB`, joined by commas.
        group_perms: Option<Text> = "groupPerms",
    }

    /// Removes an account (`DeleteAccessConfigRequestHeader.java`).
    DeleteAccessConfigRequestHeader: DELETE_ACL_CONFIG -> EmptyHeader [SUCCESS] {
        access_key: Text = "accessKey",
    }

    /// Changes the addresses that nothing is asked of (`UpdateGlobalWhiteAddrsConfigRequestHeader.java`).
    UpdateGlobalWhiteAddrsConfigRequestHeader: UPDATE_GLOBAL_WHITE_ADDRS_CONFIG -> EmptyHeader [SUCCESS] {
        /// Joined by commas.
        global_white_addrs: Text = "globalWhiteAddrs",
        acl_file_full_path: Text = "aclFileFullPath",
    }

    /// Which version of its accounts does a broker hold?
    GetBrokerAclConfigRequestHeader: GET_BROKER_CLUSTER_ACL_INFO -> GetBrokerAclConfigResponseHeader [SUCCESS] {}

    /// That one (`GetBrokerAclConfigResponseHeader.java`).
    GetBrokerAclConfigResponseHeader {
        /// A [`DataVersion`](crate::body::DataVersion) as JSON.
        version: Text = "version",
        all_acl_file_version: Option<Text> = "allAclFileVersion",
        broker_name: Text = "brokerName",
        broker_addr: Text = "brokerAddr",
        cluster_name: Text = "clusterName",
    }

    /// Reads every account, as far as servers still answer this.
    GetBrokerClusterAclConfigRequestHeader: GET_BROKER_CLUSTER_ACL_CONFIG -> EmptyHeader [SUCCESS] {}
}
