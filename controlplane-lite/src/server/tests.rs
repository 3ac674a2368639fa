//! Tests without sockets.
