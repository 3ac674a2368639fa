//! Transitions of the pod worker.
