//! Carries out a plan's actions.

use std::os::fd::AsFd;

use super::observe::{FORWARD_V4, FORWARD_V6, sysctl_error};
use super::plan::{Action, Desired, Family, Observed};
use super::{Code, PluginError};
use crate::netlink::{self, BridgeOptions, Link, LinkChange, Netlink, Route, VethPair};
use crate::netns::{Netns, in_netns};
use crate::sysctl::{self, Sysctl};

/// The two sides of an attachment, with the links as they are known so far.
pub(super) struct Executor<'a> {
    pub(super) desired: &'a Desired,
    pub(super) host: &'a mut Netlink,
    pub(super) inside: &'a mut Netlink,
    pub(super) netns: &'a Netns,
    pub(super) sysctl: &'a Sysctl,
    pub(super) seen: Observed,
}

impl Executor<'_> {
    /// Does one action.
    pub(super) fn apply(&mut self, action: &Action) -> Result<(), PluginError> {
        match action {
            Action::Forward(family) => self.forward(*family),
            Action::HardenBridge => self.harden_bridge(),
            Action::IgnoreAdvertisements => self.inside_sysctl("ipv6", &[("accept_ra", "0")]),
            Action::EnableIpv6 => self.inside_sysctl("ipv6", &[("disable_ipv6", "0"), ("accept_dad", "0")]),
            Action::Announce => {
                self.inside_sysctl("ipv4", &[("arp_notify", "1")])?;
                self.inside_sysctl("ipv6", &[("ndisc_notify", "1")])
            }
            other => self.change(other).map_err(|e| {
                PluginError::caused(
                    Code::Network,
                    format!("cannot set up interface {}", self.desired.ifname),
                    &e,
                )
            }),
        }
    }

    fn forward(&self, family: Family) -> Result<(), PluginError> {
        let name = if family == Family::V4 {
            FORWARD_V4
        } else {
            FORWARD_V6
        };
        self.sysctl.set(name, "1").map(drop).map_err(|e| sysctl_error(&e))
    }

    fn harden_bridge(&self) -> Result<(), PluginError> {
        let set = |name: &str| {
            self.sysctl
                .set(format!("ipv6/conf/{}/{name}", self.desired.bridge), "0")
        };
        optional(set("accept_dad").and_then(|_| set("accept_ra")))
    }

    /// Sets parameters of the container's interface.
    fn inside_sysctl(&self, family: &str, values: &[(&str, &str)]) -> Result<(), PluginError> {
        let directory = format!("{family}/conf/{}", self.desired.ifname);
        let set = || {
            values
                .iter()
                .try_for_each(|(name, v)| self.sysctl.set(format!("{directory}/{name}"), v).map(drop))
        };
        let set = in_netns(self.netns, set)
            .map_err(|e| PluginError::caused(Code::InvalidNetns, "cannot enter the network namespace", &e))?;
        optional(set.map(|()| false))
    }

    fn change(&mut self, action: &Action) -> netlink::Result<()> {
        match action {
            Action::CreateBridge
            | Action::BridgeUp
            | Action::BridgeMtu(_)
            | Action::BridgePromiscuous(_)
            | Action::RemoveGateway(_)
            | Action::AddGateway(_) => self.change_bridge(action),
            Action::DeletePort
            | Action::CreatePair
            | Action::Label
            | Action::Enslave
            | Action::Hairpin(_)
            | Action::AwaitCarrier => self.change_pair(action),
            inside => self.change_inside(inside),
        }
    }

    fn change_bridge(&mut self, action: &Action) -> netlink::Result<()> {
        if *action == Action::CreateBridge {
            return self.create_bridge();
        }
        let bridge = self.bridge()?.index;
        let mut change = LinkChange::default();
        match action {
            Action::RemoveGateway(net) => return gone_is_fine(self.host.delete_address(bridge, *net)),
            Action::AddGateway(net) => return there_is_fine(self.host.add_address(bridge, *net)),
            Action::BridgeMtu(mtu) => change.mtu = Some(*mtu),
            Action::BridgePromiscuous(on) => change.promiscuous = Some(*on),
            _ => change.up = Some(true),
        }
        self.host.change_link(bridge, &change)
    }

    fn change_pair(&mut self, action: &Action) -> netlink::Result<()> {
        let desired = self.desired;
        let mut change = LinkChange::default();
        match action {
            Action::DeletePort => return self.host.delete_link_by_name(&desired.port).map(drop),
            Action::CreatePair => return self.create_pair(),
            Action::AwaitCarrier => return self.await_carrier(),
            Action::Hairpin(on) => {
                let port = self.port()?.index;
                return self.host.set_hairpin(port, *on);
            }
            Action::Label => change.alias = Some(&desired.alias),
            _ => {
                change.up = Some(true);
                change.master = Some(self.bridge()?.index);
            }
        }
        let port = self.port()?.index;
        self.host.change_link(port, &change)
    }

    fn change_inside(&mut self, action: &Action) -> netlink::Result<()> {
        if *action == Action::LoopbackUp {
            return loopback_up(self.inside);
        }
        let link = self.inside_link()?.index;
        match action {
            Action::AddAddress(net) => there_is_fine(self.inside.add_address(link, *net)),
            Action::InsideUp => self.inside.change_link(
                link,
                &LinkChange {
                    up: Some(true),
                    ..LinkChange::default()
                },
            ),
            Action::AddRoute(wanted) => {
                let mut route = Route::new(wanted.destination, Some(wanted.gateway), link);
                route.mtu = wanted.mtu;
                route.priority = wanted.priority;
                there_is_fine(self.inside.add_route(&route))
            }
            // The rest are kernel parameters, done before this.
            _ => Ok(()),
        }
    }

    /// Another ADD may make the bridge at the same time; whoever comes second uses it.
    fn create_bridge(&mut self) -> netlink::Result<()> {
        let options = BridgeOptions {
            mac: Some(self.desired.bridge_mac),
            mtu: self.desired.mtu,
            ..BridgeOptions::default()
        };
        there_is_fine(self.host.create_bridge(&self.desired.bridge, &options))
    }

    fn create_pair(&mut self) -> netlink::Result<()> {
        self.seen.port = None;
        self.seen.inside = None;
        let pair = VethPair {
            name: &self.desired.port,
            master: Some(self.bridge()?.index),
            peer_name: &self.desired.ifname,
            peer_netns: Some(self.netns.as_fd()),
            peer_mac: Some(self.desired.mac),
            mtu: self.desired.mtu,
            up: true,
        };
        self.host.create_veth(&pair)
    }

    /// A pod without a carrier is up and deaf: rather no pod than that.
    fn await_carrier(&mut self) -> netlink::Result<()> {
        let (port, inside) = (self.port()?.index, self.inside_link()?.index);
        if self.host.wait_running(port)? && self.inside.wait_running(inside)? {
            return Ok(());
        }
        Err(netlink::Error::no_carrier(&self.desired.port))
    }

    /// The bridge's link.
    pub(super) fn bridge(&mut self) -> netlink::Result<&Link> {
        found(self.host, &self.desired.bridge, &mut self.seen.bridge)
    }

    /// The link of the node's end.
    pub(super) fn port(&mut self) -> netlink::Result<&Link> {
        found(self.host, &self.desired.port, &mut self.seen.port)
    }

    /// The link of the container's end.
    pub(super) fn inside_link(&mut self) -> netlink::Result<&Link> {
        found(self.inside, &self.desired.ifname, &mut self.seen.inside)
    }
}

/// A parameter of a family that the kernel lacks needs no value.
fn optional(set: Result<bool, sysctl::Error>) -> Result<(), PluginError> {
    match set {
        Err(e) if !e.is_missing() => Err(sysctl_error(&e)),
        _ => Ok(()),
    }
}

/// The link of this name, looked up once.
fn found<'l>(netlink: &mut Netlink, name: &str, known: &'l mut Option<Link>) -> netlink::Result<&'l Link> {
    let link = match known.take() {
        Some(link) => link,
        None => netlink
            .link_by_name(name)?
            .ok_or_else(|| netlink::Error::missing_link(name))?,
    };
    Ok(known.insert(link))
}

/// Brings the loopback of the namespace that `netlink` is bound to up.
pub(super) fn loopback_up(netlink: &mut Netlink) -> netlink::Result<()> {
    let lo = netlink
        .link_by_name("lo")?
        .ok_or_else(|| netlink::Error::missing_link("lo"))?;
    netlink.change_link(
        lo.index,
        &LinkChange {
            up: Some(true),
            ..LinkChange::default()
        },
    )
}

fn there_is_fine(result: netlink::Result<()>) -> netlink::Result<()> {
    result.or_else(|e| if e.is_exists() { Ok(()) } else { Err(e) })
}

fn gone_is_fine(result: netlink::Result<()>) -> netlink::Result<()> {
    result.or_else(|e| if e.is_not_found() { Ok(()) } else { Err(e) })
}
