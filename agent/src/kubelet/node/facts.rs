//! What the node is: CPUs, memory, huge pages, resolv.conf. Read once at the start.

use std::fs;

use crate::kubelet::config::NodeConfig;
use crate::kubelet::criconfig::{NodeFacts, dns::ResolvConf};

const HUGEPAGES: &str = "/sys/kernel/mm/hugepages";

/// Reads the machine. What cannot be read counts as absent; pods say what they miss.
pub(super) fn read(config: &NodeConfig) -> NodeFacts {
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let resolv = fs::read_to_string(&config.resolv_conf).unwrap_or_default();
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    NodeFacts {
        cpu_milli: i64::try_from(cpus).unwrap_or(1) * 1000,
        memory: total_memory(&meminfo),
        hugepages: hugepages(),
        resolv_conf: ResolvConf::parse(&resolv),
        config: config.clone(),
    }
}

fn total_memory(meminfo: &str) -> i64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib: i64 = line
        .and_then(|l| l.trim().trim_end_matches(" kB").parse().ok())
        .unwrap_or(0);
    kib * 1024
}

/// Sizes in the runtime's spelling, smallest first.
fn hugepages() -> Vec<String> {
    let mut sizes: Vec<u64> = fs::read_dir(HUGEPAGES)
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| {
            let name = entry.file_name().into_string().ok()?;
            name.strip_prefix("hugepages-")?.strip_suffix("kB")?.parse().ok()
        })
        .collect();
    sizes.sort_unstable();
    sizes.into_iter().map(spelled).collect()
}

fn spelled(kib: u64) -> String {
    match kib {
        kib if kib % (1024 * 1024) == 0 => format!("{}GB", kib / 1024 / 1024),
        kib if kib % 1024 == 0 => format!("{}MB", kib / 1024),
        kib => format!("{kib}KB"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn machine_is_read_in_the_units_that_pods_use() {
        assert_eq!(
            total_memory("MemTotal:       24633384 kB\nMemFree: 1 kB\n"),
            24_633_384 * 1024
        );
        assert_eq!(total_memory(""), 0);
        assert_eq!([64, 2048, 1_048_576].map(spelled), ["64KB", "2MB", "1GB"]);
    }
}
