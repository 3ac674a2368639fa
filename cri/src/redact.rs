//! `Debug` for messages that carry secrets: a struct that is printed whole must not print a password.

use crate::v1::AuthConfig;
use std::fmt;

impl fmt::Debug for AuthConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthConfig")
            .field("username", &self.username)
            .field("server_address", &self.server_address)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_not_printed() {
        let secret = || "s3cret".to_owned();
        let auth = AuthConfig {
            username: "joe".into(),
            password: secret(),
            auth: secret(),
            server_address: "registry.example".into(),
            identity_token: secret(),
            registry_token: secret(),
        };
        let pull = crate::v1::PullImageRequest {
            auth: Some(auth),
            ..Default::default()
        };
        let text = format!("{pull:?}");
        assert!(!text.contains("s3cret"), "{text}");
        assert!(text.contains("joe"), "{text}");
    }
}
