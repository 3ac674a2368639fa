use super::*;

fn allocator() -> Allocator {
    let addresses = "10.96.0.0/24".parse().expect("a range");
    Allocator::new(Ranges {
        addresses,
        node_ports: 30000..=30002,
    })
}

fn node_port(port: Value) -> Value {
    json!({"metadata": {"name": "s"}, "spec": {"type": "NodePort", "ports": [port]}})
}

#[test]
fn a_service_gets_a_free_address_of_the_range_and_the_lower_part_stays_free() {
    let allocator = allocator();
    for _ in 0..50 {
        let mut service = json!({"spec": {"type": "ClusterIP"}});
        allocator
            .fill(&mut service, &HashSet::new())
            .expect("free addresses");
        let address: Ipv4Addr = service["spec"]["clusterIP"]
            .as_str()
            .and_then(|a| a.parse().ok())
            .expect("one");
        assert!(
            address.octets()[3] >= 16 && address.octets()[3] < 255,
            "{address}"
        );
        assert_eq!(service["spec"]["clusterIPs"], json!([address]));
    }
}

#[test]
fn an_allocation_is_held_until_its_write_is_done() {
    let allocator = allocator();
    let wish = || node_port(json!({"port": 80, "nodePort": 30001}));
    let held = allocator.fill(&mut wish(), &HashSet::new()).expect("free");
    let refused = allocator.fill(&mut wish(), &HashSet::new()).expect_err("held");
    assert_eq!(
        refused.to_string(),
        "spec.ports[0].nodePort: Invalid value: 30001: provided port is already allocated"
    );
    drop(held);
    assert!(allocator.fill(&mut wish(), &HashSet::new()).is_ok());
}

#[test]
fn wishes_outside_of_the_ranges_are_refused_in_the_words_of_the_reference() {
    let text = |mut service: Value| {
        allocator()
            .fill(&mut service, &HashSet::new())
            .expect_err("refused")
            .to_string()
    };
    assert_eq!(
        text(json!({"spec": {"type": "ClusterIP", "clusterIP": "1.2.3.4"}})),
        "spec.clusterIPs: Invalid value: [\"1.2.3.4\"]: failed to allocate IP 1.2.3.4: the provided network does not match the current range"
    );
    assert_eq!(
        text(node_port(json!({"port": 80, "nodePort": 80}))),
        "spec.ports[0].nodePort: Invalid value: 80: provided port is not in the valid range. The range of valid ports is 30000-30002"
    );
}

#[test]
fn ports_of_several_protocols_share_a_number_and_a_full_range_is_an_error() {
    let allocator = allocator();
    let mut service = json!({"spec": {"type": "NodePort", "ports": [
        {"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]}});
    let _held = allocator.fill(&mut service, &HashSet::new()).expect("free");
    assert_eq!(
        service["spec"]["ports"][0]["nodePort"],
        service["spec"]["ports"][1]["nodePort"]
    );
    let mut full = HashSet::new();
    full.extend((30000..=30002).map(|n| Claim::Port("TCP".into(), n)));
    let refused = allocator.fill(&mut node_port(json!({"port": 80})), &full);
    assert!(refused.expect_err("full").to_string().contains("range is full"));
}

#[test]
fn headless_and_external_services_get_nothing() {
    for spec in [
        json!({"type": "ClusterIP", "clusterIP": "None"}),
        json!({"type": "ExternalName"}),
    ] {
        let mut service = json!({"spec": spec});
        let held = allocator()
            .fill(&mut service, &HashSet::new())
            .expect("nothing to do");
        assert_eq!((held.claims.len(), &service["spec"]), (0, &spec));
    }
}

#[test]
fn an_update_keeps_what_it_leaves_out_and_drops_what_its_type_has_not() {
    let old = json!({"spec": {"type": "NodePort", "clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9"],
        "ports": [{"port": 80, "protocol": "TCP", "nodePort": 30001}]}});
    let mut new = json!({"spec": {"type": "NodePort", "ports": [{"port": 80, "protocol": "TCP"}]}});
    prepare(&mut new, Some(&old));
    assert_eq!(
        (&new["spec"]["clusterIP"], &new["spec"]["ports"][0]["nodePort"]),
        (&json!("10.96.0.9"), &json!(30001))
    );
    let mut plain = old.clone();
    plain["spec"]["type"] = json!("ClusterIP");
    prepare(&mut plain, Some(&old));
    assert_eq!(plain["spec"]["ports"][0].get("nodePort"), None);
    let mut moved = old.clone();
    moved["spec"]["clusterIP"] = json!("10.96.0.10");
    prepare(&mut moved, Some(&old));
    assert_eq!(moved["spec"]["clusterIPs"], json!(["10.96.0.10"]));
}

#[test]
fn a_headless_service_without_selector_may_have_both_families() {
    let mut service = json!({"spec": {"type": "ClusterIP", "clusterIP": "None"}});
    prepare(&mut service, None);
    assert_eq!(service["spec"]["ipFamilies"], json!(["IPv4", "IPv6"]));
    let mut selecting = json!({"spec": {"type": "ClusterIP", "clusterIP": "None", "selector": {"a": "b"}}});
    prepare(&mut selecting, None);
    assert_eq!(
        (
            &selecting["spec"]["ipFamilies"],
            &selecting["spec"]["ipFamilyPolicy"]
        ),
        (&json!(["IPv4"]), &json!("SingleStack"))
    );
}
