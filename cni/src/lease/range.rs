//! Ranges of addresses and the choice of the next one: arithmetic only.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use ipnet::IpNet;

/// A contiguous range inside a subnet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Range {
    subnet: IpNet,
    first: IpAddr,
    last: IpAddr,
    gateway: IpAddr,
}

/// Ranges of one family, of which a container gets one address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RangeSet {
    ranges: Vec<Range>,
}

/// A range that contradicts itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// Nothing is left after network address, gateway and broadcast address.
    #[error("subnet {0} is too small to allocate from")]
    TooSmall(IpNet),
    /// The subnet has bits set behind its prefix length.
    #[error("subnet {0} has host bits set: the network is {1}")]
    HostBits(IpNet, IpNet),
    /// A bound or the gateway lies outside.
    #[error("{what} {address} is not inside subnet {subnet}")]
    Outside {
        /// Which of the addresses.
        what: &'static str,
        /// The address.
        address: IpAddr,
        /// The subnet it should be in.
        subnet: IpNet,
    },
    /// The bounds are in the wrong order.
    #[error("rangeStart {0} is above rangeEnd {1}")]
    Reversed(IpAddr, IpAddr),
    /// A set without a range.
    #[error("a range set is empty")]
    Empty,
    /// A set of both families: it could not promise one address of each.
    #[error("a range set mixes IPv4 and IPv6: {0} and {1}")]
    MixedFamilies(IpNet, IpNet),
    /// Two ranges share addresses.
    #[error("ranges {0} and {1} overlap")]
    Overlap(String, String),
}

fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(a) => u128::from(a.to_bits()),
        IpAddr::V6(a) => a.to_bits(),
    }
}

/// The address `offset` above `base`; none when that leaves the family.
fn above(base: IpAddr, offset: u128) -> Option<IpAddr> {
    let n = number(base).checked_add(offset)?;
    match base {
        IpAddr::V4(_) => u32::try_from(n).ok().map(|n| IpAddr::V4(n.into())),
        IpAddr::V6(_) => Some(IpAddr::V6(n.into())),
    }
}

impl Range {
    /// A range of `subnet`; without bounds everything but network address and IPv4 broadcast address, without
    /// `gateway` the first address after the network's.
    ///
    /// # Errors
    /// When the parts contradict each other.
    pub fn new(
        subnet: IpNet,
        start: Option<IpAddr>,
        end: Option<IpAddr>,
        gateway: Option<IpAddr>,
    ) -> Result<Self, RangeError> {
        if subnet.trunc() != subnet {
            return Err(RangeError::HostBits(subnet, subnet.trunc()));
        }
        if subnet.max_prefix_len() - subnet.prefix_len() < 2 {
            return Err(RangeError::TooSmall(subnet));
        }
        let inside = |what, address: Option<IpAddr>, default: IpAddr| match address {
            Some(address) if !subnet.contains(&address) => Err(RangeError::Outside {
                what,
                address,
                subnet,
            }),
            address => Ok(address.unwrap_or(default)),
        };
        let (lowest, highest) = (number(subnet.network()) + 1, number(subnet.broadcast()));
        let highest = if subnet.network().is_ipv4() {
            highest - 1
        } else {
            highest
        };
        let base = subnet.network();
        let at = |n: u128| above(base, n - number(base)).unwrap_or(base);
        let range = Self {
            subnet,
            first: inside("rangeStart", start, at(lowest))?,
            last: inside("rangeEnd", end, at(highest))?,
            gateway: inside("gateway", gateway, at(lowest))?,
        };
        // A bound that names the network or broadcast address means its nearest usable neighbour.
        let range = Self {
            first: at(number(range.first).max(lowest)),
            last: at(number(range.last).min(highest)),
            ..range
        };
        if range.first > range.last {
            return Err(RangeError::Reversed(range.first, range.last));
        }
        Ok(range)
    }

    /// The subnet, whose prefix length the address gets.
    pub fn subnet(&self) -> IpNet {
        self.subnet
    }

    /// The gateway, which is never given away.
    pub fn gateway(&self) -> IpAddr {
        self.gateway
    }

    /// Whether `address` may be given away from here.
    pub fn contains(&self, address: IpAddr) -> bool {
        address.is_ipv4() == self.first.is_ipv4()
            && (self.first..=self.last).contains(&address)
            && address != self.gateway
    }

    fn overlaps(&self, other: &Self) -> bool {
        self.first.is_ipv4() == other.first.is_ipv4() && self.first <= other.last && other.first <= self.last
    }

    /// How many addresses can be given away.
    fn capacity(&self) -> u128 {
        let all = (number(self.last) - number(self.first)).saturating_add(1);
        all - u128::from((self.first..=self.last).contains(&self.gateway))
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

impl fmt::Display for RangeSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, range) in self.ranges.iter().enumerate() {
            write!(f, "{}{range}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl RangeSet {
    /// A set of ranges of one family that do not overlap.
    ///
    /// # Errors
    /// When there are none, or they do not fit together.
    pub fn new(ranges: Vec<Range>) -> Result<Self, RangeError> {
        let first = ranges.first().ok_or(RangeError::Empty)?;
        if let Some(other) = ranges.iter().find(|r| r.first.is_ipv4() != first.first.is_ipv4()) {
            return Err(RangeError::MixedFamilies(first.subnet, other.subnet));
        }
        no_overlap(&ranges.iter().collect::<Vec<_>>())?;
        Ok(Self { ranges })
    }

    /// The ranges, in the order of the configuration.
    pub fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    /// The range that `address` can be given away from.
    pub fn range_of(&self, address: IpAddr) -> Option<&Range> {
        self.ranges.iter().find(|r| r.contains(address))
    }

    /// How many addresses can be given away in total.
    pub fn capacity(&self) -> u128 {
        self.ranges
            .iter()
            .fold(0, |n: u128, r| n.saturating_add(r.capacity()))
    }

    /// The first free address after `last`, all around: an address that was just given back rests as long
    /// as possible, since others may still remember who had it.
    pub fn next_free(&self, taken: &BTreeSet<IpAddr>, last: Option<IpAddr>) -> Option<IpAddr> {
        let position =
            last.and_then(|l| Some((self.ranges.iter().position(|r| r.first <= l && l <= r.last)?, l)));
        let (start, after) = position.unzip();
        let start = start.unwrap_or(0);
        let turn = self.ranges.iter().cycle().skip(start).take(self.ranges.len());
        let mut pieces: Vec<(IpAddr, IpAddr)> = turn.map(|r| (r.first, r.last)).collect();
        if let Some(after) = after {
            let (first, last) = pieces[0];
            pieces.remove(0);
            pieces.push((first, after));
            if let Some(next) = above(after, 1).filter(|next| *next <= last) {
                pieces.insert(0, (next, last));
            }
        }
        let free = |a: &IpAddr| !taken.contains(a) && self.ranges.iter().all(|r| r.gateway != *a);
        pieces.into_iter().find_map(|(first, last)| {
            std::iter::successors(Some(first), |a| above(*a, 1))
                .take_while(|a| *a <= last)
                .find(free)
        })
    }
}

/// Refuses ranges that share addresses.
pub(crate) fn no_overlap(ranges: &[&Range]) -> Result<(), RangeError> {
    for (i, a) in ranges.iter().enumerate() {
        if let Some(b) = ranges[i + 1..].iter().find(|b| a.overlaps(b)) {
            return Err(RangeError::Overlap(a.to_string(), b.to_string()));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
