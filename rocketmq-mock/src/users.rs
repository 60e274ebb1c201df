//! Users, for clusters that want requests signed.

use std::{collections::BTreeMap, fmt};

use rocketmq_protocol::{
    Command,
    acl::{ACCESS_KEY, SECURITY_TOKEN, SIGNATURE, Signer},
    code::RequestCode,
};

/// Who may ask, and for what.
#[derive(Default)]
pub(crate) struct Users(BTreeMap<String, User>);

struct User {
    secret_key: String,
    denied: Vec<RequestCode>,
}

impl Users {
    pub(crate) fn set(&mut self, access_key: &str, secret_key: &str, denied: &[RequestCode]) {
        let user = User { secret_key: secret_key.to_owned(), denied: denied.to_vec() };
        self.0.insert(access_key.to_owned(), user);
    }

    /// Why a request is refused, in the words of 5.5.0.
    pub(crate) fn check(&self, request: &Command) -> Result<(), String> {
        if self.0.is_empty() {
            return Ok(());
        }
        let name = request.ext_fields.get(ACCESS_KEY).ok_or("username cannot be null.")?;
        let user = self.0.get(&*name).ok_or_else(|| format!("User:{name} is not found."))?;
        let mut again = request.clone();
        let mut signer =
            Signer::new(&*name, user.secret_key.as_bytes()).map_err(|error| error.to_string())?;
        if let Some(token) = request.ext_fields.get(SECURITY_TOKEN) {
            signer = signer.security_token(&*token);
        }
        signer.sign_command(&mut again);
        if again.ext_fields.get(SIGNATURE) != request.ext_fields.get(SIGNATURE) {
            return Err("check signature failed.".to_owned());
        }
        if user.denied.contains(&request.request_code()) {
            return Err(format!("User:{name} has no permission to access, no matched policies."));
        }
        Ok(())
    }
}

impl fmt::Debug for Users {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}
