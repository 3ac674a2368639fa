//! The pod network: the node's own, unless another one is configured already.

use std::fs;
use std::path::Path;

use cni::install::CONFLIST;

/// What becomes of the network configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Choice {
    /// The node's own is put in place, or kept up to date.
    Own,
    /// Another one was there before; it is used and nothing is written.
    Foreign(String),
    /// Both are there: the node's own is kept for the pods that it connected; the runtime uses the named one.
    Both(String),
}

/// Decides by the names in the configuration directory; the runtime uses the first of them in alphabetical order.
pub(super) fn choose(names: &[String]) -> Choice {
    let usable = |name: &&String| {
        [".conf", ".conflist", ".json"]
            .iter()
            .any(|ending| name.ends_with(ending))
    };
    let Some(first_foreign) = names.iter().filter(usable).filter(|name| *name != CONFLIST).min() else {
        return Choice::Own;
    };
    if names.iter().any(|name| name == CONFLIST) {
        let first = if first_foreign.as_str() < CONFLIST {
            first_foreign.as_str()
        } else {
            CONFLIST
        };
        return Choice::Both(first.to_owned());
    }
    Choice::Foreign(first_foreign.clone())
}

/// The names in the directory; none if there is no such directory.
pub(super) fn names(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_foreign_network_is_used_and_the_own_one_is_kept() {
        let choice =
            |names: &[&str]| choose(&names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>());
        for (names, expected) in [
            (&[][..], Choice::Own),
            (&[CONFLIST], Choice::Own),
            (&["README", ".keep"], Choice::Own),
            (
                &["87-b.conflist", "10-calico.conflist"],
                Choice::Foreign("10-calico.conflist".to_owned()),
            ),
            (
                &[CONFLIST, "05-cilium.conf"],
                Choice::Both("05-cilium.conf".to_owned()),
            ),
            (
                &[CONFLIST, "87-podman.conflist"],
                Choice::Both(CONFLIST.to_owned()),
            ),
        ] {
            assert_eq!(choice(names), expected, "{names:?}");
        }
    }
}
