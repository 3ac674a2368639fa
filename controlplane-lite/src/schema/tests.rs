use super::*;

fn ty(name: &str) -> TypeId {
    Schema::builtin()
        .by_name(name)
        .unwrap_or_else(|| panic!("{name} is defined"))
}

fn at(kind: (&str, &str), path: &[&str]) -> TypeId {
    let schema = Schema::builtin();
    let start = schema.by_kind(kind.0, kind.1).expect("kind is known");
    path.iter().fold(start, |id, step| match &schema.get(id).shape {
        Shape::List { item, .. } if *step == "[]" => *item,
        _ => schema
            .child(id, step)
            .unwrap_or_else(|| panic!("{step} in {path:?}")),
    })
}

#[test]
fn shapes_follow_the_definitions() {
    let schema = Schema::builtin();
    let shape = |kind, path: &[&str]| format!("{:?}", schema.get(at(kind, path)).shape);
    let pod = ("v1", "Pod");
    let cases: &[((&str, &str), &[&str], &str)] = &[
        (pod, &["metadata", "creationTimestamp"], "Time"),
        (
            pod,
            &["spec", "containers", "[]", "ports", "[]", "containerPort"],
            "Integer(32)",
        ),
        (pod, &["spec", "terminationGracePeriodSeconds"], "Integer(64)"),
        (
            pod,
            &["spec", "containers", "[]", "livenessProbe", "httpGet", "port"],
            "IntOrString",
        ),
        (
            pod,
            &["spec", "containers", "[]", "resources", "limits", "cpu"],
            "Quantity",
        ),
        (("v1", "Secret"), &["data", "x"], "Bytes"),
        (("v1", "Event"), &["eventTime"], "MicroTime"),
        (
            ("apps/v1", "ControllerRevision"),
            &["data"],
            "Any { atomic: true }",
        ),
    ];
    for (kind, path, want) in cases {
        assert_eq!(shape(*kind, path), *want, "{path:?}");
    }
}

#[test]
fn lists_know_how_their_items_are_told_apart() {
    let schema = Schema::builtin();
    let relation = |kind, path: &[&str]| match &schema.get(at(kind, path)).shape {
        Shape::List { relation, .. } => relation.clone(),
        other => panic!("{other:?}"),
    };
    let keys = |names: &[&str]| Relation::Map(names.iter().map(|n| Box::from(*n)).collect());
    let pod = ("v1", "Pod");
    assert_eq!(relation(pod, &["spec", "containers"]), keys(&["name"]));
    assert_eq!(
        relation(pod, &["spec", "containers", "[]", "ports"]),
        keys(&["containerPort", "protocol"])
    );
    assert_eq!(relation(pod, &["spec", "tolerations"]), Relation::Atomic);
    assert_eq!(relation(pod, &["metadata", "finalizers"]), Relation::Set);
}

#[test]
fn fields_know_go_and_patch_facts() {
    let schema = Schema::builtin();
    let pod_spec = ty("io.k8s.api.core.v1.PodSpec");
    assert_eq!(&*schema.get(pod_spec).go, "v1.PodSpec");
    let containers = schema.field(pod_spec, "containers").expect("field");
    assert!(containers.required && containers.strategy.merge);
    assert_eq!(containers.merge_key.as_deref(), Some("name"));
    assert_eq!(&*schema.get(containers.ty).go, "[]v1.Container");
    assert_eq!(containers.omit, Omit::Never);
    let volumes = schema.field(pod_spec, "volumes").expect("field");
    assert!(volumes.strategy.merge && volumes.strategy.retain_keys);
    let policy = schema
        .field(ty("io.k8s.api.core.v1.Container"), "imagePullPolicy")
        .expect("field");
    assert_eq!(&*schema.get(policy.ty).go, "v1.PullPolicy");
    let stamp = schema.field(
        ty("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"),
        "creationTimestamp",
    );
    assert_eq!(stamp.expect("field").omit, Omit::Zero);
    let protocol = schema
        .field(ty("io.k8s.api.core.v1.ContainerPort"), "protocol")
        .expect("field");
    assert_eq!(protocol.default.as_deref(), Some(&Value::from("TCP")));
}

#[test]
fn every_built_in_struct_has_its_go_fields() {
    let schema = Schema::builtin();
    for id in (0..schema.len() as u32).map(TypeId) {
        let t = schema.get(id);
        for f in t.as_struct().map(|s| &*s.fields).unwrap_or_default() {
            assert_ne!(f.omit, Omit::Given, "{} {}", t.name, f.name);
            assert!(!schema.get(f.ty).go.is_empty(), "{} {}", t.name, f.name);
        }
    }
}

#[test]
fn an_extension_sees_its_base_and_its_own_kinds() {
    let definition: Definition = serde_json::from_value(serde_json::json!({
        "type": "object",
        "properties": {
            "metadata": {"$ref": "#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"},
            "spec": {"type": "object", "properties": {"size": {"type": "integer", "default": 3}}},
        }
    }))
    .expect("definition");
    let base = Schema::builtin();
    let schema = Schema::extend(base, |b| {
        let id = b.define("com.example.v1.Widget", &definition, None);
        b.bind(Gvk::new("example.com", "v1", "Widget"), id);
    });
    let id = schema.by_kind("example.com/v1", "Widget").expect("own kind");
    assert_eq!(
        schema.child(id, "metadata"),
        base.by_name("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")
    );
    let size = schema
        .child(id, "spec")
        .and_then(|s| schema.field(s, "size"))
        .expect("field");
    assert_eq!(size.default.as_deref(), Some(&Value::from(3)));
    assert_eq!(schema.by_kind("v1", "Pod"), base.by_kind("v1", "Pod"));
    assert!(base.by_kind("example.com/v1", "Widget").is_none());
}
