//! Names of plug-ins as `--enable-admission-plugins` and `--disable-admission-plugins` take them.

use std::collections::BTreeSet;

/// Those that are on unless they are turned off.
const DEFAULT: &[&str] = &[
    "DefaultStorageClass",
    "DefaultTolerationSeconds",
    "LimitRanger",
    "NamespaceLifecycle",
    "NodeRestriction",
    "PodSecurity",
    "Priority",
    "ResourceQuota",
    "RuntimeClass",
    "ServiceAccount",
    "StorageObjectInUseProtection",
    "TaintNodesByCondition",
];

/// Those of the reference whose work is done elsewhere here, or that have nothing to do; they are taken and do nothing.
const ELSEWHERE: &[&str] = &[
    "AlwaysAdmit",
    "CertificateApproval",
    "CertificateSigning",
    "CertificateSubjectRestriction",
    "ClusterTrustBundleAttest",
    "DefaultIngressClass",
    "MutatingAdmissionPolicy",
    "MutatingAdmissionWebhook",
    "PersistentVolumeClaimResize",
    "PodTopologyLabels",
    "ValidatingAdmissionPolicy",
    "ValidatingAdmissionWebhook",
];

/// A name that no plug-in has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no admission plug-in; known are {known}", known = known().join(", "))]
pub struct UnknownPlugin(pub String);

/// The two flags.
#[derive(Debug, Clone, Default)]
pub struct PluginNames {
    /// `--enable-admission-plugins`, besides the default ones.
    pub enable: Vec<String>,
    /// `--disable-admission-plugins`.
    pub disable: Vec<String>,
}

impl PluginNames {
    /// The plug-ins that are on.
    ///
    /// # Errors
    /// A name is unknown.
    pub fn resolve(&self) -> Result<BTreeSet<&'static str>, UnknownPlugin> {
        let find = |name: &String| {
            let all = DEFAULT.iter().chain(ELSEWHERE);
            all.copied()
                .find(|known| known == name)
                .ok_or_else(|| UnknownPlugin(name.clone()))
        };
        let mut on: BTreeSet<&'static str> = DEFAULT.iter().copied().collect();
        for name in &self.disable {
            on.remove(find(name)?);
        }
        for name in &self.enable {
            on.insert(find(name)?);
        }
        Ok(on)
    }
}

fn known() -> Vec<&'static str> {
    let mut all: Vec<&str> = DEFAULT.iter().chain(ELSEWHERE).copied().collect();
    all.sort_unstable();
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plug_ins_are_turned_on_and_off_by_name() {
        let off = PluginNames {
            disable: vec!["PodSecurity".into()],
            ..PluginNames::default()
        };
        assert!(
            !off.resolve().unwrap().contains("PodSecurity") && off.resolve().unwrap().contains("Priority")
        );
        let kubeadm = PluginNames {
            enable: vec!["NodeRestriction".into()],
            ..PluginNames::default()
        };
        assert_eq!(kubeadm.resolve().unwrap().len(), DEFAULT.len());
        let wrong = PluginNames {
            enable: vec!["PodSecurty".into()],
            ..PluginNames::default()
        };
        assert!(
            wrong
                .resolve()
                .unwrap_err()
                .to_string()
                .starts_with("\"PodSecurty\" is no admission plug-in")
        );
    }
}
