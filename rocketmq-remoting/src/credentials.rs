//! [`Credentials`], and [`Signing`]: the hook that signs with them.

use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use rocketmq_protocol::{
    Command, ExtFields,
    acl::{EmptyKey, Signer, SigningAlgorithm},
    code::{RequestCode, Version},
};
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;

use crate::RpcHook;

/// Who asks: an access key and the secret that goes with it. To servers of 5.3.0 and later, a user and the password.
///
/// The secret shows in no output, and its memory is wiped when it is dropped.
#[derive(Debug, Clone)]
pub struct Credentials {
    access_key: String,
    secret_key: SecretString,
    security_token: Option<SecretString>,
    algorithm: SigningAlgorithm,
}

impl Credentials {
    /// An access key with its secret.
    #[doc(alias = "SessionCredentials")]
    pub fn new(access_key: impl Into<String>, secret_key: impl Into<String>) -> Self {
        Self {
            access_key: access_key.into(),
            secret_key: SecretString::from(secret_key.into()),
            security_token: None,
            algorithm: SigningAlgorithm::default(),
        }
    }

    /// Reads an access key, its secret, and the token if there is one, from a file as Java's clients and tools have it: lines of
    /// `AccessKey=…` (`rocketmq.client.keyFile`) or of `accessKey: …` (`conf/tools.yml` of mqadmin). Other lines are skipped.
    ///
    /// The file is small, and read at once, here. Keys that change in it are taken by reading it again, and
    /// [replacing](Signing::replace) those in use.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or one of the two keys is missing. What is in it does not show.
    #[doc(alias = "rocketmq.client.keyFile")]
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, CredentialsFileError> {
        let path = path.as_ref();
        let text = fs::read_to_string(path).map(SecretString::from).map_err(|cause| {
            CredentialsFileError::Read { path: path.to_owned(), cause: Arc::new(cause) }
        })?;
        let of_key = |key: &'static str| value_of(text.expose_secret(), key);
        let required = |key| {
            let missing = || CredentialsFileError::Missing { path: path.to_owned(), key };
            of_key(key).ok_or_else(missing)
        };
        let read = Self::new(required("accessKey")?, required("secretKey")?);
        Ok(match of_key("securityToken") {
            Some(token) => read.security_token(token),
            None => read,
        })
    }

    /// The token that comes with temporary keys.
    #[must_use]
    pub fn security_token(mut self, token: impl Into<String>) -> Self {
        self.security_token = Some(SecretString::from(token.into()));
        self
    }

    /// Another algorithm than HMAC-SHA1, which is what every released server checks.
    #[must_use]
    pub fn algorithm(mut self, algorithm: SigningAlgorithm) -> Self {
        self.algorithm = algorithm;
        self
    }

    fn signer(&self) -> Result<Signer, EmptyKey> {
        let secret_key = self.secret_key.expose_secret().as_bytes();
        let signer = Signer::with_algorithm(self.algorithm, &*self.access_key, secret_key)?;
        Ok(match &self.security_token {
            None => signer,
            Some(token) => signer.security_token(token.expose_secret()),
        })
    }
}

/// Of a line `key: value` or `key=value`. Java capitalises keys in one kind of file and not in the other.
fn value_of<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once([':', '='])?;
        let value = value.trim().trim_matches(['"', '\'']);
        (name.trim().eq_ignore_ascii_case(key) && !value.is_empty()).then_some(value)
    })
}

/// A file without usable [`Credentials`].
#[derive(Debug, Clone, Error)]
#[non_exhaustive]
pub enum CredentialsFileError {
    /// It cannot be read.
    #[error("{} cannot be read", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        cause: Arc<io::Error>,
    },
    /// A key is missing in it.
    #[error("{} has no `{key}`", path.display())]
    Missing {
        /// Which file.
        path: PathBuf,
        /// Which key.
        key: &'static str,
    },
}

/// Signs every request. To be the last of the hooks: what is added after it is not signed.
///
/// Clones sign with the same credentials, and replacing them reaches every request that is written afterwards.
#[derive(Clone)]
#[doc(alias = "AclClientRPCHook")]
pub struct Signing(Arc<RwLock<Arc<Signer>>>);

impl Signing {
    /// Signs with these credentials.
    ///
    /// # Errors
    ///
    /// When the secret key is empty.
    pub fn new(credentials: &Credentials) -> Result<Self, EmptyKey> {
        Ok(Self(Arc::new(RwLock::new(Arc::new(credentials.signer()?)))))
    }

    /// Signs with other credentials from now on.
    ///
    /// # Errors
    ///
    /// When the secret key is empty. Then nothing has changed.
    pub fn replace(&self, credentials: &Credentials) -> Result<(), EmptyKey> {
        let signer = Arc::new(credentials.signer()?);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = signer;
        Ok(())
    }

    fn signer(&self) -> Arc<Signer> {
        Arc::clone(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The field of `QUERY_MESSAGE` that some servers leave out of the signature, and the last version at which all do.
const UNIQUE_KEY_QUERY: &str = "_UNIQUE_KEY_QUERY";
const UNSIGNED_UNTIL: Version = Version(399);

impl RpcHook for Signing {
    fn before_request(&self, _address: &str, request: &mut Command) {
        let signer = self.signer();
        if request.request_code() != RequestCode::QUERY_MESSAGE {
            return signer.sign_command(request);
        }
        // Servers from 4.7.1 to 5.0.0 never sign this field, later ones do unless the request is of an old version: an old
        // version with the field left out satisfies all (`acl/common/AclUtils.java`).
        let Some(unsigned) = request.ext_fields.get(UNIQUE_KEY_QUERY) else {
            return signer.sign_command(request);
        };
        request.version = UNSIGNED_UNTIL;
        request.ext_fields = without(&request.ext_fields, UNIQUE_KEY_QUERY);
        signer.sign_command(request);
        request.ext_fields.push(UNIQUE_KEY_QUERY, &unsigned);
    }
}

fn without(fields: &ExtFields, key: &str) -> ExtFields {
    let mut kept = ExtFields::default();
    for field in fields.iter().filter(|field| field.key != key.as_bytes()) {
        let key = std::str::from_utf8(field.key).unwrap_or_default(); // fields are UTF-8
        kept.push(key, &field.value.to_text());
    }
    kept
}

impl fmt::Debug for Signing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Signing").field(&*self.signer()).finish()
    }
}

#[cfg(test)]
mod tests {
    use rocketmq_protocol::{
        acl::{ACCESS_KEY, SECURITY_TOKEN, SIGNATURE},
        header::GetRouteInfoRequestHeader,
    };

    use super::*;

    fn signed(signing: &Signing, mut request: Command) -> Command {
        signing.before_request("peer:1", &mut request);
        request
    }

    #[test]
    fn credentials_can_be_replaced() {
        let header = GetRouteInfoRequestHeader { topic: "TopicTest".into(), ..Default::default() };
        let request = Command::request(&header);
        let signing = Signing::new(&Credentials::new("RocketMQ", "12345678")).unwrap();
        let first = signed(&signing, request.clone());
        assert_eq!(first.ext_fields.get(SIGNATURE).unwrap(), "0jiwhsaYp5ObE5GObbZH1I8/FT4=");
        assert!(signing.replace(&Credentials::new("other", "")).is_err());
        assert_eq!(signed(&signing, request.clone()), first, "nothing has changed");
        let session = Credentials::new("other", "secret").security_token("token");
        let clone = signing.clone();
        clone.replace(&session).unwrap();
        let second = signed(&signing, request).ext_fields;
        assert_eq!(second.get(ACCESS_KEY).unwrap(), "other");
        assert_eq!(second.get(SECURITY_TOKEN).unwrap(), "token");
    }

    #[test]
    fn a_query_by_unique_key_satisfies_servers_old_and_new() {
        let signing = Signing::new(&Credentials::new("ak", "sk")).unwrap();
        let mut plain = Command::default();
        plain.code = RequestCode::QUERY_MESSAGE.0;
        plain.ext_fields.push("topic", "t");
        let mut unique = plain.clone();
        unique.ext_fields.push(UNIQUE_KEY_QUERY, "true");
        let (plain, unique) = (signed(&signing, plain), signed(&signing, unique));
        assert_eq!(unique.version, UNSIGNED_UNTIL);
        assert_eq!(unique.ext_fields.get(UNIQUE_KEY_QUERY).unwrap(), "true");
        assert_eq!(unique.ext_fields.get(SIGNATURE), plain.ext_fields.get(SIGNATURE));
    }

    #[test]
    fn files_of_java_are_read() {
        let directory = std::env::temp_dir().join(format!("credentials-{}", std::process::id()));
        fs::create_dir_all(&directory).unwrap();
        let path = directory.join("key");
        let read = |text: &str| {
            fs::write(&path, text).unwrap();
            Credentials::from_file(&path)
        };
        let shows = |credentials: &Credentials| {
            let token = credentials.security_token.as_ref().map(|token| token.expose_secret());
            let secret = credentials.secret_key.expose_secret();
            (credentials.access_key.clone(), secret.to_owned(), token.map(str::to_owned))
        };
        let properties = "# keys\nAccessKey=me\nSecretKey = a=b:c\nSecurityToken=t\nSignature=x\n";
        let expected = ("me".to_owned(), "a=b:c".to_owned(), Some("t".to_owned()));
        assert_eq!(shows(&read(properties).unwrap()), expected);
        let yaml = "# comment\naccessKey: rocketmq2\nsecretKey: \"12345678\"\n\n";
        let expected = ("rocketmq2".to_owned(), "12345678".to_owned(), None);
        assert_eq!(shows(&read(yaml).unwrap()), expected);

        let error = read("accessKey: me\nsecretkey:\nhunter2\n").unwrap_err();
        assert!(error.to_string().ends_with("has no `secretKey`"), "{error}");
        assert!(!format!("{error:?}").contains("hunter2"));
        fs::remove_dir_all(&directory).unwrap();
        let error = Credentials::from_file(&path).unwrap_err();
        assert!(matches!(error, CredentialsFileError::Read { .. }), "{error:?}");
    }

    #[test]
    fn secrets_do_not_show() {
        let credentials = Credentials::new("me", "hunter2").security_token("hunter3");
        let signing = Signing::new(&credentials).unwrap();
        let shown = format!("{credentials:?} {signing:?}");
        assert!(shown.contains("me") && !shown.contains("hunter"), "{shown}");
    }
}
