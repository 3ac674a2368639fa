use super::*;

fn parse(method: Method, url: &str) -> Result<RequestInfo> {
    let (path, query) = url.split_once('?').unwrap_or((url, ""));
    RequestInfo::parse(&method, path, &Query::parse(query))
}

/// `group/version namespace resource name subresource rest`, `-` for what is not there.
fn line(info: &RequestInfo) -> String {
    let Some(p) = info.resource() else {
        return format!("{} path", info.verb);
    };
    let or = |v: &Option<String>| v.clone().unwrap_or_else(|| "-".into());
    let (namespace, name) = (or(&p.namespace), or(&p.name));
    let (sub, rest) = (or(&p.subresource), or(&p.rest));
    format!(
        "{} {}/{} {namespace} {} {name} {sub} {rest}",
        info.verb, p.group, p.version, p.resource
    )
}

#[test]
fn paths_become_what_they_are_about() {
    let table = [
        (Method::GET, "/api/v1/namespaces/a/pods", "list /v1 a pods - - -"),
        (
            Method::GET,
            "/api/v1/namespaces/a/pods?watch=1",
            "watch /v1 a pods - - -",
        ),
        (
            Method::GET,
            "/api/v1/watch/namespaces/a/pods",
            "watch /v1 a pods - - -",
        ),
        (Method::GET, "/api/v1/pods", "list /v1 - pods - - -"),
        (Method::GET, "/api/v1/namespaces/a/pods/p", "get /v1 a pods p - -"),
        (
            Method::HEAD,
            "/api/v1/namespaces/a/pods/p",
            "get /v1 a pods p - -",
        ),
        (
            Method::GET,
            "/api/v1/namespaces/a/pods/p/log",
            "get /v1 a pods p log -",
        ),
        (
            Method::PUT,
            "/api/v1/namespaces/a/finalize",
            "update /v1 - namespaces a finalize -",
        ),
        (Method::GET, "/api/v1/namespaces/a", "get /v1 - namespaces a - -"),
        (Method::GET, "/api/v1/namespaces", "list /v1 - namespaces - - -"),
        (
            Method::PATCH,
            "/apis/apps/v1/namespaces/a/deployments/d/scale",
            "patch apps/v1 a deployments d scale -",
        ),
        (
            Method::DELETE,
            "/apis/apps/v1/namespaces/a/deployments",
            "deletecollection apps/v1 a deployments - - -",
        ),
        (
            Method::GET,
            "/api/v1/nodes/n/proxy/logs/a%2Fb",
            "get /v1 - nodes n proxy logs/a%2Fb",
        ),
        (Method::GET, "/api/v1/nodes/n/proxy/", "get /v1 - nodes n proxy /"),
        (Method::GET, "/api/v1", "get path"),
        (Method::GET, "/apis/apps/v1", "get path"),
        (Method::GET, "/healthz", "get path"),
        (Method::POST, "/version", "post path"),
    ];
    for (method, url, want) in table {
        let got = parse(method.clone(), url)
            .map(|i| line(&i))
            .unwrap_or_else(|e| e.message);
        assert_eq!(got, want, "{method} {url}");
    }
}

#[test]
fn segments_that_no_object_can_have_are_refused() {
    for name in [
        "..", ".", "%2e%2e", "a%2Fb", "a%00b", "a%0ab", "%25", "%zz", "%ff", "a%7f",
    ] {
        let status = parse(Method::GET, &format!("/api/v1/namespaces/a/pods/{name}")).expect_err(name);
        assert_eq!(status.code, 400, "{name}");
    }
    assert_eq!(
        parse(Method::GET, "/api/v1/namespaces//pods").map_err(|s| s.code),
        Err(400)
    );
}
