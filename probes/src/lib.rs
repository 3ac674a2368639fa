//! Schedule and semantics of startup, readiness and liveness probes.
