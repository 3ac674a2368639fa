//! The small control plane: store, API machinery, authentication, admission, controllers.
