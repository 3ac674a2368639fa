//! `/livez`, `/readyz` and `/healthz`: what is checked, and the reference's text form of the answer.
//!
//! `GET /readyz?verbose` lists every check; `/readyz/NAME` asks for one; `exclude=NAME` leaves one out. A failed
//! check's reason is withheld from the answer (it goes to the log), since the paths can be read by anyone.

use std::sync::atomic::{AtomicBool, Ordering};

use crate::serve::query::Query;
use crate::serve::{Response, respond};
use crate::server::ApiServer;

/// State that checks look at.
#[derive(Debug, Default)]
pub struct Health {
    stopping: AtomicBool,
}

impl Health {
    /// `/readyz` fails from now on, so that load balancers look elsewhere.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}

/// The checks of an endpoint, in the order of the answer.
fn names(endpoint: &str) -> &'static [&'static str] {
    match endpoint {
        "readyz" => &[
            "ping",
            "log",
            "etcd",
            "etcd-readiness",
            "informer-sync",
            "shutdown",
        ],
        _ => &["ping", "log", "etcd"],
    }
}

impl ApiServer {
    /// Whether a check passes.
    async fn healthy(&self, check: &str) -> bool {
        match check {
            "etcd" | "etcd-readiness" => match self.cache.store().revision().await {
                Ok(_) => true,
                Err(error) => {
                    tracing::warn!(%error, check, "health check failed");
                    false
                }
            },
            "shutdown" => !self.health.stopping.load(Ordering::Relaxed),
            _ => true,
        }
    }

    pub(crate) async fn health_path(&self, segments: &[&str], query: &Query) -> Response {
        let endpoint = segments.first().copied().unwrap_or_default();
        match segments.get(1) {
            None => self.all_checks(endpoint, query).await,
            Some(one) if names(endpoint).contains(one) && segments.len() == 2 => {
                if self.healthy(one).await {
                    respond::text(200, "ok")
                } else {
                    respond::text(500, "internal server error: reason withheld\n")
                }
            }
            Some(_) => respond::no_page(),
        }
    }

    async fn all_checks(&self, endpoint: &str, query: &Query) -> Response {
        let excluded: Vec<&str> = query.all("exclude").collect();
        let mut lines = String::new();
        let mut failed = false;
        for check in names(endpoint) {
            if excluded.contains(check) {
                lines.push_str(&format!("[+]{check} excluded: ok\n"));
            } else if self.healthy(check).await {
                lines.push_str(&format!("[+]{check} ok\n"));
            } else {
                failed = true;
                lines.push_str(&format!("[-]{check} failed: reason withheld\n"));
            }
        }
        for unknown in excluded.iter().filter(|e| !names(endpoint).contains(e)) {
            lines.push_str(&format!(
                "warn: some health checks cannot be excluded: no matches for {unknown:?}\n"
            ));
        }
        match (failed, query.get("verbose").is_some()) {
            (true, _) => respond::text(500, format!("{lines}{endpoint} check failed\n")),
            (false, true) => respond::text(200, format!("{lines}{endpoint} check passed\n")),
            (false, false) => respond::text(200, "ok"),
        }
    }
}
