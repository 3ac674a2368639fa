//! Who has the ports that the node needs.

use std::fs;
use std::io;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;

use super::super::facts::{Holder, Port};

/// The state "listening" in `/proc/net/tcp`.
const LISTEN: &str = "0A";

/// Tries each port and looks for its holder where it is taken.
pub(super) fn look(proc: &Path, ports: &[(u16, &'static str)]) -> Vec<Port> {
    ports
        .iter()
        .map(|(number, purpose)| Port {
            number: *number,
            purpose,
            taken: taken(proc, *number),
        })
        .collect()
}

/// The standard library sets `SO_REUSEADDR`, so connections that linger do not count.
fn taken(proc: &Path, port: u16) -> Option<Holder> {
    match TcpListener::bind((Ipv4Addr::UNSPECIFIED, port)) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => Some(holder(proc, port)),
        _ => None,
    }
}

fn holder(proc: &Path, port: u16) -> Holder {
    let inode = ["net/tcp", "net/tcp6"].iter().find_map(|file| {
        let table = fs::read_to_string(proc.join(file)).ok()?;
        table.lines().skip(1).find_map(|line| listening_inode(line, port))
    });
    inode
        .and_then(|inode| process_with(proc, &format!("socket:[{inode}]")))
        .unwrap_or_default()
}

/// The socket's inode if the line of `/proc/net/tcp` is a listener on `port`.
pub(super) fn listening_inode(line: &str, port: u16) -> Option<u64> {
    let columns: Vec<&str> = line.split_whitespace().collect();
    let (_, local_port) = columns.get(1)?.rsplit_once(':')?;
    let matches = u16::from_str_radix(local_port, 16).ok()? == port && *columns.get(3)? == LISTEN;
    matches.then(|| columns.get(9)?.parse().ok()).flatten()
}

/// The process that has `link` among its open files.
fn process_with(proc: &Path, link: &str) -> Option<Holder> {
    for entry in fs::read_dir(proc).ok()?.flatten() {
        let Some(pid) = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok())
        else {
            continue;
        };
        let files = fs::read_dir(entry.path().join("fd"))
            .into_iter()
            .flatten()
            .flatten();
        let mut targets = files.filter_map(|file| fs::read_link(file.path()).ok());
        if targets.any(|target| target.as_os_str() == link) {
            let name = fs::read_to_string(entry.path().join("comm")).ok();
            return Some(Holder {
                pid: Some(pid),
                name: name.map(|name| name.trim().to_owned()),
            });
        }
    }
    None
}
