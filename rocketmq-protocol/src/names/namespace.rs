//! Namespaces of the first kind: a prefix of topics and groups (`remoting/protocol/NamespaceUtil.java`).
//!
//! `<namespace>%<name>`; the prefix of a retry or dead-letter topic stays in front. System topics and groups belong to no
//! namespace. Namespaces of the second kind (5.2.0 and later) leave names alone and travel in the fields `nsd` and `ns` of
//! every request: see [`RpcFields`](crate::header::RpcFields).

use std::borrow::Cow;

use super::{DLQ_PREFIX, RETRY_PREFIX, is_system_group, is_system_topic};

const SEPARATOR: char = '%';

/// The name inside a namespace. A name that is in it already stays as it is.
pub fn wrap<'a>(namespace: &str, name: &'a str) -> Cow<'a, str> {
    if namespace.is_empty() || name.is_empty() || is_of_system(name) || contains(namespace, name) {
        return Cow::Borrowed(name);
    }
    let (prefix, bare) = split_prefix(name);
    Cow::Owned(format!("{prefix}{namespace}{SEPARATOR}{bare}"))
}

/// The name outside of `namespace`. A name of another namespace, or of none, stays as it is.
pub fn unwrap<'a>(namespace: &str, name: &'a str) -> Cow<'a, str> {
    if contains(namespace, name) { unwrap_any(name) } else { Cow::Borrowed(name) }
}

/// The name outside of whatever namespace it is in.
pub fn unwrap_any(name: &str) -> Cow<'_, str> {
    match (split_prefix(name), split_namespace(name)) {
        (_, None) => Cow::Borrowed(name),
        (("", _), Some((_, inner))) => Cow::Borrowed(inner),
        ((prefix, _), Some((_, inner))) => Cow::Owned(format!("{prefix}{inner}")),
    }
}

/// The namespace that a name is in.
pub fn namespace_of(name: &str) -> Option<&str> {
    split_namespace(name).map(|(namespace, _)| namespace)
}

/// Whether a name is in this namespace.
pub fn contains(namespace: &str, name: &str) -> bool {
    namespace_of(name) == Some(namespace)
}

/// The name of a group or topic without the prefix of its retry or dead-letter topic.
pub fn without_prefix(name: &str) -> &str {
    split_prefix(name).1
}

fn is_of_system(name: &str) -> bool {
    is_system_topic(name) || is_system_group(name)
}

fn split_prefix(name: &str) -> (&str, &str) {
    let prefix = [RETRY_PREFIX, DLQ_PREFIX].into_iter().find(|prefix| name.starts_with(prefix));
    name.split_at(prefix.map_or(0, str::len))
}

/// Namespace and inner name.
fn split_namespace(name: &str) -> Option<(&str, &str)> {
    let (namespace, inner) = split_prefix(name).1.split_once(SEPARATOR)?;
    (!namespace.is_empty() && !is_of_system(name)).then_some((namespace, inner))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_go_into_a_namespace_and_out_again() {
        let check = |name, wrapped, unwrapped| {
            assert_eq!(wrap("ns", name), wrapped, "wrap {name}");
            assert_eq!(unwrap("ns", name), unwrapped, "unwrap {name}");
            assert_eq!(
                unwrap("ns", &wrap("ns", name)),
                unwrap("ns", name),
                "there and back {name}"
            );
        };
        check("T", "ns%T", "T");
        check("%RETRY%G", "%RETRY%ns%G", "%RETRY%G");
        check("%DLQ%G", "%DLQ%ns%G", "%DLQ%G");
        check("ns%T", "ns%T", "T");
        check("%RETRY%ns%G", "%RETRY%ns%G", "%RETRY%G");
        check("other%T", "ns%other%T", "other%T");
        check("TBW102", "TBW102", "TBW102");
        check("CID_RMQ_SYS_X", "CID_RMQ_SYS_X", "CID_RMQ_SYS_X");
        check("", "", "");
        assert_eq!(wrap("", "T"), "T");
    }

    #[test]
    fn a_namespace_ends_at_the_first_separator() {
        assert_eq!(unwrap_any("a%b%c"), "b%c");
        assert_eq!(unwrap_any("%DLQ%a%b"), "%DLQ%b");
        assert_eq!(unwrap_any("%b"), "%b");
        assert_eq!(namespace_of("a%b%c"), Some("a"));
        assert_eq!(namespace_of("%RETRY%G"), None);
    }
}
