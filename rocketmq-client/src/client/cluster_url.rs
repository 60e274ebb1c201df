//! Clusters written as URLs: `rocketmq://key:secret@host:9876,host:9876/?tls=true`.

use super::ClientBuilder;
use crate::Error;

const SCHEME: &str = "rocketmq://";

/// Takes apart what names a cluster: a list in Java's form stays as it is, a URL also sets options.
pub(super) fn apply(builder: ClientBuilder) -> Result<ClientBuilder, Error> {
    let Some(rest) = builder.name_servers.strip_prefix(SCHEME).map(str::to_owned) else {
        return Ok(builder);
    };
    let (authority, query) = match rest.split_once(['/', '?']) {
        Some((authority, query)) => (authority, query.trim_start_matches(['/', '?'])),
        None => (&*rest, ""),
    };
    let (login, hosts) = match authority.rsplit_once('@') {
        Some((login, hosts)) => (Some(login), hosts),
        None => (None, authority),
    };
    let mut builder = ClientBuilder { name_servers: hosts.to_owned(), ..builder };
    if let Some(login) = login {
        let (key, secret) = login.split_once(':').ok_or_else(|| {
            Error::invalid("the URL of a cluster has an access key and no secret: `key:secret@`")
        })?;
        builder = with_login(builder, &decoded(key)?, &decoded(secret)?)?;
    }
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        builder = set(builder, key, &decoded(value)?)?;
    }
    Ok(builder)
}

fn set(builder: ClientBuilder, key: &str, value: &str) -> Result<ClientBuilder, Error> {
    Ok(match key {
        "tls" if switch(key, value)? => with_tls(builder)?,
        "tls" => builder,
        "instance_name" => builder.instance_name(value),
        "unit_name" => builder.unit_name(value),
        "unit_mode" => builder.unit_mode(switch(key, value)?),
        "vip_channel" => builder.vip_channel(switch(key, value)?),
        "short_heartbeats" => builder.short_heartbeats(switch(key, value)?),
        unknown => {
            return Err(Error::invalid(format!("the URL of a cluster has no option `{unknown}`")));
        }
    })
}

fn switch(key: &str, value: &str) -> Result<bool, Error> {
    match value {
        "true" | "" => Ok(true),
        "false" => Ok(false),
        _ => Err(Error::invalid(format!("option `{key}` of a cluster's URL is `true` or `false`"))),
    }
}

/// Bytes that would have a meaning in a URL stand as `%` and two digits.
fn decoded(text: &str) -> Result<String, Error> {
    let malformed =
        || Error::invalid("the URL of a cluster has a `%` that is no escaped byte of UTF-8");
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2).ok_or_else(malformed)?;
        bytes.push(u8::from_str_radix(digits, 16).map_err(|_| malformed())?);
        bytes.extend_from_slice(rest.as_bytes());
    }
    String::from_utf8(bytes).map_err(|_| malformed())
}

#[cfg(feature = "acl")]
fn with_login(builder: ClientBuilder, key: &str, secret: &str) -> Result<ClientBuilder, Error> {
    Ok(builder.credentials(crate::Credentials::new(key, secret)))
}

#[cfg(not(feature = "acl"))]
fn with_login(_: ClientBuilder, _: &str, _: &str) -> Result<ClientBuilder, Error> {
    Err(Error::invalid("the URL of a cluster has a login, which needs the feature `acl`"))
}

#[cfg(feature = "_tls")]
fn with_tls(builder: ClientBuilder) -> Result<ClientBuilder, Error> {
    // Options that were given before are not undone by the switch.
    Ok(if builder.wiring.tls.is_some() {
        builder
    } else {
        builder.tls(crate::TlsOptions::default())
    })
}

#[cfg(not(feature = "_tls"))]
fn with_tls(_: ClientBuilder) -> Result<ClientBuilder, Error> {
    Err(Error::invalid("the URL of a cluster asks for TLS, which needs the feature `tls`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<ClientBuilder, Error> {
        apply(ClientBuilder::new(text.to_owned()))
    }

    #[test]
    fn lists_of_java_are_left_alone() {
        assert_eq!(read("a:1;b:2").unwrap().name_servers, "a:1;b:2");
    }

    #[test]
    fn urls_name_hosts_and_options() {
        let builder = read("rocketmq://a:1,[::1]:2/?instance_name=x%20y&vip_channel").unwrap();
        assert_eq!(builder.name_servers, "a:1,[::1]:2");
        assert_eq!(builder.options.instance_name.as_deref(), Some("x y"));
        assert!(builder.options.vip_channel);
        for bad in [
            "rocketmq://a:1/?colour=blue",
            "rocketmq://key@a:1",
            "rocketmq://a:1/?tls=maybe",
            "rocketmq://a:1/?unit_name=%f",
        ] {
            assert_eq!(read(bad).unwrap_err().kind(), crate::ErrorKind::Invalid, "{bad}");
        }
    }

    #[cfg(feature = "acl")]
    #[test]
    fn the_secret_of_a_url_does_not_show() {
        let builder = read("rocketmq://key:hunter%3A2@a:1").unwrap();
        assert_eq!(builder.name_servers, "a:1");
        let shown = format!("{builder:?}");
        assert!(shown.contains("key") && !shown.contains("hunter"), "{shown}");
        assert!(
            !format!("{:?}", ClientBuilder::new("rocketmq://k:hunter2@a:1".into()))
                .contains("hunter")
        );
    }
}
