//! Signing requests, for clusters with access control. Pure: what comes out are ext fields.
//!
//! What is signed are the values of all ext fields in the order of their keys, and then the body; neither the keys nor code,
//! version or opaque. Servers of every release check the same signature (`acl/common/AclClientRPCHook.java`,
//! `acl/common/AclUtils.java`). Answers are never signed.
//!
//! ```
//! use rocketmq_protocol::{Command, acl::Signer, header::GetRouteInfoRequestHeader};
//!
//! let header = GetRouteInfoRequestHeader { topic: "TopicTest".into(), ..Default::default() };
//! let mut request = Command::request(&header);
//! Signer::new("RocketMQ", b"12345678")?.sign_command(&mut request);
//! assert_eq!(request.ext_fields.get("Signature").unwrap(), "0jiwhsaYp5ObE5GObbZH1I8/FT4=");
//! # Ok::<(), rocketmq_protocol::acl::EmptyKey>(())
//! ```

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
#[cfg(feature = "acl-sha256")]
use sha2::Sha256;
use thiserror::Error;

use crate::{Command, ExtFields, java};

/// The key of the field that names the signer.
pub const ACCESS_KEY: &str = "AccessKey";
/// The key of the field that carries a temporary signer's token.
pub const SECURITY_TOKEN: &str = "SecurityToken";
/// The key of the field that carries the signature. It is never signed itself.
pub const SIGNATURE: &str = "Signature";

/// Signs requests in the name of one user.
///
/// Holds what HMAC derives from the secret key, not the key; neither shows in `Debug`.
#[derive(Clone)]
pub struct Signer {
    access_key: String,
    security_token: Option<String>,
    mac: KeyedMac,
}

#[derive(Clone)]
enum KeyedMac {
    Sha1(Hmac<Sha1>),
    #[cfg(feature = "acl-sha256")]
    Sha256(Hmac<Sha256>),
}

/// The hash under the HMAC (`acl/common/SigningAlgorithm.java`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum SigningAlgorithm {
    /// What every released server checks.
    #[default]
    HmacSha1,
    /// What upstream names besides, for servers that are changed to check it.
    #[cfg(feature = "acl-sha256")]
    HmacSha256,
}

/// A secret key without a byte, with which Java refuses to sign too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("the secret key is empty")]
pub struct EmptyKey;

/// The ext fields that a signed request carries besides its own.
pub struct Signature<'a> {
    signer: &'a Signer,
    text: String,
}

impl Signer {
    /// Signs with HMAC-SHA1, as every released server expects. To 5.3.0 and later, `access_key` is the name of a user and
    /// `secret_key` the password.
    ///
    /// # Errors
    ///
    /// When the secret key is empty.
    pub fn new(access_key: impl Into<String>, secret_key: &[u8]) -> Result<Self, EmptyKey> {
        Self::with_algorithm(SigningAlgorithm::default(), access_key, secret_key)
    }

    /// Signs with another algorithm.
    ///
    /// # Errors
    ///
    /// When the secret key is empty.
    pub fn with_algorithm(
        algorithm: SigningAlgorithm,
        access_key: impl Into<String>,
        secret_key: &[u8],
    ) -> Result<Self, EmptyKey> {
        if secret_key.is_empty() {
            return Err(EmptyKey);
        }
        // HMAC takes keys of any length; only the trait's signature knows of one that does not fit.
        let mac = match algorithm {
            SigningAlgorithm::HmacSha1 => Hmac::new_from_slice(secret_key).map(KeyedMac::Sha1),
            #[cfg(feature = "acl-sha256")]
            SigningAlgorithm::HmacSha256 => Hmac::new_from_slice(secret_key).map(KeyedMac::Sha256),
        };
        let mac = mac.map_err(|_| EmptyKey)?;
        Ok(Self { access_key: access_key.into(), security_token: None, mac })
    }

    /// Adds the token that comes with temporary keys. It is signed as well.
    #[must_use]
    pub fn security_token(mut self, token: impl Into<String>) -> Self {
        self.security_token = Some(token.into());
        self
    }

    /// Signs the ext fields of a request, given as keys and values, and its body.
    ///
    /// The three fields that signing adds are left out of account where they are among `fields`: a request that was signed before
    /// can be signed again. Of equal keys the last counts, as for its reader. A field that a server would read as null must
    /// not be there: Java signs null as four letters.
    ///
    /// One thing that is signed depends on the server: for `QUERY_MESSAGE`, 4.7.1 to 5.0.0 leave the field
    /// `_UNIQUE_KEY_QUERY` out, and later ones do so if the request claims a version up to 399. Sending that version, and leaving
    /// the field out here, satisfies both.
    pub fn sign<'f>(
        &self,
        fields: impl IntoIterator<Item = (&'f [u8], &'f [u8])>,
        body: &[u8],
    ) -> Signature<'_> {
        let of_request = fields.into_iter().filter(|(key, _)| !is_added(key));
        let own = self.own_fields().map(|(key, value)| (key.as_bytes(), value.as_bytes()));
        let mut fields: Vec<(&[u8], &[u8])> = own.collect();
        for field in of_request {
            fields.push(field);
        }
        // Stable, so that of equal keys the last stays last, and replaces the others.
        fields.sort_by(|a, b| java::bytes_order(a.0, b.0));
        fields.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            kept.1 = if same { later.1 } else { kept.1 };
            same
        });
        let values = fields.iter().map(|(_, value)| *value);
        Signature { signer: self, text: self.mac.base64_of(values.chain([body])) }
    }

    /// Signs a request, and adds the fields to it.
    pub fn sign_command(&self, request: &mut Command) {
        let fields = request.ext_fields.iter().map(|field| (field.key, field.value.bytes()));
        let signature = self.sign(fields, &request.body);
        let mut signed = ExtFields::default();
        for field in request.ext_fields.iter().filter(|field| !is_added(field.key)) {
            let key = std::str::from_utf8(field.key).unwrap_or_default(); // fields are UTF-8
            signed.push(key, &field.value.to_text());
        }
        for (key, value) in signature.fields() {
            signed.push(key, value);
        }
        request.ext_fields = signed;
    }

    fn own_fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        let token = self.security_token.as_deref().map(|token| (SECURITY_TOKEN, token));
        [(ACCESS_KEY, self.access_key.as_str())].into_iter().chain(token)
    }
}

/// Whether signing adds a field of this key.
fn is_added(key: &[u8]) -> bool {
    [ACCESS_KEY, SECURITY_TOKEN, SIGNATURE].iter().any(|added| added.as_bytes() == key)
}

impl Signature<'_> {
    /// The pairs to add: who signs, the token if there is one, and the signature.
    pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
        self.signer.own_fields().chain([(SIGNATURE, self.text.as_str())])
    }
}

impl KeyedMac {
    fn base64_of<'a>(&self, parts: impl Iterator<Item = &'a [u8]>) -> String {
        fn digest<'a, M: Mac + Clone>(keyed: &M, parts: impl Iterator<Item = &'a [u8]>) -> String {
            let mut mac = keyed.clone();
            parts.for_each(|part| mac.update(part));
            STANDARD.encode(mac.finalize().into_bytes())
        }
        match self {
            Self::Sha1(keyed) => digest(keyed, parts),
            #[cfg(feature = "acl-sha256")]
            Self::Sha256(keyed) => digest(keyed, parts),
        }
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer").field("access_key", &self.access_key).finish_non_exhaustive()
    }
}

impl fmt::Debug for Signature<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signature").field("signer", self.signer).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::header::UpdateConsumerOffsetRequestHeader;

    fn request() -> Command {
        Command::request(&UpdateConsumerOffsetRequestHeader {
            consumer_group: "CG".into(),
            topic: "TopicTest".into(),
            queue_id: 3,
            commit_offset: 100,
            ..Default::default()
        })
    }

    #[test]
    fn a_signature_is_that_of_java() {
        let signer = Signer::new("RocketMQ", b"12345678").unwrap().security_token("tok");
        let mut request = request();
        signer.sign_command(&mut request);
        let fields = &request.ext_fields;
        assert_eq!(fields.get(SIGNATURE).unwrap(), "0oG9OyfMSVdiBbpsjfI47Yp34fg=");
        assert_eq!(fields.get(ACCESS_KEY).unwrap(), "RocketMQ");
        assert_eq!(fields.get(SECURITY_TOKEN).unwrap(), "tok");
        let body = &br#"{"clientID":"10.0.0.1@1"}"#[..];
        let bare = Signer::new("RocketMQ", b"12345678").unwrap();
        let fields: Vec<_> =
            bare.sign([], body).fields().map(|(key, value)| format!("{key}={value}")).collect();
        assert_eq!(fields, ["AccessKey=RocketMQ", "Signature=MpJ4rrcUVOkk5tlIKpS4uV4bNmk="]);
    }

    #[test]
    fn signing_again_changes_nothing() {
        let signer = Signer::new("RocketMQ", b"12345678").unwrap();
        let mut once = request();
        signer.sign_command(&mut once);
        let mut twice = once.clone();
        signer.sign_command(&mut twice);
        assert_eq!(once, twice);
    }

    #[test]
    fn of_equal_keys_the_last_is_signed() {
        let signer = Signer::new("ak", b"k").unwrap();
        let text = |fields: &[(&str, &str)]| {
            let fields = fields.iter().map(|(key, value)| (key.as_bytes(), value.as_bytes()));
            signer.sign(fields, b"").text
        };
        assert_eq!(text(&[("b", "1"), ("a", "2"), ("b", "3")]), text(&[("a", "2"), ("b", "3")]));
        assert_ne!(text(&[("b", "1"), ("a", "2")]), text(&[("a", "2"), ("b", "3")]));
    }

    #[test]
    fn secrets_do_not_show() {
        let signer = Signer::new("me", b"hunter2").unwrap().security_token("hunter3");
        let signature = signer.sign([], b"");
        let shown = format!("{signer:?} {signature:?}");
        assert!(shown.contains("me") && !shown.contains("hunter"), "{shown}");
        assert!(!shown.contains(&signature.text), "{shown}");
        assert_eq!(Signer::new("me", b"").unwrap_err(), EmptyKey);
    }
}
