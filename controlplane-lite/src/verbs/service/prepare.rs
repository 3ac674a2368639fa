//! Between the wish and the validation of a service: families, what an update leaves out, and what a change of type
//! drops. Pure.

use serde_json::{Value, json};

use super::{needs_health_port, needs_node_ports};

/// Fills what follows from the rest of the spec, and from the stored service if there is one.
pub(crate) fn prepare(service: &mut Value, old: Option<&Value>) {
    if let Some(old) = old {
        keep_allocated(service, old);
        normalize_addresses(service, old);
        drop_what_the_type_has_not(service, old);
    } else {
        first_address(service);
    }
    families(service);
}

fn has_addresses(spec: &Value) -> bool {
    matches!(
        spec["type"].as_str(),
        Some("ClusterIP" | "NodePort" | "LoadBalancer")
    )
}

/// `clusterIP` and `clusterIPs[0]` mean the same; one of them is enough.
fn first_address(service: &mut Value) {
    let spec = &mut service["spec"];
    let address = spec["clusterIP"].as_str().unwrap_or_default().to_owned();
    if !address.is_empty() && spec.get("clusterIPs").is_none_or(Value::is_null) {
        spec["clusterIPs"] = json!([address]);
    }
}

/// What an update leaves out stays as it is.
fn keep_allocated(service: &mut Value, old: &Value) {
    let (spec, old) = (&mut service["spec"], &old["spec"]);
    if has_addresses(spec) && has_addresses(old) {
        for field in ["clusterIP", "clusterIPs"] {
            let empty = match &spec[field] {
                Value::String(text) => text.is_empty(),
                Value::Array(list) => list.is_empty(),
                _ => true,
            };
            if empty && !old[field].is_null() {
                spec[field] = old[field].clone();
            }
        }
    }
    if needs_node_ports(spec) && needs_node_ports(old) {
        let old_ports = old["ports"].as_array().cloned().unwrap_or_default();
        for port in spec["ports"].as_array_mut().into_iter().flatten() {
            let same = |o: &&Value| o["port"] == port["port"] && o["protocol"] == port["protocol"];
            if port["nodePort"].as_i64().unwrap_or(0) == 0
                && let Some(number) = old_ports.iter().find(same).and_then(|o| o.get("nodePort"))
            {
                port["nodePort"] = number.clone();
            }
        }
    }
    if needs_health_port(spec)
        && needs_health_port(old)
        && spec["healthCheckNodePort"].as_i64().unwrap_or(0) == 0
    {
        spec["healthCheckNodePort"] = old["healthCheckNodePort"].clone();
    }
}

/// A client that knows only `clusterIP` changes the list with it.
fn normalize_addresses(service: &mut Value, old: &Value) {
    let (spec, old) = (&mut service["spec"], &old["spec"]);
    let changed = spec["clusterIP"] != old["clusterIP"];
    let same_list = spec["clusterIPs"] == old["clusterIPs"];
    if changed && same_list {
        match spec["clusterIP"]
            .as_str()
            .filter(|a| !a.is_empty())
            .map(str::to_owned)
        {
            Some(address) => spec["clusterIPs"] = json!([address]),
            None => remove(spec, "clusterIPs"),
        }
    }
}

/// Allocations that the new type has no use for are dropped, if the client left them as they were.
fn drop_what_the_type_has_not(service: &mut Value, old: &Value) {
    let (spec, old) = (&mut service["spec"], &old["spec"]);
    if has_addresses(old) && !has_addresses(spec) && spec["clusterIP"] == old["clusterIP"] {
        for field in ["clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"] {
            remove(spec, field);
        }
    }
    if needs_node_ports(old) && !needs_node_ports(spec) {
        let old_ports = old["ports"].as_array().cloned().unwrap_or_default();
        for port in spec["ports"].as_array_mut().into_iter().flatten() {
            if old_ports.iter().any(|o| o["nodePort"] == port["nodePort"]) {
                remove(port, "nodePort");
            }
        }
    }
    if needs_health_port(old)
        && !needs_health_port(spec)
        && spec["healthCheckNodePort"] == old["healthCheckNodePort"]
    {
        remove(spec, "healthCheckNodePort");
    }
}

fn remove(spec: &mut Value, field: &str) {
    if let Some(map) = spec.as_object_mut() {
        map.remove(field);
    }
}

/// One IPv4 family, but for headless services without selector, whose endpoints may be anything.
fn families(service: &mut Value) {
    let spec = &mut service["spec"];
    if spec["type"] == "ExternalName" {
        return;
    }
    let headless = spec["clusterIP"] == "None";
    if headless {
        spec["clusterIPs"] = json!(["None"]);
    }
    let selects = spec["selector"].as_object().is_some_and(|map| !map.is_empty());
    let both = headless && !selects;
    if spec["ipFamilyPolicy"].is_null() {
        spec["ipFamilyPolicy"] = json!(if both { "RequireDualStack" } else { "SingleStack" });
    }
    if spec["ipFamilies"].as_array().is_none_or(Vec::is_empty) {
        spec["ipFamilies"] = if both {
            json!(["IPv4", "IPv6"])
        } else {
            json!(["IPv4"])
        };
    }
}
