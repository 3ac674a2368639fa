//! ResourceQuota: what the objects of a namespace may use together.
//!
//! The pure half: what an object uses, which quotas count it, and whether it still fits. The caller keeps the sums
//! in the quotas' status, changes them by compare-and-swap before the object is stored, and gives back what a failed
//! or dry request took.

mod scope;
#[cfg(test)]
mod tests;
mod usage;

use std::collections::BTreeSet;

use serde_json::Value;

use super::{Refusal, text};
use crate::quantity::Quantity;
use crate::quantity::pod::Amounts;

pub use usage::{Object, usage_of};

/// A quota that counts the object, with its sums after the object is in.
#[derive(Debug, Clone)]
pub struct Charge {
    /// The quota's name.
    pub quota: String,
    /// Its revision, for the compare-and-swap.
    pub resource_version: String,
    /// `status.used` as it is to become.
    pub used: Amounts,
}

/// What creating `new` (or changing `old` into it) does to the quotas of its namespace.
///
/// # Errors
/// The text after `is forbidden: `: a quota would be exceeded, or demands a request or limit that is not given.
pub fn charge(quotas: &[Value], new: Object<'_>, old: Option<Object<'_>>) -> Result<Vec<Charge>, Refusal> {
    let wanted = usage_of(new);
    let had = old.map(usage_of).unwrap_or_default();
    let mut charges = Vec::new();
    for quota in quotas.iter().filter(|quota| scope::matches(quota, new)) {
        let hard = amounts_of(&quota["spec"]["hard"]);
        let name = text(&quota["metadata"], "name");
        let named: BTreeSet<&str> = hard.keys().map(String::as_str).collect();
        let missing = usage::missing(new, &named);
        if !missing.is_empty() && old.is_none() {
            return Err(format!("failed quota: {name}: must specify {missing}"));
        }
        let delta = difference(&wanted, &had, &hard);
        if delta.is_empty() {
            continue;
        }
        let used = amounts_of(&quota["status"]["used"]);
        let after = |key: &String, more: &Quantity| used.get(key).copied().unwrap_or_default().plus(more);
        // Giving back is always allowed, also while the quota is exceeded.
        let exceeded: Vec<&String> = delta
            .iter()
            .filter(|(key, more)| !more.is_negative() && after(key, more) > hard[*key])
            .map(|(key, _)| key)
            .collect();
        if !exceeded.is_empty() {
            let show = |list: &dyn Fn(&String) -> Quantity| {
                let pairs: Vec<String> = exceeded
                    .iter()
                    .map(|key| format!("{key}={}", list(key)))
                    .collect();
                pairs.join(",")
            };
            return Err(format!(
                "exceeded quota: {name}, requested: {}, used: {}, limited: {}",
                show(&|key| delta[key]),
                show(&|key| used.get(key).copied().unwrap_or_default()),
                show(&|key| hard[key]),
            ));
        }
        let mut sums = used.clone();
        for (key, more) in &delta {
            sums.insert(key.clone(), after(key, more));
        }
        let resource_version = text(&quota["metadata"], "resourceVersion").to_owned();
        charges.push(Charge {
            quota: name.to_owned(),
            resource_version,
            used: sums,
        });
    }
    Ok(charges)
}

/// The sums of all objects of a namespace that a quota counts: what its controller writes.
#[must_use]
pub fn total<'a>(quota: &Value, objects: impl Iterator<Item = Object<'a>>) -> Amounts {
    let hard = amounts_of(&quota["spec"]["hard"]);
    let mut sums: Amounts = hard.keys().map(|key| (key.clone(), Quantity::ZERO)).collect();
    for object in objects.filter(|object| scope::matches(quota, *object)) {
        for (key, amount) in usage_of(object) {
            if let Some(sum) = sums.get_mut(&key) {
                *sum = sum.plus(&amount);
            }
        }
    }
    sums
}

/// What changes of what the quota names; zeros are left out.
fn difference(wanted: &Amounts, had: &Amounts, hard: &Amounts) -> Amounts {
    hard.keys()
        .filter_map(|key| {
            let (new, old) = (wanted.get(key).copied(), had.get(key).copied());
            let delta = new.unwrap_or_default().minus(&old.unwrap_or_default());
            (!delta.is_zero()).then(|| (key.clone(), delta))
        })
        .collect()
}

fn amounts_of(list: &Value) -> Amounts {
    let list = list.as_object().into_iter().flatten();
    list.filter_map(|(name, value)| Some((name.clone(), Quantity::from_value(value).ok()?)))
        .collect()
}
