//! Forwarding, other writers of rules, ports, and name resolution.

use super::super::facts::{Facts, Feature, Firewall, Port, Support};
use super::super::finding::Finding;
use super::machine::persist;

pub(super) fn evaluate(facts: &Facts) -> Vec<Finding> {
    let mut findings = vec![forwarding(facts), bridge_calls(facts), reverse_path(facts)];
    findings.push(iptables(&facts.firewall));
    findings.push(firewalls(&facts.firewall));
    findings.push(resolver(facts));
    findings.push(plugin(facts));
    findings.extend(facts.ports.iter().map(port));
    findings
}

fn sysctl<'a>(facts: &'a Facts, name: &str) -> Option<&'a str> {
    facts.sysctls.get(name).map(|value| value.trim())
}

fn forwarding(facts: &Facts) -> Finding {
    const ID: &str = "network.ip-forward";
    match sysctl(facts, "net.ipv4.ip_forward") {
        Some("1") => Finding::ok(ID, "net.ipv4.ip_forward is 1"),
        _ => Finding::warning(
            ID,
            "net.ipv4.ip_forward is not 1: pods reach nothing outside the machine until it is",
            persist("net.ipv4.ip_forward=1"),
        ),
    }
}

fn bridge_calls(facts: &Facts) -> Finding {
    const ID: &str = "network.bridge-nf-call-iptables";
    const NAME: &str = "net.bridge.bridge-nf-call-iptables";
    match sysctl(facts, NAME) {
        Some("1") => Finding::ok(ID, format!("{NAME} is 1")),
        Some(_) => Finding::warning(
            ID,
            format!("{NAME} is 0: a pod cannot reach a service whose endpoint is on the same node"),
            persist("net.bridge.bridge-nf-call-iptables=1 net.bridge.bridge-nf-call-ip6tables=1"),
        ),
        None if facts.features.get(&Feature::BridgeNetfilter) == Some(&Support::Present) => {
            Finding::warning(ID, format!("{NAME} cannot be read"), "run the check as root")
        }
        None => Finding::warning(
            ID,
            format!("{NAME} does not exist: br_netfilter is not loaded"),
            "modprobe br_netfilter && echo br_netfilter >> /etc/modules-load.d/agent.conf",
        ),
    }
}

fn reverse_path(facts: &Facts) -> Finding {
    const ID: &str = "network.rp-filter";
    // The stricter of the two settings counts for an interface, so "default" matters for the pods' veths.
    let strict: Vec<&str> = ["net.ipv4.conf.all.rp_filter", "net.ipv4.conf.default.rp_filter"]
        .into_iter()
        .filter(|name| sysctl(facts, name) == Some("1"))
        .collect();
    if strict.is_empty() {
        return Finding::ok(ID, "reverse path filter is not strict");
    }
    let settings: Vec<String> = strict.iter().map(|name| format!("{name}=2")).collect();
    Finding::warning(
        ID,
        format!(
            "{} is 1 (strict): answers that come back another way are dropped without a trace",
            strict.join(" and ")
        ),
        persist(&settings.join(" ")),
    )
}

fn iptables(firewall: &Firewall) -> Finding {
    const ID: &str = "network.iptables";
    let Some(nft) = &firewall.nft_tables else {
        return Finding::warning(ID, "tables of nftables cannot be listed", "run the check as root");
    };
    // What iptables-nft writes has these names; nftables' own users choose others.
    let of_iptables = |table: &&String| {
        let name = table.split(' ').nth(1).unwrap_or_default();
        (table.starts_with("ip ") || table.starts_with("ip6 "))
            && ["filter", "nat", "mangle", "raw"].contains(&name)
    };
    let nft: Vec<&String> = nft.iter().filter(of_iptables).collect();
    match (firewall.legacy_tables.is_empty(), nft.is_empty()) {
        (true, _) => Finding::ok(ID, "no tables of the old iptables interface"),
        (false, true) => Finding::ok(ID, "iptables-legacy is in use, and only that"),
        (false, false) => Finding::warning(
            ID,
            format!(
                "rules exist in iptables-legacy ({}) and in iptables-nft: packets pass both, and each tool shows only \
                 its own",
                firewall.legacy_tables.join(", ")
            ),
            "update-alternatives --set iptables /usr/sbin/iptables-nft; move the rules that iptables-legacy-save \
             shows, then reboot",
        ),
    }
}

fn firewalls(firewall: &Firewall) -> Finding {
    const ID: &str = "network.firewall";
    if firewall.firewalld {
        return Finding::warning(
            ID,
            "firewalld runs: its reload removes rules that it did not make, and its zones drop pods' traffic",
            "systemctl disable --now firewalld, or: firewall-cmd --permanent --zone=trusted --add-source=POD_CIDR && \
             firewall-cmd --reload",
        );
    }
    if firewall.ufw {
        return Finding::warning(
            ID,
            "ufw is enabled: it drops forwarded traffic unless told otherwise",
            "ufw default allow routed, and ufw allow 10250/tcp",
        );
    }
    Finding::ok(ID, "neither firewalld nor ufw")
}

fn resolver(facts: &Facts) -> Finding {
    const ID: &str = "network.resolver";
    if facts.nameservers.is_empty() {
        return Finding::warning(
            ID,
            "resolv.conf names no nameserver: pods cannot resolve names",
            "add a line \"nameserver ADDRESS\" to /etc/resolv.conf",
        );
    }
    let servers: Vec<String> = facts.nameservers.iter().map(ToString::to_string).collect();
    let servers = servers.join(", ");
    if facts.nameservers.iter().all(std::net::IpAddr::is_loopback) {
        return Finding::warning(
            ID,
            format!("resolv.conf names only {servers}, which inside a pod is the pod itself"),
            "start the node with --resolv-conf /run/systemd/resolve/resolv.conf (where systemd-resolved runs)",
        );
    }
    Finding::ok(ID, format!("nameservers {servers}"))
}

fn plugin(facts: &Facts) -> Finding {
    const ID: &str = "network.cni";
    if facts.foreign_cni.is_empty() {
        return Finding::ok(ID, "no foreign network configuration; the node brings its own");
    }
    Finding::ok(
        ID,
        format!(
            "pods use the network configuration that is there: {}",
            facts.foreign_cni.join(", ")
        ),
    )
}

fn port(port: &Port) -> Finding {
    const ID: &str = "network.port";
    let place = format!("port {} ({})", port.number, port.purpose);
    let Some(holder) = &port.taken else {
        return Finding::ok(ID, format!("{place} is free"));
    };
    let name = holder.name.as_deref().unwrap_or("an unknown process");
    if name == "agent" {
        return Finding::ok(ID, format!("{place} is in use by the running node"));
    }
    let who = match holder.pid {
        Some(pid) => format!("{name}, process {pid}"),
        None => name.to_owned(),
    };
    let fix = match (name, holder.pid) {
        ("kubelet", _) => "systemctl disable --now kubelet".to_owned(),
        (_, Some(pid)) => format!("end that process, or move its port: ps -fp {pid}"),
        (_, None) => format!("ss -tlnp 'sport = :{}'", port.number),
    };
    Finding::failure(ID, format!("{place} is taken by {who}"), fix)
}
