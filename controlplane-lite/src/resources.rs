//! The built-in resources, one module per family, and the registry that requests are looked up in.
//!
//! Group order is the reference's group priority: discovery lists groups in it, and a client that asks for a
//! bare name (`events`) takes the first.

pub mod apps;
pub mod authorization;
pub mod core;
pub mod events;
pub mod networking;
pub mod storage;

use std::collections::HashMap;
use std::sync::Arc;

use crate::resource::Resource;

#[cfg(test)]
mod tests;

/// Every built-in row, groups in order of priority, resources by name within a group.
pub fn builtin() -> Vec<Resource> {
    let families = [
        core::rows(),
        apps::rows(),
        vec![events::grouped()],
        authorization::authentication(),
        authorization::authorization(),
        apps::batch(),
        authorization::certificates(),
        networking::rows(),
        apps::policy(),
        authorization::rbac(),
        storage::rows(),
        apps::scheduling(),
        apps::coordination(),
        apps::node(),
        networking::discovery(),
    ];
    families.into_iter().flatten().collect()
}

/// All resources that are served at one moment.
#[derive(Debug, Clone, Default)]
pub struct Registry {
    rows: Vec<Arc<Resource>>,
    by_plural: HashMap<String, Vec<Arc<Resource>>>,
}

impl Registry {
    /// A registry of these rows.
    pub fn new(rows: impl IntoIterator<Item = Resource>) -> Self {
        let mut out = Self::default();
        for row in rows {
            let row = Arc::new(row);
            out.by_plural
                .entry(row.plural.to_string())
                .or_default()
                .push(Arc::clone(&row));
            out.rows.push(row);
        }
        out
    }

    /// The built-in resources.
    pub fn builtin() -> Self {
        Self::new(builtin())
    }

    /// Rows in order of discovery.
    pub fn rows(&self) -> &[Arc<Resource>] {
        &self.rows
    }

    /// The row of a request path.
    pub fn find(&self, group: &str, version: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.by_plural
            .get(plural)?
            .iter()
            .find(|r| r.group == group && r.version == version)
    }

    /// The row of a group and plural name in whatever version.
    pub fn find_any_version(&self, group: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.by_plural.get(plural)?.iter().find(|r| r.group == group)
    }

    /// The row whose objects are of this kind.
    pub fn find_kind(&self, group: &str, version: &str, kind: &str) -> Option<&Arc<Resource>> {
        self.rows
            .iter()
            .find(|r| r.group == group && r.version == version && r.kind == kind)
    }

    /// Groups (without core) and their versions, in order of discovery.
    pub fn groups(&self) -> Vec<(&str, Vec<&str>)> {
        let mut out: Vec<(&str, Vec<&str>)> = Vec::new();
        for row in self.rows.iter().filter(|r| !r.group.is_empty()) {
            let at = out.iter().position(|(group, _)| *group == row.group);
            match at.and_then(|i| out.get_mut(i)) {
                Some((_, versions)) if versions.contains(&row.version.as_ref()) => {}
                Some((_, versions)) => versions.push(&row.version),
                None => out.push((&row.group, vec![&row.version])),
            }
        }
        out
    }

    /// Rows of one group and version.
    pub fn of_version<'a>(
        &'a self,
        group: &'a str,
        version: &'a str,
    ) -> impl Iterator<Item = &'a Arc<Resource>> {
        self.rows
            .iter()
            .filter(move |r| r.group == group && r.version == version)
    }
}
