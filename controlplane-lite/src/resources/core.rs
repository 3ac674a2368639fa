//! core/v1.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::resource::{Generation, Resource, SubresourceKind, Verb};
use crate::table::{core, name_and_age, pod, volume};
use crate::verbs::object::seconds;

const CREATE: &[Verb] = &[Verb::Create];
const READ_WRITE: &[Verb] = &[Verb::Get, Verb::Patch, Verb::Update];
const STREAM: &[Verb] = &[Verb::Create, Verb::Get];
const ANY_METHOD: &[Verb] = &[Verb::Create, Verb::Delete, Verb::Get, Verb::Patch, Verb::Update];
/// Namespaces are deleted one by one.
const NO_COLLECTION: &[Verb] = &[
    Verb::Create,
    Verb::Delete,
    Verb::Get,
    Verb::List,
    Verb::Patch,
    Verb::Update,
    Verb::Watch,
];

fn row(kind: &'static str, plural: &'static str) -> Resource {
    Resource::new("", "v1", kind, plural)
}

/// The rows, by plural name.
pub fn rows() -> Vec<Resource> {
    vec![
        row("Binding", "bindings").only(CREATE).not_stored(),
        row("ComponentStatus", "componentstatuses")
            .cluster()
            .short(&["cs"])
            .only(&[Verb::Get, Verb::List])
            .not_stored()
            .table(core::component_columns(), core::component),
        row("ConfigMap", "configmaps")
            .short(&["cm"])
            .table(core::config_map_columns(), core::config_map),
        row("Endpoints", "endpoints")
            .short(&["ep"])
            .stored_as("services/endpoints")
            .table(core::endpoints_columns(), core::endpoints),
        super::events::core(),
        row("LimitRange", "limitranges").short(&["limits"]),
        namespaces(),
        nodes(),
        row("PersistentVolumeClaim", "persistentvolumeclaims")
            .short(&["pvc"])
            .status()
            .starts_with(|_, _| Some(json!({"phase": "Pending"})))
            .table(volume::claim_columns(), volume::claim),
        row("PersistentVolume", "persistentvolumes")
            .cluster()
            .short(&["pv"])
            .status()
            .starts_with(|_, now| Some(json!({"phase": "Pending", "lastPhaseTransitionTime": seconds(now)})))
            .table(volume::volume_columns(), volume::volume),
        pods(),
        row("PodTemplate", "podtemplates")
            .generation(Generation::Spec)
            .table(core::pod_template_columns(), core::pod_template),
        row("ReplicationController", "replicationcontrollers")
            .short(&["rc"])
            .in_all()
            .stored_as("controllers")
            .generation(Generation::Spec)
            .status()
            .scale()
            .field("status.replicas", "0")
            .starts_with(|_, _| Some(json!({"replicas": 0})))
            .table(
                crate::table::apps::controller_columns(),
                crate::table::apps::controller,
            ),
        row("ResourceQuota", "resourcequotas")
            .short(&["quota"])
            .status()
            .starts_with(|_, _| Some(json!({})))
            .table(core::quota_columns(), core::quota),
        row("Secret", "secrets")
            .field("type", "")
            .table(core::secret_columns(), core::secret),
        row("ServiceAccount", "serviceaccounts")
            .short(&["sa"])
            .sub_of(
                "token",
                ("authentication.k8s.io".into(), "v1".into(), "TokenRequest".into()),
                CREATE,
                SubresourceKind::Token,
            )
            .table(core::name_and_age_columns(), name_and_age),
        services(),
    ]
}

fn namespaces() -> Resource {
    row("Namespace", "namespaces")
        .cluster()
        .short(&["ns"])
        .only(NO_COLLECTION)
        .sub("finalize", &[Verb::Update], SubresourceKind::Finalize)
        .status()
        .field("status.phase", "")
        .starts_with(|_, _| Some(json!({"phase": "Active"})))
        .table(core::namespace_columns(), core::namespace)
}

fn nodes() -> Resource {
    row("Node", "nodes")
        .cluster()
        .short(&["no"])
        .stored_as("minions")
        .sub_of(
            "proxy",
            own("NodeProxyOptions"),
            ANY_METHOD,
            SubresourceKind::Connect,
        )
        .status()
        .field("spec.unschedulable", "false")
        .table(core::node_columns(), core::node)
}

fn own(
    kind: &'static str,
) -> (
    crate::resource::Text,
    crate::resource::Text,
    crate::resource::Text,
) {
    ("".into(), "".into(), kind.into())
}

fn pods() -> Resource {
    row("Pod", "pods")
        .short(&["po"])
        .in_all()
        .generation(Generation::Spec)
        .status()
        .sub_of(
            "attach",
            own("PodAttachOptions"),
            STREAM,
            SubresourceKind::Connect,
        )
        .sub_of("binding", own("Binding"), CREATE, SubresourceKind::Binding)
        .sub(
            "ephemeralcontainers",
            READ_WRITE,
            SubresourceKind::EphemeralContainers,
        )
        .sub_of(
            "eviction",
            ("policy".into(), "v1".into(), "Eviction".into()),
            CREATE,
            SubresourceKind::Eviction,
        )
        .sub_of("exec", own("PodExecOptions"), STREAM, SubresourceKind::Connect)
        .sub("log", &[Verb::Get], SubresourceKind::Connect)
        .sub_of(
            "portforward",
            own("PodPortForwardOptions"),
            STREAM,
            SubresourceKind::Connect,
        )
        .sub_of(
            "proxy",
            own("PodProxyOptions"),
            ANY_METHOD,
            SubresourceKind::Connect,
        )
        .sub("resize", READ_WRITE, SubresourceKind::Resize)
        .field("spec.nodeName", "")
        .field("spec.restartPolicy", "")
        .field("spec.schedulerName", "")
        .field("spec.serviceAccountName", "")
        .field("spec.hostNetwork", "false")
        .field("status.phase", "")
        .field("status.podIP", "")
        .field("status.nominatedNodeName", "")
        .starts_with(initial_pod_status)
        .table(pod::columns(), pod::cells)
}

fn services() -> Resource {
    row("Service", "services")
        .short(&["svc"])
        .in_all()
        .stored_as("services/specs")
        .sub_of(
            "proxy",
            own("ServiceProxyOptions"),
            ANY_METHOD,
            SubresourceKind::Connect,
        )
        .status()
        .field("spec.clusterIP", "")
        .field("spec.type", "")
        .starts_with(|_, _| Some(json!({"loadBalancer": {}})))
        .table(core::service_columns(), core::service)
}

/// Pending, and the quality-of-service class that the spec's requests and limits make.
fn initial_pod_status(pod: &Value, _now: Timestamp) -> Option<Value> {
    Some(json!({"phase": "Pending", "qosClass": crate::quantity::pod::qos_class(&pod["spec"])}))
}
