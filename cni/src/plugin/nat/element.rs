//! Sets' elements in the kernel's form: parts padded to four bytes, numbers in network byte order.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::nft::Element;
use crate::plugin::{NetConfig, PortMapping};

/// The table of all pods' address translation.
pub(super) const TABLE: &str = "agent-cni";

/// Number of the transport protocol without connections.
pub(super) const UDP: u8 = 17;

/// The port of the node that an element of a port map stands for, if it is a UDP port.
pub(super) fn udp_port(map: &str, element: &Element) -> Option<u16> {
    let skip = match map {
        "ports4" | "ports6" => 0,
        "addrports4" => 4,
        "addrports6" => 16,
        _ => return None,
    };
    match element.key.get(skip..)? {
        [UDP, _, _, _, high, low, ..] => Some(u16::from_be_bytes([*high, *low])),
        _ => None,
    }
}

/// Whether `set` is one of these.
pub(super) fn is_of(set: &str, sets: &[(&str, bool)]) -> bool {
    sets.iter().any(|(name, _)| *name == set)
}

/// The elements that a pod with these addresses needs.
pub(super) fn wanted(config: &NetConfig, addresses: &[IpAddr]) -> Vec<(&'static str, Element)> {
    let mut wanted = vec![("inside", interface(config.bridge.as_str()))];
    for address in addresses {
        if config.masquerade {
            let set = if address.is_ipv4() { "masq4" } else { "masq6" };
            wanted.push((
                set,
                Element {
                    key: octets(*address),
                    data: Vec::new(),
                },
            ));
        }
        wanted.extend(config.port_mappings.iter().filter_map(|m| port(m, *address)));
    }
    wanted
}

fn interface(name: &str) -> Element {
    let mut key = name.as_bytes().to_vec();
    key.resize(16, 0);
    Element {
        key,
        data: Vec::new(),
    }
}

/// The map and element for one mapping to `pod`; none when it is for an address of the other family.
fn port(mapping: &PortMapping, pod: IpAddr) -> Option<(&'static str, Element)> {
    let host: Option<IpAddr> = mapping
        .host_ip
        .parse()
        .ok()
        .filter(|ip: &IpAddr| !ip.is_unspecified());
    let unspecified: Option<IpAddr> = mapping.host_ip.parse().ok();
    if unspecified.is_some_and(|ip| ip.is_ipv4() != pod.is_ipv4()) {
        return None;
    }
    let protocol = match mapping.protocol.as_str() {
        "udp" => UDP,
        "sctp" => 132,
        _ => 6,
    };
    let mut key = host.map(octets).unwrap_or_default();
    key.extend([protocol, 0, 0, 0]);
    key.extend(padded(mapping.host_port));
    let mut data = octets(pod);
    data.extend(padded(mapping.container_port));
    let map = match (host.is_some(), pod.is_ipv4()) {
        (false, true) => "ports4",
        (false, false) => "ports6",
        (true, true) => "addrports4",
        (true, false) => "addrports6",
    };
    Some((map, Element { key, data }))
}

fn padded(port: u16) -> [u8; 4] {
    let [high, low] = port.to_be_bytes();
    [high, low, 0, 0]
}

fn octets(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(a) => a.octets().to_vec(),
        IpAddr::V6(a) => a.octets().to_vec(),
    }
}

/// The address that a key or a map's data begins with.
pub(super) fn address(bytes: &[u8], four: bool) -> Option<IpAddr> {
    if four {
        let octets: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
        Some(Ipv4Addr::from(octets).into())
    } else {
        let octets: [u8; 16] = bytes.get(..16)?.try_into().ok()?;
        Some(Ipv6Addr::from(octets).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mapping(host_ip: &str, protocol: &str) -> PortMapping {
        PortMapping {
            host_port: 8080,
            container_port: 80,
            protocol: protocol.into(),
            host_ip: host_ip.into(),
        }
    }

    #[test]
    fn a_port_goes_to_the_map_of_its_family_and_address() {
        let four: IpAddr = "10.1.0.2".parse().unwrap();
        let six: IpAddr = "fd00::2".parse().unwrap();
        for (host_ip, pod, map) in [
            ("", four, Some("ports4")),
            ("", six, Some("ports6")),
            ("0.0.0.0", four, Some("ports4")),
            ("0.0.0.0", six, None),
            ("192.0.2.1", four, Some("addrports4")),
            ("192.0.2.1", six, None),
            ("::1", six, Some("addrports6")),
        ] {
            let found = port(&mapping(host_ip, "tcp"), pod);
            assert_eq!(found.as_ref().map(|(m, _)| *m), map, "{host_ip:?} {pod}");
            if let Some((_, element)) = found {
                assert_eq!(address(&element.data, pod.is_ipv4()), Some(pod));
            }
        }
    }

    #[test]
    fn keys_and_data_have_the_kernels_layout() {
        let (_, element) = port(&mapping("192.0.2.1", "udp"), "10.1.0.2".parse().unwrap()).unwrap();
        assert_eq!(element.key, [192, 0, 2, 1, 17, 0, 0, 0, 0x1f, 0x90, 0, 0]);
        assert_eq!(element.data, [10, 1, 0, 2, 0, 80, 0, 0]);
        assert_eq!(udp_port("addrports4", &element), Some(8080));
        assert_eq!(udp_port("masq4", &element), None);
        let (map, tcp) = port(&mapping("", "tcp"), "fd00::2".parse().unwrap()).unwrap();
        assert_eq!(udp_port(map, &tcp), None);
    }
}
