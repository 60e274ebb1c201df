//! Brokers that let nobody in who does not sign.

use std::path::Path;

use super::ClusterBuilder;
use crate::{Distribution, InteropError, jvm::write};

/// The users of a cluster with access control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct User {
    /// The access key; to 5.x, the name.
    pub access_key: &'static str,
    /// The secret key; to 5.x, the password.
    pub secret_key: &'static str,
}

/// May do everything.
pub const ADMINISTRATOR: User = User { access_key: "adminuser", secret_key: "adminsecret" };

/// May do nothing but what is granted: with 4.x to send to the topic `Allowed`, with 5.x nothing until somebody creates this user and
/// grants it something.
pub const GUEST: User = User { access_key: "guestuser", secret_key: "guestsecret" };

impl ClusterBuilder {
    /// Every broker wants requests signed: 5.3 and later by authentication and authorization, earlier ones by `plain_acl.yml`.
    /// The name server asks for nothing.
    pub fn access_control(mut self) -> Self {
        self.access_control = true;
        self
    }
}

/// What access control adds to a `broker.conf`, besides files in the broker's home.
pub(super) fn options(distribution: &Distribution, home: &Path) -> Result<String, InteropError> {
    let User { access_key, secret_key } = ADMINISTRATOR;
    if !distribution.is_5() {
        write(&home.join("conf"), "plain_acl.yml", &plain_acl())?;
        return Ok("aclEnable=true\n".to_owned());
    }
    let providers = "org.apache.rocketmq.auth";
    let files = home.join("auth").display().to_string();
    Ok(format!(
        "authenticationEnabled=true\nauthorizationEnabled=true\nauthConfigPath={files}\n\
         authenticationProvider={providers}.authentication.provider.DefaultAuthenticationProvider\n\
         authenticationMetadataProvider={providers}.authentication.provider.LocalAuthenticationMetadataProvider\n\
         authorizationProvider={providers}.authorization.provider.DefaultAuthorizationProvider\n\
         authorizationMetadataProvider={providers}.authorization.provider.LocalAuthorizationMetadataProvider\n\
         initAuthenticationUser={{\"username\":\"{access_key}\",\"password\":\"{secret_key}\"}}\n\
         innerClientAuthenticationCredentials={{\"accessKey\":\"{access_key}\",\"secretKey\":\"{secret_key}\"}}\n"
    ))
}

/// Keys of six characters or fewer end a 4.x broker at boot.
fn plain_acl() -> String {
    format!(
        "globalWhiteRemoteAddresses: []\naccounts:\n\
         \x20 - accessKey: {}\n    secretKey: {}\n    whiteRemoteAddress:\n    admin: true\n\
         \x20 - accessKey: {}\n    secretKey: {}\n    whiteRemoteAddress:\n    admin: false\n    \
         defaultTopicPerm: DENY\n    defaultGroupPerm: SUB\n    topicPerms:\n      - Allowed=PUB|SUB\n",
        ADMINISTRATOR.access_key, ADMINISTRATOR.secret_key, GUEST.access_key, GUEST.secret_key,
    )
}
