//! The table, made once per boot.

use super::element::TABLE;
use crate::nft::{BaseChain, Batch, Expressions, FibFlag, MetaKey, NatKind, PayloadBase, Register, SetSpec};

/// Types by which `nft` shows keys: address, protocol and port, and interface names; parts take six bits each.
const IPV4: u32 = 7;
const IPV6: u32 = 8;
const PROTOCOL: u32 = 12;
const PORT: u32 = 13;
const IFNAME: u32 = 41;

/// `NF_INET_*`.
const PREROUTING: u32 = 0;
const OUTPUT: u32 = 3;
const POSTROUTING: u32 = 4;

/// The bit of the packet's mark by which the field's port mapping asks for masquerading.
const MARK: u32 = 0x2000;
/// `RTN_LOCAL`: an address of this node.
const LOCAL: u32 = 2;

const R0: Register = Register(0);
const R1: Register = Register(1);
/// After any key.
const DATA: Register = Register(8);

/// One address family's numbers.
struct Family {
    /// `NFPROTO_*`.
    number: u8,
    kind: u32,
    len: u32,
    source: u32,
    destination: u32,
    ports: &'static str,
    addrports: &'static str,
    masq: &'static str,
}

const FAMILIES: [Family; 2] = [
    Family {
        number: 2,
        kind: IPV4,
        len: 4,
        source: 12,
        destination: 16,
        ports: "ports4",
        addrports: "addrports4",
        masq: "masq4",
    },
    Family {
        number: 10,
        kind: IPV6,
        len: 16,
        source: 8,
        destination: 24,
        ports: "ports6",
        addrports: "addrports6",
        masq: "masq6",
    },
];

/// Everything but the pods.
pub(super) fn table() -> Batch {
    let mut batch = Batch::default();
    batch.create_table(TABLE);
    sets(&mut batch);
    for (name, hook, priority) in [
        ("prerouting", PREROUTING, -100),
        ("output", OUTPUT, -100),
        ("postrouting", POSTROUTING, 100),
    ] {
        batch.create_base_chain(
            TABLE,
            BaseChain {
                name,
                kind: "nat",
                hook,
                priority,
            },
        );
    }
    batch.create_chain(TABLE, "hostports");
    let local = || {
        let e = Expressions::default().address_type(FibFlag::Destination, R0);
        e.equal(R0, &LOCAL.to_ne_bytes()).jump("hostports")
    };
    batch.append_rule(TABLE, "prerouting", &local());
    batch.append_rule(TABLE, "output", &local());
    // All marks first: the first translation ends the chain.
    for family in &FAMILIES {
        for by_address in [true, false] {
            batch.append_rule(TABLE, "hostports", &mark(family, by_address));
        }
    }
    for family in &FAMILIES {
        for by_address in [true, false] {
            batch.append_rule(TABLE, "hostports", &translate(family, by_address));
        }
    }
    batch.append_rule(TABLE, "postrouting", &masquerade_marked());
    batch.append_rule(TABLE, "postrouting", &masquerade_localhost());
    for family in &FAMILIES {
        batch.append_rule(TABLE, "postrouting", &masquerade_pods(family));
    }
    batch
}

fn sets(batch: &mut Batch) {
    let set = |name, key_type, key_len, data| SetSpec {
        name,
        key_type,
        key_len,
        data,
        host_order: false,
    };
    batch.create_set(
        TABLE,
        SetSpec {
            host_order: true,
            ..set("inside", IFNAME, 16, None)
        },
    );
    for f in &FAMILIES {
        batch.create_set(TABLE, set(f.masq, f.kind, f.len, None));
        let data = Some((f.kind << 6 | PORT, f.len + 4));
        let key = PROTOCOL << 6 | PORT;
        batch.create_set(TABLE, set(f.ports, key, 8, data));
        batch.create_set(TABLE, set(f.addrports, f.kind << 12 | key, f.len + 8, data));
    }
}

/// Finds the pod that a port of the node leads to: its address and port are in the registers from [`DATA`].
fn find(start: Expressions, family: &Family, by_address: bool) -> Expressions {
    let words = if by_address { (family.len / 4) as u8 } else { 0 };
    let mut e = start.meta(MetaKey::NfProto, R0).equal(R0, &[family.number]);
    if by_address {
        e = e.payload(PayloadBase::Network, family.destination, family.len, R0);
    }
    let e = e.meta(MetaKey::L4Proto, Register(words));
    // Ports are at the same place in TCP, UDP and SCTP.
    let e = e.payload(PayloadBase::Transport, 2, 2, Register(words + 1));
    e.map(
        if by_address {
            family.addrports
        } else {
            family.ports
        },
        R0,
        DATA,
    )
}

/// A pod that uses a port of its node gets the node's address on the way: the pod behind the port would
/// answer directly otherwise, from an address that nobody asked.
fn mark(family: &Family, by_address: bool) -> Expressions {
    let from_pod = Expressions::default()
        .meta(MetaKey::IifName, R0)
        .lookup("inside", R0, false);
    find(from_pod, family, by_address)
        .meta(MetaKey::Mark, R0)
        .bitwise(R0, &(!MARK).to_ne_bytes(), &MARK.to_ne_bytes())
        .set_meta(MetaKey::Mark, R0)
}

fn translate(family: &Family, by_address: bool) -> Expressions {
    let port = Register(DATA.0 + (family.len / 4) as u8);
    find(Expressions::default(), family, by_address).nat(NatKind::Destination, family.number, DATA, port)
}

fn masquerade_marked() -> Expressions {
    let e = Expressions::default().meta(MetaKey::Mark, R0);
    e.bitwise(R0, &MARK.to_ne_bytes(), &[0; 4])
        .equal(R0, &MARK.to_ne_bytes())
        .masquerade()
}

/// The node's own connections to its ports over 127.0.0.1: a pod could not answer to that.
fn masquerade_localhost() -> Expressions {
    Expressions::default()
        .meta(MetaKey::OifName, R0)
        .lookup("inside", R0, false)
        .meta(MetaKey::NfProto, R0)
        .equal(R0, &[2])
        .payload(PayloadBase::Network, 12, 1, R0)
        .equal(R0, &[127])
        .masquerade()
}

/// Pods' traffic to anywhere but other pods and groups (multicast).
fn masquerade_pods(family: &Family) -> Expressions {
    let e = Expressions::default()
        .meta(MetaKey::NfProto, R0)
        .equal(R0, &[family.number])
        .payload(PayloadBase::Network, family.source, family.len, R0)
        .lookup(family.masq, R0, false)
        .payload(PayloadBase::Network, family.destination, 1, R1);
    let e = if family.len == 4 {
        e.bitwise(R1, &[0xf0], &[0]).different(R1, &[0xe0])
    } else {
        e.different(R1, &[0xff])
    };
    e.meta(MetaKey::OifName, R0)
        .lookup("inside", R0, true)
        .masquerade()
}
