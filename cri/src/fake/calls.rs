//! A record of the calls, for tests that look at their order.

/// One call that arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordedCall {
    /// The name in the protocol: `RunPodSandbox`.
    pub name: &'static str,
    /// What it was about: an id, an image, or the name of what is to be made.
    pub about: String,
}
