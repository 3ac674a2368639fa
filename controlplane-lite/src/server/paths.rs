//! Plain paths: discovery, OpenAPI, version, health and metrics.

use http::Method;
use http::request::Parts;
use serde_json::json;

use super::{ApiServer, GIT_VERSION};
use crate::serve::query::Query;
use crate::serve::respond::{self, Encoding};
use crate::serve::{Response, negotiate};
use crate::status::{Result, Status};
use crate::{discovery, openapi};

/// What `/` lists.
const PATHS: &[&str] = &[
    "/api",
    "/api/v1",
    "/apis",
    "/healthz",
    "/livez",
    "/metrics",
    "/openapi/v2",
    "/openapi/v3",
    "/readyz",
    "/version",
];

impl ApiServer {
    pub(super) async fn path(&self, path: &str, parts: &Parts, query: &Query) -> Result<Response> {
        if !matches!(parts.method, Method::GET | Method::HEAD) {
            return Err(Status::method_not_allowed_here());
        }
        let gzip = respond::accepts_gzip(&parts.headers);
        let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
        Ok(match segments.as_slice() {
            ["healthz" | "livez" | "readyz", ..] => self.health_path(&segments, query).await,
            ["metrics"] => self.metrics_page().await,
            ["version"] => respond::object(200, &version(), self.encoding(parts, query)),
            ["openapi", "v2"] => openapi::v2_response(&self.registry(), &parts.headers),
            ["openapi", "v3", rest @ ..] => {
                openapi::v3_response(&self.registry(), &rest.join("/"), query, &parts.headers)
                    .ok_or_else(Status::no_such_path)?
            }
            [""] => respond::object(
                200,
                &json!({"paths": self.all_paths()}),
                self.encoding(parts, query),
            ),
            ["api" | "apis", ..] => return self.discovery(&segments, parts, query, gzip),
            _ => respond::no_page(),
        })
    }

    fn encoding(&self, parts: &Parts, query: &Query) -> Encoding {
        let accepted = negotiate::accept(&parts.headers, false, false, false).unwrap_or_default();
        Encoding {
            format: accepted.format,
            pretty: negotiate::pretty(query, &parts.headers, &parts.method),
            gzip: respond::accepts_gzip(&parts.headers),
        }
    }

    fn all_paths(&self) -> Vec<String> {
        let mut all: Vec<String> = PATHS.iter().map(|&p| p.to_owned()).collect();
        for (group, versions) in self.registry().groups() {
            all.push(format!("/apis/{group}"));
            all.extend(versions.iter().map(|v| format!("/apis/{group}/{v}")));
        }
        all.sort();
        all
    }

    /// `/api` and `/apis` with one or two more segments. A path below a known group is refused with a `Status`,
    /// any other one with plain text, as the reference's router does it.
    fn discovery(&self, segments: &[&str], parts: &Parts, query: &Query, gzip: bool) -> Result<Response> {
        let registry = self.registry();
        if let [root @ ("api" | "apis")] = segments
            && let Some(form) = negotiate::discovery(&parts.headers)
        {
            let list = discovery::aggregated(&registry, *root == "api", form);
            return Ok(respond::document(&list, gzip, &form.content_type()));
        }
        let found = match segments {
            ["api"] => Some(discovery::core_versions(&self.address)),
            ["apis"] => Some(discovery::group_list(&registry)),
            ["api", version] => discovery::resource_list(&registry, "", version),
            ["apis", group] => discovery::group(&registry, group),
            ["apis", group, version] => discovery::resource_list(&registry, group, version),
            _ => None,
        };
        match found {
            Some(value) => {
                negotiate::accept(&parts.headers, false, false, false)?;
                Ok(respond::object(200, &value, self.encoding(parts, query)))
            }
            None if segments[0] == "api" || discovery::group(&registry, segments[1]).is_some() => {
                Err(Status::no_such_path())
            }
            None => Ok(respond::no_page()),
        }
    }
}

fn version() -> serde_json::Value {
    json!({
        "major": "1",
        "minor": "36",
        "gitVersion": GIT_VERSION,
        "gitCommit": "",
        "gitTreeState": "clean",
        "buildDate": "1970-01-01T00:00:00Z",
        "goVersion": "",
        "compiler": "rustc",
        "platform": format!("linux/{}", architecture()),
        "emulationMajor": "1",
        "emulationMinor": "36",
        "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "35",
    })
}

/// Go's name of the architecture, which tools compare with.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}
