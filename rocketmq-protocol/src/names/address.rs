//! Names of places: what a client calls itself, the second port of a broker, name servers that are instances of a cloud.

/// The id by which brokers know a client: `<ip>@<instance>[@<unit>][@STREAM]` (`client/ClientConfig.java`,
/// `buildMQClientId`). Brokers sort the members of a group by it.
pub fn client_id(ip: &str, instance: &str, unit: Option<&str>, stream: bool) -> String {
    let mut id = format!("{ip}@{instance}");
    let unit = unit.filter(|unit| !unit.trim().is_empty());
    for part in unit.into_iter().chain(stream.then_some("STREAM")) {
        id.push('@');
        id.push_str(part);
    }
    id
}

/// The address of a broker's second port, two below its first, which serves sends in preference and no pulls
/// (`common/MixAll.java`, `brokerVIPChannel`). `None`: not an address with such a port.
pub fn vip_address(address: &str) -> Option<String> {
    let (host, port) = address.rsplit_once(':')?;
    let port = port.parse::<u16>().ok()?.checked_sub(2)?;
    Some(format!("{host}:{port}"))
}

/// Host and port of an endpoint, without its scheme (`common/utils/NameServerAddressUtils.java`).
pub fn endpoint_address(endpoint: &str) -> &str {
    endpoint.rsplit('/').next().unwrap_or(endpoint)
}

/// The instance that an endpoint belongs to, `MQ_INST_<owner>_<name>` at its beginning: the namespace of everything there
/// (`common/utils/NameServerAddressUtils.java`). `None`: not an endpoint of an instance.
pub fn endpoint_instance(endpoint: &str) -> Option<&str> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let host = match endpoint.split_once("://") {
        Some((scheme, host)) if !scheme.is_empty() && scheme.chars().all(is_word) => host,
        _ => endpoint,
    };
    let (instance, _) = host.split_once('.')?;
    let rest = instance.strip_prefix("MQ_INST_").filter(|rest| rest.chars().all(is_word))?;
    // Owner and name have a character each, which may be an underscore.
    let inside = rest.get(1..rest.len().checked_sub(1)?)?;
    inside.contains('_').then_some(instance)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn client_ids_have_the_form_of_java() {
        assert_eq!(client_id("10.0.0.1", "a", None, false), "10.0.0.1@a");
        assert_eq!(client_id("10.0.0.1", "a", Some("u"), true), "10.0.0.1@a@u@STREAM");
        assert_eq!(client_id("10.0.0.1", "a", Some(" "), false), "10.0.0.1@a");
    }

    #[test]
    fn the_second_port_lies_two_below() {
        assert_eq!(vip_address("[::1]:10911").unwrap(), "[::1]:10909");
        for none in ["h", "h:1", "h:x", "h:65536", ""] {
            assert_eq!(vip_address(none), None, "{none}");
        }
    }

    #[test]
    fn instances_are_recognised() {
        let check = |endpoint, instance, address| {
            assert_eq!(endpoint_instance(endpoint), instance, "{endpoint}");
            assert_eq!(endpoint_address(endpoint), address, "{endpoint}");
        };
        check("http://MQ_INST_1_2.x:80", Some("MQ_INST_1_2"), "MQ_INST_1_2.x:80");
        check("MQ_INST_1_2.x", Some("MQ_INST_1_2"), "MQ_INST_1_2.x");
        check("MQ_INST_1.x", None, "MQ_INST_1.x");
        check("MQ_INST_1_2", None, "MQ_INST_1_2");
        check("http://127.0.0.1:9876", None, "127.0.0.1:9876");
    }
}
