//! What is particular to pods: the quality-of-service class.

use serde_json::Value;

/// `Guaranteed`, `Burstable` or `BestEffort` of a pod spec, from the requests and limits of cpu and memory.
///
/// Requests that equal the limit count for `Guaranteed`; a limit without request counts as request, since
/// defaulting has copied it. Zero quantities count as absent.
pub fn qos_class(spec: &Value) -> &'static str {
    let lists = ["initContainers", "containers"].map(|list| spec[list].as_array());
    let containers: Vec<&Value> = lists.into_iter().flatten().flatten().collect();
    let mut whole: Vec<&Value> = spec.get("resources").into_iter().collect();
    if whole
        .iter()
        .all(|r| !is_set(r, "requests") && !is_set(r, "limits"))
    {
        whole = containers.iter().map(|c| &c["resources"]).collect();
    }
    if whole
        .iter()
        .all(|r| !is_set(r, "requests") && !is_set(r, "limits"))
    {
        return "BestEffort";
    }
    let guaranteed = whole
        .iter()
        .all(|r| ["cpu", "memory"].iter().all(|name| equal(r, name)));
    if guaranteed { "Guaranteed" } else { "Burstable" }
}

fn is_set(resources: &Value, list: &str) -> bool {
    ["cpu", "memory"]
        .iter()
        .any(|name| !is_zero(&resources[list][name]))
}

fn is_zero(quantity: &Value) -> bool {
    match quantity {
        Value::String(text) => !text.bytes().any(|b| (b'1'..=b'9').contains(&b)),
        Value::Number(number) => number.as_f64() == Some(0.0),
        _ => true,
    }
}

/// The limit is set and the request is missing or the same.
fn equal(resources: &Value, name: &str) -> bool {
    let (limit, request) = (&resources["limits"][name], &resources["requests"][name]);
    !is_zero(limit) && (request.is_null() || request == limit)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_class_follows_requests_and_limits() {
        let both = json!({"cpu": "1", "memory": "1Gi"});
        let table = [
            (json!([{}]), "BestEffort"),
            (json!([{"resources": {"requests": {"cpu": "0"}}}]), "BestEffort"),
            (json!([{"resources": {"requests": {"cpu": "1"}}}]), "Burstable"),
            (
                json!([{"resources": {"limits": both, "requests": both}}]),
                "Guaranteed",
            ),
            (json!([{"resources": {"limits": both}}]), "Guaranteed"),
            (
                json!([{"resources": {"limits": both, "requests": {"cpu": "0.5", "memory": "1Gi"}}}]),
                "Burstable",
            ),
            (json!([{"resources": {"limits": both}}, {}]), "Burstable"),
        ];
        for (containers, want) in table {
            assert_eq!(
                qos_class(&json!({"containers": containers})),
                want,
                "{containers}"
            );
        }
    }
}
