//! What the runtime is and whether it can serve: asked once at start and after every lost connection.
//!
//! Facts that CRI has no field for (sandbox image, snapshotter, …) are read from the JSON that containerd puts
//! into its verbose status. That JSON is nobody's contract: whatever is missing there is `None` here.

use crate::error::Error;
use crate::v1;
use crate::v1::CgroupDriver;
use serde::Deserialize;
use std::collections::HashMap;

/// What a runtime says about itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuntimeInfo {
    /// `containerd`, `cri-o`.
    pub name: String,
    /// As the runtime prints it: `1.6.20~ds1`, `v2.1.0`.
    pub version: String,
    /// Whether sandboxes and containers can run.
    pub runtime: Readiness,
    /// Whether sandboxes with a network of their own can run: is there a CNI configuration?
    pub network: Readiness,
    /// Any other condition that is not well, as texts for people (deprecated settings, …).
    pub warnings: Vec<String>,
    /// Handlers that a RuntimeClass may name, and what each can do. Empty from runtimes that do not tell.
    pub handlers: Vec<v1::RuntimeHandler>,
    /// What the runtime can do as a whole. Everything is `false` from runtimes that do not tell.
    pub features: v1::RuntimeFeatures,
    /// Who makes cgroups: the kubelet must agree.
    pub cgroup_driver: Option<CgroupDriver>,
    /// The image that sandboxes run.
    pub sandbox_image: Option<String>,
    /// Where images are unpacked.
    pub snapshotter: Option<String>,
    /// Where CNI configurations are looked for.
    pub cni_config_directory: Option<String>,
    /// Where CNI plugins are looked for.
    pub cni_plugin_directory: Option<String>,
}

/// A condition of the runtime.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Readiness {
    /// Is it?
    pub ready: bool,
    /// One word, empty if it is.
    pub reason: String,
    /// For people, empty if it is.
    pub message: String,
}

impl crate::Client {
    /// Connects if need be, and asks version, status and configuration.
    ///
    /// A runtime that is not ready is an answer, not an error.
    ///
    /// # Errors
    /// [`Error::SocketMissing`], [`Error::SocketForbidden`], [`Error::SocketRefused`] and
    /// [`Error::CriDisabled`] carry the fix in their text.
    pub async fn connect_and_check(&self) -> Result<RuntimeInfo, Error> {
        let version = self.version().await?;
        let status = self.status(true).await?;
        let driver = match self.runtime_config().await {
            Ok(config) => config
                .linux
                .and_then(|linux| CgroupDriver::try_from(linux.cgroup_driver).ok()),
            // containerd 1.x: its verbose status has to do.
            Err(Error::Unimplemented { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(info(version, status, driver))
    }
}

fn info(
    version: v1::VersionResponse,
    status: v1::StatusResponse,
    driver: Option<CgroupDriver>,
) -> RuntimeInfo {
    let conditions = status.status.unwrap_or_default().conditions;
    let told = Told::read(&status.info);
    RuntimeInfo {
        name: version.runtime_name,
        version: version.runtime_version,
        runtime: readiness(&conditions, "RuntimeReady"),
        network: readiness(&conditions, "NetworkReady"),
        warnings: warnings(&conditions),
        handlers: status.runtime_handlers,
        features: status.features.unwrap_or_default(),
        cgroup_driver: driver.or_else(|| told.cgroup_driver()),
        sandbox_image: told.sandbox_image,
        snapshotter: told.containerd.snapshotter,
        cni_config_directory: told.cni.conf_dir,
        cni_plugin_directory: told.cni.bin_dir.or_else(|| told.cni.bin_dirs.into_iter().next()),
    }
}

/// A condition that is not reported counts as not met, as for the reference kubelet.
fn readiness(conditions: &[v1::RuntimeCondition], kind: &str) -> Readiness {
    let condition = conditions.iter().find(|condition| condition.r#type == kind);
    condition.map_or_else(
        || Readiness {
            ready: false,
            reason: "NotReported".to_owned(),
            message: format!("the runtime does not report {kind}"),
        },
        |condition| Readiness {
            ready: condition.status,
            reason: condition.reason.clone(),
            message: condition.message.clone(),
        },
    )
}

fn warnings(conditions: &[v1::RuntimeCondition]) -> Vec<String> {
    let required = ["RuntimeReady", "NetworkReady"];
    let others = conditions
        .iter()
        .filter(|condition| !required.contains(&condition.r#type.as_str()));
    let unwell = others.filter(|condition| !condition.status);
    unwell
        .map(|condition| format!("{}: {}", condition.reason, condition.message))
        .collect()
}

/// What of containerd's configuration, as it tells it, matters here.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Told {
    sandbox_image: Option<String>,
    containerd: ToldContainerd,
    cni: ToldCni,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ToldContainerd {
    snapshotter: Option<String>,
    default_runtime_name: String,
    runtimes: HashMap<String, ToldRuntime>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct ToldRuntime {
    options: Option<HashMap<String, serde_json::Value>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct ToldCni {
    conf_dir: Option<String>,
    bin_dir: Option<String>,
    bin_dirs: Vec<String>,
}

impl Told {
    /// Reads what can be read, and nothing if the JSON has changed its form.
    fn read(info: &HashMap<String, String>) -> Self {
        let read = info
            .get("config")
            .and_then(|config| serde_json::from_str::<Self>(config).ok());
        let mut told = read.unwrap_or_default();
        let given = |text: &mut Option<String>| *text = text.take().filter(|text| !text.is_empty());
        given(&mut told.sandbox_image);
        given(&mut told.containerd.snapshotter);
        given(&mut told.cni.conf_dir);
        given(&mut told.cni.bin_dir);
        told
    }

    fn cgroup_driver(&self) -> Option<CgroupDriver> {
        let default = self
            .containerd
            .runtimes
            .get(&self.containerd.default_runtime_name)?;
        let systemd = default
            .options
            .as_ref()?
            .get("SystemdCgroup")
            .and_then(serde_json::Value::as_bool);
        // runc's own default is cgroupfs.
        Some(if systemd.unwrap_or(false) {
            CgroupDriver::Systemd
        } else {
            CgroupDriver::Cgroupfs
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn condition(kind: &str, status: bool, reason: &str) -> v1::RuntimeCondition {
        let message = format!("about {kind}");
        v1::RuntimeCondition {
            r#type: kind.into(),
            status,
            reason: reason.into(),
            message,
        }
    }

    fn status(conditions: Vec<v1::RuntimeCondition>, config: &str) -> v1::StatusResponse {
        v1::StatusResponse {
            status: Some(v1::RuntimeStatus { conditions }),
            info: HashMap::from([("config".to_owned(), config.to_owned())]),
            ..Default::default()
        }
    }

    #[test]
    fn conditions_are_read_and_missing_ones_count_as_not_met() {
        let conditions = vec![
            condition("RuntimeReady", true, ""),
            condition("ContainerdHasNoDeprecationWarnings", false, "Old"),
        ];
        let info = info(v1::VersionResponse::default(), status(conditions, "{}"), None);
        assert!(info.runtime.ready);
        assert!(!info.network.ready);
        assert_eq!(info.network.reason, "NotReported");
        assert_eq!(info.warnings, ["Old: about ContainerdHasNoDeprecationWarnings"]);
    }

    #[test]
    fn verbose_status_fills_what_cri_has_no_field_for() {
        let old = r#"{"containerd": {"snapshotter": "overlayfs", "defaultRuntimeName": "runc", "runtimes":
            {"runc": {"runtimeType": "io.containerd.runc.v2", "options": {"SystemdCgroup": true}}}},
            "cni": {"binDir": "/opt/cni/bin", "confDir": "/etc/cni/net.d"}, "sandboxImage": "a.b/pause:1"}"#;
        let info = |config| info(v1::VersionResponse::default(), status(vec![], config), None);
        let told = info(old);
        assert_eq!(told.sandbox_image.as_deref(), Some("a.b/pause:1"));
        assert_eq!(told.snapshotter.as_deref(), Some("overlayfs"));
        assert_eq!(told.cgroup_driver, Some(CgroupDriver::Systemd));
        assert_eq!(told.cni_config_directory.as_deref(), Some("/etc/cni/net.d"));
        assert_eq!(told.cni_plugin_directory.as_deref(), Some("/opt/cni/bin"));

        let new = r#"{"containerd": {"defaultRuntimeName": "runc", "runtimes": {"runc": {"options": {}}}},
            "cni": {"binDir": "", "binDirs": ["/opt/cni/bin"], "confDir": "/etc/cni/net.d"}}"#;
        let told = info(new);
        assert_eq!((told.sandbox_image, told.snapshotter), (None, None));
        assert_eq!(told.cgroup_driver, Some(CgroupDriver::Cgroupfs));
        assert_eq!(told.cni_plugin_directory.as_deref(), Some("/opt/cni/bin"));

        for strange in ["", "[]", r#"{"containerd": 7}"#] {
            assert_eq!(info(strange).cgroup_driver, None, "{strange}");
        }
    }

    #[test]
    fn runtimes_own_answer_about_cgroups_goes_first() {
        let config = r#"{"containerd": {"defaultRuntimeName": "runc", "runtimes": {"runc": {}}}}"#;
        let info = info(
            v1::VersionResponse::default(),
            status(vec![], config),
            Some(CgroupDriver::Systemd),
        );
        assert_eq!(info.cgroup_driver, Some(CgroupDriver::Systemd));
    }
}
