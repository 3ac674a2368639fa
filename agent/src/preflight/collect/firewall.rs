//! Other writers of packet filter rules.

use std::fs;
use std::path::Path;

use cni::netlink::{Cause, Reply, Socket};

use super::super::facts::Firewall;
use super::Roots;

/// `NETLINK_NETFILTER` and what is asked there (include/uapi/linux/netfilter/nf_tables.h).
const NETLINK_NETFILTER: isize = 12;
const SUBSYSTEM_NFTABLES: u16 = 10;
const GET_TABLE: u16 = 1;
const NEW_TABLE: u16 = 0;
const ATTRIBUTE_NAME: u16 = 1;
const REQUEST_DUMP: u16 = 0x0301;
const HEADER: usize = 16;
/// After the netlink header: family, version, resource id.
const FAMILY_HEADER: usize = 4;

pub(super) fn look(roots: &Roots) -> Firewall {
    Firewall {
        firewalld: runs(&roots.proc, "firewalld"),
        ufw: fs::read_to_string(roots.etc.join("ufw/ufw.conf")).is_ok_and(|text| {
            text.lines()
                .any(|line| line.trim().eq_ignore_ascii_case("ENABLED=yes"))
        }),
        legacy_tables: fs::read_to_string(roots.proc.join("net/ip_tables_names"))
            .map(|text| text.lines().map(str::to_owned).collect())
            .unwrap_or_default(),
        nft_tables: nft_tables().ok(),
    }
}

fn runs(proc: &Path, name: &str) -> bool {
    let entries = fs::read_dir(proc).into_iter().flatten().flatten();
    let numeric = |name: &std::ffi::OsStr| name.as_encoded_bytes().iter().all(u8::is_ascii_digit);
    entries
        .filter(|entry| numeric(&entry.file_name()))
        .any(|entry| fs::read_to_string(entry.path().join("comm")).is_ok_and(|comm| comm.trim() == name))
}

/// The nftables tables of this network namespace as `family name`.
///
/// # Errors
/// When the kernel has no nftables, or refuses (needs `CAP_NET_ADMIN`).
pub(super) fn nft_tables() -> Result<Vec<String>, Cause> {
    let mut socket = Socket::open(NETLINK_NETFILTER)?;
    let sequence = socket.next_sequence();
    socket.send(&request(sequence))?;
    let mut tables = Vec::new();
    let mut done = false;
    while !done {
        socket.receive(|reply| {
            match reply {
                Reply::Message { frame, .. } => tables.extend(table(frame)),
                Reply::Refused(_, cause) => return Err(cause),
                Reply::Done(_) | Reply::Ack(_) => done = true,
            }
            Ok(())
        })?;
    }
    Ok(tables)
}

fn request(sequence: u32) -> Vec<u8> {
    let length = u32::try_from(HEADER + FAMILY_HEADER).unwrap_or_default();
    let mut bytes = length.to_ne_bytes().to_vec();
    bytes.extend((SUBSYSTEM_NFTABLES << 8 | GET_TABLE).to_ne_bytes());
    bytes.extend(REQUEST_DUMP.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    // Port 0 is filled in by the kernel; then any family, version 0, no resource.
    bytes.extend([0; 4 + FAMILY_HEADER]);
    bytes
}

fn table(frame: &[u8]) -> Option<String> {
    let short = |bytes: &[u8], at: usize| Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    if short(frame, 4)? != SUBSYSTEM_NFTABLES << 8 | NEW_TABLE {
        return None;
    }
    let family = match *frame.get(HEADER)? {
        1 => "inet",
        2 => "ip",
        3 => "arp",
        5 => "netdev",
        7 => "bridge",
        10 => "ip6",
        _ => "other",
    };
    let mut rest = frame.get(HEADER + FAMILY_HEADER..)?;
    while rest.len() > 4 {
        let length = usize::from(short(rest, 0)?);
        if short(rest, 2)? == ATTRIBUTE_NAME {
            let name = std::ffi::CStr::from_bytes_until_nul(rest.get(4..length)?).ok()?;
            return Some(format!("{family} {}", name.to_str().ok()?));
        }
        rest = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}
