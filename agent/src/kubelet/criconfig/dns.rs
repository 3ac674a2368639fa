//! DNS settings of a pod: policy, the node's resolv.conf, and the pod's own additions.

use k8s_openapi::api::core::v1::{Pod, PodDNSConfig};

use super::{NodeFacts, podspec};

/// What a resolv.conf says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ResolvConf {
    /// Addresses of name servers.
    pub(crate) servers: Vec<String>,
    /// Domains to search; the last `search` line counts.
    pub(crate) searches: Vec<String>,
    /// Options.
    pub(crate) options: Vec<String>,
}

/// Most name servers that a resolver looks at.
const MOST_SERVERS: usize = 3;
/// Most search domains, and most characters of them, that resolvers take.
const MOST_SEARCHES: usize = 32;

impl ResolvConf {
    /// Reads the text of a resolv.conf; lines that mean nothing to a resolver are passed over, as it does.
    #[must_use]
    pub(crate) fn parse(text: &str) -> Self {
        let mut conf = Self::default();
        for line in text.lines() {
            let line = line.split(['#', ';']).next().unwrap_or_default();
            let mut words = line.split_whitespace();
            match words.next() {
                Some("nameserver") => conf.servers.extend(words.next().map(Into::into)),
                Some("search" | "domain") => {
                    conf.searches = words.map(|s| s.trim_end_matches('.').into()).collect();
                }
                Some("options") => conf.options = words.map(Into::into).collect(),
                _ => {}
            }
        }
        conf
    }
}

/// The DNS settings of `pod`.
///
/// `ClusterFirst` without a cluster DNS, and on the host's network, falls back to the node's settings, as the
/// reference does.
pub(super) fn settings(pod: &Pod, namespace: &str, node: &NodeFacts) -> cri::v1::DnsConfig {
    let spec = podspec::spec(pod);
    let host_network = spec.host_network == Some(true);
    let cluster = !node.config.cluster_dns.is_empty();
    let mut conf = match spec.dns_policy.as_deref() {
        Some("None") => ResolvConf::default(),
        Some("ClusterFirstWithHostNet") if cluster => cluster_first(namespace, node),
        Some("ClusterFirst") | None if cluster && !host_network => cluster_first(namespace, node),
        _ => node.resolv_conf.clone(),
    };
    if let Some(own) = &spec.dns_config {
        add(&mut conf, own);
    }
    conf.servers.truncate(MOST_SERVERS);
    conf.searches.truncate(MOST_SEARCHES);
    cri::v1::DnsConfig {
        servers: conf.servers,
        searches: conf.searches,
        options: conf.options,
    }
}

fn cluster_first(namespace: &str, node: &NodeFacts) -> ResolvConf {
    let domain = &node.config.cluster_domain;
    let mut searches = Vec::new();
    if !domain.is_empty() {
        searches.extend([
            format!("{namespace}.svc.{domain}"),
            format!("svc.{domain}"),
            domain.clone(),
        ]);
    }
    for search in &node.resolv_conf.searches {
        if !searches.contains(search) {
            searches.push(search.clone());
        }
    }
    ResolvConf {
        servers: node.config.cluster_dns.iter().map(ToString::to_string).collect(),
        searches,
        options: vec!["ndots:5".into()],
    }
}

/// Adds the pod's own settings; its options replace those of the same name.
fn add(conf: &mut ResolvConf, own: &PodDNSConfig) {
    let append = |list: &mut Vec<String>, more: &Option<Vec<String>>| {
        for item in more.iter().flatten() {
            if !list.contains(item) {
                list.push(item.clone());
            }
        }
    };
    append(&mut conf.servers, &own.nameservers);
    append(&mut conf.searches, &own.searches);
    for option in own.options.iter().flatten() {
        let Some(name) = &option.name else { continue };
        let text = match &option.value {
            Some(value) if !value.is_empty() => format!("{name}:{value}"),
            _ => name.clone(),
        };
        match conf
            .options
            .iter_mut()
            .find(|o| o.split(':').next() == Some(name))
        {
            Some(there) => *there = text,
            None => conf.options.push(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolv_conf_is_read_as_a_resolver_reads_it() {
        let text = "# c\nnameserver 10.0.0.1\nnameserver\t::1 # x\nsearch a.example b.example.\nsearch c\noptions ndots:2 edns0\nbad line\n";
        let conf = ResolvConf::parse(text);
        assert_eq!(conf.servers, ["10.0.0.1", "::1"]);
        assert_eq!(conf.searches, ["c"]);
        assert_eq!(conf.options, ["ndots:2", "edns0"]);
    }
}
