use proptest::prelude::*;

use super::*;

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn range(text: &str) -> Range {
    let parts: Vec<&str> = text.split(' ').collect();
    let optional = |i: usize| parts.get(i).filter(|p| **p != "-").map(|p| ip(p));
    Range::new(parts[0].parse().unwrap(), optional(1), optional(2), optional(3)).unwrap()
}

fn set(ranges: &[&str]) -> RangeSet {
    RangeSet::new(ranges.iter().map(|r| range(r)).collect()).unwrap()
}

#[test]
fn bounds_default_to_everything_usable() {
    for (text, shown, gateway, capacity) in [
        ("10.1.2.0/24", "10.1.2.1-10.1.2.254", "10.1.2.1", 253),
        ("10.1.2.0/30", "10.1.2.1-10.1.2.2", "10.1.2.1", 1),
        (
            "10.1.2.0/24 10.1.2.20 10.1.2.30",
            "10.1.2.20-10.1.2.30",
            "10.1.2.1",
            11,
        ),
        (
            "10.1.2.0/24 10.1.2.0 10.1.2.255",
            "10.1.2.1-10.1.2.254",
            "10.1.2.1",
            253,
        ),
        (
            "10.1.2.0/24 - - 10.1.2.254",
            "10.1.2.1-10.1.2.254",
            "10.1.2.254",
            253,
        ),
        ("fd00::/124", "fd00::1-fd00::f", "fd00::1", 14),
    ] {
        let r = range(text);
        assert_eq!(
            (r.to_string().as_str(), r.gateway()),
            (shown, ip(gateway)),
            "{text}"
        );
        assert_eq!(r.capacity(), capacity, "{text}");
    }
}

#[test]
fn contradictions_are_refused_by_name() {
    let new = |net: &str, a: Option<&str>, b: Option<&str>, g: Option<&str>| {
        Range::new(net.parse().unwrap(), a.map(ip), b.map(ip), g.map(ip))
            .unwrap_err()
            .to_string()
    };
    for (error, text) in [
        (
            new("10.0.0.1/24", None, None, None),
            "subnet 10.0.0.1/24 has host bits set: the network is 10.0.0.0/24",
        ),
        (
            new("10.0.0.0/31", None, None, None),
            "subnet 10.0.0.0/31 is too small to allocate from",
        ),
        (
            new("10.0.0.0/24", Some("10.0.1.1"), None, None),
            "rangeStart 10.0.1.1 is not inside subnet 10.0.0.0/24",
        ),
        (
            new("10.0.0.0/24", None, None, Some("fd00::1")),
            "gateway fd00::1 is not inside subnet 10.0.0.0/24",
        ),
        (
            new("10.0.0.0/24", Some("10.0.0.9"), Some("10.0.0.3"), None),
            "rangeStart 10.0.0.9 is above rangeEnd 10.0.0.3",
        ),
    ] {
        assert_eq!(error, text);
    }
    assert_eq!(RangeSet::new(vec![]), Err(RangeError::Empty));
    assert!(matches!(
        RangeSet::new(vec![range("10.0.0.0/24"), range("fd00::/64")]),
        Err(RangeError::MixedFamilies(..))
    ));
    assert!(matches!(
        RangeSet::new(vec![range("10.0.0.0/24"), range("10.0.0.0/25")]),
        Err(RangeError::Overlap(..))
    ));
}

#[test]
fn addresses_go_round_and_come_back_last() {
    let s = set(&["10.0.0.0/29", "10.0.1.0/30 - - 10.0.1.2"]);
    let mut taken = BTreeSet::new();
    let mut last = None;
    let mut order = Vec::new();
    while let Some(next) = s.next_free(&taken, last) {
        taken.insert(next);
        last = Some(next);
        order.push(next.to_string());
    }
    assert_eq!(
        order,
        [
            "10.0.0.2", "10.0.0.3", "10.0.0.4", "10.0.0.5", "10.0.0.6", "10.0.1.1"
        ]
    );
    assert_eq!(order.len() as u128, s.capacity());
    taken.remove(&ip("10.0.0.3"));
    assert_eq!(s.next_free(&taken, last), Some(ip("10.0.0.3")));
    assert_eq!(
        s.next_free(&taken, Some(ip("10.0.0.3"))),
        Some(ip("10.0.0.3")),
        "all around"
    );
    assert_eq!(
        s.next_free(&BTreeSet::new(), Some(ip("10.0.0.4"))),
        Some(ip("10.0.0.5"))
    );
    assert_eq!(
        s.next_free(&BTreeSet::new(), Some(ip("192.0.2.1"))),
        Some(ip("10.0.0.2")),
        "foreign memory"
    );
}

#[test]
fn the_end_of_the_address_space_is_no_trap() {
    let s = set(&["255.255.255.248/29", "10.0.0.0/29"]);
    let taken = BTreeSet::new();
    assert_eq!(
        s.next_free(&taken, Some(ip("255.255.255.254"))),
        Some(ip("10.0.0.2"))
    );
    let six = set(&["ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff0/124"]);
    let last = ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    assert_eq!(
        six.next_free(&taken, Some(last)),
        Some(ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:fff2"))
    );
}

proptest! {
    #[test]
    fn a_free_address_is_found_exactly_when_there_is_one(
        bits in 0u32..65536,
        gateway in 1u8..15,
        last in proptest::option::of(0u8..20),
    ) {
        let base = |n: u8| IpAddr::from([10, 0, 0, n]);
        let range = Range::new("10.0.0.0/28".parse().unwrap(), None, None, Some(base(gateway))).unwrap();
        let set = RangeSet::new(vec![range]).unwrap();
        let taken: BTreeSet<IpAddr> =
            (1..15).filter(|n| bits >> n & 1 == 1 && *n != gateway).map(base).collect();
        match set.next_free(&taken, last.map(base)) {
            Some(free) => {
                prop_assert!(set.range_of(free).is_some() && !taken.contains(&free));
                // Nothing free was passed over on the way from `last`.
                if let Some(last) = last.filter(|l| base(*l) < free) {
                    prop_assert!((last + 1..15).map(base).take_while(|a| *a < free)
                        .all(|a| taken.contains(&a) || a == base(gateway)));
                }
            }
            None => prop_assert_eq!(taken.len() as u128, set.capacity()),
        }
    }
}
