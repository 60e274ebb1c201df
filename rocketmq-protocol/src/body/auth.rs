//! Users and what they may do (5.3.0). Passwords are never shown by `Debug`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A user (`UserInfo.java`). Members that are absent stay as they are when a user is changed.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct UserInfo {
    /// In clear, in both directions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// `enable` or `disable`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_status: Option<String>,
    /// `Super` or `Normal`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_type: Option<String>,
    /// The name.
    pub username: String,
}

impl fmt::Debug for UserInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UserInfo")
            .field("username", &self.username)
            .field("user_type", &self.user_type)
            .field("user_status", &self.user_status)
            .finish_non_exhaustive()
    }
}

/// What a subject may do (`AclInfo.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct AclInfo {
    /// In no particular order.
    pub policies: Vec<PolicyInfo>,
    /// `User:name`.
    pub subject: String,
}

/// Several rules (`AclInfo.PolicyInfo`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyInfo {
    /// The rules.
    pub entries: Vec<PolicyEntryInfo>,
    /// `Custom` or `Default`; the first if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_type: Option<String>,
}

/// One rule (`AclInfo.PolicyEntryInfo`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PolicyEntryInfo {
    /// `All`, `Any`, `Pub`, `Sub`, `Create`, `Update`, `Delete`, `Get`, `List`.
    pub actions: Vec<String>,
    /// `Allow` or `Deny`.
    pub decision: String,
    /// `Topic:name`, `Group:name`, `Cluster:name`; `*` at the end stands for any ending.
    pub resource: String,
    /// Where a client has to be; anywhere if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source_ips: Option<Vec<String>>,
}

/// The accounts of a 4.x broker (`GetBrokerClusterAclConfigResponseBody.java`).
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GetBrokerClusterAclConfigResponseBody {
    /// The addresses that nothing is asked of.
    pub global_white_addrs: Vec<String>,
    /// The accounts.
    pub plain_access_configs: Vec<PlainAccessConfig>,
}

/// An account of a 4.x broker (`common/PlainAccessConfig.java`).
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct PlainAccessConfig {
    /// Its name.
    pub access_key: String,
    /// Whether it may administrate.
    pub admin: bool,
    /// `DENY`, `PUB`, `SUB`, `PUB|SUB`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_group_perm: Option<String>,
    /// The same for topics.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub default_topic_perm: Option<String>,
    /// `group=SUB` each.
    pub group_perms: Vec<String>,
    /// In clear.
    pub secret_key: String,
    /// `topic=PUB` each.
    pub topic_perms: Vec<String>,
    /// Where a client has to be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub white_remote_address: Option<String>,
}

impl fmt::Debug for PlainAccessConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlainAccessConfig")
            .field("access_key", &self.access_key)
            .field("admin", &self.admin)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_show() {
        let user = UserInfo { password: Some("hunter2".to_owned()), ..UserInfo::default() };
        let account = PlainAccessConfig { secret_key: "hunter2".to_owned(), ..Default::default() };
        assert!(!format!("{user:?} {account:?}").contains("hunter2"));
    }
}
